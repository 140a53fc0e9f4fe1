/* SPDX-License-Identifier: Apache-2.0 */
/* Small documents; the places of every diagnostic are pinned by tests/golden. */
#include "documents.h"

#include "source/file.h"
#include "source/read.h"

#include <apr_strings.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_the_whole_model(void **state) {
    mpol_model *model = document_read(
        "{\"name\":\"full\",\"serial\":7,\"valid_until\":\"2100-01-01T00:00:00Z\",\"environment\":"
        "\"e\",\"production\":false," DOCUMENT_ISSUER
        ",\"identities\":{\"b\":{\"issuer\":\"c\",\"cn\":\"B\"},\"a\":{\"issuer\":\"c\",\"cn\":"
        "\"A\"}},"
        "\"groups\":{\"g\":[\"b\",\"@h\"],\"h\":[\"a\"]}," DOCUMENT_ROUTE
        ",\"rules\":{\"z\":{\"effect\":\"deny\",\"subjects\":[\"@g\"],"
        "\"routes\":[\"*\"]},\"k\":{\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[\"r\"],"
        "\"owner\":\"team\",\"ticket\":\"OPS-1\",\"note\":\"why\"}}}");
    (void)state;
    assert_string_equal(support_text(model->name), "full");
    assert_string_equal(support_text(model->environment), "e");
    assert_false(model->production);
    assert_true(model->serial == 7 && model->valid_until_s == 4102444800u);
    assert_int_equal(model->issuers->nelts, 1);
    assert_int_equal(model->identities->nelts, 2);
    assert_string_equal(support_text(MPOL_AT(model->identities, 0, mpol_identity)->name),
                        "a"); /* sorted */
    const mpol_group *g = MPOL_AT(model->groups, 0, mpol_group);
    assert_int_equal(APR_ARRAY_IDX(g->identities, 0, uint32_t), 1);
    assert_int_equal(APR_ARRAY_IDX(g->groups, 0, uint32_t), 1);
    const mpol_rule *rule = MPOL_AT(model->rules, 0, mpol_rule);
    assert_string_equal(support_text(rule->owner), "team");
    assert_string_equal(support_text(rule->ticket), "OPS-1");
    assert_string_equal(support_text(rule->note), "why");
    assert_false(rule->deny);
    assert_true(MPOL_AT(model->rules, 1, mpol_rule)->deny);
    assert_null(MPOL_AT(model->rules, 1, mpol_rule)->note.data);
}

static void test_environment_and_production(void **state) {
    (void)state;
    assert_true(document_read(document_with(""))->production);
    assert_null(document_read(document_with(""))->environment.data);
    document_expect(document_with("\"production\":\"no\""), "wrong-type", "\"no\"");
    document_expect(document_with("\"production\":0"), "wrong-type", "0");
    document_expect(document_with("\"environment\":\"E\""), "bad-name", "\"E\"");
    document_expect(document_with("\"environment\":\"none\""), "reserved-name", "\"none\"");
    document_expect(document_with("\"environment\":null"), "wrong-type", "null");
}

static void test_the_document(void **state) {
    static const char *const rows[][2] = {
        {"{}", "missing-key"},
        {"[]", "wrong-type"},
        {"null", "wrong-type"},
        {"{ \"name\": 1 }", "wrong-type"},
        {"{ \"name\": \"X\" }", "bad-name"},
        {"{ \"name\": \"\" }", "bad-name"},
        {"{ \"name\": \"none\" }", "reserved-name"},
        {"{ \"name\": \"x\", \"name\": \"x\" }", "duplicate-key"},
        {"{ \"name\": \"x\", \"Name\": \"x\" }", "unknown-key"},
        {"{ \"name\": \"x\", \"k\": 1, \"k\": 2 }", "unknown-key duplicate-key"},
        {"{ \"name\": \"x\", \"name\\u0000\": \"x\" }", "unknown-key"},
        {"{ \"name\": \"x\", \"routes\": [] }", "wrong-type"},
        {"x", "json-syntax"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(document_codes(rows[i][0]), rows[i][1]);
}

static void test_names(void **state) {
    static const char *const good[] = {
        "a",
        "0",
        "a.b_c-d",
        "9a",
        "everyone2",
        "any",
        "a---------------------------------------------------------------"};
    static const char *const bad[] = {
        "A",        "-a",
        ".a",       "_a",
        "a b",      "a/b",
        "\xc3\xa9", "@a",
        "tag:a",    "*",
        "a\\u0000", "a----------------------------------------------------------------"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_string_equal(document_codes(document_with(apr_psprintf(
                                support_pool(), "\"groups\": { \"%s\": [] }", good[i]))),
                            "");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(document_codes(document_with(apr_psprintf(
                                support_pool(), "\"groups\": { \"%s\": [] }", bad[i]))),
                            "bad-name");
    assert_string_equal(
        document_codes(
            document_with("\"groups\": { \"any-verified\": [], \"everyone\": [], \"none\": [] }")),
        "reserved-name reserved-name reserved-name");
    assert_string_equal(document_codes(document_with("\"groups\": { \"a\": [], \"\\u0061\": [] }")),
                        "duplicate-key");
}

static void test_serials(void **state) {
    static const char *const bad[] = {
        "-1", "1.0", "1e2", "9007199254740992", "99999999999999999999", "-0", "0.5"};
    (void)state;
    assert_true(document_read(document_with("\"serial\": 9007199254740991"))->serial ==
                9007199254740991u);
    assert_true(document_read(document_with("\"serial\": 0"))->serial == 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(
            document_codes(document_with(apr_psprintf(support_pool(), "\"serial\": %s", bad[i]))),
            "bad-number");
    assert_string_equal(document_codes(document_with("\"serial\": \"1\"")), "wrong-type");
}

static void test_ends_of_policies(void **state) {
    (void)state;
    assert_true(document_read(document_with(""))->valid_until_s == 0);
    assert_true(
        document_read(document_with("\"valid_until\": \"1970-01-01T00:00:00Z\""))->valid_until_s ==
        1);
    assert_true(
        document_read(document_with("\"valid_until\": \"1970-01-01T00:00:09Z\""))->valid_until_s ==
        9);
    assert_string_equal(document_codes(document_with("\"valid_until\": \"soon\"")), "bad-time");
    assert_string_equal(
        document_codes(document_with("\"valid_until\": \"2027-01-31T12:00:00Z\\u0000\"")),
        "bad-time");
}

static void test_groups(void **state) {
    static const char *const rows[][2] = {
        {"\"groups\": { \"g\": [\"a\", \"@h\"], \"h\": [] }", ""},
        {"\"groups\": { \"g\": [\"b\"] }", "unknown-identity"},
        {"\"groups\": { \"g\": [\"@b\"] }", "unknown-group"},
        {"\"groups\": { \"g\": [\"@\"] }", "unknown-group"},
        {"\"groups\": { \"g\": [\"\"] }", "unknown-identity"},
        {"\"groups\": { \"g\": [\"@a\"] }", "unknown-group"},
        {"\"groups\": { \"g\": [\"everyone\"] }", "unknown-identity"},
        {"\"groups\": { \"g\": [\"a\", \"a\"] }", "duplicate-member"},
        {"\"groups\": { \"g\": [\"@g\"] }", "group-cycle"},
        {"\"groups\": { \"g\": [\"@h\"], \"h\": [\"@i\"], \"i\": [\"@g\"] }", "group-cycle"},
        {"\"groups\": { \"g\": [\"@h\", \"@i\"], \"h\": [\"@g\"], \"i\": [\"@g\", \"@h\"] }",
         "group-cycle group-cycle"},
        {"\"groups\": { \"g\": [\"@h\", \"@i\"], \"h\": [\"@k\"], \"i\": [\"@k\"], \"k\": [\"a\"] "
         "}",
         ""},
        {"\"groups\": { \"g\": {} }", "wrong-type"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(document_codes(document_with(apr_pstrcat(
                                support_pool(), DOCUMENT_IDENTITY ",", rows[i][0], NULL))),
                            rows[i][1]);
}

/* No recursion: a chain of any length is read. */
static void test_a_long_chain_of_groups(void **state) {
    const int count = support_is_slow() ? 300 : 20000;
    apr_array_header_t *parts = apr_array_make(support_pool(), count, sizeof(const char *));
    (void)state;
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(support_pool(), "%s\"g%d\": [\"@g%d\"]",
                                                           i > 0 ? "," : "", i, (i + 1) % count);
    const char *groups = apr_array_pstrcat(support_pool(), parts, 0);
    assert_string_equal(
        document_codes(document_with(apr_psprintf(support_pool(), "\"groups\": { %s }", groups))),
        "group-cycle");
}

/* A part that is wrong is left out, and no second complaint comes of it. */
static void test_no_complaint_follows_from_another(void **state) {
    (void)state;
    assert_string_equal(
        document_codes(document_with("\"routes\": { \"r\": { \"hosts\": [\"*\"], \"paths\": "
                                     "[\"/\"] }, \"s\": { \"hosts\": [\"*\"],"
                                     "\"methods\": [\"GET\"], \"paths\": [\"/\"] } }")),
        "missing-key");
    assert_string_equal(document_codes(document_with(
                            "\"routes\": { \"r\": { \"hosts\": [\"*\"], \"methods\": "
                            "[\"CONNECT\"], \"paths\": [\"/\"] }, \"s\": {"
                            "\"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/\"] } }")),
                        "bad-method");
}

static void test_files_are_read_whole(void **state) {
    char path[] = "/tmp/mtls-test-read-XXXXXX";
    static char block[70000];
    mpol_error error;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    memset(block, 'x', sizeof block);
    for (size_t len = 0; len <= 2 * 65536; len += 65536) {
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        const mpol_bytes *bytes = mpol_file_read(support_pool(), path, &error);
        assert_non_null(bytes);
        assert_int_equal(bytes->len, len);
    }
    assert_true(pwrite(fd, block, sizeof block, 0) == (ssize_t)sizeof block);
    assert_int_equal(ftruncate(fd, sizeof block), 0);
    const mpol_bytes *bytes = mpol_file_read(support_pool(), path, &error);
    assert_int_equal(bytes->len, sizeof block);
    assert_memory_equal(bytes->data, block, sizeof block);
    (void)close(fd);
    (void)unlink(path);
    assert_null(mpol_file_read(support_pool(), path, &error));
    assert_int_equal(error.status, MPOL_UNREADABLE);
    assert_null(mpol_file_read(support_pool(), "/", &error));
    assert_non_null(strstr(error.text, "folder"));
}

/* Nothing but the name of the document itself may stand for standard input. */
static void test_a_certificate_file_is_never_standard_input(void **state) {
    int ends[2];
    int saved = dup(STDIN_FILENO);
    mpol_model *model;
    const char *pem = support_pem(support_ca("corp"));
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(write(ends[1], pem, strlen(pem)) == (ssize_t)strlen(pem));
    (void)close(ends[1]);
    (void)dup2(ends[0], STDIN_FILENO);
    (void)close(ends[0]);
    mpol_diagnostics *found =
        support_read("{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"file\": "
                     "\"-\" }], \"names\": [\"cn\"] } } }",
                     &model);
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
    assert_int_equal(found->errors, 1);
    assert_int_equal(MPOL_AT(found->list, 0, mpol_diagnostic)->code,
                     MPOL_DIAGNOSTIC_CERTIFICATE_UNREADABLE);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_model),
        cmocka_unit_test(test_environment_and_production),
        cmocka_unit_test(test_the_document),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_ends_of_policies),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_a_long_chain_of_groups),
        cmocka_unit_test(test_no_complaint_follows_from_another),
        cmocka_unit_test(test_files_are_read_whole),
        cmocka_unit_test(test_a_certificate_file_is_never_standard_input),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
