/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "explain/explain.h"
#include "image/check.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

static const char policy[] =
    "{ \"name\": \"p\", \"issuers\": {"
    "\"corp\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\"] },"
    "\"partner\": { \"certificates\": [{ \"pem\": \"$partner\" }], \"names\": [\"cn\"] } },"
    "\"identities\": { \"shop\": { \"issuer\": \"partner\", \"cn\": \"shop\" } } }";

static const char *pem_of(X509_REQ *request) {
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(bio != NULL && PEM_write_bio_X509_REQ(bio, request) == 1);
    long len = BIO_get_mem_data(bio, &data);
    const char *text = apr_pstrmemdup(support_pool(), data, (apr_size_t)len);
    BIO_free(bio);
    return text;
}

/* A request for this common name; for that of another key than signs it where `forged`. */
static const char *request_for(const char *name, bool forged) {
    X509_REQ *request = X509_REQ_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *signer = forged ? EVP_EC_gen("P-256") : key;
    X509_NAME *subject = X509_NAME_new();
    assert_true(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                           (const unsigned char *)name, -1, -1, 0) == 1);
    assert_true(X509_REQ_set_subject_name(request, subject) == 1 &&
                X509_REQ_set_pubkey(request, key) == 1 &&
                X509_REQ_sign(request, signer, EVP_sha256()) > 0);
    const char *text = pem_of(request);
    if (forged)
        EVP_PKEY_free(signer);
    EVP_PKEY_free(key);
    X509_NAME_free(subject);
    X509_REQ_free(request);
    return text;
}

static mpol_status ask(const mpol_image *image, const char *pem, const char *issuer,
                       mpol_caller *caller, mpol_error *error) {
    return mpol_caller_csr(image, support_bytes(pem), "request.pem", issuer, caller, error);
}

static void test_whom_the_request_would_make(void **state) {
    const mpol_image *image = support_image(policy);
    const char *pem = request_for("shop", false);
    mpol_caller caller;
    mpol_error error;
    (void)state;
    assert_int_equal(ask(image, pem, "partner", &caller, &error), MPOL_OK);
    assert_string_equal(mpol_identity_name(image, caller.client.identity), "shop");
    mpol_caller_clear(&caller);
    assert_int_equal(ask(image, pem, "corp", &caller, &error), MPOL_OK);
    assert_string_equal(mpol_issuer_name(image, caller.client.issuer), "corp");
    assert_int_equal(caller.client.identity, MPOL_NONE);
    mpol_caller_clear(&caller);
}

static void test_what_is_no_request(void **state) {
    const mpol_image *image = support_image(policy);
    const struct {
        const char *pem;
        const char *issuer;
        const char *says;
    } rows[] = {{"", "corp", "request.pem"},
                {support_pem(support_ca("corp")), "corp", "request.pem"},
                {request_for("shop", true), "corp", "signature"},
                {request_for("shop", false), "nobody", "nobody"},
                {request_for("shop", false), "", "issuer"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_caller caller;
        mpol_error error;
        assert_int_equal(ask(image, rows[i].pem, rows[i].issuer, &caller, &error), MPOL_UNREADABLE);
        assert_non_null(strstr(error.text, rows[i].says));
        mpol_caller_clear(&caller);
    }
}

/* An image that no compiler wrote: both keys are the first issuer's, so no path leads to the other.
 */
static void test_an_issuer_without_a_key(void **state) {
    const mpol_bytes *made = support_compile(policy);
    uint8_t *bytes = apr_pmemdup(support_pool(), made->data, made->len);
    mpol_image image;
    mpol_caller caller;
    mpol_error error;
    (void)state;
    assert_int_equal(mpol_image_check(bytes, made->len, &image), MPOL_FORMAT_OK);
    assert_int_equal(mpol_count(&image, MPOL_ISSUER_KEYS), 2);
    for (uint32_t i = 0; i < 2; i++)
        memset(bytes + image.section[MPOL_ISSUER_KEYS].offset + i * MPOL_ISSUER_KEYS_BYTES +
                   MPOL_ISSUER_KEY_ISSUER,
               0, 4);
    assert_int_equal(mpol_image_check(bytes, made->len, &image), MPOL_FORMAT_OK);
    assert_int_equal(ask(&image, request_for("shop", false), "partner", &caller, &error), MPOL_OK);
    assert_int_equal(caller.client.before_dates, MPOL_REASON_ISSUER_UNKNOWN);
    mpol_caller_clear(&caller);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whom_the_request_would_make),
        cmocka_unit_test(test_what_is_no_request),
        cmocka_unit_test(test_an_issuer_without_a_key),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
