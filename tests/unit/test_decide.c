/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "explain/explain.h"
#include "match/decide.h"
#include "source/values.h"

#include <apr_strings.h>
#include <string.h>

typedef struct ask {
    const char *identity; /* NULL: without a certificate */
    const char *method;   /* NULL: GET */
    const char *target;   /* NULL: /order */
    const char *from;     /* NULL: not known */
    int64_t now_s;        /* 0: SUPPORT_NOW */
    const char *host;     /* NULL: a.example; "-": none */
} ask;

static mpol_request request_of(const ask *a, mpol_target *target, uint8_t *address) {
    const char *text = a->target != NULL ? a->target : "/order";
    unsigned bits;
    mpol_target_parse(support_bytes(text), apr_palloc(support_pool(), strlen(text) + 1), target);
    mpol_request request = {.method = support_bytes(a->method != NULL ? a->method : "GET"),
                            .host = support_bytes(a->host != NULL ? a->host : "a.example"),
                            .target = target,
                            .now_s = a->now_s != 0 ? a->now_s : SUPPORT_NOW};
    if (a->host != NULL && strcmp(a->host, "-") == 0)
        request.host = (mpol_bytes){NULL, 0};
    if (a->from != NULL) {
        assert_true(mpol_parse_address(a->from, address, &bits));
        request.address = address;
    }
    return request;
}

static mpol_client client_of(const mpol_image *image, const ask *a) {
    mpol_caller caller;
    if (a->identity == NULL)
        mpol_caller_nobody(image, true, &caller);
    else
        assert_true(mpol_caller_identity(image, a->identity, NULL, 0, &caller));
    return caller.client;
}

/* "reason rule", with "-" for no rule. */
static const char *said(const mpol_image *image, const mpol_decision *d) {
    const char *rule = mpol_rule_name(image, d->rule);
    return apr_psprintf(support_pool(), "%s %s", mpol_reason_name(d->reason),
                        rule != NULL ? rule : "-");
}

static const char *answer(const mpol_image *image, ask a) {
    mpol_target target;
    mpol_decision decision;
    uint8_t address[MPOL_ADDRESS_BYTES];
    mpol_request request = request_of(&a, &target, address);
    mpol_client client = client_of(image, &a);
    mpol_decide(image, &request, &client, NULL, 0, &decision);
    return said(image, &decision);
}

#define ANSWER(image, ...) answer((image), (ask){__VA_ARGS__})

static const mpol_image *policy(const char *rules) {
    static const char head[] = "{ \"name\": \"x\", \"issuers\": { \"corp\": { \"certificates\": [{ "
                               "\"pem\": \"$corp\" }], \"names\": [\"cn\"] } },"
                               "\"identities\": { \"ann\": { \"issuer\": \"corp\", \"cn\": \"ann\" "
                               "}, \"bob\": { \"issuer\": \"corp\", \"cn\": \"bob\" } },"
                               "\"groups\": { \"g\": [\"ann\"], \"h\": [\"bob\"] },"
                               "\"routes\": { \"order\": { \"hosts\": [\"a.example\"], "
                               "\"methods\": [\"GET\", \"OPTIONS\"], \"paths\": [\"/order\"] },"
                               "\"open\": { \"hosts\": [\"a.example\"], \"methods\": [\"*\"], "
                               "\"paths\": [\"/open/**\"] } },";
    return support_image(apr_pstrcat(support_pool(), head, "\"rules\": {", rules, "} }", NULL));
}

#define RULE(name, effect, subject, routes, more)                                                  \
    "\"" name "\": { \"effect\": \"" effect "\", \"subjects\": [\"" subject                        \
    "\"], \"routes\": [\"" routes "\"]" more " }"
#define EVERYONE(name, routes, more)                                                               \
    RULE(name, "allow", "everyone", routes, ", \"acknowledge\": [\"everyone\"]" more)
#define NETWORK ", \"networks\": [\"10.0.0.0/8\"]"
#define UNTIL ", \"valid_until\": \"2026-06-01T12:00:00Z\""
#define FROM ", \"valid_from\": \"2026-06-01T12:00:00Z\""

static void test_requests_that_no_policy_allows(void **state) {
    const mpol_image *image = policy(EVERYONE("all", "*", ""));
    (void)state;
    assert_string_equal(ANSWER(image, .method = "CONNECT"), "method-unsupported -");
    assert_string_equal(ANSWER(image, .method = "TRACE", .host = "-"), "method-unsupported -");
    assert_string_equal(ANSWER(image, .method = "OPTIONS", .target = "*"), "method-unsupported -");
    assert_string_equal(ANSWER(image, .method = "TRACEX", .target = "/open"), "allowed all");
    assert_string_equal(ANSWER(image, .method = "CONNEC", .target = "/open"), "allowed all");
    assert_string_equal(ANSWER(image, .method = "trace", .target = "/open"), "allowed all");
    assert_string_equal(ANSWER(image, .method = "OPTIONS"), "allowed all");
    assert_string_equal(ANSWER(image, .method = "GET", .target = "*"), "ambiguous-path -");
    assert_string_equal(ANSWER(image, .host = "-", .target = "/%00"), "host-missing -");
    assert_string_equal(ANSWER(image, .host = "a b", .target = "/%00"), "host-malformed -");
    assert_string_equal(ANSWER(image, .target = "/%00", .method = "nonsense"), "ambiguous-path -");
    assert_string_equal(ANSWER(image, .target = "/none"), "route-unknown -");
    assert_string_equal(ANSWER(image, .method = "PUT"), "method-not-on-route -");
    assert_string_equal(ANSWER(image, .target = "//open"), "ambiguous-path -");
    assert_string_equal(ANSWER(image, .target = "//none"), "route-unknown -");
}

static void test_the_route_is_told_as_soon_as_it_is_known(void **state) {
    const mpol_image *image = policy(RULE("r", "allow", "ann", "*", ""));
    mpol_target target;
    mpol_decision decision;
    ask a = {.target = "/open//x"};
    mpol_request request = request_of(&a, &target, NULL);
    mpol_client client = client_of(image, &a);
    (void)state;
    mpol_decide(image, &request, &client, NULL, 0, &decision);
    assert_int_equal(decision.reason, MPOL_REASON_AMBIGUOUS_PATH);
    assert_string_equal(mpol_route_name(image, decision.route), "open");
    assert_int_equal(decision.identity, MPOL_NONE);
    assert_int_equal(decision.rule, MPOL_NONE);
}

static void test_everyone(void **state) {
    const mpol_image *image =
        policy(EVERYONE("b-open", "open", "") "," EVERYONE("a-open", "open", NETWORK));
    (void)state;
    assert_string_equal(ANSWER(image, .target = "/open"), "allowed b-open");
    assert_string_equal(ANSWER(image, .target = "/open", .from = "10.1.1.1"), "allowed a-open");
    assert_string_equal(ANSWER(image, .target = "/open", .from = "11.1.1.1"), "allowed b-open");
    assert_string_equal(ANSWER(image, .target = "/open", .identity = "ann"), "allowed b-open");
    assert_string_equal(ANSWER(image, .identity = "ann"), "no-rule -");
    assert_string_equal(ANSWER(image, .target = "/order"), "no-certificate -");
}

static void test_everyone_under_a_condition(void **state) {
    const mpol_image *image = policy(
        EVERYONE("m-open", "open", NETWORK) "," RULE("n-ann", "allow", "ann", "open", UNTIL));
    (void)state;
    assert_string_equal(ANSWER(image, .target = "/open", .from = "11.0.0.1"), "no-certificate -");
    assert_string_equal(ANSWER(image, .target = "/open"), "no-certificate -");
    assert_string_equal(ANSWER(image, .target = "/open", .identity = "bob"),
                        "indeterminate m-open");
    assert_string_equal(ANSWER(image, .target = "/open", .identity = "bob", .from = "11.0.0.1"),
                        "condition-not-met m-open");
    assert_string_equal(ANSWER(image, .target = "/open", .identity = "ann", .from = "11.0.0.1"),
                        "condition-not-met m-open");
    assert_string_equal(ANSWER(image, .target = "/open", .identity = "ann", .from = "11.0.0.1",
                               .now_s = SUPPORT_NOW - 1),
                        "allowed n-ann");
}

static void test_a_deny_wins(void **state) {
    const mpol_image *image = policy(RULE("z-deny", "deny", "@g", "order", "") "," RULE(
        "a-allow", "allow", "ann", "order", "") "," RULE("b-allow", "allow", "bob", "order", ""));
    (void)state;
    assert_string_equal(ANSWER(image, .identity = "ann"), "denied-by-rule z-deny");
    assert_string_equal(ANSWER(image, .identity = "bob"), "allowed b-allow");
}

static void test_a_deny_under_a_condition(void **state) {
    const mpol_image *image = policy(RULE("z-deny", "deny", "@g", "order", NETWORK) "," RULE(
        "y-deny", "deny", "ann", "*", UNTIL) "," RULE("a-allow", "allow", "ann", "order", ""));
    (void)state;
    assert_string_equal(ANSWER(image, .identity = "ann", .from = "10.1.1.1"),
                        "denied-by-rule z-deny");
    assert_string_equal(ANSWER(image, .identity = "ann", .from = "11.1.1.1"), "allowed a-allow");
    assert_string_equal(ANSWER(image, .identity = "ann"), "indeterminate z-deny");
    assert_string_equal(ANSWER(image, .identity = "ann", .now_s = SUPPORT_NOW - 1),
                        "denied-by-rule y-deny");
    assert_string_equal(
        ANSWER(image, .identity = "ann", .now_s = SUPPORT_NOW - 1, .from = "10.0.0.0"),
        "denied-by-rule y-deny");
}

static void test_a_plainly_false_condition_beats_an_unknown_one(void **state) {
    const mpol_image *image = policy(RULE("d", "deny", "ann", "order", NETWORK UNTIL) "," RULE(
        "a", "allow", "ann", "order", ""));
    (void)state;
    assert_string_equal(ANSWER(image, .identity = "ann"),
                        "allowed a"); /* the time is past, the address not known */
    assert_string_equal(ANSWER(image, .identity = "ann", .now_s = SUPPORT_NOW - 1),
                        "indeterminate d");
}

static void test_the_lowest_rule_is_named(void **state) {
    const mpol_image *image = policy(RULE("b", "allow", "ann", "order", "") "," RULE(
        "a", "allow", "@g", "order", NETWORK) "," RULE("c", "allow", "ann", "*", ""));
    (void)state;
    assert_string_equal(ANSWER(image, .identity = "ann", .from = "10.0.0.1"), "allowed a");
    assert_string_equal(ANSWER(image, .identity = "ann", .from = "9.0.0.1"), "allowed b");
    assert_string_equal(ANSWER(image, .identity = "ann"), "allowed b");
    assert_string_equal(ANSWER(image, .identity = "ann", .target = "/open"), "allowed c");
}

static void test_an_unknown_allow(void **state) {
    const mpol_image *image = policy(
        RULE("b", "allow", "ann", "order", UNTIL) "," RULE("c", "allow", "ann", "order", NETWORK));
    (void)state;
    assert_string_equal(ANSWER(image, .identity = "ann"), "indeterminate c");
    assert_string_equal(ANSWER(image, .identity = "ann", .from = "9.0.0.1"), "condition-not-met b");
    assert_string_equal(ANSWER(image, .identity = "bob", .from = "9.0.0.1"), "no-rule -");
}

static void test_times_begin_and_end(void **state) {
    const mpol_image *from = policy(RULE("r", "allow", "ann", "order", FROM));
    const mpol_image *until = policy(RULE("r", "allow", "ann", "order", UNTIL));
    (void)state;
    assert_string_equal(ANSWER(from, .identity = "ann", .now_s = SUPPORT_NOW - 1),
                        "condition-not-met r");
    assert_string_equal(ANSWER(from, .identity = "ann"), "allowed r");
    assert_string_equal(ANSWER(until, .identity = "ann", .now_s = SUPPORT_NOW - 1), "allowed r");
    assert_string_equal(ANSWER(until, .identity = "ann"), "condition-not-met r");
    assert_string_equal(ANSWER(from, .identity = "ann", .now_s = -5), "condition-not-met r");
    assert_string_equal(ANSWER(until, .identity = "ann", .now_s = -5), "allowed r");
}

static void test_networks_have_two_ends(void **state) {
    static const char *const in[] = {"10.0.0.0",        "10.255.255.255",
                                     "::ffff:10.1.2.3", "192.0.2.7",
                                     "2001:db8::",      "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"};
    static const char *const out[] = {"9.255.255.255", "11.0.0.0",       "192.0.2.6", "192.0.2.8",
                                      "2001:db7::",    "2001:db9::",     "::",        "ffff::",
                                      "::10.0.0.1",    "::fffe:10.0.0.1"};
    const mpol_image *image = policy(RULE(
        "r", "allow", "ann", "order",
        ", \"networks\": [\"2001:db8::/32\", \"10.0.0.0/8\", \"192.0.2.7\", \"10.2.0.0/16\"]"));
    (void)state;
    for (size_t i = 0; i < COUNT_OF(in); i++)
        assert_string_equal(ANSWER(image, .identity = "ann", .from = in[i]), "allowed r");
    for (size_t i = 0; i < COUNT_OF(out); i++)
        assert_string_equal(ANSWER(image, .identity = "ann", .from = out[i]),
                            "condition-not-met r");
}

/* docs/POLICY.md: an IPv6 network never holds IPv4 peers, however far it reaches. */
static void test_ipv6_networks_hold_no_ipv4(void **state) {
    static const char *const networks[] = {"::/0",          "::/1",          "::/79",
                                           "::/80",         "::/81",         "::8000:0:0/81",
                                           "::f000:0:0/84", "::fff0:0:0/92", "::fffe:0:0/95"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        const mpol_image *image =
            policy(apr_psprintf(support_pool(),
                                "\"r\": { \"effect\": \"allow\", \"subjects\": [\"ann\"], "
                                "\"routes\": [\"order\"], \"networks\": [\"%s\"] }",
                                networks[i]));
        assert_string_equal(ANSWER(image, .identity = "ann", .from = "10.0.0.1"),
                            "condition-not-met r");
        assert_string_equal(ANSWER(image, .identity = "ann", .from = "0.0.0.0"),
                            "condition-not-met r");
        assert_string_equal(ANSWER(image, .identity = "ann", .from = "255.255.255.255"),
                            "condition-not-met r");
        const char *inside = i == 4 ? "::7fff:0:1" : "::fffe:0:1";
        assert_string_equal(ANSWER(image, .identity = "ann", .from = inside), "allowed r");
    }
}

static void test_the_policy_ends(void **state) {
    const mpol_image *image =
        support_image("{ \"name\": \"x\", \"valid_until\": \"2026-06-01T12:00:00Z\" }");
    (void)state;
    assert_string_equal(ANSWER(image, .method = "TRACE"), "policy-expired -");
    assert_string_equal(ANSWER(image, .now_s = SUPPORT_NOW - 1), "route-unknown -");
    assert_string_equal(ANSWER(image, .now_s = -1), "route-unknown -");
    assert_string_equal(ANSWER(image, .now_s = MPOL_TIME_UNKNOWN), "internal-error -");
    assert_string_equal(ANSWER(support_image("{ \"name\": \"x\" }"), .now_s = INT64_MAX),
                        "route-unknown -");
    const mpol_image *first =
        support_image("{ \"name\": \"x\", \"valid_until\": \"1970-01-01T00:00:00Z\" }");
    assert_string_equal(ANSWER(first), "policy-expired -");
}

static mpol_reason reason_at(const mpol_image *image, int64_t now_s, mpol_reason after_dates) {
    mpol_target target;
    mpol_decision decision;
    ask a = {.identity = "ann", .now_s = now_s};
    mpol_request request = request_of(&a, &target, NULL);
    mpol_client client = client_of(image, &a);
    client.not_before_s = 1000;
    client.not_after_s = 2000;
    client.after_dates = after_dates;
    mpol_decide(image, &request, &client, NULL, 0, &decision);
    assert_int_equal(decision.issuer, client.issuer);
    return decision.reason;
}

static void test_dates_of_certificates(void **state) {
    const mpol_image *image = policy(RULE("r", "allow", "ann", "order", ""));
    (void)state;
    assert_int_equal(reason_at(image, 999, MPOL_REASON_ALLOWED),
                     MPOL_REASON_CERTIFICATE_NOT_YET_VALID);
    assert_int_equal(reason_at(image, 1000, MPOL_REASON_ALLOWED), MPOL_REASON_ALLOWED);
    assert_int_equal(reason_at(image, 2000, MPOL_REASON_ALLOWED), MPOL_REASON_ALLOWED);
    assert_int_equal(reason_at(image, 2001, MPOL_REASON_ALLOWED), MPOL_REASON_CERTIFICATE_EXPIRED);
    assert_int_equal(reason_at(image, MPOL_TIME_UNKNOWN, MPOL_REASON_ALLOWED),
                     MPOL_REASON_INTERNAL_ERROR);
    assert_int_equal(reason_at(image, 2001, MPOL_REASON_NAME_MISSING),
                     MPOL_REASON_CERTIFICATE_EXPIRED);
    assert_int_equal(reason_at(image, 1500, MPOL_REASON_NAME_MISSING), MPOL_REASON_NAME_MISSING);
}

static const char *filtered(const mpol_image *image, ask a, const mpol_name_filter *filters,
                            uint32_t count) {
    mpol_target target;
    mpol_decision decision;
    mpol_request request = request_of(&a, &target, NULL);
    mpol_client client = client_of(image, &a);
    mpol_decide(image, &request, &client, filters, count, &decision);
    return said(image, &decision);
}

static void test_require_lines(void **state) {
    static const uint32_t first = 0;
    static const uint32_t second = 1;
    static const mpol_name_filter ann = {&first, NULL, 1, 0};
    static const mpol_name_filter bob = {&second, NULL, 1, 0};
    static const mpol_name_filter group_g = {NULL, &first, 0, 1};
    static const mpol_name_filter group_h = {NULL, &second, 0, 1};
    static const mpol_name_filter nobody = {NULL, NULL, 0, 0};
    const mpol_name_filter both[] = {ann, group_g};
    const mpol_name_filter contrary[] = {ann, group_h};
    const mpol_image *image =
        policy(RULE("r", "allow", "@g", "order", "") "," EVERYONE("open", "open", ""));
    ask asked = {.identity = "ann"};
    (void)state;
    assert_string_equal(filtered(image, asked, &ann, 1), "allowed r");
    assert_string_equal(filtered(image, asked, &group_g, 1), "allowed r");
    assert_string_equal(filtered(image, asked, both, 2), "allowed r");
    assert_string_equal(filtered(image, asked, contrary, 2), "not-on-require-line r");
    assert_string_equal(filtered(image, asked, &bob, 1), "not-on-require-line r");
    assert_string_equal(filtered(image, asked, &nobody, 1), "not-on-require-line r");
    asked.identity = "bob"; /* what the policy denies, a line cannot allow */
    assert_string_equal(filtered(image, asked, &bob, 1), "no-rule -");
    asked.target = "/open"; /* everyone is not enough where a line names somebody */
    assert_string_equal(filtered(image, asked, &bob, 1), "allowed open");
    assert_string_equal(filtered(image, asked, &ann, 1), "not-on-require-line open");
    asked.identity = NULL;
    assert_string_equal(filtered(image, asked, &ann, 1), "no-certificate -");
}

/* Would a user help, as far as the lines go? */
static bool helps(const mpol_image *image, const mpol_name_filter *filters, uint32_t count) {
    mpol_target target;
    mpol_decision decision;
    ask a = {.identity = "ann"};
    mpol_request request = request_of(&a, &target, NULL);
    mpol_client client = client_of(image, &a);
    mpol_decide(image, &request, &client, filters, count, &decision);
    assert_int_equal(decision.reason, MPOL_REASON_USER_REQUIRED);
    return !decision.not_on_line;
}

static void test_a_user_does_not_help_who_is_not_on_the_line(void **state) {
    static const uint32_t first = 0;
    static const uint32_t second = 1;
    static const mpol_name_filter ann = {&first, NULL, 1, 0};
    static const mpol_name_filter bob = {&second, NULL, 1, 0};
    const mpol_name_filter both[] = {ann, bob};
    const mpol_image *image = policy(RULE("r", "allow", "ann", "order", ", \"users\": [\"*\"]"));
    (void)state;
    assert_true(helps(image, NULL, 0));
    assert_true(helps(image, &ann, 1));
    assert_false(helps(image, &bob, 1));
    assert_false(helps(image, both, 2));
    assert_false(mpol_decision_of(MPOL_REASON_USER_REQUIRED).not_on_line);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_that_no_policy_allows),
        cmocka_unit_test(test_the_route_is_told_as_soon_as_it_is_known),
        cmocka_unit_test(test_everyone),
        cmocka_unit_test(test_everyone_under_a_condition),
        cmocka_unit_test(test_a_deny_wins),
        cmocka_unit_test(test_a_deny_under_a_condition),
        cmocka_unit_test(test_a_plainly_false_condition_beats_an_unknown_one),
        cmocka_unit_test(test_the_lowest_rule_is_named),
        cmocka_unit_test(test_an_unknown_allow),
        cmocka_unit_test(test_times_begin_and_end),
        cmocka_unit_test(test_networks_have_two_ends),
        cmocka_unit_test(test_ipv6_networks_hold_no_ipv4),
        cmocka_unit_test(test_the_policy_ends),
        cmocka_unit_test(test_dates_of_certificates),
        cmocka_unit_test(test_require_lines),
        cmocka_unit_test(test_a_user_does_not_help_who_is_not_on_the_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
