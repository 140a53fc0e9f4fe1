/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_MATRIX_H
#define MPOL_COMPILE_MATRIX_H
/* Who may do what, as a table: clients with the same rules share a row, routes with the same rules
 * a column, and what stands in a cell is the list of rules that join the two. */

#include "compile/intern.h"
#include "model/diagnostics.h"
#include "model/model.h"

/* What one name from one issuer amounts to. */
typedef struct mpol_principal {
    uint64_t hash;
    uint32_t issuer;
    mpol_bytes value;
    uint32_t class; /* principals and classes are numbered alike: one class each */
} mpol_principal;

typedef struct mpol_class {
    uint32_t row;
    uint32_t identities; /* list */
    uint32_t groups;     /* list */
} mpol_class;

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
    apr_array_header_t *principals; /* mpol_principal, by hash, issuer, value */
    apr_array_header_t *classes;    /* mpol_class */
    apr_array_header_t *rows;       /* mpol_row; row 0 is everyone's */
    apr_array_header_t *entries;    /* mpol_entry */
    mpol_values *cells;             /* pairs of lists: deny, allow */
    mpol_values *lists;
    uint32_t *route_class; /* by route */
} mpol_matrix;

/* NULL when it would be too large: reported as policy-too-large. */
mpol_matrix *mpol_matrix_build(apr_pool_t *pool, const mpol_model *model,
                               mpol_diagnostics *diagnostics);

#endif
