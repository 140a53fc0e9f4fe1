/* SPDX-License-Identifier: Apache-2.0 */
#include "match/decide.h"

#include "match/conditions.h"
#include "match/host.h"
#include "match/route.h"

static const char *const condition_names[MPOL_CONDITION_COUNT] = {
#define CONDITION_NAME(suffix, name) name,
    MPOL_CONDITIONS(CONDITION_NAME)
#undef CONDITION_NAME
};

const char *mpol_condition_name(mpol_condition condition) {
    return condition_names[condition < MPOL_CONDITION_COUNT ? condition : 0];
}

/* As gateway interfaces do, which make one variable of all these spellings (RFC 3875
 * section 4.1.18). */
static uint8_t as_variable(uint8_t c) {
    if (c == '-')
        return '_';
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_same_variable(mpol_bytes name, const char *other) {
    uint32_t i = 0;
    for (; i < name.len; i++)
        if (other[i] == '\0' || as_variable(name.data[i]) != (uint8_t)other[i])
            return false;
    return other[i] == '\0';
}

bool mpol_is_override_header(mpol_bytes name) {
    static const char *const overrides[] = {"x_http_method_override", "x_http_method",
                                            "x_method_override", "x_original_url", "x_rewrite_url"};
    for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++)
        if (is_same_variable(name, overrides[i]))
            return true;
    return false;
}

static bool bytes_are(mpol_bytes bytes, const char *text) {
    uint32_t i = 0;
    for (; i < bytes.len; i++)
        if (text[i] == '\0' || bytes.data[i] != (uint8_t)text[i])
            return false;
    return text[i] == '\0';
}

static bool method_unsupported(const mpol_request *request) {
    uint8_t first = request->method.len > 0 ? request->method.data[0] : 0;
    if (first != 'C' && first != 'T' && first != 'O')
        return false;
    return bytes_are(request->method, "CONNECT") || bytes_are(request->method, "TRACE") ||
           (request->target->asterisk && bytes_are(request->method, "OPTIONS"));
}

static mpol_reason judge_policy(const mpol_image *image, const mpol_request *request) {
    uint64_t until = mpol_policy_valid_until(image);
    if (until == 0)
        return MPOL_REASON_ALLOWED;
    if (request->now_s == MPOL_TIME_UNKNOWN)
        return MPOL_REASON_INTERNAL_ERROR;
    return request->now_s >= 0 && (uint64_t)request->now_s >= until ? MPOL_REASON_POLICY_EXPIRED
                                                                    : MPOL_REASON_ALLOWED;
}

/* May a path that was come to in this way lead to a route with these flags? */
static bool may_arrive(uint32_t flags, mpol_arrival arrival) {
    if ((flags & (MPOL_ROUTE_INTERNAL | MPOL_ROUTE_INTERNAL_ERROR)) == 0)
        return true;
    return ((flags & MPOL_ROUTE_INTERNAL) != 0 && arrival == MPOL_ARRIVAL_LATER) ||
           ((flags & MPOL_ROUTE_INTERNAL_ERROR) != 0 && arrival == MPOL_ARRIVAL_ERROR);
}

/* Where the paths of the request's host begin. */
static mpol_reason find_host(const mpol_image *image, mpol_bytes raw, uint32_t *start) {
    uint8_t buffer[MPOL_HOST_BUFFER] MPOL_UNFILLED;
    mpol_bytes host;
    mpol_reason reason = mpol_host_parse(raw, buffer, &host);
    if (reason == MPOL_REASON_HOST_MISSING)
        host.data = NULL;
    else if (reason != MPOL_REASON_ALLOWED)
        return reason;
    *start = mpol_route_start(image, host);
    return *start == MPOL_NONE && host.data == NULL ? MPOL_REASON_HOST_MISSING
                                                    : MPOL_REASON_ALLOWED;
}

/* Everything up to the route. `*flags` are the route's. */
static mpol_reason find_route(const mpol_image *image, const mpol_request *request,
                              mpol_route_match *match, uint32_t *flags) {
    uint32_t start;
    uint32_t classes = request->target->classes;
    mpol_reason reason = judge_policy(image, request);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    if (method_unsupported(request))
        return MPOL_REASON_METHOD_UNSUPPORTED;
    reason = find_host(image, request->host, &start);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    if ((classes & MPOL_PATH_AMBIGUOUS) != 0)
        return MPOL_REASON_AMBIGUOUS_PATH;
    reason = mpol_route_find(image, start, request->target->path, request->method,
                             request->preflight, match);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    *flags = MPOL_U32(image, ROUTES, match->route, MPOL_ROUTE_FLAGS);
    if (!may_arrive(*flags, request->arrival)) {
        match->route = MPOL_NONE;
        return MPOL_REASON_ROUTE_UNKNOWN;
    }
    if ((classes & ~*flags) != 0)
        return MPOL_REASON_AMBIGUOUS_PATH;
    if (request->method_override && (*flags & MPOL_ROUTE_EXPECTS_OVERRIDE) == 0)
        return MPOL_REASON_METHOD_OVERRIDE;
    return MPOL_REASON_ALLOWED;
}

/* The cell of a row for a class of routes, MPOL_NONE when no rule is in it. */
static inline uint32_t find_cell(const mpol_image *image, uint32_t row, uint32_t route_class) {
    if (route_class == MPOL_NONE)
        return MPOL_NONE;
    uint32_t first = MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRY);
    uint32_t end = first + MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRIES);
    uint32_t at =
        mpol_find_u32(image, MPOL_ENTRIES, MPOL_ENTRIES_BYTES, first, end - first, route_class);
    if (at < end && MPOL_U32(image, ENTRIES, at, MPOL_ENTRY_ROUTE_CLASS) == route_class)
        return MPOL_U32(image, ENTRIES, at, MPOL_ENTRY_CELL);
    return MPOL_U32(image, ROWS, row, MPOL_ROW_DEFAULT);
}

/* The rules of some lists, lowest id first: the first that applies, the first that cannot be
 * judged, and the first of all. */
typedef struct tally {
    uint32_t applies;
    uint32_t unknown;
    uint32_t first;
} tally;

static const tally no_rules = {MPOL_NONE, MPOL_NONE, MPOL_NONE};

static tally judge_rules_of(const mpol_circumstances *c, uint32_t list) {
    tally found = no_rules;
    uint32_t len = mpol_list_len(c->image, list);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t rule = mpol_list_value(c->image, list, i);
        mpol_verdict outcome = mpol_conditions_judge(c, rule);
        if (i == 0)
            found.first = rule;
        if (outcome == MPOL_VERDICT_TRUE) {
            found.applies = rule;
            return found;
        }
        if (outcome == MPOL_VERDICT_UNKNOWN && found.unknown == MPOL_NONE)
            found.unknown = rule;
    }
    return found;
}

static inline tally judge_list(const mpol_circumstances *c, uint32_t list) {
    return list == MPOL_LIST_EMPTY ? no_rules : judge_rules_of(c, list);
}

static uint32_t list_of(const mpol_image *image, uint32_t cell, uint32_t field) {
    if (cell == MPOL_NONE)
        return MPOL_LIST_EMPTY;
    return mpol_read_u32(mpol_element(image, MPOL_CELLS, MPOL_CELLS_BYTES, cell) + field);
}

/* Rules are numbered by id, and MPOL_NONE is above them all. */
static uint32_t lower(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static tally merge(tally a, tally b) {
    return (tally){lower(a.applies, b.applies), lower(a.unknown, b.unknown),
                   lower(a.first, b.first)};
}

static mpol_reason judge_dates(const mpol_client *client, int64_t now_s) {
    if (now_s == MPOL_TIME_UNKNOWN)
        return MPOL_REASON_INTERNAL_ERROR;
    if (now_s > client->not_after_s)
        return MPOL_REASON_CERTIFICATE_EXPIRED;
    if (now_s < client->not_before_s)
        return MPOL_REASON_CERTIFICATE_NOT_YET_VALID;
    return MPOL_REASON_ALLOWED;
}

static mpol_reason judge_client(const mpol_client *client, int64_t now_s) {
    if (client->before_dates != MPOL_REASON_ALLOWED)
        return client->before_dates;
    mpol_reason dates = judge_dates(client, now_s);
    return dates != MPOL_REASON_ALLOWED ? dates : client->after_dates;
}

static bool shares(const mpol_image *image, uint32_t list, const uint32_t *wanted, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (mpol_list_has(image, list, wanted[i]))
            return true;
    return false;
}

static bool filter_names(const mpol_image *image, const mpol_name_filter *filter, uint32_t class) {
    return shares(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES), filter->identities,
                  filter->identity_count) ||
           shares(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_GROUPS), filter->groups,
                  filter->group_count);
}

static bool all_name(const mpol_image *image, const mpol_name_filter *filters,
                     uint32_t filter_count, uint32_t class) {
    for (uint32_t i = 0; i < filter_count; i++)
        if (!filter_names(image, &filters[i], class))
            return false;
    return true;
}

/* The denials for this client, by its own row and by those of other issuers on its path. */
static tally judge_denials(const mpol_circumstances *c, uint32_t cell, uint32_t route_class) {
    tally deny = judge_list(c, list_of(c->image, cell, MPOL_CELL_DENY));
    for (uint32_t i = 0; i < c->client->crossed; i++) {
        uint32_t crossed = find_cell(c->image, c->client->cross_rows[i], route_class);
        deny = merge(deny, judge_list(c, list_of(c->image, crossed, MPOL_CELL_DENY)));
    }
    return deny;
}

/* What is nearest to an allow, where no rule applies: see docs/POLICY.md. */
typedef struct near_miss {
    uint32_t user;  /* lowest rule that lacks nothing but a user, when there is none */
    uint32_t one;   /* lowest that lacks one condition */
    uint32_t first; /* lowest of all */
    uint32_t one_lacks;
    uint32_t first_lacks;
} near_miss;

static void look_for_miss(const mpol_circumstances *c, uint32_t list, near_miss *miss) {
    uint32_t len = mpol_list_len(c->image, list);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t rule = mpol_list_value(c->image, list, i);
        mpol_lacking lacking = mpol_conditions_lacking(c, rule);
        if (rule < miss->first) {
            miss->first = rule;
            miss->first_lacks = lacking.fails;
        }
        if ((lacking.fails & (lacking.fails - 1)) != 0)
            continue;
        if (rule < miss->one) {
            miss->one = rule;
            miss->one_lacks = lacking.fails;
        }
        if (lacking.fails == 1u << MPOL_CONDITION_USERS && lacking.unknown == 0 &&
            c->request->user.data == NULL)
            miss->user = lower(miss->user, rule);
    }
}

static mpol_condition lowest_of(uint32_t lacking) {
    uint32_t condition = MPOL_CONDITION_NETWORKS;
    while (condition < MPOL_CONDITION_SAME && (lacking & 1u << condition) == 0)
        condition++;
    return (mpol_condition)condition;
}

/* Nothing applies and nothing is unknown: say what is missing. */
static void explain_miss(const mpol_circumstances *c, const uint32_t lists[2],
                         mpol_decision *decision) {
    near_miss miss = {MPOL_NONE, MPOL_NONE, MPOL_NONE, 0, 0};
    look_for_miss(c, lists[0], &miss);
    look_for_miss(c, lists[1], &miss);
    decision->reason = MPOL_REASON_NO_RULE;
    if (miss.first == MPOL_NONE)
        return;
    decision->reason = MPOL_REASON_CONDITION_NOT_MET;
    decision->rule = miss.one != MPOL_NONE ? miss.one : miss.first;
    decision->condition = lowest_of(miss.one != MPOL_NONE ? miss.one_lacks : miss.first_lacks);
    if (miss.user == MPOL_NONE)
        return;
    decision->reason = MPOL_REASON_USER_REQUIRED;
    decision->rule = miss.user;
    decision->condition = MPOL_CONDITION_USERS;
}

/* Settle reason and rule from the rules that speak of this client and route; `granted` where the
 * route itself lets in without a rule. */
static void weigh(const mpol_circumstances *c, tally deny, tally allow, bool granted,
                  const uint32_t allow_lists[2], mpol_decision *decision) {
    decision->rule = deny.applies != MPOL_NONE ? deny.applies : deny.unknown;
    decision->reason = MPOL_REASON_DENIED_BY_RULE;
    if (deny.applies != MPOL_NONE)
        return;
    decision->reason = MPOL_REASON_INDETERMINATE;
    if (deny.unknown != MPOL_NONE)
        return;
    decision->rule = allow.applies;
    decision->reason = MPOL_REASON_ALLOWED;
    if (allow.applies != MPOL_NONE || granted)
        return;
    decision->rule = allow.unknown;
    decision->reason = MPOL_REASON_INDETERMINATE;
    if (allow.unknown == MPOL_NONE)
        explain_miss(c, allow_lists, decision);
}

/* The client's own rules, once everything about its certificate is settled. */
static void judge_rules(const mpol_circumstances *c, uint32_t route_class, uint32_t public_list,
                        tally everyone, bool granted, mpol_decision *decision) {
    const mpol_image *image = c->image;
    uint32_t row = MPOL_U32(image, CLASSES, c->client->class, MPOL_CLASS_ROW);
    uint32_t cell = find_cell(image, row, route_class);
    uint32_t lists[2] = {public_list, list_of(image, cell, MPOL_CELL_ALLOW)};
    tally deny = judge_denials(c, cell, route_class);
    tally own = judge_list(c, lists[1]);
    decision->reason = MPOL_REASON_IDENTITY_UNKNOWN;
    if (decision->identity == MPOL_NONE && deny.first == MPOL_NONE && own.first == MPOL_NONE)
        return;
    weigh(c, deny, merge(everyone, own), granted, lists, decision);
}

void mpol_decide(const mpol_image *image, const mpol_request *request, const mpol_client *client,
                 const mpol_name_filter *filters, uint32_t filter_count, mpol_decision *decision) {
    mpol_route_match match = {MPOL_NONE, MPOL_LIST_EMPTY, false};
    uint32_t flags;
    *decision = mpol_decision_of(find_route(image, request, &match, &flags));
    decision->route = match.route;
    if (decision->reason != MPOL_REASON_ALLOWED)
        return;
    mpol_circumstances c = {image, request, client, match.captures};
    bool internal = (flags & (MPOL_ROUTE_INTERNAL | MPOL_ROUTE_INTERNAL_ERROR)) != 0;
    bool granted = match.preflight || internal;
    /* No rule speaks of an internal route, not even one for all routes. */
    uint32_t route_class =
        internal ? MPOL_NONE : MPOL_U32(image, ROUTES, match.route, MPOL_ROUTE_CLASS);
    uint32_t public =
        list_of(image, find_cell(image, MPOL_ROW_EVERYONE, route_class), MPOL_CELL_ALLOW);
    tally everyone = judge_list(&c, public);
    decision->rule = granted ? MPOL_NONE : everyone.applies;
    if ((everyone.applies != MPOL_NONE || granted) && filter_count == 0)
        return;
    decision->rule = MPOL_NONE;
    decision->issuer = client->issuer;
    decision->reason = judge_client(client, request->now_s);
    if (decision->reason != MPOL_REASON_ALLOWED)
        return;
    decision->identity = client->identity;
    judge_rules(&c, route_class, public, everyone, granted, decision);
    bool lacks_user = decision->reason == MPOL_REASON_USER_REQUIRED;
    if ((decision->reason != MPOL_REASON_ALLOWED && !lacks_user) ||
        all_name(image, filters, filter_count, client->class))
        return;
    decision->not_on_line = lacks_user;
    if (!lacks_user)
        decision->reason = MPOL_REASON_NOT_ON_REQUIRE_LINE;
}
