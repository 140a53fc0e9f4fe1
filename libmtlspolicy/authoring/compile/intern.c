/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/intern.h"

#include "image/format.h"

#include <apr_strings.h>
#include <stdlib.h>

mpol_strings *mpol_strings_make(apr_pool_t *pool) {
    mpol_strings *strings = apr_palloc(pool, sizeof *strings);
    strings->pool = pool;
    strings->ids = apr_hash_make(pool);
    strings->items = apr_array_make(pool, 256, sizeof(mpol_bytes));
    return strings;
}

void mpol_strings_add(mpol_strings *strings, mpol_bytes text) {
    if (text.data == NULL || apr_hash_get(strings->ids, text.data, text.len) != NULL)
        return;
    apr_hash_set(strings->ids, text.data, text.len, strings);
    APR_ARRAY_PUSH(strings->items, mpol_bytes) = text;
}

static int by_bytes(const void *left, const void *right) {
    return mpol_bytes_compare(*(const mpol_bytes *)left, *(const mpol_bytes *)right);
}

void mpol_strings_settle(mpol_strings *strings) {
    qsort(strings->items->elts, (size_t)strings->items->nelts, sizeof(mpol_bytes), by_bytes);
    for (int i = 0; i < strings->items->nelts; i++) {
        const mpol_bytes *text = &APR_ARRAY_IDX(strings->items, i, mpol_bytes);
        apr_hash_set(strings->ids, text->data, text->len, (void *)((uintptr_t)i + 1));
    }
}

uint32_t mpol_strings_id(const mpol_strings *strings, mpol_bytes text) {
    if (text.data == NULL)
        return MPOL_NONE;
    return (uint32_t)((uintptr_t)apr_hash_get(strings->ids, text.data, text.len) - 1);
}

mpol_values *mpol_values_make(apr_pool_t *pool) {
    mpol_values *values = apr_palloc(pool, sizeof *values);
    values->pool = pool;
    values->ids = apr_hash_make(pool);
    values->items = apr_array_make(pool, 64, sizeof(mpol_bytes));
    return values;
}

uint32_t mpol_values_id(mpol_values *values, const void *bytes, uint32_t len, bool *is_new) {
    /* An empty key is a key too, but APR takes no NULL for one. */
    const void *key = len > 0 ? bytes : "";
    uintptr_t found = (uintptr_t)apr_hash_get(values->ids, key, len);
    if (is_new != NULL)
        *is_new = found == 0;
    if (found != 0)
        return (uint32_t)(found - 1);
    mpol_bytes copy = {len > 0 ? apr_pmemdup(values->pool, bytes, len) : (const void *)"", len};
    uint32_t id = (uint32_t)values->items->nelts;
    APR_ARRAY_PUSH(values->items, mpol_bytes) = copy;
    apr_hash_set(values->ids, copy.data, copy.len, (void *)((uintptr_t)id + 1));
    return id;
}

uint32_t mpol_values_list(mpol_values *values, const apr_array_header_t *list) {
    return mpol_values_id(values, list->elts, (uint32_t)list->nelts * (uint32_t)sizeof(uint32_t),
                          NULL);
}
