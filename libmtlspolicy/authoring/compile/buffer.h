/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_BUFFER_H
#define MPOL_COMPILE_BUFFER_H
/* A growing piece of the image; malloc, because pools do not grow in place. */

#include <apr_pools.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mpol_buffer {
    uint8_t *data; /* owned: free it */
    size_t len;    /* in bytes */
    size_t room;
    apr_pool_t *pool; /* whose abort function is called when there is no memory; may be NULL */
} mpol_buffer;

void mpol_put_bytes(mpol_buffer *out, const void *bytes, size_t len);
void mpol_put_u32(mpol_buffer *out, uint32_t value);
void mpol_put_u64(mpol_buffer *out, uint64_t value);

/* The lowest byte first. */
void mpol_write_number(uint8_t *at, uint64_t value, int bytes);

#endif
