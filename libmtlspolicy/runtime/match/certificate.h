/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_CERTIFICATE_H
#define MPOL_MATCH_CERTIFICATE_H
/* From OpenSSL's certificates to facts: the one place where X.509 is read, for server and tools. */

#include "match/facts.h"

#include <openssl/x509v3.h>

/* What the facts of a certificate borrow. Owned; clear with mpol_certificate_clear. */
typedef struct mpol_certificate {
    GENERAL_NAMES *san;
    mpol_name *names;
    uint32_t count;
    uint32_t room;
    uint8_t **texts; /* names that had to be converted */
    uint32_t text_count;
    uint32_t text_room;
    bool failed; /* no memory */
} mpol_certificate;

/* Put the leaf's names and digests into `facts`, which borrow from `memory`. A certificate that
 * cannot be read sets facts->malformed. The leaf may be freed afterwards. */
void mpol_certificate_names(X509 *leaf, mpol_facts *facts, mpol_certificate *memory);
void mpol_certificate_clear(mpol_certificate *memory);

/* The path of a verified chain (leaf first, trust anchor last). False when a certificate cannot be
 * read or the path is longer than MPOL_LIMIT_PATH_CERTIFICATES. A chain of one has an empty path.
 */
bool mpol_path_read(const STACK_OF(X509) * chain, mpol_path *path);

/* Narrow the path's validity by one more certificate. False when its times cannot be read. */
bool mpol_path_narrow(mpol_path *path, const X509 *certificate);

/* SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). False when it cannot be read.
 */
bool mpol_spki_digest(X509 *certificate, uint8_t digest[32]);

/* Seconds since 1970 of an X.509 time. False when it is malformed. */
bool mpol_x509_time(const ASN1_TIME *time, int64_t *seconds);

/* What a TLS session carries so that a resumed connection knows what the full handshake verified:
 * it speaks of certificates only, never of a policy, because sessions outlive policies. */
#define MPOL_EVIDENCE_BYTES (1u + 4u + 8u + 8u + 1u + 32u * MPOL_LIMIT_PATH_CERTIFICATES)

/* Write the path and the handshake's verify result (an X509_V_ code); returns the length. */
uint32_t mpol_evidence_write(const mpol_path *path, uint32_t verify_result,
                             uint8_t out[MPOL_EVIDENCE_BYTES]);
/* Read it back. False unless it is exactly of this version and form. */
bool mpol_evidence_read(mpol_bytes evidence, mpol_path *path, uint32_t *verify_result);

#endif
