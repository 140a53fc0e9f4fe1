/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <apr_strings.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Every verb has these. */
enum { KEY_FORMAT = TOOL_LONG + 100, KEY_HELP };
static const tool_option common[] = {
    {KEY_FORMAT, "format", "text|json", "for people, or one JSON object; else text", false},
    {KEY_HELP, "help", NULL, "show this", false},
    {0, NULL, NULL, NULL, false},
};

enum { MOST_OPTIONS = 32 };

/* The rows of a verb, then the common ones; the number of them. */
static int rows_of(const tool_verb *verb, const tool_option *rows[MOST_OPTIONS]) {
    int count = 0;
    for (const tool_option *row = verb->options; row->name != NULL && count < MOST_OPTIONS; row++)
        rows[count++] = row;
    for (const tool_option *row = common; row->name != NULL && count < MOST_OPTIONS; row++)
        rows[count++] = row;
    return count;
}

static const char *spelling(apr_pool_t *pool, const tool_option *row) {
    const char *letter = row->key < TOOL_LONG ? apr_psprintf(pool, "-%c, ", row->key) : "";
    return apr_pstrcat(pool, letter, "--", row->name, row->argument != NULL ? " " : "",
                       row->argument, NULL);
}

static int print_help(tool_call *call) {
    const tool_option *rows[MOST_OPTIONS];
    const tool_verb *verb = call->verb;
    int count = rows_of(verb, rows);
    size_t width = 0;
    for (int i = 0; i < count; i++)
        if (strlen(spelling(call->pool, rows[i])) > width)
            width = strlen(spelling(call->pool, rows[i]));
    (void)printf("Usage: mtls-policy %s %s\n\n%s.\n\n", verb->name, verb->usage, verb->summary);
    for (int i = 0; i < count; i++)
        (void)printf("  %-*s  %s\n", (int)width, spelling(call->pool, rows[i]), rows[i]->help);
    if (verb->remarks != NULL)
        (void)printf("\n%s", verb->remarks);
    return TOOL_YES;
}

int tool_usage(tool_call *call, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = apr_pvsprintf(call->pool, format, args);
    va_end(args);
    (void)fprintf(stderr, "mtls-policy %s: %s\nUsage: mtls-policy %s %s\n", call->verb->name, text,
                  call->verb->name, call->verb->usage);
    call->json = false; /* the question itself was wrong: there is no answer */
    return TOOL_TROUBLE;
}

static int stop(tool_call *call, int status) {
    call->status = status;
    call->json = false;
    return TOOL_STOP;
}

/* What getopt_long refused. */
static int refuse(tool_call *call, int result, const tool_option *const *rows, int count) {
    const char *name = NULL;
    for (int i = 0; i < count; i++)
        if (rows[i]->key == optopt)
            name = rows[i]->name;
    if (name != NULL && result == ':')
        return stop(call, tool_usage(call, "--%s needs a value", name));
    if (name != NULL)
        return stop(call, tool_usage(call, "--%s takes no value", name));
    if (optopt != 0)
        return stop(
            call, tool_usage(call, "there is no option -%s",
                             mpol_quote(call->pool, (mpol_bytes){&(uint8_t){(uint8_t)optopt}, 1})));
    return stop(call, tool_usage(call, "there is no option %s",
                                 mpol_quote(call->pool, mpol_text_span(call->argv[optind - 1]))));
}

static int take_format(tool_call *call, const char *value) {
    if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
        return stop(call, tool_usage(call, "--format is text or json, not \"%s\"",
                                     mpol_quote(call->pool, mpol_text_span(value))));
    call->json = strcmp(value, "json") == 0;
    return TOOL_YES;
}

/* The options once more, as getopt wants them. */
static const char *translate(apr_pool_t *pool, const tool_option *const *rows, int count,
                             struct option *table) {
    const char *letters = ":";
    for (int i = 0; i < count; i++) {
        int has = rows[i]->argument != NULL ? required_argument : no_argument;
        table[i] = (struct option){rows[i]->name, has, NULL, rows[i]->key};
        if (rows[i]->key < TOOL_LONG)
            letters = apr_psprintf(pool, "%s%c%s", letters, rows[i]->key,
                                   has == required_argument ? ":" : "");
    }
    table[count] = (struct option){NULL, 0, NULL, 0};
    return letters;
}

int tool_next(tool_call *call, const char **value) {
    const tool_option *rows[MOST_OPTIONS];
    struct option table[MOST_OPTIONS + 1];
    int count = rows_of(call->verb, rows);
    const char *letters = translate(call->pool, rows, count, table);
    opterr = 0;
    int key = getopt_long(call->argc, call->argv, letters, table, NULL);
    *value = optarg;
    if (key == -1) {
        call->argc -= optind;
        call->argv += optind;
        tool_begin(call);
        return TOOL_END;
    }
    if (key == '?' || key == ':')
        return refuse(call, key, rows, count);
    for (int i = 0; i < count; i++) {
        if (rows[i]->key != key)
            continue;
        if ((call->seen & UINT64_C(1) << i) != 0 && !rows[i]->repeats)
            return stop(call, tool_usage(call, "--%s stands twice", rows[i]->name));
        call->seen |= UINT64_C(1) << i;
    }
    if (key == KEY_HELP)
        return stop(call, print_help(call));
    if (key != KEY_FORMAT)
        return key;
    return take_format(call, optarg) == TOOL_STOP ? TOOL_STOP : tool_next(call, value);
}
