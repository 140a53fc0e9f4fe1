/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/certificate.h"

#include <openssl/objects.h>
#include <string.h>

static void expect_names(mpol_names names, uint32_t count, const char *first, size_t len) {
    assert_int_equal(names.count, count);
    if (count == 0)
        return;
    assert_int_equal(names.first.len, len);
    if (len > 0)
        assert_memory_equal(names.first.data, first, len);
}

static mpol_facts read_names(X509 *leaf, mpol_certificate *memory) {
    mpol_facts facts = {.tls = MPOL_TLS_PRESENT};
    mpol_certificate_names(leaf, &facts, memory);
    X509_free(leaf); /* the facts borrow from `memory` alone */
    return facts;
}

static void test_names_of_every_kind(void **state) {
    static const support_name names[] = {
        SUPPORT_NAME(SUPPORT_URI, "spiffe://a/b"), SUPPORT_NAME(SUPPORT_DNS, "a.example"), SUPPORT_NAME(SUPPORT_EMAIL, "a@b"),
        SUPPORT_NAME(SUPPORT_CN, "caf\xc3\xa9"),   SUPPORT_NAME(SUPPORT_URI, "urn:x"),
    };
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    assert_false(facts.malformed);
    expect_names(facts.uri, 2, "spiffe://a/b", 12);
    expect_names(facts.dns, 1, "a.example", 9);
    expect_names(facts.cn, 1, "caf\xc3\xa9", 5);
    mpol_certificate_clear(&memory);
    assert_null(memory.san);
    assert_null(memory.cn);
}

static void test_no_names(void **state) {
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", NULL, 0), &memory);
    (void)state;
    assert_false(facts.malformed);
    expect_names(facts.uri, 0, NULL, 0);
    expect_names(facts.dns, 0, NULL, 0);
    expect_names(facts.cn, 0, NULL, 0);
    mpol_certificate_clear(&memory);
}

static void test_zero_bytes_stay_in_names(void **state) {
    static const support_name names[] = {SUPPORT_NAME(SUPPORT_URI, "spiffe://a/b\0c"), SUPPORT_NAME(SUPPORT_DNS, "a\0.evil"),
                                         SUPPORT_NAME(SUPPORT_CN, "a\0b")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    expect_names(facts.uri, 1, "spiffe://a/b\0c", 14);
    expect_names(facts.dns, 1, "a\0.evil", 7);
    expect_names(facts.cn, 1, "a\0b", 3);
    mpol_certificate_clear(&memory);
}

static void test_empty_names_count(void **state) {
    static const support_name names[] = {SUPPORT_NAME(SUPPORT_URI, ""), SUPPORT_NAME(SUPPORT_DNS, ""), SUPPORT_NAME(SUPPORT_CN, "")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", names, COUNT_OF(names)), &memory);
    (void)state;
    expect_names(facts.uri, 1, "", 0);
    expect_names(facts.dns, 1, "", 0);
    expect_names(facts.cn, 1, "", 0);
    mpol_certificate_clear(&memory);
}

static void test_common_names_become_utf8(void **state) {
    static const support_name wide[] = {SUPPORT_NAME(SUPPORT_CN_BMP, "\0\x63\0\xe9\x20\xac")};
    static const support_name two[] = {SUPPORT_NAME(SUPPORT_CN, "a"), SUPPORT_NAME(SUPPORT_CN_BMP, "\0b")};
    mpol_certificate memory;
    mpol_facts facts = read_names(support_leaf("corp", wide, 1), &memory);
    (void)state;
    expect_names(facts.cn, 1, "c\xc3\xa9\xe2\x82\xac", 6);
    mpol_certificate_clear(&memory);
    facts = read_names(support_leaf("corp", two, 2), &memory); /* several stay several */
    expect_names(facts.cn, 2, "a", 1);
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
    static const int kinds[] = {NID_basic_constraints, NID_key_usage, NID_ext_key_usage, NID_name_constraints};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        mpol_certificate memory;
        X509 *leaf = support_leaf("corp", NULL, 0);
        support_add_extension(leaf, "corp", kinds[i], rubbish, sizeof rubbish);
        assert_true(read_names(leaf, &memory).malformed);
        mpol_certificate_clear(&memory);
    }
}

/* --- the path ----------------------------------------------------------------------------------- */

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
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE && path.not_after_s == SUPPORT_NOT_AFTER - 86400);
    assert_true(read_path(leaf, one, &path)); /* an anchor's dates do not count */
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE && path.not_after_s == SUPPORT_NOT_AFTER);
    assert_true(mpol_path_narrow(&path, support_ca("east")));
    assert_true(path.not_before_s == SUPPORT_NOT_BEFORE && path.not_after_s == SUPPORT_NOT_AFTER - 86400);
    assert_true(read_path(leaf, none, &path)); /* of a certificate that is its own issuer, they do */
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

/* --- evidence ------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(test_zero_bytes_stay_in_names),
        cmocka_unit_test(test_empty_names_count),
        cmocka_unit_test(test_common_names_become_utf8),
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
