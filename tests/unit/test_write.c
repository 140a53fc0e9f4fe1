/* SPDX-License-Identifier: Apache-2.0 */
/* The document that a model writes: it means the same, and there is one way to write it. */
#include "documents.h"

#include "compile/compile.h"
#include "model/write.h"
#include "source/read.h"

#include <apr_strings.h>
#include <string.h>

#define PIN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CERTIFICATE(ca) "\"certificates\":[{\"pem\":\"$" ca "\"}]"
#define NAMES_OF(names, identity)                                                                  \
    "{\"name\":\"x\"," DOCUMENT_ISSUER_OF(                                                         \
        names) ",\"identities\":{\"a\":{\"issuer\":\"c\"," identity "}}}"
#define ROUTES_OF(members) "{\"name\":\"x\",\"routes\":{\"r\":{" members "}}}"
#define RULES_OF(members)                                                                          \
    "{\"name\":\"x\"," DOCUMENT_IDENTITY "," DOCUMENT_ROUTE ",\"rules\":{\"k\":{" members "}}}"
#define ALLOW "\"effect\":\"allow\",\"subjects\":[\"a\"],\"routes\":[\"r\"],"

static const char *const documents[] = {
    "{\"name\":\"x\"}",
    "{\"name\":\"x\",\"serial\":9007199254740991,\"valid_until\":\"9999-12-31T23:59:59Z\","
    "\"environment\":\"e\",\"production\":false}",
    "{\"name\":\"x\",\"valid_until\":\"1970-01-01T00:00:00Z\",\"production\":true}",
    "{\"name\":\"x\",\"issuers\":{\"a\":{\"certificates\":[{\"pem\":\"$corp$east\"}],\"names\":["
    "\"none\"],\"environment\":\"e\"}}}",
    NAMES_OF("\"spiffe\"", "\"spiffe\":\"spiffe://t/{a}/*/**\""),
    NAMES_OF("\"spiffe\",\"cn\"",
             "\"spiffe\":\"spiffe://t/a\",\"attributes\":{\"title\":\"\xc3\xa9 "
             "\\\"\\\\\",\"1.2.3\":\"x\"}"),
    NAMES_OF("\"uri\"", "\"uri\":\"urn:x/**\""),
    NAMES_OF("\"uri\"", "\"uri\":\"https://h/{x}/a\\\"b\\\\\""),
    NAMES_OF("\"dns\"", "\"dns\":\"{h}.EXAMPLE.\""),
    NAMES_OF("\"email\"", "\"email\":\"*@EXAMPLE.\""),
    NAMES_OF("\"email\"", "\"email\":\"\\\"a@b\\\"@EXAMPLE\""),
    NAMES_OF("\"upn\"", "\"upn\":\"u@\xc3\xa9\""),
    NAMES_OF("\"cn\"", "\"cn\":\"* {x} \xf0\x9f\x94\x91\""),
    NAMES_OF("{\"attribute\":\"userId\"}", "\"attribute\":{\"oid\":\"userId\",\"value\":\"v\"}"),
    NAMES_OF("\"subject\"",
             "\"subject\":\"cn=\\\\ a\\\\,b\\\\\\\\+ou=\\\\#,o=\\\\c3\\\\a9,1.2.3=x\""),
    NAMES_OF("\"none\"", "\"pins\":[\"spki:" PIN "\",\"certificate:" PIN "\"]"),
    "{\"name\":\"x\",\"issuers\":{\"c\":{" CERTIFICATE(
        "corp") ",\"names\":[\"dns\",\"cn\",{\"attribute\":\"1.2.3\"}],\"any_of\":true,"
                "\"may_assert\":[{\"dns\":\"*.X\"},{\"cn\":\"q\"},{\"attribute\":{\"oid\":\"1.2."
                "3\",\"value\":\"v\"}}]}}}",
    "{\"name\":\"x\"," DOCUMENT_IDENTITY ",\"groups\":{\"g\":[],\"h\":[\"a\",\"@g\"]}}",
    ROUTES_OF("\"hosts\":[\"b\",\"a\",\"*\",\"-\",\"*.x\",\"[2001:DB8::0:1]\",\"::ffff:10.0.0.1\","
              "\"10.0.0.1\"],\"methods\":[\"PUT\",\"GET\",\"get\"],"
              "\"paths\":[\"/a;b\\\\\\\\c/{x:uuid}/{y:int}/{z:hex}/{w}/*/**\",\"/\xc3\xa9 "
              "\\\"/\",\"/\"],\"tags\":[\"u\",\"t\"],"
              "\"expects\":[\"percent\",\"parameters\",\"backslash\",\"encoded-slash\",\"empty-"
              "segments\",\"dot-segments\",\"method-override\"]"),
    ROUTES_OF("\"hosts\":[\"a\"],\"methods\":[\"*\"],\"paths\":[\"/\"],\"preflight\":true"),
    ROUTES_OF("\"hosts\":[\"a\"],\"methods\":[\"HEAD\"],\"paths\":[\"/\"],\"internal\":true"),
    ROUTES_OF("\"hosts\":[\"a\"],\"methods\":[\"HEAD\",\"GET\"],\"paths\":[\"/"
              "\"],\"internal\":\"error\""),
    RULES_OF(ALLOW
             "\"networks\":[\"::/0\",\"10.0.0.0/8\",\"10.128.0.0/9\",\"9.0.0.0/8\",\"8.0.0.0/8\"]"),
    RULES_OF(ALLOW "\"networks\":[\"::/80\",\"0.0.0.0/0\"]"),
    RULES_OF(
        ALLOW
        "\"valid_from\":\"1970-01-01T00:00:00Z\",\"valid_until\":\"2030-01-01T02:00:00+02:00\""),
    RULES_OF(ALLOW "\"users\":[\"*\"]"),
    RULES_OF(
        ALLOW
        "\"users\":[\"b\",\"a\\\"\"],\"owner\":\"\",\"ticket\":\"T\",\"note\":\"\xe2\x82\xac\""),
    RULES_OF("\"effect\":\"allow\",\"subjects\":[\"any-verified\",\"everyone\",\"issuer:c\",\"a\"],"
             "\"routes\":[\"*\"],"
             "\"acknowledge\":[\"everyone\",\"issuer:c\",\"any-verified\"]"),
    RULES_OF("\"effect\":\"deny\",\"subjects\":[\"any-verified\",\"issuer:c\",\"a\"],\"routes\":["
             "\"*\",\"tag:t\",\"r\"]"),
    "{\"name\":\"x\"," DOCUMENT_ISSUER_OF(
        "\"dns\"") ",\"identities\":{\"a\":{\"issuer\":\"c\",\"dns\":\"{q}.x\"}},"
                   "\"routes\":{\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/{p}/"
                   "{o}\"]}},\"rules\":{\"k\":{" ALLOW
                   "\"same\":{\"p\":\"q\",\"o\":{\"attribute\":\"title\"}}}}}",
};

static const mpol_bytes *compile(mpol_bytes text, mpol_model **model) {
    mpol_diagnostics *found = mpol_diagnostics_make(support_pool(), "x", text);
    *model = mpol_model_read(support_pool(), found);
    if (found->errors > 0)
        fail_msg("%s: %s", support_text(text), MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    return mpol_compile(support_pool(), *model, found);
}

/* compile(write(model)) is compile(model), and writing again changes nothing. */
static void check(const char *json) {
    mpol_model *model;
    mpol_model *again;
    const mpol_bytes *one = compile(support_bytes(support_expand(json)), &model);
    assert_non_null(one);
    mpol_bytes written = mpol_model_write(model);
    const mpol_bytes *other = compile(written, &again);
    assert_non_null(other);
    if (!mpol_bytes_equal(*one, *other))
        fail_msg("it means something else: %s\n%s", json, support_text(written));
    if (!mpol_bytes_equal(written, mpol_model_write(again)))
        fail_msg("it is written in another way: %s", support_text(written));
}

static void test_what_is_written_means_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(documents); i++)
        check(documents[i]);
    check(support_full_policy);
}

/* The image holds the document that is written, for tools that show it. */
static void test_the_image_holds_it(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        const mpol_image *image = support_image(documents[i]);
        mpol_bytes written = mpol_model_write(document_read(documents[i]));
        assert_int_equal(mpol_count(image, MPOL_SOURCE), written.len);
        assert_memory_equal(mpol_element(image, MPOL_SOURCE, 1, 0), written.data, written.len);
    }
}

static void test_the_text(void **state) {
    static const char json[] =
        "{\"rules\":{\"k\":{\"routes\":[\"tag:t\",\"r\"],\"subjects\":[\"a\",\"@g\",\"everyone\"],"
        "\"effect\":\"allow\",\"note\":\"n\","
        "\"acknowledge\":[\"everyone\"],\"networks\":[\"10.128.0.0/9\",\"10.0.0.0/"
        "9\"]}},\"groups\":{\"g\":[\"a\"]},"
        "\"routes\":{\"r\":{\"paths\":[\"/\\u0062\",\"/"
        "a\"],\"methods\":[\"PUT\",\"HEAD\",\"GET\"],\"hosts\":[\"[::0:1]\"],\"tags\":[\"t\"]}},"
        "\"serial\":7," DOCUMENT_IDENTITY ",\"name\":\"x\"}";
    (void)state;
    const char *text = support_text(mpol_model_write(document_read(json)));
    assert_int_equal(
        strncmp(text, "{\n  \"name\": \"x\",\n  \"serial\": 7,\n  \"issuers\": {\n    \"c\": {\n",
                57),
        0);
    assert_non_null(strstr(text, "\"pem\": \"-----BEGIN CERTIFICATE-----\\n"));
    assert_non_null(strstr(text, "\\n-----END CERTIFICATE-----\\n\""));
    assert_string_equal(strstr(text, "  \"identities\""),
                        "  \"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"A\" } },\n"
                        "  \"groups\": { \"g\": [\"a\"] },\n"
                        "  \"routes\": {\n"
                        "    \"r\": { \"hosts\": [\"::1\"], \"methods\": [\"GET\", \"PUT\"], "
                        "\"paths\": [\"/a\", \"/b\"], \"tags\": [\"t\"] }\n"
                        "  },\n"
                        "  \"rules\": {\n"
                        "    \"k\": {\n"
                        "      \"effect\": \"allow\",\n"
                        "      \"subjects\": [\"@g\", \"a\", \"everyone\"],\n"
                        "      \"routes\": [\"r\", \"tag:t\"],\n"
                        "      \"networks\": [\"10.0.0.0/8\"],\n"
                        "      \"acknowledge\": [\"everyone\"],\n"
                        "      \"note\": \"n\"\n"
                        "    }\n"
                        "  }\n"
                        "}\n");
}

static void test_times(void **state) {
    (void)state;
    assert_string_equal(mpol_time_text(support_pool(), 0), "1970-01-01T00:00:00Z");
    assert_string_equal(mpol_time_text(support_pool(), 1780315200), "2026-06-01T12:00:00Z");
    assert_string_equal(mpol_time_text(support_pool(), 253402300799u), "9999-12-31T23:59:59Z");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_means_the_same),
        cmocka_unit_test(test_the_image_holds_it),
        cmocka_unit_test(test_the_text),
        cmocka_unit_test(test_times),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
