/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int h1_fill(client *c) {
    unsigned char data[READ_BYTES];
    const size_t len = tls_read(c, data, sizeof data);
    buffer_add(&c->input, data, len);
    return len > 0;
}

/* Takes one line without its end into `line`; 0 when the connection ended first. */
static int h1_line(client *c, buffer *line) {
    const unsigned char *end = NULL;
    line->len = 0;
    while (c->input.len == 0 || (end = memchr(c->input.data, '\n', c->input.len)) == NULL) {
        if (!h1_fill(c)) {
            return 0;
        }
    }
    const size_t len = (size_t)(end - c->input.data);
    buffer_add(line, c->input.data, len > 0 && end[-1] == '\r' ? len - 1 : len);
    buffer_drop(&c->input, len + 1);
    return 1;
}

static int h1_body_bytes(client *c, request *q, size_t len) {
    while (c->input.len < len) {
        if (!h1_fill(c)) {
            return 0;
        }
    }
    if (len > 0) {
        buffer_add(&q->body, c->input.data, len);
        buffer_drop(&c->input, len);
    }
    return 1;
}

static int h1_body_chunked(client *c, request *q) {
    buffer line = {0};
    size_t size = 0;
    int is_whole = 1;
    do {
        is_whole = h1_line(c, &line);
        size = is_whole ? strtoul((const char *)line.data, NULL, 16) : 0;
        is_whole = is_whole && h1_body_bytes(c, q, size) && (size == 0 || h1_line(c, &line));
    } while (is_whole && size > 0);
    do { /* trailers, up to the empty line */
        is_whole = is_whole && h1_line(c, &line);
    } while (is_whole && line.len > 0);
    free(line.data);
    return is_whole;
}

typedef struct {
    size_t length;
    int has_length, is_chunked;
} h1_framing;

static void h1_header(request *q, buffer *line, h1_framing *framing) {
    unsigned char *colon = memchr(line->data, ':', line->len);
    if (colon == NULL) {
        die("response %u: a header without a colon", q->number);
    }
    const size_t name_len = (size_t)(colon - line->data);
    const unsigned char *value = colon + 1 + strspn((const char *)colon + 1, " \t");
    collect_header(q, line->data, name_len, value, line->len - (size_t)(value - line->data));
    if (strncasecmp((const char *)line->data, "content-length:", 15) == 0) {
        framing->has_length = 1;
        framing->length = strtoul((const char *)value, NULL, 10);
    }
    if (strncasecmp((const char *)line->data, "transfer-encoding:", 18) == 0) {
        framing->is_chunked = strncasecmp((const char *)value, "chunked", 7) == 0;
    }
}

/* Reads status line and headers, past interim answers (RFC 9110 15.2); 101 is none. */
static int h1_head(client *c, request *q, h1_framing *framing) {
    buffer line = {0};
    int is_whole = 0;
    int status = 0;
    do {
        *framing = (h1_framing){0};
        q->response_headers.len = 0;
        is_whole = h1_line(c, &line);
        if (is_whole && sscanf((const char *)line.data, "HTTP/1.%*1d %3d", &status) != 1) {
            die("response %u: not an HTTP/1.1 status line", q->number);
        }
        while (is_whole && (is_whole = h1_line(c, &line)) && line.len > 0) {
            h1_header(q, &line, framing);
        }
    } while (is_whole && status >= 100 && status < 200 && status != 101);
    q->status = is_whole ? status : 0;
    free(line.data);
    return is_whole;
}

/* Everything up to the end of the connection. */
static int h1_rest(client *c, request *q) {
    while (h1_fill(c)) {
    }
    return h1_body_bytes(c, q, c->input.len);
}

static int h1_receive(client *c, request *q) {
    h1_framing framing;
    if (!h1_head(c, q, &framing)) {
        return 0;
    }
    if (q->tunnel != NULL && (q->status == 101 || (q->status == 200 && is_plain_connect(q)))) {
        tls_write(c, (const unsigned char *)q->tunnel, q->tunnel_len);
        return h1_rest(c, q);
    }
    if (strcmp(q->method, "HEAD") == 0 || q->status == 204 || q->status == 304) {
        return 1;
    }
    if (framing.is_chunked) {
        return h1_body_chunked(c, q);
    }
    if (framing.has_length) {
        return h1_body_bytes(c, q, framing.length);
    }
    return h1_rest(c, q);
}

static void h1_send(client *c, const request *q) {
    buffer out = {0};
    buffer_add_text(&out, q->method);
    buffer_add_text(&out, " ");
    buffer_add(&out, q->target, q->target_len);
    buffer_add_text(&out, c->opt.no_host ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    if (!c->opt.no_host && find_header(q, "host") == NULL) {
        buffer_add_text(&out, "Host: ");
        buffer_add_text(&out, c->opt.host);
        buffer_add_text(&out, "\r\n");
    }
    for (size_t i = 0; i < q->header_count; i++) {
        buffer_add_text(&out, q->headers[i].name);
        buffer_add_text(&out, ": ");
        buffer_add(&out, q->headers[i].value, q->headers[i].value_len);
        buffer_add_text(&out, "\r\n");
    }
    buffer_add_text(&out, "\r\n");
    tls_write(c, out.data, out.len);
    free(out.data);
}

void h1_play(client *c) {
    for (size_t i = 0; i < c->script_count; i++) {
        request *q = &c->script[i];
        if (q->directive != NULL) {
            obey(c, q->directive);
            continue;
        }
        h1_send(c, q);
        const int is_whole = h1_receive(c, q);
        if (q->status != 0) {
            print_response(c, q);
        }
        if (!is_whole) {
            print_closed(c);
            return;
        }
    }
}
