/* SPDX-License-Identifier: Apache-2.0 */
/* A resumed TLS session holds the client's certificate and nothing of the path it was verified by.
 * So sessions carry that path as application data (SSL_SESSION_set1_ticket_appdata), of whatever
 * kind they are: tickets, the server's cache, and both in TLS 1.3. */
#include "mod_mtls_authz.h"

#include <openssl/crypto.h>

/* Evidence is bound to the certificate it speaks of, since a later authentication on a resumed
 * session must not inherit the path of another one, and to what that was verified against: a
 * session may outlive a reload that takes an authority away or brings a new revocation list. */
enum { BOND_BYTES = 32, APPDATA_BYTES = BOND_BYTES + MPOL_EVIDENCE_BYTES };

static bool bond_of(const SSL *ssl, const X509 *leaf, uint8_t bond[BOND_BYTES]) {
    uint8_t both[32 + MTLS_TRUST_BYTES];
    const mtls_trust *trust = mtls_trust_of(ssl);
    if (trust == NULL || X509_digest(leaf, EVP_sha256(), both, NULL) != 1)
        return false;
    memcpy(both + 32, trust->digest, MTLS_TRUST_BYTES);
    return EVP_Digest(both, sizeof both, bond, NULL, EVP_sha256(), NULL) == 1;
}

/* Put what this handshake verified into a session. On a resumed connection there is no verified
 * chain, and what the session carries already is left as it is. */
static void write_evidence(SSL *ssl, SSL_SESSION *session) {
    uint8_t data[APPDATA_BYTES];
    mpol_path path;
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (chain == NULL || leaf == NULL || session == NULL)
        return;
    bool known = mpol_path_read(chain, &path) && bond_of(ssl, leaf, data);
    long result = SSL_get_verify_result(ssl);
    uint32_t len = 0;
    if (known && result >= 0 && result <= INT32_MAX)
        len = BOND_BYTES + mpol_evidence_write(&path, (uint32_t)result, data + BOND_BYTES);
    /* Of no length where it is not known: then a resumed connection knows that it does not. */
    (void)SSL_SESSION_set1_ticket_appdata(session, data, len);
}

static bool read_session(const SSL *ssl, SSL_SESSION *session, const X509 *leaf, mpol_path *path,
                         bool *verified) {
    uint8_t bond[BOND_BYTES];
    void *data = NULL;
    size_t len = 0;
    uint32_t result;
    *verified = false;
    if (session == NULL || SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 ||
        len <= BOND_BYTES || len > APPDATA_BYTES)
        return false;
    mpol_bytes evidence = {(const uint8_t *)data + BOND_BYTES, (uint32_t)len - BOND_BYTES};
    if (!bond_of(ssl, leaf, bond) || CRYPTO_memcmp(bond, data, BOND_BYTES) != 0 ||
        !mpol_evidence_read(evidence, path, &result))
        return false;
    *verified = result == X509_V_OK;
    return true;
}

bool mtls_evidence_path(SSL *ssl, X509 *leaf, mpol_path *path, bool *verified) {
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    bool now_ok = SSL_get_verify_result(ssl) == X509_V_OK;
    if (chain != NULL) {
        *verified = now_ok;
        return mpol_path_read(chain, path);
    }
    if (read_session(ssl, SSL_get0_session(ssl), leaf, path, verified)) {
        *verified = *verified && now_ok;
        return true;
    }
    *verified = now_ok;
    return false;
}

/* Is no session to be resumed in the virtual host that this handshake is for? Asked of the context
 * that mod_ssl has given to the connection by the name the client wants: sessions are looked up in
 * the first one's, whatever that name is. */
static bool resumes_nothing(const SSL *ssl) {
    return SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(ssl)) == 0;
}

enum { DEFAULT_TICKETS = 2 }; /* of OpenSSL, in TLS 1.3 */

static int generate_ticket(SSL *ssl, void *arg) {
    (void)arg;
    write_evidence(ssl, SSL_get_session(ssl));
    return 1;
}

/* A session with a client certificate but without evidence that holds here is not resumed: the
 * client makes a full handshake, and nobody notices but the clock. */
static bool holds_here(const SSL *ssl, SSL_SESSION *session) {
    mpol_path path;
    bool verified;
    const X509 *leaf = SSL_SESSION_get0_peer(session);
    return leaf == NULL || read_session(ssl, session, leaf, &path, &verified);
}

static SSL_TICKET_RETURN decrypt_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                        size_t name_len, SSL_TICKET_STATUS status, void *arg) {
    (void)name;
    (void)name_len;
    (void)arg;
    if (resumes_nothing(ssl))
        return SSL_TICKET_RETURN_IGNORE;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (!holds_here(ssl, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

typedef int (*new_session_callback)(SSL *ssl, SSL_SESSION *session);

/* mod_ssl's own callback, which stores the session: one function for all its contexts. No OpenSSL
 * ex_data here: its free functions would point into this module after httpd has unloaded it. */
static new_session_callback mod_ssl_callback;

static int new_session(SSL *ssl, SSL_SESSION *session) {
    if (resumes_nothing(ssl))
        return 0; /* nobody keeps it */
    write_evidence(ssl, session);
    return mod_ssl_callback(ssl, session);
}

/* Sessions of a context that somebody else has wrapped carry no evidence, and are denied. */
static void wrap_new_session(SSL_CTX *ctx) {
    new_session_callback before = SSL_CTX_sess_get_new_cb(ctx);
    if (before == NULL || before == new_session)
        return; /* no cache, or done */
    if (mod_ssl_callback == NULL)
        mod_ssl_callback = before;
    if (mod_ssl_callback == before)
        SSL_CTX_sess_set_new_cb(ctx, new_session);
}

typedef SSL_SESSION *(*get_session_callback)(SSL *ssl, const unsigned char *id, int len, int *copy);
static get_session_callback mod_ssl_get_callback;

static SSL_SESSION *get_session(SSL *ssl, const unsigned char *id, int len, int *copy) {
    if (resumes_nothing(ssl))
        return NULL;
    SSL_SESSION *session = mod_ssl_get_callback(ssl, id, len, copy);
    if (session == NULL || holds_here(ssl, session))
        return session;
    if (*copy == 0) /* it is ours */
        SSL_SESSION_free(session);
    return NULL;
}

static void wrap_get_session(SSL_CTX *ctx) {
    get_session_callback before = SSL_CTX_sess_get_get_cb(ctx);
    if (before == NULL || before == get_session)
        return;
    if (mod_ssl_get_callback == NULL)
        mod_ssl_get_callback = before;
    if (mod_ssl_get_callback == before)
        SSL_CTX_sess_set_get_cb(ctx, get_session);
}

void mtls_evidence_install(SSL_CTX *ctx, bool resumption) {
    (void)SSL_CTX_set_session_ticket_cb(ctx, generate_ticket, decrypt_ticket, NULL);
    wrap_new_session(ctx);
    wrap_get_session(ctx);
    if (!resumption) /* a mark; tickets that are given nevertheless are not used */
        (void)SSL_CTX_set_num_tickets(ctx, 0);
}

void mtls_evidence_begin(SSL *ssl, bool resumption) {
    if (!resumption)
        (void)SSL_set_num_tickets(ssl, DEFAULT_TICKETS);
}
