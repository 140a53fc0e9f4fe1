/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_CLIENT_H
#define MPOL_MATCH_CLIENT_H
/* Who a client is to one policy: worked out once a connection, then looked at by every request. */

#include "base/reason.h"
#include "image/view.h"
#include "match/facts.h"

/* The value of a capture, for a client that is given by its identity. */
typedef struct mpol_given {
    mpol_bytes capture;
    mpol_bytes value;
} mpol_given;

typedef struct mpol_client {
    mpol_reason before_dates; /* ALLOWED, or what fails before dates are looked at */
    mpol_reason after_dates;  /* ALLOWED, or what fails after them */
    int64_t not_before_s;     /* of the certificates below the trust anchor */
    int64_t not_after_s;
    uint32_t issuer;   /* MPOL_NONE until known; so for the next two */
    uint32_t class;    /* what decides */
    uint32_t identity; /* the one named in logs, MPOL_NONE for a client that is none */
    uint32_t crossed;  /* rows of denials for other issuers on the path */
    uint32_t cross_rows[MPOL_LIMIT_PATH_CERTIFICATES];
    mpol_name_kind kind; /* of the name in logs; with its OID where that is an attribute */
    mpol_bytes oid;
    mpol_bytes name; /* borrowed from the facts or the image; empty when missing or ambiguous */
    const mpol_facts *facts; /* NULL for a client that is given by its identity */
    const mpol_given *given; /* for that one */
    uint32_t given_count;
} mpol_client;

/* Fill `client` from the facts of a connection, which must outlive it. No allocation. */
void mpol_client_resolve(const mpol_image *image, const mpol_facts *facts, mpol_client *client);

/* The client that is this identity and what it implies, with a certificate that does not run out;
 * `given` are the values of captures in its name, which must outlive it. */
void mpol_client_of_identity(const mpol_image *image, uint32_t identity, const mpol_given *given,
                             uint32_t given_count, mpol_client *client);

#endif
