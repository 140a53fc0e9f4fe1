/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

#include <strings.h>

apr_array_header_t *mtls_requirements;

void *mtls_create_dir_config(apr_pool_t *pool, char *dir) {
    mtls_dir_config *config = apr_pcalloc(pool, sizeof *config);
    (void)dir;
    config->remote_user = MTLS_UNSET;
    return config;
}

/* Names narrow and never widen: the lines of enclosing sections stay in force. What an enclosing
 * section switched off, a Require line further in switches on again. */
void *mtls_merge_dir_config(apr_pool_t *pool, void *base_, void *add_) {
    const mtls_dir_config *base = base_;
    const mtls_dir_config *add = add_;
    if (!add->required && add->mode == MTLS_MODE_UNSET && add->remote_user == MTLS_UNSET)
        return base_;
    if (!base->required && base->mode == MTLS_MODE_UNSET && base->remote_user == MTLS_UNSET)
        return add_;
    mtls_dir_config *merged = apr_pcalloc(pool, sizeof *merged);
    merged->required = base->required || add->required;
    merged->mode = add->mode != MTLS_MODE_UNSET ? add->mode : base->mode;
    if (add->mode == MTLS_MODE_UNSET && add->required && base->mode == MTLS_MODE_OFF)
        merged->mode = MTLS_MODE_ENFORCE;
    merged->remote_user = add->remote_user != MTLS_UNSET ? add->remote_user : base->remote_user;
    merged->lines = base->lines;
    if (add->lines != NULL)
        merged->lines =
            base->lines != NULL ? apr_array_append(pool, base->lines, add->lines) : add->lines;
    return merged;
}

void *mtls_create_server_config(apr_pool_t *pool, server_rec *server) {
    mtls_server_config *config = apr_pcalloc(pool, sizeof *config);
    (void)server;
    config->resumption = MTLS_UNSET;
    return config;
}

void *mtls_merge_server_config(apr_pool_t *pool, void *base_, void *add_) {
    const mtls_server_config *base = base_;
    const mtls_server_config *add = add_;
    mtls_server_config *merged = apr_pcalloc(pool, sizeof *merged);
    merged->policy_path = add->policy_path != NULL ? add->policy_path : base->policy_path;
    merged->environment = add->environment != NULL ? add->environment : base->environment;
    merged->resumption = add->resumption != MTLS_UNSET ? add->resumption : base->resumption;
    return merged;
}

/* A name as the policy language has them, after the @ of a group. */
static bool is_name(const char *name) {
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return len > 0 && len <= 64 && name[len] == '\0' && strchr("._-", name[0]) == NULL;
}

/* The configuration of the section a line stands in. httpd makes it when it sees a directive of
 * ours, and Require is not one. */
static mtls_dir_config *section_config(cmd_parms *cmd) {
    mtls_dir_config *config = ap_get_module_config(cmd->context, &mtls_authz_module);
    if (config == NULL) {
        config = mtls_create_dir_config(cmd->pool, NULL);
        ap_set_module_config(cmd->context, &mtls_authz_module, config);
    }
    return config;
}

const char *mtls_parse_require_line(cmd_parms *cmd, const char *line, const void **parsed) {
    const char *wrong = mtls_check_require_place(cmd);
    if (wrong != NULL)
        return wrong;
    mtls_dir_config *config = section_config(cmd);
    if (config->required)
        return "Require mtls-identity stands twice in this section; write the names on one line";
    mtls_requirement *requirement = apr_pcalloc(cmd->pool, sizeof *requirement);
    requirement->server = cmd->server;
    requirement->directive = cmd->directive;
    requirement->names = apr_array_make(cmd->pool, 2, sizeof(const char *));
    requirement->resolved = apr_array_make(cmd->pool, 1, sizeof(mtls_resolved));
    while (*line != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &line);
        if (!is_name(word[0] == '@' ? word + 1 : word))
            return apr_psprintf(cmd->pool,
                                "Require mtls-identity takes names of identities and @names of "
                                "groups; \"%s\" is neither (a comment takes a line of its own)",
                                word);
        APR_ARRAY_PUSH(requirement->names, const char *) = word;
    }
    if (mtls_requirements == NULL)
        mtls_requirements = apr_array_make(cmd->pool, 4, sizeof(mtls_requirement *));
    APR_ARRAY_PUSH(mtls_requirements, mtls_requirement *) = requirement;
    config->required = true;
    if (requirement->names->nelts > 0) {
        config->lines = apr_array_make(cmd->pool, 1, sizeof(mtls_requirement *));
        APR_ARRAY_PUSH(config->lines, mtls_requirement *) = requirement;
    }
    *parsed = requirement;
    return NULL;
}

static const char *set_policy_file(cmd_parms *cmd, void *dir_config, const char *path) {
    (void)dir_config;
    mtls_server_config *config =
        ap_get_module_config(cmd->server->module_config, &mtls_authz_module);
    if (config->policy_path != NULL)
        return "MtlsPolicyFile stands twice in this server; keep one";
    config->policy_path = ap_server_root_relative(cmd->pool, path);
    if (config->policy_path == NULL)
        return apr_psprintf(cmd->pool, "MtlsPolicyFile: \"%s\" is not a path", path);
    return NULL;
}

static const char *set_policy_mode(cmd_parms *cmd, void *dir_config, const char *word) {
    mtls_dir_config *config = dir_config;
    mtls_mode mode = strcasecmp(word, "enforce") == 0  ? MTLS_MODE_ENFORCE
                     : strcasecmp(word, "report") == 0 ? MTLS_MODE_REPORT
                     : strcasecmp(word, "off") == 0    ? MTLS_MODE_OFF
                                                       : MTLS_MODE_UNSET;
    if (mode == MTLS_MODE_UNSET)
        return apr_psprintf(cmd->pool, "MtlsPolicyMode is enforce, report or off, not \"%s\"",
                            word);
    if (config->mode != MTLS_MODE_UNSET)
        return "MtlsPolicyMode stands twice in this section; keep one";
    const char *wrong = mtls_check_mode_place(cmd, mode);
    if (wrong == NULL)
        config->mode = mode;
    return wrong;
}

static const char *set_environment(cmd_parms *cmd, void *dir_config, const char *name) {
    (void)dir_config;
    mtls_server_config *config =
        ap_get_module_config(cmd->server->module_config, &mtls_authz_module);
    if (!is_name(name))
        return apr_psprintf(cmd->pool,
                            "MtlsPolicyEnvironment takes the name of an environment as policies "
                            "write it, not \"%s\"",
                            name);
    if (config->environment != NULL)
        return "MtlsPolicyEnvironment stands twice in this server; keep one";
    config->environment = name;
    return NULL;
}

static const char *set_resumption(cmd_parms *cmd, void *dir_config, int on) {
    (void)dir_config;
    mtls_server_config *config =
        ap_get_module_config(cmd->server->module_config, &mtls_authz_module);
    if (config->resumption != MTLS_UNSET)
        return "MtlsResumption stands twice in this server; keep one";
    config->resumption = on;
    return NULL;
}

static const char *set_remote_user(cmd_parms *cmd, void *dir_config, int on) {
    mtls_dir_config *config = dir_config;
    const char *wrong = mtls_check_plain_place(cmd);
    if (wrong != NULL)
        return wrong;
    if (config->remote_user != MTLS_UNSET)
        return "MtlsRemoteUser stands twice in this section; keep one";
    config->remote_user = on;
    return NULL;
}

const command_rec mtls_directives[] = {
    AP_INIT_TAKE1("MtlsPolicyFile", set_policy_file, NULL, RSRC_CONF,
                  "The compiled policy of this server: a path, relative to ServerRoot"),
    AP_INIT_TAKE1("MtlsPolicyMode", set_policy_mode, NULL, RSRC_CONF | ACCESS_CONF,
                  "enforce (default), report: log what would be denied, or off"),
    AP_INIT_TAKE1("MtlsPolicyEnvironment", set_environment, NULL, RSRC_CONF,
                  "Take only a policy for this environment"),
    AP_INIT_FLAG("MtlsResumption", set_resumption, NULL, RSRC_CONF,
                 "On (default), or Off: no TLS session is resumed in this server"),
    AP_INIT_FLAG("MtlsRemoteUser", set_remote_user, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: REMOTE_USER is the client's identity; Off (default)"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};
