/* SPDX-License-Identifier: Apache-2.0 */
/* Users that other modules authenticate, and the name that we give to them. A name that mod_ssl
 * took from the certificate (SSLUserName, FakeBasicAuth) is no second factor and never counts. */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

/* Whom the request had as its user before its own authentication; notes keep the pointer. */
#define BEFORE "mod_mtls_authz:user-before"

void mtls_user_before(request_rec *r) {
    if (r->user != NULL)
        apr_table_setn(r->notes, BEFORE, r->user);
}

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* For as long as anything of the request is looked at: a subrequest's own memory ends sooner. */
static apr_pool_t *lasting_pool(const request_rec *r) {
    while (r->prev != NULL || r->main != NULL)
        r = r->prev != NULL ? r->prev : r->main;
    return r->pool;
}

/* Did this request's own authentication give it a user? One that it has from the request it came
 * from, or that somebody set without authenticating, is the same as before, or has no type. */
static bool is_fresh(const request_rec *r) {
    return r->user != NULL && r->user != apr_table_get(r->notes, BEFORE) &&
           r->ap_auth_type != NULL && strcasecmp(r->ap_auth_type, "ClientCert") != 0;
}

bool mtls_user_after(request_rec *r, mtls_request *kept) {
    /* FakeBasicAuth writes the credentials itself: they are not the client's, not even where the
     * client has sent the same text. So it is told by where they are. */
    if (!is_fresh(r) || apr_table_get(r->headers_in, "Authorization") != kept->authorization ||
        same(kept->user, r->user))
        return false;
    kept->user = apr_pstrdup(lasting_pool(r), r->user);
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
