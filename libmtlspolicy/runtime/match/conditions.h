/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_CONDITIONS_H
#define MPOL_MATCH_CONDITIONS_H
/* The conditions of one rule, for one request of one client. */

#include "match/decide.h"
#include "match/verdict.h"

/* What conditions look at. */
typedef struct mpol_circumstances {
    const mpol_image *image;
    const mpol_request *request;
    const mpol_client *client;
    uint32_t captures; /* list that the route gave */
} mpol_circumstances;

/* All conditions of a rule that has any, together; `flags` are the rule's. */
mpol_verdict mpol_conditions_judge_all(const mpol_circumstances *c, uint32_t rule, uint32_t flags);

/* All conditions of a rule together; most have none. */
static inline mpol_verdict mpol_conditions_judge(const mpol_circumstances *c, uint32_t rule) {
    uint32_t flags = MPOL_U32(c->image, RULES, rule, MPOL_RULE_FLAGS);
    return (flags & ~(uint32_t)MPOL_RULE_DENY) == 0 ? MPOL_VERDICT_TRUE
                                                    : mpol_conditions_judge_all(c, rule, flags);
}

/* The conditions of a rule that are not true, one bit each: 1 << mpol_condition. */
typedef struct mpol_lacking {
    uint32_t fails;   /* those that are false */
    uint32_t unknown; /* those that cannot be judged */
} mpol_lacking;

mpol_lacking mpol_conditions_lacking(const mpol_circumstances *c, uint32_t rule);

#endif
