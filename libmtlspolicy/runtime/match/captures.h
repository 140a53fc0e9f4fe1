/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_CAPTURES_H
#define MPOL_MATCH_CAPTURES_H
/* The condition `same`: a capture of the path equals a capture of the client's name, or an
 * attribute of its subject. */

#include "match/client.h"
#include "match/verdict.h"

/* All comparisons of a rule. `path` is in the form of match/target.h, `captures` the list that the
 * route gave. Unknown when a client given by its identity has no value for it. */
mpol_verdict mpol_same_judge(const mpol_image *image, uint32_t rule, const mpol_client *client,
                             mpol_bytes path, uint32_t captures);

#endif
