/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as it was read, for what other modules keep to themselves. */
#include "mod_mtls_authz.h"

#include "apr_strings.h"

#include <strings.h>

bool mtls_tree_is(const ap_directive_t *directive, const char *name) {
    return strcasecmp(directive->directive, name) == 0;
}

bool mtls_tree_is_require_container(const ap_directive_t *directive) {
    return strncasecmp(directive->directive, "<Require", 8) == 0;
}

/* A file that is included twice has the same name and lines both times, but is opened anew: the
 * name that httpd keeps is another object then. */
static const ap_directive_t *host_of(const server_rec *server) {
    for (const ap_directive_t *at = ap_conftree; server->is_virtual && at != NULL; at = at->next)
        if (mtls_tree_is(at, "<VirtualHost") && at->filename == server->defn_name &&
            at->line_num == (int)server->defn_line_number)
            return at;
    return NULL;
}

bool mtls_tree_knows(const server_rec *server) {
    return !server->is_virtual || host_of(server) != NULL;
}

const ap_directive_t *mtls_tree_section_of(const server_rec *server) {
    const ap_directive_t *host = host_of(server);
    return host != NULL ? host->first_child : NULL;
}

static const ap_directive_t *last_of(const ap_directive_t *directive, const char *name) {
    const ap_directive_t *found = NULL;
    for (; directive != NULL; directive = directive->next)
        if (mtls_tree_is(directive, name))
            found = directive;
    return found;
}

char *mtls_tree_said(apr_pool_t *pool, const server_rec *server, const char *name) {
    const ap_directive_t *found = last_of(mtls_tree_section_of(server), name);
    if (found == NULL)
        found = last_of(ap_conftree, name);
    if (found == NULL)
        return NULL;
    const char *words = found->args;
    char *text = ap_getword_conf(pool, &words);
    while (*words != '\0') /* "leaf no_crl_for_cert_ok" */
        text = apr_pstrcat(pool, text, " ", ap_getword_conf(pool, &words), NULL);
    return text;
}

char *mtls_tree_word(apr_pool_t *pool, const ap_directive_t *directive) {
    const char *words = directive->args;
    char *word = ap_getword_conf(pool, &words);
    size_t len = strlen(word);
    if (directive->directive[0] == '<' && len > 0 && word[len - 1] == '>')
        word[len - 1] = '\0'; /* <Location /> */
    return word;
}
