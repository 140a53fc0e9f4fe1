/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_CLASSES_H
#define MPOL_COMPILE_CLASSES_H
/* Every set of identities that one certificate can match: clients with the same set are one class.
 */

#include "compile/names.h"

typedef struct mpol_class {
    uint64_t hash;
    uint32_t issuer;
    uint32_t identities; /* list */
    uint32_t groups;     /* list; this and the next are the matrix's */
    uint32_t row;
    uint32_t identity; /* the one that logs name, or MPOL_NONE */
} mpol_class;

typedef struct mpol_classes {
    apr_array_header_t *list; /* mpol_class, by hash, issuer, list */
    uint32_t *of_identity;    /* by identity: the class of it and what it implies */
    uint32_t *of_nobody;      /* by issuer: the class of a client that is no identity */
    uint32_t combinations;    /* classes that no single identity gives */
} mpol_classes;

/* NULL when there are more combinations than may be: reported as too-many-combinations. */
mpol_classes *mpol_classes_build(apr_pool_t *pool, const mpol_model *model,
                                 const mpol_names_table *names, mpol_values *lists,
                                 mpol_diagnostics *diagnostics);

#endif
