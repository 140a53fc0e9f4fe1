/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_CLIENT_H
#define MPOL_MATCH_CLIENT_H
/* Who a client is to one policy: worked out once a connection, then looked at by every request. */

#include "base/reason.h"
#include "image/view.h"
#include "match/facts.h"

typedef struct mpol_client {
    mpol_reason before_dates; /* ALLOWED, or what fails before dates are looked at */
    mpol_reason after_dates;  /* ALLOWED, or what fails after them */
    int64_t not_before_s;     /* of the certificates below the trust anchor */
    int64_t not_after_s;
    uint32_t issuer;   /* MPOL_NONE until known; so for the next three */
    uint32_t class;    /* what decides */
    uint32_t identity; /* the one named in logs: the lowest of the class */
    mpol_name_kind kind;
    mpol_bytes name; /* the certificate's name as compared, borrowed from the facts or the image;
                      * empty when it is missing, ambiguous or malformed */
} mpol_client;

/* Fill `client` from the facts of a connection. No allocation. */
void mpol_client_resolve(const mpol_image *image, const mpol_facts *facts, mpol_client *client);

/* The client that is exactly this identity, with a certificate that does not run out. */
void mpol_client_of_identity(const mpol_image *image, uint32_t identity, mpol_client *client);

#endif
