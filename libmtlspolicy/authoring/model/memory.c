/* SPDX-License-Identifier: Apache-2.0 */
#include "model/memory.h"

#include <stdlib.h>

void mpol_stop_without_memory(apr_pool_t *pool) {
    apr_abortfunc_t stop = pool != NULL ? apr_pool_abort_get(pool) : NULL;
    if (stop != NULL)
        (void)stop(APR_ENOMEM);
    abort();
}
