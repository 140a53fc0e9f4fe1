/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_MEMBERS_H
#define MPOL_MODEL_MEMBERS_H

#include "model/model.h"

/* The identities that are in each group, directly or through other groups. Made once; groups have
 * no cycles any more. */
typedef struct mpol_members mpol_members;
mpol_members *mpol_members_make(apr_pool_t *pool, const mpol_model *model);

/* Of one group: uint32_t, ascending, each once. Borrowed. */
const apr_array_header_t *mpol_members_of(mpol_members *members, uint32_t group);

/* All identities that a rule names, directly or by groups: uint32_t, ascending, each once. */
apr_array_header_t *mpol_members_of_rule(mpol_members *members, const mpol_rule *rule);

/* Sort numbers and keep each once. */
void mpol_list_settle(apr_array_header_t *list);

/* Make `all` the union of two lists of ascending numbers; it is none of the two. */
void mpol_list_merge(mpol_bytes one, mpol_bytes other, apr_array_header_t *all);

/* The bytes of a list. */
mpol_bytes mpol_list_bytes(const apr_array_header_t *list);

#endif
