/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <stdio.h>

static int check_one(apr_pool_t *pool, const char *path, bool strict) {
    tool_source source;
    tool_read_source(pool, path, &source);
    if (source.diagnostics == NULL)
        return TOOL_TROUBLE;
    const mpol_diagnostics *found = source.diagnostics;
    if (found->errors > 0)
        return TOOL_NO;
    (void)printf("%s: good", path);
    if (found->list->nelts > 0)
        (void)printf(" (%u warnings, %u notes)", found->warnings,
                     (unsigned)found->list->nelts - found->warnings);
    (void)printf("\n");
    return strict && found->list->nelts > 0 ? TOOL_NO : TOOL_YES;
}

static int run(apr_pool_t *pool, int argc, char **argv) {
    static const struct option options[] = {
        {"strict", no_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool strict = false;
    int status = TOOL_YES;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return tool_help(&tool_check);
        if (option != 's')
            return TOOL_TROUBLE;
        strict = true;
    }
    if (optind == argc)
        return tool_usage(&tool_check, "no policy document is named");
    for (int i = optind; i < argc; i++) {
        int one = check_one(pool, argv[i], strict);
        if (one > status)
            status = one;
    }
    return status;
}

const tool_verb tool_check = {
    "check",
    "[--strict] SOURCE...",
    "Report everything that is wrong with policy documents",
    "  --strict  warnings and notes are findings too\n"
    "A SOURCE of - is standard input.\n",
    run,
};
