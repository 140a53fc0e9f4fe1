/* SPDX-License-Identifier: Apache-2.0 */
#include "model/text.h"

#include "model/memory.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100, INDENT = 2 };

mpol_bytes mpol_text_span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static mpol_text *make(apr_pool_t *pool, mpol_text_type type, const char *key, mpol_bytes value) {
    mpol_text *text = apr_pcalloc(pool, sizeof *text);
    text->type = type;
    if (key != NULL)
        text->key = mpol_text_span(key);
    text->value = value;
    if (type == MPOL_TEXT_ARRAY || type == MPOL_TEXT_OBJECT)
        text->members = apr_array_make(pool, 4, sizeof(mpol_text *));
    return text;
}

mpol_text *mpol_text_string(apr_pool_t *pool, const char *key, mpol_bytes value) {
    return make(pool, MPOL_TEXT_STRING, key, value);
}

mpol_text *mpol_text_raw(apr_pool_t *pool, const char *key, const char *value) {
    return make(pool, MPOL_TEXT_RAW, key, mpol_text_span(value));
}

mpol_text *mpol_text_number(apr_pool_t *pool, const char *key, uint64_t value) {
    return mpol_text_raw(pool, key, apr_psprintf(pool, "%" APR_UINT64_T_FMT, (apr_uint64_t)value));
}

mpol_text *mpol_text_boolean(apr_pool_t *pool, const char *key, bool value) {
    return mpol_text_raw(pool, key, value ? "true" : "false");
}

mpol_text *mpol_text_array(apr_pool_t *pool, const char *key) {
    return make(pool, MPOL_TEXT_ARRAY, key, (mpol_bytes){NULL, 0});
}

mpol_text *mpol_text_object(apr_pool_t *pool, const char *key) {
    return make(pool, MPOL_TEXT_OBJECT, key, (mpol_bytes){NULL, 0});
}

mpol_text *mpol_text_add(mpol_text *parent, mpol_text *member) {
    APR_ARRAY_PUSH(parent->members, mpol_text *) = member;
    return member;
}

/* The text while it is printed; malloc, because pools do not grow in place. */
typedef struct printer {
    apr_pool_t *pool;
    uint8_t *data;
    size_t len;
    size_t room;
} printer;

static void put(printer *p, const void *bytes, size_t len) {
    if (p->room - p->len < len) {
        p->room = 2 * p->room + len + 256;
        p->data = realloc(p->data, p->room);
        if (p->data == NULL)
            mpol_stop_without_memory(p->pool);
    }
    memcpy(p->data + p->len, bytes, len);
    p->len += len;
}

static void put_text(printer *p, const char *text) {
    put(p, text, strlen(text));
}

/* U+0080 to U+009F. */
static bool is_upper_control(mpol_bytes text, uint32_t i) {
    return text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0;
}

/* RFC 8259 section 7: the two that must be escaped, and controls; those above U+007F too, which
 * terminals obey. */
static void put_string(printer *p, mpol_bytes text) {
    static const char short_forms[] = "\bb\ff\nn\rr\tt";
    put(p, "\"", 1);
    for (uint32_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const char *form = c < 0x20 && c != 0 ? strchr(short_forms, c) : NULL;
        static const char digits[] = "0123456789abcdef";
        if (c == '"' || c == '\\') {
            put(p, "\\", 1);
            put(p, &c, 1);
        } else if (form != NULL) {
            put(p, "\\", 1);
            put(p, form + 1, 1);
        } else if (c < 0x20 || c == 0x7f || is_upper_control(text, i)) {
            put_text(p, "\\u00");
            c = c == 0xc2 ? text.data[++i] : c;
            put(p, &digits[c >> 4], 1);
            put(p, &digits[c & 15], 1);
        } else {
            put(p, &c, 1);
        }
    }
    put(p, "\"", 1);
}

static void put_value(printer *p, const mpol_text *text, uint32_t level, bool one_line);

static void put_key(printer *p, const mpol_text *text) {
    if (text->key.data == NULL)
        return;
    put_string(p, text->key);
    put_text(p, ": ");
}

static void put_members(printer *p, const mpol_text *text, uint32_t level, bool one_line) {
    const char *open = text->type == MPOL_TEXT_OBJECT ? (one_line ? "{ " : "{") : "[";
    const char *close = text->type == MPOL_TEXT_OBJECT ? (one_line ? " }" : "}") : "]";
    put_text(p, open);
    for (int i = 0; i < text->members->nelts; i++) {
        const mpol_text *member = APR_ARRAY_IDX(text->members, i, const mpol_text *);
        if (i > 0)
            put_text(p, one_line ? ", " : ",");
        if (!one_line) {
            put_text(p, "\n");
            for (uint32_t k = 0; k < (level + 1) * INDENT; k++)
                put(p, " ", 1);
        }
        put_key(p, member);
        put_value(p, member, level + 1, one_line);
    }
    if (!one_line) {
        put_text(p, "\n");
        for (uint32_t k = 0; k < level * INDENT; k++)
            put(p, " ", 1);
    }
    put_text(p, close);
}

/* Columns since the last line feed. */
static size_t column(const printer *p) {
    size_t at = p->len;
    while (at > 0 && p->data[at - 1] != '\n')
        at--;
    return p->len - at;
}

/* On one line when that fits; the whole document never is. Recursion ends with the depth of the
 * document, which its parser bounds. */
static void put_value(printer *p, const mpol_text *text, uint32_t level, bool one_line) {
    if (text->type == MPOL_TEXT_RAW) {
        put(p, text->value.data, text->value.len);
    } else if (text->type == MPOL_TEXT_STRING) {
        put_string(p, text->value);
    } else if (text->members->nelts == 0) {
        put_text(p, text->type == MPOL_TEXT_OBJECT ? "{}" : "[]");
    } else if (one_line || level == 0) {
        put_members(p, text, level, one_line);
    } else {
        size_t start = p->len;
        put_members(p, text, level, true);
        if (column(p) < WIDTH)
            return;
        p->len = start;
        put_members(p, text, level, false);
    }
}

mpol_bytes mpol_text_print(apr_pool_t *pool, const mpol_text *text) {
    printer p = {.pool = pool};
    put_value(&p, text, 0, false);
    put_text(&p, "\n");
    mpol_bytes result = {apr_pmemdup(pool, p.data, p.len), (uint32_t)p.len};
    free(p.data);
    return result;
}
