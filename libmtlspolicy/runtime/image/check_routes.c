/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapter 9: hosts, the automaton over segments, methods, routes. */
#include "image/check_parts.h"

/* Elements that begin with a hash and the string it is of ascend by hash, then string. */
/*@ requires mpol_readable(image) && (kind == MPOL_EDGES || kind == MPOL_HOSTS);
    requires 1 <= i < image->section[kind].count;
    terminates \true;
    assigns \nothing; */
static bool hashed_after(const mpol_image *image, mpol_section_kind kind, uint32_t i) {
    const uint8_t *before = mpol_element(image, kind, MPOL_EDGES_BYTES, i - 1);
    const uint8_t *here = mpol_element(image, kind, MPOL_EDGES_BYTES, i);
    uint64_t hash_before = mpol_read_u64(before);
    uint64_t hash = mpol_read_u64(here);
    if (hash_before != hash)
        return hash_before < hash;
    return mpol_read_u32(before + MPOL_EDGE_LITERAL) < mpol_read_u32(here + MPOL_EDGE_LITERAL);
}

/* How many states belong to paths; those behind belong to names. */
/*@ requires mpol_bytes_there(image);
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_header(image, MPOL_HEADER_NAME_STATE); */
static uint32_t path_states(const mpol_image *image) {
    return mpol_read_u32(image->bytes + MPOL_HEADER_NAME_STATE);
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_hosts_sound(image); */
static mpol_format_rule check_hosts(const mpol_image *image, uint64_t *work) {
    FAIL_UNLESS(ALL_BELOW(image, HOSTS, MPOL_HOST_NAME, strings(image)) &&
                    ALL_BELOW(image, HOSTS, MPOL_HOST_STATE, path_states(image)),
                HOST_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_HOSTS].count;
        loop assigns i, *work;
        loop variant image->section[MPOL_HOSTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_HOSTS); i++) {
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, HOSTS, i, MPOL_HOST_HASH),
                              MPOL_U32(image, HOSTS, i, MPOL_HOST_NAME), work),
                    HOST_HASH);
        FAIL_UNLESS(i == 0 || hashed_after(image, MPOL_HOSTS, i), HOST_ORDER);
    }
    return MPOL_FORMAT_OK;
}

/* A step leads to a later state of the same part, so every walk ends. */
/*@ terminates \true;
    assigns \nothing;
    ensures \result <==> mpol_leads_on(target, state, end); */
static bool leads_on(uint32_t target, uint32_t state, uint32_t end) {
    return target > state && target < end;
}

/*@ terminates \true;
    assigns \nothing;
    ensures \result <==> mpol_leads_on_or_none(target, state, end); */
static bool leads_on_or_none(uint32_t target, uint32_t state, uint32_t end) {
    return target == MPOL_NONE || leads_on(target, state, end);
}

/*@ requires mpol_readable(image) && mpol_edges_sound(image);
    requires state < mpol_size(image, MPOL_STATES);
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_narrow_fits(image, state, end); */
static bool narrow_fits(const mpol_image *image, uint32_t state, uint32_t end) {
    uint32_t narrow = MPOL_U32(image, STATES, state, MPOL_STATE_NARROW);
    return narrow == MPOL_NONE ||
           (leads_on_or_none(MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_UUID), state, end) &&
            leads_on_or_none(MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_INT), state, end) &&
            leads_on_or_none(MPOL_U32(image, NARROWS, narrow, MPOL_NARROW_HEX), state, end));
}

/*@ requires mpol_readable(image) && mpol_edges_sound(image);
    requires state < mpol_size(image, MPOL_STATES);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_state_sound(image, state, end); */
static mpol_format_rule check_state(const mpol_image *image, uint32_t state, uint32_t end) {
    uint32_t first = MPOL_U32(image, STATES, state, MPOL_STATE_EDGE);
    uint32_t behind = first + MPOL_U32(image, STATES, state, MPOL_STATE_EDGES);
    FAIL_UNLESS(leads_on_or_none(MPOL_U32(image, STATES, state, MPOL_STATE_OTHER), state, end),
                STATE_FIELD);
    FAIL_UNLESS(narrow_fits(image, state, end), NARROW_FIELD);
    /*@ loop invariant first <= i <= behind;
        loop invariant mpol_edges_lead_on(image, first, i, state, end);
        loop assigns i;
        loop variant behind - i; */
    for (uint32_t i = first; i < behind; i++) {
        FAIL_UNLESS(leads_on(MPOL_U32(image, EDGES, i, MPOL_EDGE_TARGET), state, end), EDGE_FIELD);
        FAIL_UNLESS(i == first || hashed_after(image, MPOL_EDGES, i), EDGE_ORDER);
    }
    return MPOL_FORMAT_OK;
}

/* States of paths end in endpoints, those of names in the identities that a name stands for. */
/*@ requires mpol_readable(image) && from <= to <= mpol_size(image, MPOL_STATES);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_ends_sound(image, from, to, bound); */
static mpol_format_rule check_ends(const mpol_image *image, uint32_t from, uint32_t to,
                                   uint32_t bound) {
    /*@ loop invariant from <= i <= to;
        loop invariant mpol_ends_sound(image, from, i, bound);
        loop assigns i;
        loop variant to - i; */
    for (uint32_t i = from; i < to; i++)
        FAIL_UNLESS(below_or_none(MPOL_U32(image, STATES, i, MPOL_STATE_END), bound) &&
                        below_or_none(MPOL_U32(image, STATES, i, MPOL_STATE_TAIL), bound),
                    STATE_FIELD);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && \valid(work);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> MPOL_STRING(EDGES, MPOL_EDGE_LITERAL); */
static mpol_format_rule check_edges(const mpol_image *image, uint64_t *work) {
    FAIL_UNLESS(ALL_BELOW(image, EDGES, MPOL_EDGE_LITERAL, strings(image)), EDGE_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_EDGES].count;
        loop assigns i, *work;
        loop variant image->section[MPOL_EDGES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_EDGES); i++)
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, EDGES, i, MPOL_EDGE_HASH),
                              MPOL_U32(image, EDGES, i, MPOL_EDGE_LITERAL), work),
                    EDGE_HASH);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    requires mpol_header_sound(image);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_states_sound(image); */
static mpol_format_rule check_states(const mpol_image *image, uint64_t *work) {
    uint32_t all = mpol_count(image, MPOL_STATES);
    uint32_t paths = path_states(image);
    FAIL_UNLESS(ALL_SHARE(image, STATES, MPOL_STATE_EDGE, EDGES), STATE_EDGES);
    FAIL_UNLESS(
        ALL_BELOW_OR_NONE(image, STATES, MPOL_STATE_NARROW, mpol_count(image, MPOL_NARROWS)),
        NARROW_FIELD);
    CHECK(check_edges(image, work));
    CHECK(check_ends(image, 0, paths, mpol_count(image, MPOL_ENDPOINTS)));
    CHECK(check_ends(image, paths, all, mpol_count(image, MPOL_NAME_ENDS)));
    /*@ loop invariant 0 <= i <= all;
        loop invariant \forall integer state; 0 <= state < i ==> mpol_state_stays(image, state);
        loop assigns i;
        loop variant all - i; */
    for (uint32_t i = 0; i < all; i++) {
        CHECK(check_state(image, i, i < paths ? paths : all));
        /*@ assert mpol_state_stays(image, i); */
    }
    return MPOL_FORMAT_OK;
}

/* Methods [first, end) are one endpoint's. */
/*@ requires mpol_readable(image) && first <= end <= mpol_size(image, MPOL_METHODS);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_method_order(const mpol_image *image, uint32_t first, uint32_t end) {
    /*@ loop invariant first <= i <= end;
        loop assigns i;
        loop variant end - i; */
    for (uint32_t i = first; i + 1 < end; i++)
        FAIL_UNLESS(MPOL_U32(image, METHODS, i, MPOL_METHOD_NAME) <
                        MPOL_U32(image, METHODS, i + 1, MPOL_METHOD_NAME),
                    METHOD_ORDER);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_endpoints_sound(image); */
static mpol_format_rule check_endpoints(const mpol_image *image) {
    uint32_t routes = mpol_count(image, MPOL_ROUTES);
    FAIL_UNLESS(ALL_BELOW(image, ENDPOINTS, MPOL_ENDPOINT_PATTERN, strings(image)) &&
                    ALL_BELOW_OR_NONE(image, ENDPOINTS, MPOL_ENDPOINT_ANY_METHOD, routes) &&
                    ALL_BELOW_OR_NONE(image, ENDPOINTS, MPOL_ENDPOINT_PREFLIGHT, routes) &&
                    ALL_CAPTURES(image, ENDPOINTS, MPOL_ENDPOINT_ANY_CAPTURES),
                ENDPOINT_FIELD);
    FAIL_UNLESS(ALL_SHARE(image, ENDPOINTS, MPOL_ENDPOINT_METHOD, METHODS), ENDPOINT_METHODS);
    FAIL_UNLESS(ALL_BELOW(image, METHODS, MPOL_METHOD_NAME, strings(image)) &&
                    ALL_BELOW(image, METHODS, MPOL_METHOD_ROUTE, routes) &&
                    ALL_CAPTURES(image, METHODS, MPOL_METHOD_CAPTURES),
                METHOD_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_ENDPOINTS].count;
        loop assigns i;
        loop variant image->section[MPOL_ENDPOINTS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ENDPOINTS); i++) {
        uint32_t first = MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHOD);
        CHECK(check_method_order(image, first,
                                 first + MPOL_U32(image, ENDPOINTS, i, MPOL_ENDPOINT_METHODS)));
    }
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_route_list_sound(image); */
static mpol_format_rule check_routes(const mpol_image *image) {
    FAIL_UNLESS(ALL_ASCEND(image, ROUTES, MPOL_ROUTE_NAME, strings(image)) &&
                    ALL_BELOW(image, ROUTES, MPOL_ROUTE_CLASS, mpol_count(image, MPOL_ROUTES)),
                ROUTE_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_ROUTES].count;
        loop assigns i;
        loop variant image->section[MPOL_ROUTES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_ROUTES); i++)
        FAIL_UNLESS((MPOL_U32(image, ROUTES, i, MPOL_ROUTE_FLAGS) &
                     ~(uint32_t)MPOL_ROUTE_ALL_FLAGS) == 0,
                    ROUTE_FIELD);
    return MPOL_FORMAT_OK;
}

mpol_format_rule mpol_image__check_routes(const mpol_image *image, uint64_t *work) {
    CHECK(check_hosts(image, work));
    CHECK(check_states(image, work));
    CHECK(check_endpoints(image));
    return check_routes(image);
}
