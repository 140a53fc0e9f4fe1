/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TOOL_TOOL_H
#define POLICY_TOOL_TOOL_H
/* What the verbs of mtls-policy share. */

#include "image/load.h"
#include "model/diagnostics.h"
#include "model/model.h"
#include "model/text.h"

#include <apr_pools.h>
#include <sys/types.h>

/* Exit codes of every verb. */
enum { TOOL_YES = 0, TOOL_NO = 1, TOOL_TROUBLE = 2 };

/* One option. Parser, --help and, by way of --help, completion and tests read these rows. */
typedef struct tool_option {
    int key; /* what tool_next returns; a letter is the short option too */
    const char *name;
    const char *argument; /* as --help shows it, `a|b` for one of these words; NULL: none */
    const char *help;
    bool repeats; /* may stand several times */
} tool_option;

#define TOOL_LONG 256 /* keys of options without a letter begin here */

typedef struct tool_call tool_call;

typedef struct tool_verb {
    const char *name;
    const char *usage;          /* the arguments, for the usage line */
    const char *summary;        /* one line for --help */
    const tool_option *options; /* its own, ending with one without a name */
    const char *remarks;        /* more for --help, or NULL */
    int (*run)(tool_call *call);
} tool_verb;

extern const tool_verb tool_check;
extern const tool_verb tool_compile;
extern const tool_verb tool_show;
extern const tool_verb tool_fmt;
extern const tool_verb tool_explain;

/* One run of a verb. */
struct tool_call {
    apr_pool_t *pool;
    const tool_verb *verb;
    int argc; /* with the verb as argument 0; the operands once tool_next has returned TOOL_END */
    char **argv;
    bool json;       /* --format json: one object on standard output, nothing on standard error */
    mpol_text *body; /* its members but the first two; NULL for text */
    mpol_text *part; /* of it: where problems are told */
    uint64_t seen;   /* options so far, by row */
    int status;      /* with TOOL_STOP */
};

/* --- options.c ------------------------------------------------------------------------------- */

enum { TOOL_END = -1, TOOL_STOP = -2 };

/* The key of the next option, its argument in *value. TOOL_END behind the last one; TOOL_STOP when
 * call->status is the end of it: help was asked for, or an option was wrong (told). */
int tool_next(tool_call *call, const char **value);
/* Say what is wrong with the command line, and how to call the verb; returns TOOL_TROUBLE. */
int tool_usage(tool_call *call, const char *format, ...) MPOL_PRINTF(2, 3);

/* --- output.c -------------------------------------------------------------------------------- */

/* Begin the answer, once the options are read; end it and return `status`. */
void tool_begin(tool_call *call);
int tool_finish(tool_call *call, int status);
/* Tell an error and its mend; returns TOOL_TROUBLE. */
int tool_trouble(tool_call *call, const mpol_error *error);
/* Tell what was found in a document. */
void tool_tell(tool_call *call, const mpol_diagnostics *found);

/* Members of a JSON object. A NULL string is null; bytes that are no UTF-8 become U+FFFD. */
void tool_put(apr_pool_t *pool, mpol_text *object, const char *key, const char *value);
void tool_put_bytes(apr_pool_t *pool, mpol_text *object, const char *key, mpol_bytes value);

/* Seconds since 1970 as RFC 3339 in UTC, NULL for 0, which is no end. */
const char *tool_end_time(apr_pool_t *pool, uint64_t seconds);

/* --- policy.c -------------------------------------------------------------------------------- */

/* A source read and compiled. `diagnostics` is NULL when the file could not be read (told);
 * `image` is NULL when the policy has errors. */
typedef struct tool_source {
    mpol_diagnostics *diagnostics;
    const mpol_model *model;
    const mpol_bytes *image;
} tool_source;

void tool_read_source(tool_call *call, const char *path, tool_source *source);

/* The text of a policy document. NULL when it cannot be read or is a compiled policy (told). */
const mpol_bytes *tool_read_text(tool_call *call, const char *path);

/* Load POLICY, a source or a compiled file. False when it cannot be used (told). */
bool tool_load_policy(tool_call *call, const char *path, mpol_loaded *loaded);

/* What the source that a policy holds means. NULL when it does not make this very policy (told). */
const mpol_model *tool_source_model(tool_call *call, const char *path, const mpol_loaded *loaded);

/* --- summary.c ------------------------------------------------------------------------------- */

/* Name, serial, digests and sizes of a policy, on standard output or as `policy`. */
void tool_summary(tool_call *call, const mpol_loaded *loaded);

/* --- save.c ---------------------------------------------------------------------------------- */

/* Replace the file at `path` in one step: a reader sees the old file or the new one, whole. False
 * when that fails (told); the old file is untouched then. */
bool tool_replace_file(tool_call *call, const char *path, mpol_bytes bytes, mode_t mode);

#endif
