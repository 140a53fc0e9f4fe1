/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_COMPILE_H
#define MPOL_COMPILE_COMPILE_H
/* From a model to the bytes of docs/FORMAT.md. Equal models give equal bytes. */

#include "model/diagnostics.h"
#include "model/model.h"

/* The compiled policy, from the pool. NULL when the policy is beyond what can be compiled; then
 * `diagnostics` says why. The model must come from a document without errors. */
const mpol_bytes *mpol_compile(apr_pool_t *pool, const mpol_model *model,
                               mpol_diagnostics *diagnostics);

#endif
