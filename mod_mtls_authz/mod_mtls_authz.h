/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOD_MTLS_AUTHZ_H
#define MOD_MTLS_AUTHZ_H
/* What the files of the module share. The engine decides; everything here is about httpd. */

#include "httpd.h"
/* httpd.h and autoconf both define these. */
#undef PACKAGE_NAME
#undef PACKAGE_STRING
#undef PACKAGE_TARNAME
#undef PACKAGE_VERSION

#include "http_config.h"
#include "http_log.h"

#include "image/load.h"
#include "match/certificate.h"
#include "match/decide.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

extern module AP_MODULE_DECLARE_DATA mtls_authz_module;

/* --- configuration (config.c) ------------------------------------------------------------- */

/* A compiled policy as this generation of the server uses it; one for each path. */
typedef struct mtls_policy {
    const char *path;
    const mpol_loaded *loaded; /* NULL: nothing usable, every decision is policy-unavailable */
    const char *label;         /* name:serial:digest */
    bool ends;                 /* it has a valid_until */
    bool asks_users;           /* some rule has a condition on the user */
} mtls_policy;

/* What a virtual host verifies clients against: one object for all that do it alike. */
enum { MTLS_TRUST_BYTES = 32 };
typedef struct mtls_trust {
    uint8_t digest[MTLS_TRUST_BYTES];
} mtls_trust;

/* The names of a Require line, as one policy knows them. */
typedef struct mtls_resolved {
    const mtls_policy *policy;
    mpol_name_filter filter;
} mtls_resolved;

/* One `Require mtls-identity` line. */
typedef struct mtls_requirement {
    server_rec *server;
    const ap_directive_t *directive;
    apr_array_header_t *names; /* const char *, "@NAME" for groups; empty: whom the policy allows */
    apr_array_header_t *resolved; /* mtls_resolved, made when policies are loaded */
} mtls_requirement;

typedef enum mtls_mode {
    MTLS_MODE_UNSET = 0,
    MTLS_MODE_OFF,
    MTLS_MODE_REPORT,
    MTLS_MODE_ENFORCE
} mtls_mode;

/* A directive that is on or off and has not been said. */
#define MTLS_UNSET (-1)

typedef struct mtls_dir_config {
    mtls_mode mode;
    int remote_user;           /* MtlsRemoteUser: MTLS_UNSET, 0 or 1 */
    bool required;             /* a Require line of ours is here or in an enclosing section */
    apr_array_header_t *lines; /* mtls_requirement *, those in force; NULL for none */
} mtls_dir_config;

typedef struct mtls_server_config {
    const char *policy_path;   /* NULL: none is set */
    const char *environment;   /* the one that its policy must be for; NULL: any */
    int resumption;            /* MtlsResumption: MTLS_UNSET, 0 or 1 */
    const mtls_policy *policy; /* NULL: none is set */
    const mtls_trust *trust;   /* what clients are verified against; NULL: no TLS */
    bool enforces;             /* some section of this server requires an identity */
    bool has_neighbours;       /* a connection may be made for others, which verify otherwise */
    bool answers_early;        /* it may answer what no provider can: 421, 503 */
    bool is_overtaken;         /* mod_cache answers before us, by a reload: all is refused */
} mtls_server_config;

extern const command_rec mtls_directives[];
void *mtls_create_dir_config(apr_pool_t *pool, char *dir);
void *mtls_merge_dir_config(apr_pool_t *pool, void *base, void *add);
void *mtls_create_server_config(apr_pool_t *pool, server_rec *server);
void *mtls_merge_server_config(apr_pool_t *pool, void *base, void *add);

/* The parser of the Require line, as mod_authz_core calls it. */
const char *mtls_parse_require_line(cmd_parms *cmd, const char *line, const void **parsed);

/* All Require lines of the configuration that is being read. */
extern apr_array_header_t *mtls_requirements;

/* What is in force for a section: MTLS_MODE_OFF when nothing is required. */
static inline mtls_mode mtls_effective_mode(const mtls_dir_config *config) {
    if (!config->required)
        return MTLS_MODE_OFF;
    return config->mode == MTLS_MODE_UNSET ? MTLS_MODE_ENFORCE : config->mode;
}

/* --- where a line may stand (placement.c) --------------------------------------------------- */

/* Why `Require mtls-identity` cannot stand here, with its mend; NULL when it can. */
const char *mtls_check_require_place(cmd_parms *cmd);
/* The same for any other directive of a section. */
const char *mtls_check_plain_place(cmd_parms *cmd);
/* The same for MtlsPolicyMode. */
const char *mtls_check_mode_place(cmd_parms *cmd, mtls_mode mode);

/* --- what the configuration says (tree.c, cache.c, replaced.c) --------------------------------- */

bool mtls_tree_is(const ap_directive_t *directive, const char *name);
/* <RequireAll> and its like. */
bool mtls_tree_is_require_container(const ap_directive_t *directive);
/* Is there a section that this server was made of, if it is a virtual host? */
bool mtls_tree_knows(const server_rec *server);
/* The first directive within a virtual host; NULL for the main server. */
const ap_directive_t *mtls_tree_section_of(const server_rec *server);
/* The first word of a directive, or of a section. */
char *mtls_tree_word(apr_pool_t *pool, const ap_directive_t *directive);
/* What a virtual host says outside of sections, or the main server for it, with one space between
 * words; NULL where neither does. */
char *mtls_tree_said(apr_pool_t *pool, const server_rec *server, const char *name);

/* Is mod_cache loaded? Then what is decided here must not be stored. */
extern bool mtls_cache_is_there;
void mtls_cache_look(void);
/* Would mod_cache answer for this server before anybody is asked? */
bool mtls_cache_answers_first(apr_pool_t *pool, const server_rec *server);

/* Warn of sections of this server whose Require takes the place of ours. */
void mtls_replaced_tell(apr_pool_t *pool, const server_rec *server);

/* --- policies (policies.c) ----------------------------------------------------------------- */

/* Forget the configuration before; runs before any directive is read. */
int mtls_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int mtls_policies_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *main_server);
int mtls_policies_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *main_server);

/* --- connections (connection.c, evidence.c) --------------------------------------------------- */

/* What a connection is to one policy; immutable once it is made. */
typedef struct mtls_view {
    struct mtls_view *next;
    apr_pool_t *pool;
    const mtls_policy *policy;
    bool misdirected; /* to a virtual host that it was not made for */
    mpol_client client;
    const char *principal; /* kind:value, or NULL */
    const char *groups;    /* names with commas between, or NULL */
    const char *identity;  /* names of the client's, or NULL */
    const char *issuer;
} mtls_view;

/* The client certificate of a connection, as it was after a handshake; immutable. */
typedef struct mtls_snapshot {
    mpol_facts facts;
    mpol_certificate names;
    X509 *leaf;               /* a reference of our own, or NULL */
    const mtls_trust *trust;  /* what it was verified against; NULL without TLS */
    bool resumed;             /* it came with a session that was resumed */
    const char *sha256;       /* of the DER, in hex; NULL without a certificate */
    const char *x5t_s256;     /* the same in base64url (RFC 8705 section 3.1) */
    const char *not_after;    /* RFC 3339 */
    mtls_view *_Atomic views; /* made by whoever needs one first, in any thread */
} mtls_snapshot;

/* What is known of a connection; for an HTTP/2 stream that of its connection. NULL when that is
 * nothing but what mtls_snapshot_make would say. */
mtls_snapshot *mtls_connection_snapshot(conn_rec *c);
/* What is known of a connection whose certificate cannot be looked at, or that is not TLS. */
mtls_snapshot *mtls_snapshot_make(apr_pool_t *pool, conn_rec *c);
/* What that client is to a policy, which must be loaded; `misdirected`, where it asks a virtual
 * host that the connection was not made for. */
const mtls_view *mtls_connection_view(mtls_snapshot *snapshot, const mtls_policy *policy,
                                      bool misdirected);
/* Look at the certificate again when a renegotiation or a post-handshake authentication within this
 * very request changed it. Call at the start of a request with `fresh` false, later with true. */
void mtls_connection_refresh(conn_rec *c, bool fresh);
/* Does this connection begin with the PROXY protocol, which tells its client's address? */
bool mtls_connection_is_proxied(conn_rec *c);
/* Hook into mod_ssl. */
void mtls_connection_hooks(void);

/* Read the client's certificate path: from the handshake just made, or from what the session
 * carries. False when neither tells. `*verified` is the handshake's verdict. */
bool mtls_evidence_path(SSL *ssl, X509 *leaf, mpol_path *path, bool *verified);
/* Make sessions of this context carry it; or have none resumed, where that is not wanted. */
void mtls_evidence_install(SSL_CTX *ctx, bool resumption);
/* Begin a handshake with a context for which the above was said. It may turn out to be for another
 * virtual host of the same port, which gives sessions. */
void mtls_evidence_begin(SSL *ssl, bool resumption);

/* --- what virtual hosts verify clients against (trust.c) ----------------------------------------
 */

void mtls_trust_reset(apr_pool_t *pool);
/* Note what a context of this server verifies clients against; both are complete. One like no other,
 * with a line in the log, when that cannot be found out. `pool` is the configuration's. */
const mtls_trust *mtls_trust_note(const server_rec *server, apr_pool_t *pool, SSL_CTX *ctx);
/* What the handshake of this connection was made with; NULL when nobody noted it. */
const mtls_trust *mtls_trust_of(const SSL *ssl);

/* --- requests (judgement.c, request.c) -------------------------------------------------------- */

/* By what a section asks for users: a user counts for a path only where both are the same as where
 * it was authenticated. */
typedef struct mtls_realm {
    const char *type; /* AuthType; NULL: there is none */
    const char *name; /* AuthName */
} mtls_realm;

/* A user whom another module authenticated, not by the certificate. */
typedef struct mtls_login {
    struct mtls_login *next;
    mtls_realm realm;
    const char *user;
} mtls_login;

/* What is kept of a request, on the one that the client sent. */
typedef struct mtls_request {
    mpol_target target; /* the client's own path */
    const char *method; /* the client's own method */
    const char *path;   /* what httpd made of that path, before anybody rewrote it; else NULL */
    mtls_snapshot *snapshot;
    const mtls_view *view;
    mtls_mode mode;            /* of the sections of the client's own path */
    bool denied;               /* what is logged already: a denial, */
    bool observed;             /* one that is only reported */
    bool method_override;      /* the client sent a header that names another method or path */
    bool preflight;            /* it is a CORS preflight request */
    const char *authorization; /* the client's own header, where a policy asks for users */
    mtls_realm realm;          /* of the client's own path, where a policy asks for users */
    mtls_login *logins;        /* in the memory of the client's request, the latest first */
    /* About the client's own path, and about the last other path: the decision, and for which
     * Require lines, path, method, way there and user it was made. */
    mpol_decision client;
    mpol_decision later;
    bool client_decided;
    const void *settled;   /* the sections for which the client's own path was decided last */
    const void *passed;    /* the same, once it has passed and the variables are set */
    const char *later_uri; /* NULL: not decided yet */
    const char *later_method;
    const char *later_user;
    mpol_arrival later_arrival;
    const apr_array_header_t *client_lines;
    const apr_array_header_t *later_lines;
    /* The first look-up that was refused, or path for which a user is asked; NULL: none. */
    const char *lookup_uri;
    mpol_decision lookup;
    /* What the variables of the request said last, whatever its error page comes to. */
    mpol_decision told;
    bool is_told;
    bool told_passes;
    /* Whose variables were set last, from what, and how its environment was when it was looked at
     * last. */
    const request_rec *reported;
    mpol_reason reported_reason;
    int first_variable; /* where they are there, and how many */
    int variables;
    uintptr_t seal;
    int seen; /* so many entries are there, the last of this name */
    const char *seen_last;
} mtls_request;

/* What is known about a request once its paths are decided. */
typedef struct mtls_judgement {
    const mtls_policy *policy;
    mtls_request *kept;
    const mpol_decision *decision; /* the one that counts: the first that is no yes */
    const char *later_uri;         /* the other path it is about, NULL for the client's own */
    mtls_mode mode;
    bool error_page; /* it is, or is for, the page that httpd shows for an error */
} mtls_judgement;

static inline const mtls_server_config *mtls_server_config_of(const request_rec *r) {
    return ap_get_module_config(r->server->module_config, &mtls_authz_module);
}

static inline const mtls_dir_config *mtls_dir_config_of(const request_rec *r) {
    return ap_get_module_config(r->per_dir_config, &mtls_authz_module);
}

/* What is kept of the request that the client sent; NULL for any other, and where nothing is. */
static inline mtls_request *mtls_kept_of(const request_rec *r) {
    return ap_get_module_config(r->request_config, &mtls_authz_module);
}

/* The request that the client sent, behind subrequests and internal redirects. */
static inline request_rec *mtls_root_of(request_rec *r) {
    while (r->prev != NULL || r->main != NULL)
        r = r->prev != NULL ? r->prev : r->main;
    return r;
}

/* The host that a request is for. For what goes through a forward proxy httpd has only the Host
 * header, and that is not where it goes. */
static inline const char *mtls_host_of(const request_rec *r) {
    return r->proxyreq == PROXYREQ_PROXY ? r->parsed_uri.hostname : r->hostname;
}

static inline bool mtls_is_allowed(const mpol_decision *decision) {
    return decision->reason == MPOL_REASON_ALLOWED;
}

/* Record what the client asked for; `r` is its own request, as it was just read. */
mtls_request *mtls_keep(request_rec *r);
/* What is kept of a request whose reading failed too early for a hook of ours, for example a broken
 * request line that only gets an error page. */
static inline mtls_request *mtls_kept_or_made(request_rec *root) {
    mtls_request *kept = mtls_kept_of(root);
    return kept != NULL ? kept : mtls_keep(root);
}
/* Note httpd's own rendering of the client's path, and what the sections of that path ask for. */
void mtls_note_path(request_rec *r, mtls_request *kept);
/* Is `r` still at the path the client asked for, with the client's method? */
bool mtls_at_own_path(const request_rec *r, const mtls_request *kept);

/* Is anything asked of this request? `j->kept` is NULL where nothing is of any of its server. */
bool mtls_begin(request_rec *r, mtls_judgement *j);
/* Decide what was begun. */
void mtls_judge(request_rec *r, mtls_judgement *j);
/* What was decided before is void: the client is known to be another one. */
void mtls_forget(mtls_request *kept);
/* Is the server at fault? */
bool mtls_is_servers_fault(const mpol_decision *decision);
/* What is refused even where denials are only reported. */
bool mtls_is_refused_always(const mpol_decision *decision);
/* Was this connection made for another virtual host, which verifies clients in another way or
 * resumes sessions? */
bool mtls_is_misdirected(const request_rec *r, const mtls_snapshot *snapshot);
/* Does the request pass, as far as we are asked? */
bool mtls_passes(const mtls_judgement *j);

void mtls_request_hooks(apr_pool_t *pool);

/* --- where the client calls from (address.c) ------------------------------------------------- */

/* The address of the TLS peer, or what the PROXY protocol says of it, IPv4 mapped into IPv6; never
 * one from a header. `address` takes it; NULL when it is not known. */
const uint8_t *mtls_peer_address(const request_rec *r, uint8_t address[MPOL_ADDRESS_BYTES]);
/* Will the PROXY protocol be read from this new connection? */
bool mtls_reads_proxy_protocol(const conn_rec *c);

/* --- what the client's own headers and credentials say (headers.c, user.c) -------------------- */

/* Note the headers that matter; `r` is the client's own request, as it was just read. */
void mtls_note_headers(request_rec *r, mtls_request *kept);
/* Does the Host header of a target in absolute form name another host than the target? httpd goes by
 * the target, and with `HttpProtocolOptions Unsafe` it leaves the header to the server behind. */
bool mtls_has_two_hosts(const request_rec *r);

/* By what the section that `r` is in asks for users. */
mtls_realm mtls_realm_of(const request_rec *r);
bool mtls_realm_same(const mtls_realm *a, const mtls_realm *b);
/* Who was authenticated there; NULL for nobody. */
const char *mtls_user_of(const mtls_request *kept, const mtls_realm *realm);

/* Note what is known of users before authentication, for a request or what came of it. */
void mtls_user_before(request_rec *r);
/* Has authentication begun for `r`? */
bool mtls_user_is_asked(const request_rec *r);
/* Authentication is over: take its user unless the name came from the certificate. True when the
 * user that counts in this section is another one than before. */
bool mtls_user_after(request_rec *r, mtls_request *kept);
/* Put the client's name into REMOTE_USER. */
void mtls_user_set(request_rec *r, const mtls_view *view, const mpol_image *image,
                   const mpol_decision *decision);

/* --- what people see (report.c) ------------------------------------------------------------------
 */

/* Set the MTLS_ variables of `r`, in place of any that are there, and note that in `kept`.
 * `decision` is about the client's path unless a later path failed; what is no yes may `pass` where
 * it is only reported. */
void mtls_report_variables(request_rec *r, const mtls_policy *policy, mtls_request *kept,
                           const mpol_decision *decision, bool passes);
/* Take away whatever has their names. */
void mtls_report_nothing(request_rec *r);
/* Are they still as they were set last, and no others beside them? */
bool mtls_report_stands(const request_rec *r, mtls_request *kept);
/* One line for a denial; `uri` is the later path that failed, NULL for the client's own. */
void mtls_report_denial(request_rec *r, int level, const mtls_policy *policy,
                        const mtls_request *kept, const mpol_decision *decision, const char *uri,
                        bool passes);

#endif
