/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/certificate.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <string.h>

static mpol_facts read_names(X509 *leaf, mpol_certificate *memory) {
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT};
    mpol_certificate_names(leaf, &facts, memory);
    X509_free(leaf); /* the facts borrow from `memory` alone */
    return facts;
}

/* All names of a kind, "!" before those that are malformed, each followed by a line's end. */
static const char *names_of(const mpol_facts *facts, mpol_name_kind kind, const char *oid) {
    const char *all = "";
    for (uint32_t i = 0; i < facts->name_count; i++) {
        const mpol_name *name = &facts->names[i];
        if (name->kind != kind || (oid != NULL && strcmp(support_text(name->oid), oid) != 0))
            continue;
        assert_int_equal(name->oid.data != NULL, kind == MPOL_NAME_ATTRIBUTE);
        all = apr_pstrcat(support_pool(), all, name->malformed ? "!" : "",
                          support_text(name->value), "\n", NULL);
    }
    return all;
}

static void test_names_of_every_kind(void **state) {
    static const support_name names[] = {
        SUPPORT_NAME(SUPPORT_URI, "spiffe://a/b"),
        SUPPORT_NAME(SUPPORT_DNS, "A.Example."),
        SUPPORT_NAME(SUPPORT_EMAIL, "Ann@Corp.Example"),
        SUPPORT_NAME(SUPPORT_CN, "caf\xc3\xa9"),
        SUPPORT_NAME(SUPPORT_URI, "urn:x"),
        SUPPORT_NAME(SUPPORT_UPN, "ann@corp"),
        SUPPORT_NAME(SUPPORT_OTHER_NAME, "other"),
    };
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    assert_false(facts.malformed);
    /* A URI is looked at in two ways, and is a SPIFFE ID in one of them only. */
    assert_string_equal(names_of(&facts, MPOL_NAME_SPIFFE, NULL), "spiffe://a/b\n!urn:x\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_URI, NULL), "spiffe://a/b\nurn:x\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_DNS, NULL), "a.example\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_EMAIL, NULL), "Ann@corp.example\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_UPN, NULL), "ann@corp\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_CN, NULL), "caf\xc3\xa9\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_ATTRIBUTE, "2.5.4.3"), "caf\xc3\xa9\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_SUBJECT, NULL), "CN=caf\xc3\xa9\n");
    mpol_certificate_clear(&memory);
    assert_null(memory.san);
    assert_null(memory.names);
    assert_null(memory.texts);
}

static void test_no_names(void **state) {
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", NULL, 0), &memory);
    (void)state;
    assert_false(facts.malformed);
    assert_int_equal(facts.name_count, 0); /* an empty subject is no subject */
    mpol_certificate_clear(&memory);
}

static void test_digests(void **state) {
    mpol_certificate memory;
    uint8_t digest[32];
    unsigned char *der = NULL;
    X509 *leaf = support_leaf("corp", NULL, 0);
    int len = i2d_X509(leaf, &der);
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT};
    (void)state;
    mpol_certificate_names(leaf, &facts, &memory);
    assert_int_equal(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(facts.sha256, digest, 32);
    assert_true(mpol_spki_digest(leaf, digest));
    assert_memory_equal(facts.spki_sha256, digest, 32);
    assert_memory_not_equal(facts.sha256, facts.spki_sha256, 32);
    OPENSSL_free(der);
    X509_free(leaf);
    mpol_certificate_clear(&memory);
}

static void test_zero_bytes_make_names_malformed(void **state) {
    static const support_name names[] = {
        SUPPORT_NAME(SUPPORT_URI, "spiffe://a/b\0c"),
        SUPPORT_NAME(SUPPORT_DNS, "a\0.evil"),
        SUPPORT_NAME(SUPPORT_CN, "a\0b"),
        SUPPORT_NAME(SUPPORT_EMAIL, "a\0@b"),
        SUPPORT_NAME(SUPPORT_UPN, "a\0b"),
    };
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    assert_int_equal(facts.name_count, 8);
    for (uint32_t i = 0; i < facts.name_count; i++) {
        assert_true(facts.names[i].malformed);
        if (facts.names[i].kind == MPOL_NAME_URI)
            assert_int_equal(facts.names[i].value.len, 14); /* as it stands */
    }
    mpol_certificate_clear(&memory);
}

static void test_empty_names_count(void **state) {
    static const support_name names[] = {
        SUPPORT_NAME(SUPPORT_URI, ""), SUPPORT_NAME(SUPPORT_DNS, ""), SUPPORT_NAME(SUPPORT_CN, ""),
        SUPPORT_NAME(SUPPORT_EMAIL, ""), SUPPORT_NAME(SUPPORT_UPN, "")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    for (int kind = 0; kind < MPOL_NAME_KIND_COUNT; kind++)
        assert_string_equal(names_of(&facts, (mpol_name_kind)kind, NULL), "!\n");
    mpol_certificate_clear(&memory);
}

static void test_a_upn_of_another_type_is_malformed(void **state) {
    static const support_name names[] = {SUPPORT_NAME(SUPPORT_UPN_IA5, "ann@corp"),
                                         SUPPORT_NAME(SUPPORT_UPN, "bob@corp")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, 2), &memory);
    (void)state;
    assert_string_equal(names_of(&facts, MPOL_NAME_UPN, NULL), "!\nbob@corp\n");
    mpol_certificate_clear(&memory);
}

static void test_common_names_become_utf8(void **state) {
    static const support_name wide[] = {SUPPORT_NAME(SUPPORT_CN_BMP, "\0\x63\0\xe9\x20\xac")};
    static const support_name two[] = {SUPPORT_NAME(SUPPORT_CN, "a"),
                                       SUPPORT_NAME(SUPPORT_CN_BMP, "\0b")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", wide, 1), &memory);
    (void)state;
    assert_string_equal(names_of(&facts, MPOL_NAME_CN, NULL), "c\xc3\xa9\xe2\x82\xac\n");
    mpol_certificate_clear(&memory);
    facts = read_names(support_leaf("corp", two, 2), &memory); /* several stay several */
    assert_string_equal(names_of(&facts, MPOL_NAME_CN, NULL), "a\nb\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_SUBJECT, NULL), "CN=b,CN=a\n");
    mpol_certificate_clear(&memory);
}

#define UTF8(oid, literal, joins) SUPPORT_AVA(oid, V_ASN1_UTF8STRING, literal, joins)

static void test_subjects(void **state) {
    static const support_ava avas[] = {
        SUPPORT_AVA("2.5.4.6", V_ASN1_PRINTABLESTRING, "DE", false),
        UTF8("2.5.4.10", "Example, GmbH", false),
        SUPPORT_AVA("2.5.4.97", V_ASN1_PRINTABLESTRING, "PSDDE-1", false),
        UTF8("2.5.4.11", "Operations", false),
        SUPPORT_AVA("2.5.4.3", V_ASN1_BMPSTRING, "\0P\0a\0y",
                    true), /* of one RDN with the one before */
        SUPPORT_AVA("2.5.4.5", V_ASN1_T61STRING, "7", true),
        UTF8("1.2.3.4", "#x ", false),
    };
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf_named("corp", avas, COUNT_OF(avas)), &memory);
    (void)state;
    assert_false(facts.malformed);
    assert_string_equal(
        names_of(&facts, MPOL_NAME_SUBJECT, NULL),
        "1.2.3.4=\\#x\\ ,OU=Operations+CN=Pay+2.5.4.5=7,2.5.4.97=PSDDE-1,O=Example\\, GmbH,C=DE\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_ATTRIBUTE, "2.5.4.97"), "PSDDE-1\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_ATTRIBUTE, "2.5.4.10"), "Example, GmbH\n");
    assert_string_equal(names_of(&facts, MPOL_NAME_ATTRIBUTE, "1.2.3.4"), "#x \n");
    assert_string_equal(names_of(&facts, MPOL_NAME_CN, NULL), "Pay\n");
    assert_int_equal(facts.name_count, COUNT_OF(avas) + 2);
    mpol_certificate_clear(&memory);
}

/* The order of attributes within an RDN and their string types make no difference; that of RDNs
 * does. */
static void test_subjects_are_compared_as_a_whole(void **state) {
    static const support_ava one[] = {UTF8("2.5.4.10", "X", false), UTF8("2.5.4.3", "a", true)};
    static const support_ava turned[] = {SUPPORT_AVA("2.5.4.3", V_ASN1_PRINTABLESTRING, "a", false),
                                         SUPPORT_AVA("2.5.4.10", V_ASN1_BMPSTRING, "\0X", true)};
    static const support_ava apart[] = {UTF8("2.5.4.10", "X", false), UTF8("2.5.4.3", "a", false)};
    static const support_ava back[] = {UTF8("2.5.4.3", "a", false), UTF8("2.5.4.10", "X", false)};
    static const struct {
        const support_ava *avas;
        const char *text;
    } rows[] = {
        {one, "O=X+CN=a\n"}, {turned, "O=X+CN=a\n"}, {apart, "CN=a,O=X\n"}, {back, "O=X,CN=a\n"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_certificate memory;
        mpol_facts facts = read_names(support_leaf_named("corp", rows[i].avas, 2), &memory);
        assert_string_equal(names_of(&facts, MPOL_NAME_SUBJECT, NULL), rows[i].text);
        mpol_certificate_clear(&memory);
    }
}

static void test_a_subject_with_a_value_that_is_no_text_is_malformed(void **state) {
    static const support_ava rows[][2] = {
        {UTF8("2.5.4.10", "X", false), UTF8("2.5.4.3", "", false)},
        {UTF8("2.5.4.10", "X", false), UTF8("2.5.4.3", "a\n", false)},
        {UTF8("2.5.4.10", "X", false), UTF8("2.5.4.3", "a\0b", true)},
        {UTF8("2.5.4.10", "X", false), SUPPORT_AVA("2.5.4.3", V_ASN1_BIT_STRING, "a", false)},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_certificate memory;
        mpol_facts facts = read_names(support_leaf_named("corp", rows[i], 2), &memory);
        assert_false(facts.malformed); /* who does not ask for it does not mind */
        assert_string_equal(names_of(&facts, MPOL_NAME_SUBJECT, NULL), "!\n");
        assert_int_equal(names_of(&facts, MPOL_NAME_CN, NULL)[0], '!');
        assert_string_equal(names_of(&facts, MPOL_NAME_ATTRIBUTE, "2.5.4.10"), "X\n");
        mpol_certificate_clear(&memory);
    }
}

static void test_long_subjects(void **state) {
    enum { MOST = MPOL_LIMIT_SUBJECT_BYTES };
    char text[MOST + 2];
    support_ava avas[] = {{"2.5.4.3", V_ASN1_UTF8STRING, {(const uint8_t *)text, 0}, false}};
    (void)state;
    memset(text, 'x', sizeof text);
    for (uint32_t len = MOST - 4; len <= MOST; len++) { /* and "CN=" before it */
        mpol_certificate memory;
        avas[0].value.len = len;
        mpol_facts facts = read_names(support_leaf_named("corp", avas, 1), &memory);
        assert_int_equal(names_of(&facts, MPOL_NAME_SUBJECT, NULL)[0], len + 3 <= MOST ? 'C' : '!');
        assert_int_equal(names_of(&facts, MPOL_NAME_CN, NULL)[0], '!'); /* 256 bytes at most */
        mpol_certificate_clear(&memory);
    }
}

/* Names borrow from arrays that grow. */
static void test_many_names(void **state) {
    enum { MANY = 100 };
    support_name names[MANY];
    mpol_certificate memory;
    const char *expected = "";
    (void)state;
    for (int i = 0; i < MANY; i++) {
        const char *text = apr_psprintf(support_pool(), "H%d.example", i);
        names[i] = (support_name){SUPPORT_DNS, support_bytes(text)};
        expected = apr_psprintf(support_pool(), "%sh%d.example\n", expected, i);
    }
    mpol_facts facts = read_names(support_leaf("corp", names, MANY), &memory);
    assert_string_equal(names_of(&facts, MPOL_NAME_DNS, NULL), expected);
    mpol_certificate_clear(&memory);
}

static void test_broken_alternative_names_are_malformed(void **state) {
    static const uint8_t rubbish[] = {0x30, 0x05, 0x86, 0x20, 'a'};
    static const support_name names[] = {SUPPORT_NAME(SUPPORT_URI, "spiffe://a/b")};
    mpol_certificate memory;
    X509 *leaf = support_leaf("corp", NULL, 0);
    (void)state;
    support_add_extension(leaf, "corp", NID_subject_alt_name, rubbish, sizeof rubbish);
    mpol_facts facts = read_names(leaf, &memory);
    assert_true(facts.malformed);
    mpol_certificate_clear(&memory);
    /* Two extensions of the kind: nobody can say which counts (RFC 5280 section 4.2). */
    static const uint8_t second[] = {0x30, 0x05, 0x86, 0x03, 'a', ':', 'b'};
    leaf = support_leaf("corp", names, 1);
    support_add_extension(leaf, "corp", NID_subject_alt_name, second, sizeof second);
    facts = read_names(leaf, &memory);
    assert_true(facts.malformed);
    mpol_certificate_clear(&memory);
}

static void test_other_broken_extensions_are_malformed_too(void **state) {
    static const uint8_t rubbish[] = {0x30, 0x7f};
    static const int kinds[] = {NID_basic_constraints, NID_key_usage, NID_ext_key_usage,
                                NID_name_constraints};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        mpol_certificate memory;
        X509 *leaf = support_leaf("corp", NULL, 0);
        support_add_extension(leaf, "corp", kinds[i], rubbish, sizeof rubbish);
        assert_true(read_names(leaf, &memory).malformed);
        mpol_certificate_clear(&memory);
    }
}

/* --- the path -----------------------------------------------------------------------------------
 */

static bool read_path(X509 *leaf, const char *const *cas, mpol_path *path) {
    STACK_OF(X509) *chain = support_chain(leaf, cas);
    bool done = mpol_path_read(chain, path);
    sk_X509_free(chain);
    return done;
}

static void test_the_path_without_the_leaf(void **state) {
    static const char *const cas[] = {"east", "corp", NULL};
    uint8_t digest[32];
    mpol_path path;
    X509 *leaf = support_leaf("east", NULL, 0);
    (void)state;
    assert_true(read_path(leaf, cas, &path));
    assert_int_equal(path.count, 2);
    assert_true(mpol_spki_digest(support_ca("east"), digest));
    assert_memory_equal(path.spki[0], digest, 32);
    assert_true(mpol_spki_digest(support_ca("corp"), digest));
    assert_memory_equal(path.spki[1], digest, 32);
    X509_free(leaf);
}

static void test_dates_of_all_below_the_anchor(void **state) {
    static const char *const two[] = {"east", "corp", NULL};
    static const char *const one[] = {"east", NULL};
    static const char *const none[] = {NULL};
    mpol_path path;
    X509 *leaf = support_leaf("east", NULL, 0);
    (void)state;
    assert_true(read_path(leaf, two, &path)); /* east ends a day before the leaf */
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE &&
                path.not_after_s == SUPPORT_NOT_AFTER - 86400);
    assert_true(read_path(leaf, one, &path)); /* an anchor's dates do not count */
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE && path.not_after_s == SUPPORT_NOT_AFTER);
    assert_true(mpol_path_narrow(&path, support_ca("east")));
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE &&
                path.not_after_s == SUPPORT_NOT_AFTER - 86400);
    assert_true(
        read_path(leaf, none, &path)); /* of a certificate that is its own issuer, they do */
    assert_int_equal(path.count, 0);
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE && path.not_after_s == SUPPORT_NOT_AFTER);
    X509_free(leaf);
}

static void test_paths_have_a_longest_length(void **state) {
    const char *cas[MPOL_LIMIT_PATH_CERTIFICATES + 2] = {NULL};
    mpol_path path;
    X509 *leaf = support_leaf("corp", NULL, 0);
    (void)state;
    for (size_t i = 0; i < MPOL_LIMIT_PATH_CERTIFICATES; i++)
        cas[i] = "corp";
    assert_true(read_path(leaf, cas, &path));
    assert_int_equal(path.count, MPOL_LIMIT_PATH_CERTIFICATES);
    cas[MPOL_LIMIT_PATH_CERTIFICATES] = "corp";
    assert_false(read_path(leaf, cas, &path));
    STACK_OF(X509) *empty = sk_X509_new_null();
    assert_false(mpol_path_read(empty, &path));
    sk_X509_free(empty);
    X509_free(leaf);
}

static void test_times_far_away(void **state) {
    static const struct {
        int64_t from;
        int64_t to;
    } rows[] = {{0, 1}, {-86400, 4102444800}, {2524607999, 2524608000}, {1, 253402300799}};
    static const char *const cas[] = {"corp", NULL};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_path path;
        X509 *leaf = support_leaf_dated("corp", NULL, 0, rows[i].from, rows[i].to);
        assert_true(read_path(leaf, cas, &path));
        assert_true(path.not_before_s == rows[i].from && path.not_after_s == rows[i].to);
        X509_free(leaf);
    }
}

static void test_times_that_are_none(void **state) {
    ASN1_TIME *time = ASN1_TIME_new();
    int64_t seconds = 5;
    (void)state;
    assert_false(mpol_x509_time(NULL, &seconds));
    assert_int_equal(ASN1_STRING_set(time, "9913010000Z", 11), 1);
    time->type = V_ASN1_UTCTIME;
    assert_false(mpol_x509_time(time, &seconds));
    assert_int_equal(ASN1_STRING_set(time, "", 0), 1);
    assert_false(mpol_x509_time(time, &seconds));
    ASN1_TIME_free(time);
}

/* --- evidence
 * ------------------------------------------------------------------------------------- */

static mpol_path some_path(uint32_t count) {
    mpol_path path = {.count = count, .not_before_s = -7, .not_after_s = INT64_MAX};
    for (uint32_t i = 0; i < count; i++)
        memset(path.spki[i], (int)(i + 1), sizeof path.spki[i]);
    return path;
}

static void test_evidence_comes_back(void **state) {
    (void)state;
    for (uint32_t count = 0; count <= MPOL_LIMIT_PATH_CERTIFICATES; count++) {
        uint8_t out[MPOL_EVIDENCE_BYTES];
        mpol_path path = some_path(count);
        mpol_path back;
        uint32_t result = 0;
        uint32_t len = mpol_evidence_write(&path, 0xfedcba98u, out);
        assert_true(len <= MPOL_EVIDENCE_BYTES);
        assert_true(mpol_evidence_read((mpol_bytes){out, len}, &back, &result));
        assert_int_equal(result, 0xfedcba98u);
        assert_int_equal(back.count, count);
        assert_true(back.not_before_s == -7 && back.not_after_s == INT64_MAX);
        assert_memory_equal(back.spki, path.spki, 32u * count);
    }
}

static void test_every_truncation_of_evidence_is_refused(void **state) {
    uint8_t out[MPOL_EVIDENCE_BYTES + 1];
    mpol_path path = some_path(3);
    mpol_path back;
    uint32_t result;
    uint32_t len = mpol_evidence_write(&path, 0, out);
    (void)state;
    for (uint32_t short_len = 0; short_len < len; short_len++)
        assert_false(mpol_evidence_read((mpol_bytes){out, short_len}, &back, &result));
    assert_false(mpol_evidence_read((mpol_bytes){out, len + 1}, &back, &result));
    assert_false(mpol_evidence_read((mpol_bytes){out, len + 32}, &back, &result));
    assert_false(mpol_evidence_read((mpol_bytes){NULL, 0}, &back, &result));
}

static void test_other_versions_and_counts_of_evidence_are_refused(void **state) {
    uint8_t out[MPOL_EVIDENCE_BYTES];
    mpol_path path = some_path(MPOL_LIMIT_PATH_CERTIFICATES);
    mpol_path back;
    uint32_t result;
    uint32_t len = mpol_evidence_write(&path, 0, out);
    const uint32_t count_at = len - 32u * MPOL_LIMIT_PATH_CERTIFICATES - 1;
    (void)state;
    for (int value = 0; value < 256; value++) {
        out[0] = (uint8_t)value;
        assert_int_equal(mpol_evidence_read((mpol_bytes){out, len}, &back, &result), value == 1);
    }
    out[0] = 1;
    for (int value = 0; value < 256; value++) {
        out[count_at] = (uint8_t)value;
        assert_int_equal(mpol_evidence_read((mpol_bytes){out, len}, &back, &result),
                         value == (int)MPOL_LIMIT_PATH_CERTIFICATES);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_every_kind),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_zero_bytes_make_names_malformed),
        cmocka_unit_test(test_empty_names_count),
        cmocka_unit_test(test_a_upn_of_another_type_is_malformed),
        cmocka_unit_test(test_common_names_become_utf8),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_subjects_are_compared_as_a_whole),
        cmocka_unit_test(test_a_subject_with_a_value_that_is_no_text_is_malformed),
        cmocka_unit_test(test_long_subjects),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_broken_alternative_names_are_malformed),
        cmocka_unit_test(test_other_broken_extensions_are_malformed_too),
        cmocka_unit_test(test_the_path_without_the_leaf),
        cmocka_unit_test(test_dates_of_all_below_the_anchor),
        cmocka_unit_test(test_paths_have_a_longest_length),
        cmocka_unit_test(test_times_far_away),
        cmocka_unit_test(test_times_that_are_none),
        cmocka_unit_test(test_evidence_comes_back),
        cmocka_unit_test(test_every_truncation_of_evidence_is_refused),
        cmocka_unit_test(test_other_versions_and_counts_of_evidence_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
