/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mpol_diagnostics *make(const char *text) {
    return mpol_diagnostics_make(support_pool(), "p.json", support_bytes(text));
}

static void add(mpol_diagnostics *found, mpol_severity severity, mpol_diagnostic_code code,
                uint32_t offset) {
    mpol_diagnostics_add(found, severity, code, offset, "/a", "Mend %s it.", "It is %s.", "so");
}

static const mpol_diagnostic *at(const mpol_diagnostics *found, int i) {
    return MPOL_AT(found->list, i, mpol_diagnostic);
}

static void test_codes_are_words_and_unique(void **state) {
    (void)state;
    for (int i = 0; i < MPOL_DIAGNOSTIC_COUNT; i++) {
        const char *name = mpol_diagnostic_code_name((mpol_diagnostic_code)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, mpol_diagnostic_code_name((mpol_diagnostic_code)k));
    }
}

static void test_lines_and_columns_in_code_points(void **state) {
    static const char text[] = "ab\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91x\r\n\n\ty";
    static const struct {
        uint32_t offset;
        uint32_t line;
        uint32_t column;
    } rows[] = {{0, 1, 1},  {2, 1, 3},  {3, 2, 1},  {5, 2, 2},  {8, 2, 3},  {12, 2, 4},
                {13, 2, 5}, {15, 3, 1}, {16, 4, 1}, {17, 4, 2}, {18, 4, 3}, {999, 4, 3}};
    mpol_diagnostics *found = make(text);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_NAME, rows[i].offset);
        assert_int_equal(at(found, (int)i)->line, rows[i].line);
        assert_int_equal(at(found, (int)i)->column, rows[i].column);
    }
}

static void test_counts_by_severity(void **state) {
    mpol_diagnostics *found = make("x");
    (void)state;
    add(found, MPOL_NOTE, MPOL_DIAGNOSTIC_EVERYONE_LEFT_OUT, 0);
    add(found, MPOL_WARNING, MPOL_DIAGNOSTIC_ACKNOWLEDGE_UNNEEDED, 0);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_NAME, 0);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_TIME, 0);
    assert_int_equal(found->errors, 2);
    assert_int_equal(found->warnings, 1);
    assert_int_equal(found->list->nelts, 4);
    assert_string_equal(at(found, 0)->text, "It is so.");
    assert_string_equal(at(found, 0)->fix, "Mend %s it."); /* no format */
}

static void test_sorted_by_place(void **state) {
    mpol_diagnostics *found = make("abcdef");
    (void)state;
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_TIME, 4);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_TIME, 1);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_WRONG_TYPE, 4);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_TIME, 0);
    mpol_diagnostics_sort(found);
    assert_int_equal(at(found, 0)->offset, 0);
    assert_int_equal(at(found, 1)->offset, 1);
    assert_int_equal(at(found, 2)->code, MPOL_DIAGNOSTIC_WRONG_TYPE);
    assert_int_equal(at(found, 3)->code, MPOL_DIAGNOSTIC_BAD_TIME);
}

static void test_only_so_many_are_kept(void **state) {
    mpol_diagnostics *found = make("x");
    (void)state;
    for (int i = 0; i < MPOL_DIAGNOSTICS_KEPT + 7; i++)
        add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_NAME, 0);
    assert_int_equal(found->list->nelts, MPOL_DIAGNOSTICS_KEPT);
    assert_int_equal(found->dropped, 7);
    assert_int_equal(found->errors, MPOL_DIAGNOSTICS_KEPT + 7);
}

static int count_of(const mpol_diagnostics *found, mpol_severity severity) {
    int count = 0;
    for (int i = 0; i < found->list->nelts; i++)
        count += at(found, i)->severity == severity;
    return count;
}

/* Of a thousand notes and warnings none hides an error; the last one makes room, a note first. */
static void test_errors_are_kept_before_notes(void **state) {
    mpol_diagnostics *found = make("x");
    (void)state;
    for (uint32_t i = 0; i < MPOL_DIAGNOSTICS_KEPT - 1; i++)
        add(found, i % 2 == 0 ? MPOL_NOTE : MPOL_WARNING, MPOL_DIAGNOSTIC_PREFLIGHT_OPEN, i);
    add(found, MPOL_WARNING, MPOL_DIAGNOSTIC_DENY_ENDS, 2000);
    add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_NAME, 500);
    assert_int_equal(found->list->nelts, MPOL_DIAGNOSTICS_KEPT);
    assert_int_equal(found->dropped, 1);
    assert_int_equal(count_of(found, MPOL_ERROR), 1);
    assert_int_equal(count_of(found, MPOL_NOTE), 499);
    assert_int_equal(count_of(found, MPOL_WARNING), 500);
    mpol_diagnostics_sort(found);
    for (int i = 1; i < found->list->nelts; i++)
        assert_true(at(found, i - 1)->offset <= at(found, i)->offset);
    assert_int_equal(at(found, MPOL_DIAGNOSTICS_KEPT - 1)->offset, 2000);
    assert_int_equal(at(found, MPOL_DIAGNOSTICS_KEPT - 2)->offset, 997); /* 998 was the last note */
    for (int i = 0; i < 600; i++)
        add(found, MPOL_WARNING, MPOL_DIAGNOSTIC_DENY_ENDS, 0);
    assert_int_equal(count_of(found, MPOL_NOTE), 0);
    assert_int_equal(count_of(found, MPOL_WARNING), 999);
    for (int i = 0; i < MPOL_DIAGNOSTICS_KEPT + 5; i++)
        add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_TIME, 0);
    add(found, MPOL_NOTE, MPOL_DIAGNOSTIC_PREFLIGHT_OPEN, 0);
    add(found, MPOL_WARNING, MPOL_DIAGNOSTIC_DENY_ENDS, 0);
    assert_int_equal(count_of(found, MPOL_ERROR), MPOL_DIAGNOSTICS_KEPT);
    assert_int_equal(found->errors, MPOL_DIAGNOSTICS_KEPT + 6);
    assert_int_equal(found->dropped, 1 + 600 + MPOL_DIAGNOSTICS_KEPT + 5 + 2);
}

static void test_printed_form(void **state) {
    char *text = NULL;
    size_t len = 0;
    mpol_diagnostics *found = make("a\nbc");
    FILE *out = open_memstream(&text, &len);
    (void)state;
    assert_non_null(out);
    add(found, MPOL_WARNING, MPOL_DIAGNOSTIC_BAD_NAME, 3);
    mpol_diagnostics_add(found, MPOL_ERROR, MPOL_DIAGNOSTIC_MISSING_KEY, 0, "", "Fix.", "Text.");
    found->dropped = 3;
    mpol_diagnostics_print(found, out);
    (void)fclose(out);
    assert_string_equal(text,
                        "p.json:2:2: warning: It is so. [bad-name]\n    at /a\n    Mend %s it.\n"
                        "p.json:1:1: error: Text. [missing-key]\n    at the document\n    Fix.\n"
                        "p.json: 3 more problems are not shown\n");
    free(text);
}

static void expect_quote(const char *bytes, size_t len, const char *quoted) {
    assert_string_equal(
        mpol_quote(support_pool(), (mpol_bytes){(const uint8_t *)bytes, (uint32_t)len}), quoted);
}

#define QUOTE(bytes, quoted) expect_quote((bytes), sizeof(bytes) - 1, (quoted))

static void test_quotes_are_safe_to_print(void **state) {
    (void)state;
    QUOTE("", "");
    QUOTE("a b", "a b");
    QUOTE("caf\xc3\xa9", "caf\xc3\xa9");
    QUOTE("a\0b", "a\\x00b");
    QUOTE("\x1b[31m\n", "\\x1b[31m\\x0a");
    QUOTE("\x7f", "\\x7f");
    QUOTE("\xff", "\\xff");
    QUOTE("a\xc3", "a\\xc3");
    QUOTE("\xc3\xa9\xc3(\xc3\xa9", "\xc3\xa9\\xc3(\\xc3\\xa9");
    /* U+009B begins a command of many terminals, as ESC [ does. */
    QUOTE("\xc2\x9b"
          "31m\xc2\x80\xc2\xa0",
          "\\xc2\\x9b31m\\xc2\\x80\xc2\xa0");
}

static void test_quotes_are_cut(void **state) {
    char many[400];
    (void)state;
    memset(many, 'x', sizeof many);
    assert_int_equal(strlen(mpol_quote(support_pool(), (mpol_bytes){(uint8_t *)many, 80})), 80);
    const char *cut = mpol_quote(support_pool(), (mpol_bytes){(uint8_t *)many, 81});
    assert_int_equal(strlen(cut), 83);
    assert_string_equal(cut + 80, "...");
    for (size_t i = 0; i < sizeof many; i += 2)
        memcpy(many + i, "\xc2\x9b", 2);
    cut = mpol_quote(support_pool(), (mpol_bytes){(uint8_t *)many, sizeof many});
    assert_int_equal(strlen(cut), 80 * 8 + 3);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_words_and_unique),
        cmocka_unit_test(test_lines_and_columns_in_code_points),
        cmocka_unit_test(test_counts_by_severity),
        cmocka_unit_test(test_sorted_by_place),
        cmocka_unit_test(test_only_so_many_are_kept),
        cmocka_unit_test(test_errors_are_kept_before_notes),
        cmocka_unit_test(test_printed_form),
        cmocka_unit_test(test_quotes_are_safe_to_print),
        cmocka_unit_test(test_quotes_are_cut),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
