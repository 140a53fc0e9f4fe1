/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "authorities.h"
#include "compile/compile.h"
#include "source/read.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned long fuzz_used;

void fuzz_fail(const char *file, int line, const char *what) {
    (void)fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
    abort();
}

apr_pool_t *fuzz_pool(void) {
    static apr_pool_t *pool;
    if (pool == NULL)
        FUZZ_REQUIRE(apr_initialize() == APR_SUCCESS &&
                     apr_pool_create(&pool, NULL) == APR_SUCCESS);
    apr_pool_clear(pool);
    return pool;
}

mpol_bytes fuzz_expand(apr_pool_t *pool, const uint8_t *text, size_t len) {
    size_t longest = 0;
    size_t dollars = 0;
    for (size_t i = 0; i < sizeof fuzz_authorities / sizeof fuzz_authorities[0]; i++)
        if (strlen(fuzz_authorities[i]) > longest)
            longest = strlen(fuzz_authorities[i]);
    for (size_t i = 0; i < len; i++)
        dollars += text[i] == '$';
    uint8_t *out = apr_palloc(pool, len + dollars * longest + 1);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '$' || i + 1 == len || text[i + 1] < '1' || text[i + 1] > '3') {
            out[at++] = text[i];
            continue;
        }
        const char *pem = fuzz_authorities[text[++i] - '1'];
        memcpy(out + at, pem, strlen(pem));
        at += strlen(pem);
    }
    return (mpol_bytes){apr_pmemdup(pool, out, at), (uint32_t)at};
}

const mpol_bytes *fuzz_compile(apr_pool_t *pool, mpol_bytes text, mpol_diagnostics **found,
                               mpol_model **model) {
    *found = mpol_diagnostics_make(pool, "/nonexistent/fuzz.json", text);
    *model = mpol_model_read(pool, *found);
    return (*found)->errors == 0 ? mpol_compile(pool, *model, *found) : NULL;
}
