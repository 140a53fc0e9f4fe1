/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of hosts, compiled: against a naive matcher, and where they cross too often. */
#include "documents.h"

#include "compile/paths.h"
#include "match/route.h"

#include <apr_strings.h>
#include <string.h>

/* --- what a host's patterns lead to --------------------------------------------------------------
 */

static mpol_automaton *automaton;
static const mpol_paths *paths;

static mpol_diagnostics *build(const char *routes) {
    mpol_diagnostics *found = mpol_diagnostics_make(support_pool(), "x", support_bytes(""));
    mpol_model *model = document_read(document_with(TEXT("\"routes\":{%s}", routes)));
    automaton = mpol_automaton_make(support_pool());
    paths = mpol_paths_build(automaton, model, found);
    return found;
}

#define ROUTE(name, hosts, methods, paths)                                                         \
    "\"" name "\":{\"hosts\":[" hosts "],\"methods\":[" methods "],\"paths\":[" paths "]}"

static const mpol_endpoint *endpoint(int i) {
    return MPOL_AT(paths->endpoints, i, mpol_endpoint);
}

static void test_routes_of_one_pattern_share_an_endpoint(void **state) {
    (void)state;
    build(ROUTE("r", "\"a\"", "\"GET\"",
                "\"/{z}\"") "," ROUTE("s", "\"a\"", "\"PUT\",\"DELETE\"",
                                      "\"/{b}\"") "," ROUTE("t", "\"b\"", "\"*\"", "\"/{b}\""));
    static const char *const names[] = {"DELETE", "GET", "HEAD", "PUT"};
    static const uint32_t routes[] = {1, 0, 0, 1};
    static const char *const spelt[] = {"/{b}", "/{z}", "/{z}", "/{b}"};
    assert_int_equal(paths->endpoints->nelts, 2);
    assert_string_equal(support_text(endpoint(0)->pattern), "/{b}"); /* the lowest spelling */
    assert_int_equal(endpoint(0)->any_route, MPOL_NONE);
    assert_int_equal(endpoint(0)->methods->nelts, COUNT_OF(names));
    for (int i = 0; i < endpoint(0)->methods->nelts; i++) {
        const mpol_method *method = MPOL_AT(endpoint(0)->methods, i, mpol_method);
        assert_string_equal(support_text(method->name), names[i]);
        assert_int_equal(method->route, routes[i]);
        assert_string_equal(support_text(method->pattern->text), spelt[i]); /* its own captures */
    }
    assert_int_equal(endpoint(1)->any_route, 2);
    assert_int_equal(endpoint(1)->methods->nelts, 0);
}

static void test_preflight_has_its_own_place(void **state) {
    (void)state;
    build("\"r\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/x\"]},"
          "\"s\":{\"hosts\":[\"a\"],\"methods\":[\"OPTIONS\"],\"paths\":[\"/x\",\"/"
          "y\"],\"preflight\":true}");
    assert_int_equal(paths->endpoints->nelts, 2);
    assert_int_equal(endpoint(0)->preflight, 1);
    assert_int_equal(endpoint(1)->preflight, 1);
    build(ROUTE("r", "\"a\"", "\"GET\"", "\"/x\""));
    assert_int_equal(endpoint(0)->preflight, MPOL_NONE);
}

static void test_hosts_are_apart(void **state) {
    (void)state;
    build(ROUTE("r", "\"b\"", "\"GET\"", "\"/x\"") "," ROUTE(
        "s", "\"a\"", "\"GET\"", "\"/x\"") "," ROUTE("t", "\"*.a\"", "\"GET\"",
                                                     "\"/x\"") "," ROUTE("u", "\"::1\"", "\"GET\"",
                                                                         "\"/x\""));
    assert_int_equal(paths->hosts->nelts, 4);
    assert_int_equal(paths->any_host, MPOL_NONE);
    assert_int_equal(paths->no_host, MPOL_NONE);
    for (int i = 1; i < 4; i++) {
        assert_true(MPOL_AT(paths->hosts, i - 1, mpol_host)->hash <
                    MPOL_AT(paths->hosts, i, mpol_host)->hash);
        assert_int_not_equal(MPOL_AT(paths->hosts, i - 1, mpol_host)->state,
                             MPOL_AT(paths->hosts, i, mpol_host)->state);
    }
    build(ROUTE("r", "\"*\"", "\"GET\"", "\"/x\"") "," ROUTE("s", "\"-\"", "\"GET\"", "\"/x\""));
    assert_int_equal(paths->hosts->nelts, 0);
    assert_int_not_equal(paths->any_host, MPOL_NONE);
    assert_int_not_equal(paths->no_host, MPOL_NONE);
    assert_int_not_equal(paths->any_host, paths->no_host);
    build("");
    assert_int_equal(automaton->states->nelts, 0);
    assert_int_equal(paths->any_host, MPOL_NONE);
}

/* --- against a naive matcher
 * ----------------------------------------------------------------------- */

#define UUID "01234567-89ab-cdef-0123-456789ABCDEF"

static const char *const parts[] = {"a",   "7",        "f",       UUID,     "*",
                                    "{x}", "{x:uuid}", "{x:int}", "{x:hex}"};
static const char *const words[] = {"a", "7", "f", UUID, "z"};
enum { DEPTH = 3, MOST_PATTERNS = 6 };

static bool takes(const char *part, const char *word, size_t len) {
    if (strchr(part, ':') == NULL)
        return part[0] == '*' || part[0] == '{'
                   ? len > 0
                   : strlen(part) == len && strncmp(part, word, len) == 0;
    if (strstr(part, ":uuid") != NULL)
        return len == 36;
    size_t span =
        strspn(word, strstr(part, ":int") != NULL ? "0123456789" : "0123456789abcdefABCDEF");
    return len > 0 && span == len && len <= (strstr(part, ":int") != NULL ? 19u : 128u);
}

static int rank(const char *part) {
    if (strcmp(part, "**") == 0)
        return 6;
    if (part[0] == '*')
        return 5;
    if (part[0] != '{')
        return 1;
    if (strchr(part, ':') == NULL)
        return 5;
    return strstr(part, ":uuid") != NULL ? 2 : (strstr(part, ":int") != NULL ? 3 : 4);
}

/* The ranks of a pattern's segments as a number in base 7, when it matches; 0 is its end. Lower is
 * more specific. -1: it does not match. */
static long specificity(const char *pattern, const char *path) {
    long ranks = 0;
    int at = 0;
    bool same = true;
    while (*pattern == '/') {
        const char *part = apr_pstrmemdup(support_pool(), pattern + 1, strcspn(pattern + 1, "/"));
        ranks = ranks * 7 + rank(part);
        at++;
        pattern += strlen(part) + 1;
        if (strcmp(part, "**") == 0) {
            path += strlen(path);
            break;
        }
        if (*path != '/') {
            same = false;
            break;
        }
        size_t len = strcspn(path + 1, "/");
        same = same && takes(part, apr_pstrmemdup(support_pool(), path + 1, len), len);
        path += len + 1;
    }
    for (; at < DEPTH + 2; at++)
        ranks *= 7;
    return same && *path == '\0' ? ranks : -1;
}

/* A part whose capture has a name of its own. */
static const char *numbered(const char *part, uint32_t number) {
    return part[0] == '{' ? TEXT("{x%u%s", number, part + 2) : part;
}

static const char *draw_pattern(uint64_t *random) {
    const char *pattern = "";
    uint32_t depth = document_random(random, DEPTH + 1);
    for (uint32_t i = 0; i < depth; i++)
        pattern =
            TEXT("%s/%s", pattern, numbered(parts[document_random(random, COUNT_OF(parts))], i));
    if (document_random(random, 3) == 0)
        return TEXT("%s/**", pattern);
    return depth == 0 || document_random(random, 4) == 0 ? TEXT("%s/", pattern) : pattern;
}

static void check_path(const mpol_image *image, const char *const *patterns, const int *routes,
                       int count, const char *path) {
    static const mpol_bytes get = {(const uint8_t *)"GET", 3};
    mpol_route_match match;
    int best = -1;
    for (int i = 0; i < count; i++) {
        long here = specificity(patterns[i], path);
        if (here >= 0 && (best < 0 || here < specificity(patterns[best], path)))
            best = i;
    }
    mpol_reason reason = mpol_route_find(image, mpol_route_start(image, support_bytes("h")),
                                         support_bytes(path), get, false, &match);
    assert_int_equal(reason, best < 0 ? MPOL_REASON_ROUTE_UNKNOWN : MPOL_REASON_ALLOWED);
    if (best >= 0 && match.route != (uint32_t)routes[best])
        fail_msg("%s: r%u, not %s (r%d)", path, match.route, patterns[best], routes[best]);
}

static void check_paths(const mpol_image *image, const char *const *patterns, const int *routes,
                        int count) {
    uint32_t all = 1;
    for (int i = 0; i < DEPTH; i++)
        all *= COUNT_OF(words) + 1;
    for (uint32_t code = 0; code < all; code++) {
        const char *path = "";
        for (uint32_t left = code; left != 0; left /= COUNT_OF(words) + 1)
            if (left % (COUNT_OF(words) + 1) != 0)
                path = TEXT("%s/%s", path, words[left % (COUNT_OF(words) + 1) - 1]);
        if (path[0] != '\0')
            check_path(image, patterns, routes, count, path);
        check_path(image, patterns, routes, count, TEXT("%s/", path));
    }
}

/* The form of a pattern: its captures are called alike. */
static const char *form_of(const char *pattern) {
    char *form = apr_pstrdup(support_pool(), pattern);
    char *to = form;
    for (const char *at = pattern; *at != '\0'; at++) {
        if (at[0] == '{') {
            const char *end = at + strcspn(at, ":}");
            *to++ = *end == ':' ? ':' : '*';
            at = *end == ':' ? end : strchr(end, '}');
            continue;
        }
        *to++ = *at;
    }
    *to = '\0';
    return form;
}

static void test_the_most_specific_pattern_wins(void **state) {
    const int rounds = support_is_slow() ? 3 : 120;
    uint64_t random = 0x9e3779b97f4a7c15u;
    (void)state;
    for (int round = 0; round < rounds; round++) {
        const char *patterns[MOST_PATTERNS];
        int routes[MOST_PATTERNS];
        const char *json = "";
        int count = 0;
        for (int i = 0; i < MOST_PATTERNS; i++) {
            bool known = false;
            patterns[count] = draw_pattern(&random);
            for (int k = 0; k < count; k++)
                known = known || strcmp(form_of(patterns[k]), form_of(patterns[count])) == 0;
            if (known)
                continue;
            json = TEXT("%s%s\"r%d\":{\"hosts\":[\"h\"],\"methods\":[\"*\"],\"paths\":[\"%s\"]}",
                        json, count > 0 ? "," : "", count, patterns[count]);
            routes[count] = count;
            count++;
        }
        const mpol_image *image = support_image(document_with(TEXT("\"routes\":{%s}", json)));
        check_paths(image, patterns, routes, count);
    }
}

/* --- patterns that cross
 * --------------------------------------------------------------------------- */

/* A pattern per position of a literal in a path of `depth` segments: each subset of those already
 * passed is a state of its own, 2^depth of them. */
static const char *crossing_routes(int depth) {
    const char *routes = "";
    for (int i = 0; i < depth; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        routes =
            TEXT("%s%s\"r%02d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"%s/y%02d\"]}",
                 routes, i > 0 ? "," : "", i, path, i);
    }
    return routes;
}

/* Either it compiles within its bound, or it is refused with the names of two patterns. */
static bool compiles(const char *routes, uint64_t segments) {
    mpol_diagnostics *found = build(routes);
    if (paths != NULL) {
        assert_int_equal(found->list->nelts, 0);
        assert_true((uint32_t)automaton->states->nelts <= mpol_automaton_limit(segments));
        return true;
    }
    assert_int_equal(found->list->nelts, 1);
    const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
    assert_int_equal(d->code, MPOL_DIAGNOSTIC_ROUTE_TOO_COMPLEX);
    assert_int_equal(strncmp(d->pointer, "/routes/", 8), 0);
    assert_non_null(strstr(d->pointer, "/paths/"));
    assert_true(d->offset > 0);
    const char *first = strstr(d->text, "\"/");
    assert_non_null(first);
    const char *second = strstr(first + 1, "\"/");
    assert_non_null(second);
    size_t len = strcspn(first + 1, "\"");
    assert_true(len != strcspn(second + 1, "\"") || strncmp(first, second, len) != 0);
    return false;
}

static void test_patterns_that_cross_a_little(void **state) {
    (void)state;
    assert_true(compiles(crossing_routes(6), 42));
    assert_int_equal(paths->endpoints->nelts, 6);
}

static void test_14_positions_compile_and_18_are_refused(void **state) {
    (void)state;
    assert_true(compiles(crossing_routes(support_is_slow() ? 9 : 14), 14 * 15));
    assert_true((support_is_slow() ? 1 << 9 : 1 << 14) <= automaton->states->nelts);
    assert_false(compiles(crossing_routes(18), 18 * 19));
}

/* Patterns of one host with a literal in each of `depth` places: 2^(depth + 1) - 1 states. */
static const char *crossing_host(const char *name, const char *host, int depth) {
    const char *paths_ = "";
    for (int i = 0; i < depth; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        paths_ = TEXT("%s%s\"%s\"", paths_, i > 0 ? "," : "", path);
    }
    return TEXT("\"%s\":{\"hosts\":[%s],\"methods\":[\"GET\"],\"paths\":[%s]}", name, host, paths_);
}

/* The bound is of each host, whatever others there are, and in whatever order they come. */
static void test_the_bound_is_of_a_host(void **state) {
    const char *big = crossing_host("big", "\"big.example\"", 15);
    const char *other = crossing_host("other", "\"a.example\"", 14);
    (void)state;
    if (support_is_slow())
        return;
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            build(TEXT("%s,%s", big, TEXT(ROUTE("r", "\"g%d\"", "\"GET\"", "\"/**\""), i)))->errors,
            0);
    assert_int_equal(build(TEXT("%s,%s", big, other))->errors, 0);
    assert_true(automaton->states->nelts > 65536);
}

/* However many states the hosts before it have, which are all within their bounds. */
static void test_a_host_that_is_too_complex_behind_others(void **state) {
    const char *routes = crossing_host("z", "\"z\"", 17);
    (void)state;
    if (support_is_slow())
        return;
    for (int i = 0; i < 9; i++)
        routes = TEXT("%s,%s", routes, crossing_host(TEXT("r%d", i), TEXT("\"h%d\"", i), 15));
    mpol_diagnostics *found = build(routes);
    assert_null(paths);
    assert_int_equal(found->list->nelts, 1);
    assert_int_equal(strncmp(MPOL_AT(found->list, 0, mpol_diagnostic)->pointer, "/routes/z/", 10),
                     0);
}

/* Hosts that the same routes list are one to the automaton. */
static void test_hosts_that_are_alike_share_their_states(void **state) {
    (void)state;
    build(TEXT("%s,%s", crossing_host("many", "\"h1\",\"h2\",\"h3\",\"*\",\"-\"", 6),
               ROUTE("one", "\"h3\"", "\"PUT\"", "\"/x\"")));
    assert_int_equal(paths->hosts->nelts, 3);
    assert_int_equal(paths->endpoints->nelts, 6 + 7);
    uint32_t alike = 0;
    EACH (paths->hosts, mpol_host, host) {
        bool other = mpol_bytes_equal(host->name, support_bytes("h3"));
        assert_true((host->state == paths->any_host) == !other);
        alike += !other;
    }
    assert_int_equal(alike, 2);
    assert_int_equal(paths->no_host, paths->any_host);
}

/* What is too complex by itself is reported for each host, two patterns once. */
static void test_each_host_that_is_too_complex(void **state) {
    (void)state;
    if (support_is_slow())
        return;
    mpol_diagnostics *found = build(
        TEXT("%s,%s,%s,%s", crossing_host("x", "\"h1\"", 17), crossing_host("y", "\"h2\"", 17),
             crossing_host("z", "\"h3\",\"h4\"", 17), crossing_host("ok", "\"h5\"", 6)));
    assert_null(paths);
    assert_int_equal(found->list->nelts, 3);
    static const char *const routes[] = {"/routes/x/", "/routes/y/", "/routes/z/"};
    for (int i = 0; i < 3; i++) {
        const mpol_diagnostic *d = MPOL_AT(found->list, i, mpol_diagnostic);
        assert_int_equal(strncmp(d->pointer, routes[i], 10), 0);
        assert_non_null(strstr(d->text, TEXT("host \"h%d\"", i + 1)));
    }
}

/* Literal prefixes, each of which a wildcard takes as well, with crossing patterns below all of
 * them. */
static void test_prefixes_over_crossing_patterns(void **state) {
    const int count = support_is_slow() ? 10 : 60;
    const char *routes = "";
    uint64_t segments = 0;
    (void)state;
    for (int i = 0; i < count; i++) {
        const char *below = "";
        for (int k = 0; k < i % 20; k++)
            below = apr_pstrcat(support_pool(), below, "/*/x/*", NULL);
        routes = TEXT("%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/"
                      "p%d%s\",\"/*%s/y%d\"]}",
                      routes, i > 0 ? "," : "", i, i, below, below, i);
        segments += 2 + (uint64_t)(i % 20) * 6 + 1;
    }
    (void)compiles(routes, segments); /* either way, and soon */
    routes = "";
    for (int i = 0; i < count; i++)
        routes = TEXT("%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/p%d/"
                      "a\",\"/*/x/*/%d\"]}",
                      routes, i > 0 ? "," : "", i, i, i);
    assert_true(compiles(routes, (uint64_t)count * 6));
}

static const char *long_crossing(int segments, int literals) {
    const char *routes = "";
    for (int i = 0; i < literals; i++) {
        const char *path = "";
        for (int k = 0; k < segments; k++)
            path = apr_pstrcat(support_pool(), path, k % literals == i ? "/x" : "/*", NULL);
        routes = TEXT("%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"%s/**\"]}",
                      routes, i > 0 ? "," : "", i, path);
    }
    return routes;
}

static void test_long_patterns(void **state) {
    (void)state;
    for (int literals = 2; literals < 40; literals += support_is_slow() ? 37 : 7)
        (void)compiles(long_crossing(63, literals), (uint64_t)literals * 64);
}

/* `routes` that share `hosts` hosts and have `each` long literals in paths that begin alike. */
static const char *long_routes(int routes, int hosts, int each) {
    apr_array_header_t *all = apr_array_make(support_pool(), 16, sizeof(const char *));
    apr_array_header_t *names = apr_array_make(support_pool(), 16, sizeof(const char *));
    char *text = apr_palloc(support_pool(), 8001);
    memset(text, 'x', 8000);
    text[8000] = '\0';
    for (int h = 0; h < hosts; h++) {
        APR_ARRAY_PUSH(names, const char *) = TEXT("\"h%d\"", h);
        APR_ARRAY_PUSH(all, const char *) = /* so that no two hosts are alike */
            TEXT(ROUTE("own%d", "\"h%d\"", "\"GET\"", "\"/own\""), h, h);
    }
    for (int r = 0; r < routes; r++) {
        apr_array_header_t *list = apr_array_make(support_pool(), 16, sizeof(const char *));
        for (int i = 0; i < each; i++)
            APR_ARRAY_PUSH(list, const char *) = TEXT("\"/%d-%d-%s/*\"", r, i, text);
        APR_ARRAY_PUSH(all, const char *) =
            TEXT("\"r%d\":{\"hosts\":[%s],\"methods\":[\"GET\"],\"paths\":[%s]}", r,
                 apr_array_pstrcat(support_pool(), names, ','),
                 apr_array_pstrcat(support_pool(), list, ','));
    }
    return apr_array_pstrcat(support_pool(), all, ',');
}

/* The server refuses an image in which it had to hash more than 1 GiB; none is made, and where that
 * is plain from one route, not even the states. */
static void test_literals_that_multiply(void **state) {
    static const struct {
        int routes;
        int hosts;
        int each;
    } rows[] = {{1, 1100, 130}, {2, 1100, 66}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows) && !support_is_slow(); i++) {
        mpol_diagnostics *found =
            build(TEXT("%s," ROUTE("a", "\"h1\"", "\"GET\"", "\"/short\""),
                       long_routes(rows[i].routes, rows[i].hosts, rows[i].each)));
        assert_null(paths);
        assert_int_equal(found->list->nelts, 1);
        const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
        assert_int_equal(d->code, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE);
        assert_string_equal(d->pointer, "/routes/r0");
    }
    build(long_routes(1, 20, 20));
    assert_non_null(paths);
    assert_true(automaton->literal_bytes > 20 * 20 * 8000);
}

/* Many patterns that do not cross may take many states. */
static void test_many_plain_patterns(void **state) {
    const int count = support_is_slow() ? 500 : 6000;
    apr_array_header_t *list = apr_array_make(support_pool(), count, sizeof(const char *));
    (void)state;
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(list, const char *) = TEXT("%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":["
                                                  "\"GET\"],\"paths\":[\"/a%d/{x}/b%d/c/d%d/**\"]}",
                                                  i > 0 ? "," : "", i, i, i, i);
    assert_true(compiles(apr_array_pstrcat(support_pool(), list, 0), (uint64_t)count * 6));
    assert_int_equal(automaton->states->nelts, 1 + 5 * count);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_of_one_pattern_share_an_endpoint),
        cmocka_unit_test(test_preflight_has_its_own_place),
        cmocka_unit_test(test_hosts_are_apart),
        cmocka_unit_test(test_the_most_specific_pattern_wins),
        cmocka_unit_test(test_patterns_that_cross_a_little),
        cmocka_unit_test(test_14_positions_compile_and_18_are_refused),
        cmocka_unit_test(test_the_bound_is_of_a_host),
        cmocka_unit_test(test_a_host_that_is_too_complex_behind_others),
        cmocka_unit_test(test_hosts_that_are_alike_share_their_states),
        cmocka_unit_test(test_each_host_that_is_too_complex),
        cmocka_unit_test(test_prefixes_over_crossing_patterns),
        cmocka_unit_test(test_long_patterns),
        cmocka_unit_test(test_literals_that_multiply),
        cmocka_unit_test(test_many_plain_patterns),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
