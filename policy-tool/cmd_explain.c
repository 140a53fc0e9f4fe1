/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"
#include "source/file.h"
#include "source/values.h"
#include "tool.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct question {
    const char *policy;
    const char *request;
    const char *certificate;
    const char *identity;
    bool nobody;
    const char *from;
    const char *at;
    /* What the texts above mean. */
    mpol_request_line line;
    uint8_t address[MPOL_ADDRESS_BYTES];
    int64_t now_s;
} question;

static void print_field(const char *label, const char *value) {
    if (value != NULL)
        (void)printf("  %-9s %s\n", label, value);
}

static const char *principal_text(apr_pool_t *pool, const mpol_client *client) {
    if (client->issuer == MPOL_NONE || client->name.data == NULL)
        return NULL;
    return apr_pstrcat(pool, mpol_name_kind_name(client->kind), ":", mpol_quote(pool, client->name),
                       NULL);
}

static void print_answer(apr_pool_t *pool, const mpol_image *image, const mpol_caller *caller,
                         const mpol_decision *decision) {
    bool allowed = decision->reason == MPOL_REASON_ALLOWED;
    (void)printf("%s %s\n", allowed ? "allow" : "deny", mpol_reason_name(decision->reason));
    (void)printf("  %s\n", mpol_reason_sentence(decision->reason));
    print_field("route", mpol_route_name(image, decision->route));
    print_field("rule", mpol_rule_name(image, decision->rule));
    print_field("identity", mpol_identity_name(image, decision->identity));
    print_field("issuer", mpol_issuer_name(image, decision->issuer));
    if (decision->issuer != MPOL_NONE)
        print_field("principal", principal_text(pool, &caller->client));
    if (decision->reason == MPOL_REASON_ISSUER_UNKNOWN)
        print_field("remark", "httpd may already refuse this certificate in the handshake");
    if (decision->reason == MPOL_REASON_CERTIFICATE_NOT_VERIFIED)
        print_field("remark", caller->remark);
}

/* The caller that the options name. False when that fails (reported). */
static bool find_caller(apr_pool_t *pool, const question *q, const mpol_image *image,
                        mpol_caller *caller) {
    mpol_error error;
    if (q->nobody || !q->line.tls) {
        mpol_caller_nobody(image, q->line.tls, caller);
        return true;
    }
    if (q->identity != NULL) {
        if (mpol_caller_identity(image, q->identity, caller))
            return true;
        (void)tool_usage(&tool_explain, "the policy has no identity \"%s\"", q->identity);
        return false;
    }
    const mpol_bytes *pem = mpol_file_read(pool, q->certificate, &error);
    if (pem != NULL &&
        mpol_caller_certificate(image, *pem, q->certificate, caller, &error) == MPOL_OK)
        return true;
    (void)tool_trouble(&error);
    return false;
}

static int answer(apr_pool_t *pool, const question *q) {
    mpol_loaded loaded;
    mpol_caller caller;
    mpol_decision decision;
    int status = TOOL_TROUBLE;
    if (!tool_load_policy(pool, q->policy, &loaded))
        return TOOL_TROUBLE;
    if (find_caller(pool, q, &loaded.image, &caller)) {
        mpol_explain(pool, &loaded.image, &q->line, &caller, q->from != NULL ? q->address : NULL,
                     q->now_s, &decision);
        print_answer(pool, &loaded.image, &caller, &decision);
        mpol_caller_clear(&caller);
        status = decision.reason == MPOL_REASON_ALLOWED ? TOOL_YES : TOOL_NO;
    }
    mpol_unload(&loaded);
    return status;
}

/* Give the texts of the command line their meaning; TOOL_YES when all have one. */
static int understand(question *q) {
    unsigned bits;
    uint64_t seconds = (uint64_t)time(NULL);
    int callers = (q->certificate != NULL) + (q->identity != NULL) + q->nobody;
    if (callers != 1)
        return tool_usage(&tool_explain, "say who asks: one of --cert, --identity and --no-cert");
    if (q->request == NULL || !mpol_request_line_parse(q->request, &q->line))
        return tool_usage(&tool_explain,
                          "--request is written as 'GET https://host/path', http without TLS");
    if (q->from != NULL && !mpol_parse_address(q->from, q->address, &bits))
        return tool_usage(&tool_explain, "--from takes an IPv4 or IPv6 address, not \"%s\"",
                          q->from);
    if (q->at != NULL && !mpol_parse_time(q->at, &seconds))
        return tool_usage(&tool_explain,
                          "--at takes a time such as 2027-01-31T12:00:00Z, not "
                          "\"%s\"",
                          q->at);
    q->now_s = (int64_t)seconds;
    return TOOL_YES;
}

static int run(apr_pool_t *pool, int argc, char **argv) {
    static const struct option options[] = {
        {"request", required_argument, NULL, 'r'},  {"cert", required_argument, NULL, 'c'},
        {"identity", required_argument, NULL, 'i'}, {"no-cert", no_argument, NULL, 'n'},
        {"from", required_argument, NULL, 'f'},     {"at", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    question q = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r': q.request = optarg; break;
        case 'c': q.certificate = optarg; break;
        case 'i': q.identity = optarg; break;
        case 'n': q.nobody = true; break;
        case 'f': q.from = optarg; break;
        case 'a': q.at = optarg; break;
        case 'h': return tool_help(&tool_explain);
        default: return TOOL_TROUBLE;
        }
    }
    if (argc - optind != 1)
        return tool_usage(&tool_explain, "name one policy");
    q.policy = argv[optind];
    int status = understand(&q);
    return status == TOOL_YES ? answer(pool, &q) : status;
}

const tool_verb tool_explain = {
    "explain",
    "POLICY --request 'METHOD URL' (--cert PEM | --identity NAME | --no-cert)\n"
    "                           [--from ADDRESS] [--at TIME]",
    "Tell what the server would answer to a request, and why",
    "  --request 'GET https://api.example/orders/7'  http:// stands for no TLS\n"
    "  --cert PEM       the client's certificate, then its intermediates\n"
    "  --identity NAME  a client that is this identity\n"
    "  --no-cert        a client without a certificate\n"
    "  --from ADDRESS   where the client calls from; else networks cannot be judged\n"
    "  --at TIME        as if it were then (RFC 3339); else now\n",
    run,
};
