/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_AUTOMATON_H
#define MPOL_COMPILE_AUTOMATON_H
/* Patterns determinised: one step a segment at run time, no backtracking. */

#include "compile/intern.h"
#include "compile/trie.h"

typedef struct mpol_edge {
    uint64_t hash;
    mpol_bytes literal;
    uint32_t target;
} mpol_edge;

typedef struct mpol_state {
    uint32_t first_edge;
    uint32_t edge_count;
    uint32_t other;  /* state behind any other segment that is not empty, or MPOL_NONE */
    uint32_t narrow; /* index of three states for narrowed forms, or MPOL_NONE */
    uint32_t end;    /* what is meant when the text ends here, or MPOL_NONE */
    uint32_t tail;   /* what is meant when nothing leads on, or MPOL_NONE */
} mpol_state;

/* States of many starts in one table; each leads to later ones only. */
typedef struct mpol_automaton {
    apr_pool_t *pool;
    apr_array_header_t *states; /* mpol_state */
    apr_array_header_t *edges;  /* mpol_edge, each state's by hash, then literal */
    mpol_values *narrows;       /* uint32_t[3]: states for uuid, int, hex */
    uint64_t literal_bytes;     /* of all edges: whoever checks the image hashes each of them */
} mpol_automaton;

mpol_automaton *mpol_automaton_make(apr_pool_t *pool);

/* What several slots mean together; `slots` are those of all patterns that match, best first.
 * Called with at least one. */
typedef uint32_t (*mpol_meaning)(void *context, const uint32_t *slots, int count);

/* How a trie becomes states. */
typedef struct mpol_automaton_rules {
    bool first_only;      /* of several patterns only the most specific one counts */
    uint32_t limit;       /* states in all */
    mpol_meaning meaning; /* NULL: the first slot itself */
    void *context;
} mpol_automaton_rules;

/* The state where a trie's texts begin; MPOL_NONE when that would take too many states, or more
 * literals than an image may hold (then mpol_automaton_is_large). */
uint32_t mpol_automaton_add(mpol_automaton *automaton, mpol_trie *trie,
                            const mpol_automaton_rules *rules);

/* Has it more edges, or longer literals together, than the check of an image goes through? */
bool mpol_automaton_is_large(const mpol_automaton *automaton);

/* How many states patterns with so many segments in all may become. */
uint32_t mpol_automaton_limit(uint64_t segments);

/* Who is to blame for too many states. Each trie is counted by itself, so that it makes no
 * difference which of them had their states first. */
typedef struct mpol_blame {
    apr_pool_t *pool;
    mpol_automaton_rules rules;
    mpol_trie_load together;
    uint64_t left; /* states that are counted at most, so that the report comes soon */
    bool alone;    /* some trie was too complex by itself */
} mpol_blame;

/* `limit` is that of a trie which is alone. */
mpol_blame mpol_blame_make(apr_pool_t *pool, bool first_only, uint32_t limit);

/* Count the states of a trie. True when it is too complex by itself, and `most` then are the
 * patterns that contribute most to that. */
bool mpol_blame_trie(mpol_blame *blame, mpol_trie *trie, const mpol_pattern *most[2]);

#endif
