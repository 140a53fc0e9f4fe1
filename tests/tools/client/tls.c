/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: TCP, TLS, sessions that are saved and resumed. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICKET_WAIT_MS = 5000, FIRST_RECORD_WAIT_MS = 1000 };

__attribute__((noreturn)) static void handshake_failed(client *c) {
    const unsigned long error = ERR_peek_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : "connection ended";
    printf("handshake-failed %s\n", reason != NULL ? reason : "unknown");
    fflush(stdout);
    SSL_free(c->ssl);
    exit(EXIT_HANDSHAKE);
}

/* In TLS 1.3 a refused client certificate shows after the client's own handshake is over. */
static void note_failed_io(client *c) {
    const unsigned long error = ERR_peek_error();
    c->is_closed = 1;
    /* OpenSSL numbers received alerts from 1000 on; one that comes before any answer is the
     * handshake's */
    if (!c->is_announced && ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET) {
        handshake_failed(c);
    }
}

/* Returns the bytes read, or 0 when the connection has ended in whatever way. */
size_t tls_read(client *c, unsigned char *data, size_t capacity) {
    size_t len = 0;
    ERR_clear_error();
    if (!c->is_closed && SSL_read_ex(c->ssl, data, capacity, &len) == 1) {
        return len;
    }
    note_failed_io(c);
    return 0;
}

void tls_write(client *c, const unsigned char *data, size_t len) {
    size_t written = 0;
    ERR_clear_error();
    /* A failed write is not the end: the server may have answered before it stopped reading. */
    if (len > 0 && !c->is_closed) {
        (void)SSL_write_ex(c->ssl, data, len, &written);
    }
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    client *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->new_session);
    c->new_session = session;
    return 1;
}

/*
 * Waits for what the server says first under TLS 1.3, a ticket or an alert. Without this, a server
 * that refuses the certificate could reset the connection, since it has unread requests, and the
 * alert would be lost.
 */
static void wait_for_first_record(client *c) {
    struct pollfd readable = {.fd = c->fd, .events = POLLIN};
    unsigned char byte = 0;
    size_t len = 0;
    if (SSL_version(c->ssl) != TLS1_3_VERSION) {
        return;
    }
    SSL_clear_mode(c->ssl, SSL_MODE_AUTO_RETRY);
    while (c->new_session == NULL) {
        const int wait_ms = c->opt.session_out != NULL ? TICKET_WAIT_MS : FIRST_RECORD_WAIT_MS;
        if (!SSL_has_pending(c->ssl) && poll(&readable, 1, wait_ms) <= 0) {
            break;
        }
        ERR_clear_error();
        const int result = SSL_peek_ex(c->ssl, &byte, 1, &len);
        if (result != 1 && SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_READ) {
            note_failed_io(c);
        }
        if (result == 1 || c->is_closed) {
            break;
        }
    }
    SSL_set_mode(c->ssl, SSL_MODE_AUTO_RETRY);
}

void save_session(client *c) {
    SSL_SESSION *session = c->new_session;
    if (session == NULL && SSL_version(c->ssl) < TLS1_3_VERSION) {
        session = SSL_get0_session(c->ssl);
    }
    if (session == NULL || !SSL_SESSION_is_resumable(session)) {
        die("the server gave no session that can be resumed");
    }
    FILE *file = fopen(c->opt.session_out, "w");
    if (file == NULL || PEM_write_SSL_SESSION(file, session) != 1 || fclose(file) != 0) {
        die("cannot write %s", c->opt.session_out);
    }
}

static void load_session(client *c) {
    FILE *file = fopen(c->opt.session_in, "r");
    SSL_SESSION *session = file != NULL ? PEM_read_SSL_SESSION(file, NULL, NULL, NULL) : NULL;
    if (session == NULL || SSL_set_session(c->ssl, session) != 1) {
        die("cannot use the session in %s", c->opt.session_in);
    }
    SSL_SESSION_free(session);
    fclose(file);
}

SSL_CTX *make_context(const options *o) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, o->tls_version) != 1 ||
        SSL_CTX_set_max_proto_version(context, o->tls_version) != 1) {
        die_openssl("TLS context");
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    SSL_CTX_set_options(context, o->no_ticket ? SSL_OP_NO_TICKET : 0);
    SSL_CTX_set_post_handshake_auth(context, o->is_pha);
    if (o->ca != NULL && SSL_CTX_load_verify_file(context, o->ca) != 1) {
        die_openssl(o->ca);
    }
    SSL_CTX_set_verify(context, o->ca != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (o->cert != NULL && SSL_CTX_use_certificate_chain_file(context, o->cert) != 1) {
        die_openssl(o->cert);
    }
    if (o->key != NULL && SSL_CTX_use_PrivateKey_file(context, o->key, SSL_FILETYPE_PEM) != 1) {
        die_openssl(o->key);
    }
    return context;
}

void tls_change_certificate(client *c, const char *chain, const char *key) {
    SSL_certs_clear(c->ssl);
    if (chain != NULL && (SSL_use_certificate_chain_file(c->ssl, chain) != 1 ||
                          SSL_use_PrivateKey_file(c->ssl, key, SSL_FILETYPE_PEM) != 1)) {
        die_openssl(chain);
    }
}

static void tcp_connect(client *c) {
    const int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->opt.port)};
    struct sockaddr_in source = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->opt.from != NULL && (inet_pton(AF_INET, c->opt.from, &source.sin_addr) != 1 ||
                                bind(c->fd, (struct sockaddr *)&source, sizeof source) != 0)) {
        die("cannot bind %s", c->opt.from);
    }
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("cannot connect to port %ld: %s", c->opt.port, strerror(errno));
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void tls_connect(client *c, SSL_CTX *context) {
    static const unsigned char h1[] = "\x08http/1.1";
    static const unsigned char h2[] = "\x02h2";
    const options *o = &c->opt;
    tcp_connect(c);
    c->ssl = SSL_new(context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_app_data(c->ssl, c) != 1) {
        die_openssl("TLS connection");
    }
    if (SSL_set_alpn_protos(c->ssl, o->is_h2 ? h2 : h1,
                            (unsigned)((o->is_h2 ? sizeof h2 : sizeof h1) - 1)) != 0) {
        die_openssl("ALPN");
    }
    if (o->sni != NULL &&
        (SSL_set_tlsext_host_name(c->ssl, o->sni) != 1 || SSL_set1_host(c->ssl, o->sni) != 1)) {
        die_openssl("--sni");
    }
    if (o->session_in != NULL) {
        load_session(c);
    }
    ERR_clear_error();
    if (SSL_connect(c->ssl) != 1) {
        handshake_failed(c);
    }
    wait_for_first_record(c);
    if (c->script_count == 0) {
        announce(c);
    }
}

/*
 * Waits until the server has closed too. Then it has written its log, and has stored a TLS 1.2
 * session, which it does only after it sent the end of the handshake; another child may be asked
 * for it next.
 */
void say_goodbye(client *c) {
    unsigned char ignored[READ_BYTES];
    if (c->is_closed) {
        return;
    }
    (void)SSL_shutdown(c->ssl);
    (void)shutdown(c->fd, SHUT_WR);
    while (read(c->fd, ignored, sizeof ignored) > 0) {
    }
}
