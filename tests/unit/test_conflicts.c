/* SPDX-License-Identifier: Apache-2.0 */
/* Two routes that claim one request. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

#define ROUTE(hosts, methods, paths, more)                                                         \
    "{\"hosts\":[" hosts "],\"methods\":[" methods "],\"paths\":[" paths "]" more "}"

static const char *places(const char *one, const char *other) {
    const char *all =
        document_places(document_with(TEXT("\"routes\":{\"b\":%s,\"a\":%s}", one, other)));
    const char *out = "";
    char *rest = apr_pstrdup(support_pool(), all); /* without notes of preflight */
    for (char *part; (part = apr_strtok(rest, ";", &rest)) != NULL;)
        if (strstr(part, "route-conflict") != NULL)
            out = TEXT("%s%s", out, strchr(part, '/'));
    return out;
}

/* The later one in the document is reported, at its pattern. */
static void test_conflicts(void **state) {
    static const char *const rows[][2] = {
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"h\"", "\"HEAD\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""),
         ROUTE("\"i\",\"h\"", "\"PUT\",\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"*\"", "\"/x\"", ""), ROUTE("\"h\"", "\"PUT\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"PUT\"", "\"/x\"", ""), ROUTE("\"h\"", "\"*\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/{a}\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/*\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/{a:int}\"", ""),
         ROUTE("\"h\"", "\"GET\"", "\"/{b:int}\"", "")},
        {ROUTE("\"*\"", "\"GET\"", "\"/**\"", ""), ROUTE("\"*\"", "\"GET\"", "\"/**\"", "")},
        {ROUTE("\"-\"", "\"GET\"", "\"/\"", ""), ROUTE("\"-\"", "\"GET\"", "\"/\"", "")},
        {ROUTE("\"*.h\"", "\"GET\"", "\"/\"", ""), ROUTE("\"*.h\"", "\"GET\"", "\"/\"", "")},
        {ROUTE("\"::1\"", "\"GET\"", "\"/\"", ""), ROUTE("\"[0::1]\"", "\"GET\"", "\"/\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"internal\":true"),
         ROUTE("\"h\"", "\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"preflight\":true"),
         ROUTE("\"h\"", "\"PUT\"", "\"/x\"", ",\"preflight\":true")},
        {ROUTE("\"h\"", "\"GET\"", "\"/{a}\"", ",\"preflight\":true"),
         ROUTE("\"h\"", "\"PUT\"", "\"/*\"", ",\"preflight\":true")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(places(rows[i][0], rows[i][1]), "/routes/a/paths/0") != 0)
            fail_msg("%s and %s: %s", rows[i][0], rows[i][1], places(rows[i][0], rows[i][1]));
}

static void test_no_conflicts(void **state) {
    static const char *const rows[][2] = {
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"h\"", "\"PUT\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"i\"", "\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"*\"", "\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/x/\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/*\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/{a:int}\"", ""),
         ROUTE("\"h\"", "\"GET\"", "\"/{a:hex}\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/{a}\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/**\"", "")},
        {ROUTE("\"h\"", "\"get\"", "\"/x\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"*\"", "\"/x\"", ""), ROUTE("\"h\"", "\"GET\"", "\"/y\"", "")},
        {ROUTE("\"h\"", "\"*\"", "\"/x\"", ""), ROUTE("\"i\"", "\"*\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"preflight\":true"),
         ROUTE("\"h\"", "\"OPTIONS\"", "\"/x\"", "")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"preflight\":true"),
         ROUTE("\"h\"", "\"GET\"", "\"/y\"", ",\"preflight\":true")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"preflight\":true"),
         ROUTE("\"i\"", "\"GET\"", "\"/x\"", ",\"preflight\":true")},
        {ROUTE("\"h\"", "\"GET\"", "\"/x\"", ",\"preflight\":true"),
         ROUTE("\"h\"", "\"preflight\"", "\"/x\"", "")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(places(rows[i][0], rows[i][1]), "");
}

/* Within one route too; and each place once, however many hosts and methods. */
static void test_each_place_once(void **state) {
    (void)state;
    assert_string_equal(
        places(ROUTE("\"h\",\"i\"", "\"GET\",\"PUT\"", "\"/{a}\",\"/x\",\"/{b}\"", ""),
               ROUTE("\"j\"", "\"GET\"", "\"/\"", "")),
        "/routes/b/paths/2");
    assert_string_equal(places(ROUTE("\"h\",\"i\"", "\"*\"", "\"/{a}\",\"/x\"", ""),
                               ROUTE("\"h\",\"i\"", "\"GET\",\"PUT\"", "\"/x\",\"/*\"", "")),
                        "/routes/a/paths/0/routes/a/paths/1");
}

/* `count` texts as members of a list. */
static const char *many(const char *prefix, int count) {
    apr_array_header_t *all = apr_array_make(support_pool(), count, sizeof(const char *));
    for (int i = 0; i < count; i++)
        APR_ARRAY_PUSH(all, const char *) = TEXT("\"%s%d\"", prefix, i);
    return apr_array_pstrcat(support_pool(), all, ',');
}

static const char *product(int hosts, const char *methods, int paths) {
    return document_places(document_with(
        TEXT("\"routes\":{\"a\":{\"hosts\":[\"x\"],\"methods\":[\"M0\"],\"paths\":[\"/0\"]},\"b\":{"
             "\"hosts\":[%s],\"methods\":[%s],\"paths\":[%s]}}",
             many("h", hosts), methods, many("/", paths))));
}

/* A short document multiplies its lists; the route that does so is named, before anything is made
 * of them. */
static void test_lists_that_multiply(void **state) {
    static const char large[] = "policy-too-large /routes/b";
    (void)state;
    assert_string_equal(product(1024, "\"M0\"", 1024), large); /* and the one of route a */
    assert_string_equal(product(20000, "\"M0\"", 20000), large);
    assert_string_equal(product(400, many("M", 400), 400), large);
    assert_string_equal(product(64, many("M", 1024), 64), large);
    assert_string_equal(product(64, many("M", 1023), 64), "");
    assert_string_equal(product(1024, "\"*\"", 1025), large);
    assert_string_equal(product(1023, "\"*\"", 1024), "");
}

/* What two routes with many hosts and methods claim is compared host by host. */
static void test_many_conflicts(void **state) {
    (void)state;
    const char *route = TEXT("{\"hosts\":[%s],\"methods\":[%s],\"paths\":[\"/x\",\"/y\"]}",
                             many("h", 100), many("M", 100));
    assert_string_equal(places(route, route), "/routes/a/paths/0/routes/a/paths/1");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts),       cmocka_unit_test(test_no_conflicts),
        cmocka_unit_test(test_each_place_once), cmocka_unit_test(test_lists_that_multiply),
        cmocka_unit_test(test_many_conflicts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
