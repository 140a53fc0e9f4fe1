/* SPDX-License-Identifier: Apache-2.0 */
/* Each request, from the moment httpd has read it to the last hook before it is answered: what is
 * asked when (judgement.c), and what is answered, told and logged then. */
#include "mod_mtls_authz.h"

#include "ap_provider.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_auth.h"

/* Every module that maps or rewrites comes later. */
static int translate_name(request_rec *r) {
    mtls_request *kept = r->main == NULL && r->prev == NULL ? mtls_kept_of(r) : NULL;
    if (kept != NULL)
        mtls_note_path(r, kept);
    return DECLINED;
}

/* A look-up that leads nowhere is not the client's business, but it may become the answer: a
 * directory whose index is refused is refused. The first one is kept until that is known. */
static void note_lookup(request_rec *r, const mtls_judgement *j) {
    if (j->kept->lookup_uri != NULL || mtls_passes(j))
        return;
    j->kept->lookup_uri =
        apr_pstrdup(mtls_root_of(r)->pool, j->later_uri != NULL ? j->later_uri : r->uri);
    j->kept->lookup = *j->decision;
}

/* One line for each request that is denied, however many hooks and paths refuse it; one for each
 * that only would be. What is refused for an error page is neither. */
static void log_denial(request_rec *r, const mtls_judgement *j) {
    mtls_request *kept = j->kept;
    bool passes = mtls_passes(j);
    bool is_request = r->main == NULL && !j->error_page;
    if (r->main != NULL && !j->error_page)
        note_lookup(r, j);
    if (is_request && (kept->denied || (passes && kept->observed)))
        return;
    int level = mtls_is_servers_fault(j->decision) ? APLOG_ERR : APLOG_INFO;
    mtls_report_denial(r, is_request ? level : APLOG_DEBUG, j->policy, kept, j->decision,
                       j->later_uri, passes);
    kept->denied = kept->denied || (is_request && !passes);
    kept->observed = kept->observed || (is_request && passes);
}

/* Is this what became of what is kept? Some modules ask for a user by sending the client elsewhere.
 */
static bool became(const mpol_decision *decision, int status) {
    if (decision->reason == MPOL_REASON_USER_REQUIRED &&
        (status == HTTP_UNAUTHORIZED || ap_is_HTTP_REDIRECT(status)))
        return true;
    return status == mpol_reason_http_status(decision->reason);
}

/* The request is answered: was it a refused look-up, or a question for a user, that became the
 * answer? */
static int log_transaction(request_rec *r) {
    mtls_request *kept = mtls_kept_of(r);
    const request_rec *last = r;
    if (kept == NULL || kept->lookup_uri == NULL || kept->denied)
        return DECLINED;
    while (last->next != NULL)
        last = last->next;
    if (!became(&kept->lookup, last->status))
        return DECLINED;
    kept->denied = true;
    mtls_report_denial(r, APLOG_INFO, mtls_server_config_of(r)->policy, kept, &kept->lookup,
                       kept->lookup_uri, false);
    return DECLINED;
}

/* Authentication comes next. Should it answer by itself, that is the answer to this. */
static void note_question(request_rec *r, const mtls_judgement *j) {
    const char *own = r->unparsed_uri != NULL ? r->unparsed_uri : r->uri;
    if (j->kept->lookup_uri != NULL)
        return;
    j->kept->lookup_uri =
        apr_pstrdup(mtls_root_of(r)->pool, j->later_uri != NULL ? j->later_uri : own);
    j->kept->lookup = *j->decision;
}

/* Set the variables unless they say so already. Others may have set them since, from a header even.
 * The memory of a subrequest is used again for another, so those are never taken for reported. */
static void tell(request_rec *r, const mtls_judgement *j, const mpol_decision *about, bool passes) {
    mtls_request *kept = j->kept;
    if (r->main == NULL && kept->reported_reason == about->reason && mtls_report_stands(r, kept))
        return;
    mtls_report_variables(r, j->policy, kept, about, passes);
    kept->reported_reason = about->reason;
    if (r->main != NULL || j->error_page)
        return;
    kept->told = *about;
    kept->told_passes = passes;
    kept->is_told = true;
}

/* The variables are about the client's own path, unless another one failed. Those of an error page
 * are about the request that it is shown for. */
static void set_variables(request_rec *r, const mtls_judgement *j) {
    mtls_request *kept = j->kept;
    bool allowed = mtls_is_allowed(j->decision);
    if (j->error_page && kept->is_told)
        tell(r, j, &kept->told, kept->told_passes);
    else if (j->error_page && !allowed)
        mtls_report_nothing(r);
    else if (allowed && j->later_uri != NULL && kept->client_decided)
        tell(r, j, &kept->client, mtls_passes(j));
    else
        tell(r, j, j->decision, mtls_passes(j));
}

static void report(request_rec *r, const mtls_judgement *j) {
    if (mtls_cache_is_there)
        r->no_cache = 1; /* the next client may be another */
    set_variables(r, j);
    if (j->later_uri == NULL && mtls_passes(j))
        j->kept->passed = r->per_dir_config;
    if (!mtls_is_allowed(j->decision))
        log_denial(r, j);
}

/* Is a user all that is missing for what does not pass, and is there a way to ask for one? The
 * client's own path takes a user of its own section only, and nobody is asked for what is shown for
 * an error. */
static bool asks_for_user(request_rec *r, const mtls_judgement *j) {
    if (j->decision->reason != MPOL_REASON_USER_REQUIRED || j->decision->not_on_line ||
        j->error_page)
        return false;
    mtls_realm here = mtls_realm_of(r);
    return here.type != NULL && (j->later_uri != NULL || mtls_realm_same(&here, &j->kept->realm));
}

/* The answer to a request that does not pass. */
static int refusal(request_rec *r, const mtls_judgement *j) {
    if (!asks_for_user(r, j))
        return mpol_reason_http_status(j->decision->reason);
    ap_note_auth_failure(r);
    return HTTP_UNAUTHORIZED;
}

/* The provider: the policy's answer for the path httpd has come to. */
static authz_status check_authorization(request_rec *r, const char *line, const void *parsed) {
    mtls_judgement j MPOL_UNFILLED;
    (void)line;
    (void)parsed;
    if (mtls_dir_config_of(r)->mode == MTLS_MODE_OFF || !mtls_begin(r, &j))
        return AUTHZ_DENIED; /* switched off here; the other Require decides */
    mtls_judge(r, &j);
    bool passes = mtls_passes(&j);
    if (!passes && asks_for_user(r, &j)) {
        set_variables(r, &j);
        note_question(r, &j);
        return AUTHZ_DENIED_NO_USER; /* after authentication we are asked again */
    }
    report(r, &j);
    if (passes)
        return AUTHZ_GRANTED;
    return mtls_is_servers_fault(j.decision) ? AUTHZ_GENERAL_ERROR : AUTHZ_DENIED;
}

/* A server without a policy, or with one that has ended, says that of every request. */
static mpol_reason first_reason(const request_rec *r, mpol_reason reason) {
    const mtls_policy *policy = mtls_server_config_of(r)->policy;
    if (policy == NULL || policy->loaded == NULL)
        return MPOL_REASON_POLICY_UNAVAILABLE;
    if (policy->ends &&
        (uint64_t)apr_time_sec(r->request_time) >= mpol_policy_valid_until(&policy->loaded->image))
        return MPOL_REASON_POLICY_EXPIRED;
    return reason;
}

/* Is the answer to be expected that no provider can give? */
static bool is_out_of_date_or_place(const request_rec *r) {
    const mtls_snapshot *snapshot = mtls_connection_snapshot(r->connection);
    return first_reason(r, MPOL_REASON_ALLOWED) == MPOL_REASON_POLICY_EXPIRED ||
           (snapshot != NULL && mtls_is_misdirected(r, snapshot));
}

/* The provider's answer can only be 403 or 500. 503, for a policy that has ended, is answered here,
 * and so is 421, for a connection that is none of this server's: before mod_ssl asks for another
 * certificate on it, after which everything is looked at again. */
static int access_checker(request_rec *r) {
    mtls_judgement j MPOL_UNFILLED;
    if (!mtls_server_config_of(r)->answers_early || !is_out_of_date_or_place(r) ||
        !mtls_begin(r, &j))
        return DECLINED;
    mtls_judge(r, &j);
    if (!mtls_is_refused_always(j.decision)) {
        mtls_forget(j.kept);
        return DECLINED;
    }
    report(r, &j);
    return mpol_reason_http_status(j.decision->reason);
}

/* Before and after authentication, where the policy asks for users. The first leaves it to others;
 * the second answers for itself, because httpd makes 401 of any refusal that comes after a login.
 */
static int check_user_id(request_rec *r) {
    mtls_judgement j MPOL_UNFILLED;
    if (mtls_begin(r, &j) && j.policy != NULL && j.policy->asks_users)
        mtls_user_before(r);
    return DECLINED;
}

static int auth_checker(request_rec *r) {
    mtls_judgement j MPOL_UNFILLED;
    if (!mtls_begin(r, &j))
        return DECLINED;
    if (j.policy != NULL && j.policy->asks_users && mtls_user_after(r, j.kept))
        mtls_forget(j.kept);
    mtls_judge(r, &j);
    if (mtls_passes(&j))
        return DECLINED;
    report(r, &j);
    return refusal(r, &j);
}

/* A section that lets requests in without asking us, by a Require of its own or by `Satisfy Any`,
 * has not asked for a user either. OK: look again; else the answer. */
static int authenticate(request_rec *r, mtls_judgement *j) {
    set_variables(r, j);
    note_question(r, j);
    int answer = ap_run_check_user_id(r);
    if (answer != OK && answer != DECLINED)
        return answer;
    if (mtls_user_after(r, j->kept))
        mtls_forget(j->kept);
    mtls_judge(r, j);
    return OK;
}

/* Where servers may read a path in more than one way it is in doubt which section it belongs to,
 * and so whether that one is off. */
static bool is_in_doubt(const mpol_target *target) {
    const uint32_t slashes = MPOL_PATH_ENCODED_SLASH | MPOL_PATH_BACKSLASH;
    return (target->classes & MPOL_PATH_AMBIGUOUS) != 0 ||
           ((target->classes & MPOL_PATH_DOT_SEGMENTS) != 0 && (target->classes & slashes) != 0);
}

/* Refuse what we are not asked about. */
static int refuse(request_rec *r, mtls_request *kept, mpol_reason reason) {
    const mpol_decision refused = mpol_decision_of(first_reason(r, reason));
    mtls_judgement j = {.policy = mtls_server_config_of(r)->policy,
                        .kept = kept,
                        .decision = &refused,
                        .mode = MTLS_MODE_ENFORCE};
    report(r, &j);
    return mpol_reason_http_status(refused.reason);
}

static int post_read_request(request_rec *r) {
    const mtls_server_config *config = mtls_server_config_of(r);
    if (r->main != NULL || r->prev != NULL || !config->enforces)
        return DECLINED;
    mtls_connection_refresh(r->connection, false);
    mtls_request *kept = mtls_keep(r);
    /* The next hook is mod_cache's. */
    return config->is_overtaken ? refuse(r, kept, MPOL_REASON_INTERNAL_ERROR) : DECLINED;
}

static int check_unasked(request_rec *r, mtls_request *kept) {
    if (kept == NULL || r->main != NULL || r->prev != NULL || !is_in_doubt(&kept->target))
        return DECLINED;
    bool connect = strcmp(r->method, "CONNECT") == 0;
    return refuse(r, kept, connect ? MPOL_REASON_METHOD_UNSUPPORTED : MPOL_REASON_AMBIGUOUS_PATH);
}

static int decide_now(request_rec *r) {
    mtls_judgement j MPOL_UNFILLED;
    if (!mtls_begin(r, &j))
        return check_unasked(r, j.kept);
    mtls_judge(r, &j);
    if (!mtls_passes(&j) && asks_for_user(r, &j) && !mtls_user_is_asked(r)) {
        int answer = authenticate(r, &j);
        if (answer != OK)
            return answer;
    }
    report(r, &j);
    return mtls_passes(&j) ? OK : refusal(r, &j);
}

/* Has the client's own path passed in these very sections, and do the variables say so? */
static bool has_passed(const request_rec *r, mtls_request *kept) {
    return kept != NULL && kept->passed == r->per_dir_config && mtls_report_stands(r, kept);
}

static void set_user(request_rec *r) {
    const mtls_request *kept = mtls_kept_of(mtls_root_of(r));
    if (kept->view != NULL)
        mtls_user_set(r, kept->view, &mtls_server_config_of(r)->policy->loaded->image,
                      &kept->client);
}

/* Runs for every request and subrequest, also where httpd asked no provider or another requirement
 * was enough for it. */
static int check_now(request_rec *r) {
    int answer = decide_now(r);
    if (answer == OK && mtls_dir_config_of(r)->remote_user == 1)
        set_user(r);
    return answer == OK ? DECLINED : answer;
}

/* Before others read the variables. Where the client's own path has passed and they say so they are
 * right, wherever the server has gone since; whether that passes too has time until the last word.
 */
static int check(request_rec *r) {
    if (!has_passed(r, mtls_kept_of(r)))
        return check_now(r);
    if (mtls_dir_config_of(r)->remote_user == 1)
        set_user(r);
    return DECLINED;
}

/* Does what a rewrite passes on hold a `#` that the client had escaped ([P,NE])? The server behind
 * would take it for the end of the path. Without this note mod_proxy escapes it again. */
static bool is_cut_off(const request_rec *r) {
    return r->filename != NULL && r->filename[strcspn(r->filename, "?#")] == '#' &&
           apr_table_get(r->notes, "proxy-nocanon") != NULL;
}

/* The server behind would see another path than was judged. */
static void judge_anew_as_ambiguous(request_rec *r) {
    mtls_request *kept = mtls_kept_of(mtls_root_of(r));
    if (kept == NULL)
        return;
    kept->target.classes |= MPOL_PATH_AMBIGUOUS;
    mtls_forget(kept);
}

/* The last word, because others may have changed path, method or variables since. */
static int check_again(request_rec *r) {
    mtls_request *kept = mtls_kept_of(r);
    if (r->proxyreq == PROXYREQ_REVERSE && is_cut_off(r))
        judge_anew_as_ambiguous(r);
    return has_passed(r, kept) && mtls_at_own_path(r, kept) ? DECLINED : check_now(r);
}

/* TRACE and OPTIONS * are answered in this phase and never reach authorization. */
static int map_to_storage(request_rec *r) {
    if (r->main != NULL || r->prev != NULL || !mtls_server_config_of(r)->enforces)
        return DECLINED;
    mtls_request *kept = mtls_kept_or_made(r);
    bool options = kept->target.asterisk && strcmp(r->method, "OPTIONS") == 0;
    bool trace = r->method[0] == 'T' && strcmp(r->method, "TRACE") == 0;
    if (!options && !trace)
        return DECLINED;
    return refuse(r, kept, MPOL_REASON_METHOD_UNSUPPORTED);
}

static const authz_provider provider = {check_authorization, mtls_parse_require_line};

void mtls_request_hooks(apr_pool_t *pool) {
    /* RequestHeader reads the variables there, for backends; the others answer with a redirect that
     * tells which files and directories there are. */
    static const char *const later[] = {"mod_headers.c", "mod_dir.c", "mod_speling.c", NULL};
    static const char *const mod_ssl[] = {"mod_ssl.c", NULL};
    ap_hook_post_read_request(post_read_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_access_checker(access_checker, NULL, mod_ssl, APR_HOOK_MIDDLE);
    ap_hook_check_authn(check_user_id, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authz(auth_checker, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_fixups(check, NULL, later, APR_HOOK_LAST);
    ap_hook_fixups(check_again, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_FIRST);
    /* Answers depend on the path: anything but per URI would let httpd skip the question for paths
     * it goes on to. */
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "mtls-identity", AUTHZ_PROVIDER_VERSION,
                              &provider, AP_AUTH_INTERNAL_PER_URI);
}
