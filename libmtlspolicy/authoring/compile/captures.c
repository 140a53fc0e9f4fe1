/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/captures.h"

#include "model/members.h"

mpol_strings *mpol_captures_make(apr_pool_t *pool, const mpol_model *model) {
    mpol_strings *captures = mpol_strings_make(pool);
    for (int r = 0; r < model->rules->nelts; r++) {
        const mpol_rule *rule = MPOL_AT(model->rules, r, mpol_rule);
        for (int i = 0; i < rule->sames->nelts; i++) {
            const mpol_same *same = MPOL_AT(rule->sames, i, mpol_same);
            mpol_strings_add(captures, same->path);
            if (same->kind == MPOL_SAME_CAPTURE)
                mpol_strings_add(captures, same->source);
        }
    }
    mpol_strings_settle(captures);
    return captures;
}

uint32_t mpol_captures_list(const mpol_strings *captures, mpol_values *lists,
                            const apr_array_header_t *segments) {
    apr_array_header_t *list = apr_array_make(lists->pool, 2, sizeof(uint32_t));
    for (int i = 0; i < segments->nelts; i++) {
        mpol_bytes name = MPOL_AT(segments, i, mpol_segment)->capture;
        uint32_t capture = mpol_strings_id(captures, name);
        if (capture != MPOL_NONE)
            APR_ARRAY_PUSH(list, uint32_t) = capture << MPOL_CAPTURE_SHIFT | (uint32_t)i;
    }
    mpol_list_settle(list);
    return mpol_values_list(lists, list);
}
