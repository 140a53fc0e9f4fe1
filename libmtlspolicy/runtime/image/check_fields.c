/* SPDX-License-Identifier: Apache-2.0 */
/* One field of every element of a section: what most rules of the format are about. */
#include "image/check_parts.h"

bool mpol_image__all_below(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                           uint32_t field, uint32_t bound) {
    /*@ loop invariant 0 <= i <= image->section[kind].count;
        loop invariant \forall integer k; 0 <= k < i ==>
                          mpol_field(image, kind, element, k, field) < bound;
        loop assigns i;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++)
        if (!below(mpol_u32(image, kind, element, i, field), bound))
            return false;
    return true;
}

bool mpol_image__all_below_or_none(const mpol_image *image, mpol_section_kind kind,
                                   uint32_t element, uint32_t field, uint32_t bound) {
    /*@ loop invariant 0 <= i <= image->section[kind].count;
        loop invariant \forall integer k; 0 <= k < i ==>
                          (mpol_field(image, kind, element, k, field) == MPOL_NONE ||
                           mpol_field(image, kind, element, k, field) < bound);
        loop assigns i;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++)
        if (!below_or_none(mpol_u32(image, kind, element, i, field), bound))
            return false;
    return true;
}

bool mpol_image__all_lists_below(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                                 uint32_t field, uint32_t bound) {
    /*@ loop invariant 0 <= i <= image->section[kind].count;
        loop invariant \forall integer k; 0 <= k < i ==>
                          mpol_list_below(image, mpol_field(image, kind, element, k, field), bound);
        loop assigns i;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++)
        if (!is_list_below(image, mpol_u32(image, kind, element, i, field), bound))
            return false;
    return true;
}

bool mpol_image__all_captures(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                              uint32_t field) {
    /*@ loop invariant 0 <= i <= image->section[kind].count;
        loop invariant \forall integer k; 0 <= k < i ==>
                          mpol_list_below(image, mpol_field(image, kind, element, k, field),
                                          mpol_size(image, MPOL_CAPTURES) * 64);
        loop assigns i;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++)
        if (!is_captures(image, mpol_u32(image, kind, element, i, field)))
            return false;
    return true;
}

bool mpol_image__all_ascend(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                            uint32_t field, uint32_t bound) {
    /*@ loop invariant 0 <= i <= image->section[kind].count;
        loop invariant \forall integer k; 0 <= k < i ==>
                          mpol_field(image, kind, element, k, field) < bound;
        loop assigns i;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++) {
        uint32_t value = mpol_u32(image, kind, element, i, field);
        if (value >= bound)
            return false;
        if (i > 0 && mpol_u32(image, kind, element, i - 1, field) >= value)
            return false;
    }
    return true;
}

bool mpol_image__all_share(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                           uint32_t first, uint32_t total) {
    uint32_t next = 0;
    /*@ loop invariant 0 <= i <= image->section[kind].count && next <= total;
        loop invariant \forall integer k; 0 <= k < i ==>
                          mpol_field(image, kind, element, k, first) +
                            mpol_field(image, kind, element, k, first + 4) <= total;
        loop assigns i, next;
        loop variant image->section[kind].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, kind); i++) {
        uint32_t count = mpol_u32(image, kind, element, i, first + 4);
        if (mpol_u32(image, kind, element, i, first) != next || count > total - next)
            return false;
        next += count;
    }
    return next == total;
}
