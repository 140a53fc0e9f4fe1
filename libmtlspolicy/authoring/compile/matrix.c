/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/matrix.h"

#include "model/members.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* Entries of all rows together; an image holds no more. */
enum { MOST_ENTRIES = 1 << 26 };

typedef struct builder {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_matrix *matrix;
    apr_array_header_t **identity_groups; /* by identity: the groups that name it */
    apr_array_header_t **group_parents;   /* by group: the groups that name it */
    apr_array_header_t **identity_rules;  /* by identity: the rules that name it */
    apr_array_header_t **group_rules;
    uint32_t *seen; /* by group: the last client that was found in it */
    uint32_t client;
    apr_array_header_t *groups; /* of the client in hand; and its rules */
    apr_array_header_t *rules;
    apr_array_header_t **issuer_rules; /* by issuer: the rules for all of its clients */
    apr_array_header_t **rule_classes; /* by rule: route classes it names, but not for `*` */
    bool *is_public;                   /* by route class: opened to everyone */
    uint32_t route_classes;
    bool *is_star;          /* by rule: it speaks of all routes */
    mpol_values *row_rules; /* sets of rules that have a row */
    uint64_t *weight;       /* by rule: entries it made */
} builder;

static apr_array_header_t *new_list(apr_pool_t *pool) {
    return apr_array_make(pool, 2, sizeof(uint32_t));
}

static apr_array_header_t **make_lists(apr_pool_t *pool, int count) {
    apr_array_header_t **lists = apr_palloc(pool, sizeof *lists * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        lists[i] = new_list(pool);
    return lists;
}

/* Add `value` to the list of each member. */
static void index_members(apr_array_header_t **lists, const apr_array_header_t *members,
                          uint32_t value) {
    for (int i = 0; i < members->nelts; i++)
        APR_ARRAY_PUSH(lists[APR_ARRAY_IDX(members, i, uint32_t)], uint32_t) = value;
}

static void index_subjects(builder *b) {
    const mpol_model *model = b->model;
    b->identity_groups = make_lists(b->pool, model->identities->nelts);
    b->identity_rules = make_lists(b->pool, model->identities->nelts);
    b->group_parents = make_lists(b->pool, model->groups->nelts);
    b->group_rules = make_lists(b->pool, model->groups->nelts);
    b->seen = apr_pcalloc(b->pool, sizeof *b->seen * (size_t)(model->groups->nelts + 1));
    b->issuer_rules = make_lists(b->pool, model->issuers->nelts);
    for (int g = 0; g < model->groups->nelts; g++) {
        const mpol_group *group = MPOL_AT(model->groups, g, mpol_group);
        index_members(b->identity_groups, group->identities, (uint32_t)g);
        index_members(b->group_parents, group->groups, (uint32_t)g);
    }
    for (int r = 0; r < model->rules->nelts; r++) {
        const mpol_rule *rule = MPOL_AT(model->rules, r, mpol_rule);
        if (rule->everyone)
            continue; /* everyone's row has it, and every decision looks there too */
        index_members(b->identity_rules, rule->identities, (uint32_t)r);
        index_members(b->group_rules, rule->groups, (uint32_t)r);
        index_members(b->issuer_rules, rule->issuers, (uint32_t)r);
        for (int i = 0; rule->any_verified && i < model->issuers->nelts; i++)
            APR_ARRAY_PUSH(b->issuer_rules[i], uint32_t) = (uint32_t)r;
    }
}

/* The groups of a list that the client in hand was not yet found in. */
static void add_unseen(builder *b, const apr_array_header_t *list, apr_array_header_t *groups) {
    EACH (list, uint32_t, group) {
        if (b->seen[*group] == b->client)
            continue;
        b->seen[*group] = b->client;
        APR_ARRAY_PUSH(groups, uint32_t) = *group;
    }
}

/* All groups that any of some identities is in, directly or through other groups. */
static void find_groups(builder *b, const uint32_t *identities, uint32_t count,
                        apr_array_header_t *groups) {
    b->client++;
    for (uint32_t i = 0; i < count; i++)
        add_unseen(b, b->identity_groups[identities[i]], groups);
    for (int i = 0; i < groups->nelts; i++) /* grows */
        add_unseen(b, b->group_parents[APR_ARRAY_IDX(groups, i, uint32_t)], groups);
    mpol_list_settle(groups);
}

/* By tag, the routes that have it. */
static apr_hash_t *index_tags(builder *b) {
    apr_hash_t *tags = apr_hash_make(b->pool);
    for (int r = 0; r < b->model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(b->model->routes, r, mpol_route);
        for (int t = 0; t < route->tags->nelts && !mpol_route_is_internal(route); t++) {
            const mpol_bytes *tag = MPOL_AT(route->tags, t, mpol_bytes);
            apr_array_header_t *routes = apr_hash_get(tags, tag->data, tag->len);
            if (routes == NULL) {
                routes = new_list(b->pool);
                apr_hash_set(tags, tag->data, tag->len, routes);
            }
            APR_ARRAY_PUSH(routes, uint32_t) = (uint32_t)r;
        }
    }
    return tags;
}

/* By route, the rules that name it by name or tag; sets is_star and, for everyone, `opened`. */
static apr_array_header_t **index_scopes(builder *b, bool *opened, bool *all_opened) {
    apr_array_header_t **rules = make_lists(b->pool, b->model->routes->nelts);
    apr_hash_t *tags = index_tags(b);
    for (int r = 0; r < b->model->rules->nelts; r++) {
        const mpol_rule *rule = MPOL_AT(b->model->rules, r, mpol_rule);
        apr_array_header_t *routes = new_list(b->pool);
        for (int s = 0; s < rule->scopes->nelts; s++) {
            const mpol_scope *scope = MPOL_AT(rule->scopes, s, mpol_scope);
            b->is_star[r] = b->is_star[r] || scope->type == MPOL_SCOPE_ALL;
            if (scope->type == MPOL_SCOPE_ROUTE)
                APR_ARRAY_PUSH(routes, uint32_t) = scope->route;
            apr_array_header_t *tagged = scope->type == MPOL_SCOPE_TAG
                                             ? apr_hash_get(tags, scope->tag.data, scope->tag.len)
                                             : NULL;
            if (tagged != NULL)
                apr_array_cat(routes, tagged);
        }
        *all_opened = *all_opened || (b->is_star[r] && rule->everyone);
        mpol_list_settle(routes);
        for (int i = 0; i < routes->nelts; i++) {
            uint32_t route = APR_ARRAY_IDX(routes, i, uint32_t);
            opened[route] = opened[route] || rule->everyone;
            if (!b->is_star[r])
                APR_ARRAY_PUSH(rules[route], uint32_t) = (uint32_t)r;
        }
    }
    return rules;
}

/* Routes of which the same rules speak are one class; rules on all routes make no difference, but
 * that a deny of those leaves out what everyone may use. */
static void build_route_classes(builder *b) {
    int routes = b->model->routes->nelts;
    bool all_opened = false;
    bool *opened = apr_pcalloc(b->pool, (size_t)routes + 1);
    apr_array_header_t **rules = index_scopes(b, opened, &all_opened);
    mpol_values *classes = mpol_values_make(b->pool);
    b->matrix->route_class = apr_palloc(b->pool, sizeof(uint32_t) * (size_t)(routes + 1));
    b->rule_classes = make_lists(b->pool, b->model->rules->nelts);
    b->is_public = apr_pcalloc(b->pool, (size_t)routes + 1);
    for (int r = 0; r < routes; r++) {
        bool is_new;
        bool is_public = opened[r] || all_opened;
        APR_ARRAY_PUSH(rules[r], uint32_t) = is_public;
        uint32_t class = mpol_values_id(classes, rules[r]->elts,
                                        (uint32_t)rules[r]->nelts * sizeof(uint32_t), &is_new);
        (void)apr_array_pop(rules[r]);
        b->matrix->route_class[r] = class;
        b->is_public[class] = is_public;
        if (is_new)
            index_members(b->rule_classes, rules[r], class);
    }
    b->route_classes = (uint32_t)classes->items->nelts;
}

static bool is_deny(const builder *b, uint32_t rule) {
    return MPOL_AT(b->model->rules, (int)rule, mpol_rule)->deny;
}

/* The cell of a set of rules; no rules are a cell too, for a public route under a deny on all. */
static uint32_t cell_of(builder *b, apr_array_header_t *rules) {
    apr_array_header_t *deny = new_list(b->pool);
    apr_array_header_t *allow = new_list(b->pool);
    mpol_list_settle(rules);
    for (int i = 0; i < rules->nelts; i++) {
        uint32_t rule = APR_ARRAY_IDX(rules, i, uint32_t);
        APR_ARRAY_PUSH(is_deny(b, rule) ? deny : allow, uint32_t) = rule;
    }
    uint32_t cell[2] = {mpol_values_list(b->matrix->lists, deny),
                        mpol_values_list(b->matrix->lists, allow)};
    return mpol_values_id(b->matrix->cells, cell, sizeof cell, NULL);
}

/* A rule that speaks of a route class, while a row is built. */
typedef struct mark {
    uint32_t route_class;
    uint32_t rule; /* MPOL_NONE: only the rules on all routes */
} mark;

static int by_mark(const void *left, const void *right) {
    const mark *a = left;
    const mark *b = right;
    if (a->route_class != b->route_class)
        return a->route_class < b->route_class ? -1 : 1;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static apr_array_header_t *marks_of(builder *b, const apr_array_header_t *rules, bool deny_star) {
    apr_array_header_t *marks = apr_array_make(b->pool, 8, sizeof(mark));
    for (int i = 0; i < rules->nelts; i++) {
        uint32_t rule = APR_ARRAY_IDX(rules, i, uint32_t);
        const apr_array_header_t *classes = b->rule_classes[rule];
        b->weight[rule] += (uint64_t)classes->nelts;
        for (int c = 0; c < classes->nelts; c++)
            *(mark *)apr_array_push(marks) = (mark){APR_ARRAY_IDX(classes, c, uint32_t), rule};
    }
    for (uint32_t c = 0; deny_star && c < b->route_classes; c++)
        if (b->is_public[c])
            *(mark *)apr_array_push(marks) = (mark){c, MPOL_NONE};
    qsort(marks->elts, (size_t)marks->nelts, sizeof(mark), by_mark);
    return marks;
}

/* The cell of one route class: its own rules and those on all routes. */
static uint32_t entry_cell(builder *b, const mark *marks, int count,
                           const apr_array_header_t *star) {
    apr_array_header_t *rules = new_list(b->pool);
    for (int i = 0; i < count; i++)
        if (marks[i].rule != MPOL_NONE)
            APR_ARRAY_PUSH(rules, uint32_t) = marks[i].rule;
    for (int i = 0; i < star->nelts; i++) {
        uint32_t rule = APR_ARRAY_IDX(star, i, uint32_t);
        if (!(is_deny(b, rule) && b->is_public[marks[0].route_class]))
            APR_ARRAY_PUSH(rules, uint32_t) = rule;
    }
    return cell_of(b, rules);
}

static bool add_row(builder *b, const apr_array_header_t *rules) {
    mpol_matrix *matrix = b->matrix;
    apr_array_header_t *star = new_list(b->pool);
    bool deny_star = false;
    for (int i = 0; i < rules->nelts; i++) {
        uint32_t rule = APR_ARRAY_IDX(rules, i, uint32_t);
        if (!b->is_star[rule])
            continue;
        APR_ARRAY_PUSH(star, uint32_t) = rule;
        deny_star = deny_star || is_deny(b, rule);
    }
    mpol_row row = {.first_entry = (uint32_t)matrix->entries->nelts};
    row.default_cell = star->nelts > 0 ? cell_of(b, apr_array_copy(b->pool, star)) : MPOL_NONE;
    apr_array_header_t *marks = marks_of(b, rules, deny_star);
    for (int i = 0, end; i < marks->nelts; i = end) {
        const mark *first = MPOL_AT(marks, i, mark);
        for (end = i;
             end < marks->nelts && MPOL_AT(marks, end, mark)->route_class == first->route_class;)
            end++;
        uint32_t cell = entry_cell(b, first, end - i, star);
        if (cell != row.default_cell)
            *(mpol_entry *)apr_array_push(matrix->entries) = (mpol_entry){first->route_class, cell};
    }
    row.entry_count = (uint32_t)matrix->entries->nelts - row.first_entry;
    *(mpol_row *)apr_array_push(matrix->rows) = row;
    return matrix->entries->nelts <= MOST_ENTRIES;
}

static void report_large(builder *b, mpol_diagnostics *diagnostics) {
    int most = 0;
    for (int r = 1; r < b->model->rules->nelts; r++)
        if (b->weight[r] > b->weight[most])
            most = r;
    const mpol_rule *rule = MPOL_AT(b->model->rules, most, mpol_rule);
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE,
                         rule->place.offset, b->model->pointer(b->pool, &rule->place),
                         "Let it speak of * instead of many routes, or put its clients in a "
                         "group that no finer rule splits.",
                         "The policy joins too many clients to too many routes one by one; rule "
                         "\"%s\" contributes most.",
                         mpol_quote(b->pool, rule->name));
}

/* The row of a set of rules; clients with the same rules share it. */
static bool row_of(builder *b, apr_array_header_t *rules, uint32_t *row) {
    bool is_new;
    mpol_list_settle(rules);
    *row = mpol_values_id(b->row_rules, rules->elts,
                          (uint32_t)rules->nelts * (uint32_t)sizeof(uint32_t), &is_new) +
           1; /* row 0 is everyone's */
    return !is_new || add_row(b, rules);
}

/* Row and groups of a class: all rules for its identities, their groups and its issuer. */
static bool fill_class(builder *b, mpol_class *class) {
    const mpol_bytes *list = MPOL_AT(b->matrix->lists->items, (int)class->identities, mpol_bytes);
    apr_array_header_t *groups = b->groups;
    apr_array_header_t *rules = b->rules;
    apr_array_clear(groups);
    apr_array_clear(rules);
    apr_array_cat(rules, b->issuer_rules[class->issuer]);
    const uint32_t *identities = (const uint32_t *)(const void *)list->data;
    uint32_t count = list->len / (uint32_t)sizeof(uint32_t);
    for (uint32_t i = 0; i < count; i++)
        apr_array_cat(rules, b->identity_rules[identities[i]]);
    find_groups(b, identities, count, groups);
    for (int i = 0; i < groups->nelts; i++)
        apr_array_cat(rules, b->group_rules[APR_ARRAY_IDX(groups, i, uint32_t)]);
    class->groups = mpol_values_list(b->matrix->lists, groups);
    return row_of(b, rules, &class->row);
}

static bool add_everyone(builder *b) {
    apr_array_header_t *rules = new_list(b->pool);
    for (int r = 0; r < b->model->rules->nelts; r++)
        if (MPOL_AT(b->model->rules, r, mpol_rule)->everyone)
            APR_ARRAY_PUSH(rules, uint32_t) = (uint32_t)r;
    return add_row(b, rules);
}

static bool fill_classes(builder *b, mpol_classes *classes) {
    for (int i = 0; i < classes->list->nelts; i++)
        if (!fill_class(b, MPOL_AT(classes->list, i, mpol_class)))
            return false;
    return true;
}

/* The denials that name an issuer, as a row of their own. */
static bool add_cross_rows(builder *b) {
    size_t issuers = (size_t)b->model->issuers->nelts + 1;
    b->matrix->cross_row = apr_palloc(b->pool, issuers * sizeof(uint32_t));
    for (int i = 0; i < b->model->issuers->nelts; i++) {
        apr_array_header_t *denials = new_list(b->pool);
        for (int r = 0; r < b->issuer_rules[i]->nelts; r++) {
            uint32_t rule = APR_ARRAY_IDX(b->issuer_rules[i], r, uint32_t);
            if (is_deny(b, rule) && !MPOL_AT(b->model->rules, (int)rule, mpol_rule)->any_verified)
                APR_ARRAY_PUSH(denials, uint32_t) = rule;
        }
        b->matrix->cross_row[i] = MPOL_NONE;
        if (denials->nelts > 0 && !row_of(b, denials, &b->matrix->cross_row[i]))
            return false;
    }
    return true;
}

mpol_matrix *mpol_matrix_build(apr_pool_t *pool, const mpol_model *model, mpol_classes *classes,
                               mpol_values *lists, mpol_diagnostics *diagnostics) {
    mpol_matrix *matrix = apr_pcalloc(pool, sizeof *matrix);
    builder b = {.pool = pool, .model = model, .matrix = matrix};
    size_t rules = (size_t)model->rules->nelts + 1;
    matrix->rows = apr_array_make(pool, 64, sizeof(mpol_row));
    matrix->entries = apr_array_make(pool, 64, sizeof(mpol_entry));
    matrix->cells = mpol_values_make(pool);
    matrix->lists = lists;
    b.groups = new_list(pool);
    b.rules = new_list(pool);
    b.row_rules = mpol_values_make(pool);
    b.is_star = apr_pcalloc(pool, rules);
    b.weight = apr_pcalloc(pool, rules * sizeof *b.weight);
    index_subjects(&b);
    build_route_classes(&b);
    if (add_everyone(&b) && fill_classes(&b, classes) && add_cross_rows(&b))
        return matrix;
    report_large(&b, diagnostics);
    return NULL;
}
