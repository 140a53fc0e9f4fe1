/* SPDX-License-Identifier: Apache-2.0 */
#include "model/patterns.h"

#include <string.h>

bool mpol_naming_equal(const mpol_naming *a, const mpol_naming *b) {
    return a->kind == b->kind && mpol_bytes_equal(a->oid, b->oid);
}

static const mpol_segment *segment(const mpol_name_pattern *pattern, int i) {
    return i < pattern->segments->nelts ? MPOL_AT(pattern->segments, i, mpol_segment) : NULL;
}

static bool is_rest(const mpol_segment *s) {
    return s != NULL && s->type == MPOL_SEGMENT_REST;
}

/* A wildcard takes any segment that is not empty. */
static bool one_takes(const mpol_segment *one, const mpol_segment *other) {
    if (one->type == MPOL_SEGMENT_LITERAL)
        return other->type == MPOL_SEGMENT_LITERAL &&
               mpol_bytes_equal(one->literal, other->literal);
    return other->type != MPOL_SEGMENT_LITERAL || other->literal.len > 0;
}

bool mpol_patterns_overlap(const mpol_name_pattern *a, const mpol_name_pattern *b) {
    for (int i = 0;; i++) {
        const mpol_segment *x = segment(a, i);
        const mpol_segment *y = segment(b, i);
        if (is_rest(x) || is_rest(y))
            return true;
        if (x == NULL || y == NULL)
            return x == y;
        if (!one_takes(x, y) && !one_takes(y, x))
            return false;
    }
}

bool mpol_pattern_covers(const mpol_name_pattern *wide, const mpol_name_pattern *narrow) {
    for (int i = 0;; i++) {
        const mpol_segment *x = segment(wide, i);
        const mpol_segment *y = segment(narrow, i);
        if (is_rest(x))
            return true;
        if (x == NULL || y == NULL)
            return x == y;
        if (is_rest(y) || !one_takes(x, y))
            return false;
    }
}

bool mpol_identity_has_pin(const mpol_identity *identity, const mpol_pin *pin) {
    for (int i = 0; i < identity->pins->nelts; i++) {
        const mpol_pin *own = MPOL_AT(identity->pins, i, mpol_pin);
        if (own->kind == pin->kind && memcmp(own->digest, pin->digest, sizeof pin->digest) == 0)
            return true;
    }
    return false;
}
