/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/conditions.h"

#include "base/limits.h"
#include "model/members.h"
#include "model/patterns.h"

#include <apr_strings.h>
#include <string.h>

/* The sets that are left after some conditions were settled: numbers of lists, each once. */
typedef struct splitter {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_values *lists;
    apr_array_header_t *sets; /* uint32_t */
    apr_hash_t *seen;
    bool too_many;
} splitter;

/* More than this is refused anyway: each set becomes one combination, or a named one. */
static uint32_t most_sets(const splitter *s) {
    return MPOL_LIMIT_COMBINATIONS + 2 + (uint32_t)s->model->identities->nelts;
}

static const mpol_identity *identity_at(const splitter *s, uint32_t index) {
    return MPOL_AT(s->model->identities, (int)index, mpol_identity);
}

static void begin(splitter *s) {
    s->sets = apr_array_make(s->pool, 4, sizeof(uint32_t));
    s->seen = apr_hash_make(s->pool);
}

static void add_set(splitter *s, apr_array_header_t *members) {
    mpol_list_settle(members);
    uint32_t list = mpol_values_list(s->lists, members);
    if (apr_hash_get(s->seen, &list, sizeof list) != NULL)
        return;
    uint32_t *kept = apr_pmemdup(s->pool, &list, sizeof list);
    apr_hash_set(s->seen, kept, sizeof *kept, kept);
    APR_ARRAY_PUSH(s->sets, uint32_t) = list;
    s->too_many = s->too_many || (uint32_t)s->sets->nelts > most_sets(s);
}

static apr_array_header_t *members_of(const splitter *s, uint32_t list) {
    const mpol_bytes *bytes = MPOL_AT(s->lists->items, (int)list, mpol_bytes);
    apr_array_header_t *members = apr_array_make(s->pool, 4, sizeof(uint32_t));
    for (uint32_t i = 0; i < bytes->len / sizeof(uint32_t); i++)
        APR_ARRAY_PUSH(members, uint32_t) = ((const uint32_t *)(const void *)bytes->data)[i];
    return members;
}

static const mpol_attribute *attribute_of(const mpol_identity *identity, mpol_bytes oid) {
    for (int i = 0; i < identity->attributes->nelts; i++)
        if (mpol_bytes_equal(MPOL_AT(identity->attributes, i, mpol_attribute)->oid, oid))
            return MPOL_AT(identity->attributes, i, mpol_attribute);
    return NULL;
}

/* The members whose condition on the attribute holds when it has this value; NULL data: another
 * value than any that is asked for. */
static void keep_with_value(splitter *s, const apr_array_header_t *members, mpol_bytes oid,
                            mpol_bytes value) {
    apr_array_header_t *kept = apr_array_make(s->pool, 4, sizeof(uint32_t));
    for (int i = 0; i < members->nelts; i++) {
        uint32_t index = APR_ARRAY_IDX(members, i, uint32_t);
        const mpol_attribute *wanted = attribute_of(identity_at(s, index), oid);
        if (wanted == NULL || (value.data != NULL && mpol_bytes_equal(wanted->value, value)))
            APR_ARRAY_PUSH(kept, uint32_t) = index;
    }
    add_set(s, kept);
}

static void split_by_attribute(splitter *s, mpol_bytes oid) {
    apr_array_header_t *before = s->sets;
    begin(s);
    for (int i = 0; i < before->nelts && !s->too_many; i++) {
        apr_array_header_t *members = members_of(s, APR_ARRAY_IDX(before, i, uint32_t));
        keep_with_value(s, members, oid, (mpol_bytes){NULL, 0});
        for (int k = 0; k < members->nelts && !s->too_many; k++) {
            const mpol_attribute *wanted =
                attribute_of(identity_at(s, APR_ARRAY_IDX(members, k, uint32_t)), oid);
            if (wanted != NULL)
                keep_with_value(s, members, oid, wanted->value);
        }
    }
}

/* Every pin of a kind that a member has, once; and NULL for a digest that is none of them. */
static apr_array_header_t *pins_of(splitter *s, const apr_array_header_t *members, uint32_t kind) {
    apr_array_header_t *pins = apr_array_make(s->pool, 4, sizeof(const mpol_pin *));
    apr_hash_t *seen = apr_hash_make(s->pool);
    APR_ARRAY_PUSH(pins, const mpol_pin *) = NULL;
    for (int i = 0; i < members->nelts; i++) {
        const mpol_identity *identity = identity_at(s, APR_ARRAY_IDX(members, i, uint32_t));
        for (int k = 0; k < identity->pins->nelts; k++) {
            const mpol_pin *pin = MPOL_AT(identity->pins, k, mpol_pin);
            if (pin->kind != kind || apr_hash_get(seen, pin->digest, sizeof pin->digest) != NULL)
                continue;
            apr_hash_set(seen, pin->digest, sizeof pin->digest, pin);
            APR_ARRAY_PUSH(pins, const mpol_pin *) = pin;
        }
    }
    return pins;
}

/* A certificate has one digest and one key: each pair of pins, one of them or none. */
static void keep_pinned(splitter *s, const apr_array_header_t *members, const mpol_pin *one,
                        const mpol_pin *other) {
    apr_array_header_t *kept = apr_array_make(s->pool, 4, sizeof(uint32_t));
    for (int i = 0; i < members->nelts; i++) {
        uint32_t index = APR_ARRAY_IDX(members, i, uint32_t);
        const mpol_identity *identity = identity_at(s, index);
        if (identity->pins->nelts == 0 || (one != NULL && mpol_identity_has_pin(identity, one)) ||
            (other != NULL && mpol_identity_has_pin(identity, other)))
            APR_ARRAY_PUSH(kept, uint32_t) = index;
    }
    add_set(s, kept);
}

static void split_by_pins(splitter *s) {
    apr_array_header_t *before = s->sets;
    begin(s);
    for (int i = 0; i < before->nelts; i++) {
        apr_array_header_t *members = members_of(s, APR_ARRAY_IDX(before, i, uint32_t));
        apr_array_header_t *certificates = pins_of(s, members, MPOL_PIN_CERTIFICATE);
        apr_array_header_t *keys = pins_of(s, members, MPOL_PIN_SPKI);
        for (int c = 0; c < certificates->nelts; c++)
            for (int k = 0; k < keys->nelts && !s->too_many; k++)
                keep_pinned(s, members, APR_ARRAY_IDX(certificates, c, const mpol_pin *),
                            APR_ARRAY_IDX(keys, k, const mpol_pin *));
    }
}

/* The OIDs that any member has a condition on, each once; `*pinned` when any has pins. */
static apr_array_header_t *oids_of(splitter *s, uint32_t list, bool *pinned) {
    apr_array_header_t *members = members_of(s, list);
    apr_array_header_t *oids = apr_array_make(s->pool, 2, sizeof(mpol_bytes));
    apr_hash_t *seen = apr_hash_make(s->pool);
    *pinned = false;
    for (int i = 0; i < members->nelts; i++) {
        const mpol_identity *identity = identity_at(s, APR_ARRAY_IDX(members, i, uint32_t));
        *pinned = *pinned || identity->pins->nelts > 0;
        for (int k = 0; k < identity->attributes->nelts; k++) {
            mpol_bytes oid = MPOL_AT(identity->attributes, k, mpol_attribute)->oid;
            if (apr_hash_get(seen, oid.data, oid.len) != NULL)
                continue;
            apr_hash_set(seen, oid.data, oid.len, identity);
            APR_ARRAY_PUSH(oids, mpol_bytes) = oid;
        }
    }
    return oids;
}

static bool has_conditions(const mpol_model *model, const mpol_bytes *list) {
    for (uint32_t i = 0; i < list->len / sizeof(uint32_t); i++) {
        const mpol_identity *identity = MPOL_AT(
            model->identities, (int)((const uint32_t *)(const void *)list->data)[i], mpol_identity);
        if (identity->pins->nelts > 0 || identity->attributes->nelts > 0)
            return true;
    }
    return false;
}

bool mpol_conditions_split(apr_pool_t *pool, const mpol_model *model, mpol_values *lists,
                           uint32_t issuer, uint32_t list, mpol_take_set take, void *context) {
    splitter s = {.pool = pool, .model = model, .lists = lists};
    bool pinned;
    if (!has_conditions(model, MPOL_AT(lists->items, (int)list, mpol_bytes)))
        return take(context, issuer, list);
    begin(&s);
    APR_ARRAY_PUSH(s.sets, uint32_t) = list;
    apr_array_header_t *oids = oids_of(&s, list, &pinned);
    for (int i = 0; i < oids->nelts; i++)
        split_by_attribute(&s, *MPOL_AT(oids, i, mpol_bytes));
    if (pinned)
        split_by_pins(&s);
    for (int i = 0; i < s.sets->nelts; i++)
        if (!take(context, issuer, APR_ARRAY_IDX(s.sets, i, uint32_t)))
            return false;
    return !s.too_many;
}
