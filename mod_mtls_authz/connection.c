/* SPDX-License-Identifier: Apache-2.0 */
/* Who a connection is: looked at once, right after the handshake, because mod_ssl overwrites the
 * verdict with every request on TLS 1.2 and because HTTP/2 streams must not touch the SSL object.
 */
#include "mod_mtls_authz.h"

#include "apr_optional_hooks.h"
#include "apr_strings.h"
#include "http_connection.h"
#include "http_ssl.h"
#include "mod_ssl_openssl.h"

#include <time.h>

/* What is kept with a client's connection. */
typedef struct connection {
    SSL *ssl;            /* mod_ssl's; NULL when it must not be touched any more */
    mtls_snapshot *now;  /* NULL until the handshake is over */
    bool changed_unseen; /* the certificate changed where its verdict could not be seen */
    bool proxied;        /* it begins with the PROXY protocol */
} connection;

static connection *kept_of(conn_rec *c) {
    return ap_get_module_config(c->conn_config, &mtls_authz_module);
}

static connection *kept_or_made(conn_rec *c) {
    connection *kept = kept_of(c);
    if (kept != NULL)
        return kept;
    kept = apr_pcalloc(c->pool, sizeof *kept);
    ap_set_module_config(c->conn_config, &mtls_authz_module, kept);
    return kept;
}

/* The filter that reads the PROXY protocol goes away once it has done so. Behind the core's own
 * hook, which is the very last, no other is asked. */
static int pre_connection(conn_rec *c, void *socket) {
    (void)socket;
    if (c->master == NULL && !c->outgoing && mtls_reads_proxy_protocol(c))
        kept_or_made(c)->proxied = true;
    return OK;
}

bool mtls_connection_is_proxied(conn_rec *c) {
    const connection *kept = kept_of(c->master != NULL ? c->master : c);
    return kept != NULL && kept->proxied;
}

static apr_status_t clear_snapshot(void *data) {
    mtls_snapshot *snapshot = data;
    for (mtls_view *view = atomic_exchange(&snapshot->views, NULL); view != NULL;) {
        mtls_view *next = view->next;
        apr_pool_destroy(view->pool); /* which holds the view */
        view = next;
    }
    mpol_certificate_clear(&snapshot->names);
    X509_free(snapshot->leaf);
    snapshot->leaf = NULL;
    return APR_SUCCESS;
}

static mtls_snapshot *make_snapshot(apr_pool_t *pool, mpol_tls_state tls) {
    mtls_snapshot *snapshot = apr_pcalloc(pool, sizeof *snapshot);
    snapshot->facts.tls = tls;
    apr_pool_cleanup_register(pool, snapshot, clear_snapshot, apr_pool_cleanup_null);
    return snapshot;
}

static const char *hex(apr_pool_t *pool, const uint8_t *bytes, size_t len) {
    char *text = apr_palloc(pool, 2 * len + 1);
    for (size_t i = 0; i < len; i++)
        (void)apr_snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

/* RFC 4648 section 5, without padding. */
static const char *base64url(apr_pool_t *pool, const uint8_t *bytes, size_t len) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = apr_palloc(pool, len * 4 / 3 + 3);
    char *at = text;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            *at++ = digits[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *at++ = digits[bits << (6 - held) & 63];
    *at = '\0';
    return text;
}

static const char *rfc3339(apr_pool_t *pool, const ASN1_TIME *when) {
    struct tm parts;
    if (ASN1_TIME_to_tm(when, &parts) != 1)
        return NULL;
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static void take_certificate(apr_pool_t *pool, SSL *ssl, X509 *leaf, mtls_snapshot *snapshot) {
    uint8_t digest[32];
    mpol_facts *facts = &snapshot->facts;
    facts->certificate = true;
    facts->established = mtls_evidence_path(ssl, leaf, &facts->path, &facts->verified);
    mpol_certificate_names(leaf, facts, &snapshot->names);
    if (X509_up_ref(leaf) == 1)
        snapshot->leaf = leaf;
    if (X509_digest(leaf, EVP_sha256(), digest, NULL) == 1) {
        snapshot->sha256 = hex(pool, digest, sizeof digest);
        snapshot->x5t_s256 = base64url(pool, digest, sizeof digest);
    }
    snapshot->not_after = rfc3339(pool, X509_get0_notAfter(leaf));
}

static mtls_snapshot *take_snapshot(apr_pool_t *pool, SSL *ssl) {
    static const mtls_trust nobodys;
    mtls_snapshot *snapshot = make_snapshot(pool, MPOL_TLS_PRESENT);
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    snapshot->trust = mtls_trust_of(ssl);
    if (snapshot->trust == NULL)
        snapshot->trust = &nobodys;
    snapshot->resumed = SSL_session_reused(ssl) == 1;
    if (leaf != NULL)
        take_certificate(pool, ssl, leaf, snapshot);
    return snapshot;
}

/* mod_ssl: a new connection. Those to backends are not ours: their certificate is no client's. */
static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy) {
    const mtls_server_config *config =
        ap_get_module_config(c->base_server->module_config, &mtls_authz_module);
    if (is_proxy || c->outgoing)
        return DECLINED;
    mtls_evidence_begin(ssl, config->resumption != 0);
    kept_or_made(c)->ssl = ssl;
    return DECLINED;
}

static int init_server(server_rec *s, apr_pool_t *pool, int is_proxy, SSL_CTX *ctx) {
    mtls_server_config *config = ap_get_module_config(s->module_config, &mtls_authz_module);
    if (is_proxy)
        return APR_SUCCESS;
    config->trust = mtls_trust_note(s, pool, ctx);
    mtls_evidence_install(ctx, config->resumption != 0);
    return APR_SUCCESS;
}

/* Runs after mod_ssl's own hook has made the handshake, and again for every request of a keep-alive
 * connection under the event MPM. After a failed handshake mod_ssl has freed the SSL object. */
static int process_connection(conn_rec *c) {
    connection *kept = kept_of(c);
    if (kept == NULL || c->master != NULL || kept->now != NULL || kept->ssl == NULL)
        return DECLINED;
    if (c->aborted || !ap_ssl_conn_is_ssl(c) || !SSL_is_init_finished(kept->ssl)) {
        kept->ssl = NULL;
        return DECLINED;
    }
    kept->now = take_snapshot(c->pool, kept->ssl);
    return DECLINED;
}

void mtls_connection_refresh(conn_rec *c, bool fresh) {
    connection *kept = c->master == NULL ? kept_of(c) : NULL;
    if (kept == NULL || kept->ssl == NULL || kept->now == NULL || c->aborted)
        return;
    if (SSL_get0_peer_certificate(kept->ssl) == kept->now->leaf)
        return;
    kept->now = take_snapshot(c->pool, kept->ssl);
    /* By the next request mod_ssl may have overwritten the verdict on TLS 1.2 with "good". */
    if (!fresh)
        kept->changed_unseen = true;
    if (kept->changed_unseen)
        kept->now->facts.verified = false;
}

mtls_snapshot *mtls_connection_snapshot(conn_rec *c) {
    conn_rec *client = c->master != NULL ? c->master : c;
    const connection *kept = kept_of(client);
    return kept != NULL ? kept->now : NULL;
}

mtls_snapshot *mtls_snapshot_make(apr_pool_t *pool, conn_rec *c) {
    bool tls = ap_ssl_conn_is_ssl(c->master != NULL ? c->master : c);
    return make_snapshot(pool, tls ? MPOL_TLS_UNAVAILABLE : MPOL_TLS_ABSENT);
}

static const char *principal_text(apr_pool_t *pool, const mpol_client *client) {
    if (client->issuer == MPOL_NONE || client->name.data == NULL || client->name.len == 0)
        return NULL;
    const char *oid = client->oid.data != NULL ? apr_psprintf(pool, ":%.*s", (int)client->oid.len,
                                                              (const char *)client->oid.data)
                                               : "";
    return apr_pstrcat(pool, mpol_name_kind_name(client->kind), oid, ":",
                       apr_pstrmemdup(pool, (const char *)client->name.data, client->name.len),
                       NULL);
}

static const char *group_names(apr_pool_t *pool, const mpol_image *image, uint32_t class) {
    if (class == MPOL_NONE)
        return NULL;
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_GROUPS);
    uint32_t count = mpol_list_len(image, list);
    apr_array_header_t *names = apr_array_make(pool, (int)count + 1, sizeof(const char *));
    for (uint32_t i = 0; i < count; i++)
        APR_ARRAY_PUSH(names, const char *) =
            mpol_group_name(image, mpol_list_value(image, list, i));
    return count > 0 ? apr_array_pstrcat(pool, names, ',') : NULL;
}

static mtls_view *make_view(const mtls_snapshot *snapshot, const mtls_policy *policy,
                            bool misdirected) {
    apr_pool_t *pool;
    /* A pool of its own below none: streams of one connection make views side by side. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS)
        return NULL;
    mtls_view *view = apr_pcalloc(pool, sizeof *view);
    view->pool = pool;
    view->policy = policy;
    view->misdirected = misdirected;
    mpol_client_resolve(&policy->loaded->image, &snapshot->facts, &view->client);
    if (misdirected)
        view->client.before_dates = MPOL_REASON_VHOST_MISMATCH;
    view->principal = principal_text(pool, &view->client);
    view->groups = group_names(pool, &policy->loaded->image, view->client.class);
    view->identity = mpol_identity_name(&policy->loaded->image, view->client.identity);
    view->issuer = mpol_issuer_name(&policy->loaded->image, view->client.issuer);
    return view;
}

const mtls_view *mtls_connection_view(mtls_snapshot *snapshot, const mtls_policy *policy,
                                      bool misdirected) {
    mtls_view *first = atomic_load_explicit(&snapshot->views, memory_order_acquire);
    for (mtls_view *view = first; view != NULL; view = view->next)
        if (view->policy == policy && view->misdirected == misdirected)
            return view;
    mtls_view *made = make_view(snapshot, policy, misdirected);
    if (made == NULL)
        return NULL;
    /* Two streams may both make one; both stay, and either is right. Whoever sees a view sees it
     * whole, and so those behind it. */
    made->next = first;
    while (!atomic_compare_exchange_weak_explicit(&snapshot->views, &made->next, made,
                                                  memory_order_release, memory_order_relaxed))
        ;
    return made;
}

void mtls_connection_hooks(void) {
    static const char *const after_mod_ssl[] = {"mod_ssl.c", NULL};
    APR_OPTIONAL_HOOK(ssl, pre_handshake, pre_handshake, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, init_server, init_server, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_LAST);
    ap_hook_process_connection(process_connection, after_mod_ssl, NULL, APR_HOOK_MIDDLE);
}
