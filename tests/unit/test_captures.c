/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/captures.h"
#include "match/route.h"

#include <string.h>

static const mpol_image *image;

#define RULE(name, subjects, route, same)                                                          \
    "\"" name "\": { \"effect\": \"allow\", \"subjects\": [" subjects "], \"routes\": [\"" route   \
    "\"], \"same\": { " same " } }"

static const char policy[] =
    "{ \"name\": \"x\", \"issuers\": {"
    "\"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"spiffe\", \"dns\", "
    "\"email\"], \"any_of\": true },"
    "\"p\": { \"certificates\": [{ \"pem\": \"$person\" }], \"names\": [\"cn\"] } },"
    "\"identities\": {"
    "\"node\": { \"issuer\": \"c\", \"dns\": \"{tenant}.nodes.a\" },"
    "\"mail\": { \"issuer\": \"c\", \"email\": \"{tenant}@a\" },"
    "\"other\": { \"issuer\": \"c\", \"spiffe\": \"spiffe://b/{tenant}/{service}\" },"
    "\"work\": { \"issuer\": \"c\", \"spiffe\": \"spiffe://a/{tenant}/*/{service}/**\" },"
    "\"ann\": { \"issuer\": \"p\", \"cn\": \"Ann\", \"attributes\": { \"2.5.4.5\": \"7\" } } },"
    "\"groups\": { \"g\": [\"mail\", \"node\"] },"
    "\"routes\": {"
    "\"one\": { \"hosts\": [\"h\"], \"methods\": [\"GET\"], \"paths\": [\"/t/{t}/**\"] },"
    "\"two\": { \"hosts\": [\"h\"], \"methods\": [\"GET\"], \"paths\": [\"/s/{s}/x/{t}\"] } },"
    "\"rules\": {" RULE("a-work", "\"work\"", "one", "\"t\": \"tenant\"") "," RULE("b-group", "\"@g\"", "one", "\"t\": \"tenant\"") "," RULE(
        "c-both", "\"work\", \"other\"", "two",
        "\"t\": \"tenant\", \"s\": \"service\"") "," RULE("d-serial", "\"ann\"", "one",
                                                          "\"t\": { \"attribute\": \"2.5.4.5\" "
                                                          "}") "," RULE("e-mixed", "\"work\"",
                                                                        "two",
                                                                        "\"t\": \"tenant\", "
                                                                        "\"s\": { "
                                                                        "\"attribute\": "
                                                                        "\"2.5.4.5\" }") "," RULE("f-unit",
                                                                                                  "\"ann\"",
                                                                                                  "one",
                                                                                                  "\"t\": { \"attribute\": \"2.5.4.11\" }") " } }";

enum { WORK, GROUP, BOTH, SERIAL, MIXED, UNIT };

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(policy);
    return 0;
}

static mpol_verdict judged(const mpol_client *client, uint32_t rule, const char *path) {
    mpol_route_match match;
    uint32_t host = mpol_route_start(image, support_bytes("h"));
    mpol_reason reason =
        mpol_route_find(image, host, support_bytes(path), support_bytes("GET"), false, &match);
    assert_int_equal(reason, MPOL_REASON_ALLOWED);
    return mpol_same_judge(image, rule, client, support_bytes(path), match.captures);
}

/* Does the rule's condition hold for a client with these names? */
static bool holds(uint32_t rule, const char *ca, const char *path, const mpol_name *names,
                  uint32_t count) {
    const char *const cas[] = {ca, NULL};
    mpol_facts facts = support_facts(cas, names, count);
    mpol_client client;
    mpol_client_resolve(image, &facts, &client);
    assert_int_equal(client.after_dates, MPOL_REASON_ALLOWED);
    mpol_verdict verdict = judged(&client, rule, path);
    assert_int_not_equal(verdict, MPOL_VERDICT_UNKNOWN); /* a certificate tells */
    return verdict == MPOL_VERDICT_TRUE;
}

#define HOLDS(rule, ca, path, ...)                                                                 \
    holds((rule), (ca), (path), (const mpol_name[]){__VA_ARGS__},                                  \
          sizeof((const mpol_name[]){__VA_ARGS__}) / sizeof(mpol_name))
#define ID(text) support_name_of(MPOL_NAME_SPIFFE, NULL, "spiffe://" text)
#define DNS(text) support_name_of(MPOL_NAME_DNS, NULL, text)
#define EMAIL(text) support_name_of(MPOL_NAME_EMAIL, NULL, text)
#define CN(text) support_name_of(MPOL_NAME_CN, NULL, text)
#define ATTRIBUTE(oid, text) support_name_of(MPOL_NAME_ATTRIBUTE, oid, text)

static void test_a_capture_of_the_name(void **state) {
    (void)state;
    assert_true(HOLDS(WORK, "corp", "/t/blue", ID("a/blue/x/pay")));
    assert_true(HOLDS(WORK, "corp", "/t/blue/", ID("a/blue/x/pay")));
    assert_true(HOLDS(WORK, "corp", "/t/blue/red", ID("a/blue/x/pay/more")));
    assert_false(HOLDS(WORK, "corp", "/t/red/blue", ID("a/blue/x/pay")));
    assert_false(HOLDS(WORK, "corp", "/t/Blue", ID("a/blue/x/pay"))); /* byte for byte */
    assert_false(HOLDS(WORK, "corp", "/t/blu", ID("a/blue/x/pay")));
    assert_false(HOLDS(WORK, "corp", "/t/blue2", ID("a/blue/x/pay")));
    assert_false(HOLDS(WORK, "corp", "/t/x", ID("a/blue/x/pay"))); /* another segment */
}

static void test_captures_of_dns_names_and_addresses(void **state) {
    (void)state;
    assert_true(HOLDS(GROUP, "corp", "/t/blue", DNS("blue.nodes.a")));
    assert_true(HOLDS(GROUP, "corp", "/t/blue", DNS("BLUE.nodes.a"))); /* in its compared form */
    assert_false(HOLDS(GROUP, "corp", "/t/nodes.a", DNS("blue.nodes.a")));
    assert_true(HOLDS(GROUP, "corp", "/t/ann", EMAIL("ann@a")));
    assert_true(HOLDS(GROUP, "corp", "/t/x@y", EMAIL("x@y@a")));
    assert_false(HOLDS(GROUP, "corp", "/t/a", EMAIL("ann@a")));
}

static void test_only_identities_that_the_rule_names(void **state) {
    (void)state;
    assert_false(HOLDS(WORK, "corp", "/t/blue", DNS("blue.nodes.a")));
    assert_false(HOLDS(GROUP, "corp", "/t/blue", ID("a/blue/x/pay")));
    assert_false(HOLDS(WORK, "corp", "/t/blue", ID("b/blue/pay")));
    assert_false(HOLDS(WORK, "corp", "/t/blue", DNS("blue.nodes.a"), ID("a/red/x/pay")));
}

static void test_one_of_several_names_is_enough(void **state) {
    (void)state;
    assert_true(HOLDS(GROUP, "corp", "/t/blue", DNS("red.nodes.a"), DNS("blue.nodes.a")));
    assert_true(HOLDS(GROUP, "corp", "/t/blue", DNS("red.nodes.a"), EMAIL("blue@a")));
    assert_false(HOLDS(GROUP, "corp", "/t/green", DNS("red.nodes.a"), EMAIL("blue@a")));
    assert_true(HOLDS(WORK, "corp", "/t/blue", ID("a/red/x/pay"), ID("a/blue/x/pay"), ID("a/q")));
}

/* A certificate for two services of two tenants is none for one's service and the other's tenant.
 */
static void test_values_of_several_names_are_never_put_together(void **state) {
    (void)state;
    assert_true(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("a/blue/x/pay")));
    assert_true(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("b/blue/pay")));
    assert_false(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("a/blue/x/ship")));
    assert_false(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("a/red/x/pay")));
    assert_false(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("a/blue/x/ship"), ID("a/red/x/pay")));
    assert_false(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("b/blue/ship"), ID("a/red/x/pay")));
    assert_true(HOLDS(BOTH, "corp", "/s/pay/x/blue", ID("b/blue/ship"), ID("a/blue/x/pay")));
}

static void test_an_attribute(void **state) {
    (void)state;
    assert_true(HOLDS(SERIAL, "person", "/t/7", CN("Ann"), ATTRIBUTE("2.5.4.5", "7")));
    assert_false(HOLDS(SERIAL, "person", "/t/8", CN("Ann"), ATTRIBUTE("2.5.4.5", "7")));
    assert_false(HOLDS(UNIT, "person", "/t/7", CN("Ann"), ATTRIBUTE("2.5.4.5", "7")));
    assert_true(HOLDS(UNIT, "person", "/t/U", CN("Ann"), ATTRIBUTE("2.5.4.5", "7"),
                      ATTRIBUTE("2.5.4.11", "U")));
    assert_false(HOLDS(UNIT, "person", "/t/U", CN("Ann"), ATTRIBUTE("2.5.4.11", "U"),
                       ATTRIBUTE("2.5.4.11", "U")));
    assert_false(HOLDS(UNIT, "person", "/t/U", CN("Ann"), ATTRIBUTE("2.5.4.1", "U")));
}

static void test_a_capture_and_an_attribute(void **state) {
    (void)state;
    assert_true(HOLDS(MIXED, "corp", "/s/7/x/blue", ID("a/blue/x/pay"), ATTRIBUTE("2.5.4.5", "7")));
    assert_false(
        HOLDS(MIXED, "corp", "/s/7/x/blue", ID("a/blue/x/pay"), ATTRIBUTE("2.5.4.5", "8")));
    assert_false(HOLDS(MIXED, "corp", "/s/7/x/blue", ID("a/red/x/pay"), ATTRIBUTE("2.5.4.5", "7")));
    assert_false(HOLDS(MIXED, "corp", "/s/7/x/blue", ID("a/blue/x/pay")));
}

/* --- clients that are given by their identity ----------------------------------------------------
 */

static mpol_verdict given(const char *identity, uint32_t rule, const char *path,
                          const mpol_given *values, uint32_t count) {
    mpol_client client;
    mpol_client_of_identity(image, mpol_identity_by_name(image, support_bytes(identity)), values,
                            count, &client);
    return judged(&client, rule, path);
}

static void test_values_that_are_given(void **state) {
    const mpol_given values[] = {{support_bytes("tenant"), support_bytes("blue")},
                                 {support_bytes("service"), support_bytes("pay")}};
    (void)state;
    assert_int_equal(given("work", WORK, "/t/blue", values, 1), MPOL_VERDICT_TRUE);
    assert_int_equal(given("work", WORK, "/t/red", values, 1), MPOL_VERDICT_FALSE);
    assert_int_equal(given("work", WORK, "/t/blue", NULL, 0), MPOL_VERDICT_UNKNOWN);
    assert_int_equal(given("work", BOTH, "/s/pay/x/blue", values, 2), MPOL_VERDICT_TRUE);
    assert_int_equal(given("work", BOTH, "/s/pay/x/blue", values, 1), MPOL_VERDICT_UNKNOWN);
    assert_int_equal(given("work", BOTH, "/s/pay/x/red", values, 1),
                     MPOL_VERDICT_FALSE); /* before unknown */
    assert_int_equal(given("work", BOTH, "/s/ship/x/blue", values, 2), MPOL_VERDICT_FALSE);
}

static void test_attributes_of_clients_that_are_given(void **state) {
    (void)state;
    assert_int_equal(given("ann", SERIAL, "/t/7", NULL, 0), MPOL_VERDICT_TRUE);
    assert_int_equal(given("ann", SERIAL, "/t/8", NULL, 0), MPOL_VERDICT_FALSE);
    assert_int_equal(given("ann", UNIT, "/t/7", NULL, 0),
                     MPOL_VERDICT_UNKNOWN); /* it does not ask for one */
}

/* Rules 0 and 1 compare with the common name and with the serial number. */
static const char named_by_attributes[] =
    "{ \"name\": \"x\", \"issuers\": {"
    "\"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"cn\"] },"
    "\"d\": { \"certificates\": [{ \"pem\": \"$partner\" }], \"names\": [{ \"attribute\": "
    "\"serialNumber\" }] },"
    "\"e\": { \"certificates\": [{ \"pem\": \"$person\" }], \"names\": [\"cn\"], \"any_of\": true "
    "} },"
    "\"identities\": { \"by-cn\": { \"issuer\": \"c\", \"cn\": \"7\" },"
    "\"by-serial\": { \"issuer\": \"d\", \"attribute\": { \"oid\": \"2.5.4.5\", \"value\": \"7\" } "
    "},"
    "\"any-cn\": { \"issuer\": \"e\", \"cn\": \"7\" } },"
    "\"routes\": { \"r\": { \"hosts\": [\"h\"], \"methods\": [\"GET\"], \"paths\": [\"/t/{t}\"] } "
    "},"
    "\"rules\": {" RULE(
        "a", "\"by-cn\", \"by-serial\", \"any-cn\"",
        "r", "\"t\": { \"attribute\": \"2.5.4.3\" }") "," RULE("b", "\"by-cn\", \"by-serial\"", "r",
                                                               "\"t\": { \"attribute\": "
                                                               "\"2.5.4.5\" }") "} }";

/* What the identity is named by is known of every client that is it. */
static void test_an_attribute_that_is_the_name(void **state) {
    const mpol_image *before = image;
    (void)state;
    image = support_image(named_by_attributes);
    assert_int_equal(given("by-cn", 0, "/t/7", NULL, 0), MPOL_VERDICT_TRUE);
    assert_int_equal(given("by-cn", 0, "/t/8", NULL, 0), MPOL_VERDICT_FALSE);
    assert_int_equal(given("by-cn", 1, "/t/7", NULL, 0), MPOL_VERDICT_UNKNOWN);
    assert_int_equal(given("by-serial", 1, "/t/7", NULL, 0), MPOL_VERDICT_TRUE);
    assert_int_equal(given("by-serial", 1, "/t/8", NULL, 0), MPOL_VERDICT_FALSE);
    assert_int_equal(given("by-serial", 0, "/t/7", NULL, 0), MPOL_VERDICT_UNKNOWN);
    /* another common name may stand beside it, and then there is no one value */
    assert_int_equal(given("any-cn", 0, "/t/7", NULL, 0), MPOL_VERDICT_UNKNOWN);
    image = before;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_capture_of_the_name),
        cmocka_unit_test(test_captures_of_dns_names_and_addresses),
        cmocka_unit_test(test_only_identities_that_the_rule_names),
        cmocka_unit_test(test_one_of_several_names_is_enough),
        cmocka_unit_test(test_values_of_several_names_are_never_put_together),
        cmocka_unit_test(test_an_attribute),
        cmocka_unit_test(test_a_capture_and_an_attribute),
        cmocka_unit_test(test_values_that_are_given),
        cmocka_unit_test(test_attributes_of_clients_that_are_given),
        cmocka_unit_test(test_an_attribute_that_is_the_name),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
