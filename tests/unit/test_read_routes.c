/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: hosts, methods, patterns, what they expect, preflight and internal. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

static const char *route(const char *hosts, const char *methods, const char *paths,
                         const char *more) {
    return document_with(
        TEXT("\"routes\":{\"r\":{\"hosts\":[%s],\"methods\":[%s],\"paths\":[%s]%s}}", hosts,
             methods, paths, more));
}

static const mpol_route *read_route(const char *json) {
    return MPOL_AT(document_read(json)->routes, 0, mpol_route);
}

static void test_hosts(void **state) {
    static const char *const good[][2] = {
        {"a", "a"},
        {"a_b.c-d", "a_b.c-d"},
        {"*", "*"},
        {"-", "-"},
        {"*.a", "*.a"},
        {"*.a.b", "*.a.b"},
        {"10.0.0.1", "10.0.0.1"},
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"[2001:db8::0.0.0.1]", "2001:db8::1"},
        {"::", "::"},
    };
    static const char *const bad[] = {
        "A",     "a.",         "a:80",     "",         "*.*.a",   "**",      "a b",     "a..b",
        "*a",    "*.",         "a.*",      ".a",       "*.A",     "--.",     "[a]",     "[::1",
        "::1]",  "[::1]:80",   "[[::1]]",  "::1%eth0", "1::2::3", "12345::", "\\u0000", "a\\u0000",
        "*.::1", "[10.0.0.1]", "\xc3\xa9", "http://a", "a/b",     "-.",      "*.a."};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const mpol_route *made =
            read_route(route(TEXT("\"%s\"", good[i][0]), "\"GET\"", "\"/\"", ""));
        assert_string_equal(support_text(*MPOL_AT(made->hosts, 0, mpol_bytes)), good[i][1]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(route(TEXT("\"b\",\"%s\"", bad[i]), "\"GET\"", "\"/\"", ""), "bad-host",
                        TEXT("\"%s\"]", bad[i]));
    document_expect(route("\"::1\",\"[0::1]\"", "\"GET\"", "\"/\"", ""), "duplicate-member",
                    "\"[0::1]\"");
    document_expect(route("\"a\",\"a\"", "\"GET\"", "\"/\"", ""), "duplicate-member", "\"a\"]");
    document_expect(route("", "\"GET\"", "\"/\"", ""), "empty-list", "[]");
    document_expect(route("1", "\"GET\"", "\"/\"", ""), "wrong-type", "1]");
}

static void test_methods(void **state) {
    static const char *const bad[] = {
        "",    "G T",      "CONNECT",  "TRACE",
        "G:T", "G\\u0000", "\xc3\xa9", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG",
        "G/T", "{}"};
    (void)state;
    const mpol_route *made = read_route(route(
        "\"a\"", "\"PUT\",\"GET\",\"get\",\"M-SEARCH\",\"!#$%&'*+-.^_`|~\",\"HEAD\",\"trace\"",
        "\"/\"", ""));
    assert_int_equal(made->methods->nelts, 7);
    assert_false(made->any_method);
    made = read_route(route("\"a\"", "\"GET\"", "\"/\"", ""));
    assert_int_equal(made->methods->nelts, 2); /* HEAD with it */
    made = read_route(route("\"a\"", "\"*\"", "\"/\"", ""));
    assert_true(made->any_method);
    assert_int_equal(made->methods->nelts, 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(route("\"a\"", TEXT("\"%s\"", bad[i]), "\"/\"", ""), "bad-method",
                        TEXT("\"%s\"]", bad[i]));
    document_expect(route("\"a\"", "\"*\",\"GET\"", "\"/\"", ""), "bad-method", "\"*\"");
    document_expect(route("\"a\"", "\"PUT\",\"PUT\"", "\"/\"", ""), "duplicate-member", "\"PUT\"]");
    document_expect(route("\"a\"", "", "\"/\"", ""), "empty-list", "[]");
}

/* The types of the segments of a pattern, a letter each: L U I H O R. */
static const char *types_of(const char *path, const char *more) {
    const mpol_route *made = read_route(route("\"a\"", "\"GET\"", TEXT("\"%s\"", path), more));
    const apr_array_header_t *segments = MPOL_AT(made->patterns, 0, mpol_pattern)->segments;
    const char *out = "";
    for (int i = 0; i < segments->nelts; i++) {
        const mpol_segment *s = MPOL_AT(segments, i, mpol_segment);
        out = TEXT("%s%c%s%s", out, "LUIHOR"[s->type],
                   s -> literal.data != NULL ? support_text(s->literal) : "",
                   s->capture.data != NULL ? support_text(s->capture) : "");
    }
    return out;
}

static void test_patterns(void **state) {
    static const char *const rows[][2] = {
        {"/", "L"},
        {"/a", "La"},
        {"/a/", "LaL"},
        {"/*", "O"},
        {"/{x}", "Ox"},
        {"/{x_1:uuid}/{y:int}/{z:hex}", "Ux_1IyHz"},
        {"/**", "R"},
        {"/a/**", "LaR"},
        {"/a b/\xc3\xa9/~x:y", "La bL\xc3\xa9L~x:y"},
        {"/.../..a", "L...L..a"},
        {"/{a}/{b}/**", "OaObR"},
        {"/-/@/=,", "L-L@L=,"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(types_of(rows[i][0], ""), rows[i][1]);
    assert_string_equal(types_of("/a;b", ",\"expects\":[\"parameters\"]"), "La;b");
    assert_string_equal(types_of("/a\\\\b", ",\"expects\":[\"backslash\"]"), "La\\b");
}

static void test_what_is_no_pattern(void **state) {
    static const char *const bad[] = {
        "",          "a",          "*",        "//",       "/a//b",
        "//a",       "/.",         "/..",      "/a/../b",  "/a/.",
        "/a%20b",    "/%",         "/a*",      "/*a",      "/***",
        "/**/a",     "/**/",       "/{a",      "/a}",      "/{}",
        "/{A}",      "/{1}",       "/{a b}",   "/{a}/{a}", "/{a:int}/{a}",
        "/{a:}",     "/{a:other}", "/{a:INT}", "/{:int}",  "/{a:int:hex}",
        "/{a}b",     "/b{a}",      "/?",       "/a?b",     "/#",
        "/a\\u0000", "/a\\nb",     "/\\u0085", "/a;b",     "/a\\\\b",
        "/{a-b}",    "/{*}",       "/{**}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(route("\"a\"", "\"GET\"", TEXT("\"/ok\",\"%s\"", bad[i]), ""), "bad-path",
                        TEXT("\"%s\"]", bad[i]));
    document_expect(route("\"a\"", "\"GET\"", "\"/a;b\"", ",\"expects\":[\"backslash\"]"),
                    "bad-path", "\"/a;b\"");
    document_expect(route("\"a\"", "\"GET\"", "\"/a\\\\b\"", ",\"expects\":[\"parameters\"]"),
                    "bad-path", "\"/a\\\\b\"");
    document_expect(route("\"a\"", "\"GET\"", "\"/a\",\"/\\u0061\"", ""), "duplicate-member",
                    "\"/\\u0061\"");
    document_expect(route("\"a\"", "\"GET\"", "", ""), "empty-list", "[]");
}

static const char *long_pattern(const char *part, int count, const char *end) {
    const char *pattern = "";
    for (int i = 0; i < count; i++)
        pattern = apr_pstrcat(support_pool(), pattern, part, NULL);
    return route("\"*\"", "\"GET\"", TEXT("\"%s%s\"", pattern, end), "");
}

static void test_limits_of_patterns(void **state) {
    char *segment = apr_palloc(support_pool(), 8193);
    (void)state;
    assert_string_equal(document_codes(long_pattern("/a", 64, "")), "");
    assert_string_equal(document_codes(long_pattern("/a", 63, "/")), "");
    assert_string_equal(document_codes(long_pattern("/a", 65, "")), "bad-path");
    assert_string_equal(document_codes(long_pattern("/a", 64, "/")), "bad-path");
    memset(segment, 'x', 8192);
    segment[8191] = '\0';
    assert_string_equal(document_codes(route("\"*\"", "\"GET\"", TEXT("\"/%s\"", segment), "")),
                        "");
    assert_string_equal(document_codes(route("\"*\"", "\"GET\"", TEXT("\"/%sx\"", segment), "")),
                        "bad-path");
    assert_string_equal(
        document_codes(route("\"*\"", "\"GET\"", "\"/{abcdefghijklmnopqrstuvwxyz012345}\"", "")),
        "");
    assert_string_equal(
        document_codes(route("\"*\"", "\"GET\"", "\"/{abcdefghijklmnopqrstuvwxyz0123456}\"", "")),
        "bad-path");
}

static const char *with(const char *more) {
    return route("\"a\"", "\"GET\"", "\"/\"", more);
}

static void test_expects(void **state) {
    (void)state;
    assert_int_equal(read_route(with(",\"expects\":[]"))->flags, 0);
    assert_int_equal(read_route(with(",\"expects\":[\"encoded-slash\",\"backslash\",\"parameters\","
                                     "\"empty-segments\",\"dot-segments\","
                                     "\"percent\",\"method-override\"]"))
                         ->flags,
                     MPOL_ROUTE_EXPECTS | MPOL_ROUTE_EXPECTS_OVERRIDE);
    document_expect(with(",\"expects\":[\"percent\",\"Percent\"]"), "bad-expects", "\"Percent\"");
    document_expect(with(",\"expects\":[\"ambiguous\"]"), "bad-expects", "\"ambiguous\"");
    document_expect(with(",\"expects\":[\"percent\",\"percent\"]"), "duplicate-member",
                    "\"percent\"]");
    document_expect(with(",\"expects\":\"percent\""), "wrong-type", "\"percent\"");
}

static void test_internal_and_preflight(void **state) {
    static const char *const bad[] = {"\"true\"", "1", "null", "\"\"", "[]", "{}", "\"Error\""};
    (void)state;
    assert_int_equal(read_route(with(",\"internal\":true"))->flags, MPOL_ROUTE_INTERNAL);
    assert_int_equal(read_route(with(",\"internal\":\"error\""))->flags, MPOL_ROUTE_INTERNAL_ERROR);
    assert_int_equal(read_route(with(",\"internal\":false"))->flags, 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(with(TEXT(",\"internal\":%s", bad[i])), "bad-internal",
                        TEXT("%s}", bad[i]));
    document_expect(with(",\"preflight\":true"), "preflight-open", "true}"); /* a note */
    assert_true(read_route(with(",\"preflight\":true"))->preflight);
    assert_false(read_route(with(",\"preflight\":false"))->preflight);
    document_expect(with(",\"preflight\":\"true\""), "wrong-type", "\"true\"");
    document_expect(with(",\"preflight\":true,\"internal\":true"), "internal-preflight", "true,");
    document_expect(with(",\"internal\":\"error\",\"preflight\":true"), "internal-preflight",
                    "true}");
    assert_string_equal(document_codes(with(",\"internal\":true,\"preflight\":false")), "");
}

static void test_tags_and_keys(void **state) {
    (void)state;
    document_expect(with(",\"tags\":[\"T\"]"), "bad-name", "\"T\"");
    document_expect(with(",\"tags\":[\"none\"]"), "reserved-name", "\"none\"");
    document_expect(with(",\"tags\":[\"t\",\"t\"]"), "duplicate-member", "\"t\"]");
    document_expect(with(",\"tags\":{}"), "wrong-type", "{}");
    document_expect(with(",\"host\":\"a\""), "unknown-key", "\"host\"");
    assert_string_equal(
        document_places(document_with("\"routes\":{\"r\":{}}")),
        "missing-key /routes/r/hosts; missing-key /routes/r/methods; missing-key /routes/r/paths");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_what_is_no_pattern),
        cmocka_unit_test(test_limits_of_patterns),
        cmocka_unit_test(test_expects),
        cmocka_unit_test(test_internal_and_preflight),
        cmocka_unit_test(test_tags_and_keys),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
