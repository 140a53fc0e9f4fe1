/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_EXPLAIN_EXPLAIN_H
#define MPOL_EXPLAIN_EXPLAIN_H
/* What a server with this policy would answer, asked offline: the same matcher, the same reasons.
 */

#include "base/error.h"
#include "match/certificate.h"
#include "match/decide.h"

#include <apr_pools.h>

/* Who asks. */
typedef struct mpol_caller {
    mpol_client client;
    mpol_facts facts;
    mpol_certificate memory; /* owned; clear with mpol_caller_clear */
    char remark[256];        /* OpenSSL's words on a certificate that fails, or "" */
} mpol_caller;

/* Somebody without a certificate, over TLS or not. */
void mpol_caller_nobody(const mpol_image *image, bool tls, mpol_caller *caller);
/* The holder of any certificate of this identity, with values for captures of its name (`given`,
 * which must outlive the caller); false when the policy has none of that name. */
bool mpol_caller_identity(const mpol_image *image, const char *name, const mpol_given *given,
                          uint32_t given_count, mpol_caller *caller);
/* Does the name of this identity have a capture of this name? */
bool mpol_identity_captures(const mpol_image *image, const char *identity, mpol_bytes capture);
/* The holder of the certificates in `pem`: the leaf, then intermediates. The path is built without
 * a look at dates, to the CA certificates of the policy and to those in `trusted` (PEM; NULL data:
 * none). `name` stands for the text in errors. */
mpol_status mpol_caller_certificate(const mpol_image *image, mpol_bytes pem, const char *name,
                                    mpol_bytes trusted, mpol_caller *caller,
                                    mpol_error *error) MPOL_MUST_CHECK;
/* The holder of the certificate that the policy's issuer of that name would make of the request in
 * `pem` (PKCS #10), with its subject and the alternative names it asks for, and without an end. */
mpol_status mpol_caller_csr(const mpol_image *image, mpol_bytes pem, const char *name,
                            const char *issuer, mpol_caller *caller,
                            mpol_error *error) MPOL_MUST_CHECK;
void mpol_caller_clear(mpol_caller *caller);

/* What is asked, taken apart; the parts lie in `text`. */
typedef struct mpol_request_line {
    mpol_bytes method;
    mpol_bytes host; /* NULL data: the request has none */
    mpol_bytes target;
    bool tls; /* https */
} mpol_request_line;

/* "METHOD URL", or "METHOD TARGET" as it stands in a request, which then is one over TLS to `host`
 * (NULL: none is known). False when it is neither. */
bool mpol_request_line_parse(const char *text, const char *host, mpol_request_line *line);

/* A request and what surrounds it. */
typedef struct mpol_question {
    mpol_request_line line;
    const uint8_t *address; /* 16 bytes, or NULL when it is not known */
    int64_t now_s;          /* seconds since 1970 */
    mpol_bytes user;        /* NULL data: nobody authenticated */
    bool origin;            /* the header Origin is there */
    bool request_method;    /* the header Access-Control-Request-Method is there */
    bool method_override;   /* a header names another method or path */
    const char *later;      /* a path that the server goes on to, or NULL */
} mpol_question;

/* Note a header, as "Name: value" or its name alone. */
void mpol_question_header(mpol_question *question, const char *header);

/* Decide. `*about_later` tells that the decision is about `later`, since the client's own path was
 * allowed. Scratch memory is the pool's. */
void mpol_explain(apr_pool_t *pool, const mpol_image *image, const mpol_question *question,
                  const mpol_caller *caller, mpol_decision *decision, bool *about_later);

/* What the path or the headers hold that the route does not expect, as `expects` names it, with
 * commas between; NULL where that is not the reason, or where no route may expect it. */
const char *mpol_explain_unexpected(apr_pool_t *pool, const mpol_image *image,
                                    const mpol_question *question, const mpol_decision *decision,
                                    bool about_later);

/* What could not be judged, where the reason is indeterminate: the first such condition of the
 * rule. Else MPOL_CONDITION_NONE. */
mpol_condition mpol_explain_unknown(const mpol_image *image, const mpol_question *question,
                                    const mpol_decision *decision);

#endif
