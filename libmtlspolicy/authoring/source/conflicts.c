/* SPDX-License-Identifier: Apache-2.0 */
/* Two routes that claim one request. */
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
        static const char *const wild[] = {
            [MPOL_SEGMENT_UUID] = "{uuid}", [MPOL_SEGMENT_INT] = "{int}",
            [MPOL_SEGMENT_HEX] = "{hex}",   [MPOL_SEGMENT_ONE] = "*",
            [MPOL_SEGMENT_REST] = "**",
        };
        mpol_bytes part = segment->literal;
        if (segment->type != MPOL_SEGMENT_LITERAL)
            part = (mpol_bytes){(const uint8_t *)wild[segment->type],
                                (uint32_t)strlen(wild[segment->type])};
        key[len++] = '/';
        if (part.len > 0)
            memcpy(key + len, part.data, part.len);
        len += part.len;
    }
    return (mpol_bytes){key, len};
}

/* Preflight requests are claimed apart from all methods. */
static claim preflight_claim(apr_pool_t *pool, const claim *like) {
    static const uint8_t preflight[] = "preflight";
    claim made = *like;
    uint8_t *key = apr_palloc(pool, like->key.len + sizeof preflight);
    memcpy(key, like->key.data, like->key.len);
    memcpy(key + like->key.len, "", 1); /* no pattern holds a zero byte */
    memcpy(key + like->key.len + 1, preflight, sizeof preflight - 1);
    made.key = (mpol_bytes){key, like->key.len + (uint32_t)sizeof preflight};
    made.method = (mpol_bytes){preflight, sizeof preflight - 1};
    return made;
}

static void add_claims(apr_pool_t *pool, apr_array_header_t *claims, const mpol_route *route,
                       uint32_t index) {
    for (int p = 0; p < route->patterns->nelts; p++) {
        const mpol_pattern *pattern = MPOL_AT(route->patterns, p, mpol_pattern);
        for (int h = 0; h < route->hosts->nelts; h++) {
            claim claim_ = {.route = index, .place = pattern->place};
            claim_.key = claim_key(pool, *MPOL_AT(route->hosts, h, mpol_bytes), pattern);
            if (route->preflight)
                *(claim *)apr_array_push(claims) = preflight_claim(pool, &claim_);
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
    if (one->route == other->route) {
        mpol_reader_fail(reader, (const mpol_json *)later->place.source,
                         MPOL_DIAGNOSTIC_ROUTE_CONFLICT, "Keep one of the two.",
                         "Another path of this route says the same.");
        return;
    }
    mpol_reader_fail(reader, (const mpol_json *)later->place.source, MPOL_DIAGNOSTIC_ROUTE_CONFLICT,
                     "A request belongs to one route: take the host, path or method out of one.",
                     "Route \"%s\" already claims this host and path with %s.",
                     mpol_quote(reader->pool, route->name), method);
}

/* Claims of one key stand together, every-method first. Each place is reported once. */
void mpol_check_conflicts(mpol_reader *reader) {
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
