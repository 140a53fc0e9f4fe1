/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapters 5 and 6: issuers, and the clients they vouch for. */
#include "image/check_parts.h"

/*@ requires mpol_readable(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==>
      MPOL_SHARE(CERTIFICATES, MPOL_CERTIFICATE_OFFSET, CERTIFICATE_BYTES); */
static mpol_format_rule check_certificates(const mpol_image *image) {
    uint32_t bytes = mpol_count(image, MPOL_CERTIFICATE_BYTES);
    /*@ loop invariant 0 <= i <= image->section[MPOL_CERTIFICATES].count;
        loop assigns i;
        loop variant image->section[MPOL_CERTIFICATES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CERTIFICATES); i++)
        FAIL_UNLESS(MPOL_U32(image, CERTIFICATES, i, MPOL_CERTIFICATE_LENGTH) > 0,
                    CERTIFICATE_PLACE);
    FAIL_UNLESS(mpol_image__all_share(image, MPOL_CERTIFICATES, MPOL_CERTIFICATES_BYTES,
                                      MPOL_CERTIFICATE_OFFSET, bytes),
                CERTIFICATE_PLACE);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_issuers_sound(image); */
static mpol_format_rule check_issuers(const mpol_image *image) {
    FAIL_UNLESS(ALL_ASCEND(image, ISSUERS, MPOL_ISSUER_NAME, strings(image)), ISSUER_NAME);
    FAIL_UNLESS(ALL_BELOW(image, ISSUERS, MPOL_ISSUER_FLAGS, MPOL_ISSUER_ALL_FLAGS + 1),
                ISSUER_FLAGS);
    FAIL_UNLESS(ALL_SHARE(image, ISSUERS, MPOL_ISSUER_CERT, CERTIFICATES), ISSUER_CERTIFICATES);
    FAIL_UNLESS(ALL_SHARE(image, ISSUERS, MPOL_ISSUER_NAMING, NAMINGS), ISSUER_NAMINGS);
    FAIL_UNLESS(ALL_BELOW(image, ISSUERS, MPOL_ISSUER_CLASS, mpol_count(image, MPOL_CLASSES)) &&
                    ALL_BELOW_OR_NONE(image, ISSUERS, MPOL_ISSUER_CROSS_ROW,
                                      mpol_count(image, MPOL_ROWS)) &&
                    ALL_BELOW_OR_NONE(image, ISSUERS, MPOL_ISSUER_ENVIRONMENT, strings(image)),
                ISSUER_FIELD);
    return check_certificates(image);
}

/* An OID exactly where the kind is an attribute; patterns begin among the states of names. */
/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_namings_sound(image); */
static mpol_format_rule check_namings(const mpol_image *image) {
    uint32_t first_state = mpol_read_u32(image->bytes + MPOL_HEADER_NAME_STATE);
    FAIL_UNLESS(ALL_BELOW(image, NAMINGS, MPOL_NAMING_KIND, MPOL_NAME_KIND_COUNT) &&
                    ALL_BELOW_OR_NONE(image, NAMINGS, MPOL_NAMING_OID, strings(image)) &&
                    ALL_BELOW_OR_NONE(image, NAMINGS, MPOL_NAMING_STATE,
                                      mpol_count(image, MPOL_STATES)),
                NAMING_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_NAMINGS].count;
        loop assigns i;
        loop variant image->section[MPOL_NAMINGS].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_NAMINGS); i++) {
        bool attribute = MPOL_U32(image, NAMINGS, i, MPOL_NAMING_KIND) == MPOL_NAME_ATTRIBUTE;
        FAIL_UNLESS(attribute == (MPOL_U32(image, NAMINGS, i, MPOL_NAMING_OID) != MPOL_NONE),
                    NAMING_FIELD);
        FAIL_UNLESS(MPOL_U32(image, NAMINGS, i, MPOL_NAMING_STATE) >= first_state, NAMING_FIELD);
    }
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_section_of(image, kind, element) && i < image->section[kind].count;
    requires MPOL_SPKI_BYTES <= element;
    terminates \true;
    assigns \nothing;
    ensures mpol_bytes_readable(\result); */
static mpol_bytes digest_at(const mpol_image *image, mpol_section_kind kind, uint32_t element,
                            uint32_t i) {
    mpol_bytes digest = {mpol_element(image, kind, element, i), MPOL_SPKI_BYTES};
    return digest;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_keys_sound(image); */
static mpol_format_rule check_keys(const mpol_image *image) {
    uint32_t keys = mpol_count(image, MPOL_ISSUER_KEYS);
    /*@ loop invariant 1 <= i;
        loop assigns i;
        loop variant keys - i; */
    for (uint32_t i = 1; i < keys; i++)
        FAIL_UNLESS(mpol_bytes_compare(
                        digest_at(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, i - 1),
                        digest_at(image, MPOL_ISSUER_KEYS, MPOL_ISSUER_KEYS_BYTES, i)) < 0,
                    KEY_ORDER);
    FAIL_UNLESS(
        ALL_BELOW(image, ISSUER_KEYS, MPOL_ISSUER_KEY_ISSUER, mpol_count(image, MPOL_ISSUERS)),
        KEY_ISSUER);
    return MPOL_FORMAT_OK;
}

/* A name where there is a kind of name, and none where there is none. */
/*@ requires mpol_readable(image);
    terminates \true;
    assigns \nothing; */
static mpol_format_rule check_values(const mpol_image *image) {
    /*@ loop invariant 0 <= i <= image->section[MPOL_IDENTITIES].count;
        loop assigns i;
        loop variant image->section[MPOL_IDENTITIES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_IDENTITIES); i++)
        FAIL_UNLESS((MPOL_U32(image, IDENTITIES, i, MPOL_IDENTITY_NAMING) == MPOL_NONE) ==
                        (MPOL_U32(image, IDENTITIES, i, MPOL_IDENTITY_VALUE) == MPOL_NONE),
                    IDENTITY_FIELD);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_identities_sound(image); */
static mpol_format_rule check_identities(const mpol_image *image) {
    FAIL_UNLESS(ALL_ASCEND(image, IDENTITIES, MPOL_IDENTITY_NAME, strings(image)), IDENTITY_NAME);
    FAIL_UNLESS(
        ALL_BELOW(image, IDENTITIES, MPOL_IDENTITY_ISSUER, mpol_count(image, MPOL_ISSUERS)) &&
            ALL_BELOW_OR_NONE(image, IDENTITIES, MPOL_IDENTITY_NAMING,
                              mpol_count(image, MPOL_NAMINGS)) &&
            ALL_BELOW_OR_NONE(image, IDENTITIES, MPOL_IDENTITY_VALUE, strings(image)) &&
            ALL_BELOW(image, IDENTITIES, MPOL_IDENTITY_CLASS, mpol_count(image, MPOL_CLASSES)),
        IDENTITY_FIELD);
    CHECK(check_values(image));
    FAIL_UNLESS(ALL_BELOW(image, IDENTITIES, MPOL_IDENTITY_FLAGS, MPOL_IDENTITY_ALL_FLAGS + 1),
                IDENTITY_FLAGS);
    FAIL_UNLESS(ALL_CAPTURES(image, IDENTITIES, MPOL_IDENTITY_CAPTURES), IDENTITY_CAPTURES);
    FAIL_UNLESS(ALL_SHARE(image, IDENTITIES, MPOL_IDENTITY_ATTRIBUTE, ATTRIBUTES),
                IDENTITY_ATTRIBUTES);
    FAIL_UNLESS(ALL_BELOW(image, ATTRIBUTES, MPOL_ATTRIBUTE_OID, strings(image)) &&
                    ALL_BELOW(image, ATTRIBUTES, MPOL_ATTRIBUTE_VALUE, strings(image)),
                ATTRIBUTE_FIELD);
    FAIL_UNLESS(ALL_ASCEND(image, GROUPS, 0, strings(image)), GROUP_NAME);
    return MPOL_FORMAT_OK;
}

/* Pins ascend by digest, then kind. */
/*@ requires mpol_readable(image) && 1 <= i < mpol_size(image, MPOL_PINS);
    terminates \true;
    assigns \nothing; */
static bool pin_after(const mpol_image *image, uint32_t i) {
    int order = mpol_bytes_compare(digest_at(image, MPOL_PINS, MPOL_PINS_BYTES, i - 1),
                                   digest_at(image, MPOL_PINS, MPOL_PINS_BYTES, i));
    return order < 0 || (order == 0 && MPOL_U32(image, PINS, i - 1, MPOL_PIN_KIND) <
                                           MPOL_U32(image, PINS, i, MPOL_PIN_KIND));
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image);
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> mpol_pins_sound(image); */
static mpol_format_rule check_pins(const mpol_image *image) {
    FAIL_UNLESS(ALL_BELOW(image, PINS, MPOL_PIN_KIND, MPOL_PIN_KIND_COUNT) &&
                    ALL_LISTS_BELOW(image, PINS, MPOL_PIN_IDENTITIES,
                                    mpol_count(image, MPOL_IDENTITIES)),
                PIN_FIELD);
    uint32_t pins = mpol_count(image, MPOL_PINS);
    /*@ loop invariant 1 <= i;
        loop assigns i;
        loop variant pins - i; */
    for (uint32_t i = 1; i < pins; i++)
        FAIL_UNLESS(pin_after(image, i), PIN_ORDER);
    return MPOL_FORMAT_OK;
}

/* Names ascend by hash, then kind, then value. */
/*@ requires mpol_readable(image) && 1 <= i < mpol_size(image, MPOL_NAMES);
    terminates \true;
    assigns \nothing; */
static bool name_after(const mpol_image *image, uint32_t i) {
    uint64_t before = MPOL_U64(image, NAMES, i - 1, MPOL_NAMES_HASH);
    uint64_t hash = MPOL_U64(image, NAMES, i, MPOL_NAMES_HASH);
    uint32_t naming_before = MPOL_U32(image, NAMES, i - 1, MPOL_NAMES_NAMING);
    uint32_t naming = MPOL_U32(image, NAMES, i, MPOL_NAMES_NAMING);
    if (before != hash)
        return before < hash;
    if (naming_before != naming)
        return naming_before < naming;
    return MPOL_U32(image, NAMES, i - 1, MPOL_NAMES_VALUE) <
           MPOL_U32(image, NAMES, i, MPOL_NAMES_VALUE);
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_names_sound(image); */
static mpol_format_rule check_names(const mpol_image *image, uint64_t *work) {
    uint32_t identities = mpol_count(image, MPOL_IDENTITIES);
    FAIL_UNLESS(
        ALL_BELOW(image, NAMES, MPOL_NAMES_NAMING, mpol_count(image, MPOL_NAMINGS)) &&
            ALL_BELOW(image, NAMES, MPOL_NAMES_VALUE, strings(image)) &&
            ALL_LISTS_BELOW(image, NAMES, MPOL_NAMES_IDENTITIES, identities) &&
            ALL_BELOW(image, NAMES, MPOL_NAMES_INSIDE, 2),
        NAMES_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_NAMES].count;
        loop assigns i, *work;
        loop variant image->section[MPOL_NAMES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_NAMES); i++) {
        FAIL_UNLESS(hash_fits(image, MPOL_U64(image, NAMES, i, MPOL_NAMES_HASH),
                              MPOL_U32(image, NAMES, i, MPOL_NAMES_VALUE), work),
                    NAMES_HASH);
        FAIL_UNLESS(i == 0 || name_after(image, i), NAMES_ORDER);
    }
    FAIL_UNLESS(ALL_LISTS_BELOW(image, NAME_ENDS, MPOL_NAME_END_IDENTITIES, identities) &&
                    ALL_BELOW(image, NAME_ENDS, MPOL_NAME_END_INSIDE, 2),
                NAME_END_FIELD);
    return MPOL_FORMAT_OK;
}

/*@ requires mpol_readable(image) && \valid(work) && class < mpol_size(image, MPOL_CLASSES);
    requires MPOL_LIST_OF(CLASSES, MPOL_CLASS_IDENTITIES, IDENTITIES);
    terminates \true;
    assigns *work; */
static bool list_hash_fits(const mpol_image *image, uint32_t class, uint64_t *work) {
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t len = mpol_list_len(image, list);
    uint64_t hash = MPOL_HASH_SEED;
    if (*work > MPOL_LIMIT_HASH_WORK)
        return false;
    *work += len;
    if (*work > MPOL_LIMIT_HASH_WORK)
        return false;
    /*@ loop invariant 0 <= i <= len;
        loop assigns i, hash;
        loop variant len - i; */
    for (uint32_t i = 0; i < len; i++)
        hash = mpol_hash_u32(hash, mpol_list_value(image, list, i));
    return hash == MPOL_U64(image, CLASSES, class, MPOL_CLASS_HASH);
}

/* Classes ascend by hash, then issuer, then list. */
/*@ requires mpol_readable(image) && 1 <= i < mpol_size(image, MPOL_CLASSES);
    terminates \true;
    assigns \nothing; */
static bool class_after(const mpol_image *image, uint32_t i) {
    uint64_t before = MPOL_U64(image, CLASSES, i - 1, MPOL_CLASS_HASH);
    uint64_t hash = MPOL_U64(image, CLASSES, i, MPOL_CLASS_HASH);
    uint32_t issuer_before = MPOL_U32(image, CLASSES, i - 1, MPOL_CLASS_ISSUER);
    uint32_t issuer = MPOL_U32(image, CLASSES, i, MPOL_CLASS_ISSUER);
    if (before != hash)
        return before < hash;
    if (issuer_before != issuer)
        return issuer_before < issuer;
    return MPOL_U32(image, CLASSES, i - 1, MPOL_CLASS_IDENTITIES) <
           MPOL_U32(image, CLASSES, i, MPOL_CLASS_IDENTITIES);
}

/* A class of no identity names none, every other one that exists. */
/*@ requires mpol_readable(image) && class < mpol_size(image, MPOL_CLASSES);
    requires MPOL_LIST_OF(CLASSES, MPOL_CLASS_IDENTITIES, IDENTITIES);
    terminates \true;
    assigns \nothing;
    ensures \result ==> mpol_class_names_one(image, class); */
static bool named_identity_fits(const mpol_image *image, uint32_t class) {
    uint32_t list = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITIES);
    uint32_t identity = MPOL_U32(image, CLASSES, class, MPOL_CLASS_IDENTITY);
    return mpol_list_len(image, list) == 0 ? identity == MPOL_NONE
                                           : identity < mpol_count(image, MPOL_IDENTITIES);
}

/*@ requires mpol_readable(image) && mpol_lists_ascend(image) && \valid(work);
    terminates \true;
    assigns *work;
    ensures \result == MPOL_FORMAT_OK ==> mpol_classes_sound(image); */
static mpol_format_rule check_classes(const mpol_image *image, uint64_t *work) {
    FAIL_UNLESS(
        ALL_BELOW(image, CLASSES, MPOL_CLASS_ISSUER, mpol_count(image, MPOL_ISSUERS)) &&
            ALL_LISTS_BELOW(image, CLASSES, MPOL_CLASS_IDENTITIES,
                            mpol_count(image, MPOL_IDENTITIES)) &&
            ALL_LISTS_BELOW(image, CLASSES, MPOL_CLASS_GROUPS, mpol_count(image, MPOL_GROUPS)) &&
            ALL_BELOW(image, CLASSES, MPOL_CLASS_ROW, mpol_count(image, MPOL_ROWS)),
        CLASS_FIELD);
    /*@ loop invariant 0 <= i <= image->section[MPOL_CLASSES].count;
        loop invariant \forall integer k; 0 <= k < i ==> mpol_class_names_one(image, k);
        loop assigns i, *work;
        loop variant image->section[MPOL_CLASSES].count - i; */
    for (uint32_t i = 0; i < mpol_count(image, MPOL_CLASSES); i++) {
        FAIL_UNLESS(named_identity_fits(image, i), CLASS_FIELD);
        FAIL_UNLESS(list_hash_fits(image, i, work), CLASS_HASH);
        FAIL_UNLESS(i == 0 || class_after(image, i), CLASS_ORDER);
    }
    return MPOL_FORMAT_OK;
}

mpol_format_rule mpol_image__check_clients(const mpol_image *image, uint64_t *work) {
    CHECK(check_issuers(image));
    CHECK(check_namings(image));
    CHECK(check_keys(image));
    CHECK(check_identities(image));
    CHECK(check_pins(image));
    CHECK(check_names(image, work));
    return check_classes(image, work);
}
