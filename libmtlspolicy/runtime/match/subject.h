/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_SUBJECT_H
#define MPOL_MATCH_SUBJECT_H
/* A whole subject as one text, so that equal subjects have equal texts: RFC 4514 with one way to
 * write each thing. */

#include "base/bytes.h"

/* An attribute of a subject. */
typedef struct mpol_ava {
    uint32_t rdn;     /* which RDN it belongs to, in the order of the certificate */
    mpol_bytes oid;   /* in dots */
    mpol_bytes value; /* UTF-8 without control characters */
} mpol_ava;

/* Write `count` attributes, ascending by RDN, to `out`, which takes `room` bytes: the last RDN
 * first, attributes of an RDN sorted by type and value, types of RFC 4514 section 3 by their short
 * name and others in dots. Returns the length; 0 when there is nothing or it does not fit. */
uint32_t mpol_subject_write(const mpol_ava *avas, uint32_t count, uint8_t *out, uint32_t room);

/* The short names of RFC 4514 section 3, ended by a NULL name. */
typedef struct mpol_short_type {
    const char *name;
    const char *oid;
} mpol_short_type;
extern const mpol_short_type mpol_short_types[];

#endif
