/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: a name, and further conditions on the certificate. */
#include "source/reader.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDENTITY_ISSUER,
    IDENTITY_ATTRIBUTES,
    IDENTITY_PINS,
    IDENTITY_KINDS,
    IDENTITY_FIELDS = IDENTITY_KINDS + MPOL_NAME_KIND_COUNT
};
static const mpol_field identity_fields[IDENTITY_FIELDS] = {{"issuer", MPOL_JSON_STRING, true},
                                                            {"attributes", MPOL_JSON_OBJECT, false},
                                                            {"pins", MPOL_JSON_ARRAY, false},
                                                            MPOL_KIND_FIELDS};

static const mpol_issuer *read_issuer_name(mpol_reader *reader, const mpol_json *value,
                                           mpol_identity *identity) {
    if (value == NULL)
        return NULL;
    identity->issuer = mpol_reader_index(reader->issuers, value->text);
    if (identity->issuer != MPOL_NONE)
        return MPOL_AT(reader->model->issuers, identity->issuer, mpol_issuer);
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_UNKNOWN_ISSUER, "Name a key of \"issuers\".",
                     "There is no issuer \"%s\".", mpol_quote(reader->pool, value->text));
    return NULL;
}

/* Is there any key under which the name could have been meant? */
static bool tries_to_name(const mpol_json *object) {
    for (const mpol_json *member = object->first; member != NULL; member = member->next)
        if (!mpol_bytes_are(member->key, "issuer") && !mpol_bytes_are(member->key, "attributes") &&
            !mpol_bytes_are(member->key, "pins"))
            return true;
    return false;
}

static bool has_key(const mpol_json *object, const char *key) {
    for (const mpol_json *member = object->first; member != NULL; member = member->next)
        if (mpol_bytes_are(member->key, key))
            return true;
    return false;
}

static void check_has_name(mpol_reader *reader, const mpol_json *object,
                           const mpol_issuer *issuer) {
    bool none = issuer != NULL && !issuer->bad_namings && issuer->namings->nelts == 0;
    if (tries_to_name(object) || (issuer != NULL && issuer->bad_namings))
        return;
    if (!none)
        mpol_reader_fail(reader, object, MPOL_DIAGNOSTIC_MISSING_KEY,
                         "Add the name under its kind, such as \"spiffe\" or \"dns\".",
                         "The identity has no name.");
    else if (!has_key(object, "pins"))
        mpol_reader_fail(reader, object, MPOL_DIAGNOSTIC_MISSING_KEY,
                         "Add \"pins\": the digests of the client's certificates or keys.",
                         "The issuer gives no names, and the identity has no pins.");
}

static int by_oid(const void *left, const void *right) {
    return mpol_bytes_compare(((const mpol_attribute *)left)->oid,
                              ((const mpol_attribute *)right)->oid);
}

/* Could this attribute be the name itself, so that a condition on it means nothing? */
static bool is_the_name(const mpol_identity *identity, const mpol_issuer *issuer, mpol_bytes oid) {
    const mpol_naming *naming = &identity->pattern.naming;
    bool common_name = mpol_bytes_are(oid, "2.5.4.3");
    if (identity->has_name && naming->kind == MPOL_NAME_SUBJECT)
        return true;
    if (identity->has_name && naming->kind == MPOL_NAME_ATTRIBUTE &&
        mpol_bytes_equal(naming->oid, oid))
        return true;
    return common_name && issuer != NULL &&
           (mpol_issuer_uses(issuer, MPOL_NAME_CN, oid) ||
            mpol_issuer_uses(issuer, MPOL_NAME_SUBJECT, oid));
}

/* Is it another name by which the issuer tells its clients apart, where each has only one? */
static bool is_a_second_name(const mpol_identity *identity, const mpol_issuer *issuer,
                             mpol_bytes oid) {
    return identity->has_name && issuer != NULL && !issuer->any_of &&
           mpol_issuer_uses(issuer, MPOL_NAME_ATTRIBUTE, oid);
}

static bool stands_twice(const mpol_identity *identity, mpol_bytes oid) {
    for (int i = 0; i < identity->attributes->nelts; i++)
        if (mpol_bytes_equal(MPOL_AT(identity->attributes, i, mpol_attribute)->oid, oid))
            return true;
    return false;
}

static void read_attribute(mpol_reader *reader, const mpol_json *value, const mpol_issuer *issuer,
                           mpol_identity *identity) {
    mpol_attribute attribute;
    bool known = mpol_reader_oid(reader, value, value->key_offset, value->key, &attribute.oid);
    if (known && stands_twice(identity, attribute.oid)) {
        mpol_reader_fail_key(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_KEY,
                             "Keep one of the two and delete the other.",
                             "This attribute, %s, stands twice here.",
                             mpol_quote(reader->pool, attribute.oid));
        return;
    }
    if (known && is_the_name(identity, issuer, attribute.oid))
        mpol_reader_fail_key(reader, value, MPOL_DIAGNOSTIC_ATTRIBUTE_CONFLICT,
                             "Take it out; the name says it already.",
                             "This attribute is the name, or a part of it.");
    else if (known && is_a_second_name(identity, issuer, attribute.oid))
        mpol_reader_fail_key(reader, value, MPOL_DIAGNOSTIC_ATTRIBUTE_CONFLICT,
                             "Take it out, or set the issuer's any_of.",
                             "The issuer tells its clients apart by this attribute, too: with a "
                             "second name the certificate is ambiguous.");
    if (!mpol_reader_expect(reader, value, MPOL_JSON_STRING) || !mpol_reader_word(reader, value) ||
        !known)
        return;
    attribute.value = value->text;
    *(mpol_attribute *)apr_array_push(identity->attributes) = attribute;
}

static void read_attributes(mpol_reader *reader, const mpol_json *table, const mpol_issuer *issuer,
                            mpol_identity *identity) {
    if (table == NULL)
        return;
    if (table->count == 0)
        mpol_reader_fail(reader, table, MPOL_DIAGNOSTIC_EMPTY_LIST,
                         "Name at least one attribute, or leave the key out.",
                         "The object is empty.");
    for (const mpol_json *value = table->first; value != NULL; value = value->next)
        read_attribute(reader, value, issuer, identity);
    qsort(identity->attributes->elts, (size_t)identity->attributes->nelts, sizeof(mpol_attribute),
          by_oid);
}

static int by_pin(const void *left, const void *right) {
    const mpol_pin *a = left;
    const mpol_pin *b = right;
    int order = memcmp(a->digest, b->digest, sizeof a->digest);
    return order != 0 ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 64 hexadecimal digits, with a colon between each two or without any. */
static bool parse_digest(mpol_bytes text, uint8_t digest[MPOL_SPKI_BYTES]) {
    uint32_t step = text.len == 3 * MPOL_SPKI_BYTES - 1 ? 3 : 2;
    if (text.len != 2 * MPOL_SPKI_BYTES && step != 3)
        return false;
    for (uint32_t i = 0; i < MPOL_SPKI_BYTES; i++) {
        int high = hex_value(text.data[i * step]);
        int low = hex_value(text.data[i * step + 1]);
        if (high < 0 || low < 0 || (step == 3 && i > 0 && text.data[i * step - 1] != ':'))
            return false;
        digest[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool parse_pin(mpol_bytes text, mpol_pin *pin) {
    static const char *const kinds[MPOL_PIN_KIND_COUNT] = {
        [MPOL_PIN_CERTIFICATE] = "certificate:", [MPOL_PIN_SPKI] = "spki:"};
    for (uint32_t kind = 0; kind < MPOL_PIN_KIND_COUNT; kind++) {
        uint32_t len = (uint32_t)strlen(kinds[kind]);
        if (text.len < len || memcmp(text.data, kinds[kind], len) != 0)
            continue;
        pin->kind = kind;
        return parse_digest((mpol_bytes){text.data + len, text.len - len}, pin->digest);
    }
    return false;
}

static void read_pins(mpol_reader *reader, const mpol_json *list, mpol_identity *identity) {
    apr_array_header_t *values = mpol_reader_strings(reader, list, true);
    for (int i = 0; i < values->nelts; i++) {
        const mpol_json *value = APR_ARRAY_IDX(values, i, const mpol_json *);
        mpol_pin pin;
        bool twice = false;
        if (!parse_pin(value->text, &pin)) {
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_PIN,
                             "Write certificate: and the 64 digits of openssl x509 -noout "
                             "-fingerprint -sha256, or spki: and those of openssl x509 -noout "
                             "-pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256.",
                             "\"%s\" is not a pin.", mpol_quote(reader->pool, value->text));
            continue;
        }
        for (int k = 0; k < identity->pins->nelts; k++)
            twice = twice || by_pin(MPOL_AT(identity->pins, k, mpol_pin), &pin) == 0;
        if (twice)
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER,
                             "Delete one of the two.", "This pin stands twice in the list.");
        else
            *(mpol_pin *)apr_array_push(identity->pins) = pin;
    }
    qsort(identity->pins->elts, (size_t)identity->pins->nelts, sizeof(mpol_pin), by_pin);
}

static void read_identity(mpol_reader *reader, mpol_identity *identity) {
    const mpol_json *fields[IDENTITY_FIELDS];
    const mpol_json *object = identity->place.source;
    identity->attributes = apr_array_make(reader->pool, 1, sizeof(mpol_attribute));
    identity->pins = apr_array_make(reader->pool, 1, sizeof(mpol_pin));
    identity->issuer = MPOL_NONE;
    if (!mpol_reader_fields(reader, object, identity_fields, IDENTITY_FIELDS, fields))
        return;
    const mpol_issuer *issuer = read_issuer_name(reader, fields[IDENTITY_ISSUER], identity);
    identity->has_name =
        mpol_reader_name(reader, object, fields + IDENTITY_KINDS, issuer, &identity->pattern);
    if (!identity->has_name)
        check_has_name(reader, object, issuer);
    read_attributes(reader, fields[IDENTITY_ATTRIBUTES], issuer, identity);
    if (fields[IDENTITY_PINS] != NULL)
        read_pins(reader, fields[IDENTITY_PINS], identity);
}

void mpol_read_identities(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *identities = reader->model->identities;
    mpol_reader_table(reader, table, identities, sizeof(mpol_identity), reader->identities);
    for (int i = 0; i < identities->nelts; i++)
        read_identity(reader, MPOL_AT(identities, i, mpol_identity));
}
