/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "match/target.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLASH = MPOL_PATH_ENCODED_SLASH,
    BACKSLASH = MPOL_PATH_BACKSLASH,
    PARAMETERS = MPOL_PATH_PARAMETERS,
    EMPTY = MPOL_PATH_EMPTY_SEGMENTS,
    DOTS = MPOL_PATH_DOT_SEGMENTS,
    PERCENT = MPOL_PATH_PERCENT,
    AMBIGUOUS = MPOL_PATH_AMBIGUOUS,
};

/* A copy on the heap of exactly its size, so that a sanitizer sees one byte too far. */
static uint8_t *exact(const void *data, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    return copy;
}

typedef void parser(mpol_bytes raw, uint8_t *buffer, mpol_target *target);

static void expect(parser *parse, const char *raw, size_t len, const char *path, uint32_t classes) {
    uint8_t *input = exact(raw, len);
    uint8_t *buffer = exact(raw, len);
    mpol_target target;
    parse((mpol_bytes){input, (uint32_t)len}, buffer, &target);
    if ((classes & AMBIGUOUS) != 0)
        target.classes &= AMBIGUOUS; /* the others are of no account then */
    if (target.classes != classes || target.path.len != strlen(path) ||
        memcmp(target.path.data, path, target.path.len) != 0)
        fail_msg("%s: path \"%.*s\" classes %u instead of \"%s\" %u", raw, (int)target.path.len,
                 (const char *)target.path.data, target.classes, path, classes);
    free(input);
    free(buffer);
}

typedef struct target_row {
    const char *raw;
    const char *path;
    uint32_t classes;
} target_row;

static void expect_rows(parser *parse, const target_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        expect(parse, rows[i].raw, strlen(rows[i].raw), rows[i].path, rows[i].classes);
}

static void test_plain_paths(void **state) {
    static const target_row rows[] = {
        {"/", "/", 0},
        {"/a/b", "/a/b", 0},
        {"/a/", "/a/", 0},
        {"/a?b=/../%zz#\x01", "/a", 0},
        {"/?", "/", 0},
        {"/a%20b", "/a b", 0},
        {"/%41%7e", "/A~", 0},
        {"/%c3%A9", "/\xc3\xa9", 0},
        {"/%23%3F", "/#?", 0},
        {"/...", "/...", 0},
        {"/.a/..b", "/.a/..b", 0},
        {"/%F0%9F%94%91", "/\xf0\x9f\x94\x91", 0},
        {"/ ", "/ ", 0},
        {"/*", "/*", 0},
    };
    (void)state;
    expect_rows(mpol_target_parse, rows, COUNT_OF(rows));
}

static void test_unusual_classes(void **state) {
    static const target_row rows[] = {
        {"/a%2Fb", "/a%2Fb", SLASH},
        {"/a%2fb", "/a%2Fb", SLASH},
        {"/a\\b", "/a\\b", BACKSLASH},
        {"/a%5cb", "/a\\b", BACKSLASH},
        {"/a;v=1/b", "/a;v=1/b", PARAMETERS},
        {"/a%3Bb", "/a;b", PARAMETERS},
        {"/;", "/;", PARAMETERS},
        {"//", "/", EMPTY},
        {"///a", "/a", EMPTY},
        {"/a//b", "/a/b", EMPTY},
        {"/a//", "/a/", EMPTY},
        {"/.", "/", DOTS},
        {"/..", "/", DOTS},
        {"/../..", "/", DOTS},
        {"/a/./b", "/a/b", DOTS},
        {"/a/../b", "/b", DOTS},
        {"/a/b/..", "/a/", DOTS},
        {"/a/b/.", "/a/b/", DOTS},
        {"/a/%2e%2E/b", "/b", DOTS},
        {"/a/.%2e/b", "/b", DOTS},
        {"/a//../b", "/b", EMPTY | DOTS},
        {"/a%25", "/a%", PERCENT},
        {"/%252", "/%2", PERCENT},
        {"/%25g1", "/%g1", PERCENT},
        {"/.;/", "/.;/", DOTS | PARAMETERS},
        {"/a/.;b;c", "/a/.;b;c", DOTS | PARAMETERS},
        {"/a/%2E%3Bb/c", "/a/.;b/c", DOTS | PARAMETERS},
        {"/a/;b/c", "/a/;b/c", EMPTY | PARAMETERS},
        {"/a/;", "/a/;", PARAMETERS},
        {"/x..;/", "/x..;/", PARAMETERS},
        {"/..x;/", "/..x;/", PARAMETERS},
        {"/;..;/", "/;..;/", EMPTY | PARAMETERS},
        {"/%25%2F", "/%%2F", PERCENT | SLASH},
        {"/a%2F..%2fb", "/a%2F..%2Fb", SLASH | DOTS},
        {"/..%2Fb", "/..%2Fb", SLASH | DOTS},
        {"/a%2F%2E%2e/b", "/a%2F../b", SLASH | DOTS},
        {"/a/b%2F.", "/a/b%2F.", SLASH | DOTS},
        {"/a\\..", "/a\\..", BACKSLASH | DOTS},
        {"/..%5Cb", "/..\\b", BACKSLASH | DOTS},
        {"/.\\b", "/.\\b", BACKSLASH | DOTS},
        {"/a%2F..b\\.c", "/a%2F..b\\.c", SLASH | BACKSLASH},
        {"/a%2F;..;", "/a%2F;..;", SLASH | PARAMETERS},
        {"/a;v%2F.;w", "/a;v%2F.;w", SLASH | DOTS | PARAMETERS},
    };
    (void)state;
    expect_rows(mpol_target_parse, rows, COUNT_OF(rows));
}

static void test_always_ambiguous(void **state) {
    static const char *const rows[] = {
        "",          "a",        "*",        "?",          "?/",      "#",         "/#",        "/a#b",
        "/%",        "/%2",      "/%zz",     "/%4g",       "/%g4",    "/%00",      "/%1f",      "/%7F",
        "/\x01",     "/\x7f",    "/\x80",    "/\xc3\xa9",  "/%c3",    "/%C0%AF",   "/%ED%A0%80", "/%F4%90%80%80",
        "/%C2%85",   "/%2541",   "/%25%34%31", "/%254%31", "/%25%341", "/..;",     "/..;/a",    "/a/..;x=1/b",
        "/%2e%2e;v", "/.%2E;",   "/%C3/%A9", "/\t",        "/a%",     "/a%2",      "/%25%2532f",
        "/a%2F..;",  "/%2f..%3B", "/a\\..;b", "/a%5C%2e.;", "/a;v\\..;", "/a;v%2F..;w",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(mpol_target_parse, rows[i], strlen(rows[i]), "", AMBIGUOUS);
}

static void test_a_nul_byte_is_ambiguous(void **state) {
    (void)state;
    expect(mpol_target_parse, "/a\0b", 4, "", AMBIGUOUS);
}

static void test_absolute_form(void **state) {
    static const target_row rows[] = {
        {"http://api.example/a/b?c", "/a/b", 0},
        {"HTTPS://h:1/", "/", 0},
        {"a+b-c.1://h/x", "/x", 0},
        {"http:///x", "/x", 0},
        {"http://u@h//x", "/x", EMPTY},
        {"http://h/a%2Fb", "/a%2Fb", SLASH},
    };
    static const char *const refused[] = {
        "http:/a",      "http:a",      "http:",      "http",      "http://h",  "http://h?/a", "http://h#/a",
        "://h/a",       "1a://h/a",    "+a://h/a",   "a b://h/a", "a_b://h/a", "\x01://h/a",  "\xc3\xa9://h/a",
        "http//h/a",    "?http://h/a", "*://h/a",    "a%41://h/a", "-://h/a",  ".://h/a",
    };
    (void)state;
    expect_rows(mpol_target_parse, rows, COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        expect(mpol_target_parse, refused[i], strlen(refused[i]), "", AMBIGUOUS);
}

static void test_asterisk(void **state) {
    uint8_t buffer[2];
    mpol_target target;
    (void)state;
    mpol_target_parse(support_bytes("*"), buffer, &target);
    assert_true(target.asterisk);
    mpol_target_parse(support_bytes("**"), buffer, &target);
    assert_false(target.asterisk);
    mpol_target_parse(support_bytes("/*"), buffer, &target);
    assert_false(target.asterisk);
}

static void test_decoded_paths(void **state) {
    static const target_row rows[] = {
        {"/a b", "/a b", 0},
        {"/a?b#c", "/a?b#c", 0},
        {"/a%41", "/a%41", PERCENT},
        {"/a;b", "/a;b", PARAMETERS},
        {"/a\\", "/a\\", BACKSLASH},
        {"//a", "/a", EMPTY},
        {"/a/../b", "/b", DOTS},
        {"/caf\xc3\xa9", "/caf\xc3\xa9", 0},
        {"/\x01", "", AMBIGUOUS},
        {"/\xc3", "", AMBIGUOUS},
        {"/\xc2\x85", "", AMBIGUOUS},
        {"/..;/x", "", AMBIGUOUS},
        {"/a\\..;x", "", AMBIGUOUS},
        {"/a\\../x", "/a\\../x", BACKSLASH | DOTS},
        {"a", "", AMBIGUOUS},
        {"", "", AMBIGUOUS},
    };
    (void)state;
    expect_rows(mpol_target_decoded, rows, COUNT_OF(rows));
}

static bool same(const char *raw, const char *other) {
    uint8_t buffer[200];
    uint8_t scratch[200];
    mpol_target target;
    mpol_target_parse(support_bytes(raw), buffer, &target);
    return mpol_target_same(&target, support_bytes(other), scratch);
}

static void test_same_path(void **state) {
    (void)state;
    assert_true(same("/a%20b", "/a b"));
    assert_true(same("/a%20b", "/a%20b"));
    assert_true(same("/a/", "/a/"));
    assert_true(same("/%41", "/A"));
    assert_false(same("/a", "/a/"));
    assert_false(same("/a", "/b"));
    assert_false(same("/a", ""));
    assert_false(same("/a", "/a\x01"));
    assert_false(same("/a", "/A"));
}

/* The definition of dot segments, spelled out on whole segments, for every path of a small alphabet. */
static void remove_dots(const char *raw, char *out) {
    const char *kept[12];
    size_t lengths[12];
    int count = 0;
    bool ends_open = false; /* the last segment was a dot segment: the result ends in a slash */
    for (const char *at = raw + 1;; at++) {
        size_t len = strcspn(at, "/");
        bool last = at[len] == '\0';
        bool dots = (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
        if (dots && len == 2 && count > 0)
            count--;
        if (!dots && (len > 0 || last)) {
            kept[count] = at;
            lengths[count++] = len;
        }
        ends_open = dots && last;
        at += len;
        if (last)
            break;
    }
    *out = '\0';
    for (int i = 0; i < count; i++) {
        strncat(out, "/", 2);
        strncat(out, kept[i], lengths[i]);
    }
    if (ends_open || count == 0)
        strncat(out, "/", 2);
}

static void test_every_short_path_of_dots_and_slashes(void **state) {
    static const char alphabet[] = "/.a";
    (void)state;
    for (int length = 0, total = 1; length <= (support_is_slow() ? 5 : 9); length++, total *= 3)
        for (int n = 0; n < total; n++) {
            char raw[12] = "/";
            char expected[24];
            uint8_t buffer[12];
            mpol_target target;
            for (int i = 0, rest = n; i < length; i++, rest /= 3)
                raw[i + 1] = alphabet[rest % 3];
            remove_dots(raw, expected);
            mpol_target_parse(support_bytes(raw), buffer, &target);
            if (target.path.len != strlen(expected) || memcmp(target.path.data, expected, target.path.len) != 0)
                fail_msg("%s: %.*s, not %s", raw, (int)target.path.len, (const char *)target.path.data, expected);
            assert_int_equal(target.classes & ~(uint32_t)(EMPTY | DOTS), 0);
            assert_int_equal(target.classes == 0, strcmp(raw, expected) == 0);
        }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_paths),
        cmocka_unit_test(test_unusual_classes),
        cmocka_unit_test(test_always_ambiguous),
        cmocka_unit_test(test_a_nul_byte_is_ambiguous),
        cmocka_unit_test(test_absolute_form),
        cmocka_unit_test(test_asterisk),
        cmocka_unit_test(test_decoded_paths),
        cmocka_unit_test(test_same_path),
        cmocka_unit_test(test_every_short_path_of_dots_and_slashes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
