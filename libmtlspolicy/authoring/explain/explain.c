/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

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
    static const char *const overrides[] = {MPOL_OVERRIDE_HEADERS};
    if (is_header(header, "Origin"))
        question->origin = true;
    if (is_header(header, "Access-Control-Request-Method"))
        question->request_method = true;
    for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++)
        if (is_header(header, overrides[i]))
            question->method_override = true;
}

static bool is_preflight(const mpol_question *question) {
    return question->origin && question->request_method &&
           mpol_bytes_equal(question->line.method, whole("OPTIONS"));
}

void mpol_explain(apr_pool_t *pool, const mpol_image *image, const mpol_question *question,
                  const mpol_caller *caller, mpol_decision *decision, bool *about_later) {
    mpol_target target;
    const mpol_request_line *line = &question->line;
    mpol_target_parse(line->target, apr_palloc(pool, line->target.len + 1u), &target);
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
    mpol_bytes path = whole(question->later);
    mpol_target_decoded(path, apr_palloc(pool, path.len + 1u), &target);
    request.arrival = MPOL_ARRIVAL_LATER;
    mpol_decide(image, &request, &caller->client, NULL, 0, decision);
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
