/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 streams of one connection, as the module sees them, without a server: streams PKI ALLOWS
 * DENIES
 *
 * A connection is made and its client looked at by the module's own hooks. Then threads ask, side
 * by side, what that client is to two policies and what it may do, while the thread of the
 * connection goes on reading and writing. Built with ThreadSanitizer by test_streams.py. Exit 1: a
 * stream was told something else than the others. */
#include "mod_mtls_authz.h"

#include "apr_general.h"
#include "apr_optional_hooks.h"
#include "apr_strings.h"
#include "http_connection.h"
#include "http_ssl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 12, STREAMS = 100, ROUNDS = 20, POLICIES = 2 };

/* --- of httpd, what the files under test ask for -----------------------------------------------
 */

module AP_MODULE_DECLARE_DATA mtls_authz_module;
static int (*handshake_begins)(conn_rec *c, SSL *ssl, int is_proxy);
static int (*connection_begins)(conn_rec *c);

void ap_hook_pre_connection(ap_HOOK_pre_connection_t *hook, const char *const *before,
                            const char *const *after, int order) {
    (void)hook;
    (void)before;
    (void)after;
    (void)order;
}

void ap_hook_process_connection(ap_HOOK_process_connection_t *hook, const char *const *before,
                                const char *const *after, int order) {
    (void)before;
    (void)after;
    (void)order;
    connection_begins = hook;
}

void apr_optional_hook_add(const char *name, void (*hook)(void), const char *const *before,
                           const char *const *after, int order) {
    (void)before;
    (void)after;
    (void)order;
    if (strcmp(name, "pre_handshake") == 0)
        handshake_begins = (int (*)(conn_rec *, SSL *, int))hook;
}

int ap_ssl_conn_is_ssl(conn_rec *c) {
    (void)c;
    return 1;
}

bool mtls_reads_proxy_protocol(const conn_rec *c) {
    (void)c;
    return false;
}

static const mtls_trust trust;

const mtls_trust *mtls_trust_note(const server_rec *server, apr_pool_t *pool, SSL_CTX *context) {
    (void)server;
    (void)pool;
    (void)context;
    return &trust;
}

const mtls_trust *mtls_trust_of(const SSL *ssl) {
    (void)ssl;
    return &trust;
}

/* --- one connection ----------------------------------------------------------------------------
 */

static void require(bool condition, const char *what) {
    if (condition)
        return;
    (void)fprintf(stderr, "streams: %s\n", what);
    exit(2);
}

typedef struct side {
    SSL_CTX *context;
    SSL *ssl;
} side;

static side open_side(apr_pool_t *pool, const char *pki, const SSL_METHOD *method,
                      const char *name) {
    side made = {.context = SSL_CTX_new(method)};
    const char *chain = apr_psprintf(pool, "%s/%s.chain", pki, name);
    const char *key = apr_psprintf(pool, "%s/%s.key", pki, name);
    require(made.context != NULL && SSL_CTX_use_certificate_chain_file(made.context, chain) == 1 &&
                SSL_CTX_use_PrivateKey_file(made.context, key, SSL_FILETYPE_PEM) == 1,
            "a certificate cannot be read");
    const char *trusted = apr_psprintf(pool, "%s/trusted.pem", pki);
    require(SSL_CTX_load_verify_file(made.context, trusted) == 1, "trusted.pem cannot be read");
    made.ssl = SSL_new(made.context);
    require(made.ssl != NULL, "no SSL object");
    return made;
}

typedef struct scene {
    apr_pool_t *pool;
    const char *pki;
    server_rec server;
    mtls_server_config config;
    void *server_vector[1];
    conn_rec c;
    void *vector[1];
    side here;
    side client;
} scene;

static void shake_hands(scene *s) {
    BIO *near;
    BIO *far;
    require(BIO_new_bio_pair(&near, 0, &far, 0) == 1, "no pair of BIOs");
    s->here = open_side(s->pool, s->pki, TLS_server_method(), "server");
    s->client = open_side(s->pool, s->pki, TLS_client_method(), "billing");
    SSL_set_verify(s->here.ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_set_bio(s->here.ssl, near, near);
    SSL_set_bio(s->client.ssl, far, far);
    (void)handshake_begins(&s->c, s->here.ssl, 0);
    for (int turn = 0; turn < 20; turn++) {
        int far_side = SSL_connect(s->client.ssl);
        int near_side = SSL_accept(s->here.ssl);
        if (far_side == 1 && near_side == 1)
            return;
    }
    require(false, "no handshake");
}

static scene *open_scene(const char *pki) {
    apr_pool_t *pool;
    require(apr_pool_create(&pool, NULL) == APR_SUCCESS, "no pool");
    scene *s = apr_pcalloc(pool, sizeof *s);
    s->pool = pool;
    s->pki = pki;
    s->config.resumption = MTLS_UNSET;
    s->server_vector[0] = &s->config;
    s->server.module_config = (ap_conf_vector_t *)s->server_vector;
    s->c.pool = pool;
    s->c.base_server = &s->server;
    s->c.conn_config = (ap_conf_vector_t *)s->vector;
    shake_hands(s);
    (void)connection_begins(&s->c);
    return s;
}

static void close_scene(scene *s) {
    side sides[] = {s->here, s->client};
    apr_pool_destroy(s->pool);
    for (size_t i = 0; i < 2; i++) {
        SSL_free(sides[i].ssl);
        SSL_CTX_free(sides[i].context);
    }
}

/* What the thread of the connection does meanwhile. */
static void pass_bytes(scene *s) {
    char bytes[256] = "frame";
    for (int i = 0; i < 200; i++) {
        (void)SSL_write(s->here.ssl, bytes, sizeof bytes);
        (void)SSL_read(s->client.ssl, bytes, sizeof bytes);
        (void)SSL_write(s->client.ssl, bytes, sizeof bytes);
        (void)SSL_read(s->here.ssl, bytes, sizeof bytes);
    }
}

/* --- its streams -------------------------------------------------------------------------------
 */

static mtls_policy policies[POLICIES];
static scene *stage; /* of this round; the barrier hands it over */
static pthread_barrier_t barrier;

static mpol_bytes span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static mpol_reason ask(const mtls_policy *policy, const mtls_view *view) {
    mpol_target target;
    mpol_decision decision;
    char path[64];
    mpol_target_parse(span("/orders/7"), (uint8_t *)path, &target);
    mpol_request request = {.method = span("GET"),
                            .host = span("api.example"),
                            .target = &target,
                            .now_s = (int64_t)time(NULL)};
    mpol_decide(&policy->loaded->image, &request, &view->client, NULL, 0, &decision);
    return decision.reason;
}

/* As mod_http2 makes them: a copy of the connection with a configuration of its own. */
static bool play_stream(const scene *s, int number) {
    void *vector[1] = {NULL};
    conn_rec stream = s->c;
    stream.conn_config = (ap_conf_vector_t *)vector;
    stream.master = (conn_rec *)&s->c;
    mtls_snapshot *snapshot = mtls_connection_snapshot(&stream);
    if (snapshot == NULL)
        return false;
    for (int i = 0; i < POLICIES; i++) {
        int which = (number + i) % POLICIES;
        const mtls_view *view = mtls_connection_view(snapshot, &policies[which], false);
        mpol_reason expected = which == 0 ? MPOL_REASON_ALLOWED : MPOL_REASON_NO_RULE;
        if (view == NULL || view->policy != &policies[which] || view->identity == NULL ||
            strcmp(view->identity, "billing") != 0 || ask(&policies[which], view) != expected)
            return false;
    }
    return true;
}

static void *work(void *number) {
    intptr_t wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(&barrier);
        for (int i = (int)(intptr_t)number; i < STREAMS; i += THREADS)
            wrong += !play_stream(stage, i);
        (void)pthread_barrier_wait(&barrier);
    }
    return (void *)wrong;
}

static void play_rounds(const char *pki) {
    for (int round = 0; round < ROUNDS; round++) {
        stage = open_scene(pki);
        (void)pthread_barrier_wait(&barrier);
        pass_bytes(stage);
        (void)pthread_barrier_wait(&barrier);
        close_scene(stage);
    }
}

int main(int argc, char **argv) {
    static mpol_loaded loaded[POLICIES];
    pthread_t threads[THREADS];
    mpol_error error;
    intptr_t wrong = 0;
    require(argc == 2 + POLICIES, "usage: streams PKI ALLOWS DENIES");
    require(apr_initialize() == APR_SUCCESS, "no APR");
    for (int i = 0; i < POLICIES; i++) {
        require(mpol_load(argv[2 + i], MPOL_TRUST_ANY, &loaded[i], &error) == MPOL_OK, argv[2 + i]);
        policies[i] = (mtls_policy){.path = argv[2 + i], .loaded = &loaded[i], .label = "-"};
    }
    mtls_connection_hooks();
    require(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0, "no barrier");
    for (intptr_t i = 0; i < THREADS; i++)
        require(pthread_create(&threads[i], NULL, work, (void *)i) == 0, "no thread");
    play_rounds(argv[1]);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        (void)pthread_join(threads[i], &result);
        wrong += (intptr_t)result;
    }
    (void)printf("%d streams in %d threads, %ld of them wrong\n", ROUNDS * STREAMS, THREADS,
                 (long)wrong);
    return wrong != 0;
}
