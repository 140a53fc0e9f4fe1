/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include "model/write.h"

#include <stdio.h>
#include <string.h>

void tool_begin(tool_call *call) {
    if (!call->json)
        return;
    call->body = mpol_text_object(call->pool, NULL);
    call->part = call->body;
}

int tool_finish(tool_call *call, int status) {
    if (!call->json)
        return status;
    mpol_text *answer = mpol_text_object(call->pool, NULL);
    tool_put(call->pool, answer, "verb", call->verb->name);
    (void)mpol_text_add(answer, mpol_text_number(call->pool, "exit", (uint64_t)status));
    apr_array_cat(answer->members, call->body->members);
    mpol_bytes text = mpol_text_print(call->pool, answer);
    (void)fwrite(text.data, 1, text.len, stdout);
    return status;
}

/* JSON is UTF-8 (RFC 8259 section 8.1); names of files and of clients need not be. A copy: the
 * answer outlives the policy that it speaks of. */
static mpol_bytes valid_utf8(apr_pool_t *pool, mpol_bytes bytes) {
    static const char replacement[] = "\xef\xbf\xbd";
    uint8_t *text = apr_palloc(pool, 3 * (apr_size_t)bytes.len + 1);
    uint32_t len = 0;
    while (bytes.len > 0) {
        uint32_t good = mpol_utf8_prefix(bytes);
        memcpy(text + len, bytes.data, good);
        len += good;
        if (good == bytes.len)
            break;
        memcpy(text + len, replacement, 3);
        len += 3;
        bytes = (mpol_bytes){bytes.data + good + 1, bytes.len - good - 1};
    }
    return (mpol_bytes){text, len};
}

void tool_put_bytes(apr_pool_t *pool, mpol_text *object, const char *key, mpol_bytes value) {
    (void)mpol_text_add(object, value.data == NULL
                                    ? mpol_text_raw(pool, key, "null")
                                    : mpol_text_string(pool, key, valid_utf8(pool, value)));
}

void tool_put(apr_pool_t *pool, mpol_text *object, const char *key, const char *value) {
    tool_put_bytes(pool, object, key,
                   value == NULL ? (mpol_bytes){NULL, 0} : mpol_text_span(value));
}

int tool_trouble(tool_call *call, const mpol_error *error) {
    if (call->json) {
        mpol_text *object = mpol_text_add(call->part, mpol_text_object(call->pool, "error"));
        tool_put(call->pool, object, "text", error->text);
        tool_put(call->pool, object, "fix", error->fix);
    } else {
        (void)fprintf(stderr, "mtls-policy: %s\n    %s\n", error->text, error->fix);
    }
    return TOOL_TROUBLE;
}

static void put_diagnostic(const tool_call *call, mpol_text *list, const char *file,
                           const mpol_diagnostic *found) {
    static const char *const severities[] = {"note", "warning", "error"};
    mpol_text *object = mpol_text_add(list, mpol_text_object(call->pool, NULL));
    tool_put(call->pool, object, "code", mpol_diagnostic_code_name(found->code));
    tool_put(call->pool, object, "severity", severities[found->severity]);
    tool_put(call->pool, object, "file", file);
    (void)mpol_text_add(object, mpol_text_number(call->pool, "line", found->line));
    (void)mpol_text_add(object, mpol_text_number(call->pool, "column", found->column));
    tool_put(call->pool, object, "pointer", found->pointer);
    tool_put(call->pool, object, "text", found->text);
    tool_put(call->pool, object, "fix", found->fix);
}

void tool_tell(tool_call *call, const mpol_diagnostics *found) {
    if (!call->json) {
        mpol_diagnostics_print(found, stderr);
        return;
    }
    mpol_text *list = mpol_text_add(call->part, mpol_text_array(call->pool, "diagnostics"));
    for (int i = 0; i < found->list->nelts; i++)
        put_diagnostic(call, list, found->file, MPOL_AT(found->list, i, mpol_diagnostic));
    (void)mpol_text_add(call->part, mpol_text_number(call->pool, "not_shown", found->dropped));
}

const char *tool_end_time(apr_pool_t *pool, uint64_t seconds) {
    return seconds == 0 ? NULL : mpol_time_text(pool, seconds);
}
