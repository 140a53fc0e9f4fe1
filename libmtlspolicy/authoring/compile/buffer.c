/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/buffer.h"

#include "model/memory.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *reserve(mpol_buffer *out, size_t len) {
    if (out->room - out->len < len) {
        out->room = 2 * out->room + len + 64;
        out->data = realloc(out->data, out->room);
        if (out->data == NULL)
            mpol_stop_without_memory(out->pool);
    }
    out->len += len;
    return out->data + out->len - len;
}

void mpol_put_bytes(mpol_buffer *out, const void *bytes, size_t len) {
    if (len > 0)
        memcpy(reserve(out, len), bytes, len);
}

void mpol_write_number(uint8_t *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void mpol_put_u32(mpol_buffer *out, uint32_t value) {
    mpol_write_number(reserve(out, 4), value, 4);
}

void mpol_put_u64(mpol_buffer *out, uint64_t value) {
    mpol_write_number(reserve(out, 8), value, 8);
}
