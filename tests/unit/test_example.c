/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "analyse/example.h"
#include "compile/compile.h"
#include "image/view.h"

#include <apr_strings.h>
#include <string.h>

/* Rows as lines "name: example", combinations marked with a star, in byte order of the image. */
static const char *rows_of(const char *json) {
    mpol_model *model = document_read(json);
    const mpol_image *image = support_image(json);
    const char *lines = "";
    for (uint32_t class = 0; class < mpol_count(image, MPOL_CLASSES); class ++) {
        mpol_example example;
        bool nobody = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITY) == MPOL_NONE;
        const char *name = mpol_row_name(support_pool(), image, class);
        if (nobody) {
            assert_true(strncmp(name, "issuer:", 7) == 0);
            assert_true(mpol_row_is_single(image, class));
            continue;
        }
        bool found = mpol_example_find(support_pool(), model, image, class, &example);
        lines = TEXT("%s%s%s: %s\n", lines, mpol_row_is_single(image, class) ? "" : "*", name,
                     found ? mpol_example_text(support_pool(), &example) : "none");
    }
    return lines;
}

static void expect_row(const char *rows, const char *row) {
    const char *found = strstr(rows, TEXT("%s\n", row));
    if (found == NULL || (found != rows && found[-1] != '\n'))
        fail_msg("\"%s\" is not among\n%s", row, rows);
}

static int lines_in(const char *text) {
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

#define SPIFFE DOCUMENT_ISSUER_OF("\"spiffe\"")
#define PIN "0101010101010101010101010101010101010101010101010101010101010101"

/* 2.8: the row NAME is for a certificate that matches NAME and what it implies. */
static void test_single_rows(void **state) {
    (void)state;
    const char *rows = rows_of(document_with(
        SPIFFE ",\"identities\":{\"all\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/**\"},"
               "\"tenant\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/{tenant}/*\"},"
               "\"one\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/acme/orders\"}}"));
    expect_row(rows, "one: spiffe:spiffe://t/acme/orders");
    expect_row(rows, "tenant: spiffe:spiffe://t/example0/example1");
    expect_row(rows, "all: spiffe:spiffe://t/example0");
    assert_int_equal(lines_in(rows), 3);
}

/* 2.8: each set that some certificate can match gives a row, with an example certificate. */
static void test_combined_rows(void **state) {
    (void)state;
    const char *rows = rows_of(document_with(
        SPIFFE ",\"identities\":{\"a\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/a/*\"},"
               "\"b\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/*/b\"},"
               "\"p\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/x\",\"pins\":[\"spki:" PIN "\"]},"
               "\"q\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/x\","
               "\"attributes\":{\"2.5.4.10\":\"Acme\"}}}"));
    expect_row(rows, "*a+b: spiffe:spiffe://t/a/b");
    expect_row(rows, "*p+q: spiffe:spiffe://t/x, 2.5.4.10=Acme, spki:" PIN);
    expect_row(rows, "p: spiffe:spiffe://t/x, spki:" PIN);
    expect_row(rows, "q: spiffe:spiffe://t/x, 2.5.4.10=Acme");
    assert_int_equal(lines_in(rows), 6);
}

static void test_several_names(void **state) {
    (void)state;
    const char *rows = rows_of(document_with(
        "\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"dns\",\"email\"],"
        "\"any_of\":true}},\"identities\":{\"d\":{\"issuer\":\"c\",\"dns\":\"*.x.example\"},"
        "\"e\":{\"issuer\":\"c\",\"email\":\"{user}@x.example\"}}"));
    expect_row(rows, "d: dns:example0.x.example");
    expect_row(rows, "e: email:example0@x.example");
    assert_non_null(strstr(rows, "*d+e: dns:"));
    assert_int_equal(lines_in(rows), 3);
}

/* What is found was tried out on the image, so all that can go wrong is that nothing is found. */
static void test_every_row_of_a_rich_policy(void **state) {
    (void)state;
    const mpol_bytes *bytes = support_compile_everything();
    mpol_loaded loaded;
    mpol_error error;
    assert_int_equal(mpol_load_bytes(bytes->data, bytes->len, "everything", &loaded, &error),
                     MPOL_OK);
    mpol_bytes source = mpol_policy_source(&loaded.image);
    assert_null(strstr(
        rows_of(apr_pstrmemdup(support_pool(), (const char *)source.data, source.len)), ": none"));
    mpol_unload(&loaded);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_rows),
        cmocka_unit_test(test_combined_rows),
        cmocka_unit_test(test_several_names),
        cmocka_unit_test(test_every_row_of_a_rich_policy),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
