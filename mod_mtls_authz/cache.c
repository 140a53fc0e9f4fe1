/* SPDX-License-Identifier: Apache-2.0 */
/* mod_cache: what it has stored it serves to whoever asks, by default before anybody is asked who
 * may have it. So it stores nothing that was decided here, and it may not answer that early at all:
 * what it holds may be older than the policy. */
#include "mod_mtls_authz.h"

#include <strings.h>

bool mtls_cache_is_there;

static const ap_directive_t *find(const ap_directive_t *directive, const char *name) {
    for (; directive != NULL; directive = directive->next) {
        if (mtls_tree_is(directive, name))
            return directive;
        const ap_directive_t *within = mtls_tree_is(directive, "<VirtualHost")
                                           ? NULL /* of another server */
                                           : find(directive->first_child, name);
        if (within != NULL)
            return within;
    }
    return NULL;
}

bool mtls_cache_answers_first(apr_pool_t *pool, const server_rec *server) {
    if (!mtls_cache_is_there)
        return false;
    const char *quick = mtls_tree_said(pool, server, "CacheQuickHandler");
    if (quick != NULL && strcasecmp(quick, "off") == 0)
        return false;
    return find(mtls_tree_section_of(server), "CacheEnable") != NULL ||
           find(ap_conftree, "CacheEnable") != NULL;
}

void mtls_cache_look(void) {
    mtls_cache_is_there = ap_find_linked_module("mod_cache.c") != NULL;
}
