/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of docs/FORMAT.md has images that break it and twins that do not: tests/bad-images. */
#include "support.h"

#include "../bad-images/bad_image.h"
#include "base/limits.h"
#include "image/check.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mpol_image everything;
static mpol_image empty; /* of a policy that says nothing */
static uint32_t broken_by[MPOL_FORMAT_COUNT];
static uint32_t twins_of[MPOL_FORMAT_COUNT];

static int start(void **state) {
    if (support_start(state) != 0)
        return -1;
    const mpol_bytes *bytes = support_compile_everything();
    const mpol_bytes *nothing = support_compile("{ \"name\": \"x\" }");
    return mpol_image_check(bytes->data, bytes->len, &everything) == MPOL_FORMAT_OK &&
                   mpol_image_check(nothing->data, nothing->len, &empty) == MPOL_FORMAT_OK
               ? 0
               : -1;
}

static void judge(const bad_table *table, const bad_case *made) {
    uint32_t len;
    mpol_image view;
    mpol_format_rule wanted = made->sound ? MPOL_FORMAT_OK : made->rule;
    uint8_t *image = bad_image_make(table->of_empty_policy ? &empty : &everything, made, &len);
    if (image == NULL)
        fail_msg("%s %s: it cannot be made", mpol_format_rule_number(made->rule), made->what);
    mpol_format_rule found = mpol_image_check(image, len, &view);
    if (found != wanted)
        fail_msg("%s %s: %s instead of %s", mpol_format_rule_number(made->rule), made->what,
                 mpol_format_rule_number(found), mpol_format_rule_number(wanted));
    if (!made->sound && found <= MPOL_FORMAT_FLAGS)
        assert_int_equal(mpol_image_check_header(image, len),
                         found < MPOL_FORMAT_DIGEST ? found : MPOL_FORMAT_OK);
    (made->sound ? twins_of : broken_by)[made->rule]++;
    free(image);
}

/* A bad image is refused with its rule even by a reader that looks at the digest first, and a twin
 * is loaded. */
static void load(const bad_table *table, const bad_case *made) {
    uint32_t len;
    mpol_error error;
    mpol_loaded loaded;
    char cited[32];
    uint8_t *image = bad_image_make(table->of_empty_policy ? &empty : &everything, made, &len);
    mpol_status status = mpol_load_bytes(image, len, "it", &loaded, &error);
    (void)snprintf(cited, sizeof cited, "(FORMAT %s)", mpol_format_rule_number(made->rule));
    assert_int_equal(status == MPOL_OK, made->sound);
    if (!made->sound && status != MPOL_NOT_AN_IMAGE && strstr(error.text, cited) == NULL)
        fail_msg("%s: %s", made->what, error.text);
    mpol_unload(&loaded);
    free(image);
}

static void run(const bad_table *table) {
    for (uint32_t i = 0; i < table->count; i++) {
        judge(table, &table->cases[i]);
        load(table, &table->cases[i]);
    }
}

static void test_chapters_1_to_4(void **state) {
    (void)state;
    run(&bad_header_cases);
}

static void test_chapters_5_and_6(void **state) {
    (void)state;
    run(&bad_clients_cases);
}

static void test_chapters_7_and_8(void **state) {
    (void)state;
    run(&bad_rules_cases);
}

static void test_chapter_9(void **state) {
    (void)state;
    run(&bad_routes_cases);
}

static void test_a_policy_that_says_nothing(void **state) {
    (void)state;
    run(&bad_empty_cases);
}

static void test_an_image_has_a_greatest_size(void **state) {
    (void)state;
    assert_int_equal(mpol_image_check_header(everything.bytes, MPOL_LIMIT_IMAGE_BYTES + 1),
                     MPOL_FORMAT_SIZE);
    assert_int_equal(mpol_image_check_header(everything.bytes, everything.len), MPOL_FORMAT_OK);
}

/* The digest is the loader's business, who looks at it before everything but the header. */
static void test_the_digest(void **state) {
    static const bad_case twin =
        SOUND(DIGEST, "another byte of the source, and its digest",
              {BAD_BYTE, MPOL_SOURCE, {BAD_AT, 1, 0}, 0, {BAD_PLAIN, MPOL_STRING_OFFSETS, 1}});
    uint32_t len;
    mpol_error error;
    mpol_loaded loaded;
    uint8_t *image = bad_image_make(&everything, &twin, &len);
    (void)state;
    assert_non_null(image);
    assert_int_equal(mpol_load_bytes(image, len, "it", &loaded, &error), MPOL_OK);
    mpol_unload(&loaded);
    twins_of[MPOL_FORMAT_DIGEST]++;
    for (uint32_t i = 0; i < MPOL_DIGEST_BYTES; i++) {
        image[MPOL_HEADER_DIGEST + i] ^= 1;
        assert_int_equal(mpol_load_bytes(image, len, "it", &loaded, &error), MPOL_CORRUPT);
        assert_non_null(strstr(error.text, "(FORMAT 1.8)"));
        image[MPOL_HEADER_DIGEST + i] ^= 1;
    }
    broken_by[MPOL_FORMAT_DIGEST]++;
    free(image);
}

/* One kind for each place of the table, not only those that the cases name. */
static void test_every_section_is_in_its_place(void **state) {
    static const struct {
        uint32_t field;
        uint32_t value;
        mpol_format_rule rule;
    } rows[] = {{MPOL_TABLE_KIND, 0, MPOL_FORMAT_SECTION_KIND},
                {MPOL_TABLE_ELEMENT, 7, MPOL_FORMAT_SECTION_ELEMENT},
                {MPOL_TABLE_OFFSET, 0xfffffff8, MPOL_FORMAT_SECTION_PLACE},
                {MPOL_TABLE_COUNT, 0x40000000, MPOL_FORMAT_SECTION_INSIDE}};
    (void)state;
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++)
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            bad_case made = {.rule = rows[i].rule, .what = "a section"};
            made.changes[0] = (bad_change){.verb = BAD_TABLE, .kind = (mpol_section_kind)kind};
            made.changes[0].field = (int32_t)rows[i].field;
            made.changes[0].value.add = rows[i].value;
            judge(&bad_header_cases, &made);
        }
}

/* Where a section of a made image begins. */
static uint8_t *section_of(uint8_t *image, mpol_section_kind kind) {
    return image + mpol_read_u32(image + MPOL_HEADER_BYTES + (uint32_t)kind * MPOL_TABLE_BYTES +
                                 MPOL_TABLE_OFFSET);
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

enum { LITERAL = 60000 };

/* A chain of `count` more states of names, each with one edge whose literal is the same long
 * string.
 */
static mpol_format_rule check_chain(uint32_t count) {
    const bad_case longer = {.changes = {RESIZE(STRING_OFFSETS, COUNT(STRING_OFFSETS, 1)),
                                         RESIZE(STRING_BYTES, COUNT(STRING_BYTES, LITERAL + 1)),
                                         RESIZE(STATES, COUNT(STATES, (int64_t)count + 1)),
                                         RESIZE(EDGES, COUNT(EDGES, (int64_t)count))}};
    uint32_t strings = mpol_count(&everything, MPOL_STRING_OFFSETS) - 1;
    uint32_t pool = mpol_count(&everything, MPOL_STRING_BYTES);
    uint32_t states = mpol_count(&everything, MPOL_STATES);
    uint32_t edges = mpol_count(&everything, MPOL_EDGES);
    uint32_t len;
    mpol_image view;
    uint8_t *image = bad_image_make(&everything, &longer, &len);
    assert_non_null(image);
    memset(section_of(image, MPOL_STRING_BYTES) + pool, '~', LITERAL); /* behind all others */
    put_u32(section_of(image, MPOL_STRING_OFFSETS) + 4 * (strings + 1), pool + LITERAL + 1);
    uint64_t hash =
        mpol_bytes_hash((mpol_bytes){section_of(image, MPOL_STRING_BYTES) + pool, LITERAL});
    for (uint32_t i = 0; i <= count; i++) {
        uint8_t *state = section_of(image, MPOL_STATES) + (states + i) * MPOL_STATES_BYTES;
        for (uint32_t field = 0; field < MPOL_STATES_BYTES; field += 4)
            put_u32(state + field, MPOL_NONE);
        put_u32(state + MPOL_STATE_EDGE, edges + i);
        put_u32(state + MPOL_STATE_EDGES, i < count);
        if (i == count)
            break;
        uint8_t *edge = section_of(image, MPOL_EDGES) + (edges + i) * MPOL_EDGES_BYTES;
        put_u32(edge + MPOL_EDGE_HASH, (uint32_t)hash);
        put_u32(edge + MPOL_EDGE_HASH + 4, (uint32_t)(hash >> 32));
        put_u32(edge + MPOL_EDGE_LITERAL, strings);
        put_u32(edge + MPOL_EDGE_TARGET, states + i + 1);
    }
    mpol_format_rule found = mpol_image_check(image, len, &view);
    free(image);
    return found;
}

/* Nobody makes a small file that takes long to check. */
static void test_hashing_is_bounded(void **state) {
    const uint32_t most = MPOL_LIMIT_HASH_WORK / LITERAL;
    (void)state;
    assert_int_equal(check_chain(support_is_slow() ? 10 : most - 1), MPOL_FORMAT_OK);
    twins_of[MPOL_FORMAT_HASH_WORK]++;
    if (!support_is_slow())
        assert_int_equal(check_chain(most + 1), MPOL_FORMAT_HASH_WORK);
    broken_by[MPOL_FORMAT_HASH_WORK]++;
}

/* Any zero byte between sections that is none. */
static void test_all_padding_is_zero(void **state) {
    uint8_t *copy = malloc(everything.len);
    mpol_image view;
    int found = 0;
    (void)state;
    memcpy(copy, everything.bytes, everything.len);
    for (int kind = 0; kind + 1 < MPOL_SECTION_COUNT; kind++) {
        const uint8_t *entry = copy + MPOL_HEADER_BYTES + kind * (int)MPOL_TABLE_BYTES;
        uint32_t end = everything.section[kind].offset +
                       everything.section[kind].count * mpol_read_u32(entry + MPOL_TABLE_ELEMENT);
        for (; end < everything.section[kind + 1].offset; end++, found++) {
            copy[end] = 0x80;
            assert_int_equal(mpol_image_check(copy, everything.len, &view),
                             MPOL_FORMAT_SECTION_PADDING);
            copy[end] = 0;
        }
    }
    free(copy);
    assert_true(found > 20);
}

static void test_the_policy_of_this_test_fills_every_section(void **state) {
    (void)state;
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++)
        if (mpol_count(&everything, (mpol_section_kind)kind) < 2)
            fail_msg("section %d has less than two elements", kind + 1);
}

/* docs/FORMAT.md has the rules of the table, in its order, and no others. */
static void test_the_document_has_these_rules(void **state) {
    const char *top = getenv("top_srcdir") != NULL ? getenv("top_srcdir") : "../..";
    FILE *document = fopen(apr_pstrcat(support_pool(), top, "/docs/FORMAT.md", NULL), "r");
    char line[2000];
    char number[16];
    int rule = MPOL_FORMAT_OK;
    (void)state;
    assert_non_null(document);
    while (fgets(line, sizeof line, document) != NULL)
        if (sscanf(line, "- **%15[0-9.]**", number) == 1)
            assert_string_equal(number, mpol_format_rule_number((mpol_format_rule)++rule));
    (void)fclose(document);
    assert_int_equal(rule, MPOL_FORMAT_COUNT - 1);
}

static void test_every_rule_was_broken_and_kept(void **state) {
    (void)state;
    for (int rule = MPOL_FORMAT_OK + 1; rule < MPOL_FORMAT_COUNT; rule++) {
        const char *number = mpol_format_rule_number((mpol_format_rule)rule);
        if (broken_by[rule] == 0)
            fail_msg("no image breaks rule %s", number);
        if (twins_of[rule] == 0)
            fail_msg("no sound twin for rule %s", number);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_policy_of_this_test_fills_every_section),
        cmocka_unit_test(test_chapters_1_to_4),
        cmocka_unit_test(test_chapters_5_and_6),
        cmocka_unit_test(test_chapters_7_and_8),
        cmocka_unit_test(test_chapter_9),
        cmocka_unit_test(test_a_policy_that_says_nothing),
        cmocka_unit_test(test_an_image_has_a_greatest_size),
        cmocka_unit_test(test_the_digest),
        cmocka_unit_test(test_every_section_is_in_its_place),
        cmocka_unit_test(test_all_padding_is_zero),
        cmocka_unit_test(test_hashing_is_bounded),
        cmocka_unit_test(test_the_document_has_these_rules),
        cmocka_unit_test(test_every_rule_was_broken_and_kept),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, support_end);
}
