/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "compile/compile.h"
#include "image/check.h"

#include <apr_strings.h>
#include <string.h>

/* The policy that all of this file varies; every spelling below must compile to the same bytes. */
static const char plain[] =
    "{\"name\":\"x\",\"serial\":3,\"valid_until\":\"2030-01-01T00:00:00Z\","
    "\"issuers\":{\"corp\":{\"certificates\":[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}],\"names\":[\"dns\"]},"
    "\"other\":{\"certificates\":[{\"pem\":\"$partner\"}],\"names\":[\"cn\"]}},"
    "\"identities\":{\"ann\":{\"issuer\":\"corp\",\"dns\":\"ann.example\"},\"bob\":{\"issuer\":\"other\",\"cn\":\"bob\"}},"
    "\"groups\":{\"g\":[\"ann\",\"bob\"],\"h\":[\"@g\"]},"
    "\"routes\":{\"r\":{\"hosts\":[\"a\",\"b\"],\"methods\":[\"GET\",\"PUT\"],\"paths\":[\"/x/{id}\",\"/y/**\"],\"tags\":[\"t\",\"u\"]},"
    "\"s\":{\"hosts\":[\"*\"],\"methods\":[\"*\"],\"paths\":[\"/z\"]}},"
    "\"rules\":{\"p\":{\"effect\":\"allow\",\"subjects\":[\"ann\",\"@h\"],\"routes\":[\"tag:t\",\"s\"],"
    "\"networks\":[\"10.0.0.0/8\",\"2001:db8::/32\"],\"valid_from\":\"2026-01-01T00:00:00Z\",\"note\":\"n\"},"
    "\"q\":{\"effect\":\"deny\",\"subjects\":[\"bob\"],\"routes\":[\"*\"]}}}";

static const char *replaced(const char *from, const char *to) {
    const char *at = strstr(plain, from);
    if (at == NULL)
        fail_msg("%s is not in the policy", from);
    return apr_pstrcat(support_pool(), apr_pstrmemdup(support_pool(), plain, (apr_size_t)(at - plain)), to, at + strlen(from), NULL);
}

static bool same_image(const char *json) {
    return mpol_bytes_equal(*support_compile(plain), *support_compile(json));
}

static void expect_same(const char *from, const char *to) {
    if (!same_image(replaced(from, to)))
        fail_msg("%s makes a difference", to);
}

static void expect_other(const char *from, const char *to) {
    if (same_image(replaced(from, to)))
        fail_msg("%s makes no difference", to);
}

static void test_the_same_document_twice(void **state) {
    (void)state;
    assert_true(same_image(plain));
    assert_true(mpol_bytes_equal(*support_compile(support_full_policy), *support_compile(support_full_policy)));
}

static void test_order_makes_no_difference(void **state) {
    (void)state;
    expect_same("[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east\"},{\"pem\":\"$corp\"}]");
    expect_same("[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east$corp\"}]");
    expect_same("[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east$corp$east\"}]");
    expect_same("\"g\":[\"ann\",\"bob\"],\"h\":[\"@g\"]", "\"h\":[\"@g\"],\"g\":[\"bob\",\"ann\"]");
    expect_same("\"hosts\":[\"a\",\"b\"],\"methods\":[\"GET\",\"PUT\"]", "\"methods\":[\"PUT\",\"GET\"],\"hosts\":[\"b\",\"a\"]");
    expect_same("[\"GET\",\"PUT\"]", "[\"HEAD\",\"PUT\",\"GET\"]");
    expect_same("[\"/x/{id}\",\"/y/**\"]", "[\"/y/**\",\"/x/{id}\"]");
    expect_same("[\"t\",\"u\"]", "[\"u\",\"t\"]");
    expect_same("[\"ann\",\"@h\"]", "[\"@h\",\"ann\"]");
    expect_same("[\"tag:t\",\"s\"]", "[\"s\",\"tag:t\"]");
    expect_same("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "[\"2001:db8::/32\",\"10.0.0.0/8\"]");
    expect_same("\"effect\":\"deny\",\"subjects\":[\"bob\"]", "\"subjects\":[\"bob\"],\"effect\":\"deny\"");
}

static void test_order_of_tables_makes_no_difference(void **state) {
    (void)state;
    const char *from = "\"identities\":{\"ann\":{\"issuer\":\"corp\",\"dns\":\"ann.example\"},\"bob\":{\"issuer\":\"other\",\"cn\":\"bob\"}},";
    const char *to = "\"identities\":{\"bob\":{\"cn\":\"bob\",\"issuer\":\"other\"},\"ann\":{\"dns\":\"ann.example\",\"issuer\":\"corp\"}},";
    expect_same(from, to);
    const char *without = replaced(from, "");
    const char *moved = apr_pstrcat(support_pool(), "{", to, without + 1, NULL);
    assert_true(same_image(moved));
    const char *issuers = "\"issuers\":{\"corp\":{\"certificates\":[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}],\"names\":[\"dns\"]},"
                          "\"other\":{\"certificates\":[{\"pem\":\"$partner\"}],\"names\":[\"cn\"]}},";
    expect_same(issuers, "\"issuers\":{\"other\":{\"names\":[\"cn\"],\"certificates\":[{\"pem\":\"$partner\"}]},"
                         "\"corp\":{\"names\":[\"dns\"],\"certificates\":[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]}},");
    moved = apr_pstrcat(support_pool(), apr_pstrmemdup(support_pool(), replaced(issuers, ""), strlen(plain) - strlen(issuers) - 1), ",",
                        apr_pstrmemdup(support_pool(), issuers, strlen(issuers) - 1), "}", NULL);
    assert_true(same_image(moved));
}

static void test_spelling_makes_no_difference(void **state) {
    (void)state;
    expect_same("{\"name\":\"x\"", " \n{\t\"name\" :\r\n \"\\u0078\"");
    expect_same("\"ann.example\"", "\"ANN.Example.\"");
    expect_same("\"/y/**\"", "\"\\/y\\/\\u002a*\"");
    expect_same("\"2030-01-01T00:00:00Z\"", "\"2030-01-01T05:30:00+05:30\"");
    expect_same("\"2026-01-01T00:00:00Z\"", "\"2025-12-31T16:00:00-08:00\"");
    expect_same("\"note\":\"n\"", "\"no\\u0074e\":\"\\u006e\"");
    expect_same("\"10.0.0.0/8\",", "\"10.0.0.0/8\",\"10.1.0.0/16\",\"10.2.3.4\",");
    expect_same("2001:db8::/32", "2001:0DB8:0::/32");
}

static void test_meaning_makes_a_difference(void **state) {
    static const char *const rows[][2] = {
        {"\"name\":\"x\"", "\"name\":\"y\""},
        {"\"serial\":3", "\"serial\":4"},
        {"2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z"},
        {"{\"pem\":\"$corp\"},", ""},
        {"\"$partner\"", "\"$other\""},
        {"\"dns\":\"ann.example\"", "\"dns\":\"ann2.example\""},
        {"\"cn\":\"bob\"", "\"cn\":\"Bob\""},
        {"[\"ann\",\"bob\"]", "[\"ann\"]"},
        {"\"h\":[\"@g\"]", "\"h\":[\"@g\"],\"i\":[]"},
        {"[\"a\",\"b\"]", "[\"a\"]"},
        {"[\"GET\",\"PUT\"]", "[\"GET\"]"},
        {"[\"*\"],\"paths\":[\"/z\"]", "[\"get\"],\"paths\":[\"/z\"]"},
        {"/y/**", "/y/*"},
        {"/x/{id}", "/x/{name}"}, /* for people: it is what the server's log may show */
        {"\"effect\":\"allow\"", "\"effect\":\"deny\""},
        {"[\"ann\",\"@h\"]", "[\"bob\"]"},
        {"[\"tag:t\",\"s\"]", "[\"s\"]"},
        {"\"10.0.0.0/8\",", ""},
        {"10.0.0.0/8", "10.0.0.0/9"},
        {"\"valid_from\":\"2026-01-01T00:00:00Z\",", ""},
        {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"},
        {"valid_from", "valid_until"},
        {"\"note\":\"n\"", "\"note\":\"m\""},
        {"\"note\":\"n\"", "\"owner\":\"n\""},
        {"\"note\":\"n\"", "\"ticket\":\"n\""},
        {"\"note\":\"n\"", "\"note\":\"n\",\"owner\":\"n\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_other(rows[i][0], rows[i][1]);
}

static void test_an_empty_policy(void **state) {
    const mpol_image *image = support_image("{\"name\":\"x\"}");
    (void)state;
    assert_string_equal(mpol_policy_name(image), "x");
    assert_true(mpol_policy_serial(image) == 0);
    assert_true(mpol_policy_valid_until(image) == 0);
    assert_int_equal(mpol_count(image, MPOL_ROWS), 1);
    assert_int_equal(mpol_count(image, MPOL_STRING_OFFSETS), 2);
    static const char *const same[] = {"{\"name\":\"x\",\"serial\":0}", "{\"issuers\":{},\"rules\":{},\"groups\":{},\"routes\":{},\"identities\":{},\"name\":\"x\"}"};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        assert_true(mpol_bytes_equal(*support_compile("{\"name\":\"x\"}"), *support_compile(same[i])));
}

/* One string stands once, whatever it is in the policy; texts that are empty are texts. */
static void test_strings_are_shared(void **state) {
    const mpol_image *image = support_image("{\"name\":\"get\",\"routes\":{\"get\":{\"hosts\":[\"get\"],\"methods\":[\"get\"],"
                                            "\"paths\":[\"/get\"],\"tags\":[\"get\"]}},\"rules\":{\"get\":{\"effect\":\"allow\","
                                            "\"subjects\":[\"everyone\"],\"routes\":[\"get\"],\"acknowledge\":[\"everyone\"],\"note\":\"\"}}}");
    (void)state;
    assert_int_equal(mpol_count(image, MPOL_STRING_OFFSETS) - 1, 3); /* "", "/get", "get" */
    assert_int_equal(mpol_string(image, MPOL_U32(image, RULES, 0, MPOL_RULE_NOTE)).len, 0);
    assert_int_equal(MPOL_U32(image, RULES, 0, MPOL_RULE_OWNER), MPOL_NONE);
}

static void test_networks_cut_in_two_compile(void **state) {
    const mpol_image *image = support_image(replaced("\"10.0.0.0/8\",\"2001:db8::/32\"", "\"::/0\",\"0.0.0.0/0\",\"::fffe:0:0/95\""));
    (void)state;
    assert_int_equal(mpol_count(image, MPOL_NETWORKS), 3);
}

static void test_a_policy_too_complex_is_no_image(void **state) {
    const char *routes = "";
    (void)state;
    for (int i = 0; i < 18; i++) {
        const char *path = "";
        for (int k = 0; k < 18; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        routes = apr_psprintf(support_pool(), "%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"%s/y%d\"]}", routes,
                              i > 0 ? "," : "", i, path, i);
    }
    const char *found = support_findings(apr_psprintf(support_pool(), "{\"name\":\"x\",\"routes\":{%s}}", routes));
    assert_int_equal(strncmp(found, "route-too-complex 1 ", 20), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_document_twice),
        cmocka_unit_test(test_order_makes_no_difference),
        cmocka_unit_test(test_order_of_tables_makes_no_difference),
        cmocka_unit_test(test_spelling_makes_no_difference),
        cmocka_unit_test(test_meaning_makes_a_difference),
        cmocka_unit_test(test_an_empty_policy),
        cmocka_unit_test(test_strings_are_shared),
        cmocka_unit_test(test_networks_cut_in_two_compile),
        cmocka_unit_test(test_a_policy_too_complex_is_no_image),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
