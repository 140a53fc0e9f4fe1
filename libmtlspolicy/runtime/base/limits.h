/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_BASE_LIMITS_H
#define MPOL_BASE_LIMITS_H
/* Every maximum the engine knows, in one place. docs/FORMAT.md and docs/POLICY.md state them. */

#define MPOL_LIMIT_IMAGE_BYTES 0x40000000u  /* compiled policy, 1 GiB */
#define MPOL_LIMIT_SOURCE_BYTES 0x10000000u /* policy document, 256 MiB */
/* Bytes hashed while an image is checked: many elements may name one long string. */
#define MPOL_LIMIT_HASH_WORK 0x40000000u
#define MPOL_LIMIT_NAME_BYTES 64u   /* name of a policy, issuer, identity, ... */
#define MPOL_LIMIT_TEXT_BYTES 1024u /* owner, ticket, note */
#define MPOL_LIMIT_PATTERN_BYTES 8192u
#define MPOL_LIMIT_PATTERN_SEGMENTS 64u
#define MPOL_LIMIT_METHOD_BYTES 32u
#define MPOL_LIMIT_HOST_BYTES 253u
#define MPOL_LIMIT_LABEL_BYTES 63u
#define MPOL_LIMIT_SPIFFE_BYTES 2048u
#define MPOL_LIMIT_TRUST_DOMAIN_BYTES 255u
#define MPOL_LIMIT_URI_BYTES 2048u
#define MPOL_LIMIT_EMAIL_LOCAL_BYTES 64u
#define MPOL_LIMIT_CN_BYTES 256u /* and of every other name that is free text */
#define MPOL_LIMIT_SUBJECT_BYTES 2048u
#define MPOL_LIMIT_OID_BYTES 128u
/* Names that a certificate of an any-of issuer may carry. */
#define MPOL_LIMIT_CLIENT_NAMES 16u
/* Sets of identities that no single one gives. */
#define MPOL_LIMIT_COMBINATIONS 4096u
/* Certificates of a verified path that are kept as evidence; longer paths are never established. */
#define MPOL_LIMIT_PATH_CERTIFICATES 16u

#endif
