/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "model/text.h"

#include <string.h>

static mpol_text *array(mpol_text *parent, const char *key) {
    return mpol_text_add(parent, mpol_text_array(support_pool(), key));
}

static mpol_text *object(mpol_text *parent, const char *key) {
    return mpol_text_add(parent, mpol_text_object(support_pool(), key));
}

static void string(mpol_text *parent, const char *key, const char *value) {
    (void)mpol_text_add(parent, mpol_text_string(support_pool(), key, support_bytes(value)));
}

static void expect(const mpol_text *text, const char *printed) {
    assert_string_equal(support_text(mpol_text_print(support_pool(), text)), printed);
}

static void test_values(void **state) {
    mpol_text *document = mpol_text_object(support_pool(), NULL);
    (void)state;
    string(document, "a", "x");
    (void)mpol_text_add(document, mpol_text_number(support_pool(), "b", UINT64_MAX));
    (void)mpol_text_add(document, mpol_text_boolean(support_pool(), "c", true));
    (void)mpol_text_add(document, mpol_text_boolean(support_pool(), "d", false));
    (void)mpol_text_add(document, mpol_text_raw(support_pool(), "e", "null"));
    (void)array(document, "f");
    (void)object(document, "g");
    expect(document,
           "{\n  \"a\": \"x\",\n  \"b\": 18446744073709551615,\n  \"c\": true,\n  \"d\": false,\n"
           "  \"e\": null,\n  \"f\": [],\n  \"g\": {}\n}\n");
    expect(mpol_text_object(support_pool(), NULL), "{}\n");
    expect(mpol_text_array(support_pool(), NULL), "[]\n");
    expect(mpol_text_string(support_pool(), NULL, support_bytes("s")), "\"s\"\n");
}

static void test_escapes(void **state) {
    static const char raw[] = "\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xc3\xa9\xc2\x85";
    (void)state;
    expect(
        mpol_text_string(support_pool(), NULL, (mpol_bytes){(const uint8_t *)raw, sizeof raw - 1}),
        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000\xc3\xa9\\u0085\"\n");
    mpol_text *document = mpol_text_object(support_pool(), NULL);
    string(document, "a\"\n", "");
    expect(document, "{\n  \"a\\\"\\n\": \"\"\n}\n");
}

/* What fits within 100 columns stands on one line, but never the document itself. */
static void test_lines(void **state) {
    char value[101];
    mpol_text *document = mpol_text_object(support_pool(), NULL);
    (void)state;
    mpol_text *inner = object(document, "a");
    string(inner, "b", "x");
    string(array(inner, "c"), NULL, "y");
    expect(document, "{\n  \"a\": { \"b\": \"x\", \"c\": [\"y\"] }\n}\n");
    memset(value, 'v', sizeof value);
    for (size_t len = 88; len <= 89; len++) { /* [2 blanks]"l": ["..."] takes 11 columns more */
        mpol_text *list = mpol_text_object(support_pool(), NULL);
        value[len] = '\0';
        string(array(list, "l"), NULL, value);
        const char *printed = support_text(mpol_text_print(support_pool(), list));
        assert_int_equal(strstr(printed, "[\n") != NULL, len == 89);
        value[len] = 'v';
    }
}

static void test_deeper_levels_are_indented(void **state) {
    char value[91];
    mpol_text *document = mpol_text_object(support_pool(), NULL);
    (void)state;
    memset(value, 'v', sizeof value);
    value[90] = '\0';
    mpol_text *list = array(document, "a");
    string(object(list, NULL), "k", value);
    string(object(list, NULL), "k", "w");
    const char *printed = support_text(mpol_text_print(support_pool(), document));
    assert_int_equal(strncmp(printed, "{\n  \"a\": [\n    {\n      \"k\": \"vvv", 31), 0);
    assert_non_null(strstr(printed, "\"\n    },\n    { \"k\": \"w\" }\n  ]\n}\n"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_deeper_levels_are_indented),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
