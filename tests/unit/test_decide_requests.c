/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions that depend on more than client, route and network: how a request came about, what its
 * route expects, who authenticated, and which rule nearly applied. */
#include "support.h"

#include "match/decide.h"

#include <apr_strings.h>
#include <string.h>

static const mpol_image *image;

#define RULE(name, effect, subjects, route, more)                                                  \
    "\"" name "\": { \"effect\": \"" effect "\", \"subjects\": [" subjects                         \
    "], \"routes\": [\"" route "\"]" more " }"
#define ROUTE(name, path, more)                                                                    \
    "\"" name "\": { \"hosts\": [\"h\"], \"methods\": [\"GET\", \"POST\"], \"paths\": [\"" path    \
    "\"]" more " }"
#define ISSUER(name, ca, names, more)                                                              \
    "\"" name "\": { \"certificates\": [{ \"pem\": \"$" ca "\" }], \"names\": [" names "]" more " }"
#define ACKNOWLEDGED(what) ", \"acknowledge\": [\"" what "\"]"
#define NETWORK ", \"networks\": [\"10.0.0.0/8\"]"
#define USERS(list) ", \"users\": [" list "]"
#define UNTIL ", \"valid_until\": \"2026-01-01T00:00:00Z\""

static const char policy[] =
    "{ \"name\": \"x\", \"issuers\": {" ISSUER(
        "c", "corp", "\"cn\"",
        "") "," ISSUER("p", "partner", "\"cn\"", "") "," ISSUER("q", "quiet", "\"cn\"",
                                                                "") " },"
                                                                    "\"identities\": { \"ann\": { "
                                                                    "\"issuer\": \"c\", \"cn\": "
                                                                    "\"ann\" }, \"bob\": { "
                                                                    "\"issuer\": \"p\", \"cn\": "
                                                                    "\"bob\" } },"
                                                                    "\"routes\": {" ROUTE("bare", "/bare", "") "," ROUTE("cors", "/cors", ", \"preflight\": true") "," ROUTE("error", "/error", ", \"internal\": \"error\"") "," ROUTE("index", "/index", ", \"internal\": true") "," ROUTE("loose", "/loose/**", ", \"expects\": [\"empty-segments\", \"method-override\"]") "," ROUTE("miss",
                                                                                                                                                                                                                                                                                                                                                                                        "/miss", "") "," ROUTE("mixed",
                                                                                                                                                                                                                                                                                                                                                                                                               "/mixed", "") "," ROUTE("open", "/open", "") "," ROUTE("users",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "/users",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "") "," ROUTE("wide",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "/wide", "") "," ROUTE("wider", "/wider", "") ","
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "\"nowhere\": { \"hosts\": [\"-\"], \"methods\": [\"GET\"], \"paths\": [\"/bare\"] },"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "\"wild\": { \"hosts\": [\"*.w\"], \"methods\": [\"GET\"], \"paths\": [\"/bare\"] } },"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "\"rules\": {" RULE(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "bare",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "bare",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "") "," RULE("bare-no",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "deny",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "\"issuer:p\"", "bare", NETWORK) "," RULE("cors",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "cors", "") "," RULE("loose", "allow", "\"ann\"", "loose", "") "," RULE("miss-1",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "miss", NETWORK USERS("\"carl\"") UNTIL) "," RULE("miss-2",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "allow", "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "miss", UNTIL) "," RULE("miss-3",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "miss", USERS("\"carl\"")) "," RULE("mixed-1", "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "mixed",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   NETWORK
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       USERS(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           "\"carl\"") UNTIL) "," RULE("mixed-2",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "\"everyone\"", "mixed", UNTIL NETWORK ACKNOWLEDGED("everyone")) "," RULE("nowhere", "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 "\"everyone\"", "nowhere", ACKNOWLEDGED("everyone")) "," RULE("open",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "\"everyone\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "open",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               ACKNOWLEDGED(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "everyone")) "," RULE("users",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         "allow", "\"ann\"", "users", USERS("\"carl\"")) "," RULE("users-too",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "allow", "\"ann\"", "users", USERS("\"*\"") NETWORK) "," RULE("wide", "allow", "\"issuer:c\"", "wide", ACKNOWLEDGED("issuer:c")) "," RULE("wider", "allow", "\"any-verified\"", "wider",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            ACKNOWLEDGED(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                "any-verified")) "," RULE("wild",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "allow",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "\"ann\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "wild",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "") " } }";

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(policy);
    return 0;
}

typedef struct ask {
    const char *cn;    /* NULL: without a certificate */
    const char *ca;    /* NULL: corp */
    const char *cross; /* another CA on the path */
    const char *path;
    const char *method; /* NULL: GET */
    const char *host;   /* NULL: h; "": none */
    const char *user;
    mpol_arrival arrival;
    bool preflight;
    bool override;
    bool near;    /* from 10.0.0.1, else from 9.0.0.1 */
    bool unknown; /* from nobody knows where */
} ask;

static void decide(const ask *a, const mpol_name_filter *filters, uint32_t count,
                   mpol_decision *decision) {
    static const uint8_t near_by[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1};
    static const uint8_t far_away[16] = {[10] = 0xff, 0xff, 9, 0, 0, 1};
    const char *const cas[] = {a->ca != NULL ? a->ca : "corp", a->cross, NULL};
    mpol_name name = support_name_of(MPOL_NAME_CN, NULL, a->cn != NULL ? a->cn : "");
    mpol_facts facts = support_facts(cas, &name, 1);
    mpol_target target;
    mpol_client client;
    facts.certificate = a->cn != NULL;
    mpol_client_resolve(image, &facts, &client);
    mpol_target_parse(support_bytes(a->path), apr_palloc(support_pool(), strlen(a->path) + 1),
                      &target);
    mpol_request request = {.method = support_bytes(a->method != NULL ? a->method : "GET"),
                            .host = support_bytes(a->host != NULL ? a->host : "h"),
                            .target = &target,
                            .address = a->near ? near_by : far_away,
                            .now_s = SUPPORT_NOW,
                            .arrival = a->arrival,
                            .preflight = a->preflight,
                            .method_override = a->override};
    if (a->host != NULL && a->host[0] == '\0')
        request.host.data = NULL;
    if (a->unknown)
        request.address = NULL;
    if (a->user != NULL)
        request.user = support_bytes(a->user);
    mpol_decide(image, &request, &client, filters, count, decision);
}

/* "REASON RULE CONDITION"; "-" for no rule, nothing for no condition. */
static const char *said(const mpol_decision *d) {
    const char *rule = mpol_rule_name(image, d->rule);
    bool lacks =
        d->reason == MPOL_REASON_CONDITION_NOT_MET || d->reason == MPOL_REASON_USER_REQUIRED;
    assert_int_equal(d->condition != MPOL_CONDITION_NONE, lacks);
    return apr_psprintf(support_pool(), "%s %s%s%s", mpol_reason_name(d->reason),
                        rule != NULL ? rule : "-", lacks ? " " : "",
                        mpol_condition_name(d->condition));
}

static const char *answer(ask a) {
    mpol_decision decision;
    decide(&a, NULL, 0, &decision);
    return said(&decision);
}

#define ANSWER(...) answer((ask){__VA_ARGS__})
#define EXPECT(text, ...) assert_string_equal(ANSWER(__VA_ARGS__), text)

static void test_hosts(void **state) {
    (void)state;
    EXPECT("allowed bare", .cn = "ann", .path = "/bare", .host = "H.:80");
    EXPECT("allowed nowhere", .path = "/bare", .host = "");
    EXPECT("route-unknown -", .path = "/open", .host = "");
    EXPECT("route-unknown -", .cn = "ann", .path = "/bare", .host = "-");
    EXPECT("allowed wild", .cn = "ann", .path = "/bare", .host = "any.W");
    EXPECT("route-unknown -", .cn = "ann", .path = "/bare", .host = "w");
    EXPECT("host-malformed -", .cn = "ann", .path = "/bare", .host = "*.w");
}

static void test_preflight(void **state) {
    (void)state;
    EXPECT("allowed -", .path = "/cors", .method = "OPTIONS", .preflight = true);
    EXPECT("allowed -", .cn = "bob", .ca = "partner", .path = "/cors", .method = "OPTIONS",
           .preflight = true);
    EXPECT("method-not-on-route -", .cn = "ann", .path = "/cors", .method = "OPTIONS");
    EXPECT("no-certificate -", .path = "/cors");
    EXPECT("allowed cors", .cn = "ann", .path = "/cors");
    EXPECT("method-not-on-route -", .cn = "ann", .path = "/bare", .method = "OPTIONS",
           .preflight = true);
    EXPECT("ambiguous-path -", .path = "//cors", .method = "OPTIONS", .preflight = true);
    EXPECT("method-override -", .path = "/cors", .method = "OPTIONS", .preflight = true,
           .override = true);
}

/* Preflight needs no client but where a Require line names one. */
static void test_preflight_under_a_require_line(void **state) {
    static const uint32_t ann = 0;
    static const mpol_name_filter filter = {&ann, NULL, 1, 0};
    mpol_decision decision;
    ask a = {.path = "/cors", .method = "OPTIONS", .preflight = true};
    (void)state;
    decide(&a, &filter, 1, &decision);
    assert_string_equal(said(&decision), "no-certificate -");
    a.cn = "ann";
    decide(&a, &filter, 1, &decision);
    assert_string_equal(said(&decision), "allowed cors");
    a.ca = "partner";
    a.cn = "bob";
    decide(&a, &filter, 1, &decision);
    assert_string_equal(said(&decision), "not-on-require-line -");
    a.cn = "nobody";
    decide(&a, &filter, 1, &decision);
    assert_string_equal(said(&decision), "identity-unknown -");
}

static void test_internal_routes(void **state) {
    (void)state;
    EXPECT("route-unknown -", .cn = "ann", .path = "/index");
    EXPECT("allowed -", .cn = "ann", .path = "/index", .arrival = MPOL_ARRIVAL_LATER);
    EXPECT("allowed -", .path = "/index",
           .arrival = MPOL_ARRIVAL_LATER); /* who came there is settled */
    EXPECT("route-unknown -", .cn = "ann", .path = "/index", .arrival = MPOL_ARRIVAL_ERROR);
    EXPECT("route-unknown -", .cn = "ann", .path = "/error");
    EXPECT("route-unknown -", .cn = "ann", .path = "/error", .arrival = MPOL_ARRIVAL_LATER);
    EXPECT("allowed -", .path = "/error", .arrival = MPOL_ARRIVAL_ERROR);
    EXPECT("method-not-on-route -", .path = "/error", .method = "PUT",
           .arrival = MPOL_ARRIVAL_ERROR);
    EXPECT("ambiguous-path -", .path = "//error", .arrival = MPOL_ARRIVAL_ERROR);
    EXPECT("route-unknown -", .path = "//error"); /* that it exists is not told */
}

static void test_other_routes_however_one_comes_there(void **state) {
    (void)state;
    for (int arrival = MPOL_ARRIVAL_CLIENT; arrival <= MPOL_ARRIVAL_ERROR; arrival++) {
        EXPECT("allowed bare", .cn = "ann", .path = "/bare", .arrival = (mpol_arrival)arrival);
        EXPECT("no-rule -", .cn = "bob", .ca = "partner", .path = "/cors",
               .arrival = (mpol_arrival)arrival);
        EXPECT("no-certificate -", .path = "/bare", .arrival = (mpol_arrival)arrival);
        EXPECT("allowed open", .path = "/open", .arrival = (mpol_arrival)arrival);
    }
}

static void test_an_unknown_route_is_not_named(void **state) {
    mpol_decision decision;
    ask a = {.cn = "ann", .path = "/index"};
    (void)state;
    decide(&a, NULL, 0, &decision);
    assert_int_equal(decision.route, MPOL_NONE);
    a.arrival = MPOL_ARRIVAL_LATER;
    decide(&a, NULL, 0, &decision);
    assert_string_equal(mpol_route_name(image, decision.route), "index");
    assert_int_equal(decision.identity, MPOL_NONE);
}

static void test_what_a_route_expects(void **state) {
    static const char *const others[] = {"/loose/a%2Fb", "/loose/a\\b", "/loose/a;b", "/loose/./a",
                                         "/loose/a%25"};
    (void)state;
    EXPECT("allowed loose", .cn = "ann", .path = "/loose//a");
    EXPECT("allowed loose", .cn = "ann", .path = "//loose");
    EXPECT("ambiguous-path -", .cn = "ann", .path = "//bare");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        EXPECT("ambiguous-path -", .cn = "ann", .path = others[i]);
    EXPECT("ambiguous-path -", .cn = "ann",
           .path = "/loose//a/./b"); /* one that it expects, one that it does not */
    EXPECT("ambiguous-path -", .cn = "ann", .path = "/loose/..;/a");
    EXPECT("ambiguous-path -", .cn = "ann", .path = "/loose/%00");
}

static void test_headers_that_name_another_method(void **state) {
    (void)state;
    EXPECT("method-override -", .cn = "ann", .path = "/bare", .override = true);
    EXPECT("method-override -", .path = "/open", .override = true);
    EXPECT("allowed loose", .cn = "ann", .path = "/loose", .override = true);
    EXPECT("route-unknown -", .cn = "ann", .path = "/none", .override = true);
    EXPECT("ambiguous-path -", .cn = "ann", .path = "//bare", .override = true);
    EXPECT("allowed -", .path = "/error", .arrival = MPOL_ARRIVAL_ERROR);
}

static void test_users(void **state) {
    (void)state;
    EXPECT("allowed users", .cn = "ann", .path = "/users", .user = "carl");
    EXPECT("user-required users users", .cn = "ann", .path = "/users");
    EXPECT("condition-not-met users users", .cn = "ann", .path = "/users", .user = "dora");
    EXPECT("allowed users-too", .cn = "ann", .path = "/users", .user = "dora", .near = true);
    EXPECT("allowed users", .cn = "ann", .path = "/users", .user = "carl",
           .near = true); /* the lowest */
    EXPECT("user-required users users", .cn = "ann", .path = "/users", .near = true);
    EXPECT("indeterminate users-too", .cn = "ann", .path = "/users", .user = "dora",
           .unknown = true);
    EXPECT("no-certificate -", .path = "/users", .user = "carl");
    EXPECT("no-rule -", .cn = "bob", .ca = "partner", .path = "/users", .user = "carl");
}

static void test_near_misses(void **state) {
    (void)state;
    EXPECT("user-required miss-3 users", .cn = "ann", .path = "/miss");
    EXPECT("condition-not-met miss-2 valid_until", .cn = "ann", .path = "/miss", .user = "dora");
    EXPECT("allowed miss-3", .cn = "ann", .path = "/miss", .user = "carl");
    EXPECT("condition-not-met mixed-1 networks", .cn = "ann", .path = "/mixed", .user = "dora");
    EXPECT("condition-not-met mixed-2 valid_until", .cn = "ann", .path = "/mixed", .near = true);
    EXPECT("condition-not-met mixed-1 valid_until", .cn = "ann", .path = "/mixed", .user = "carl",
           .near = true);
    EXPECT("condition-not-met mixed-2 networks", .cn = "bob", .ca = "partner", .path = "/mixed");
    EXPECT("no-certificate -", .path = "/mixed", .near = true);
}

static void test_clients_that_no_identity_names(void **state) {
    mpol_decision decision;
    ask a = {.cn = "nobody", .path = "/wide"};
    (void)state;
    EXPECT("identity-unknown -", .cn = "nobody", .path = "/bare");
    EXPECT("allowed wide", .cn = "nobody", .path = "/wide");
    EXPECT("allowed wide", .cn = "ann", .path = "/wide");
    EXPECT("identity-unknown -", .cn = "nobody", .ca = "quiet", .path = "/wide");
    EXPECT("no-rule -", .cn = "bob", .ca = "partner", .path = "/wide");
    EXPECT("allowed wider", .cn = "nobody", .ca = "quiet", .path = "/wider");
    EXPECT("issuer-unknown -", .cn = "nobody", .ca = "stranger", .path = "/wider");
    EXPECT("name-malformed -", .cn = "a\n",
           .path = "/wider"); /* a name by its issuer's rules it must have */
    EXPECT("allowed open", .cn = "a\n", .path = "/open");
    decide(&a, NULL, 0, &decision);
    assert_int_equal(decision.identity, MPOL_NONE);
    assert_string_equal(mpol_issuer_name(image, decision.issuer), "c");
    /* A deny that speaks of issuer and route is told, though nobody knows the client. */
    EXPECT("denied-by-rule bare-no", .cn = "nobody", .ca = "partner", .path = "/bare",
           .near = true);
    EXPECT("no-rule -", .cn = "nobody", .ca = "partner", .path = "/bare");
    EXPECT("indeterminate bare-no", .cn = "nobody", .ca = "partner", .path = "/bare",
           .unknown = true);
}

static void test_denials_for_an_issuer_further_up(void **state) {
    (void)state;
    EXPECT("allowed bare", .cn = "ann", .path = "/bare", .near = true);
    EXPECT("denied-by-rule bare-no", .cn = "ann", .cross = "partner", .path = "/bare",
           .near = true);
    EXPECT("allowed bare", .cn = "ann", .cross = "partner", .path = "/bare");
    EXPECT("indeterminate bare-no", .cn = "ann", .cross = "partner", .path = "/bare",
           .unknown = true);
    EXPECT("allowed bare", .cn = "ann", .cross = "quiet", .path = "/bare", .near = true);
    EXPECT("allowed loose", .cn = "ann", .cross = "partner", .path = "/loose",
           .near = true); /* another route */
    EXPECT("identity-unknown -", .cn = "bob", .cross = "partner",
           .path = "/loose"); /* its grants do not count */
    EXPECT("denied-by-rule bare-no", .cn = "nobody", .ca = "quiet", .cross = "partner",
           .path = "/bare", .near = true);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_preflight),
        cmocka_unit_test(test_preflight_under_a_require_line),
        cmocka_unit_test(test_internal_routes),
        cmocka_unit_test(test_other_routes_however_one_comes_there),
        cmocka_unit_test(test_an_unknown_route_is_not_named),
        cmocka_unit_test(test_what_a_route_expects),
        cmocka_unit_test(test_headers_that_name_another_method),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_near_misses),
        cmocka_unit_test(test_clients_that_no_identity_names),
        cmocka_unit_test(test_denials_for_an_issuer_further_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
