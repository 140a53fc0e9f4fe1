/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/classes.h"

#include "base/limits.h"
#include "compile/conditions.h"
#include "model/members.h"
#include "model/patterns.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    apr_pool_t *pool;
    const mpol_model *model;
    const mpol_names_table *names;
    mpol_values *lists;
    mpol_classes *classes;
    apr_hash_t *known; /* class_key -> itself, of all classes */
    uint32_t *set_of;  /* by identity: list of it and what it implies */
    uint32_t combinations;
    uint32_t allowed; /* how many classes may still be made */
} builder;

typedef struct class_key {
    uint32_t issuer;
    uint32_t identities;
} class_key;

static const mpol_identity *identity_at(const builder *b, uint32_t index) {
    return MPOL_AT(b->model->identities, (int)index, mpol_identity);
}

/* Add a class unless it is there; false when it was. */
static bool add_class(builder *b, uint32_t issuer, uint32_t identities) {
    class_key key = {issuer, identities};
    if (apr_hash_get(b->known, &key, sizeof key) != NULL)
        return false;
    class_key *kept = apr_pmemdup(b->pool, &key, sizeof key);
    apr_hash_set(b->known, kept, sizeof key, kept);
    *(mpol_class *)apr_array_push(b->classes->list) =
        (mpol_class){.issuer = issuer, .identities = identities};
    return true;
}

/* --- single identities ------------------------------------------------------------------------ */

static bool has_attribute(const mpol_identity *identity, const mpol_attribute *attribute) {
    for (int i = 0; i < identity->attributes->nelts; i++) {
        const mpol_attribute *own = MPOL_AT(identity->attributes, i, mpol_attribute);
        if (mpol_bytes_equal(own->oid, attribute->oid))
            return mpol_bytes_equal(own->value, attribute->value);
    }
    return false;
}

/* Is every certificate that matches `narrow` one that matches `wide`? The names are settled. */
static bool conditions_imply(const mpol_identity *narrow, const mpol_identity *wide) {
    for (int i = 0; i < wide->attributes->nelts; i++)
        if (!has_attribute(narrow, MPOL_AT(wide->attributes, i, mpol_attribute)))
            return false;
    if (wide->pins->nelts == 0)
        return true;
    for (int i = 0; i < narrow->pins->nelts; i++)
        if (!mpol_identity_has_pin(wide, MPOL_AT(narrow->pins, i, mpol_pin)))
            return false;
    return narrow->pins->nelts > 0;
}

static bool implies(const mpol_identity *narrow, const mpol_identity *wide) {
    if (narrow->issuer != wide->issuer || narrow->has_name != wide->has_name ||
        !conditions_imply(narrow, wide))
        return false;
    return !narrow->has_name ||
           (mpol_naming_equal(&narrow->pattern.naming, &wide->pattern.naming) &&
            mpol_pattern_covers(&wide->pattern, &narrow->pattern));
}

/* The identities that others may imply without having their name: patterns, and those that have
 * none. Only who has all pins of another can be implied by it, or who has none. */
typedef struct wide_identities {
    apr_array_header_t **without_pins; /* by issuer */
    apr_hash_t *with_pin;              /* wide_pin -> list */
} wide_identities;

typedef struct wide_pin {
    mpol_pin pin;
    uint32_t issuer;
} wide_pin;

static wide_pin wide_pin_of(const mpol_identity *identity, int pin) {
    return (wide_pin){*MPOL_AT(identity->pins, pin, mpol_pin), identity->issuer};
}

static void add_wide(builder *b, wide_identities *wide, uint32_t index) {
    const mpol_identity *identity = identity_at(b, index);
    if (identity->pins->nelts == 0)
        APR_ARRAY_PUSH(wide->without_pins[identity->issuer], uint32_t) = index;
    for (int i = 0; i < identity->pins->nelts; i++) {
        wide_pin key = wide_pin_of(identity, i);
        apr_array_header_t *list = apr_hash_get(wide->with_pin, &key, sizeof key);
        if (list == NULL) {
            list = apr_array_make(b->pool, 1, sizeof(uint32_t));
            apr_hash_set(wide->with_pin, apr_pmemdup(b->pool, &key, sizeof key), sizeof key, list);
        }
        APR_ARRAY_PUSH(list, uint32_t) = index;
    }
}

static wide_identities find_wide(builder *b) {
    size_t issuers = (size_t)b->model->issuers->nelts + 1;
    wide_identities wide = {apr_palloc(b->pool, issuers * sizeof(apr_array_header_t *)),
                            apr_hash_make(b->pool)};
    for (size_t i = 0; i < issuers; i++)
        wide.without_pins[i] = apr_array_make(b->pool, 4, sizeof(uint32_t));
    for (int i = 0; i < b->model->identities->nelts; i++) {
        const mpol_identity *identity = identity_at(b, (uint32_t)i);
        if (!identity->has_name || identity->pattern.is_pattern)
            add_wide(b, &wide, (uint32_t)i);
    }
    return wide;
}

/* The identities of an exact name. */
static const mpol_exact *exact_of(const builder *b, const mpol_identity *identity) {
    const apr_array_header_t *exact = b->names->exact;
    uint64_t hash = mpol_bytes_hash(identity->pattern.value);
    int low = 0;
    int high = exact->nelts;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (MPOL_AT(exact, middle, mpol_exact)->hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < exact->nelts && MPOL_AT(exact, low, mpol_exact)->hash == hash; low++) {
        const mpol_exact *at = MPOL_AT(exact, low, mpol_exact);
        const mpol_naming_start *start =
            MPOL_AT(b->names->namings, (int)at->naming, mpol_naming_start);
        if (start->issuer == identity->issuer &&
            mpol_naming_equal(start->naming, &identity->pattern.naming) &&
            mpol_bytes_equal(at->value, identity->pattern.value))
            return at;
    }
    return NULL;
}

static void add_implied(const builder *b, const mpol_identity *identity, mpol_bytes others,
                        apr_array_header_t *set) {
    const uint32_t *of = (const uint32_t *)(const void *)others.data;
    for (uint32_t i = 0; i < others.len / sizeof(uint32_t); i++)
        if (implies(identity, identity_at(b, of[i])))
            APR_ARRAY_PUSH(set, uint32_t) = of[i];
}

static void add_implied_wide(const builder *b, const mpol_identity *identity,
                             const wide_identities *wide, apr_array_header_t *set) {
    add_implied(b, identity, mpol_list_bytes(wide->without_pins[identity->issuer]), set);
    if (identity->pins->nelts == 0)
        return;
    wide_pin key = wide_pin_of(identity, 0);
    const apr_array_header_t *list = apr_hash_get(wide->with_pin, &key, sizeof key);
    if (list != NULL)
        add_implied(b, identity, mpol_list_bytes(list), set);
}

/* The class of an identity and of what it implies. */
static void add_single(builder *b, uint32_t index, const wide_identities *wide) {
    const mpol_identity *identity = identity_at(b, index);
    apr_array_header_t *set = apr_array_make(b->pool, 2, sizeof(uint32_t));
    APR_ARRAY_PUSH(set, uint32_t) = index;
    const mpol_exact *exact =
        identity->has_name && !identity->pattern.is_pattern ? exact_of(b, identity) : NULL;
    if (exact != NULL) /* patterns are among these */
        add_implied(b, identity, *MPOL_AT(b->lists->items, (int)exact->identities, mpol_bytes),
                    set);
    else
        add_implied_wide(b, identity, wide, set);
    mpol_list_settle(set);
    b->set_of[index] = mpol_values_list(b->lists, set);
    (void)add_class(b, identity->issuer, b->set_of[index]);
}

/* --- combinations ------------------------------------------------------------------------------
 */

/* Take a set into account that a certificate of the issuer can match; false when that is one
 * combination too many. */
static bool take_set(void *context, uint32_t issuer, uint32_t list) {
    builder *b = context;
    if (list == MPOL_LIST_EMPTY || !add_class(b, issuer, list))
        return true;
    return ++b->combinations <= MPOL_LIMIT_COMBINATIONS;
}

static mpol_bytes list_at(const mpol_values *lists, uint32_t list) {
    return *MPOL_AT(lists->items, (int)list, mpol_bytes);
}

/* Distinct numbers in the order in which they come. */
typedef struct number_set {
    apr_hash_t *seen;
    apr_array_header_t *list; /* uint32_t */
} number_set;

static bool add_number(builder *b, number_set *set, uint32_t number) {
    if (apr_hash_get(set->seen, &number, sizeof number) != NULL)
        return false;
    uint32_t *kept = apr_pmemdup(b->pool, &number, sizeof number);
    apr_hash_set(set->seen, kept, sizeof *kept, kept);
    APR_ARRAY_PUSH(set->list, uint32_t) = number;
    return true;
}

static number_set new_set(builder *b) {
    return (number_set){apr_hash_make(b->pool), apr_array_make(b->pool, 16, sizeof(uint32_t))};
}

static int by_length(const void *left, const void *right) {
    const mpol_bytes *a = left;
    const mpol_bytes *b = right;
    return a->len < b->len ? -1 : a->len > b->len;
}

/* How many sets the unions of all of `sets` are, together with these; more than b->allowed when
 * they become too many to count. Smaller ones come first: one that is a union of others is there
 * already when its turn comes, and makes nothing new. */
static uint32_t count_unions(builder *b, const number_set *sets) {
    apr_pool_t *scratch;
    if (apr_pool_create(&scratch, b->pool) != APR_SUCCESS)
        return UINT32_MAX;
    apr_array_header_t *base = apr_array_make(scratch, sets->list->nelts, sizeof(mpol_bytes));
    apr_array_header_t *all = apr_array_make(scratch, 16, sizeof(uint32_t));
    mpol_values *unions = mpol_values_make(scratch);
    bool has_empty = false;
    EACH (sets->list, uint32_t, list) {
        APR_ARRAY_PUSH(base, mpol_bytes) = list_at(b->lists, *list);
        has_empty = has_empty || list_at(b->lists, *list).len == 0;
    }
    qsort(base->elts, (size_t)base->nelts, sizeof(mpol_bytes), by_length);
    (void)mpol_values_id(unions, NULL, 0, NULL); /* the union of none, to begin with */
    for (int i = 0; i < base->nelts && (uint32_t)unions->items->nelts <= b->allowed + 1; i++) {
        const mpol_bytes *one = MPOL_AT(base, i, mpol_bytes);
        int before = unions->items->nelts;
        bool is_new;
        (void)mpol_values_id(unions, one->data, one->len, &is_new);
        for (int k = 1; is_new && k < before; k++) {
            mpol_list_merge(*one, list_at(unions, (uint32_t)k), all);
            (void)mpol_values_list(unions, all);
        }
    }
    uint32_t count = (uint32_t)unions->items->nelts - !has_empty;
    apr_pool_destroy(scratch);
    return count;
}

/* All unions of the sets, of as many as a certificate has names; false when they become too many.
 * (A set that takes more names makes 2^16 others that do not, which are too many.) */
static bool close_unions(builder *b, number_set *sets) {
    int base = sets->list->nelts;
    uint32_t count = count_unions(b, sets);
    apr_array_header_t *all = apr_array_make(b->pool, 16, sizeof(uint32_t));
    if (count > b->allowed)
        return false;
    /* They are numbered in this order: the image's bytes depend on it. */
    for (int i = 0; i < sets->list->nelts; i++)
        for (int k = 0; k < base && (uint32_t)sets->list->nelts < count; k++) {
            mpol_list_merge(list_at(b->lists, APR_ARRAY_IDX(sets->list, i, uint32_t)),
                            list_at(b->lists, APR_ARRAY_IDX(sets->list, k, uint32_t)), all);
            (void)add_number(b, sets, mpol_values_list(b->lists, all));
        }
    return true;
}

/* The sets that names of an issuer can stand for, before further conditions. */
static bool named_sets(builder *b, uint32_t issuer, const mpol_name_set *first,
                       const mpol_name_set *end, number_set *sets) {
    for (; first < end; first++)
        (void)add_number(b, sets, first->identities);
    return !MPOL_AT(b->model->issuers, (int)issuer, mpol_issuer)->any_of || close_unions(b, sets);
}

/* All identities of an issuer that gives no names are in question for every certificate. */
static void pinned_sets(builder *b, uint32_t issuer, number_set *sets) {
    apr_array_header_t *all = apr_array_make(b->pool, 8, sizeof(uint32_t));
    for (int i = 0; i < b->model->identities->nelts; i++)
        if (identity_at(b, (uint32_t)i)->issuer == issuer)
            APR_ARRAY_PUSH(all, uint32_t) = (uint32_t)i;
    (void)add_number(b, sets, mpol_values_list(b->lists, all));
}

static bool combine(builder *b, uint32_t issuer, const mpol_name_set *first,
                    const mpol_name_set *end) {
    number_set sets = new_set(b);
    bool fits = true;
    if (MPOL_AT(b->model->issuers, (int)issuer, mpol_issuer)->namings->nelts == 0)
        pinned_sets(b, issuer, &sets);
    else
        fits = named_sets(b, issuer, first, end, &sets);
    for (int i = 0; fits && i < sets.list->nelts; i++)
        fits = mpol_conditions_split(b->pool, b->model, b->lists, issuer,
                                     APR_ARRAY_IDX(sets.list, i, uint32_t), take_set, b);
    return fits;
}

static int by_issuer(const void *left, const void *right) {
    const mpol_name_set *a = left;
    const mpol_name_set *b = right;
    if (a->issuer != b->issuer)
        return a->issuer < b->issuer ? -1 : 1;
    return a->identities < b->identities ? -1 : a->identities > b->identities;
}

static void report(builder *b, const mpol_issuer *issuer, mpol_diagnostics *diagnostics) {
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_TOO_MANY_COMBINATIONS,
                         issuer->place.offset, b->model->pointer(b->pool, &issuer->place),
                         "Write fewer identities that one certificate can be at once: fewer "
                         "crossing patterns, fewer names for any_of, fewer shared pins.",
                         "Clients of issuer \"%s\" can be more than %u combinations of identities.",
                         mpol_quote(b->pool, issuer->name), MPOL_LIMIT_COMBINATIONS);
}

static bool add_combinations(builder *b, mpol_diagnostics *diagnostics) {
    apr_array_header_t *sets = b->names->sets;
    const mpol_name_set *all = (const mpol_name_set *)(const void *)sets->elts;
    int from = 0;
    qsort(sets->elts, (size_t)sets->nelts, sizeof(mpol_name_set), by_issuer);
    for (int i = 0; i < b->model->issuers->nelts; i++) {
        int to = from;
        while (to < sets->nelts && all[to].issuer == (uint32_t)i)
            to++;
        if (!combine(b, (uint32_t)i, all + from, all + to)) {
            report(b, MPOL_AT(b->model->issuers, i, mpol_issuer), diagnostics);
            return false;
        }
        from = to;
    }
    return true;
}

/* --- order -------------------------------------------------------------------------------------
 */

static int rank_of(const mpol_identity *identity) {
    if (identity->pins->nelts > 0)
        return 0;
    return identity->has_name && identity->pattern.is_pattern ? 2 : 1;
}

/* Hash and named identity of a class. */
static void finish_class(builder *b, mpol_class *class) {
    const mpol_bytes *list = MPOL_AT(b->lists->items, (int)class->identities, mpol_bytes);
    const uint32_t *members = (const uint32_t *)(const void *)list->data;
    class->hash = MPOL_HASH_SEED;
    class->identity = MPOL_NONE;
    for (uint32_t i = 0; i < list->len / sizeof(uint32_t); i++) {
        class->hash = mpol_hash_u32(class->hash, members[i]);
        if (class->identity == MPOL_NONE ||
            rank_of(identity_at(b, members[i])) < rank_of(identity_at(b, class->identity)))
            class->identity = members[i];
    }
}

static int by_class(const void *left, const void *right) {
    const mpol_class *a = left;
    const mpol_class *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->issuer != b->issuer)
        return a->issuer < b->issuer ? -1 : 1;
    return a->identities < b->identities ? -1 : a->identities > b->identities;
}

static void settle(builder *b) {
    mpol_classes *classes = b->classes;
    size_t identities = (size_t)b->model->identities->nelts + 1;
    size_t issuers = (size_t)b->model->issuers->nelts + 1;
    apr_hash_t *index = apr_hash_make(b->pool);
    for (int i = 0; i < classes->list->nelts; i++)
        finish_class(b, MPOL_AT(classes->list, i, mpol_class));
    qsort(classes->list->elts, (size_t)classes->list->nelts, sizeof(mpol_class), by_class);
    classes->of_identity = apr_palloc(b->pool, identities * sizeof(uint32_t));
    classes->of_nobody = apr_palloc(b->pool, issuers * sizeof(uint32_t));
    for (int i = 0; i < classes->list->nelts; i++) {
        const mpol_class *class = MPOL_AT(classes->list, i, mpol_class);
        if (class->identities == MPOL_LIST_EMPTY)
            classes->of_nobody[class->issuer] = (uint32_t)i;
        else /* a list of identities has one issuer */
            apr_hash_set(index, &class->identities, sizeof(uint32_t), (void *)((uintptr_t)i + 1));
    }
    for (int i = 0; i < b->model->identities->nelts; i++)
        classes->of_identity[i] =
            (uint32_t)((uintptr_t)apr_hash_get(index, &b->set_of[i], sizeof(uint32_t)) - 1);
    classes->combinations = b->combinations;
}

mpol_classes *mpol_classes_build(apr_pool_t *pool, const mpol_model *model,
                                 const mpol_names_table *names, mpol_values *lists,
                                 mpol_diagnostics *diagnostics) {
    mpol_classes *classes = apr_pcalloc(pool, sizeof *classes);
    builder b = {.pool = pool, .model = model, .names = names, .lists = lists, .classes = classes};
    size_t identities = (size_t)model->identities->nelts + 1;
    classes->list = apr_array_make(pool, 64, sizeof(mpol_class));
    b.known = apr_hash_make(pool);
    b.set_of = apr_palloc(pool, identities * sizeof(uint32_t));
    b.allowed = MPOL_LIMIT_COMBINATIONS + 1 + (uint32_t)model->identities->nelts;
    wide_identities wide = find_wide(&b);
    for (int i = 0; i < model->issuers->nelts; i++)
        (void)add_class(&b, (uint32_t)i, MPOL_LIST_EMPTY);
    for (int i = 0; i < model->identities->nelts; i++)
        add_single(&b, (uint32_t)i, &wide);
    if (!add_combinations(&b, diagnostics))
        return NULL;
    settle(&b);
    return classes;
}
