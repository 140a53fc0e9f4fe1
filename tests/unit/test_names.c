/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/limits.h"
#include "match/names.h"

#include <apr_strings.h>
#include <string.h>

/* The compared form of a name, "" when it is malformed. */
static const char *form(mpol_name_kind kind, mpol_bytes raw) {
    uint8_t buffer[MPOL_NAME_BUFFER];
    mpol_bytes name;
    return mpol_name_normalise(kind, raw, buffer, &name) ? support_text(name) : "";
}

static const char *form_of(mpol_name_kind kind, const char *raw) {
    return form(kind, support_bytes(raw));
}

static void expect_same(mpol_name_kind kind, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_string_equal(form_of(kind, names[i]), names[i]);
}

static void expect_malformed(mpol_name_kind kind, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (form_of(kind, names[i])[0] != '\0')
            fail_msg("\"%s\" is accepted", names[i]);
}

static const char *times(char c, size_t count) {
    char *text = apr_palloc(support_pool(), count + 1);
    memset(text, c, count);
    text[count] = '\0';
    return text;
}

#define JOIN(...) apr_pstrcat(support_pool(), __VA_ARGS__, NULL)

static void test_spiffe(void **state) {
    static const char *const good[] = {
        "spiffe://corp.example/billing", "spiffe://a/b",
        "spiffe://a-b_c.1/x.y-z_Q/1",    "spiffe://.../...",
        "spiffe://a/.a/..b/a..",         "spiffe://-/-",
    };
    static const char *const bad[] = {
        "spiffe://corp.example",
        "spiffe://corp.example/",
        "spiffe:///billing",
        "spiffe://a//b",
        "spiffe://a/b/",
        "spiffe://a/.",
        "spiffe://a/..",
        "spiffe://a/../b",
        "spiffe://a/./b",
        "spiffe://A/b",
        "SPIFFE://a/b",
        "Spiffe://a/b",
        "spiffe://a:443/b",
        "spiffe://u@a/b",
        "spiffe://a/b?c",
        "spiffe://a/b#c",
        "spiffe://a/b%20c",
        "spiffe://a/b c",
        "spiffe://a/b\n",
        "spiffe://a/b\xc3\xa9",
        "spiffe:/a/b",
        "spiffe://",
        "spiffe:",
        "",
        "http://a/b",
        " spiffe://a/b",
        "spiffe://a/b~",
        "spiffe://a/b!",
    };
    (void)state;
    expect_same(MPOL_NAME_SPIFFE, good, COUNT_OF(good));
    expect_malformed(MPOL_NAME_SPIFFE, bad, COUNT_OF(bad));
}

static void test_spiffe_lengths(void **state) {
    (void)state;
    const char *domain = JOIN("spiffe://", times('t', 255), "/");
    assert_string_not_equal(form_of(MPOL_NAME_SPIFFE, JOIN(domain, "p")), "");
    assert_string_equal(form_of(MPOL_NAME_SPIFFE, JOIN("spiffe://", times('t', 256), "/p")), "");
    assert_string_not_equal(form_of(MPOL_NAME_SPIFFE, JOIN(domain, times('p', 2048 - 265))), "");
    assert_string_equal(form_of(MPOL_NAME_SPIFFE, JOIN(domain, times('p', 2049 - 265))), "");
}

static void test_uri(void **state) {
    static const char *const good[] = {
        "a:", "urn:x:y", "a+b-c.1:?#[]%zz\"<>\\^`{|}", "A:b", "http://a/", "x:~!", "spiffe://a"};
    static const char *const bad[] = {"",       ":",          ":a",    "a",     "1a:b",
                                      "+a:b",   "a_b:c",      "a b:c", "a:b c", "a:\n",
                                      "a:\x7f", "a:\xc3\xa9", " a:b",  "//a/b", "\x01:a"};
    (void)state;
    expect_same(MPOL_NAME_URI, good, COUNT_OF(good));
    expect_malformed(MPOL_NAME_URI, bad, COUNT_OF(bad));
    assert_string_not_equal(form_of(MPOL_NAME_URI, JOIN("a:", times('x', 2046))), "");
    assert_string_equal(form_of(MPOL_NAME_URI, JOIN("a:", times('x', 2047))), "");
}

static void test_dns(void **state) {
    static const char *const good[] = {"a", "a.b", "a-b_c.1", "-", "10.0.0.1"};
    static const char *const bad[] = {"",      ".",          "..",    "a..",   "a..b", ".a",
                                      "*",     "*.a",        "a b",   "a:443", "a\n",  "a/b",
                                      "a\x7f", "\xc3\xa9.a", "a.*.b", "[::1]"};
    (void)state;
    expect_same(MPOL_NAME_DNS, good, COUNT_OF(good));
    expect_malformed(MPOL_NAME_DNS, bad, COUNT_OF(bad));
    assert_string_equal(form_of(MPOL_NAME_DNS, "A.Example."), "a.example");
    assert_string_equal(form_of(MPOL_NAME_DNS, JOIN(times('X', 63), ".Y")),
                        JOIN(times('x', 63), ".y"));
    assert_string_equal(form_of(MPOL_NAME_DNS, times('x', 64)), "");
}

static void test_dns_lengths(void **state) {
    const char *three;
    (void)state;
    three = JOIN(times('d', 63), ".", times('d', 63), ".", times('d', 63), ".");
    assert_string_not_equal(form_of(MPOL_NAME_DNS, JOIN(three, times('d', 61))), "");
    assert_string_not_equal(form_of(MPOL_NAME_DNS, JOIN(three, times('d', 61), ".")), "");
    assert_string_equal(form_of(MPOL_NAME_DNS, JOIN(three, times('d', 62))), "");
    assert_string_equal(form_of(MPOL_NAME_DNS, times('d', 100000)), "");
}

static void test_email(void **state) {
    static const char *const good[] = {
        "a@b", "Ann.O'Hara+x@corp.example", "\"a@b\"@c", "a@b@c", "!@-_", "*@a", "{x}@a"};
    static const char *const bad[] = {"",
                                      "a",
                                      "@",
                                      "@b",
                                      "a@",
                                      "a@.",
                                      "a@b..",
                                      "a b@c",
                                      "a\t@c",
                                      "\x7f@c",
                                      "a@b c",
                                      "a@*.b",
                                      "a@[::1]",
                                      "a@b:1",
                                      " a@b",
                                      "a@b ",
                                      "caf\xc3\xa9@b",
                                      "a@caf\xc3\xa9",
                                      "a@.b",
                                      "a@b..c"};
    (void)state;
    expect_same(MPOL_NAME_EMAIL, good, COUNT_OF(good));
    expect_malformed(MPOL_NAME_EMAIL, bad, COUNT_OF(bad));
    assert_string_equal(form_of(MPOL_NAME_EMAIL, "Ann@Corp.Example."), "Ann@corp.example");
    assert_string_equal(form_of(MPOL_NAME_EMAIL, "A@B@C.D"), "A@B@c.d"); /* the last @ */
    assert_string_not_equal(form_of(MPOL_NAME_EMAIL, JOIN(times('a', 64), "@b")), "");
    assert_string_equal(form_of(MPOL_NAME_EMAIL, JOIN(times('a', 65), "@b")), "");
    assert_string_not_equal(
        form_of(MPOL_NAME_EMAIL, JOIN(times('a', 64), "@", times('b', 63), ".c")), "");
    assert_string_equal(form_of(MPOL_NAME_EMAIL, JOIN("a@", times('b', 64))), "");
    assert_string_equal(form_of(MPOL_NAME_EMAIL, JOIN("a@", times('b', 100000))), "");
}

static void test_text(void **state) {
    static const mpol_name_kind kinds[] = {MPOL_NAME_CN, MPOL_NAME_UPN, MPOL_NAME_ATTRIBUTE,
                                           MPOL_NAME_SUBJECT};
    static const uint32_t longest[] = {256, 256, 256, 2048};
    static const char *const good[] = {"a", " ",    "Billing Service", "caf\xc3\xa9",
                                       "*", "a\\b", "\xf0\x9f\x94\x91"};
    static const char *const bad[] = {"",     "a\n",      "\x7f",         "a\xc2\x85",
                                      "\xff", "\xc0\xaf", "\xed\xa0\x80", "a\t"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        expect_same(kinds[i], good, COUNT_OF(good));
        expect_malformed(kinds[i], bad, COUNT_OF(bad));
        assert_string_not_equal(form_of(kinds[i], times('c', longest[i])), "");
        assert_string_equal(form_of(kinds[i], times('c', longest[i] + 1)), "");
    }
}

/* The segments of a name, each in brackets. */
static const char *walked(mpol_name_kind kind, const char *name) {
    mpol_name_walk walk = mpol_name_begin(kind, support_bytes(name));
    mpol_bytes segment;
    mpol_bytes again;
    const char *all = "";
    for (uint32_t i = 0; mpol_name_next(&walk, &segment); i++) {
        assert_true(mpol_name_segment(kind, support_bytes(name), i, &again));
        assert_string_equal(support_text(again), support_text(segment));
        assert_false(mpol_name_segment(kind, support_bytes(name), i + 100, &again));
        all = JOIN(all, "[", support_text(segment), "]");
    }
    assert_false(mpol_name_next(&walk, &segment)); /* and stays at the end */
    return all;
}

static void test_walks(void **state) {
    static const struct {
        mpol_name_kind kind;
        const char *name;
        const char *segments;
    } rows[] = {
        {MPOL_NAME_SPIFFE, "spiffe://a/b/c", "[spiffe:][][a][b][c]"},
        {MPOL_NAME_URI, "https://a/b/", "[https:][][a][b][]"},
        {MPOL_NAME_URI, "https://a//b", "[https:][][a][][b]"},
        {MPOL_NAME_URI, "urn:x:y", "[urn:x:y]"},
        {MPOL_NAME_URI, "a:/", "[a:][]"},
        {MPOL_NAME_URI, "a:", "[a:]"},
        {MPOL_NAME_DNS, "www.shop.example", "[shop.example][www]"},
        {MPOL_NAME_DNS, "a.b", "[b][a]"},
        {MPOL_NAME_DNS, "localhost", "[localhost][]"}, /* no label before a dot */
        {MPOL_NAME_EMAIL, "ann@corp.example", "[corp.example][ann]"},
        {MPOL_NAME_EMAIL, "a@b@c", "[c][a@b]"},
        {MPOL_NAME_CN, "a/b@c.d", "[a/b@c.d]"},
        {MPOL_NAME_UPN, "a@b", "[a@b]"},
        {MPOL_NAME_ATTRIBUTE, "a.b", "[a.b]"},
        {MPOL_NAME_SUBJECT, "CN=a/b,O=c", "[CN=a/b,O=c]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(walked(rows[i].kind, rows[i].name), rows[i].segments);
}

static void test_a_zero_byte_is_malformed_in_every_kind(void **state) {
    (void)state;
    assert_string_equal(form(MPOL_NAME_CN, (mpol_bytes){(const uint8_t *)"a\0b", 3}), "");
    assert_string_equal(form(MPOL_NAME_DNS, (mpol_bytes){(const uint8_t *)"a\0b", 3}), "");
    assert_string_equal(form(MPOL_NAME_URI, (mpol_bytes){(const uint8_t *)"a:b\0c", 5}), "");
    assert_string_equal(form(MPOL_NAME_SPIFFE, (mpol_bytes){(const uint8_t *)"spiffe://a/b\0", 13}),
                        "");
    assert_string_equal(form(MPOL_NAME_EMAIL, (mpol_bytes){(const uint8_t *)"a\0@b", 4}), "");
    assert_string_equal(form(MPOL_NAME_EMAIL, (mpol_bytes){(const uint8_t *)"a@b\0", 4}), "");
    assert_string_equal(form(MPOL_NAME_UPN, (mpol_bytes){(const uint8_t *)"a\0b", 3}), "");
    assert_string_equal(form(MPOL_NAME_ATTRIBUTE, (mpol_bytes){(const uint8_t *)"a\0", 2}), "");
}

static void test_a_kind_that_is_none_has_no_names(void **state) {
    (void)state;
    assert_string_equal(form_of(MPOL_NAME_KIND_COUNT, "a"), "");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spiffe),
        cmocka_unit_test(test_spiffe_lengths),
        cmocka_unit_test(test_uri),
        cmocka_unit_test(test_dns),
        cmocka_unit_test(test_dns_lengths),
        cmocka_unit_test(test_email),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_a_zero_byte_is_malformed_in_every_kind),
        cmocka_unit_test(test_a_kind_that_is_none_has_no_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
