/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

void mpol_caller_nobody(const mpol_image *image, bool tls, mpol_caller *caller) {
    memset(caller, 0, sizeof *caller);
    caller->facts.tls = tls ? MPOL_TLS_PRESENT : MPOL_TLS_ABSENT;
    mpol_client_resolve(image, &caller->facts, &caller->client);
}

bool mpol_caller_identity(const mpol_image *image, const char *name, const mpol_given *given,
                          uint32_t given_count, mpol_caller *caller) {
    mpol_bytes wanted = {(const uint8_t *)name, (uint32_t)strlen(name)};
    uint32_t identity = mpol_identity_by_name(image, wanted);
    memset(caller, 0, sizeof *caller);
    if (identity == MPOL_NONE)
        return false;
    mpol_client_of_identity(image, identity, given, given_count, &caller->client);
    return true;
}

bool mpol_identity_captures(const mpol_image *image, const char *identity, mpol_bytes capture) {
    mpol_bytes wanted = {(const uint8_t *)identity, (uint32_t)strlen(identity)};
    uint32_t index = mpol_identity_by_name(image, wanted);
    if (index == MPOL_NONE)
        return false;
    uint32_t list = MPOL_U32(image, IDENTITIES, index, MPOL_IDENTITY_CAPTURES);
    for (uint32_t i = 0; i < mpol_list_len(image, list); i++) {
        uint32_t name = mpol_list_value(image, list, i) >> MPOL_CAPTURE_SHIFT;
        if (mpol_bytes_equal(mpol_string(image, MPOL_U32(image, CAPTURES, name, 0)), capture))
            return true;
    }
    return false;
}

void mpol_caller_clear(mpol_caller *caller) {
    mpol_certificate_clear(&caller->memory);
}

/* The CA certificates that the policy holds, as trust anchors; but not the client's own, or its
 * path would end where it begins. */
static X509_STORE *policy_store(const mpol_image *image, STACK_OF(X509) * trusted,
                                const X509 *leaf) {
    X509_STORE *store = X509_STORE_new();
    if (store == NULL)
        return NULL;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CERTIFICATES); i++) {
        const uint8_t *der =
            mpol_element(image, MPOL_CERTIFICATE_BYTES, MPOL_CERTIFICATE_BYTES_BYTES, 0) +
            MPOL_U32(image, CERTIFICATES, i, MPOL_CERTIFICATE_OFFSET);
        X509 *certificate =
            d2i_X509(NULL, &der, MPOL_U32(image, CERTIFICATES, i, MPOL_CERTIFICATE_LENGTH));
        if (certificate != NULL && X509_cmp(certificate, leaf) != 0)
            (void)X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
    }
    for (int i = 0; i < sk_X509_num(trusted); i++)
        if (X509_cmp(sk_X509_value(trusted, i), leaf) != 0)
            (void)X509_STORE_add_cert(store, sk_X509_value(trusted, i));
    /* Dates are judged later, as the server does. */
    X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
    return store;
}

/* Does the error only mean that the path leads to no CA of the policy? */
static bool leads_nowhere(int error) {
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

static bool is_root(const X509 *certificate) {
    return (X509_get_extension_flags((X509 *)certificate) & EXFLAG_SS) != 0;
}

/* OpenSSL ends the path at the first certificate it trusts; the server goes on to the root, and
 * whom it meets there counts too. Add those that are known. */
static void lengthen(X509_STORE_CTX *context, STACK_OF(X509) * chain) {
    X509 *end = sk_X509_value(chain, sk_X509_num(chain) - 1);
    X509 *issuer = NULL;
    while (!is_root(end) && sk_X509_num(chain) <= (int)MPOL_LIMIT_PATH_CERTIFICATES &&
           X509_STORE_CTX_get1_issuer(&issuer, context, end) == 1) {
        if (X509_verify(end, X509_get0_pubkey(issuer)) != 1 || sk_X509_push(chain, issuer) == 0) {
            X509_free(issuer);
            return;
        }
        end = issuer; /* the chain's now */
    }
}

static void take_path(X509_STORE_CTX *context, mpol_facts *facts) {
    STACK_OF(X509) *chain = X509_STORE_CTX_get1_chain(context);
    if (chain == NULL)
        return;
    lengthen(context, chain);
    facts->established = mpol_path_read(chain, &facts->path);
    X509 *end = sk_X509_value(chain, sk_X509_num(chain) - 1);
    /* A path that ends below its root: in the server it goes on, and then this one's dates count.
     */
    if (facts->established && !is_root(end))
        facts->established = mpol_path_narrow(&facts->path, end);
    sk_X509_pop_free(chain, X509_free);
}

/* Look for a path; OpenSSL's verdict on it. `facts` get the path when there is a good one. */
static int try_path(X509_STORE *store, STACK_OF(X509) * certificates, unsigned long flags,
                    mpol_facts *facts) {
    int verdict = X509_V_ERR_OUT_OF_MEM;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context != NULL &&
        X509_STORE_CTX_init(context, store, sk_X509_value(certificates, 0), certificates) == 1 &&
        X509_STORE_CTX_set_default(context, "ssl_client") == 1) {
        X509_STORE_CTX_set_flags(context, flags);
        (void)X509_verify_cert(context);
        verdict = X509_STORE_CTX_get_error(context);
        if (verdict == X509_V_OK)
            take_path(context, facts);
    }
    X509_STORE_CTX_free(context);
    return verdict;
}

/* The whole path if its root is known, with every constraint on it, as the server verifies it; else
 * one that ends at an intermediate. */
static void verify(X509_STORE *store, STACK_OF(X509) * certificates, mpol_caller *caller) {
    mpol_facts *facts = &caller->facts;
    int verdict = try_path(store, certificates, 0, facts);
    if (leads_nowhere(verdict))
        verdict = try_path(store, certificates, X509_V_FLAG_PARTIAL_CHAIN, facts);
    facts->verified = verdict == X509_V_OK;
    if (facts->verified)
        return;
    (void)snprintf(caller->remark, sizeof caller->remark, "%s",
                   X509_verify_cert_error_string(verdict));
    facts->verified = leads_nowhere(verdict); /* httpd may trust more than the policy names */
    facts->established = facts->verified;
}

static STACK_OF(X509) * read_pem(mpol_bytes pem) {
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *bio = pem.data != NULL ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    X509 *certificate;
    while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(certificates, certificate) == 0)
            X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();
    return certificates;
}

static void free_all(STACK_OF(X509) * certificates) {
    sk_X509_pop_free(certificates, X509_free);
}

mpol_status mpol_caller_certificate(const mpol_image *image, mpol_bytes pem, const char *name,
                                    mpol_bytes trusted, mpol_caller *caller, mpol_error *error) {
    STACK_OF(X509) *certificates = read_pem(pem);
    memset(caller, 0, sizeof *caller);
    if (sk_X509_num(certificates) < 1) {
        free_all(certificates);
        return mpol_error_set(error, MPOL_UNREADABLE,
                              "give the client's certificate first, then its intermediates",
                              "%s holds no certificate in PEM", name);
    }
    STACK_OF(X509) *others = read_pem(trusted);
    if (trusted.data != NULL && sk_X509_num(others) < 1) {
        free_all(others);
        free_all(certificates);
        return mpol_error_set(error, MPOL_UNREADABLE, "give the CA certificates that httpd trusts",
                              "the file of further authorities holds no certificate in PEM");
    }
    X509_STORE *store = policy_store(image, others, sk_X509_value(certificates, 0));
    caller->facts.tls = MPOL_TLS_PRESENT;
    caller->facts.certificate = true;
    if (store != NULL)
        verify(store, certificates, caller);
    mpol_certificate_names(sk_X509_value(certificates, 0), &caller->facts, &caller->memory);
    mpol_client_resolve(image, &caller->facts, &caller->client);
    X509_STORE_free(store);
    free_all(others);
    free_all(certificates);
    return MPOL_OK;
}
