/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed. */
#include "client.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void announce(client *c) {
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    if (c->is_announced) {
        return;
    }
    c->is_announced = 1;
    SSL_get0_alpn_selected(c->ssl, &alpn, &alpn_len);
    printf("connection tls=%s resumed=%s alpn=%.*s\n", SSL_get_version(c->ssl),
           SSL_session_reused(c->ssl) ? "yes" : "no", alpn_len > 0 ? (int)alpn_len : 4,
           alpn_len > 0 ? (const char *)alpn : "none");
    fflush(stdout);
}

/* Prints the collected lines of the header `name`, which is not NUL-terminated. */
static void print_header(const request *q, const char *name, size_t name_len) {
    const char *line = (const char *)q->response_headers.data;
    for (const char *end = NULL; line != NULL && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            printf("header %u %.*s\n", q->number, (int)(end - line), line);
        }
    }
}

void print_response(client *c, const request *q) {
    announce(c);
    if (q->status == 0) {
        printf("response %u reset %s\n", q->number, nghttp2_http2_strerror(q->reset_code));
        fflush(stdout);
        return;
    }
    printf("response %u %d\n", q->number, q->status);
    for (const char *name = c->opt.headers; name != NULL && *name != '\0';) {
        const size_t len = strcspn(name, ",");
        print_header(q, name, len);
        name += len + (name[len] == ',' ? 1 : 0);
    }
    if (c->opt.wants_body) {
        buffer escaped = {0};
        buffer_add_escaped(&escaped, q->body.data, q->body.len);
        printf("body %u %s\n", q->number,
               (const char *)escaped.data == NULL ? "" : (const char *)escaped.data);
        free(escaped.data);
    }
    fflush(stdout);
}

void print_closed(client *c) {
    announce(c);
    puts("closed");
    fflush(stdout);
}

void to_lower_case(char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    }
}

void collect_header(request *q, const unsigned char *name, size_t name_len,
                    const unsigned char *value, size_t value_len) {
    const size_t start = q->response_headers.len;
    buffer_add_escaped(&q->response_headers, name, name_len);
    to_lower_case((char *)q->response_headers.data + start, q->response_headers.len - start);
    buffer_add_text(&q->response_headers, ": ");
    buffer_add_escaped(&q->response_headers, value, value_len);
    buffer_add_text(&q->response_headers, "\n");
}
