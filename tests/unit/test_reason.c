/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/error.h"
#include "base/reason.h"
#include "image/check.h"

#include <string.h>

static void test_names_are_words_and_unique(void **state) {
    (void)state;
    for (int i = 0; i < MPOL_REASON_COUNT; i++) {
        const char *name = mpol_reason_name((mpol_reason)i);
        assert_true(name[0] >= 'a' && name[0] <= 'z');
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, mpol_reason_name((mpol_reason)k));
    }
}

static void test_sentences_are_there(void **state) {
    (void)state;
    for (int i = 0; i < MPOL_REASON_COUNT; i++)
        assert_true(strlen(mpol_reason_sentence((mpol_reason)i)) > 10);
}

static void test_only_allowed_is_a_yes(void **state) {
    (void)state;
    for (int i = 0; i < MPOL_REASON_COUNT; i++) {
        int status = mpol_reason_http_status((mpol_reason)i);
        assert_int_equal(status == 200, i == MPOL_REASON_ALLOWED);
        assert_true(status == 200 || status == 403 || status == 421 || status == 500 ||
                    status == 503);
    }
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_POLICY_EXPIRED), 503);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_NO_RULE), 403);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_TLS_UNAVAILABLE), 500);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_VHOST_MISMATCH), 421);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_METHOD_OVERRIDE), 403);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_USER_REQUIRED), 403);
    assert_int_equal(mpol_reason_http_status(MPOL_REASON_NAME_OUTSIDE_ISSUER), 403);
}

static void test_a_reason_that_is_none_is_an_internal_error(void **state) {
    (void)state;
    assert_string_equal(mpol_reason_name(MPOL_REASON_COUNT), "internal-error");
    assert_string_equal(mpol_reason_name((mpol_reason)-1), "internal-error");
    assert_int_equal(mpol_reason_http_status((mpol_reason)12345), 500);
}

static void test_format_rules_have_numbers_and_sentences(void **state) {
    (void)state;
    assert_string_equal(mpol_format_rule_number(MPOL_FORMAT_OK), "");
    assert_string_equal(mpol_format_rule_number(MPOL_FORMAT_COUNT), "");
    for (int i = 1; i < MPOL_FORMAT_COUNT; i++) {
        const char *number = mpol_format_rule_number((mpol_format_rule)i);
        assert_int_equal(strspn(number, "0123456789."), strlen(number));
        assert_true(strlen(mpol_format_rule_sentence((mpol_format_rule)i)) > 10);
        for (int k = 1; k < i; k++)
            assert_string_not_equal(number, mpol_format_rule_number((mpol_format_rule)k));
    }
}

static void test_errors_are_cut_to_their_room(void **state) {
    mpol_error error;
    char longer[2000];
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(mpol_error_set(&error, MPOL_UNSAFE, "mend", "%s is %d", "it", 7), MPOL_UNSAFE);
    assert_string_equal(error.text, "it is 7");
    assert_string_equal(error.fix, "mend");
    assert_int_equal(error.status, MPOL_UNSAFE);
    assert_int_equal(mpol_error_set(&error, MPOL_CORRUPT, longer, "%s", longer), MPOL_CORRUPT);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(strlen(error.fix), sizeof error.fix - 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_words_and_unique),
        cmocka_unit_test(test_sentences_are_there),
        cmocka_unit_test(test_only_allowed_is_a_yes),
        cmocka_unit_test(test_a_reason_that_is_none_is_an_internal_error),
        cmocka_unit_test(test_format_rules_have_numbers_and_sentences),
        cmocka_unit_test(test_errors_are_cut_to_their_room),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
