/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/trie.h"

static uint32_t add_node(mpol_trie *trie, const mpol_pattern *pattern) {
    mpol_trie_node_t *node = apr_array_push(trie->nodes);
    *node = (mpol_trie_node_t){.end = MPOL_NONE, .rest = MPOL_NONE, .pattern = pattern};
    for (int i = 0; i < MPOL_TRIE_WILD; i++)
        node->wild[i] = MPOL_NONE;
    return (uint32_t)trie->nodes->nelts - 1;
}

mpol_trie *mpol_trie_make(apr_pool_t *pool) {
    mpol_trie *trie = apr_palloc(pool, sizeof *trie);
    trie->pool = pool;
    trie->nodes = apr_array_make(pool, 16, sizeof(mpol_trie_node_t));
    (void)add_node(trie, NULL);
    return trie;
}

uint32_t mpol_trie_child(const mpol_trie_node_t *node, mpol_bytes literal) {
    if (node->children == NULL)
        return MPOL_NONE;
    return (uint32_t)((uintptr_t)apr_hash_get(node->children, literal.data, literal.len) - 1);
}

static uint32_t take_literal(mpol_trie *trie, uint32_t at, const mpol_segment *segment,
                             const mpol_pattern *pattern) {
    uint32_t child = mpol_trie_child(mpol_trie_node(trie, at), segment->literal);
    if (child != MPOL_NONE)
        return child;
    child = add_node(trie, pattern);
    mpol_trie_node_t *node = mpol_trie_node(trie, at);
    if (node->children == NULL)
        node->children = apr_hash_make(trie->pool);
    apr_hash_set(node->children, segment->literal.data, segment->literal.len,
                 (void *)((uintptr_t)child + 1));
    return child;
}

static uint32_t take_wild(mpol_trie *trie, uint32_t at, mpol_segment_type type,
                          const mpol_pattern *pattern) {
    int wild = (int)type - MPOL_SEGMENT_UUID;
    if (mpol_trie_node(trie, at)->wild[wild] == MPOL_NONE) {
        uint32_t child = add_node(trie, pattern);
        mpol_trie_node(trie, at)->wild[wild] = child;
    }
    return mpol_trie_node(trie, at)->wild[wild];
}

uint32_t *mpol_trie_slot(mpol_trie *trie, const mpol_pattern *pattern) {
    uint32_t at = MPOL_TRIE_ROOT;
    for (int i = 0; i < pattern->segments->nelts; i++) {
        const mpol_segment *segment = MPOL_AT(pattern->segments, i, mpol_segment);
        if (segment->type == MPOL_SEGMENT_REST)
            return &mpol_trie_node(trie, at)->rest;
        at = segment->type == MPOL_SEGMENT_LITERAL ? take_literal(trie, at, segment, pattern)
                                                   : take_wild(trie, at, segment->type, pattern);
    }
    return &mpol_trie_node(trie, at)->end;
}

void mpol_trie_busiest(const mpol_trie *trie, const mpol_pattern *most[2]) {
    const mpol_trie_node_t *first = NULL;
    const mpol_trie_node_t *second = NULL;
    for (int i = 1; i < trie->nodes->nelts; i++) {
        const mpol_trie_node_t *node = MPOL_AT(trie->nodes, i, mpol_trie_node_t);
        if (first == NULL || node->alive > first->alive) {
            if (first == NULL || node->pattern != first->pattern)
                second = first;
            first = node;
        } else if (node->pattern != first->pattern &&
                   (second == NULL || node->alive > second->alive)) {
            second = node;
        }
    }
    most[0] = first->pattern;
    most[1] = second != NULL ? second->pattern : first->pattern;
}
