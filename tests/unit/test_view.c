/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "image/view.h"

#include <string.h>

static const mpol_image *image;

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(support_full_policy);
    return 0;
}

static void test_policy(void **state) {
    (void)state;
    assert_string_equal(mpol_policy_name(image), "full");
    assert_true(mpol_policy_serial(image) == 7);
    assert_true(mpol_policy_valid_until(image) == 4102444800u);
}

static void test_names_by_index_ascend(void **state) {
    static const char *const identities[] = {"billing", "invoices", "orders", "shop"};
    static const char *const groups[] = {"all", "empty", "finance"};
    static const char *const routes[] = {"files", "health", "order", "order-new"};
    static const char *const rules[] = {"all-may-read", "billing-may-all", "no-shop", "no-writes",
                                        "open"};
    (void)state;
    assert_int_equal(mpol_count(image, MPOL_IDENTITIES), COUNT_OF(identities));
    for (uint32_t i = 0; i < COUNT_OF(identities); i++)
        assert_string_equal(mpol_identity_name(image, i), identities[i]);
    for (uint32_t i = 0; i < COUNT_OF(groups); i++)
        assert_string_equal(mpol_group_name(image, i), groups[i]);
    for (uint32_t i = 0; i < COUNT_OF(routes); i++)
        assert_string_equal(mpol_route_name(image, i), routes[i]);
    for (uint32_t i = 0; i < COUNT_OF(rules); i++)
        assert_string_equal(mpol_rule_name(image, i), rules[i]);
    assert_string_equal(mpol_issuer_name(image, 0), "corp");
    assert_string_equal(mpol_issuer_name(image, 1), "partner");
}

static void test_none_has_no_name(void **state) {
    (void)state;
    assert_null(mpol_identity_name(image, MPOL_NONE));
    assert_null(mpol_group_name(image, MPOL_NONE));
    assert_null(mpol_route_name(image, MPOL_NONE));
    assert_null(mpol_rule_name(image, MPOL_NONE));
    assert_null(mpol_issuer_name(image, MPOL_NONE));
    assert_null(mpol_c_string(image, MPOL_NONE));
}

static void test_indices_by_name(void **state) {
    (void)state;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++)
        assert_int_equal(mpol_identity_by_name(image, support_bytes(mpol_identity_name(image, i))),
                         i);
    for (uint32_t i = 0; i < mpol_count(image, MPOL_GROUPS); i++)
        assert_int_equal(mpol_group_by_name(image, support_bytes(mpol_group_name(image, i))), i);
    static const char *const wrong[] = {"",   "a",   "bill", "billing2",
                                        "zz", "all", "@all", "Billing"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(mpol_identity_by_name(image, support_bytes(wrong[i])), MPOL_NONE);
    assert_int_equal(mpol_group_by_name(image, support_bytes("billing")), MPOL_NONE);
}

static void test_strings_are_c_strings_too(void **state) {
    (void)state;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_STRING_OFFSETS) - 1; i++) {
        mpol_bytes string = mpol_string(image, i);
        assert_int_equal(strlen(mpol_c_string(image, i)), string.len);
    }
}

static void test_lists(void **state) {
    (void)state;
    assert_int_equal(mpol_list_len(image, MPOL_LIST_EMPTY), 0);
    assert_false(mpol_list_has(image, MPOL_LIST_EMPTY, 0));
    for (uint32_t list = 1; list < mpol_count(image, MPOL_LIST_OFFSETS) - 1; list++) {
        uint32_t len = mpol_list_len(image, list);
        uint32_t found = 0;
        assert_true(len > 0);
        for (uint32_t value = 0; value < 32; value++)
            found += mpol_list_has(image, list, value);
        assert_int_equal(found, len);
        for (uint32_t i = 0; i < len; i++)
            assert_true(mpol_list_has(image, list, mpol_list_value(image, list, i)));
        assert_false(mpol_list_has(image, list, UINT32_MAX));
    }
}

static void test_find_by_hash(void **state) {
    uint32_t count = mpol_count(image, MPOL_NAMES);
    (void)state;
    assert_int_equal(mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, 0, count, 0), 0);
    assert_int_equal(mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, 0, count, UINT64_MAX),
                     count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = MPOL_U64(image, NAMES, i, MPOL_NAMES_HASH);
        assert_int_equal(mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, 0, count, hash), i);
        assert_int_equal(mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, 0, count, hash + 1),
                         i + 1);
        assert_int_equal(mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, i, 0, hash), i);
    }
}

/* Classes of several issuers may have one list, and so one hash: the first of them is found. */
static void test_find_the_first_of_equal_hashes(void **state) {
    uint32_t count = mpol_count(image, MPOL_CLASSES);
    uint32_t at = mpol_find_hash(image, MPOL_CLASSES, MPOL_CLASSES_BYTES, 0, count, MPOL_HASH_SEED);
    (void)state;
    assert_true(at + 1 < count);
    assert_true(MPOL_U64(image, CLASSES, at, MPOL_CLASS_HASH) == MPOL_HASH_SEED);
    assert_true(MPOL_U64(image, CLASSES, at + 1, MPOL_CLASS_HASH) == MPOL_HASH_SEED);
    assert_int_equal(MPOL_U32(image, CLASSES, at, MPOL_CLASS_ISSUER), 0);
    assert_int_equal(MPOL_U32(image, CLASSES, at + 1, MPOL_CLASS_ISSUER), 1);
}

static void test_find_by_number(void **state) {
    (void)state;
    for (uint32_t row = 0; row < mpol_count(image, MPOL_ROWS); row++) {
        uint32_t first = MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRY);
        uint32_t count = MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRIES);
        for (uint32_t i = first; i < first + count; i++) {
            uint32_t key = MPOL_U32(image, ENTRIES, i, MPOL_ENTRY_ROUTE_CLASS);
            assert_int_equal(
                mpol_find_u32(image, MPOL_ENTRIES, MPOL_ENTRIES_BYTES, first, count, key), i);
        }
        assert_int_equal(
            mpol_find_u32(image, MPOL_ENTRIES, MPOL_ENTRIES_BYTES, first, count, UINT32_MAX),
            first + count);
    }
}

static void test_kinds_of_name(void **state) {
    static const char *const names[] = {"spiffe", "uri", "dns",       "email",
                                        "upn",    "cn",  "attribute", "subject"};
    (void)state;
    assert_int_equal(MPOL_NAME_KIND_COUNT, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(mpol_name_kind_name((mpol_name_kind)i), names[i]);
    assert_string_equal(mpol_name_kind_name(MPOL_NAME_KIND_COUNT), "spiffe");
}

static void test_environment_and_production(void **state) {
    const mpol_image *other =
        support_image("{ \"name\": \"x\", \"environment\": \"staging\", \"production\": false }");
    (void)state;
    assert_null(mpol_policy_environment(image));
    assert_true(mpol_policy_production(image));
    assert_string_equal(mpol_policy_environment(other), "staging");
    assert_false(mpol_policy_production(other));
    assert_true(mpol_policy_valid_until(other) == 0);
}

/* The source makes the same image again. */
static void test_the_source(void **state) {
    const mpol_bytes *again = support_compile(support_text(mpol_policy_source(image)));
    (void)state;
    assert_int_equal(again->len, image->len);
    assert_memory_equal(again->data, image->bytes, image->len);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_names_by_index_ascend),
        cmocka_unit_test(test_none_has_no_name),
        cmocka_unit_test(test_indices_by_name),
        cmocka_unit_test(test_strings_are_c_strings_too),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_find_by_hash),
        cmocka_unit_test(test_find_the_first_of_equal_hashes),
        cmocka_unit_test(test_find_by_number),
        cmocka_unit_test(test_kinds_of_name),
        cmocka_unit_test(test_environment_and_production),
        cmocka_unit_test(test_the_source),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
