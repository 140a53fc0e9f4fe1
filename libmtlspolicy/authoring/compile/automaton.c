/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/automaton.h"

#include "base/limits.h"
#include "match/automaton.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* At most this many states, or 16 for each segment of the patterns if that is more. */
enum { STATES_ALWAYS = 65536, STATES_PER_SEGMENT = 16, MOST_ALIVE = 1024 };
/* An array of APR grows no further: it counts its bytes in an int. */
enum { MOST_EDGES = 1 << 25, MOST_STATES = 1 << 24 };

/* A state of the determinised automaton is the list of trie nodes where a text may stand, the most
 * specific way there first, and the slots of the `**` passed on the way. Where only the first
 * pattern counts, what lies behind a `**` in that order can never win and is dropped. */
typedef struct position {
    apr_array_header_t *nodes; /* uint32_t */
    apr_array_header_t *tails; /* uint32_t, slots */
} position;

typedef struct builder {
    apr_pool_t *pool;
    mpol_automaton *automaton;
    const mpol_automaton_rules *rules;
    mpol_trie *trie;
    apr_hash_t *known;             /* position -> state + 1, of this trie */
    apr_array_header_t *positions; /* position, by state, of this trie */
    uint32_t base;                 /* first state of this trie */
    bool exceeded;
} builder;

mpol_automaton *mpol_automaton_make(apr_pool_t *pool) {
    mpol_automaton *automaton = apr_palloc(pool, sizeof *automaton);
    automaton->pool = pool;
    automaton->states = apr_array_make(pool, 64, sizeof(mpol_state));
    automaton->edges = apr_array_make(pool, 64, sizeof(mpol_edge));
    automaton->narrows = mpol_values_make(pool);
    automaton->literal_bytes = 0;
    return automaton;
}

bool mpol_automaton_is_large(const mpol_automaton *automaton) {
    return automaton->literal_bytes > MPOL_LIMIT_HASH_WORK ||
           automaton->edges->nelts >= MOST_EDGES || automaton->states->nelts >= MOST_STATES;
}

uint32_t mpol_automaton_limit(uint64_t segments) {
    uint64_t limit = segments * STATES_PER_SEGMENT;
    if (limit < STATES_ALWAYS)
        limit = STATES_ALWAYS;
    return limit > 0x10000000u ? 0x10000000u : (uint32_t)limit;
}

static apr_array_header_t *new_list(builder *b) {
    return apr_array_make(b->pool, 4, sizeof(uint32_t));
}

static const mpol_trie_node_t *node_at(const builder *b, const position *where, int i) {
    return mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t));
}

/* The bytes by which a position is known. */
static apr_array_header_t *key_of(builder *b, const position *where) {
    apr_array_header_t *key = apr_array_copy(b->pool, where->nodes);
    APR_ARRAY_PUSH(key, uint32_t) = MPOL_NONE; /* no node */
    apr_array_cat(key, where->tails);
    return key;
}

/* The state of a position, MPOL_NONE for one without nodes; a new one waits to be expanded. */
static uint32_t state_of(builder *b, const position *where) {
    if (where->nodes->nelts == 0)
        return MPOL_NONE;
    if ((uint32_t)b->automaton->states->nelts >= b->rules->limit ||
        mpol_automaton_is_large(b->automaton) || where->nodes->nelts > MOST_ALIVE) {
        b->exceeded = true;
        return MPOL_NONE;
    }
    apr_array_header_t *key = key_of(b, where);
    apr_ssize_t len = key->nelts * (apr_ssize_t)sizeof(uint32_t);
    uintptr_t found = (uintptr_t)apr_hash_get(b->known, key->elts, len);
    if (found != 0)
        return (uint32_t)(found - 1);
    uint32_t state = (uint32_t)b->automaton->states->nelts;
    (void)apr_array_push(b->automaton->states);
    *(position *)apr_array_push(b->positions) = *where;
    apr_hash_set(b->known, key->elts, len, (void *)((uintptr_t)state + 1));
    for (int i = 0; i < where->nodes->nelts; i++)
        mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t))->alive++;
    return state;
}

/* How many nodes of a position count, and the slots that are meant when nothing leads on. */
static int live_nodes(builder *b, const position *where, apr_array_header_t *tails) {
    for (int i = 0; i < where->nodes->nelts; i++) {
        uint32_t rest = node_at(b, where, i)->rest;
        if (rest == MPOL_NONE)
            continue;
        APR_ARRAY_PUSH(tails, uint32_t) = rest;
        if (b->rules->first_only)
            return i + 1;
    }
    apr_array_cat(tails, where->tails);
    return where->nodes->nelts;
}

static uint32_t meaning_of(builder *b, const apr_array_header_t *slots) {
    const uint32_t *all = (const uint32_t *)(const void *)slots->elts;
    if (slots->nelts == 0)
        return MPOL_NONE;
    return b->rules->meaning != NULL ? b->rules->meaning(b->rules->context, all, slots->nelts)
                                     : all[0];
}

/* What is meant by a text that ends at a position. */
static uint32_t end_of(builder *b, const position *where, int live,
                       const apr_array_header_t *tails) {
    apr_array_header_t *slots = new_list(b);
    for (int i = 0; i < live; i++)
        if (node_at(b, where, i)->end != MPOL_NONE)
            APR_ARRAY_PUSH(slots, uint32_t) = node_at(b, where, i)->end;
    apr_array_cat(slots, tails);
    return meaning_of(b, slots);
}

/* Does a wildcard of this type take segments of this form? */
static bool takes(int wild, mpol_segment_form form) {
    switch ((mpol_segment_type)(wild + MPOL_SEGMENT_UUID)) {
    case MPOL_SEGMENT_UUID: return form == MPOL_FORM_UUID;
    case MPOL_SEGMENT_INT: return form == MPOL_FORM_INT;
    case MPOL_SEGMENT_HEX: return form == MPOL_FORM_INT || form == MPOL_FORM_HEX;
    default: return true;
    }
}

static void push_node(position *next, uint32_t node) {
    if (node != MPOL_NONE)
        APR_ARRAY_PUSH(next->nodes, uint32_t) = node;
}

/* Where a segment leads that is this literal, or (NULL data) any of its form that no literal
 * names. */
static uint32_t step(builder *b, const position *where, int live, const apr_array_header_t *tails,
                     mpol_bytes literal, mpol_segment_form form) {
    position next = {new_list(b), apr_array_copy(b->pool, tails)};
    for (int i = 0; i < live; i++) {
        const mpol_trie_node_t *node = node_at(b, where, i);
        if (literal.data != NULL)
            push_node(&next, mpol_trie_child(node, literal));
        for (int w = 0; w < MPOL_TRIE_WILD && (literal.data == NULL || literal.len > 0); w++)
            if (takes(w, form))
                push_node(&next, node->wild[w]);
    }
    return state_of(b, &next);
}

static int by_hash(const void *left, const void *right) {
    const mpol_edge *a = left;
    const mpol_edge *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return mpol_bytes_compare(a->literal, b->literal);
}

/* The literals that any live node of a position names, as the last edges; how many. */
static int add_literals(builder *b, const position *where, int live) {
    apr_array_header_t *edges = b->automaton->edges;
    int first = edges->nelts;
    apr_hash_t *seen = live > 1 ? apr_hash_make(b->pool) : NULL;
    for (int i = 0; i < live && !b->exceeded; i++) {
        const mpol_trie_node_t *node = node_at(b, where, i);
        for (apr_hash_index_t *at = node->children ? apr_hash_first(b->pool, node->children) : NULL;
             at != NULL && !b->exceeded; at = apr_hash_next(at)) {
            const void *key;
            apr_ssize_t len;
            apr_hash_this(at, &key, &len, NULL);
            if (seen != NULL && apr_hash_get(seen, key, len) != NULL)
                continue;
            if (seen != NULL)
                apr_hash_set(seen, key, len, key);
            mpol_bytes literal = {key, (uint32_t)len};
            *(mpol_edge *)apr_array_push(edges) =
                (mpol_edge){mpol_bytes_hash(literal), literal, MPOL_NONE};
            b->automaton->literal_bytes += literal.len;
            b->exceeded = mpol_automaton_is_large(b->automaton);
        }
    }
    int count = edges->nelts - first;
    if (count > 1)
        qsort(MPOL_AT(edges, first, mpol_edge), (size_t)count, sizeof(mpol_edge), by_hash);
    return count;
}

static bool has_narrow(builder *b, const position *where, int live) {
    for (int i = 0; i < live; i++)
        for (int w = 0; w < MPOL_TRIE_WILD - 1; w++)
            if (node_at(b, where, i)->wild[w] != MPOL_NONE)
                return true;
    return false;
}

static void take_wildcards(builder *b, const position *where, int live,
                           const apr_array_header_t *tails, mpol_state *result) {
    static const mpol_bytes any = {NULL, 0};
    static const mpol_segment_form forms[3] = {MPOL_FORM_UUID, MPOL_FORM_INT, MPOL_FORM_HEX};
    uint32_t targets[3];
    result->narrow = MPOL_NONE;
    if (has_narrow(b, where, live)) {
        for (int i = 0; i < 3; i++)
            targets[i] = step(b, where, live, tails, any, forms[i]);
        result->narrow = mpol_values_id(b->automaton->narrows, targets, sizeof targets, NULL);
    }
    result->other = step(b, where, live, tails, any, MPOL_FORM_OTHER);
}

static void expand(builder *b, uint32_t state) {
    position where = *MPOL_AT(b->positions, (int)(state - b->base), position);
    apr_array_header_t *tails = new_list(b);
    int live = live_nodes(b, &where, tails);
    mpol_state result = {.end = end_of(b, &where, live, tails), .tail = meaning_of(b, tails)};
    result.first_edge = (uint32_t)b->automaton->edges->nelts;
    result.edge_count = (uint32_t)add_literals(b, &where, live);
    for (uint32_t i = 0; i < result.edge_count && !b->exceeded; i++) {
        mpol_edge *edge = MPOL_AT(b->automaton->edges, (int)(result.first_edge + i), mpol_edge);
        edge->target =
            step(b, &where, live, tails, edge->literal, mpol_segment_form_of(edge->literal));
    }
    take_wildcards(b, &where, live, tails, &result);
    *MPOL_AT(b->automaton->states, (int)state, mpol_state) = result;
}

/* Breadth first, so that every state leads to later ones only. */
uint32_t mpol_automaton_add(mpol_automaton *automaton, mpol_trie *trie,
                            const mpol_automaton_rules *rules) {
    builder b = {.pool = automaton->pool, .automaton = automaton, .rules = rules, .trie = trie};
    position start = {new_list(&b), new_list(&b)};
    b.known = apr_hash_make(b.pool);
    b.positions = apr_array_make(b.pool, 16, sizeof(position));
    b.base = (uint32_t)automaton->states->nelts;
    APR_ARRAY_PUSH(start.nodes, uint32_t) = MPOL_TRIE_ROOT;
    uint32_t first = state_of(&b, &start);
    for (uint32_t state = b.base; state < (uint32_t)automaton->states->nelts && !b.exceeded;
         state++)
        expand(&b, state);
    return b.exceeded ? MPOL_NONE : first;
}

/* Enough for eight tries that are too complex, and no more than were built before. */
enum { COUNTED_FOR_BLAME = 8 * STATES_ALWAYS };

mpol_blame mpol_blame_make(apr_pool_t *pool, bool first_only, uint32_t limit) {
    return (mpol_blame){.pool = pool,
                        .rules = {.first_only = first_only, .limit = limit},
                        .together = mpol_trie_load_make(pool),
                        .left = limit > COUNTED_FOR_BLAME ? limit : COUNTED_FOR_BLAME};
}

static void forget_states(mpol_trie *trie) {
    for (int i = 0; i < trie->nodes->nelts; i++)
        mpol_trie_node(trie, (uint32_t)i)->alive = 0;
}

bool mpol_blame_trie(mpol_blame *blame, mpol_trie *trie, const mpol_pattern *most[2]) {
    apr_pool_t *scratch;
    if (blame->left == 0 || apr_pool_create(&scratch, blame->pool) != APR_SUCCESS)
        return false;
    mpol_automaton *automaton = mpol_automaton_make(scratch);
    forget_states(trie);
    bool fits = mpol_automaton_add(automaton, trie, &blame->rules) != MPOL_NONE;
    uint64_t states = (uint64_t)automaton->states->nelts;
    blame->left -= states < blame->left ? states : blame->left;
    blame->alone = blame->alone || !fits;
    mpol_trie_load_add(&blame->together, trie);
    if (!fits) {
        mpol_trie_load load = mpol_trie_load_make(scratch);
        mpol_trie_load_add(&load, trie);
        mpol_trie_busiest(&load, most);
    }
    apr_pool_destroy(scratch);
    return !fits;
}
