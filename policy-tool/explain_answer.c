/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"
#include "explain/advice.h"

#include <apr_strings.h>
#include <stdio.h>

static const char *remark_on(const tool_answer *a) {
    if (a->decision.reason == MPOL_REASON_ISSUER_UNKNOWN)
        return "httpd may already refuse this certificate in the handshake";
    if (a->decision.reason == MPOL_REASON_CERTIFICATE_NOT_VERIFIED)
        return a->caller->remark;
    return NULL;
}

static bool has_principal(const tool_answer *a) {
    return a->decision.issuer != MPOL_NONE && a->caller->client.issuer != MPOL_NONE &&
           a->caller->client.name.data != NULL;
}

static const char *condition_text(mpol_condition condition) {
    return condition == MPOL_CONDITION_NONE ? NULL : mpol_condition_name(condition);
}

static const char *about(const tool_answer *a) {
    return a->about_later ? a->asked->later : NULL;
}

static const char *unexpected(apr_pool_t *pool, const tool_answer *a) {
    return mpol_explain_unexpected(pool, a->image, a->asked, &a->decision, a->about_later);
}

/* What to do, in one line; NULL where the answer is yes. */
static const char *next_of(const tool_answer *a) {
    if (a->decision.reason == MPOL_REASON_CONDITION_NOT_MET)
        return mpol_advice_on_condition(a->decision.condition);
    switch (mpol_explain_unknown(a->image, a->asked, &a->decision)) {
    case MPOL_CONDITION_NETWORKS: return "Say where the client calls from: --from ADDRESS.";
    case MPOL_CONDITION_SAME:
        return "Say what the client's name holds: --capture NAME=VALUE, or --cert for all of it.";
    default: return mpol_advice_on(a->decision.reason)->next;
    }
}

static void print_field(const char *label, const char *value) {
    if (value != NULL)
        (void)printf("  %-10s %s\n", label, value);
}

/* As MTLS_PRINCIPAL of the server. */
static const char *principal_text(apr_pool_t *pool, const mpol_client *client) {
    const char *kind = mpol_name_kind_name(client->kind);
    if (client->oid.data != NULL)
        kind = apr_pstrcat(pool, kind, ":", mpol_quote(pool, client->oid), NULL);
    return apr_pstrcat(pool, kind, ":", mpol_quote(pool, client->name), NULL);
}

static void print(tool_call *call, const tool_answer *a) {
    const mpol_decision *d = &a->decision;
    const mpol_client *client = &a->caller->client;
    const mpol_advice *advice = mpol_advice_on(d->reason);
    (void)printf("%s %s\n", d->reason == MPOL_REASON_ALLOWED ? "allow" : "deny",
                 mpol_reason_name(d->reason));
    (void)printf("  %s\n", mpol_reason_sentence(d->reason));
    if (about(a) != NULL)
        print_field("path", mpol_quote(call->pool, mpol_text_span(about(a))));
    print_field("route", mpol_route_name(a->image, d->route));
    print_field("unexpected", unexpected(call->pool, a));
    print_field("rule", mpol_rule_name(a->image, d->rule));
    print_field("condition", condition_text(d->condition));
    print_field("unknown", condition_text(mpol_explain_unknown(a->image, a->asked, d)));
    print_field("identity", mpol_identity_name(a->image, d->identity));
    print_field("issuer", mpol_issuer_name(a->image, d->issuer));
    if (has_principal(a))
        print_field("principal", principal_text(call->pool, client));
    print_field("remark", remark_on(a));
    print_field("stage", advice->stage);
    print_field("next", next_of(a));
}

static void put(tool_call *call, const tool_answer *a) {
    const mpol_decision *d = &a->decision;
    const mpol_client *client = &a->caller->client;
    const mpol_advice *advice = mpol_advice_on(d->reason);
    apr_pool_t *pool = call->pool;
    mpol_text *body = call->body;
    tool_put(pool, body, "decision", d->reason == MPOL_REASON_ALLOWED ? "allow" : "deny");
    tool_put(pool, body, "reason", mpol_reason_name(d->reason));
    tool_put(pool, body, "sentence", mpol_reason_sentence(d->reason));
    tool_put(pool, body, "path", about(a));
    tool_put(pool, body, "route", mpol_route_name(a->image, d->route));
    tool_put(pool, body, "unexpected", unexpected(pool, a));
    tool_put(pool, body, "rule", mpol_rule_name(a->image, d->rule));
    tool_put(pool, body, "condition", condition_text(d->condition));
    tool_put(pool, body, "unknown", condition_text(mpol_explain_unknown(a->image, a->asked, d)));
    tool_put(pool, body, "identity", mpol_identity_name(a->image, d->identity));
    tool_put(pool, body, "issuer", mpol_issuer_name(a->image, d->issuer));
    mpol_text *principal = NULL;
    if (has_principal(a))
        principal = mpol_text_add(body, mpol_text_object(pool, "principal"));
    else
        tool_put(pool, body, "principal", NULL);
    if (principal != NULL) {
        tool_put(pool, principal, "kind", mpol_name_kind_name(client->kind));
        tool_put_bytes(pool, principal, "oid", client->oid);
        tool_put_bytes(pool, principal, "value", client->name);
    }
    tool_put(pool, body, "remark", remark_on(a));
    tool_put(pool, body, "stage", advice->stage);
    tool_put(pool, body, "next", next_of(a));
}

void tool_tell_answer(tool_call *call, const tool_answer *answer) {
    if (call->json)
        put(call, answer);
    else
        print(call, answer);
}
