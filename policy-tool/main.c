/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <apr_general.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const tool_verb *const verbs[] = {&tool_check, &tool_compile, &tool_show, &tool_explain};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int print_help(void) {
    (void)printf("Usage: mtls-policy VERB ...\n\n"
                 "Check, compile and try out access policies for TLS client certificates.\n\n");
    for (int i = 0; i < VERBS; i++)
        (void)printf("  %-8s  %s\n", verbs[i]->name, verbs[i]->summary);
    (void)printf("\nmtls-policy VERB --help tells the options of a verb.\n"
                 "POLICY is a policy document or a compiled policy.\n"
                 "Exit status: 0 yes or nothing found, 1 no or findings, 2 trouble.\n");
    return TOOL_YES;
}

int tool_help(const tool_verb *verb) {
    (void)printf("Usage: mtls-policy %s %s\n\n%s.\n\n%s", verb->name, verb->usage, verb->summary,
                 verb->help);
    return TOOL_YES;
}

int tool_usage(const tool_verb *verb, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "mtls-policy %s: ", verb->name);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nUsage: mtls-policy %s %s\n", verb->name, verb->usage);
    return TOOL_TROUBLE;
}

int tool_trouble(const mpol_error *error) {
    (void)fprintf(stderr, "mtls-policy: %s\n    %s\n", error->text, error->fix);
    return TOOL_TROUBLE;
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
    for (int i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i]->name) == 0)
            return verbs[i]->run(pool, argc - 1, argv + 1);
    (void)fprintf(stderr, "mtls-policy: there is no verb \"%s\"; see mtls-policy --help\n",
                  argv[1]);
    return TOOL_TROUBLE;
}

/* A result that did not reach its reader is no result. */
static int close_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fprintf(stderr, "mtls-policy: standard output cannot be written\n");
    return TOOL_TROUBLE;
}

int main(int argc, char **argv) {
    apr_pool_t *pool;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        (void)fprintf(stderr, "mtls-policy: no memory\n");
        return TOOL_TROUBLE;
    }
    int status = close_output(run(pool, argc, argv));
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}
