/* SPDX-License-Identifier: Apache-2.0 */
#include "model/networks.h"
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
    RULE_USERS,
    RULE_SAME,
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
    {"users", MPOL_JSON_ARRAY, false},       {"same", MPOL_JSON_OBJECT, false},
    {"acknowledge", MPOL_JSON_ARRAY, false}, {"owner", MPOL_JSON_STRING, false},
    {"ticket", MPOL_JSON_STRING, false},     {"note", MPOL_JSON_STRING, false},
};

/* False when the effect is not known: then nothing that hangs on it is said. */
static bool read_effect(mpol_reader *reader, const mpol_json *value, mpol_rule *rule) {
    if (value == NULL)
        return false;
    rule->deny = mpol_bytes_are(value->text, "deny");
    if (rule->deny || mpol_bytes_are(value->text, "allow"))
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_EFFECT, "Write allow or deny.",
                     "\"%s\" is not an effect.", mpol_quote(reader->pool, value->text));
    return false;
}

#define ISSUER_PREFIX "issuer:"
enum { ISSUER_PREFIX_LEN = sizeof ISSUER_PREFIX - 1 };

static bool names_issuer(mpol_bytes text) {
    return text.len > ISSUER_PREFIX_LEN && memcmp(text.data, ISSUER_PREFIX, ISSUER_PREFIX_LEN) == 0;
}

/* The issuer behind "issuer:", MPOL_NONE when the policy has none of that name. */
static uint32_t issuer_of(const mpol_reader *reader, mpol_bytes text) {
    mpol_bytes name = {text.data + ISSUER_PREFIX_LEN, text.len - ISSUER_PREFIX_LEN};
    return mpol_reader_index(reader->issuers, name);
}

static void read_subject(mpol_reader *reader, const mpol_json *value, mpol_rule *rule) {
    if (mpol_bytes_are(value->text, "everyone")) {
        rule->everyone = true;
    } else if (mpol_bytes_are(value->text, "any-verified")) {
        rule->any_verified = true;
    } else if (names_issuer(value->text)) {
        uint32_t issuer = issuer_of(reader, value->text);
        if (issuer != MPOL_NONE)
            APR_ARRAY_PUSH(rule->issuers, uint32_t) = issuer;
        else
            mpol_reader_fail(
                reader, value, MPOL_DIAGNOSTIC_UNKNOWN_ISSUER,
                "Name a key of \"issuers\" behind issuer:.", "There is no issuer \"%s\".",
                mpol_quote(reader->pool, (mpol_bytes){value->text.data + ISSUER_PREFIX_LEN,
                                                      value->text.len - ISSUER_PREFIX_LEN}));
    } else {
        mpol_reader_member(reader, value,
                           "Name an identity, a group as \"@NAME\", issuer:NAME, any-verified or "
                           "everyone.",
                           rule->identities, rule->groups);
    }
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

static void read_networks(mpol_reader *reader, const mpol_json *list, mpol_rule *rule) {
    apr_array_header_t *values = mpol_reader_strings(reader, list, true);
    apr_hash_t *seen = apr_hash_make(reader->pool);
    for (int i = 0; i < values->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(values, i, const mpol_json *);
        mpol_network *network = apr_pcalloc(reader->pool, sizeof *network);
        if (!mpol_reader_network(reader, value, network))
            continue;
        if (apr_hash_get(seen, network, sizeof *network) != NULL)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER,
                             "Delete one of the two.", "This network stands twice in the list.");
        apr_hash_set(seen, network, sizeof *network, value);
        mpol_networks_add(rule->networks, network);
    }
    mpol_networks_settle(rule->networks);
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

/* Is it a subject that an allow rule has to acknowledge? */
static bool is_wide(mpol_bytes subject) {
    return mpol_bytes_are(subject, "everyone") || mpol_bytes_are(subject, "any-verified") ||
           names_issuer(subject);
}

static const mpol_json *member_like(apr_array_header_t *members, mpol_bytes text) {
    for (int i = 0; i < members->nelts; i++)
        if (mpol_bytes_equal(APR_ARRAY_IDX(members, i, const mpol_json *)->text, text))
            return APR_ARRAY_IDX(members, i, const mpol_json *);
    return NULL;
}

static void add(mpol_reader *reader, mpol_severity severity, mpol_diagnostic_code code,
                const mpol_json *place, const char *fix, const char *text) {
    mpol_diagnostics_add(reader->diagnostics, severity, code, place->offset,
                         mpol_json_pointer(reader->pool, place), fix, "%s", text);
}

/* What a rule opens to many has to be said twice. */
static void check_wide_subject(mpol_reader *reader, const mpol_json *subject,
                               apr_array_header_t *acknowledged, const mpol_rule *rule) {
    bool everyone = mpol_bytes_are(subject->text, "everyone");
    const char *name = mpol_quote(reader->pool, subject->text);
    if (everyone && rule->deny) {
        add(reader, MPOL_ERROR, MPOL_DIAGNOSTIC_EVERYONE_IN_DENY, subject,
            "Everything is denied unless allowed; take everyone out.",
            "A deny rule cannot name everyone.");
        return;
    }
    if (rule->deny)
        return;
    bool known = member_like(acknowledged, subject->text) != NULL;
    if (!known)
        add(reader, MPOL_ERROR,
            everyone ? MPOL_DIAGNOSTIC_EVERYONE_NOT_ACKNOWLEDGED : MPOL_DIAGNOSTIC_NOT_ACKNOWLEDGED,
            subject,
            apr_psprintf(reader->pool, "If that is meant, add \"%s\" to \"acknowledge\".", name),
            everyone ? "This opens the routes to every client, with or without a certificate."
                     : "This opens the routes to clients that no identity describes.");
    else if (!everyone)
        add(reader, MPOL_NOTE, MPOL_DIAGNOSTIC_WIDE_GRANT, subject,
            "Nothing needs mending if that is meant.",
            apr_psprintf(reader->pool,
                         "The rule lets in every certificate of \"%s\", whatever its name.", name));
}

static void check_acknowledged(mpol_reader *reader, const mpol_json *member,
                               apr_array_header_t *subjects, const mpol_rule *rule) {
    mpol_bytes text = member->text;
    const char *name = mpol_quote(reader->pool, text);
    if (!is_wide(text) || (names_issuer(text) && issuer_of(reader, text) == MPOL_NONE))
        mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_BAD_ACKNOWLEDGEMENT,
                         "What can be acknowledged is everyone, any-verified and issuer:NAME.",
                         "\"%s\" is nothing that a rule acknowledges.", name);
    else if (member_like(subjects, text) == NULL ||
             (rule->deny && !mpol_bytes_are(text, "everyone")))
        add(reader, MPOL_WARNING, MPOL_DIAGNOSTIC_ACKNOWLEDGE_UNNEEDED, member,
            "Take it out, so that a later slip is noticed.",
            apr_psprintf(reader->pool, "The rule acknowledges \"%s\" but does not let it in.",
                         name));
}

static void check_wide_subjects(mpol_reader *reader, const mpol_json *list,
                                apr_array_header_t *subjects, const mpol_rule *rule) {
    apr_array_header_t *acknowledged = mpol_reader_strings(reader, list, false);
    for (int i = 0; i < acknowledged->nelts; i++)
        check_acknowledged(reader, APR_ARRAY_IDX(acknowledged, i, const mpol_json *), subjects,
                           rule);
    for (int i = 0; i < subjects->nelts; i++) {
        const mpol_json *subject = APR_ARRAY_IDX(subjects, i, const mpol_json *);
        bool unknown = names_issuer(subject->text) && issuer_of(reader, subject->text) == MPOL_NONE;
        if (is_wide(subject->text) && !unknown) /* an unknown one was reported */
            check_wide_subject(reader, subject, acknowledged, rule);
    }
}

static int by_bytes(const void *left, const void *right) {
    return mpol_bytes_compare(*(const mpol_bytes *)left, *(const mpol_bytes *)right);
}

static void read_users(mpol_reader *reader, const mpol_json *list, mpol_rule *rule) {
    apr_array_header_t *values = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < values->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(values, i, const mpol_json *);
        if (mpol_bytes_are(value->text, "*") && values->nelts > 1)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_USER,
                             "Leave * alone, or list users without it.",
                             "* stands for any user and takes no others beside it.");
        else if (mpol_bytes_are(value->text, "*"))
            rule->any_user = true;
        else if (mpol_reader_word(reader, value))
            APR_ARRAY_PUSH(rule->users, mpol_bytes) = value->text;
    }
    qsort(rule->users->elts, (size_t)rule->users->nelts, sizeof(mpol_bytes), by_bytes);
}

static int by_path(const void *left, const void *right) {
    return mpol_bytes_compare(((const mpol_same *)left)->path, ((const mpol_same *)right)->path);
}

/* What a capture of the path is compared with. */
static bool read_source(mpol_reader *reader, const mpol_json *value, mpol_same *same) {
    static const mpol_field attribute_field[] = {{"attribute", MPOL_JSON_STRING, true}};
    const mpol_json *oid;
    same->kind = MPOL_SAME_ATTRIBUTE;
    if (value->type == MPOL_JSON_OBJECT)
        return mpol_reader_fields(reader, value, attribute_field, 1, &oid) && oid != NULL &&
               mpol_reader_oid(reader, oid, oid->offset, oid->text, &same->source);
    same->kind = MPOL_SAME_CAPTURE;
    same->source = value->text;
    if (!mpol_reader_expect(reader, value, MPOL_JSON_STRING))
        return false;
    if (mpol_is_capture_name(value->text))
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_CAPTURE,
                     "Name a capture, or write { \"attribute\": OID }.",
                     "\"%s\" is not the name of a capture.", mpol_quote(reader->pool, value->text));
    return false;
}

static void read_same(mpol_reader *reader, const mpol_json *table, mpol_rule *rule) {
    apr_hash_t *seen = apr_hash_make(reader->pool);
    if (table->count == 0)
        mpol_reader_fail(reader, table, MPOL_DIAGNOSTIC_EMPTY_LIST,
                         "Name at least one capture of the path, or leave the key out.",
                         "The object is empty.");
    for (const mpol_json *value = table->first; value != NULL; value = value->next) {
        mpol_same same = {.path = value->key};
        if (apr_hash_get(seen, value->key.data, value->key.len) != NULL)
            mpol_reader_fail_key(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_KEY,
                                 "Keep one of the two and delete the other.",
                                 "This capture stands twice here.");
        else if (!mpol_is_capture_name(value->key))
            mpol_reader_fail_key(
                reader, value, MPOL_DIAGNOSTIC_BAD_CAPTURE, "Name a capture of the route's paths.",
                "\"%s\" is not the name of a capture.", mpol_quote(reader->pool, value->key));
        else if (read_source(reader, value, &same))
            *(mpol_same *)apr_array_push(rule->sames) = same;
        apr_hash_set(seen, value->key.data, value->key.len, value);
    }
    qsort(rule->sames->elts, (size_t)rule->sames->nelts, sizeof(mpol_same), by_path);
}

/* Conditions that hold only for a client whose certificate counts, and only for allow rules. */
static void read_own_conditions(mpol_reader *reader, const mpol_json *const *fields,
                                mpol_rule *rule) {
    const mpol_json *given[2] = {fields[RULE_USERS], fields[RULE_SAME]};
    for (int i = 0; i < 2; i++) {
        if (given[i] != NULL && rule->deny)
            mpol_reader_fail_key(reader, given[i], MPOL_DIAGNOSTIC_DENY_CONDITION,
                                 "Take it out; a deny takes networks and validity only.",
                                 "A client could escape this deny by not meeting the condition.");
        else if (given[i] != NULL && rule->everyone)
            mpol_reader_fail_key(reader, given[i], MPOL_DIAGNOSTIC_EVERYONE_CONDITION,
                                 "Take it out, or write a rule of its own for the other subjects.",
                                 "Everyone is let in before anybody looks at who asks.");
    }
    if (given[0] != NULL)
        read_users(reader, given[0], rule);
    if (given[1] != NULL)
        read_same(reader, given[1], rule);
}

static void read_rule(mpol_reader *reader, mpol_rule *rule) {
    const mpol_json *fields[RULE_FIELDS];
    rule->identities = apr_array_make(reader->pool, 2, sizeof(uint32_t));
    rule->groups = apr_array_make(reader->pool, 2, sizeof(uint32_t));
    rule->issuers = apr_array_make(reader->pool, 1, sizeof(uint32_t));
    rule->scopes = apr_array_make(reader->pool, 2, sizeof(mpol_scope));
    rule->users = apr_array_make(reader->pool, 1, sizeof(mpol_bytes));
    rule->sames = apr_array_make(reader->pool, 1, sizeof(mpol_same));
    rule->networks = apr_array_make(reader->pool, 1, sizeof(mpol_network));
    if (!mpol_reader_fields(reader, rule->place.source, rule_fields, RULE_FIELDS, fields))
        return;
    bool effect_known = read_effect(reader, fields[RULE_EFFECT], rule);
    apr_array_header_t *subjects = mpol_reader_strings(reader, fields[RULE_SUBJECTS], true);
    for (int i = 0; i < subjects->nelts; i++)
        read_subject(reader, APR_ARRAY_IDX(subjects, i, const mpol_json *), rule);
    apr_array_header_t *routes = mpol_reader_strings(reader, fields[RULE_ROUTES], true);
    for (int i = 0; i < routes->nelts; i++)
        read_scope(reader, APR_ARRAY_IDX(routes, i, const mpol_json *), rule);
    read_networks(reader, fields[RULE_NETWORKS], rule);
    read_validity(reader, fields, rule);
    read_own_conditions(reader, fields, rule);
    if (effect_known)
        check_wide_subjects(reader, fields[RULE_ACKNOWLEDGE], subjects, rule);
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
