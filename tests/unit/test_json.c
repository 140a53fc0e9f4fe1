/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/limits.h"
#include "source/json.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static mpol_json *parse_len(const char *text, size_t len, mpol_diagnostics **found) {
    *found = mpol_diagnostics_make(support_pool(), "x",
                                   (mpol_bytes){(const uint8_t *)text, (uint32_t)len});
    return mpol_json_parse(support_pool(), *found);
}

static mpol_json *parse(const char *text) {
    mpol_diagnostics *found;
    mpol_json *document = parse_len(text, strlen(text), &found);
    if (document == NULL)
        fail_msg("%s: %s", text, MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    assert_int_equal(found->list->nelts, 0);
    return document;
}

/* "code offset" of the one problem of a text. */
static const char *problem_len(const char *text, size_t len) {
    mpol_diagnostics *found;
    if (parse_len(text, len, &found) != NULL)
        return "none";
    assert_int_equal(found->list->nelts, 1);
    const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
    return apr_psprintf(support_pool(), "%s %u", mpol_diagnostic_code_name(d->code), d->offset);
}

static void expect(const char *text, const char *problem) {
    const char *found = problem_len(text, strlen(text));
    if (strcmp(found, problem) != 0)
        fail_msg("%s: %s, not %s", text, found, problem);
}

static const mpol_json *member(const mpol_json *value, int index) {
    const mpol_json *at = value->first;
    while (index-- > 0)
        at = at->next;
    return at;
}

static void test_types_and_places(void **state) {
    const mpol_json *list = parse(" [ null ,true,\tfalse, -1.5e3,\n\"x\" ,[ ] ,{ } ]\n");
    static const mpol_json_type types[] = {MPOL_JSON_NULL,   MPOL_JSON_BOOLEAN, MPOL_JSON_BOOLEAN,
                                           MPOL_JSON_NUMBER, MPOL_JSON_STRING,  MPOL_JSON_ARRAY,
                                           MPOL_JSON_OBJECT};
    static const uint32_t offsets[] = {3, 9, 15, 22, 30, 35, 40};
    (void)state;
    assert_int_equal(list->type, MPOL_JSON_ARRAY);
    assert_int_equal(list->offset, 1);
    assert_int_equal(list->count, COUNT_OF(types));
    assert_null(list->parent);
    for (uint32_t i = 0; i < COUNT_OF(types); i++) {
        const mpol_json *value = member(list, (int)i);
        assert_int_equal(value->type, types[i]);
        assert_int_equal(value->offset, offsets[i]);
        assert_int_equal(value->index, i);
        assert_ptr_equal(value->parent, list);
        assert_null(value->key.data);
    }
    assert_string_equal(support_text(member(list, 3)->text), "-1.5e3");
    assert_ptr_equal(list->last, member(list, 6));
}

static void test_places_of_keys(void **state) {
    const mpol_json *object = parse("{ \"a\" : 1 ,\n  \"b\":{\"c\":[]}, \"\" : \"\" }");
    const mpol_json *b = member(object, 1);
    (void)state;
    assert_int_equal(object->count, 3);
    assert_int_equal(object->first->key_offset, 2);
    assert_int_equal(object->first->offset, 8);
    assert_int_equal(b->key_offset, 14);
    assert_int_equal(b->offset, 18);
    assert_int_equal(b->first->key_offset, 19);
    assert_int_equal(b->first->offset, 23);
    const mpol_json *empty = member(object, 2);
    assert_non_null(empty->key.data);
    assert_int_equal(empty->key.len, 0);
    assert_int_equal(empty->key_offset, 28);
    assert_int_equal(empty->offset, 33);
}

static void test_duplicate_keys_are_all_there(void **state) {
    const mpol_json *object = parse("{\"a\":1,\"a\":2,\"\\u0061\":3}");
    (void)state;
    assert_int_equal(object->count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(support_text(member(object, i)->key), "a");
    assert_int_equal(member(object, 2)->key_offset, 13);
}

static void test_strings_are_decoded(void **state) {
    const mpol_json *list = parse("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", "
                                  "\"\\u00e9\\u20AC\\ud83d\\udd11\", \"a\\u0000b\", \"\xc3\xa9\"]");
    (void)state;
    assert_string_equal(support_text(list->first->text), "\"\\/\b\f\n\r\t");
    assert_string_equal(support_text(member(list, 1)->text),
                        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91");
    assert_int_equal(member(list, 2)->text.len, 3);
    assert_memory_equal(member(list, 2)->text.data, "a\0b", 3);
    assert_string_equal(support_text(member(list, 3)->text), "\xc3\xa9");
}

static void test_half_pairs_are_refused(void **state) {
    static const char *const bad[] = {"\\ud800",
                                      "\\udc00",
                                      "\\udbff x",
                                      "\\ud800\\ud800",
                                      "\\udc00\\ud800",
                                      "\\ud83d\\u0041",
                                      "\\ud83dx",
                                      "\\ud83d\\n",
                                      "\\uD83D\\uDD1",
                                      "\\\\\\ud800",
                                      "\\ud83d\\udd11\\ud83d",
                                      "\\udc00\\udc00"};
    static const char *const good[] = {"\\ud83d\\udd11", "\\\\ud800", "\\uDBFF\\uDFFF",
                                       "\\ud7ff\\ue000", "\\\\\\ud83d\\udd11"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect(apr_psprintf(support_pool(), "[\"%s\"]", bad[i]),
               i == 8 ? "json-syntax 13" : "json-encoding 1");
    expect("{ \"\\ud800\": 1 }", "json-encoding 2");
    for (size_t i = 0; i < COUNT_OF(good); i++)
        expect(apr_psprintf(support_pool(), "[\"%s\"]", good[i]), "none");
}

static void test_encoding(void **state) {
    (void)state;
    expect("[\"\xff\"]", "json-encoding 2");
    expect("[\"\xc0\xaf\"]", "json-encoding 2");
    expect("\xed\xa0\x80", "json-encoding 0");
    expect("[] \x80", "json-encoding 3");
    expect("\xef\xbb\xbf[]", "json-syntax 0");
}

static void test_depth(void **state) {
    char text[200] = "";
    (void)state;
    memset(text, '[', MPOL_JSON_DEPTH);
    memset(text + MPOL_JSON_DEPTH, ']', MPOL_JSON_DEPTH);
    text[2 * MPOL_JSON_DEPTH] = '\0';
    expect(text, "none");
    memset(text, '[', MPOL_JSON_DEPTH + 1);
    expect(text, "json-too-deep 32");
    char *deep = apr_palloc(support_pool(), 100001);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    expect(deep, "json-too-deep 32");
    const char *wide = "[";
    for (int i = 0; i < 100; i++)
        wide = apr_pstrcat(support_pool(), wide, i > 0 ? "," : "", "{\"a\":[]}", NULL);
    expect(apr_pstrcat(support_pool(), wide, "]", NULL), "none");
}

typedef struct syntax_row {
    const char *text;
    uint32_t offset;
} syntax_row;

static void test_places_of_wrong_syntax(void **state) {
    static const syntax_row rows[] = {
        {"", 0},
        {" \n", 2},
        {"{", 1},
        {"[1,", 3},
        {"[1,]", 3},
        {"{\"a\":1,}", 7},
        {"{\"a\" 1}", 5},
        {"{\"a\":}", 5},
        {"{a:1}", 1},
        {"{'a':1}", 1},
        {"[1 2]", 3},
        {"[] []", 3},
        {"[] x", 3},
        {"[\"a\n\"]", 3},
        {"[\"a\tb\"]", 3},
        {"[\"\\x\"]", 3},
        {"[+1]", 1},
        {"[NaN]", 1},
        {"{\"a\":1]", 6},
        {"[1}", 2},
        {"// x\n[]", 0},
        {"[,1]", 1},
        {":", 0},
        {"]", 0},
        {"{\"a\":1 \"b\":2}", 7},
        {"[\"a", 3},
        {"{1:2}", 1},
        {"{null:2}", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(rows[i].text, apr_psprintf(support_pool(), "json-syntax %u", rows[i].offset));
}

/* RFC 8259: nothing more may be accepted than its grammar has, whatever else the parser could do.
 */
static void test_what_is_no_json(void **state) {
    static const char *const rows[] = {
        "[01]",          "[-]",
        "[1.]",          "[.5]",
        "[1e]",          "[1e+]",
        "[0x1]",         "[1_0]",
        "[Infinity]",    "[nul]",
        "[True]",        "[\"\\u12\"]",
        "[\"\\u12g4\"]", "['a']",
        "/* */ []",      "[] // x",
        "[1]1",          "nullnull",
        "[1],",          "{}{}",
        "{\"a\"}",       "{\"a\":1,,\"b\":2}",
        "[1,,2]",        "{,}",
        "[,]",           "\x0b[]",
        "\x0c[]",        "[]\x01",
        "\xc2\xa0[]",    "[-01]",
        "[1 ,",          "\"",
        "tru",           "[\"\\",
        "[--1]",         "[1-]",
        "[1+1]",         "{\"a\":1:2}",
        "[-a]",          "[\"\\U0041\"]",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strncmp(problem_len(rows[i], strlen(rows[i])), "json-syntax", 11) != 0)
            fail_msg("%s: %s", rows[i], problem_len(rows[i], strlen(rows[i])));
    assert_string_not_equal(problem_len("[]\0", 3), "none");
    assert_string_not_equal(problem_len("\0[]", 3), "none");
    assert_string_not_equal(problem_len("[\0]", 3), "none");
    assert_string_not_equal(problem_len("[\"\0\"]", 5), "none");
}

static void test_what_is_json(void **state) {
    static const char *const rows[] = {"null",
                                       "true",
                                       "0",
                                       "-0",
                                       "1e5",
                                       "1E-5",
                                       "0.5e+3",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       " \t\r\n[]\t\r\n ",
                                       "12345678901234567890123456789",
                                       "1e999",
                                       "[\"\x7f\"]",
                                       "[\"\\u007F\"]"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(rows[i], "none");
}

/* Every beginning of a text is refused with one problem, at a place that exists. */
static void test_every_truncation(void **state) {
    static const char text[] =
        "{ \"a\\u00e9\" : [ 1.5e3 , true,null , \"\xc3\xa9\\n\" ], \"b\": { \"c\":{} } }";
    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        mpol_diagnostics *found;
        assert_null(parse_len(apr_pmemdup(support_pool(), text, len + 1), len, &found));
        assert_int_equal(found->list->nelts, 1);
        assert_true(MPOL_AT(found->list, 0, mpol_diagnostic)->offset <= len);
    }
    expect(text, "none");
}

static void test_a_text_that_is_too_large(void **state) {
    const size_t len = MPOL_LIMIT_SOURCE_BYTES + 1u;
    char *text = support_is_slow() ? NULL : calloc(1, len);
    (void)state;
    if (text != NULL)
        assert_string_equal(problem_len(text, len), "document-too-large 0");
    free(text);
}

static void test_pointers(void **state) {
    const mpol_json *document = parse("{\"a\":[0,{\"b~c/d\":1}],\"\":2}");
    (void)state;
    assert_string_equal(mpol_json_pointer(support_pool(), document), "");
    assert_string_equal(mpol_json_pointer(support_pool(), member(document->first, 0)), "/a/0");
    assert_string_equal(mpol_json_pointer(support_pool(), member(document->first, 1)->first),
                        "/a/1/b~0c~1d");
    assert_string_equal(mpol_json_pointer(support_pool(), document->last), "/");
}

/* Pointers go to terminals and into lines of reports. */
static void test_pointers_are_safe_to_print(void **state) {
    const mpol_json *document = parse("{\"\\u001b[31m\\n\\u0000x\\u007f\\u009b\\u00e9\":1}");
    const char *pointer = mpol_json_pointer(support_pool(), document->first);
    (void)state;
    assert_false(mpol_has_control(support_bytes(pointer)));
    assert_non_null(strstr(pointer, "\xc3\xa9"));
    assert_non_null(strstr(pointer, "x"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_places),
        cmocka_unit_test(test_places_of_keys),
        cmocka_unit_test(test_duplicate_keys_are_all_there),
        cmocka_unit_test(test_strings_are_decoded),
        cmocka_unit_test(test_half_pairs_are_refused),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_places_of_wrong_syntax),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_what_is_json),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_a_text_that_is_too_large),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_pointers_are_safe_to_print),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
