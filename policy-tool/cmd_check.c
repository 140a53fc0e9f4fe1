/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <stdio.h>

static void put_counts(tool_call *call, const mpol_diagnostics *found) {
    uint32_t notes =
        (uint32_t)found->list->nelts + found->dropped - found->errors - found->warnings;
    (void)mpol_text_add(call->part, mpol_text_number(call->pool, "errors", found->errors));
    (void)mpol_text_add(call->part, mpol_text_number(call->pool, "warnings", found->warnings));
    (void)mpol_text_add(call->part, mpol_text_number(call->pool, "notes", notes));
}

static void print_good(const char *path, const mpol_diagnostics *found) {
    uint32_t notes = (uint32_t)found->list->nelts + found->dropped - found->warnings;
    (void)printf("%s: good", path);
    if (found->list->nelts > 0)
        (void)printf(" (%u warning%s, %u note%s)", found->warnings, found->warnings == 1 ? "" : "s",
                     notes, notes == 1 ? "" : "s");
    (void)printf("\n");
}

static int check_one(tool_call *call, const char *path, bool strict) {
    tool_source source;
    tool_read_source(call, path, &source);
    const mpol_diagnostics *found = source.diagnostics;
    if (found == NULL)
        return TOOL_TROUBLE;
    if (call->json)
        put_counts(call, found);
    if (found->errors > 0)
        return TOOL_NO;
    if (!call->json)
        print_good(path, found);
    return strict && found->list->nelts > 0 ? TOOL_NO : TOOL_YES;
}

enum { KEY_STRICT = TOOL_LONG };
static const tool_option options[] = {
    {KEY_STRICT, "strict", NULL, "warnings and notes are findings too", false},
    {0, NULL, NULL, NULL, false},
};

static int run(tool_call *call) {
    bool strict = false;
    const char *value;
    int status = TOOL_YES;
    for (int key; (key = tool_next(call, &value)) != TOOL_END;) {
        if (key == TOOL_STOP)
            return call->status;
        strict = true;
    }
    if (call->argc == 0)
        return tool_usage(call, "no policy document is named");
    mpol_text *list = NULL;
    if (call->json)
        list = mpol_text_add(call->body, mpol_text_array(call->pool, "documents"));
    for (int i = 0; i < call->argc; i++) {
        if (call->json) {
            call->part = mpol_text_add(list, mpol_text_object(call->pool, NULL));
            tool_put(call->pool, call->part, "file", call->argv[i]);
        }
        int one = check_one(call, call->argv[i], strict);
        status = one > status ? one : status;
    }
    return status;
}

const tool_verb tool_check = {
    "check",
    "[--strict] SOURCE...",
    "Report everything that is wrong with policy documents",
    options,
    NULL,
    run,
};
