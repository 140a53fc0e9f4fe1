/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/intern.h"
#include "model/members.h"

#include <string.h>

static void test_strings_are_numbered_in_byte_order(void **state) {
    static const char *const added[] = {"b", "a", "", "ab", "\xff", "b", "B", "a"};
    static const char *const order[] = {"", "B", "a", "ab", "b", "\xff"};
    mpol_strings *strings = mpol_strings_make(support_pool());
    (void)state;
    for (size_t i = 0; i < COUNT_OF(added); i++)
        mpol_strings_add(strings, support_bytes(added[i]));
    mpol_strings_settle(strings);
    assert_int_equal(strings->items->nelts, COUNT_OF(order));
    for (uint32_t i = 0; i < COUNT_OF(order); i++)
        assert_int_equal(mpol_strings_id(strings, support_bytes(order[i])), i);
}

static void test_null_is_no_string(void **state) {
    mpol_strings *strings = mpol_strings_make(support_pool());
    (void)state;
    mpol_strings_add(strings, (mpol_bytes){NULL, 0});
    mpol_strings_settle(strings);
    assert_int_equal(strings->items->nelts, 0);
    assert_int_equal(mpol_strings_id(strings, (mpol_bytes){NULL, 0}), MPOL_NONE);
}

static void test_values_are_numbered_as_they_come(void **state) {
    mpol_values *values = mpol_values_make(support_pool());
    char bytes[4] = "one";
    bool is_new = false;
    (void)state;
    assert_int_equal(mpol_values_id(values, bytes, 3, &is_new), 0);
    assert_true(is_new);
    memcpy(bytes, "two", 3); /* the bytes were copied */
    assert_int_equal(mpol_values_id(values, bytes, 3, &is_new), 1);
    assert_true(is_new);
    assert_int_equal(mpol_values_id(values, "one", 3, &is_new), 0);
    assert_false(is_new);
    assert_int_equal(mpol_values_id(values, "on", 2, NULL), 2);
    assert_int_equal(mpol_values_id(values, NULL, 0, &is_new), 3);
    assert_true(is_new);
    assert_int_equal(mpol_values_id(values, "x", 0, &is_new), 3);
    assert_false(is_new);
}

static apr_array_header_t *list_of(const uint32_t *members, int count) {
    apr_array_header_t *list = apr_array_make(support_pool(), 1, sizeof(uint32_t));
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(list, uint32_t) = members[i];
    return list;
}

static void test_lists(void **state) {
    static const uint32_t members[] = {7, 2, 7, 4000000000u, 0, 2};
    static const uint32_t settled[] = {0, 2, 7, 4000000000u};
    apr_array_header_t *list = list_of(members, COUNT_OF(members));
    apr_array_header_t *empty = list_of(NULL, 0);
    mpol_values *values = mpol_values_make(support_pool());
    (void)state;
    mpol_list_settle(list);
    assert_int_equal(list->nelts, COUNT_OF(settled));
    for (int i = 0; i < list->nelts; i++)
        assert_true(APR_ARRAY_IDX(list, i, uint32_t) == settled[i]);
    mpol_list_settle(empty);
    assert_int_equal(mpol_values_list(values, empty), 0);
    assert_int_equal(mpol_values_list(values, list), 1);
    assert_int_equal(mpol_values_list(values, list_of(settled, 3)), 2);
    assert_int_equal(mpol_values_list(values, list_of(settled, 4)), 1);
    assert_int_equal(mpol_values_list(values, list_of(NULL, 0)), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_are_numbered_in_byte_order),
        cmocka_unit_test(test_null_is_no_string),
        cmocka_unit_test(test_values_are_numbered_as_they_come),
        cmocka_unit_test(test_lists),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
