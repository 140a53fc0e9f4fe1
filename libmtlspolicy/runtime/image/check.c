/* SPDX-License-Identifier: Apache-2.0 */
#include "image/check.h"

#include "base/limits.h"

#define FAIL_UNLESS(condition, RULE)                                                               \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return MPOL_FORMAT_##RULE;                                                             \
    } while (0)

/*@ requires MPOL_MAGIC_BYTES <= len && \valid_read(bytes + (0 .. len - 1)); assigns \nothing; */
static bool has_magic(const uint8_t *bytes, uint32_t len) {
    const uint8_t magic[MPOL_MAGIC_BYTES] = MPOL_MAGIC;
    mpol_bytes expected = {magic, MPOL_MAGIC_BYTES};
    mpol_bytes found = {bytes, len < MPOL_MAGIC_BYTES ? len : MPOL_MAGIC_BYTES};
    return mpol_bytes_equal(expected, found);
}

/*@ requires \valid_read(bytes + (from .. to - 1)) && from <= to; assigns \nothing; */
static bool all_zero(const uint8_t *bytes, uint32_t from, uint32_t to) {
    /*@ loop invariant from <= i <= to; loop assigns i; loop variant to - i; */
    for (uint32_t i = from; i < to; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/*@ requires \valid_read(bytes + (0 .. len - 1));
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> MPOL_SECTIONS_START <= len <= MPOL_LIMIT_IMAGE_BYTES; */
mpol_format_rule mpol_image_check_header(const uint8_t *bytes, uint32_t len) {
    FAIL_UNLESS(len >= MPOL_MAGIC_BYTES, SIZE);
    FAIL_UNLESS(has_magic(bytes, len), MAGIC);
    FAIL_UNLESS(len >= MPOL_SECTIONS_START && len <= MPOL_LIMIT_IMAGE_BYTES, SIZE);
    FAIL_UNLESS(bytes[MPOL_HEADER_MAJOR] == MPOL_FORMAT_MAJOR && bytes[MPOL_HEADER_MAJOR + 1] == 0,
                VERSION);
    FAIL_UNLESS(bytes[MPOL_HEADER_MINOR] == MPOL_FORMAT_MINOR && bytes[MPOL_HEADER_MINOR + 1] == 0,
                VERSION);
    FAIL_UNLESS(mpol_read_u32(bytes + MPOL_HEADER_LENGTH) == MPOL_HEADER_BYTES, HEADER_LENGTH);
    FAIL_UNLESS(mpol_read_u32(bytes + MPOL_HEADER_FILE_LENGTH) == len, FILE_LENGTH);
    FAIL_UNLESS(mpol_read_u32(bytes + MPOL_HEADER_SECTIONS) == MPOL_SECTION_COUNT, SECTION_COUNT);
    FAIL_UNLESS(mpol_read_u32(bytes + MPOL_HEADER_FLAGS) == 0, RESERVED);
    FAIL_UNLESS(all_zero(bytes, MPOL_HEADER_RESERVED, MPOL_HEADER_DIGEST), RESERVED);
    return MPOL_FORMAT_OK;
}

static uint32_t element_size(uint32_t kind) {
    static const uint8_t sizes[MPOL_SECTION_COUNT] = {
#define SECTION_SIZE(suffix, bytes) bytes,
        MPOL_SECTIONS(SECTION_SIZE)
#undef SECTION_SIZE
    };
    return sizes[kind];
}

/* One entry of the section table; `*end` is where the section before it ended. */
/*@ requires \valid(image) && \valid(end) && \separated(image, end) && kind < MPOL_SECTION_COUNT;
    requires MPOL_SECTIONS_START <= image->len <= 0x40000000;
    requires \valid_read(image->bytes + (0 .. image->len - 1)) && *end <= image->len;
    assigns image->section[kind], *end;
    ensures \result == MPOL_FORMAT_OK ==> *end <= image->len; */
static mpol_format_rule take_section(mpol_image *image, uint32_t kind, uint32_t *end) {
    const uint8_t *entry = image->bytes + MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES;
    uint32_t element = element_size(kind);
    uint32_t offset = mpol_read_u32(entry + MPOL_TABLE_OFFSET);
    uint32_t count = mpol_read_u32(entry + MPOL_TABLE_COUNT);
    uint32_t aligned = (*end + MPOL_SECTION_ALIGNMENT - 1) & ~(MPOL_SECTION_ALIGNMENT - 1);
    FAIL_UNLESS(mpol_read_u32(entry + MPOL_TABLE_KIND) == kind + 1, SECTION_KIND);
    FAIL_UNLESS(mpol_read_u32(entry + MPOL_TABLE_ELEMENT) == element, SECTION_ELEMENT);
    FAIL_UNLESS(offset == aligned, SECTION_PLACE);
    FAIL_UNLESS(offset <= image->len && count <= (image->len - offset) / element, SECTION_INSIDE);
    FAIL_UNLESS(all_zero(image->bytes, *end, offset), SECTION_PADDING);
    image->section[kind].offset = offset;
    image->section[kind].count = count;
    *end = offset + count * element;
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_sections(mpol_image *image) {
    uint32_t end = MPOL_SECTIONS_START;
    /*@ loop invariant 0 <= kind <= MPOL_SECTION_COUNT && end <= image->len;
        loop assigns kind, end, image->section[0 .. MPOL_SECTION_COUNT - 1];
        loop variant MPOL_SECTION_COUNT - kind; */
    for (uint32_t kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        mpol_format_rule rule = take_section(image, kind, &end);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(end == image->len, SECTION_END);
    return MPOL_FORMAT_OK;
}

static bool is_string(const mpol_image *image, uint32_t id) {
    return id < mpol_count(image, MPOL_STRING_OFFSETS) - 1;
}

static bool is_string_or_none(const mpol_image *image, uint32_t id) {
    return id == MPOL_NONE || is_string(image, id);
}

static bool is_index(const mpol_image *image, mpol_section_kind kind, uint32_t index) {
    return index < mpol_count(image, kind);
}

static bool is_index_or_none(const mpol_image *image, mpol_section_kind kind, uint32_t index) {
    return index == MPOL_NONE || is_index(image, kind, index);
}

/* String `i`, whose offsets are known to be in order: rules 3.2 to 3.4. */
static mpol_format_rule check_string(const mpol_image *image, uint32_t i) {
    mpol_bytes string = mpol_string(image, i);
    FAIL_UNLESS(string.data[string.len] == 0, STRING_END);
    /*@ loop invariant 0 <= k <= string.len; loop assigns k; loop variant string.len - k; */
    for (uint32_t k = 0; k < string.len; k++)
        FAIL_UNLESS(string.data[k] != 0, STRING_TEXT);
    FAIL_UNLESS(mpol_utf8_valid(string), STRING_TEXT);
    FAIL_UNLESS(i == 0 || mpol_bytes_compare(mpol_string(image, i - 1), string) < 0, STRING_ORDER);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_strings(const mpol_image *image) {
    uint32_t offsets = mpol_count(image, MPOL_STRING_OFFSETS);
    uint32_t bytes = mpol_count(image, MPOL_STRING_BYTES);
    FAIL_UNLESS(offsets >= 1 && MPOL_U32(image, STRING_OFFSETS, 0, 0) == 0, STRING_OFFSET);
    FAIL_UNLESS(MPOL_U32(image, STRING_OFFSETS, offsets - 1, 0) == bytes, STRING_OFFSET);
    /*@ loop invariant 1 <= i <= offsets; loop assigns i; loop variant offsets - i; */
    for (uint32_t i = 1; i < offsets; i++) {
        uint32_t from = MPOL_U32(image, STRING_OFFSETS, i - 1, 0);
        uint32_t to = MPOL_U32(image, STRING_OFFSETS, i, 0);
        FAIL_UNLESS(from < to && to <= bytes, STRING_OFFSET);
    }
    /*@ loop invariant 0 <= i <= offsets - 1; loop assigns i; loop variant offsets - i; */
    for (uint32_t i = 0; i < offsets - 1; i++) {
        mpol_format_rule rule = check_string(image, i);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_list(const mpol_image *image, uint32_t from, uint32_t to) {
    /*@ loop invariant from <= i; loop assigns i; loop variant to - i; */
    for (uint32_t i = from; i + 1 < to; i++)
        FAIL_UNLESS(MPOL_U32(image, LIST_VALUES, i, 0) < MPOL_U32(image, LIST_VALUES, i + 1, 0),
                    LIST_ORDER);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_lists(const mpol_image *image) {
    uint32_t offsets = mpol_count(image, MPOL_LIST_OFFSETS);
    uint32_t values = mpol_count(image, MPOL_LIST_VALUES);
    FAIL_UNLESS(offsets >= 2 && MPOL_U32(image, LIST_OFFSETS, 0, 0) == 0, LIST_OFFSET);
    FAIL_UNLESS(MPOL_U32(image, LIST_OFFSETS, 1, 0) == 0, LIST_FIRST);
    FAIL_UNLESS(MPOL_U32(image, LIST_OFFSETS, offsets - 1, 0) == values, LIST_OFFSET);
    /*@ loop invariant 1 <= i <= offsets; loop assigns i; loop variant offsets - i; */
    for (uint32_t i = 1; i < offsets; i++) {
        uint32_t from = MPOL_U32(image, LIST_OFFSETS, i - 1, 0);
        uint32_t to = MPOL_U32(image, LIST_OFFSETS, i, 0);
        FAIL_UNLESS(from <= to && to <= values, LIST_OFFSET);
        mpol_format_rule rule = check_list(image, from, to);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    return MPOL_FORMAT_OK;
}

/* A list whose members are all below `bound`; they ascend, so the last one tells. */
static bool is_list_below(const mpol_image *image, uint32_t id, uint32_t bound) {
    if (id >= mpol_count(image, MPOL_LIST_OFFSETS) - 1)
        return false;
    uint32_t len = mpol_list_len(image, id);
    return len == 0 || mpol_list_value(image, id, len - 1) < bound;
}

/* The name at `index` is a string and comes after the one before it. */
static bool is_next_name(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                         uint32_t index) {
    uint32_t name = mpol_read_u32(mpol_element(image, kind, element, index));
    if (!is_string(image, name))
        return false;
    return index == 0 || mpol_read_u32(mpol_element(image, kind, element, index - 1)) < name;
}

/* Does [first, first + count) continue at `*next` and stay within `total`? Moves `*next` on. */
/*@ requires \valid(next); assigns *next; ensures \result ==> *next <= total; */
static bool takes_next(uint32_t first, uint32_t count, uint32_t total, uint32_t *next) {
    if (first != *next || first > total || count > total - first)
        return false;
    *next = first + count;
    return true;
}

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

static bool hash_fits(const mpol_image *image, uint64_t hash, uint32_t string, uint64_t *work) {
    mpol_bytes bytes = mpol_string(image, string);
    *work += bytes.len;
    return *work <= MPOL_LIMIT_HASH_WORK && mpol_bytes_hash(bytes) == hash;
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

/* Elements that begin with a hash and the string it is of ascend by hash, then string. */
static bool hashed_after(const mpol_image *image, mpol_section_kind kind, uint32_t i) {
    const uint8_t *before = mpol_element(image, kind, MPOL_EDGES_BYTES, i - 1);
    const uint8_t *here = mpol_element(image, kind, MPOL_EDGES_BYTES, i);
    uint64_t hash_before = mpol_read_u64(before);
    uint64_t hash = mpol_read_u64(here);
    if (hash_before != hash)
        return hash_before < hash;
    return mpol_read_u32(before + MPOL_EDGE_LITERAL) < mpol_read_u32(here + MPOL_EDGE_LITERAL);
}

static mpol_format_rule check_hosts(const mpol_image *image, uint64_t *work) {
    /*@ loop invariant 0 <= i; loop assigns i, *work; loop variant
        image->section[MPOL_HOSTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_HOSTS); i++) {
        uint32_t name = MPOL_U32(image, HOSTS, i, MPOL_HOST_NAME);
        FAIL_UNLESS(is_string(image, name) &&
                        is_index(image, MPOL_STATES, MPOL_U32(image, HOSTS, i, MPOL_HOST_STATE)),
                    HOST_FIELD);
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, HOSTS, i, MPOL_HOST_HASH), name, work),
                    HOST_HASH);
        FAIL_UNLESS(i == 0 || hashed_after(image, MPOL_HOSTS, i), HOST_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_edges(const mpol_image *image, uint32_t state, uint32_t first,
                                    uint32_t end, uint64_t *work) {
    /*@ loop invariant first <= i; loop assigns i, *work; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        uint32_t literal = MPOL_U32(image, EDGES, i, MPOL_EDGE_LITERAL);
        uint32_t target = MPOL_U32(image, EDGES, i, MPOL_EDGE_TARGET);
        FAIL_UNLESS(is_string(image, literal) && target > state &&
                        is_index(image, MPOL_STATES, target),
                    EDGE_FIELD);
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, EDGES, i, MPOL_EDGE_HASH), literal, work),
                    EDGE_HASH);
        FAIL_UNLESS(i == first || hashed_after(image, MPOL_EDGES, i), EDGE_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_states(const mpol_image *image, uint64_t *work) {
    uint32_t total = mpol_count(image, MPOL_EDGES);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next, *work; loop variant
        image->section[MPOL_STATES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_STATES); i++) {
        uint32_t first = MPOL_U32(image, STATES, i, MPOL_STATE_EDGE);
        uint32_t count = MPOL_U32(image, STATES, i, MPOL_STATE_EDGES);
        uint32_t other = MPOL_U32(image, STATES, i, MPOL_STATE_OTHER);
        FAIL_UNLESS(takes_next(first, count, total, &next), STATE_EDGES);
        FAIL_UNLESS(other == MPOL_NONE || (other > i && is_index(image, MPOL_STATES, other)),
                    STATE_FIELD);
        FAIL_UNLESS(
            is_index_or_none(image, MPOL_ENDPOINTS, MPOL_U32(image, STATES, i, MPOL_STATE_END)) &&
                is_index_or_none(image, MPOL_ENDPOINTS,
                                 MPOL_U32(image, STATES, i, MPOL_STATE_TAIL)),
            STATE_FIELD);
        mpol_format_rule rule = check_edges(image, i, first, first + count, work);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == total, STATE_EDGES);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_methods(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i; loop assigns i; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        uint32_t name = MPOL_U32(image, METHODS, i, MPOL_METHOD_NAME);
        FAIL_UNLESS(
            is_string(image, name) &&
                is_index(image, MPOL_ROUTES, MPOL_U32(image, METHODS, i, MPOL_METHOD_ROUTE)),
            METHOD_FIELD);
        FAIL_UNLESS(i == first || MPOL_U32(image, METHODS, i - 1, MPOL_METHOD_NAME) < name,
                    METHOD_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_endpoints(const mpol_image *image) {
    uint32_t total = mpol_count(image, MPOL_METHODS);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_ENDPOINTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ENDPOINTS); i++) {
        uint32_t first = MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHOD);
        uint32_t count = MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHODS);
        FAIL_UNLESS(is_string(image, MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_PATTERN)) &&
                        is_index_or_none(image, MPOL_ROUTES,
                                         MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_ANY_METHOD)),
                    ENDPOINT_FIELD);
        FAIL_UNLESS(takes_next(first, count, total, &next), ENDPOINT_METHODS);
        mpol_format_rule rule = check_methods(image, first, first + count);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == total, ENDPOINT_METHODS);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_routes(const mpol_image *image) {
    uint32_t routes = mpol_count(image, MPOL_ROUTES);
    /*@ loop invariant 0 <= i; loop assigns i; loop variant routes - i; */
    for (uint32_t i = 0; i < routes; i++)
        FAIL_UNLESS(is_next_name(image, MPOL_ROUTES, MPOL_ROUTES_BYTES, i) &&
                        MPOL_U32(image, ROUTES, i, MPOL_ROUTE_CLASS) < routes,
                    ROUTE_FIELD);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_references(const mpol_image *image) {
    FAIL_UNLESS(is_string(image, mpol_read_u32(image->bytes + MPOL_HEADER_NAME)), POLICY_NAME);
    FAIL_UNLESS(
        is_index_or_none(image, MPOL_STATES, mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST)),
        ANY_HOST);
    return MPOL_FORMAT_OK;
}

/* Run `call` and leave with its result unless it is MPOL_FORMAT_OK. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        mpol_format_rule rule_ = (call);                                                           \
        if (rule_ != MPOL_FORMAT_OK)                                                               \
            return rule_;                                                                          \
    } while (0)

/*@ requires \valid(image) && \valid_read(bytes + (0 .. len - 1));
    requires \separated(image, bytes + (0 .. len - 1));
    assigns *image;
    ensures \result == MPOL_FORMAT_OK ==> image->bytes == bytes && image->len == len; */
mpol_format_rule mpol_image_check(const uint8_t *bytes, uint32_t len, mpol_image *image) {
    uint64_t work = 0;
    CHECK(mpol_image_check_header(bytes, len));
    image->bytes = bytes;
    image->len = len;
    CHECK(check_sections(image));
    CHECK(check_strings(image)); /* every later rule reads strings and lists */
    CHECK(check_lists(image));
    CHECK(check_issuers(image));
    CHECK(check_keys(image));
    CHECK(check_identities(image));
    CHECK(check_principals(image, &work));
    CHECK(check_classes(image));
    CHECK(check_rows(image));
    CHECK(check_cells(image));
    CHECK(check_rules(image));
    CHECK(check_hosts(image, &work));
    CHECK(check_states(image, &work));
    CHECK(check_endpoints(image));
    CHECK(check_routes(image));
    return check_references(image);
}
