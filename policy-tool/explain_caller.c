/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"
#include "source/file.h"

static bool find_identity(tool_call *call, const tool_question *q, const mpol_image *image,
                          mpol_caller *caller) {
    mpol_error error;
    const mpol_given *given = (const mpol_given *)(const void *)q->given->elts;
    uint32_t count = (uint32_t)q->given->nelts;
    if (!mpol_caller_identity(image, q->identity, given, count, caller)) {
        (void)mpol_error_set(&error, MPOL_UNREADABLE,
                             "mtls-policy show --list identities POLICY prints those there are",
                             "the policy has no identity \"%s\"",
                             mpol_quote(call->pool, mpol_text_span(q->identity)));
        (void)tool_trouble(call, &error);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (mpol_identity_captures(image, q->identity, given[i].capture))
            continue;
        (void)mpol_error_set(&error, MPOL_UNREADABLE,
                             "captures stand in the identity's name, as {tenant}",
                             "the identity \"%s\" has no capture \"%s\"", q->identity,
                             mpol_quote(call->pool, given[i].capture));
        (void)tool_trouble(call, &error);
        return false;
    }
    return true;
}

static bool find_certificate(tool_call *call, const tool_question *q, const mpol_image *image,
                             mpol_caller *caller) {
    mpol_error error;
    mpol_bytes trusted = {NULL, 0};
    const char *path = q->csr != NULL ? q->csr : q->certificate;
    const mpol_bytes *pem = mpol_file_read(call->pool, path, &error);
    const mpol_bytes *more = NULL;
    if (pem != NULL && q->authorities != NULL) {
        more = mpol_file_read(call->pool, q->authorities, &error);
        if (more != NULL)
            trusted = *more;
    }
    if (pem != NULL && (q->authorities == NULL || more != NULL)) {
        mpol_status status =
            q->csr != NULL ? mpol_caller_csr(image, *pem, path, q->issuer, caller, &error)
                           : mpol_caller_certificate(image, *pem, path, trusted, caller, &error);
        if (status == MPOL_OK)
            return true;
    }
    (void)tool_trouble(call, &error);
    return false;
}

bool tool_find_caller(tool_call *call, const tool_question *q, const mpol_image *image,
                      mpol_caller *caller) {
    bool tls = q->asked.line.tls;
    if (!q->nobody) {
        bool found = q->identity != NULL ? find_identity(call, q, image, caller)
                                         : find_certificate(call, q, image, caller);
        if (!found || tls)
            return found;
        mpol_caller_clear(caller); /* without TLS nobody shows a certificate */
    }
    mpol_caller_nobody(image, tls, caller);
    return true;
}
