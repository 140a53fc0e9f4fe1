/* SPDX-License-Identifier: Apache-2.0 */
#include "model/write.h"

#include "image/view.h"
#include "match/target.h"
#include "model/networks.h"
#include "model/text.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct writer {
    apr_pool_t *pool;
    const mpol_model *model;
} writer;

const char *mpol_time_text(apr_pool_t *pool, uint64_t seconds) {
    struct tm parts;
    time_t time = (time_t)seconds;
    char *text = apr_palloc(pool, 32);
    if (gmtime_r(&time, &parts) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return "?";
    return text;
}

/* A member whose key is a name of the policy. */
static mpol_text *named(mpol_text *member, mpol_bytes key) {
    member->key = key;
    return member;
}

static void add_string(const writer *w, mpol_text *parent, const char *key, mpol_bytes value) {
    if (value.data != NULL)
        (void)mpol_text_add(parent, mpol_text_string(w->pool, key, value));
}

static void add_c_string(const writer *w, mpol_text *parent, const char *key, const char *value) {
    add_string(w, parent, key, mpol_text_span(value));
}

static int by_bytes(const void *left, const void *right) {
    return mpol_bytes_compare(*(const mpol_bytes *)left, *(const mpol_bytes *)right);
}

/* Strings as members of a list, in byte order. */
static void add_strings(const writer *w, mpol_text *list, const apr_array_header_t *strings) {
    apr_array_header_t *sorted = apr_array_copy(w->pool, strings);
    qsort(sorted->elts, (size_t)sorted->nelts, sizeof(mpol_bytes), by_bytes);
    EACH (sorted, mpol_bytes, text) {
        add_string(w, list, NULL, *text);
    }
}

/* The list itself; nothing when it is empty. */
static void add_list(const writer *w, mpol_text *parent, const char *key,
                     const apr_array_header_t *strings) {
    if (strings->nelts > 0)
        add_strings(w, mpol_text_add(parent, mpol_text_array(w->pool, key)), strings);
}

/* --- issuers and identities --------------------------------------------------------------------
 */

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"
enum { PEM_LINE = 64, PEM_LINE_BYTES = PEM_LINE / 4 * 3 };

/* RFC 7468 section 3. */
static const char *pem_of(apr_pool_t *pool, mpol_bytes der) {
    size_t lines = der.len / PEM_LINE_BYTES + 1;
    char *text = apr_palloc(pool, sizeof PEM_BEGIN PEM_END + lines * (PEM_LINE + 2));
    char *at = text + strlen(PEM_BEGIN);
    memcpy(text, PEM_BEGIN, sizeof PEM_BEGIN);
    for (uint32_t i = 0; i < der.len; i += PEM_LINE_BYTES) {
        uint32_t left = der.len - i < PEM_LINE_BYTES ? der.len - i : PEM_LINE_BYTES;
        at += EVP_EncodeBlock((unsigned char *)at, der.data + i, (int)left);
        *at++ = '\n';
    }
    memcpy(at, PEM_END, sizeof PEM_END);
    return text;
}

/* "kind": "value", or the two parts of an attribute. */
static void add_name(const writer *w, mpol_text *parent, const mpol_name_pattern *name) {
    const char *kind = mpol_name_kind_name(name->naming.kind);
    if (name->naming.kind != MPOL_NAME_ATTRIBUTE) {
        add_string(w, parent, kind, name->value);
        return;
    }
    mpol_text *attribute = mpol_text_add(parent, mpol_text_object(w->pool, kind));
    add_string(w, attribute, "oid", name->naming.oid);
    add_string(w, attribute, "value", name->value);
}

/* An object on its way into a list. */
typedef struct placed {
    mpol_text *object;
    mpol_bytes printed;
} placed;

static int by_print(const void *left, const void *right) {
    return mpol_bytes_compare(((const placed *)left)->printed, ((const placed *)right)->printed);
}

/* Objects (placed) in the order of what is printed of them, as `fmt` has them. */
static void add_objects(const writer *w, mpol_text *list, apr_array_header_t *objects) {
    for (int i = 0; i < objects->nelts; i++) {
        placed *member = MPOL_AT(objects, i, placed);
        member->printed = mpol_text_print(w->pool, member->object);
    }
    qsort(objects->elts, (size_t)objects->nelts, sizeof(placed), by_print);
    EACH (objects, placed, member) {
        (void)mpol_text_add(list, member->object);
    }
}

static mpol_text *place_object(const writer *w, apr_array_header_t *objects) {
    mpol_text *object = mpol_text_object(w->pool, NULL);
    *(placed *)apr_array_push(objects) = (placed){object, {NULL, 0}};
    return object;
}

static void add_kinds(const writer *w, mpol_text *parent, const mpol_issuer *issuer) {
    mpol_text *list = mpol_text_add(parent, mpol_text_array(w->pool, "names"));
    apr_array_header_t *kinds = apr_array_make(w->pool, 4, sizeof(mpol_bytes));
    apr_array_header_t *attributes = apr_array_make(w->pool, 4, sizeof(placed));
    if (issuer->namings->nelts == 0)
        APR_ARRAY_PUSH(kinds, mpol_bytes) = mpol_text_span("none");
    EACH (issuer->namings, mpol_naming, naming) {
        const char *kind = mpol_name_kind_name(naming->kind);
        if (naming->kind != MPOL_NAME_ATTRIBUTE)
            APR_ARRAY_PUSH(kinds, mpol_bytes) = mpol_text_span(kind);
        else
            add_string(w, place_object(w, attributes), kind, naming->oid);
    }
    add_strings(w, list, kinds);
    add_objects(w, list, attributes);
}

static void add_may_assert(const writer *w, mpol_text *parent, const mpol_issuer *issuer) {
    if (issuer->may_assert->nelts == 0)
        return;
    apr_array_header_t *names = apr_array_make(w->pool, 4, sizeof(placed));
    EACH (issuer->may_assert, mpol_name_pattern, name) {
        add_name(w, place_object(w, names), name);
    }
    add_objects(w, mpol_text_add(parent, mpol_text_array(w->pool, "may_assert")), names);
}

static void add_issuer(const writer *w, mpol_text *parent, const mpol_issuer *issuer) {
    mpol_text *object = mpol_text_add(parent, named(mpol_text_object(w->pool, NULL), issuer->name));
    mpol_text *certificates = mpol_text_add(object, mpol_text_array(w->pool, "certificates"));
    EACH (issuer->certificates, mpol_ca_certificate, certificate) {
        add_c_string(w, mpol_text_add(certificates, mpol_text_object(w->pool, NULL)), "pem",
                     pem_of(w->pool, certificate->der));
    }
    add_kinds(w, object, issuer);
    if (issuer->any_of)
        (void)mpol_text_add(object, mpol_text_boolean(w->pool, "any_of", true));
    add_may_assert(w, object, issuer);
    add_string(w, object, "environment", issuer->environment);
}

const char *mpol_pin_text(apr_pool_t *pool, uint32_t kind, const uint8_t digest[MPOL_SPKI_BYTES]) {
    char hex[2 * MPOL_SPKI_BYTES + 1];
    for (uint32_t i = 0; i < MPOL_SPKI_BYTES; i++)
        (void)apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return apr_pstrcat(pool, kind == MPOL_PIN_SPKI ? "spki:" : "certificate:", hex, NULL);
}

static void add_identity(const writer *w, mpol_text *parent, const mpol_identity *identity) {
    mpol_text *object =
        mpol_text_add(parent, named(mpol_text_object(w->pool, NULL), identity->name));
    add_string(w, object, "issuer",
               MPOL_AT(w->model->issuers, (int)identity->issuer, mpol_issuer)->name);
    if (identity->has_name)
        add_name(w, object, &identity->pattern);
    if (identity->attributes->nelts > 0) {
        mpol_text *attributes = mpol_text_add(object, mpol_text_object(w->pool, "attributes"));
        EACH (identity->attributes, mpol_attribute, attribute) {
            (void)mpol_text_add(attributes, named(mpol_text_string(w->pool, NULL, attribute->value),
                                                  attribute->oid));
        }
    }
    if (identity->pins->nelts > 0) {
        mpol_text *pins = mpol_text_add(object, mpol_text_array(w->pool, "pins"));
        EACH (identity->pins, mpol_pin, pin) {
            add_c_string(w, pins, NULL, mpol_pin_text(w->pool, pin->kind, pin->digest));
        }
    }
}

/* --- members of groups, subjects of rules -------------------------------------------------------
 */

static mpol_bytes prefixed(apr_pool_t *pool, const char *prefix, mpol_bytes name) {
    return mpol_text_span(
        apr_psprintf(pool, "%s%.*s", prefix, (int)name.len, (const char *)name.data));
}

static void collect_members(const writer *w, const apr_array_header_t *identities,
                            const apr_array_header_t *groups, apr_array_header_t *texts) {
    EACH (identities, uint32_t, index) {
        APR_ARRAY_PUSH(texts, mpol_bytes) =
            MPOL_AT(w->model->identities, (int)*index, mpol_identity)->name;
    }
    EACH (groups, uint32_t, index) {
        APR_ARRAY_PUSH(texts, mpol_bytes) =
            prefixed(w->pool, "@", MPOL_AT(w->model->groups, (int)*index, mpol_group)->name);
    }
}

static apr_array_header_t *new_list(const writer *w) {
    return apr_array_make(w->pool, 8, sizeof(mpol_bytes));
}

static void add_group(const writer *w, mpol_text *parent, const mpol_group *group) {
    apr_array_header_t *texts = new_list(w);
    mpol_text *list = mpol_text_add(parent, named(mpol_text_array(w->pool, NULL), group->name));
    collect_members(w, group->identities, group->groups, texts);
    add_strings(w, list, texts);
}

/* --- routes
 * --------------------------------------------------------------------------------------- */

/* HEAD comes with GET and is not written beside it. */
static void add_methods(const writer *w, mpol_text *parent, const mpol_route *route) {
    apr_array_header_t *methods = new_list(w);
    bool has_get = false;
    EACH (route->methods, mpol_bytes, method) {
        has_get = has_get || mpol_bytes_equal(*method, mpol_text_span("GET"));
    }
    EACH (route->methods, mpol_bytes, method) {
        if (!has_get || !mpol_bytes_equal(*method, mpol_text_span("HEAD")))
            APR_ARRAY_PUSH(methods, mpol_bytes) = *method;
    }
    if (route->any_method)
        APR_ARRAY_PUSH(methods, mpol_bytes) = mpol_text_span("*");
    add_list(w, parent, "methods", methods);
}

static void add_expects(const writer *w, mpol_text *parent, const mpol_route *route) {
    apr_array_header_t *classes = new_list(w);
#define ADD_CLASS(suffix, name)                                                                    \
    if ((route->flags & MPOL_PATH_##suffix) != 0)                                                  \
        APR_ARRAY_PUSH(classes, mpol_bytes) = mpol_text_span(name);
    MPOL_PATH_CLASSES(ADD_CLASS)
#undef ADD_CLASS
    if ((route->flags & MPOL_ROUTE_EXPECTS_OVERRIDE) != 0)
        APR_ARRAY_PUSH(classes, mpol_bytes) = mpol_text_span("method-override");
    add_list(w, parent, "expects", classes);
}

static void add_route(const writer *w, mpol_text *parent, const mpol_route *route) {
    mpol_text *object = mpol_text_add(parent, named(mpol_text_object(w->pool, NULL), route->name));
    apr_array_header_t *paths = new_list(w);
    EACH (route->patterns, mpol_pattern, pattern) {
        APR_ARRAY_PUSH(paths, mpol_bytes) = pattern->text;
    }
    add_list(w, object, "hosts", route->hosts);
    add_methods(w, object, route);
    add_list(w, object, "paths", paths);
    add_list(w, object, "tags", route->tags);
    add_expects(w, object, route);
    if (route->preflight)
        (void)mpol_text_add(object, mpol_text_boolean(w->pool, "preflight", true));
    if ((route->flags & MPOL_ROUTE_INTERNAL) != 0)
        (void)mpol_text_add(object, mpol_text_boolean(w->pool, "internal", true));
    if ((route->flags & MPOL_ROUTE_INTERNAL_ERROR) != 0)
        add_c_string(w, object, "internal", "error");
}

/* --- rules
 * ------------------------------------------------------------------------------------------ */

static void add_subjects(const writer *w, mpol_text *parent, const mpol_rule *rule,
                         apr_array_header_t *wide) {
    apr_array_header_t *texts = new_list(w);
    if (rule->everyone)
        APR_ARRAY_PUSH(wide, mpol_bytes) = mpol_text_span("everyone");
    if (rule->any_verified)
        APR_ARRAY_PUSH(wide, mpol_bytes) = mpol_text_span("any-verified");
    EACH (rule->issuers, uint32_t, index) {
        APR_ARRAY_PUSH(wide, mpol_bytes) = prefixed(
            w->pool, "issuer:", MPOL_AT(w->model->issuers, (int)*index, mpol_issuer)->name);
    }
    collect_members(w, rule->identities, rule->groups, texts);
    apr_array_cat(texts, wide);
    add_list(w, parent, "subjects", texts);
}

static void add_scopes(const writer *w, mpol_text *parent, const mpol_rule *rule) {
    apr_array_header_t *texts = new_list(w);
    EACH (rule->scopes, mpol_scope, scope) {
        mpol_bytes text = mpol_text_span("*");
        if (scope->type == MPOL_SCOPE_ROUTE)
            text = MPOL_AT(w->model->routes, (int)scope->route, mpol_route)->name;
        if (scope->type == MPOL_SCOPE_TAG)
            text = prefixed(w->pool, "tag:", scope->tag);
        APR_ARRAY_PUSH(texts, mpol_bytes) = text;
    }
    add_list(w, parent, "routes", texts);
}

static void add_networks(const writer *w, mpol_text *parent, const mpol_rule *rule) {
    apr_array_header_t *texts = new_list(w);
    mpol_network_texts(w->pool, rule->networks, texts);
    add_list(w, parent, "networks", texts);
}

static void add_same(const writer *w, mpol_text *parent, const mpol_rule *rule) {
    if (rule->sames->nelts == 0)
        return;
    mpol_text *object = mpol_text_add(parent, mpol_text_object(w->pool, "same"));
    EACH (rule->sames, mpol_same, same) {
        if (same->kind == MPOL_SAME_CAPTURE)
            (void)mpol_text_add(object,
                                named(mpol_text_string(w->pool, NULL, same->source), same->path));
        else
            add_string(w, mpol_text_add(object, named(mpol_text_object(w->pool, NULL), same->path)),
                       "attribute", same->source);
    }
}

static void add_rule(const writer *w, mpol_text *parent, const mpol_rule *rule) {
    mpol_text *object = mpol_text_add(parent, named(mpol_text_object(w->pool, NULL), rule->name));
    apr_array_header_t *wide = new_list(w);
    add_c_string(w, object, "effect", rule->deny ? "deny" : "allow");
    add_subjects(w, object, rule, wide);
    add_scopes(w, object, rule);
    add_networks(w, object, rule);
    if (rule->has_from)
        add_c_string(w, object, "valid_from", mpol_time_text(w->pool, rule->valid_from_s));
    if (rule->has_until)
        add_c_string(w, object, "valid_until", mpol_time_text(w->pool, rule->valid_until_s));
    if (rule->any_user)
        add_c_string(w, mpol_text_add(object, mpol_text_array(w->pool, "users")), NULL, "*");
    add_list(w, object, "users", rule->users);
    add_same(w, object, rule);
    if (!rule->deny)
        add_list(w, object, "acknowledge", wide);
    add_string(w, object, "owner", rule->owner);
    add_string(w, object, "ticket", rule->ticket);
    add_string(w, object, "note", rule->note);
}

/* A table of the document; nothing when it is empty. */
static mpol_text *table(const writer *w, mpol_text *parent, const char *key,
                        const apr_array_header_t *elements) {
    mpol_text *object = mpol_text_object(w->pool, key);
    return elements->nelts > 0 ? mpol_text_add(parent, object) : object;
}

mpol_bytes mpol_model_write(const mpol_model *model) {
    writer w = {model->pool, model};
    mpol_text *document = mpol_text_object(w.pool, NULL);
    add_string(&w, document, "name", model->name);
    add_string(&w, document, "environment", model->environment);
    if (!model->production)
        (void)mpol_text_add(document, mpol_text_boolean(w.pool, "production", false));
    if (model->serial != 0)
        (void)mpol_text_add(document, mpol_text_number(w.pool, "serial", model->serial));
    if (model->valid_until_s != 0)
        add_c_string(&w, document, "valid_until", mpol_time_text(w.pool, model->valid_until_s));
    mpol_text *parent = table(&w, document, "issuers", model->issuers);
    EACH (model->issuers, mpol_issuer, issuer) {
        add_issuer(&w, parent, issuer);
    }
    parent = table(&w, document, "identities", model->identities);
    EACH (model->identities, mpol_identity, identity) {
        add_identity(&w, parent, identity);
    }
    parent = table(&w, document, "groups", model->groups);
    EACH (model->groups, mpol_group, group) {
        add_group(&w, parent, group);
    }
    parent = table(&w, document, "routes", model->routes);
    EACH (model->routes, mpol_route, route) {
        add_route(&w, parent, route);
    }
    parent = table(&w, document, "rules", model->rules);
    EACH (model->rules, mpol_rule, rule) {
        add_rule(&w, parent, rule);
    }
    return mpol_text_print(w.pool, document);
}
