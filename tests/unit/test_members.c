/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "model/members.h"

#include <apr_strings.h>
#include <string.h>

static mpol_model *model;

static const char *names_of(const apr_array_header_t *list) {
    const char *out = "";
    for (int i = 0; i < list->nelts; i++)
        out = TEXT("%s%s", out,
                   support_text(MPOL_AT(model->identities, (int)APR_ARRAY_IDX(list, i, uint32_t),
                                        mpol_identity)
                                    ->name));
    return out;
}

static mpol_members *members_of(const char *groups, const char *subjects) {
    const char *identities = "";
    for (char c = 'a'; c <= 'e'; c++)
        identities = TEXT("%s%s\"%c\":{\"issuer\":\"c\",\"cn\":\"%c\"}", identities,
                          c > 'a' ? "," : "", c, c);
    model = document_read(document_with(
        TEXT(DOCUMENT_ISSUER
             ",\"identities\":{%s},\"groups\":{%s}," DOCUMENT_ROUTE
             ",\"rules\":{\"k\":{\"effect\":\"allow\",\"subjects\":[%s],\"routes\":[\"r\"]}}",
             identities, groups, subjects)));
    return mpol_members_make(support_pool(), model);
}

static void test_nested_groups(void **state) {
    mpol_members *members = members_of("\"g\":[\"e\",\"@h\",\"a\"],\"h\":[\"@i\",\"c\"],\"i\":["
                                       "\"b\",\"c\"],\"j\":[],\"k\":[\"@h\",\"@i\",\"@j\",\"@g\"]",
                                       "\"d\",\"@h\",\"b\"");
    static const char *const wanted[] = {"abce", "bc", "bc", "", "abce"};
    (void)state;
    for (uint32_t g = 0; g < COUNT_OF(wanted); g++) {
        assert_string_equal(names_of(mpol_members_of(members, g)), wanted[g]);
        assert_ptr_equal(mpol_members_of(members, g), mpol_members_of(members, g)); /* made once */
    }
    assert_string_equal(
        names_of(mpol_members_of_rule(members, MPOL_AT(model->rules, 0, mpol_rule))), "bcd");
    assert_string_equal(names_of(mpol_members_of(members, 1)), "bc"); /* as it was */
}

/* Each group is looked at once, however many ways lead to it: without that, 2^60 steps. */
static void test_many_ways_to_one_group(void **state) {
    const char *groups = "\"g00\":[\"a\"],\"h00\":[\"b\"]";
    (void)state;
    for (int i = 1; i < 60; i++)
        groups = TEXT("%s,\"g%02d\":[\"@g%02d\",\"@h%02d\"],\"h%02d\":[\"@g%02d\",\"@h%02d\"]",
                      groups, i, i - 1, i - 1, i, i - 1, i - 1);
    mpol_members *members = members_of(groups, "\"@g59\"");
    assert_string_equal(
        names_of(mpol_members_of_rule(members, MPOL_AT(model->rules, 0, mpol_rule))), "ab");
}

/* A group in several is one, whether its own list is known by then or not. */
static void test_lists_that_are_known(void **state) {
    const char *groups = "\"g\":[\"@h\",\"@i\",\"e\"],\"h\":[\"@j\",\"c\"],\"i\":[\"@j\"],"
                         "\"j\":[\"b\",\"a\"]";
    (void)state;
    mpol_members *members = members_of(groups, "\"@g\"");
    assert_string_equal(names_of(mpol_members_of(members, 3)), "ab");
    assert_string_equal(names_of(mpol_members_of(members, 1)), "abc");
    assert_string_equal(names_of(mpol_members_of(members, 0)), "abce");
    assert_string_equal(names_of(mpol_members_of(members, 2)), "ab");
    members = members_of(groups, "\"@g\"");
    assert_string_equal(names_of(mpol_members_of(members, 0)), "abce");
    assert_string_equal(names_of(mpol_members_of(members, 3)), "ab");
}

static void test_settled_lists(void **state) {
    static const uint32_t given[] = {7, 2, 7, 4000000000u, 0, 2};
    static const uint32_t settled[] = {0, 2, 7, 4000000000u};
    apr_array_header_t *list = apr_array_make(support_pool(), 1, sizeof(uint32_t));
    (void)state;
    mpol_list_settle(list);
    assert_int_equal(list->nelts, 0);
    for (size_t i = 0; i < COUNT_OF(given); i++)
        APR_ARRAY_PUSH(list, uint32_t) = given[i];
    mpol_list_settle(list);
    assert_int_equal(list->nelts, COUNT_OF(settled));
    assert_memory_equal(list->elts, settled, sizeof settled);
}

static const char *merged(const char *one, const char *other) {
    apr_array_header_t *lists[2];
    const char *texts[2] = {one, other};
    apr_array_header_t *all = apr_array_make(support_pool(), 1, sizeof(uint32_t));
    const char *out = "";
    APR_ARRAY_PUSH(all, uint32_t) = 99; /* left from before */
    for (int i = 0; i < 2; i++) {
        lists[i] = apr_array_make(support_pool(), 1, sizeof(uint32_t));
        for (const char *c = texts[i]; *c != '\0'; c++)
            APR_ARRAY_PUSH(lists[i], uint32_t) = (uint32_t)*c;
    }
    mpol_list_merge(mpol_list_bytes(lists[0]), mpol_list_bytes(lists[1]), all);
    for (int i = 0; i < all->nelts; i++)
        out = TEXT("%s%c", out, (int)APR_ARRAY_IDX(all, i, uint32_t));
    return out;
}

static void test_merged_lists(void **state) {
    (void)state;
    assert_string_equal(merged("", ""), "");
    assert_string_equal(merged("ac", ""), "ac");
    assert_string_equal(merged("", "b"), "b");
    assert_string_equal(merged("acd", "abe"), "abcde");
    assert_string_equal(merged("xyz", "abc"), "abcxyz");
    assert_string_equal(merged("abc", "abc"), "abc");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_groups),        cmocka_unit_test(test_many_ways_to_one_group),
        cmocka_unit_test(test_lists_that_are_known), cmocka_unit_test(test_settled_lists),
        cmocka_unit_test(test_merged_lists),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
