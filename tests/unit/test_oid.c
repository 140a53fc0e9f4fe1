/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "source/oid.h"

#include <apr_strings.h>
#include <string.h>

static const char *parsed(const char *text) {
    mpol_bytes oid;
    return mpol_oid_parse(support_bytes(text), &oid) ? support_text(oid) : "";
}

static const char *parsed_type(const char *text) {
    mpol_bytes oid;
    return mpol_oid_parse_type(support_bytes(text), &oid) ? support_text(oid) : "";
}

static void test_names(void **state) {
    static const char *const rows[][2] = {
        {"organizationIdentifier", "2.5.4.97"},
        {"serialNumber", "2.5.4.5"},
        {"countryName", "2.5.4.6"},
        {"localityName", "2.5.4.7"},
        {"stateOrProvinceName", "2.5.4.8"},
        {"organizationName", "2.5.4.10"},
        {"organizationalUnitName", "2.5.4.11"},
        {"title", "2.5.4.12"},
        {"dnQualifier", "2.5.4.46"},
        {"pseudonym", "2.5.4.65"},
        {"userId", "0.9.2342.19200300.100.1.1"},
        {"domainComponent", "0.9.2342.19200300.100.1.25"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(parsed(rows[i][0]), rows[i][1]);
        assert_string_equal(parsed(rows[i][1]), rows[i][1]);
        char *lower = apr_pstrdup(support_pool(), rows[i][0]);
        lower[0] = (char)(lower[0] - 32);
        assert_string_equal(parsed(lower), ""); /* case counts, but not in a subject */
        assert_string_equal(parsed_type(lower), rows[i][1]);
    }
}

static void test_dots(void **state) {
    static const char *const good[] = {"0.0",          "1.39",    "2.40",
                                       "2.999.1",      "2.5.4.3", "1.3.6.1.4.1.311.20.2.3",
                                       "2.2147483647", "0.39.0"};
    static const char *const bad[] = {
        "",     "2",    "2.",         ".2",           "2..5",          "3.1",
        "0.40", "1.40", "01.2",       "2.05",         "2.5.",          "2.5.4 ",
        " 2.5", "2.-5", "2.5a",       "2.2147483648", "2.99999999999", "oid.2.5.4.3",
        "CN",   "cn",   "commonName", "10.5",         "2,5",           "2.5.4.3\n"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_string_equal(parsed(good[i]), good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(parsed(bad[i]), "");
}

static void test_lengths(void **state) {
    char text[200];
    (void)state;
    for (int i = 0; i < 199; i += 2)
        memcpy(text + i, "1.", 2);
    text[127] = '\0';
    assert_string_equal(parsed(text), text);
    text[127] = '.';
    text[129] = '\0';
    assert_string_equal(parsed(text), "");
}

static void test_types_of_subjects(void **state) {
    static const char *const rows[][2] = {
        {"CN", "2.5.4.3"},
        {"cn", "2.5.4.3"},
        {"L", "2.5.4.7"},
        {"ST", "2.5.4.8"},
        {"o", "2.5.4.10"},
        {"Ou", "2.5.4.11"},
        {"C", "2.5.4.6"},
        {"STREET", "2.5.4.9"},
        {"dc", "0.9.2342.19200300.100.1.25"},
        {"UID", "0.9.2342.19200300.100.1.1"},
        {"2.5.4.3", "2.5.4.3"},
        {"SERIALNUMBER", "2.5.4.5"},
        {"S", ""},
        {"email", ""},
        {"E", ""},
        {"OID.2.5.4.3", ""},
        {"", ""},
        {" CN", ""},
        {"CN ", ""},
        {"C\\4e", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(parsed_type(rows[i][0]), rows[i][1]);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_types_of_subjects),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
