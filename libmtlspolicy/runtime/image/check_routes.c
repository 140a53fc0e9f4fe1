/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapter 9: hosts, the automaton over path segments, methods, routes. */
#include "image/check_parts.h"

/* Elements that begin with a hash and the string it is of ascend by hash, then string. */
static bool hashed_after(const mpol_image *image, mpol_section_kind kind, uint32_t i) {
    const uint8_t *before = mpol_element(image, kind, MPOL_EDGES_BYTES, i - 1);
    const uint8_t *here = mpol_element(image, kind, MPOL_EDGES_BYTES, i);
    uint64_t hash_before = mpol_read_u64(before);
    uint64_t hash = mpol_read_u64(here);
    if (hash_before != hash)
        return hash_before < hash;
    return mpol_read_u32(before + MPOL_EDGE_LITERAL) < mpol_read_u32(here + MPOL_EDGE_LITERAL);
}

static mpol_format_rule check_hosts(const mpol_image *image, uint64_t *work) {
    /*@ loop invariant 0 <= i; loop assigns i, *work; loop variant
        image->section[MPOL_HOSTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_HOSTS); i++) {
        uint32_t name = MPOL_U32(image, HOSTS, i, MPOL_HOST_NAME);
        FAIL_UNLESS(is_string(image, name) &&
                        is_index(image, MPOL_STATES, MPOL_U32(image, HOSTS, i, MPOL_HOST_STATE)),
                    HOST_FIELD);
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, HOSTS, i, MPOL_HOST_HASH), name, work),
                    HOST_HASH);
        FAIL_UNLESS(i == 0 || hashed_after(image, MPOL_HOSTS, i), HOST_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_edges(const mpol_image *image, uint32_t state, uint32_t first,
                                    uint32_t end, uint64_t *work) {
    /*@ loop invariant first <= i; loop assigns i, *work; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        uint32_t literal = MPOL_U32(image, EDGES, i, MPOL_EDGE_LITERAL);
        uint32_t target = MPOL_U32(image, EDGES, i, MPOL_EDGE_TARGET);
        FAIL_UNLESS(is_string(image, literal) && target > state &&
                        is_index(image, MPOL_STATES, target),
                    EDGE_FIELD);
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, EDGES, i, MPOL_EDGE_HASH), literal, work),
                    EDGE_HASH);
        FAIL_UNLESS(i == first || hashed_after(image, MPOL_EDGES, i), EDGE_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_states(const mpol_image *image, uint64_t *work) {
    uint32_t total = mpol_count(image, MPOL_EDGES);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next, *work; loop variant
        image->section[MPOL_STATES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_STATES); i++) {
        uint32_t first = MPOL_U32(image, STATES, i, MPOL_STATE_EDGE);
        uint32_t count = MPOL_U32(image, STATES, i, MPOL_STATE_EDGES);
        uint32_t other = MPOL_U32(image, STATES, i, MPOL_STATE_OTHER);
        FAIL_UNLESS(takes_next(first, count, total, &next), STATE_EDGES);
        FAIL_UNLESS(other == MPOL_NONE || (other > i && is_index(image, MPOL_STATES, other)),
                    STATE_FIELD);
        FAIL_UNLESS(
            is_index_or_none(image, MPOL_ENDPOINTS, MPOL_U32(image, STATES, i, MPOL_STATE_END)) &&
                is_index_or_none(image, MPOL_ENDPOINTS,
                                 MPOL_U32(image, STATES, i, MPOL_STATE_TAIL)),
            STATE_FIELD);
        mpol_format_rule rule = check_edges(image, i, first, first + count, work);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == total, STATE_EDGES);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_methods(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i; loop assigns i; loop variant end - i; */
    for (uint32_t i = first; i < end; i++) {
        uint32_t name = MPOL_U32(image, METHODS, i, MPOL_METHOD_NAME);
        FAIL_UNLESS(
            is_string(image, name) &&
                is_index(image, MPOL_ROUTES, MPOL_U32(image, METHODS, i, MPOL_METHOD_ROUTE)),
            METHOD_FIELD);
        FAIL_UNLESS(i == first || MPOL_U32(image, METHODS, i - 1, MPOL_METHOD_NAME) < name,
                    METHOD_ORDER);
    }
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_endpoints(const mpol_image *image) {
    uint32_t total = mpol_count(image, MPOL_METHODS);
    uint32_t next = 0;
    /*@ loop invariant 0 <= i; loop assigns i, next; loop variant
        image->section[MPOL_ENDPOINTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ENDPOINTS); i++) {
        uint32_t first = MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHOD);
        uint32_t count = MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHODS);
        FAIL_UNLESS(is_string(image, MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_PATTERN)) &&
                        is_index_or_none(image, MPOL_ROUTES,
                                         MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_ANY_METHOD)),
                    ENDPOINT_FIELD);
        FAIL_UNLESS(takes_next(first, count, total, &next), ENDPOINT_METHODS);
        mpol_format_rule rule = check_methods(image, first, first + count);
        if (rule != MPOL_FORMAT_OK)
            return rule;
    }
    FAIL_UNLESS(next == total, ENDPOINT_METHODS);
    return MPOL_FORMAT_OK;
}

static mpol_format_rule check_routes(const mpol_image *image) {
    uint32_t routes = mpol_count(image, MPOL_ROUTES);
    /*@ loop invariant 0 <= i; loop assigns i; loop variant routes - i; */
    for (uint32_t i = 0; i < routes; i++)
        FAIL_UNLESS(is_next_name(image, MPOL_ROUTES, MPOL_ROUTES_BYTES, i) &&
                        MPOL_U32(image, ROUTES, i, MPOL_ROUTE_CLASS) < routes,
                    ROUTE_FIELD);
    return MPOL_FORMAT_OK;
}

mpol_format_rule mpol_image__check_routes(const mpol_image *image, uint64_t *work) {
    CHECK(check_hosts(image, work));
    CHECK(check_states(image, work));
    CHECK(check_endpoints(image));
    return check_routes(image);
}
