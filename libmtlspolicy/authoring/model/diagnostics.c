/* SPDX-License-Identifier: Apache-2.0 */
#include "model/diagnostics.h"

#include <apr_strings.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const code_names[MPOL_DIAGNOSTIC_COUNT] = {
#define DIAGNOSTIC_NAME(suffix, name) name,
    MPOL_DIAGNOSTICS(DIAGNOSTIC_NAME)
#undef DIAGNOSTIC_NAME
};

const char *mpol_diagnostic_code_name(mpol_diagnostic_code code) {
    return code_names[code];
}

mpol_diagnostics *mpol_diagnostics_make(apr_pool_t *pool, const char *file, mpol_bytes text) {
    mpol_diagnostics *diagnostics = apr_pcalloc(pool, sizeof *diagnostics);
    diagnostics->pool = pool;
    diagnostics->file = apr_pstrdup(pool, file);
    diagnostics->text = text;
    diagnostics->list = apr_array_make(pool, 8, sizeof(mpol_diagnostic));
    return diagnostics;
}

static void index_lines(mpol_diagnostics *diagnostics) {
    diagnostics->lines = apr_array_make(diagnostics->pool, 256, sizeof(uint32_t));
    APR_ARRAY_PUSH(diagnostics->lines, uint32_t) = 0;
    for (uint32_t i = 0; i < diagnostics->text.len; i++)
        if (diagnostics->text.data[i] == '\n')
            APR_ARRAY_PUSH(diagnostics->lines, uint32_t) = i + 1;
}

static void locate(mpol_diagnostics *diagnostics, mpol_diagnostic *diagnostic) {
    if (diagnostics->lines == NULL)
        index_lines(diagnostics);
    const uint32_t *starts = (const uint32_t *)diagnostics->lines->elts;
    int low = 0;
    int high = diagnostics->lines->nelts;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (starts[middle] <= diagnostic->offset)
            low = middle;
        else
            high = middle;
    }
    diagnostic->line = (uint32_t)low + 1;
    diagnostic->column = 1;
    for (uint32_t i = starts[low]; i < diagnostic->offset && i < diagnostics->text.len; i++)
        if ((diagnostics->text.data[i] & 0xc0) != 0x80) /* count first bytes of characters */
            diagnostic->column++;
}

/* Take out the last one of the least severity. */
static void drop(mpol_diagnostics *diagnostics, mpol_severity severity) {
    mpol_diagnostic *all = (mpol_diagnostic *)(void *)diagnostics->list->elts;
    int i = diagnostics->list->nelts - 1;
    while (all[i].severity != severity)
        i--;
    memmove(all + i, all + i + 1, sizeof *all * (size_t)(diagnostics->list->nelts - 1 - i));
    diagnostics->list->nelts--;
    diagnostics->kept[severity]--;
}

/* Is there room for one more, if need be in the place of one that weighs less? */
static bool make_room(mpol_diagnostics *diagnostics, mpol_severity severity) {
    mpol_severity least = MPOL_NOTE;
    if (diagnostics->list->nelts < MPOL_DIAGNOSTICS_KEPT)
        return true;
    diagnostics->dropped++;
    while (least < severity && diagnostics->kept[least] == 0)
        least++;
    if (least == severity)
        return false;
    drop(diagnostics, least);
    return true;
}

void mpol_diagnostics_add(mpol_diagnostics *diagnostics, mpol_severity severity,
                          mpol_diagnostic_code code, uint32_t offset, const char *pointer,
                          const char *fix, const char *text, ...) {
    va_list args;
    if (severity == MPOL_ERROR)
        diagnostics->errors++;
    if (severity == MPOL_WARNING)
        diagnostics->warnings++;
    if (!make_room(diagnostics, severity))
        return;
    diagnostics->kept[severity]++;
    mpol_diagnostic *diagnostic = apr_array_push(diagnostics->list);
    *diagnostic = (mpol_diagnostic){.code = code, .severity = severity, .offset = offset};
    va_start(args, text);
    diagnostic->text = apr_pvsprintf(diagnostics->pool, text, args);
    va_end(args);
    diagnostic->pointer = apr_pstrdup(diagnostics->pool, pointer);
    diagnostic->fix = apr_pstrdup(diagnostics->pool, fix);
    locate(diagnostics, diagnostic);
}

static int by_place(const void *left, const void *right) {
    const mpol_diagnostic *a = left;
    const mpol_diagnostic *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return a->code < b->code ? -1 : a->code > b->code;
}

void mpol_diagnostics_sort(mpol_diagnostics *diagnostics) {
    qsort(diagnostics->list->elts, (size_t)diagnostics->list->nelts, sizeof(mpol_diagnostic),
          by_place);
}

void mpol_diagnostics_print(const mpol_diagnostics *diagnostics, FILE *out) {
    static const char *const severities[] = {"note", "warning", "error"};
    for (int i = 0; i < diagnostics->list->nelts; i++) {
        const mpol_diagnostic *d = &APR_ARRAY_IDX(diagnostics->list, i, mpol_diagnostic);
        (void)fprintf(out, "%s:%u:%u: %s: %s [%s]\n    at %s\n    %s\n", diagnostics->file, d->line,
                      d->column, severities[d->severity], d->text, code_names[d->code],
                      *d->pointer != '\0' ? d->pointer : "the document", d->fix);
    }
    if (diagnostics->dropped > 0)
        (void)fprintf(out, "%s: %u more problems are not shown\n", diagnostics->file,
                      diagnostics->dropped);
}

enum { QUOTE_CHARACTERS = 80 };

const char *mpol_quote(apr_pool_t *pool, mpol_bytes bytes) {
    char *quoted = apr_palloc(pool, QUOTE_CHARACTERS * 8 + 4);
    char *out = quoted;
    uint32_t valid = mpol_utf8_prefix(bytes);
    uint32_t i = 0;
    for (int n = 0; i < bytes.len && n < QUOTE_CHARACTERS; n++) {
        uint8_t c = bytes.data[i++];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && i > valid)) {
            out += apr_snprintf(out, 5, "\\x%02x", c);
            continue;
        }
        if (c == 0xc2 && bytes.data[i] < 0xa0) { /* U+0080 to U+009F: terminals obey some of them */
            out += apr_snprintf(out, 9, "\\xc2\\x%02x", bytes.data[i++]);
            continue;
        }
        *out++ = (char)c;
        while (i < valid && (bytes.data[i] & 0xc0) == 0x80)
            *out++ = (char)bytes.data[i++];
    }
    if (i < bytes.len)
        out += apr_snprintf(out, 4, "...");
    *out = '\0';
    return quoted;
}
