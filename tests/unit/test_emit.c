/* SPDX-License-Identifier: Apache-2.0 */
/* The image's layout; what it means is tested where it is used. */
#include "documents.h"

#include "image/check.h"

#include <apr_strings.h>
#include <string.h>

static const mpol_image *image;

static uint32_t index_of(mpol_section_kind kind, uint32_t element, const char *name) {
    for (uint32_t i = 0; i < mpol_count(image, kind); i++)
        if (mpol_bytes_equal(
                mpol_string(image, mpol_read_u32(mpol_element(image, kind, element, i))),
                support_bytes(name)))
            return i;
    fail_msg("there is no %s", name);
    return 0;
}
#define INDEX_OF(KIND, name) index_of(MPOL_##KIND, MPOL_##KIND##_BYTES, (name))

static const char *text_at(uint32_t id) {
    return id == MPOL_NONE ? "-" : support_text(mpol_string(image, id));
}

static void test_header(void **state) {
    (void)state;
    image = support_image("{\"name\":\"x\",\"serial\":258,\"valid_until\":\"2030-01-01T00:00:00Z\","
                          "\"environment\":\"e\",\"production\":false}");
    assert_string_equal(text_at(mpol_read_u32(image->bytes + MPOL_HEADER_NAME)), "x");
    assert_string_equal(text_at(mpol_read_u32(image->bytes + MPOL_HEADER_ENVIRONMENT)), "e");
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_FLAGS), MPOL_POLICY_NOT_PRODUCTION);
    assert_true(mpol_read_u64(image->bytes + MPOL_HEADER_SERIAL) == 258);
    assert_true(mpol_read_u64(image->bytes + MPOL_HEADER_VALID_UNTIL) == 1893456000);
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST), MPOL_NONE);
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_NO_HOST), MPOL_NONE);
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_FILE_LENGTH), image->len);
    image = support_image("{\"name\":\"x\"}");
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_FLAGS), 0);
    assert_int_equal(mpol_read_u32(image->bytes + MPOL_HEADER_ENVIRONMENT), MPOL_NONE);
    image = support_image(document_with(
        "\"routes\":{\"r\":{\"hosts\":[\"*\",\"-\"],\"methods\":[\"GET\"],\"paths\":[\"/\"]}}"));
    assert_true(mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST) <
                mpol_count(image, MPOL_STATES));
    assert_int_not_equal(mpol_read_u32(image->bytes + MPOL_HEADER_NO_HOST), MPOL_NONE);
    assert_int_equal(mpol_count(image, MPOL_HOSTS), 0);
}

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_issuers_and_identities(void **state) {
    (void)state;
    image = support_image(
        document_with("\"issuers\":{\"b\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":["
                      "\"cn\",{\"attribute\":\"title\"},\"dns\"],\"any_of\":true,"
                      "\"may_assert\":[{\"cn\":\"q\"}]},\"a\":{\"certificates\":[{\"pem\":\"$"
                      "partner\"}],\"names\":[\"none\"],\"environment\":\"e\"}},"
                      "\"identities\":{\"p\":{\"issuer\":\"a\",\"pins\":[\"spki:" HEX
                      "\"]},\"q\":{\"issuer\":\"b\",\"cn\":\"q\",\"attributes\":"
                      "{\"2.5.4.5\":\"v\",\"2.5.4.10\":\"w\"}}}"));
    uint32_t b = INDEX_OF(ISSUERS, "b");
    uint32_t q = INDEX_OF(IDENTITIES, "q");
    uint32_t p = INDEX_OF(IDENTITIES, "p");
    assert_int_equal(b, 1);
    assert_int_equal(MPOL_U32(image, ISSUERS, b, MPOL_ISSUER_FLAGS),
                     MPOL_ISSUER_ANY_OF | MPOL_ISSUER_RESTRICTED);
    assert_int_equal(MPOL_U32(image, ISSUERS, 0, MPOL_ISSUER_FLAGS), 0);
    assert_int_equal(MPOL_U32(image, ISSUERS, 0, MPOL_ISSUER_NAMINGS), 0);
    assert_int_equal(MPOL_U32(image, ISSUERS, b, MPOL_ISSUER_NAMINGS), 3);
    assert_string_equal(text_at(MPOL_U32(image, ISSUERS, 0, MPOL_ISSUER_ENVIRONMENT)), "e");
    assert_string_equal(text_at(MPOL_U32(image, ISSUERS, b, MPOL_ISSUER_ENVIRONMENT)), "-");
    assert_int_equal(MPOL_U32(image, NAMINGS, 0, MPOL_NAMING_KIND), MPOL_NAME_DNS);
    assert_int_equal(MPOL_U32(image, NAMINGS, 1, MPOL_NAMING_KIND), MPOL_NAME_CN);
    assert_int_equal(MPOL_U32(image, NAMINGS, 2, MPOL_NAMING_KIND), MPOL_NAME_ATTRIBUTE);
    assert_string_equal(text_at(MPOL_U32(image, NAMINGS, 2, MPOL_NAMING_OID)), "2.5.4.12");
    assert_int_equal(MPOL_U32(image, IDENTITIES, p, MPOL_IDENTITY_FLAGS), MPOL_IDENTITY_HAS_PINS);
    assert_int_equal(MPOL_U32(image, IDENTITIES, p, MPOL_IDENTITY_NAMING), MPOL_NONE);
    assert_string_equal(text_at(MPOL_U32(image, IDENTITIES, p, MPOL_IDENTITY_VALUE)), "-");
    assert_int_equal(MPOL_U32(image, IDENTITIES, q, MPOL_IDENTITY_NAMING), 1);
    assert_string_equal(text_at(MPOL_U32(image, IDENTITIES, q, MPOL_IDENTITY_VALUE)), "q");
    assert_int_equal(MPOL_U32(image, IDENTITIES, q, MPOL_IDENTITY_ATTRIBUTES), 2);
    assert_string_equal(text_at(MPOL_U32(image, ATTRIBUTES, 0, MPOL_ATTRIBUTE_OID)), "2.5.4.10");
    assert_string_equal(text_at(MPOL_U32(image, ATTRIBUTES, 1, MPOL_ATTRIBUTE_VALUE)), "v");
    assert_int_equal(mpol_count(image, MPOL_PINS), 1);
    assert_int_equal(MPOL_U32(image, PINS, 0, MPOL_PIN_KIND), MPOL_PIN_SPKI);
    assert_true(mpol_list_has(image, MPOL_U32(image, PINS, 0, MPOL_PIN_IDENTITIES), p));
}

static void test_routes(void **state) {
    static const char *const names[] = {"encoded-slash",  "backslash",    "parameters",
                                        "empty-segments", "dot-segments", "percent",
                                        "method-override"};
    static const uint32_t flags[] = {1, 2, 4, 8, 16, 32, MPOL_ROUTE_EXPECTS_OVERRIDE};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        image =
            support_image(document_with(TEXT("\"routes\":{\"r\":{\"hosts\":[\"a\"],\"methods\":["
                                             "\"GET\"],\"paths\":[\"/\"],\"expects\":[\"%s\"]}}",
                                             names[i])));
        assert_int_equal(MPOL_U32(image, ROUTES, 0, MPOL_ROUTE_FLAGS), flags[i]);
    }
    image = support_image(document_with(
        "\"routes\":{\"e\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/"
        "e\"],\"internal\":\"error\"},"
        "\"i\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/i\"],\"internal\":true},"
        "\"p\":{\"hosts\":[\"a\"],\"methods\":[\"*\"],\"paths\":[\"/p\"],\"preflight\":true}}"));
    assert_int_equal(MPOL_U32(image, ROUTES, 0, MPOL_ROUTE_FLAGS), MPOL_ROUTE_INTERNAL_ERROR);
    assert_int_equal(MPOL_U32(image, ROUTES, 1, MPOL_ROUTE_FLAGS), MPOL_ROUTE_INTERNAL);
    assert_int_equal(MPOL_U32(image, ROUTES, 2, MPOL_ROUTE_FLAGS), 0);
    for (uint32_t i = 0; i < 3; i++) {
        bool is_p =
            strcmp(text_at(MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_PATTERN)), "/p") == 0;
        assert_int_equal(MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_PREFLIGHT),
                         is_p ? 2 : MPOL_NONE);
        assert_int_equal(MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_ANY_METHOD),
                         is_p ? 2 : MPOL_NONE);
    }
}

static uint32_t rule_flags(const char *members) {
    image = support_image(document_with(
        TEXT(DOCUMENT_IDENTITY "," DOCUMENT_ROUTE
                               ",\"rules\":{\"k\":{\"subjects\":[\"a\"],\"routes\":[\"r\"],%s}}",
             members)));
    return MPOL_U32(image, RULES, 0, MPOL_RULE_FLAGS);
}

static void test_rules(void **state) {
    (void)state;
    assert_int_equal(rule_flags("\"effect\":\"deny\""), MPOL_RULE_DENY);
    assert_int_equal(rule_flags("\"effect\":\"allow\""), 0);
    assert_int_equal(rule_flags("\"effect\":\"allow\",\"users\":[\"*\"]"),
                     MPOL_RULE_HAS_USERS | MPOL_RULE_ANY_USER);
    assert_int_equal(mpol_count(image, MPOL_USERS), 0);
    assert_int_equal(rule_flags("\"effect\":\"allow\",\"users\":[\"v\",\"u\"]"),
                     MPOL_RULE_HAS_USERS);
    assert_int_equal(mpol_count(image, MPOL_USERS), 2);
    assert_string_equal(text_at(MPOL_U32(image, USERS, 0, 0)), "u");
    assert_int_equal(rule_flags("\"effect\":\"allow\",\"networks\":[\"10.0.0.0/"
                                "8\"],\"valid_from\":\"1970-01-01T00:00:00Z\","
                                "\"valid_until\":\"1970-01-01T00:00:09Z\",\"note\":\"n\""),
                     MPOL_RULE_HAS_NETWORKS | MPOL_RULE_HAS_FROM | MPOL_RULE_HAS_UNTIL);
    assert_true(MPOL_U64(image, RULES, 0, MPOL_RULE_VALID_UNTIL) == 9);
    assert_string_equal(text_at(MPOL_U32(image, RULES, 0, MPOL_RULE_NOTE)), "n");
    assert_string_equal(text_at(MPOL_U32(image, RULES, 0, MPOL_RULE_OWNER)), "-");
}

static void test_comparisons(void **state) {
    (void)state;
    image = support_image(document_with(DOCUMENT_ISSUER_OF(
        "\"dns\"") ",\"identities\":{\"a\":{\"issuer\":\"c\",\"dns\":\"{q}.x\"}},"
                   "\"routes\":{\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/{p}/"
                   "{o}\"]}},\"rules\":{\"k\":{\"effect\":\"allow\","
                   "\"subjects\":[\"a\"],\"routes\":[\"r\"],\"same\":{\"p\":\"q\",\"o\":{"
                   "\"attribute\":\"title\"}}}}"));
    assert_int_equal(mpol_count(image, MPOL_SAMES), 2);
    assert_int_equal(mpol_count(image, MPOL_CAPTURES), 3);
    assert_string_equal(
        text_at(MPOL_U32(image, CAPTURES, MPOL_U32(image, SAMES, 0, MPOL_SAME_PATH), 0)), "o");
    assert_int_equal(MPOL_U32(image, SAMES, 0, MPOL_SAME_KIND), MPOL_SAME_ATTRIBUTE);
    assert_string_equal(text_at(MPOL_U32(image, SAMES, 0, MPOL_SAME_SOURCE)), "2.5.4.12");
    assert_int_equal(MPOL_U32(image, SAMES, 1, MPOL_SAME_KIND), MPOL_SAME_CAPTURE);
    assert_string_equal(
        text_at(MPOL_U32(image, CAPTURES, MPOL_U32(image, SAMES, 1, MPOL_SAME_SOURCE), 0)), "q");
    assert_int_equal(mpol_list_len(image, MPOL_U32(image, IDENTITIES, 0, MPOL_IDENTITY_CAPTURES)),
                     1);
    assert_int_equal(mpol_list_len(image, MPOL_U32(image, RULES, 0, MPOL_RULE_IDENTITIES)), 1);
}

/* One string stands once, whatever it is in the policy; texts that are empty are texts. */
static void test_strings_are_shared(void **state) {
    (void)state;
    image = support_image(
        "{\"name\":\"get\",\"routes\":{\"get\":{\"hosts\":[\"get\"],\"methods\":[\"get\"],"
        "\"paths\":[\"/get\"],\"tags\":[\"get\"]}},\"rules\":{\"get\":{\"effect\":\"allow\","
        "\"subjects\":[\"everyone\"],\"routes\":[\"get\"],\"acknowledge\":[\"everyone\"],\"note\":"
        "\"\"}}}");
    assert_int_equal(mpol_count(image, MPOL_STRING_OFFSETS) - 1, 3); /* "", "/get", "get" */
    assert_int_equal(mpol_string(image, MPOL_U32(image, RULES, 0, MPOL_RULE_NOTE)).len, 0);
    assert_int_equal(MPOL_U32(image, RULES, 0, MPOL_RULE_OWNER), MPOL_NONE);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),      cmocka_unit_test(test_issuers_and_identities),
        cmocka_unit_test(test_routes),      cmocka_unit_test(test_rules),
        cmocka_unit_test(test_comparisons), cmocka_unit_test(test_strings_are_shared),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
