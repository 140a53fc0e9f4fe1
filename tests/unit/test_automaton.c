/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/automaton.h"
#include "compile/trie.h"

#include <apr_strings.h>
#include <string.h>

static mpol_model *read_routes(const char *routes) {
    mpol_model *model;
    mpol_diagnostics *found =
        support_read(apr_pstrcat(support_pool(), "{ \"name\": \"x\", \"routes\": {", routes, "} }", NULL), &model);
    if (found->errors > 0)
        fail_msg("%s", MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    return model;
}

static const mpol_automaton *build(const char *routes) {
    mpol_diagnostics *found = mpol_diagnostics_make(support_pool(), "x", support_bytes(""));
    const mpol_automaton *automaton = mpol_automaton_build(support_pool(), read_routes(routes), found);
    assert_non_null(automaton);
    assert_int_equal(found->list->nelts, 0);
    return automaton;
}

#define ROUTE(name, path) "\"" name "\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"" path "\"] }"

static const mpol_state *state_at(const mpol_automaton *automaton, uint32_t index) {
    return MPOL_AT(automaton->states, (int)index, mpol_state);
}

/* Walk by the rules of docs/FORMAT.md 9; the pattern of the endpoint, "" without one. */
static const char *walk(const mpol_automaton *automaton, const char *path) {
    uint32_t state = automaton->any_host;
    uint32_t end = MPOL_NONE;
    for (const char *at = path; end == MPOL_NONE && *at == '/'; at += strcspn(at + 1, "/") + 1) {
        mpol_bytes segment = {(const uint8_t *)at + 1, (uint32_t)strcspn(at + 1, "/")};
        const mpol_state *here = state_at(automaton, state);
        uint32_t next = segment.len > 0 ? here->other : MPOL_NONE;
        for (uint32_t i = here->first_edge; i < here->first_edge + here->edge_count; i++)
            if (mpol_bytes_equal(MPOL_AT(automaton->edges, (int)i, mpol_edge)->literal, segment))
                next = MPOL_AT(automaton->edges, (int)i, mpol_edge)->target;
        if (next == MPOL_NONE) {
            end = here->tail;
            return end == MPOL_NONE ? "" : support_text(MPOL_AT(automaton->endpoints, (int)end, mpol_endpoint)->pattern);
        }
        state = next;
    }
    end = state_at(automaton, state)->end;
    return end == MPOL_NONE ? "" : support_text(MPOL_AT(automaton->endpoints, (int)end, mpol_endpoint)->pattern);
}

static void test_priority(void **state) {
    const mpol_automaton *automaton = build(ROUTE("a", "/a/b") "," ROUTE("b", "/a/*") "," ROUTE("c", "/*/b") "," ROUTE("d", "/a/**") "," ROUTE(
        "e", "/**") "," ROUTE("f", "/a"));
    (void)state;
    assert_string_equal(walk(automaton, "/a/b"), "/a/b");
    assert_string_equal(walk(automaton, "/a/c"), "/a/*");
    assert_string_equal(walk(automaton, "/c/b"), "/*/b");
    assert_string_equal(walk(automaton, "/a"), "/a");
    assert_string_equal(walk(automaton, "/a/"), "/a/**");
    assert_string_equal(walk(automaton, "/a/b/c"), "/a/**");
    assert_string_equal(walk(automaton, "/c/c"), "/**");
    assert_string_equal(walk(automaton, "/"), "/**");
}

static void test_the_rest_takes_nothing_too(void **state) {
    const mpol_automaton *automaton = build(ROUTE("a", "/a/**") "," ROUTE("b", "/b/*/**"));
    (void)state;
    assert_string_equal(walk(automaton, "/a"), "/a/**");
    assert_string_equal(walk(automaton, "/a/"), "/a/**");
    assert_string_equal(walk(automaton, "/a/x/y/"), "/a/**");
    assert_string_equal(walk(automaton, "/b"), "");
    assert_string_equal(walk(automaton, "/b/"), "");
    assert_string_equal(walk(automaton, "/b/x"), "/b/*/**");
    assert_string_equal(walk(automaton, "/b/x/"), "/b/*/**");
    assert_string_equal(walk(automaton, "/"), "");
}

static void test_trailing_slashes(void **state) {
    const mpol_automaton *automaton = build(ROUTE("a", "/") "," ROUTE("b", "/a/") "," ROUTE("c", "/*/") "," ROUTE("d", "/*"));
    (void)state;
    assert_string_equal(walk(automaton, "/"), "/");
    assert_string_equal(walk(automaton, "/a"), "/*");
    assert_string_equal(walk(automaton, "/a/"), "/a/");
    assert_string_equal(walk(automaton, "/b/"), "/*/");
    assert_string_equal(walk(automaton, "/b/c"), "");
}

static void test_crossing_wildcards(void **state) {
    const mpol_automaton *automaton = build(ROUTE("a", "/a/*/c") "," ROUTE("b", "/*/b/c") "," ROUTE("c", "/*/b/d") "," ROUTE("d", "/*/*/**"));
    (void)state;
    assert_string_equal(walk(automaton, "/a/b/c"), "/a/*/c");
    assert_string_equal(walk(automaton, "/x/b/c"), "/*/b/c");
    assert_string_equal(walk(automaton, "/a/b/d"), "/*/b/d");
    assert_string_equal(walk(automaton, "/a/x/d"), "/*/*/**");
    assert_string_equal(walk(automaton, "/a/b/c/x"), "/*/*/**");
    assert_string_equal(walk(automaton, "/a"), "");
}

static void test_captures_are_wildcards(void **state) {
    const mpol_automaton *automaton =
        build("\"r\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/{b}\"] },"
              "\"s\": { \"hosts\": [\"*\"], \"methods\": [\"PUT\"], \"paths\": [\"/{a}\"] },"
              "\"t\": { \"hosts\": [\"*\"], \"methods\": [\"POST\"], \"paths\": [\"/*\"] }");
    (void)state;
    assert_int_equal(automaton->endpoints->nelts, 1); /* the lowest spelling stands for all */
    assert_string_equal(walk(automaton, "/x"), "/*");
    const mpol_endpoint *endpoint = MPOL_AT(automaton->endpoints, 0, mpol_endpoint);
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT"};
    assert_int_equal(endpoint->methods->nelts, COUNT_OF(methods));
    for (int i = 0; i < endpoint->methods->nelts; i++)
        assert_string_equal(support_text(MPOL_AT(endpoint->methods, i, mpol_method)->name), methods[i]);
}

static void test_states_lead_forward(void **state) {
    const mpol_automaton *automaton = build(ROUTE("a", "/a/*/c") "," ROUTE("b", "/*/b/**") "," ROUTE("c", "/a/b/c/d"));
    (void)state;
    for (int i = 0; i < automaton->states->nelts; i++) {
        const mpol_state *here = state_at(automaton, (uint32_t)i);
        assert_true(here->other == MPOL_NONE || here->other > (uint32_t)i);
        for (uint32_t e = here->first_edge; e < here->first_edge + here->edge_count; e++)
            assert_true(MPOL_AT(automaton->edges, (int)e, mpol_edge)->target > (uint32_t)i);
    }
}

static void test_hosts_are_apart(void **state) {
    const mpol_automaton *automaton = build("\"r\": { \"hosts\": [\"b\", \"a\"], \"methods\": [\"GET\"], \"paths\": [\"/x\"] }");
    (void)state;
    assert_int_equal(automaton->hosts->nelts, 2);
    assert_int_equal(automaton->any_host, MPOL_NONE);
    assert_true(MPOL_AT(automaton->hosts, 0, mpol_host)->hash < MPOL_AT(automaton->hosts, 1, mpol_host)->hash);
    assert_int_not_equal(MPOL_AT(automaton->hosts, 0, mpol_host)->state, MPOL_AT(automaton->hosts, 1, mpol_host)->state);
    assert_int_equal(build("")->states->nelts, 0);
}

/* A pattern per position of a literal in a path of `depth` segments: each subset of those already passed is
 * a state of its own, 2^depth of them. */
static const char *crossing_routes(int depth) {
    const char *routes = "";
    for (int i = 0; i < depth; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        routes = apr_psprintf(support_pool(), "%s%s\"r%02d\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"%s/y%02d\"] }",
                              routes, i > 0 ? "," : "", i, path, i);
    }
    return routes;
}

static void test_patterns_that_cross_a_little(void **state) {
    const mpol_automaton *automaton = build(crossing_routes(6));
    (void)state;
    assert_string_equal(walk(automaton, "/x/x/x/x/x/x/y03"), "/*/*/*/x/*/*/y03");
    assert_string_equal(walk(automaton, "/x/x/x/q/x/x/y03"), "");
    assert_string_equal(walk(automaton, "/q/q/q/x/q/q/y03"), "/*/*/*/x/*/*/y03");
}

static void test_patterns_that_cross_too_often(void **state) {
    mpol_model *model = read_routes(crossing_routes(18));
    mpol_diagnostics *found = mpol_diagnostics_make(support_pool(), "x", support_bytes(""));
    (void)state;
    assert_null(mpol_automaton_build(support_pool(), model, found));
    assert_int_equal(found->list->nelts, 1);
    const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
    assert_int_equal(d->code, MPOL_DIAGNOSTIC_ROUTE_TOO_COMPLEX);
    assert_int_equal(strncmp(d->pointer, "/routes/r", 9), 0);
    assert_non_null(strstr(d->pointer, "/paths/0"));
    assert_true(d->offset > 0);
    const char *first = strstr(d->text, "\"/");
    assert_non_null(first);
    const char *second = strstr(first + 1, "\"/");
    assert_non_null(second);
    size_t len = strcspn(first + 1, "\"");
    assert_true(len != strcspn(second + 1, "\"") || strncmp(first, second, len) != 0); /* two patterns, not one twice */
}

/* Many patterns that do not cross may take many states. */
static void test_many_plain_patterns(void **state) {
    const int count = support_is_slow() ? 500 : 6000;
    apr_array_header_t *parts = apr_array_make(support_pool(), count, sizeof(const char *));
    (void)state;
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(support_pool(), "%s\"r%d\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/a%d/{x}/b%d/c/d%d/**\"] }",
                         i > 0 ? "," : "", i, i, i, i);
    const mpol_automaton *automaton = build(apr_array_pstrcat(support_pool(), parts, 0));
    assert_int_equal(automaton->states->nelts, 1 + 5 * count);
    assert_string_equal(walk(automaton, "/a77/q/b77/c/d77/e"), "/a77/{x}/b77/c/d77/**");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_the_rest_takes_nothing_too),
        cmocka_unit_test(test_trailing_slashes),
        cmocka_unit_test(test_crossing_wildcards),
        cmocka_unit_test(test_captures_are_wildcards),
        cmocka_unit_test(test_states_lead_forward),
        cmocka_unit_test(test_hosts_are_apart),
        cmocka_unit_test(test_patterns_that_cross_a_little),
        cmocka_unit_test(test_patterns_that_cross_too_often),
        cmocka_unit_test(test_many_plain_patterns),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
