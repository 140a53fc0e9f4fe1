/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/automaton.h"

#include "compile/trie.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* At most this many states, or 16 for each segment of the policy's patterns if that is more. */
enum { STATES_ALWAYS = 65536, STATES_PER_SEGMENT = 16, MOST_ALIVE = 1024 };

/* A state of the determinised automaton is the list of trie nodes where a path may stand, the most
 * specific way there first, and the endpoint of the best `**` passed on the way: what lies behind a
 * `**` in that order can never win and is dropped. */
typedef struct position {
    apr_array_header_t *nodes; /* uint32_t */
    uint32_t tail;             /* endpoint, or MPOL_NONE */
} position;

typedef struct builder {
    apr_pool_t *pool;
    mpol_automaton *automaton;
    mpol_trie *trie;
    apr_hash_t *known;             /* position -> state + 1, of this host */
    apr_array_header_t *positions; /* position, by state, of this host */
    uint32_t base;                 /* first state of this host */
    uint32_t limit;
    bool exceeded;
} builder;

static position empty_position(builder *b) {
    return (position){apr_array_make(b->pool, 4, sizeof(uint32_t)), MPOL_NONE};
}

/* The state of a position, MPOL_NONE for one without nodes; a new one waits to be expanded. */
static uint32_t state_of(builder *b, const position *where) {
    if (where->nodes->nelts == 0)
        return MPOL_NONE;
    if ((uint32_t)b->automaton->states->nelts >= b->limit || where->nodes->nelts > MOST_ALIVE) {
        b->exceeded = true;
        return MPOL_NONE;
    }
    apr_array_header_t *key = apr_array_copy(b->pool, where->nodes);
    APR_ARRAY_PUSH(key, uint32_t) = where->tail;
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

/* How many nodes of a position count: those up to the first with a `**` of its own. */
static int live_nodes(builder *b, const position *where, uint32_t *tail) {
    *tail = where->tail;
    for (int i = 0; i < where->nodes->nelts; i++) {
        const mpol_trie_node_t *node =
            mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t));
        if (node->rest != MPOL_NONE) {
            *tail = node->rest;
            return i + 1;
        }
    }
    return where->nodes->nelts;
}

/* The endpoint of a path that ends at a position. */
static uint32_t end_of(builder *b, const position *where, int live, uint32_t tail) {
    for (int i = 0; i < live; i++) {
        const mpol_trie_node_t *node =
            mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t));
        if (node->end != MPOL_NONE)
            return node->end;
    }
    return tail;
}

/* Where the segment leads; NULL data stands for any that no literal names. */
static position step(builder *b, const position *where, int live, uint32_t tail,
                     mpol_bytes literal) {
    position next = empty_position(b);
    next.tail = tail;
    for (int i = 0; i < live; i++) {
        const mpol_trie_node_t *node =
            mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t));
        uint32_t child = literal.data != NULL ? mpol_trie_child(node, literal) : MPOL_NONE;
        if (child != MPOL_NONE)
            APR_ARRAY_PUSH(next.nodes, uint32_t) = child;
        if (node->one != MPOL_NONE && (literal.data == NULL || literal.len > 0))
            APR_ARRAY_PUSH(next.nodes, uint32_t) = node->one;
    }
    return next;
}

static int by_hash(const void *left, const void *right) {
    const mpol_edge *a = left;
    const mpol_edge *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return mpol_bytes_compare(a->literal, b->literal);
}

/* The literals that any live node of a position names, in the order of edges. */
static apr_array_header_t *literals_of(builder *b, const position *where, int live) {
    apr_array_header_t *edges = apr_array_make(b->pool, 4, sizeof(mpol_edge));
    apr_hash_t *seen = live > 1 ? apr_hash_make(b->pool) : NULL;
    for (int i = 0; i < live; i++) {
        const mpol_trie_node_t *node =
            mpol_trie_node(b->trie, APR_ARRAY_IDX(where->nodes, i, uint32_t));
        for (apr_hash_index_t *at = node->children ? apr_hash_first(b->pool, node->children) : NULL;
             at != NULL; at = apr_hash_next(at)) {
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
        }
    }
    qsort(edges->elts, (size_t)edges->nelts, sizeof(mpol_edge), by_hash);
    return edges;
}

static void expand(builder *b, uint32_t state) {
    position where = *MPOL_AT(b->positions, (int)(state - b->base), position);
    uint32_t tail;
    int live = live_nodes(b, &where, &tail);
    mpol_state result = {.tail = tail, .end = end_of(b, &where, live, tail)};
    apr_array_header_t *edges = literals_of(b, &where, live);
    for (int i = 0; i < edges->nelts && !b->exceeded; i++) {
        mpol_edge *edge = MPOL_AT(edges, i, mpol_edge);
        position next = step(b, &where, live, tail, edge->literal);
        edge->target = state_of(b, &next);
    }
    position next = step(b, &where, live, tail, (mpol_bytes){NULL, 0});
    result.other = state_of(b, &next);
    result.first_edge = (uint32_t)b->automaton->edges->nelts;
    result.edge_count = (uint32_t)edges->nelts;
    apr_array_cat(b->automaton->edges, edges);
    *MPOL_AT(b->automaton->states, (int)state, mpol_state) = result;
}

/* Breadth first, so that every state leads to later ones only. */
static uint32_t build_host(builder *b, mpol_trie *trie) {
    position start = empty_position(b);
    b->trie = trie;
    b->known = apr_hash_make(b->pool);
    b->positions = apr_array_make(b->pool, 16, sizeof(position));
    b->base = (uint32_t)b->automaton->states->nelts;
    APR_ARRAY_PUSH(start.nodes, uint32_t) = MPOL_TRIE_ROOT;
    uint32_t first = state_of(b, &start);
    for (uint32_t state = b->base; state < (uint32_t)b->automaton->states->nelts && !b->exceeded;
         state++)
        expand(b, state);
    return first;
}

static void report_complex(builder *b, const mpol_model *model, mpol_diagnostics *diagnostics) {
    const mpol_pattern *most[2];
    mpol_trie_busiest(b->trie, most);
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_ROUTE_TOO_COMPLEX,
                         most[0]->place.offset, model->pointer(b->pool, &most[0]->place),
                         "Write one of the two with fewer wildcards before its literals.",
                         "The patterns of this host cross too often to be compiled; \"%s\" and "
                         "\"%s\" contribute most.",
                         mpol_quote(b->pool, most[0]->text), mpol_quote(b->pool, most[1]->text));
}

static uint32_t state_limit(const mpol_model *model) {
    uint64_t segments = 0;
    for (int r = 0; r < model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(model->routes, r, mpol_route);
        for (int p = 0; p < route->patterns->nelts; p++)
            segments += (uint64_t)MPOL_AT(route->patterns, p, mpol_pattern)->segments->nelts *
                        (uint64_t)route->hosts->nelts;
    }
    uint64_t limit = segments * STATES_PER_SEGMENT;
    if (limit < STATES_ALWAYS)
        limit = STATES_ALWAYS;
    return limit > 0x10000000u ? 0x10000000u : (uint32_t)limit;
}

static int by_host(const void *left, const void *right) {
    const mpol_host *a = left;
    const mpol_host *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return mpol_bytes_compare(a->name, b->name);
}

/* Every host that a route names, once, in order; "*" among them. */
static apr_array_header_t *collect_hosts(apr_pool_t *pool, const mpol_model *model) {
    apr_array_header_t *hosts = apr_array_make(pool, 8, sizeof(mpol_host));
    apr_hash_t *seen = apr_hash_make(pool);
    for (int r = 0; r < model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(model->routes, r, mpol_route);
        for (int h = 0; h < route->hosts->nelts; h++) {
            const mpol_bytes *name = MPOL_AT(route->hosts, h, mpol_bytes);
            if (apr_hash_get(seen, name->data, name->len) != NULL)
                continue;
            apr_hash_set(seen, name->data, name->len, name);
            *(mpol_host *)apr_array_push(hosts) =
                (mpol_host){*name, mpol_bytes_hash(*name), MPOL_NONE};
        }
    }
    qsort(hosts->elts, (size_t)hosts->nelts, sizeof(mpol_host), by_host);
    return hosts;
}

mpol_automaton *mpol_automaton_build(apr_pool_t *pool, const mpol_model *model,
                                     mpol_diagnostics *diagnostics) {
    mpol_automaton *automaton = apr_pcalloc(pool, sizeof *automaton);
    builder b = {.pool = pool, .automaton = automaton, .limit = state_limit(model)};
    automaton->states = apr_array_make(pool, 64, sizeof(mpol_state));
    automaton->edges = apr_array_make(pool, 64, sizeof(mpol_edge));
    automaton->endpoints = apr_array_make(pool, 64, sizeof(mpol_endpoint));
    automaton->hosts = apr_array_make(pool, 8, sizeof(mpol_host));
    automaton->any_host = MPOL_NONE;
    apr_array_header_t *hosts = collect_hosts(pool, model);
    mpol_tries *tries = mpol_tries_make(pool, model, automaton->endpoints);
    for (int i = 0; i < hosts->nelts; i++) {
        mpol_host host = *MPOL_AT(hosts, i, mpol_host);
        host.state = build_host(&b, mpol_tries_host(tries, host.name));
        if (b.exceeded) {
            report_complex(&b, model, diagnostics);
            return NULL;
        }
        if (host.name.len == 1 && host.name.data[0] == '*')
            automaton->any_host = host.state;
        else
            *(mpol_host *)apr_array_push(automaton->hosts) = host;
    }
    return automaton;
}
