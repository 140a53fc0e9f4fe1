/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

static uint32_t issuer_by_name(const mpol_image *image, const char *name) {
    uint32_t count = mpol_count(image, MPOL_ISSUERS);
    uint32_t issuer = 0;
    while (issuer < count && strcmp(mpol_issuer_name(image, issuer), name) != 0)
        issuer++;
    return issuer < count ? issuer : MPOL_NONE;
}

/* The path that a certificate of this issuer would have: one of its keys. An image that no compiler
 * wrote may hold an issuer without any: no path leads to it. */
static void take_path(const mpol_image *image, uint32_t issuer, mpol_facts *facts) {
    uint32_t count = mpol_count(image, MPOL_ISSUER_KEYS);
    uint32_t i = 0;
    while (i < count && MPOL_U32(image, ISSUER_KEYS, i, MPOL_ISSUER_KEY_ISSUER) != issuer)
        i++;
    facts->tls = MPOL_TLS_PRESENT;
    facts->certificate = facts->verified = facts->established = true;
    facts->path.not_before_s = INT64_MIN;
    facts->path.not_after_s = INT64_MAX;
    if (i == count)
        return;
    facts->path.count = 1;
    memcpy(facts->path.spki[0],
           mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, i) + MPOL_ISSUER_KEY_SPKI,
           sizeof facts->path.spki[0]);
}

/* The alternative names that are asked for; other extensions are the authority's affair. */
static bool copy_names(X509_REQ *request, X509 *certificate) {
    STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(request);
    bool copied = true;
    for (int i = 0; i < sk_X509_EXTENSION_num(asked); i++) {
        X509_EXTENSION *one = sk_X509_EXTENSION_value(asked, i);
        if (OBJ_obj2nid(X509_EXTENSION_get_object(one)) == NID_subject_alt_name)
            copied = X509_add_ext(certificate, one, -1) == 1 && copied;
    }
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    return copied;
}

/* The certificate that this request might become, so that its names are read where those of
 * certificates are. Signed with a key that is thrown away: nobody verifies it, but what is not
 * signed cannot be encoded, and its digest is one that nobody can have pinned. NULL when OpenSSL
 * fails. */
static X509 *make_certificate(X509_REQ *request) {
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bool made = certificate != NULL && key != NULL &&
                X509_set_version(certificate, X509_VERSION_3) == 1 &&
                X509_set_subject_name(certificate, X509_REQ_get_subject_name(request)) == 1 &&
                X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request)) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), 0) != NULL &&
                copy_names(request, certificate) && X509_sign(certificate, key, EVP_sha256()) > 0;
    EVP_PKEY_free(key);
    if (made)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static X509_REQ *read_request(mpol_bytes pem) {
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509_REQ *request = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return request;
}

static mpol_status take_request(const mpol_image *image, uint32_t issuer, X509_REQ *request,
                                const char *name, mpol_caller *caller, mpol_error *error) {
    if (request == NULL)
        return mpol_error_set(error, MPOL_UNREADABLE, "give a certificate request (PKCS #10)",
                              "%s holds no certificate request in PEM", name);
    if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1) {
        ERR_clear_error();
        return mpol_error_set(error, MPOL_UNREADABLE, "make the request again with its own key",
                              "the signature of the request in %s is wrong", name);
    }
    X509 *certificate = make_certificate(request);
    if (certificate == NULL) {
        ERR_clear_error();
        return mpol_error_set(error, MPOL_CRYPTO, "make the request again",
                              "OpenSSL cannot make a certificate of the request in %s", name);
    }
    take_path(image, issuer, &caller->facts);
    mpol_certificate_names(certificate, &caller->facts, &caller->memory);
    X509_free(certificate);
    mpol_client_resolve(image, &caller->facts, &caller->client);
    return MPOL_OK;
}

mpol_status mpol_caller_csr(const mpol_image *image, mpol_bytes pem, const char *name,
                            const char *issuer, mpol_caller *caller, mpol_error *error) {
    uint32_t index = issuer_by_name(image, issuer);
    memset(caller, 0, sizeof *caller);
    if (index == MPOL_NONE)
        return mpol_error_set(error, MPOL_UNREADABLE,
                              "mtls-policy show --list issuers POLICY prints those there are",
                              "the policy has no issuer \"%.64s\"", issuer);
    X509_REQ *request = read_request(pem);
    mpol_status status = take_request(image, index, request, name, caller, error);
    X509_REQ_free(request);
    return status;
}
