/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/route.h"

#include <apr_strings.h>
#include <string.h>

static mpol_route_match match;

/* "ROUTE", or the reason why there is none; leaves the match. */
static const char *route_of(const mpol_image *image, mpol_bytes host, const char *method,
                            const char *path, bool preflight) {
    mpol_reason reason = mpol_route_find(image, mpol_route_start(image, host), support_bytes(path),
                                         support_bytes(method), preflight, &match);
    if (reason == MPOL_REASON_ALLOWED)
        return mpol_route_name(image, match.route);
    assert_int_equal(match.route, MPOL_NONE);
    assert_false(match.preflight);
    return mpol_reason_name(reason);
}

static const char *found(const mpol_image *image, const char *host, const char *method,
                         const char *path) {
    return route_of(image, support_bytes(host), method, path, false);
}

typedef struct route_row {
    const char *host;
    const char *method;
    const char *path;
    const char *route;
} route_row;

static void expect(const mpol_image *image, const route_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *route = found(image, rows[i].host, rows[i].method, rows[i].path);
        if (strcmp(route, rows[i].route) != 0)
            fail_msg("%s %s %s: %s, not %s", rows[i].method, rows[i].host, rows[i].path, route,
                     rows[i].route);
    }
}

#define ROUTE(name, host, method, path)                                                            \
    "\"" name "\": { \"hosts\": [\"" host "\"], \"methods\": [\"" method                           \
    "\"], \"paths\": [\"" path "\"] }"

static const mpol_image *policy(const char *routes) {
    return support_image(
        apr_pstrcat(support_pool(), "{ \"name\": \"x\", \"routes\": {", routes, "} }", NULL));
}

static void test_hosts(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/x", "a"},
        {"b", "GET", "/x", "b"},
        {"c", "GET", "/x", "other"},
        {"*", "GET", "/x", "other"},
        {"a", "GET", "/y", "route-unknown"},
        {"", "GET", "/x", "other"},
    };
    (void)state;
    expect(policy(ROUTE("a", "a", "GET", "/x") "," ROUTE("b", "b", "GET", "/x") "," ROUTE(
               "other", "*", "GET", "/x") "," ROUTE("more", "*", "GET", "/y")),
           rows, COUNT_OF(rows));
    const mpol_image *alone = policy(ROUTE("a", "a", "GET", "/x"));
    assert_string_equal(found(alone, "b", "GET", "/x"), "route-unknown");
    assert_string_equal(found(policy(""), "a", "GET", "/x"), "route-unknown");
}

static void test_methods(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/x", "get"},
        {"a", "HEAD", "/x", "get"},
        {"a", "POST", "/x", "post"},
        {"a", "get", "/x", "method-not-on-route"},
        {"a", "", "/x", "method-not-on-route"},
        {"a", "GET ", "/x", "method-not-on-route"},
        {"a", "HEAD", "/head", "head"},
        {"a", "GET", "/head", "method-not-on-route"},
        {"a", "GET", "/any", "any"},
        {"a", "WHATEVER", "/any", "any"},
    };
    (void)state;
    expect(policy(ROUTE("get", "a", "GET", "/x") "," ROUTE("post", "a", "POST", "/x") "," ROUTE(
               "head", "a", "HEAD", "/head") "," ROUTE("any", "a", "*", "/any")),
           rows, COUNT_OF(rows));
}

static void test_less_specific_patterns_are_not_tried_for_the_method(void **state) {
    const mpol_image *image =
        policy(ROUTE("exact", "a", "POST", "/x/y") "," ROUTE("rest", "a", "GET", "/x/**"));
    (void)state;
    assert_string_equal(found(image, "a", "GET", "/x/y"), "method-not-on-route");
    assert_string_equal(found(image, "a", "GET", "/x/z"), "rest");
    assert_string_equal(found(image, "a", "POST", "/x/y"), "exact");
}

static void test_one_segment(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/a/x", "r"},
        {"a", "GET", "/a/*", "r"},
        {"a", "GET", "/a/x y", "r"},
        {"a", "GET", "/a/", "route-unknown"},
        {"a", "GET", "/a", "route-unknown"},
        {"a", "GET", "/a/x/", "route-unknown"},
        {"a", "GET", "/a/x/y", "route-unknown"},
        {"a", "GET", "/b/x", "route-unknown"},
        {"a", "GET", "", "route-unknown"},
    };
    (void)state;
    expect(policy(ROUTE("r", "a", "GET", "/a/*")), rows, COUNT_OF(rows));
    expect(policy(ROUTE("r", "a", "GET", "/a/{id}")), rows, COUNT_OF(rows));
}

static void test_the_rest(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/a", "r"},
        {"a", "GET", "/a/", "r"},
        {"a", "GET", "/a/b", "r"},
        {"a", "GET", "/a/b/c/", "r"},
        {"a", "GET", "/ab", "route-unknown"},
        {"a", "GET", "/", "route-unknown"},
        {"a", "GET", "/A", "route-unknown"},
    };
    (void)state;
    expect(policy(ROUTE("r", "a", "GET", "/a/**")), rows, COUNT_OF(rows));
    const mpol_image *all = policy(ROUTE("r", "a", "GET", "/**"));
    assert_string_equal(found(all, "a", "GET", "/"), "r");
    assert_string_equal(found(all, "a", "GET", "/x/y"), "r");
}

static void test_a_trailing_slash_counts(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/", "root"},           {"a", "GET", "/a", "bare"},
        {"a", "GET", "/a/", "slash"},        {"a", "GET", "/x/", "deep"},
        {"a", "GET", "/x", "route-unknown"},
    };
    (void)state;
    expect(policy(ROUTE("root", "a", "GET", "/") "," ROUTE("bare", "a", "GET", "/a") "," ROUTE(
               "slash", "a", "GET", "/a/") "," ROUTE("deep", "a", "GET", "/*/")),
           rows, COUNT_OF(rows));
}

static void test_the_most_specific_pattern(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/a/b", "literal"}, {"a", "GET", "/a/c", "late"},
        {"a", "GET", "/c/b", "early"},   {"a", "GET", "/c/d", "both"},
        {"a", "GET", "/a", "a-rest"},    {"a", "GET", "/a/b/c", "a-rest"},
        {"a", "GET", "/c/b/d", "rest"},  {"a", "GET", "/", "rest"},
        {"a", "GET", "/a/", "a-rest"},   {"a", "GET", "/c/", "rest"},
    };
    (void)state;
    const mpol_image *image = policy(
        ROUTE("literal", "a", "GET", "/a/b") "," ROUTE("late", "a", "GET", "/a/{x}") "," ROUTE(
            "early", "a", "GET",
            "/*/b") "," ROUTE("both", "a", "GET",
                              "/*/{y}") "," ROUTE("a-rest", "a", "GET",
                                                  "/a/**") "," ROUTE("rest", "a", "GET", "/**"));
    expect(image, rows, COUNT_OF(rows));
}

static void test_crossing_wildcards(void **state) {
    static const route_row rows[] = {
        /* From the left a literal wins over a wildcard, but only where the whole path matches. */
        {"a", "GET", "/a/x/c", "a-any-c"},       {"a", "GET", "/a/b/c", "a-any-c"},
        {"a", "GET", "/x/b/d", "any-b-d"},       {"a", "GET", "/a/b/d", "any-b-d"},
        {"a", "GET", "/a/x/d", "route-unknown"}, {"a", "GET", "/x/b/c", "any-b-rest"},
        {"a", "GET", "/a/b", "any-b-rest"},      {"a", "GET", "/a/b/x/y", "any-b-rest"},
    };
    (void)state;
    expect(policy(ROUTE("a-any-c", "a", "GET", "/a/*/c") "," ROUTE(
               "any-b-d", "a", "GET", "/*/b/d") "," ROUTE("any-b-rest", "a", "GET", "/*/b/**")),
           rows, COUNT_OF(rows));
}

/* Two literals of one hash are hard to find; segments that begin alike are not. */
static void test_many_literals_in_one_state(void **state) {
    const char *routes = "";
    (void)state;
    for (int i = 0; i < 300; i++)
        routes = apr_psprintf(
            support_pool(),
            "%s%s\"r%d\": { \"hosts\": [\"a\"], \"methods\": [\"GET\"], \"paths\": [\"/p%d\"] }",
            routes, i > 0 ? "," : "", i, i);
    const mpol_image *image = policy(routes);
    for (int i = 0; i < 300; i++)
        assert_string_equal(found(image, "a", "GET", apr_psprintf(support_pool(), "/p%d", i)),
                            apr_psprintf(support_pool(), "r%d", i));
    assert_string_equal(found(image, "a", "GET", "/p300"), "route-unknown");
    assert_string_equal(found(image, "a", "GET", "/p"), "route-unknown");
}

static void test_hosts_by_their_first_label(void **state) {
    static const route_row rows[] = {
        {"x.b.example", "GET", "/x", "wild"},
        {"b.example", "GET", "/x", "other"},     /* a label is missing */
        {"x.y.b.example", "GET", "/x", "other"}, /* one is too many */
        {"x.c.b.example", "GET", "/x", "deeper"},
        {"api.b.example", "GET", "/x", "exact"},
        {"api.b.example", "GET", "/y", "route-unknown"}, /* and no other host of it is tried */
        {"*.b.example", "GET", "/x", "wild"},            /* no host of a request: match/host.h */
        {"example", "GET", "/x", "other"},
        {"", "GET", "/x", "other"},
        {".", "GET", "/x", "other"},
    };
    (void)state;
    expect(policy(ROUTE("wild", "*.b.example", "GET", "/x") "," ROUTE(
               "deeper", "*.c.b.example", "GET",
               "/x") "," ROUTE("exact", "api.b.example", "GET",
                               "/x") "," ROUTE("wild-y", "*.b.example", "GET",
                                               "/y") "," ROUTE("other", "*", "GET", "/x")),
           rows, COUNT_OF(rows));
    const mpol_image *alone = policy(ROUTE("wild", "*.b.example", "GET", "/x"));
    assert_string_equal(found(alone, "b.example", "GET", "/x"), "route-unknown");
}

static void test_the_longest_host_has_a_first_label(void **state) {
    char longest[254] = "";
    (void)state;
    for (int i = 0; i < 126; i++)
        strncat(longest, "y.", 3);
    strncat(longest, "y", 2);
    const char *json =
        apr_psprintf(support_pool(),
                     "\"r\": { \"hosts\": [\"*.%s\"], \"methods\": [\"GET\"], \"paths\": [\"/\"] }",
                     longest + 2);
    const mpol_image *image = policy(json);
    assert_string_equal(found(image, longest, "GET", "/"), "r");
    longest[0] = 'z';
    assert_string_equal(found(image, longest, "GET", "/"), "r");
    assert_string_equal(found(image, longest + 2, "GET", "/"), "route-unknown");
}

static void test_addresses(void **state) {
    const mpol_image *image =
        policy("\"r\": { \"hosts\": [\"192.0.2.7\", \"[2001:DB8:0::1]\", \"::ffff:10.0.0.1\"],"
               "\"methods\": [\"GET\"], \"paths\": [\"/\"] }");
    (void)state;
    assert_string_equal(found(image, "192.0.2.7", "GET", "/"), "r");
    assert_string_equal(found(image, "2001:db8::1", "GET", "/"), "r");
    assert_string_equal(found(image, "::ffff:a00:1", "GET", "/"), "r");
    assert_string_equal(found(image, "2001:db8::2", "GET", "/"), "route-unknown");
}

static void test_no_host(void **state) {
    static const mpol_bytes none = {NULL, 0};
    const mpol_image *image =
        policy(ROUTE("bare", "-", "GET", "/x") "," ROUTE("other", "*", "GET", "/x"));
    (void)state;
    assert_string_equal(route_of(image, none, "GET", "/x", false), "bare");
    assert_string_equal(found(image, "-", "GET", "/x"), "other"); /* a host that is called so */
    assert_string_equal(found(image, "a", "GET", "/x"), "other");
    const mpol_image *without = policy(ROUTE("other", "*", "GET", "/x"));
    assert_int_equal(mpol_route_start(without, none), MPOL_NONE);
    assert_string_equal(route_of(without, none, "GET", "/x", false), "route-unknown");
}

#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static void test_narrowed_captures(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/x/" UUID, "uuid"},
        {"a", "GET", "/x/12", "int"},
        {"a", "GET", "/x/1f", "hex"},
        {"a", "GET", "/x/y", "any"},
        {"a", "GET", "/x/7", "literal"},
        {"a", "GET", "/x/", "rest"},
        {"a", "GET", "/x", "rest"},
        {"a", "GET", "/x/12/", "rest"},
        {"a", "GET", "/x/12345678901234567890", "hex"},
        {"b", "GET", "/12/h", "hex"},
        {"b", "GET", "/1f/h", "hex"},
        {"b", "GET", "/1f/i", "any"},
        {"b", "GET", "/12/i", "int"},
        {"b", "GET", "/xy/i", "any"},
        {"b", "GET", "/xy/h", "any"},
        {"b", "GET", "/" UUID "/h", "any"},
        {"c", "GET", "/xy", "route-unknown"},
        {"c", "GET", "/1f", "route-unknown"},
        {"c", "GET", "/12", "int"},
    };
    (void)state;
    expect(policy(ROUTE("uuid", "a", "GET",
                        "/x/{i:uuid}") ","
                                       "\"int\": { \"hosts\": [\"a\", \"b\", \"c\"],"
                                       "\"methods\": [\"GET\"], \"paths\": [\"/x/{i:int}\", "
                                       "\"/{i:int}/i\", \"/{i:int}\"] },"
                                       "\"hex\": { \"hosts\": [\"a\", \"b\"], \"methods\": "
                                       "[\"GET\"], \"paths\": [\"/x/{i:hex}\", \"/{i:hex}/h\"] "
                                       "}," ROUTE("any-a", "a", "POST", "/x/{i}/z") "," ROUTE(
                                           "literal", "a", "GET",
                                           "/x/7") ","
                                                   "\"any\": { \"hosts\": [\"a\", \"b\"], "
                                                   "\"methods\": [\"GET\"], \"paths\": "
                                                   "[\"/x/{i}\", \"/*/{h}\"] }," ROUTE(
                                                       "rest", "a", "GET", "/x/**")),
           rows, COUNT_OF(rows));
}

/* A state with narrowed captures still goes on with less specific patterns. */
static void test_narrowed_captures_fall_back(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/1/a", "int"},  {"a", "GET", "/1/b", "any"}, {"a", "GET", "/f/b", "any"},
        {"a", "GET", "/1/c", "rest"}, {"a", "GET", "/1", "rest"},  {"a", "GET", "/z/b", "any"},
    };
    (void)state;
    expect(policy(ROUTE("int", "a", "GET", "/{x:int}/a") "," ROUTE(
               "any", "a", "GET", "/{x}/b") "," ROUTE("rest", "a", "GET", "/**")),
           rows, COUNT_OF(rows));
}

#define PREFLIGHT(name, host, method, path)                                                        \
    "\"" name "\": { \"hosts\": [\"" host "\"], \"methods\": [\"" method                           \
    "\"], \"paths\": [\"" path "\"], \"preflight\": true }"

static void test_preflight(void **state) {
    const mpol_image *image = policy(
        PREFLIGHT("cors", "a", "GET", "/x") "," ROUTE("options", "a", "OPTIONS", "/x") "," ROUTE(
            "plain", "a", "OPTIONS", "/y") "," PREFLIGHT("all", "a", "PUT", "/z/**"));
    mpol_bytes a = support_bytes("a");
    (void)state;
    assert_string_equal(route_of(image, a, "OPTIONS", "/x", true), "cors");
    assert_true(match.preflight);
    assert_string_equal(route_of(image, a, "OPTIONS", "/x", false), "options");
    assert_false(match.preflight);
    assert_string_equal(route_of(image, a, "OPTIONS", "/y", true), "plain"); /* which has none */
    assert_false(match.preflight);
    assert_string_equal(route_of(image, a, "OPTIONS", "/z", true), "all");
    assert_string_equal(route_of(image, a, "OPTIONS", "/z", false), "method-not-on-route");
    assert_string_equal(route_of(image, a, "OPTIONS", "/none", true), "route-unknown");
}

/* Which capture takes which segment, as "NAME=SEGMENT", for those that a rule compares. */
static const char *captured(const mpol_image *image) {
    const char *all = "";
    for (uint32_t i = 0; i < mpol_list_len(image, match.captures); i++) {
        uint32_t member = mpol_list_value(image, match.captures, i);
        uint32_t name = MPOL_U32(image, CAPTURES, member >> MPOL_CAPTURE_SHIFT, 0);
        all = apr_psprintf(support_pool(), "%s %s=%u", all, mpol_c_string(image, name),
                           member & MPOL_CAPTURE_SEGMENT);
    }
    return all;
}

static void test_captures(void **state) {
    const mpol_image *image = support_image(
        "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], "
        "\"names\": [\"spiffe\"] } },"
        "\"identities\": { \"t\": { \"issuer\": \"c\", \"spiffe\": \"spiffe://a/{p}/{q}\" } },"
        "\"routes\": { \"get\": { \"hosts\": [\"a\"], \"methods\": [\"GET\"], \"paths\": "
        "[\"/{y}/o/{x:int}/**\"] },"
        "\"put\": { \"hosts\": [\"a\"], \"methods\": [\"PUT\"], \"paths\": [\"/{x}/o/{z:int}/**\"] "
        "} "
        "},"
        "\"rules\": { \"r\": { \"effect\": \"allow\", \"subjects\": [\"t\"], \"routes\": [\"get\"],"
        "\"same\": { \"x\": \"p\", \"y\": \"q\" } },"
        "\"s\": { \"effect\": \"allow\", \"subjects\": [\"t\"], \"routes\": [\"put\"], \"same\": { "
        "\"x\": \"p\" } } } }");
    (void)state;
    /* One pattern, but each method has its route's own names for the segments. */
    assert_string_equal(found(image, "a", "GET", "/1/o/2/3"), "get");
    assert_string_equal(captured(image), " x=2 y=0");
    assert_string_equal(found(image, "a", "PUT", "/1/o/2/3"), "put");
    assert_string_equal(captured(image), " x=0");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_less_specific_patterns_are_not_tried_for_the_method),
        cmocka_unit_test(test_one_segment),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_a_trailing_slash_counts),
        cmocka_unit_test(test_the_most_specific_pattern),
        cmocka_unit_test(test_crossing_wildcards),
        cmocka_unit_test(test_many_literals_in_one_state),
        cmocka_unit_test(test_hosts_by_their_first_label),
        cmocka_unit_test(test_the_longest_host_has_a_first_label),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_no_host),
        cmocka_unit_test(test_narrowed_captures),
        cmocka_unit_test(test_narrowed_captures_fall_back),
        cmocka_unit_test(test_preflight),
        cmocka_unit_test(test_captures),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
