/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/paths.h"

#include "base/limits.h"

#include <apr_strings.h>
#include <stdlib.h>

typedef struct builder {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_paths *paths;
    apr_hash_t *tries; /* host -> mpol_trie */
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

static mpol_trie *trie_of(builder *b, const mpol_bytes *host) {
    mpol_trie *trie = apr_hash_get(b->tries, host->data, host->len);
    if (trie != NULL)
        return trie;
    trie = mpol_trie_make(b->pool);
    apr_hash_set(b->tries, host->data, host->len, trie);
    *(mpol_host *)apr_array_push(b->paths->hosts) =
        (mpol_host){*host, mpol_bytes_hash(*host), MPOL_NONE};
    return trie;
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

/* The check of an image hashes each literal of each host: what it would refuse is not made. */
static bool is_large(const builder *b) {
    return b->literal_bytes > MPOL_LIMIT_HASH_WORK;
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

/* The literals of the patterns of a route, which begin alike, without those they share. */
static uint64_t shared_literals_of(apr_pool_t *pool, const mpol_route *route) {
    mpol_trie *trie = mpol_trie_make(pool);
    EACH (route->patterns, mpol_pattern, pattern) {
        (void)mpol_trie_slot(trie, pattern);
    }
    return trie->literal_bytes;
}

/* Each host has at least the literals of that of its routes which has most. Known without the tries
 * of all hosts, which take long where they are too large. */
static void count_at_least(builder *b) {
    uint64_t most = 0;
    apr_hash_t *of_host = apr_hash_make(b->pool);
    EACH (b->model->routes, mpol_route, route) {
        most += literals_of(route);
    }
    if (most <= MPOL_LIMIT_HASH_WORK)
        return;
    EACH (b->model->routes, mpol_route, route) {
        uint64_t bytes = shared_literals_of(b->pool, route);
        EACH (route->hosts, mpol_bytes, host) {
            uint64_t *known = apr_hash_get(of_host, host->data, host->len);
            if (known == NULL) {
                known = apr_pcalloc(b->pool, sizeof *known);
                apr_hash_set(of_host, host->data, host->len, known);
            }
            b->literal_bytes += bytes > *known ? bytes - *known : 0;
            *known = bytes > *known ? bytes : *known;
        }
    }
}

/* Routes come by name, hosts and patterns are taken in byte order, so the order in which a document
 * lists them leaves no trace. */
static uint64_t add_routes(builder *b) {
    uint64_t segments = 0;
    for (int r = 0; r < b->model->routes->nelts && !is_large(b); r++) {
        const mpol_route *route = MPOL_AT(b->model->routes, r, mpol_route);
        sort(route->hosts, by_bytes);
        sort(route->patterns, by_text);
        for (int h = 0; h < route->hosts->nelts && !is_large(b); h++) {
            mpol_trie *trie = trie_of(b, MPOL_AT(route->hosts, h, mpol_bytes));
            for (int p = 0; p < route->patterns->nelts; p++) {
                const mpol_pattern *pattern = MPOL_AT(route->patterns, p, mpol_pattern);
                add_pattern(b, trie, pattern, route, (uint32_t)r);
                segments += (uint64_t)pattern->segments->nelts;
            }
        }
    }
    for (int i = 0; i < b->paths->endpoints->nelts; i++)
        sort(MPOL_AT(b->paths->endpoints, i, mpol_endpoint)->methods, by_method);
    sort(b->paths->hosts, by_host);
    return segments;
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

/* Hosts that are too complex by themselves, but two patterns once, whatever hosts they are of; or,
 * where there is none, what contributes most to all hosts together. */
static void report_complex(builder *b, uint32_t limit) {
    const mpol_pattern *most[2];
    mpol_blame blame = mpol_blame_make(b->pool, true, limit);
    apr_hash_t *reported = apr_hash_make(b->pool);
    sort(b->paths->hosts, by_bytes);
    EACH (b->paths->hosts, mpol_host, host) {
        if (!mpol_blame_trie(&blame, apr_hash_get(b->tries, host->name.data, host->name.len),
                             most) ||
            apr_hash_get(reported, most, sizeof most) != NULL)
            continue;
        apr_hash_set(reported, apr_pmemdup(b->pool, most, sizeof most), sizeof most, host);
        report_pair(b, apr_psprintf(b->pool, "host \"%s\"", mpol_quote(b->pool, host->name)), most);
    }
    if (blame.alone)
        return;
    mpol_trie_busiest(&blame.together, most);
    report_pair(b, "all hosts together", most);
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

static bool build_states(builder *b, mpol_automaton *automaton, uint64_t segments) {
    mpol_automaton_rules rules = {.first_only = true, .limit = mpol_automaton_limit(segments)};
    mpol_paths *paths = b->paths;
    int kept = 0;
    for (int i = 0; i < paths->hosts->nelts; i++) {
        mpol_host host = *MPOL_AT(paths->hosts, i, mpol_host);
        mpol_trie *trie = apr_hash_get(b->tries, host.name.data, host.name.len);
        host.state = mpol_automaton_add(automaton, trie, &rules);
        if (host.state == MPOL_NONE) {
            if (mpol_automaton_is_large(automaton))
                mpol_paths_report_large(b->model, b->diagnostics);
            else
                report_complex(b, rules.limit);
            return false;
        }
        if (is_host(host.name, '*'))
            paths->any_host = host.state;
        else if (is_host(host.name, '-'))
            paths->no_host = host.state;
        else
            *MPOL_AT(paths->hosts, kept++, mpol_host) = host;
    }
    paths->hosts->nelts = kept;
    return true;
}

mpol_paths *mpol_paths_build(mpol_automaton *automaton, const mpol_model *model,
                             mpol_diagnostics *diagnostics) {
    apr_pool_t *pool = automaton->pool;
    mpol_paths *paths = apr_palloc(pool, sizeof *paths);
    builder b = {.pool = pool,
                 .model = model,
                 .paths = paths,
                 .tries = apr_hash_make(pool),
                 .diagnostics = diagnostics};
    paths->hosts = apr_array_make(pool, 8, sizeof(mpol_host));
    paths->endpoints = apr_array_make(pool, 64, sizeof(mpol_endpoint));
    paths->any_host = paths->no_host = MPOL_NONE;
    count_at_least(&b);
    if (!is_large(&b)) {
        b.literal_bytes = 0;
        uint64_t segments = add_routes(&b);
        if (!is_large(&b))
            return build_states(&b, automaton, segments) ? paths : NULL;
    }
    mpol_paths_report_large(model, diagnostics);
    return NULL;
}
