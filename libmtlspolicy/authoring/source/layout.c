/* SPDX-License-Identifier: Apache-2.0 */
#include "source/layout.h"

#include "image/format.h"
#include "model/text.h"
#include "source/json.h"

#include <apr_hash.h>
#include <stdlib.h>

/* --- the order of things ---------------------------------------------------------------------- */

typedef enum shape_type {
    SHAPE_PLAIN,  /* as it stands */
    SHAPE_TABLE,  /* an object of names: sorted */
    SHAPE_RECORD, /* an object of keys that the language knows: in their order, then the others */
    SHAPE_SET,    /* a list whose order means nothing: sorted */
    SHAPE_LIST,   /* a list that keeps its order */
} shape_type;

typedef struct shape shape;
typedef struct shape_key {
    const char *name;
    const shape *value; /* NULL: plain */
} shape_key;

struct shape {
    shape_type type;
    const shape *member;   /* of each member, but for records; NULL: plain */
    const shape_key *keys; /* of a record, ending with one without a name */
};

#define RECORD(name, ...)                                                                          \
    static const shape_key name##_keys[] = {__VA_ARGS__, {NULL, NULL}};                            \
    static const shape name = {SHAPE_RECORD, NULL, name##_keys}
#define TABLE(name, of) static const shape name = {SHAPE_TABLE, of, NULL}
#define SET(name, of) static const shape name = {SHAPE_SET, of, NULL}

static const shape plain = {SHAPE_PLAIN, NULL, NULL};
SET(strings, NULL);
TABLE(values, NULL);
RECORD(certificate, {"file", NULL}, {"pem", NULL});
static const shape certificates = {SHAPE_LIST, &certificate, NULL};
RECORD(attribute, {"oid", NULL}, {"value", NULL});
#define KIND(suffix, name) {name, MPOL_NAME_##suffix == MPOL_NAME_ATTRIBUTE ? &attribute : NULL},
#define KINDS MPOL_NAME_KINDS(KIND)
static const shape_key name_keys[] = {KINDS{NULL, NULL}};
static const shape name = {SHAPE_RECORD, NULL, name_keys};
SET(names, &name);
RECORD(issuer, {"certificates", &certificates}, {"names", &strings}, {"any_of", NULL},
       {"may_assert", &names}, {"environment", NULL});
TABLE(issuers, &issuer);
static const shape_key identity_keys[] = {
    {"issuer", NULL}, KINDS{"attributes", &values}, {"pins", &strings}, {NULL, NULL}};
static const shape identity = {SHAPE_RECORD, NULL, identity_keys};
TABLE(identities, &identity);
TABLE(groups, &strings);
RECORD(route, {"hosts", &strings}, {"methods", &strings}, {"paths", &strings}, {"tags", &strings},
       {"expects", &strings}, {"preflight", NULL}, {"internal", NULL});
TABLE(routes, &route);
RECORD(rule, {"effect", NULL}, {"subjects", &strings}, {"routes", &strings}, {"networks", &strings},
       {"valid_from", NULL}, {"valid_until", NULL}, {"users", &strings}, {"same", &values},
       {"acknowledge", &strings}, {"owner", NULL}, {"ticket", NULL}, {"note", NULL});
TABLE(rules, &rule);
RECORD(document, {"name", NULL}, {"environment", NULL}, {"production", NULL}, {"serial", NULL},
       {"valid_until", NULL}, {"issuers", &issuers}, {"identities", &identities},
       {"groups", &groups}, {"routes", &routes}, {"rules", &rules});

/* --- the document -------------------------------------------------------------------------------
 */

typedef struct layout {
    apr_pool_t *pool;
    mpol_diagnostics *diagnostics;
} layout;

/* A member on its way into order. */
typedef struct placed {
    mpol_text *text;
    const shape *shape; /* of a member of a record */
    uint32_t rank;
    mpol_bytes order; /* among those of one rank */
    uint32_t index;   /* among those that are equal */
} placed;

static int by_order(const void *left, const void *right) {
    const placed *a = left;
    const placed *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int order = mpol_bytes_compare(a->order, b->order);
    if (order != 0)
        return order;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void check_keys(layout *l, const mpol_json *object) {
    apr_hash_t *seen = apr_hash_make(l->pool);
    for (const mpol_json *member = object->first; member != NULL; member = member->next) {
        if (apr_hash_get(seen, member->key.data, member->key.len) != NULL)
            mpol_diagnostics_add(
                l->diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_DUPLICATE_KEY, member->key_offset,
                mpol_json_pointer(l->pool, member), "Keep one of the two and delete the other.",
                "The key \"%s\" stands twice in this object.", mpol_quote(l->pool, member->key));
        apr_hash_set(seen, member->key.data, member->key.len, member);
    }
}

static mpol_text *lay_out(layout *l, const mpol_json *value, const shape *as);

/* What a member of a record is, and which place it has among the keys of the language; unknown keys
 * come behind all others. */
static void find_key(const shape *record, placed *member, mpol_bytes key) {
    const shape_key *known = record->keys;
    while (known->name != NULL && !mpol_bytes_equal(key, mpol_text_span(known->name)))
        known++;
    member->shape = known->name != NULL && known->value != NULL ? known->value : &plain;
    member->rank = (uint32_t)(known - record->keys);
    member->order = known->name != NULL ? (mpol_bytes){key.data, 0} : key;
}

static placed place(layout *l, const mpol_json *member, const shape *as) {
    placed result = {.shape = as->member != NULL ? as->member : &plain, .index = member->index};
    result.order = member->key;
    if (as->type == SHAPE_RECORD)
        find_key(as, &result, member->key);
    result.text = lay_out(l, member, result.shape);
    result.text->key = member->key;
    if (as->type != SHAPE_SET)
        return result;
    /* strings by what they say, before everything else by how it is written */
    result.rank = member->type != MPOL_JSON_STRING;
    result.order = result.rank == 0 ? member->text : mpol_text_print(l->pool, result.text);
    return result;
}

/* Does the shape fit the value? One that is wrong here stays as it stands. */
static bool fits(const shape *as, mpol_json_type type) {
    if (as->type == SHAPE_TABLE || as->type == SHAPE_RECORD)
        return type == MPOL_JSON_OBJECT;
    return type == MPOL_JSON_ARRAY && as->type != SHAPE_PLAIN;
}

static mpol_text *lay_out_members(layout *l, const mpol_json *value, const shape *as) {
    mpol_text *text = value->type == MPOL_JSON_OBJECT ? mpol_text_object(l->pool, NULL)
                                                      : mpol_text_array(l->pool, NULL);
    const shape *fitting = fits(as, value->type) ? as : &plain;
    bool sorted = fitting->type != SHAPE_PLAIN && fitting->type != SHAPE_LIST;
    apr_array_header_t *members = apr_array_make(l->pool, (int)value->count, sizeof(placed));
    if (value->type == MPOL_JSON_OBJECT)
        check_keys(l, value);
    for (const mpol_json *member = value->first; member != NULL; member = member->next)
        APR_ARRAY_PUSH(members, placed) = place(l, member, fitting);
    if (sorted)
        qsort(members->elts, (size_t)members->nelts, sizeof(placed), by_order);
    for (int i = 0; i < members->nelts; i++)
        (void)mpol_text_add(text, APR_ARRAY_IDX(members, i, placed).text);
    return text;
}

/* Recursion ends with the depth of the document, which its parser bounds. */
static mpol_text *lay_out(layout *l, const mpol_json *value, const shape *as) {
    mpol_text *raw;
    switch (value->type) {
    case MPOL_JSON_STRING: return mpol_text_string(l->pool, NULL, value->text);
    case MPOL_JSON_NULL: return mpol_text_raw(l->pool, NULL, "null");
    case MPOL_JSON_BOOLEAN:
    case MPOL_JSON_NUMBER:
        raw = mpol_text_raw(l->pool, NULL, "");
        raw->value = value->text;
        return raw;
    case MPOL_JSON_ARRAY:
    case MPOL_JSON_OBJECT: break;
    }
    return lay_out_members(l, value, as);
}

bool mpol_layout(apr_pool_t *pool, mpol_diagnostics *diagnostics, mpol_bytes *text) {
    layout l = {pool, diagnostics};
    const mpol_json *parsed = mpol_json_parse(pool, diagnostics);
    if (parsed == NULL)
        return false;
    mpol_text *laid_out = lay_out(&l, parsed, &document);
    mpol_diagnostics_sort(diagnostics);
    if (diagnostics->errors > 0)
        return false;
    *text = mpol_text_print(pool, laid_out);
    return true;
}
