/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/trie.h"

#include <apr_strings.h>

static mpol_model *model;

static mpol_tries *tries_of(const char *routes, apr_array_header_t **endpoints) {
    mpol_diagnostics *found =
        support_read(apr_pstrcat(support_pool(), "{ \"name\": \"x\", \"routes\": {", routes, "} }", NULL), &model);
    assert_int_equal(found->errors, 0);
    *endpoints = apr_array_make(support_pool(), 4, sizeof(mpol_endpoint));
    return mpol_tries_make(support_pool(), model, *endpoints);
}

#define ROUTE(name, hosts, methods, paths)                                                         \
    "\"" name "\": { \"hosts\": [" hosts "], \"methods\": [" methods "], \"paths\": [" paths "] }"

static void test_patterns_share_their_beginning(void **state) {
    apr_array_header_t *endpoints;
    mpol_tries *tries = tries_of(ROUTE("r", "\"a\"", "\"GET\"", "\"/x/y\", \"/x/z\", \"/x/*\", \"/x/**\", \"/x\", \"/\""), &endpoints);
    const mpol_trie *trie = mpol_tries_host(tries, support_bytes("a"));
    (void)state;
    assert_int_equal(endpoints->nelts, 6);
    assert_int_equal(trie->nodes->nelts, 6); /* root, x, y, z, one, the empty segment */
    uint32_t x = mpol_trie_child(mpol_trie_node(trie, MPOL_TRIE_ROOT), support_bytes("x"));
    assert_int_not_equal(x, MPOL_NONE);
    const mpol_trie_node_t *node = mpol_trie_node(trie, x);
    assert_int_not_equal(node->end, MPOL_NONE);
    assert_int_not_equal(node->rest, MPOL_NONE);
    assert_int_not_equal(node->one, MPOL_NONE);
    assert_int_equal(mpol_trie_child(node, support_bytes("q")), MPOL_NONE);
    assert_int_equal(mpol_trie_child(mpol_trie_node(trie, node->one), support_bytes("q")), MPOL_NONE);
    uint32_t empty = mpol_trie_child(mpol_trie_node(trie, MPOL_TRIE_ROOT), support_bytes(""));
    assert_int_not_equal(mpol_trie_node(trie, empty)->end, MPOL_NONE);
}

static void test_routes_of_one_pattern_share_an_endpoint(void **state) {
    apr_array_header_t *endpoints;
    mpol_tries *tries = tries_of(ROUTE("r", "\"a\"", "\"GET\"", "\"/{z}\"") "," ROUTE("s", "\"a\"", "\"PUT\", \"DELETE\"", "\"/{b}\"") ","
                                 ROUTE("t", "\"b\"", "\"*\"", "\"/{b}\""), &endpoints);
    (void)state;
    assert_int_equal(endpoints->nelts, 2);
    const mpol_trie *a = mpol_tries_host(tries, support_bytes("a"));
    const mpol_endpoint *shared = MPOL_AT(endpoints, (int)mpol_trie_node(a, 1)->end, mpol_endpoint);
    assert_string_equal(support_text(shared->pattern), "/{b}");
    assert_int_equal(shared->any_route, MPOL_NONE);
    static const char *const names[] = {"DELETE", "GET", "HEAD", "PUT"};
    static const uint32_t routes[] = {1, 0, 0, 1};
    assert_int_equal(shared->methods->nelts, COUNT_OF(names));
    for (int i = 0; i < shared->methods->nelts; i++) {
        assert_string_equal(support_text(MPOL_AT(shared->methods, i, mpol_method)->name), names[i]);
        assert_int_equal(MPOL_AT(shared->methods, i, mpol_method)->route, routes[i]);
    }
    const mpol_trie *b = mpol_tries_host(tries, support_bytes("b"));
    const mpol_endpoint *any = MPOL_AT(endpoints, (int)mpol_trie_node(b, 1)->end, mpol_endpoint);
    assert_int_equal(any->any_route, 2);
    assert_int_equal(any->methods->nelts, 0);
}

static void test_a_host_that_no_route_names_has_no_trie(void **state) {
    apr_array_header_t *endpoints;
    mpol_tries *tries = tries_of(ROUTE("r", "\"a\"", "\"GET\"", "\"/\""), &endpoints);
    (void)state;
    assert_null(mpol_tries_host(tries, support_bytes("b")));
    assert_null(mpol_tries_host(tries, support_bytes("*")));
}

static void test_the_busiest_are_two_patterns(void **state) {
    apr_array_header_t *endpoints;
    mpol_tries *tries = tries_of(ROUTE("r", "\"a\"", "\"GET\"", "\"/a/b/c\", \"/d/e\", \"/f\""), &endpoints);
    const mpol_trie *trie = mpol_tries_host(tries, support_bytes("a"));
    const mpol_pattern *most[2];
    (void)state;
    for (int i = 1; i < trie->nodes->nelts; i++)
        mpol_trie_node(trie, (uint32_t)i)->alive = 1;
    uint32_t f = mpol_trie_child(mpol_trie_node(trie, 0), support_bytes("f"));
    uint32_t a = mpol_trie_child(mpol_trie_node(trie, 0), support_bytes("a"));
    mpol_trie_node(trie, f)->alive = 5;
    mpol_trie_node(trie, a)->alive = 9;
    mpol_trie_node(trie, mpol_trie_child(mpol_trie_node(trie, a), support_bytes("b")))->alive = 8;
    mpol_trie_busiest(trie, most);
    assert_string_equal(support_text(most[0]->text), "/a/b/c");
    assert_string_equal(support_text(most[1]->text), "/f"); /* not the first pattern again */
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_share_their_beginning),
        cmocka_unit_test(test_routes_of_one_pattern_share_an_endpoint),
        cmocka_unit_test(test_a_host_that_no_route_names_has_no_trie),
        cmocka_unit_test(test_the_busiest_are_two_patterns),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
