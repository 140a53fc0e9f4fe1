/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_COMPILE_EMITTER_H
#define MPOL_COMPILE_EMITTER_H
/* Shared by the parts that write the image's sections; not for others. */

#include "compile/buffer.h"
#include "compile/emit.h"
#include "model/members.h"

typedef struct mpol_emitter {
    apr_pool_t *pool;
    const mpol_parts *parts;
    const mpol_model *model;
    mpol_strings *strings;
    mpol_strings *captures;
    mpol_members *members;
    mpol_buffer section[MPOL_SECTION_COUNT];
} mpol_emitter;

/* The number of a string, MPOL_NONE for NULL data. */
static inline uint32_t mpol_emit__id(const mpol_emitter *e, mpol_bytes text) {
    return mpol_strings_id(e->strings, text);
}

/* How many elements a section has so far. */
#define COUNT(e, KIND) ((uint32_t)((e)->section[MPOL_##KIND].len / MPOL_##KIND##_BYTES))

/* FORMAT chapters 5 and 6 (emit_clients.c), 7 and 8, and 9 (emit_rules.c). */
void mpol_emit__issuers(mpol_emitter *e);
void mpol_emit__clients(mpol_emitter *e);
void mpol_emit__rows(mpol_emitter *e);
void mpol_emit__rules(mpol_emitter *e);
void mpol_emit__states(mpol_emitter *e);
void mpol_emit__routes(mpol_emitter *e);

#endif
