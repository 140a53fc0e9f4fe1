/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_FACTS_H
#define MPOL_MATCH_FACTS_H
/* What is known of a client from its TLS connection, whatever policy is asked about it. */

#include "base/bytes.h"
#include "base/limits.h"
#include "image/format.h"

typedef enum mpol_tls_state {
    MPOL_TLS_ABSENT = 0,  /* the connection is not TLS */
    MPOL_TLS_UNAVAILABLE, /* TLS, but its certificate cannot be looked at */
    MPOL_TLS_PRESENT,
} mpol_tls_state;

/* One name in a certificate. A URI stands here twice: as URI and as SPIFFE ID. */
typedef struct mpol_name {
    mpol_name_kind kind;
    bool malformed;   /* it breaks the rules of its kind */
    mpol_bytes oid;   /* in dots, of MPOL_NAME_ATTRIBUTE; else NULL data */
    mpol_bytes value; /* in the form in which names are compared; as it stands when malformed */
} mpol_name;

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
    const mpol_name *names; /* all names of the leaf and all attributes of its subject */
    uint32_t name_count;
    uint8_t sha256[32];      /* of the leaf's DER */
    uint8_t spki_sha256[32]; /* of the leaf's DER SubjectPublicKeyInfo */
} mpol_facts;

#endif
