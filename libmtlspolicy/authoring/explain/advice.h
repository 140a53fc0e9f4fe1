/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_EXPLAIN_ADVICE_H
#define MPOL_EXPLAIN_ADVICE_H
/* What a reason means for the person who wants the request to be allowed: one row for each reason,
 * read by mtls-policy explain and by the page docs/WHY-DENIED.md. */

#include "base/reason.h"
#include "match/decide.h"

typedef struct mpol_advice {
    /* How far the request came: "policy", "route", "method", "connection", "certificate",
     * "issuer", "name", "rule" or "condition"; NULL for what is allowed. */
    const char *stage;
    const char *next;   /* what to do, in one line; NULL for what is allowed */
    const char *causes; /* what usually is behind it: some sentences */
} mpol_advice;

/* Static. */
const mpol_advice *mpol_advice_on(mpol_reason reason);
/* What to do where this condition does not hold, in one line; NULL for none. Static. */
const char *mpol_advice_on_condition(mpol_condition condition);

#endif
