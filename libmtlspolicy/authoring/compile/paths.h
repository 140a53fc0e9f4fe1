/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_PATHS_H
#define MPOL_COMPILE_PATHS_H
/* The path patterns of all hosts, and the routes they lead to. */

#include "compile/automaton.h"
#include "model/diagnostics.h"

/* A method of a pattern of some hosts. */
typedef struct mpol_method {
    mpol_bytes name;
    uint32_t route;
    const mpol_pattern *pattern; /* the route's own spelling, with its captures */
} mpol_method;

/* What a pattern of some hosts leads to. */
typedef struct mpol_endpoint {
    mpol_bytes pattern; /* for people: of several spellings the lowest */
    uint32_t any_route; /* for every method, or MPOL_NONE */
    const mpol_pattern *any_pattern;
    uint32_t preflight;          /* route that takes preflight requests, or MPOL_NONE */
    apr_array_header_t *methods; /* mpol_method, by name */
} mpol_endpoint;

typedef struct mpol_host {
    mpol_bytes name;
    uint64_t hash;
    uint32_t state;
} mpol_host;

typedef struct mpol_paths {
    apr_array_header_t *hosts;     /* mpol_host, by hash, then name; but not "*" and "-" */
    uint32_t any_host;             /* state for other hosts, or MPOL_NONE */
    uint32_t no_host;              /* state for requests without one, or MPOL_NONE */
    apr_array_header_t *endpoints; /* mpol_endpoint */
} mpol_paths;

/* Put the states of all hosts into `automaton`, which is empty; hosts that the same routes list
 * share theirs. NULL when the patterns of a host would take too many: reported as
 * route-too-complex, with the two patterns that contribute most; or when their literals are too
 * long: reported as policy-too-large. */
mpol_paths *mpol_paths_build(mpol_automaton *automaton, const mpol_model *model,
                             mpol_diagnostics *diagnostics);

/* Report policy-too-large at the route whose literals are longest for all of its hosts. */
void mpol_paths_report_large(const mpol_model *model, mpol_diagnostics *diagnostics);

#endif
