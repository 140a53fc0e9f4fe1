/* SPDX-License-Identifier: Apache-2.0 */
/* What parts of a policy mean for each other. */
#include "source/meaning.h"

#include "model/members.h"
#include "model/patterns.h"

#include <apr_strings.h>
#include <string.h>

static bool has_tag(const mpol_route *route, mpol_bytes tag) {
    for (int i = 0; i < route->tags->nelts; i++)
        if (mpol_bytes_equal(*MPOL_AT(route->tags, i, mpol_bytes), tag))
            return true;
    return false;
}

static bool scope_holds(const mpol_scope *scope, const mpol_route *route, uint32_t index) {
    if (scope->type == MPOL_SCOPE_ROUTE)
        return scope->route == index;
    if (mpol_route_is_internal(route))
        return false; /* tags and * leave them out */
    return scope->type == MPOL_SCOPE_ALL || has_tag(route, scope->tag);
}

/* For each route, the first rule that opens it to everyone; -1 without one. */
static int *public_routes(mpol_reader *reader) {
    int count = reader->model->routes->nelts;
    int *opener = apr_palloc(reader->pool, sizeof *opener * (size_t)(count + 1));
    for (int r = 0; r < count; r++)
        opener[r] = -1;
    for (int i = reader->model->rules->nelts - 1; i >= 0; i--) {
        const mpol_rule *rule = MPOL_AT(reader->model->rules, i, mpol_rule);
        for (int s = 0; rule->everyone && !rule->deny && s < rule->scopes->nelts; s++)
            for (int r = 0; r < count; r++)
                if (scope_holds(MPOL_AT(rule->scopes, s, mpol_scope),
                                MPOL_AT(reader->model->routes, r, mpol_route), (uint32_t)r))
                    opener[r] = i;
    }
    return opener;
}

static void check_denied_scope(mpol_reader *reader, const mpol_scope *scope, const int *opener) {
    const mpol_model *model = reader->model;
    for (int r = 0; r < model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(model->routes, r, mpol_route);
        if (opener[r] < 0 || !scope_holds(scope, route, (uint32_t)r))
            continue;
        const char *name = mpol_quote(reader->pool, route->name);
        const char *rule =
            mpol_quote(reader->pool, MPOL_AT(model->rules, opener[r], mpol_rule)->name);
        if (scope->type != MPOL_SCOPE_ALL)
            mpol_reader_fail(reader, (const mpol_json *)scope->place.source,
                             MPOL_DIAGNOSTIC_EVERYONE_DENIED,
                             "Take the route out of one of the two rules.",
                             "Rule \"%s\" opens route \"%s\" to everyone: a client could put its "
                             "certificate away and escape this deny.",
                             rule, name);
        else
            mpol_diagnostics_add(reader->diagnostics, MPOL_NOTE, MPOL_DIAGNOSTIC_EVERYONE_LEFT_OUT,
                                 scope->place.offset,
                                 mpol_json_pointer(reader->pool, scope->place.source),
                                 "Nothing needs mending if that is meant.",
                                 "This deny leaves out route \"%s\", which rule \"%s\" opens to "
                                 "everyone, and any other such route.",
                                 name, rule);
        return; /* one route is enough to show it */
    }
}

static void check_denials(mpol_reader *reader) {
    const int *opener = public_routes(reader);
    for (int i = 0; i < reader->model->rules->nelts; i++) {
        const mpol_rule *rule = MPOL_AT(reader->model->rules, i, mpol_rule);
        for (int s = 0; rule->deny && s < rule->scopes->nelts; s++)
            check_denied_scope(reader, MPOL_AT(rule->scopes, s, mpol_scope), opener);
    }
}

/* The value of a key of a rule, which is there. */
static const mpol_json *field_of(const mpol_rule *rule, const char *key) {
    const mpol_json *object = rule->place.source;
    const mpol_json *member = object->first;
    while (member != NULL && !mpol_bytes_are(member->key, key))
        member = member->next;
    return member;
}

/* The identities of one subject as the document writes it; NULL when it names none. */
static const apr_array_header_t *identities_of(mpol_reader *reader, mpol_members *members,
                                               const mpol_json *subject) {
    mpol_bytes name = subject->text;
    if (subject->type != MPOL_JSON_STRING || name.len == 0)
        return NULL;
    if (name.data[0] == '@') {
        uint32_t group =
            mpol_reader_index(reader->groups, (mpol_bytes){name.data + 1, name.len - 1});
        return group != MPOL_NONE ? mpol_members_of(members, group) : NULL;
    }
    uint32_t identity = mpol_reader_index(reader->identities, name);
    if (identity == MPOL_NONE)
        return NULL;
    apr_array_header_t *one = apr_array_make(reader->pool, 1, sizeof(uint32_t));
    APR_ARRAY_PUSH(one, uint32_t) = identity;
    return one;
}

static bool has_conditions(const mpol_identity *identity) {
    return identity->pins->nelts > 0 || identity->attributes->nelts > 0;
}

/* Does the rule meet whoever bears the name of this identity, whatever else its certificate holds?
 */
static bool meets_the_name(const mpol_model *model, const mpol_rule *rule,
                           const apr_array_header_t *named, const mpol_identity *identity) {
    if (rule->any_verified)
        return true;
    for (int i = 0; i < rule->issuers->nelts; i++)
        if (APR_ARRAY_IDX(rule->issuers, i, uint32_t) == identity->issuer)
            return true;
    for (int i = 0; i < named->nelts; i++) {
        const mpol_identity *other =
            MPOL_AT(model->identities, (int)APR_ARRAY_IDX(named, i, uint32_t), mpol_identity);
        if (!has_conditions(other) && other->issuer == identity->issuer && identity->has_name &&
            other->has_name &&
            mpol_naming_equal(&other->pattern.naming, &identity->pattern.naming) &&
            mpol_pattern_covers(&other->pattern, &identity->pattern))
            return true;
    }
    return false;
}

static void tell_escape(mpol_reader *reader, const mpol_json *subject,
                        const mpol_identity *identity) {
    const char *whose = "the same issuer";
    const char *without = "has none of the pins of";
    if (identity->has_name)
        whose = apr_pstrcat(reader->pool, identity->pattern.is_pattern ? "a name like" : "the name",
                            " \"", mpol_quote(reader->pool, identity->pattern.value), "\"", NULL);
    if (identity->attributes->nelts > 0)
        without = identity->pins->nelts > 0 ? "has none of the pins or not the attributes of"
                                            : "has not the attributes of";
    mpol_diagnostics_add(reader->diagnostics, MPOL_WARNING, MPOL_DIAGNOSTIC_DENY_ESCAPABLE,
                         subject->offset, mpol_json_pointer(reader->pool, subject),
                         identity->has_name
                             ? "Deny an identity of that name without pins and attributes as well."
                             : "Deny issuer:NAME, or take the pins out of all allow rules.",
                         "A certificate of %s that %s identity \"%s\" escapes this deny.", whose,
                         without, mpol_quote(reader->pool, identity->name));
}

/* A client of that name whose certificate differs in pins or attributes is no such identity. */
static void check_escape(mpol_reader *reader, mpol_members *members, const mpol_rule *rule) {
    const mpol_json *subjects = field_of(rule, "subjects");
    const apr_array_header_t *named = mpol_members_of_rule(members, rule);
    for (const mpol_json *s = subjects != NULL ? subjects->first : NULL; s != NULL; s = s->next) {
        const apr_array_header_t *identities = identities_of(reader, members, s);
        for (int i = 0; identities != NULL && i < identities->nelts; i++) {
            const mpol_identity *identity =
                MPOL_AT(reader->model->identities, (int)APR_ARRAY_IDX(identities, i, uint32_t),
                        mpol_identity);
            if (has_conditions(identity) && !meets_the_name(reader->model, rule, named, identity))
                tell_escape(reader, s, identity);
        }
    }
}

static void check_end(mpol_reader *reader, const mpol_rule *rule) {
    const mpol_json *until = field_of(rule, "valid_until");
    if (rule->has_until && until != NULL)
        mpol_diagnostics_add(reader->diagnostics, MPOL_WARNING, MPOL_DIAGNOSTIC_DENY_ENDS,
                             until->offset, mpol_json_pointer(reader->pool, until),
                             "Take it out, unless access is meant to widen on that date.",
                             "This deny ends at %s, and what it denies may be allowed from then "
                             "on.",
                             mpol_quote(reader->pool, until->text));
}

/* Is it a subject for clients whatever their identity? */
static bool names_no_identity(const mpol_json *subject) {
    return subject->type == MPOL_JSON_STRING &&
           (mpol_bytes_are(subject->text, "any-verified") ||
            (subject->text.len > 7 && memcmp(subject->text.data, "issuer:", 7) == 0));
}

static bool pattern_has(const apr_array_header_t *segments, mpol_bytes capture) {
    for (int i = 0; segments != NULL && i < segments->nelts; i++)
        if (mpol_bytes_equal(MPOL_AT(segments, i, mpol_segment)->capture, capture))
            return true;
    return false;
}

/* The first comparison that a client of this subject cannot take part in; NULL: none. `*lacks` is
 * the identity, NULL where it is no identity at all. */
static const mpol_same *subject_without(mpol_reader *reader, mpol_members *members,
                                        const mpol_json *subject, const mpol_rule *rule,
                                        const mpol_identity **lacks) {
    const apr_array_header_t *identities = identities_of(reader, members, subject);
    for (int k = 0; k < rule->sames->nelts; k++) {
        const mpol_same *same = MPOL_AT(rule->sames, k, mpol_same);
        *lacks = NULL;
        if (same->kind != MPOL_SAME_CAPTURE)
            continue;
        if (identities == NULL && names_no_identity(subject))
            return same;
        for (int i = 0; identities != NULL && i < identities->nelts; i++) {
            *lacks = MPOL_AT(reader->model->identities, (int)APR_ARRAY_IDX(identities, i, uint32_t),
                             mpol_identity);
            if (!(*lacks)->has_name || !pattern_has((*lacks)->pattern.segments, same->source))
                return same;
        }
    }
    return NULL;
}

static void check_subject_captures(mpol_reader *reader, mpol_members *members,
                                   const mpol_json *subject, const mpol_rule *rule) {
    const mpol_identity *lacks;
    const mpol_same *same = subject_without(reader, members, subject, rule, &lacks);
    if (same == NULL)
        return;
    const char *name = mpol_quote(reader->pool, same->source);
    if (lacks != NULL)
        mpol_reader_fail(reader, subject, MPOL_DIAGNOSTIC_UNKNOWN_CAPTURE,
                         "Give its name a capture of that name, or take it out of the rule.",
                         "The name of identity \"%s\" has no capture \"%s\".",
                         mpol_quote(reader->pool, lacks->name), name);
    else
        mpol_reader_fail(reader, subject, MPOL_DIAGNOSTIC_UNKNOWN_CAPTURE,
                         "Name identities whose names have the capture, or compare with an "
                         "attribute.",
                         "Clients of this subject have no capture \"%s\".", name);
}

/* A route of the scope that has a pattern without the capture; NULL when all have it. */
static const mpol_route *route_without(mpol_reader *reader, const mpol_scope *scope,
                                       mpol_bytes capture) {
    for (int r = 0; r < reader->model->routes->nelts; r++) {
        const mpol_route *route = MPOL_AT(reader->model->routes, r, mpol_route);
        if (!scope_holds(scope, route, (uint32_t)r))
            continue;
        for (int p = 0; p < route->patterns->nelts; p++)
            if (!pattern_has(MPOL_AT(route->patterns, p, mpol_pattern)->segments, capture))
                return route;
    }
    return NULL;
}

static void check_scope_captures(mpol_reader *reader, const mpol_scope *scope,
                                 const mpol_rule *rule) {
    const mpol_json *place = scope->place.source;
    if (scope->type == MPOL_SCOPE_ALL) {
        mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_UNKNOWN_CAPTURE,
                         "Name the routes, or a tag that they have.",
                         "A rule that compares captures cannot speak of all routes.");
        return;
    }
    for (int i = 0; i < rule->sames->nelts; i++) {
        mpol_bytes capture = MPOL_AT(rule->sames, i, mpol_same)->path;
        const mpol_route *route = route_without(reader, scope, capture);
        if (route == NULL)
            continue;
        mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_UNKNOWN_CAPTURE,
                         "Give each of its paths a capture of that name.",
                         "A path of route \"%s\" has no capture \"%s\".",
                         mpol_quote(reader->pool, route->name), mpol_quote(reader->pool, capture));
        return;
    }
}

/* Each scope and subject is reported once, for the first comparison it cannot take part in. */
static void check_sames(mpol_reader *reader, mpol_members *members, const mpol_rule *rule) {
    const mpol_json *subjects = field_of(rule, "subjects");
    if (rule->sames->nelts == 0)
        return;
    for (int s = 0; s < rule->scopes->nelts; s++)
        check_scope_captures(reader, MPOL_AT(rule->scopes, s, mpol_scope), rule);
    for (const mpol_json *s = subjects != NULL ? subjects->first : NULL; s != NULL; s = s->next)
        check_subject_captures(reader, members, s, rule);
}

static void check_internal_scopes(mpol_reader *reader, const mpol_rule *rule) {
    for (int s = 0; s < rule->scopes->nelts; s++) {
        const mpol_scope *scope = MPOL_AT(rule->scopes, s, mpol_scope);
        if (scope->type == MPOL_SCOPE_ROUTE &&
            mpol_route_is_internal(MPOL_AT(reader->model->routes, (int)scope->route, mpol_route)))
            mpol_reader_fail(reader, (const mpol_json *)scope->place.source,
                             MPOL_DIAGNOSTIC_INTERNAL_IN_RULE,
                             "Take it out; internal routes need no rule and heed none.",
                             "This route is internal: only the server itself comes to it.");
    }
}

static void check_rules(mpol_reader *reader) {
    mpol_members *members = mpol_members_make(reader->pool, reader->model);
    for (int i = 0; i < reader->model->rules->nelts; i++) {
        const mpol_rule *rule = MPOL_AT(reader->model->rules, i, mpol_rule);
        check_internal_scopes(reader, rule);
        if (rule->deny) {
            check_escape(reader, members, rule);
            check_end(reader, rule);
        } else {
            check_sames(reader, members, rule);
        }
    }
}

/* An identity whose name its issuer may never assert would match nobody. */
static void check_asserted(mpol_reader *reader) {
    for (int i = 0; i < reader->model->identities->nelts; i++) {
        const mpol_identity *identity = MPOL_AT(reader->model->identities, i, mpol_identity);
        if (!identity->has_name || identity->issuer == MPOL_NONE)
            continue;
        const mpol_issuer *issuer =
            MPOL_AT(reader->model->issuers, (int)identity->issuer, mpol_issuer);
        bool inside = issuer->may_assert->nelts == 0;
        for (int k = 0; k < issuer->may_assert->nelts; k++) {
            const mpol_name_pattern *name = MPOL_AT(issuer->may_assert, k, mpol_name_pattern);
            inside = inside || (mpol_naming_equal(&name->naming, &identity->pattern.naming) &&
                                mpol_patterns_overlap(name, &identity->pattern));
        }
        if (!inside)
            mpol_reader_fail(reader, (const mpol_json *)identity->pattern.place.source,
                             MPOL_DIAGNOSTIC_IDENTITY_OUTSIDE_ISSUER,
                             "Add it to the issuer's \"may_assert\", or mend the name.",
                             "Issuer \"%s\" may not assert this name.",
                             mpol_quote(reader->pool, issuer->name));
    }
}

/* Two CAs that may both certify one further CA give its clients a choice of paths. */
static void check_cross_signing(mpol_reader *reader, const mpol_json *issuers) {
    const mpol_issuer *first = NULL;
    for (const mpol_json *member = issuers != NULL ? issuers->first : NULL; member != NULL;
         member = member->next) {
        uint32_t index = mpol_reader_index(reader->issuers, member->key);
        const mpol_issuer *issuer =
            index != MPOL_NONE ? MPOL_AT(reader->model->issuers, (int)index, mpol_issuer) : NULL;
        if (issuer == NULL || !issuer->may_cross || issuer == first)
            continue;
        if (first != NULL)
            mpol_diagnostics_add(
                reader->diagnostics, MPOL_NOTE, MPOL_DIAGNOSTIC_ISSUERS_CROSS_SIGN,
                member->key_offset, mpol_json_pointer(reader->pool, member),
                "Name such CAs as issuers of their own, or have CA certificates issued with a path "
                "length of 0.",
                "Issuers \"%s\" and \"%s\" may both certify one further CA, and a client of that "
                "CA could choose for which of the two it counts.",
                mpol_quote(reader->pool, first->name), mpol_quote(reader->pool, issuer->name));
        else
            first = issuer;
    }
}

void mpol_check_meaning(mpol_reader *reader, const mpol_json *issuers) {
    mpol_check_conflicts(reader);
    check_cross_signing(reader, issuers);
    check_asserted(reader);
    check_denials(reader);
    check_rules(reader);
}
