/* SPDX-License-Identifier: Apache-2.0 */
#include "source/reader.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum {
    RULE_EFFECT,
    RULE_SUBJECTS,
    RULE_ROUTES,
    RULE_NETWORKS,
    RULE_FROM,
    RULE_UNTIL,
    RULE_ACKNOWLEDGE,
    RULE_OWNER,
    RULE_TICKET,
    RULE_NOTE,
    RULE_FIELDS
};
static const mpol_field rule_fields[RULE_FIELDS] = {
    {"effect", MPOL_JSON_STRING, true},      {"subjects", MPOL_JSON_ARRAY, true},
    {"routes", MPOL_JSON_ARRAY, true},       {"networks", MPOL_JSON_ARRAY, false},
    {"valid_from", MPOL_JSON_STRING, false}, {"valid_until", MPOL_JSON_STRING, false},
    {"acknowledge", MPOL_JSON_ARRAY, false}, {"owner", MPOL_JSON_STRING, false},
    {"ticket", MPOL_JSON_STRING, false},     {"note", MPOL_JSON_STRING, false},
};

static void read_effect(mpol_reader *reader, const mpol_json *value, mpol_rule *rule) {
    if (value == NULL)
        return;
    rule->deny = mpol_bytes_are(value->text, "deny");
    if (!rule->deny && !mpol_bytes_are(value->text, "allow"))
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_EFFECT, "Write allow or deny.",
                         "\"%s\" is not an effect.", mpol_quote(reader->pool, value->text));
}

static void read_subject(mpol_reader *reader, const mpol_json *value, mpol_rule *rule) {
    if (mpol_bytes_are(value->text, "everyone"))
        rule->everyone = true;
    else
        mpol_reader_member(reader, value, "Name an identity, a group as \"@NAME\", or everyone.",
                           rule->identities, rule->groups);
}

static void read_scope(mpol_reader *reader, const mpol_json *value, mpol_rule *rule) {
    mpol_scope scope = {.type = MPOL_SCOPE_ROUTE, .place = mpol_place_of(value)};
    mpol_bytes text = value->text;
    if (mpol_bytes_are(text, "*")) {
        scope.type = MPOL_SCOPE_ALL;
    } else if (text.len > 4 && memcmp(text.data, "tag:", 4) == 0) {
        scope.type = MPOL_SCOPE_TAG;
        scope.tag = (mpol_bytes){text.data + 4, text.len - 4};
        if (apr_hash_get(reader->tags, scope.tag.data, scope.tag.len) == NULL) {
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_UNKNOWN_TAG,
                             "Name a tag that a route has.", "No route has the tag \"%s\".",
                             mpol_quote(reader->pool, scope.tag));
            return;
        }
    } else {
        scope.route = mpol_reader_index(reader->routes, text);
        if (scope.route == MPOL_NONE) {
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_UNKNOWN_ROUTE,
                             "Name a key of \"routes\", a tag as \"tag:NAME\", or *.",
                             "There is no route \"%s\".", mpol_quote(reader->pool, text));
            return;
        }
    }
    *(mpol_scope *)apr_array_push(rule->scopes) = scope;
}

static int by_low(const void *left, const void *right) {
    return memcmp(((const mpol_network *)left)->low, ((const mpol_network *)right)->low,
                  MPOL_ADDRESS_BYTES);
}

/* Sorted by their first address, each address in one: networks are nested or apart, never askew. */
static void settle_networks(apr_array_header_t *networks) {
    int kept = 0;
    qsort(networks->elts, (size_t)networks->nelts, sizeof(mpol_network), by_low);
    for (int i = 0; i < networks->nelts; i++) {
        const mpol_network *here = MPOL_AT(networks, i, mpol_network);
        mpol_network *before = kept > 0 ? MPOL_AT(networks, kept - 1, mpol_network) : NULL;
        if (before != NULL && memcmp(here->low, before->high, MPOL_ADDRESS_BYTES) <= 0) {
            if (memcmp(here->high, before->high, MPOL_ADDRESS_BYTES) > 0)
                memcpy(before->high, here->high, MPOL_ADDRESS_BYTES);
            continue;
        }
        *MPOL_AT(networks, kept++, mpol_network) = *here;
    }
    networks->nelts = kept;
}

/* An IPv6 network holds no IPv4 peers: one that reaches around them is cut in two. */
static void add_network(apr_array_header_t *networks, const mpol_network *network) {
    static const uint8_t before[MPOL_ADDRESS_BYTES] = {0, 0, 0,    0,    0,    0,    0,    0,
                                                       0, 0, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t after[MPOL_ADDRESS_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    mpol_network *first = apr_array_push(networks);
    *first = *network;
    if (memcmp(network->low, before, sizeof before) > 0 ||
        memcmp(network->high, before, sizeof before) <= 0)
        return;
    memcpy(first->high, before, sizeof before);
    if (memcmp(network->high, after, sizeof after) < 0)
        return;
    mpol_network *second = apr_array_push(networks);
    *second = *network;
    memcpy(second->low, after, sizeof after);
}

static void read_networks(mpol_reader *reader, const mpol_json *list, mpol_rule *rule) {
    apr_array_header_t *values = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < values->nelts; i++) {
        mpol_network network;
        if (mpol_reader_network(reader, APR_ARRAY_IDX(values, i, const mpol_json *), &network))
            add_network(rule->networks, &network);
    }
    settle_networks(rule->networks);
}

static void read_validity(mpol_reader *reader, const mpol_json *const *fields, mpol_rule *rule) {
    const mpol_json *from = fields[RULE_FROM];
    const mpol_json *until = fields[RULE_UNTIL];
    rule->has_from = from != NULL && mpol_reader_time(reader, from, &rule->valid_from_s);
    rule->has_until = until != NULL && mpol_reader_time(reader, until, &rule->valid_until_s);
    if (rule->has_from && rule->has_until && rule->valid_from_s >= rule->valid_until_s)
        mpol_reader_fail(reader, until, MPOL_DIAGNOSTIC_VALIDITY_EMPTY,
                         "Put valid_until after valid_from.",
                         "The rule would end before it begins and never apply.");
}

static const mpol_json *member_named(apr_array_header_t *members, const char *text) {
    for (int i = 0; i < members->nelts; i++)
        if (mpol_bytes_are(APR_ARRAY_IDX(members, i, const mpol_json *)->text, text))
            return APR_ARRAY_IDX(members, i, const mpol_json *);
    return NULL;
}

/* Does the rule acknowledge what it opens to everyone, and nothing else? */
static void check_everyone(mpol_reader *reader, const mpol_json *list, apr_array_header_t *subjects,
                           const mpol_rule *rule) {
    apr_array_header_t *acknowledged = mpol_reader_strings(reader, list, false);
    const mpol_json *subject = member_named(subjects, "everyone");
    const mpol_json *known = member_named(acknowledged, "everyone");
    for (int i = 0; i < acknowledged->nelts; i++) {
        const mpol_json *member = APR_ARRAY_IDX(acknowledged, i, const mpol_json *);
        if (member != known)
            mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_BAD_ACKNOWLEDGEMENT,
                             "The one thing to acknowledge is everyone.",
                             "\"%s\" is nothing that a rule acknowledges.",
                             mpol_quote(reader->pool, member->text));
    }
    if (subject != NULL && rule->deny)
        mpol_reader_fail(reader, subject, MPOL_DIAGNOSTIC_EVERYONE_IN_DENY,
                         "Everything is denied unless allowed; take everyone out.",
                         "A deny rule cannot name everyone.");
    else if (subject != NULL && known == NULL)
        mpol_reader_fail(reader, subject, MPOL_DIAGNOSTIC_EVERYONE_NOT_ACKNOWLEDGED,
                         "If that is meant, add \"acknowledge\": [\"everyone\"] to the rule.",
                         "This opens the routes to every client, with or without a certificate.");
    if (subject == NULL && known != NULL)
        mpol_diagnostics_add(
            reader->diagnostics, MPOL_WARNING, MPOL_DIAGNOSTIC_ACKNOWLEDGE_UNNEEDED, known->offset,
            mpol_json_pointer(reader->pool, known), "Take it out, so that a later slip is noticed.",
            "The rule acknowledges everyone but does not name everyone.");
}

static void read_rule(mpol_reader *reader, mpol_rule *rule) {
    const mpol_json *fields[RULE_FIELDS];
    rule->identities = apr_array_make(reader->pool, 2, sizeof(uint32_t));
    rule->groups = apr_array_make(reader->pool, 2, sizeof(uint32_t));
    rule->scopes = apr_array_make(reader->pool, 2, sizeof(mpol_scope));
    rule->networks = apr_array_make(reader->pool, 1, sizeof(mpol_network));
    if (!mpol_reader_fields(reader, rule->place.source, rule_fields, RULE_FIELDS, fields))
        return;
    read_effect(reader, fields[RULE_EFFECT], rule);
    apr_array_header_t *subjects = mpol_reader_strings(reader, fields[RULE_SUBJECTS], true);
    for (int i = 0; i < subjects->nelts; i++)
        read_subject(reader, APR_ARRAY_IDX(subjects, i, const mpol_json *), rule);
    apr_array_header_t *routes = mpol_reader_strings(reader, fields[RULE_ROUTES], true);
    for (int i = 0; i < routes->nelts; i++)
        read_scope(reader, APR_ARRAY_IDX(routes, i, const mpol_json *), rule);
    read_networks(reader, fields[RULE_NETWORKS], rule);
    read_validity(reader, fields, rule);
    check_everyone(reader, fields[RULE_ACKNOWLEDGE], subjects, rule);
    if (fields[RULE_OWNER] != NULL)
        (void)mpol_reader_text(reader, fields[RULE_OWNER], &rule->owner);
    if (fields[RULE_TICKET] != NULL)
        (void)mpol_reader_text(reader, fields[RULE_TICKET], &rule->ticket);
    if (fields[RULE_NOTE] != NULL)
        (void)mpol_reader_text(reader, fields[RULE_NOTE], &rule->note);
}

void mpol_read_rules(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *rules = reader->model->rules;
    apr_hash_t *names = apr_hash_make(reader->pool);
    mpol_reader_table(reader, table, rules, sizeof(mpol_rule), names);
    for (int i = 0; i < rules->nelts; i++)
        read_rule(reader, MPOL_AT(rules, i, mpol_rule));
}
