/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_SUBJECT_H
#define MPOL_SOURCE_SUBJECT_H

#include "base/bytes.h"

#include <apr_pools.h>

/* A subject as people write it (RFC 4514) to the text in which subjects are compared, from the
 * pool. NULL when it is good, else what is wrong with it. */
const char *mpol_subject_parse(apr_pool_t *pool, mpol_bytes text, mpol_bytes *subject);

#endif
