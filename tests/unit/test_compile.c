/* SPDX-License-Identifier: Apache-2.0 */
/* Equal meaning, equal bytes; and another meaning, other bytes. */
#include "documents.h"

#include "compile/compile.h"
#include "image/check.h"

#include <apr_strings.h>
#include <string.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* The policy that all of this file varies; every spelling below must compile to the same bytes. */
static const char plain[] =
    "{\"name\":\"x\",\"serial\":3,\"valid_until\":\"2030-01-01T00:00:00Z\",\"environment\":\"e\","
    "\"issuers\":{\"corp\":{\"certificates\":[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}],\"names\":["
    "\"dns\",\"cn\","
    "{\"attribute\":\"2.5.4.97\"}],\"may_assert\":[{\"dns\":\"*.example\"},{\"cn\":\"bob\"}],\"any_"
    "of\":true},"
    "\"other\":{\"certificates\":[{\"pem\":\"$partner\"}],\"names\":[\"subject\",\"email\"],"
    "\"environment\":\"e\"},"
    "\"pins\":{\"certificates\":[{\"pem\":\"$third\"}],\"names\":[\"none\"]}},"
    "\"identities\":{\"ann\":{\"issuer\":\"corp\",\"dns\":\"ann.example\",\"attributes\":{\"2.5.4."
    "10\":\"O\",\"2.5.4.11\":\"U\"}},"
    "\"bob\":{\"issuer\":\"corp\",\"cn\":\"bob\"},\"cid\":{\"issuer\":\"other\",\"subject\":\"CN=c+"
    "OU=a,O=x\\\\, y\"},"
    "\"dan\":{\"issuer\":\"pins\",\"pins\":[\"spki:" HEX_A "\",\"certificate:" HEX_B "\"]},"
    "\"eva\":{\"issuer\":\"other\",\"email\":\"{who}@m.example\"}},"
    "\"groups\":{\"g\":[\"ann\",\"bob\"],\"h\":[\"@g\"]},"
    "\"routes\":{\"r\":{\"hosts\":[\"a\",\"b\",\"2001:db8::1\"],\"methods\":[\"GET\",\"PUT\"],"
    "\"paths\":[\"/x/{id}\",\"/y/**\"],"
    "\"tags\":[\"t\",\"u\"],\"expects\":[\"percent\",\"backslash\"]},"
    "\"s\":{\"hosts\":[\"*\"],\"methods\":[\"*\"],\"paths\":[\"/z\"]},"
    "\"w\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/w/{who}\"]},"
    "\"i\":{\"hosts\":[\"a\"],\"methods\":[\"GET\"],\"paths\":[\"/i\"],\"internal\":\"error\"}},"
    "\"rules\":{\"p\":{\"effect\":\"allow\",\"subjects\":[\"ann\",\"@h\"],\"routes\":[\"tag:t\","
    "\"s\"],"
    "\"networks\":[\"10.0.0.0/8\",\"2001:db8::/"
    "32\"],\"valid_from\":\"2026-01-01T00:00:00Z\",\"note\":\"n\",\"users\":[\"k\",\"l\"]},"
    "\"q\":{\"effect\":\"deny\",\"subjects\":[\"bob\",\"issuer:corp\"],\"routes\":[\"*\"]},"
    "\"o\":{\"effect\":\"allow\",\"subjects\":[\"eva\"],\"routes\":[\"w\"],\"same\":{\"who\":"
    "\"who\"}},"
    "\"v\":{\"effect\":\"allow\",\"subjects\":[\"issuer:other\",\"any-verified\"],\"routes\":["
    "\"w\"],"
    "\"acknowledge\":[\"any-verified\",\"issuer:other\"],\"same\":{\"who\":{\"attribute\":\"2.5.4."
    "5\"}}}}}";

static const mpol_bytes *plain_image(void) {
    static const mpol_bytes *image;
    if (image == NULL)
        image = support_compile(plain);
    return image;
}

static bool same_image(const char *json) {
    return mpol_bytes_equal(*plain_image(), *support_compile(json));
}

static void expect_same(const char *from, const char *to) {
    if (!same_image(document_replaced(plain, from, to)))
        fail_msg("%s makes a difference", to);
}

static void expect_other(const char *from, const char *to) {
    if (same_image(document_replaced(plain, from, to)))
        fail_msg("%s makes no difference", to);
}

static void test_the_same_document_twice(void **state) {
    (void)state;
    assert_true(same_image(plain));
    assert_true(mpol_bytes_equal(*support_compile(support_full_policy),
                                 *support_compile(support_full_policy)));
}

typedef struct change {
    const char *from;
    const char *to;
} change;

static void test_order_makes_no_difference(void **state) {
    static const change rows[] = {
        {"[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east\"},{\"pem\":\"$corp\"}]"},
        {"[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east$corp\"}]"},
        {"[{\"pem\":\"$corp\"},{\"pem\":\"$east\"}]", "[{\"pem\":\"$east$corp$east\"}]"},
        {"\"g\":[\"ann\",\"bob\"],\"h\":[\"@g\"]", "\"h\":[\"@g\"],\"g\":[\"bob\",\"ann\"]"},
        {"\"hosts\":[\"a\",\"b\",\"2001:db8::1\"],\"methods\":[\"GET\",\"PUT\"]",
         "\"methods\":[\"PUT\",\"GET\"],\"hosts\":[\"2001:db8::1\",\"b\",\"a\"]"},
        {"[\"/x/{id}\",\"/y/**\"]", "[\"/y/**\",\"/x/{id}\"]"},
        {"[\"t\",\"u\"]", "[\"u\",\"t\"]"},
        {"[\"percent\",\"backslash\"]", "[\"backslash\",\"percent\"]"},
        {"[\"ann\",\"@h\"]", "[\"@h\",\"ann\"]"},
        {"[\"tag:t\",\"s\"]", "[\"s\",\"tag:t\"]"},
        {"[\"k\",\"l\"]", "[\"l\",\"k\"]"},
        {"[\"bob\",\"issuer:corp\"]", "[\"issuer:corp\",\"bob\"]"},
        {"[\"issuer:other\",\"any-verified\"]", "[\"any-verified\",\"issuer:other\"]"},
        {"[\"any-verified\",\"issuer:other\"],\"same\"",
         "[\"issuer:other\",\"any-verified\"],\"same\""},
        {"[\"dns\",\"cn\",{\"attribute\":\"2.5.4.97\"}]",
         "[{\"attribute\":\"2.5.4.97\"},\"cn\",\"dns\"]"},
        {"[\"subject\",\"email\"]", "[\"email\",\"subject\"]"},
        {"[{\"dns\":\"*.example\"},{\"cn\":\"bob\"}]",
         "[{\"cn\":\"bob\"},{\"dns\":\"*.example\"}]"},
        {"{\"2.5.4.10\":\"O\",\"2.5.4.11\":\"U\"}", "{\"2.5.4.11\":\"U\",\"2.5.4.10\":\"O\"}"},
        {"[\"spki:" HEX_A "\",\"certificate:" HEX_B "\"]",
         "[\"certificate:" HEX_B "\",\"spki:" HEX_A "\"]"},
        {"[\"10.0.0.0/8\",\"2001:db8::/32\"]", "[\"2001:db8::/32\",\"10.0.0.0/8\"]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_same(rows[i].from, rows[i].to);
}

static void test_spelling_makes_no_difference(void **state) {
    static const change rows[] = {
        {"{\"name\":\"x\"", " \n{\t\"name\" :\r\n \"\\u0078\""},
        {"\"ann.example\"", "\"ANN.Example.\""},
        {"\"/y/**\"", "\"\\/y\\/\\u002a*\""},
        {"\"2030-01-01T00:00:00Z\"", "\"2030-01-01T05:30:00+05:30\""},
        {"\"2026-01-01T00:00:00Z\"", "\"2025-12-31T16:00:00-08:00\""},
        {"\"2026-01-01T00:00:00Z\"", "\"2026-01-01t00:00:00z\""},
        {"\"note\":\"n\"", "\"no\\u0074e\":\"\\u006e\""},
        {"\"10.0.0.0/8\",", "\"10.0.0.0/8\",\"10.1.0.0/16\",\"10.2.3.4\","},
        {"\"10.0.0.0/8\",", "\"10.0.0.0/9\",\"10.128.0.0/9\","},
        {"\"10.0.0.0/8\",", "\"10.128.0.0/9\",\"10.64.0.0/10\",\"10.0.0.0/10\","},
        {"2001:db8::/32", "2001:0DB8:0::/32"},
        {"\"2001:db8::/32\"", "\"2001:db8::/33\",\"2001:db8:8000::/33\""},
        {"\"2001:db8::1\"", "\"2001:0DB8:0:0:0:0:0:1\""},
        {"\"2001:db8::1\"", "\"[2001:db8:0::0001]\""},
        {"\"2001:db8::1\"", "\"2001:db8::0.0.0.1\""},
        {"[\"GET\",\"PUT\"]", "[\"HEAD\",\"PUT\",\"GET\"]"},
        {"\"2.5.4.97\"", "\"organizationIdentifier\""},
        {"\"2.5.4.10\":", "\"organizationName\":"},
        {"{\"attribute\":\"2.5.4.5\"}", "{\"attribute\":\"serialNumber\"}"},
        {"spki:" HEX_A, "spki:AAAAAAAAAAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"spki:" HEX_A, "spki:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:AA:aa:aa:aa:aa:aa:aa:"
                        "aa:aa:aa:aa:aa:aa:aa:aa:aa"},
        {"CN=c+OU=a,O=x\\\\, y", "ou=a+cn=c,2.5.4.10=x\\\\2C\\\\20y"},
        {"CN=c+OU=a,O=x\\\\, y", "2.5.4.11=\\\\61+2.5.4.3=c,organizationname=x\\\\, y"},
        {"\"serial\":3", "\"serial\":3,\"production\":true"},
        {"\"hosts\":[\"*\"],", "\"hosts\":[\"*\"],\"internal\":false,\"preflight\":false,"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_same(rows[i].from, rows[i].to);
}

static void test_meaning_makes_a_difference(void **state) {
    static const change rows[] = {
        {"\"name\":\"x\"", "\"name\":\"y\""},
        {"\"serial\":3", "\"serial\":4"},
        {"\"serial\":3", "\"serial\":3,\"production\":false"},
        {"\"environment\":\"e\",\"issuers\"", "\"issuers\""},
        {"\"names\":[\"subject\",\"email\"],\"environment\":\"e\"",
         "\"names\":[\"subject\",\"email\"]"},
        {"2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z"},
        {"{\"pem\":\"$corp\"},", ""},
        {"\"$partner\"", "\"$fifth\""},
        {",{\"attribute\":\"2.5.4.97\"}", ""},
        {"\"any_of\":true", "\"any_of\":false"},
        {"\"may_assert\":[{\"dns\":\"*.example\"},{\"cn\":\"bob\"}],", ""},
        {"{\"dns\":\"*.example\"}", "{\"dns\":\"ann.example\"}"},
        {"\"dns\":\"ann.example\"", "\"dns\":\"ann2.example\""},
        {",\"2.5.4.11\":\"U\"", ""},
        {"\"2.5.4.10\":\"O\"", "\"2.5.4.10\":\"o\""},
        {"\"2.5.4.10\":\"O\"", "\"2.5.4.12\":\"O\""},
        {"CN=c+OU=a,O=x", "CN=c,OU=a,O=x"},
        {"CN=c+OU=a,O=x", "O=x,CN=c+OU=a"},
        {"spki:" HEX_A, "certificate:" HEX_A},
        {"\"spki:" HEX_A "\",", ""},
        {"{who}@m", "{who}@n"},
        {"[\"ann\",\"bob\"]", "[\"ann\"]"},
        {"\"h\":[\"@g\"]", "\"h\":[\"@g\"],\"i\":[]"},
        {"[\"a\",\"b\",", "[\"a\",\"*.b\","},
        {"2001:db8::1", "2001:db8::2"},
        {"[\"GET\",\"PUT\"]", "[\"GET\"]"},
        {"[\"GET\",\"PUT\"]", "[\"HEAD\",\"PUT\"]"},
        {"[\"*\"],\"paths\":[\"/z\"]", "[\"get\"],\"paths\":[\"/z\"]"},
        {"/y/**", "/y/*"},
        {"/x/{id}", "/x/{name}"}, /* for people: it is what the server's log may show */
        {"/x/{id}", "/x/{id:int}"},
        {"\"percent\",", ""},
        {"\"internal\":\"error\"", "\"internal\":true"},
        {"\"hosts\":[\"*\"],", "\"hosts\":[\"*\"],\"preflight\":true,"},
        {"\"any_of\":true", "\"any_of\":true,\"environment\":\"e\""},
        {"[\"ann\",\"@h\"]", "[\"ann\"]"},
        {"[\"bob\",\"issuer:corp\"]", "[\"bob\"]"},
        {"[\"bob\",\"issuer:corp\"]", "[\"bob\",\"issuer:other\"]"},
        {"[\"tag:t\",\"s\"]", "[\"s\"]"},
        {"\"10.0.0.0/8\",", ""},
        {"10.0.0.0/8", "10.0.0.0/9"},
        {"\"valid_from\":\"2026-01-01T00:00:00Z\",", ""},
        {"2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"},
        {"valid_from", "valid_until"},
        {"[\"k\",\"l\"]", "[\"k\"]"},
        {"[\"k\",\"l\"]", "[\"*\"]"},
        {",\"same\":{\"who\":\"who\"}", ""},
        {"{\"attribute\":\"2.5.4.5\"}", "{\"attribute\":\"2.5.4.6\"}"},
        {"\"note\":\"n\"", "\"note\":\"m\""},
        {"\"note\":\"n\"", "\"owner\":\"n\""},
        {"\"note\":\"n\"", "\"ticket\":\"n\""},
        {"\"note\":\"n\"", "\"note\":\"n\",\"owner\":\"n\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_other(rows[i].from, rows[i].to);
}

/* --- shuffled
 * ------------------------------------------------------------------------------------------- */

/* The members of a JSON text (of one that has no bracket or comma within strings, but for those
 * behind a backslash), shuffled on every level; blanks between. */
static const char *shuffled(const char **at, uint64_t *random) {
    const char *start = *at;
    const char *parts[64];
    int count = 0;
    char open = **at;
    if (open == '"') {
        for ((*at)++; **at != '"'; (*at)++)
            *at += **at == '\\';
        (*at)++;
        return apr_pstrmemdup(support_pool(), start, (apr_size_t)(*at - start));
    }
    if (open != '{' && open != '[') {
        *at += strcspn(*at, ",]}");
        return apr_pstrmemdup(support_pool(), start, (apr_size_t)(*at - start));
    }
    for ((*at)++; **at != '}' && **at != ']'; *at += **at == ',') {
        const char *part = shuffled(at, random);
        if (**at == ':') {
            (*at)++;
            part = TEXT("%s%s: %s", part, document_random(random, 2) == 0 ? "" : "\t",
                        shuffled(at, random));
        }
        assert_true(count < (int)COUNT_OF(parts));
        parts[count++] = part;
    }
    const char *out = "";
    for (int left = count; left > 0; left--) {
        uint32_t i = document_random(random, (uint32_t)left);
        out = TEXT("%s%s%s%s", out, left < count ? "," : "",
                   document_random(random, 3) == 0 ? "\r\n " : "", parts[i]);
        parts[i] = parts[left - 1];
    }
    return TEXT("%c%s%c", open, out, *(*at)++);
}

static void test_any_order_of_everything(void **state) {
    const int rounds = support_is_slow() ? 3 : 60;
    uint64_t random = 0xda3e39cb94b95bdbu;
    (void)state;
    for (int i = 0; i < rounds; i++) {
        const char *at = plain;
        const char *json = shuffled(&at, &random);
        assert_string_not_equal(json, plain);
        if (!same_image(json))
            fail_msg("the order makes a difference: %s", json);
    }
}

/* --- what compiles
 * ---------------------------------------------------------------------------------------- */

static void test_an_empty_policy(void **state) {
    const mpol_image *image = support_image("{\"name\":\"x\"}");
    (void)state;
    assert_string_equal(mpol_policy_name(image), "x");
    assert_true(mpol_policy_serial(image) == 0);
    assert_true(mpol_policy_valid_until(image) == 0);
    assert_int_equal(mpol_count(image, MPOL_ROWS), 1);
    assert_int_equal(mpol_count(image, MPOL_STRING_OFFSETS), 2);
    static const char *const same[] = {"{\"name\":\"x\",\"serial\":0}",
                                       "{\"issuers\":{},\"rules\":{},\"groups\":{},\"routes\":{},"
                                       "\"identities\":{},\"name\":\"x\"}"};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        assert_true(
            mpol_bytes_equal(*support_compile("{\"name\":\"x\"}"), *support_compile(same[i])));
}

static void test_networks_around_ipv4(void **state) {
    const mpol_image *image = support_image(document_replaced(
        plain, "\"10.0.0.0/8\",\"2001:db8::/32\"", "\"::/0\",\"0.0.0.0/0\",\"::fffe:0:0/95\""));
    (void)state;
    assert_int_equal(mpol_count(image, MPOL_NETWORKS), 3);
    expect_other("\"10.0.0.0/8\",\"2001:db8::/32\"", "\"::/0\"");
    assert_true(mpol_bytes_equal(
        *support_compile(document_replaced(plain, "\"10.0.0.0/8\",\"2001:db8::/32\"", "\"::/0\"")),
        *support_compile(document_replaced(plain, "\"10.0.0.0/8\",\"2001:db8::/32\"",
                                           "\"::/1\",\"8000::/1\""))));
}

static void test_a_policy_too_complex_is_no_image(void **state) {
    const char *routes = "";
    const char *names = "";
    (void)state;
    for (int i = 0; i < 18; i++) {
        const char *path = "";
        for (int k = 0; k < 18; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        routes =
            TEXT("%s%s\"r%d\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"%s/y%d\"]}",
                 routes, i > 0 ? "," : "", i, path, i);
        names = TEXT("%s%s\"i%d\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t%s/y%d\"}", names,
                     i > 0 ? "," : "", i, path, i);
    }
    const char *found = support_findings(TEXT("{\"name\":\"x\",\"routes\":{%s}}", routes));
    assert_int_equal(strncmp(found, "route-too-complex 1 ", 20), 0);
    found = support_findings(
        document_with(TEXT(DOCUMENT_ISSUER_OF("\"spiffe\"") ",\"identities\":{%s}", names)));
    assert_int_equal(strncmp(found, "names-too-complex 1 ", 20), 0);
    assert_non_null(strstr(found, " /identities/i"));
    assert_non_null(strstr(found, "/spiffe\n"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_document_twice),
        cmocka_unit_test(test_order_makes_no_difference),
        cmocka_unit_test(test_spelling_makes_no_difference),
        cmocka_unit_test(test_meaning_makes_a_difference),
        cmocka_unit_test(test_any_order_of_everything),
        cmocka_unit_test(test_an_empty_policy),
        cmocka_unit_test(test_networks_around_ipv4),
        cmocka_unit_test(test_a_policy_too_complex_is_no_image),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
