/* SPDX-License-Identifier: Apache-2.0 */
/* A section that brings a Require of its own takes the place of ours in what httpd asks
 * (AuthMerging). The policy decides there all the same, by the last check; but whoever wrote the
 * line may have meant to open the section, so they are told. Told is only what is certain from the
 * names of sections. */
#include "mod_mtls_authz.h"

#include <strings.h>

APLOG_USE_MODULE(mtls_authz);

static bool is_any_of(const ap_directive_t *directive, const char *const names[]) {
    for (; *names != NULL; names++)
        if (mtls_tree_is(directive, *names))
            return true;
    return false;
}

/* What a section says for itself, in Require containers too. */
typedef struct contents {
    bool ours;
    bool others;
    bool settled; /* it says what it wants of the policy, or that lines are merged */
} contents;

static void look_into(apr_pool_t *pool, const ap_directive_t *directive, contents *found) {
    for (; directive != NULL; directive = directive->next) {
        if (mtls_tree_is_require_container(directive))
            look_into(pool, directive->first_child, found);
        if (mtls_tree_is(directive, "Require")) {
            bool ours = strcmp(mtls_tree_word(pool, directive), "mtls-identity") == 0;
            found->ours = found->ours || ours;
            found->others = found->others || !ours;
        }
        if (mtls_tree_is(directive, "MtlsPolicyMode"))
            found->settled = true;
        if (mtls_tree_is(directive, "AuthMerging") &&
            strcasecmp(mtls_tree_word(pool, directive), "Off") != 0)
            found->settled = true;
    }
}

/* Is the path or folder `inner` at or beneath `outer`? */
static bool is_beneath(const char *inner, const char *outer) {
    size_t len = strlen(outer);
    while (len > 0 && outer[len - 1] == '/')
        len--;
    return strncmp(inner, outer, len) == 0 && (inner[len] == '/' || inner[len] == '\0');
}

/* One server's search. Sections are numbered as they are read. */
typedef struct search {
    apr_pool_t *pool;
    const server_rec *server;
    apr_array_header_t *asking; /* asking_section */
    int number;                 /* of the section that is looked at */
    bool tells;
} search;

/* A section that asks us. */
typedef struct asking_section {
    const ap_directive_t *section;
    int number;
} asking_section;

/* Does `inner` concern only what `outer` does, and is it merged after it? httpd merges folders from
 * the outermost to the innermost, then everything by path as it stands in the file, then <If>. */
static bool takes_place_of(const search *s, const ap_directive_t *inner,
                           const asking_section *outer) {
    static const char *const by_path[] = {"<Location", "<LocationMatch", NULL};
    static const char *const last[] = {"<If", "<ElseIf", "<Else", NULL};
    const char *whole = mtls_tree_word(s->pool, outer->section);
    const char *part = mtls_tree_word(s->pool, inner);
    bool is_folder = mtls_tree_is(outer->section, "<Directory");
    if (!is_folder && !mtls_tree_is(outer->section, "<Location"))
        return false;
    if (strcmp(whole, "/") == 0 && is_any_of(inner, last))
        return true;
    if (!is_folder && outer->number > s->number)
        return false;
    if (strcmp(whole, "/") == 0 && is_any_of(inner, by_path))
        return true;
    return strcasecmp(inner->directive, outer->section->directive) == 0 && part[0] == '/' &&
           strcmp(part, whole) != 0 && is_beneath(part, whole);
}

static bool is_within(const ap_directive_t *inner, const ap_directive_t *outer) {
    for (inner = inner->parent; inner != NULL; inner = inner->parent)
        if (inner == outer)
            return true;
    return false;
}

static void tell(const search *s, const ap_directive_t *section) {
    for (int i = 0; i < s->asking->nelts; i++) {
        const asking_section *outer = &APR_ARRAY_IDX(s->asking, i, asking_section);
        if (!is_within(section, outer->section) && !takes_place_of(s, section, outer))
            continue;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s->server,
                     "MTLS0010: %s:%d: Require in %s %s takes the place of Require mtls-identity "
                     "of %s:%d, but the policy decides there all the same; write Require "
                     "mtls-identity beside it, in <RequireAll>, or MtlsPolicyMode off to leave "
                     "the policy out",
                     section->filename, section->line_num, section->directive, section->args,
                     outer->section->filename, outer->section->line_num);
        return;
    }
}

static bool is_section(const ap_directive_t *directive) {
    static const char *const sections[] = {
        "<Directory", "<DirectoryMatch", "<Files", "<FilesMatch", "<Location",   "<LocationMatch",
        "<If",        "<ElseIf",         "<Else",  "<Proxy",      "<ProxyMatch", NULL};
    return is_any_of(directive, sections);
}

static void look_at(search *s, const ap_directive_t *directive) {
    for (; directive != NULL; directive = directive->next) {
        contents found = {false, false, false};
        if (!is_section(directive))
            continue;
        s->number++;
        look_into(s->pool, directive->first_child, &found);
        if (s->tells && found.others && !found.ours && !found.settled)
            tell(s, directive);
        if (!s->tells && found.ours)
            APR_ARRAY_PUSH(s->asking, asking_section) = (asking_section){directive, s->number};
        look_at(s, directive->first_child);
    }
}

void mtls_replaced_tell(apr_pool_t *pool, const server_rec *server) {
    search s = {pool, server, apr_array_make(pool, 8, sizeof(asking_section)), 0, false};
    const ap_directive_t *own = server->is_virtual ? mtls_tree_section_of(server) : ap_conftree;
    if (server->is_virtual)
        look_at(&s, ap_conftree); /* those hold here too, and are merged before */
    int before = s.number;
    look_at(&s, own);
    s.number = before;
    s.tells = true;
    look_at(&s, own);
}
