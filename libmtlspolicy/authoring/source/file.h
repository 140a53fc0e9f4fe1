/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_FILE_H
#define MPOL_SOURCE_FILE_H

#include "base/bytes.h"
#include "base/error.h"

#include <apr_pools.h>

/* Read the file at `path` whole into the pool; "-" is standard input. NULL with `error` filled when
 * it cannot be read or is larger than any policy, compiled or not. */
const mpol_bytes *mpol_file_read(apr_pool_t *pool, const char *path, mpol_error *error);

#endif
