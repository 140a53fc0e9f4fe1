/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's automaton; how a host's paths use it is in test_paths.c, how names do in
 * test_names_table.c. */
#include "documents.h"

#include "compile/automaton.h"
#include "match/automaton.h"

#include <apr_strings.h>
#include <string.h>

static mpol_trie *trie_of(const char *paths) {
    mpol_trie *trie = mpol_trie_make(support_pool());
    mpol_model *model = document_read(document_with(TEXT(
        "\"routes\":{\"r\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[%s]}}", paths)));
    const mpol_route *route = MPOL_AT(model->routes, 0, mpol_route);
    for (int i = 0; i < route->patterns->nelts; i++)
        *mpol_trie_slot(trie, MPOL_AT(route->patterns, i, mpol_pattern)) = (uint32_t)i;
    return trie;
}

/* Several slots as bits. */
static uint32_t bits_of(void *context, const uint32_t *slots, int count) {
    uint32_t bits = 0;
    (void)context;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(bits & (1u << slots[i]), 0); /* each once */
        bits |= 1u << slots[i];
    }
    return bits;
}

static const mpol_state *state_at(const mpol_automaton *automaton, uint32_t index) {
    return MPOL_AT(automaton->states, (int)index, mpol_state);
}

static uint32_t narrowed(const mpol_automaton *automaton, const mpol_state *here,
                         mpol_bytes segment) {
    static const int at[] = {[MPOL_FORM_UUID] = 0, [MPOL_FORM_INT] = 1, [MPOL_FORM_HEX] = 2};
    mpol_segment_form form = mpol_segment_form_of(segment);
    uint32_t targets[3];
    if (here->narrow == MPOL_NONE || form == MPOL_FORM_OTHER)
        return here->other;
    memcpy(targets, MPOL_AT(automaton->narrows->items, (int)here->narrow, mpol_bytes)->data,
           sizeof targets);
    return targets[at[form]];
}

/* Walk by the rules of docs/FORMAT.md 9; what is meant at the end. */
static uint32_t walk(const mpol_automaton *automaton, uint32_t start, const char *path) {
    uint32_t state = start;
    for (const char *at = path; *at == '/'; at += strcspn(at + 1, "/") + 1) {
        mpol_bytes segment = {(const uint8_t *)at + 1, (uint32_t)strcspn(at + 1, "/")};
        const mpol_state *here = state_at(automaton, state);
        uint32_t next = segment.len > 0 ? narrowed(automaton, here, segment) : MPOL_NONE;
        for (uint32_t i = here->first_edge; i < here->first_edge + here->edge_count; i++)
            if (mpol_bytes_equal(MPOL_AT(automaton->edges, (int)i, mpol_edge)->literal, segment))
                next = MPOL_AT(automaton->edges, (int)i, mpol_edge)->target;
        if (next == MPOL_NONE)
            return here->tail;
        state = next;
    }
    return state_at(automaton, state)->end;
}

/* One step a segment, and never back: each state has one place for each segment, behind itself. */
static void check_structure(const mpol_automaton *automaton) {
    uint32_t edges = 0;
    for (uint32_t i = 0; i < (uint32_t)automaton->states->nelts; i++) {
        const mpol_state *here = state_at(automaton, i);
        assert_true(here->other == MPOL_NONE || here->other > i);
        assert_int_equal(here->first_edge, edges);
        edges += here->edge_count;
        for (uint32_t e = here->first_edge; e < edges; e++) {
            const mpol_edge *edge = MPOL_AT(automaton->edges, (int)e, mpol_edge);
            const mpol_edge *before = edge - 1;
            assert_true(edge->target == MPOL_NONE || edge->target > i);
            assert_true(edge->hash == mpol_bytes_hash(edge->literal));
            if (e > here->first_edge)
                assert_true(before->hash < edge->hash ||
                            (before->hash == edge->hash &&
                             mpol_bytes_compare(before->literal, edge->literal) < 0));
        }
        if (here->narrow == MPOL_NONE)
            continue;
        const mpol_bytes *targets =
            MPOL_AT(automaton->narrows->items, (int)here->narrow, mpol_bytes);
        for (int k = 0; k < 3; k++) {
            uint32_t target = mpol_read_u32(targets->data + 4 * k);
            assert_true(target == MPOL_NONE || target > i);
        }
    }
    assert_int_equal(edges, automaton->edges->nelts);
}

static uint32_t add(mpol_automaton *automaton, const char *paths, bool first_only) {
    mpol_automaton_rules rules = {.first_only = first_only,
                                  .limit = mpol_automaton_limit(0),
                                  .meaning = first_only ? NULL : bits_of};
    uint32_t start = mpol_automaton_add(automaton, trie_of(paths), &rules);
    assert_int_not_equal(start, MPOL_NONE);
    check_structure(automaton);
    return start;
}

#define CROSSING "\"/a/b\",\"/a/*\",\"/*/b\",\"/a/**\",\"/**\",\"/a\""

static void test_the_first_pattern_counts(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    uint32_t start = add(automaton, CROSSING, true);
    (void)state;
    assert_int_equal(walk(automaton, start, "/a/b"), 0);
    assert_int_equal(walk(automaton, start, "/a/c"), 1);
    assert_int_equal(walk(automaton, start, "/c/b"), 2);
    assert_int_equal(walk(automaton, start, "/a"), 5);
    assert_int_equal(walk(automaton, start, "/a/"), 3);
    assert_int_equal(walk(automaton, start, "/a/b/c"), 3);
    assert_int_equal(walk(automaton, start, "/c/c"), 4);
    assert_int_equal(walk(automaton, start, "/"), 4);
}

static void test_all_patterns_count(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    uint32_t start = add(automaton, CROSSING, false);
    (void)state;
    assert_int_equal(walk(automaton, start, "/a/b"), 0x1f);
    assert_int_equal(walk(automaton, start, "/a/c"), 0x1a);
    assert_int_equal(walk(automaton, start, "/c/b"), 0x14);
    assert_int_equal(walk(automaton, start, "/a"), 0x38);
    assert_int_equal(walk(automaton, start, "/a/b/c"), 0x18);
    assert_int_equal(walk(automaton, start, "/c"), 0x10);
    assert_int_equal(walk(automaton, start, "/"), 0x10);
}

static void test_forms_of_segments(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    uint32_t start =
        add(automaton, "\"/{a:uuid}\",\"/{a:int}\",\"/{a:hex}\",\"/{a}\",\"/7\"", false);
    (void)state;
    assert_int_equal(walk(automaton, start, "/00000000-0000-0000-0000-00000000000A"), 9);
    assert_int_equal(walk(automaton, start, "/12"), 14);
    assert_int_equal(walk(automaton, start, "/1f"), 12);
    assert_int_equal(walk(automaton, start, "/x"), 8);
    assert_int_equal(walk(automaton, start, "/7"), 30); /* a literal has a form too */
    assert_int_equal(walk(automaton, start, "/"), MPOL_NONE);
}

/* Several tries share a table, and each finds its own. */
static void test_tries_in_one_table(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    uint32_t first = add(automaton, "\"/a/*\"", true);
    uint32_t second = add(automaton, "\"/b\",\"/a/*\"", true);
    (void)state;
    assert_int_equal(first, 0);
    assert_true(second > first);
    assert_int_equal(walk(automaton, first, "/a/x"), 0);
    assert_int_equal(walk(automaton, second, "/a/x"), 1);
    assert_int_equal(walk(automaton, first, "/b"), MPOL_NONE);
    assert_int_equal(walk(automaton, second, "/b"), 0);
}

/* What can never win takes no states: behind `**` nothing less specific is looked at. */
static void test_what_cannot_win_is_dropped(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    uint32_t start = add(automaton, "\"/a/**\",\"/*/b/c/d/e\"", true);
    (void)state;
    assert_int_equal(walk(automaton, start, "/a/b/c/d/e"), 0);
    assert_int_equal(walk(automaton, start, "/x/b/c/d/e"), 1);
    assert_int_equal(automaton->states->nelts, 1 + 1 + 5); /* root, a, and five of the other */
    automaton = mpol_automaton_make(support_pool());
    start = add(automaton, "\"/a/**\",\"/*/b/c/d/e\"", false);
    assert_int_equal(walk(automaton, start, "/a/b/c/d/e"), 3);
}

static void test_limits(void **state) {
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    mpol_automaton_rules rules = {.first_only = true, .limit = 3};
    (void)state;
    assert_int_equal(mpol_automaton_limit(0), 65536);
    assert_int_equal(mpol_automaton_limit(4096), 65536);
    assert_int_equal(mpol_automaton_limit(4097), 65552);
    assert_int_equal(mpol_automaton_limit(UINT32_MAX), 0x10000000);
    assert_int_equal(mpol_automaton_add(automaton, trie_of("\"/a/b\""), &rules), 0);
    automaton = mpol_automaton_make(support_pool());
    assert_int_equal(mpol_automaton_add(automaton, trie_of("\"/a/b/c\""), &rules), MPOL_NONE);
}

/* At most 1,024 nodes are alive in one state. */
static void test_most_alive(void **state) {
    mpol_automaton_rules rules = {.limit = mpol_automaton_limit(0), .meaning = NULL};
    (void)state;
    for (int bits = 10; bits <= 11; bits++) {
        const char *paths = "";
        for (int i = 0; i < 1 << bits; i++) {
            const char *path = "";
            for (int k = 0; k < bits; k++)
                path = apr_pstrcat(support_pool(), path, (i & (1 << k)) != 0 ? "/x" : "/*", NULL);
            paths = apr_pstrcat(support_pool(), paths, i > 0 ? "," : "", "\"", path, "\"", NULL);
        }
        uint32_t start =
            mpol_automaton_add(mpol_automaton_make(support_pool()), trie_of(paths), &rules);
        assert_int_equal(start, bits == 10 ? 0 : MPOL_NONE);
    }
}

/* States that cross, each with the same long literals: the check of an image would hash them all.
 */
static void test_literals_too_long_together(void **state) {
    const int depth = 12;
    apr_array_header_t *all = apr_array_make(support_pool(), 64, sizeof(const char *));
    mpol_automaton_rules rules = {.first_only = true, .limit = mpol_automaton_limit(0)};
    mpol_automaton *automaton = mpol_automaton_make(support_pool());
    char *text = apr_palloc(support_pool(), 8001);
    (void)state;
    if (support_is_slow())
        return;
    memset(text, 'x', 8000);
    text[8000] = '\0';
    for (int i = 0; i < depth; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        APR_ARRAY_PUSH(all, const char *) = TEXT("\"%s\"", path);
    }
    for (int i = 0; i < 40; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, "/*", NULL);
        APR_ARRAY_PUSH(all, const char *) = TEXT("\"%s/%d%s\"", path, i, text);
    }
    assert_int_equal(mpol_automaton_add(automaton, trie_of("\"/ab/cd\",\"/ab/*\""), &rules), 0);
    assert_int_equal(automaton->literal_bytes, 4);
    assert_false(mpol_automaton_is_large(automaton));
    assert_int_equal(
        mpol_automaton_add(automaton, trie_of(apr_array_pstrcat(support_pool(), all, ',')), &rules),
        MPOL_NONE);
    assert_true(mpol_automaton_is_large(automaton));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_pattern_counts),
        cmocka_unit_test(test_all_patterns_count),
        cmocka_unit_test(test_forms_of_segments),
        cmocka_unit_test(test_tries_in_one_table),
        cmocka_unit_test(test_what_cannot_win_is_dropped),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_most_alive),
        cmocka_unit_test(test_literals_too_long_together),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
