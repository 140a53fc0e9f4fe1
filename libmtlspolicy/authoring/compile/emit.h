/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_EMIT_H
#define MPOL_COMPILE_EMIT_H
/* Writing docs/FORMAT.md. */

#include "compile/automaton.h"
#include "compile/matrix.h"

/* The image of a model and what was built from it, from the pool; NULL when it would be larger than
 * any image may be. */
const mpol_bytes *mpol_emit(apr_pool_t *pool, const mpol_model *model,
                            const mpol_automaton *automaton, const mpol_matrix *matrix);

#endif
