/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_TRIE_H
#define MPOL_COMPILE_TRIE_H
/* The path patterns of one host, shared from the left: what the automaton is made of. */

#include "compile/automaton.h"

#define MPOL_TRIE_ROOT 0u

typedef struct mpol_trie_node_t {
    apr_hash_t *children;        /* literal -> node + 1; NULL without any */
    uint32_t one;                /* node behind `*` or a capture, or MPOL_NONE */
    uint32_t end;                /* endpoint of the pattern that ends here, or MPOL_NONE */
    uint32_t rest;               /* endpoint of the pattern that goes on with `**`, or MPOL_NONE */
    uint32_t alive;              /* states of the automaton that hold this node */
    const mpol_pattern *pattern; /* one that passes here */
} mpol_trie_node_t;

typedef struct mpol_trie {
    apr_pool_t *pool;
    apr_array_header_t *nodes; /* mpol_trie_node_t */
} mpol_trie;

/* The tries of all hosts; endpoints are numbered by host, then pattern. */
typedef struct mpol_tries mpol_tries;
mpol_tries *mpol_tries_make(apr_pool_t *pool, const mpol_model *model,
                            apr_array_header_t *endpoints);
/* The trie of a host that a route names. */
mpol_trie *mpol_tries_host(const mpol_tries *tries, mpol_bytes host);

static inline mpol_trie_node_t *mpol_trie_node(const mpol_trie *trie, uint32_t index) {
    return MPOL_AT(trie->nodes, (int)index, mpol_trie_node_t);
}

/* The child behind a literal, or MPOL_NONE. */
uint32_t mpol_trie_child(const mpol_trie_node_t *node, mpol_bytes literal);

/* Patterns through the two nodes, below the first segment, that are alive in most states. */
void mpol_trie_busiest(const mpol_trie *trie, const mpol_pattern *most[2]);

#endif
