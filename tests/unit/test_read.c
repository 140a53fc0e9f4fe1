/* SPDX-License-Identifier: Apache-2.0 */
/* Small documents; the places of every diagnostic are pinned by tests/golden. */
#include "support.h"

#include "source/file.h"
#include "source/read.h"

#include <apr_strings.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mpol_model *read_good(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    if (found->errors > 0)
        fail_msg("%s: %s", json, MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    return model;
}

/* The codes alone, in the order of places. */
static const char *codes(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    const char *list = "";
    for (int i = 0; i < found->list->nelts; i++)
        list = apr_pstrcat(support_pool(), list, i > 0 ? " " : "",
                           mpol_diagnostic_code_name(MPOL_AT(found->list, i, mpol_diagnostic)->code), NULL);
    return list;
}

static const char *with(const char *members) {
    return apr_pstrcat(support_pool(), "{ \"name\": \"x\"", members[0] != '\0' ? ", " : "", members, " }", NULL);
}

#define ISSUER "\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\"] } }"
#define IDENTITY ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"A\" } }"
#define ROUTE "\"routes\": { \"r\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/\"], \"tags\": [\"t\"] } }"

static void test_the_whole_model(void **state) {
    mpol_model *model = read_good(support_full_policy);
    (void)state;
    assert_string_equal(support_text(model->name), "full");
    assert_true(model->serial == 7 && model->valid_until_s == 4102444800u);
    assert_int_equal(model->issuers->nelts, 2);
    assert_int_equal(MPOL_AT(model->issuers, 0, mpol_issuer)->certificates->nelts, 2);
    assert_int_equal(MPOL_AT(model->issuers, 1, mpol_issuer)->kind, MPOL_NAME_DNS);
    assert_int_equal(model->identities->nelts, 4);
    assert_int_equal(MPOL_AT(model->identities, 3, mpol_identity)->issuer, 1);
    const mpol_group *all = MPOL_AT(model->groups, 0, mpol_group);
    assert_int_equal(all->identities->nelts, 2);
    assert_int_equal(APR_ARRAY_IDX(all->groups, 0, uint32_t), 2);
    const mpol_rule *rule = MPOL_AT(model->rules, 1, mpol_rule);
    assert_string_equal(support_text(rule->name), "billing-may-all");
    assert_string_equal(support_text(rule->owner), "team");
    assert_string_equal(support_text(rule->ticket), "OPS-1");
    assert_string_equal(support_text(rule->note), "why");
    assert_true(rule->has_from && rule->has_until && !rule->deny && !rule->everyone);
    assert_null(MPOL_AT(model->rules, 0, mpol_rule)->note.data);
    assert_true(MPOL_AT(model->rules, 4, mpol_rule)->everyone);
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
        assert_string_equal(codes(rows[i][0]), rows[i][1]);
}

static void test_names(void **state) {
    static const char *const good[] = {"a", "0", "a.b_c-d", "9a", "everyone2", "any",
                                       "a---------------------------------------------------------------"};
    static const char *const bad[] = {"A", "-a", ".a", "_a", "a b", "a/b", "\xc3\xa9", "@a", "tag:a", "*", "a\\u0000",
                                      "a----------------------------------------------------------------"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_string_equal(codes(with(apr_psprintf(support_pool(), "\"groups\": { \"%s\": [] }", good[i]))), "");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(codes(with(apr_psprintf(support_pool(), "\"groups\": { \"%s\": [] }", bad[i]))), "bad-name");
    assert_string_equal(codes(with("\"groups\": { \"any-verified\": [], \"everyone\": [], \"none\": [] }")), "reserved-name reserved-name reserved-name");
    assert_string_equal(codes(with("\"groups\": { \"a\": [], \"\\u0061\": [] }")), "duplicate-key");
}

static void test_serials(void **state) {
    static const char *const bad[] = {"-1", "1.0", "1e2", "9007199254740992", "99999999999999999999", "-0", "0.5"};
    (void)state;
    assert_true(read_good(with("\"serial\": 9007199254740991"))->serial == 9007199254740991u);
    assert_true(read_good(with("\"serial\": 0"))->serial == 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(codes(with(apr_psprintf(support_pool(), "\"serial\": %s", bad[i]))), "bad-number");
    assert_string_equal(codes(with("\"serial\": \"1\"")), "wrong-type");
}

static void test_ends_of_policies(void **state) {
    (void)state;
    assert_true(read_good(with(""))->valid_until_s == 0);
    assert_true(read_good(with("\"valid_until\": \"1970-01-01T00:00:00Z\""))->valid_until_s == 1);
    assert_true(read_good(with("\"valid_until\": \"1970-01-01T00:00:09Z\""))->valid_until_s == 9);
    assert_string_equal(codes(with("\"valid_until\": \"soon\"")), "bad-time");
    assert_string_equal(codes(with("\"valid_until\": \"2027-01-31T12:00:00Z\\u0000\"")), "bad-time");
}

static void test_issuers(void **state) {
    static const char *const rows[][2] = {
        {"\"issuers\": { \"c\": {} }", "missing-key missing-key"},
        {"\"issuers\": { \"c\": { \"certificates\": [], \"names\": [] } }", "empty-list empty-list"},
        {"\"issuers\": { \"c\": { \"certificates\": [{}], \"names\": [\"cn\"] } }", "missing-key"},
        {"\"issuers\": { \"c\": { \"certificates\": [\"x\"], \"names\": [\"cn\"] } }", "wrong-type"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"x\" }], \"names\": [\"cn\"] } }", "bad-certificate"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\", \"file\": \"x\" }], \"names\": [\"cn\"] } }", "unknown-key"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"file\": \"/nowhere/at/all\" }], \"names\": [\"cn\"] } }", "certificate-unreadable"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"file\": \"\" }], \"names\": [\"cn\"] } }", "certificate-unreadable"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"file\": \"/etc/passwd\\u0000\" }], \"names\": [\"cn\"] } }", "certificate-unreadable"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"email\"] } }", "bad-name-kind"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\", \"dns\"] } }", "bad-name-kind"},
        {"\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }, { \"pem\": \"$corp\" }], \"names\": [\"cn\"] } }", "duplicate-member"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"d\", \"cn\": \"A\" } }", "unknown-issuer"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\", \"dns\": \"a\" } }", "name-kind-mismatch"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\" } }", "missing-key"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"A\", \"dns\": \"a\" } }", "name-kind-mismatch"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"\" } }", "bad-identity-name"},
        {ISSUER ", \"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"A\\u0000\" } }", "bad-identity-name"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(codes(with(rows[i][0])), rows[i][1]);
}

static void test_keys_belong_to_one_issuer(void **state) {
    (void)state;
    assert_string_equal(codes(with("\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\"] },"
                                   "\"d\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\"] } }")),
                        "issuer-key-shared");
    X509 *leaf = support_leaf("corp", NULL, 0);
    const char *pem = apr_pstrdup(support_pool(), support_pem(leaf));
    const char *escaped = "";
    for (char *line, *rest = apr_pstrdup(support_pool(), pem); (line = apr_strtok(rest, "\n", &rest)) != NULL;)
        escaped = apr_pstrcat(support_pool(), escaped, line, "\\n", NULL);
    X509_free(leaf);
    assert_string_equal(codes(with(apr_psprintf(
                            support_pool(), "\"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"%s\" }], \"names\": [\"cn\"] } }", escaped))),
                        "certificate-not-ca");
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
        {"\"groups\": { \"g\": [\"@h\", \"@i\"], \"h\": [\"@g\"], \"i\": [\"@g\", \"@h\"] }", "group-cycle group-cycle"},
        {"\"groups\": { \"g\": [\"@h\", \"@i\"], \"h\": [\"@k\"], \"i\": [\"@k\"], \"k\": [\"a\"] }", ""},
        {"\"groups\": { \"g\": {} }", "wrong-type"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(codes(with(apr_pstrcat(support_pool(), IDENTITY ", ", rows[i][0], NULL))), rows[i][1]);
}

/* No recursion: a chain of any length is read. */
static void test_a_long_chain_of_groups(void **state) {
    const int count = support_is_slow() ? 300 : 20000;
    apr_array_header_t *parts = apr_array_make(support_pool(), count, sizeof(const char *));
    (void)state;
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(support_pool(), "%s\"g%d\": [\"@g%d\"]", i > 0 ? "," : "", i, (i + 1) % count);
    const char *groups = apr_array_pstrcat(support_pool(), parts, 0);
    assert_string_equal(codes(with(apr_psprintf(support_pool(), "\"groups\": { %s }", groups))), "group-cycle");
}

static const char *route_codes(const char *hosts, const char *methods, const char *paths) {
    return codes(with(apr_psprintf(support_pool(), "\"routes\": { \"r\": { \"hosts\": [%s], \"methods\": [%s], \"paths\": [%s] } }", hosts,
                                   methods, paths)));
}

static void test_hosts_and_methods(void **state) {
    static const char *const bad_hosts[] = {"A", "a.", "a:80", "", "*.a", "**", "a b", "::1", "a..b"};
    static const char *const bad_methods[] = {"", "G T", "CONNECT", "TRACE", "G:T", "G\\u0000", "\xc3\xa9", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"};
    (void)state;
    assert_string_equal(route_codes("\"*\", \"a\", \"10.0.0.1\", \"a_b\"", "\"GET\", \"get\", \"M-SEARCH\", \"!#$%&'*+-.^_`|~\"", "\"/\""), "");
    for (size_t i = 0; i < COUNT_OF(bad_hosts); i++)
        assert_string_equal(route_codes(apr_psprintf(support_pool(), "\"%s\"", bad_hosts[i]), "\"GET\"", "\"/\""), "bad-host");
    for (size_t i = 0; i < COUNT_OF(bad_methods); i++)
        assert_string_equal(route_codes("\"a\"", apr_psprintf(support_pool(), "\"%s\"", bad_methods[i]), "\"/\""), "bad-method");
    assert_string_equal(route_codes("\"a\"", "\"*\", \"GET\"", "\"/\""), "bad-method");
    assert_string_equal(route_codes("", "", ""), "empty-list empty-list empty-list");
}

static void test_patterns(void **state) {
    mpol_model *model = read_good(with("\"routes\": { \"r\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": "
                                       "[\"/\", \"/a b/{x_1}/*/caf\xc3\xa9/\", \"/**\", \"/.../~x:y\", \"/{a}/{b}/**\"] } }"));
    const mpol_route *route = MPOL_AT(model->routes, 0, mpol_route);
    const mpol_pattern *second = MPOL_AT(route->patterns, 1, mpol_pattern);
    static const mpol_segment_type types[] = {MPOL_SEGMENT_LITERAL, MPOL_SEGMENT_ONE, MPOL_SEGMENT_ONE, MPOL_SEGMENT_LITERAL, MPOL_SEGMENT_LITERAL};
    (void)state;
    assert_int_equal(route->patterns->nelts, 5);
    assert_int_equal(second->segments->nelts, COUNT_OF(types));
    for (int i = 0; i < second->segments->nelts; i++)
        assert_int_equal(MPOL_AT(second->segments, i, mpol_segment)->type, types[i]);
    assert_string_equal(support_text(MPOL_AT(second->segments, 0, mpol_segment)->literal), "a b");
    assert_int_equal(MPOL_AT(second->segments, 4, mpol_segment)->literal.len, 0);
    assert_int_equal(MPOL_AT(MPOL_AT(route->patterns, 2, mpol_pattern)->segments, 0, mpol_segment)->type, MPOL_SEGMENT_REST);
}

static const char *long_pattern(const char *part, int count, const char *end) {
    const char *pattern = "";
    for (int i = 0; i < count; i++)
        pattern = apr_pstrcat(support_pool(), pattern, part, NULL);
    return apr_psprintf(support_pool(), "\"%s%s\"", pattern, end);
}

static void test_limits_of_patterns(void **state) {
    char *segment = apr_palloc(support_pool(), 8193);
    (void)state;
    assert_string_equal(route_codes("\"*\"", "\"GET\"", long_pattern("/a", 64, "")), "");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", long_pattern("/a", 63, "/")), "");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", long_pattern("/a", 65, "")), "bad-path");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", long_pattern("/a", 64, "/")), "bad-path");
    memset(segment, 'x', 8192);
    segment[8191] = '\0';
    assert_string_equal(route_codes("\"*\"", "\"GET\"", apr_psprintf(support_pool(), "\"/%s\"", segment)), "");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", apr_psprintf(support_pool(), "\"/%sx\"", segment)), "bad-path");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", "\"/{abcdefghijklmnopqrstuvwxyz012345}\""), "");
    assert_string_equal(route_codes("\"*\"", "\"GET\"", "\"/{abcdefghijklmnopqrstuvwxyz0123456}\""), "bad-path");
}

static void test_rules(void **state) {
    static const char *const rows[][2] = {
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\", \"tag:t\", \"*\"]", ""},
        {"", "missing-key missing-key missing-key"},
        {"\"effect\": \"Allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"]", "bad-effect"},
        {"\"effect\": \"allow\", \"subjects\": [], \"routes\": []", "empty-list empty-list"},
        {"\"effect\": \"allow\", \"subjects\": [\"b\", \"@b\", \"any-verified\"], \"routes\": [\"q\", \"tag:q\", \"tag:\"]",
         "unknown-identity unknown-group unknown-identity unknown-route unknown-tag unknown-route"},
        {"\"effect\": \"allow\", \"subjects\": [\"everyone\"], \"routes\": [\"r\"]", "everyone-not-acknowledged"},
        {"\"effect\": \"allow\", \"subjects\": [\"everyone\"], \"routes\": [\"r\"], \"acknowledge\": [\"everyone\"]", ""},
        {"\"effect\": \"deny\", \"subjects\": [\"everyone\"], \"routes\": [\"r\"], \"acknowledge\": [\"everyone\"]", "everyone-in-deny"},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"acknowledge\": [\"everyone\"]", "acknowledge-unneeded"},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"acknowledge\": [\"me\"]", "bad-acknowledgement"},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"valid_from\": \"2027-01-01T00:00:00Z\","
         "\"valid_until\": \"2027-01-01T00:00:00Z\"",
         "validity-empty"},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"note\": \"a\\nb\"", "bad-text"},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"note\": \"\"", ""},
        {"\"effect\": \"allow\", \"subjects\": [\"a\"], \"routes\": [\"r\"], \"networks\": [\"x\"]", "bad-network"},
        {"\"effect\": \"allow\", \"subjects\": [1], \"routes\": [\"r\"]", "wrong-type"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(codes(with(apr_psprintf(support_pool(), IDENTITY ", " ROUTE ", \"rules\": { \"p\": { %s } }", rows[i][0]))), rows[i][1]);
}

/* A part that is wrong is left out, and no second complaint comes of it. */
static void test_no_complaint_follows_from_another(void **state) {
    (void)state;
    assert_string_equal(codes(with("\"routes\": { \"r\": { \"hosts\": [\"*\"], \"paths\": [\"/\"] }, \"s\": { \"hosts\": [\"*\"],"
                                   "\"methods\": [\"GET\"], \"paths\": [\"/\"] } }")),
                        "missing-key");
    assert_string_equal(codes(with("\"routes\": { \"r\": { \"hosts\": [\"*\"], \"methods\": [\"CONNECT\"], \"paths\": [\"/\"] }, \"s\": {"
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
    mpol_diagnostics *found = support_read(
        "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"file\": \"-\" }], \"names\": [\"cn\"] } } }", &model);
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
    assert_int_equal(found->errors, 1);
    assert_int_equal(MPOL_AT(found->list, 0, mpol_diagnostic)->code, MPOL_DIAGNOSTIC_CERTIFICATE_UNREADABLE);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_model),
        cmocka_unit_test(test_the_document),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_ends_of_policies),
        cmocka_unit_test(test_issuers),
        cmocka_unit_test(test_keys_belong_to_one_issuer),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_a_long_chain_of_groups),
        cmocka_unit_test(test_hosts_and_methods),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_limits_of_patterns),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_no_complaint_follows_from_another),
        cmocka_unit_test(test_files_are_read_whole),
        cmocka_unit_test(test_a_certificate_file_is_never_standard_input),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
