/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "compile/trie.h"

#include <apr_strings.h>

static const mpol_route *route;

/* A trie of the paths of one route; each slot is the index of the first pattern of its form. */
static mpol_trie *trie_of(const char *paths) {
    mpol_trie *trie = mpol_trie_make(support_pool());
    mpol_model *model = document_read(document_with(TEXT(
        "\"routes\":{\"r\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[%s]}}", paths)));
    route = MPOL_AT(model->routes, 0, mpol_route);
    for (int i = 0; i < route->patterns->nelts; i++) {
        uint32_t *slot = mpol_trie_slot(trie, MPOL_AT(route->patterns, i, mpol_pattern));
        if (*slot == MPOL_NONE)
            *slot = (uint32_t)i;
    }
    return trie;
}

static const mpol_trie_node_t *child(const mpol_trie *trie, const mpol_trie_node_t *node,
                                     const char *literal) {
    uint32_t at = mpol_trie_child(node, support_bytes(literal));
    assert_int_not_equal(at, MPOL_NONE);
    return mpol_trie_node(trie, at);
}

static void test_patterns_share_their_beginning(void **state) {
    const mpol_trie *trie = trie_of("\"/x/y\",\"/x/z\",\"/x/*\",\"/x/**\",\"/x\",\"/\"");
    const mpol_trie_node_t *root = mpol_trie_node(trie, MPOL_TRIE_ROOT);
    (void)state;
    assert_int_equal(trie->nodes->nelts, 6); /* root, x, y, z, one, the empty segment */
    const mpol_trie_node_t *x = child(trie, root, "x");
    assert_int_equal(x->end, 4);
    assert_int_equal(x->rest, 3);
    assert_int_equal(child(trie, x, "y")->end, 0);
    assert_int_equal(child(trie, x, "z")->end, 1);
    assert_int_equal(child(trie, root, "")->end, 5);
    assert_int_equal(mpol_trie_child(x, support_bytes("q")), MPOL_NONE);
    const mpol_trie_node_t *one = mpol_trie_node(trie, x->wild[MPOL_TRIE_WILD - 1]);
    assert_int_equal(one->end, 2);
    assert_int_equal(one->rest, MPOL_NONE);
    assert_int_equal(mpol_trie_child(one, support_bytes("q")), MPOL_NONE);
    assert_int_equal(root->end, MPOL_NONE);
}

/* In the order of their preference: uuid, int, hex, anything. */
static void test_each_type_of_wildcard_is_a_node(void **state) {
    const mpol_trie *trie = trie_of("\"/{a}\",\"/{a:hex}\",\"/{a:int}\",\"/{a:uuid}\",\"/*/x\"");
    const mpol_trie_node_t *root = mpol_trie_node(trie, MPOL_TRIE_ROOT);
    static const uint32_t slots[] = {3, 2, 1, 0};
    (void)state;
    assert_int_equal(MPOL_TRIE_WILD, COUNT_OF(slots));
    assert_int_equal(trie->nodes->nelts, 6);
    for (uint32_t i = 0; i < COUNT_OF(slots); i++)
        assert_int_equal(mpol_trie_node(trie, root->wild[i])->end, slots[i]);
    assert_null(root->children);
}

/* What captures are called makes no difference to where a pattern leads. */
static void test_one_form_is_one_slot(void **state) {
    mpol_trie *trie = trie_of("\"/{a}/{b:int}\",\"/*/{e:hex}\"");
    (void)state;
    assert_int_equal(trie->nodes->nelts, 4);
    mpol_model *other = document_read(document_with(
        "\"routes\":{\"r\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/*/{d:int}\"]}}"));
    const mpol_route *again = MPOL_AT(other->routes, 0, mpol_route);
    assert_int_equal(*mpol_trie_slot(trie, MPOL_AT(again->patterns, 0, mpol_pattern)), 0);
    assert_int_equal(trie->nodes->nelts, 4);
    assert_int_equal(mpol_trie_node(trie, 2)->end, 0);
    assert_int_equal(mpol_trie_node(trie, 3)->end, 1);
}

static void test_a_thousand_children(void **state) {
    const char *paths = "\"/c0\"";
    (void)state;
    for (int i = 1; i < 1000; i++)
        paths = TEXT("%s,\"/c%d\"", paths, i);
    const mpol_trie *trie = trie_of(paths);
    assert_int_equal(trie->nodes->nelts, 1001);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(child(trie, mpol_trie_node(trie, 0), TEXT("c%u", i))->end, i);
}

static void test_the_busiest_are_two_patterns(void **state) {
    const mpol_trie *trie = trie_of("\"/a/b/c\",\"/d/e\",\"/f\"");
    const mpol_pattern *most[2];
    (void)state;
    for (int i = 1; i < trie->nodes->nelts; i++)
        mpol_trie_node(trie, (uint32_t)i)->alive = 1;
    uint32_t f = mpol_trie_child(mpol_trie_node(trie, 0), support_bytes("f"));
    uint32_t a = mpol_trie_child(mpol_trie_node(trie, 0), support_bytes("a"));
    mpol_trie_node(trie, f)->alive = 5;
    mpol_trie_node(trie, a)->alive = 9;
    mpol_trie_node(trie, mpol_trie_child(mpol_trie_node(trie, a), support_bytes("b")))->alive = 8;
    mpol_trie_load load = mpol_trie_load_make(support_pool());
    mpol_trie_load_add(&load, trie);
    mpol_trie_busiest(&load, most);
    assert_string_equal(support_text(most[0]->text), "/a/b/c");
    assert_string_equal(support_text(most[1]->text), "/f"); /* not the first pattern again */
}

static void set_alive(const mpol_trie *trie, uint32_t alive) {
    for (int i = 0; i < trie->nodes->nelts; i++)
        mpol_trie_node(trie, (uint32_t)i)->alive = alive;
}

/* What a pattern takes in several tries adds up; one without a segment of its own counts too. */
static void test_the_busiest_of_several_tries(void **state) {
    const mpol_pattern *most[2];
    const mpol_pattern *pattern;
    mpol_trie_load load = mpol_trie_load_make(support_pool());
    (void)state;
    const mpol_trie *root = trie_of("\"/**\"");
    set_alive(root, 1);
    mpol_trie_load_add(&load, root);
    mpol_trie_busiest(&load, most);
    assert_string_equal(support_text(most[0]->text), "/**"); /* nothing but a root */
    assert_ptr_equal(most[0], most[1]);
    const mpol_trie *many = trie_of("\"/b\"");
    pattern = MPOL_AT(route->patterns, 0, mpol_pattern);
    set_alive(many, 3);
    mpol_trie *more = mpol_trie_make(support_pool());
    *mpol_trie_slot(more, pattern) = 0;
    set_alive(more, 3);
    const mpol_trie *one = trie_of("\"/c\"");
    set_alive(one, 5);
    mpol_trie_load_add(&load, one);
    mpol_trie_load_add(&load, many);
    mpol_trie_load_add(&load, more);
    mpol_trie_busiest(&load, most);
    assert_ptr_equal(most[0], pattern); /* 3 and 3 are more than 5 */
    assert_string_equal(support_text(most[1]->text), "/c");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_share_their_beginning),
        cmocka_unit_test(test_each_type_of_wildcard_is_a_node),
        cmocka_unit_test(test_one_form_is_one_slot),
        cmocka_unit_test(test_a_thousand_children),
        cmocka_unit_test(test_the_busiest_are_two_patterns),
        cmocka_unit_test(test_the_busiest_of_several_tries),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
