/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/trie.h"

#include <apr_strings.h>

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
    trie->literal_bytes = 0;
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
    trie->literal_bytes += segment->literal.len;
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
    mpol_trie_node_t *root = mpol_trie_node(trie, MPOL_TRIE_ROOT);
    if (root->pattern == NULL)
        root->pattern = pattern;
    for (int i = 0; i < pattern->segments->nelts; i++) {
        const mpol_segment *segment = MPOL_AT(pattern->segments, i, mpol_segment);
        if (segment->type == MPOL_SEGMENT_REST)
            return &mpol_trie_node(trie, at)->rest;
        at = segment->type == MPOL_SEGMENT_LITERAL ? take_literal(trie, at, segment, pattern)
                                                   : take_wild(trie, at, segment->type, pattern);
    }
    return &mpol_trie_node(trie, at)->end;
}

typedef struct pattern_load {
    const mpol_pattern *pattern;
    uint64_t states;
    uint32_t here; /* in the trie that is being added */
} pattern_load;

mpol_trie_load mpol_trie_load_make(apr_pool_t *pool) {
    return (mpol_trie_load){pool, apr_hash_make(pool),
                            apr_array_make(pool, 16, sizeof(pattern_load))};
}

static pattern_load *load_of(mpol_trie_load *load, const mpol_pattern *pattern) {
    uintptr_t found = (uintptr_t)apr_hash_get(load->of, &pattern, sizeof pattern);
    if (found != 0)
        return MPOL_AT(load->all, (int)(found - 1), pattern_load);
    const mpol_pattern **key = apr_pmemdup(load->pool, &pattern, sizeof pattern);
    apr_hash_set(load->of, key, sizeof *key, (void *)((uintptr_t)load->all->nelts + 1));
    pattern_load *made = apr_array_push(load->all);
    *made = (pattern_load){.pattern = pattern};
    return made;
}

void mpol_trie_load_add(mpol_trie_load *load, const mpol_trie *trie) {
    EACH (trie->nodes, mpol_trie_node_t, node) {
        pattern_load *of = node->pattern != NULL ? load_of(load, node->pattern) : NULL;
        if (of != NULL && node->alive > of->here)
            of->here = node->alive;
    }
    EACH (trie->nodes, mpol_trie_node_t, node) {
        pattern_load *of = node->pattern != NULL ? load_of(load, node->pattern) : NULL;
        if (of != NULL) {
            of->states += of->here;
            of->here = 0;
        }
    }
}

void mpol_trie_busiest(const mpol_trie_load *load, const mpol_pattern *most[2]) {
    const pattern_load *first = MPOL_AT(load->all, 0, pattern_load);
    const pattern_load *second = NULL;
    for (int i = 1; i < load->all->nelts; i++) {
        const pattern_load *here = MPOL_AT(load->all, i, pattern_load);
        if (here->states > first->states) {
            second = first;
            first = here;
        } else if (second == NULL || here->states > second->states) {
            second = here;
        }
    }
    most[0] = first->pattern;
    most[1] = second != NULL ? second->pattern : first->pattern;
}
