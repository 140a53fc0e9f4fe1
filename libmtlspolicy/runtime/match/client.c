/* SPDX-License-Identifier: Apache-2.0 */
#include "match/client.h"

#include "match/names.h"

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

static const mpol_names *names_of_kind(const mpol_facts *facts, mpol_name_kind kind) {
    if (kind == MPOL_NAME_DNS)
        return &facts->dns;
    return kind == MPOL_NAME_CN ? &facts->cn : &facts->uri;
}

/* The class of a principal; principals are sorted by hash, issuer, value. */
static uint32_t find_class(const mpol_image *image, uint32_t issuer, mpol_bytes name,
                           mpol_bytes *kept) {
    uint32_t count = mpol_count(image, MPOL_PRINCIPALS);
    uint64_t hash = mpol_bytes_hash(name);
    uint32_t at = mpol_find_hash(image, MPOL_PRINCIPALS, MPOL_PRINCIPALS_BYTES, 0, count, hash);
    for (; at < count && MPOL_U64(image, PRINCIPALS, at, MPOL_PRINCIPAL_HASH) == hash; at++) {
        mpol_bytes value =
            mpol_string(image, MPOL_U32(image, PRINCIPALS, at, MPOL_PRINCIPAL_VALUE));
        if (MPOL_U32(image, PRINCIPALS, at, MPOL_PRINCIPAL_ISSUER) != issuer ||
            !mpol_bytes_equal(value, name))
            continue;
        *kept = value;
        return MPOL_U32(image, PRINCIPALS, at, MPOL_PRINCIPAL_CLASS);
    }
    return MPOL_NONE;
}

static void take_class(const mpol_image *image, uint32_t class, mpol_client *client) {
    client->class = class;
    client->identity =
        mpol_list_value(image, MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES), 0);
}

static mpol_reason judge_name(const mpol_image *image, const mpol_facts *facts,
                              mpol_client *client) {
    const mpol_names *names = names_of_kind(facts, client->kind);
    uint8_t buffer[MPOL_NAME_BUFFER] MPOL_UNFILLED;
    mpol_bytes name;
    if (names->count == 0)
        return MPOL_REASON_NAME_MISSING;
    if (names->count > 1)
        return MPOL_REASON_NAME_AMBIGUOUS;
    if (!mpol_name_normalise(client->kind, names->first, buffer, &name))
        return MPOL_REASON_NAME_MALFORMED;
    client->name = names->first; /* `name` may lie in the buffer, which ends here */
    uint32_t class = find_class(image, client->issuer, name, &client->name);
    if (class == MPOL_NONE)
        return MPOL_REASON_IDENTITY_UNKNOWN;
    take_class(image, class, client);
    return MPOL_REASON_ALLOWED;
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
    client->before_dates = judge_certificate(image, facts, client);
    if (client->before_dates != MPOL_REASON_ALLOWED)
        return;
    client->not_before_s = facts->path.not_before_s;
    client->not_after_s = facts->path.not_after_s;
    client->kind = (mpol_name_kind)MPOL_U32(image, ISSUERS, client->issuer, MPOL_ISSUER_KIND);
    client->after_dates = judge_name(image, facts, client);
}

void mpol_client_of_identity(const mpol_image *image, uint32_t identity, mpol_client *client) {
    *client = nobody;
    client->issuer = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ISSUER);
    client->kind = (mpol_name_kind)MPOL_U32(image, ISSUERS, client->issuer, MPOL_ISSUER_KIND);
    client->name = mpol_string(image, MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_VALUE));
    uint32_t class = find_class(image, client->issuer, client->name, &client->name);
    if (class == MPOL_NONE)
        client->after_dates = MPOL_REASON_IDENTITY_UNKNOWN;
    else
        take_class(image, class, client);
}
