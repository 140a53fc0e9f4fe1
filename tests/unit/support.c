/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/compile.h"
#include "match/names.h"
#include "source/file.h"
#include "source/read.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static apr_pool_t *pool;
static apr_hash_t *cas; /* name -> authority */

typedef struct authority {
    X509 *certificate;
    EVP_PKEY *key;
    const char *escaped; /* PEM for JSON */
} authority;

int support_start(void **state) {
    (void)state;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS)
        return -1;
    cas = apr_hash_make(pool);
    return 0;
}

int support_end(void **state) {
    (void)state;
    for (apr_hash_index_t *at = apr_hash_first(pool, cas); at != NULL; at = apr_hash_next(at)) {
        void *value;
        apr_hash_this(at, NULL, NULL, &value);
        authority *ca = value;
        X509_free(ca->certificate);
        EVP_PKEY_free(ca->key);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

apr_pool_t *support_pool(void) {
    return pool;
}

mpol_bytes support_bytes(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

const char *support_text(mpol_bytes bytes) {
    return apr_pstrmemdup(pool, (const char *)bytes.data, bytes.len);
}

bool support_is_slow(void) {
    return getenv("MTLS_UNDER_VALGRIND") != NULL;
}

/* --- certificates ---------------------------------------------------------------------------- */

static void require(bool condition, const char *what) {
    if (!condition)
        fail_msg("OpenSSL: %s", what);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    require(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

static X509 *start_certificate(EVP_PKEY *key, int64_t from, int64_t to) {
    static long serial = 1;
    X509 *certificate = X509_new();
    require(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                X509_set_pubkey(certificate, key) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++) == 1 &&
                ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from) != NULL &&
                ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)to) != NULL,
            "certificate");
    return certificate;
}

static authority *authority_of(const char *name);

static void make_authority(authority *ca, const char *name) {
    authority *issuer = strcmp(name, "east") == 0 ? authority_of("corp") : ca;
    ca->key = EVP_EC_gen("P-256");
    require(ca->key != NULL, "key");
    ca->certificate =
        start_certificate(ca->key, SUPPORT_NOT_BEFORE - 86400, SUPPORT_NOT_AFTER - 86400);
    X509_NAME *subject = X509_get_subject_name(ca->certificate);
    require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                       -1, -1, 0) == 1,
            "subject");
    require(X509_set_issuer_name(ca->certificate, X509_get_subject_name(issuer->certificate)) == 1,
            "issuer");
    add_extension(ca->certificate, issuer->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca->certificate, issuer->certificate, NID_key_usage, "critical,keyCertSign");
    add_extension(ca->certificate, issuer->certificate, NID_subject_key_identifier, "hash");
    require(X509_sign(ca->certificate, issuer->key, EVP_sha256()) > 0, "signature");
}

static authority *authority_of(const char *name) {
    authority *ca = apr_hash_get(cas, name, APR_HASH_KEY_STRING);
    if (ca != NULL)
        return ca;
    ca = apr_pcalloc(pool, sizeof *ca);
    make_authority(ca, name);
    apr_hash_set(cas, apr_pstrdup(pool, name), APR_HASH_KEY_STRING, ca);
    return ca;
}

X509 *support_ca(const char *name) {
    return authority_of(name)->certificate;
}

const char *support_pem(X509 *certificate) {
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    require(bio != NULL && PEM_write_bio_X509(bio, certificate) == 1, "PEM");
    long len = BIO_get_mem_data(bio, &data);
    const char *text = apr_pstrmemdup(pool, data, (apr_size_t)len);
    BIO_free(bio);
    return text;
}

static void add_subject_name(X509 *certificate, const support_name *name) {
    int type = name->kind == SUPPORT_CN ? V_ASN1_UTF8STRING : V_ASN1_BMPSTRING;
    require(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, type,
                                       name->bytes.data, (int)name->bytes.len, -1, 0) == 1,
            "common name");
}

static void add_alternative_name(GENERAL_NAMES *names, const support_name *name) {
    static const int types[] = {GEN_URI, GEN_DNS, GEN_EMAIL};
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    GENERAL_NAME *general = GENERAL_NAME_new();
    require(text != NULL && general != NULL &&
                ASN1_STRING_set(text, name->bytes.data, (int)name->bytes.len) == 1,
            "alternative name");
    GENERAL_NAME_set0_value(general, types[name->kind], text);
    require(sk_GENERAL_NAME_push(names, general) > 0, "alternative names");
}

static void add_other_name(GENERAL_NAMES *names, const support_name *name) {
    bool ia5 = name->kind == SUPPORT_UPN_IA5;
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_STRING *text = ASN1_STRING_type_new(ia5 ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING);
    GENERAL_NAME *general = GENERAL_NAME_new();
    require(value != NULL && general != NULL &&
                ASN1_STRING_set(text, name->bytes.data, (int)name->bytes.len) == 1,
            "other name");
    ASN1_TYPE_set(value, ASN1_STRING_type(text), text);
    int type = name->kind == SUPPORT_OTHER_NAME ? NID_dnsName : NID_ms_upn;
    require(GENERAL_NAME_set0_othername(general, OBJ_nid2obj(type), value) == 1 &&
                sk_GENERAL_NAME_push(names, general) > 0,
            "other names");
}

static void add_names(X509 *certificate, const support_name *names, size_t count) {
    GENERAL_NAMES *alternative = GENERAL_NAMES_new();
    for (size_t i = 0; i < count; i++) {
        if (names[i].kind == SUPPORT_CN || names[i].kind == SUPPORT_CN_BMP)
            add_subject_name(certificate, &names[i]);
        else if (names[i].kind >= SUPPORT_UPN)
            add_other_name(alternative, &names[i]);
        else
            add_alternative_name(alternative, &names[i]);
    }
    if (sk_GENERAL_NAME_num(alternative) > 0)
        require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, alternative, 0,
                                  X509V3_ADD_APPEND) == 1,
                "alternative names");
    GENERAL_NAMES_free(alternative);
}

static void sign_by(X509 *certificate, const char *issuer, EVP_PKEY *own) {
    X509 *signer = issuer != NULL ? support_ca(issuer) : certificate;
    require(X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1 &&
                X509_sign(certificate, issuer != NULL ? authority_of(issuer)->key : own,
                          EVP_sha256()) > 0,
            "signature");
}

X509 *support_leaf_dated(const char *issuer, const support_name *names, size_t count, int64_t from,
                         int64_t to) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = start_certificate(key, from, to);
    add_names(leaf, names, count);
    sign_by(leaf, issuer, key);
    EVP_PKEY_free(key);
    return leaf;
}

X509 *support_leaf(const char *issuer, const support_name *names, size_t count) {
    return support_leaf_dated(issuer, names, count, SUPPORT_NOT_BEFORE, SUPPORT_NOT_AFTER);
}

static void add_ava(X509 *certificate, const support_ava *ava) {
    ASN1_OBJECT *type = OBJ_txt2obj(ava->oid, 1);
    require(type != NULL && X509_NAME_add_entry_by_OBJ(
                                X509_get_subject_name(certificate), type, ava->type,
                                ava->value.data, (int)ava->value.len, -1, ava->joins ? -1 : 0) == 1,
            "attribute of the subject");
    ASN1_OBJECT_free(type);
}

/* Written and read again, as a server gets it: DER sorts the attributes of an RDN. */
static X509 *read_again(X509 *certificate) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    const unsigned char *at = der;
    X509 *again = d2i_X509(NULL, &at, len);
    require(again != NULL, "DER");
    OPENSSL_free(der);
    X509_free(certificate);
    return again;
}

X509 *support_leaf_named(const char *issuer, const support_ava *avas, size_t count) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = start_certificate(key, SUPPORT_NOT_BEFORE, SUPPORT_NOT_AFTER);
    for (size_t i = 0; i < count; i++)
        add_ava(leaf, &avas[i]);
    sign_by(leaf, issuer, key);
    EVP_PKEY_free(key);
    return read_again(leaf);
}

void support_add_extension(X509 *certificate, const char *issuer, int nid, const void *der,
                           int len) {
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    require(value != NULL && ASN1_OCTET_STRING_set(value, der, len) == 1, "extension value");
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, nid, 0, value);
    require(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    sign_by(certificate, issuer, NULL);
}

STACK_OF(X509) * support_chain(X509 *leaf, const char *const *names) {
    STACK_OF(X509) *chain = sk_X509_new_null();
    require(chain != NULL && sk_X509_push(chain, leaf) > 0, "chain");
    for (; *names != NULL; names++)
        require(sk_X509_push(chain, support_ca(*names)) > 0, "chain");
    return chain;
}

/* --- facts ---------------------------------------------------------------------------------- */

mpol_name support_name_of(mpol_name_kind kind, const char *oid, const char *text) {
    uint8_t buffer[MPOL_NAME_BUFFER];
    mpol_name name = {.kind = kind, .value = support_bytes(text)};
    if (oid != NULL)
        name.oid = support_bytes(oid);
    name.malformed = !mpol_name_normalise(kind, name.value, buffer, &name.value);
    name.value = support_bytes(support_text(name.value));
    return name;
}

mpol_facts support_facts(const char *const *names_of_cas, const mpol_name *names, uint32_t count) {
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT, .certificate = true, .verified = true};
    facts.established = true;
    facts.path.not_before_s = SUPPORT_NOT_BEFORE;
    facts.path.not_after_s = SUPPORT_NOT_AFTER;
    for (; *names_of_cas != NULL; names_of_cas++)
        require(mpol_spki_digest(support_ca(*names_of_cas), facts.path.spki[facts.path.count++]),
                "key");
    facts.names = count > 0 ? apr_pmemdup(pool, names, count * sizeof *names) : NULL;
    facts.name_count = count;
    return facts;
}

/* --- policies ----------------------------------------------------------------------------------
 */

static const char *escaped_pem(const char *name) {
    authority *ca = authority_of(name);
    if (ca->escaped != NULL)
        return ca->escaped;
    const char *pem = support_pem(ca->certificate);
    char *out = apr_palloc(pool, 2 * strlen(pem) + 1);
    ca->escaped = out;
    for (; *pem != '\0'; pem++) {
        if (*pem == '\n')
            *out++ = '\\';
        *out++ = *pem == '\n' ? 'n' : *pem;
    }
    *out = '\0';
    return ca->escaped;
}

const char *support_expand(const char *json) {
    apr_array_header_t *parts = apr_array_make(pool, 8, sizeof(const char *));
    for (const char *at = json, *dollar; *at != '\0'; at = dollar) {
        dollar = strchr(at, '$');
        if (dollar == NULL)
            dollar = at + strlen(at);
        APR_ARRAY_PUSH(parts, const char *) = apr_pstrmemdup(pool, at, (apr_size_t)(dollar - at));
        if (*dollar == '\0')
            break;
        size_t len = strspn(dollar + 1, "abcdefghijklmnopqrstuvwxyz0123456789");
        APR_ARRAY_PUSH(parts, const char *) =
            len > 0 ? escaped_pem(apr_pstrmemdup(pool, dollar + 1, len)) : "$";
        dollar += 1 + len;
    }
    return apr_array_pstrcat(pool, parts, 0);
}

mpol_diagnostics *support_read(const char *json, mpol_model **model) {
    mpol_diagnostics *found =
        mpol_diagnostics_make(pool, "test.json", support_bytes(support_expand(json)));
    *model = mpol_model_read(pool, found);
    return found;
}

static const char *list_findings(const mpol_diagnostics *found) {
    const char *list = "";
    for (int i = 0; i < found->list->nelts; i++) {
        const mpol_diagnostic *d = MPOL_AT(found->list, i, mpol_diagnostic);
        list = apr_psprintf(pool, "%s%s %u %u %s\n", list, mpol_diagnostic_code_name(d->code),
                            d->line, d->column, d->pointer);
    }
    return list;
}

const char *support_findings(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    if (found->errors == 0)
        (void)mpol_compile(pool, model, found);
    return list_findings(found);
}

const mpol_bytes *support_compile(const char *json) {
    mpol_model *model;
    const mpol_bytes *image = NULL;
    mpol_diagnostics *found = support_read(json, &model);
    if (found->errors == 0)
        image = mpol_compile(pool, model, found);
    if (image == NULL)
        fail_msg("it does not compile: %s", list_findings(found));
    return image;
}

const mpol_bytes *support_compile_everything(void) {
    const char *top = getenv("top_srcdir") != NULL ? getenv("top_srcdir") : "../..";
    const char *path = apr_pstrcat(pool, top, "/tests/golden/images/1.0/policy.json", NULL);
    mpol_error error;
    const mpol_bytes *text = mpol_file_read(pool, path, &error);
    if (text == NULL)
        fail_msg("%s", error.text);
    mpol_diagnostics *found = mpol_diagnostics_make(pool, path, *text);
    const mpol_model *model = mpol_model_read(pool, found);
    if (found->errors > 0)
        fail_msg("%s: %s", path, list_findings(found));
    return mpol_compile(pool, model, found);
}

static apr_status_t unload(void *loaded) {
    mpol_unload(loaded);
    return APR_SUCCESS;
}

const mpol_image *support_image(const char *json) {
    const mpol_bytes *bytes = support_compile(json);
    mpol_loaded *loaded = apr_palloc(pool, sizeof *loaded);
    mpol_error error;
    if (mpol_load_bytes(bytes->data, bytes->len, "test", loaded, &error) != MPOL_OK)
        fail_msg("it does not load: %s", error.text);
    apr_pool_cleanup_register(pool, loaded, unload, apr_pool_cleanup_null);
    return &loaded->image;
}

const char support_full_policy[] =
    "{ \"name\": \"full\", \"serial\": 7, \"valid_until\": \"2100-01-01T00:00:00Z\",\n"
    "  \"issuers\": {\n"
    "    \"corp\": { \"certificates\": [{ \"pem\": \"$corp\" }, { \"pem\": \"$east\" }], "
    "\"names\": [\"spiffe\"] },\n"
    "    \"partner\": { \"certificates\": [{ \"pem\": \"$partner\" }], \"names\": [\"dns\"] } },\n"
    "  \"identities\": {\n"
    "    \"billing\": { \"issuer\": \"corp\", \"spiffe\": \"spiffe://corp.example/billing\" },\n"
    "    \"invoices\": { \"issuer\": \"corp\", \"spiffe\": \"spiffe://corp.example/billing\" },\n"
    "    \"orders\": { \"issuer\": \"corp\", \"spiffe\": \"spiffe://corp.example/orders\" },\n"
    "    \"shop\": { \"issuer\": \"partner\", \"dns\": \"shop.example\" } },\n"
    "  \"groups\": { \"all\": [\"@finance\", \"orders\", \"shop\"], \"empty\": [], \"finance\": "
    "[\"billing\"] },\n"
    "  \"routes\": {\n"
    "    \"files\": { \"hosts\": [\"*\"], \"methods\": [\"*\"], \"paths\": [\"/files/**\"] },\n"
    "    \"health\": { \"hosts\": [\"*\", \"api.example\"], \"methods\": [\"GET\"], \"paths\": "
    "[\"/health\"] },\n"
    "    \"order\": { \"hosts\": [\"api.example\", \"b.example\"], \"methods\": [\"GET\", "
    "\"PUT\"],\n"
    "                 \"paths\": [\"/orders/{id}\", \"/orders/\"], \"tags\": [\"orders\"] },\n"
    "    \"order-new\": { \"hosts\": [\"api.example\"], \"methods\": [\"POST\"], \"paths\": "
    "[\"/orders/{any}\", \"/*/new\"],\n"
    "                     \"tags\": [\"orders\", \"write\"] } },\n"
    "  \"rules\": {\n"
    "    \"all-may-read\": { \"effect\": \"allow\", \"subjects\": [\"@all\"], \"routes\": "
    "[\"tag:orders\"],\n"
    "                        \"networks\": [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.7\"] },\n"
    "    \"billing-may-all\": { \"effect\": \"allow\", \"subjects\": [\"billing\"], \"routes\": "
    "[\"*\"], \"owner\": \"team\",\n"
    "                           \"ticket\": \"OPS-1\", \"note\": \"why\", \"valid_from\": "
    "\"2020-01-01T00:00:00Z\",\n"
    "                           \"valid_until\": \"2090-01-01T00:00:00Z\" },\n"
    "    \"no-shop\": { \"effect\": \"deny\", \"subjects\": [\"shop\"], \"routes\": [\"*\"] },\n"
    "    \"no-writes\": { \"effect\": \"deny\", \"subjects\": [\"@finance\"], \"routes\": "
    "[\"tag:write\"],\n"
    "                     \"networks\": [\"10.9.0.0/16\"] },\n"
    "    \"open\": { \"effect\": \"allow\", \"subjects\": [\"everyone\"], \"routes\": "
    "[\"health\"],\n"
    "                \"acknowledge\": [\"everyone\"] } } }\n";
