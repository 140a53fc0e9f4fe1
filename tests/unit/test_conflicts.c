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

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_no_conflicts),
        cmocka_unit_test(test_each_place_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
