/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: pins, attributes, and what an identity needs. Their names: test_read_names.c. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

#define LOW "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COLONS                                                                                     \
    "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:"   \
    "cd:ef"

static const char *with_pins(const char *pins) {
    return document_with(TEXT(
        DOCUMENT_ISSUER_OF("\"none\"") ",\"identities\":{\"a\":{\"issuer\":\"c\",\"pins\":%s}}",
        pins));
}

static void test_pins(void **state) {
    static const char *const same[] = {
        "[\"spki:" LOW "\"]",
        "[\"spki:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789abcdef\"]",
        "[\"spki:" COLONS "\"]"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        const mpol_model *model = document_read(with_pins(same[i]));
        const apr_array_header_t *pins = MPOL_AT(model->identities, 0, mpol_identity)->pins;
        assert_int_equal(pins->nelts, 1);
        assert_int_equal(MPOL_AT(pins, 0, mpol_pin)->kind, MPOL_PIN_SPKI);
        assert_memory_equal(MPOL_AT(pins, 0, mpol_pin)->digest,
                            "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
    }
    const mpol_model *model =
        document_read(with_pins("[\"spki:" LOW "\",\"certificate:" LOW "\"]"));
    const apr_array_header_t *pins = MPOL_AT(model->identities, 0, mpol_identity)->pins;
    assert_int_equal(MPOL_AT(pins, 0, mpol_pin)->kind, MPOL_PIN_CERTIFICATE); /* sorted */
}

static void test_what_is_no_pin(void **state) {
    static const char *const bad[] = {
        "",
        LOW,
        "spki:",
        "spki:" LOW "0",
        "SPKI:" LOW,
        "sha256:" LOW,
        "spki: " LOW,
        "spki:" COLONS ":",
        "spki:" COLONS ":00",
        "spki:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
        "certificate:x" LOW,
        "spki:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "spki:0:123:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67:89:AB:CD:EF:01:23:45:67:"
        "89:ab:cd:ef",
        "spki:01-23-45-67-89-AB-CD-EF-01-23-45-67-89-ab-cd-ef-01-23-45-67-89-AB-CD-EF-01-23-45-67-"
        "89-ab-cd-ef"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(with_pins(TEXT("[\"%s\"]", bad[i])), "bad-pin", TEXT("\"%s\"]", bad[i]));
    document_expect(with_pins("[]"), "empty-list", "[]");
    document_expect(with_pins("[1]"), "wrong-type", "1]");
    document_expect(with_pins("\"spki:" LOW "\""), "wrong-type", "\"spki");
    document_expect(with_pins("[\"spki:" LOW "\",\"spki:" COLONS "\"]"), "duplicate-member",
                    "\"spki:01:");
    document_expect(with_pins("[\"spki:" LOW "\",\"spki:" LOW "\"]"), "duplicate-member",
                    "\"spki:" LOW "\"]");
}

static const char *with_attributes(const char *names, const char *name, const char *attributes) {
    return document_with(
        TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[%s]}},"
             "\"identities\":{\"a\":{\"issuer\":\"c\",%s,\"attributes\":%s}}",
             names, name, attributes));
}

static void test_attributes(void **state) {
    static const char *const bad[][3] = {
        {"{}", "empty-list", "{}"},
        {"[]", "wrong-type", "[]"},
        {"{\"title\":\"\"}", "bad-text", "\"\"}"},
        {"{\"title\":\"a\\nb\"}", "bad-text", "\"a\\nb\""},
        {"{\"title\":\"\\u0085\"}", "bad-text", "\"\\u0085\""},
        {"{\"title\":1}", "wrong-type", "1}"},
        {"{\"Title\":\"x\"}", "bad-oid", "\"Title\""},
        {"{\"2.5\\u002e\":\"x\"}", "bad-oid", "\"2.5\\"},
        {"{\"CN\":\"x\"}", "bad-oid", "\"CN\""},
        {"{\"title\":\"x\",\"2.5.4.12\":\"y\"}", "duplicate-key", "\"2.5.4.12\""},
        {"{\"title\":\"x\",\"title\":\"x\"}", "duplicate-key", "\"title\":\"x\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(with_attributes("\"dns\"", "\"dns\":\"a\"", bad[i][0]), bad[i][1],
                        bad[i][2]);
    char text[258];
    memset(text, 'x', sizeof text);
    text[256] = '\0';
    assert_string_equal(document_codes(with_attributes("\"dns\"", "\"dns\":\"a\"",
                                                       TEXT("{\"title\":\"%s\"}", text))),
                        "");
    text[256] = 'x';
    text[257] = '\0';
    document_expect(with_attributes("\"dns\"", "\"dns\":\"a\"", TEXT("{\"title\":\"%s\"}", text)),
                    "bad-text", "\"xx");
    const mpol_model *model = document_read(
        with_attributes("\"dns\"", "\"dns\":\"a\"", "{\"title\":\"t\",\"2.5.4.10\":\" o \"}"));
    const apr_array_header_t *attributes = MPOL_AT(model->identities, 0, mpol_identity)->attributes;
    assert_string_equal(support_text(MPOL_AT(attributes, 0, mpol_attribute)->oid),
                        "2.5.4.10"); /* sorted */
    assert_string_equal(support_text(MPOL_AT(attributes, 0, mpol_attribute)->value), " o ");
}

/* An attribute that is, or may be, the name. */
static void test_attributes_that_conflict(void **state) {
    static const char *const conflict[][3] = {
        {"\"cn\"", "\"cn\":\"A\"", "2.5.4.3"},
        {"\"cn\",\"dns\"", "\"dns\":\"a\"", "2.5.4.3"},
        {"\"subject\",\"dns\"", "\"dns\":\"a\"", "2.5.4.3"},
        {"\"subject\"", "\"subject\":\"CN=a\"", "2.5.4.3"},
        {"\"subject\"", "\"subject\":\"CN=a\"", "title"},
        {"{\"attribute\":\"title\"}", "\"attribute\":{\"oid\":\"2.5.4.12\",\"value\":\"t\"}",
         "title"},
        {"{\"attribute\":\"title\"},\"dns\"", "\"dns\":\"a\"", "title"},
    };
    static const char *const fine[][3] = {
        {"\"dns\"", "\"dns\":\"a\"", "2.5.4.3"},
        {"\"cn\"", "\"cn\":\"A\"", "title"},
        {"\"subject\",\"dns\"", "\"dns\":\"a\"", "title"},
        {"{\"attribute\":\"title\"}", "\"attribute\":{\"oid\":\"2.5.4.12\",\"value\":\"t\"}",
         "2.5.4.5"},
        {"{\"attribute\":\"title\"},\"dns\"],\"any_of\":true,\"may_assert\":[{\"dns\":\"a\"}",
         "\"dns\":\"a\"", "title"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(conflict); i++)
        document_expect(
            with_attributes(conflict[i][0], conflict[i][1], TEXT("{\"%s\":\"x\"}", conflict[i][2])),
            "attribute-conflict", TEXT("\"%s\":\"x\"", conflict[i][2]));
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        assert_string_equal(document_codes(with_attributes(fine[i][0], fine[i][1],
                                                           TEXT("{\"%s\":\"x\"}", fine[i][2]))),
                            "");
}

static void test_names_and_issuers(void **state) {
    static const char *const rows[][4] = {
        {"\"cn\"", "{\"issuer\":\"d\",\"cn\":\"A\"}", "unknown-issuer", "\"d\""},
        {"\"cn\"", "{\"cn\":\"A\"}", "missing-key", "{\"cn\""},
        {"\"cn\"", "{\"issuer\":1,\"cn\":\"A\"}", "wrong-type", "1,"},
        {"\"cn\"", "{\"issuer\":\"c\"}", "missing-key", "{\"issuer\":\"c\"}"},
        {"\"cn\"", "{\"issuer\":\"c\",\"pins\":[\"spki:" LOW "\"]}", "missing-key",
         "{\"issuer\":\"c\",\"pins\""},
        {"\"cn\"", "{\"issuer\":\"c\",\"dns\":\"a\"}", "name-kind-mismatch", "\"dns\":\"a\""},
        {"\"cn\",\"dns\"", "{\"issuer\":\"c\",\"dns\":\"a\",\"cn\":\"A\"}", "name-kind-mismatch",
         "\"cn\":\"A\""},
        {"\"none\"", "{\"issuer\":\"c\"}", "missing-key", "{\"issuer\":\"c\"}"},
        {"\"none\"", "{\"issuer\":\"c\",\"cn\":\"A\",\"pins\":[\"spki:" LOW "\"]}",
         "name-kind-mismatch", "\"cn\":\"A\""},
        {"\"cn\"", "{\"issuer\":\"c\",\"Cn\":\"A\"}", "unknown-key", "\"Cn\""},
        {"\"cn\"", "{\"issuer\":\"c\",\"cn\":\"A\",\"cn\":\"A\"}", "duplicate-key",
         "\"cn\":\"A\"}"},
        {"\"cn\"", "{\"issuer\":\"c\",\"cn\":[\"A\"]}", "wrong-type", "[\"A\"]"},
        {"\"cn\"", "\"A\"", "wrong-type", "\"A\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        document_expect(
            document_with(
                TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[%s]}},"
                     "\"identities\":{\"a\":%s}",
                     rows[i][0], rows[i][1])),
            rows[i][2], rows[i][3]);
}

/* An issuer whose kinds are wrong is reported once, not with each of its identities. */
static void test_no_complaint_follows_from_another(void **state) {
    (void)state;
    assert_string_equal(document_codes(document_with(DOCUMENT_ISSUER_OF(
                            "\"ip\"") ",\"identities\":{\"a\":{\"issuer\":\"c\","
                                      "\"cn\":\"A\"},\"b\":{\"issuer\":\"c\"}}")),
                        "bad-name-kind");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_what_is_no_pin),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_attributes_that_conflict),
        cmocka_unit_test(test_names_and_issuers),
        cmocka_unit_test(test_no_complaint_follows_from_another),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
