/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

#include <string.h>

static mpol_bytes span(const char *from, const char *to) {
    return (mpol_bytes){(const uint8_t *)from, (uint32_t)(to - from)};
}

bool mpol_request_line_parse(const char *text, mpol_request_line *line) {
    const char *url = strchr(text, ' ');
    if (url == NULL || url == text)
        return false;
    line->method = span(text, url);
    url++;
    line->tls = strncmp(url, "https://", 8) == 0;
    if (!line->tls && strncmp(url, "http://", 7) != 0)
        return false;
    const char *host = strchr(url, ':') + 3;
    const char *target = host + strcspn(host, "/?#");
    line->host = span(host, target);
    line->target = span(target, target + strlen(target));
    if (line->target.len == 0)
        line->target = (mpol_bytes){(const uint8_t *)"/", 1};
    return line->host.len > 0;
}

void mpol_explain(apr_pool_t *pool, const mpol_image *image, const mpol_request_line *line,
                  const mpol_caller *caller, const uint8_t *address, int64_t now_s,
                  mpol_decision *decision) {
    mpol_target target;
    mpol_target_parse(line->target, apr_palloc(pool, line->target.len + 1u), &target);
    mpol_request request = {line->method, line->host, &target, address, now_s};
    mpol_decide(image, &request, &caller->client, NULL, 0, decision);
}
