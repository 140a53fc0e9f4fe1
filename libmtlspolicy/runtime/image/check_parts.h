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

static inline bool is_string(const mpol_image *image, uint32_t id) {
    return id < mpol_count(image, MPOL_STRING_OFFSETS) - 1;
}

static inline bool is_string_or_none(const mpol_image *image, uint32_t id) {
    return id == MPOL_NONE || is_string(image, id);
}

static inline bool is_index(const mpol_image *image, mpol_section_kind kind, uint32_t index) {
    return index < mpol_count(image, kind);
}

static inline bool is_index_or_none(const mpol_image *image, mpol_section_kind kind,
                                    uint32_t index) {
    return index == MPOL_NONE || is_index(image, kind, index);
}

/* A list whose members are all below `bound`; they ascend, so the last one tells. */
static inline bool is_list_below(const mpol_image *image, uint32_t id, uint32_t bound) {
    if (id >= mpol_count(image, MPOL_LIST_OFFSETS) - 1)
        return false;
    uint32_t len = mpol_list_len(image, id);
    return len == 0 || mpol_list_value(image, id, len - 1) < bound;
}

/* The name at `index` is a string and comes after the one before it. */
static inline bool is_next_name(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                                uint32_t index) {
    uint32_t name = mpol_read_u32(mpol_element(image, kind, element, index));
    if (!is_string(image, name))
        return false;
    return index == 0 || mpol_read_u32(mpol_element(image, kind, element, index - 1)) < name;
}

/* Does [first, first + count) continue at `*next` and stay within `total`? Moves `*next` on. */
/*@ requires \valid(next); assigns *next; ensures \result ==> *next <= total; */
static inline bool takes_next(uint32_t first, uint32_t count, uint32_t total, uint32_t *next) {
    if (first != *next || first > total || count > total - first)
        return false;
    *next = first + count;
    return true;
}

static inline bool hash_fits(const mpol_image *image, uint64_t hash, uint32_t string,
                             uint64_t *work) {
    mpol_bytes bytes = mpol_string(image, string);
    *work += bytes.len;
    return *work <= MPOL_LIMIT_HASH_WORK && mpol_bytes_hash(bytes) == hash;
}

/* Chapters 5 to 8, and 9. Strings and lists have been checked. `*work` counts bytes hashed. */
mpol_format_rule mpol_image__check_clients(const mpol_image *image, uint64_t *work);
mpol_format_rule mpol_image__check_routes(const mpol_image *image, uint64_t *work);

#endif
