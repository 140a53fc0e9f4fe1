/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_MATRIX_H
#define MPOL_COMPILE_MATRIX_H
/* Who may do what, as a table: clients with the same rules share a row, routes with the same rules
 * a column, and what stands in a cell is the list of rules that join the two. */

#include "compile/classes.h"

typedef struct mpol_row {
    uint32_t default_cell; /* for route classes without an entry; or MPOL_NONE */
    uint32_t first_entry;
    uint32_t entry_count;
} mpol_row;

typedef struct mpol_entry {
    uint32_t route_class;
    uint32_t cell;
} mpol_entry;

typedef struct mpol_matrix {
    apr_array_header_t *rows;    /* mpol_row; row 0 is everyone's */
    apr_array_header_t *entries; /* mpol_entry */
    mpol_values *cells;          /* pairs of lists: deny, allow */
    mpol_values *lists;
    uint32_t *route_class; /* by route */
    uint32_t *cross_row;   /* by issuer: denials for whoever has it on the path, or MPOL_NONE */
} mpol_matrix;

/* Fill in rows and groups of the classes; lists are numbered in `lists`. NULL when it would be too
 * large: reported as policy-too-large. */
mpol_matrix *mpol_matrix_build(apr_pool_t *pool, const mpol_model *model, mpol_classes *classes,
                               mpol_values *lists, mpol_diagnostics *diagnostics);

#endif
