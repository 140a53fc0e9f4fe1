/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_NAMES_H
#define MPOL_COMPILE_NAMES_H
/* Which identities each name stands for: exact names in a table, patterns as states. */

#include "compile/automaton.h"
#include "model/diagnostics.h"

/* A name that the policy writes exactly. */
typedef struct mpol_exact {
    uint64_t hash;
    uint32_t naming; /* index, over all issuers */
    mpol_bytes value;
    uint32_t identities; /* list: those it stands for, patterns among them */
    bool inside;         /* the issuer may assert it */
} mpol_exact;

/* What a name that is not written exactly stands for. */
typedef struct mpol_name_end {
    uint32_t identities; /* list */
    uint32_t inside;
} mpol_name_end;

typedef struct mpol_naming_start {
    const mpol_naming *naming;
    uint32_t issuer;
    uint32_t state; /* where its patterns begin, or MPOL_NONE */
} mpol_naming_start;

typedef struct mpol_names_table {
    apr_array_header_t *namings; /* mpol_naming_start, by issuer */
    uint32_t *first_naming;      /* by issuer, and one more behind the last */
    apr_array_header_t *exact;   /* mpol_exact, by hash, naming, value */
    mpol_values *ends;           /* mpol_name_end */
    apr_array_header_t *sets;    /* mpol_name_set: every set that one name can stand for */
    uint32_t first_state;
} mpol_names_table;

/* A set of identities that one name of an issuer stands for, which the issuer may assert. */
typedef struct mpol_name_set {
    uint32_t issuer;
    uint32_t identities; /* list */
} mpol_name_set;

/* Put the states of all patterns behind those of the paths; lists are numbered in `lists`. NULL
 * when they would take too many: reported as names-too-complex, or, for their length, as
 * policy-too-large. */
mpol_names_table *mpol_names_build(mpol_automaton *automaton, const mpol_model *model,
                                   mpol_values *lists, mpol_diagnostics *diagnostics);

#endif
