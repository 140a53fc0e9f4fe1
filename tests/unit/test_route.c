/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/route.h"

#include <apr_strings.h>
#include <string.h>

/* "ROUTE", or the reason why there is none. */
static const char *found(const mpol_image *image, const char *host, const char *method, const char *path) {
    uint32_t route = 0;
    mpol_reason reason =
        mpol_route_find(image, support_bytes(host), support_bytes(path), support_bytes(method), &route);
    if (reason == MPOL_REASON_ALLOWED)
        return mpol_route_name(image, route);
    assert_int_equal(route, MPOL_NONE);
    return mpol_reason_name(reason);
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
            fail_msg("%s %s %s: %s, not %s", rows[i].method, rows[i].host, rows[i].path, route, rows[i].route);
    }
}

#define ROUTE(name, host, method, path)                                                            \
    "\"" name "\": { \"hosts\": [\"" host "\"], \"methods\": [\"" method "\"], \"paths\": [\"" path "\"] }"

static const mpol_image *policy(const char *routes) {
    return support_image(apr_pstrcat(support_pool(), "{ \"name\": \"x\", \"routes\": {", routes, "} }", NULL));
}

static void test_hosts(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/x", "a"},           {"b", "GET", "/x", "b"},
        {"c", "GET", "/x", "other"},       {"*", "GET", "/x", "other"},
        {"a", "GET", "/y", "route-unknown"}, {"", "GET", "/x", "other"},
    };
    (void)state;
    expect(policy(ROUTE("a", "a", "GET", "/x") "," ROUTE("b", "b", "GET", "/x") "," ROUTE("other", "*", "GET", "/x") ","
                  ROUTE("more", "*", "GET", "/y")),
           rows, COUNT_OF(rows));
    const mpol_image *alone = policy(ROUTE("a", "a", "GET", "/x"));
    assert_string_equal(found(alone, "b", "GET", "/x"), "route-unknown");
    assert_string_equal(found(policy(""), "a", "GET", "/x"), "route-unknown");
}

static void test_methods(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/x", "get"},       {"a", "HEAD", "/x", "get"},
        {"a", "POST", "/x", "post"},     {"a", "get", "/x", "method-not-on-route"},
        {"a", "", "/x", "method-not-on-route"}, {"a", "GET ", "/x", "method-not-on-route"},
        {"a", "HEAD", "/head", "head"},  {"a", "GET", "/head", "method-not-on-route"},
        {"a", "GET", "/any", "any"},     {"a", "WHATEVER", "/any", "any"},
    };
    (void)state;
    expect(policy(ROUTE("get", "a", "GET", "/x") "," ROUTE("post", "a", "POST", "/x") "," ROUTE("head", "a", "HEAD", "/head") ","
                  ROUTE("any", "a", "*", "/any")),
           rows, COUNT_OF(rows));
}

static void test_less_specific_patterns_are_not_tried_for_the_method(void **state) {
    const mpol_image *image = policy(ROUTE("exact", "a", "POST", "/x/y") "," ROUTE("rest", "a", "GET", "/x/**"));
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
        {"a", "GET", "/a", "r"},        {"a", "GET", "/a/", "r"},       {"a", "GET", "/a/b", "r"},
        {"a", "GET", "/a/b/c/", "r"},   {"a", "GET", "/ab", "route-unknown"}, {"a", "GET", "/", "route-unknown"},
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
        {"a", "GET", "/", "root"},   {"a", "GET", "/a", "bare"},  {"a", "GET", "/a/", "slash"},
        {"a", "GET", "/x/", "deep"}, {"a", "GET", "/x", "route-unknown"},
    };
    (void)state;
    expect(policy(ROUTE("root", "a", "GET", "/") "," ROUTE("bare", "a", "GET", "/a") "," ROUTE("slash", "a", "GET", "/a/") ","
                  ROUTE("deep", "a", "GET", "/*/")),
           rows, COUNT_OF(rows));
}

static void test_the_most_specific_pattern(void **state) {
    static const route_row rows[] = {
        {"a", "GET", "/a/b", "literal"},  {"a", "GET", "/a/c", "late"},   {"a", "GET", "/c/b", "early"},
        {"a", "GET", "/c/d", "both"},     {"a", "GET", "/a", "a-rest"},   {"a", "GET", "/a/b/c", "a-rest"},
        {"a", "GET", "/c/b/d", "rest"},   {"a", "GET", "/", "rest"},      {"a", "GET", "/a/", "a-rest"},
        {"a", "GET", "/c/", "rest"},
    };
    (void)state;
    const mpol_image *image =
        policy(ROUTE("literal", "a", "GET", "/a/b") "," ROUTE("late", "a", "GET", "/a/{x}") "," ROUTE("early", "a", "GET", "/*/b") ","
               ROUTE("both", "a", "GET", "/*/{y}") "," ROUTE("a-rest", "a", "GET", "/a/**") "," ROUTE("rest", "a", "GET", "/**"));
    expect(image, rows, COUNT_OF(rows));
}

static void test_crossing_wildcards(void **state) {
    static const route_row rows[] = {
        /* From the left a literal wins over a wildcard, but only where the whole path matches. */
        {"a", "GET", "/a/x/c", "a-any-c"}, {"a", "GET", "/a/b/c", "a-any-c"}, {"a", "GET", "/x/b/d", "any-b-d"},
        {"a", "GET", "/a/b/d", "any-b-d"}, {"a", "GET", "/a/x/d", "route-unknown"}, {"a", "GET", "/x/b/c", "any-b-rest"},
        {"a", "GET", "/a/b", "any-b-rest"}, {"a", "GET", "/a/b/x/y", "any-b-rest"},
    };
    (void)state;
    expect(policy(ROUTE("a-any-c", "a", "GET", "/a/*/c") "," ROUTE("any-b-d", "a", "GET", "/*/b/d") ","
                  ROUTE("any-b-rest", "a", "GET", "/*/b/**")),
           rows, COUNT_OF(rows));
}

/* Two literals of one hash are hard to find; segments that begin alike are not. */
static void test_many_literals_in_one_state(void **state) {
    const char *routes = "";
    (void)state;
    for (int i = 0; i < 300; i++)
        routes = apr_psprintf(support_pool(), "%s%s\"r%d\": { \"hosts\": [\"a\"], \"methods\": [\"GET\"], \"paths\": [\"/p%d\"] }",
                              routes, i > 0 ? "," : "", i, i);
    const mpol_image *image = policy(routes);
    for (int i = 0; i < 300; i++)
        assert_string_equal(found(image, "a", "GET", apr_psprintf(support_pool(), "/p%d", i)),
                            apr_psprintf(support_pool(), "r%d", i));
    assert_string_equal(found(image, "a", "GET", "/p300"), "route-unknown");
    assert_string_equal(found(image, "a", "GET", "/p"), "route-unknown");
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
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
