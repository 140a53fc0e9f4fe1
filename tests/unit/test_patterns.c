/* SPDX-License-Identifier: Apache-2.0 */
/* Overlap and cover of patterns of names, against every name of a small alphabet. */
#include "documents.h"

#include "model/patterns.h"

#include <apr_strings.h>
#include <string.h>

static mpol_segment segment_of(char c) {
    static const uint8_t letters[] = "ab";
    mpol_segment segment = {MPOL_SEGMENT_LITERAL, {letters, 0}, {NULL, 0}};
    if (c == '*')
        segment.type = MPOL_SEGMENT_ONE;
    if (c == '#')
        segment.type = MPOL_SEGMENT_REST;
    if (c == 'a' || c == 'b')
        segment.literal = (mpol_bytes){letters + (c == 'b'), 1};
    return segment;
}

/* One letter a segment: a, b, * and # for the rest, _ for an empty one. */
static mpol_name_pattern pattern_of(const char *text) {
    mpol_name_pattern pattern = {.segments =
                                     apr_array_make(support_pool(), 4, sizeof(mpol_segment))};
    for (; *text != '\0'; text++)
        APR_ARRAY_PUSH(pattern.segments, mpol_segment) = segment_of(*text);
    return pattern;
}

static bool matches(const char *pattern, const char *name) {
    for (;; pattern++, name++) {
        if (*pattern == '#')
            return true;
        if (*pattern == '\0' || *name == '\0')
            return *pattern == *name;
        if (*pattern == '*' ? *name == '_' : *pattern != *name)
            return false;
    }
}

enum { LONGEST = 3, MOST = 200 };

/* Every text of up to `longest` of the letters; # only at the end. */
static int all_texts(const char *letters, size_t longest, const char *texts[MOST]) {
    int count = 0;
    int from = 0;
    texts[count++] = "";
    for (size_t len = 1; len <= longest; len++) {
        int to = count;
        for (int i = from; i < to; i++)
            for (const char *c = letters; *c != '\0'; c++)
                if (strchr(texts[i], '#') == NULL) {
                    assert_true(count < MOST);
                    texts[count++] = TEXT("%s%c", texts[i], *c);
                }
        from = to;
    }
    return count;
}

/* A rest behind the longest pattern needs one segment more to show itself, and another letter than
 * any pattern has. */
static void test_against_every_name(void **state) {
    const char *patterns[MOST];
    const char *names[MOST];
    const char *more[MOST];
    int count = all_texts("ab*_#", support_is_slow() ? 2 : LONGEST, patterns);
    int known = all_texts("abc_", LONGEST, names);
    (void)state;
    for (int i = 0; i < known; i++)
        more[i] = TEXT("%sc", names[i]);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            mpol_name_pattern a = pattern_of(patterns[i]);
            mpol_name_pattern b = pattern_of(patterns[k]);
            bool overlap = false;
            bool cover = true;
            for (int n = 0; n < 2 * known; n++) {
                const char *name = n < known ? names[n] : more[n - known];
                bool one = matches(patterns[i], name);
                bool other = matches(patterns[k], name);
                overlap = overlap || (one && other);
                cover = cover && (one || !other);
            }
            if (mpol_patterns_overlap(&a, &b) != overlap)
                fail_msg("overlap of %s and %s", patterns[i], patterns[k]);
            if (mpol_pattern_covers(&a, &b) != cover)
                fail_msg("cover of %s over %s", patterns[i], patterns[k]);
        }
}

static void test_kinds(void **state) {
    mpol_naming cn = {MPOL_NAME_CN, {NULL, 0}};
    mpol_naming upn = {MPOL_NAME_UPN, {NULL, 0}};
    mpol_naming one = {MPOL_NAME_ATTRIBUTE, support_bytes("2.5.4.5")};
    mpol_naming same = {MPOL_NAME_ATTRIBUTE, support_bytes("2.5.4.5")};
    mpol_naming other = {MPOL_NAME_ATTRIBUTE, support_bytes("2.5.4.6")};
    (void)state;
    assert_true(mpol_naming_equal(&cn, &cn));
    assert_false(mpol_naming_equal(&cn, &upn));
    assert_true(mpol_naming_equal(&one, &same));
    assert_false(mpol_naming_equal(&one, &other));
    assert_false(mpol_naming_equal(&one, &cn));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_every_name),
        cmocka_unit_test(test_kinds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
