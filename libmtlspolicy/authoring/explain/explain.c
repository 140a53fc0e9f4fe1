/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>
#include <strings.h>

static mpol_bytes span(const char *from, const char *to) {
    return (mpol_bytes){(const uint8_t *)from, (uint32_t)(to - from)};
}

static mpol_bytes whole(const char *text) {
    return span(text, text + strlen(text));
}

static bool parse_url(const char *url, mpol_request_line *line) {
    line->tls = strncmp(url, "https://", 8) == 0;
    if (!line->tls && strncmp(url, "http://", 7) != 0)
        return false;
    const char *host = strchr(url, ':') + 3;
    const char *target = host + strcspn(host, "/?#");
    line->host = span(host, target);
    line->target = whole(target);
    if (line->target.len == 0)
        line->target = whole("/");
    return line->host.len > 0;
}

bool mpol_request_line_parse(const char *text, const char *host, mpol_request_line *line) {
    const char *target = strchr(text, ' ');
    if (target == NULL || target == text || target[1] == '\0')
        return false;
    *line = (mpol_request_line){.method = span(text, target), .tls = true};
    target++;
    if (strncmp(target, "http", 4) == 0 && strstr(target, "://") != NULL)
        return parse_url(target, line);
    line->target = whole(target);
    if (host != NULL)
        line->host = whole(host);
    return host != NULL;
}

static bool is_header(const char *header, const char *name) {
    size_t len = strcspn(header, ":");
    return len == strlen(name) && strncasecmp(header, name, len) == 0;
}

void mpol_question_header(mpol_question *question, const char *header) {
    if (is_header(header, "Origin"))
        question->origin = true;
    if (is_header(header, "Access-Control-Request-Method"))
        question->request_method = true;
    if (mpol_is_override_header(span(header, header + strcspn(header, ":"))))
        question->method_override = true;
}

static bool is_preflight(const mpol_question *question) {
    return question->origin && question->request_method &&
           mpol_bytes_equal(question->line.method, whole("OPTIONS"));
}

/* The path that the decision is about. */
static void parse_target(apr_pool_t *pool, const mpol_question *question, bool later,
                         mpol_target *target) {
    mpol_bytes text = later ? whole(question->later) : question->line.target;
    uint8_t *buffer = apr_palloc(pool, text.len + 1u);
    if (later)
        mpol_target_decoded(text, buffer, target);
    else
        mpol_target_parse(text, buffer, target);
}

void mpol_explain(apr_pool_t *pool, const mpol_image *image, const mpol_question *question,
                  const mpol_caller *caller, mpol_decision *decision, bool *about_later) {
    mpol_target target;
    const mpol_request_line *line = &question->line;
    parse_target(pool, question, false, &target);
    mpol_request request = {.method = line->method,
                            .host = line->host,
                            .target = &target,
                            .address = question->address,
                            .now_s = question->now_s,
                            .user = question->user,
                            .preflight = is_preflight(question),
                            .method_override = question->method_override};
    mpol_decide(image, &request, &caller->client, NULL, 0, decision);
    *about_later = question->later != NULL && decision->reason == MPOL_REASON_ALLOWED;
    if (!*about_later)
        return;
    parse_target(pool, question, true, &target);
    request.arrival = MPOL_ARRIVAL_LATER;
    mpol_decide(image, &request, &caller->client, NULL, 0, decision);
}

const char *mpol_explain_unexpected(apr_pool_t *pool, const mpol_image *image,
                                    const mpol_question *question, const mpol_decision *decision,
                                    bool about_later) {
    static const struct {
        uint32_t class;
        const char *name;
    } classes[] = {
#define CLASS_NAME(suffix, name) {MPOL_PATH_##suffix, name},
        MPOL_PATH_CLASSES(CLASS_NAME)
#undef CLASS_NAME
    };
    mpol_target target;
    apr_array_header_t *names = apr_array_make(pool, 2, sizeof(const char *));
    if (decision->reason == MPOL_REASON_METHOD_OVERRIDE)
        return "method-override";
    if (decision->reason != MPOL_REASON_AMBIGUOUS_PATH || decision->route == MPOL_NONE)
        return NULL;
    parse_target(pool, question, about_later, &target);
    uint32_t flags = MPOL_U32(image, ROUTES, decision->route, MPOL_ROUTE_FLAGS);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if ((target.classes & ~flags & classes[i].class) != 0)
            APR_ARRAY_PUSH(names, const char *) = classes[i].name;
    return apr_array_pstrcat(pool, names, ',');
}

mpol_condition mpol_explain_unknown(const mpol_image *image, const mpol_question *question,
                                    const mpol_decision *decision) {
    if (decision->reason != MPOL_REASON_INDETERMINATE)
        return MPOL_CONDITION_NONE;
    uint32_t flags = MPOL_U32(image, RULES, decision->rule, MPOL_RULE_FLAGS);
    if (question->address == NULL && (flags & MPOL_RULE_HAS_NETWORKS) != 0)
        return MPOL_CONDITION_NETWORKS;
    return MPOL_CONDITION_SAME; /* the time is known here, and users are never unknown */
}
