/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/paths.h"

#include "base/limits.h"

#include <apr_strings.h>
#include <stdlib.h>

/* Hosts that the same routes list: they have the same patterns, and share their states. */
typedef struct host_set {
    apr_array_header_t *hosts;  /* mpol_bytes, in byte order */
    apr_array_header_t *routes; /* uint32_t, ascending */
    mpol_trie *trie;
    uint64_t segments; /* of all patterns */
} host_set;

typedef struct builder {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_paths *paths;
    apr_array_header_t *sets; /* host_set, by their first host */
    uint64_t literal_bytes;
    mpol_diagnostics *diagnostics;
} builder;

static void add_methods(mpol_endpoint *endpoint, const mpol_route *route, uint32_t index,
                        const mpol_pattern *pattern) {
    if (route->preflight)
        endpoint->preflight = index;
    if (route->any_method) {
        endpoint->any_route = index;
        endpoint->any_pattern = pattern;
    }
    for (int m = 0; m < route->methods->nelts; m++)
        *(mpol_method *)apr_array_push(endpoint->methods) =
            (mpol_method){*MPOL_AT(route->methods, m, mpol_bytes), index, pattern};
}

static void add_pattern(builder *b, mpol_trie *trie, const mpol_pattern *pattern,
                        const mpol_route *route, uint32_t index) {
    apr_array_header_t *endpoints = b->paths->endpoints;
    b->literal_bytes -= trie->literal_bytes;
    uint32_t *slot = mpol_trie_slot(trie, pattern);
    b->literal_bytes += trie->literal_bytes;
    if (*slot == MPOL_NONE) {
        *(mpol_endpoint *)apr_array_push(endpoints) =
            (mpol_endpoint){.pattern = pattern->text,
                            .any_route = MPOL_NONE,
                            .preflight = MPOL_NONE,
                            .methods = apr_array_make(b->pool, 2, sizeof(mpol_method))};
        *slot = (uint32_t)endpoints->nelts - 1;
    }
    mpol_endpoint *endpoint = MPOL_AT(endpoints, (int)*slot, mpol_endpoint);
    if (mpol_bytes_compare(pattern->text, endpoint->pattern) < 0)
        endpoint->pattern = pattern->text;
    add_methods(endpoint, route, index, pattern);
}

static int by_text(const void *left, const void *right) {
    return mpol_bytes_compare(((const mpol_pattern *)left)->text,
                              ((const mpol_pattern *)right)->text);
}

static int by_bytes(const void *left, const void *right) {
    return mpol_bytes_compare(*(const mpol_bytes *)left, *(const mpol_bytes *)right);
}

static int by_method(const void *left, const void *right) {
    return mpol_bytes_compare(((const mpol_method *)left)->name,
                              ((const mpol_method *)right)->name);
}

static int by_host(const void *left, const void *right) {
    const mpol_host *a = left;
    const mpol_host *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return mpol_bytes_compare(a->name, b->name);
}

static void sort(apr_array_header_t *array, int (*order)(const void *, const void *)) {
    qsort(array->elts, (size_t)array->nelts, (size_t)array->elt_size, order);
}

/* The check of an image hashes each literal of each set: what it would refuse is not made. */
static bool is_large(const builder *b) {
    return b->literal_bytes > MPOL_LIMIT_HASH_WORK;
}

/* The routes of each host (host -> array of uint32_t), and the hosts in byte order. Patterns are
 * put into that order, too, so that the one in which a document lists them leaves no trace. */
static apr_hash_t *routes_of_hosts(const builder *b, apr_array_header_t *hosts) {
    apr_hash_t *lists = apr_hash_make(b->pool);
    for (int r = 0; r < b->model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(b->model->routes, r, mpol_route);
        sort(route->hosts, by_bytes);
        sort(route->patterns, by_text);
        EACH (route->hosts, mpol_bytes, host) {
            apr_array_header_t *list = apr_hash_get(lists, host->data, host->len);
            if (list == NULL) {
                list = apr_array_make(b->pool, 4, sizeof(uint32_t));
                apr_hash_set(lists, host->data, host->len, list);
                APR_ARRAY_PUSH(hosts, mpol_bytes) = *host;
            }
            APR_ARRAY_PUSH(list, uint32_t) = (uint32_t)r;
        }
    }
    sort(hosts, by_bytes);
    return lists;
}

static void collect_sets(builder *b) {
    apr_array_header_t *hosts = apr_array_make(b->pool, 16, sizeof(mpol_bytes));
    apr_hash_t *lists = routes_of_hosts(b, hosts);
    apr_hash_t *known = apr_hash_make(b->pool); /* routes -> index + 1 */
    EACH (hosts, mpol_bytes, host) {
        apr_array_header_t *routes = apr_hash_get(lists, host->data, host->len);
        apr_ssize_t size = (apr_ssize_t)routes->nelts * (apr_ssize_t)sizeof(uint32_t);
        uintptr_t number = (uintptr_t)apr_hash_get(known, routes->elts, size);
        if (number == 0) {
            *(host_set *)apr_array_push(b->sets) = (host_set){
                apr_array_make(b->pool, 2, sizeof(mpol_bytes)), routes, mpol_trie_make(b->pool), 0};
            number = (uintptr_t)b->sets->nelts;
            apr_hash_set(known, routes->elts, size, (void *)number);
        }
        APR_ARRAY_PUSH(MPOL_AT(b->sets, (int)number - 1, host_set)->hosts, mpol_bytes) = *host;
    }
}

static void add_patterns(builder *b, host_set *set) {
    EACH (set->routes, uint32_t, index) {
        const mpol_route *route = MPOL_AT(b->model->routes, (int)*index, mpol_route);
        EACH (route->patterns, mpol_pattern, pattern) {
            if (is_large(b))
                return;
            add_pattern(b, set->trie, pattern, route, *index);
            set->segments += (uint64_t)pattern->segments->nelts;
        }
    }
}

static void add_routes(builder *b) {
    collect_sets(b);
    for (int i = 0; i < b->sets->nelts; i++)
        add_patterns(b, MPOL_AT(b->sets, i, host_set));
    for (int i = 0; i < b->paths->endpoints->nelts; i++)
        sort(MPOL_AT(b->paths->endpoints, i, mpol_endpoint)->methods, by_method);
}

static void report_pair(builder *b, const char *whose, const mpol_pattern *const most[2]) {
    mpol_diagnostics_add(b->diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_ROUTE_TOO_COMPLEX,
                         most[0]->place.offset, b->model->pointer(b->pool, &most[0]->place),
                         "Write one of the two with fewer wildcards before its literals.",
                         "The patterns of %s cross too often to be compiled; \"%s\" and "
                         "\"%s\" contribute most.",
                         whose, mpol_quote(b->pool, most[0]->text),
                         mpol_quote(b->pool, most[1]->text));
}

static uint64_t literals_of(const mpol_route *route) {
    uint64_t bytes = 0;
    EACH (route->patterns, mpol_pattern, pattern) {
        EACH (pattern->segments, mpol_segment, segment) {
            bytes += segment->literal.len;
        }
    }
    return bytes * (uint64_t)route->hosts->nelts;
}

/* Every host that is too complex, by the first of those that are alike; the same two patterns once,
 * whatever hosts they are of. `failed` is the first such set: those before it have their states,
 * and must not use up what is counted at most. */
static void report_complex(builder *b, int failed) {
    const mpol_pattern *most[2];
    mpol_blame blame = mpol_blame_make(b->pool, true, 0);
    apr_hash_t *reported = apr_hash_make(b->pool);
    for (int i = failed; i < b->sets->nelts; i++) {
        host_set *set = MPOL_AT(b->sets, i, host_set);
        blame.rules.limit = mpol_automaton_limit(set->segments);
        if (!mpol_blame_trie(&blame, set->trie, most) ||
            apr_hash_get(reported, most, sizeof most) != NULL)
            continue;
        apr_hash_set(reported, apr_pmemdup(b->pool, most, sizeof most), sizeof most, set);
        report_pair(b,
                    apr_psprintf(b->pool, "host \"%s\"",
                                 mpol_quote(b->pool, *MPOL_AT(set->hosts, 0, mpol_bytes))),
                    most);
    }
}

void mpol_paths_report_large(const mpol_model *model, mpol_diagnostics *diagnostics) {
    const mpol_route *most = MPOL_AT(model->routes, 0, mpol_route);
    EACH (model->routes, mpol_route, route) {
        if (literals_of(route) > literals_of(most))
            most = route;
    }
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE,
                         most->place.offset, model->pointer(model->pool, &most->place),
                         "List fewer hosts or shorter paths in it: *.NAME and * stand for many.",
                         "The paths of all hosts are longer together than the server checks; route "
                         "\"%s\" contributes most.",
                         mpol_quote(model->pool, most->name));
}

static bool is_host(mpol_bytes name, char mark) {
    return name.len == 1 && name.data[0] == (uint8_t)mark;
}

static void place_hosts(mpol_paths *paths, const host_set *set, uint32_t state) {
    EACH (set->hosts, mpol_bytes, host) {
        if (is_host(*host, '*'))
            paths->any_host = state;
        else if (is_host(*host, '-'))
            paths->no_host = state;
        else
            *(mpol_host *)apr_array_push(paths->hosts) =
                (mpol_host){*host, mpol_bytes_hash(*host), state};
    }
}

static bool build_states(builder *b, mpol_automaton *automaton) {
    for (int i = 0; i < b->sets->nelts; i++) {
        host_set *set = MPOL_AT(b->sets, i, host_set);
        uint32_t limit = mpol_automaton_limit(set->segments);
        mpol_automaton_rules rules = {.first_only = true,
                                      .limit = (uint32_t)automaton->states->nelts + limit};
        uint32_t state = mpol_automaton_add(automaton, set->trie, &rules);
        if (state == MPOL_NONE) {
            if (mpol_automaton_is_large(automaton))
                mpol_paths_report_large(b->model, b->diagnostics);
            else
                report_complex(b, i);
            return false;
        }
        place_hosts(b->paths, set, state);
    }
    sort(b->paths->hosts, by_host);
    return true;
}

mpol_paths *mpol_paths_build(mpol_automaton *automaton, const mpol_model *model,
                             mpol_diagnostics *diagnostics) {
    apr_pool_t *pool = automaton->pool;
    mpol_paths *paths = apr_palloc(pool, sizeof *paths);
    builder b = {.pool = pool,
                 .model = model,
                 .paths = paths,
                 .sets = apr_array_make(pool, 8, sizeof(host_set)),
                 .diagnostics = diagnostics};
    paths->hosts = apr_array_make(pool, 8, sizeof(mpol_host));
    paths->endpoints = apr_array_make(pool, 64, sizeof(mpol_endpoint));
    paths->any_host = paths->no_host = MPOL_NONE;
    add_routes(&b);
    if (!is_large(&b))
        return build_states(&b, automaton) ? paths : NULL;
    mpol_paths_report_large(model, diagnostics);
    return NULL;
}
