/* SPDX-License-Identifier: Apache-2.0 */
/* What further conditions make of a set of identities (compile/conditions.c). */
#include "documents.h"

#include "compile/conditions.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static mpol_model *model;
static mpol_values *lists;
static const char *sets[64];
static int count;
static int most;

static bool take(void *context, uint32_t issuer, uint32_t list) {
    const mpol_bytes *bytes = MPOL_AT(lists->items, (int)list, mpol_bytes);
    const char *out = "";
    assert_ptr_equal(context, sets);
    assert_int_equal(issuer, 0);
    for (uint32_t i = 0; i < bytes->len / 4; i++)
        out = TEXT("%s%s", out,
                   support_text(MPOL_AT(model->identities, (int)mpol_read_u32(bytes->data + 4 * i),
                                        mpol_identity)
                                    ->name));
    sets[count++] = out;
    return count < most;
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The sets that are left of all identities of one name, sorted. */
static const char *split(const char *identities) {
    const char *out = "";
    apr_array_header_t *all = apr_array_make(support_pool(), 8, sizeof(uint32_t));
    model = document_read(
        document_with(TEXT(DOCUMENT_ISSUER_OF("\"none\"") ",\"identities\":{%s}", identities)));
    lists = mpol_values_make(support_pool());
    (void)mpol_values_id(lists, NULL, 0, NULL);
    for (int i = 0; i < model->identities->nelts; i++)
        APR_ARRAY_PUSH(all, uint32_t) = (uint32_t)i;
    count = 0;
    bool done = mpol_conditions_split(support_pool(), model, lists, 0, mpol_values_list(lists, all),
                                      take, sets);
    assert_int_equal(done, count < most);
    qsort(sets, (size_t)count, sizeof sets[0], by_text);
    for (int i = 0; i < count; i++)
        out = TEXT("%s%s%s", out, i > 0 ? "|" : "", sets[i]);
    return out;
}

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define PINS(name, pins) "\"" name "\":{\"issuer\":\"c\",\"pins\":[" pins "]}"
#define WITH(name, attributes, pins)                                                               \
    "\"" name "\":{\"issuer\":\"c\",\"attributes\":{" attributes "},\"pins\":[" pins "]}"

static void test_pins(void **state) {
    (void)state;
    most = 64;
    assert_string_equal(split(PINS("a", "\"spki:" A "\"")), "|a");
    assert_string_equal(split(PINS("a", "\"spki:" A "\"") "," PINS("b", "\"spki:" B "\"")), "|a|b");
    assert_string_equal(split(PINS("a", "\"spki:" A "\"") "," PINS("b", "\"spki:" A "\"")), "|ab");
    /* a digest and a key at once */
    assert_string_equal(split(PINS("a", "\"spki:" A "\"") "," PINS("b", "\"certificate:" A "\"")),
                        "|a|ab|b");
    assert_string_equal(
        split(PINS("a", "\"spki:" A "\",\"certificate:" B "\"") "," PINS(
            "b", "\"spki:" B "\",\"certificate:" B "\"") "," PINS("c", "\"spki:" A "\"")),
        "|ab|abc|ac|b");
}

static void test_attributes(void **state) {
    (void)state;
    most = 64;
    assert_string_equal(
        split(WITH("a", "\"2.5.4.10\":\"x\"", "\"spki:" A "\"") "," PINS("b", "\"spki:" A "\"")),
        "|ab|b");
    assert_string_equal(split(WITH("a", "\"2.5.4.10\":\"x\"", "\"spki:" A "\"") "," WITH(
                            "b", "\"2.5.4.10\":\"y\"", "\"spki:" A "\"")),
                        "|a|b");
    assert_string_equal(split(WITH("a", "\"2.5.4.10\":\"x\"", "\"spki:" A "\"") "," WITH(
                            "b", "\"2.5.4.11\":\"x\"", "\"spki:" A "\"")),
                        "|a|ab|b");
    assert_string_equal(
        split(WITH("a", "\"2.5.4.10\":\"x\",\"2.5.4.11\":\"x\"", "\"spki:" A "\"") "," WITH(
            "b", "\"2.5.4.11\":\"x\"", "\"spki:" A "\"") "," WITH("c", "\"2.5.4.10\":\"z\"",
                                                                  "\"spki:" A "\"")),
        "|ab|b|bc|c");
}

static const char *pins(const char *kind, int from, int to) {
    apr_array_header_t *all = apr_array_make(support_pool(), 16, sizeof(const char *));
    for (int i = from; i < to; i++)
        APR_ARRAY_PUSH(all, const char *) = TEXT("\"%s:%064x\"", kind, i);
    return apr_array_pstrcat(support_pool(), all, ',');
}

/* Pins of which the same identities have each are one case, however many: a pair of each two would
 * be a million here. */
static void test_many_pins_of_few(void **state) {
    const int half = support_is_slow() ? 20 : 1000;
    (void)state;
    most = 64;
    assert_string_equal(split(TEXT("\"a\":{\"issuer\":\"c\",\"pins\":[%s,%s]}",
                                   pins("certificate", 0, half), pins("spki", 0, half))),
                        "|a");
    assert_string_equal(
        split(
            TEXT("\"a\":{\"issuer\":\"c\",\"pins\":[%s,%s]},\"b\":{\"issuer\":\"c\",\"pins\":[%s]}"
                 ",\"d\":{\"issuer\":\"c\",\"pins\":[%s]}",
                 pins("certificate", 0, half), pins("spki", 0, half),
                 pins("certificate", half / 2, 2 * half), pins("spki", half, half + 1))),
        "|a|ab|abd|ad|b|bd|d");
}

/* Devices with a pin, or a value, each: every one is a set, and not compared with each other. */
static void test_a_fleet(void **state) {
    const int fleet = support_is_slow() ? 50 : 2000;
    apr_array_header_t *all = apr_array_make(support_pool(), fleet, sizeof(const char *));
    (void)state;
    for (int i = 0; i < fleet; i++)
        APR_ARRAY_PUSH(all, const char *) =
            TEXT("\"i%04d\":{\"issuer\":\"c\",\"attributes\":{\"2.5.4.10\":\"%d\"},\"pins\":[%s]}",
                 i, i / 2, pins("spki", i, i + 1));
    const mpol_image *image =
        support_image(document_with(TEXT(DOCUMENT_ISSUER_OF("\"none\"") ",\"identities\":{%s}",
                                         apr_array_pstrcat(support_pool(), all, ','))));
    assert_int_equal(mpol_count(image, MPOL_CLASSES), fleet + 1);
}

/* Identities without conditions are left as they are. */
static void test_nothing_to_split(void **state) {
    apr_array_header_t *none = apr_array_make(support_pool(), 1, sizeof(uint32_t));
    (void)state;
    most = 64;
    count = 0;
    model = document_read(document_with(DOCUMENT_IDENTITY));
    lists = mpol_values_make(support_pool());
    (void)mpol_values_id(lists, NULL, 0, NULL);
    assert_true(
        mpol_conditions_split(support_pool(), model, lists, 0, MPOL_LIST_EMPTY, take, sets));
    assert_int_equal(count, 1);
    assert_string_equal(sets[0], "");
    APR_ARRAY_PUSH(none, uint32_t) = 0;
    assert_true(mpol_conditions_split(support_pool(), model, lists, 0,
                                      mpol_values_list(lists, none), take, sets));
    assert_int_equal(count, 2);
    assert_string_equal(sets[1], "a");
}

static void test_the_taker_ends_it(void **state) {
    (void)state;
    most = 2;
    (void)split(PINS("a", "\"spki:" A "\"") "," PINS("b", "\"certificate:" A "\""));
    assert_int_equal(count, 2);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_many_pins_of_few),
        cmocka_unit_test(test_a_fleet),
        cmocka_unit_test(test_nothing_to_split),
        cmocka_unit_test(test_the_taker_ends_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
