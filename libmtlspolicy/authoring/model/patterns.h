/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_PATTERNS_H
#define MPOL_MODEL_PATTERNS_H
/* What identities have in common: patterns of names, segment by segment, and pins. */

#include "model/model.h"

#include <stdbool.h>

/* Do the two use the same kind of name? */
bool mpol_naming_equal(const mpol_naming *a, const mpol_naming *b);

/* Is there a name that both match? Of the same kind. */
bool mpol_patterns_overlap(const mpol_name_pattern *a, const mpol_name_pattern *b);

/* Does `wide` match every name that `narrow` matches? Of the same kind. */
bool mpol_pattern_covers(const mpol_name_pattern *wide, const mpol_name_pattern *narrow);

/* Is this one of its pins? */
bool mpol_identity_has_pin(const mpol_identity *identity, const mpol_pin *pin);

#endif
