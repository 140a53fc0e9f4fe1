/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_ROUTE_H
#define MPOL_MATCH_ROUTE_H
/* From host, path and method to at most one route: one step of the host's automaton a segment. */

#include "base/reason.h"
#include "image/view.h"

/* `host` and `path` in the forms of match/host.h and match/target.h. On MPOL_REASON_ALLOWED
 * `*route` is the route; else it is MPOL_NONE and the result is route-unknown or
 * method-not-on-route. */
mpol_reason mpol_route_find(const mpol_image *image, mpol_bytes host, mpol_bytes path,
                            mpol_bytes method, uint32_t *route);

#endif
