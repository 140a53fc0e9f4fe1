/* SPDX-License-Identifier: Apache-2.0 */
/* Names and patterns of names: of identities, and those that issuers may assert. */
#include "base/limits.h"
#include "image/view.h"
#include "match/names.h"
#include "source/oid.h"
#include "source/reader.h"
#include "source/subject.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define FIX_OID "Write it in dots, such as 2.5.4.97, or as one of the names in the manual."

bool mpol_reader_oid(mpol_reader *reader, const mpol_json *value, uint32_t offset, mpol_bytes text,
                     mpol_bytes *oid) {
    if (mpol_oid_parse(text, oid))
        return true;
    bool common_name = mpol_bytes_are(text, "cn") || mpol_bytes_are(text, "CN") ||
                       mpol_bytes_are(text, "commonName");
    mpol_diagnostics_add(reader->diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_BAD_OID, offset,
                         mpol_json_pointer(reader->pool, value),
                         common_name ? "The common name is 2.5.4.3." : FIX_OID,
                         "\"%s\" is neither an OID nor the name of one.",
                         mpol_quote(reader->pool, text));
    return false;
}

static const char *const name_rules[MPOL_NAME_KIND_COUNT] = {
    [MPOL_NAME_SPIFFE] = "Write it as spiffe://trust-domain/path, the trust domain in lower case; "
                         "*, {name} and a last ** take whole segments of the path.",
    [MPOL_NAME_URI] = "Write a scheme, a colon and printable ASCII without spaces; *, {name} and a "
                      "last ** take whole segments behind the host.",
    [MPOL_NAME_DNS] = "Write a DNS name; its first label may be * or {name}.",
    [MPOL_NAME_EMAIL] = "Write it as user@domain, *@domain or {name}@domain.",
    [MPOL_NAME_UPN] = "Use 1 to 256 bytes without control characters.",
    [MPOL_NAME_CN] = "Use 1 to 256 bytes without control characters.",
    [MPOL_NAME_ATTRIBUTE] = "Use 1 to 256 bytes without control characters.",
    [MPOL_NAME_SUBJECT] = "Write it as in RFC 4514, such as CN=Payments,O=Example,C=DE.",
};

/* A name while it is read. */
typedef struct name_reader {
    apr_pool_t *pool;
    mpol_name_kind kind;
    mpol_name_pattern *out;
    apr_hash_t *captures;
    const char *wrong; /* NULL while nothing is */
} name_reader;

/* Is the segment a wildcard, a capture or `**`? `*rest` tells the last. What looks like one of them
 * beside other text is wrong. */
static bool is_wild(name_reader *r, mpol_bytes segment, bool *rest) {
    *rest = mpol_bytes_are(segment, "**");
    if (*rest || mpol_bytes_are(segment, "*"))
        return true;
    if (segment.len > 1 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}') {
        mpol_bytes name = {segment.data + 1, segment.len - 2};
        if (!mpol_is_capture_name(name))
            r->wrong = "a capture's name is wrong";
        else if (apr_hash_get(r->captures, name.data, name.len) != NULL)
            r->wrong = "a capture's name stands twice";
        apr_hash_set(r->captures, apr_pmemdup(r->pool, name.data, name.len), name.len, r);
        return true;
    }
    for (uint32_t i = 0; i < segment.len; i++)
        if (segment.data[i] == '*' || segment.data[i] == '{' || segment.data[i] == '}')
            r->wrong = "*, { or } stands beside other text";
    return false;
}

/* A URI with every wildcard replaced by a letter, to see whether the rest is well-formed. Scheme
 * and authority are literal: that is as many segments as `fixed`. */
static mpol_bytes probe_uri(name_reader *r, mpol_bytes text) {
    uint8_t *probe = apr_palloc(r->pool, text.len + 1u);
    uint32_t len = 0;
    uint32_t index = 0;
    uint32_t fixed = 1;
    bool rest = false;
    mpol_name_walk walk = mpol_name_begin(r->kind, text);
    mpol_bytes segment;
    for (; mpol_name_next(&walk, &segment); index++) {
        if (rest)
            r->wrong = "** stands before the end";
        if (index == 1 && segment.len == 0)
            fixed = 3;
        bool wild = is_wild(r, segment, &rest);
        if (wild && index < fixed)
            r->wrong = "scheme and host are no pattern";
        if (index > 0)
            probe[len++] = '/';
        if (wild)
            probe[len++] = 'x';
        else if (segment.len > 0)
            memcpy(probe + len, segment.data, segment.len);
        len += wild ? 0 : segment.len;
        r->out->is_pattern = r->out->is_pattern || wild;
    }
    if (r->out->is_pattern && index > MPOL_LIMIT_PATTERN_SEGMENTS)
        r->wrong = "it has more than 64 segments";
    return (mpol_bytes){probe, len};
}

/* A DNS name or e-mail address whose first part (up to `split`) is a wildcard: the same with a
 * letter in its place. */
static mpol_bytes probe_parts(name_reader *r, mpol_bytes text, uint32_t split) {
    bool rest;
    mpol_bytes first = {text.data, split};
    if (!is_wild(r, first, &rest))
        return text;
    if (rest)
        r->wrong = "** takes segments, and here are none";
    r->out->is_pattern = true;
    uint8_t *probe = apr_palloc(r->pool, text.len + 1u);
    probe[0] = 'x';
    memcpy(probe + 1, text.data + split, text.len - split);
    return (mpol_bytes){probe, text.len - split + 1};
}

static uint32_t first_part(mpol_name_kind kind, mpol_bytes text) {
    uint32_t at = text.len;
    if (kind == MPOL_NAME_EMAIL) {
        while (at > 0 && text.data[at - 1] != '@')
            at--;
        return at > 0 ? at - 1 : text.len;
    }
    const uint8_t *dot = memchr(text.data, '.', text.len);
    return dot != NULL ? (uint32_t)(dot - text.data) : text.len;
}

/* To the form in which names are compared. */
static bool normalise(name_reader *r, mpol_bytes text) {
    uint8_t *buffer = apr_palloc(r->pool, MPOL_NAME_BUFFER);
    mpol_bytes probe = text;
    mpol_bytes name;
    uint32_t split = 0;
    if (r->kind == MPOL_NAME_SUBJECT) {
        r->wrong = mpol_subject_parse(r->pool, text, &r->out->value);
        return r->wrong == NULL;
    }
    if (r->kind == MPOL_NAME_SPIFFE || r->kind == MPOL_NAME_URI) {
        probe = probe_uri(r, text);
    } else if (r->kind == MPOL_NAME_DNS || r->kind == MPOL_NAME_EMAIL) {
        split = first_part(r->kind, text);
        probe = probe_parts(r, text, split);
        if (r->out->is_pattern && split + 1 >= text.len)
            r->wrong = "a wildcard needs a domain behind it";
    }
    if (r->wrong != NULL || text.len > MPOL_LIMIT_URI_BYTES ||
        !mpol_name_normalise(r->kind, probe, buffer, &name))
        return false;
    r->out->value = name;
    if (split > 0 && r->out->is_pattern) /* put the wildcard back */
        name = (mpol_bytes){
            (const uint8_t *)apr_psprintf(r->pool, "%.*s%.*s", (int)split, (const char *)text.data,
                                          (int)name.len - 1, (const char *)name.data + 1),
            split + name.len - 1};
    else if (r->out->is_pattern)
        name = text;
    r->out->value = (mpol_bytes){
        (const uint8_t *)apr_pstrmemdup(r->pool, (const char *)name.data, name.len), name.len};
    return true;
}

static void split_name(name_reader *r) {
    mpol_name_walk walk = mpol_name_begin(r->kind, r->out->value);
    mpol_bytes text;
    r->out->segments = apr_array_make(r->pool, 4, sizeof(mpol_segment));
    while (mpol_name_next(&walk, &text)) {
        mpol_segment *segment = apr_array_push(r->out->segments);
        *segment = (mpol_segment){MPOL_SEGMENT_LITERAL, text, {NULL, 0}};
        if (!r->out->is_pattern || text.len == 0 || (text.data[0] != '*' && text.data[0] != '{'))
            continue;
        segment->type = mpol_bytes_are(text, "**") ? MPOL_SEGMENT_REST : MPOL_SEGMENT_ONE;
        if (text.data[0] == '{')
            segment->capture = (mpol_bytes){text.data + 1, text.len - 2};
    }
}

static bool take_name(mpol_reader *reader, const mpol_json *value, mpol_name_kind kind,
                      mpol_name_pattern *out) {
    name_reader r = {.pool = reader->pool, .kind = kind, .out = out};
    r.captures = apr_hash_make(reader->pool);
    out->naming.kind = kind;
    out->place = mpol_place_of(value);
    if (normalise(&r, value->text)) {
        split_name(&r);
        return true;
    }
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_IDENTITY_NAME, name_rules[kind],
                     "\"%s\" is no well-formed %s name%s%s.", mpol_quote(reader->pool, value->text),
                     mpol_name_kind_name(kind), r.wrong != NULL ? ": " : "",
                     r.wrong != NULL ? r.wrong : "");
    return false;
}

enum { ATTRIBUTE_OID, ATTRIBUTE_VALUE, ATTRIBUTE_FIELDS };
static const mpol_field attribute_fields[ATTRIBUTE_FIELDS] = {
    {"oid", MPOL_JSON_STRING, true},
    {"value", MPOL_JSON_STRING, true},
};

static bool take_attribute(mpol_reader *reader, const mpol_json *value, mpol_name_pattern *out) {
    const mpol_json *fields[ATTRIBUTE_FIELDS];
    if (!mpol_reader_fields(reader, value, attribute_fields, ATTRIBUTE_FIELDS, fields))
        return false;
    const mpol_json *oid = fields[ATTRIBUTE_OID];
    bool good =
        oid != NULL && mpol_reader_oid(reader, oid, oid->offset, oid->text, &out->naming.oid);
    const mpol_json *name = fields[ATTRIBUTE_VALUE];
    return name != NULL && take_name(reader, name, MPOL_NAME_ATTRIBUTE, out) && good;
}

bool mpol_issuer_uses(const mpol_issuer *issuer, mpol_name_kind kind, mpol_bytes oid) {
    for (int i = 0; i < issuer->namings->nelts; i++) {
        const mpol_naming *naming = MPOL_AT(issuer->namings, i, mpol_naming);
        if (naming->kind == kind &&
            (kind != MPOL_NAME_ATTRIBUTE || mpol_bytes_equal(naming->oid, oid)))
            return true;
    }
    return false;
}

static const char *kinds_of(apr_pool_t *pool, const mpol_issuer *issuer) {
    const char *list = "";
    for (int i = 0; i < issuer->namings->nelts; i++) {
        const mpol_naming *naming = MPOL_AT(issuer->namings, i, mpol_naming);
        list = apr_pstrcat(pool, list, i > 0 ? ", " : "", mpol_name_kind_name(naming->kind), NULL);
        if (naming->oid.data != NULL)
            list = apr_pstrcat(pool, list, " ", mpol_quote(pool, naming->oid), NULL);
    }
    return *list != '\0' ? list : "none, only pins";
}

static bool check_kind(mpol_reader *reader, const mpol_json *value, const mpol_issuer *issuer,
                       const mpol_naming *naming) {
    /* An issuer whose kinds were wrong was reported; no second complaint follows. */
    if (issuer == NULL || issuer->bad_namings ||
        mpol_issuer_uses(issuer, naming->kind, naming->oid))
        return true;
    mpol_reader_fail_key(reader, value, MPOL_DIAGNOSTIC_NAME_KIND_MISMATCH,
                         apr_psprintf(reader->pool,
                                      "Give a name of a kind that the issuer lists (%s), or list "
                                      "this kind in its \"names\".",
                                      kinds_of(reader->pool, issuer)),
                         "Issuer \"%s\" tells its clients apart by another kind of name.",
                         mpol_quote(reader->pool, issuer->name));
    return false;
}

/* The kind under which the name is given, MPOL_NAME_KIND_COUNT when that is not one. */
static mpol_name_kind given_kind(mpol_reader *reader, const mpol_json *object,
                                 const mpol_json *const *kinds) {
    mpol_name_kind given = MPOL_NAME_KIND_COUNT;
    const mpol_json *first = NULL;
    for (const mpol_json *member = object->first; member != NULL; member = member->next)
        for (int kind = 0; kind < MPOL_NAME_KIND_COUNT; kind++) {
            if (kinds[kind] != member)
                continue;
            if (first != NULL) {
                mpol_reader_fail_key(reader, member, MPOL_DIAGNOSTIC_NAME_KIND_MISMATCH,
                                     "Keep one of the two; a second identity may have the other.",
                                     "There is one name here; \"%s\" is a second one.",
                                     mpol_name_kind_name((mpol_name_kind)kind));
                return MPOL_NAME_KIND_COUNT;
            }
            first = member;
            given = (mpol_name_kind)kind;
        }
    return given;
}

bool mpol_reader_name(mpol_reader *reader, const mpol_json *object, const mpol_json *const *kinds,
                      const mpol_issuer *issuer, mpol_name_pattern *name) {
    mpol_name_kind kind = given_kind(reader, object, kinds);
    if (kind == MPOL_NAME_KIND_COUNT)
        return false;
    const mpol_json *value = kinds[kind];
    bool good = kind == MPOL_NAME_ATTRIBUTE ? take_attribute(reader, value, name)
                                            : take_name(reader, value, kind, name);
    if (!good && kind == MPOL_NAME_ATTRIBUTE)
        return false;
    return check_kind(reader, value, issuer, &name->naming) && good;
}

/* --- the kinds of an issuer ------------------------------------------------------------------ */

static bool take_kind(mpol_reader *reader, const mpol_json *value, mpol_naming *naming) {
    static const mpol_field oid_field[] = {{"attribute", MPOL_JSON_STRING, true}};
    const mpol_json *oid;
    *naming = (mpol_naming){MPOL_NAME_KIND_COUNT, {NULL, 0}};
    if (value->type == MPOL_JSON_OBJECT) {
        naming->kind = MPOL_NAME_ATTRIBUTE;
        if (!mpol_reader_fields(reader, value, oid_field, 1, &oid) || oid == NULL ||
            !mpol_reader_oid(reader, oid, oid->offset, oid->text, &naming->oid))
            return false;
        if (!mpol_bytes_are(naming->oid, "2.5.4.3"))
            return true;
        mpol_reader_fail(reader, oid, MPOL_DIAGNOSTIC_BAD_OID, "Write \"cn\" in its place.",
                         "2.5.4.3 is the common name, which is a kind of its own.");
        return false;
    }
    if (!mpol_reader_expect(reader, value, MPOL_JSON_STRING))
        return false;
    for (int kind = 0; kind < MPOL_NAME_KIND_COUNT; kind++)
        if (kind != MPOL_NAME_ATTRIBUTE &&
            mpol_bytes_are(value->text, mpol_name_kind_name((mpol_name_kind)kind)))
            naming->kind = (mpol_name_kind)kind;
    if (naming->kind != MPOL_NAME_KIND_COUNT || mpol_bytes_are(value->text, "none"))
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_NAME_KIND,
                     "Use spiffe, uri, dns, email, upn, cn, subject, { \"attribute\": OID }, or "
                     "none alone.",
                     "\"%s\" is not a kind of name.", mpol_quote(reader->pool, value->text));
    return false;
}

static bool excludes(const mpol_issuer *issuer, mpol_name_kind kind) {
    return (kind == MPOL_NAME_URI && mpol_issuer_uses(issuer, MPOL_NAME_SPIFFE, (mpol_bytes){0})) ||
           (kind == MPOL_NAME_SPIFFE && mpol_issuer_uses(issuer, MPOL_NAME_URI, (mpol_bytes){0}));
}

static bool add_kind(mpol_reader *reader, const mpol_json *list, const mpol_json *value,
                     const mpol_naming *naming, mpol_issuer *issuer) {
    if (naming->kind == MPOL_NAME_KIND_COUNT) { /* none */
        if (list->count == 1)
            return true;
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_NAME_KIND,
                         "Leave none alone, or take it out.",
                         "none says that clients have pins only, and takes no kind beside it.");
        return false;
    }
    if (mpol_issuer_uses(issuer, naming->kind, naming->oid)) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER, "Delete one of the two.",
                         "This kind of name stands twice in the list.");
        return false;
    }
    if (excludes(issuer, naming->kind)) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_NAME_KIND, "Keep one of the two.",
                         "spiffe and uri are read from the same field of a certificate.");
        return false;
    }
    *(mpol_naming *)apr_array_push(issuer->namings) = *naming;
    return true;
}

static int by_naming(const void *left, const void *right) {
    const mpol_naming *a = left;
    const mpol_naming *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return mpol_bytes_compare(a->oid, b->oid);
}

bool mpol_reader_namings(mpol_reader *reader, const mpol_json *list, mpol_issuer *issuer) {
    bool good = list != NULL && list->count > 0;
    if (list != NULL && list->count == 0)
        mpol_reader_fail(reader, list, MPOL_DIAGNOSTIC_EMPTY_LIST,
                         "List at least one kind, or none for clients that have pins only.",
                         "The list is empty.");
    for (const mpol_json *value = list != NULL ? list->first : NULL; value != NULL;
         value = value->next) {
        mpol_naming naming;
        good = take_kind(reader, value, &naming) &&
               add_kind(reader, list, value, &naming, issuer) && good;
    }
    qsort(issuer->namings->elts, (size_t)issuer->namings->nelts, sizeof(mpol_naming), by_naming);
    return good;
}
