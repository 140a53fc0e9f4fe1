/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tool_verb *const verbs[] = {&tool_check, &tool_compile, &tool_show, &tool_fmt,
                                         &tool_explain};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int print_help(void) {
    (void)printf("Usage: mtls-policy VERB ...\n\n"
                 "Check, compile and try out access policies for TLS client certificates.\n\n");
    for (int i = 0; i < VERBS; i++)
        (void)printf("  %-8s  %s\n", verbs[i]->name, verbs[i]->summary);
    (void)printf(
        "\nmtls-policy VERB --help tells the options of a verb, mtls-policy --version which one "
        "this is.\n"
        "SOURCE is a policy document, POLICY that or a compiled policy; - is standard input.\n"
        "Exit status: 0 yes or nothing found, 1 no or findings, 2 trouble.\n");
    return TOOL_YES;
}

static int run(apr_pool_t *pool, int argc, char **argv) {
    if (argc < 2) {
        (void)fprintf(stderr, "mtls-policy: a verb is missing; see mtls-policy --help\n");
        return TOOL_TROUBLE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("mtls-policy %s\n", PACKAGE_VERSION);
        return TOOL_YES;
    }
    for (int i = 0; i < VERBS; i++) {
        if (strcmp(argv[1], verbs[i]->name) != 0)
            continue;
        tool_call call = {.pool = pool, .verb = verbs[i], .argc = argc - 1, .argv = argv + 1};
        return tool_finish(&call, verbs[i]->run(&call));
    }
    (void)fprintf(stderr, "mtls-policy: there is no verb \"%s\"; see mtls-policy --help\n",
                  mpol_quote(pool, mpol_text_span(argv[1])));
    return TOOL_TROUBLE;
}

/* A result that did not reach its reader is no result. */
static int close_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fprintf(stderr, "mtls-policy: standard output cannot be written\n");
    return TOOL_TROUBLE;
}

/* Pools without such a function return NULL, which nobody looks for. */
static int stop_without_memory(int status) {
    (void)status;
    (void)fputs("mtls-policy: out of memory\n", stderr);
    exit(TOOL_TROUBLE);
}

int main(int argc, char **argv) {
    apr_pool_t *pool;
    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create_ex(&pool, NULL, stop_without_memory, NULL) != APR_SUCCESS)
        return stop_without_memory(APR_ENOMEM);
    int status = close_output(run(pool, argc, argv));
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
