/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/subject.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define AVA(rdn, oid, literal)                                                                     \
    {                                                                                              \
        rdn, {(const uint8_t *)(oid), sizeof(oid) - 1}, {                                          \
            (const uint8_t *)(literal), sizeof(literal) - 1                                        \
        }                                                                                          \
    }
#define CN "2.5.4.3"
#define O "2.5.4.10"
#define OU "2.5.4.11"
#define C "2.5.4.6"

static const char *written(const mpol_ava *avas, size_t count) {
    uint8_t text[512];
    uint32_t len = mpol_subject_write(avas, (uint32_t)count, text, sizeof text);
    return support_text((mpol_bytes){text, len});
}

static void test_the_last_rdn_comes_first(void **state) {
    static const mpol_ava avas[] = {AVA(0, C, "DE"), AVA(1, O, "Example GmbH"),
                                    AVA(2, CN, "Payments")};
    (void)state;
    assert_string_equal(written(avas, 3), "CN=Payments,O=Example GmbH,C=DE");
    assert_string_equal(written(avas, 1), "C=DE");
    assert_string_equal(written(avas, 0), "");
}

/* RFC 4514 section 2.4 lists these; everything else stands as it is. */
static void test_escapes(void **state) {
    static const struct {
        const char *value;
        const char *text;
    } rows[] = {
        {"a,b", "CN=a\\,b"},
        {"a+b", "CN=a\\+b"},
        {"a\"b", "CN=a\\\"b"},
        {"a\\b", "CN=a\\\\b"},
        {"a<b>c", "CN=a\\<b\\>c"},
        {"a;b", "CN=a\\;b"},
        {"#a", "CN=\\#a"},
        {"a#", "CN=a#"},
        {" a", "CN=\\ a"},
        {"a ", "CN=a\\ "},
        {" ", "CN=\\ "},
        {"  ", "CN=\\ \\ "},
        {"a b", "CN=a b"},
        {"   ", "CN=\\  \\ "},
        {"a=b", "CN=a=b"},
        {"caf\xc3\xa9", "CN=caf\xc3\xa9"},
        {"=", "CN=="},
        {"/", "CN=/"},
        {"\xf0\x9f\x94\x91", "CN=\xf0\x9f\x94\x91"},
        {",", "CN=\\,"},
        {"##", "CN=\\##"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mpol_ava ava = {0, support_bytes(CN), support_bytes(rows[i].value)};
        assert_string_equal(written(&ava, 1), rows[i].text);
    }
}

static void test_an_rdn_is_a_set(void **state) {
    static const mpol_ava one[] = {AVA(0, O, "X"), AVA(1, CN, "b"), AVA(1, OU, "a")};
    static const mpol_ava other[] = {AVA(0, O, "X"), AVA(1, OU, "a"), AVA(1, CN, "b")};
    static const mpol_ava apart[] = {AVA(0, O, "X"), AVA(1, OU, "a"), AVA(2, CN, "b")};
    static const mpol_ava values[] = {AVA(0, OU, "b"), AVA(0, OU, "a"), AVA(0, OU, "ab")};
    static const mpol_ava twice[] = {AVA(0, OU, "a"), AVA(0, CN, "c"), AVA(0, OU, "a")};
    (void)state;
    assert_string_equal(written(one, 3), written(other, 3));
    assert_string_not_equal(written(one, 3), written(apart, 3));
    assert_string_equal(written(values, 3), "OU=a+OU=ab+OU=b");
    assert_string_equal(written(apart, 3), "CN=b,OU=a,O=X");
    assert_string_equal(written(twice, 3), "OU=a+CN=c"); /* 2.5.4.11 before 2.5.4.3, by bytes */
}

static void test_types(void **state) {
    static const mpol_ava unknown[] = {AVA(0, "2.5.4.97", "PSD"), AVA(1, "1.2.3", "x"),
                                       AVA(2, "2.5.4.30", "y")};
    (void)state;
    for (const mpol_short_type *type = mpol_short_types; type->name != NULL; type++) {
        mpol_ava ava = {0, support_bytes(type->oid), support_bytes("v")};
        assert_string_equal(written(&ava, 1), apr_pstrcat(support_pool(), type->name, "=v", NULL));
    }
    assert_string_equal(written(unknown, 3), "2.5.4.30=y,1.2.3=x,2.5.4.97=PSD"); /* not 2.5.4.3 */
}

static void test_room(void **state) {
    static const mpol_ava avas[] = {AVA(0, O, "X"), AVA(1, CN, "a,"), AVA(1, OU, "b")};
    uint32_t len = (uint32_t)strlen(written(avas, 3));
    (void)state;
    for (uint32_t room = 0; room <= len + 1; room++) {
        uint8_t *text = malloc(room > 0 ? room : 1);
        assert_int_equal(mpol_subject_write(avas, 3, text, room), room < len ? 0 : len);
        free(text);
    }
}

/* No value can pass for several attributes: what is written is read back in one way. */
static void test_no_two_subjects_have_one_text(void **state) {
    static const char *const values[] = {"a",  "a,OU=b", "a+OU=b", "a\\", "a\\,OU=b", " a",
                                         "a ", "#a",     "\"a\"",  "b",   "a;"};
    enum { VALUES = COUNT_OF(values) };
    const char *texts[VALUES * VALUES * 2];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < VALUES; i++)
        for (size_t k = 0; k < VALUES; k++)
            for (uint32_t rdn = 0; rdn < 2; rdn++) {
                mpol_ava avas[] = {{0, support_bytes(OU), support_bytes(values[i])},
                                   {rdn, support_bytes(CN), support_bytes(values[k])}};
                texts[count++] = written(avas, 2);
            }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(texts[i], texts[k]);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_rdn_comes_first),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_an_rdn_is_a_set),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_no_two_subjects_have_one_text),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
