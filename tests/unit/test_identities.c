/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/identities.h"

#include <apr_strings.h>
#include <string.h>

#define PIN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PIN_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD(names, more)                                                                          \
    "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], "      \
    "\"names\": [" names "]" more " } },"
#define IDENTITY(name, fields) "\"" name "\": { \"issuer\": \"c\", " fields " }"

/* The identities of a list, in their order. */
static const char *members(const mpol_image *image, uint32_t list) {
    const char *all = "";
    for (uint32_t i = 0; i < mpol_list_len(image, list); i++)
        all = apr_pstrcat(support_pool(), all, i > 0 ? " " : "",
                          mpol_identity_name(image, mpol_list_value(image, list, i)), NULL);
    return all;
}

/* What a name of the only issuer's first kind stands for, "!" before it when it may not be
 * asserted. */
static const char *of_name(const mpol_image *image, const char *name) {
    mpol_candidates found = mpol_identities_of_name(image, 0, 0, support_bytes(name));
    return apr_pstrcat(support_pool(), found.inside ? "" : "!", members(image, found.list), NULL);
}

static void test_uris(void **state) {
    const mpol_image *image = support_image(
        HEAD("\"uri\"", "") "\"identities\": {" IDENTITY("a-all", "\"uri\": \"https://h/**\"") "," IDENTITY("b-one", "\"uri\": \"https://h/{x}\"") "," IDENTITY(
            "c-exact",
            "\"uri\": \"https://h/a\"") "," IDENTITY("d-exact-too",
                                                     "\"uri\": \"https://h/a\"") "," IDENTITY("e-"
                                                                                              "two",
                                                                                              "\"ur"
                                                                                              "i\":"
                                                                                              " \"h"
                                                                                              "ttps"
                                                                                              "://"
                                                                                              "h/*/"
                                                                                              "b\"") "," IDENTITY("f-urn",
                                                                                                                  "\"uri\": \"urn:x\"") "," IDENTITY("g-host",
                                                                                                                                                     "\"uri\": \"https://h\"") "} }");
    static const char *const rows[][2] = {
        {"https://h/a", "a-all b-one c-exact d-exact-too"},
        {"https://h/b", "a-all b-one"},
        {"https://h/", "a-all"},
        {"https://h", "a-all g-host"},
        {"https://h/x/b", "a-all e-two"},
        {"https://h/x/b/", "a-all"},
        {"https://h//b", "a-all"},
        {"https://h/x/c", "a-all"},
        {"https://i/a", ""},
        {"http://h/a", ""},
        {"https:/h/a", ""},
        {"urn:x", "f-urn"},
        {"urn:y", ""},
        {"https://h/{x}", "a-all b-one"},
        {"HTTPS://h/a", ""},
        {"https://h/**", "a-all b-one"},
        {"https:", ""},
        {"https://", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(of_name(image, rows[i][0]), rows[i][1]);
}

static void test_dns_names(void **state) {
    const mpol_image *image = support_image(HEAD("\"dns\"", "") "\"identities\": {" IDENTITY(
        "any",
        "\"dns\": "
        "\"*.shop.example\"") "," IDENTITY("www",
                                           "\"dns\": \"www.shop.example\"") "," IDENTITY("local",
                                                                                         "\"dns\": "
                                                                                         "\"localho"
                                                                                         "st\"") "}"
                                                                                                 " "
                                                                                                 "}");
    static const char *const rows[][2] = {
        {"a.shop.example", "any"}, {"www.shop.example", "any www"}, {"shop.example", ""},
        {"a.b.shop.example", ""},  {"localhost", "local"},          {"a.localhost", ""},
        {"example", ""},           {"a.shop.exampl", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(of_name(image, rows[i][0]), rows[i][1]);
}

static void test_email_addresses(void **state) {
    const mpol_image *image = support_image(HEAD("\"email\"", "") "\"identities\": {" IDENTITY(
        "any",
        "\"email\": \"{who}@shop.example\"") "," IDENTITY("ann",
                                                          "\"email\": \"ann@shop.example\"") "} }");
    static const char *const rows[][2] = {
        {"ann@shop.example", "ann any"}, {"bob@shop.example", "any"}, {"Ann@shop.example", "any"},
        {"ann@a.shop.example", ""},      {"a@b@shop.example", "any"}, {"ann@shop.exampl", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(of_name(image, rows[i][0]), rows[i][1]);
}

static void test_what_an_issuer_may_assert(void **state) {
    const mpol_image *image =
        support_image(HEAD(
            "\"spiffe\"", ", \"may_assert\": [{ \"spiffe\": \"spiffe://a/t/**\" }, { \"spiffe\": "
                          "\"spiffe://b/x\" }]") "\"identities\": {" IDENTITY("one",
                                                                              "\"spiffe\": "
                                                                              "\"spiffe://a/t/"
                                                                              "{x}\"") "," IDENTITY("two",
                                                                                                    "\"spiffe\": "
                                                                                                    "\"spiffe://a/t/y\"") "} }");
    static const char *const rows[][2] = {
        {"spiffe://a/t/y", "one two"}, {"spiffe://a/t/z", "one"}, {"spiffe://a/t/z/q", ""},
        {"spiffe://a/u", "!"},         {"spiffe://b/x", ""},      {"spiffe://b/y", "!"},
        {"spiffe://a/t", ""},          {"spiffe://a", "!"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(of_name(image, rows[i][0]), rows[i][1]);
}

/* --- classes --------------------------------------------------------------------------------- */

/* All identities of a client with these names; the digests are those of one byte, repeated. */
static const char *client_is(const mpol_image *image, const mpol_name *names, uint32_t count,
                             int certificate, int key) {
    mpol_facts facts = {.names = names, .name_count = count};
    uint32_t lists[4] = {MPOL_LIST_EMPTY, MPOL_LIST_EMPTY, MPOL_LIST_EMPTY, MPOL_LIST_EMPTY};
    uint32_t used = 0;
    memset(facts.sha256, certificate, 32);
    memset(facts.spki_sha256, key, 32);
    for (uint32_t i = 0; i < count; i++)
        if (names[i].kind != MPOL_NAME_ATTRIBUTE)
            lists[used++] = mpol_identities_of_name(image, 0, 0, names[i].value).list;
    if (used == 0) {
        lists[used++] = mpol_pinned(image, MPOL_PIN_CERTIFICATE, facts.sha256);
        lists[used++] = mpol_pinned(image, MPOL_PIN_SPKI, facts.spki_sha256);
    }
    uint32_t class = mpol_class_find(image, 0, &facts, lists, used);
    if (class == MPOL_NONE)
        return "!";
    return members(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES));
}

#define CN(text) support_name_of(MPOL_NAME_CN, NULL, text)
#define UNIT(text) support_name_of(MPOL_NAME_ATTRIBUTE, "2.5.4.11", text)
#define ORGANISATION(text) support_name_of(MPOL_NAME_ATTRIBUTE, "2.5.4.10", text)
#define CLIENT(image, certificate, key, ...)                                                       \
    client_is((image), (const mpol_name[]){__VA_ARGS__},                                           \
              sizeof((const mpol_name[]){__VA_ARGS__}) / sizeof(mpol_name), (certificate), (key))

static void test_attributes(void **state) {
    const mpol_image *image = support_image(HEAD("\"cn\"", "") "\"identities\": {" IDENTITY(
        "a", "\"cn\": \"n\"") "," IDENTITY("b", "\"cn\": \"n\", \"attributes\": { \"2.5.4.11\": "
                                                "\"U\" }") "," IDENTITY("c", "\"cn\": \"n\", "
                                                                             "\"attributes\": { "
                                                                             "\"2.5.4.11\": \"U\", "
                                                                             "\"2.5.4.10\": \"O\" "
                                                                             "}") "} }");
    (void)state;
    assert_string_equal(CLIENT(image, 0, 0, CN("n")), "a");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("U")), "a b");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("U"), ORGANISATION("O")), "a b c");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), ORGANISATION("O")), "a");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("u")), "a");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("U"), UNIT("U")),
                        "a"); /* twice is none */
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("U"), UNIT("V")), "a");
    assert_string_equal(CLIENT(image, 0, 0, CN("n"), UNIT("U\n")), "a");
    assert_string_equal(CLIENT(image, 0, 0, CN("m"), UNIT("U")), "");
}

static void test_pins_beside_names(void **state) {
    const mpol_image *image = support_image(
        HEAD("\"cn\"", "") "\"identities\": {" IDENTITY("a", "\"cn\": \"n\"") "," IDENTITY(
            "b",
            "\"cn\": \"n\", \"pins\": [\"certificate:" PIN_A "\", \"spki:" PIN_B
            "\"]") "," IDENTITY("c", "\"cn\": \"m\", \"pins\": [\"certificate:" PIN_A "\"]") "} }");
    (void)state;
    assert_string_equal(CLIENT(image, 0xaa, 0, CN("n")), "a b");
    assert_string_equal(CLIENT(image, 0, 0xbb, CN("n")), "a b");
    assert_string_equal(CLIENT(image, 0xaa, 0xbb, CN("n")), "a b");
    assert_string_equal(CLIENT(image, 0xbb, 0xaa, CN("n")),
                        "a"); /* the right digests of the wrong kinds */
    assert_string_equal(CLIENT(image, 0, 0, CN("n")), "a");
    assert_string_equal(CLIENT(image, 0xaa, 0, CN("m")), "c");
    assert_string_equal(CLIENT(image, 0xbb, 0, CN("m")), "");
}

static void test_pins_without_names(void **state) {
    const mpol_image *image = support_image(HEAD("\"none\"", "") "\"identities\": {" IDENTITY(
        "a", "\"pins\": [\"certificate:" PIN_A "\", \"spki:" PIN_A
             "\"]") "," IDENTITY("b", "\"pins\": [\"spki:" PIN_A
                                      "\"]") "," IDENTITY("c", "\"pins\": [\"spki:" PIN_B
                                                               "\"], \"attributes\": { "
                                                               "\"2.5.4.11\": \"U\" }") "} }");
    (void)state;
    assert_string_equal(client_is(image, NULL, 0, 0xaa, 0), "a");
    assert_string_equal(client_is(image, NULL, 0, 0, 0xaa), "a b");
    assert_string_equal(client_is(image, NULL, 0, 0xbb, 0), "");
    assert_string_equal(client_is(image, NULL, 0, 0, 0xbb), "");
    assert_string_equal(CLIENT(image, 0, 0xbb, UNIT("U")), "c");
    assert_string_equal(CLIENT(image, 0xaa, 0xbb, UNIT("U")), "a c");
}

static void test_a_pin_of_two_issuers(void **state) {
    const mpol_image *image = support_image(
        "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": \"$corp\" }], "
        "\"names\": [\"none\"] },"
        "\"d\": { \"certificates\": [{ \"pem\": \"$partner\" }], \"names\": [\"none\"] } }, "
        "\"identities\": {" IDENTITY(
            "a", "\"pins\": [\"certificate:" PIN_A
                 "\"]") ","
                        "\"b\": { \"issuer\": \"d\", \"pins\": [\"certificate:" PIN_A "\"] } } }");
    (void)state;
    assert_string_equal(client_is(image, NULL, 0, 0xaa, 0), "a");
}

static void test_every_pin_is_found(void **state) {
    const char *pins = "";
    (void)state;
    for (int i = 0; i < 200; i++)
        pins = apr_psprintf(support_pool(), "%s%s\"%s:%064x\"", pins, i > 0 ? "," : "",
                            i % 3 == 0 ? "spki" : "certificate", i * 7);
    const mpol_image *image = support_image(apr_psprintf(
        support_pool(), "%s \"identities\": { \"a\": { \"issuer\": \"c\", \"pins\": [%s] } } }",
        HEAD("\"none\"", ""), pins));
    for (int i = 0; i < 200 * 7; i++) {
        uint8_t digest[32] = {0};
        digest[30] = (uint8_t)(i >> 8);
        digest[31] = (uint8_t)i;
        bool pinned = i % 7 == 0;
        bool key = i / 7 % 3 == 0;
        assert_int_equal(mpol_pinned(image, MPOL_PIN_SPKI, digest) != MPOL_LIST_EMPTY,
                         pinned && key);
        assert_int_equal(mpol_pinned(image, MPOL_PIN_CERTIFICATE, digest) != MPOL_LIST_EMPTY,
                         pinned && !key);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uris),
        cmocka_unit_test(test_dns_names),
        cmocka_unit_test(test_email_addresses),
        cmocka_unit_test(test_what_an_issuer_may_assert),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_pins_beside_names),
        cmocka_unit_test(test_pins_without_names),
        cmocka_unit_test(test_a_pin_of_two_issuers),
        cmocka_unit_test(test_every_pin_is_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
