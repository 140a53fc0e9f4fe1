/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says of a request. Two things are judged: the client's own path, as it was sent,
 * and any other path that the server goes on to from there (rewriting, directory indexes, includes,
 * error documents). Both must be allowed. */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

static mpol_bytes span(const char *text) {
    return (mpol_bytes){(const uint8_t *)text, text != NULL ? (uint32_t)strlen(text) : 0};
}

/* Is this, or what it came from, the page that httpd shows for an error? */
static bool is_error_page(const request_rec *r) {
    for (; r->prev != NULL || r->main != NULL; r = r->prev != NULL ? r->prev : r->main)
        if (r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status))
            return true;
    return false;
}

static const mpol_decision unavailable = {.reason = MPOL_REASON_POLICY_UNAVAILABLE,
                                          .route = MPOL_NONE,
                                          .rule = MPOL_NONE,
                                          .identity = MPOL_NONE,
                                          .issuer = MPOL_NONE};
static const mpol_decision internal_error = {.reason = MPOL_REASON_INTERNAL_ERROR,
                                             .route = MPOL_NONE,
                                             .rule = MPOL_NONE,
                                             .identity = MPOL_NONE,
                                             .issuer = MPOL_NONE};

mtls_request *mtls_keep(request_rec *r) {
    const mtls_policy *policy = mtls_server_config_of(r)->policy;
    mtls_request *kept = apr_pcalloc(r->pool, sizeof *kept);
    mpol_bytes raw = span(r->unparsed_uri != NULL ? r->unparsed_uri : "");
    kept->method = r->method;
    kept->client = internal_error; /* until it is decided */
    mtls_note_headers(r, kept);
    if (policy != NULL && policy->asks_users)
        kept->authorization = apr_table_get(r->headers_in, "Authorization");
    if (!mpol_target_plain(raw, &kept->target))
        mpol_target_parse(raw, apr_palloc(r->pool, raw.len + 1u), &kept->target);
    ap_set_module_config(r->request_config, &mtls_authz_module, kept);
    return kept;
}

/* httpd writes the path in another way, or takes it for another path, or the target has more than
 * that. Apart, because most targets have not. */
__attribute__((noinline)) static void note_other_path(request_rec *r, mtls_request *kept,
                                                      bool same) {
    mpol_bytes uri = span(r->uri);
    if (r->unparsed_uri != NULL && r->unparsed_uri[0] != '/' && mtls_has_two_hosts(r))
        kept->target.classes |= MPOL_PATH_AMBIGUOUS;
    kept->path = apr_pstrmemdup(r->pool, r->uri, uri.len); /* r->uri may be changed in place */
    if (!same && (kept->target.classes & MPOL_PATH_AMBIGUOUS) == 0 &&
        !mpol_target_same(&kept->target, uri, apr_palloc(r->pool, uri.len + 1u)))
        kept->target.classes |= MPOL_PATH_AMBIGUOUS;
}

void mtls_note_path(request_rec *r, mtls_request *kept) {
    const mtls_policy *policy = mtls_server_config_of(r)->policy;
    mpol_bytes uri = span(r->uri);
    mpol_bytes path = kept->target.path;
    bool same = uri.len == path.len && memcmp(uri.data, path.data, uri.len) == 0;
    kept->mode = mtls_effective_mode(mtls_dir_config_of(r));
    if (policy != NULL && policy->asks_users)
        kept->realm = mtls_realm_of(r);
    kept->path = r->unparsed_uri;
    if (!same || (const char *)path.data != kept->path || kept->path[path.len] != '\0')
        note_other_path(r, kept, same);
}

/* No <Location> and no <Directory> holds for what goes through a forward proxy. So everything that
 * does is asked about, where no <Proxy> section says otherwise. httpd finds those by the text of
 * the target, and dot segments in it lead out of the section. */
static mtls_mode mode_of_forwarded(const mtls_dir_config *config, const mtls_request *kept) {
    if (config->mode == MTLS_MODE_UNSET || (kept->target.classes & MPOL_PATH_DOT_SEGMENTS) != 0)
        return MTLS_MODE_ENFORCE;
    return config->mode;
}

/* The strictest of what the client's own path and the section reached ask for. */
static mtls_mode mode_of(const request_rec *r, const mtls_request *kept) {
    mtls_mode here = mtls_effective_mode(mtls_dir_config_of(r));
    if (r->proxyreq == PROXYREQ_PROXY && here != MTLS_MODE_ENFORCE)
        here = mode_of_forwarded(mtls_dir_config_of(r), kept);
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

/* Decide one path for the client of this request; it, its method, how it was come to and the user
 * are in `request` already. */
static void decide(const request_rec *r, const mtls_request *kept, const mtls_policy *policy,
                   mpol_request *request, mpol_decision *decision) {
    uint8_t address[MPOL_ADDRESS_BYTES] MPOL_UNFILLED;
    uint32_t count;
    const mpol_name_filter *filters = filters_of(r, mtls_dir_config_of(r), policy, &count);
    request->host = span(mtls_host_of(r));
    request->address = mtls_peer_address(r, address);
    request->now_s = (int64_t)apr_time_sec(r->request_time);
    request->method_override = kept->method_override;
    mpol_decide(&policy->loaded->image, request, &kept->view->client, filters, count, decision);
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
    return lines != NULL ? apr_array_copy(mtls_root_of(r)->pool, lines) : NULL;
}

/* Decide the client's own path, once for each set of Require lines. Only a user of its own section
 * counts for it, wherever the server has gone since. */
static const mpol_decision *decide_client(request_rec *r, mtls_request *kept,
                                          const mtls_policy *policy) {
    const apr_array_header_t *lines = mtls_dir_config_of(r)->lines;
    if (kept->client_decided && same_lines(kept->client_lines, lines))
        return &kept->client;
    mpol_request request = {.method = span(kept->method),
                            .target = &kept->target,
                            .arrival = MPOL_ARRIVAL_CLIENT,
                            .preflight = kept->preflight,
                            .user = span(mtls_user_of(kept, &kept->realm))};
    decide(r, kept, policy, &request, &kept->client);
    kept->settled = NULL;
    kept->passed = NULL;
    kept->client_decided = true;
    kept->client_lines = keep_lines(r, lines);
    return &kept->client;
}

/* Who counts in the section that `r` is in. */
static const char *user_here(const request_rec *r, const mtls_request *kept) {
    if (kept->logins == NULL)
        return NULL;
    mtls_realm realm = mtls_realm_of(r);
    return mtls_user_of(kept, &realm);
}

/* Is what was decided of the last other path about this one too? */
static bool is_decided(const request_rec *r, const mtls_request *kept, mpol_arrival arrival,
                       const char *user) {
    return same_text(kept->later_uri, r->uri) && same_text(kept->later_method, r->method) &&
           kept->later_arrival == arrival && kept->later_user == user &&
           same_lines(kept->later_lines, mtls_dir_config_of(r)->lines);
}

/* Decide another path that the server has gone on to. */
static const mpol_decision *decide_later(request_rec *r, mtls_request *kept,
                                         const mtls_policy *policy, mpol_arrival arrival) {
    mpol_target target;
    const char *user = user_here(r, kept);
    if (is_decided(r, kept, arrival, user))
        return &kept->later;
    mpol_bytes uri = span(r->uri != NULL ? r->uri : "");
    mpol_target_decoded(uri, apr_palloc(r->pool, uri.len + 1u), &target);
    mpol_request request = {.method = span(r->method),
                            .target = &target,
                            .arrival = arrival,
                            .preflight = kept->preflight && arrival != MPOL_ARRIVAL_ERROR &&
                                         same_text(r->method, "OPTIONS"),
                            .user = span(user)};
    decide(r, kept, policy, &request, &kept->later);
    apr_pool_t *pool = mtls_root_of(r)->pool;
    kept->later_uri = apr_pstrdup(pool, r->uri);
    kept->later_method = apr_pstrdup(pool, r->method);
    kept->later_arrival = arrival;
    kept->later_user = user;
    kept->later_lines = keep_lines(r, mtls_dir_config_of(r)->lines);
    return &kept->later;
}

/* The text is compared, not where it is: some modules change it in place. */
bool mtls_at_own_path(const request_rec *r, const mtls_request *kept) {
    if (r->main != NULL || r->prev != NULL || kept->path == NULL || strcmp(r->uri, kept->path) != 0)
        return false;
    return r->method == kept->method || strcmp(r->method, kept->method) == 0;
}

void mtls_forget(mtls_request *kept) {
    kept->client_decided = false;
    kept->settled = NULL;
    kept->passed = NULL;
    kept->later_uri = NULL;
    kept->reported = NULL;
    if (kept->lookup.reason == MPOL_REASON_USER_REQUIRED)
        kept->lookup_uri = NULL;
}

bool mtls_is_misdirected(const request_rec *r, const mtls_snapshot *snapshot) {
    const mtls_server_config *config = mtls_server_config_of(r);
    return config->has_neighbours && snapshot->trust != NULL &&
           (snapshot->trust != config->trust || (config->resumption == 0 && snapshot->resumed));
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
        now = mtls_snapshot_make(mtls_root_of(r)->pool, r->connection);
    if (now != NULL && now != kept->snapshot) {
        kept->snapshot = now;
        mtls_forget(kept);
    }
    kept->view =
        mtls_connection_view(kept->snapshot, policy, mtls_is_misdirected(r, kept->snapshot));
    return kept->view != NULL;
}

bool mtls_begin(request_rec *r, mtls_judgement *j) {
    const mtls_server_config *config = mtls_server_config_of(r);
    j->kept = NULL;
    if (!config->enforces)
        return false;
    j->policy = config->policy;
    j->kept = mtls_kept_or_made(mtls_root_of(r));
    j->mode = mode_of(r, j->kept);
    return j->mode != MTLS_MODE_OFF;
}

void mtls_judge(request_rec *r, mtls_judgement *j) {
    mtls_request *kept = j->kept;
    j->later_uri = NULL;
    j->error_page = is_error_page(r);
    j->decision = &unavailable;
    if (j->policy == NULL || j->policy->loaded == NULL)
        return;
    bool own_path = mtls_at_own_path(r, kept);
    j->decision = &kept->client;
    if (own_path && kept->settled == r->per_dir_config)
        return; /* a hook before this one has asked the same */
    j->decision = &internal_error;
    if (!look_at_client(r, kept, j->policy))
        return;
    if (own_path && j->policy->asks_users)
        kept->realm = mtls_realm_of(r);
    if (!j->error_page) {
        j->decision = decide_client(r, kept, j->policy);
        if (own_path)
            kept->settled = r->per_dir_config;
        if (own_path || !mtls_is_allowed(j->decision))
            return;
    }
    j->decision =
        decide_later(r, kept, j->policy, j->error_page ? MPOL_ARRIVAL_ERROR : MPOL_ARRIVAL_LATER);
    j->later_uri = r->uri;
}

bool mtls_is_servers_fault(const mpol_decision *decision) {
    return mpol_reason_http_status(decision->reason) >= 500;
}

bool mtls_is_refused_always(const mpol_decision *decision) {
    return mtls_is_servers_fault(decision) || decision->reason == MPOL_REASON_VHOST_MISMATCH;
}

bool mtls_passes(const mtls_judgement *j) {
    return mtls_is_allowed(j->decision) ||
           (j->mode == MTLS_MODE_REPORT && !mtls_is_refused_always(j->decision));
}
