/* SPDX-License-Identifier: Apache-2.0 */
#include "image/check_parts.h"

/*@ requires MPOL_MAGIC_BYTES <= len && \valid_read(bytes + (0 .. len - 1));
    terminates \true;
    assigns \nothing; */
static bool has_magic(const uint8_t *bytes, uint32_t len) {
    const uint8_t magic[MPOL_MAGIC_BYTES] = MPOL_MAGIC;
    mpol_bytes expected = {magic, MPOL_MAGIC_BYTES};
    mpol_bytes found = {bytes, len < MPOL_MAGIC_BYTES ? len : MPOL_MAGIC_BYTES};
    return mpol_bytes_equal(expected, found);
}

/*@ requires \valid_read(bytes + (from .. to - 1)) && from <= to;
    terminates \true;
    assigns \nothing; */
static bool all_zero(const uint8_t *bytes, uint32_t from, uint32_t to) {
    /*@ loop invariant from <= i <= to; loop assigns i; loop variant to - i; */
    for (uint32_t i = from; i < to; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

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
    FAIL_UNLESS(mpol_read_u32(bytes + MPOL_HEADER_FLAGS) <= MPOL_POLICY_ALL_FLAGS, FLAGS);
    return MPOL_FORMAT_OK;
}

/* Bytes of one element of a section. */
/* clang-format off */
#define ELEMENT_IS(suffix, bytes) && (kind == MPOL_##suffix ==> \result == bytes)
/* clang-format on */
/*@ requires kind < MPOL_SECTION_COUNT;
    terminates \true;
    assigns \nothing;
    ensures 1 <= \result <= 68 MPOL_SECTIONS(ELEMENT_IS); */
static uint32_t element_size(uint32_t kind) {
    switch (kind) {
#define ELEMENT_SIZE(suffix, bytes)                                                                \
    case MPOL_##suffix: return bytes;
        MPOL_SECTIONS(ELEMENT_SIZE)
#undef ELEMENT_SIZE
    default: return 1; /* never: `kind` is below the number of sections */
    }
}

/*@ requires mpol_bytes_there(image) && kind < MPOL_SECTION_COUNT;
    terminates \true;
    assigns \nothing;
    ensures \result == image->bytes + (MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES); */
static const uint8_t *table_entry(const mpol_image *image, uint32_t kind) {
    return image->bytes + MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES;
}

/* What the section table says, believed as yet. */
/*@ requires \valid(image) && mpol_bytes_there(image);
    terminates \true;
    assigns image->section[0 .. MPOL_SECTION_COUNT - 1];
    ensures mpol_bytes_there(image); */
static void read_sections(mpol_image *image) {
    /*@ loop invariant 0 <= kind <= MPOL_SECTION_COUNT && mpol_bytes_there(image);
        loop assigns kind, image->section[0 .. MPOL_SECTION_COUNT - 1];
        loop variant MPOL_SECTION_COUNT - kind; */
    for (uint32_t kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        const uint8_t *entry = table_entry(image, kind);
        image->section[kind].offset = mpol_read_u32(entry + MPOL_TABLE_OFFSET);
        image->section[kind].count = mpol_read_u32(entry + MPOL_TABLE_COUNT);
    }
}

/* One entry of the table; the section before it ends at `end`. */
/*@ requires mpol_bytes_there(image) && kind < MPOL_SECTION_COUNT;
    requires 1 <= element <= 68 && end <= image->len;
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_section_inside(image, kind, element); */
static mpol_format_rule check_section(const mpol_image *image, uint32_t kind, uint32_t element,
                                      uint32_t end) {
    const uint8_t *entry = table_entry(image, kind);
    uint32_t offset = image->section[kind].offset;
    uint32_t count = image->section[kind].count;
    uint32_t aligned =
        (end + MPOL_SECTION_ALIGNMENT - 1) / MPOL_SECTION_ALIGNMENT * MPOL_SECTION_ALIGNMENT;
    FAIL_UNLESS(mpol_read_u32(entry + MPOL_TABLE_KIND) == kind + 1, SECTION_KIND);
    FAIL_UNLESS(mpol_read_u32(entry + MPOL_TABLE_ELEMENT) == element, SECTION_ELEMENT);
    FAIL_UNLESS(offset == aligned, SECTION_PLACE);
    FAIL_UNLESS(offset <= image->len && count <= (image->len - offset) / element, SECTION_INSIDE);
    /*@ assert count * element <= image->len - offset; */
    FAIL_UNLESS(all_zero(image->bytes, end, offset), SECTION_PADDING);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_section_of(image, kind, element);
    terminates \true;
    assigns \nothing;
    ensures \result <= image->len; */
static uint32_t section_end(const mpol_image *image, uint32_t kind, uint32_t element) {
    return image->section[kind].offset + image->section[kind].count * element;
}

/* clang-format off */
#define IS_INSIDE(suffix, bytes)                                                                   \
    loop invariant MPOL_##suffix < kind ==> mpol_section_inside(image, MPOL_##suffix, bytes);
/* clang-format on */
/*@ requires mpol_bytes_there(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_sections(image); */
static mpol_format_rule check_sections(const mpol_image *image) {
    uint32_t end = MPOL_SECTIONS_START;
    /*@ loop invariant 0 <= kind <= MPOL_SECTION_COUNT && end <= image->len;
        MPOL_SECTIONS(IS_INSIDE)
        loop assigns kind, end;
        loop variant MPOL_SECTION_COUNT - kind; */
    for (uint32_t kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        uint32_t element = element_size(kind);
        CHECK(check_section(image, kind, element, end));
        end = section_end(image, kind, element);
    }
    FAIL_UNLESS(end == image->len, SECTION_END);
    return MPOL_FORMAT_OK;
}

/* String `i`, whose offsets are known to be in order: rules 3.2 to 3.4. */
/*@ requires mpol_sections(image) && mpol_strings_sound(image) && i < mpol_strings(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_string_ends(image, i); */
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

/* Rule 3.1, on which every other one relies. */
/*@ requires mpol_sections(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_strings_sound(image); */
static mpol_format_rule check_string_offsets(const mpol_image *image) {
    uint32_t offsets = mpol_count(image, MPOL_STRING_OFFSETS);
    uint32_t bytes = mpol_count(image, MPOL_STRING_BYTES);
    FAIL_UNLESS(offsets >= 1 && MPOL_U32(image, STRING_OFFSETS, 0, 0) == 0, STRING_OFFSET);
    FAIL_UNLESS(MPOL_U32(image, STRING_OFFSETS, offsets - 1, 0) == bytes, STRING_OFFSET);
    /*@ loop invariant 0 <= i <= offsets - 1;
        loop invariant \forall integer id; 0 <= id < i ==> mpol_string_inside(image, id);
        loop assigns i;
        loop variant offsets - i; */
    for (uint32_t i = 0; i < offsets - 1; i++) {
        uint32_t from = MPOL_U32(image, STRING_OFFSETS, i, 0);
        uint32_t to = MPOL_U32(image, STRING_OFFSETS, i + 1, 0);
        FAIL_UNLESS(from < to && to <= bytes, STRING_OFFSET);
        /*@ assert mpol_string_inside(image, i); */
    }
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_sections(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_strings_sound(image) && mpol_strings_end(image); */
static mpol_format_rule check_strings(const mpol_image *image) {
    CHECK(check_string_offsets(image));
    uint32_t count = mpol_count(image, MPOL_STRING_OFFSETS) - 1;
    /*@ loop invariant 0 <= i <= count;
        loop invariant \forall integer id; 0 <= id < i ==> mpol_string_ends(image, id);
        loop assigns i;
        loop variant count - i; */
    for (uint32_t i = 0; i < count; i++)
        CHECK(check_string(image, i));
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_sections(image);
    requires from <= to <= mpol_size(image, MPOL_LIST_VALUES);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_ascend(image, from, to); */
static mpol_format_rule check_list(const mpol_image *image, uint32_t from, uint32_t to) {
    /*@ loop invariant from <= i && (i < to || i == from);
        loop invariant mpol_ascend(image, from, i + 1);
        loop assigns i;
        loop variant to - i; */
    for (uint32_t i = from; i + 1 < to; i++)
        FAIL_UNLESS(MPOL_U32(image, LIST_VALUES, i, 0) < MPOL_U32(image, LIST_VALUES, i + 1, 0),
                    LIST_ORDER);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_sections(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_lists_sound(image) && mpol_lists_ascend(image); */
static mpol_format_rule check_lists(const mpol_image *image) {
    uint32_t offsets = mpol_count(image, MPOL_LIST_OFFSETS);
    uint32_t values = mpol_count(image, MPOL_LIST_VALUES);
    FAIL_UNLESS(offsets >= 2 && MPOL_U32(image, LIST_OFFSETS, 0, 0) == 0, LIST_OFFSET);
    FAIL_UNLESS(MPOL_U32(image, LIST_OFFSETS, 1, 0) == 0, LIST_FIRST);
    FAIL_UNLESS(MPOL_U32(image, LIST_OFFSETS, offsets - 1, 0) == values, LIST_OFFSET);
    /*@ loop invariant 0 <= i <= offsets - 1;
        loop invariant \forall integer id; 0 <= id < i ==> mpol_list_inside(image, id);
        loop invariant \forall integer id; 0 <= id < i ==> mpol_list_ascends(image, id);
        loop assigns i;
        loop variant offsets - i; */
    for (uint32_t i = 0; i < offsets - 1; i++) {
        uint32_t from = MPOL_U32(image, LIST_OFFSETS, i, 0);
        uint32_t to = MPOL_U32(image, LIST_OFFSETS, i + 1, 0);
        FAIL_UNLESS(from <= to && to <= values, LIST_OFFSET);
        /*@ assert mpol_list_inside(image, i); */
        CHECK(check_list(image, from, to));
        /*@ assert mpol_list_ascends(image, i); */
    }
    return MPOL_FORMAT_OK;
}

/* The header's own references; later chapters rely on where the states of names begin. */
/*@ requires mpol_readable(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_header_sound(image); */
static mpol_format_rule check_references(const mpol_image *image) {
    uint32_t paths = mpol_read_u32(image->bytes + MPOL_HEADER_NAME_STATE);
    FAIL_UNLESS(
        below(mpol_read_u32(image->bytes + MPOL_HEADER_NAME), strings(image)) &&
            below_or_none(mpol_read_u32(image->bytes + MPOL_HEADER_ENVIRONMENT), strings(image)),
        POLICY_NAME);
    FAIL_UNLESS(paths <= mpol_count(image, MPOL_STATES), HEADER_STATE);
    FAIL_UNLESS(
        below_or_none(mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST), paths) &&
            below_or_none(mpol_read_u32(image->bytes + MPOL_HEADER_NO_HOST), paths),
        HEADER_STATE);
    return MPOL_FORMAT_OK;
}

/* What a chapter says, unless the count of hashed bytes was passed in it. */
/*@ terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> rule == MPOL_FORMAT_OK; */
static mpol_format_rule within_work(mpol_format_rule rule, uint64_t work) {
    return work > MPOL_LIMIT_HASH_WORK ? MPOL_FORMAT_HASH_WORK : rule;
}

mpol_format_rule mpol_image_check(const uint8_t *bytes, uint32_t len, mpol_image *image) {
    uint64_t work = 0;
    CHECK(mpol_image_check_header(bytes, len));
    image->bytes = bytes;
    image->len = len;
    read_sections(image);
    CHECK(check_sections(image));
    CHECK(check_strings(image)); /* every later rule reads strings and lists */
    CHECK(check_lists(image));
    CHECK(check_references(image));
    mpol_format_rule rule = mpol_image__check_clients(image, &work);
    CHECK(within_work(rule, work));
    CHECK(mpol_image__check_rules(image));
    rule = mpol_image__check_routes(image, &work);
    return within_work(rule, work);
}
