/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_CONDITIONS_H
#define MPOL_COMPILE_CONDITIONS_H
/* What further conditions make of the identities that a name stands for. */

#include "compile/intern.h"
#include "model/model.h"

#include <stdbool.h>

/* Takes a set of identities of an issuer; false ends the search. */
typedef bool (*mpol_take_set)(void *context, uint32_t issuer, uint32_t list);

/* Call `take` for every set that is left of `list` for some certificate: its attributes have one
 * value each or another, its digest and its key's are one pin or another or none. False as soon as
 * `take` says so. */
bool mpol_conditions_split(apr_pool_t *pool, const mpol_model *model, mpol_values *lists,
                           uint32_t issuer, uint32_t list, mpol_take_set take, void *context);

#endif
