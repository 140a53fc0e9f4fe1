/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_VIEW_H
#define MPOL_IMAGE_VIEW_H
/* Reading a compiled policy that `mpol_image_check` accepted. Nothing is checked here a second
 * time: an index must come from the image itself or be below the section's count. The image is
 * never written after the check, so any number of threads may read it. */

#include "image/sound.h"

/* How many elements a section has. */
/*@ requires \valid_read(image) && 0 <= kind < MPOL_SECTION_COUNT;
    terminates \true;
    assigns \nothing;
    ensures \result == image->section[kind].count; */
static inline uint32_t mpol_count(const mpol_image *image, mpol_section_kind kind) {
    return image->section[kind].count;
}

/* Where element `index` of a section begins; `element` is the section's element size. */
/*@ requires mpol_section_of(image, kind, element) && index < image->section[kind].count;
    terminates \true;
    assigns \nothing;
    ensures \result == image->bytes + (image->section[kind].offset + index * element);
    ensures \valid_read(\result + (0 .. element - 1)); */
static inline const uint8_t *mpol_element(const mpol_image *image, mpol_section_kind kind,
                                          uint32_t element, uint32_t index) {
    /*@ assert index * element + element <= image->section[kind].count * element; */
    return image->bytes + image->section[kind].offset + index * element;
}

/* A 32-bit or 64-bit field of element `index`. */
/*@ requires mpol_section_of(image, kind, element) && index < image->section[kind].count;
    requires field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_field(image, kind, element, index, field); */
static inline uint32_t mpol_u32(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                                uint32_t index, uint32_t field) {
    return mpol_read_u32(mpol_element(image, kind, element, index) + field);
}

/*@ requires mpol_section_of(image, kind, element) && index < image->section[kind].count;
    requires field + 8 <= element;
    terminates \true;
    assigns \nothing; */
static inline uint64_t mpol_u64(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                                uint32_t index, uint32_t field) {
    return mpol_read_u64(mpol_element(image, kind, element, index) + field);
}

/* The same of section KIND, which tells the element size. */
#define MPOL_U32(image, KIND, INDEX, FIELD)                                                        \
    mpol_u32((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (INDEX), (FIELD))
#define MPOL_U64(image, KIND, INDEX, FIELD)                                                        \
    mpol_u64((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (INDEX), (FIELD))

/* String `id`; a zero byte that does not count follows it, so `data` is also a C string. */
/*@ requires mpol_sections(image) && mpol_strings_sound(image) && id < mpol_strings(image);
    terminates \true;
    assigns \nothing;
    ensures \result.len < image->section[MPOL_STRING_BYTES].count;
    ensures \result.data == image->bytes + (image->section[MPOL_STRING_BYTES].offset +
                                            mpol_string_offset(image, id));
    ensures \result.len == mpol_string_offset(image, id + 1) - mpol_string_offset(image, id) - 1;
    ensures \valid_read(\result.data + (0 .. \result.len)); */
static inline mpol_bytes mpol_string(const mpol_image *image, uint32_t id) {
    uint32_t from = MPOL_U32(image, STRING_OFFSETS, id, 0);
    uint32_t to = MPOL_U32(image, STRING_OFFSETS, id + 1, 0);
    mpol_bytes string = {image->bytes + image->section[MPOL_STRING_BYTES].offset + from,
                         to - from - 1};
    return string;
}

/* String `id` as a C string that lives as long as the image; NULL for MPOL_NONE. */
/*@ requires mpol_readable(image);
    requires id == MPOL_NONE || id < mpol_strings(image);
    terminates \true;
    assigns \nothing; */
const char *mpol_c_string(const mpol_image *image, uint32_t id);

/* A list of indices, ascending: the number of members, and member `i` of list `id`. */
/*@ requires mpol_sections(image) && mpol_lists_sound(image) && id < mpol_lists(image);
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_list_offset(image, id + 1) - mpol_list_offset(image, id); */
static inline uint32_t mpol_list_len(const mpol_image *image, uint32_t id) {
    return MPOL_U32(image, LIST_OFFSETS, id + 1, 0) - MPOL_U32(image, LIST_OFFSETS, id, 0);
}

/*@ requires mpol_sections(image) && mpol_lists_sound(image) && id < mpol_lists(image);
    requires i < mpol_list_offset(image, id + 1) - mpol_list_offset(image, id);
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_value(image, mpol_list_offset(image, id) + i); */
static inline uint32_t mpol_list_value(const mpol_image *image, uint32_t id, uint32_t i) {
    return MPOL_U32(image, LIST_VALUES, MPOL_U32(image, LIST_OFFSETS, id, 0) + i, 0);
}

/* Does list `id` hold `value`? */
/*@ requires mpol_sections(image) && mpol_lists_sound(image) && id < mpol_lists(image);
    terminates \true;
    assigns \nothing; */
bool mpol_list_has(const mpol_image *image, uint32_t id, uint32_t value);

/* First element in [first, first + count) of a section sorted by the 64-bit key at the start of its
 * elements whose key is not below `key`; first + count when there is none. */
/*@ requires mpol_section_of(image, kind, element) && 8 <= element;
    requires first + count <= image->section[kind].count;
    terminates \true;
    assigns \nothing;
    ensures first <= \result <= first + count; */
static inline uint32_t mpol_find_hash(const mpol_image *image, mpol_section_kind kind,
                                      uint32_t element, uint32_t first, uint32_t count,
                                      uint64_t key) {
    uint32_t low = first;
    uint32_t high = first + count;
    /*@ loop invariant first <= low <= high <= first + count;
        loop assigns low, high;
        loop variant high - low; */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mpol_u64(image, kind, element, middle, 0) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same for a 32-bit key. */
/*@ requires mpol_section_of(image, kind, element) && 4 <= element;
    requires first + count <= image->section[kind].count;
    terminates \true;
    assigns \nothing;
    ensures first <= \result <= first + count; */
static inline uint32_t mpol_find_u32(const mpol_image *image, mpol_section_kind kind,
                                     uint32_t element, uint32_t first, uint32_t count,
                                     uint32_t key) {
    uint32_t low = first;
    uint32_t high = first + count;
    /*@ loop invariant first <= low <= high <= first + count;
        loop assigns low, high;
        loop variant high - low; */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mpol_u32(image, kind, element, middle, 0) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Names by index, as C strings that live as long as the image; NULL for MPOL_NONE. */
/*@ requires mpol_readable(image) && mpol_header_sound(image);
    terminates \true;
    assigns \nothing; */
const char *mpol_policy_name(const mpol_image *image);
/*@ requires mpol_readable(image) && MPOL_STRING(ISSUERS, MPOL_ISSUER_NAME);
    requires issuer == MPOL_NONE || issuer < image->section[MPOL_ISSUERS].count;
    terminates \true;
    assigns \nothing; */
const char *mpol_issuer_name(const mpol_image *image, uint32_t issuer);
/*@ requires mpol_readable(image) && MPOL_STRING(IDENTITIES, MPOL_IDENTITY_NAME);
    requires identity == MPOL_NONE || identity < image->section[MPOL_IDENTITIES].count;
    terminates \true;
    assigns \nothing; */
const char *mpol_identity_name(const mpol_image *image, uint32_t identity);
/*@ requires mpol_readable(image) && MPOL_STRING(GROUPS, 0);
    requires group == MPOL_NONE || group < image->section[MPOL_GROUPS].count;
    terminates \true;
    assigns \nothing; */
const char *mpol_group_name(const mpol_image *image, uint32_t group);
/*@ requires mpol_readable(image) && MPOL_STRING(ROUTES, MPOL_ROUTE_NAME);
    requires route == MPOL_NONE || route < image->section[MPOL_ROUTES].count;
    terminates \true;
    assigns \nothing; */
const char *mpol_route_name(const mpol_image *image, uint32_t route);
/*@ requires mpol_readable(image) && MPOL_STRING(RULES, MPOL_RULE_NAME);
    requires rule == MPOL_NONE || rule < image->section[MPOL_RULES].count;
    terminates \true;
    assigns \nothing; */
const char *mpol_rule_name(const mpol_image *image, uint32_t rule);
/*@ requires mpol_readable(image) && mpol_header_sound(image);
    terminates \true;
    assigns \nothing; */
const char *mpol_policy_environment(const mpol_image *image);
/*@ requires mpol_bytes_there(image);
    terminates \true;
    assigns \nothing; */
bool mpol_policy_production(const mpol_image *image);
/*@ requires mpol_bytes_there(image);
    terminates \true;
    assigns \nothing; */
uint64_t mpol_policy_serial(const mpol_image *image);
/* 0 when the policy does not end. */
/*@ requires mpol_bytes_there(image);
    terminates \true;
    assigns \nothing; */
uint64_t mpol_policy_valid_until(const mpol_image *image);

/* The identity or group of this name, MPOL_NONE when there is none. */
/*@ requires mpol_readable(image) && MPOL_STRING(IDENTITIES, 0) && mpol_bytes_readable(name);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_NONE || \result < image->section[MPOL_IDENTITIES].count; */
uint32_t mpol_identity_by_name(const mpol_image *image, mpol_bytes name);
/*@ requires mpol_readable(image) && MPOL_STRING(GROUPS, 0) && mpol_bytes_readable(name);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_NONE || \result < image->section[MPOL_GROUPS].count; */
uint32_t mpol_group_by_name(const mpol_image *image, mpol_bytes name);

/* The canonical text of the policy's source, from which the compiler makes this very image. */
/*@ requires mpol_sections(image);
    terminates \true;
    assigns \nothing;
    ensures mpol_bytes_readable(\result); */
static inline mpol_bytes mpol_policy_source(const mpol_image *image) {
    mpol_bytes source = {image->bytes + image->section[MPOL_SOURCE].offset,
                         image->section[MPOL_SOURCE].count};
    return source;
}

/* The name a kind has in the policy, for example "spiffe". Static. */
/*@ terminates \true;
    assigns \nothing; */
const char *mpol_name_kind_name(mpol_name_kind kind);

#endif
