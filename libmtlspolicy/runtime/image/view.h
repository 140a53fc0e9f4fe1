/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_VIEW_H
#define MPOL_IMAGE_VIEW_H
/* Reading a compiled policy that `mpol_image_check` accepted. Nothing is checked here a second
 * time: an index must come from the image itself or be below the section's count. The image is
 * never written after the check, so any number of threads may read it. */

#include "base/bytes.h"
#include "image/format.h"

typedef struct mpol_section {
    uint32_t offset; /* from the start of the image, in bytes */
    uint32_t count;  /* elements */
} mpol_section;

typedef struct mpol_image {
    const uint8_t *bytes; /* borrowed */
    uint32_t len;         /* in bytes */
    mpol_section section[MPOL_SECTION_COUNT];
} mpol_image;

/*@ predicate mpol_section_inside(mpol_image *image, integer kind, integer element) =
      image->section[kind].offset + image->section[kind].count * element <= image->len;
    predicate mpol_readable(mpol_image *image) =
      \valid_read(image) && \valid_read(image->bytes + (0 .. image->len - 1)); */

/* How many elements a section has. */
static inline uint32_t mpol_count(const mpol_image *image, mpol_section_kind kind) {
    return image->section[kind].count;
}

/* Where element `index` of a section begins; `element` is the section's element size. */
/*@ requires mpol_readable(image) && 0 <= kind < MPOL_SECTION_COUNT;
    requires index < image->section[kind].count && element <= 48;
    requires mpol_section_inside(image, kind, element);
    assigns \nothing;
    ensures \result == image->bytes + image->section[kind].offset + index * element;
    ensures \valid_read(\result + (0 .. element - 1)); */
static inline const uint8_t *mpol_element(const mpol_image *image, mpol_section_kind kind,
                                          uint32_t element, uint32_t index) {
    return image->bytes + image->section[kind].offset + index * element;
}

/* A 32-bit or 64-bit field of element INDEX of section KIND. */
#define MPOL_U32(image, KIND, INDEX, FIELD)                                                        \
    mpol_read_u32(mpol_element((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (INDEX)) + (FIELD))
#define MPOL_U64(image, KIND, INDEX, FIELD)                                                        \
    mpol_read_u64(mpol_element((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (INDEX)) + (FIELD))

/* String `id`; a zero byte that does not count follows it, so `data` is also a C string. */
static inline mpol_bytes mpol_string(const mpol_image *image, uint32_t id) {
    uint32_t from = MPOL_U32(image, STRING_OFFSETS, id, 0);
    uint32_t to = MPOL_U32(image, STRING_OFFSETS, id + 1, 0);
    mpol_bytes string = {image->bytes + image->section[MPOL_STRING_BYTES].offset + from,
                         to - from - 1};
    return string;
}

/* String `id` as a C string that lives as long as the image; NULL for MPOL_NONE. */
const char *mpol_c_string(const mpol_image *image, uint32_t id);

/* A list of indices, ascending: the number of members, and member `i` of list `id`. */
static inline uint32_t mpol_list_len(const mpol_image *image, uint32_t id) {
    return MPOL_U32(image, LIST_OFFSETS, id + 1, 0) - MPOL_U32(image, LIST_OFFSETS, id, 0);
}

static inline uint32_t mpol_list_value(const mpol_image *image, uint32_t id, uint32_t i) {
    return MPOL_U32(image, LIST_VALUES, MPOL_U32(image, LIST_OFFSETS, id, 0) + i, 0);
}

/* Does list `id` hold `value`? */
bool mpol_list_has(const mpol_image *image, uint32_t id, uint32_t value);

/* First element in [first, first + count) of a section sorted by the 64-bit key at the start of its
 * elements whose key is not below `key`; first + count when there is none. */
/*@ requires mpol_readable(image) && 0 <= kind < MPOL_SECTION_COUNT;
    requires 8 <= element <= 48 && first + count <= image->section[kind].count;
    requires mpol_section_inside(image, kind, element);
    assigns \nothing;
    ensures first <= \result <= first + count; */
static inline uint32_t mpol_find_hash(const mpol_image *image, mpol_section_kind kind,
                                      uint32_t element, uint32_t first, uint32_t count,
                                      uint64_t key) {
    uint32_t low = first;
    uint32_t high = first + count;
    /*@ loop invariant first <= low <= high <= first + count;
        loop assigns low, high; loop variant high - low; */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mpol_read_u64(mpol_element(image, kind, element, middle)) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same for a 32-bit key. */
/*@ requires mpol_readable(image) && 0 <= kind < MPOL_SECTION_COUNT;
    requires 4 <= element <= 48 && first + count <= image->section[kind].count;
    requires mpol_section_inside(image, kind, element);
    assigns \nothing;
    ensures first <= \result <= first + count; */
static inline uint32_t mpol_find_u32(const mpol_image *image, mpol_section_kind kind,
                                     uint32_t element, uint32_t first, uint32_t count,
                                     uint32_t key) {
    uint32_t low = first;
    uint32_t high = first + count;
    /*@ loop invariant first <= low <= high <= first + count;
        loop assigns low, high; loop variant high - low; */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mpol_read_u32(mpol_element(image, kind, element, middle)) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Names by index, as C strings that live as long as the image; NULL for MPOL_NONE. */
const char *mpol_policy_name(const mpol_image *image);
const char *mpol_issuer_name(const mpol_image *image, uint32_t issuer);
const char *mpol_identity_name(const mpol_image *image, uint32_t identity);
const char *mpol_group_name(const mpol_image *image, uint32_t group);
const char *mpol_route_name(const mpol_image *image, uint32_t route);
const char *mpol_rule_name(const mpol_image *image, uint32_t rule);
uint64_t mpol_policy_serial(const mpol_image *image);
/* 0 when the policy does not end. */
uint64_t mpol_policy_valid_until(const mpol_image *image);

/* The identity or group of this name, MPOL_NONE when there is none. */
uint32_t mpol_identity_by_name(const mpol_image *image, mpol_bytes name);
uint32_t mpol_group_by_name(const mpol_image *image, mpol_bytes name);

/* The name a kind has in the policy, for example "spiffe". Static. */
const char *mpol_name_kind_name(mpol_name_kind kind);

#endif
