/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "source/values.h"

#include <apr_strings.h>
#include <string.h>
#include <time.h>

static void test_times(void **state) {
    static const struct {
        const char *text;
        uint64_t seconds;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01Z", 1},
        {"2027-01-31T12:00:00Z", 1801396800},
        {"2026-06-01T17:30:00+05:30", 1780315200},
        {"2026-06-01T04:00:00-08:00", 1780315200},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"9999-12-31T23:59:59Z", 253402300799u},
        {"1970-01-01T01:00:00+01:00", 0},
        {"2026-06-01t12:00:00z", 1780315200},
        {"2026-06-01T12:00:00+00:00", 1780315200},
        {"2026-06-01T12:00:00-00:00", 1780315200},
        {"1970-01-01T00:00:00-23:59", 86340},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t seconds = 99;
        if (!mpol_parse_time(rows[i].text, &seconds))
            fail_msg("%s is refused", rows[i].text);
        assert_true(seconds == rows[i].seconds);
    }
}

static void test_what_is_no_time(void **state) {
    static const char *const rows[] = {
        "",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-01-31 12:00:00Z",
        "2027-01-31T12:00Z",
        "2027-01-31T12:00:00.5Z",
        "2027-01-31T12:00:00Z ",
        " 2027-01-31T12:00:00Z",
        "2027-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2027-04-31T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-00-01T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-01-32T00:00:00Z",
        "2027-01-31T24:00:00Z",
        "2027-01-31T23:60:00Z",
        "2027-01-31T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:30:00+01:00",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01", /* the year 10000 */
        "999-01-01T00:00:00Z",
        "2027-1-31T12:00:00Z",
        "+027-01-31T12:00:00Z",
        "2027-01-31T12:00:00+1:00",
        "2027-01-31T12:00:00+01",
        "2027-01-31T12:00:00+0100",
        "2027-01-31T12:00:00+24:00",
        "2027-01-31T12:00:00+01:60",
        "2027-01-31T12:00:00Zx",
        "2027-01-31T12:00:00ZZ",
        "2027-01-31T12:00:00+",
        "2027-01-31T12:00:00*01:00",
        "2027-01-31T-1:00:00Z",
        "2027/01/31T12:00:00Z",
        "2027-01-31T12-00-00Z",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t seconds;
        if (mpol_parse_time(rows[i], &seconds))
            fail_msg("\"%s\" is accepted", rows[i]);
    }
}

/* One day in each month of 200 years, there and back. */
static void test_every_month(void **state) {
    (void)state;
    for (int year = 1970; year < 2170; year++)
        for (int month = 1; month <= 12; month++) {
            char text[40];
            uint64_t seconds;
            struct tm parts;
            (void)apr_snprintf(text, sizeof text, "%04d-%02d-28T01:02:03Z", year, month);
            assert_true(mpol_parse_time(text, &seconds));
            time_t time = (time_t)seconds;
            assert_non_null(gmtime_r(&time, &parts));
            assert_true(parts.tm_year == year - 1900 && parts.tm_mon == month - 1 &&
                        parts.tm_mday == 28);
            assert_true(parts.tm_hour == 1 && parts.tm_min == 2 && parts.tm_sec == 3);
        }
}

static void test_addresses(void **state) {
    uint8_t address[MPOL_ADDRESS_BYTES];
    uint8_t mapped[MPOL_ADDRESS_BYTES];
    unsigned bits;
    (void)state;
    assert_true(mpol_parse_address("10.1.2.3", address, &bits));
    assert_int_equal(bits, 32);
    assert_memory_equal(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\x03",
                        MPOL_ADDRESS_BYTES);
    assert_true(mpol_parse_address("::ffff:10.1.2.3", mapped, &bits));
    assert_int_equal(bits, 128);
    assert_memory_equal(address, mapped, MPOL_ADDRESS_BYTES);
    assert_true(mpol_parse_address("2001:DB8::1", address, &bits));
    assert_memory_equal(address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", MPOL_ADDRESS_BYTES);
    static const char *const bad[] = {"",           "10.1.2",    "10.1.2.3.4", "010.1.2.3",
                                      "10.1.2.256", "10.1.2.3 ", "::1%lo",     "[::1]",
                                      "peer",       "1::2::3",   "0x7f.1",     "2130706433"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (mpol_parse_address(bad[i], address, &bits))
            fail_msg("\"%s\" is accepted", bad[i]);
}

/* The networks of the one rule of a policy: "low-high" in hexadecimal, shortened at the front. */
static const char *networks(const char *list) {
    mpol_model *model;
    const char *out = "";
    const mpol_diagnostics *found = support_read(
        apr_psprintf(support_pool(),
                     "{ \"name\": \"x\", \"issuers\": { \"c\": { \"certificates\": [{ \"pem\": "
                     "\"$corp\" }], \"names\": [\"cn\"] } },"
                     "\"identities\": { \"a\": { \"issuer\": \"c\", \"cn\": \"a\" } }, \"routes\": "
                     "{ \"r\": { \"hosts\": [\"*\"],"
                     "\"methods\": [\"GET\"], \"paths\": [\"/\"] } }, \"rules\": { \"r\": { "
                     "\"effect\": \"allow\","
                     "\"subjects\": [\"a\"], \"routes\": [\"r\"], \"networks\": [%s] } } }",
                     list),
        &model);
    if (found->errors > 0)
        return mpol_diagnostic_code_name(MPOL_AT(found->list, 0, mpol_diagnostic)->code);
    const apr_array_header_t *made = MPOL_AT(model->rules, 0, mpol_rule)->networks;
    for (int i = 0; i < made->nelts; i++) {
        const mpol_network *network = MPOL_AT(made, i, mpol_network);
        for (int k = 0; k < 2 * (int)MPOL_ADDRESS_BYTES; k++)
            out = apr_psprintf(
                support_pool(), "%s%s%02x", out, k == (int)MPOL_ADDRESS_BYTES ? "-" : "",
                k < (int)MPOL_ADDRESS_BYTES ? network->low[k]
                                            : network->high[k - (int)MPOL_ADDRESS_BYTES]);
        out = apr_pstrcat(support_pool(), out, " ", NULL);
    }
    return out;
}

#define V4 "00000000000000000000ffff"

static void test_networks(void **state) {
    static const char *const rows[][2] = {
        {"\"10.0.0.0/8\"", V4 "0a000000-" V4 "0affffff "},
        {"\"10.1.2.3\"", V4 "0a010203-" V4 "0a010203 "},
        {"\"10.1.2.3/32\"", V4 "0a010203-" V4 "0a010203 "},
        {"\"0.0.0.0/0\"", V4 "00000000-" V4 "ffffffff "},
        {"\"10.1.0.0/16\", \"10.0.0.0/8\"", V4 "0a000000-" V4 "0affffff "},
        {"\"10.0.0.0/8\", \"9.0.0.0/8\"", V4 "09000000-" V4 "0affffff "},
        {"\"10.0.0.0/8\", \"8.0.0.0/8\"",
         V4 "08000000-" V4 "08ffffff " V4 "0a000000-" V4 "0affffff "},
        {"\"2001:db8::/32\"", "20010db8000000000000000000000000-20010db8ffffffffffffffffffffffff "},
        {"\"::1\"", "00000000000000000000000000000001-00000000000000000000000000000001 "},
        {"\"::/0\"", "00000000000000000000000000000000-00000000000000000000fffeffffffff "
                     "00000000000000000001000000000000-ffffffffffffffffffffffffffffffff "},
        {"\"::/80\"", "00000000000000000000000000000000-00000000000000000000fffeffffffff "},
        {"\"::fffe:0:0/95\"", "00000000000000000000fffe00000000-00000000000000000000fffeffffffff "},
        {"\"::/79\"", "00000000000000000000000000000000-00000000000000000000fffeffffffff "
                      "00000000000000000001000000000000-00000000000000000001ffffffffffff "},
        {"\"::/0\", \"10.0.0.0/8\"",
         "00000000000000000000000000000000-00000000000000000000fffeffffffff " V4 "0a000000-" V4
         "0affffff 00000000000000000001000000000000-ffffffffffffffffffffffffffffffff "},
        {"\"::fffe:0:0/96\"", "00000000000000000000fffe00000000-00000000000000000000fffeffffffff "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(networks(rows[i][0]), rows[i][1]);
}

static void test_what_is_no_network(void **state) {
    static const char *const rows[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/ 8",
        "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.1.0.0/8",
        "10.0.0.1/31",
        "10.0.0/8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "2001:db8::/129",
        "2001:db8::1/64",
        "::ffff:10.0.0.1",
        "::ffff:0:0/96",
        "::ffff:10.0.0.0/104",
        "fe80::1%eth0",
        "10.0.0.0/1000",
        "10.0.0.0\\u0000/8",
        "10.0.0.0/8\\u0000",
        "::ffff:0.0.0.0/97",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(networks(apr_psprintf(support_pool(), "\"%s\"", rows[i])),
                            "bad-network");
    assert_string_equal(networks(""), "empty-list");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),       cmocka_unit_test(test_what_is_no_time),
        cmocka_unit_test(test_every_month), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),    cmocka_unit_test(test_what_is_no_network),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
