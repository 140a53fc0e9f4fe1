/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_CHECK_PARTS_H
#define MPOL_IMAGE_CHECK_PARTS_H
/* Shared by the parts of the check; not for others. Chapters are those of docs/FORMAT.md. */

#include "base/limits.h"
#include "image/check.h"

#define FAIL_UNLESS(condition, RULE)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return MPOL_FORMAT_##RULE;                                                             \
    } while (0)

/* Run `call` and leave with its result unless it is MPOL_FORMAT_OK. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        mpol_format_rule rule_ = (call);                                                           \
        if (rule_ != MPOL_FORMAT_OK)                                                               \
            return rule_;                                                                          \
    } while (0)

/* How many strings and lists there are: one less than offsets. */
/*@ requires mpol_readable(image);
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_strings(image); */
static inline uint32_t strings(const mpol_image *image) {
    return mpol_count(image, MPOL_STRING_OFFSETS) - 1;
}

/*@ requires mpol_readable(image);
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_lists(image); */
static inline uint32_t lists(const mpol_image *image) {
    return mpol_count(image, MPOL_LIST_OFFSETS) - 1;
}

/*@ terminates \true;
    assigns \nothing;
    ensures \result <==> value < bound; */
static inline bool below(uint32_t value, uint32_t bound) {
    return value < bound;
}

/*@ terminates \true;
    assigns \nothing;
    ensures \result <==> value == MPOL_NONE || value < bound; */
static inline bool below_or_none(uint32_t value, uint32_t bound) {
    return value == MPOL_NONE || value < bound;
}

/* A list whose members are all below `bound`; they ascend, so the last one tells. */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_list_below(image, id, bound); */
static inline bool is_list_below(const mpol_image *image, uint32_t id, uint32_t bound) {
    if (id >= lists(image))
        return false;
    /*@ assert mpol_ascend(image, mpol_list_offset(image, id), mpol_list_offset(image, id + 1)); */
    uint32_t len = mpol_list_len(image, id);
    return len == 0 || mpol_list_value(image, id, len - 1) < bound;
}

/* A list of captures, which may be absent. */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_list_below(image, id, mpol_size(image, MPOL_CAPTURES) * 64); */
static inline bool is_captures(const mpol_image *image, uint32_t id) {
    if (id >= lists(image))
        return false;
    /*@ assert mpol_ascend(image, mpol_list_offset(image, id), mpol_list_offset(image, id + 1)); */
    uint32_t len = mpol_list_len(image, id);
    return len == 0 || mpol_list_value(image, id, len - 1) >> MPOL_CAPTURE_SHIFT <
                           mpol_count(image, MPOL_CAPTURES);
}

/* Is this field below `bound` in every element of a section? */
/*@ requires mpol_readable(image) && mpol_section_of(image, kind, element);
    requires field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_is_below(image, kind, element, field, bound); */
bool mpol_image__all_below(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                           uint32_t field, uint32_t bound);
/* The same, but it may be MPOL_NONE. */
/*@ requires mpol_readable(image) && mpol_section_of(image, kind, element);
    requires field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_is_below_or_none(image, kind, element, field, bound); */
bool mpol_image__all_below_or_none(const mpol_image *image, mpol_section_kind kind,
                                   uint32_t element, uint32_t field, uint32_t bound);
/* Does this field name, in every element, a list whose members are below `bound`? */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    requires mpol_section_of(image, kind, element) && field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_is_list_below(image, kind, element, field, bound); */
bool mpol_image__all_lists_below(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                                 uint32_t field, uint32_t bound);
/* Does this field name, in every element, a list of captures? */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    requires mpol_section_of(image, kind, element) && field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==>
      mpol_is_list_below(image, kind, element, field, mpol_size(image, MPOL_CAPTURES) * 64); */
bool mpol_image__all_captures(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                              uint32_t field);
/* Does this field ascend, every one below `bound`? */
/*@ requires mpol_readable(image) && mpol_section_of(image, kind, element);
    requires field + 4 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_is_below(image, kind, element, field, bound); */
bool mpol_image__all_ascend(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                            uint32_t field, uint32_t bound);
/* Do the elements take `total` things in order, each `count` (the field behind `first`) of them,
 * without gap or overlap, and all of them? */
/*@ requires mpol_readable(image) && mpol_section_of(image, kind, element);
    requires first + 8 <= element;
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_is_share(image, kind, element, first, total); */
bool mpol_image__all_share(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                           uint32_t first, uint32_t total);

#define ALL_BELOW(image, KIND, FIELD, bound)                                                       \
    mpol_image__all_below((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIELD), (bound))
#define ALL_BELOW_OR_NONE(image, KIND, FIELD, bound)                                               \
    mpol_image__all_below_or_none((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIELD), (bound))
#define ALL_LISTS_BELOW(image, KIND, FIELD, bound)                                                 \
    mpol_image__all_lists_below((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIELD), (bound))
#define ALL_CAPTURES(image, KIND, FIELD)                                                           \
    mpol_image__all_captures((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIELD))
#define ALL_ASCEND(image, KIND, FIELD, bound)                                                      \
    mpol_image__all_ascend((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIELD), (bound))
#define ALL_SHARE(image, KIND, FIRST, OF)                                                          \
    mpol_image__all_share((image), MPOL_##KIND, MPOL_##KIND##_BYTES, (FIRST),                      \
                          mpol_count((image), MPOL_##OF))

/* Is it the hash of the string? `*work` counts the bytes that were hashed, which are bounded. */
/*@ requires mpol_readable(image) && \valid(work) && string < mpol_strings(image);
    terminates \true;
    assigns *work; */
static inline bool hash_fits(const mpol_image *image, uint64_t hash, uint32_t string,
                             uint64_t *work) {
    mpol_bytes bytes = mpol_string(image, string);
    if (*work > MPOL_LIMIT_HASH_WORK)
        return false;
    *work += bytes.len;
    return *work <= MPOL_LIMIT_HASH_WORK && mpol_bytes_hash(bytes) == hash;
}

/* Chapters 5 and 6; 7 and 8; 9. Strings and lists have been checked. */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_clients_sound(image); */
mpol_format_rule mpol_image__check_clients(const mpol_image *image, uint64_t *work);
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_rules_sound(image); */
mpol_format_rule mpol_image__check_rules(const mpol_image *image);
/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    requires mpol_header_sound(image);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_routes_sound(image); */
mpol_format_rule mpol_image__check_routes(const mpol_image *image, uint64_t *work);

#endif
