/* SPDX-License-Identifier: Apache-2.0 */
/* Users that other modules authenticate, and the name that we give to them. A name that mod_ssl
 * took from the certificate (SSLUserName, FakeBasicAuth) is no second factor and never counts. */
#include "mod_mtls_authz.h"

#include "apr_strings.h"
#include "http_core.h"

/* Whom the request had as its user before its own authentication; notes keep the pointer. */
#define BEFORE "mod_mtls_authz:user-before"

/* What mod_auth_form calls itself. */
#define BY_FORM "form"

static const char nobody[] = "";

void mtls_user_before(request_rec *r) {
    apr_table_setn(r->notes, BEFORE, r->user != NULL ? r->user : nobody);
}

bool mtls_user_is_asked(const request_rec *r) {
    return apr_table_get(r->notes, BEFORE) != NULL;
}

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

mtls_realm mtls_realm_of(const request_rec *r) {
    request_rec *asked = (request_rec *)r; /* nothing of it is changed */
    return (mtls_realm){ap_auth_type(asked), ap_auth_name(asked)};
}

bool mtls_realm_same(const mtls_realm *a, const mtls_realm *b) {
    if (a->type == NULL || b->type == NULL)
        return a->type == b->type;
    return strcasecmp(a->type, b->type) == 0 && (a->name == b->name || same(a->name, b->name));
}

const char *mtls_user_of(const mtls_request *kept, const mtls_realm *realm) {
    for (const mtls_login *login = kept->logins; login != NULL; login = login->next)
        if (mtls_realm_same(&login->realm, realm))
            return login->user;
    return NULL;
}

/* Did this request's own authentication give it a user? One that it has from the request it came
 * from, or that somebody set without authenticating, is the same as before, or has no type. */
static bool is_fresh(const request_rec *r) {
    return r->user != NULL && r->user != apr_table_get(r->notes, BEFORE) &&
           r->ap_auth_type != NULL && strcasecmp(r->ap_auth_type, "ClientCert") != 0;
}

/* FakeBasicAuth writes the credentials itself: they are not the client's, not even where the client
 * has sent the same text. So it is told by where they are. A form's user comes from no header, but
 * mod_auth_form may write one. */
static bool by_own_credentials(const request_rec *r, const mtls_request *kept) {
    return strcasecmp(r->ap_auth_type, BY_FORM) == 0 ||
           apr_table_get(r->headers_in, "Authorization") == kept->authorization;
}

bool mtls_user_after(request_rec *r, mtls_request *kept) {
    if (!is_fresh(r) || !by_own_credentials(r, kept))
        return false;
    mtls_realm realm = mtls_realm_of(r);
    if (same(mtls_user_of(kept, &realm), r->user))
        return false;
    /* A subrequest's own memory ends sooner than what is kept. */
    apr_pool_t *pool = mtls_root_of(r)->pool;
    mtls_login *login = apr_palloc(pool, sizeof *login);
    login->next = kept->logins;
    login->realm = (mtls_realm){apr_pstrdup(pool, realm.type), apr_pstrdup(pool, realm.name)};
    login->user = apr_pstrdup(pool, r->user);
    kept->logins = login;
    return true;
}

void mtls_user_set(request_rec *r, const mtls_view *view, const mpol_image *image,
                   const mpol_decision *decision) {
    if (decision->identity == MPOL_NONE)
        return;
    uint32_t flags = MPOL_U32(image, IDENTITIES, decision->identity, MPOL_IDENTITY_FLAGS);
    bool by_principal = (flags & MPOL_IDENTITY_PATTERN) != 0 && view->principal != NULL;
    r->user = apr_pstrdup(r->pool, by_principal ? view->principal
                                                : mpol_identity_name(image, decision->identity));
}
