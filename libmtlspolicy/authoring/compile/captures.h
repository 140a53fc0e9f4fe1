/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_CAPTURES_H
#define MPOL_COMPILE_CAPTURES_H
/* The captures that rules compare; all others are only wildcards. */

#include "compile/intern.h"
#include "model/model.h"

/* Their names, numbered in byte order. */
mpol_strings *mpol_captures_make(apr_pool_t *pool, const mpol_model *model);

/* The list that says which segments of a pattern they take; numbered in `lists`. */
uint32_t mpol_captures_list(const mpol_strings *captures, mpol_values *lists,
                            const apr_array_header_t *segments);

#endif
