/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses: joined, taken apart around IPv4, and written as networks. How networks are
 * read is in test_values.c. */
#include "documents.h"

#include "model/networks.h"
#include "source/values.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* Add "low-high", or a network as "low/bits". */
static void add(apr_array_header_t *ranges, const char *text) {
    mpol_network network;
    unsigned bits;
    char *low = apr_pstrdup(support_pool(), text);
    char *high = low + strcspn(low, "-/");
    char mark = *high;
    *high++ = '\0';
    assert_true(mpol_parse_address(low, network.low, &bits));
    if (mark == '-') {
        assert_true(mpol_parse_address(high, network.high, &bits));
    } else {
        unsigned prefix = (unsigned)strtoul(high, NULL, 10) + 128 - bits;
        memcpy(network.high, network.low, sizeof network.high);
        for (unsigned bit = prefix; bit < 128; bit++)
            network.high[bit / 8] = (uint8_t)(network.high[bit / 8] | 0x80 >> (bit % 8));
    }
    mpol_networks_add(ranges, &network);
}

static apr_array_header_t *ranges_of(const char *list) {
    apr_array_header_t *ranges = apr_array_make(support_pool(), 2, sizeof(mpol_network));
    char *rest = apr_pstrdup(support_pool(), list);
    for (char *part; (part = apr_strtok(rest, " ", &rest)) != NULL;)
        add(ranges, part);
    mpol_networks_settle(ranges);
    return ranges;
}

static const char *texts_of(const apr_array_header_t *ranges) {
    apr_array_header_t *texts = apr_array_make(support_pool(), 2, sizeof(mpol_bytes));
    const char *out = "";
    mpol_network_texts(support_pool(), ranges, texts);
    for (int i = 0; i < texts->nelts; i++)
        out = TEXT("%s%s%s", out, i > 0 ? " " : "", support_text(*MPOL_AT(texts, i, mpol_bytes)));
    return out;
}

static void test_texts(void **state) {
    static const char *const rows[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.1.2.3/32", "10.1.2.3"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8"}, /* adjacent */
        {"10.128.0.0/9 10.0.0.0/10 10.64.0.0/10", "10.0.0.0/8"},
        {"10.1.0.0/16 10.0.0.0/8", "10.0.0.0/8"},         /* within */
        {"9.0.0.0/8 10.0.0.0/8", "9.0.0.0/8 10.0.0.0/8"}, /* no one network */
        {"8.0.0.0/8 9.0.0.0/8", "8.0.0.0/7"},
        {"10.0.0.1-10.0.0.6", "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6"},
        {"0.0.0.1-255.255.255.255", "0.0.0.1 0.0.0.2/31 0.0.0.4/30 0.0.0.8/29 0.0.0.16/28 "
                                    "0.0.0.32/27 0.0.0.64/26 0.0.0.128/25 0.0.1.0/24 "
                                    "0.0.2.0/23 0.0.4.0/22 0.0.8.0/21 0.0.16.0/20 0.0.32.0/19 "
                                    "0.0.64.0/18 0.0.128.0/17 0.1.0.0/16 0.2.0.0/15 "
                                    "0.4.0.0/14 0.8.0.0/13 0.16.0.0/12 0.32.0.0/11 0.64.0.0/10 "
                                    "0.128.0.0/9 1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 "
                                    "8.0.0.0/5 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/1"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"2001:db8::/33 2001:db8:8000::/33", "2001:db8::/32"},
        {"::1/128", "::1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::/0", "::/0"},
        {"::/1", "::/1"},
        {"::/1 8000::/1", "::/0"},
        {"8000::/1", "8000::/1"},
        /* It ends with IPv4, which it never holds, and so is no one network. */
        {"::/80",
         "::/81 ::8000:0:0/82 ::c000:0:0/83 ::e000:0:0/84 ::f000:0:0/85 ::f800:0:0/86 "
         "::fc00:0:0/87 "
         "::fe00:0:0/88 ::ff00:0:0/89 ::ff80:0:0/90 ::ffc0:0:0/91 ::ffe0:0:0/92 ::fff0:0:0/93 "
         "::fff8:0:0/94 ::fffc:0:0/95 ::fffe:0:0/96"},
        {"::/79", "::/79"},
        {"::/0 10.0.0.0/8", "::/0 10.0.0.0/8"},
        {"::/0 0.0.0.0/0", "::/0 0.0.0.0/0"},
        {"0.0.0.0/0 ::fffe:0:0/96", "::fffe:0:0/96 0.0.0.0/0"}, /* they touch, and stay apart */
        {"0.0.0.0/0 0:0:0:0:1::/96", "0.0.0.0/0 ::1:0:0:0/96"},
        {"::fffe:0:0/95", "::fffe:0:0/96"}, /* its second half is IPv4, which it never holds */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(texts_of(ranges_of(rows[i][0])), rows[i][1]);
}

static bool same_ranges(const apr_array_header_t *a, const apr_array_header_t *b) {
    return a->nelts == b->nelts &&
           memcmp(a->elts, b->elts, (size_t)a->nelts * sizeof(mpol_network)) == 0;
}

/* What is written is read to the same ranges. */
static void expect_round_trip(const apr_array_header_t *ranges) {
    apr_array_header_t *texts = apr_array_make(support_pool(), 2, sizeof(mpol_bytes));
    apr_array_header_t *again = apr_array_make(support_pool(), 2, sizeof(mpol_network));
    mpol_network_texts(support_pool(), ranges, texts);
    for (int i = 0; i < texts->nelts; i++) {
        const char *text = support_text(*MPOL_AT(texts, i, mpol_bytes));
        add(again, strchr(text, '/') != NULL
                       ? text
                       : TEXT("%s/%d", text, strchr(text, ':') != NULL ? 128 : 32));
    }
    mpol_networks_settle(again);
    if (!same_ranges(ranges, again))
        fail_msg("%s: not the same ranges: %s", texts_of(ranges), texts_of(again));
}

/* Networks of every length around the place of IPv4, and anywhere. */
static void test_there_and_back(void **state) {
    const int rounds = support_is_slow() ? 50 : 3000;
    uint64_t random = 0x853c49e6748fea9bu;
    (void)state;
    for (int i = 0; i < rounds; i++) {
        const char *list = "";
        uint32_t count = 1 + document_random(&random, 6);
        for (uint32_t k = 0; k < count; k++) {
            static const char *const starts[] = {
                "::",     "::fffe:0:0",      "::1:0:0:0",   "0.0.0.0",       "10.0.0.0",
                "8000::", "::ffff:ffff:0:0", "0:0:0:0:2::", "::fffe:ffff:0", "128.0.0.0"};
            static const unsigned shortest[] = {0, 95, 80, 0, 7, 1, 80, 79, 112, 1};
            static const unsigned width[] = {128, 128, 128, 32, 32, 128, 128, 128, 128, 32};
            uint32_t s = document_random(&random, COUNT_OF(starts));
            list = TEXT("%s%s/%u ", list, starts[s],
                        shortest[s] + document_random(&random, width[s] - shortest[s] + 1));
        }
        const apr_array_header_t *ranges = ranges_of(list);
        expect_round_trip(ranges);
        for (int k = 1; k < ranges->nelts; k++)
            assert_true(memcmp(MPOL_AT(ranges, k - 1, mpol_network)->high,
                               MPOL_AT(ranges, k, mpol_network)->low, MPOL_ADDRESS_BYTES) < 0);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_there_and_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
