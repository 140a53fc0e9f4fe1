/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include "compile/matrix.h"

#include <apr_strings.h>
#include <string.h>

static mpol_model *model;
static mpol_classes *classes;
static mpol_names_table *names;

static const mpol_matrix *build(const char *groups, const char *rules) {
    static const char head[] =
        "{ \"name\": \"x\", \"issuers\": { \"corp\": { \"certificates\": [{ \"pem\": \"$corp\" }], "
        "\"names\": [\"cn\"] } },"
        "\"identities\": { \"ann\": { \"issuer\": \"corp\", \"cn\": \"ann\" }, \"bob\": { "
        "\"issuer\": \"corp\", \"cn\": \"bob\" },"
        "\"cid\": { \"issuer\": \"corp\", \"cn\": \"cid\" }, \"dan\": { \"issuer\": \"corp\", "
        "\"cn\": \"ann\" } },"
        "\"routes\": { \"r\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/r\"], "
        "\"tags\": [\"t\"] },"
        "\"s\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/s\"], \"tags\": "
        "[\"t\", \"u\"] },"
        "\"v\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/v\"] },"
        "\"w\": { \"hosts\": [\"*\"], \"methods\": [\"GET\"], \"paths\": [\"/w\"] } },";
    mpol_diagnostics *found =
        support_read(apr_pstrcat(support_pool(), head, "\"groups\": {", groups, "}, \"rules\": {",
                                 rules, "} }", NULL),
                     &model);
    if (found->errors > 0)
        fail_msg("%s", MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    mpol_values *lists = mpol_values_make(support_pool());
    (void)mpol_values_id(lists, NULL, 0, NULL); /* the empty list */
    names = mpol_names_build(mpol_automaton_make(support_pool()), model, lists, found);
    assert_non_null(names);
    classes = mpol_classes_build(support_pool(), model, names, lists, found);
    assert_non_null(classes);
    const mpol_matrix *matrix = mpol_matrix_build(support_pool(), model, classes, lists, found);
    assert_non_null(matrix);
    return matrix;
}

/* The class of a client of that common name: of everything the name stands for. */
static const mpol_class *class_of(const mpol_matrix *matrix, const char *cn) {
    (void)matrix;
    for (int i = 0; i < names->exact->nelts; i++) {
        const mpol_exact *exact = MPOL_AT(names->exact, i, mpol_exact);
        if (!mpol_bytes_equal(exact->value, support_bytes(cn)))
            continue;
        for (int c = 0; c < classes->list->nelts; c++)
            if (MPOL_AT(classes->list, c, mpol_class)->identities == exact->identities)
                return MPOL_AT(classes->list, c, mpol_class);
    }
    fail_msg("%s is no client", cn);
    return NULL;
}

static const mpol_row *row_of(const mpol_matrix *matrix, const char *cn) {
    return MPOL_AT(matrix->rows, cn != NULL ? (int)class_of(matrix, cn)->row : 0, mpol_row);
}

static const char *list_text(const mpol_matrix *matrix, uint32_t list,
                             const apr_array_header_t *table, int size) {
    const mpol_bytes *bytes = MPOL_AT(matrix->lists->items, (int)list, mpol_bytes);
    const char *out = "";
    for (uint32_t i = 0; i < bytes->len / 4; i++) {
        uint32_t index;
        memcpy(&index, bytes->data + 4 * i, 4);
        out = apr_pstrcat(
            support_pool(), out, i > 0 ? "," : "",
            support_text(
                *(const mpol_bytes *)(const void *)(table->elts + (size_t)index * (size_t)size)),
            NULL);
    }
    return out;
}

/* "deny,...|allow,..." of a client (NULL: everyone) on a route; "none" for no cell. */
static const char *cell(const mpol_matrix *matrix, const char *cn, const char *route) {
    const mpol_row *row = row_of(matrix, cn);
    uint32_t found = row->default_cell;
    uint32_t lists[2];
    for (int r = 0; r < model->routes->nelts; r++)
        for (uint32_t i = row->first_entry; i < row->first_entry + row->entry_count; i++)
            if (mpol_bytes_equal(MPOL_AT(model->routes, r, mpol_route)->name,
                                 support_bytes(route)) &&
                MPOL_AT(matrix->entries, (int)i, mpol_entry)->route_class == matrix->route_class[r])
                found = MPOL_AT(matrix->entries, (int)i, mpol_entry)->cell;
    if (found == MPOL_NONE)
        return "none";
    memcpy(lists, MPOL_AT(matrix->cells->items, (int)found, mpol_bytes)->data, sizeof lists);
    return apr_pstrcat(support_pool(), list_text(matrix, lists[0], model->rules, sizeof(mpol_rule)),
                       "|", list_text(matrix, lists[1], model->rules, sizeof(mpol_rule)), NULL);
}

#define RULE(name, effect, subjects, routes)                                                       \
    "\"" name "\": { \"effect\": \"" effect "\", \"subjects\": [" subjects                         \
    "], \"routes\": [" routes "] }"
#define PUBLIC(name, routes)                                                                       \
    "\"" name "\": { \"effect\": \"allow\", \"subjects\": [\"everyone\"], \"routes\": [" routes    \
    "], \"acknowledge\": [\"everyone\"] }"

static void test_names_and_tags(void **state) {
    const mpol_matrix *m = build("", RULE("a", "allow", "\"ann\"", "\"r\", \"tag:u\"") "," RULE(
                                         "b", "allow", "\"bob\", \"ann\"",
                                         "\"tag:t\"") "," RULE("c", "deny", "\"ann\"", "\"v\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "|a,b");
    assert_string_equal(cell(m, "ann", "s"), "|a,b");
    assert_string_equal(cell(m, "ann", "v"), "c|");
    assert_string_equal(cell(m, "ann", "w"), "none");
    assert_string_equal(cell(m, "bob", "r"), "|b");
    assert_string_equal(cell(m, "cid", "r"), "none");
    assert_string_equal(cell(m, NULL, "r"), "none");
    assert_int_equal(m->route_class[0], m->route_class[1]); /* r and s have the same rules */
    assert_int_not_equal(m->route_class[2], m->route_class[3]);
}

static void test_all_routes(void **state) {
    const mpol_matrix *m = build(
        "",
        RULE("a", "allow", "\"ann\"", "\"*\"") "," RULE("b", "deny", "\"ann\"", "\"r\"") "," RULE(
            "c", "deny", "\"bob\"", "\"*\", \"v\"") "," RULE("d", "allow", "\"bob\"", "\"w\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "b|a");
    assert_string_equal(cell(m, "ann", "w"), "|a");
    assert_string_equal(cell(m, "bob", "v"), "c|");
    assert_string_equal(cell(m, "bob", "w"), "c|d");
    assert_int_equal(row_of(m, "ann")->entry_count, 1); /* the default cell has the rest */
}

static void test_a_deny_on_all_leaves_out_what_everyone_may(void **state) {
    const mpol_matrix *m =
        build("", PUBLIC("open", "\"v\"") "," RULE("no", "deny", "\"ann\"", "\"*\"") "," RULE(
                      "yes", "allow", "\"ann\"", "\"v\", \"w\"") "," RULE("stop", "deny", "\"bob\"",
                                                                          "\"*\""));
    (void)state;
    assert_string_equal(cell(m, NULL, "v"), "|open");
    assert_string_equal(cell(m, NULL, "w"), "none");
    assert_string_equal(cell(m, "ann", "v"), "|yes");
    assert_string_equal(cell(m, "ann", "w"), "no|yes");
    assert_string_equal(cell(m, "ann", "r"), "no|");
    assert_string_equal(cell(m, "bob", "v"), "|"); /* a cell without rules, not the default one */
    assert_string_equal(cell(m, "bob", "w"), "stop|");
}

static void test_a_public_route_by_tag_and_by_star(void **state) {
    const mpol_matrix *m =
        build("", PUBLIC("open", "\"tag:t\"") "," RULE("no", "deny", "\"ann\"", "\"*\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "|");
    assert_string_equal(cell(m, "ann", "s"), "|");
    assert_string_equal(cell(m, "ann", "v"), "no|");
    m = build("", PUBLIC("open", "\"*\"") "," RULE("no", "deny", "\"ann\"", "\"*\""));
    assert_string_equal(cell(m, NULL, "w"), "|open");
    for (int r = 0; r < model->routes->nelts; r++)
        assert_string_equal(
            cell(m, "ann", support_text(MPOL_AT(model->routes, r, mpol_route)->name)), "|");
}

static void test_rules_for_everyone_stand_in_their_row_alone(void **state) {
    const mpol_matrix *m =
        build("", "\"open\": { \"effect\": \"allow\", \"subjects\": [\"everyone\", \"ann\"], "
                  "\"routes\": [\"r\"], \"acknowledge\": [\"everyone\"] }");
    (void)state;
    assert_string_equal(cell(m, NULL, "r"), "|open");
    assert_string_equal(cell(m, "ann", "r"), "none");
}

static void test_clients_with_the_same_rules_share_a_row(void **state) {
    const mpol_matrix *m =
        build("\"g\": [\"ann\", \"bob\"]",
              RULE("a", "allow", "\"@g\"", "\"r\"") "," RULE("b", "allow", "\"cid\"", "\"r\""));
    (void)state;
    assert_int_equal(class_of(m, "ann")->row, class_of(m, "bob")->row);
    assert_int_not_equal(class_of(m, "ann")->row, class_of(m, "cid")->row);
    assert_int_equal(m->rows->nelts, 4); /* and everyone's, and that of clients without rules */
    m = build("", "");
    assert_int_equal(m->rows->nelts, 2);
    assert_int_equal(m->entries->nelts, 0);
}

static void test_two_identities_of_one_name_are_one_client(void **state) {
    const mpol_matrix *m =
        build("\"g\": [\"dan\"], \"h\": [\"ann\", \"@g\"]",
              RULE("a", "allow", "\"ann\"", "\"r\"") "," RULE("b", "deny", "\"dan\"", "\"r\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "b|a");
    assert_string_equal(
        list_text(m, class_of(m, "ann")->identities, model->identities, sizeof(mpol_identity)),
        "ann,dan");
    assert_string_equal(list_text(m, class_of(m, "ann")->groups, model->groups, sizeof(mpol_group)),
                        "g,h");
}

static void test_nested_groups(void **state) {
    const mpol_matrix *m = build(
        "\"g1\": [\"ann\"], \"g2\": [\"@g1\", \"bob\"], \"g3\": [\"@g2\"], \"g0\": [\"@g3\", "
        "\"@g1\"], \"empty\": [], \"e2\": [\"@empty\"]",
        RULE("a", "allow", "\"@g3\"", "\"r\"") "," RULE("b", "allow", "\"@g1\"", "\"s\"") "," RULE(
            "c", "allow", "\"@g0\"", "\"v\"") "," RULE("d", "allow", "\"@e2\"", "\"w\""));
    (void)state;
    assert_string_equal(list_text(m, class_of(m, "ann")->groups, model->groups, sizeof(mpol_group)),
                        "g0,g1,g2,g3");
    assert_string_equal(list_text(m, class_of(m, "bob")->groups, model->groups, sizeof(mpol_group)),
                        "g0,g2,g3");
    assert_string_equal(list_text(m, class_of(m, "cid")->groups, model->groups, sizeof(mpol_group)),
                        "");
    assert_string_equal(cell(m, "ann", "s"), "|b");
    assert_string_equal(cell(m, "bob", "s"), "none");
    assert_string_equal(cell(m, "bob", "r"), "|a");
    assert_string_equal(cell(m, "bob", "v"), "|c");
    assert_string_equal(cell(m, "ann", "w"), "none");
}

/* Each group is looked at once for a client: a round of all groups a link took a minute here, and
 * all identities start at the bottom. */
static void test_a_long_chain_of_groups(void **state) {
    const int links = support_is_slow() ? 200 : 8000;
    apr_array_header_t *groups = apr_array_make(support_pool(), links, sizeof(const char *));
    (void)state;
    APR_ARRAY_PUSH(groups, const char *) = "\"g0000\": [\"ann\", \"cid\"]";
    for (int i = 1; i < links; i++)
        APR_ARRAY_PUSH(groups, const char *) =
            apr_psprintf(support_pool(), "\"g%04d\": [\"@g%04d\"]", i, i - 1);
    const char *top = apr_psprintf(support_pool(), "\"@g%04d\"", links - 1);
    const mpol_matrix *m =
        build(apr_array_pstrcat(support_pool(), groups, ','),
              apr_pstrcat(support_pool(), "\"a\":{\"effect\":\"allow\",\"subjects\":[", top,
                          "],\"routes\":[\"r\"]}", NULL));
    assert_string_equal(cell(m, "ann", "r"), "|a");
    assert_string_equal(cell(m, "cid", "r"), "|a");
    assert_string_equal(cell(m, "bob", "r"), "none");
}

/* Rules for an issuer or any issuer stand in the row of each of its classes, known or not. */
static void test_rules_for_issuers(void **state) {
    const mpol_matrix *m =
        build("", "\"a\": { \"effect\": \"allow\", \"subjects\": [\"issuer:corp\"], \"routes\": "
                  "[\"r\"], \"acknowledge\": [\"issuer:corp\"] },"
                  "\"b\": { \"effect\": \"allow\", \"subjects\": [\"any-verified\"], \"routes\": "
                  "[\"s\"], \"acknowledge\": [\"any-verified\"] },"
                  "\"c\": { \"effect\": \"deny\", \"subjects\": [\"issuer:corp\", \"bob\"], "
                  "\"routes\": [\"v\"] },"
                  "\"d\": { \"effect\": \"deny\", \"subjects\": [\"any-verified\"], \"routes\": "
                  "[\"v\"] }," RULE("e", "allow", "\"ann\"", "\"r\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "|a,e");
    assert_string_equal(cell(m, "bob", "r"), "|a");
    assert_string_equal(cell(m, "bob", "v"), "c,d|");
    assert_string_equal(cell(m, NULL, "r"), "none");
    const mpol_class *nobody = MPOL_AT(classes->list, (int)classes->of_nobody[0], mpol_class);
    assert_int_equal(nobody->row, class_of(m, "bob")->row);
    /* Whoever has the issuer on its path: only the denials that name it. */
    const mpol_row *cross = MPOL_AT(m->rows, (int)m->cross_row[0], mpol_row);
    assert_int_equal(cross->default_cell, MPOL_NONE);
    assert_int_equal(cross->entry_count, 1);
    uint32_t lists[2];
    memcpy(lists,
           MPOL_AT(m->cells->items,
                   (int)MPOL_AT(m->entries, (int)cross->first_entry, mpol_entry)->cell, mpol_bytes)
               ->data,
           sizeof lists);
    assert_string_equal(list_text(m, lists[0], model->rules, sizeof(mpol_rule)), "c");
    assert_int_equal(lists[1], MPOL_LIST_EMPTY);
    m = build("", RULE("d", "deny", "\"any-verified\"", "\"v\""));
    assert_int_equal(m->cross_row[0], MPOL_NONE);
}

static void test_a_rule_that_names_a_client_twice_stands_once(void **state) {
    const mpol_matrix *m = build(
        "\"g\": [\"ann\"]", RULE("a", "allow", "\"ann\", \"@g\", \"dan\"", "\"r\", \"tag:t\""));
    (void)state;
    assert_string_equal(cell(m, "ann", "r"), "|a");
}

static void test_entries_ascend(void **state) {
    const mpol_matrix *m =
        build("", RULE("a", "allow", "\"ann\"", "\"w\"") "," RULE(
                      "b", "allow", "\"ann\"", "\"r\"") "," RULE("c", "allow", "\"ann\"", "\"v\""));
    const mpol_row *row = row_of(m, "ann");
    (void)state;
    assert_int_equal(row->entry_count, 3);
    for (uint32_t i = row->first_entry + 1; i < row->first_entry + row->entry_count; i++)
        assert_true(MPOL_AT(m->entries, (int)i - 1, mpol_entry)->route_class <
                    MPOL_AT(m->entries, (int)i, mpol_entry)->route_class);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_tags),
        cmocka_unit_test(test_all_routes),
        cmocka_unit_test(test_a_deny_on_all_leaves_out_what_everyone_may),
        cmocka_unit_test(test_a_public_route_by_tag_and_by_star),
        cmocka_unit_test(test_rules_for_everyone_stand_in_their_row_alone),
        cmocka_unit_test(test_clients_with_the_same_rules_share_a_row),
        cmocka_unit_test(test_two_identities_of_one_name_are_one_client),
        cmocka_unit_test(test_nested_groups),
        cmocka_unit_test(test_a_long_chain_of_groups),
        cmocka_unit_test(test_rules_for_issuers),
        cmocka_unit_test(test_a_rule_that_names_a_client_twice_stands_once),
        cmocka_unit_test(test_entries_ascend),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, support_start, support_end);
}
