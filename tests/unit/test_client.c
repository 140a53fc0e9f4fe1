/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/client.h"

#include <apr_strings.h>
#include <string.h>

static const mpol_image *image;

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(support_full_policy);
    return 0;
}

#define BILLING "spiffe://corp.example/billing"

/* A verified client below the named CAs with this URI. */
static mpol_facts facts_of(const char *ca, const char *other, const char *uri) {
    const char *const cas[] = {ca, other, NULL};
    const mpol_name names[] = {support_name_of(MPOL_NAME_SPIFFE, NULL, uri),
                               support_name_of(MPOL_NAME_URI, NULL, uri)};
    return support_facts(cas, names, 2);
}

static mpol_client resolve_by(const mpol_image *policy, const mpol_facts *facts) {
    mpol_client client;
    memset(&client, 0x55, sizeof client);
    mpol_client_resolve(policy, facts, &client);
    return client;
}

static mpol_client resolve(const mpol_facts *facts) {
    return resolve_by(image, facts);
}

static void expect_unknown(mpol_facts facts, mpol_reason reason) {
    mpol_client client = resolve(&facts);
    assert_int_equal(client.before_dates, reason);
    assert_int_equal(client.issuer, MPOL_NONE);
    assert_int_equal(client.class, MPOL_NONE);
    assert_int_equal(client.identity, MPOL_NONE);
    assert_int_equal(client.crossed, 0);
}

static void test_what_fails_before_the_issuer_is_known(void **state) {
    mpol_facts good = facts_of("corp", NULL, BILLING);
    mpol_facts facts = good;
    (void)state;
    facts.tls = MPOL_TLS_ABSENT;
    expect_unknown(facts, MPOL_REASON_TLS_ABSENT);
    facts.tls = MPOL_TLS_UNAVAILABLE;
    expect_unknown(facts, MPOL_REASON_TLS_UNAVAILABLE);
    facts.tls = (mpol_tls_state)77;
    expect_unknown(facts, MPOL_REASON_TLS_UNAVAILABLE);
    facts = good;
    facts.certificate = false;
    expect_unknown(facts, MPOL_REASON_NO_CERTIFICATE);
    facts = good;
    facts.verified = false;
    expect_unknown(facts, MPOL_REASON_CERTIFICATE_NOT_VERIFIED);
    facts.malformed = true;
    expect_unknown(facts, MPOL_REASON_CERTIFICATE_NOT_VERIFIED);
    facts = good;
    facts.malformed = true;
    facts.established = false;
    expect_unknown(facts, MPOL_REASON_CERTIFICATE_MALFORMED);
    facts.malformed = false;
    expect_unknown(facts, MPOL_REASON_ISSUER_NOT_ESTABLISHED);
    expect_unknown(facts_of("stranger", NULL, BILLING), MPOL_REASON_ISSUER_UNKNOWN);
    facts = good;
    facts.path.count = 0; /* its own issuer */
    expect_unknown(facts, MPOL_REASON_ISSUER_UNKNOWN);
}

static void test_a_known_client(void **state) {
    mpol_facts facts = facts_of("corp", NULL, BILLING);
    mpol_client client = resolve(&facts);
    (void)state;
    assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
    assert_int_equal(client.after_dates, MPOL_REASON_ALLOWED);
    assert_true(client.not_before_s == SUPPORT_NOT_BEFORE &&
                client.not_after_s == SUPPORT_NOT_AFTER);
    assert_string_equal(mpol_issuer_name(image, client.issuer), "corp");
    assert_string_equal(mpol_identity_name(image, client.identity),
                        "billing"); /* the lowest of the two */
    assert_int_equal(client.kind, MPOL_NAME_SPIFFE);
    assert_string_equal(support_text(client.name), BILLING);
    assert_ptr_equal(client.facts, &facts);
}

static void test_the_nearest_named_ca_counts(void **state) {
    mpol_facts facts = facts_of("stranger", "corp", BILLING);
    (void)state;
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
    facts = facts_of("corp", "partner", BILLING);
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
    facts = facts_of("partner", "corp", BILLING);
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "partner");
    facts = facts_of("east", NULL, BILLING); /* another certificate of the same issuer */
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
}

/* What these names come to: a reason, or the identity that logs name, "-" for none. */
static const char *named(const mpol_image *policy, const char *ca, const mpol_name *names,
                         uint32_t count) {
    const char *const cas[] = {ca, NULL};
    mpol_facts facts = support_facts(cas, names, count);
    mpol_client client = resolve_by(policy, &facts);
    assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
    assert_int_not_equal(client.issuer, MPOL_NONE);
    if (client.after_dates != MPOL_REASON_ALLOWED) {
        assert_int_equal(client.class, MPOL_NONE);
        assert_int_equal(client.identity, MPOL_NONE);
        if (client.after_dates == MPOL_REASON_NAME_MISSING ||
            client.after_dates == MPOL_REASON_NAME_AMBIGUOUS)
            assert_null(client.name.data);
        else
            assert_non_null(client.name.data);
        return mpol_reason_name(client.after_dates);
    }
    assert_int_not_equal(client.class, MPOL_NONE);
    const char *name = mpol_identity_name(policy, client.identity);
    return name != NULL ? name : "-";
}

#define NAMED(policy, ca, ...)                                                                     \
    named((policy), (ca), (const mpol_name[]){__VA_ARGS__},                                        \
          sizeof((const mpol_name[]){__VA_ARGS__}) / sizeof(mpol_name))
#define SPIFFE(text) support_name_of(MPOL_NAME_SPIFFE, NULL, text)
#define URI(text) support_name_of(MPOL_NAME_URI, NULL, text)
#define DNS(text) support_name_of(MPOL_NAME_DNS, NULL, text)
#define EMAIL(text) support_name_of(MPOL_NAME_EMAIL, NULL, text)
#define COMMON(text) support_name_of(MPOL_NAME_CN, NULL, text)
#define ATTRIBUTE(oid, text) support_name_of(MPOL_NAME_ATTRIBUTE, oid, text)

static void test_one_name_of_one_kind(void **state) {
    (void)state;
    assert_string_equal(named(image, "corp", NULL, 0), "name-missing");
    assert_string_equal(NAMED(image, "corp", DNS("corp.example"), COMMON(BILLING)), "name-missing");
    assert_string_equal(NAMED(image, "corp", SPIFFE(BILLING), URI(BILLING), DNS("a"), COMMON("b")),
                        "billing");
    assert_string_equal(NAMED(image, "corp", SPIFFE(BILLING), SPIFFE(BILLING)), "name-ambiguous");
    assert_string_equal(NAMED(image, "corp", SPIFFE("urn:x")), "name-malformed");
    assert_string_equal(NAMED(image, "corp", SPIFFE("")), "name-malformed");
    assert_string_equal(NAMED(image, "corp", SPIFFE("urn:x"), SPIFFE(BILLING)), "name-ambiguous");
    assert_string_equal(NAMED(image, "corp", SPIFFE(BILLING "2")), "-");
    assert_string_equal(NAMED(image, "corp", SPIFFE("spiffe://corp.example/Billing")), "-");
    assert_string_equal(NAMED(image, "partner", DNS("SHOP.Example.")), "shop");
    assert_string_equal(NAMED(image, "partner", DNS("*.example")), "name-malformed");
    assert_string_equal(NAMED(image, "partner", SPIFFE(BILLING)), "name-missing");
}

#define ISSUER(name, ca, names)                                                                    \
    "\"" name "\": { \"certificates\": [{ \"pem\": \"$" ca "\" }], \"names\": [" names "] }"

/* The same kind, the very same name: only the issuer tells the two clients apart. */
static void test_one_name_from_two_issuers_is_two_clients(void **state) {
    const mpol_image *twins = support_image(
        "{ \"name\": \"x\", \"issuers\": {" ISSUER("c", "corp", "\"spiffe\"") "," ISSUER(
            "p", "partner",
            "\"spiffe\"") "," ISSUER("t", "third",
                                     "\"spiffe\"") " }, \"identities\": {"
                                                   "\"by-corp\": { \"issuer\": \"c\", \"spiffe\": "
                                                   "\"" BILLING "\" },"
                                                   "\"by-partner\": { \"issuer\": \"p\", "
                                                   "\"spiffe\": \"" BILLING "\" } } }");
    (void)state;
    assert_string_equal(NAMED(twins, "corp", SPIFFE(BILLING)), "by-corp");
    assert_string_equal(NAMED(twins, "partner", SPIFFE(BILLING)), "by-partner");
    assert_string_equal(NAMED(twins, "third", SPIFFE(BILLING)), "-");
}

static void test_several_kinds_for_one_issuer(void **state) {
    const mpol_image *kinds = support_image("{ \"name\": \"x\", \"issuers\": {" ISSUER(
        "c", "corp",
        "\"cn\", \"email\", { \"attribute\": \"2.5.4.97\" }") "},"
                                                              "\"identities\": { \"cn\": { "
                                                              "\"issuer\": \"c\", \"cn\": \"same\" "
                                                              "}, \"mail\": { \"issuer\": \"c\", "
                                                              "\"email\": \"a@b.c\" },"
                                                              "\"org\": { \"issuer\": \"c\", "
                                                              "\"attribute\": { \"oid\": "
                                                              "\"2.5.4.97\", \"value\": \"same\" } "
                                                              "} } }");
    (void)state;
    assert_string_equal(NAMED(kinds, "corp", COMMON("same"), ATTRIBUTE("2.5.4.3", "same")), "cn");
    assert_string_equal(NAMED(kinds, "corp", ATTRIBUTE("2.5.4.97", "same")), "org");
    assert_string_equal(NAMED(kinds, "corp", ATTRIBUTE("2.5.4.9", "same")),
                        "name-missing"); /* a prefix */
    assert_string_equal(NAMED(kinds, "corp", ATTRIBUTE("2.5.4.10", "same"), EMAIL("a@B.C.")),
                        "mail");
    assert_string_equal(NAMED(kinds, "corp", COMMON("same"), EMAIL("a@b.c")), "name-ambiguous");
    assert_string_equal(NAMED(kinds, "corp", COMMON("a\n"), EMAIL("a@b.c")), "name-ambiguous");
    assert_string_equal(NAMED(kinds, "corp", COMMON("a\n")), "name-malformed");
}

static const mpol_image *any_of(void) {
    return support_image("{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": "
                         "\"$corp\" }], \"names\": [\"spiffe\", \"dns\"],"
                         "\"any_of\": true, \"may_assert\": [{ \"spiffe\": \"spiffe://a/**\" }, { "
                         "\"dns\": \"*.a\" }, { \"dns\": \"b\" }] } },"
                         "\"identities\": { \"host\": { \"issuer\": \"c\", \"dns\": \"h.a\" }, "
                         "\"node\": { \"issuer\": \"c\", \"dns\": \"{n}.a\" },"
                         "\"work\": { \"issuer\": \"c\", \"spiffe\": \"spiffe://a/w\" } } }");
}

static void test_any_of_several_names(void **state) {
    const mpol_image *policy = any_of();
    (void)state;
    assert_string_equal(NAMED(policy, "corp", DNS("h.a"), SPIFFE("spiffe://a/w")), "host");
    assert_string_equal(NAMED(policy, "corp", DNS("x.a"), SPIFFE("spiffe://a/w")),
                        "work"); /* exact before pattern */
    assert_string_equal(NAMED(policy, "corp", DNS("x.a"), SPIFFE("spiffe://a/x")), "node");
    assert_string_equal(NAMED(policy, "corp", DNS("b"), SPIFFE("spiffe://a/x")), "-");
    assert_string_equal(NAMED(policy, "corp", DNS("b"), DNS("b")), "-");
    assert_string_equal(NAMED(policy, "corp", DNS("h.a"), DNS("x.y.a")), "name-outside-issuer");
    assert_string_equal(NAMED(policy, "corp", DNS("c")), "name-outside-issuer");
    assert_string_equal(NAMED(policy, "corp", SPIFFE("spiffe://b/w")), "name-outside-issuer");
    assert_string_equal(NAMED(policy, "corp", DNS("h.a"), DNS("*")), "name-malformed");
    assert_string_equal(NAMED(policy, "corp", DNS("c"), DNS("*")),
                        "name-malformed"); /* before outside */
    assert_string_equal(named(policy, "corp", NULL, 0), "name-missing");
}

static void test_the_class_of_several_names(void **state) {
    const mpol_image *policy = any_of();
    static const char *const cas[] = {"corp", NULL};
    const mpol_name names[] = {DNS("h.a"), SPIFFE("spiffe://a/w")};
    mpol_facts facts = support_facts(cas, names, 2);
    mpol_client client = resolve_by(policy, &facts);
    uint32_t list = MPOL_U32(policy, CLASSES, client.class, MPOL_CLASS_IDENTITIES);
    (void)state;
    assert_int_equal(mpol_list_len(policy, list), 3); /* host, the node that it is too, work */
    /* The name that makes it the identity which logs name, not the first one. */
    assert_string_equal(mpol_identity_name(policy, client.identity), "host");
    assert_int_equal(client.kind, MPOL_NAME_DNS);
    assert_string_equal(support_text(client.name), "h.a");
}

static void test_at_most_sixteen_names(void **state) {
    const mpol_image *policy = any_of();
    mpol_name names[MPOL_LIMIT_CLIENT_NAMES + 1];
    (void)state;
    for (uint32_t i = 0; i < COUNT_OF(names); i++)
        names[i] = DNS(apr_psprintf(support_pool(), "n%u.a", i));
    assert_string_equal(named(policy, "corp", names, MPOL_LIMIT_CLIENT_NAMES), "node");
    assert_string_equal(named(policy, "corp", names, MPOL_LIMIT_CLIENT_NAMES + 1),
                        "name-ambiguous");
    names[MPOL_LIMIT_CLIENT_NAMES - 1] = DNS("c");
    assert_string_equal(named(policy, "corp", names, MPOL_LIMIT_CLIENT_NAMES),
                        "name-outside-issuer");
    names[MPOL_LIMIT_CLIENT_NAMES - 1] = DNS("h.a"); /* the last one counts as the first */
    assert_string_equal(named(policy, "corp", names, MPOL_LIMIT_CLIENT_NAMES), "host");
}

static void test_a_client_whose_set_no_class_has_is_an_error(void **state) {
    static const char *const cas[] = {"corp", NULL};
    const mpol_image *policy = any_of();
    uint8_t *copy = apr_pmemdup(support_pool(), policy->bytes, policy->len);
    mpol_image broken = *policy;
    const mpol_name names[] = {DNS("h.a")};
    mpol_facts facts = support_facts(cas, names, 1);
    uint32_t class = resolve_by(policy, &facts).class;
    (void)state;
    copy[policy->section[MPOL_CLASSES].offset + class * MPOL_CLASSES_BYTES + MPOL_CLASS_ISSUER] =
        77;
    broken.bytes = copy;
    mpol_client client = resolve_by(&broken, &facts);
    assert_int_equal(client.after_dates, MPOL_REASON_INTERNAL_ERROR);
    assert_int_equal(client.class, MPOL_NONE);
}

/* --- denials for other issuers of the path ---------------------------------------------------- */

#define DENY(name, subject)                                                                        \
    "\"" name "\": { \"effect\": \"deny\", \"subjects\": [\"" subject "\"], \"routes\": [\"*\"] }"

static void test_rows_of_other_issuers_on_the_path(void **state) {
    const mpol_image *policy = support_image(
        "{ \"name\": \"x\", \"issuers\": {" ISSUER("c", "corp", "\"spiffe\"") "," ISSUER(
            "p", "partner",
            "\"spiffe\"") "," ISSUER("q", "quiet",
                                     "\"spiffe\"") " }, \"rules\": {" DENY("d",
                                                                           "issuer:p") "," DENY("e",
                                                                                                "an"
                                                                                                "y-"
                                                                                                "ve"
                                                                                                "ri"
                                                                                                "fi"
                                                                                                "e"
                                                                                                "d") "} }");
    mpol_facts facts = facts_of("corp", "partner", BILLING);
    mpol_client client = resolve_by(policy, &facts);
    (void)state;
    assert_string_equal(mpol_issuer_name(policy, client.issuer), "c");
    assert_int_equal(client.crossed, 1);
    assert_int_equal(client.cross_rows[0], MPOL_U32(policy, ISSUERS, 1, MPOL_ISSUER_CROSS_ROW));
    facts = facts_of("partner", "corp", BILLING); /* its own issuer's rules are in its class */
    assert_int_equal(resolve_by(policy, &facts).crossed, 0);
    facts = facts_of("corp", "quiet", BILLING); /* no rule names that one alone */
    assert_int_equal(resolve_by(policy, &facts).crossed, 0);
    facts = facts_of("stranger", "partner", BILLING);
    assert_int_equal(resolve_by(policy, &facts).crossed, 0);
    assert_int_equal(MPOL_U32(policy, ISSUERS, 0, MPOL_ISSUER_CROSS_ROW), MPOL_NONE);
}

static void test_a_path_full_of_other_issuers(void **state) {
    const char *cas[MPOL_LIMIT_PATH_CERTIFICATES + 1] = {"corp"};
    const mpol_image *policy = support_image(
        "{ \"name\": \"x\", \"issuers\": {" ISSUER("c", "corp", "\"spiffe\"") "," ISSUER(
            "p", "partner", "\"spiffe\"") " }, \"rules\": {" DENY("d", "issuer:p") "} }");
    const mpol_name name = SPIFFE(BILLING);
    (void)state;
    for (uint32_t i = 1; i < MPOL_LIMIT_PATH_CERTIFICATES; i++)
        cas[i] = "partner";
    mpol_facts facts = support_facts(cas, &name, 1);
    mpol_client client = resolve_by(policy, &facts);
    assert_int_equal(client.crossed, MPOL_LIMIT_PATH_CERTIFICATES - 1);
    assert_int_equal(client.cross_rows[MPOL_LIMIT_PATH_CERTIFICATES - 2], client.cross_rows[0]);
}

/* --- clients that are given ---------------------------------------------------------------------
 */

static void test_a_client_that_is_an_identity(void **state) {
    mpol_client client;
    (void)state;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++) {
        mpol_client_of_identity(image, i, NULL, 0, &client);
        assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
        assert_int_equal(client.after_dates, MPOL_REASON_ALLOWED);
        assert_true(client.not_before_s == INT64_MIN && client.not_after_s == INT64_MAX);
        assert_true(
            mpol_list_has(image, MPOL_U32(image, CLASSES, client.class, MPOL_CLASS_IDENTITIES), i));
        assert_int_equal(client.identity, i);
        assert_null(client.facts);
    }
}

static void test_names_of_clients_that_are_given(void **state) {
    const mpol_image *policy = support_image("{ \"name\": \"x\", \"issuers\": {" ISSUER(
        "c", "corp",
        "{ \"attribute\": \"2.5.4.97\" }") "," ISSUER("p", "partner",
                                                      "\"none\"") " }, \"identities\": {"
                                                                  "\"org\": { \"issuer\": \"c\", "
                                                                  "\"attribute\": { \"oid\": "
                                                                  "\"2.5.4.97\", \"value\": "
                                                                  "\"PSD\" } },"
                                                                  "\"pin\": { \"issuer\": \"p\", "
                                                                  "\"pins\": "
                                                                  "[\"spki:"
                                                                  "00112233445566778899aabbccddeeff"
                                                                  "00112233445566778899aabbccddeeff"
                                                                  "\"] } } }");
    mpol_client client;
    (void)state;
    mpol_client_of_identity(policy, 0, NULL, 0, &client);
    assert_int_equal(client.kind, MPOL_NAME_ATTRIBUTE);
    assert_string_equal(support_text(client.oid), "2.5.4.97");
    assert_string_equal(support_text(client.name), "PSD");
    mpol_client_of_identity(policy, 1, NULL, 0, &client);
    assert_null(client.name.data);
    assert_string_equal(mpol_issuer_name(policy, client.issuer), "p");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fails_before_the_issuer_is_known),
        cmocka_unit_test(test_a_known_client),
        cmocka_unit_test(test_the_nearest_named_ca_counts),
        cmocka_unit_test(test_one_name_of_one_kind),
        cmocka_unit_test(test_one_name_from_two_issuers_is_two_clients),
        cmocka_unit_test(test_several_kinds_for_one_issuer),
        cmocka_unit_test(test_any_of_several_names),
        cmocka_unit_test(test_the_class_of_several_names),
        cmocka_unit_test(test_at_most_sixteen_names),
        cmocka_unit_test(test_a_client_whose_set_no_class_has_is_an_error),
        cmocka_unit_test(test_rows_of_other_issuers_on_the_path),
        cmocka_unit_test(test_a_path_full_of_other_issuers),
        cmocka_unit_test(test_a_client_that_is_an_identity),
        cmocka_unit_test(test_names_of_clients_that_are_given),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
