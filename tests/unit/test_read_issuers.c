/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers: certificates, what they may assert, environments. Their kinds of names:
 * test_read_names.c. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

static const char *with_certificates(const char *certificates) {
    return document_with(
        TEXT("\"issuers\":{\"c\":{\"certificates\":%s,\"names\":[\"cn\"]}}", certificates));
}

static void test_certificates(void **state) {
    static const char *const rows[][3] = {
        {"[]", "empty-list", "[]"},
        {"{}", "wrong-type", "{}"},
        {"[{}]", "missing-key", "{}"},
        {"[\"x\"]", "wrong-type", "\"x\""},
        {"[{\"pem\":1}]", "wrong-type", "1}"},
        {"[{\"pem\":\"x\"}]", "bad-certificate", "\"x\""},
        {"[{\"pem\":\"$corp\",\"file\":\"x\"}]", "unknown-key", "\"pem\""},
        {"[{\"der\":\"x\"}]", "unknown-key", "\"der\""},
        {"[{\"file\":\"/nowhere/at/all\"}]", "certificate-unreadable", "\"/nowhere"},
        {"[{\"file\":\"\"}]", "certificate-unreadable", "\"\""},
        {"[{\"file\":\"/etc/passwd\\u0000\"}]", "certificate-unreadable", "\"/etc"},
        {"[{\"pem\":\"$corp\"},{\"pem\":\"$corp\"}]", "duplicate-member", "{\"pem\""},
        {"[{\"pem\":\"$corp-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}]",
         "bad-certificate", "\"-----"},
        {"[{\"pem\":\"$corp-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n\"}]",
         "bad-certificate", "\"-----"},
        {"[{\"pem\":\"-----BEGIN TRUSTED CERTIFICATE-----\\nAAAA\\n-----END TRUSTED "
         "CERTIFICATE-----\\n$corp\"}]",
         "bad-certificate", "\"-----"},
        {"[{\"pem\":\"$corp----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}]",
         "bad-certificate", "\"-----"},
        {"[{\"pem\":\"$corp-----BEGIN CERTIFICATE-----\\nAAAA\\n\"}]", "bad-certificate",
         "\"-----"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        document_expect(with_certificates(rows[i][0]), rows[i][1], rows[i][2]);
    const mpol_model *model = document_read(with_certificates(
        "[{\"pem\":\"of east\\n$east- and of corp -\\n$corp\"},{\"pem\":\"$corp\"}]"));
    const apr_array_header_t *certificates = MPOL_AT(model->issuers, 0, mpol_issuer)->certificates;
    assert_int_equal(certificates->nelts, 2); /* each once, sorted */
    assert_true(mpol_bytes_compare(MPOL_AT(certificates, 0, mpol_ca_certificate)->der,
                                   MPOL_AT(certificates, 1, mpol_ca_certificate)->der) < 0);
}

static const char *escaped(const char *pem) {
    const char *out = "";
    for (char *line, *rest = apr_pstrdup(support_pool(), pem);
         (line = apr_strtok(rest, "\n", &rest)) != NULL;)
        out = apr_pstrcat(support_pool(), out, line, "\\n", NULL);
    return out;
}

static void test_keys_belong_to_one_issuer(void **state) {
    static const char two[] =
        "\"issuers\":{\"%s\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]},"
        "\"%s\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]}}";
    (void)state;
    /* the later one, whatever the names are */
    assert_string_equal(document_places(document_with(TEXT(two, "c", "d"))),
                        "issuer-key-shared /issuers/d/certificates/0/pem");
    assert_string_equal(document_places(document_with(TEXT(two, "d", "c"))),
                        "issuer-key-shared /issuers/c/certificates/0/pem");
    X509 *leaf = support_leaf("corp", NULL, 0);
    const char *pem = escaped(support_pem(leaf));
    X509_free(leaf);
    document_expect(with_certificates(TEXT("[{\"pem\":\"%s\"}]", pem)), "certificate-not-ca",
                    "\"-----BEGIN");
}

static const char *may_assert(const char *list) {
    return document_with(TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                              "\"names\":[\"spiffe\",\"cn\",{\"attribute\":\"title\"}],"
                              "\"may_assert\":%s}}",
                              list));
}

static void test_what_they_may_assert(void **state) {
    static const char *const rows[][3] = {
        {"[]", "empty-list", "[]"},
        {"{}", "wrong-type", "{}"},
        {"[\"*\"]", "wrong-type", "\"*\""},
        {"[{}]", "missing-key", "{}"},
        {"[{\"cn\":\"\"}]", "bad-identity-name", "\"\""},
        {"[{\"spiffe\":\"spiffe://*/x\"}]", "bad-identity-name", "\"spiffe:"},
        {"[{\"dns\":\"a\"}]", "name-kind-mismatch", "\"dns\""},
        {"[{\"attribute\":{\"oid\":\"2.5.4.5\",\"value\":\"x\"}}]", "name-kind-mismatch",
         "\"attribute\":{"},
        {"[{\"cn\":\"a\",\"spiffe\":\"spiffe://t/a\"}]", "name-kind-mismatch",
         "\"spiffe\":\"spiffe:"},
        {"[{\"cn\":\"a\"},{\"cn\":\"a\"}]", "duplicate-member", "{\"cn\":\"a\"}]"},
        {"[{\"attribute\":{\"oid\":\"title\",\"value\":\"x\"}},{\"attribute\":{\"value\":\"x\","
         "\"oid\":\"2.5.4.12\"}}]",
         "duplicate-member", "{\"attribute\":{\"value\""},
        {"[{\"spiffe\":\"spiffe://t/{a}/x\"},{\"spiffe\":\"spiffe://t/*/x\"}]", "duplicate-member",
         "{\"spiffe\":\"spiffe://t/*/x\"}]"},
        {"[{\"issuer\":\"c\"}]", "unknown-key", "\"issuer\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        document_expect(may_assert(rows[i][0]), rows[i][1], rows[i][2]);
    const mpol_model *model =
        document_read(may_assert("[{\"cn\":\"b\"},{\"cn\":\"a\"},{\"spiffe\":\"spiffe://t/**\"}]"));
    const apr_array_header_t *names = MPOL_AT(model->issuers, 0, mpol_issuer)->may_assert;
    assert_int_equal(names->nelts, 3);
    assert_string_equal(support_text(MPOL_AT(names, 1, mpol_name_pattern)->value),
                        "a"); /* sorted */
    names =
        MPOL_AT(document_read(may_assert("[{\"spiffe\":\"spiffe://t/{a}/b/{c}/**\"}]"))->issuers, 0,
                mpol_issuer)
            ->may_assert;
    assert_string_equal(support_text(MPOL_AT(names, 0, mpol_name_pattern)->value),
                        "spiffe://t/*/b/*/**"); /* a capture is of no use here */
    document_expect(document_with("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                                  "\"names\":[\"none\"],\"may_assert\":"
                                  "[{\"cn\":\"a\"}]}}"),
                    "name-kind-mismatch", "\"cn\"");
    document_expect(document_with("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                                  "\"any_of\":true,\"names\":[\"none\"]}}"),
                    "bad-name-kind", "\"any_of\"");
}

static const char *environments(const char *policy, const char *one, const char *other) {
    return document_with(
        TEXT("%s\"issuers\":{\"z\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]%s},"
             "\"a\":{\"certificates\":[{\"pem\":\"$partner\"}],\"names\":[\"cn\"]%s}}",
             policy, one, other));
}

static void test_environments(void **state) {
    (void)state;
    document_expect_among(environments("", ",\"environment\":\"s\"", ",\"environment\":\"t\""),
                          "environment-mixed", "\"t\"");
    document_expect_among(
        environments("\"environment\":\"t\",", ",\"environment\":\"s\"", ",\"environment\":\"t\""),
        "environment-mixed", "\"s\"");
    document_expect_among(
        environments("\"environment\":\"u\",", ",\"environment\":\"s\"", ",\"environment\":\"t\""),
        "environment-mixed", "\"s\"");
    document_expect_among(
        environments("\"environment\":\"u\",", ",\"environment\":\"s\"", ",\"environment\":\"t\""),
        "environment-mixed", "\"t\"");
    static const char *const fine[][3] = {{"", "", ""},
                                          {"", ",\"environment\":\"s\"", ""},
                                          {"", ",\"environment\":\"s\"", ",\"environment\":\"s\""},
                                          {"\"environment\":\"s\",", "", ",\"environment\":\"s\""},
                                          {"\"environment\":\"s\",", "", ""}};
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        assert_null(strstr(document_codes(environments(fine[i][0], fine[i][1], fine[i][2])),
                           "environment"));
    document_expect_among(environments("", ",\"environment\":\"S\"", ""), "bad-name", "\"S\"");
    document_expect_among(environments("", ",\"environment\":1", ""), "wrong-type", "1}");
}

static void test_other_keys(void **state) {
    (void)state;
    assert_string_equal(document_places(document_with("\"issuers\":{\"c\":{}}")),
                        "missing-key /issuers/c/certificates; missing-key /issuers/c/names");
    document_expect(document_with("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                                  "\"names\":[\"cn\"],\"any_of\":1}}"),
                    "wrong-type", "1}");
    document_expect(document_with("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],"
                                  "\"names\":[\"cn\"],\"kind\":1}}"),
                    "unknown-key", "\"kind\"");
    document_expect(
        document_with(
            "\"issuers\":{\"C\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]}}"),
        "bad-name", "\"C\"");
    document_expect(
        document_with(
            "\"issuers\":{\"none\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"cn\"]}}"),
        "reserved-name", "\"none\"");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_keys_belong_to_one_issuer),
        cmocka_unit_test(test_what_they_may_assert),
        cmocka_unit_test(test_environments),
        cmocka_unit_test(test_other_keys),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
