/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/client.h"

#include <string.h>

static const mpol_image *image;

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    image = support_image(support_full_policy);
    return 0;
}

static void add_ca(mpol_facts *facts, const char *name) {
    assert_true(mpol_spki_digest(support_ca(name), facts->path.spki[facts->path.count++]));
}

/* A verified client below the named CA with this URI. */
static mpol_facts facts_of(const char *ca, const char *uri) {
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT, .certificate = true, .verified = true, .established = true};
    add_ca(&facts, ca);
    facts.path.not_before_s = 100;
    facts.path.not_after_s = 200;
    facts.uri = (mpol_names){1, support_bytes(uri)};
    return facts;
}

static mpol_client resolve(const mpol_facts *facts) {
    mpol_client client;
    memset(&client, 0x55, sizeof client);
    mpol_client_resolve(image, facts, &client);
    return client;
}

static void expect_unknown(mpol_facts facts, mpol_reason reason) {
    mpol_client client = resolve(&facts);
    assert_int_equal(client.before_dates, reason);
    assert_int_equal(client.issuer, MPOL_NONE);
    assert_int_equal(client.class, MPOL_NONE);
    assert_int_equal(client.identity, MPOL_NONE);
}

#define BILLING "spiffe://corp.example/billing"

static void test_what_fails_before_the_issuer_is_known(void **state) {
    mpol_facts good = facts_of("corp", BILLING);
    mpol_facts facts = good;
    (void)state;
    facts.tls = MPOL_TLS_ABSENT;
    expect_unknown(facts, MPOL_REASON_TLS_ABSENT);
    facts.tls = MPOL_TLS_UNAVAILABLE;
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
    expect_unknown(facts_of("stranger", BILLING), MPOL_REASON_ISSUER_UNKNOWN);
    facts = good;
    facts.path.count = 0; /* its own issuer */
    expect_unknown(facts, MPOL_REASON_ISSUER_UNKNOWN);
}

static void test_a_tls_state_that_is_none_is_unavailable(void **state) {
    mpol_facts facts = facts_of("corp", BILLING);
    (void)state;
    facts.tls = (mpol_tls_state)77;
    expect_unknown(facts, MPOL_REASON_TLS_UNAVAILABLE);
}

static void test_a_known_client(void **state) {
    mpol_facts facts = facts_of("corp", BILLING);
    mpol_client client = resolve(&facts);
    (void)state;
    assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
    assert_int_equal(client.after_dates, MPOL_REASON_ALLOWED);
    assert_true(client.not_before_s == 100 && client.not_after_s == 200);
    assert_string_equal(mpol_issuer_name(image, client.issuer), "corp");
    assert_string_equal(mpol_identity_name(image, client.identity), "billing"); /* the lowest of the two */
    assert_int_equal(client.kind, MPOL_NAME_SPIFFE);
    assert_string_equal(support_text(client.name), BILLING);
}

static void test_the_nearest_named_ca_counts(void **state) {
    mpol_facts facts = facts_of("stranger", BILLING);
    (void)state;
    add_ca(&facts, "corp");
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
    add_ca(&facts, "partner");
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
    facts = facts_of("partner", BILLING);
    add_ca(&facts, "corp");
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "partner");
    facts = facts_of("east", BILLING); /* another certificate of the same issuer */
    assert_string_equal(mpol_issuer_name(image, resolve(&facts).issuer), "corp");
}

static void expect_name(mpol_facts facts, mpol_reason reason) {
    mpol_client client = resolve(&facts);
    assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
    assert_int_equal(client.after_dates, reason);
    assert_int_equal(client.class, MPOL_NONE);
    assert_int_equal(client.identity, MPOL_NONE);
    assert_int_not_equal(client.issuer, MPOL_NONE);
}

static void test_names(void **state) {
    mpol_facts facts = facts_of("corp", BILLING);
    (void)state;
    facts.uri.count = 0;
    expect_name(facts, MPOL_REASON_NAME_MISSING);
    facts.dns = (mpol_names){1, support_bytes(BILLING)};
    facts.cn = facts.dns; /* no other field is tried instead */
    expect_name(facts, MPOL_REASON_NAME_MISSING);
    facts.uri.count = 2;
    expect_name(facts, MPOL_REASON_NAME_AMBIGUOUS);
    facts.uri.count = UINT32_MAX;
    expect_name(facts, MPOL_REASON_NAME_AMBIGUOUS);
    expect_name(facts_of("corp", "urn:x"), MPOL_REASON_NAME_MALFORMED);
    expect_name(facts_of("corp", ""), MPOL_REASON_NAME_MALFORMED);
    expect_name(facts_of("corp", BILLING "2"), MPOL_REASON_IDENTITY_UNKNOWN);
    expect_name(facts_of("corp", "spiffe://corp.example/Billing"), MPOL_REASON_IDENTITY_UNKNOWN);
}

static void test_an_issuer_does_not_speak_for_another(void **state) {
    mpol_facts facts = facts_of("corp", "spiffe://shop.example/x");
    (void)state;
    facts.dns = (mpol_names){1, support_bytes("shop.example")};
    expect_name(facts, MPOL_REASON_IDENTITY_UNKNOWN);
    facts = facts_of("partner", BILLING);
    expect_name(facts, MPOL_REASON_NAME_MISSING);
}

/* The same kind, the very same name: only the issuer tells the two clients apart. */
static void test_one_name_from_two_issuers_is_two_clients(void **state) {
    static const char *const cas[] = {"corp", "partner", "third"};
    static const char *const expected[] = {"by-corp", "by-partner", NULL};
    const mpol_image *twins = support_image(
        "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], \"names\": [\"spiffe\"] },"
        "\"p\": { \"certificates\": [{ \"pem\": \"$partner\" }], \"names\": [\"spiffe\"] },"
        "\"t\": { \"certificates\": [{ \"pem\": \"$third\" }], \"names\": [\"spiffe\"] } },"
        "\"identities\": { \"by-corp\": { \"issuer\": \"c\", \"spiffe\": \"" BILLING "\" },"
        "\"by-partner\": { \"issuer\": \"p\", \"spiffe\": \"" BILLING "\" } } }");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cas); i++) {
        mpol_facts facts = facts_of(cas[i], BILLING);
        mpol_client client;
        mpol_client_resolve(twins, &facts, &client);
        if (expected[i] != NULL)
            assert_string_equal(mpol_identity_name(twins, client.identity), expected[i]);
        else
            assert_int_equal(client.after_dates, MPOL_REASON_IDENTITY_UNKNOWN);
    }
}

static void test_names_are_compared_in_their_form(void **state) {
    mpol_facts facts = facts_of("partner", "");
    (void)state;
    facts.dns = (mpol_names){1, support_bytes("SHOP.Example.")};
    mpol_client client = resolve(&facts);
    assert_string_equal(mpol_identity_name(image, client.identity), "shop");
    assert_string_equal(support_text(client.name), "shop.example"); /* lives as long as the image */
}

static void test_a_client_that_is_an_identity(void **state) {
    mpol_client client;
    (void)state;
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++) {
        mpol_client_of_identity(image, i, &client);
        assert_int_equal(client.before_dates, MPOL_REASON_ALLOWED);
        assert_int_equal(client.after_dates, MPOL_REASON_ALLOWED);
        assert_true(client.not_before_s == INT64_MIN && client.not_after_s == INT64_MAX);
        assert_true(mpol_list_has(image, MPOL_U32(image, CLASSES, client.class, MPOL_CLASS_IDENTITIES), i));
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fails_before_the_issuer_is_known),
        cmocka_unit_test(test_a_tls_state_that_is_none_is_unavailable),
        cmocka_unit_test(test_a_known_client),
        cmocka_unit_test(test_the_nearest_named_ca_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_an_issuer_does_not_speak_for_another),
        cmocka_unit_test(test_one_name_from_two_issuers_is_two_clients),
        cmocka_unit_test(test_names_are_compared_in_their_form),
        cmocka_unit_test(test_a_client_that_is_an_identity),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
