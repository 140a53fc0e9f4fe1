/* SPDX-License-Identifier: Apache-2.0 */
/* What a virtual host verifies clients against: authorities, revocation lists, and how. A
 * connection may have been made under the name of one virtual host and ask for another
 * (SSLVHostSNIPolicy), and a session may be older than the configuration; what was verified there
 * says nothing here unless both are the same. mod_ssl keeps its settings to itself, so they are
 * read off its context, and off the configuration where they do not show there. */
#include "mod_mtls_authz.h"

#include "apr_hash.h"
#include "apr_strings.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>

APLOG_USE_MODULE(mtls_authz);

/* Of this configuration: from an SSL_CTX, and from a digest, to what its virtual host trusts. */
static apr_hash_t *by_context;
static apr_hash_t *by_digest;

/* Settings that a context does not show, and what holds where they are not said. File names are
 * compared as they are written. */
static const struct {
    const char *directive;
    const char *unset;
    bool is_word; /* case does not count */
} settings[] = {
    {"SSLVerifyClient", "none", true},
    {"SSLVerifyDepth", "1", true},
    {"SSLCACertificatePath", "", false},
    {"SSLCARevocationPath", "", false},
    {"SSLCARevocationCheck", "none", true},
    {"SSLOCSPEnable", "off", true},
    {"SSLOCSPDefaultResponder", "", false},
    {"SSLOCSPOverrideResponder", "off", true},
    {"SSLOCSPResponderCertificateFile", "", false},
    {"SSLOCSPResponseMaxAge", "-1", true},
    {"SSLOCSPResponseTimeSkew", "300", true},
    {"SSLOCSPUseRequestNonce", "on", true},
    {"SSLOCSPNoverify", "off", true},
};

static bool add(EVP_MD_CTX *sum, const void *data, size_t len) {
    uint32_t size = (uint32_t)len;
    return EVP_DigestUpdate(sum, &size, sizeof size) == 1 && EVP_DigestUpdate(sum, data, len) == 1;
}

static bool add_settings(EVP_MD_CTX *sum, apr_pool_t *pool, const server_rec *server) {
    bool added = true;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        char *value = mtls_tree_said(pool, server, settings[i].directive);
        if (value != NULL && settings[i].is_word)
            ap_str_tolower(value);
        const char *text = value != NULL ? value : settings[i].unset;
        added = added && add(sum, text, strlen(text));
    }
    return added;
}

/* OpenSSL's own commands for authorities that are looked up when a client comes: their store is
 * empty before. Those of the main server hold in a virtual host too. */
static bool add_commands(EVP_MD_CTX *sum, apr_pool_t *pool, const ap_directive_t *directive) {
    bool added = true;
    for (; directive != NULL; directive = directive->next) {
        if (!mtls_tree_is(directive, "SSLOpenSSLConfCmd"))
            continue;
        const char *words = directive->args;
        const char *command = ap_getword_conf(pool, &words);
        if (strcasecmp(command, "VerifyCAPath") == 0 || strcasecmp(command, "VerifyCAStore") == 0)
            added = added && add(sum, words, strlen(words));
    }
    return added;
}

enum { SHA256_BYTES = 32, OBJECT_BYTES = 1 + SHA256_BYTES };

static int by_bytes(const void *left, const void *right) {
    return memcmp(left, right, OBJECT_BYTES);
}

/* The kind and digest of a certificate or revocation list. */
static bool object_digest(const X509_OBJECT *object, uint8_t out[OBJECT_BYTES]) {
    X509 *certificate = X509_OBJECT_get0_X509(object);
    X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);
    out[0] = certificate != NULL;
    if (certificate != NULL)
        return X509_digest(certificate, EVP_sha256(), out + 1, NULL) == 1;
    return crl != NULL && X509_CRL_digest(crl, EVP_sha256(), out + 1, NULL) == 1;
}

/* Everything in a store, in whatever order it was read. */
static bool add_store(EVP_MD_CTX *sum, apr_pool_t *pool, X509_STORE *store) {
    const STACK_OF(X509_OBJECT) *objects = store != NULL ? X509_STORE_get0_objects(store) : NULL;
    int count = objects != NULL ? sk_X509_OBJECT_num(objects) : 0;
    uint8_t *digests = apr_pcalloc(pool, (size_t)count * OBJECT_BYTES + 1);
    for (int i = 0; i < count; i++)
        if (!object_digest(sk_X509_OBJECT_value(objects, i), digests + (size_t)i * OBJECT_BYTES))
            return false;
    qsort(digests, (size_t)count, OBJECT_BYTES, by_bytes);
    return add(sum, digests, (size_t)count * OBJECT_BYTES);
}

static bool add_parameters(EVP_MD_CTX *sum, const X509_VERIFY_PARAM *parameters) {
    const uint64_t numbers[] = {
        X509_VERIFY_PARAM_get_flags(parameters),
        (uint64_t)X509_VERIFY_PARAM_get_depth(parameters),
        (uint64_t)X509_VERIFY_PARAM_get_auth_level(parameters),
    };
    return add(sum, numbers, sizeof numbers);
}

/* A directory of authorities is looked into when a client comes; their names are known before. */
static bool add_names(EVP_MD_CTX *sum, const SSL_CTX *ctx) {
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
    uint8_t digest[SHA256_BYTES];
    for (int i = 0; names != NULL && i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_digest(sk_X509_NAME_value(names, i), EVP_sha256(), digest, NULL) != 1 ||
            !add(sum, digest, sizeof digest))
            return false;
    return true;
}

static bool add_context(EVP_MD_CTX *sum, apr_pool_t *pool, SSL_CTX *ctx) {
    const int numbers[] = {SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_security_level(ctx)};
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_STORE *other = NULL; /* SSLOpenSSLConfCmd VerifyCAFile */
    return store != NULL && SSL_CTX_get0_verify_cert_store(ctx, &other) == 1 &&
           add(sum, numbers, sizeof numbers) && add_store(sum, pool, store) &&
           add_store(sum, pool, other) && add_parameters(sum, X509_STORE_get0_param(store)) &&
           add_parameters(sum, SSL_CTX_get0_param(ctx));
}

static bool digest_of(const server_rec *server, apr_pool_t *pool, SSL_CTX *ctx,
                      uint8_t digest[MTLS_TRUST_BYTES]) {
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool has_directory = mtls_tree_said(pool, server, "SSLCACertificatePath") != NULL;
    bool done =
        mtls_tree_knows(server) && sum != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
        add_settings(sum, pool, server) && add_commands(sum, pool, ap_conftree) &&
        add_commands(sum, pool, mtls_tree_section_of(server)) && add_context(sum, pool, ctx) &&
        (!has_directory || add_names(sum, ctx)) && EVP_DigestFinal_ex(sum, digest, NULL) == 1;
    EVP_MD_CTX_free(sum);
    return done;
}

void mtls_trust_reset(apr_pool_t *pool) {
    by_context = apr_hash_make(pool);
    by_digest = apr_hash_make(pool);
}

const mtls_trust *mtls_trust_note(const server_rec *server, apr_pool_t *pool, SSL_CTX *ctx) {
    mtls_trust *trust = apr_pcalloc(pool, sizeof *trust);
    if (!digest_of(server, pool, ctx, trust->digest)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, server,
                     "MTLS0009: what %s verifies clients against cannot be read: it resumes "
                     "nothing and, beside other virtual hosts, answers vhost-mismatch; restart it "
                     "with more memory",
                     server->server_hostname != NULL ? server->server_hostname : "this server");
        return trust; /* like no other */
    }
    mtls_trust *same = apr_hash_get(by_digest, trust->digest, MTLS_TRUST_BYTES);
    if (same == NULL)
        apr_hash_set(by_digest, trust->digest, MTLS_TRUST_BYTES, same = trust);
    SSL_CTX **key = apr_pmemdup(pool, &ctx, sizeof ctx);
    apr_hash_set(by_context, key, sizeof *key, same);
    return same;
}

const mtls_trust *mtls_trust_of(const SSL *ssl) {
    const SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    return apr_hash_get(by_context, &ctx, sizeof ctx);
}
