/* SPDX-License-Identifier: Apache-2.0 */
/* A rule that protects may stand only where httpd cannot turn it around: every container around a
 * line is looked at, in the configuration as it was read. */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

#include <strings.h>

/* Anything that takes part in a Require tree. */
static bool is_requirement(const ap_directive_t *directive) {
    return mtls_tree_is(directive, "Require") || mtls_tree_is_require_container(directive);
}

/* A Require line's words as mod_authz_core reads them: any blanks between, quotation marks taken
 * off. */
static bool says_not(apr_pool_t *pool, const ap_directive_t *directive) {
    const char *line = directive->args;
    return strcasecmp(ap_getword_conf(pool, &line), "not") == 0;
}

static bool is_ours(apr_pool_t *pool, const ap_directive_t *directive) {
    const char *line = directive->args;
    return mtls_tree_is(directive, "Require") &&
           strcmp(ap_getword_conf(pool, &line), "mtls-identity") == 0;
}

static const char *const conditional[] = {"<If", "<ElseIf", "<Else", "<Limit", "<LimitExcept"};

/* A container that holds only for some requests. */
static const char *conditional_around(const ap_directive_t *directive) {
    for (; directive != NULL; directive = directive->parent)
        for (size_t i = 0; i < sizeof conditional / sizeof conditional[0]; i++)
            if (mtls_tree_is(directive, conditional[i]))
                return conditional[i];
    return NULL;
}

static bool negated(apr_pool_t *pool, const ap_directive_t *directive) {
    if (says_not(pool, directive))
        return true;
    for (directive = directive->parent; directive != NULL; directive = directive->parent)
        if (mtls_tree_is(directive, "<RequireNone") || mtls_tree_is(directive, "<RequireNotAll"))
            return true;
    return false;
}

/* Another requirement that would be enough by itself: beside this one, or beside a container of it,
 * where one of several is asked for. A section without a container asks for one of its lines. */
static const ap_directive_t *alternative_to(const ap_directive_t *directive) {
    const ap_directive_t *here = directive;
    for (const ap_directive_t *around = here->parent; around != NULL;
         here = around, around = around->parent) {
        bool any = mtls_tree_is(around, "<RequireAny") || !mtls_tree_is_require_container(around);
        for (const ap_directive_t *other = around->first_child; any && other != NULL;
             other = other->next)
            if (other != here && is_requirement(other))
                return other;
        if (!mtls_tree_is_require_container(around))
            return NULL;
    }
    return NULL;
}

static const char *htaccess(cmd_parms *cmd) {
    if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == NULL)
        return NULL;
    return apr_pstrcat(cmd->pool, cmd->cmd->name,
                       " of mod_mtls_authz cannot stand in .htaccess: whoever writes files could "
                       "change who is let in; write it into the server's configuration",
                       NULL);
}

const char *mtls_check_require_place(cmd_parms *cmd) {
    const ap_directive_t *here = cmd->directive;
    const char *around = htaccess(cmd);
    if (around != NULL)
        return around;
    if (mtls_tree_is(here, "<AuthzProviderAlias"))
        return "Require mtls-identity cannot be given an alias: it would hide where it stands; "
               "write it into the sections themselves";
    if (negated(cmd->temp_pool, here))
        return "Require mtls-identity cannot be negated: a denial would let the request in; "
               "write a deny rule into the policy";
    around = conditional_around(here);
    if (around != NULL)
        return apr_psprintf(
            cmd->pool,
            "Require mtls-identity cannot stand in %s>: requests outside the "
            "condition would go unasked; put it into the section itself, and methods "
            "into the policy's routes",
            around);
    const ap_directive_t *other = alternative_to(here);
    if (other != NULL && is_ours(cmd->temp_pool, other))
        return "Require mtls-identity stands twice in this section; write the names on one line";
    if (other != NULL)
        return apr_psprintf(cmd->pool,
                            "Require mtls-identity stands beside \"%s %s\" (line %d), and either "
                            "would be enough; put both into <RequireAll>",
                            other->directive, other->args, other->line_num);
    return NULL;
}

const char *mtls_check_plain_place(cmd_parms *cmd) {
    const char *around = htaccess(cmd);
    if (around != NULL)
        return around;
    around = conditional_around(cmd->directive);
    if (around == NULL)
        return NULL;
    return apr_psprintf(cmd->pool, "%s cannot stand in %s>; put it into the section itself",
                        cmd->cmd->name, around);
}

/* Does one of these directives, or of those within Require containers, require something else? */
static bool has_other_requirement(apr_pool_t *pool, const ap_directive_t *directive) {
    for (; directive != NULL; directive = directive->next) {
        if (mtls_tree_is(directive, "Require") && !is_ours(pool, directive))
            return true;
        if (mtls_tree_is_require_container(directive) &&
            has_other_requirement(pool, directive->first_child))
            return true;
    }
    return false;
}

const char *mtls_check_mode_place(cmd_parms *cmd, mtls_mode mode) {
    const char *wrong = mtls_check_plain_place(cmd);
    if (wrong != NULL)
        return wrong;
    const ap_directive_t *section = cmd->directive->parent;
    if (mode == MTLS_MODE_OFF &&
        (section == NULL || !has_other_requirement(cmd->temp_pool, section->first_child)))
        return "MtlsPolicyMode off needs a Require of another kind in the same section, so that it "
               "says who may come in instead; Require all granted opens it to everyone";
    return NULL;
}
