/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TOOL_EXPLAIN_H
#define POLICY_TOOL_EXPLAIN_H
/* Shared by the files of the verb explain. */

#include "explain/explain.h"
#include "tool.h"

/* What the command line asks. */
typedef struct tool_question {
    const char *request;
    const char *host; /* NULL: not given */
    bool no_host;
    const char *certificate;
    const char *authorities;
    const char *csr;
    const char *issuer;
    const char *identity;
    bool nobody;
    apr_array_header_t *given; /* mpol_given */
    const char *from;
    const char *at;
    uint8_t address[MPOL_ADDRESS_BYTES];
    mpol_question asked; /* what all of that means */
} tool_question;

/* The caller that the options name. False when there is none (told). */
bool tool_find_caller(tool_call *call, const tool_question *q, const mpol_image *image,
                      mpol_caller *caller);

/* An answer, and what it is about. */
typedef struct tool_answer {
    const mpol_image *image;
    const mpol_caller *caller;
    const mpol_question *asked;
    mpol_decision decision;
    bool about_later;
} tool_answer;

void tool_tell_answer(tool_call *call, const tool_answer *answer);

#endif
