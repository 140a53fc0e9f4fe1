/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_AUTOMATON_H
#define MPOL_COMPILE_AUTOMATON_H
/* The path patterns of all hosts, determinised: one step a segment at run time, no backtracking. */

#include "model/diagnostics.h"
#include "model/model.h"

/* What a pattern of one host leads to. */
typedef struct mpol_method {
    mpol_bytes name;
    uint32_t route;
} mpol_method;

typedef struct mpol_endpoint {
    mpol_bytes pattern;          /* for people: of several spellings the lowest */
    uint32_t any_route;          /* for every method, or MPOL_NONE */
    apr_array_header_t *methods; /* mpol_method, by name */
} mpol_endpoint;

typedef struct mpol_edge {
    uint64_t hash;
    mpol_bytes literal;
    uint32_t target;
} mpol_edge;

typedef struct mpol_state {
    uint32_t first_edge;
    uint32_t edge_count;
    uint32_t other; /* state behind any other segment that is not empty, or MPOL_NONE */
    uint32_t end;   /* endpoint when the path ends here, or MPOL_NONE */
    uint32_t tail;  /* endpoint when nothing leads on, or MPOL_NONE */
} mpol_state;

typedef struct mpol_host {
    mpol_bytes name;
    uint64_t hash;
    uint32_t state;
} mpol_host;

typedef struct mpol_automaton {
    apr_array_header_t *hosts;     /* mpol_host, by hash, then name; "*" is not among them */
    uint32_t any_host;             /* state for other hosts, or MPOL_NONE */
    apr_array_header_t *states;    /* mpol_state; each leads to later ones only */
    apr_array_header_t *edges;     /* mpol_edge, each state's by hash, then literal */
    apr_array_header_t *endpoints; /* mpol_endpoint */
} mpol_automaton;

/* NULL when the patterns would take too many states: reported as route-too-complex, with the two
 * patterns that contribute most. */
mpol_automaton *mpol_automaton_build(apr_pool_t *pool, const mpol_model *model,
                                     mpol_diagnostics *diagnostics);

#endif
