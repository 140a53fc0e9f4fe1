/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/match/automaton.c: the forms of segments that narrowed captures ask for, and the step. */
#include "support.h"

#include "match/automaton.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

typedef struct form_row {
    const char *segment;
    mpol_segment_form form;
} form_row;

/* On the heap, of exactly its size. */
static mpol_segment_form form_of(const char *segment) {
    size_t len = strlen(segment);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, segment, len);
    mpol_segment_form form = mpol_segment_form_of((mpol_bytes){copy, (uint32_t)len});
    free(copy);
    return form;
}

static const char *repeated(const char *text, int times) {
    const char *all = "";
    for (int i = 0; i < times; i++)
        all = apr_pstrcat(support_pool(), all, text, NULL);
    return all;
}

static void test_forms(void **state) {
    static const form_row rows[] = {
        {"", MPOL_FORM_OTHER},
        {"0", MPOL_FORM_INT},
        {"007", MPOL_FORM_INT},
        {"9223372036854775807", MPOL_FORM_INT},
        {"9999999999999999999", MPOL_FORM_INT},
        {"12345678901234567890", MPOL_FORM_HEX}, /* 20 digits */
        {"-1", MPOL_FORM_OTHER},
        {"+1", MPOL_FORM_OTHER},
        {"1.0", MPOL_FORM_OTHER},
        {" 1", MPOL_FORM_OTHER},
        {"a", MPOL_FORM_HEX},
        {"F", MPOL_FORM_HEX},
        {"1f", MPOL_FORM_HEX},
        {"DeadBeef", MPOL_FORM_HEX},
        {"g", MPOL_FORM_OTHER},
        {"0x1f", MPOL_FORM_OTHER},
        {"@", MPOL_FORM_OTHER},
        {"`", MPOL_FORM_OTHER},
        {"/", MPOL_FORM_OTHER},
        {":", MPOL_FORM_OTHER},
        {"G", MPOL_FORM_OTHER},
        {"01234567-89ab-cdef-0123-456789abcdef", MPOL_FORM_UUID},
        {"01234567-89AB-CDEF-0123-456789ABCDEF", MPOL_FORM_UUID},
        {"00000000-0000-0000-0000-000000000000", MPOL_FORM_UUID},
        {"01234567-89ab-cdef-0123-456789abcde", MPOL_FORM_OTHER},
        {"01234567-89ab-cdef-0123-456789abcdef0", MPOL_FORM_OTHER},
        {"01234567-89ab-cdef-0123-456789abcdeg", MPOL_FORM_OTHER},
        {"0123456-789ab-cdef-0123-456789abcdef", MPOL_FORM_OTHER},
        {"01234567-89ab-cdef-01234456789abcdef", MPOL_FORM_OTHER},
        {"{1234567-89ab-cdef-0123-456789abcdef", MPOL_FORM_OTHER},
        {"0123456789abcdef0123456789abcdef", MPOL_FORM_HEX},
        {"------------------------------------", MPOL_FORM_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (form_of(rows[i].segment) != rows[i].form)
            fail_msg("%s: %d", rows[i].segment, (int)form_of(rows[i].segment));
}

static void test_longest_forms(void **state) {
    (void)state;
    assert_int_equal(form_of(repeated("1", 19)), MPOL_FORM_INT);
    assert_int_equal(form_of(repeated("1", 20)), MPOL_FORM_HEX);
    assert_int_equal(form_of(repeated("1", 36)), MPOL_FORM_HEX); /* as long as a UUID */
    assert_int_equal(form_of(repeated("f", 128)), MPOL_FORM_HEX);
    assert_int_equal(form_of(repeated("1", 128)), MPOL_FORM_HEX);
    assert_int_equal(form_of(repeated("f", 129)), MPOL_FORM_OTHER);
    assert_int_equal(form_of(repeated("1", 129)), MPOL_FORM_OTHER);
}

static uint32_t step(const mpol_image *image, uint32_t state, const char *segment) {
    mpol_bytes text = support_bytes(segment);
    return mpol_step(image, state, text, mpol_bytes_hash(text));
}

static const mpol_image *paths(const char *list) {
    return support_image(
        apr_psprintf(support_pool(),
                     "{ \"name\": \"x\", \"routes\": { \"r\": { \"hosts\": [\"a\"],"
                     "\"methods\": [\"GET\"], \"paths\": [%s] } } }",
                     list));
}

static void test_a_literal_comes_first(void **state) {
    const mpol_image *image = paths("\"/7\", \"/{i:int}/i\", \"/*/o\"");
    uint32_t start = MPOL_U32(image, HOSTS, 0, MPOL_HOST_STATE);
    uint32_t literal = step(image, start, "7");
    uint32_t number = step(image, start, "8");
    uint32_t other = step(image, start, "x");
    (void)state;
    assert_true(literal != number && number != other && literal != other);
    assert_true(literal != MPOL_NONE && number != MPOL_NONE && other != MPOL_NONE);
    assert_int_equal(step(image, start, "77"), number);
    assert_int_equal(step(image, start, "a7"), other); /* hexadecimal that nobody asked for */
    assert_int_equal(step(image, start, ""), MPOL_NONE);
    assert_int_equal(step(image, other, "none"), MPOL_NONE);
}

static void test_every_form_has_its_way(void **state) {
    const mpol_image *image = paths("\"/{a:uuid}/u\", \"/{a:hex}/h\", \"/{a:int}/i\"");
    uint32_t start = MPOL_U32(image, HOSTS, 0, MPOL_HOST_STATE);
    uint32_t uuid = step(image, start, "01234567-89ab-cdef-0123-456789abcdef");
    uint32_t number = step(image, start, "12");
    uint32_t hex = step(image, start, "1f");
    (void)state;
    assert_int_equal(step(image, start, "x"), MPOL_NONE);
    assert_int_not_equal(step(image, uuid, "u"), MPOL_NONE);
    assert_int_equal(step(image, uuid, "h"), MPOL_NONE);
    assert_int_not_equal(step(image, number, "i"), MPOL_NONE); /* what is a number ... */
    assert_int_not_equal(step(image, number, "h"), MPOL_NONE); /* ... is hexadecimal too */
    assert_int_equal(step(image, hex, "i"), MPOL_NONE);
    assert_int_not_equal(step(image, hex, "h"), MPOL_NONE);
}

static void test_an_empty_segment_is_a_literal_only(void **state) {
    const mpol_image *image = paths("\"/a/\", \"/b/*\", \"/c/{x:int}\"");
    uint32_t start = MPOL_U32(image, HOSTS, 0, MPOL_HOST_STATE);
    (void)state;
    assert_int_not_equal(step(image, step(image, start, "a"), ""), MPOL_NONE);
    assert_int_equal(step(image, step(image, start, "b"), ""), MPOL_NONE);
    assert_int_equal(step(image, step(image, start, "c"), ""), MPOL_NONE);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_longest_forms),
        cmocka_unit_test(test_a_literal_comes_first),
        cmocka_unit_test(test_every_form_has_its_way),
        cmocka_unit_test(test_an_empty_segment_is_a_literal_only),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
