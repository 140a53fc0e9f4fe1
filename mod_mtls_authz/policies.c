/* SPDX-License-Identifier: Apache-2.0 */
/* Loading at start and at each reload. A bad file never takes a running server down: the last good
 * policy of that path stays, kept apart from the memory that httpd clears with each configuration.
 */
#include "mod_mtls_authz.h"

#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_time.h"
#include "http_core.h"

#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(mtls_authz);

/* Retained across reloads, in which this module's own code and data go away: nothing in here may
 * point into either. The name changes with the layout. */
#define RETAINED "mod_mtls_authz:policies:1"

typedef struct retained_policy {
    struct retained_policy *next;
    char *path;
    int generation; /* the last one that used it */
    mpol_loaded loaded;
} retained_policy;

typedef struct retained {
    retained_policy *first;
} retained;

/* One configuration being put into force. */
typedef struct loading {
    apr_pool_t *pool; /* of the configuration */
    server_rec *main_server;
    retained *kept;
    int generation;
    bool must_be_good; /* at start and for -t a bad policy is an error */
    bool failed;
    apr_hash_t *policies; /* path -> mtls_policy */
} loading;

static mtls_server_config *config_of(const server_rec *server) {
    return ap_get_module_config(server->module_config, &mtls_authz_module);
}

static const char *server_name(apr_pool_t *pool, const server_rec *server) {
    const char *host = server->server_hostname != NULL ? server->server_hostname : "default";
    return server->is_virtual ? apr_psprintf(pool, "virtual host %s", host)
                              : apr_psprintf(pool, "main server %s", host);
}

/* Say what keeps a policy from being used: the end of a start, or a line at crit for a reload. */
static void complain(loading *l, const mpol_error *error, const char *consequence) {
    l->failed = true;
    ap_log_error(APLOG_MARK, l->must_be_good ? APLOG_EMERG | APLOG_STARTUP : APLOG_CRIT, 0,
                 l->main_server, "MTLS0002: MtlsPolicyFile: %s; %s%s%s", error->text, error->fix,
                 l->must_be_good ? "" : "; ", l->must_be_good ? "" : consequence);
}

static retained_policy *find_retained(const loading *l, const char *path) {
    for (retained_policy *kept = l->kept->first; kept != NULL; kept = kept->next)
        if (strcmp(kept->path, path) == 0)
            return kept;
    return NULL;
}

static retained_policy *add_retained(loading *l, const char *path) {
    retained_policy *kept = calloc(1, sizeof *kept);
    char *copy = strdup(path);
    if (kept == NULL || copy == NULL) {
        free(kept);
        free(copy);
        return NULL;
    }
    kept->path = copy;
    kept->next = l->kept->first;
    l->kept->first = kept;
    return kept;
}

static mpol_status check_end(const char *path, const mpol_loaded *loaded, mpol_error *error) {
    uint64_t until = mpol_policy_valid_until(&loaded->image);
    if (until == 0 || (uint64_t)apr_time_sec(apr_time_now()) < until)
        return MPOL_OK;
    return mpol_error_set(error, MPOL_UNSAFE, "set a later valid_until and compile it again",
                          "the valid_until of %s has passed", path);
}

/* The first server that takes this path's policy but wants another environment; NULL: none. */
static const mtls_server_config *wants_other(const loading *l, const char *path,
                                             const mpol_loaded *loaded) {
    const char *found = mpol_policy_environment(&loaded->image);
    for (const server_rec *server = l->main_server; server != NULL; server = server->next) {
        const mtls_server_config *config = config_of(server);
        if (config->policy_path != NULL && strcmp(config->policy_path, path) == 0 &&
            config->environment != NULL &&
            (found == NULL || strcmp(found, config->environment) != 0))
            return config;
    }
    return NULL;
}

static mpol_status check_environment(const loading *l, const char *path, const mpol_loaded *loaded,
                                     mpol_error *error) {
    const char *found = mpol_policy_environment(&loaded->image);
    const mtls_server_config *config = wants_other(l, path, loaded);
    if (config == NULL)
        return MPOL_OK;
    return mpol_error_set(error, MPOL_UNSAFE,
                          "give the policy of this environment, or mend MtlsPolicyEnvironment",
                          "%s is for environment %s, not %s", path,
                          found != NULL ? found : "none in particular", config->environment);
}

static mpol_status load_file(const loading *l, const char *path, mpol_loaded *loaded,
                             mpol_error *error) {
    mpol_status status = mpol_load(path, MPOL_TRUST_STRICT, loaded, error);
    if (status != MPOL_OK)
        return status;
    status = check_end(path, loaded, error);
    if (status == MPOL_OK)
        status = check_environment(l, path, loaded, error);
    if (status != MPOL_OK)
        mpol_unload(loaded);
    return status;
}

static void take_loaded(loading *l, retained_policy *kept, mpol_loaded *loaded) {
    uint64_t serial = mpol_policy_serial(&loaded->image);
    if (kept->loaded.mapping != NULL && serial < mpol_policy_serial(&kept->loaded.image))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, l->main_server,
                     "MTLS0003: MtlsPolicyFile %s: serial %" APR_UINT64_T_FMT
                     " is lower than %" APR_UINT64_T_FMT " of the policy before it",
                     kept->path, (apr_uint64_t)serial,
                     (apr_uint64_t)mpol_policy_serial(&kept->loaded.image));
    mpol_unload(&kept->loaded);
    kept->loaded = *loaded;
}

/* The policy of a path: the file, or the last good one of this path, or nothing usable. */
static const mpol_loaded *load_or_keep(loading *l, const char *path) {
    mpol_loaded loaded;
    mpol_error error;
    retained_policy *kept = find_retained(l, path);
    mpol_status status = load_file(l, path, &loaded, &error);
    if (status == MPOL_OK && kept == NULL && (kept = add_retained(l, path)) == NULL) {
        mpol_unload(&loaded);
        status = mpol_error_set(&error, MPOL_NO_MEMORY, "free memory", "no memory");
    }
    if (kept != NULL)
        kept->generation = l->generation;
    if (status == MPOL_OK) {
        take_loaded(l, kept, &loaded);
        return &kept->loaded;
    }
    bool usable =
        kept != NULL && kept->loaded.mapping != NULL && wants_other(l, path, &kept->loaded) == NULL;
    complain(l, &error,
             usable ? "the policy loaded before stays in force"
                    : "its servers answer policy-unavailable until it is mended");
    return usable ? &kept->loaded : NULL;
}

/* Does any rule ask who is logged in? Only then do requests pay for looking. */
static bool asks_users(const mpol_image *image) {
    for (uint32_t i = 0; i < mpol_count(image, MPOL_RULES); i++)
        if ((MPOL_U32(image, RULES, i, MPOL_RULE_FLAGS) & MPOL_RULE_HAS_USERS) != 0)
            return true;
    return false;
}

static const mtls_policy *policy_of_path(loading *l, const char *path) {
    mtls_policy *policy = apr_hash_get(l->policies, path, APR_HASH_KEY_STRING);
    if (policy != NULL)
        return policy;
    policy = apr_pcalloc(l->pool, sizeof *policy);
    policy->path = path;
    policy->loaded = load_or_keep(l, path);
    policy->label = "-";
    if (policy->loaded != NULL) {
        policy->ends = mpol_policy_valid_until(&policy->loaded->image) != 0;
        policy->asks_users = asks_users(&policy->loaded->image);
        policy->label = apr_psprintf(
            l->pool, "%s:%" APR_UINT64_T_FMT ":%s", mpol_policy_name(&policy->loaded->image),
            (apr_uint64_t)mpol_policy_serial(&policy->loaded->image), policy->loaded->digest_hex);
    }
    apr_hash_set(l->policies, path, APR_HASH_KEY_STRING, policy);
    return policy;
}

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Turn the names of a line into the indices of one policy. */
static void resolve(loading *l, const mtls_requirement *line, const mtls_policy *policy,
                    const server_rec *server) {
    const mpol_image *image = &policy->loaded->image;
    size_t room = sizeof(uint32_t) * (size_t)(line->names->nelts + 1);
    uint32_t *identities = apr_palloc(l->pool, room);
    uint32_t *groups = apr_palloc(l->pool, room);
    mtls_resolved *resolved = apr_array_push(line->resolved);
    *resolved = (mtls_resolved){policy, {identities, groups, 0, 0}};
    for (int i = 0; i < line->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(line->names, i, const char *);
        bool is_group = name[0] == '@';
        mpol_bytes bytes = {(const uint8_t *)name + is_group, (uint32_t)strlen(name) - is_group};
        uint32_t index =
            is_group ? mpol_group_by_name(image, bytes) : mpol_identity_by_name(image, bytes);
        if (index != MPOL_NONE && is_group)
            groups[resolved->filter.group_count++] = index;
        else if (index != MPOL_NONE)
            identities[resolved->filter.identity_count++] = index;
        else {
            l->failed = true;
            ap_log_error(APLOG_MARK, l->must_be_good ? APLOG_EMERG | APLOG_STARTUP : APLOG_CRIT, 0,
                         l->main_server,
                         "MTLS0004: %s:%d: Require mtls-identity %s: policy %s of %s has no such "
                         "%s; %s",
                         line->directive->filename, line->directive->line_num, name,
                         mpol_policy_name(image), server_name(l->pool, server),
                         is_group ? "group" : "identity",
                         l->must_be_good ? "mend the name or the policy" : "it matches nobody");
        }
    }
    qsort(identities, resolved->filter.identity_count, sizeof *identities, by_number);
    qsort(groups, resolved->filter.group_count, sizeof *groups, by_number);
}

static bool is_resolved(const mtls_requirement *line, const mtls_policy *policy) {
    for (int i = 0; i < line->resolved->nelts; i++)
        if (APR_ARRAY_IDX(line->resolved, i, mtls_resolved).policy == policy)
            return true;
    return false;
}

/* A line in the main server's configuration holds for its virtual hosts too. */
static bool applies_to(const loading *l, const mtls_requirement *line, const server_rec *server) {
    return line->server == server || line->server == l->main_server;
}

/* Do virtual hosts take every request, so that the main server needs no policy of its own? */
static bool only_passes_on(const loading *l, const server_rec *server) {
    return server == l->main_server && server->next != NULL;
}

static void apply_line(loading *l, mtls_requirement *line, server_rec *server) {
    mtls_server_config *config = config_of(server);
    config->enforces = true;
    if (config->policy_path == NULL) {
        if (only_passes_on(l, server))
            return;
        l->failed = true;
        ap_log_error(
            APLOG_MARK, l->must_be_good ? APLOG_EMERG | APLOG_STARTUP : APLOG_CRIT, 0,
            l->main_server,
            "MTLS0005: %s:%d: Require mtls-identity: %s has no policy; set MtlsPolicyFile%s",
            line->directive->filename, line->directive->line_num, server_name(l->pool, server),
            l->must_be_good ? "" : "; it answers policy-unavailable");
        return;
    }
    if (config->policy->loaded != NULL && !is_resolved(line, config->policy))
        resolve(l, line, config->policy, server);
}

static void apply_lines(loading *l) {
    for (int i = 0; mtls_requirements != NULL && i < mtls_requirements->nelts; i++) {
        mtls_requirement *line = APR_ARRAY_IDX(mtls_requirements, i, mtls_requirement *);
        line->resolved->nelts = 0;
        for (server_rec *server = l->main_server; server != NULL; server = server->next)
            if (applies_to(l, line, server))
                apply_line(l, line, server);
    }
}

/* A virtual host without a directive of ours shares the main server's configuration; what is found
 * out about it must not be said of the others. */
static void separate_configs(apr_pool_t *pool, server_rec *main_server) {
    for (server_rec *server = main_server->next; server != NULL; server = server->next) {
        const mtls_server_config *config = config_of(server);
        if (config == config_of(main_server))
            ap_set_module_config(server->module_config, &mtls_authz_module,
                                 apr_pmemdup(pool, config, sizeof *config));
    }
}

/* A cache in front of us is refused at start; where a reload brings it, its servers refuse all. */
static void check_cache(loading *l, server_rec *server) {
    mtls_server_config *config = config_of(server);
    config->is_overtaken = config->enforces && mtls_cache_answers_first(l->pool, server);
    if (!config->is_overtaken)
        return;
    l->failed = true;
    ap_log_error(APLOG_MARK, l->must_be_good ? APLOG_EMERG | APLOG_STARTUP : APLOG_CRIT, 0,
                 l->main_server,
                 "MTLS0011: %s: mod_cache would answer before the policy is asked; set "
                 "CacheQuickHandler off%s",
                 server_name(l->pool, server),
                 l->must_be_good ? "" : "; it answers internal-error until then");
}

/* Everything between a read configuration and policies in force. */
static void load_all(loading *l) {
    l->policies = apr_hash_make(l->pool);
    for (server_rec *server = l->main_server; server != NULL; server = server->next) {
        mtls_server_config *config = config_of(server);
        config->enforces = false;
        config->policy = NULL;
        if (config->policy_path != NULL)
            config->policy = policy_of_path(l, config->policy_path);
    }
    apply_lines(l);
    mtls_cache_look();
    for (server_rec *server = l->main_server; server != NULL; server = server->next)
        check_cache(l, server);
}

static retained *get_retained(void) {
    retained *kept = ap_retained_data_get(RETAINED);
    return kept != NULL ? kept : ap_retained_data_create(RETAINED, sizeof *kept);
}

/* Policies of paths that no server names any more. */
static void drop_unused(retained *kept, int generation) {
    for (retained_policy **at = &kept->first; *at != NULL;) {
        retained_policy *policy = *at;
        if (policy->generation == generation) {
            at = &policy->next;
            continue;
        }
        *at = policy->next;
        mpol_unload(&policy->loaded);
        free(policy->path);
        free(policy);
    }
}

static loading begin(apr_pool_t *pconf, server_rec *main_server, bool must_be_good) {
    return (loading){.pool = pconf,
                     .main_server = main_server,
                     .kept = get_retained(),
                     .generation = ap_state_query(AP_SQ_CONFIG_GEN),
                     .must_be_good = must_be_good};
}

int mtls_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp) {
    (void)plog;
    (void)ptemp;
    mtls_requirements = NULL;
    mtls_trust_reset(pconf);
    return OK;
}

/* Runs before the logs are opened: at start and for -t its messages reach whoever called. */
int mtls_policies_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *main_server) {
    bool testing = ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
    bool first_pass = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
    (void)plog;
    (void)ptemp;
    separate_configs(pconf, main_server);
    if (!testing && (first_pass || ap_state_query(AP_SQ_CONFIG_GEN) > 1))
        return OK; /* the first pass is thrown away; reloads are for post_config */
    loading l = begin(pconf, main_server, true);
    load_all(&l);
    return l.failed ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

static void announce(const loading *l, const server_rec *server) {
    const mtls_server_config *config = config_of(server);
    if (config->policy == NULL)
        return;
    if (!config->enforces)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, l->main_server,
                     "MTLS0006: %s has a policy, but no section of it says Require mtls-identity",
                     server_name(l->pool, server));
    if (config->enforces)
        mtls_replaced_tell(l->pool, server);
    if (config->policy->loaded == NULL)
        return;
    if (!mpol_policy_production(&config->policy->loaded->image))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, l->main_server,
                     "MTLS0008: %s: policy %s says that it is not for production",
                     server_name(l->pool, server),
                     mpol_policy_name(&config->policy->loaded->image));
    const mpol_image *image = &config->policy->loaded->image;
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, l->main_server,
                 "MTLS0007: %s: policy %s serial %" APR_UINT64_T_FMT
                 " digest %s: %u issuers, %u identities, %u groups, %u routes, %u rules",
                 server_name(l->pool, server), mpol_policy_name(image),
                 (apr_uint64_t)mpol_policy_serial(image), config->policy->loaded->digest_hex,
                 mpol_count(image, MPOL_ISSUERS), mpol_count(image, MPOL_IDENTITIES),
                 mpol_count(image, MPOL_GROUPS), mpol_count(image, MPOL_ROUTES),
                 mpol_count(image, MPOL_RULES));
}

/* Can a TLS connection be made for a server that verifies clients otherwise than this one does, or
 * resumes sessions where this one does not? */
static bool has_neighbours(const loading *l, const mtls_server_config *config) {
    for (const server_rec *server = l->main_server; server != NULL; server = server->next) {
        const mtls_trust *trust = config_of(server)->trust;
        if (trust != NULL && (trust != config->trust || config->resumption == 0))
            return true;
    }
    return false;
}

static void settle(const loading *l) {
    for (server_rec *server = l->main_server; server != NULL; server = server->next) {
        mtls_server_config *config = config_of(server);
        config->has_neighbours = has_neighbours(l, config);
        config->answers_early =
            config->policy != NULL && (config->policy->ends || config->has_neighbours);
    }
}

int mtls_policies_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *main_server) {
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    loading l = begin(pconf, main_server, false);
    if (l.generation > 1)
        load_all(&l); /* at start check_config has done it */
    drop_unused(l.kept, l.generation);
    settle(&l);
    for (server_rec *server = main_server; server != NULL; server = server->next)
        announce(&l, server);
    return OK;
}
