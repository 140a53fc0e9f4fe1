/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/bytes.h"

#include <string.h>

static mpol_bytes span(const char *data, size_t len) {
    return (mpol_bytes){(const uint8_t *)data, (uint32_t)len};
}

#define SPAN(literal) span((literal), sizeof(literal) - 1)

static void test_equal(void **state) {
    (void)state;
    assert_true(mpol_bytes_equal(SPAN("abc"), SPAN("abc")));
    assert_true(mpol_bytes_equal(SPAN(""), SPAN("")));
    assert_true(mpol_bytes_equal((mpol_bytes){NULL, 0}, SPAN("")));
    assert_true(mpol_bytes_equal(SPAN("a\0b"), SPAN("a\0b")));
    assert_false(mpol_bytes_equal(SPAN("a\0b"), SPAN("a\0c")));
    assert_false(mpol_bytes_equal(SPAN("abc"), SPAN("ab")));
    assert_false(mpol_bytes_equal(SPAN("ab"), SPAN("abc")));
    assert_false(mpol_bytes_equal(SPAN("abc"), SPAN("abC")));
}

static void test_compare_is_byte_order_with_shorter_first(void **state) {
    static const char *const ascending[] = {"", "A", "a", "a\x01", "aa", "ab", "b", "\x7f", "\x80", "\xff"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ascending); i++)
        for (size_t k = 0; k < COUNT_OF(ascending); k++) {
            int order = mpol_bytes_compare(support_bytes(ascending[i]), support_bytes(ascending[k]));
            assert_int_equal(order, i < k ? -1 : i > k);
        }
}

static void test_hash_is_fnv_1a(void **state) {
    (void)state;
    /* Published values of FNV-1a, 64 bits. */
    assert_true(mpol_bytes_hash(SPAN("")) == 0xcbf29ce484222325u);
    assert_true(mpol_bytes_hash(SPAN("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(mpol_bytes_hash(SPAN("foobar")) == 0x85944171f73967e8u);
    assert_true(mpol_hash_byte(MPOL_HASH_SEED, 'a') == 0xaf63dc4c8601ec8cu);
}

static void test_numbers_are_little_endian(void **state) {
    static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07, 0xf8};
    static const uint8_t ones[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    (void)state;
    assert_true(mpol_read_u32(bytes) == 0x84030201u);
    assert_true(mpol_read_u64(bytes) == 0xf807060584030201u);
    assert_true(mpol_read_u32(ones) == UINT32_MAX);
    assert_true(mpol_read_u64(ones) == UINT64_MAX);
}

typedef struct text_row {
    mpol_bytes text;
    uint32_t prefix;
} text_row;

#define ROW(literal, prefix)                                                                       \
    {                                                                                              \
        {(const uint8_t *)(literal), sizeof(literal) - 1}, prefix                                  \
    }

static void test_utf8_prefix(void **state) {
    static const text_row rows[] = {
        ROW("", 0),
        ROW("abc", 3),
        ROW("a\0b", 3),
        ROW("\x7f", 1),
        ROW("\x80", 0),
        ROW("a\xbf", 1),
        ROW("\xc0\x80", 0), /* overlong */
        ROW("\xc1\xbf", 0),
        ROW("\xc2\x80", 2),
        ROW("\xdf\xbf", 2),
        ROW("\xc2", 0),
        ROW("\xc2\xc2", 0),
        ROW("\xc2\x7f", 0),
        ROW("\xe0\x9f\xbf", 0), /* overlong */
        ROW("\xe0\xa0\x80", 3),
        ROW("\xe0\xa0", 0),
        ROW("\xe1\x80\x7f", 0),
        ROW("\xed\x9f\xbf", 3),
        ROW("\xed\xa0\x80", 0), /* surrogate */
        ROW("\xed\xbf\xbf", 0),
        ROW("\xee\x80\x80", 3),
        ROW("\xef\xbf\xbf", 3),
        ROW("\xf0\x8f\xbf\xbf", 0), /* overlong */
        ROW("\xf0\x90\x80\x80", 4),
        ROW("\xf0\x90\x80", 0),
        ROW("\xf0\x90\x80\xc0", 0),
        ROW("\xf4\x8f\xbf\xbf", 4),
        ROW("\xf4\x90\x80\x80", 0), /* beyond U+10FFFF */
        ROW("\xf5\x80\x80\x80", 0),
        ROW("\xff", 0),
        ROW("ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91z\xc3", 12),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(mpol_utf8_prefix(rows[i].text), rows[i].prefix);
        assert_int_equal(mpol_utf8_valid(rows[i].text), rows[i].prefix == rows[i].text.len);
    }
}

/* Every sequence of up to four bytes of a set that has all the borders, against the definition. */
static uint32_t decode(const uint8_t *b, uint32_t len) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t size = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
    if (size == 0 || size > len)
        return 0;
    uint32_t point = size == 1 ? b[0] : b[0] & (0x7fu >> size);
    for (uint32_t i = 1; i < size; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (b[i] & 0x3fu);
    }
    bool good = point >= least[size] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    return good ? size : 0;
}

static void test_utf8_against_the_definition(void **state) {
    static const uint8_t set[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
                                  0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    uint8_t text[4];
    (void)state;
    for (size_t n = 0; n < COUNT_OF(set) * COUNT_OF(set) * COUNT_OF(set) * COUNT_OF(set); n++) {
        size_t rest = n;
        for (int i = 0; i < 4; i++, rest /= COUNT_OF(set))
            text[i] = set[rest % COUNT_OF(set)];
        uint32_t expected = 0;
        for (uint32_t size; expected < 4 && (size = decode(text + expected, 4 - expected)) > 0;)
            expected += size;
        if (mpol_utf8_prefix((mpol_bytes){text, 4}) != expected)
            fail_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
    }
}

static void test_control_characters(void **state) {
    static const struct {
        mpol_bytes text;
        bool control;
    } rows[] = {
        {{(const uint8_t *)"a b~", 4}, false},    {{(const uint8_t *)"", 0}, false},
        {{(const uint8_t *)"\x1f", 1}, true},     {{(const uint8_t *)"a\0", 2}, true},
        {{(const uint8_t *)"\x7f", 1}, true},     {{(const uint8_t *)"\xc2\x80", 2}, true},
        {{(const uint8_t *)"\xc2\x9f", 2}, true}, {{(const uint8_t *)"\xc2\xa0", 2}, false},
        {{(const uint8_t *)"\xc3\x80", 2}, false}, {{(const uint8_t *)"\xe2\x80\x82", 3}, false},
        {{(const uint8_t *)"x\n", 2}, true},      {{(const uint8_t *)"\xe1\x82\x80", 3}, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(mpol_has_control(rows[i].text), rows[i].control);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_compare_is_byte_order_with_shorter_first),
        cmocka_unit_test(test_hash_is_fnv_1a),
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_utf8_prefix),
        cmocka_unit_test(test_utf8_against_the_definition),
        cmocka_unit_test(test_control_characters),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
