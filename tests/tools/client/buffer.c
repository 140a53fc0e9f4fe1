/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(buffer *b, const void *data, size_t len) {
    if (b->capacity - b->len <= len) {
        b->capacity = (b->len + len + 1) * 2;
        b->data = realloc(b->data, b->capacity);
        if (b->data == NULL) {
            die("out of memory");
        }
    }
    if (len > 0) {
        memcpy(b->data + b->len, data, len);
    }
    b->len += len;
    b->data[b->len] = '\0';
}

void buffer_add_text(buffer *b, const char *text) {
    buffer_add(b, text, strlen(text));
}

void buffer_add_escaped(buffer *b, const unsigned char *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char escaped[8];
        const int is_plain = data[i] >= 0x20 && data[i] < 0x7F && data[i] != '\\';
        const int escaped_len =
            snprintf(escaped, sizeof escaped, is_plain ? "%c" : "\\x%02x", data[i]);
        buffer_add(b, escaped, (size_t)escaped_len);
    }
}

void buffer_drop(buffer *b, size_t len) {
    memmove(b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}
