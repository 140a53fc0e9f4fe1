/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"
#include "source/values.h"

#include <apr_strings.h>
#include <string.h>
#include <time.h>

static const char *quoted(const tool_call *call, const char *text) {
    return mpol_quote(call->pool, mpol_text_span(text));
}

/* Who asks: exactly one, with what belongs to it. */
static int check_caller(tool_call *call, const tool_question *q) {
    int callers =
        (q->certificate != NULL) + (q->csr != NULL) + (q->identity != NULL) + (q->nobody ? 1 : 0);
    if (callers != 1)
        return tool_usage(call, "say who asks: one of --cert, --csr, --identity and --no-cert");
    if (q->csr != NULL && q->issuer == NULL)
        return tool_usage(call, "--csr needs --issuer: who would sign it");
    if (q->csr == NULL && q->issuer != NULL)
        return tool_usage(call, "--issuer goes with --csr");
    if (q->certificate == NULL && q->authorities != NULL)
        return tool_usage(call, "--ca goes with --cert");
    if (q->identity == NULL && q->given->nelts > 0)
        return tool_usage(call, "--capture goes with --identity");
    return TOOL_YES;
}

/* Without the version behind it, which request lines have in logs. */
static const char *without_version(const tool_call *call, const char *request) {
    const char *last = strrchr(request, ' ');
    if (last == NULL || strncmp(last, " HTTP/", 6) != 0 || strchr(request, ' ') == last)
        return request;
    return apr_pstrmemdup(call->pool, request, (apr_size_t)(last - request));
}

static int understand_request(tool_call *call, tool_question *q) {
    mpol_request_line *line = &q->asked.line;
    const char *host = q->no_host ? "" : q->host;
    if (q->request == NULL)
        return tool_usage(call, "say what is asked: --request 'GET https://host/path'");
    q->request = without_version(call, q->request);
    if (q->no_host && q->host != NULL)
        return tool_usage(call, "--host and --no-host contradict each other");
    bool is_url = mpol_request_line_parse(q->request, NULL, line);
    if (is_url && host != NULL)
        return tool_usage(call,
                          "--host and --no-host go with --request 'GET /path', without a URL");
    if (!is_url && !mpol_request_line_parse(q->request, host, line))
        return tool_usage(call, "--request is 'GET https://host/path', http:// without TLS; or "
                                "'GET /path' with --host or --no-host");
    if (q->no_host)
        line->host = (mpol_bytes){NULL, 0};
    return TOOL_YES;
}

static int understand_rest(tool_call *call, tool_question *q) {
    unsigned bits;
    uint64_t seconds = (uint64_t)time(NULL);
    if (q->from != NULL && !mpol_parse_address(q->from, q->address, &bits))
        return tool_usage(call, "--from takes an IPv4 or IPv6 address, not \"%s\"",
                          quoted(call, q->from));
    if (q->at != NULL && !mpol_parse_time(q->at, &seconds))
        return tool_usage(call, "--at takes a time such as 2027-01-31T12:00:00Z, not \"%s\"",
                          quoted(call, q->at));
    if (q->asked.later != NULL && q->asked.later[0] != '/')
        return tool_usage(call, "--rewritten-to takes a path such as /index.html, not \"%s\"",
                          quoted(call, q->asked.later));
    q->asked.now_s = (int64_t)seconds;
    q->asked.address = q->from != NULL ? q->address : NULL;
    return TOOL_YES;
}

static int understand(tool_call *call, tool_question *q) {
    int status = check_caller(call, q);
    if (status == TOOL_YES)
        status = understand_request(call, q);
    return status == TOOL_YES ? understand_rest(call, q) : status;
}

static int answer(tool_call *call, const tool_question *q) {
    mpol_loaded loaded;
    mpol_caller caller;
    int status = TOOL_TROUBLE;
    if (!tool_load_policy(call, call->argv[0], &loaded))
        return TOOL_TROUBLE;
    if (tool_find_caller(call, q, &loaded.image, &caller)) {
        tool_answer a = {.image = &loaded.image, .caller = &caller, .asked = &q->asked};
        mpol_explain(call->pool, a.image, &q->asked, &caller, &a.decision, &a.about_later);
        tool_tell_answer(call, &a);
        mpol_caller_clear(&caller);
        status = a.decision.reason == MPOL_REASON_ALLOWED ? TOOL_YES : TOOL_NO;
    }
    mpol_unload(&loaded);
    return status;
}

enum {
    KEY_REQUEST = TOOL_LONG,
    KEY_HOST,
    KEY_NO_HOST,
    KEY_HEADER,
    KEY_CERT,
    KEY_CA,
    KEY_CSR,
    KEY_ISSUER,
    KEY_IDENTITY,
    KEY_CAPTURE,
    KEY_NO_CERT,
    KEY_FROM,
    KEY_USER,
    KEY_AT,
    KEY_REWRITTEN,
};
static const tool_option options[] = {
    {KEY_REQUEST, "request", "REQUEST",
     "'GET https://api.example/orders/7'; http:// is one without TLS", false},
    {KEY_HOST, "host", "HOST", "of a request whose path is written as sent: 'GET /orders/7'",
     false},
    {KEY_NO_HOST, "no-host", NULL, "such a request without a Host header", false},
    {KEY_HEADER, "header", "HEADER", "'Name: value'; may stand several times", true},
    {KEY_CERT, "cert", "PEM", "the client's certificate, then its intermediates", false},
    {KEY_CA, "ca", "PEM", "CA certificates that the server trusts beside those of the policy",
     false},
    {KEY_CSR, "csr", "PEM", "a certificate request, as if --issuer had signed it", false},
    {KEY_ISSUER, "issuer", "ISSUER", "an issuer of the policy", false},
    {KEY_IDENTITY, "identity", "IDENTITY", "a client that is this identity of the policy", false},
    {KEY_CAPTURE, "capture", "NAME=VALUE", "a capture in its name; may stand several times", true},
    {KEY_NO_CERT, "no-cert", NULL, "a client without a certificate", false},
    {KEY_FROM, "from", "ADDRESS", "where the client calls from; else networks cannot be judged",
     false},
    {KEY_USER, "user", "USER", "whom another module authenticated; else nobody", false},
    {KEY_AT, "at", "TIME", "as if it were then (2027-01-31T12:00:00Z); else now", false},
    {KEY_REWRITTEN, "rewritten-to", "PATH", "a path that the server goes on to, decoded", false},
    {0, NULL, NULL, NULL, false},
};

static int take_capture(tool_call *call, tool_question *q, const char *value) {
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || equals[1] == '\0')
        return tool_usage(call, "--capture is written as name=value, not \"%s\"",
                          quoted(call, value));
    mpol_given given = {{(const uint8_t *)value, (uint32_t)(equals - value)},
                        mpol_text_span(equals + 1)};
    for (int i = 0; i < q->given->nelts; i++)
        if (mpol_bytes_equal(MPOL_AT(q->given, i, mpol_given)->capture, given.capture))
            return tool_usage(call, "--capture %s stands twice",
                              mpol_quote(call->pool, given.capture));
    APR_ARRAY_PUSH(q->given, mpol_given) = given;
    return TOOL_YES;
}

static int take_header(tool_call *call, tool_question *q, const char *value) {
    if (value[0] == ':' || strchr(value, ':') == NULL)
        return tool_usage(call, "--header is written as 'Name: value', not \"%s\"",
                          quoted(call, value));
    mpol_question_header(&q->asked, value);
    return TOOL_YES;
}

static int take(tool_call *call, tool_question *q, int key, const char *value) {
    switch (key) {
    case KEY_REQUEST: q->request = value; break;
    case KEY_HOST: q->host = value; break;
    case KEY_NO_HOST: q->no_host = true; break;
    case KEY_HEADER: return take_header(call, q, value);
    case KEY_CERT: q->certificate = value; break;
    case KEY_CA: q->authorities = value; break;
    case KEY_CSR: q->csr = value; break;
    case KEY_ISSUER: q->issuer = value; break;
    case KEY_IDENTITY: q->identity = value; break;
    case KEY_CAPTURE: return take_capture(call, q, value);
    case KEY_NO_CERT: q->nobody = true; break;
    case KEY_FROM: q->from = value; break;
    case KEY_USER: q->asked.user = mpol_text_span(value); break;
    case KEY_AT: q->at = value; break;
    case KEY_REWRITTEN: q->asked.later = value; break;
    default: break;
    }
    return TOOL_YES;
}

static int run(tool_call *call) {
    tool_question q = {.given = apr_array_make(call->pool, 2, sizeof(mpol_given))};
    const char *value;
    for (int key; (key = tool_next(call, &value)) != TOOL_END;) {
        if (key == TOOL_STOP)
            return call->status;
        if (take(call, &q, key, value) != TOOL_YES)
            return TOOL_TROUBLE;
    }
    if (call->argc != 1)
        return tool_usage(call, "name one policy");
    int status = understand(call, &q);
    return status == TOOL_YES ? answer(call, &q) : status;
}

const tool_verb tool_explain = {
    "explain",
    "POLICY --request REQUEST\n"
    "         (--cert PEM [--ca PEM] | --csr PEM --issuer ISSUER |\n"
    "          --identity IDENTITY [--capture NAME=VALUE]... | --no-cert)\n"
    "         [--host HOST | --no-host] [--header HEADER]... [--from ADDRESS] [--user USER]\n"
    "         [--at TIME] [--rewritten-to PATH]",
    "Tell what the server would answer to a request, and why",
    options,
    "The path of a certificate is built without a look at dates, which are judged as the server\n"
    "judges them. WHY-DENIED.md tells more of each reason.\n",
    run,
};
