/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_JSON_H
#define MPOL_SOURCE_JSON_H
/* JSON text to a tree in which every value and every key knows its place. Parsed by yajl. */

#include "model/diagnostics.h"

typedef enum mpol_json_type {
    MPOL_JSON_NULL,
    MPOL_JSON_BOOLEAN,
    MPOL_JSON_NUMBER,
    MPOL_JSON_STRING,
    MPOL_JSON_ARRAY,
    MPOL_JSON_OBJECT,
} mpol_json_type;

/* A value. As a member of an object it has a key; as a member of a list an index. */
typedef struct mpol_json mpol_json;
struct mpol_json {
    mpol_json_type type;
    uint32_t offset;     /* of its first byte */
    uint32_t key_offset; /* of its key's quotation mark */
    uint32_t index;      /* in its parent, from 0 */
    mpol_bytes key;      /* NULL data unless the parent is an object */
    mpol_bytes text;     /* string: decoded; number, true and false: as written */
    mpol_json *parent;   /* NULL for the document */
    mpol_json *first;    /* members, in the order of the document */
    mpol_json *last;
    mpol_json *next; /* the member after this one */
    uint32_t count;  /* of members */
};

#define MPOL_JSON_DEPTH 32

/* Parse `diagnostics->text`. NULL when it is no JSON text or too large; the reason is in
 * `diagnostics`. */
mpol_json *mpol_json_parse(apr_pool_t *pool, mpol_diagnostics *diagnostics);

/* The JSON pointer (RFC 6901) of a value, from the pool. */
const char *mpol_json_pointer(apr_pool_t *pool, const mpol_json *value);

#endif
