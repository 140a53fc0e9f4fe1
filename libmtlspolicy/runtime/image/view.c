/* SPDX-License-Identifier: Apache-2.0 */
#include "image/view.h"

const char *mpol_c_string(const mpol_image *image, uint32_t id) {
    return id == MPOL_NONE ? NULL : (const char *)mpol_string(image, id).data;
}

bool mpol_list_has(const mpol_image *image, uint32_t id, uint32_t value) {
    uint32_t first = MPOL_U32(image, LIST_OFFSETS, id, 0);
    uint32_t count = mpol_list_len(image, id);
    uint32_t at =
        mpol_find_u32(image, MPOL_LIST_VALUES, MPOL_LIST_VALUES_BYTES, first, count, value);
    return at < first + count && MPOL_U32(image, LIST_VALUES, at, 0) == value;
}

const char *mpol_policy_name(const mpol_image *image) {
    return mpol_c_string(image, mpol_read_u32(image->bytes + MPOL_HEADER_NAME));
}

const char *mpol_issuer_name(const mpol_image *image, uint32_t issuer) {
    if (issuer == MPOL_NONE)
        return NULL;
    return mpol_c_string(image, MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_NAME));
}

const char *mpol_identity_name(const mpol_image *image, uint32_t identity) {
    if (identity == MPOL_NONE)
        return NULL;
    return mpol_c_string(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_NAME));
}

const char *mpol_group_name(const mpol_image *image, uint32_t group) {
    if (group == MPOL_NONE)
        return NULL;
    return mpol_c_string(image, MPOL_U32(image, GROUPS, group, 0));
}

const char *mpol_route_name(const mpol_image *image, uint32_t route) {
    if (route == MPOL_NONE)
        return NULL;
    return mpol_c_string(image, MPOL_U32(image, ROUTES, route, MPOL_ROUTE_NAME));
}

const char *mpol_rule_name(const mpol_image *image, uint32_t rule) {
    if (rule == MPOL_NONE)
        return NULL;
    return mpol_c_string(image, MPOL_U32(image, RULES, rule, MPOL_RULE_NAME));
}

const char *mpol_policy_environment(const mpol_image *image) {
    return mpol_c_string(image, mpol_read_u32(image->bytes + MPOL_HEADER_ENVIRONMENT));
}

bool mpol_policy_production(const mpol_image *image) {
    return (mpol_read_u32(image->bytes + MPOL_HEADER_FLAGS) & MPOL_POLICY_NOT_PRODUCTION) == 0;
}

uint64_t mpol_policy_serial(const mpol_image *image) {
    return mpol_read_u64(image->bytes + MPOL_HEADER_SERIAL);
}

uint64_t mpol_policy_valid_until(const mpol_image *image) {
    return mpol_read_u64(image->bytes + MPOL_HEADER_VALID_UNTIL);
}

/* Identities and groups are sorted by name, and strings by their bytes, so the order of the name's
 * string ids is the order of the names. */
/*@ requires mpol_readable(image) && mpol_bytes_readable(name);
    requires mpol_section_of(image, kind, element) && 4 <= element;
    requires mpol_is_below(image, kind, element, 0, mpol_strings(image));
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_NONE || \result < image->section[kind].count; */
static uint32_t by_name(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                        mpol_bytes name) {
    uint32_t low = 0;
    uint32_t high = mpol_count(image, kind);
    /*@ loop invariant low <= high <= image->section[kind].count;
        loop assigns low, high;
        loop variant high - low; */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t id = mpol_u32(image, kind, element, middle, 0);
        int order = mpol_bytes_compare(mpol_string(image, id), name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return MPOL_NONE;
}

uint32_t mpol_identity_by_name(const mpol_image *image, mpol_bytes name) {
    return by_name(image, MPOL_IDENTITIES, MPOL_IDENTITIES_BYTES, name);
}

uint32_t mpol_group_by_name(const mpol_image *image, mpol_bytes name) {
    return by_name(image, MPOL_GROUPS, MPOL_GROUPS_BYTES, name);
}

const char *mpol_name_kind_name(mpol_name_kind kind) {
    static const char *const names[MPOL_NAME_KIND_COUNT] = {
#define NAME_KIND_NAME(suffix, name) name,
        MPOL_NAME_KINDS(NAME_KIND_NAME)
#undef NAME_KIND_NAME
    };
    return names[kind < MPOL_NAME_KIND_COUNT ? kind : 0];
}
