/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapters 5 to 8: issuers, clients, what they may do, and the rules. */
#include "image/check_parts.h"

static mpol_format_rule check_certificates(const mpol_image *image) {
    uint32_t total = mpol_count(image, MPOL_CERTIFICATE_BYTES);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_CERTIFICATES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CERTIFICATES); i++) {
        uint32_t offset = MPOL_U32(image, CERTIFICATES, i, MPOL_CERTIFICATE_OFFSET);
        uint32_t length = MPOL_U32(image, CERTIFICATES, i, MPOL_CERTIFICATE_LENGTH);
        FAIL_UNLESS(length > 0 && takes_next(offset, length, total, &next), CERTIFICATE_PLACE);
    }
    FAIL_UNLESS(next == total, CERTIFICATE_PLACE);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_issuers(const mpol_image *image) {
    uint32_t total = mpol_count(image, MPOL_CERTIFICATES);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_ISSUERS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ISSUERS); i++) {
        uint32_t first = MPOL_U32(image, ISSUERS, i, MPOL_ISSUER_CERT);
        uint32_t count = MPOL_U32(image, ISSUERS, i, MPOL_ISSUER_CERTS);
        FAIL_UNLESS(is_next_name(image, MPOL_ISSUERS, MPOL_ISSUERS_BYTES, i), ISSUER_NAME);
        FAIL_UNLESS(MPOL_U32(image, ISSUERS, i, MPOL_ISSUER_KIND) < MPOL_NAME_KIND_COUNT,
                    ISSUER_KIND);
        FAIL_UNLESS(takes_next(first, count, total, &next), ISSUER_CERTIFICATES);
    }
    FAIL_UNLESS(next == total, ISSUER_CERTIFICATES);
    return check_certificates(image);
}

static mpol_bytes key_at(const mpol_image *image, uint32_t i) {
    mpol_bytes key = {mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, i),
                      MPOL_SPKI_BYTES};
    return key;
}

static mpol_format_rule check_keys(const mpol_image *image) {
    /*@ loop invariant 0 <= i; loop assigns i; loop variant
        image->section[MPOL_ISSUER_KEYS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ISSUER_KEYS); i++) {
        FAIL_UNLESS(i == 0 || mpol_bytes_compare(key_at(image, i - 1), key_at(image, i)) < 0,
                    KEY_ORDER);
        FAIL_UNLESS(
            is_index(image, MPOL_ISSUERS, MPOL_U32(image, ISSUER_KEYS, i, MPOL_ISSUER_KEY_ISSUER)),
            KEY_ISSUER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_identities(const mpol_image *image) {
    /*@ loop invariant 0 <= i; loop assigns i; loop variant
        image->section[MPOL_IDENTITIES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++) {
        FAIL_UNLESS(is_next_name(image, MPOL_IDENTITIES, MPOL_IDENTITIES_BYTES, i), IDENTITY_NAME);
        FAIL_UNLESS(
            is_index(image, MPOL_ISSUERS, MPOL_U32(image, IDENTITIES, i, MPOL_IDENTITY_ISSUER)),
            IDENTITY_FIELD);
        FAIL_UNLESS(is_string(image, MPOL_U32(image, IDENTITIES, i, MPOL_IDENTITY_VALUE)),
                    IDENTITY_FIELD);
    }
    /*@ loop invariant 0 <= i; loop assigns i; loop variant
        image->section[MPOL_GROUPS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_GROUPS); i++)
        FAIL_UNLESS(is_next_name(image, MPOL_GROUPS, MPOL_GROUPS_BYTES, i), GROUP_NAME);
    return MPOL_FORMAT_OK;
}

/* Principals ascend by hash, then issuer, then value. */
static bool principal_after(const mpol_image *image, uint32_t i) {
    uint64_t hash = MPOL_U64(image, PRINCIPALS, i, MPOL_PRINCIPAL_HASH);
    uint64_t before = MPOL_U64(image, PRINCIPALS, i - 1, MPOL_PRINCIPAL_HASH);
    uint32_t issuer = MPOL_U32(image, PRINCIPALS, i, MPOL_PRINCIPAL_ISSUER);
    uint32_t issuer_before = MPOL_U32(image, PRINCIPALS, i - 1, MPOL_PRINCIPAL_ISSUER);
    if (hash != before)
        return before < hash;
    if (issuer != issuer_before)
        return issuer_before < issuer;
    return MPOL_U32(image, PRINCIPALS, i - 1, MPOL_PRINCIPAL_VALUE) <
           MPOL_U32(image, PRINCIPALS, i, MPOL_PRINCIPAL_VALUE);
}

static mpol_format_rule check_principals(const mpol_image *image, uint64_t *work) {
    /*@ loop invariant 0 <= i; loop assigns i, *work; loop variant
        image->section[MPOL_PRINCIPALS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_PRINCIPALS); i++) {
        uint32_t issuer = MPOL_U32(image, PRINCIPALS, i, MPOL_PRINCIPAL_ISSUER);
        uint32_t value = MPOL_U32(image, PRINCIPALS, i, MPOL_PRINCIPAL_VALUE);
        uint32_t class = MPOL_U32(image, PRINCIPALS, i, MPOL_PRINCIPAL_CLASS);
        FAIL_UNLESS(is_index(image, MPOL_ISSUERS, issuer) && is_string(image, value) &&
                        is_index(image, MPOL_CLASSES, class),
                    PRINCIPAL_FIELD);
        FAIL_UNLESS(
            hash_fits(image, MPOL_U64(image, PRINCIPALS, i, MPOL_PRINCIPAL_HASH), value, work),
            PRINCIPAL_HASH);
        FAIL_UNLESS(i == 0 || principal_after(image, i), PRINCIPAL_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_classes(const mpol_image *image) {
    uint32_t identities = mpol_count(image, MPOL_IDENTITIES);
    uint32_t groups = mpol_count(image, MPOL_GROUPS);
    /*@ loop invariant 0 <= i; loop assigns i; loop variant
        image->section[MPOL_CLASSES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CLASSES); i++) {
        uint32_t members = MPOL_U32(image, CLASSES, i, MPOL_CLASS_IDENTITIES);
        FAIL_UNLESS(is_index(image, MPOL_ROWS, MPOL_U32(image, CLASSES, i, MPOL_CLASS_ROW)),
                    CLASS_FIELD);
        FAIL_UNLESS(is_list_below(image, members, identities) && mpol_list_len(image, members) > 0,
                    CLASS_FIELD);
        FAIL_UNLESS(is_list_below(image, MPOL_U32(image, CLASSES, i, MPOL_CLASS_GROUPS), groups),
                    CLASS_FIELD);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_row_entries(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i; loop assigns i; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        uint32_t route_class = MPOL_U32(image, ENTRIES, i, MPOL_ENTRY_ROUTE_CLASS);
        FAIL_UNLESS(route_class < mpol_count(image, MPOL_ROUTES) &&
                        is_index(image, MPOL_CELLS, MPOL_U32(image, ENTRIES, i, MPOL_ENTRY_CELL)),
                    ENTRY_FIELD);
        FAIL_UNLESS(i == first ||
                        MPOL_U32(image, ENTRIES, i - 1, MPOL_ENTRY_ROUTE_CLASS) < route_class,
                    ENTRY_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_rows(const mpol_image *image) {
    uint32_t total = mpol_count(image, MPOL_ENTRIES);
    uint32_t next = 0;
    FAIL_UNLESS(mpol_count(image, MPOL_ROWS) > MPOL_ROW_EVERYONE, ROW_FIRST);
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_ROWS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ROWS); i++) {
        uint32_t first = MPOL_U32(image, ROWS, i, MPOL_ROW_ENTRY);
        uint32_t count = MPOL_U32(image, ROWS, i, MPOL_ROW_ENTRIES);
        FAIL_UNLESS(is_index_or_none(image, MPOL_CELLS, MPOL_U32(image, ROWS, i, MPOL_ROW_DEFAULT)),
                    ROW_DEFAULT);
        FAIL_UNLESS(takes_next(first, count, total, &next), ROW_ENTRIES);
        mpol_format_rule rule = check_row_entries(image, first, first + count);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == total, ROW_ENTRIES);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_cells(const mpol_image *image) {
    uint32_t rules = mpol_count(image, MPOL_RULES);
    /*@ loop invariant 0 <= i; loop assigns i; loop variant
        image->section[MPOL_CELLS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CELLS); i++)
        FAIL_UNLESS(is_list_below(image, MPOL_U32(image, CELLS, i, MPOL_CELL_DENY), rules) &&
                        is_list_below(image, MPOL_U32(image, CELLS, i, MPOL_CELL_ALLOW), rules),
                    CELL_LIST);
    return MPOL_FORMAT_OK;
}

static mpol_bytes address_at(const mpol_image *image, uint32_t network, uint32_t field) {
    mpol_bytes address = {mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, network) + field,
                          MPOL_ADDRESS_BYTES};
    return address;
}

static mpol_format_rule check_networks(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i; loop assigns i; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        mpol_bytes low = address_at(image, i, MPOL_NETWORK_LOW);
        FAIL_UNLESS(mpol_bytes_compare(low, address_at(image, i, MPOL_NETWORK_HIGH)) <= 0,
                    NETWORK_ORDER);
        FAIL_UNLESS(i == first ||
                        mpol_bytes_compare(address_at(image, i - 1, MPOL_NETWORK_HIGH), low) < 0,
                    NETWORK_ORDER);
    }
    return MPOL_FORMAT_OK;
}

/* A field is zero unless its flag says that it is there. */
static bool flags_fit(const mpol_image *image, uint32_t i) {
    uint32_t flags = MPOL_U32(image, RULES, i, MPOL_RULE_FLAGS);
    uint64_t from = MPOL_U64(image, RULES, i, MPOL_RULE_VALID_FROM);
    uint64_t until = MPOL_U64(image, RULES, i, MPOL_RULE_VALID_UNTIL);
    bool networks = MPOL_U32(image, RULES, i, MPOL_RULE_NETWORKS) != 0;
    return (flags & ~(uint32_t)MPOL_RULE_ALL_FLAGS) == 0 &&
           MPOL_U32(image, RULES, i, MPOL_RULE_RESERVED) == 0 &&
           ((flags & MPOL_RULE_HAS_FROM) != 0 || from == 0) &&
           ((flags & MPOL_RULE_HAS_UNTIL) != 0 || until == 0) &&
           ((flags & MPOL_RULE_HAS_NETWORKS) != 0) == networks;
}

static mpol_format_rule check_rule(const mpol_image *image, uint32_t i, uint32_t *next) {
    uint32_t first = MPOL_U32(image, RULES, i, MPOL_RULE_NETWORK);
    uint32_t count = MPOL_U32(image, RULES, i, MPOL_RULE_NETWORKS);
    FAIL_UNLESS(is_next_name(image, MPOL_RULES, MPOL_RULES_BYTES, i), RULE_NAME);
    FAIL_UNLESS(is_string_or_none(image, MPOL_U32(image, RULES, i, MPOL_RULE_OWNER)) &&
                    is_string_or_none(image, MPOL_U32(image, RULES, i, MPOL_RULE_TICKET)) &&
                    is_string_or_none(image, MPOL_U32(image, RULES, i, MPOL_RULE_NOTE)),
                RULE_TEXT);
    FAIL_UNLESS(flags_fit(image, i), RULE_FLAGS);
    FAIL_UNLESS(takes_next(first, count, mpol_count(image, MPOL_NETWORKS), next), RULE_NETWORKS);
    return check_networks(image, first, first + count);
}

static mpol_format_rule check_rules(const mpol_image *image) {
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_RULES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_RULES); i++) {
        mpol_format_rule rule = check_rule(image, i, &next);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == mpol_count(image, MPOL_NETWORKS), RULE_NETWORKS);
    return MPOL_FORMAT_OK;
}

mpol_format_rule mpol_image__check_clients(const mpol_image *image, uint64_t *work) {
    CHECK(check_issuers(image));
    CHECK(check_keys(image));
    CHECK(check_identities(image));
    CHECK(check_principals(image, work));
    CHECK(check_classes(image));
    CHECK(check_rows(image));
    CHECK(check_cells(image));
    return check_rules(image);
}
