/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_MEMORY_H
#define MPOL_MODEL_MEMORY_H

#include <apr_pools.h>

/* End as this pool does when it cannot grow (apr_pool_abort_set); the pool may be NULL. */
void mpol_stop_without_memory(apr_pool_t *pool) __attribute__((noreturn));

#endif
