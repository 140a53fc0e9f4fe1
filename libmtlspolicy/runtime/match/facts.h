/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_FACTS_H
#define MPOL_MATCH_FACTS_H
/* What is known of a client from its TLS connection, whatever policy is asked about it. */

#include "base/bytes.h"
#include "base/limits.h"

typedef enum mpol_tls_state {
    MPOL_TLS_ABSENT = 0,  /* the connection is not TLS */
    MPOL_TLS_UNAVAILABLE, /* TLS, but its certificate cannot be looked at */
    MPOL_TLS_PRESENT,
} mpol_tls_state;

/* The names of one kind in a certificate. */
typedef struct mpol_names {
    uint32_t count;   /* how many the certificate holds */
    mpol_bytes first; /* the first, when count > 0 */
} mpol_names;

/* The path TLS verified, without the leaf, as it can be carried in a session. */
typedef struct mpol_path {
    uint32_t count;                                 /* CA certificates, nearest first */
    uint8_t spki[MPOL_LIMIT_PATH_CERTIFICATES][32]; /* SHA-256 of SubjectPublicKeyInfo */
    int64_t not_before_s;                           /* of all below the trust anchor: latest */
    int64_t not_after_s;                            /* and earliest; seconds since 1970 */
} mpol_path;

typedef struct mpol_facts {
    mpol_tls_state tls;
    bool certificate; /* the client sent one */
    bool verified;    /* TLS verified it, as known right after the handshake */
    bool malformed;   /* it cannot be read */
    bool established; /* `path` is known */
    mpol_path path;
    mpol_names uri;
    mpol_names dns;
    mpol_names cn;
} mpol_facts;

#endif
