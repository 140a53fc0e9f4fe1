/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_IDENTITIES_H
#define MPOL_MATCH_IDENTITIES_H
/* Which identities a certificate is: by its names, its attributes and its pins. */

#include "image/view.h"
#include "match/facts.h"

/* Identities that a name or a pin stands for, and whether the issuer may assert it. */
typedef struct mpol_candidates {
    uint32_t list;
    bool inside;
} mpol_candidates;

/* What a well-formed name of one of the issuer's kinds stands for. */
mpol_candidates mpol_identities_of_name(const mpol_image *image, uint32_t issuer, uint32_t naming,
                                        mpol_bytes name);

/* Does a name of a certificate belong to this kind? */
bool mpol_name_is_of(const mpol_image *image, uint32_t naming, const mpol_name *name);

/* The one value of an attribute in the subject; false when there is none, are several, or it is
 * malformed. */
bool mpol_attribute_of(const mpol_facts *facts, mpol_bytes oid, mpol_bytes *value);

/* The class of the clients of `issuer` that have these facts, whose names stand for the identities
 * of `lists`; MPOL_NONE when the image knows no such set of identities. */
uint32_t mpol_class_find(const mpol_image *image, uint32_t issuer, const mpol_facts *facts,
                         const uint32_t *lists, uint32_t count);

/* The list of identities that this digest is a pin of; MPOL_LIST_EMPTY without any. */
uint32_t mpol_pinned(const mpol_image *image, uint32_t kind, const uint8_t digest[32]);

#endif
