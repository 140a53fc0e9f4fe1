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

bool mpol_caller_identity(const mpol_image *image, const char *name, mpol_caller *caller) {
    mpol_bytes wanted = {(const uint8_t *)name, (uint32_t)strlen(name)};
    uint32_t identity = mpol_identity_by_name(image, wanted);
    memset(caller, 0, sizeof *caller);
    if (identity == MPOL_NONE)
        return false;
    mpol_client_of_identity(image, identity, &caller->client);
    return true;
}

void mpol_caller_clear(mpol_caller *caller) {
    mpol_certificate_clear(&caller->memory);
}

/* The CA certificates that the policy holds, as trust anchors; but not the client's own, or its
 * path would end where it begins. */
static X509_STORE *policy_store(const mpol_image *image, const X509 *leaf) {
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
    /* An intermediate of the policy may be the end; dates are judged later, as the server does. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
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

static void take_path(X509_STORE_CTX *context, mpol_facts *facts) {
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    facts->established = mpol_path_read(chain, &facts->path);
    X509 *end = sk_X509_value(chain, sk_X509_num(chain) - 1);
    /* A path that ends below its root: in the server it goes on, and then this one's dates count.
     */
    if (facts->established && (X509_get_extension_flags(end) & EXFLAG_SS) == 0)
        facts->established = mpol_path_narrow(&facts->path, end);
}

static void verify(X509_STORE *store, STACK_OF(X509) * certificates, mpol_caller *caller) {
    mpol_facts *facts = &caller->facts;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL ||
        X509_STORE_CTX_init(context, store, sk_X509_value(certificates, 0), certificates) != 1)
        facts->verified = false;
    else if (X509_STORE_CTX_set_default(context, "ssl_client") == 1 &&
             X509_verify_cert(context) == 1) {
        facts->verified = true;
        take_path(context, facts);
    } else {
        int error = X509_STORE_CTX_get_error(context);
        (void)snprintf(caller->remark, sizeof caller->remark, "%s",
                       X509_verify_cert_error_string(error));
        facts->verified = leads_nowhere(error); /* httpd may trust more than the policy names */
        facts->established = facts->verified;
    }
    X509_STORE_CTX_free(context);
}

static STACK_OF(X509) * read_pem(mpol_bytes pem) {
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
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
                                    mpol_caller *caller, mpol_error *error) {
    STACK_OF(X509) *certificates = read_pem(pem);
    memset(caller, 0, sizeof *caller);
    if (sk_X509_num(certificates) < 1) {
        free_all(certificates);
        return mpol_error_set(error, MPOL_UNREADABLE,
                              "give the client's certificate first, then its intermediates",
                              "%s holds no certificate in PEM", name);
    }
    X509_STORE *store = policy_store(image, sk_X509_value(certificates, 0));
    caller->facts.tls = MPOL_TLS_PRESENT;
    caller->facts.certificate = true;
    if (store != NULL)
        verify(store, certificates, caller);
    mpol_certificate_names(sk_X509_value(certificates, 0), &caller->facts, &caller->memory);
    mpol_client_resolve(image, &caller->facts, &caller->client);
    X509_STORE_free(store);
    free_all(certificates);
    return MPOL_OK;
}
