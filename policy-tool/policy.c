/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"
#include "source/file.h"
#include "source/json.h"
#include "source/read.h"
#include "tool.h"

#include <string.h>

/* Read, check and compile a text. */
static void compile_text(apr_pool_t *pool, const char *path, mpol_bytes text, tool_source *source) {
    source->diagnostics = mpol_diagnostics_make(pool, path, text);
    source->model = mpol_model_read(pool, source->diagnostics);
    if (source->diagnostics->errors == 0)
        source->image = mpol_compile(pool, source->model, source->diagnostics);
}

static const mpol_bytes *read_file(tool_call *call, const char *path) {
    mpol_error error;
    const mpol_bytes *text = mpol_file_read(call->pool, path, &error);
    if (text == NULL)
        (void)tool_trouble(call, &error);
    return text;
}

const mpol_bytes *tool_read_text(tool_call *call, const char *path) {
    mpol_error error;
    const mpol_bytes *text = read_file(call, path);
    if (text == NULL || !mpol_looks_compiled(text->data, text->len))
        return text;
    (void)mpol_error_set(&error, MPOL_UNREADABLE,
                         "name the policy document; mtls-policy show --source prints it",
                         "%s is a compiled policy", path);
    (void)tool_trouble(call, &error);
    return NULL;
}

void tool_read_source(tool_call *call, const char *path, tool_source *source) {
    *source = (tool_source){NULL, NULL, NULL};
    const mpol_bytes *text = tool_read_text(call, path);
    if (text == NULL)
        return;
    compile_text(call->pool, path, *text, source);
    tool_tell(call, source->diagnostics);
}

bool tool_load_policy(tool_call *call, const char *path, mpol_loaded *loaded) {
    mpol_error error;
    tool_source source = {NULL, NULL, NULL};
    const mpol_bytes *bytes = read_file(call, path);
    if (bytes == NULL)
        return false;
    if (!mpol_looks_compiled(bytes->data, bytes->len)) {
        compile_text(call->pool, path, *bytes, &source);
        tool_tell(call, source.diagnostics);
        bytes = source.image;
    }
    if (bytes == NULL)
        return false;
    if (mpol_load_bytes(bytes->data, bytes->len, path, loaded, &error) == MPOL_OK)
        return true;
    (void)tool_trouble(call, &error);
    return false;
}

static const mpol_json *member(const mpol_json *object, const char *key) {
    mpol_bytes wanted = mpol_text_span(key);
    const mpol_json *found = object != NULL ? object->first : NULL;
    while (found != NULL && !(found->key.data != NULL && mpol_bytes_equal(found->key, wanted)))
        found = found->next;
    return found;
}

/* Reading a source opens the files that it names. One that a compiled policy holds names none, so
 * that nobody's file makes this program open others. */
static bool names_files(apr_pool_t *pool, mpol_bytes text) {
    const mpol_json *issuers =
        member(mpol_json_parse(pool, mpol_diagnostics_make(pool, "", text)), "issuers");
    for (const mpol_json *i = issuers != NULL ? issuers->first : NULL; i != NULL; i = i->next) {
        const mpol_json *list = member(i, "certificates");
        for (const mpol_json *c = list != NULL ? list->first : NULL; c != NULL; c = c->next)
            if (member(c, "file") != NULL)
                return true;
    }
    return false;
}

const mpol_model *tool_source_model(tool_call *call, const char *path, const mpol_loaded *loaded) {
    mpol_error error;
    tool_source source = {NULL, NULL, NULL};
    mpol_bytes text = mpol_policy_source(&loaded->image);
    if (!names_files(call->pool, text))
        compile_text(call->pool, path, text, &source);
    if (source.image != NULL && source.image->len == loaded->image.len &&
        memcmp(source.image->data, loaded->image.bytes, loaded->image.len) == 0)
        return source.model;
    (void)mpol_error_set(&error, MPOL_CORRUPT,
                         "do not use the file; compile the policy again from a document you know",
                         "%s does not come from the source that it holds: compiling that source "
                         "gives another policy",
                         path);
    (void)tool_trouble(call, &error);
    return NULL;
}
