/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_DECIDE_H
#define MPOL_MATCH_DECIDE_H
/* May this client make this request? Pure: no allocation, no lock, no clock; safe from any thread.
 */

#include "match/client.h"
#include "match/target.h"

#define MPOL_TIME_UNKNOWN INT64_MIN

/* Is this a header by which some servers take another method or path than the request line's? */
bool mpol_is_override_header(mpol_bytes name);

/* How a path was come to. */
typedef enum mpol_arrival {
    MPOL_ARRIVAL_CLIENT, /* the client asked for it */
    MPOL_ARRIVAL_LATER,  /* the server goes on to it from a path that the client was allowed */
    MPOL_ARRIVAL_ERROR,  /* the server shows it for an error */
} mpol_arrival;

/* What a request asks for, before anybody looks at who asks. */
typedef struct mpol_request {
    mpol_bytes method;
    mpol_bytes host;           /* as sent or as httpd has it; NULL data for none */
    const mpol_target *target; /* parsed by mpol_target_parse */
    const uint8_t *address;    /* 16 bytes, IPv4 mapped into IPv6; NULL when not known */
    int64_t now_s;             /* seconds since 1970, or MPOL_TIME_UNKNOWN */
    mpol_bytes user;           /* whom another module authenticated; NULL data for nobody */
    mpol_arrival arrival;
    bool preflight;       /* OPTIONS with Origin and Access-Control-Request-Method */
    bool method_override; /* a header names another method or path */
} mpol_request;

/* The names of a Require line: sorted indices into the policy's identities and groups. */
typedef struct mpol_name_filter {
    const uint32_t *identities;
    const uint32_t *groups;
    uint32_t identity_count;
    uint32_t group_count;
} mpol_name_filter;

/* X(enum suffix, name): the conditions of rules, in the order in which they are named. */
#define MPOL_CONDITIONS(X)                                                                         \
    X(NONE, "")                                                                                    \
    X(NETWORKS, "networks")                                                                        \
    X(VALID_FROM, "valid_from")                                                                    \
    X(VALID_UNTIL, "valid_until")                                                                  \
    X(USERS, "users")                                                                              \
    X(SAME, "same")

typedef enum mpol_condition {
#define MPOL_CONDITION_ENUM(suffix, name) MPOL_CONDITION_##suffix,
    MPOL_CONDITIONS(MPOL_CONDITION_ENUM)
#undef MPOL_CONDITION_ENUM
        MPOL_CONDITION_COUNT
} mpol_condition;

typedef struct mpol_decision {
    mpol_reason reason; /* MPOL_REASON_ALLOWED is the only yes */
    uint32_t route;     /* these four MPOL_NONE when they do not apply */
    uint32_t rule;
    uint32_t identity;
    uint32_t issuer;
    mpol_condition condition; /* what the rule lacks, with condition-not-met and user-required */
    bool
        not_on_line; /* with user-required: a user would not help, the Require lines leave it out */
} mpol_decision;

/* A decision that names nothing but its reason. */
static inline mpol_decision mpol_decision_of(mpol_reason reason) {
    return (mpol_decision){reason,    MPOL_NONE,           MPOL_NONE, MPOL_NONE,
                           MPOL_NONE, MPOL_CONDITION_NONE, false};
}

/* As rules spell it. Static; "" for none. */
const char *mpol_condition_name(mpol_condition condition);

/* Decide. `filters` are the Require lines in force, all of which must name the client; none when
 * `filter_count` is 0. */
void mpol_decide(const mpol_image *image, const mpol_request *request, const mpol_client *client,
                 const mpol_name_filter *filters, uint32_t filter_count, mpol_decision *decision);

#endif
