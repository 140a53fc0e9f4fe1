/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_DECIDE_H
#define MPOL_MATCH_DECIDE_H
/* May this client make this request? Pure: no allocation, no lock, no clock; safe from any thread.
 */

#include "match/client.h"
#include "match/target.h"

#define MPOL_TIME_UNKNOWN INT64_MIN

/* What a request asks for, before anybody looks at who asks. */
typedef struct mpol_request {
    mpol_bytes method;
    mpol_bytes host;           /* as sent or as httpd has it; NULL data for none */
    const mpol_target *target; /* parsed by mpol_target_parse */
    const uint8_t *address;    /* 16 bytes, IPv4 mapped into IPv6; NULL when not known */
    int64_t now_s;             /* seconds since 1970, or MPOL_TIME_UNKNOWN */
} mpol_request;

/* The names of a Require line: sorted indices into the policy's identities and groups. */
typedef struct mpol_name_filter {
    const uint32_t *identities;
    const uint32_t *groups;
    uint32_t identity_count;
    uint32_t group_count;
} mpol_name_filter;

typedef struct mpol_decision {
    mpol_reason reason; /* MPOL_REASON_ALLOWED is the only yes */
    uint32_t route;     /* these four MPOL_NONE when they do not apply */
    uint32_t rule;
    uint32_t identity;
    uint32_t issuer;
} mpol_decision;

/* Decide. `filters` are the Require lines in force, all of which must name the client; none when
 * `filter_count` is 0. */
void mpol_decide(const mpol_image *image, const mpol_request *request, const mpol_client *client,
                 const mpol_name_filter *filters, uint32_t filter_count, mpol_decision *decision);

#endif
