/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include "compile/emit.h"
#include "image/check.h"

static void report(mpol_diagnostics *diagnostics, const char *fix, const char *text) {
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE, 0, "", fix,
                         "%s", text);
}

/* Everything but the image itself; false when that fails (reported). */
static bool build_parts(apr_pool_t *pool, const mpol_model *model, mpol_diagnostics *diagnostics,
                        mpol_parts *parts) {
    mpol_automaton *automaton = mpol_automaton_make(pool);
    mpol_classes *classes = NULL;
    *parts = (mpol_parts){.model = model, .automaton = automaton, .lists = mpol_values_make(pool)};
    (void)mpol_values_id(parts->lists, NULL, 0, NULL); /* MPOL_LIST_EMPTY */
    parts->paths = mpol_paths_build(automaton, model, diagnostics);
    if (parts->paths != NULL)
        parts->names = mpol_names_build(automaton, model, parts->lists, diagnostics);
    if (parts->names != NULL)
        classes = mpol_classes_build(pool, model, parts->names, parts->lists, diagnostics);
    parts->classes = classes;
    if (classes != NULL)
        parts->matrix = mpol_matrix_build(pool, model, classes, parts->lists, diagnostics);
    return parts->matrix != NULL;
}

static const mpol_bytes *make_image(apr_pool_t *pool, const mpol_model *model,
                                    mpol_diagnostics *diagnostics) {
    mpol_image view;
    mpol_parts parts;
    if (!build_parts(pool, model, diagnostics, &parts))
        return NULL;
    const mpol_bytes *image = mpol_emit(pool, &parts);
    if (image == NULL) {
        report(diagnostics, "Split it into policies of several virtual hosts.",
               "The compiled policy would be larger than 1 GiB.");
        return NULL;
    }
    /* What this program writes, the server's own check has to accept. */
    if (mpol_image_check(image->data, image->len, &view) == MPOL_FORMAT_OK)
        return image;
    report(diagnostics, "Please report this with the policy.",
           "The compiler made an image that its own check refuses.");
    return NULL;
}

const mpol_bytes *mpol_compile(apr_pool_t *pool, const mpol_model *model,
                               mpol_diagnostics *diagnostics) {
    const mpol_bytes *image = make_image(pool, model, diagnostics);
    if (image == NULL)
        mpol_diagnostics_sort(diagnostics); /* the reader's are there already */
    return image;
}
