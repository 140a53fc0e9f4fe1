/* SPDX-License-Identifier: Apache-2.0 */
/* Each request, from the moment httpd has read it to the last hook before it is answered. Two
 * things are judged: the client's own path, as it was sent, and any other path that the server goes
 * on to from there (rewriting, directory indexes, includes, error documents). Both must be allowed.
 */
#include "mod_mtls_authz.h"

#include "ap_provider.h"
#include "apr_strings.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_auth.h"

static const mtls_server_config *server_config(const request_rec *r) {
    return ap_get_module_config(r->server->module_config, &mtls_authz_module);
}

static const mtls_dir_config *dir_config(const request_rec *r) {
    return ap_get_module_config(r->per_dir_config, &mtls_authz_module);
}

static mpol_bytes span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, text != NULL ? (uint32_t)strlen(text) : 0};
}

/* The request that the client sent, behind subrequests and internal redirects. */
static request_rec *root_of(request_rec *r) {
    while (r->prev != NULL || r->main != NULL)
        r = r->prev != NULL ? r->prev : r->main;
    return r;
}

/* Is this, or what it came from, the page that httpd shows for an error? */
static bool is_error_page(const request_rec *r) {
    for (; r->prev != NULL || r->main != NULL; r = r->prev != NULL ? r->prev : r->main)
        if (r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status))
            return true;
    return false;
}

static mtls_request *kept_of(const request_rec *r) {
    return ap_get_module_config(r->request_config, &mtls_authz_module);
}

static const mpol_decision unavailable = {MPOL_REASON_POLICY_UNAVAILABLE,
                                          MPOL_NONE,
                                          MPOL_NONE,
                                          MPOL_NONE,
                                          MPOL_NONE,
                                          MPOL_CONDITION_NONE};
static const mpol_decision internal_error = {
    MPOL_REASON_INTERNAL_ERROR, MPOL_NONE, MPOL_NONE, MPOL_NONE, MPOL_NONE, MPOL_CONDITION_NONE};

/* Record what the client asked for, before any other module can change it. */
static mtls_request *keep(request_rec *r) {
    mtls_request *kept = apr_pcalloc(r->pool, sizeof *kept);
    mpol_bytes raw = span(r->unparsed_uri != NULL ? r->unparsed_uri : "");
    kept->method = r->method;
    kept->client = internal_error; /* until it is decided */
    mtls_note_headers(r, kept);
    if (server_config(r)->policy != NULL && server_config(r)->policy->asks_users)
        kept->authorization = apr_table_get(r->headers_in, "Authorization");
    if (!mpol_target_plain(raw, &kept->target))
        mpol_target_parse(raw, apr_palloc(r->pool, raw.len + 1u), &kept->target);
    ap_set_module_config(r->request_config, &mtls_authz_module, kept);
    return kept;
}

static int post_read_request(request_rec *r) {
    if (r->main != NULL || r->prev != NULL || !server_config(r)->enforces)
        return DECLINED;
    mtls_connection_refresh(r->connection, false);
    (void)keep(r);
    return DECLINED;
}

/* What is kept of a request whose reading failed too early for our hook, for example a broken
 * request line that only gets an error page. */
static mtls_request *kept_or_made(request_rec *root) {
    mtls_request *kept = kept_of(root);
    return kept != NULL ? kept : keep(root);
}

/* httpd's own rendering of the client's path, and whether the sections of that path ask for an
 * identity; every module that maps or rewrites comes later. */
static int translate_name(request_rec *r) {
    mtls_request *kept = r->main == NULL && r->prev == NULL ? kept_of(r) : NULL;
    if (kept == NULL)
        return DECLINED;
    mpol_bytes uri = span(r->uri);
    kept->path = kept->target.path;
    kept->mode = mtls_effective_mode(dir_config(r));
    if (uri.len == kept->path.len && memcmp(uri.data, kept->path.data, uri.len) == 0)
        return DECLINED;
    /* httpd writes it in another way, or takes it for another path. A copy: text of a request may
     * be changed in place. */
    kept->path = (mpol_bytes){apr_pmemdup(r->pool, uri.data, uri.len), uri.len};
    if ((kept->target.classes & MPOL_PATH_AMBIGUOUS) == 0 &&
        !mpol_target_same(&kept->target, uri, apr_palloc(r->pool, uri.len + 1u)))
        kept->target.classes |= MPOL_PATH_AMBIGUOUS;
    return DECLINED;
}

/* The strictest of what the client's own path and the section reached ask for. */
static mtls_mode mode_of(const request_rec *r, const mtls_request *kept) {
    mtls_mode here = mtls_effective_mode(dir_config(r));
    return kept->mode > here ? kept->mode : here;
}

/* The Require lines in force, as this policy knows their names. */
static const mpol_name_filter *filters_of(const request_rec *r, const mtls_dir_config *config,
                                          const mtls_policy *policy, uint32_t *count) {
    static const mpol_name_filter matches_nobody;
    *count = config->lines != NULL ? (uint32_t)config->lines->nelts : 0;
    if (*count == 0)
        return NULL;
    mpol_name_filter *filters = apr_palloc(r->pool, sizeof *filters * *count);
    for (uint32_t i = 0; i < *count; i++) {
        const mtls_requirement *line = APR_ARRAY_IDX(config->lines, i, mtls_requirement *);
        filters[i] = matches_nobody;
        for (int k = 0; k < line->resolved->nelts; k++)
            if (APR_ARRAY_IDX(line->resolved, k, mtls_resolved).policy == policy)
                filters[i] = APR_ARRAY_IDX(line->resolved, k, mtls_resolved).filter;
    }
    return filters;
}

/* Decide one path for the client of this request. */
static void decide(const request_rec *r, const mtls_request *kept, const mtls_policy *policy,
                   const mpol_target *target, const char *method, mpol_arrival arrival,
                   mpol_decision *decision) {
    uint8_t address[MPOL_ADDRESS_BYTES] MPOL_UNFILLED;
    uint32_t count;
    const mpol_name_filter *filters = filters_of(r, dir_config(r), policy, &count);
    mpol_request request = {.method = span(method),
                            .host = span(r->hostname),
                            .target = target,
                            .address = mtls_peer_address(r, address),
                            .now_s = (int64_t)apr_time_sec(r->request_time),
                            .user = span(kept->user),
                            .arrival = arrival,
                            .preflight = kept->preflight && arrival == MPOL_ARRIVAL_CLIENT,
                            .method_override = kept->method_override};
    mpol_decide(&policy->loaded->image, &request, &kept->view->client, filters, count, decision);
}

static bool is_allowed(const mpol_decision *decision) {
    return decision->reason == MPOL_REASON_ALLOWED;
}

/* Memory of a subrequest that is over is used again: what was decided is known by its text and its
 * lines, never by their addresses. */
static bool same_text(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool same_lines(const apr_array_header_t *a, const apr_array_header_t *b) {
    if (a == NULL || b == NULL)
        return a == b;
    return a->nelts == b->nelts &&
           memcmp(a->elts, b->elts, (size_t)a->nelts * (size_t)a->elt_size) == 0;
}

static const apr_array_header_t *keep_lines(request_rec *r, const apr_array_header_t *lines) {
    return lines != NULL ? apr_array_copy(root_of(r)->pool, lines) : NULL;
}

/* Decide the client's own path, once for each set of Require lines. */
static const mpol_decision *decide_client(request_rec *r, mtls_request *kept,
                                          const mtls_policy *policy) {
    const apr_array_header_t *lines = dir_config(r)->lines;
    if (kept->client_decided && same_lines(kept->client_lines, lines))
        return &kept->client;
    decide(r, kept, policy, &kept->target, kept->method, MPOL_ARRIVAL_CLIENT, &kept->client);
    kept->settled = NULL;
    kept->client_decided = true;
    kept->client_lines = keep_lines(r, lines);
    return &kept->client;
}

/* Decide another path that the server has gone on to. */
static const mpol_decision *decide_later(request_rec *r, mtls_request *kept,
                                         const mtls_policy *policy) {
    mpol_target target;
    const apr_array_header_t *lines = dir_config(r)->lines;
    if (same_text(kept->later_uri, r->uri) && same_text(kept->later_method, r->method) &&
        same_lines(kept->later_lines, lines))
        return &kept->later;
    mpol_bytes uri = span(r->uri != NULL ? r->uri : "");
    mpol_target_decoded(uri, apr_palloc(r->pool, uri.len + 1u), &target);
    decide(r, kept, policy, &target, r->method,
           is_error_page(r) ? MPOL_ARRIVAL_ERROR : MPOL_ARRIVAL_LATER, &kept->later);
    kept->later_uri = apr_pstrdup(root_of(r)->pool, r->uri);
    kept->later_method = apr_pstrdup(root_of(r)->pool, r->method);
    kept->later_lines = keep_lines(r, lines);
    return &kept->later;
}

/* Is `r` still at the path the client asked for, with the client's method? The text is compared,
 * not where it is: some modules change it in place. */
static bool at_own_path(const request_rec *r, const mtls_request *kept) {
    if (r->main != NULL || r->prev != NULL || strlen(r->uri) != kept->path.len ||
        memcmp(r->uri, kept->path.data, kept->path.len) != 0)
        return false;
    return r->method == kept->method || strcmp(r->method, kept->method) == 0;
}

/* What is known about a request once its paths are decided. */
typedef struct judgement {
    const mtls_policy *policy;
    mtls_request *kept;
    const mpol_decision *decision; /* the one that counts: the first that is no yes */
    const char *later_uri;         /* the other path it is about, NULL for the client's own */
    mtls_mode mode;
} judgement;

/* What was decided before is void: the client is known to be another one. */
static void forget(mtls_request *kept) {
    kept->client_decided = false;
    kept->settled = NULL;
    kept->later_uri = NULL;
    kept->reported = NULL;
    if (kept->lookup.reason == MPOL_REASON_USER_REQUIRED)
        kept->lookup_uri = NULL;
}

/* See who the client is to the policy. A certificate that was renegotiated within this request
 * makes what was decided before void. */
static bool look_at_client(request_rec *r, mtls_request *kept, const mtls_policy *policy) {
    /* Only while nothing is sent: once that fails mod_ssl frees the SSL object, and includes and
     * error pages still run. */
    if (r->main == NULL && r->prev == NULL)
        mtls_connection_refresh(r->connection, true);
    mtls_snapshot *now = mtls_connection_snapshot(r->connection);
    if (now == NULL && kept->snapshot == NULL)
        now = mtls_snapshot_make(root_of(r)->pool, r->connection);
    if (now != NULL && now != kept->snapshot) {
        kept->snapshot = now;
        forget(kept);
    }
    kept->view = mtls_connection_view(kept->snapshot, policy);
    return kept->view != NULL;
}

/* Is anything asked of this request? */
static bool begin(request_rec *r, judgement *j) {
    const mtls_server_config *config = server_config(r);
    if (!config->enforces)
        return false;
    j->policy = config->policy;
    j->kept = kept_or_made(root_of(r));
    j->mode = mode_of(r, j->kept);
    return j->mode != MTLS_MODE_OFF;
}

/* What `begin` has begun. */
static void judge(request_rec *r, judgement *j) {
    j->later_uri = NULL;
    j->decision = &unavailable;
    if (j->policy == NULL || j->policy->loaded == NULL)
        return;
    bool own_path = at_own_path(r, j->kept);
    j->decision = &j->kept->client;
    if (own_path && j->kept->settled == r->per_dir_config)
        return; /* a hook before this one has asked the same */
    j->decision = &internal_error;
    if (!look_at_client(r, j->kept, j->policy))
        return;
    bool error_page = is_error_page(r);
    if (!error_page) {
        j->decision = decide_client(r, j->kept, j->policy);
        if (own_path)
            j->kept->settled = r->per_dir_config;
        if (own_path || !is_allowed(j->decision))
            return;
    }
    j->decision = decide_later(r, j->kept, j->policy);
    j->later_uri = r->uri;
}

/* What is refused even where denials are only reported. */
static bool is_servers_fault(const mpol_decision *decision) {
    return mpol_reason_http_status(decision->reason) >= 500;
}

/* Does the request pass, as far as we are asked? */
static bool passes(const judgement *j) {
    return is_allowed(j->decision) ||
           (j->mode == MTLS_MODE_REPORT && !is_servers_fault(j->decision));
}

/* A look-up that leads nowhere is not the client's business, but it may become the answer: a
 * directory whose index is refused is refused. The first one is kept until that is known. */
static void note_lookup(request_rec *r, const judgement *j) {
    mtls_report_denial(r, APLOG_DEBUG, j->policy, j->kept, j->decision, j->later_uri, j->mode);
    if (j->kept->lookup_uri != NULL || passes(j))
        return;
    j->kept->lookup_uri =
        apr_pstrdup(root_of(r)->pool, j->later_uri != NULL ? j->later_uri : r->uri);
    j->kept->lookup = *j->decision;
}

/* One line for each request of a client, however many hooks and paths refuse it. */
static void log_denial(request_rec *r, const judgement *j) {
    if (is_allowed(j->decision))
        return;
    if (r->main != NULL) {
        note_lookup(r, j);
        return;
    }
    if (!j->kept->logged)
        mtls_report_denial(r, is_servers_fault(j->decision) ? APLOG_ERR : APLOG_INFO, j->policy,
                           j->kept, j->decision, j->later_uri, j->mode);
    j->kept->logged = true;
}

/* The request is answered: was it a refused look-up, or a question for a user, that became the
 * answer? */
static int log_transaction(request_rec *r) {
    mtls_request *kept = kept_of(r);
    const request_rec *last = r;
    if (kept == NULL || kept->lookup_uri == NULL || kept->logged)
        return DECLINED;
    while (last->next != NULL)
        last = last->next;
    bool asked =
        kept->lookup.reason == MPOL_REASON_USER_REQUIRED && last->status == HTTP_UNAUTHORIZED;
    if (!asked && last->status != mpol_reason_http_status(kept->lookup.reason))
        return DECLINED;
    kept->logged = true;
    mtls_report_denial(r, APLOG_INFO, server_config(r)->policy, kept, &kept->lookup,
                       kept->lookup_uri, MTLS_MODE_ENFORCE);
    return DECLINED;
}

/* Authentication comes next. Should it answer 401 by itself, that is the answer to this. */
static void note_question(request_rec *r, const judgement *j) {
    const char *own = r->unparsed_uri != NULL ? r->unparsed_uri : r->uri;
    if (j->kept->lookup_uri != NULL)
        return;
    j->kept->lookup_uri = apr_pstrdup(root_of(r)->pool, j->later_uri != NULL ? j->later_uri : own);
    j->kept->lookup = *j->decision;
}

/* The variables are about the client's own path, unless another one failed. */
static void set_variables(request_rec *r, const judgement *j) {
    mtls_request *kept = j->kept;
    const mpol_decision *about = j->decision;
    if (is_allowed(about) && j->later_uri != NULL && kept->client_decided)
        about = &kept->client;
    /* Others may have set our variables since, from a header even. The memory of a subrequest is
     * used again for another, so those are never taken for reported. */
    if (r->main != NULL || kept->reported_reason != about->reason || !mtls_report_stands(r, kept))
        mtls_report_variables(r, j->policy, kept, about, j->mode);
    kept->reported_reason = about->reason;
}

static void report(request_rec *r, const judgement *j) {
    set_variables(r, j);
    log_denial(r, j);
}

/* Is a user all that is missing, and is there a way to ask for one? */
static bool asks_for_user(const request_rec *r, const mpol_decision *decision) {
    return decision->reason == MPOL_REASON_USER_REQUIRED && ap_auth_type((request_rec *)r) != NULL;
}

/* The answer to a request that does not pass. */
static int refusal(request_rec *r, const mpol_decision *decision) {
    if (!asks_for_user(r, decision))
        return mpol_reason_http_status(decision->reason);
    ap_note_auth_failure(r);
    return HTTP_UNAUTHORIZED;
}

/* The provider: the policy's answer for the path httpd has come to. */
static authz_status check_authorization(request_rec *r, const char *line, const void *parsed) {
    judgement j MPOL_UNFILLED;
    (void)line;
    (void)parsed;
    if (mtls_effective_mode(dir_config(r)) == MTLS_MODE_OFF || !begin(r, &j))
        return AUTHZ_DENIED; /* switched off here; the other Require decides */
    judge(r, &j);
    if (asks_for_user(r, j.decision) && !passes(&j)) {
        set_variables(r, &j);
        note_question(r, &j);
        return AUTHZ_DENIED_NO_USER; /* after authentication we are asked again */
    }
    report(r, &j);
    if (passes(&j))
        return AUTHZ_GRANTED;
    return is_servers_fault(j.decision) ? AUTHZ_GENERAL_ERROR : AUTHZ_DENIED;
}

/* The provider's answer can only be 403 or 500; 503, for a policy that has ended, is answered here.
 */
static int access_checker(request_rec *r) {
    judgement j MPOL_UNFILLED;
    const mtls_policy *policy = server_config(r)->policy;
    if (policy == NULL || !policy->ends || !begin(r, &j))
        return DECLINED;
    judge(r, &j);
    if (passes(&j) || !is_servers_fault(j.decision))
        return DECLINED;
    report(r, &j);
    return mpol_reason_http_status(j.decision->reason);
}

/* Before and after authentication, where the policy asks for users. The first leaves it to others;
 * the second answers for itself, because httpd makes 401 of any refusal that comes after a login.
 */
static int check_user_id(request_rec *r) {
    judgement j MPOL_UNFILLED;
    if (begin(r, &j) && j.policy != NULL && j.policy->asks_users)
        mtls_user_before(r);
    return DECLINED;
}

static int auth_checker(request_rec *r) {
    judgement j MPOL_UNFILLED;
    if (!begin(r, &j))
        return DECLINED;
    if (j.policy != NULL && j.policy->asks_users && mtls_user_after(r, j.kept))
        forget(j.kept);
    judge(r, &j);
    if (passes(&j))
        return DECLINED;
    report(r, &j);
    return refusal(r, j.decision);
}

/* The last word: runs for every request and subrequest, also where httpd asked no provider or
 * another requirement was enough for it. */
static int fixups(request_rec *r) {
    judgement j MPOL_UNFILLED;
    if (!begin(r, &j))
        return DECLINED;
    judge(r, &j);
    report(r, &j);
    if (!passes(&j))
        return refusal(r, j.decision);
    if (dir_config(r)->remote_user == 1 && j.kept->view != NULL)
        mtls_user_set(r, j.kept->view, &j.policy->loaded->image, &j.kept->client);
    return DECLINED;
}

/* TRACE and OPTIONS * are answered in this phase and never reach authorization. */
static int map_to_storage(request_rec *r) {
    if (r->main != NULL || r->prev != NULL || !server_config(r)->enforces)
        return DECLINED;
    mtls_request *kept = kept_or_made(r);
    bool options = kept->target.asterisk && strcmp(r->method, "OPTIONS") == 0;
    if (!options && strcmp(r->method, "TRACE") != 0)
        return DECLINED;
    const mpol_decision refused = mpol_decision_of(MPOL_REASON_METHOD_UNSUPPORTED);
    judgement j = {server_config(r)->policy, kept, &refused, NULL, MTLS_MODE_ENFORCE};
    report(r, &j);
    return HTTP_FORBIDDEN;
}

static const authz_provider provider = {check_authorization, mtls_parse_require_line};

void mtls_request_hooks(apr_pool_t *pool) {
    ap_hook_post_read_request(post_read_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_access_checker(access_checker, NULL, NULL, APR_HOOK_LAST);
    ap_hook_check_authn(check_user_id, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authz(auth_checker, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_FIRST);
    /* Answers depend on the path: anything but per URI would let httpd skip the question for paths
     * it goes on to. */
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "mtls-identity", AUTHZ_PROVIDER_VERSION,
                              &provider, AP_AUTH_INTERNAL_PER_URI);
}
