/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include "compile/automaton.h"
#include "compile/emit.h"
#include "compile/matrix.h"
#include "image/check.h"

static void report(mpol_diagnostics *diagnostics, const char *fix, const char *text) {
    mpol_diagnostics_add(diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_POLICY_TOO_LARGE, 0, "", fix,
                         "%s", text);
}

const mpol_bytes *mpol_compile(apr_pool_t *pool, const mpol_model *model,
                               mpol_diagnostics *diagnostics) {
    mpol_image view;
    const mpol_automaton *automaton = mpol_automaton_build(pool, model, diagnostics);
    if (automaton == NULL)
        return NULL;
    const mpol_matrix *matrix = mpol_matrix_build(pool, model, diagnostics);
    if (matrix == NULL)
        return NULL;
    const mpol_bytes *image = mpol_emit(pool, model, automaton, matrix);
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
