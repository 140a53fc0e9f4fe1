/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_AUTOMATON_H
#define MPOL_MATCH_AUTOMATON_H
/* One step of a compiled automaton: paths walk it by their segments, and so do names. */

#include "image/view.h"

/* On the way of every segment of every request. */
#define MPOL_ALWAYS_INLINE static inline __attribute__((always_inline))

/* The narrowest form of a segment, as captures ask for it: {x:uuid}, {x:int}, {x:hex}. What is an
 * int has the form of a hex too. */
typedef enum mpol_segment_form {
    MPOL_FORM_OTHER,
    MPOL_FORM_HEX,
    MPOL_FORM_INT,
    MPOL_FORM_UUID,
} mpol_segment_form;

mpol_segment_form mpol_segment_form_of(mpol_bytes segment);

/* The value of the element among those of one hash whose string is `text`, in a section of {hash,
 * string, value} that is sorted by hash; MPOL_NONE when there is none. */
MPOL_ALWAYS_INLINE uint32_t mpol_find_hashed(const mpol_image *image, mpol_section_kind kind,
                                             uint32_t first, uint32_t count, mpol_bytes text,
                                             uint64_t hash) {
    uint32_t end = first + count;
    /* Most states have one edge, and many policies one host. */
    uint32_t at =
        count == 1 ? first : mpol_find_hash(image, kind, MPOL_EDGES_BYTES, first, count, hash);
    for (; at < end; at++) {
        const uint8_t *element = mpol_element(image, kind, MPOL_EDGES_BYTES, at);
        if (mpol_read_u64(element + MPOL_EDGE_HASH) != hash)
            return MPOL_NONE;
        if (mpol_bytes_equal(mpol_string(image, mpol_read_u32(element + MPOL_EDGE_LITERAL)), text))
            return mpol_read_u32(element + MPOL_EDGE_TARGET);
    }
    return MPOL_NONE;
}

/* Where a segment that no literal names leads from a state with narrowed captures. */
uint32_t mpol_step_narrow(const mpol_image *image, uint32_t state, uint32_t narrow,
                          mpol_bytes segment);

/* The state behind `segment`, whose hash is `hash`; MPOL_NONE when there is none. Wildcards and
 * captures take one segment that is not empty. */
MPOL_ALWAYS_INLINE uint32_t mpol_step(const mpol_image *image, uint32_t state, mpol_bytes segment,
                                      uint64_t hash) {
    const uint8_t *fields = mpol_element(image, MPOL_STATES, MPOL_STATES_BYTES, state);
    uint32_t target = mpol_find_hashed(image, MPOL_EDGES, mpol_read_u32(fields + MPOL_STATE_EDGE),
                                       mpol_read_u32(fields + MPOL_STATE_EDGES), segment, hash);
    if (target != MPOL_NONE || segment.len == 0)
        return target;
    uint32_t narrow = mpol_read_u32(fields + MPOL_STATE_NARROW);
    if (narrow != MPOL_NONE)
        return mpol_step_narrow(image, state, narrow, segment);
    return mpol_read_u32(fields + MPOL_STATE_OTHER);
}

#endif
