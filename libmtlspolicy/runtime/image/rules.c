/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the format's rules; apart from check.c, which is proved and holds no text. */
#include "image/check.h"

typedef struct format_rule_row {
    const char *number;
    const char *sentence;
} format_rule_row;

static const format_rule_row rows[MPOL_FORMAT_COUNT] = {{"", "no rule is broken"},
#define FORMAT_ROW(suffix, number, sentence) {number, sentence},
                                                        MPOL_FORMAT_RULES(FORMAT_ROW)
#undef FORMAT_ROW
};

const char *mpol_format_rule_number(mpol_format_rule rule) {
    return rows[rule < MPOL_FORMAT_COUNT ? rule : 0].number;
}

const char *mpol_format_rule_sentence(mpol_format_rule rule) {
    return rows[rule < MPOL_FORMAT_COUNT ? rule : 0].sentence;
}
