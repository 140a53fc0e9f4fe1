/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_NAMES_H
#define MPOL_MATCH_NAMES_H
/* The rules of each kind of client name: the same for certificates and for policies. */

#include "base/bytes.h"
#include "image/format.h"

/* Bytes that the compared form of any name may take. */
#define MPOL_NAME_BUFFER 2048u

/* Bring a name to the form in which it is compared. On true `*name` is that form: `raw` itself, or
 * in `buffer` (MPOL_NAME_BUFFER bytes). False: the name breaks the rules of its kind. */
bool mpol_name_normalise(mpol_name_kind kind, mpol_bytes raw, uint8_t *buffer, mpol_bytes *name);

#endif
