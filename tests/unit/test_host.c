/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static mpol_reason parse(const char *raw, char out[MPOL_HOST_BUFFER + 1]) {
    uint8_t buffer[MPOL_HOST_BUFFER];
    mpol_bytes host;
    mpol_reason reason =
        mpol_host_parse(raw != NULL ? support_bytes(raw) : (mpol_bytes){NULL, 0}, buffer, &host);
    out[0] = '\0';
    if (reason == MPOL_REASON_ALLOWED) {
        memcpy(out, host.data, host.len);
        out[host.len] = '\0';
    }
    return reason;
}

static void test_good_hosts(void **state) {
    static const char *const rows[][2] = {
        {"api.example", "api.example"},
        {"API.Example", "api.example"},
        {"api.example.", "api.example"},
        {"api.example:8443", "api.example"},
        {"Api.Example.:443", "api.example"},
        {"api.example:", "api.example"},
        {"a", "a"},
        {"-", "-"},
        {"_a-b_", "_a-b_"},
        {"10.0.0.7", "10.0.0.7"},
        {"10.0.0.7.:80", "10.0.0.7"},
        {"999.999", "999.999"},
        {"[2001:DB8::1]", "2001:db8::1"},
        {"[2001:DB8::1]:443", "2001:db8::1"},
        {"[::1]:", "::1"},
        {"::1", "::1"},
        {"::", "::"},
        {"1::", "1::"},
        {"[::]", "::"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    };
    char host[MPOL_HOST_BUFFER + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (parse(rows[i][0], host) != MPOL_REASON_ALLOWED)
            fail_msg("%s is refused", rows[i][0]);
        assert_string_equal(host, rows[i][1]);
    }
}

/* One address has one text: RFC 5952 section 4, but dotted decimal is written in hexadecimal. */
static void test_ipv6_addresses_have_one_text(void **state) {
    static const char *const rows[][2] = {
        {"[::ffff:10.0.0.1]", "::ffff:a00:1"},
        {"::FFFF:0a00:0001", "::ffff:a00:1"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* a single zero is not shortened */
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},       /* the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, /* the first of equals */
        {"0:0:0:0:0:0:0:0", "::"},
        {"0::0", "::"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"::0.0.0.1", "::1"},
        {"1:0:0:2:0:0:0:0", "1:0:0:2::"},
        {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
        {"[00A0:0b:c::]", "a0:b:c::"},
    };
    char host[MPOL_HOST_BUFFER + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(parse(rows[i][0], host), MPOL_REASON_ALLOWED);
        assert_string_equal(host, rows[i][1]);
        assert_int_equal(parse(rows[i][1], host), MPOL_REASON_ALLOWED); /* and keeps it */
        assert_string_equal(host, rows[i][1]);
    }
}

static void test_bad_hosts(void **state) {
    static const char *const rows[] = {
        "",
        ".",
        "..",
        ".a",
        "a..",
        "a..b",
        ":",
        ":80",
        ".:80",
        "a:b",
        "a:1:2",
        "a:80:",
        "a b",
        "a/b",
        "u@a",
        "a,b",
        "a?",
        "a#",
        "*",
        "[",
        "]",
        "[]",
        "[]:80",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:x",
        "[::1]:80:90",
        "[a]",
        "[10.0.0.1]",
        "[::1].",
        "::1.",
        "::1.2.3.4.",
        "1::.",
        "[::1.]",
        "[::1%eth0]",
        "::1%1",
        ":::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1::",
        "1:::2",
        "12345::",
        "::12345",
        "::g",
        "::1.2.3",
        "::1.2.3.256",
        "::01.2.3.4",
        "::1.2.3.4:5",
        "1.2.3.4::",
        "::1.2.3.4.5",
        "\xc3\xa9.example",
        "a\x7f",
        "a\x01",
        "[::1]]",
        "[[::1]]",
        "api.example, b.example",
        "::1:",
    };
    char host[MPOL_HOST_BUFFER + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (parse(rows[i], host) != MPOL_REASON_HOST_MALFORMED)
            fail_msg("%s is not malformed but \"%s\"", rows[i], host);
}

static void test_no_host_is_missing_and_an_empty_one_malformed(void **state) {
    char host[MPOL_HOST_BUFFER + 1];
    (void)state;
    assert_int_equal(parse(NULL, host), MPOL_REASON_HOST_MISSING);
    assert_int_equal(parse("", host), MPOL_REASON_HOST_MALFORMED);
}

static void test_lengths(void **state) {
    char label[66];
    char name[300] = "";
    char host[MPOL_HOST_BUFFER + 1];
    (void)state;
    memset(label, 'x', sizeof label);
    label[63] = '\0';
    assert_int_equal(parse(label, host), MPOL_REASON_ALLOWED);
    label[63] = 'x';
    label[64] = '\0';
    assert_int_equal(parse(label, host), MPOL_REASON_HOST_MALFORMED);
    for (int i = 0; i < 126; i++)
        strncat(name, "y.", 3);
    strncat(name, "y", 2); /* 253 */
    assert_int_equal(parse(name, host), MPOL_REASON_ALLOWED);
    assert_string_equal(host, name);
    strncat(name, ".", 2);
    assert_int_equal(parse(name, host), MPOL_REASON_ALLOWED);
    strncat(name, ":65535", 7);
    assert_int_equal(parse(name, host), MPOL_REASON_ALLOWED);
    name[253] = 'y';
    name[254] = '\0';
    assert_int_equal(parse(name, host), MPOL_REASON_HOST_MALFORMED);
    char brackets[300];
    memset(brackets, '1', sizeof brackets);
    brackets[0] = '[';
    brackets[298] = ']';
    brackets[299] = '\0';
    assert_int_equal(parse(brackets, host), MPOL_REASON_HOST_MALFORMED);
}

/* Every text of up to eight of these tokens that has a colon: the C library is the second opinion.
 */
static void test_ipv6_against_the_c_library(void **state) {
    static const char *const tokens[] = {":", "::", "1", "ffff", "1.2.3.4", "0.0.0.256"};
    enum { TOKENS = COUNT_OF(tokens), LONGEST = 7 };
    char host[MPOL_HOST_BUFFER + 1];
    int total = 1;
    (void)state;
    for (int length = 1; length <= (support_is_slow() ? 4 : LONGEST); length++) {
        total *= TOKENS;
        for (int n = 0; n < total; n++) {
            struct in6_addr address;
            char text[80] = "";
            for (int i = 0, rest = n; i < length; i++, rest /= TOKENS)
                strncat(text, tokens[rest % TOKENS], 10);
            char bracketed[90];
            (void)snprintf(bracketed, sizeof bracketed, "[%s]", text);
            bool valid = inet_pton(AF_INET6, text, &address) == 1;
            if ((parse(bracketed, host) == MPOL_REASON_ALLOWED) != valid)
                fail_msg("%s: %s", bracketed, valid ? "refused" : "accepted");
            struct in6_addr again;
            if (valid &&
                (inet_pton(AF_INET6, host, &again) != 1 || memcmp(&address, &again, 16) != 0))
                fail_msg("%s: another address, %s", bracketed, host);
        }
    }
}

static void test_dns_names_of_policies(void **state) {
    (void)state;
    assert_true(mpol_is_dns_name(support_bytes("a.b")));
    assert_true(mpol_is_dns_name(support_bytes("_a-1")));
    assert_false(mpol_is_dns_name(support_bytes("A.b")));
    assert_false(mpol_is_dns_name(support_bytes("a.")));
    assert_false(mpol_is_dns_name(support_bytes("")));
    assert_false(mpol_is_dns_name(support_bytes("*")));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_hosts),
        cmocka_unit_test(test_ipv6_addresses_have_one_text),
        cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_no_host_is_missing_and_an_empty_one_malformed),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_ipv6_against_the_c_library),
        cmocka_unit_test(test_dns_names_of_policies),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
