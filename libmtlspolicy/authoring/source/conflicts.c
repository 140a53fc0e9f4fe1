/* SPDX-License-Identifier: Apache-2.0 */
/* Two routes that claim one request. */
#include "source/meaning.h"

#include <apr_strings.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Claims of all routes together. Each becomes a part of the compiled policy, and a short document
 * can make very many of them: it multiplies its lists. */
enum { MOST_PATHS = 1 << 20, MOST_METHODS = 1 << 22 };

/* One (host, pattern) that a route claims with its methods. Hosts, and patterns with captures as
 * "*", are numbered in byte order. */
typedef struct claim {
    uint32_t host;
    uint32_t form;
    bool preflight; /* such requests are claimed apart from all methods */
    uint32_t route;
    mpol_place place;
} claim;

/* One method of a claim. */
typedef struct claimed {
    mpol_bytes method; /* empty for every method */
    const claim *by;
} claimed;

/* Numbers of texts. */
typedef struct ranking {
    apr_array_header_t *texts; /* mpol_bytes */
    apr_hash_t *ranks;         /* text -> number + 1 */
} ranking;

typedef struct checker {
    mpol_reader *reader;
    ranking hosts;
    ranking forms;
    apr_array_header_t *claims;  /* claim */
    apr_array_header_t *methods; /* claimed: of the host and form in hand */
    apr_hash_t *reported;        /* place */
} checker;

static const mpol_route *route_at(const checker *c, uint32_t index) {
    return MPOL_AT(c->reader->model->routes, (int)index, mpol_route);
}

/* --- how many ----------------------------------------------------------------------------------
 */

static uint64_t paths_of(const mpol_route *route) {
    return (uint64_t)route->hosts->nelts * (uint64_t)route->patterns->nelts;
}

static uint64_t methods_of(const mpol_route *route) {
    return paths_of(route) * ((uint64_t)route->methods->nelts + route->any_method);
}

static bool too_many(mpol_reader *reader, uint64_t (*count)(const mpol_route *), uint64_t most,
                     const char *what) {
    const mpol_route *largest = NULL;
    uint64_t sum = 0;
    EACH (reader->model->routes, mpol_route, route) {
        sum += count(route);
        if (largest == NULL || count(route) > count(largest))
            largest = route;
    }
    if (sum <= most)
        return false;
    mpol_reader_fail(reader, (const mpol_json *)largest->place.source,
                     MPOL_DIAGNOSTIC_POLICY_TOO_LARGE,
                     "List fewer hosts, paths or methods in it: *.NAME and * stand for many.",
                     "All routes together claim %" PRIu64 " combinations of %s, more than %" PRIu64
                     "; route \"%s\" contributes most.",
                     sum, what, most, mpol_quote(reader->pool, largest->name));
    return true;
}

/* --- claims ------------------------------------------------------------------------------------
 */

/* The pattern without the names of its captures. */
static mpol_bytes form_of(apr_pool_t *pool, const mpol_pattern *pattern) {
    uint8_t *key = apr_palloc(pool, pattern->text.len + 2u);
    uint32_t len = 0;
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

static int by_bytes(const void *left, const void *right) {
    return mpol_bytes_compare(*(const mpol_bytes *)left, *(const mpol_bytes *)right);
}

static ranking new_ranking(apr_pool_t *pool) {
    return (ranking){apr_array_make(pool, 16, sizeof(mpol_bytes)), apr_hash_make(pool)};
}

static void settle_ranking(ranking *r) {
    qsort(r->texts->elts, (size_t)r->texts->nelts, sizeof(mpol_bytes), by_bytes);
    for (int i = 0; i < r->texts->nelts; i++) {
        const mpol_bytes *text = MPOL_AT(r->texts, i, mpol_bytes);
        apr_hash_set(r->ranks, text->data, text->len, (void *)((uintptr_t)i + 1));
    }
}

static uint32_t rank_of(const ranking *r, mpol_bytes text) {
    return (uint32_t)(uintptr_t)apr_hash_get(r->ranks, text.data, text.len);
}

static void rank_all(checker *c) {
    c->hosts = new_ranking(c->reader->pool);
    c->forms = new_ranking(c->reader->pool);
    EACH (c->reader->model->routes, mpol_route, route) {
        apr_array_cat(c->hosts.texts, route->hosts);
        EACH (route->patterns, mpol_pattern, pattern) {
            APR_ARRAY_PUSH(c->forms.texts, mpol_bytes) = form_of(c->reader->pool, pattern);
        }
    }
}

static void add_claims(checker *c, const mpol_route *route, uint32_t index,
                       const mpol_bytes *forms) {
    for (int p = 0; p < route->patterns->nelts; p++) {
        claim made = {.form = rank_of(&c->forms, forms[p]),
                      .route = index,
                      .place = MPOL_AT(route->patterns, p, mpol_pattern)->place};
        EACH (route->hosts, mpol_bytes, host) {
            made.host = rank_of(&c->hosts, *host);
            made.preflight = false;
            *(claim *)apr_array_push(c->claims) = made;
            made.preflight = true;
            if (route->preflight)
                *(claim *)apr_array_push(c->claims) = made;
        }
    }
}

static void collect(checker *c) {
    uint32_t index = 0;
    rank_all(c);
    const apr_array_header_t *copy = apr_array_copy(c->reader->pool, c->forms.texts);
    const mpol_bytes *forms = (const mpol_bytes *)(const void *)copy->elts;
    settle_ranking(&c->hosts);
    settle_ranking(&c->forms);
    EACH (c->reader->model->routes, mpol_route, route) {
        add_claims(c, route, index++, forms);
        forms += route->patterns->nelts;
    }
}

static int by_number(uint32_t a, uint32_t b) {
    return a < b ? -1 : a > b;
}

static int by_key(const claim *a, const claim *b) {
    int order = by_number(a->host, b->host);
    if (order == 0)
        order = by_number(a->form, b->form);
    return order != 0 ? order : a->preflight - b->preflight;
}

static int by_claim(const void *left, const void *right) {
    const claim *a = left;
    const claim *b = right;
    int order = by_key(a, b);
    return order != 0 ? order : by_number(a->place.offset, b->place.offset);
}

static int by_method(const void *left, const void *right) {
    const claimed *a = left;
    const claimed *b = right;
    int order = mpol_bytes_compare(a->method, b->method);
    return order != 0 ? order : by_number(a->by->place.offset, b->by->place.offset);
}

/* --- conflicts ---------------------------------------------------------------------------------
 */

/* Each place once. */
static void report_conflict(checker *c, const claimed *one, const claimed *other) {
    const claimed *later = one->by->place.offset > other->by->place.offset ? one : other;
    const claimed *earlier = later == one ? other : one;
    const mpol_json *place = later->by->place.source;
    if (apr_hash_get(c->reported, &later->by->place.offset, sizeof(uint32_t)) != NULL)
        return;
    apr_hash_set(c->reported, &later->by->place.offset, sizeof(uint32_t), later->by);
    if (one->by->route == other->by->route) {
        mpol_reader_fail(c->reader, place, MPOL_DIAGNOSTIC_ROUTE_CONFLICT, "Keep one of the two.",
                         "Another path of this route says the same.");
        return;
    }
    mpol_reader_fail(c->reader, place, MPOL_DIAGNOSTIC_ROUTE_CONFLICT,
                     "A request belongs to one route: take the host, path or method out of one.",
                     "Route \"%s\" already claims this host and path with %s.",
                     mpol_quote(c->reader->pool, route_at(c, earlier->by->route)->name),
                     later->method.len > 0 ? mpol_quote(c->reader->pool, later->method)
                                           : "every method");
}

static void add_methods(checker *c, const claim *by) {
    static const uint8_t preflight[] = "preflight";
    const mpol_route *route = route_at(c, by->route);
    const claimed one = {{preflight, by->preflight ? sizeof preflight - 1 : 0}, by};
    if (by->preflight || route->any_method)
        *(claimed *)apr_array_push(c->methods) = one;
    for (int m = 0; m < route->methods->nelts && !by->preflight; m++)
        *(claimed *)apr_array_push(c->methods) =
            (claimed){*MPOL_AT(route->methods, m, mpol_bytes), by};
}

/* The claims [from, to) are of one host and pattern. */
static void compare(checker *c, int from, int to) {
    apr_array_clear(c->methods);
    for (int i = from; i < to; i++)
        add_methods(c, MPOL_AT(c->claims, i, claim));
    qsort(c->methods->elts, (size_t)c->methods->nelts, sizeof(claimed), by_method);
    const claimed *every = NULL; /* the last claim of every method, which come first */
    for (int i = 1; i < c->methods->nelts; i++) {
        const claimed *before = MPOL_AT(c->methods, i - 1, claimed);
        const claimed *here = MPOL_AT(c->methods, i, claimed);
        if (before->method.len == 0)
            every = before;
        if (every != NULL)
            report_conflict(c, every, here);
        else if (mpol_bytes_equal(before->method, here->method))
            report_conflict(c, before, here);
    }
}

void mpol_check_conflicts(mpol_reader *reader) {
    apr_pool_t *pool = reader->pool;
    checker c = {.reader = reader,
                 .claims = apr_array_make(pool, 64, sizeof(claim)),
                 .methods = apr_array_make(pool, 16, sizeof(claimed)),
                 .reported = apr_hash_make(pool)};
    if (too_many(reader, paths_of, MOST_PATHS, "host and path") ||
        too_many(reader, methods_of, MOST_METHODS, "host, path and method"))
        return;
    collect(&c);
    qsort(c.claims->elts, (size_t)c.claims->nelts, sizeof(claim), by_claim);
    for (int from = 0, to; from < c.claims->nelts; from = to) {
        const claim *first = MPOL_AT(c.claims, from, claim);
        for (to = from + 1;
             to < c.claims->nelts && by_key(first, MPOL_AT(c.claims, to, claim)) == 0;)
            to++;
        if (to - from > 1)
            compare(&c, from, to);
    }
}
