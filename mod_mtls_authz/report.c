/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

APLOG_USE_MODULE(mtls_authz);

static void set(request_rec *r, const char *name, const char *value) {
    if (value != NULL)
        apr_table_setn(r->subprocess_env, name, value);
    else
        apr_table_unset(r->subprocess_env, name);
}

static const char *decision_word(const mpol_decision *decision, mtls_mode mode) {
    if (decision->reason == MPOL_REASON_ALLOWED)
        return "allow";
    return mode == MTLS_MODE_REPORT ? "would-deny" : "deny";
}

static void set_client(request_rec *r, const mtls_view *view, const mpol_image *image,
                       const mtls_snapshot *snapshot, const mpol_decision *decision) {
    set(r, "MTLS_IDENTITY", mpol_identity_name(image, decision->identity));
    set(r, "MTLS_ISSUER", mpol_issuer_name(image, decision->issuer));
    set(r, "MTLS_GROUPS", decision->identity != MPOL_NONE ? view->groups : NULL);
    set(r, "MTLS_PRINCIPAL", decision->issuer != MPOL_NONE ? view->principal : NULL);
    set(r, "MTLS_CERT_SHA256", snapshot->sha256);
    set(r, "MTLS_CERT_X5T_S256", snapshot->x5t_s256);
    set(r, "MTLS_CERT_NOT_AFTER", snapshot->not_after);
}

/* A grant to everyone is made without a look at who asks: it says nothing of that. */
static bool names_client(const mpol_decision *decision) {
    return decision->reason != MPOL_REASON_ALLOWED || decision->identity != MPOL_NONE;
}

void mtls_report_variables(request_rec *r, const mtls_policy *policy, const mtls_request *kept,
                           const mpol_decision *decision, mtls_mode mode) {
    static const mpol_decision nothing = {MPOL_REASON_INTERNAL_ERROR, MPOL_NONE, MPOL_NONE,
                                          MPOL_NONE, MPOL_NONE};
    static const mtls_snapshot nobody;
    set(r, "MTLS_DECISION", decision_word(decision, mode));
    set(r, "MTLS_REASON", mpol_reason_name(decision->reason));
    if (policy == NULL || policy->loaded == NULL)
        return;
    const mpol_image *image = &policy->loaded->image;
    set(r, "MTLS_POLICY", policy->label);
    set(r, "MTLS_RULE", mpol_rule_name(image, decision->rule));
    set(r, "MTLS_ROUTE", mpol_route_name(image, kept->client.route));
    if (kept->view != NULL && names_client(decision))
        set_client(r, kept->view, image, kept->snapshot, decision);
    else
        set_client(r, NULL, image, &nobody, &nothing);
}

static const char *or_dash(const char *text) {
    return text != NULL ? text : "-";
}

/* Text that the client chose: quotation marks and backslashes escaped here, controls by httpd's
 * log. */
static const char *quoted(request_rec *r, const char *text) {
    return text != NULL ? apr_pstrcat(r->pool, "\"", ap_escape_logitem(r->pool, text), "\"", NULL)
                        : "-";
}

void mtls_report_denial(request_rec *r, int level, const mtls_policy *policy,
                        const mtls_request *kept, const mpol_decision *decision, const char *uri,
                        mtls_mode mode) {
    if (!APLOG_R_IS_LEVEL(r, level))
        return;
    const mpol_image *image =
        policy != NULL && policy->loaded != NULL ? &policy->loaded->image : NULL;
    const char *line = apr_psprintf(
        r->pool, "MTLS0001: %s reason=%s method=%s host=%s path=%s", decision_word(decision, mode),
        mpol_reason_name(decision->reason), quoted(r, r->method), quoted(r, r->hostname),
        quoted(r, uri != NULL ? uri : r->unparsed_uri));
    if (image != NULL)
        line = apr_psprintf(
            r->pool, "%s route=%s rule=%s identity=%s issuer=%s principal=%s policy=%s", line,
            or_dash(mpol_route_name(image, decision->route)),
            or_dash(mpol_rule_name(image, decision->rule)),
            or_dash(mpol_identity_name(image, decision->identity)),
            or_dash(mpol_issuer_name(image, decision->issuer)),
            quoted(r, kept->view != NULL ? kept->view->principal : NULL), policy->label);
    ap_log_rerror(APLOG_MARK, level, 0, r, "%s", line);
}
