/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

/* Length in bytes of the well-formed UTF-8 character at `i`, or 0. RFC 3629 section 4. */
/*@ requires i < text.len && mpol_bytes_readable(text);
    terminates \true;
    assigns \nothing;
    ensures 0 <= \result <= 4 && \result <= text.len - i; */
static uint32_t character_len(mpol_bytes text, uint32_t i) {
    uint8_t lead = text.data[i];
    uint32_t left = text.len - i;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    uint32_t len = lead < 0xe0 ? 2 : (lead < 0xf0 ? 3 : 4);
    if (left < len)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : (lead == 0xf0 ? 0x90 : 0x80);
    uint8_t high = lead == 0xed ? 0x9f : (lead == 0xf4 ? 0x8f : 0xbf);
    if (text.data[i + 1] < low || text.data[i + 1] > high)
        return 0;
    /*@ loop invariant 2 <= k <= len; loop assigns k; loop variant len - k; */
    for (uint32_t k = 2; k < len; k++)
        if (text.data[i + k] < 0x80 || text.data[i + k] > 0xbf)
            return 0;
    return len;
}

uint32_t mpol_utf8_prefix(mpol_bytes text) {
    uint32_t i = 0;
    /*@ loop invariant 0 <= i <= text.len; loop assigns i; loop variant text.len - i; */
    while (i < text.len) {
        uint32_t len = character_len(text, i);
        if (len == 0)
            return i;
        i += len;
    }
    return i;
}

bool mpol_has_control(mpol_bytes text) {
    /*@ loop invariant 0 <= i <= text.len; loop assigns i; loop variant text.len - i; */
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
        /* U+0080 to U+009F are 0xc2 0x80 to 0xc2 0x9f */
        if (text.data[i] == 0xc2 && text.len - i > 1 && text.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}
