/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_INTERN_H
#define MPOL_COMPILE_INTERN_H
/* Things that the image holds once, however often they are named: strings and lists of indices. */

#include "base/bytes.h"

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>

/* A set of strings; numbered in byte order once it is settled. */
typedef struct mpol_strings {
    apr_pool_t *pool;
    apr_hash_t *ids;           /* bytes -> id + 1 */
    apr_array_header_t *items; /* mpol_bytes */
} mpol_strings;

mpol_strings *mpol_strings_make(apr_pool_t *pool);
/* Add a string; `text` is borrowed. NULL data is no string. */
void mpol_strings_add(mpol_strings *strings, mpol_bytes text);
/* Sort and number them; none may be added afterwards. */
void mpol_strings_settle(mpol_strings *strings);
/* The number of a string that was added; MPOL_NONE for NULL data. */
uint32_t mpol_strings_id(const mpol_strings *strings, mpol_bytes text);

/* Values of a fixed size, numbered as they come: the same value, the same number. */
typedef struct mpol_values {
    apr_pool_t *pool;
    apr_hash_t *ids;
    apr_array_header_t *items; /* mpol_bytes */
} mpol_values;

mpol_values *mpol_values_make(apr_pool_t *pool);
/* The number of this value; the bytes are copied when they are new, and `*is_new` set (may be
 * NULL). */
uint32_t mpol_values_id(mpol_values *values, const void *bytes, uint32_t len, bool *is_new);

/* The number of a list of ascending indices. List 0 of a fresh set is the empty list once it was
 * asked for first. */
uint32_t mpol_values_list(mpol_values *values, const apr_array_header_t *list);

#endif
