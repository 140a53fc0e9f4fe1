/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-formed policy may still get wrong as a whole. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

#define PIN "\"pins\":[\"spki:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]"

static const char *rules(const char *members) {
    return document_with(
        TEXT(DOCUMENT_ISSUER_OF(
                 "\"dns\"") ",\"identities\":{\"a\":{\"issuer\":\"c\",\"dns\":\"a\"},\"n\":{"
                            "\"issuer\":\"c\",\"dns\":\"{n}.x\"},"
                            "\"pin\":{\"issuer\":\"c\",\"dns\":\"p\"," PIN
                            "},\"att\":{\"issuer\":\"c\",\"dns\":\"q\",\"attributes\":{\"title\":"
                            "\"t\"}}},"
                            "\"groups\":{\"g\":[\"@h\"],\"h\":[\"a\",\"pin\"],\"m\":[\"a\",\"n\"]},"
                            "\"routes\":{\"i\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":["
                            "\"/i\"],\"internal\":true,\"tags\":[\"t\"]},"
                            "\"pq\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/pq/{p}/"
                            "{q}\",\"/qp/{q}/{p}\"],\"tags\":[\"w\"]},"
                            "\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/"
                            "\"],\"tags\":[\"t\",\"w\"]},"
                            "\"s\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/s/"
                            "{p}\",\"/s\"]}},\"rules\":{%s}",
             members));
}

#define RULE(name, effect, subjects, routes, more)                                                 \
    "\"" name "\":{\"effect\":\"" effect "\",\"subjects\":[" subjects "],\"routes\":[" routes      \
    "]" more "}"
#define OPEN(routes)                                                                               \
    RULE("open", "allow", "\"everyone\"", routes, ",\"acknowledge\":[\"everyone\"]")

static void test_denials_of_what_everyone_may(void **state) {
    (void)state;
    document_expect(rules(OPEN("\"r\"") "," RULE("k", "deny", "\"a\"", "\"r\"", "")),
                    "everyone-denied", "\"r\"]}}");
    document_expect(rules(OPEN("\"r\"") "," RULE("k", "deny", "\"a\"", "\"s\",\"tag:t\"", "")),
                    "everyone-denied", "\"tag:t\"]");
    document_expect(rules(OPEN("\"tag:t\"") "," RULE("k", "deny", "\"a\"", "\"r\"", "")),
                    "everyone-denied", "\"r\"]");
    document_expect(rules(OPEN("\"*\"") "," RULE("k", "deny", "\"issuer:c\"", "\"s\"", "")),
                    "everyone-denied", "\"s\"]");
    document_expect(rules(OPEN("\"r\"") "," RULE("k", "deny", "\"a\"", "\"r\"",
                                                 ",\"networks\":[\"10.0.0.0/8\"]")),
                    "everyone-denied", "\"r\"],\"networks\"");
    document_expect(rules(OPEN("\"r\"") "," RULE("k", "deny", "\"a\"", "\"*\"", "")),
                    "everyone-left-out", "\"*\"");
    assert_string_equal(
        document_codes(rules(OPEN("\"r\"") "," RULE("k", "deny", "\"a\"", "\"s\"", ""))), "");
    assert_string_equal(document_codes(rules(RULE("k", "deny", "\"a\"", "\"r\",\"*\"", ""))), "");
}

static void test_denials_that_can_be_escaped(void **state) {
    (void)state;
    document_expect(rules(RULE("k", "deny", "\"pin\"", "\"r\"", "")), "deny-escapable",
                    "\"pin\"],\"routes\"");
    document_expect(rules(RULE("k", "deny", "\"a\",\"att\"", "\"r\"", "")), "deny-escapable",
                    "\"att\"],\"routes\"");
    document_expect(rules(RULE("k", "deny", "\"@g\",\"a\"", "\"r\"", "")), "deny-escapable",
                    "\"@g\",");
    document_expect(
        rules(RULE("k", "deny", "\"a\"", "\"r\"", ",\"valid_until\":\"2030-01-01T00:00:00Z\"")),
        "deny-ends", "\"2030");
    assert_string_equal(document_codes(rules(RULE("k", "deny", "\"a\",\"@m\",\"issuer:c\"", "\"r\"",
                                                  ",\"valid_from\":\"2030-01-01T00:00:00Z\""))),
                        "");
    assert_string_equal(document_codes(rules(RULE("k", "allow", "\"pin\",\"@g\"", "\"r\"",
                                                  ",\"valid_until\":\"2030-01-01T00:00:00Z\""))),
                        "");
}

static void test_internal_routes(void **state) {
    (void)state;
    document_expect(rules(RULE("k", "allow", "\"a\"", "\"r\",\"i\"", "")), "internal-in-rule",
                    "\"i\"]");
    document_expect(rules(RULE("k", "deny", "\"a\"", "\"i\"", "")), "internal-in-rule", "\"i\"]");
    assert_string_equal(document_codes(rules(RULE("k", "allow", "\"a\"", "\"tag:t\",\"*\"", ""))),
                        "");
}

#define SAME(capture) ",\"same\":{\"p\":\"" capture "\"}"
#define SAME_ATTRIBUTE ",\"same\":{\"p\":{\"attribute\":\"title\"}}"

static void test_captures(void **state) {
    (void)state;
    document_expect(rules(RULE("k", "allow", "\"n\"", "\"s\"", SAME("n"))), "unknown-capture",
                    "\"s\"],\"same\"");
    document_expect(rules(RULE("k", "allow", "\"n\"", "\"pq\",\"tag:w\"", SAME("n"))),
                    "unknown-capture", "\"tag:w\"]");
    document_expect(rules(RULE("k", "allow", "\"n\"", "\"*\"", SAME("n"))), "unknown-capture",
                    "\"*\"],\"same\"");
    document_expect(rules(RULE("k", "allow", "\"n\"", "\"*\"", SAME_ATTRIBUTE)), "unknown-capture",
                    "\"*\"],\"same\"");
    document_expect(rules(RULE("k", "allow", "\"n\",\"a\"", "\"pq\"", SAME("n"))),
                    "unknown-capture", "\"a\"],\"routes\"");
    document_expect(rules(RULE("k", "allow", "\"n\"", "\"pq\"", SAME("m"))), "unknown-capture",
                    "\"n\"],\"routes\"");
    document_expect(rules(RULE("k", "allow", "\"n\",\"@m\"", "\"pq\"", SAME("n"))),
                    "unknown-capture", "\"@m\"]");
    document_expect_among(rules(RULE("k", "allow", "\"issuer:c\"", "\"pq\"",
                                     SAME("n") ",\"acknowledge\":[\"issuer:c\"]")),
                          "unknown-capture", "\"issuer:c\"],\"routes\"");
    document_expect_among(rules(RULE("k", "allow", "\"any-verified\"", "\"pq\"",
                                     SAME("n") ",\"acknowledge\":[\"any-verified\"]")),
                          "unknown-capture", "\"any-verified\"],\"routes\"");
    assert_string_equal(document_codes(rules(RULE("k", "allow", "\"n\"", "\"pq\"", SAME("n")))),
                        "");
    assert_string_equal(
        document_codes(rules(RULE("k", "allow", "\"a\",\"@m\"", "\"pq\"", SAME_ATTRIBUTE))), "");
    assert_string_equal(
        document_codes(rules(RULE("k", "allow", "\"issuer:c\"", "\"pq\"",
                                  SAME_ATTRIBUTE ",\"acknowledge\":[\"issuer:c\"]"))),
        "wide-grant");
}

static const char *asserting(const char *names, const char *identity) {
    return document_with(TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                              "\"names\":[\"spiffe\",\"cn\"],\"may_assert\":[%s]}},"
                              "\"identities\":{\"a\":{\"issuer\":\"c\",%s}}",
                              names, identity));
}

static void test_names_outside_their_issuer(void **state) {
    static const char *const outside[][2] = {
        {"{\"spiffe\":\"spiffe://t/a/*\"}", "\"spiffe\":\"spiffe://t/b/*\""},
        {"{\"spiffe\":\"spiffe://t/a/*\"}", "\"spiffe\":\"spiffe://t/a\""},
        {"{\"spiffe\":\"spiffe://t/a/*\"}", "\"spiffe\":\"spiffe://u/**\""},
        {"{\"spiffe\":\"spiffe://t/a\"}", "\"cn\":\"a\""},
        {"{\"cn\":\"b\"}", "\"cn\":\"a\""},
    };
    static const char *const inside[][2] = {
        {"{\"spiffe\":\"spiffe://t/a/*\"}",
         "\"spiffe\":\"spiffe://t/*/b\""}, /* some of its names */
        {"{\"spiffe\":\"spiffe://t/a/*\"}", "\"spiffe\":\"spiffe://t/**\""},
        {"{\"spiffe\":\"spiffe://t/**\"}", "\"spiffe\":\"spiffe://t/x\""},
        {"{\"cn\":\"b\"},{\"cn\":\"a\"}", "\"cn\":\"a\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(outside); i++)
        document_expect(asserting(outside[i][0], outside[i][1]), "identity-outside-issuer",
                        strchr(outside[i][1], ':') + 1);
    for (size_t i = 0; i < COUNT_OF(inside); i++)
        assert_string_equal(document_codes(asserting(inside[i][0], inside[i][1])), "");
}

/* Each but the first in the document that may certify further CAs. */
static void test_cross_signing(void **state) {
    static const char issuers[] =
        "\"issuers\":{\"z\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]},"
        "\"b\":{\"certificates\":[{\"pem\":\"$partner\"}],\"names\":[\"cn\"]},"
        "\"a\":{\"certificates\":[{\"pem\":\"$third\"}],\"names\":[\"cn\"]}}";
    (void)state;
    assert_string_equal(document_places(document_with(issuers)),
                        "issuers-cross-sign /issuers/b; issuers-cross-sign /issuers/a");
    document_expect_among(document_with(issuers), "issuers-cross-sign", "\"b\":{");
    assert_string_equal(document_codes(document_with(DOCUMENT_ISSUER)), "");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denials_of_what_everyone_may),
        cmocka_unit_test(test_denials_that_can_be_escaped),
        cmocka_unit_test(test_internal_routes),
        cmocka_unit_test(test_captures),
        cmocka_unit_test(test_names_outside_their_issuer),
        cmocka_unit_test(test_cross_signing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
