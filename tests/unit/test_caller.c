/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "explain/explain.h"

#include <apr_strings.h>
#include <openssl/objects.h>
#include <string.h>

static const mpol_image *image; /* names corp, east and partner */

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(support_full_policy);
    return 0;
}

static const support_name billing[] = {SUPPORT_NAME(SUPPORT_URI, "spiffe://corp.example/billing")};

/* PEM of a fresh leaf, and of the CAs in `more`. */
static const char *pem_of(const char *issuer, const char *const *more) {
    X509 *leaf = support_leaf(issuer, billing, 1);
    const char *text = support_pem(leaf);
    X509_free(leaf);
    for (; more != NULL && *more != NULL; more++)
        text = apr_pstrcat(support_pool(), text, support_pem(support_ca(*more)), NULL);
    return text;
}

static mpol_caller call(const mpol_image *policy, const char *pem) {
    mpol_caller caller;
    mpol_error error;
    if (mpol_caller_certificate(policy, support_bytes(pem), "it", (mpol_bytes){NULL, 0}, &caller,
                                &error) != MPOL_OK)
        fail_msg("%s", error.text);
    return caller;
}

static void test_nobody(void **state) {
    mpol_caller caller;
    (void)state;
    mpol_caller_nobody(image, true, &caller);
    assert_int_equal(caller.client.before_dates, MPOL_REASON_NO_CERTIFICATE);
    mpol_caller_nobody(image, false, &caller);
    assert_int_equal(caller.client.before_dates, MPOL_REASON_TLS_ABSENT);
    mpol_caller_clear(&caller);
}

static void test_identities(void **state) {
    mpol_caller caller;
    (void)state;
    assert_true(mpol_caller_identity(image, "shop", NULL, 0, &caller));
    assert_string_equal(mpol_identity_name(image, caller.client.identity), "shop");
    assert_false(mpol_caller_identity(image, "nobody", NULL, 0, &caller));
    assert_false(mpol_caller_identity(image, "", NULL, 0, &caller));
    assert_false(mpol_caller_identity(image, "all", NULL, 0, &caller));
    mpol_caller_clear(&caller);
}

static void test_a_certificate_of_a_named_ca(void **state) {
    mpol_caller caller = call(image, pem_of("corp", NULL));
    (void)state;
    assert_true(caller.facts.verified && caller.facts.established);
    assert_int_equal(caller.facts.path.count, 1);
    assert_true(caller.facts.path.not_after_s ==
                SUPPORT_NOT_AFTER); /* a root's dates do not count */
    assert_int_equal(caller.client.after_dates, MPOL_REASON_ALLOWED);
    assert_string_equal(mpol_identity_name(image, caller.client.identity), "billing");
    assert_string_equal(caller.remark, "");
    mpol_caller_clear(&caller);
}

static void test_an_intermediate_of_the_policy(void **state) {
    static const char *const with[] = {"east", NULL};
    mpol_caller caller = call(image, pem_of("east", NULL));
    (void)state;
    assert_string_equal(mpol_issuer_name(image, caller.client.issuer), "corp");
    mpol_caller_clear(&caller);
    caller = call(image, pem_of("east", with));
    assert_string_equal(mpol_issuer_name(image, caller.client.issuer), "corp");
    assert_true(caller.facts.path.not_after_s == SUPPORT_NOT_AFTER - 86400); /* east's own end */
    mpol_caller_clear(&caller);
}

static const char only_east[] = "{ \"name\": \"x\", \"issuers\": { \"e\": { \"certificates\": [{ "
                                "\"pem\": \"$east\" }], \"names\": [\"spiffe\"] } } }";
static const char only_corp[] = "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ "
                                "\"pem\": \"$corp\" }], \"names\": [\"spiffe\"] } } }";

static void test_a_path_that_ends_below_its_root(void **state) {
    const mpol_image *policy = support_image(only_east);
    mpol_caller caller = call(policy, pem_of("east", NULL));
    (void)state;
    assert_true(caller.facts.established);
    assert_int_equal(caller.facts.path.count, 1);
    assert_true(caller.facts.path.not_after_s ==
                SUPPORT_NOT_AFTER - 86400); /* the server's path goes on to corp */
    assert_int_equal(caller.client.after_dates, MPOL_REASON_ALLOWED);
    assert_int_equal(caller.client.identity, MPOL_NONE); /* nobody whom the policy knows */
    mpol_caller_clear(&caller);
}

static void test_intermediates_come_with_the_certificate(void **state) {
    static const char *const with[] = {"east", NULL};
    const mpol_image *policy = support_image(only_corp);
    mpol_caller caller = call(policy, pem_of("east", with));
    (void)state;
    assert_int_equal(caller.facts.path.count, 2);
    assert_string_equal(mpol_issuer_name(policy, caller.client.issuer), "c");
    assert_true(caller.facts.path.not_after_s == SUPPORT_NOT_AFTER - 86400);
    mpol_caller_clear(&caller);
    caller = call(policy, pem_of("east", NULL)); /* without it nobody knows the way */
    assert_int_equal(caller.client.before_dates, MPOL_REASON_ISSUER_UNKNOWN);
    mpol_caller_clear(&caller);
}

static void test_others(void **state) {
    static const char *const with[] = {"stranger", NULL};
    mpol_caller caller = call(image, pem_of("stranger", NULL));
    (void)state;
    assert_int_equal(caller.client.before_dates, MPOL_REASON_ISSUER_UNKNOWN);
    assert_true(strlen(caller.remark) > 0);
    mpol_caller_clear(&caller);
    caller = call(image, pem_of("stranger", with)); /* bringing one's own root does not help */
    assert_int_equal(caller.client.before_dates, MPOL_REASON_ISSUER_UNKNOWN);
    mpol_caller_clear(&caller);
    caller = call(image, support_pem(support_ca("stranger")));
    assert_int_equal(caller.client.before_dates, MPOL_REASON_ISSUER_UNKNOWN);
    mpol_caller_clear(&caller);
}

/* A CA of the policy that calls by itself: its own issuer, and never accepted. */
static void test_a_root_of_the_policy_is_its_own_issuer(void **state) {
    mpol_caller caller = call(image, support_pem(support_ca("corp")));
    (void)state;
    assert_int_not_equal(caller.client.before_dates, MPOL_REASON_ALLOWED);
    assert_int_equal(caller.client.issuer, MPOL_NONE);
    mpol_caller_clear(&caller);
}

/* An intermediate of the policy as a client: its usage is to sign certificates, and nothing is
 * allowed. */
static void test_an_intermediate_that_calls_itself(void **state) {
    mpol_caller caller = call(image, support_pem(support_ca("east")));
    (void)state;
    assert_int_equal(caller.client.before_dates, MPOL_REASON_CERTIFICATE_NOT_VERIFIED);
    assert_int_equal(caller.client.class, MPOL_NONE);
    mpol_caller_clear(&caller);
}

static void test_a_certificate_for_servers_alone(void **state) {
    static const uint8_t server_auth[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
                                          0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
    X509 *leaf = support_leaf("corp", billing, 1);
    (void)state;
    support_add_extension(leaf, "corp", NID_ext_key_usage, server_auth, sizeof server_auth);
    mpol_caller caller = call(image, support_pem(leaf));
    X509_free(leaf);
    assert_int_equal(caller.client.before_dates, MPOL_REASON_CERTIFICATE_NOT_VERIFIED);
    assert_true(strlen(caller.remark) > 0);
    mpol_caller_clear(&caller);
}

/* Signed by another key than the one its issuer's name stands for. */
static void test_a_forged_certificate(void **state) {
    X509 *leaf = support_leaf("partner", billing, 1);
    (void)state;
    assert_int_equal(X509_set_issuer_name(leaf, X509_get_subject_name(support_ca("corp"))), 1);
    mpol_caller caller = call(image, support_pem(leaf));
    X509_free(leaf);
    assert_int_equal(caller.client.before_dates, MPOL_REASON_CERTIFICATE_NOT_VERIFIED);
    mpol_caller_clear(&caller);
}

static void test_dates_are_judged_later(void **state) {
    X509 *leaf = support_leaf_dated("corp", billing, 1, 1000, 2000);
    mpol_caller caller = call(image, support_pem(leaf));
    (void)state;
    X509_free(leaf);
    assert_int_equal(caller.client.after_dates, MPOL_REASON_ALLOWED);
    assert_true(caller.client.not_before_s == 1000 && caller.client.not_after_s == 2000);
    mpol_caller_clear(&caller);
}

static void test_text_without_a_certificate(void **state) {
    static const char *const rows[] = {
        "", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_caller caller;
        mpol_error error;
        assert_int_equal(mpol_caller_certificate(image, support_bytes(rows[i]), "file.pem",
                                                 (mpol_bytes){NULL, 0}, &caller, &error),
                         MPOL_UNREADABLE);
        assert_non_null(strstr(error.text, "file.pem"));
        mpol_caller_clear(&caller);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_a_certificate_of_a_named_ca),
        cmocka_unit_test(test_an_intermediate_of_the_policy),
        cmocka_unit_test(test_a_path_that_ends_below_its_root),
        cmocka_unit_test(test_intermediates_come_with_the_certificate),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_a_root_of_the_policy_is_its_own_issuer),
        cmocka_unit_test(test_an_intermediate_that_calls_itself),
        cmocka_unit_test(test_a_certificate_for_servers_alone),
        cmocka_unit_test(test_a_forged_certificate),
        cmocka_unit_test(test_dates_are_judged_later),
        cmocka_unit_test(test_text_without_a_certificate),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
