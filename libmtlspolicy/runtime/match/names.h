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

/* The segments of a name, as its patterns see them: of a URI what stands between its slashes; of a
 * DNS name what follows its first dot, then its first label; of an e-mail address its domain, then
 * what stands before the @; any other name is one segment. */
typedef struct mpol_name_walk {
    mpol_bytes rest; /* NULL data when there is no more */
    mpol_name_kind kind;
    uint32_t index; /* of the segment that comes next */
} mpol_name_walk;

static inline mpol_name_walk mpol_name_begin(mpol_name_kind kind, mpol_bytes name) {
    mpol_name_walk walk = {name, kind, 0};
    return walk;
}

/* The next segment; false when there is none. */
bool mpol_name_next(mpol_name_walk *walk, mpol_bytes *segment);

/* Segment `index`; false when the name has fewer. */
bool mpol_name_segment(mpol_name_kind kind, mpol_bytes name, uint32_t index, mpol_bytes *segment);

#endif
