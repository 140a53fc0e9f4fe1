/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler makes of names: exact ones in a table, patterns as states. */
#include "documents.h"

#include "compile/names.h"

#include <apr_strings.h>
#include <string.h>

static mpol_model *model;
static mpol_automaton *automaton;
static mpol_values *lists;
static mpol_diagnostics *found;

static const mpol_names_table *build(const char *json) {
    model = document_read(json);
    found = mpol_diagnostics_make(support_pool(), "x", support_bytes(""));
    automaton = mpol_automaton_make(support_pool());
    lists = mpol_values_make(support_pool());
    (void)mpol_values_id(lists, NULL, 0, NULL);
    return mpol_names_build(automaton, model, lists, found);
}

/* The identities of a list, by name, with blanks between. */
static const char *list_text(uint32_t list) {
    const mpol_bytes *bytes = MPOL_AT(lists->items, (int)list, mpol_bytes);
    const char *out = "";
    for (uint32_t i = 0; i < bytes->len / 4; i++)
        out = TEXT("%s%s%s", out, i > 0 ? " " : "",
                   support_text(MPOL_AT(model->identities, (int)mpol_read_u32(bytes->data + 4 * i),
                                        mpol_identity)
                                    ->name));
    return out;
}

static const mpol_exact *exact(const mpol_names_table *table, const char *value) {
    for (int i = 0; i < table->exact->nelts; i++)
        if (mpol_bytes_equal(MPOL_AT(table->exact, i, mpol_exact)->value, support_bytes(value)))
            return MPOL_AT(table->exact, i, mpol_exact);
    fail_msg("%s is not in the table", value);
    return NULL;
}

#define SPIFFE(name, value) "\"" name "\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t/" value "\"}"
#define IDENTITIES ",\"identities\":{"

static void test_exact_names_know_their_patterns(void **state) {
    const mpol_names_table *table = build(document_with(
        DOCUMENT_ISSUER_OF("\"spiffe\"")
            IDENTITIES SPIFFE("a", "a/b") "," SPIFFE("b", "a/b") "," SPIFFE("c", "a/*") "," SPIFFE(
                "d", "{x}/b") "," SPIFFE("e", "**") "," SPIFFE("f", "z") "}"));
    (void)state;
    assert_int_equal(table->exact->nelts, 2);
    assert_string_equal(list_text(exact(table, "spiffe://t/a/b")->identities), "a b c d e");
    assert_string_equal(list_text(exact(table, "spiffe://t/z")->identities), "e f");
    assert_true(exact(table, "spiffe://t/z")->inside);
}

static void test_what_the_issuer_may_assert(void **state) {
    const mpol_names_table *table = build(document_with(
        "\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"spiffe\",\"cn\"],"
        "\"may_assert\":[{\"spiffe\":\"spiffe://t/a/"
        "*\"},{\"cn\":\"k\"},{\"cn\":\"only\"}]}}" IDENTITIES SPIFFE("a", "a/b") "," SPIFFE(
            "w", "**") ",\"k\":{\"issuer\":\"c\",\"cn\":\"k\"}}"));
    (void)state;
    assert_true(exact(table, "spiffe://t/a/b")->inside);
    assert_true(exact(table, "k")->inside);
    assert_true(exact(table, "only")->inside);
    assert_string_equal(list_text(exact(table, "only")->identities), "");
    bool outside = false;
    for (int i = 0; i < table->ends->items->nelts; i++) {
        const mpol_bytes *end = MPOL_AT(table->ends->items, i, mpol_bytes);
        if (mpol_read_u32(end->data + 4) == 0) {
            outside = true;
            assert_string_equal(list_text(mpol_read_u32(end->data)), "w");
        }
    }
    assert_true(outside); /* spiffe://t/x is w, and the issuer may not say so */
    /* no set is of a name outside: w alone would be of spiffe://t/a/x as well */
    for (int i = 0; i < table->sets->nelts; i++)
        assert_int_equal(MPOL_AT(table->sets, i, mpol_name_set)->issuer, 0);
}

static void test_kinds_are_apart(void **state) {
    const mpol_names_table *table = build(document_with(
        DOCUMENT_ISSUER_OF("\"cn\",\"dns\",{\"attribute\":\"2.5.4.5\"},{\"attribute\":\"2.5.4.6\"}")
            IDENTITIES
        "\"a\":{\"issuer\":\"c\",\"cn\":\"a.x\"},\"b\":{\"issuer\":\"c\",\"dns\":\"a.x\"},"
        "\"d\":{\"issuer\":\"c\",\"dns\":\"*.x\"},\"e\":{\"issuer\":\"c\",\"attribute\":{\"oid\":"
        "\"2.5.4.5\",\"value\":\"a.x\"}},"
        "\"f\":{\"issuer\":\"c\",\"attribute\":{\"oid\":\"2.5.4.6\",\"value\":\"a.x\"}}}"));
    static const char *const wanted[] = {"b d", "a", "e", "f"}; /* dns, cn, attributes */
    (void)state;
    assert_int_equal(table->namings->nelts, 4);
    assert_int_equal(table->first_naming[1], 4);
    assert_int_equal(table->exact->nelts, 4);
    for (int i = 0; i < 4; i++) {
        const mpol_exact *here = MPOL_AT(table->exact, i, mpol_exact);
        assert_string_equal(list_text(here->identities), wanted[here->naming]);
        assert_true(i == 0 || here->hash >= (here - 1)->hash);
    }
    assert_int_not_equal(MPOL_AT(table->namings, 0, mpol_naming_start)->state, MPOL_NONE);
    for (int i = 1; i < 4; i++)
        assert_int_equal(MPOL_AT(table->namings, i, mpol_naming_start)->state, MPOL_NONE);
}

/* The states stand behind those of the paths and lead to later ones only. */
static void test_states_lead_forward(void **state) {
    const mpol_names_table *table = build(document_with(DOCUMENT_ISSUER_OF(
        "\"spiffe\"") IDENTITIES SPIFFE("a", "*/b") "," SPIFFE("b", "a/*/**") "}"));
    (void)state;
    assert_int_equal(table->first_state, 0);
    for (int i = 0; i < automaton->states->nelts; i++) {
        const mpol_state *here = MPOL_AT(automaton->states, i, mpol_state);
        assert_true(here->other == MPOL_NONE || here->other > (uint32_t)i);
        assert_int_equal(here->narrow, MPOL_NONE);
        for (uint32_t e = here->first_edge; e < here->first_edge + here->edge_count; e++)
            assert_true(MPOL_AT(automaton->edges, (int)e, mpol_edge)->target > (uint32_t)i);
    }
}

static const char *crossing(int depth) {
    const char *names = "";
    for (int i = 0; i < depth; i++) {
        const char *path = "";
        for (int k = 0; k < depth; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        names = TEXT("%s%s\"i%02d\":{\"issuer\":\"c\",\"spiffe\":\"spiffe://t%s/y%02d\"}", names,
                     i > 0 ? "," : "", i, path, i);
    }
    return document_with(TEXT(DOCUMENT_ISSUER_OF("\"spiffe\"") ",\"identities\":{%s}", names));
}

static void test_names_that_cross(void **state) {
    (void)state;
    assert_non_null(build(crossing(support_is_slow() ? 8 : 13)));
    assert_true((uint32_t)automaton->states->nelts <= mpol_automaton_limit(0));
    assert_null(build(crossing(18)));
    assert_int_equal(found->list->nelts, 1);
    const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
    assert_int_equal(d->code, MPOL_DIAGNOSTIC_NAMES_TOO_COMPLEX);
    assert_int_equal(strncmp(d->pointer, "/identities/i", 13), 0);
    const char *first = strstr(d->text, "\"spiffe:");
    assert_non_null(first);
    const char *second = strstr(first + 1, "\"spiffe:");
    assert_non_null(second);
    assert_true(strncmp(first, second, strcspn(first + 1, "\"")) != 0);
}

/* The issuer's own list may be what crosses. */
static void test_asserted_names_that_cross(void **state) {
    const char *names = "";
    (void)state;
    for (int i = 0; i < 18; i++) {
        const char *path = "";
        for (int k = 0; k < 18; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        names = TEXT("%s%s{\"spiffe\":\"spiffe://t%s/y%02d\"}", names, i > 0 ? "," : "", path, i);
    }
    assert_null(build(document_with(TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}"
                                         "],\"names\":[\"spiffe\"],\"may_assert\":[%s]}}",
                                         names))));
    assert_int_equal(
        strncmp(MPOL_AT(found->list, 0, mpol_diagnostic)->pointer, "/issuers/c/may_assert/", 22),
        0);
}

/* One issuer fills the table to its limit, so that another does not fit any more. */
static void test_a_small_issuer_is_not_to_blame(void **state) {
    const char *names = "\"tiny\":{\"issuer\":\"z\",\"uri\":\"u:/*\"}";
    (void)state;
    if (support_is_slow())
        return;
    for (int i = 0; i < 15; i++) {
        const char *path = "";
        for (int k = 0; k < 15; k++)
            path = apr_pstrcat(support_pool(), path, k == i ? "/x" : "/*", NULL);
        names = TEXT("%s,\"i%02d\":{\"issuer\":\"c\",\"uri\":\"u:%s\"}", names, i, path);
    }
    assert_null(build(document_with(
        TEXT("\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[\"uri\"]},"
             "\"z\":{\"certificates\":[{\"pem\":\"$east\"}],\"names\":[\"uri\"]}},"
             "\"identities\":{%s}",
             names))));
    assert_int_equal(found->list->nelts, 1);
    const mpol_diagnostic *d = MPOL_AT(found->list, 0, mpol_diagnostic);
    assert_int_equal(d->code, MPOL_DIAGNOSTIC_NAMES_TOO_COMPLEX);
    assert_int_equal(strncmp(d->pointer, "/identities/i", 13), 0);
    assert_non_null(strstr(d->text, "all issuers together"));
    assert_null(strstr(d->text, "\"u:/*\""));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_names_know_their_patterns),
        cmocka_unit_test(test_what_the_issuer_may_assert),
        cmocka_unit_test(test_kinds_are_apart),
        cmocka_unit_test(test_states_lead_forward),
        cmocka_unit_test(test_names_that_cross),
        cmocka_unit_test(test_asserted_names_that_cross),
        cmocka_unit_test(test_a_small_issuer_is_not_to_blame),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
