/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: subjects, conditions, acknowledgements. What they mean together: test_meaning.c. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

static const char *rule(const char *members) {
    return document_with(TEXT(DOCUMENT_IDENTITY
                              ",\"groups\":{\"g\":[\"a\"]},"
                              "\"routes\":{\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],"
                              "\"paths\":[\"/{p}/{q}\"],\"tags\":[\"t\"]}},"
                              "\"rules\":{\"k\":{%s}}",
                              members));
}

#define ALLOW(subjects) "\"effect\":\"allow\",\"subjects\":[" subjects "],\"routes\":[\"r\"]"
#define DENY(subjects) "\"effect\":\"deny\",\"subjects\":[" subjects "],\"routes\":[\"r\"]"

typedef struct row {
    const char *members;
    const char *code;
    const char *at;
} row;

static void expect_all(const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        document_expect(rule(rows[i].members), rows[i].code, rows[i].at);
}

static void test_members(void **state) {
    static const row rows[] = {
        {"\"effect\":\"Allow\",\"subjects\":[\"a\"],\"routes\":[\"r\"]", "bad-effect", "\"Allow\""},
        {"\"effect\":true,\"subjects\":[\"a\"],\"routes\":[\"r\"]", "wrong-type", "true"},
        {ALLOW(""), "empty-list", "[]"},
        {ALLOW("1"), "wrong-type", "1]"},
        {ALLOW("\"a\",\"a\""), "duplicate-member", "\"a\"]"},
        {ALLOW("\"b\""), "unknown-identity", "\"b\""},
        {ALLOW("\"@b\""), "unknown-group", "\"@b\""},
        {DENY("\"issuer:b\""), "unknown-issuer", "\"issuer:b\""},
        {ALLOW("\"issuer:\""), "unknown-identity", "\"issuer:\""},
        {ALLOW("\"Everyone\""), "unknown-identity", "\"Everyone\""},
        {"\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[]", "empty-list", "[]"},
        {"\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[\"q\"]", "unknown-route", "\"q\""},
        {"\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[\"tag:q\"]", "unknown-tag",
         "\"tag:q\""},
        {"\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[\"tag:\"]", "unknown-route",
         "\"tag:\""},
        {ALLOW("\"a\"") ",\"note\":\"a\\nb\"", "bad-text", "\"a\\nb\""},
        {ALLOW("\"a\"") ",\"owner\":\"\\u0085\"", "bad-text", "\"\\u0085\""},
        {ALLOW("\"a\"") ",\"ticket\":1", "wrong-type", "1}"},
        {ALLOW("\"a\"") ",\"host\":1", "unknown-key", "\"host\""},
        {ALLOW("\"a\"") ",\"networks\":[\"x\"]", "bad-network", "\"x\""},
        {ALLOW("\"a\"") ",\"networks\":[]", "empty-list", "[]"},
        {ALLOW("\"a\"") ",\"networks\":[\"::/0\",\"::/0\"]", "duplicate-member", "\"::/0\"]"},
        {ALLOW("\"a\"") ",\"valid_from\":\"x\"", "bad-time", "\"x\""},
        {ALLOW("\"a\"") ",\"valid_from\":\"2027-01-01T00:00:00Z\",\"valid_until\":\"2027-01-01T01:"
                        "00:00+01:00\"",
         "validity-empty", "\"2027-01-01T01"},
    };
    (void)state;
    expect_all(rows, COUNT_OF(rows));
    assert_string_equal(
        document_codes(
            rule(ALLOW("\"a\",\"@g\"") ",\"note\":\"\",\"valid_from\":\"2027-01-01T00:00:00Z\","
                                       "\"valid_until\":\"2027-01-01T00:00:01Z\"")),
        "");
    assert_string_equal(
        document_places(rule("")),
        "missing-key /rules/k/effect; missing-key /rules/k/subjects; missing-key /rules/k/routes");
}

static void test_acknowledgements(void **state) {
    static const row rows[] = {
        {ALLOW("\"everyone\""), "everyone-not-acknowledged", "\"everyone\"]"},
        {ALLOW("\"a\",\"any-verified\""), "not-acknowledged", "\"any-verified\"]"},
        {ALLOW("\"issuer:c\""), "not-acknowledged", "\"issuer:c\"]"},
        {ALLOW("\"any-verified\"") ",\"acknowledge\":[\"any-verified\"]", "wide-grant",
         "\"any-verified\"],\"routes\""},
        {ALLOW("\"issuer:c\"") ",\"acknowledge\":[\"issuer:c\"]", "wide-grant",
         "\"issuer:c\"],\"routes\""},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"everyone\"]", "acknowledge-unneeded", "\"everyone\"]"},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"issuer:c\"]", "acknowledge-unneeded", "\"issuer:c\"]"},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"any-verified\"]", "acknowledge-unneeded",
         "\"any-verified\"]"},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"me\"]", "bad-acknowledgement", "\"me\"]"},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"a\"]", "bad-acknowledgement", "\"a\"]}"},
        {ALLOW("\"a\"") ",\"acknowledge\":[\"issuer:d\"]", "bad-acknowledgement", "\"issuer:d\"]"},
        {ALLOW("\"a\"") ",\"acknowledge\":true", "wrong-type", "true"},
        {DENY("\"any-verified\"") ",\"acknowledge\":[\"any-verified\"]", "acknowledge-unneeded",
         "\"any-verified\"]}"},
        {DENY("\"everyone\""), "everyone-in-deny", "\"everyone\"]"},
    };
    (void)state;
    expect_all(rows, COUNT_OF(rows));
    assert_string_equal(
        document_codes(rule(ALLOW("\"everyone\"") ",\"acknowledge\":[\"everyone\"]")), "");
    assert_string_equal(document_codes(rule(DENY("\"any-verified\",\"issuer:c\""))), "");
    assert_string_equal(document_codes(rule(ALLOW("\"a\"") ",\"acknowledge\":[]")), "");
}

static void test_users(void **state) {
    static const row rows[] = {
        {ALLOW("\"a\"") ",\"users\":[]", "empty-list", "[]"},
        {ALLOW("\"a\"") ",\"users\":\"*\"", "wrong-type", "\"*\""},
        {ALLOW("\"a\"") ",\"users\":[\"\"]", "bad-text", "\"\""},
        {ALLOW("\"a\"") ",\"users\":[\"a\\tb\"]", "bad-text", "\"a\\tb\""},
        {ALLOW("\"a\"") ",\"users\":[\"b\",\"*\"]", "bad-user", "\"*\""},
        {ALLOW("\"a\"") ",\"users\":[\"b\",\"b\"]", "duplicate-member", "\"b\"]"},
        {DENY("\"a\"") ",\"users\":[\"b\"]", "deny-condition", "\"users\""},
        {ALLOW("\"everyone\"") ",\"acknowledge\":[\"everyone\"],\"users\":[\"b\"]",
         "everyone-condition", "\"users\""},
    };
    (void)state;
    expect_all(rows, COUNT_OF(rows));
    const mpol_rule *made = MPOL_AT(
        document_read(rule(ALLOW("\"a\"") ",\"users\":[\"c\",\"b\",\"* \"]"))->rules, 0, mpol_rule);
    assert_int_equal(made->users->nelts, 3);
    assert_string_equal(support_text(*MPOL_AT(made->users, 0, mpol_bytes)),
                        "* "); /* sorted; no asterisk alone */
    assert_false(made->any_user);
    made = MPOL_AT(document_read(rule(ALLOW("\"a\"") ",\"users\":[\"*\"]"))->rules, 0, mpol_rule);
    assert_true(made->any_user);
    assert_int_equal(made->users->nelts, 0);
}

static void test_same(void **state) {
    static const row rows[] = {
        {ALLOW("\"a\"") ",\"same\":{}", "empty-list", "{}}"},
        {ALLOW("\"a\"") ",\"same\":[]", "wrong-type", "[]}"},
        {ALLOW("\"a\"") ",\"same\":{\"P\":{\"attribute\":\"title\"}}", "bad-capture", "\"P\""},
        {ALLOW("\"a\"") ",\"same\":{\"\":{\"attribute\":\"title\"}}", "bad-capture", "\"\":"},
        {ALLOW("\"a\"") ",\"same\":{\"p\":\"N\"}", "bad-capture", "\"N\""},
        {ALLOW("\"a\"") ",\"same\":{\"p\":\"\"}", "bad-capture", "\"\"}"},
        {ALLOW("\"a\"") ",\"same\":{\"p\":1}", "wrong-type", "1}"},
        {ALLOW("\"a\"") ",\"same\":{\"p\":{}}", "missing-key", "{}}"},
        {ALLOW("\"a\"") ",\"same\":{\"p\":{\"attribute\":\"x\"}}", "bad-oid", "\"x\""},
        {ALLOW("\"a\"") ",\"same\":{\"p\":{\"attribute\":\"title\",\"x\":1}}", "unknown-key",
         "\"x\""},
        {ALLOW(
             "\"a\"") ",\"same\":{\"p\":{\"attribute\":\"title\"},\"p\":{\"attribute\":\"title\"}}",
         "duplicate-key", "\"p\":{\"attribute\":\"title\"}}"},
        {DENY("\"a\"") ",\"same\":{\"p\":{\"attribute\":\"title\"}}", "deny-condition", "\"same\""},
        {ALLOW("\"everyone\"") ",\"acknowledge\":[\"everyone\"],\"same\":{\"p\":{\"attribute\":"
                               "\"title\"}}",
         "everyone-condition", "\"same\""},
    };
    (void)state;
    expect_all(rows, COUNT_OF(rows));
    const mpol_rule *made =
        MPOL_AT(document_read(rule(ALLOW("\"a\"") ",\"same\":{\"q\":{\"attribute\":\"title\"},"
                                                  "\"p\":{\"attribute\":\"1.2\"}}"))
                    ->rules,
                0, mpol_rule);
    assert_int_equal(made->sames->nelts, 2);
    assert_string_equal(support_text(MPOL_AT(made->sames, 0, mpol_same)->path), "p"); /* sorted */
    assert_string_equal(support_text(MPOL_AT(made->sames, 1, mpol_same)->source), "2.5.4.12");
    assert_int_equal(MPOL_AT(made->sames, 1, mpol_same)->kind, MPOL_SAME_ATTRIBUTE);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_acknowledgements),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_same),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
