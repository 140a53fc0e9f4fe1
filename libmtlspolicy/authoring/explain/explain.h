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
/* The holder of any certificate of this identity; false when the policy has none of that name. */
bool mpol_caller_identity(const mpol_image *image, const char *name, mpol_caller *caller);
/* The holder of the certificates in `pem`: the leaf, then intermediates. The path is built without
 * a look at dates, to the CA certificates of the policy. `name` stands for the text in errors. */
mpol_status mpol_caller_certificate(const mpol_image *image, mpol_bytes pem, const char *name,
                                    mpol_caller *caller, mpol_error *error) MPOL_MUST_CHECK;
void mpol_caller_clear(mpol_caller *caller);

/* "METHOD URL" taken apart; the parts lie in `text`. */
typedef struct mpol_request_line {
    mpol_bytes method;
    mpol_bytes host;
    mpol_bytes target;
    bool tls; /* https */
} mpol_request_line;

/* False when it is not of that form with http or https. */
bool mpol_request_line_parse(const char *text, mpol_request_line *line);

/* Decide. `address` may be NULL, `now_s` is seconds since 1970. Scratch memory is the pool's. */
void mpol_explain(apr_pool_t *pool, const mpol_image *image, const mpol_request_line *line,
                  const mpol_caller *caller, const uint8_t *address, int64_t now_s,
                  mpol_decision *decision);

#endif
