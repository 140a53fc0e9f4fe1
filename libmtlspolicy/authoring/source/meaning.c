/* SPDX-License-Identifier: Apache-2.0 */
#include "source/meaning.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* One (host, pattern, method) that a route claims; "*" is every method. */
typedef struct claim {
    mpol_bytes key;    /* host, NUL, pattern with captures as "*" */
    mpol_bytes method; /* empty for every method */
    uint32_t route;
    mpol_place place;
} claim;

/* The pattern without the names of its captures, behind the host. */
static mpol_bytes claim_key(apr_pool_t *pool, mpol_bytes host, const mpol_pattern *pattern) {
    uint8_t *key = apr_palloc(pool, (size_t)host.len + pattern->text.len + 2u);
    uint32_t len = 0;
    memcpy(key, host.data, host.len);
    len = host.len;
    key[len++] = 0;
    for (int i = 0; i < pattern->segments->nelts; i++) {
        const mpol_segment *segment = MPOL_AT(pattern->segments, i, mpol_segment);
        key[len++] = '/';
        if (segment->type == MPOL_SEGMENT_LITERAL) {
            memcpy(key + len, segment->literal.data, segment->literal.len);
            len += segment->literal.len;
        } else {
            key[len++] = '*';
            if (segment->type == MPOL_SEGMENT_REST)
                key[len++] = '*';
        }
    }
    return (mpol_bytes){key, len};
}

static void add_claims(apr_pool_t *pool, apr_array_header_t *claims, const mpol_route *route,
                       uint32_t index) {
    for (int p = 0; p < route->patterns->nelts; p++) {
        const mpol_pattern *pattern = MPOL_AT(route->patterns, p, mpol_pattern);
        for (int h = 0; h < route->hosts->nelts; h++) {
            claim claim_ = {.route = index, .place = pattern->place};
            claim_.key = claim_key(pool, *MPOL_AT(route->hosts, h, mpol_bytes), pattern);
            if (route->any_method)
                *(claim *)apr_array_push(claims) = claim_;
            for (int m = 0; m < route->methods->nelts; m++) {
                claim_.method = *MPOL_AT(route->methods, m, mpol_bytes);
                *(claim *)apr_array_push(claims) = claim_;
            }
        }
    }
}

static int by_claim(const void *left, const void *right) {
    const claim *a = left;
    const claim *b = right;
    int order = mpol_bytes_compare(a->key, b->key);
    if (order == 0)
        order = mpol_bytes_compare(a->method, b->method);
    if (order == 0)
        order = a->place.offset < b->place.offset ? -1 : a->place.offset > b->place.offset;
    return order;
}

static void report_conflict(mpol_reader *reader, const claim *one, const claim *other) {
    const claim *later = one->place.offset > other->place.offset ? one : other;
    const claim *earlier = later == one ? other : one;
    const mpol_route *route = MPOL_AT(reader->model->routes, earlier->route, mpol_route);
    const char *method =
        later->method.len > 0 ? mpol_quote(reader->pool, later->method) : "every method";
    mpol_reader_fail(reader, (const mpol_json *)later->place.source, MPOL_DIAGNOSTIC_ROUTE_CONFLICT,
                     "A request belongs to one route: take the host, path or method out of one.",
                     "Route \"%s\" already claims this host and path with %s.",
                     mpol_quote(reader->pool, route->name), method);
}

/* Claims of one key stand together, every-method first. Each place is reported once. */
static void check_conflicts(mpol_reader *reader) {
    apr_array_header_t *claims = apr_array_make(reader->pool, 64, sizeof(claim));
    apr_hash_t *reported = apr_hash_make(reader->pool);
    for (int i = 0; i < reader->model->routes->nelts; i++)
        add_claims(reader->pool, claims, MPOL_AT(reader->model->routes, i, mpol_route),
                   (uint32_t)i);
    qsort(claims->elts, (size_t)claims->nelts, sizeof(claim), by_claim);
    const claim *every = NULL; /* the claim of every method on the current key */
    for (int i = 1; i < claims->nelts; i++) {
        const claim *before = MPOL_AT(claims, i - 1, claim);
        const claim *here = MPOL_AT(claims, i, claim);
        if (before->method.len == 0)
            every = before;
        bool same = mpol_bytes_equal(before->key, here->key);
        if (!same)
            every = NULL;
        const claim *rival = every;
        if (rival == NULL && same && mpol_bytes_equal(before->method, here->method))
            rival = before;
        if (rival == NULL)
            continue;
        const claim *later = rival->place.offset > here->place.offset ? rival : here;
        if (apr_hash_get(reported, &later->place.offset, sizeof(uint32_t)) != NULL)
            continue;
        apr_hash_set(reported, &later->place.offset, sizeof(uint32_t), later);
        report_conflict(reader, rival, here);
    }
}

static bool has_tag(const mpol_route *route, mpol_bytes tag) {
    for (int i = 0; i < route->tags->nelts; i++)
        if (mpol_bytes_equal(*MPOL_AT(route->tags, i, mpol_bytes), tag))
            return true;
    return false;
}

static bool scope_holds(const mpol_scope *scope, const mpol_route *route, uint32_t index) {
    if (scope->type == MPOL_SCOPE_ROUTE)
        return scope->route == index;
    return scope->type == MPOL_SCOPE_ALL || has_tag(route, scope->tag);
}

/* For each route, the first rule that opens it to everyone; -1 without one. */
static int *public_routes(mpol_reader *reader) {
    int count = reader->model->routes->nelts;
    int *opener = apr_palloc(reader->pool, sizeof *opener * (size_t)(count + 1));
    for (int r = 0; r < count; r++)
        opener[r] = -1;
    for (int i = reader->model->rules->nelts - 1; i >= 0; i--) {
        const mpol_rule *rule = MPOL_AT(reader->model->rules, i, mpol_rule);
        for (int s = 0; rule->everyone && !rule->deny && s < rule->scopes->nelts; s++)
            for (int r = 0; r < count; r++)
                if (scope_holds(MPOL_AT(rule->scopes, s, mpol_scope),
                                MPOL_AT(reader->model->routes, r, mpol_route), (uint32_t)r))
                    opener[r] = i;
    }
    return opener;
}

static void check_denied_scope(mpol_reader *reader, const mpol_scope *scope, const int *opener) {
    const mpol_model *model = reader->model;
    for (int r = 0; r < model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(model->routes, r, mpol_route);
        if (opener[r] < 0 || !scope_holds(scope, route, (uint32_t)r))
            continue;
        const char *name = mpol_quote(reader->pool, route->name);
        const char *rule =
            mpol_quote(reader->pool, MPOL_AT(model->rules, opener[r], mpol_rule)->name);
        if (scope->type != MPOL_SCOPE_ALL)
            mpol_reader_fail(reader, (const mpol_json *)scope->place.source,
                             MPOL_DIAGNOSTIC_EVERYONE_DENIED,
                             "Take the route out of one of the two rules.",
                             "Rule \"%s\" opens route \"%s\" to everyone: a client could put its "
                             "certificate away and escape this deny.",
                             rule, name);
        else
            mpol_diagnostics_add(reader->diagnostics, MPOL_NOTE, MPOL_DIAGNOSTIC_EVERYONE_LEFT_OUT,
                                 scope->place.offset,
                                 mpol_json_pointer(reader->pool, scope->place.source),
                                 "Nothing needs mending if that is meant.",
                                 "This deny leaves out route \"%s\", which rule \"%s\" opens to "
                                 "everyone, and any other such route.",
                                 name, rule);
        return; /* one route is enough to show it */
    }
}

void mpol_check_meaning(mpol_reader *reader) {
    check_conflicts(reader);
    const int *opener = public_routes(reader);
    for (int i = 0; i < reader->model->rules->nelts; i++) {
        const mpol_rule *rule = MPOL_AT(reader->model->rules, i, mpol_rule);
        for (int s = 0; rule->deny && s < rule->scopes->nelts; s++)
            check_denied_scope(reader, MPOL_AT(rule->scopes, s, mpol_scope), opener);
    }
}
