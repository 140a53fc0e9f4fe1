/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A slip must not cost the document. */
static bool is_another_file(tool_call *call, const char *source, const char *output) {
    struct stat one;
    struct stat other;
    mpol_error error;
    if (stat(source, &one) != 0 || stat(output, &other) != 0 || one.st_dev != other.st_dev ||
        one.st_ino != other.st_ino)
        return true;
    (void)mpol_error_set(&error, MPOL_UNREADABLE, "name another file for the compiled policy",
                         "%s is the policy document itself; it is not replaced", output);
    (void)tool_trouble(call, &error);
    return false;
}

static int compile(tool_call *call, const char *path, const char *output, bool strict) {
    tool_source source;
    mpol_error error;
    mpol_loaded loaded;
    tool_read_source(call, path, &source);
    if (source.image == NULL || !is_another_file(call, path, output))
        return TOOL_TROUBLE;
    if (strict && source.diagnostics->list->nelts > 0)
        return TOOL_NO;
    if (mpol_load_bytes(source.image->data, source.image->len, output, &loaded, &error) != MPOL_OK)
        return tool_trouble(call, &error);
    /* The server has to be able to read it whatever the umask. */
    bool written = tool_replace_file(call, output, *source.image, 0644);
    if (written && call->json) {
        tool_put(call->pool, call->body, "output", output);
        tool_summary(call, &loaded);
    }
    if (written && !call->json)
        (void)printf("%s: policy %s, serial %llu, %u bytes, SHA-256 %s\n", output,
                     mpol_policy_name(&loaded.image),
                     (unsigned long long)mpol_policy_serial(&loaded.image), source.image->len,
                     loaded.digest_hex);
    mpol_unload(&loaded);
    return written ? TOOL_YES : TOOL_TROUBLE;
}

enum { KEY_STRICT = TOOL_LONG };
static const tool_option options[] = {
    {'o', "output", "OUT", "the compiled policy, replaced in one step", false},
    {KEY_STRICT, "strict", NULL, "write nothing when there are warnings or notes", false},
    {0, NULL, NULL, NULL, false},
};

static int run(tool_call *call) {
    const char *output = NULL;
    bool strict = false;
    const char *value;
    for (int key; (key = tool_next(call, &value)) != TOOL_END;) {
        if (key == TOOL_STOP)
            return call->status;
        if (key == 'o')
            output = value;
        else
            strict = true;
    }
    if (call->argc != 1 || output == NULL || strcmp(output, "-") == 0)
        return tool_usage(call, "name one policy document and, with -o, the file to write");
    return compile(call, call->argv[0], output, strict);
}

const tool_verb tool_compile = {
    "compile",
    "[--strict] SOURCE -o OUT",
    "Check a policy document and write it for the server",
    options,
    NULL,
    run,
};
