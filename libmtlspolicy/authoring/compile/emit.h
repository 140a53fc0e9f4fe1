/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_EMIT_H
#define MPOL_COMPILE_EMIT_H
/* The image, section by section, as docs/FORMAT.md has it. */

#include "compile/matrix.h"
#include "compile/paths.h"

/* Everything that the image is made of. */
typedef struct mpol_parts {
    const mpol_model *model;
    const mpol_automaton *automaton;
    const mpol_paths *paths;
    const mpol_names_table *names;
    const mpol_classes *classes;
    const mpol_matrix *matrix;
    mpol_values *lists; /* emitting adds its own */
} mpol_parts;

/* NULL when it would be larger than MPOL_LIMIT_IMAGE_BYTES. From the pool. */
const mpol_bytes *mpol_emit(apr_pool_t *pool, const mpol_parts *parts);

#endif
