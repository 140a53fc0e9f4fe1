/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_TRIE_H
#define MPOL_COMPILE_TRIE_H
/* Patterns, shared from the left: what an automaton is made of. */

#include "model/model.h"

#include <stdbool.h>

#define MPOL_TRIE_ROOT 0u
/* Types of wildcard, in the order of their preference: from MPOL_SEGMENT_UUID to
 * MPOL_SEGMENT_ONE. */
enum { MPOL_TRIE_WILD = MPOL_SEGMENT_ONE - MPOL_SEGMENT_UUID + 1 };

typedef struct mpol_trie_node_t {
    apr_hash_t *children;          /* literal -> node + 1; NULL without any */
    uint32_t wild[MPOL_TRIE_WILD]; /* node behind a wildcard of each type, or MPOL_NONE */
    uint32_t end;                  /* slot of the pattern that ends here, or MPOL_NONE */
    uint32_t rest;                 /* slot of the pattern that goes on with `**`, or MPOL_NONE */
    uint32_t alive;                /* states of the automaton that hold this node */
    const mpol_pattern *pattern;   /* the first that passes here; of the root NULL at first */
} mpol_trie_node_t;

typedef struct mpol_trie {
    apr_pool_t *pool;
    apr_array_header_t *nodes; /* mpol_trie_node_t */
    uint64_t literal_bytes;    /* of all literal children: each is at least one edge of a state */
} mpol_trie;

mpol_trie *mpol_trie_make(apr_pool_t *pool);

static inline mpol_trie_node_t *mpol_trie_node(const mpol_trie *trie, uint32_t index) {
    return MPOL_AT(trie->nodes, (int)index, mpol_trie_node_t);
}

/* The slot of a pattern, MPOL_NONE when it is the first of its form: the caller numbers them. Valid
 * until the next call. */
uint32_t *mpol_trie_slot(mpol_trie *trie, const mpol_pattern *pattern);

/* The child behind a literal, or MPOL_NONE. */
uint32_t mpol_trie_child(const mpol_trie_node_t *node, mpol_bytes literal);

/* In how many states patterns are alive, over several tries. */
typedef struct mpol_trie_load {
    apr_pool_t *pool;
    apr_hash_t *of;          /* pattern -> index + 1 */
    apr_array_header_t *all; /* one for each, in the order in which they came */
} mpol_trie_load;

mpol_trie_load mpol_trie_load_make(apr_pool_t *pool);

/* Add what the patterns of a trie take: each as many as that one of its nodes that is alive in
 * most. */
void mpol_trie_load_add(mpol_trie_load *load, const mpol_trie *trie);

/* The two that take most, of equal ones the earlier; twice the same when there is one only. At
 * least one trie with a pattern must have been added. */
void mpol_trie_busiest(const mpol_trie_load *load, const mpol_pattern *most[2]);

#endif
