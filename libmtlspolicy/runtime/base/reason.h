/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_BASE_REASON_H
#define MPOL_BASE_REASON_H
/* Every reason a decision can have, once: logs, command line, tests and documentation read this
 * table. The order is the order of checks; the first that fails is the reason (docs/POLICY.md). */

#include <stdbool.h>

/* X(enum suffix, name, HTTP status, sentence) */
#define MPOL_REASONS(X)                                                                            \
    X(POLICY_UNAVAILABLE, "policy-unavailable", 500, "no usable compiled policy is loaded here")   \
    X(POLICY_EXPIRED, "policy-expired", 503, "the policy's valid_until has passed")                \
    X(INTERNAL_ERROR, "internal-error", 500, "the server could not judge the request")             \
    X(METHOD_UNSUPPORTED, "method-unsupported", 403,                                               \
      "CONNECT, TRACE and OPTIONS * are never allowed")                                            \
    X(HOST_MISSING, "host-missing", 403, "the request names no host")                              \
    X(HOST_MALFORMED, "host-malformed", 403, "the host is no DNS name and no IP address")          \
    X(AMBIGUOUS_PATH, "ambiguous-path", 403, "the path can be read in more than one way")          \
    X(ROUTE_UNKNOWN, "route-unknown", 403, "no route of this host takes this path from a client")   \
    X(METHOD_NOT_ON_ROUTE, "method-not-on-route", 403, "the path is known, its method is not")     \
    X(METHOD_OVERRIDE, "method-override", 403,                                                     \
      "a header names another method or path than the request line")                               \
    X(TLS_ABSENT, "tls-absent", 403, "the connection is not TLS")                                  \
    X(TLS_UNAVAILABLE, "tls-unavailable", 500,                                                     \
      "the client certificate of this connection cannot be looked at")                             \
    X(VHOST_MISMATCH, "vhost-mismatch", 421,                                                       \
      "the connection was made for another virtual host, which verifies clients otherwise")        \
    X(NO_CERTIFICATE, "no-certificate", 403, "the client sent no certificate")                     \
    X(CERTIFICATE_NOT_VERIFIED, "certificate-not-verified", 403,                                   \
      "TLS did not verify the client's certificate")                                               \
    X(CERTIFICATE_MALFORMED, "certificate-malformed", 403, "the certificate cannot be read")       \
    X(ISSUER_NOT_ESTABLISHED, "issuer-not-established", 403,                                       \
      "this resumed session carries no record of who issued the certificate")                      \
    X(ISSUER_UNKNOWN, "issuer-unknown", 403, "no CA on the certificate's path is in the policy")   \
    X(CERTIFICATE_EXPIRED, "certificate-expired", 403, "a certificate of the path has expired")    \
    X(CERTIFICATE_NOT_YET_VALID, "certificate-not-yet-valid", 403,                                 \
      "a certificate of the path is not valid yet")                                                \
    X(NAME_MISSING, "name-missing", 403, "the certificate has no name of its issuer's kind")       \
    X(NAME_AMBIGUOUS, "name-ambiguous", 403, "the certificate has several such names")             \
    X(NAME_MALFORMED, "name-malformed", 403,                                                       \
      "the certificate's name breaks the rules of its kind")                                       \
    X(NAME_OUTSIDE_ISSUER, "name-outside-issuer", 403, "its issuer may not assert this name")      \
    X(IDENTITY_UNKNOWN, "identity-unknown", 403, "no identity of the policy is this client")       \
    X(DENIED_BY_RULE, "denied-by-rule", 403, "a deny rule applies")                                \
    X(INDETERMINATE, "indeterminate", 403, "a condition could not be judged")                      \
    X(ALLOWED, "allowed", 200, "a rule allows it, or the route itself")                              \
    X(USER_REQUIRED, "user-required", 403, "a rule would allow an authenticated user")             \
    X(CONDITION_NOT_MET, "condition-not-met", 403, "a rule would allow, but a condition fails")    \
    X(NO_RULE, "no-rule", 403, "no rule joins this client to this route")                          \
    X(NOT_ON_REQUIRE_LINE, "not-on-require-line", 403,                                             \
      "the policy allows, the names on the Require line do not")

typedef enum mpol_reason {
#define MPOL_REASON_ENUM(suffix, name, status, sentence) MPOL_REASON_##suffix,
    MPOL_REASONS(MPOL_REASON_ENUM)
#undef MPOL_REASON_ENUM
        MPOL_REASON_COUNT
} mpol_reason;

/* The stable name, for example "no-rule". Static. */
const char *mpol_reason_name(mpol_reason reason);
/* One sentence for people, in English. Static. */
const char *mpol_reason_sentence(mpol_reason reason);
/* The HTTP status a server answers with: 200, 403, 421, 500 or 503. */
int mpol_reason_http_status(mpol_reason reason);

#endif
