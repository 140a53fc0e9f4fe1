/* SPDX-License-Identifier: Apache-2.0 */
#include "match/client.h"

#include "match/identities.h"

static uint32_t issuer_of_key(const mpol_image *image, const uint8_t *spki) {
    mpol_bytes wanted = {spki, MPOL_SPKI_BYTES};
    uint32_t low = 0;
    uint32_t high = mpol_count(image, MPOL_ISSUER_KEYS);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *element =
            mpol_element(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, middle);
        mpol_bytes key = {element + MPOL_ISSUER_KEY_SPKI, MPOL_SPKI_BYTES};
        int order = mpol_bytes_compare(key, wanted);
        if (order == 0)
            return mpol_read_u32(element + MPOL_ISSUER_KEY_ISSUER);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return MPOL_NONE;
}

/* The nearest CA of the path that the policy names. */
static uint32_t find_issuer(const mpol_image *image, const mpol_path *path) {
    for (uint32_t i = 0; i < path->count; i++) {
        uint32_t issuer = issuer_of_key(image, path->spki[i]);
        if (issuer != MPOL_NONE)
            return issuer;
    }
    return MPOL_NONE;
}

static mpol_reason judge_certificate(const mpol_image *image, const mpol_facts *facts,
                                     mpol_client *client) {
    if (facts->tls == MPOL_TLS_ABSENT)
        return MPOL_REASON_TLS_ABSENT;
    if (facts->tls != MPOL_TLS_PRESENT)
        return MPOL_REASON_TLS_UNAVAILABLE;
    if (!facts->certificate)
        return MPOL_REASON_NO_CERTIFICATE;
    if (!facts->verified)
        return MPOL_REASON_CERTIFICATE_NOT_VERIFIED;
    if (facts->malformed)
        return MPOL_REASON_CERTIFICATE_MALFORMED;
    if (!facts->established)
        return MPOL_REASON_ISSUER_NOT_ESTABLISHED;
    client->issuer = find_issuer(image, &facts->path);
    return client->issuer != MPOL_NONE ? MPOL_REASON_ALLOWED : MPOL_REASON_ISSUER_UNKNOWN;
}

/* The names of a certificate that are of the issuer's kinds, while they are looked at. */
typedef struct names_found {
    uint32_t count; /* all of them */
    bool malformed;
    bool outside;
    uint32_t lists[MPOL_LIMIT_CLIENT_NAMES]; /* what the first of them stand for */
    const mpol_name *names[MPOL_LIMIT_CLIENT_NAMES];
} names_found;

/* The name that logs show. */
static void show_name(const mpol_name *name, mpol_client *client) {
    client->kind = name->kind;
    client->oid = name->oid;
    client->name = name->value;
}

static void take_name(const mpol_image *image, uint32_t naming, const mpol_name *name,
                      mpol_client *client, names_found *found) {
    uint32_t index = found->count++;
    if (index == 0)
        show_name(name, client);
    if (index >= MPOL_LIMIT_CLIENT_NAMES)
        return;
    found->names[index] = name;
    found->lists[index] = MPOL_LIST_EMPTY;
    if (name->malformed) {
        found->malformed = true;
        return;
    }
    mpol_candidates of = mpol_identities_of_name(image, client->issuer, naming, name->value);
    found->lists[index] = of.list;
    found->outside = found->outside || !of.inside;
}

static void find_names(const mpol_image *image, const mpol_facts *facts, mpol_client *client,
                       names_found *found) {
    uint32_t first = MPOL_U32(image, ISSUERS, client->issuer, MPOL_ISSUER_NAMING);
    uint32_t count = MPOL_U32(image, ISSUERS, client->issuer, MPOL_ISSUER_NAMINGS);
    found->count = 0;
    found->malformed = found->outside = false;
    for (uint32_t naming = first; naming < first + count; naming++)
        for (uint32_t i = 0; i < facts->name_count; i++)
            if (mpol_name_is_of(image, naming, &facts->names[i]))
                take_name(image, naming, &facts->names[i], client, found);
}

static mpol_reason judge_names(const mpol_image *image, const mpol_facts *facts,
                               mpol_client *client, names_found *found) {
    uint32_t flags = MPOL_U32(image, ISSUERS, client->issuer, MPOL_ISSUER_FLAGS);
    uint32_t most = (flags & MPOL_ISSUER_ANY_OF) != 0 ? MPOL_LIMIT_CLIENT_NAMES : 1;
    find_names(image, facts, client, found);
    if (found->count == 0)
        return MPOL_REASON_NAME_MISSING;
    if (found->count > most)
        return MPOL_REASON_NAME_AMBIGUOUS;
    if (found->malformed)
        return MPOL_REASON_NAME_MALFORMED;
    return found->outside ? MPOL_REASON_NAME_OUTSIDE_ISSUER : MPOL_REASON_ALLOWED;
}

static mpol_reason take_class(const mpol_image *image, uint32_t class, mpol_client *client) {
    client->class = class;
    if (class == MPOL_NONE) /* the compiler has left a set of identities out */
        return MPOL_REASON_INTERNAL_ERROR;
    client->identity = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITY);
    return MPOL_REASON_ALLOWED;
}

/* Who the client is, once its issuer is known: by its names, or by its pins where the issuer gives
 * none. */
static mpol_reason judge_identity(const mpol_image *image, const mpol_facts *facts,
                                  mpol_client *client) {
    names_found found;
    uint32_t issuer = client->issuer;
    if (MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_NAMINGS) == 0) {
        uint32_t pinned[2] = {mpol_pinned(image, MPOL_PIN_CERTIFICATE, facts->sha256),
                              mpol_pinned(image, MPOL_PIN_SPKI, facts->spki_sha256)};
        return take_class(image, mpol_class_find(image, issuer, facts, pinned, 2), client);
    }
    mpol_reason reason = judge_names(image, facts, client, &found);
    if (reason == MPOL_REASON_NAME_MISSING || reason == MPOL_REASON_NAME_AMBIGUOUS)
        client->name = (mpol_bytes){NULL, 0};
    if (reason != MPOL_REASON_ALLOWED)
        return reason;
    reason =
        take_class(image, mpol_class_find(image, issuer, facts, found.lists, found.count), client);
    /* Of several names the first that makes the client the identity that is named with it. */
    for (uint32_t i = found.count; i-- > 1 && client->identity != MPOL_NONE;)
        if (mpol_list_has(image, found.lists[i], client->identity) &&
            !mpol_list_has(image, found.lists[0], client->identity))
            show_name(found.names[i], client);
    return reason;
}

/* A client may choose among cross-signed paths: denials for any issuer on the path count. */
static void find_crossed(const mpol_image *image, const mpol_path *path, mpol_client *client) {
    for (uint32_t i = 0; i < path->count; i++) {
        uint32_t issuer = issuer_of_key(image, path->spki[i]);
        if (issuer == MPOL_NONE || issuer == client->issuer)
            continue;
        uint32_t row = MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_CROSS_ROW);
        if (row != MPOL_NONE)
            client->cross_rows[client->crossed++] = row;
    }
}

static const mpol_client nobody = {
    .before_dates = MPOL_REASON_ALLOWED,
    .after_dates = MPOL_REASON_ALLOWED,
    .not_before_s = INT64_MIN,
    .not_after_s = INT64_MAX,
    .issuer = MPOL_NONE,
    .class = MPOL_NONE,
    .identity = MPOL_NONE,
};

void mpol_client_resolve(const mpol_image *image, const mpol_facts *facts, mpol_client *client) {
    *client = nobody;
    client->facts = facts;
    client->before_dates = judge_certificate(image, facts, client);
    if (client->before_dates != MPOL_REASON_ALLOWED)
        return;
    client->not_before_s = facts->path.not_before_s;
    client->not_after_s = facts->path.not_after_s;
    find_crossed(image, &facts->path, client);
    client->after_dates = judge_identity(image, facts, client);
}

void mpol_client_of_identity(const mpol_image *image, uint32_t identity, const mpol_given *given,
                             uint32_t given_count, mpol_client *client) {
    *client = nobody;
    client->given = given;
    client->given_count = given_count;
    client->issuer = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ISSUER);
    client->after_dates =
        take_class(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_CLASS), client);
    client->identity = identity;
    uint32_t naming = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_NAMING);
    if (naming == MPOL_NONE)
        return;
    client->kind = (mpol_name_kind)MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_KIND);
    uint32_t oid = MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_OID);
    if (oid != MPOL_NONE)
        client->oid = mpol_string(image, oid);
    client->name = mpol_string(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_VALUE));
}
