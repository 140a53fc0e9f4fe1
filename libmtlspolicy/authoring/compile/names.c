/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/names.h"

#include "match/names.h"
#include "model/members.h"
#include "model/patterns.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one slot of a trie, or of one exact name: the identities that are written so,
 * and whether the issuer's own list has it. */
typedef struct meaning {
    mpol_bytes value; /* of an exact name */
    apr_array_header_t *identities;
    bool asserted;
} meaning;

typedef struct builder {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_automaton *automaton;
    mpol_names_table *table;
    mpol_values *lists;
    uint32_t limit;
    /* of the naming that is being built */
    mpol_trie *trie;
    apr_array_header_t *slots; /* meaning */
    apr_array_header_t *exact; /* meaning */
    apr_hash_t *by_value;      /* value -> index of exact + 1 */
    bool restricted;
    apr_hash_t *seen; /* mpol_name_set, of the whole table */
    uint32_t issuer;
} builder;

static meaning *new_meaning(builder *b, apr_array_header_t *array, mpol_bytes value) {
    meaning *made = apr_array_push(array);
    *made = (meaning){value, apr_array_make(b->pool, 1, sizeof(uint32_t)), false};
    return made;
}

static meaning *exact_of(builder *b, mpol_bytes value) {
    uintptr_t found = (uintptr_t)apr_hash_get(b->by_value, value.data, value.len);
    if (found != 0)
        return MPOL_AT(b->exact, (int)(found - 1), meaning);
    apr_hash_set(b->by_value, value.data, value.len, (void *)((uintptr_t)b->exact->nelts + 1));
    return new_meaning(b, b->exact, value);
}

static meaning *slot_of(builder *b, const mpol_name_pattern *name) {
    mpol_pattern *pattern = apr_palloc(b->pool, sizeof *pattern);
    *pattern = (mpol_pattern){name->value, name->place, name->segments};
    uint32_t *slot = mpol_trie_slot(b->trie, pattern);
    if (*slot != MPOL_NONE)
        return MPOL_AT(b->slots, (int)*slot, meaning);
    *slot = (uint32_t)b->slots->nelts;
    return new_meaning(b, b->slots, name->value);
}

static meaning *meaning_of(builder *b, const mpol_name_pattern *name) {
    return name->is_pattern ? slot_of(b, name) : exact_of(b, name->value);
}

/* Note a set that one name can stand for. */
static void note_set(builder *b, uint32_t list, bool inside) {
    mpol_name_set set = {b->issuer, list};
    if (!inside || apr_hash_get(b->seen, &set, sizeof set) != NULL)
        return;
    mpol_name_set *kept = apr_pmemdup(b->pool, &set, sizeof set);
    apr_hash_set(b->seen, kept, sizeof set, kept);
    *(mpol_name_set *)apr_array_push(b->table->sets) = set;
}

static uint32_t end_of(builder *b, apr_array_header_t *identities, bool asserted) {
    mpol_list_settle(identities);
    mpol_name_end end = {mpol_values_list(b->lists, identities), asserted || !b->restricted};
    note_set(b, end.identities, end.inside != 0);
    return mpol_values_id(b->table->ends, &end, sizeof end, NULL);
}

/* A name means everything that any pattern it matches means. */
static uint32_t union_of(void *context, const uint32_t *slots, int count) {
    builder *b = context;
    apr_array_header_t *identities = apr_array_make(b->pool, 4, sizeof(uint32_t));
    bool asserted = false;
    for (int i = 0; i < count; i++) {
        const meaning *slot = MPOL_AT(b->slots, (int)slots[i], meaning);
        apr_array_cat(identities, slot->identities);
        asserted = asserted || slot->asserted;
    }
    return end_of(b, identities, asserted);
}

static uint32_t step(const mpol_automaton *automaton, uint32_t state, mpol_bytes segment) {
    const mpol_state *here = MPOL_AT(automaton->states, (int)state, mpol_state);
    uint64_t hash = mpol_bytes_hash(segment);
    for (uint32_t low = here->first_edge, high = low + here->edge_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        const mpol_edge *edge = MPOL_AT(automaton->edges, (int)middle, mpol_edge);
        if (edge->hash == hash && mpol_bytes_equal(edge->literal, segment))
            return edge->target;
        if (edge->hash < hash ||
            (edge->hash == hash && mpol_bytes_compare(edge->literal, segment) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return segment.len > 0 ? here->other : MPOL_NONE;
}

/* What the patterns make of an exact name; MPOL_NONE when none matches. */
static uint32_t patterns_of(const mpol_automaton *automaton, uint32_t state, mpol_name_kind kind,
                            mpol_bytes name) {
    mpol_name_walk walk = mpol_name_begin(kind, name);
    mpol_bytes segment;
    while (mpol_name_next(&walk, &segment)) {
        uint32_t next = step(automaton, state, segment);
        if (next == MPOL_NONE)
            return MPOL_AT(automaton->states, (int)state, mpol_state)->tail;
        state = next;
    }
    return MPOL_AT(automaton->states, (int)state, mpol_state)->end;
}

static void add_exact(builder *b, const mpol_naming_start *start, uint32_t naming) {
    for (int i = 0; i < b->exact->nelts; i++) {
        meaning *name = MPOL_AT(b->exact, i, meaning);
        bool inside = name->asserted || !b->restricted;
        uint32_t end = start->state == MPOL_NONE ? MPOL_NONE
                                                 : patterns_of(b->automaton, start->state,
                                                               start->naming->kind, name->value);
        if (end != MPOL_NONE) {
            const mpol_bytes *found = MPOL_AT(b->table->ends->items, (int)end, mpol_bytes);
            const mpol_name_end *others = (const mpol_name_end *)(const void *)found->data;
            const mpol_bytes *list = MPOL_AT(b->lists->items, (int)others->identities, mpol_bytes);
            for (uint32_t k = 0; k < list->len / sizeof(uint32_t); k++)
                APR_ARRAY_PUSH(name->identities, uint32_t) =
                    ((const uint32_t *)(const void *)list->data)[k];
            inside = inside || others->inside != 0;
        }
        mpol_list_settle(name->identities);
        uint32_t list = mpol_values_list(b->lists, name->identities);
        note_set(b, list, inside);
        *(mpol_exact *)apr_array_push(b->table->exact) =
            (mpol_exact){mpol_bytes_hash(name->value), naming, name->value, list, inside};
    }
}

/* Sort the issuer's identities and its own list of names among exact ones and patterns. */
static void collect(builder *b, const mpol_issuer *issuer, const mpol_naming *naming,
                    const apr_array_header_t *identities) {
    b->trie = mpol_trie_make(b->pool);
    b->slots = apr_array_make(b->pool, 8, sizeof(meaning));
    b->exact = apr_array_make(b->pool, 8, sizeof(meaning));
    b->by_value = apr_hash_make(b->pool);
    b->restricted = issuer->may_assert->nelts > 0;
    for (int i = 0; i < identities->nelts; i++) {
        uint32_t index = APR_ARRAY_IDX(identities, i, uint32_t);
        const mpol_identity *identity = MPOL_AT(b->model->identities, (int)index, mpol_identity);
        if (identity->has_name && mpol_naming_equal(&identity->pattern.naming, naming))
            APR_ARRAY_PUSH(meaning_of(b, &identity->pattern)->identities, uint32_t) = index;
    }
    for (int i = 0; i < issuer->may_assert->nelts; i++) {
        const mpol_name_pattern *name = MPOL_AT(issuer->may_assert, i, mpol_name_pattern);
        if (mpol_naming_equal(&name->naming, naming))
            meaning_of(b, name)->asserted = true;
    }
}

static bool add_naming(builder *b, const mpol_naming *naming) {
    mpol_automaton_rules rules = {.limit = b->limit, .meaning = union_of, .context = b};
    uint32_t index = (uint32_t)b->table->namings->nelts;
    mpol_naming_start *start = apr_array_push(b->table->namings);
    *start = (mpol_naming_start){naming, b->issuer, MPOL_NONE};
    if (b->slots->nelts > 0) {
        start->state = mpol_automaton_add(b->automaton, b->trie, &rules);
        if (start->state == MPOL_NONE)
            return false;
    }
    add_exact(b, start, index);
    if (!b->restricted)
        note_set(b, MPOL_LIST_EMPTY, true); /* a name that nobody has written */
    return true;
}

static int by_exact(const void *left, const void *right) {
    const mpol_exact *a = left;
    const mpol_exact *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->naming != b->naming)
        return a->naming < b->naming ? -1 : 1;
    return mpol_bytes_compare(a->value, b->value);
}

/* By issuer, its identities. */
static apr_array_header_t **by_issuer(apr_pool_t *pool, const mpol_model *model) {
    size_t issuers = (size_t)model->issuers->nelts + 1;
    apr_array_header_t **lists = apr_palloc(pool, issuers * sizeof *lists);
    for (size_t i = 0; i < issuers; i++)
        lists[i] = apr_array_make(pool, 8, sizeof(uint32_t));
    for (int i = 0; i < model->identities->nelts; i++)
        APR_ARRAY_PUSH(lists[MPOL_AT(model->identities, i, mpol_identity)->issuer], uint32_t) =
            (uint32_t)i;
    return lists;
}

static uint64_t segments_of(const mpol_model *model) {
    uint64_t segments = 0;
    for (int i = 0; i < model->identities->nelts; i++) {
        const mpol_identity *identity = MPOL_AT(model->identities, i, mpol_identity);
        if (identity->has_name)
            segments += (uint64_t)identity->pattern.segments->nelts;
    }
    return segments;
}

static void report_pair(builder *b, const char *whose, const mpol_pattern *const most[2],
                        mpol_diagnostics *diagnostics) {
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_NAMES_TOO_COMPLEX,
                         most[0]->place.offset, b->model->pointer(b->pool, &most[0]->place),
                         "Write one of the two with fewer wildcards before its literals.",
                         "The names of %s cross too often to be compiled; \"%s\" and \"%s\" "
                         "contribute most.",
                         whose, mpol_quote(b->pool, most[0]->text),
                         mpol_quote(b->pool, most[1]->text));
}

static void report_large(builder *b, mpol_diagnostics *diagnostics) {
    const mpol_issuer *issuer = MPOL_AT(b->model->issuers, (int)b->issuer, mpol_issuer);
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE,
                         issuer->place.offset, b->model->pointer(b->pool, &issuer->place),
                         "Write its patterns with fewer wildcards before long literals.",
                         "With the names of issuer \"%s\" all patterns together are longer than "
                         "the server checks.",
                         mpol_quote(b->pool, issuer->name));
}

/* Issuers with a kind of name that is too complex by itself; or, where there is none, what
 * contributes most to all of them together. */
static void report_complex(builder *b, apr_array_header_t **identities,
                           mpol_diagnostics *diagnostics) {
    const mpol_pattern *most[2];
    mpol_blame blame = mpol_blame_make(b->pool, false, b->limit - b->table->first_state);
    EACH (b->model->issuers, mpol_issuer, issuer) {
        const char *whose =
            apr_psprintf(b->pool, "issuer \"%s\"", mpol_quote(b->pool, issuer->name));
        EACH (issuer->namings, mpol_naming, naming) {
            collect(b, issuer, naming,
                    identities[issuer - MPOL_AT(b->model->issuers, 0, mpol_issuer)]);
            if (b->slots->nelts > 0 && mpol_blame_trie(&blame, b->trie, most))
                report_pair(b, whose, most, diagnostics);
        }
    }
    if (blame.alone)
        return;
    mpol_trie_busiest(&blame.together, most);
    report_pair(b, "all issuers together", most, diagnostics);
}

static bool add_namings(builder *b, apr_array_header_t **identities) {
    for (int i = 0; i < b->model->issuers->nelts; i++) {
        const mpol_issuer *issuer = MPOL_AT(b->model->issuers, i, mpol_issuer);
        b->issuer = (uint32_t)i;
        b->table->first_naming[i] = (uint32_t)b->table->namings->nelts;
        EACH (issuer->namings, mpol_naming, naming) {
            collect(b, issuer, naming, identities[i]);
            if (!add_naming(b, naming))
                return false;
        }
    }
    b->table->first_naming[b->model->issuers->nelts] = (uint32_t)b->table->namings->nelts;
    return true;
}

mpol_names_table *mpol_names_build(mpol_automaton *automaton, const mpol_model *model,
                                   mpol_values *lists, mpol_diagnostics *diagnostics) {
    apr_pool_t *pool = automaton->pool;
    mpol_names_table *table = apr_pcalloc(pool, sizeof *table);
    builder b = {
        .pool = pool, .model = model, .automaton = automaton, .table = table, .lists = lists};
    apr_array_header_t **identities = by_issuer(pool, model);
    table->namings = apr_array_make(pool, 4, sizeof(mpol_naming_start));
    table->first_naming = apr_palloc(pool, sizeof(uint32_t) * (size_t)(model->issuers->nelts + 1));
    table->exact = apr_array_make(pool, 64, sizeof(mpol_exact));
    table->sets = apr_array_make(pool, 64, sizeof(mpol_name_set));
    table->ends = mpol_values_make(pool);
    table->first_state = (uint32_t)automaton->states->nelts;
    b.limit = table->first_state + mpol_automaton_limit(segments_of(model));
    b.seen = apr_hash_make(pool);
    if (!add_namings(&b, identities)) {
        if (mpol_automaton_is_large(automaton))
            report_large(&b, diagnostics);
        else
            report_complex(&b, identities, diagnostics);
        return NULL;
    }
    qsort(table->exact->elts, (size_t)table->exact->nelts, sizeof(mpol_exact), by_exact);
    return table;
}
