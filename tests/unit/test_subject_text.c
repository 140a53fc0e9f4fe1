/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects as people write them (source/subject.c); RFC 4514. */
#include "documents.h"

#include "source/subject.h"

#include <apr_strings.h>
#include <string.h>

static const char *form(const char *text) {
    mpol_bytes subject;
    const char *wrong = mpol_subject_parse(support_pool(), support_bytes(text), &subject);
    return wrong == NULL ? support_text(subject) : "";
}

static void test_forms(void **state) {
    static const char *const rows[][2] = {
        {"CN=Payments,O=Example GmbH,C=DE", "CN=Payments,O=Example GmbH,C=DE"},
        {"cn=Payments,2.5.4.10=Example GmbH,countryName=DE", "CN=Payments,O=Example GmbH,C=DE"},
        {"C=DE,O=Example GmbH,CN=Payments", "C=DE,O=Example GmbH,CN=Payments"}, /* order counts */
        {"CN=a+OU=b,C=DE", "OU=b+CN=a,C=DE"}, /* 2.5.4.11 before 2.5.4.3 */
        {"CN=b+CN=a", "CN=a+CN=b"},
        {"CN=a  b", "CN=a  b"},
        {"CN=x=y", "CN=x=y"},
        {"CN=x\\=y", "CN=x=y"},
        {"CN=x#y", "CN=x#y"},
        {"CN=\\61\\62", "CN=ab"},
        {"CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\xc4\x8di\xc4\x87"}, /* RFC 4514 section 4 */
        {"CN=Lu\xc4\x8di\xc4\x87", "CN=Lu\xc4\x8di\xc4\x87"},
        {"serialNumber=7", "2.5.4.5=7"},
        {"1.2.3=x,DC=example,DC=com", "1.2.3=x,DC=example,DC=com"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(form(rows[i][0]), rows[i][1]);
        assert_string_equal(form(rows[i][1]),
                            rows[i][1]); /* the form is one of its own spellings */
    }
}

/* Every spelling of one value comes to one form, and that is read again. */
static void test_escapes(void **state) {
    static const char *const groups[][4] = {
        {"CN=a\\,b", "CN=a\\2cb", "CN=a\\2Cb", "CN=\\61\\,b"},
        {"CN=a\\+b", "CN=a\\2bb", "CN=a\\2Bb", "CN=\\61\\+b"},
        {"CN=\\\"", "CN=\\22", "cn=\\\"", "2.5.4.3=\\22"},
        {"CN=\\\\", "CN=\\5c", "CN=\\5C", "cn=\\\\"},
        {"CN=\\<\\>\\;", "CN=\\3c\\3e\\3b", "CN=\\3C\\>\\3B", "CN=\\<\\3e\\;"},
        {"CN=\\ a", "CN=\\20a", "CN=\\20\\61", "cn=\\ a"},
        {"CN=a\\ ", "CN=a\\20", "CN=\\61\\20", "cn=a\\ "},
        {"CN=\\ ", "CN=\\20", "cn=\\ ", "2.5.4.3=\\20"},
        {"CN=\\#a", "CN=\\23a", "cn=\\#a", "CN=\\23\\61"},
        {"CN=a\\ ,O=b", "CN=a\\20,O=b", "cn=a\\ ,o=b", "CN=\\61\\20,2.5.4.10=b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        const char *one = form(groups[i][0]);
        assert_string_not_equal(one, "");
        for (int k = 1; k < 4; k++)
            assert_string_equal(form(groups[i][k]), one);
        assert_string_equal(form(one), one);
    }
}

static void test_what_is_no_subject(void **state) {
    static const char *const rows[] = {
        "",          "CN",        "CN=",     "=x",      "CN=x,",     ",CN=x",    "CN=x,,O=y",
        "CN=x+",     "CN=x+,O=y", "CN=x,O",  "XX=a",    "CN=#0401",  "CN= x",    "CN=x ",
        "CN=x ,O=y", "CN=x, O=y", "CN =x",   " CN=x",   "CN=x+ O=y", "CN=x;O=y", "CN=a\"b",
        "CN=\"a\"",  "CN=a<b",    "CN=a>b",  "CN=x\\",  "CN=x\\6",   "CN=x\\zz", "CN=x\\6z",
        "CN=x\\,\\", "CN=\\ff",   "CN=\\c3", "CN=\\00", "CN=a\\0ab", "CN=a\nb",  "CN=\\c2\\85",
        "/CN=x/O=y", "CN=x\\n",   "CN=x+cn=x",
        "CN=x+O=y+CN=\\78", "O=y,CN=x+OU=z+CN=x",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (form(rows[i])[0] != '\0')
            fail_msg("\"%s\" is accepted: %s", rows[i], form(rows[i]));
}

static void test_lengths(void **state) {
    char *text = apr_palloc(support_pool(), 3000);
    (void)state;
    memset(text, 'x', 3000);
    memcpy(text, "CN=", 3);
    text[2048] = '\0';
    assert_int_equal(strlen(form(text)), 2048);
    text[2048] = 'x';
    text[2049] = '\0';
    assert_string_equal(form(text), "");
    /* it is the form that is measured */
    const char *escaped = "CN=";
    for (int i = 0; i < 900; i++)
        escaped = apr_pstrcat(support_pool(), escaped, "\\78", NULL);
    assert_int_equal(strlen(form(escaped)), 903);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_what_is_no_subject),
        cmocka_unit_test(test_lengths),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
