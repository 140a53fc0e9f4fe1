/* SPDX-License-Identifier: Apache-2.0 */
#include "match/automaton.h"

enum { MOST_INT = 19, MOST_HEX = 128, UUID_LEN = 36 };

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(mpol_bytes segment) {
    if (segment.len != UUID_LEN)
        return false;
    for (uint32_t i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? segment.data[i] != '-' : !is_hex(segment.data[i]))
            return false;
    }
    return true;
}

mpol_segment_form mpol_segment_form_of(mpol_bytes segment) {
    uint32_t digits = 0;
    if (is_uuid(segment))
        return MPOL_FORM_UUID;
    if (segment.len == 0 || segment.len > MOST_HEX)
        return MPOL_FORM_OTHER;
    for (uint32_t i = 0; i < segment.len; i++) {
        if (!is_hex(segment.data[i]))
            return MPOL_FORM_OTHER;
        digits += is_digit(segment.data[i]);
    }
    return digits == segment.len && segment.len <= MOST_INT ? MPOL_FORM_INT : MPOL_FORM_HEX;
}

uint32_t mpol_step_narrow(const mpol_image *image, uint32_t state, uint32_t narrow,
                          mpol_bytes segment) {
    switch (mpol_segment_form_of(segment)) {
    case MPOL_FORM_UUID: return MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_UUID);
    case MPOL_FORM_INT: return MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_INT);
    case MPOL_FORM_HEX: return MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_HEX);
    case MPOL_FORM_OTHER: break;
    }
    return MPOL_U32(image, STATES, state, MPOL_STATE_OTHER);
}
