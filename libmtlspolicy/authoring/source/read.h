/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_READ_H
#define MPOL_SOURCE_READ_H
/* From a policy document to a model. */

#include "model/diagnostics.h"
#include "model/model.h"

/* Read the document in `diagnostics->text`. Files that it names are looked for beside
 * `diagnostics->file`. All problems go into `diagnostics`, sorted; the model is whole only when
 * there are no errors, and NULL when the text is not JSON. */
mpol_model *mpol_model_read(apr_pool_t *pool, mpol_diagnostics *diagnostics);

#endif
