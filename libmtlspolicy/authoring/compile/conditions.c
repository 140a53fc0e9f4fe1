/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/conditions.h"

#include "base/limits.h"
#include "model/members.h"

#include <apr_strings.h>
#include <string.h>

/* The sets that are left after some conditions were settled: numbers of lists, each once. */
typedef struct splitter {
    apr_pool_t *pool;
    const mpol_model *model;
    mpol_values *lists;
    apr_array_header_t *sets; /* uint32_t */
    apr_hash_t *seen;
    apr_array_header_t *joined; /* memory for one set */
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

static void add_set(splitter *s, const apr_array_header_t *members) {
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

/* Members by what they ask for; who asks for the same stands in one list. */
typedef struct wanted {
    apr_hash_t *of;
    apr_array_header_t *lists; /* apr_array_header_t * of uint32_t, as they came */
} wanted;

static wanted new_wanted(splitter *s) {
    return (wanted){apr_hash_make(s->pool),
                    apr_array_make(s->pool, 4, sizeof(apr_array_header_t *))};
}

static void add_wanted(splitter *s, wanted *w, const void *key, apr_ssize_t len, uint32_t member) {
    apr_array_header_t *list = apr_hash_get(w->of, key, len);
    if (list == NULL) {
        list = apr_array_make(s->pool, 1, sizeof(uint32_t));
        apr_hash_set(w->of, key, len, list);
        APR_ARRAY_PUSH(w->lists, apr_array_header_t *) = list;
    }
    if (list->nelts == 0 || APR_ARRAY_IDX(list, list->nelts - 1, uint32_t) != member)
        APR_ARRAY_PUSH(list, uint32_t) = member;
}

/* The distinct lists of members, and before them nobody: what a value or digest makes of them that
 * none of them asks for. */
static mpol_values *choices_of(splitter *s, const wanted *w) {
    mpol_values *choices = mpol_values_make(s->pool);
    (void)mpol_values_id(choices, NULL, 0, NULL);
    for (int i = 0; i < w->lists->nelts; i++)
        (void)mpol_values_list(choices, APR_ARRAY_IDX(w->lists, i, apr_array_header_t *));
    return choices;
}

/* Who asks for nothing, with each choice. */
static void split_by_attribute(splitter *s, mpol_bytes oid) {
    apr_array_header_t *before = s->sets;
    begin(s);
    for (int i = 0; i < before->nelts && !s->too_many; i++) {
        apr_array_header_t *members = members_of(s, APR_ARRAY_IDX(before, i, uint32_t));
        apr_array_header_t *others = apr_array_make(s->pool, 4, sizeof(uint32_t));
        wanted values = new_wanted(s);
        EACH (members, uint32_t, member) {
            const mpol_attribute *value = attribute_of(identity_at(s, *member), oid);
            if (value != NULL)
                add_wanted(s, &values, value->value.data, value->value.len, *member);
            else
                APR_ARRAY_PUSH(others, uint32_t) = *member;
        }
        mpol_values *choices = choices_of(s, &values);
        for (int k = 0; k < choices->items->nelts && !s->too_many; k++) {
            mpol_list_merge(mpol_list_bytes(others), *MPOL_AT(choices->items, k, mpol_bytes),
                            s->joined);
            add_set(s, s->joined);
        }
    }
}

/* A certificate has one digest and one key: each pair of choices. */
static void combine_pins(splitter *s, const apr_array_header_t *others,
                         const mpol_values *certificates, const mpol_values *keys) {
    apr_array_header_t *either = apr_array_make(s->pool, 4, sizeof(uint32_t));
    for (int c = 0; c < certificates->items->nelts; c++)
        for (int k = 0; k < keys->items->nelts && !s->too_many; k++) {
            mpol_list_merge(*MPOL_AT(certificates->items, c, mpol_bytes),
                            *MPOL_AT(keys->items, k, mpol_bytes), either);
            mpol_list_merge(mpol_list_bytes(others), mpol_list_bytes(either), s->joined);
            add_set(s, s->joined);
        }
}

static void split_by_pins(splitter *s) {
    apr_array_header_t *before = s->sets;
    begin(s);
    for (int i = 0; i < before->nelts && !s->too_many; i++) {
        apr_array_header_t *members = members_of(s, APR_ARRAY_IDX(before, i, uint32_t));
        apr_array_header_t *others = apr_array_make(s->pool, 4, sizeof(uint32_t));
        wanted certificates = new_wanted(s);
        wanted keys = new_wanted(s);
        EACH (members, uint32_t, member) {
            const mpol_identity *identity = identity_at(s, *member);
            if (identity->pins->nelts == 0)
                APR_ARRAY_PUSH(others, uint32_t) = *member;
            EACH (identity->pins, mpol_pin, pin) {
                add_wanted(s, pin->kind == MPOL_PIN_CERTIFICATE ? &certificates : &keys,
                           pin->digest, sizeof pin->digest, *member);
            }
        }
        combine_pins(s, others, choices_of(s, &certificates), choices_of(s, &keys));
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

static bool split(splitter *s, uint32_t issuer, uint32_t list, mpol_take_set take, void *context) {
    bool pinned;
    begin(s);
    APR_ARRAY_PUSH(s->sets, uint32_t) = list;
    apr_array_header_t *oids = oids_of(s, list, &pinned);
    for (int i = 0; i < oids->nelts; i++)
        split_by_attribute(s, *MPOL_AT(oids, i, mpol_bytes));
    if (pinned)
        split_by_pins(s);
    for (int i = 0; i < s->sets->nelts; i++)
        if (!take(context, issuer, APR_ARRAY_IDX(s->sets, i, uint32_t)))
            return false;
    return !s->too_many;
}

bool mpol_conditions_split(apr_pool_t *pool, const mpol_model *model, mpol_values *lists,
                           uint32_t issuer, uint32_t list, mpol_take_set take, void *context) {
    splitter s = {.model = model, .lists = lists};
    if (!has_conditions(model, MPOL_AT(lists->items, (int)list, mpol_bytes)))
        return take(context, issuer, list);
    if (apr_pool_create(&s.pool, pool) != APR_SUCCESS)
        return false;
    s.joined = apr_array_make(s.pool, 16, sizeof(uint32_t));
    bool taken = split(&s, issuer, list, take, context);
    apr_pool_destroy(s.pool);
    return taken;
}
