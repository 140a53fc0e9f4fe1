/* SPDX-License-Identifier: Apache-2.0 */
#include "image/check_parts.h"

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

static mpol_format_rule check_references(const mpol_image *image) {
    FAIL_UNLESS(is_string(image, mpol_read_u32(image->bytes + MPOL_HEADER_NAME)), POLICY_NAME);
    FAIL_UNLESS(
        is_index_or_none(image, MPOL_STATES, mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST)),
        ANY_HOST);
    return MPOL_FORMAT_OK;
}

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
    CHECK(mpol_image__check_clients(image, &work));
    CHECK(mpol_image__check_routes(image, &work));
    return check_references(image);
}
