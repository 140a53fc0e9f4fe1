/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

#include <strings.h>

APLOG_USE_MODULE(mtls_authz);

static bool is_ours(const apr_table_entry_t *entry) {
    return (entry->key[0] | 0x20) == 'm' && strncasecmp(entry->key, "MTLS_", 5) == 0;
}

/* Take away what was said before, by us of another path or by anybody else. One look at each entry
 * is all that most requests need; replacing the variables one by one would compare each with all
 * the others. */
static void clear_variables(apr_table_t *env) {
    const apr_array_header_t *entries = apr_table_elts(env);
    for (int i = 0; i < entries->nelts;) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        if (is_ours(entry))
            apr_table_unset(env, entry->key); /* the next one is at `i` now */
        else
            i++;
    }
}

/* Another number when one of these entries was taken out or got another value. Names are never
 * changed where they are, and taking out one moves the last. */
static uintptr_t seal_of(const apr_array_header_t *entries, int first, int count) {
    const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, first, apr_table_entry_t);
    const apr_table_entry_t *end = entry + count;
    uintptr_t sum = (uintptr_t)end[-1].key;
    if (count % 2 != 0)
        sum = 2 * sum + (uintptr_t)entry++->val;
    for (; entry < end; entry += 2) /* two at a time: this is done for each request, twice */
        sum = 4 * sum + 2 * (uintptr_t)entry[0].val + (uintptr_t)entry[1].val;
    return sum;
}

/* Nothing among the first `count` entries is ours but what was set. */
static void note_seen(const apr_array_header_t *entries, mtls_request *kept, int count) {
    kept->seen = count;
    kept->seen_last = APR_ARRAY_IDX(entries, count - 1, apr_table_entry_t).key;
}

/* What was looked at before is looked at again only where an entry has moved: taking out one of
 * those moves the last. */
bool mtls_report_stands(const request_rec *r, mtls_request *kept) {
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    if (kept->reported != r || entries->nelts < kept->seen ||
        APR_ARRAY_IDX(entries, kept->seen - 1, apr_table_entry_t).key != kept->seen_last ||
        seal_of(entries, kept->first_variable, kept->variables) != kept->seal)
        return false;
    if (entries->nelts == kept->seen)
        return true;
    for (int i = kept->seen; i < entries->nelts; i++)
        if (is_ours(&APR_ARRAY_IDX(entries, i, apr_table_entry_t)))
            return false;
    note_seen(entries, kept, entries->nelts);
    return true;
}

static void set(request_rec *r, const char *name, const char *value) {
    if (value != NULL)
        apr_table_addn(r->subprocess_env, name, value);
}

static const char *decision_word(const mpol_decision *decision, bool passes) {
    if (mtls_is_allowed(decision))
        return "allow";
    return passes ? "would-deny" : "deny";
}

static void set_client(request_rec *r, const mtls_view *view, const mtls_snapshot *snapshot,
                       const mpol_decision *decision) {
    set(r, "MTLS_IDENTITY", decision->identity != MPOL_NONE ? view->identity : NULL);
    set(r, "MTLS_ISSUER", decision->issuer != MPOL_NONE ? view->issuer : NULL);
    set(r, "MTLS_GROUPS", decision->identity != MPOL_NONE ? view->groups : NULL);
    set(r, "MTLS_PRINCIPAL", decision->issuer != MPOL_NONE ? view->principal : NULL);
    set(r, "MTLS_CERT_SHA256", snapshot->sha256);
    set(r, "MTLS_CERT_X5T_S256", snapshot->x5t_s256);
    set(r, "MTLS_CERT_NOT_AFTER", snapshot->not_after);
}

/* A grant to everyone is made without a look at who asks: it says nothing of that. */
static bool names_client(const mpol_decision *decision) {
    return decision->reason != MPOL_REASON_ALLOWED || decision->issuer != MPOL_NONE;
}

static void set_variables(request_rec *r, const mtls_policy *policy, const mtls_request *kept,
                          const mpol_decision *decision, bool passes) {
    set(r, "MTLS_DECISION", decision_word(decision, passes));
    set(r, "MTLS_REASON", mpol_reason_name(decision->reason));
    if (policy == NULL || policy->loaded == NULL)
        return;
    const mpol_image *image = &policy->loaded->image;
    set(r, "MTLS_POLICY", policy->label);
    set(r, "MTLS_RULE", mpol_rule_name(image, decision->rule));
    set(r, "MTLS_ROUTE", mpol_route_name(image, kept->client.route));
    if (kept->view != NULL && names_client(decision))
        set_client(r, kept->view, kept->snapshot, decision);
}

void mtls_report_variables(request_rec *r, const mtls_policy *policy, mtls_request *kept,
                           const mpol_decision *decision, bool passes) {
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    clear_variables(r->subprocess_env);
    kept->reported = r;
    kept->first_variable = entries->nelts;
    set_variables(r, policy, kept, decision, passes);
    kept->variables = entries->nelts - kept->first_variable;
    kept->seal = seal_of(entries, kept->first_variable, kept->variables);
    note_seen(entries, kept, entries->nelts);
}

void mtls_report_nothing(request_rec *r) {
    clear_variables(r->subprocess_env);
}

static const char *or_dash(const char *text) {
    return text != NULL ? text : "-";
}

/* Text that the client chose. httpd's log escapes controls and backslashes, but not the quotation
 * marks that it stands in; a backslash of ours would be doubled. */
static const char *quoted(request_rec *r, const char *text) {
    if (text == NULL)
        return "-";
    char *whole = apr_palloc(r->pool, 3 * strlen(text) + sizeof "\"\"");
    char *at = whole;
    *at++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"')
            at = apr_cpystrn(at, "%22", sizeof "%22");
        else
            *at++ = *text;
    }
    *at++ = '"';
    *at = '\0';
    return whole;
}

/* What the policy says of it, with a space behind. */
static const char *said(request_rec *r, const mtls_policy *policy, const mtls_request *kept,
                        const mpol_decision *decision) {
    if (policy == NULL || policy->loaded == NULL)
        return "";
    const mpol_image *image = &policy->loaded->image;
    return apr_psprintf(r->pool,
                        "route=%s rule=%s%s%s identity=%s issuer=%s policy=%s principal=%s ",
                        or_dash(mpol_route_name(image, decision->route)),
                        or_dash(mpol_rule_name(image, decision->rule)),
                        decision->condition != MPOL_CONDITION_NONE ? " condition=" : "",
                        mpol_condition_name(decision->condition),
                        or_dash(mpol_identity_name(image, decision->identity)),
                        or_dash(mpol_issuer_name(image, decision->issuer)), policy->label,
                        quoted(r, kept->view != NULL ? kept->view->principal : NULL));
}

/* httpd cuts lines that are too long: so what the client may choose comes last, the path of all
 * behind it. */
void mtls_report_denial(request_rec *r, int level, const mtls_policy *policy,
                        const mtls_request *kept, const mpol_decision *decision, const char *uri,
                        bool passes) {
    if (!APLOG_R_IS_LEVEL(r, level))
        return;
    ap_log_rerror(APLOG_MARK, level, 0, r, "MTLS0001: %s reason=%s %smethod=%s host=%s path=%s",
                  decision_word(decision, passes), mpol_reason_name(decision->reason),
                  said(r, policy, kept, decision), quoted(r, r->method), quoted(r, mtls_host_of(r)),
                  quoted(r, uri != NULL ? uri : r->unparsed_uri));
}
