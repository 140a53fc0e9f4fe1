/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_DIAGNOSTICS_H
#define MPOL_MODEL_DIAGNOSTICS_H
/* What is wrong with a policy document: every problem of one run, each with its place and its mend.
 */

#include "base/bytes.h"
#include "base/error.h"

#include <apr_pools.h>
#include <apr_tables.h>
#include <stdio.h>

typedef enum mpol_severity { MPOL_NOTE, MPOL_WARNING, MPOL_ERROR } mpol_severity;

/* X(enum suffix, code): the stable codes. */
#define MPOL_DIAGNOSTICS(X)                                                                        \
    X(JSON_SYNTAX, "json-syntax")                                                                  \
    X(JSON_ENCODING, "json-encoding")                                                              \
    X(JSON_TOO_DEEP, "json-too-deep")                                                              \
    X(DOCUMENT_TOO_LARGE, "document-too-large")                                                    \
    X(WRONG_TYPE, "wrong-type")                                                                    \
    X(UNKNOWN_KEY, "unknown-key")                                                                  \
    X(DUPLICATE_KEY, "duplicate-key")                                                              \
    X(MISSING_KEY, "missing-key")                                                                  \
    X(DUPLICATE_MEMBER, "duplicate-member")                                                        \
    X(EMPTY_LIST, "empty-list")                                                                    \
    X(BAD_NAME, "bad-name")                                                                        \
    X(RESERVED_NAME, "reserved-name")                                                              \
    X(BAD_NUMBER, "bad-number")                                                                    \
    X(BAD_TIME, "bad-time")                                                                        \
    X(BAD_NETWORK, "bad-network")                                                                  \
    X(BAD_TEXT, "bad-text")                                                                        \
    X(BAD_CERTIFICATE, "bad-certificate")                                                          \
    X(CERTIFICATE_UNREADABLE, "certificate-unreadable")                                            \
    X(CERTIFICATE_NOT_CA, "certificate-not-ca")                                                    \
    X(ISSUER_KEY_SHARED, "issuer-key-shared")                                                      \
    X(BAD_NAME_KIND, "bad-name-kind")                                                              \
    X(NAME_KIND_MISMATCH, "name-kind-mismatch")                                                    \
    X(BAD_IDENTITY_NAME, "bad-identity-name")                                                      \
    X(UNKNOWN_ISSUER, "unknown-issuer")                                                            \
    X(UNKNOWN_IDENTITY, "unknown-identity")                                                        \
    X(UNKNOWN_GROUP, "unknown-group")                                                              \
    X(GROUP_CYCLE, "group-cycle")                                                                  \
    X(BAD_HOST, "bad-host")                                                                        \
    X(BAD_METHOD, "bad-method")                                                                    \
    X(BAD_PATH, "bad-path")                                                                        \
    X(ROUTE_CONFLICT, "route-conflict")                                                            \
    X(ROUTE_TOO_COMPLEX, "route-too-complex")                                                      \
    X(UNKNOWN_ROUTE, "unknown-route")                                                              \
    X(UNKNOWN_TAG, "unknown-tag")                                                                  \
    X(BAD_EFFECT, "bad-effect")                                                                    \
    X(BAD_ACKNOWLEDGEMENT, "bad-acknowledgement")                                                  \
    X(EVERYONE_NOT_ACKNOWLEDGED, "everyone-not-acknowledged")                                      \
    X(EVERYONE_IN_DENY, "everyone-in-deny")                                                        \
    X(EVERYONE_DENIED, "everyone-denied")                                                          \
    X(EVERYONE_LEFT_OUT, "everyone-left-out")                                                      \
    X(ACKNOWLEDGE_UNNEEDED, "acknowledge-unneeded")                                                \
    X(VALIDITY_EMPTY, "validity-empty")                                                            \
    X(ENVIRONMENT_MIXED, "environment-mixed")                                                      \
    X(BAD_OID, "bad-oid")                                                                          \
    X(BAD_PIN, "bad-pin")                                                                          \
    X(ATTRIBUTE_CONFLICT, "attribute-conflict")                                                    \
    X(IDENTITY_OUTSIDE_ISSUER, "identity-outside-issuer")                                          \
    X(BAD_EXPECTS, "bad-expects")                                                                  \
    X(BAD_INTERNAL, "bad-internal")                                                                \
    X(INTERNAL_PREFLIGHT, "internal-preflight")                                                    \
    X(INTERNAL_IN_RULE, "internal-in-rule")                                                        \
    X(PREFLIGHT_OPEN, "preflight-open")                                                            \
    X(NOT_ACKNOWLEDGED, "not-acknowledged")                                                        \
    X(WIDE_GRANT, "wide-grant")                                                                    \
    X(DENY_CONDITION, "deny-condition")                                                            \
    X(EVERYONE_CONDITION, "everyone-condition")                                                    \
    X(BAD_USER, "bad-user")                                                                        \
    X(BAD_CAPTURE, "bad-capture")                                                                  \
    X(UNKNOWN_CAPTURE, "unknown-capture")                                                          \
    X(DENY_ESCAPABLE, "deny-escapable")                                                            \
    X(DENY_ENDS, "deny-ends")                                                                      \
    X(ISSUERS_CROSS_SIGN, "issuers-cross-sign")                                                    \
    X(TOO_MANY_COMBINATIONS, "too-many-combinations")                                              \
    X(NAMES_TOO_COMPLEX, "names-too-complex")                                                      \
    X(POLICY_TOO_LARGE, "policy-too-large")

typedef enum mpol_diagnostic_code {
#define MPOL_DIAGNOSTIC_ENUM(suffix, name) MPOL_DIAGNOSTIC_##suffix,
    MPOL_DIAGNOSTICS(MPOL_DIAGNOSTIC_ENUM)
#undef MPOL_DIAGNOSTIC_ENUM
        MPOL_DIAGNOSTIC_COUNT
} mpol_diagnostic_code;

typedef struct mpol_diagnostic {
    mpol_diagnostic_code code;
    mpol_severity severity;
    uint32_t offset;     /* of the place in the document, in bytes */
    uint32_t line;       /* from 1 */
    uint32_t column;     /* from 1, in code points */
    const char *pointer; /* RFC 6901; "" is the whole document */
    const char *text;    /* what is wrong: one sentence */
    const char *fix;     /* how to mend it: one sentence */
} mpol_diagnostic;

/* The diagnostics of one document. */
typedef struct mpol_diagnostics {
    apr_pool_t *pool;
    const char *file;          /* as the user named it */
    mpol_bytes text;           /* the document; borrowed */
    apr_array_header_t *lines; /* uint32_t, offsets of line starts; made when first needed */
    apr_array_header_t *list;  /* mpol_diagnostic */
    uint32_t errors;
    uint32_t warnings;
    uint32_t dropped; /* beyond the most that are kept */
    uint32_t kept[3]; /* by severity */
} mpol_diagnostics;

#define MPOL_DIAGNOSTICS_KEPT 1000

/* An empty collection for `text`, which must outlive it. */
mpol_diagnostics *mpol_diagnostics_make(apr_pool_t *pool, const char *file, mpol_bytes text);

/* Add one at byte `offset`. When there are MPOL_DIAGNOSTICS_KEPT, it takes the place of the last
 * note, or else warning, if it weighs more than that. `text` is a printf format; `pointer` and
 * `fix` are copied. */
void mpol_diagnostics_add(mpol_diagnostics *diagnostics, mpol_severity severity,
                          mpol_diagnostic_code code, uint32_t offset, const char *pointer,
                          const char *fix, const char *text, ...) MPOL_PRINTF(7, 8);

/* Sort by place; call once all are in. */
void mpol_diagnostics_sort(mpol_diagnostics *diagnostics);

/* Print all, one paragraph each: "FILE:LINE:COLUMN: severity: text [code]" and the mend below it.
 */
void mpol_diagnostics_print(const mpol_diagnostics *diagnostics, FILE *out);

const char *mpol_diagnostic_code_name(mpol_diagnostic_code code);

/* Bytes of the document or of a certificate, safe to print: controls and what is not UTF-8 escaped,
 * at most 80 characters. Allocated from the pool. */
const char *mpol_quote(apr_pool_t *pool, mpol_bytes bytes);

#endif
