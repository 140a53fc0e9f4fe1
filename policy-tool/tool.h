/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TOOL_TOOL_H
#define POLICY_TOOL_TOOL_H
/* What the verbs of mtls-policy share. */

#include "image/load.h"
#include "model/diagnostics.h"
#include "model/model.h"

#include <apr_pools.h>
#include <getopt.h>

/* Exit codes of every verb. */
enum { TOOL_YES = 0, TOOL_NO = 1, TOOL_TROUBLE = 2 };

typedef struct tool_verb {
    const char *name;
    const char *usage;   /* the arguments, for the usage line */
    const char *summary; /* one line for --help */
    const char *help;    /* the options, for `VERB --help` */
    int (*run)(apr_pool_t *pool, int argc, char **argv);
} tool_verb;

extern const tool_verb tool_check;
extern const tool_verb tool_compile;
extern const tool_verb tool_show;
extern const tool_verb tool_explain;

/* Say what is wrong with the command line, and how to call the verb; returns TOOL_TROUBLE. */
int tool_usage(const tool_verb *verb, const char *format, ...) MPOL_PRINTF(2, 3);
/* Print a verb's help on standard output; returns TOOL_YES. */
int tool_help(const tool_verb *verb);
/* Print an error and its mend on standard error; returns TOOL_TROUBLE. */
int tool_trouble(const mpol_error *error);

/* A source read and compiled. `diagnostics` is NULL when the file could not be read (reported);
 * `image` is NULL when the policy has errors. Diagnostics are printed on standard error. */
typedef struct tool_source {
    mpol_diagnostics *diagnostics;
    const mpol_model *model;
    const mpol_bytes *image;
} tool_source;

void tool_read_source(apr_pool_t *pool, const char *path, tool_source *source);

/* Load POLICY, a source or a compiled file. False when it cannot be used (reported). */
bool tool_load_policy(apr_pool_t *pool, const char *path, mpol_loaded *loaded);

/* Seconds since 1970 as RFC 3339 in UTC, from the pool. */
const char *tool_time(apr_pool_t *pool, uint64_t seconds);

#endif
