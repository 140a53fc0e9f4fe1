/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_VERDICT_H
#define MPOL_MATCH_VERDICT_H

/* A condition, or all those of a rule: false wins over unknown, unknown over true. */
typedef enum mpol_verdict {
    MPOL_VERDICT_FALSE,
    MPOL_VERDICT_UNKNOWN,
    MPOL_VERDICT_TRUE,
} mpol_verdict;

#endif
