/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reason.h"

typedef struct reason_row {
    const char *name;
    const char *sentence;
    int http_status;
} reason_row;

static const reason_row rows[MPOL_REASON_COUNT] = {
#define REASON_ROW(suffix, name, status, sentence) {name, sentence, status},
    MPOL_REASONS(REASON_ROW)
#undef REASON_ROW
};

static const reason_row *row_of(mpol_reason reason) {
    return &rows[reason < MPOL_REASON_COUNT ? reason : MPOL_REASON_INTERNAL_ERROR];
}

const char *mpol_reason_name(mpol_reason reason) {
    return row_of(reason)->name;
}

const char *mpol_reason_sentence(mpol_reason reason) {
    return row_of(reason)->sentence;
}

int mpol_reason_http_status(mpol_reason reason) {
    return row_of(reason)->http_status;
}
