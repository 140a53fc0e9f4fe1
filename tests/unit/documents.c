/* SPDX-License-Identifier: Apache-2.0 */
#include "documents.h"

#include <apr_strings.h>
#include <string.h>

const char *document_with(const char *members) {
    return TEXT("{\"name\":\"x\"%s%s}", members[0] != '\0' ? "," : "", members);
}

mpol_model *document_read(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    if (found->errors > 0)
        fail_msg("%s: %s", json, MPOL_AT(found->list, 0, mpol_diagnostic)->text);
    return model;
}

const char *document_codes(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    const char *list = "";
    for (int i = 0; i < found->list->nelts; i++)
        list = apr_pstrcat(
            support_pool(), list, i > 0 ? " " : "",
            mpol_diagnostic_code_name(MPOL_AT(found->list, i, mpol_diagnostic)->code), NULL);
    return list;
}

const char *document_places(const char *json) {
    mpol_model *model;
    mpol_diagnostics *found = support_read(json, &model);
    const char *list = "";
    for (int i = 0; i < found->list->nelts; i++) {
        const mpol_diagnostic *d = MPOL_AT(found->list, i, mpol_diagnostic);
        list = TEXT("%s%s%s %s", list, i > 0 ? "; " : "", mpol_diagnostic_code_name(d->code),
                    d->pointer);
    }
    return list;
}

static void expect(const char *json, const char *code, const char *at, bool alone) {
    mpol_model *model;
    const mpol_diagnostics *found = support_read(json, &model);
    const char *text = support_expand(json);
    bool met = false;
    if (alone && found->list->nelts != 1)
        fail_msg("%s: \"%s\", not %s alone", json, document_codes(json), code);
    for (int i = 0; i < found->list->nelts; i++) {
        const mpol_diagnostic *d = MPOL_AT(found->list, i, mpol_diagnostic);
        if (strcmp(mpol_diagnostic_code_name(d->code), code) != 0)
            continue;
        met = met || strncmp(text + d->offset, at, strlen(at)) == 0;
        if (!met && alone)
            fail_msg("%s: %s stands at %.60s, not at %s", json, code, text + d->offset, at);
    }
    if (!met)
        fail_msg("%s: \"%s\", not %s at %s", json, document_codes(json), code, at);
}

void document_expect(const char *json, const char *code, const char *at) {
    expect(json, code, at, true);
}

void document_expect_among(const char *json, const char *code, const char *at) {
    expect(json, code, at, false);
}

const char *document_replaced(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("%s is not in the document", from);
    return apr_pstrcat(support_pool(),
                       apr_pstrmemdup(support_pool(), text, (apr_size_t)(at - text)), to,
                       at + strlen(from), NULL);
}

uint32_t document_random(uint64_t *state, uint32_t limit) {
    *state ^= *state << 13; /* xorshift64 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 24) % limit;
}
