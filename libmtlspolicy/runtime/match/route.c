/* SPDX-License-Identifier: Apache-2.0 */
#include "match/route.h"

#include "base/limits.h"
#include "match/automaton.h"
#include "match/host.h"

/* The state of `*.NAME`, of which the host has one label more; "*" before a dot is how the
 * image writes it. */
static uint32_t wildcard_state(const mpol_image *image, mpol_bytes host) {
    uint8_t name[MPOL_LIMIT_HOST_BYTES + 1] MPOL_UNFILLED;
    uint32_t dot = 0;
    uint32_t len = 1;
    while (dot < host.len && host.data[dot] != '.')
        dot++;
    if (dot == host.len)
        return MPOL_NONE;
    name[0] = '*';
    for (uint32_t i = dot; i < host.len && len < sizeof name; i++)
        name[len++] = host.data[i];
    mpol_bytes text = {name, len};
    return mpol_find_hashed(image, MPOL_HOSTS, 0, mpol_count(image, MPOL_HOSTS), text,
                            mpol_bytes_hash(text));
}

uint32_t mpol_route_start(const mpol_image *image, mpol_bytes host) {
    if (host.data == NULL)
        return mpol_read_u32(image->bytes + MPOL_HEADER_NO_HOST);
    uint32_t state = mpol_find_hashed(image, MPOL_HOSTS, 0, mpol_count(image, MPOL_HOSTS), host,
                                      mpol_bytes_hash(host));
    if (state == MPOL_NONE && !mpol_is_ipv4(host)) /* an address has no labels */
        state = wildcard_state(image, host);
    return state != MPOL_NONE ? state : mpol_read_u32(image->bytes + MPOL_HEADER_ANY_HOST);
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
        uint32_t next = mpol_step(image, state, text, hash);
        if (next == MPOL_NONE)
            return MPOL_U32(image, STATES, state, MPOL_STATE_TAIL);
        state = next;
        if (here == end)
            return MPOL_U32(image, STATES, state, MPOL_STATE_END);
        here++;
    }
}

static void find_method(const mpol_image *image, uint32_t endpoint, mpol_bytes method,
                        mpol_route_match *match) {
    const uint8_t *fields = mpol_element(image, MPOL_ENDPOINTS, MPOL_ENDPOINTS_BYTES, endpoint);
    uint32_t first = mpol_read_u32(fields + MPOL_ENDPOINT_METHOD);
    uint32_t count = mpol_read_u32(fields + MPOL_ENDPOINT_METHODS);
    for (uint32_t i = first; i < first + count; i++) {
        const uint8_t *element = mpol_element(image, MPOL_METHODS, MPOL_METHODS_BYTES, i);
        if (!mpol_bytes_equal(mpol_string(image, mpol_read_u32(element + MPOL_METHOD_NAME)),
                              method))
            continue;
        match->route = mpol_read_u32(element + MPOL_METHOD_ROUTE);
        match->captures = mpol_read_u32(element + MPOL_METHOD_CAPTURES);
        return;
    }
    match->route = mpol_read_u32(fields + MPOL_ENDPOINT_ANY_METHOD);
    match->captures = mpol_read_u32(fields + MPOL_ENDPOINT_ANY_CAPTURES);
}

mpol_reason mpol_route_find(const mpol_image *image, uint32_t start, mpol_bytes path,
                            mpol_bytes method, bool preflight, mpol_route_match *match) {
    *match = (mpol_route_match){MPOL_NONE, MPOL_LIST_EMPTY, false};
    if (start == MPOL_NONE || path.len == 0)
        return MPOL_REASON_ROUTE_UNKNOWN;
    uint32_t endpoint = find_endpoint(image, start, path);
    if (endpoint == MPOL_NONE)
        return MPOL_REASON_ROUTE_UNKNOWN;
    if (preflight) {
        match->route = MPOL_U32(image, ENDPOINTS, endpoint, MPOL_ENDPOINT_PREFLIGHT);
        match->preflight = match->route != MPOL_NONE;
    }
    if (!match->preflight)
        find_method(image, endpoint, method, match);
    return match->route != MPOL_NONE ? MPOL_REASON_ALLOWED : MPOL_REASON_METHOD_NOT_ON_ROUTE;
}
