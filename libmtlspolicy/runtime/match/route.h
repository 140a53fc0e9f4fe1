/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_ROUTE_H
#define MPOL_MATCH_ROUTE_H
/* From host, path and method to at most one route: one step of the host's automaton a segment. */

#include "base/reason.h"
#include "image/view.h"

typedef struct mpol_route_match {
    uint32_t route;    /* MPOL_NONE without one */
    uint32_t captures; /* list: which segments of the path its pattern captures */
    bool preflight;    /* it is taken as a CORS preflight request */
} mpol_route_match;

/* The state where paths of a host begin, MPOL_NONE without any. `host` is in the form of
 * match/host.h; NULL data for a request without one. */
uint32_t mpol_route_start(const mpol_image *image, mpol_bytes host);

/* The route of a path, in the form of match/target.h, and a method. On MPOL_REASON_ALLOWED
 * `match` is filled; else the result is route-unknown or method-not-on-route. */
mpol_reason mpol_route_find(const mpol_image *image, uint32_t start, mpol_bytes path,
                            mpol_bytes method, bool preflight, mpol_route_match *match);

#endif
