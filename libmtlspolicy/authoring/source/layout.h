/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_LAYOUT_H
#define MPOL_SOURCE_LAYOUT_H

#include "model/diagnostics.h"

/* The document in `diagnostics->text` in its canonical layout: keys in the order of
 * schemas/policy.schema.json, names and lists in byte order, but certificates in their own. What it
 * means stays, down to values that are wrong: nothing is judged but the text itself. False when it
 * is not JSON or has a key twice in one object; why is in `diagnostics`. */
bool mpol_layout(apr_pool_t *pool, mpol_diagnostics *diagnostics, mpol_bytes *text);

#endif
