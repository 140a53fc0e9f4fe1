/* SPDX-License-Identifier: Apache-2.0 */
#include "source/layout.h"
#include "tool.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef enum fmt_mode { FMT_PRINT, FMT_OUTPUT, FMT_WRITE, FMT_CHECK } fmt_mode;

/* A document keeps its permissions; a new one gets those of any new file. */
static mode_t mode_of(const char *path) {
    struct stat file;
    if (stat(path, &file) == 0)
        return file.st_mode & 07777;
    mode_t mask = umask(0);
    (void)umask(mask);
    return 0666 & ~mask;
}

static bool save(tool_call *call, const char *path, mpol_bytes text) {
    return tool_replace_file(call, path, text, mode_of(path));
}

static void tell_change(tool_call *call, const char *path, fmt_mode mode, bool changed) {
    if (call->json)
        (void)mpol_text_add(call->part, mpol_text_boolean(call->pool, "changed", changed));
    else if (changed)
        (void)printf("%s: %s\n", path, mode == FMT_CHECK ? "would change" : "changed");
}

static int format_one(tool_call *call, const char *path, fmt_mode mode, const char *output) {
    mpol_bytes laid_out;
    const mpol_bytes *text = tool_read_text(call, path);
    if (text == NULL)
        return TOOL_TROUBLE;
    mpol_diagnostics *found = mpol_diagnostics_make(call->pool, path, *text);
    bool good = mpol_layout(call->pool, found, &laid_out);
    tool_tell(call, found);
    if (!good)
        return TOOL_TROUBLE;
    if (mode == FMT_PRINT) {
        (void)fwrite(laid_out.data, 1, laid_out.len, stdout);
        return TOOL_YES;
    }
    bool changed = !mpol_bytes_equal(*text, laid_out);
    if (mode == FMT_OUTPUT && !save(call, output, laid_out))
        return TOOL_TROUBLE;
    if (mode == FMT_WRITE && changed && !save(call, path, laid_out))
        return TOOL_TROUBLE;
    if (mode != FMT_OUTPUT || call->json)
        tell_change(call, path, mode, changed);
    return mode == FMT_CHECK && changed ? TOOL_NO : TOOL_YES;
}

static int format_all(tool_call *call, fmt_mode mode, const char *output) {
    int status = TOOL_YES;
    mpol_text *list = NULL;
    if (call->json)
        list = mpol_text_add(call->body, mpol_text_array(call->pool, "documents"));
    for (int i = 0; i < call->argc; i++) {
        if (call->json) {
            call->part = mpol_text_add(list, mpol_text_object(call->pool, NULL));
            tool_put(call->pool, call->part, "file", call->argv[i]);
        }
        int one = format_one(call, call->argv[i], mode, output);
        status = one > status ? one : status;
    }
    return status;
}

enum { KEY_CHECK = TOOL_LONG, KEY_WRITE };
static const tool_option options[] = {
    {KEY_CHECK, "check", NULL, "write nothing; tell which documents would change, and exit with 1",
     false},
    {KEY_WRITE, "write", NULL, "replace the documents, each in one step", false},
    {'o', "output", "OUT", "write to this file, replaced in one step", false},
    {0, NULL, NULL, NULL, false},
};

/* What cannot be asked for together; NULL when all is well. */
static const char *contradiction(const tool_call *call, fmt_mode mode, int modes) {
    bool several = mode == FMT_CHECK || mode == FMT_WRITE;
    if (modes > 1)
        return "choose one of --check, --write and -o";
    if (call->argc == 0)
        return "no policy document is named";
    if (call->argc > 1 && !several)
        return "name one policy document; --check and --write take several";
    if (call->json && mode == FMT_PRINT)
        return "--format json goes with --check, --write or -o";
    for (int i = 0; mode == FMT_WRITE && i < call->argc; i++)
        if (strcmp(call->argv[i], "-") == 0)
            return "--write cannot replace standard input";
    return NULL;
}

static int run(tool_call *call) {
    const char *output = NULL;
    const char *value;
    fmt_mode mode = FMT_PRINT;
    int modes = 0;
    for (int key; (key = tool_next(call, &value)) != TOOL_END; modes++) {
        if (key == TOOL_STOP)
            return call->status;
        mode = key == 'o' ? FMT_OUTPUT : (key == KEY_CHECK ? FMT_CHECK : FMT_WRITE);
        output = value;
    }
    const char *wrong = contradiction(call, mode, modes);
    if (wrong == NULL && mode == FMT_OUTPUT && strcmp(output, "-") == 0)
        wrong = "-o names a file; without it the result goes to standard output";
    if (wrong != NULL)
        return tool_usage(call, "%s", wrong);
    return format_all(call, mode, output);
}

const tool_verb tool_fmt = {
    "fmt",
    "[--check | --write] SOURCE... | [-o OUT] SOURCE",
    "Lay a policy document out in the one canonical way",
    options,
    "Keys in the order of the manual, names and lists sorted, certificates as they stand. What "
    "the\n"
    "policy means never changes; a document that is not JSON or has a key twice is left alone.\n",
    run,
};
