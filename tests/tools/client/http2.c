/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

static int h2_header_cb(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                        size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                        void *user_data) {
    request *q = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    (void)user_data;
    if (q == NULL) {
        return 0;
    }
    if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
        q->response_headers.len = 0; /* what came before belonged to an interim answer */
        q->status = (int)strtol((const char *)value, NULL, 10);
        return 0;
    }
    collect_header(q, name, name_len, value, value_len);
    return 0;
}

static int h2_data_cb(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                      const uint8_t *data, size_t len, void *user_data) {
    request *q = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)flags;
    (void)user_data;
    if (q != NULL) {
        buffer_add(&q->body, data, len);
    }
    return 0;
}

static int h2_stream_close_cb(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                              void *user_data) {
    request *q = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)user_data;
    if (q != NULL) {
        q->is_done = 1;
        q->reset_code = error_code;
    }
    return 0;
}

static int h2_frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
    const request *q = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)user_data;
    if (q != NULL && q->tunnel != NULL && frame->hd.type == NGHTTP2_HEADERS) {
        (void)nghttp2_session_resume_data(session, frame->hd.stream_id);
    }
    return 0;
}

/* What goes through a tunnel (RFC 8441 5), once the server has opened it; then the client's side of
 * it ends. */
static ssize_t h2_tunnel_cb(nghttp2_session *session, int32_t stream_id, uint8_t *data, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data) {
    const request *q = source->ptr;
    (void)session;
    (void)stream_id;
    (void)user_data;
    if (q->status == 0) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (q->status != 200 || q->tunnel_len > room) {
        return 0;
    }
    memcpy(data, q->tunnel, q->tunnel_len);
    return (ssize_t)q->tunnel_len;
}

/* A request that may no longer be sent, such as one after GOAWAY, never becomes a stream that could
 * be closed. */
static int h2_not_sent_cb(nghttp2_session *session, const nghttp2_frame *frame, int error_code,
                          void *user_data) {
    (void)error_code;
    (void)user_data;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        h2_stream_close_cb(session, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM, NULL);
    }
    return 0;
}

static nghttp2_session *h2_start(client *c) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        die("out of memory");
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_header_cb);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_data_cb);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_frame_cb);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_stream_close_cb);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, h2_not_sent_cb);
    if (nghttp2_session_client_new(&session, callbacks, c) != 0 ||
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0) != 0) {
        die("cannot start HTTP/2");
    }
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static void h2_flush(client *c, nghttp2_session *session) {
    const uint8_t *data = NULL;
    for (;;) {
        const ssize_t len = nghttp2_session_mem_send(session, &data);
        if (len < 0) {
            die("HTTP/2: %s", nghttp2_strerror((int)len));
        }
        if (len == 0) {
            return;
        }
        tls_write(c, data, (size_t)len);
    }
}

/* Sends and receives until `q` is answered or the connection ends. */
static void h2_finish(client *c, nghttp2_session *session, const request *q) {
    unsigned char data[READ_BYTES];
    h2_flush(c, session);
    while (!q->is_done && !c->is_closed) {
        const size_t len = tls_read(c, data, sizeof data);
        const ssize_t used = nghttp2_session_mem_recv(session, data, len);
        if (used < 0) {
            die("HTTP/2: %s", nghttp2_strerror((int)used));
        }
        h2_flush(c, session);
    }
}

static void h2_field(nghttp2_nv *field, const char *name, const char *value, size_t value_len) {
    *field = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                          .namelen = strlen(name),
                          .value = (uint8_t *)(uintptr_t)value,
                          .valuelen = value_len,
                          .flags = NGHTTP2_NV_FLAG_NONE};
}

/* The pseudo-headers that the request does not give itself. CONNECT to another host has neither
 * scheme nor path (RFC 9113 8.5). */
static size_t h2_default_fields(const client *c, const request *q, nghttp2_nv *fields) {
    const int is_connect = is_plain_connect(q);
    size_t count = 0;
    if (find_header(q, ":method") == NULL) {
        h2_field(&fields[count++], ":method", q->method, strlen(q->method));
    }
    if (!is_connect && find_header(q, ":scheme") == NULL) {
        h2_field(&fields[count++], ":scheme", "https", 5);
    }
    if (is_connect && find_header(q, ":authority") == NULL) {
        h2_field(&fields[count++], ":authority", q->target, q->target_len);
    }
    if (!is_connect && !c->opt.no_host && find_header(q, ":authority") == NULL &&
        find_header(q, "host") == NULL) {
        h2_field(&fields[count++], ":authority", c->opt.host, strlen(c->opt.host));
    }
    if (!is_connect && find_header(q, ":path") == NULL) {
        h2_field(&fields[count++], ":path", q->target, q->target_len);
    }
    return count;
}

/* Pseudo-headers first (RFC 9113 8.3). */
static size_t h2_pseudo_fields(const client *c, const request *q, nghttp2_nv *fields) {
    size_t count = h2_default_fields(c, q, fields);
    for (size_t i = 0; i < q->header_count; i++) {
        if (q->headers[i].name[0] == ':') {
            h2_field(&fields[count++], q->headers[i].name, q->headers[i].value,
                     q->headers[i].value_len);
        }
    }
    return count;
}

static void h2_submit(client *c, nghttp2_session *session, request *q) {
    nghttp2_nv fields[HEADERS_MAX + 4];
    size_t count = h2_pseudo_fields(c, q, fields);
    for (size_t i = 0; i < q->header_count; i++) {
        header *h = &q->headers[i];
        to_lower_case(h->name, strlen(h->name));
        if (h->name[0] != ':') {
            h2_field(&fields[count++], h->name, h->value, h->value_len);
        }
    }
    const nghttp2_data_provider tunnel = {.source.ptr = q, .read_callback = h2_tunnel_cb};
    const int32_t stream_id =
        nghttp2_submit_request(session, NULL, fields, count, q->tunnel != NULL ? &tunnel : NULL, q);
    if (stream_id < 0) {
        die("request %u: %s", q->number, nghttp2_strerror(stream_id));
    }
}

static int h2_report(client *c, const request *q) {
    if (!q->is_done && q->status == 0) {
        print_closed(c);
        return 0;
    }
    print_response(c, q);
    return 1;
}

static void h2_play_one_by_one(client *c, nghttp2_session *session) {
    for (size_t i = 0; i < c->script_count; i++) {
        request *q = &c->script[i];
        if (q->directive != NULL) {
            obey(c, q->directive);
            continue;
        }
        h2_submit(c, session, q);
        h2_finish(c, session, q);
        if (!h2_report(c, q)) {
            return;
        }
    }
}

static void h2_play_parallel(client *c, nghttp2_session *session) {
    for (size_t i = 0; i < c->script_count; i++) {
        request *q = &c->script[i];
        if (q->directive == NULL) {
            h2_submit(c, session, q);
            continue;
        }
        h2_flush(c, session);
        obey(c, q->directive);
    }
    for (size_t i = 0; i < c->script_count; i++) {
        request *q = &c->script[i];
        if (q->directive != NULL) {
            continue;
        }
        h2_finish(c, session, q);
        if (!h2_report(c, q)) {
            return;
        }
    }
}

void h2_play(client *c) {
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    SSL_get0_alpn_selected(c->ssl, &alpn, &alpn_len);
    if (alpn_len != 2 || memcmp(alpn, "h2", 2) != 0) {
        announce(c);
        die("the server did not choose h2");
    }
    nghttp2_session *session = h2_start(c);
    if (c->opt.is_parallel) {
        h2_play_parallel(c, session);
    } else {
        h2_play_one_by_one(c, session);
    }
    if (!c->is_closed) {
        nghttp2_session_terminate_session(session, NGHTTP2_NO_ERROR);
        h2_flush(c, session);
    }
    nghttp2_session_del(session);
}
