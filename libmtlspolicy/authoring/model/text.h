/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_TEXT_H
#define MPOL_MODEL_TEXT_H
/* JSON as it is written: values with their layout. All memory is the pool's. */

#include "base/bytes.h"

#include <apr_pools.h>
#include <apr_tables.h>

typedef enum mpol_text_type {
    MPOL_TEXT_RAW, /* a number, true, false, null: written as it is */
    MPOL_TEXT_STRING,
    MPOL_TEXT_ARRAY,
    MPOL_TEXT_OBJECT,
} mpol_text_type;

typedef struct mpol_text {
    mpol_text_type type;
    mpol_bytes key;              /* NULL data but for members of an object */
    mpol_bytes value;            /* of a string or raw value; UTF-8 */
    apr_array_header_t *members; /* mpol_text *, of the other two */
} mpol_text;

/* Values; `key` may be NULL for members of lists. Borrowed spans must outlive the text. */
mpol_text *mpol_text_string(apr_pool_t *pool, const char *key, mpol_bytes value);
mpol_text *mpol_text_raw(apr_pool_t *pool, const char *key, const char *value);
mpol_text *mpol_text_number(apr_pool_t *pool, const char *key, uint64_t value);
mpol_text *mpol_text_boolean(apr_pool_t *pool, const char *key, bool value);
mpol_text *mpol_text_array(apr_pool_t *pool, const char *key);
mpol_text *mpol_text_object(apr_pool_t *pool, const char *key);
/* The same as a member of `parent`. */
mpol_text *mpol_text_add(mpol_text *parent, mpol_text *member);

/* A C string as a span. */
mpol_bytes mpol_text_span(const char *text);

/* The text, two blanks a level, what fits on a line on one; ends with a line feed. */
mpol_bytes mpol_text_print(apr_pool_t *pool, const mpol_text *text);

#endif
