/* SPDX-License-Identifier: Apache-2.0 */
#include "match/decide.h"

#include "match/host.h"
#include "match/route.h"

/* A condition, a rule, a list of rules: false wins over unknown, unknown over true. */
typedef enum verdict { VERDICT_FALSE, VERDICT_UNKNOWN, VERDICT_TRUE } verdict;

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

/* Everything up to the route. */
static mpol_reason find_route(const mpol_image *image, const mpol_request *request,
                              uint32_t *route) {
    uint8_t buffer[MPOL_HOST_BUFFER] MPOL_UNFILLED;
    mpol_bytes host;
    uint32_t classes = request->target->classes;
    mpol_reason reason = judge_policy(image, request);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    if (method_unsupported(request))
        return MPOL_REASON_METHOD_UNSUPPORTED;
    reason = mpol_host_parse(request->host, buffer, &host);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    if ((classes & MPOL_PATH_AMBIGUOUS) != 0)
        return MPOL_REASON_AMBIGUOUS_PATH;
    reason = mpol_route_find(image, host, request->target->path, request->method, route);
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    /* No route can expect any class of unusual path yet. */
    return classes == 0 ? MPOL_REASON_ALLOWED : MPOL_REASON_AMBIGUOUS_PATH;
}

/* The cell of a row for a class of routes, MPOL_NONE when no rule is in it. */
static uint32_t find_cell(const mpol_image *image, uint32_t row, uint32_t route_class) {
    uint32_t first = MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRY);
    uint32_t end = first + MPOL_U32(image, ROWS, row, MPOL_ROW_ENTRIES);
    uint32_t at =
        mpol_find_u32(image, MPOL_ENTRIES, MPOL_ENTRIES_BYTES, first, end - first, route_class);
    if (at < end && MPOL_U32(image, ENTRIES, at, MPOL_ENTRY_ROUTE_CLASS) == route_class)
        return MPOL_U32(image, ENTRIES, at, MPOL_ENTRY_CELL);
    return MPOL_U32(image, ROWS, row, MPOL_ROW_DEFAULT);
}

/* A rule's networks are sorted and apart: the last that begins at or below the address decides. */
static verdict judge_networks(const mpol_image *image, uint32_t rule, const uint8_t *address) {
    uint32_t low = MPOL_U32(image, RULES, rule, MPOL_RULE_NETWORK);
    uint32_t first = low;
    uint32_t high = low + MPOL_U32(image, RULES, rule, MPOL_RULE_NETWORKS);
    mpol_bytes wanted = {address, MPOL_ADDRESS_BYTES};
    if (address == NULL)
        return VERDICT_UNKNOWN;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        mpol_bytes begin = {mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, middle),
                            MPOL_ADDRESS_BYTES};
        if (mpol_bytes_compare(begin, wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == first)
        return VERDICT_FALSE;
    mpol_bytes end = {mpol_element(image, MPOL_NETWORKS, MPOL_NETWORKS_BYTES, low - 1) +
                          MPOL_NETWORK_HIGH,
                      MPOL_ADDRESS_BYTES};
    return mpol_bytes_compare(wanted, end) <= 0 ? VERDICT_TRUE : VERDICT_FALSE;
}

static verdict judge_times(const mpol_image *image, uint32_t rule, uint32_t flags, int64_t now_s) {
    if ((flags & (MPOL_RULE_HAS_FROM | MPOL_RULE_HAS_UNTIL)) == 0)
        return VERDICT_TRUE;
    if (now_s == MPOL_TIME_UNKNOWN)
        return VERDICT_UNKNOWN;
    uint64_t now = now_s > 0 ? (uint64_t)now_s : 0;
    if ((flags & MPOL_RULE_HAS_FROM) != 0 &&
        now < MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_FROM))
        return VERDICT_FALSE;
    if ((flags & MPOL_RULE_HAS_UNTIL) != 0 &&
        now >= MPOL_U64(image, RULES, rule, MPOL_RULE_VALID_UNTIL))
        return VERDICT_FALSE;
    return VERDICT_TRUE;
}

static verdict judge_rule(const mpol_image *image, uint32_t rule, const mpol_request *request) {
    uint32_t flags = MPOL_U32(image, RULES, rule, MPOL_RULE_FLAGS);
    verdict times = judge_times(image, rule, flags, request->now_s);
    verdict networks = (flags & MPOL_RULE_HAS_NETWORKS) != 0
                           ? judge_networks(image, rule, request->address)
                           : VERDICT_TRUE;
    return times < networks ? times : networks;
}

/* The rules of one list, lowest id first: the first that applies, the first that cannot be judged,
 * and the first of all. */
typedef struct tally {
    uint32_t applies;
    uint32_t unknown;
    uint32_t first;
} tally;

static const tally no_rules = {MPOL_NONE, MPOL_NONE, MPOL_NONE};

static tally judge_list(const mpol_image *image, uint32_t list, const mpol_request *request) {
    tally found = no_rules;
    uint32_t len = mpol_list_len(image, list);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t rule = mpol_list_value(image, list, i);
        verdict outcome = judge_rule(image, rule, request);
        if (i == 0)
            found.first = rule;
        if (outcome == VERDICT_TRUE) {
            found.applies = rule;
            return found;
        }
        if (outcome == VERDICT_UNKNOWN && found.unknown == MPOL_NONE)
            found.unknown = rule;
    }
    return found;
}

static tally judge_cell(const mpol_image *image, uint32_t cell, uint32_t field,
                        const mpol_request *request) {
    if (cell == MPOL_NONE)
        return no_rules;
    const uint8_t *element = mpol_element(image, MPOL_CELLS, MPOL_CELLS_BYTES, cell);
    return judge_list(image, mpol_read_u32(element + field), request);
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

/* Settle reason and rule from the rules that speak of this client and route. */
static mpol_reason weigh(tally deny, tally allow, uint32_t *rule) {
    *rule = deny.applies != MPOL_NONE ? deny.applies : deny.unknown;
    if (deny.applies != MPOL_NONE)
        return MPOL_REASON_DENIED_BY_RULE;
    if (deny.unknown != MPOL_NONE)
        return MPOL_REASON_INDETERMINATE;
    *rule = allow.applies;
    if (allow.applies != MPOL_NONE)
        return MPOL_REASON_ALLOWED;
    *rule = allow.unknown;
    if (allow.unknown != MPOL_NONE)
        return MPOL_REASON_INDETERMINATE;
    *rule = allow.first;
    return allow.first != MPOL_NONE ? MPOL_REASON_CONDITION_NOT_MET : MPOL_REASON_NO_RULE;
}

void mpol_decide(const mpol_image *image, const mpol_request *request, const mpol_client *client,
                 const mpol_name_filter *filters, uint32_t filter_count, mpol_decision *decision) {
    *decision =
        (mpol_decision){MPOL_REASON_INTERNAL_ERROR, MPOL_NONE, MPOL_NONE, MPOL_NONE, MPOL_NONE};
    uint32_t route = MPOL_NONE;
    decision->reason = find_route(image, request, &route);
    decision->route = route;
    if (decision->reason != MPOL_REASON_ALLOWED)
        return;
    uint32_t route_class = MPOL_U32(image, ROUTES, route, MPOL_ROUTE_CLASS);
    uint32_t public = find_cell(image, MPOL_ROW_EVERYONE, route_class);
    tally everyone = judge_cell(image, public, MPOL_CELL_ALLOW, request);
    if (everyone.applies != MPOL_NONE && filter_count == 0) {
        decision->rule = everyone.applies;
        return;
    }
    decision->issuer = client->issuer;
    decision->reason = judge_client(client, request->now_s);
    if (decision->reason != MPOL_REASON_ALLOWED)
        return;
    decision->identity = client->identity;
    uint32_t row = MPOL_U32(image, CLASSES, client->class, MPOL_CLASS_ROW);
    uint32_t cell = find_cell(image, row, route_class);
    tally allow = merge(everyone, judge_cell(image, cell, MPOL_CELL_ALLOW, request));
    decision->reason =
        weigh(judge_cell(image, cell, MPOL_CELL_DENY, request), allow, &decision->rule);
    if (decision->reason == MPOL_REASON_ALLOWED &&
        !all_name(image, filters, filter_count, client->class))
        decision->reason = MPOL_REASON_NOT_ON_REQUIRE_LINE;
}
