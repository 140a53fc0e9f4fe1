/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "explain/explain.h"

#include <string.h>

static void expect(const char *text, const char *method, const char *host, const char *target, bool tls) {
    mpol_request_line line;
    if (!mpol_request_line_parse(text, &line))
        fail_msg("%s is refused", text);
    assert_string_equal(support_text(line.method), method);
    assert_string_equal(support_text(line.host), host);
    assert_string_equal(support_text(line.target), target);
    assert_int_equal(line.tls, tls);
}

static void test_request_lines(void **state) {
    (void)state;
    expect("GET https://api.example/orders/7", "GET", "api.example", "/orders/7", true);
    expect("GET http://api.example/orders/7", "GET", "api.example", "/orders/7", false);
    expect("GET https://h", "GET", "h", "/", true);
    expect("GET https://h:8443/a?b#c", "GET", "h:8443", "/a?b#c", true);
    expect("GET https://h?b", "GET", "h", "?b", true);
    expect("GET https://h#b", "GET", "h", "#b", true);
    expect("GET https://[::1]:443/a b", "GET", "[::1]:443", "/a b", true);
    expect("m-SEARCH https://u@h//", "m-SEARCH", "u@h", "//", true);
}

static void test_what_is_no_request_line(void **state) {
    static const char *const rows[] = {
        "", " ", "GET", "GET ", " https://h/", "https://h/", "GET /orders", "GET https:/h/", "GET https://",
        "GET https:///a", "GET http:///", "GET ftp://h/", "GET HTTPS://h/", "GET  https://h/", "GET https://?a",
    };
    mpol_request_line line;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (mpol_request_line_parse(rows[i], &line))
            fail_msg("\"%s\" is accepted", rows[i]);
}

static const char *explain(const mpol_image *image, const char *text, const mpol_caller *caller) {
    mpol_request_line line;
    mpol_decision decision;
    assert_true(mpol_request_line_parse(text, &line));
    mpol_explain(support_pool(), image, &line, caller, NULL, SUPPORT_NOW, &decision);
    return mpol_reason_name(decision.reason);
}

static void test_decisions(void **state) {
    const mpol_image *image = support_image(support_full_policy);
    mpol_caller caller;
    (void)state;
    mpol_caller_nobody(image, true, &caller);
    assert_string_equal(explain(image, "GET https://api.example/health", &caller), "allowed");
    assert_string_equal(explain(image, "GET https://api.example/orders/7", &caller), "no-certificate");
    assert_string_equal(explain(image, "OPTIONS https://api.example*", &caller), "host-malformed");
    assert_string_equal(explain(image, "GET https://h/%zz", &caller), "ambiguous-path");
    assert_true(mpol_caller_identity(image, "billing", &caller));
    assert_string_equal(explain(image, "GET https://api.example/orders/7", &caller), "allowed");
    assert_string_equal(explain(image, "POST https://api.example/orders/7", &caller), "indeterminate");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_lines),
        cmocka_unit_test(test_what_is_no_request_line),
        cmocka_unit_test(test_decisions),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
