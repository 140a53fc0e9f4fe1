/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_MEANING_H
#define MPOL_SOURCE_MEANING_H
/* What a well-formed policy may still get wrong as a whole. */

#include "source/reader.h"

/* Everything that parts of the policy mean for each other; `issuers` is their table, or NULL. */
void mpol_check_meaning(mpol_reader *reader, const mpol_json *issuers);

/* Two routes that claim the same requests (conflicts.c). */
void mpol_check_conflicts(mpol_reader *reader);

#endif
