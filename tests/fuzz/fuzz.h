/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H
/* What the fuzz targets share. Each is made with libFuzzer by ./run fuzz, and with standalone.c to
 * replay its files in tests/fuzz/corpus and tests/fuzz/regress. */

#include "model/diagnostics.h"
#include "model/model.h"

#include <apr_pools.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

extern const char fuzz_target[]; /* the name of the folders */
extern unsigned long fuzz_used;  /* inputs that were not refused at the door */

/* Say what is wrong, and abort: that is a finding. */
void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));
#define FUZZ_REQUIRE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
    } while (0)

/* A pool that is empty; the same one for each call. */
apr_pool_t *fuzz_pool(void);

/* The text with $1, $2 and $3 replaced by certificates of three authorities. From the pool. */
mpol_bytes fuzz_expand(apr_pool_t *pool, const uint8_t *text, size_t len);

/* Read a document and, when it has no error, compile it. NULL when that fails. */
const mpol_bytes *fuzz_compile(apr_pool_t *pool, mpol_bytes text, mpol_diagnostics **found,
                               mpol_model **model);

#endif
