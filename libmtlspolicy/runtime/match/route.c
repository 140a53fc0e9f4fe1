/* SPDX-License-Identifier: Apache-2.0 */
#include "match/route.h"

/* The element among those of one hash whose string is `text`: the first of equals in a section of
 * {hash, string, value}; MPOL_NONE when there is none. Result: the value. */
static inline uint32_t find_hashed(const mpol_image *image, mpol_section_kind kind, uint32_t first,
                                   uint32_t count, mpol_bytes text, uint64_t hash) {
    uint32_t end = first + count;
    uint32_t at = mpol_find_hash(image, kind, MPOL_EDGES_BYTES, first, count, hash);
    for (; at < end; at++) {
        const uint8_t *element = mpol_element(image, kind, MPOL_EDGES_BYTES, at);
        if (mpol_read_u64(element + MPOL_EDGE_HASH) != hash)
            return MPOL_NONE;
        if (mpol_bytes_equal(mpol_string(image, mpol_read_u32(element + MPOL_EDGE_LITERAL)), text))
            return mpol_read_u32(element + MPOL_EDGE_TARGET);
    }
    return MPOL_NONE;
}

static uint32_t start_state(const mpol_image *image, mpol_bytes host) {
    uint32_t state = find_hashed(image, MPOL_HOSTS, 0, mpol_count(image, MPOL_HOSTS), host,
                                 mpol_bytes_hash(host));
    return state != MPOL_NONE ? state : mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST);
}

/* One step: the state behind `segment`, MPOL_NONE when the state has none. `*` and captures take
 * one segment that is not empty. */
static uint32_t step(const mpol_image *image, uint32_t state, mpol_bytes segment, uint64_t hash) {
    uint32_t target =
        find_hashed(image, MPOL_EDGES, MPOL_U32(image, STATES, state, MPOL_STATE_EDGE),
                    MPOL_U32(image, STATES, state, MPOL_STATE_EDGES), segment, hash);
    if (target != MPOL_NONE || segment.len == 0)
        return target;
    return MPOL_U32(image, STATES, state, MPOL_STATE_OTHER);
}

/* The endpoint of the most specific pattern that matches the whole path, MPOL_NONE without one. */
static uint32_t find_endpoint(const mpol_image *image, uint32_t state, mpol_bytes path) {
    const uint8_t *end = path.data + path.len;
    const uint8_t *here = path.data + 1; /* behind the first slash */
    for (;;) {
        const uint8_t *segment = here;
        uint64_t hash = MPOL_HASH_SEED;
        while (here < end && *here != '/')
            hash = mpol_hash_byte(hash, *here++);
        mpol_bytes text = {segment, (uint32_t)(here - segment)};
        uint32_t next = step(image, state, text, hash);
        if (next == MPOL_NONE)
            return MPOL_U32(image, STATES, state, MPOL_STATE_TAIL);
        state = next;
        if (here == end)
            return MPOL_U32(image, STATES, state, MPOL_STATE_END);
        here++;
    }
}

static uint32_t find_method(const mpol_image *image, uint32_t endpoint, mpol_bytes method) {
    uint32_t first = MPOL_U32(image, ENDPOINTS, endpoint, MPOL_ENDPOINT_METHOD);
    uint32_t count = MPOL_U32(image, ENDPOINTS, endpoint, MPOL_ENDPOINT_METHODS);
    for (uint32_t i = first; i < first + count; i++)
        if (mpol_bytes_equal(mpol_string(image, MPOL_U32(image, METHODS, i, MPOL_METHOD_NAME)),
                             method))
            return MPOL_U32(image, METHODS, i, MPOL_METHOD_ROUTE);
    return MPOL_U32(image, ENDPOINTS, endpoint, MPOL_ENDPOINT_ANY_METHOD);
}

mpol_reason mpol_route_find(const mpol_image *image, mpol_bytes host, mpol_bytes path,
                            mpol_bytes method, uint32_t *route) {
    uint32_t state = start_state(image, host);
    *route = MPOL_NONE;
    if (state == MPOL_NONE || path.len == 0)
        return MPOL_REASON_ROUTE_UNKNOWN;
    uint32_t endpoint = find_endpoint(image, state, path);
    if (endpoint == MPOL_NONE)
        return MPOL_REASON_ROUTE_UNKNOWN;
    *route = find_method(image, endpoint, method);
    return *route != MPOL_NONE ? MPOL_REASON_ALLOWED : MPOL_REASON_METHOD_NOT_ON_ROUTE;
}
