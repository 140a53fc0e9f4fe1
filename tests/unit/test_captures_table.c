/* SPDX-License-Identifier: Apache-2.0 */
/* The captures that rules compare (compile/captures.c). */
#include "documents.h"

#include "compile/captures.h"

#include <apr_strings.h>

static const char json[] = "{\"name\":\"x\"," DOCUMENT_ISSUER_OF(
    "\"spiffe\"") ",\"identities\":{\"a\":{\"issuer\":\"c\","
                  "\"spiffe\":\"spiffe://t/{n}/"
                  "{unused}\"}},\"routes\":{\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],"
                  "\"paths\":[\"/{p}/x/{q}/"
                  "{other}\"]}},\"rules\":{\"k\":{\"effect\":\"allow\",\"subjects\":[\"a\"],"
                  "\"routes\":[\"r\"],"
                  "\"same\":{\"q\":\"n\",\"p\":{\"attribute\":\"2.5.4.10\"}}},\"l\":{\"effect\":"
                  "\"allow\",\"subjects\":[\"a\"],"
                  "\"routes\":[\"r\"],\"same\":{\"q\":\"n\"}}}}";

static void test_captures_are_numbered_in_byte_order(void **state) {
    mpol_model *model = document_read(json);
    mpol_strings *captures = mpol_captures_make(support_pool(), model);
    (void)state;
    assert_int_equal(captures->items->nelts,
                     3); /* n, p, q; not the OID, nor what nobody compares */
    assert_int_equal(mpol_strings_id(captures, support_bytes("n")), 0);
    assert_int_equal(mpol_strings_id(captures, support_bytes("p")), 1);
    assert_int_equal(mpol_strings_id(captures, support_bytes("q")), 2);
}

static void expect_list(mpol_values *lists, uint32_t list, const uint32_t *wanted, uint32_t count) {
    const mpol_bytes *bytes = MPOL_AT(lists->items, (int)list, mpol_bytes);
    assert_int_equal(bytes->len, 4 * count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(mpol_read_u32(bytes->data + 4 * i), wanted[i]);
}

static void test_lists_say_which_segment(void **state) {
    mpol_model *model = document_read(json);
    mpol_strings *captures = mpol_captures_make(support_pool(), model);
    mpol_values *lists = mpol_values_make(support_pool());
    static const uint32_t path[] = {1u << MPOL_CAPTURE_SHIFT | 0, 2u << MPOL_CAPTURE_SHIFT | 2};
    static const uint32_t name[] = {0u << MPOL_CAPTURE_SHIFT | 3}; /* behind spiffe:, "" and t */
    (void)state;
    (void)mpol_values_id(lists, NULL, 0, NULL);
    const mpol_route *route = MPOL_AT(model->routes, 0, mpol_route);
    uint32_t list =
        mpol_captures_list(captures, lists, MPOL_AT(route->patterns, 0, mpol_pattern)->segments);
    expect_list(lists, list, path, COUNT_OF(path));
    list = mpol_captures_list(captures, lists,
                              MPOL_AT(model->identities, 0, mpol_identity)->pattern.segments);
    expect_list(lists, list, name, COUNT_OF(name));
}

static void test_a_policy_that_compares_nothing(void **state) {
    mpol_model *model = document_read(document_with(DOCUMENT_ROUTE));
    mpol_strings *captures = mpol_captures_make(support_pool(), model);
    mpol_values *lists = mpol_values_make(support_pool());
    (void)state;
    (void)mpol_values_id(lists, NULL, 0, NULL);
    assert_int_equal(captures->items->nelts, 0);
    const mpol_route *route = MPOL_AT(model->routes, 0, mpol_route);
    assert_int_equal(
        mpol_captures_list(captures, lists, MPOL_AT(route->patterns, 0, mpol_pattern)->segments),
        MPOL_LIST_EMPTY);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captures_are_numbered_in_byte_order),
        cmocka_unit_test(test_lists_say_which_segment),
        cmocka_unit_test(test_a_policy_that_compares_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
