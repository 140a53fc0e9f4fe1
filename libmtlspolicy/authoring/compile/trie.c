/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/trie.h"

#include <stdlib.h>

struct mpol_tries {
    apr_pool_t *pool;
    apr_hash_t *hosts; /* name -> mpol_trie */
    apr_array_header_t *endpoints;
};

static uint32_t add_node(mpol_trie *trie, const mpol_pattern *pattern) {
    mpol_trie_node_t *node = apr_array_push(trie->nodes);
    *node = (mpol_trie_node_t){NULL, MPOL_NONE, MPOL_NONE, MPOL_NONE, 0, pattern};
    return (uint32_t)trie->nodes->nelts - 1;
}

uint32_t mpol_trie_child(const mpol_trie_node_t *node, mpol_bytes literal) {
    if (node->children == NULL)
        return MPOL_NONE;
    return (uint32_t)((uintptr_t)apr_hash_get(node->children, literal.data, literal.len) - 1);
}

static uint32_t take_literal(mpol_trie *trie, uint32_t at, const mpol_segment *segment,
                             const mpol_pattern *pattern) {
    uint32_t child = mpol_trie_child(mpol_trie_node(trie, at), segment->literal);
    if (child != MPOL_NONE)
        return child;
    child = add_node(trie, pattern);
    mpol_trie_node_t *node = mpol_trie_node(trie, at);
    if (node->children == NULL)
        node->children = apr_hash_make(trie->pool);
    apr_hash_set(node->children, segment->literal.data, segment->literal.len,
                 (void *)((uintptr_t)child + 1));
    return child;
}

static uint32_t take_one(mpol_trie *trie, uint32_t at, const mpol_pattern *pattern) {
    if (mpol_trie_node(trie, at)->one == MPOL_NONE) {
        uint32_t child = add_node(trie, pattern);
        mpol_trie_node(trie, at)->one = child;
    }
    return mpol_trie_node(trie, at)->one;
}

/* The endpoint of a pattern in this trie, made when it is the first of its form. */
static uint32_t *endpoint_slot(mpol_trie *trie, const mpol_pattern *pattern) {
    uint32_t at = MPOL_TRIE_ROOT;
    for (int i = 0; i < pattern->segments->nelts; i++) {
        const mpol_segment *segment = MPOL_AT(pattern->segments, i, mpol_segment);
        if (segment->type == MPOL_SEGMENT_REST)
            return &mpol_trie_node(trie, at)->rest;
        at = segment->type == MPOL_SEGMENT_ONE ? take_one(trie, at, pattern)
                                               : take_literal(trie, at, segment, pattern);
    }
    return &mpol_trie_node(trie, at)->end;
}

static void add_methods(mpol_endpoint *endpoint, const mpol_route *route, uint32_t index) {
    if (route->any_method)
        endpoint->any_route = index;
    for (int m = 0; m < route->methods->nelts; m++)
        *(mpol_method *)apr_array_push(endpoint->methods) =
            (mpol_method){*MPOL_AT(route->methods, m, mpol_bytes), index};
}

static void add_pattern(mpol_tries *tries, mpol_trie *trie, const mpol_pattern *pattern,
                        const mpol_route *route, uint32_t index) {
    uint32_t *slot = endpoint_slot(trie, pattern);
    if (*slot == MPOL_NONE) {
        mpol_endpoint *made = apr_array_push(tries->endpoints);
        *made = (mpol_endpoint){pattern->text, MPOL_NONE,
                                apr_array_make(tries->pool, 2, sizeof(mpol_method))};
        *slot = (uint32_t)tries->endpoints->nelts - 1;
    }
    mpol_endpoint *endpoint = MPOL_AT(tries->endpoints, (int)*slot, mpol_endpoint);
    if (mpol_bytes_compare(pattern->text, endpoint->pattern) < 0)
        endpoint->pattern = pattern->text;
    add_methods(endpoint, route, index);
}

mpol_trie *mpol_tries_host(const mpol_tries *tries, mpol_bytes host) {
    return apr_hash_get(tries->hosts, host.data, host.len);
}

static mpol_trie *trie_of(mpol_tries *tries, const mpol_bytes *host) {
    mpol_trie *trie = mpol_tries_host(tries, *host);
    if (trie != NULL)
        return trie;
    trie = apr_palloc(tries->pool, sizeof *trie);
    trie->pool = tries->pool;
    trie->nodes = apr_array_make(tries->pool, 16, sizeof(mpol_trie_node_t));
    (void)add_node(trie, NULL);
    apr_hash_set(tries->hosts, host->data, host->len, trie);
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

static void sort(apr_array_header_t *array, int (*order)(const void *, const void *)) {
    qsort(array->elts, (size_t)array->nelts, (size_t)array->elt_size, order);
}

/* Routes come by name, hosts and patterns are taken in byte order, so the order in which a document
 * lists them leaves no trace. */
mpol_tries *mpol_tries_make(apr_pool_t *pool, const mpol_model *model,
                            apr_array_header_t *endpoints) {
    mpol_tries *tries = apr_palloc(pool, sizeof *tries);
    *tries = (mpol_tries){pool, apr_hash_make(pool), endpoints};
    for (int r = 0; r < model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(model->routes, r, mpol_route);
        sort(route->hosts, by_bytes);
        sort(route->patterns, by_text);
        for (int h = 0; h < route->hosts->nelts; h++) {
            mpol_trie *trie = trie_of(tries, MPOL_AT(route->hosts, h, mpol_bytes));
            for (int p = 0; p < route->patterns->nelts; p++)
                add_pattern(tries, trie, MPOL_AT(route->patterns, p, mpol_pattern), route,
                            (uint32_t)r);
        }
    }
    for (int i = 0; i < endpoints->nelts; i++)
        sort(MPOL_AT(endpoints, i, mpol_endpoint)->methods, by_method);
    return tries;
}

void mpol_trie_busiest(const mpol_trie *trie, const mpol_pattern *most[2]) {
    const mpol_trie_node_t *first = NULL;
    const mpol_trie_node_t *second = NULL;
    for (int i = 1; i < trie->nodes->nelts; i++) {
        const mpol_trie_node_t *node = MPOL_AT(trie->nodes, i, mpol_trie_node_t);
        if (first == NULL || node->alive > first->alive) {
            if (first == NULL || node->pattern != first->pattern)
                second = first;
            first = node;
        } else if (node->pattern != first->pattern &&
                   (second == NULL || node->alive > second->alive)) {
            second = node;
        }
    }
    most[0] = first->pattern;
    most[1] = second != NULL ? second->pattern : first->pattern;
}
