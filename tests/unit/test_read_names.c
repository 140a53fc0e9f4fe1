/* SPDX-License-Identifier: Apache-2.0 */
/* Names and patterns of names of each kind, as identities write them; kinds of names of issuers. */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

static const char *identity(const char *kind, const char *value) {
    return document_with(
        TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"%s\"]}},"
             "\"identities\":{\"a\":{\"issuer\":\"c\",\"%s\":\"%s\"}}",
             kind, kind, value));
}

/* "L:text" or "*:capture" or "#" of each segment, with blanks between. */
static const char *segments_of(const char *kind, const char *value) {
    const mpol_model *model = document_read(identity(kind, value));
    const mpol_name_pattern *pattern = &MPOL_AT(model->identities, 0, mpol_identity)->pattern;
    const char *out = pattern->is_pattern ? "pattern" : "exact";
    for (int i = 0; i < pattern->segments->nelts; i++) {
        const mpol_segment *s = MPOL_AT(pattern->segments, i, mpol_segment);
        if (s->type == MPOL_SEGMENT_LITERAL)
            out = TEXT("%s L:%s", out, support_text(s->literal));
        else if (s->type == MPOL_SEGMENT_REST)
            out = TEXT("%s #", out);
        else
            out = TEXT("%s *:%s", out, s->capture.data != NULL ? support_text(s->capture) : "");
    }
    return out;
}

static const char *value_of(const char *kind, const char *value) {
    const mpol_model *model = document_read(identity(kind, value));
    return support_text(MPOL_AT(model->identities, 0, mpol_identity)->pattern.value);
}

static void test_segments(void **state) {
    static const char *const rows[][3] = {
        {"spiffe", "spiffe://t/a/b", "exact L:spiffe: L: L:t L:a L:b"},
        {"spiffe", "spiffe://t/*", "pattern L:spiffe: L: L:t *:"},
        {"spiffe", "spiffe://t/{n_1}/*/x/**", "pattern L:spiffe: L: L:t *:n_1 *: L:x #"},
        {"spiffe", "spiffe://t/**", "pattern L:spiffe: L: L:t #"},
        {"uri", "urn:x:y", "exact L:urn:x:y"},
        {"uri", "urn:x/*/**", "pattern L:urn:x *: #"},
        {"uri", "https://h/{p}", "pattern L:https: L: L:h *:p"},
        {"uri", "x:/**", "pattern L:x: #"},
        {"dns", "a.b.c", "exact L:b.c L:a"},
        {"dns", "*.b.c", "pattern L:b.c *:"},
        {"dns", "{h}.B.c.", "pattern L:b.c *:h"},
        {"email", "u@h", "exact L:h L:u"},
        {"email", "*@H.x", "pattern L:h.x *:"},
        {"email", "{u}@h", "pattern L:h *:u"},
        {"upn", "*", "exact L:*"},
        {"upn", "{a}@b", "exact L:{a}@b"},
        {"cn", "**", "exact L:**"},
        {"cn", "a/b/*", "exact L:a/b/*"},
        {"subject", "CN=*", "exact L:CN=*"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(segments_of(rows[i][0], rows[i][1]), rows[i][2]);
}

static void test_compared_forms(void **state) {
    static const char *const rows[][3] = {
        {"dns", "A.Example.", "a.example"},
        {"dns", "*.Example.", "*.example"},
        {"dns", "{host}.EXAMPLE", "{host}.example"},
        {"email", "U.v@Example.", "U.v@example"},
        {"email", "*@EXAMPLE", "*@example"},
        {"email", "a@b@C", "a@b@c"},
        {"subject", "ou=x+cn=y", "OU=x+CN=y"},
        {"cn", " a  B ", " a  B "},
        {"spiffe", "spiffe://t/A/{x}", "spiffe://t/A/{x}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(value_of(rows[i][0], rows[i][1]), rows[i][2]);
}

static void test_what_is_no_name(void **state) {
    static const char *const rows[][2] = {
        {"spiffe", "spiffe://t"},
        {"spiffe", "spiffe://T/a"},
        {"spiffe", "spiffe://*/a"},
        {"spiffe", "spiffe://{t}/a"},
        {"spiffe", "*://t/a"},
        {"spiffe", "**"},
        {"spiffe", "spiffe://**"},
        {"spiffe", "spiffe://t/**/a"},
        {"spiffe", "spiffe://t/**/**"},
        {"spiffe", "spiffe://t/a*"},
        {"spiffe", "spiffe://t/*a"},
        {"spiffe", "spiffe://t/***"},
        {"spiffe", "spiffe://t/{a"},
        {"spiffe", "spiffe://t/a}"},
        {"spiffe", "spiffe://t/{}"},
        {"spiffe", "spiffe://t/{A}"},
        {"spiffe", "spiffe://t/{1a}"},
        {"spiffe", "spiffe://t/{a}/{a}"},
        {"spiffe", "spiffe://t/{a:int}"},
        {"spiffe", "spiffe://t/{a}b"},
        {"spiffe", "spiffe://t/*/"},
        {"spiffe", "spiffe://t//*"},
        {"spiffe", "spiffe://t/./*"},
        {"spiffe", "spiffe:/t/*"},
        {"uri", "*"},
        {"uri", "*:x"},
        {"uri", "urn:*"},
        {"uri", "urn:x*/y"},
        {"uri", "https://*/x"},
        {"uri", "https://{h}/x"},
        {"uri", "x y:z"},
        {"uri", ""},
        {"uri", "{s}/x"},
        {"uri", "https:/*/**/x"},
        {"dns", "*"},
        {"dns", "{h}"},
        {"dns", "a.*"},
        {"dns", "a.*.b"},
        {"dns", "*.*.b"},
        {"dns", "**.b"},
        {"dns", "a*.b"},
        {"dns", "*."},
        {"dns", "{H}.b"},
        {"dns", "a..b"},
        {"dns", ""},
        {"dns", "*..b"},
        {"email", "*"},
        {"email", "u"},
        {"email", "@h"},
        {"email", "u@"},
        {"email", "u@*.h"},
        {"email", "u@{h}"},
        {"email", "a*@h"},
        {"email", "**@h"},
        {"email", "{u}x@h"},
        {"email", "u v@h"},
        {"email", "*@"},
        {"upn", ""},
        {"cn", ""},
        {"cn", "a\\nb"},
        {"upn", "\\u0085"},
        {"subject", "x"},
        {"subject", ""},
        {"subject", "CN=\\u0001"},
        {"dns", "*.a\\u0000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        document_expect(identity(rows[i][0], rows[i][1]), "bad-identity-name",
                        TEXT("\"%s\"", rows[i][1]));
}

static const char *repeated(const char *part, int count) {
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = apr_pstrcat(support_pool(), text, part, NULL);
    return text;
}

static void test_lengths(void **state) {
    (void)state;
    /* 64 segments, with scheme, the empty one and the trust domain; exact names have no such limit
     */
    assert_string_equal(
        document_codes(identity("spiffe", TEXT("spiffe://t%s/*", repeated("/a", 60)))), "");
    document_expect(identity("spiffe", TEXT("spiffe://t%s/*", repeated("/a", 61))),
                    "bad-identity-name", "\"spiffe:");
    assert_string_equal(
        document_codes(identity("spiffe", TEXT("spiffe://t%s", repeated("/a", 100)))), "");
    assert_string_equal(
        document_codes(identity("spiffe", TEXT("spiffe://t/%s", repeated("a", 2037)))), "");
    document_expect(identity("spiffe", TEXT("spiffe://t/%s", repeated("a", 2038))),
                    "bad-identity-name", "\"spiffe:");
    document_expect(identity("uri", TEXT("x:/*/%s", repeated("a", 2044))), "bad-identity-name",
                    "\"x:");
    assert_string_equal(document_codes(identity("email", TEXT("%s@h", repeated("u", 64)))), "");
    document_expect(identity("email", TEXT("%s@h", repeated("u", 65))), "bad-identity-name",
                    "\"uu");
    assert_string_equal(
        document_codes(identity("spiffe", "spiffe://t/{abcdefghijklmnopqrstuvwxyz012345}")), "");
    document_expect(identity("spiffe", "spiffe://t/{abcdefghijklmnopqrstuvwxyz0123456}"),
                    "bad-identity-name", "\"spiffe:");
}

static void test_attributes_as_names(void **state) {
    static const char *const rows[][3] = {
        {"{\"oid\":\"2.5.4.5\",\"value\":\"\"}", "bad-identity-name", "\"\"}"},
        {"{\"oid\":\"2.5.4\\u002e\",\"value\":\"v\"}", "bad-oid", "\"2.5.4\\"},
        {"{\"oid\":\"serialnumber\",\"value\":\"v\"}", "bad-oid", "\"serialnumber\""},
        {"{\"oid\":\"title\",\"value\":\"v\"}", "name-kind-mismatch",
         "\"attribute\":{\"oid\":\"title\""},
        {"{\"value\":\"v\"}", "missing-key", "{\"value\""},
        {"{\"oid\":\"serialNumber\"}", "missing-key", "{\"oid\""},
        {"{\"oid\":\"serialNumber\",\"value\":\"v\",\"x\":1}", "unknown-key", "\"x\""},
        {"\"v\"", "wrong-type", "\"v\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        document_expect(
            document_with(
                TEXT(DOCUMENT_ISSUER_OF(
                         "{\"attribute\":\"2.5.4.5\"}") ",\"identities\":{\"a\":{"
                                                        "\"issuer\":\"c\",\"attribute\":%s}}",
                     rows[i][0])),
            rows[i][1], rows[i][2]);
}

static const char *kinds(const char *names) {
    return document_with(
        TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[%s]}}", names));
}

static void test_kinds(void **state) {
    static const char *const bad[][3] = {
        {"", "empty-list", "[]"},
        {"\"ip\"", "bad-name-kind", "\"ip\""},
        {"\"attribute\"", "bad-name-kind", "\"attribute\""},
        {"\"CN\"", "bad-name-kind", "\"CN\""},
        {"\"spiffe\",\"uri\"", "bad-name-kind", "\"uri\"]"},
        {"\"uri\",\"cn\",\"spiffe\"", "bad-name-kind", "\"spiffe\"]"},
        {"\"none\",\"cn\"", "bad-name-kind", "\"none\""},
        {"\"cn\",\"none\"", "bad-name-kind", "\"none\""},
        {"\"cn\",\"cn\"", "duplicate-member", "\"cn\"]"},
        {"{\"attribute\":\"title\"},{\"attribute\":\"2.5.4.12\"}", "duplicate-member",
         "{\"attribute\":\"2.5.4.12\"}"},
        {"{\"attribute\":\"2.5.4.3\"}", "bad-oid", "\"2.5.4.3\""},
        {"{\"attribute\":\"Title\"}", "bad-oid", "\"Title\""},
        {"{\"attribute\":\"3.1\"}", "bad-oid", "\"3.1\""},
        {"{\"attribute\":1}", "wrong-type", "1}"},
        {"{}", "missing-key", "{}"},
        {"{\"attribute\":\"title\",\"x\":1}", "unknown-key", "\"x\""},
        {"1", "wrong-type", "1]"},
    };
    (void)state;
    assert_string_equal(
        document_codes(kinds(
            "\"spiffe\",\"dns\",\"email\",\"upn\",\"cn\",\"subject\",{\"attribute\":\"title\"},"
            "{\"attribute\":\"1.2.3\"}")),
        "");
    assert_string_equal(document_codes(kinds("\"uri\"")), "");
    assert_int_equal(
        MPOL_AT(document_read(kinds("\"none\""))->issuers, 0, mpol_issuer)->namings->nelts, 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        document_expect(kinds(bad[i][0]), bad[i][1], bad[i][2]);
    const mpol_model *model = document_read(
        kinds("{\"attribute\":\"2.5.4.5\"},\"cn\",{\"attribute\":\"2.5.4.12\"},\"dns\""));
    const apr_array_header_t *namings = MPOL_AT(model->issuers, 0, mpol_issuer)->namings;
    assert_int_equal(MPOL_AT(namings, 0, mpol_naming)->kind, MPOL_NAME_DNS); /* sorted */
    assert_string_equal(support_text(MPOL_AT(namings, 2, mpol_naming)->oid), "2.5.4.12");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_compared_forms),
        cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_attributes_as_names),
        cmocka_unit_test(test_kinds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
