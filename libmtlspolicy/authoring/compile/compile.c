/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include "base/limits.h"
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

/* Would the check of the image hash too much (reported)? */
static bool is_too_much_work(const mpol_parts *parts, mpol_diagnostics *diagnostics) {
    uint64_t paths = parts->automaton->literal_bytes; /* those of names among them */
    uint64_t others = 0;
    EACH (parts->paths->hosts, mpol_host, host) {
        others += host->name.len;
    }
    EACH (parts->names->exact, mpol_exact, exact) {
        others += exact->value.len;
    }
    EACH (parts->classes->list, mpol_class, class) {
        others += MPOL_AT(parts->lists->items, (int)class->identities, mpol_bytes)->len /
                  sizeof(uint32_t);
    }
    if (paths + others <= MPOL_LIMIT_HASH_WORK)
        return false;
    if (paths > others && parts->model->routes->nelts > 0)
        mpol_paths_report_large(parts->model, diagnostics);
    else
        report(diagnostics, "Split it into policies of several virtual hosts.",
               "Names and sets of identities are longer together than the server checks.");
    return true;
}

static const mpol_bytes *make_image(apr_pool_t *pool, const mpol_model *model,
                                    mpol_diagnostics *diagnostics) {
    mpol_image view;
    mpol_parts parts;
    if (!build_parts(pool, model, diagnostics, &parts) || is_too_much_work(&parts, diagnostics))
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
