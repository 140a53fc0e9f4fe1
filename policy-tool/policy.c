/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"
#include "source/file.h"
#include "source/read.h"
#include "tool.h"

#include <apr_strings.h>
#include <stdio.h>
#include <time.h>

/* Read, check and compile a text; prints what it finds. */
static void take_text(apr_pool_t *pool, const char *path, const mpol_bytes *text,
                      tool_source *source) {
    source->diagnostics = mpol_diagnostics_make(pool, path, *text);
    source->model = mpol_model_read(pool, source->diagnostics);
    if (source->diagnostics->errors == 0)
        source->image = mpol_compile(pool, source->model, source->diagnostics);
    mpol_diagnostics_print(source->diagnostics, stderr);
}

static const mpol_bytes *read_file(apr_pool_t *pool, const char *path) {
    mpol_error error;
    const mpol_bytes *text = mpol_file_read(pool, path, &error);
    if (text == NULL)
        (void)tool_trouble(&error);
    return text;
}

void tool_read_source(apr_pool_t *pool, const char *path, tool_source *source) {
    *source = (tool_source){NULL, NULL, NULL};
    const mpol_bytes *text = read_file(pool, path);
    if (text != NULL)
        take_text(pool, path, text, source);
}

bool tool_load_policy(apr_pool_t *pool, const char *path, mpol_loaded *loaded) {
    mpol_error error;
    tool_source source = {NULL, NULL, NULL};
    const mpol_bytes *bytes = read_file(pool, path);
    if (bytes == NULL)
        return false;
    if (!mpol_looks_compiled(bytes->data, bytes->len)) {
        take_text(pool, path, bytes, &source);
        bytes = source.image;
    }
    if (bytes == NULL)
        return false;
    if (mpol_load_bytes(bytes->data, bytes->len, path, loaded, &error) == MPOL_OK)
        return true;
    (void)tool_trouble(&error);
    return false;
}

const char *tool_time(apr_pool_t *pool, uint64_t seconds) {
    struct tm parts;
    time_t time = (time_t)seconds;
    char *text = apr_palloc(pool, 32);
    if (gmtime_r(&time, &parts) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return "?";
    return text;
}
