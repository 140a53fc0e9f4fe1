/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "explain/explain.h"

#include <string.h>

static void expect(const char *text, const char *method, const char *host, const char *target,
                   bool tls) {
    mpol_request_line line;
    if (!mpol_request_line_parse(text, NULL, &line))
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
        "",
        " ",
        "GET",
        "GET ",
        " https://h/",
        "https://h/",
        "GET /orders",
        "GET https:/h/",
        "GET https://",
        "GET https:///a",
        "GET http:///",
        "GET ftp://h/",
        "GET HTTPS://h/",
        "GET  https://h/",
        "GET https://?a",
    };
    mpol_request_line line;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (mpol_request_line_parse(rows[i], NULL, &line))
            fail_msg("\"%s\" is accepted", rows[i]);
}

static void test_targets_without_a_host(void **state) {
    mpol_request_line line;
    (void)state;
    assert_true(mpol_request_line_parse("GET /orders/7?x", "api.example", &line));
    assert_string_equal(support_text(line.host), "api.example");
    assert_string_equal(support_text(line.target), "/orders/7?x");
    assert_true(line.tls);
    assert_false(mpol_request_line_parse("GET /orders/7", NULL, &line));
}

static void test_headers(void **state) {
    static const char *const overrides[] = {"X-HTTP-Method-Override", "x-http-method",
                                            "X_Method-Override: a", "X-ORIGINAL-URL",
                                            "x_rewrite_url:"};
    static const char *const others[] = {"X-HTTP-Method-", "X-HTTP-Methods", "XHTTP-Method", ""};
    mpol_question question = {0};
    (void)state;
    mpol_question_header(&question, "originx: a");
    mpol_question_header(&question, "X-Other");
    assert_false(question.origin || question.request_method || question.method_override);
    mpol_question_header(&question, "ORIGIN: https://a");
    assert_true(question.origin && !question.request_method);
    mpol_question_header(&question, "access-control-request-method: PUT");
    assert_true(question.request_method && !question.method_override);
    for (size_t i = 0; i < COUNT_OF(overrides); i++) {
        mpol_question other = {0};
        mpol_question_header(&other, overrides[i]);
        assert_true(other.method_override);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        mpol_question_header(&question, others[i]);
    assert_false(question.method_override);
}

static const char *explain(const mpol_image *image, const char *text, const mpol_caller *caller) {
    mpol_question question = {.now_s = SUPPORT_NOW};
    mpol_decision decision;
    bool about_later;
    assert_true(mpol_request_line_parse(text, NULL, &question.line));
    mpol_explain(support_pool(), image, &question, caller, &decision, &about_later);
    assert_false(about_later);
    return mpol_reason_name(decision.reason);
}

static void test_decisions(void **state) {
    const mpol_image *image = support_image(support_full_policy);
    mpol_caller caller;
    (void)state;
    mpol_caller_nobody(image, true, &caller);
    assert_string_equal(explain(image, "GET https://api.example/health", &caller), "allowed");
    assert_string_equal(explain(image, "GET https://api.example/orders/7", &caller),
                        "no-certificate");
    assert_string_equal(explain(image, "OPTIONS https://api.example*", &caller), "host-malformed");
    assert_string_equal(explain(image, "GET https://h/%zz", &caller), "ambiguous-path");
    assert_true(mpol_caller_identity(image, "billing", NULL, 0, &caller));
    assert_string_equal(explain(image, "GET https://api.example/orders/7", &caller), "allowed");
    assert_string_equal(explain(image, "POST https://api.example/orders/7", &caller),
                        "indeterminate");
}

static void test_what_the_server_goes_on_to(void **state) {
    const mpol_image *image = support_image(
        "{\"name\":\"x\",\"routes\":{\"i\":{\"hosts\":[\"h\"],\"methods\":[\"GET\"],\"paths\":[\"/"
        "i\"],\"internal\":true},"
        "\"r\":{\"hosts\":[\"h\"],\"methods\":[\"GET\"],\"paths\":[\"/"
        "r\"]}},\"rules\":{\"k\":{\"effect\":\"allow\","
        "\"subjects\":[\"everyone\"],\"routes\":[\"r\"],\"acknowledge\":[\"everyone\"]}}}");
    static const struct {
        const char *text;
        const char *later;
        mpol_reason reason;
        bool about_later;
    } rows[] = {{"GET https://h/r", "/i", MPOL_REASON_ALLOWED, true},
                {"GET https://h/r", "/x", MPOL_REASON_ROUTE_UNKNOWN, true},
                {"GET https://h/i", "/i", MPOL_REASON_ROUTE_UNKNOWN, false},
                {"GET https://h/r", NULL, MPOL_REASON_ALLOWED, false}};
    mpol_caller caller;
    (void)state;
    mpol_caller_nobody(image, true, &caller);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_question question = {.now_s = SUPPORT_NOW, .later = rows[i].later};
        mpol_decision decision;
        bool about_later;
        assert_true(mpol_request_line_parse(rows[i].text, NULL, &question.line));
        mpol_explain(support_pool(), image, &question, &caller, &decision, &about_later);
        assert_int_equal(decision.reason, rows[i].reason);
        assert_int_equal(about_later, rows[i].about_later);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_lines),
        cmocka_unit_test(test_what_is_no_request_line),
        cmocka_unit_test(test_targets_without_a_host),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_what_the_server_goes_on_to),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
