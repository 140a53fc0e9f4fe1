/* SPDX-License-Identifier: Apache-2.0 */
#include "match/certificate.h"

#include "match/names.h"
#include "match/subject.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

/* Room for at least one more element; NULL when there is no memory. */
static void *grown(void *array, uint32_t count, uint32_t *room, size_t element) {
    if (count < *room)
        return array;
    uint32_t more = *room == 0 ? 8 : 2 * *room;
    void *larger = OPENSSL_realloc(array, more * element);
    if (larger != NULL)
        *room = more;
    return larger;
}

/* Keep memory that a name lies in; it is freed at once when that fails. */
static bool own(mpol_certificate *memory, uint8_t *text) {
    uint8_t **texts =
        grown(memory->texts, memory->text_count, &memory->text_room, sizeof *memory->texts);
    if (texts == NULL) {
        OPENSSL_free(text);
        memory->failed = true;
        return false;
    }
    memory->texts = texts;
    texts[memory->text_count++] = text;
    return true;
}

static void push(mpol_certificate *memory, mpol_name name) {
    mpol_name *names = grown(memory->names, memory->count, &memory->room, sizeof *names);
    if (names == NULL) {
        memory->failed = true;
        return;
    }
    memory->names = names;
    names[memory->count++] = name;
}

/* A copy that lives as long as the facts. */
static mpol_bytes keep(mpol_certificate *memory, mpol_bytes text) {
    uint8_t *copy = OPENSSL_zalloc(text.len + 1u); /* never of no length */
    if (copy == NULL || !own(memory, copy)) {
        memory->failed = true;
        return (mpol_bytes){(const uint8_t *)"", 0};
    }
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return (mpol_bytes){copy, text.len};
}

/* Add a name in the form in which it is compared. `raw` lives as long as the facts. */
static void add_name(mpol_certificate *memory, mpol_name_kind kind, mpol_bytes oid,
                     mpol_bytes raw) {
    uint8_t buffer[MPOL_NAME_BUFFER];
    mpol_name name = {.kind = kind, .oid = oid, .value = raw};
    if (!mpol_name_normalise(kind, raw, buffer, &name.value)) {
        name.malformed = true;
        name.value = raw;
    }
    if (name.value.data == buffer)
        name.value = keep(memory, name.value);
    push(memory, name);
}

static const mpol_bytes no_oid = {NULL, 0};

static mpol_bytes string_bytes(const ASN1_STRING *string) {
    int len = ASN1_STRING_length(string);
    return (mpol_bytes){ASN1_STRING_get0_data(string), len > 0 ? (uint32_t)len : 0};
}

/* A user principal name is a UTF8String in an otherName; in another type it is malformed. */
static void add_upn(mpol_certificate *memory, const OTHERNAME *other) {
    if (OBJ_obj2nid(other->type_id) != NID_ms_upn)
        return;
    mpol_bytes name = {(const uint8_t *)"", 0};
    if (other->value->type == V_ASN1_UTF8STRING)
        name = string_bytes(other->value->value.utf8string);
    add_name(memory, MPOL_NAME_UPN, no_oid, name);
}

static void add_general_name(mpol_certificate *memory, const GENERAL_NAME *name) {
    if (name->type == GEN_URI) {
        add_name(memory, MPOL_NAME_SPIFFE, no_oid, string_bytes(name->d.uniformResourceIdentifier));
        add_name(memory, MPOL_NAME_URI, no_oid, string_bytes(name->d.uniformResourceIdentifier));
    }
    if (name->type == GEN_DNS)
        add_name(memory, MPOL_NAME_DNS, no_oid, string_bytes(name->d.dNSName));
    if (name->type == GEN_EMAIL)
        add_name(memory, MPOL_NAME_EMAIL, no_oid, string_bytes(name->d.rfc822Name));
    if (name->type == GEN_OTHERNAME)
        add_upn(memory, name->d.otherName);
}

static bool read_san(X509 *leaf, mpol_certificate *memory) {
    int found = 0;
    memory->san = X509_get_ext_d2i(leaf, NID_subject_alt_name, &found, NULL);
    if (memory->san == NULL)
        return found == -1; /* -1: absent; anything else: twice or broken */
    for (int i = 0; i < sk_GENERAL_NAME_num(memory->san); i++)
        add_general_name(memory, sk_GENERAL_NAME_value(memory->san, i));
    return true;
}

/* Is it of a type that OpenSSL converts? It parses no subject with one that it then cannot. */
static bool is_text(const ASN1_STRING *value) {
    static const unsigned long types = B_ASN1_NUMERICSTRING | B_ASN1_PRINTABLESTRING |
                                       B_ASN1_T61STRING | B_ASN1_IA5STRING | B_ASN1_UTF8STRING |
                                       B_ASN1_BMPSTRING | B_ASN1_UNIVERSALSTRING;
    return (ASN1_tag2bit(ASN1_STRING_type(value)) & types) != 0;
}

/* The value as UTF-8; empty, which is malformed for every kind, when it cannot be converted. Where
 * only memory was missing it must not pass for that: a denial may hang on this attribute. */
static mpol_bytes text_of(mpol_certificate *memory, const ASN1_STRING *value) {
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, value);
    if (len < 0 && is_text(value))
        memory->failed = true;
    if (len < 0 || !own(memory, text))
        return (mpol_bytes){(const uint8_t *)"", 0};
    return (mpol_bytes){text, (uint32_t)len};
}

static mpol_bytes oid_of(mpol_certificate *memory, const ASN1_OBJECT *object) {
    char text[MPOL_LIMIT_OID_BYTES + 1];
    int len = OBJ_obj2txt(text, sizeof text, object, 1);
    if (len <= 0 || (size_t)len >= sizeof text)
        return (mpol_bytes){(const uint8_t *)"", 0}; /* no policy names it */
    return keep(memory, (mpol_bytes){(const uint8_t *)text, (uint32_t)len});
}

/* The subject in one piece. `avas` are its attributes; one that is no text spoils it. */
static void add_subject(mpol_certificate *memory, const mpol_ava *avas, uint32_t count,
                        bool malformed) {
    uint8_t text[MPOL_LIMIT_SUBJECT_BYTES];
    if (count == 0)
        return;
    uint32_t len = malformed ? 0 : mpol_subject_write(avas, count, text, sizeof text);
    add_name(memory, MPOL_NAME_SUBJECT, no_oid, keep(memory, (mpol_bytes){text, len}));
}

/* Each attribute of the subject, as a name of its own and as part of the whole. */
static void read_subject(X509 *leaf, mpol_certificate *memory) {
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int count = X509_NAME_entry_count(subject);
    bool malformed = false;
    mpol_ava *avas = OPENSSL_zalloc((size_t)(count + 1) * sizeof *avas);
    memory->failed = memory->failed || avas == NULL;
    for (int i = 0; avas != NULL && i < count; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
        mpol_bytes value = text_of(memory, X509_NAME_ENTRY_get_data(entry));
        avas[i] = (mpol_ava){(uint32_t)X509_NAME_ENTRY_set(entry), oid_of(memory, type), value};
        if (OBJ_obj2nid(type) == NID_commonName)
            add_name(memory, MPOL_NAME_CN, no_oid, value);
        add_name(memory, MPOL_NAME_ATTRIBUTE, avas[i].oid, value);
        malformed = malformed || avas[i].oid.len == 0 || value.len == 0 ||
                    !mpol_utf8_valid(value) || mpol_has_control(value);
    }
    if (avas != NULL)
        add_subject(memory, avas, (uint32_t)count, malformed);
    OPENSSL_free(avas);
}

void mpol_certificate_names(X509 *leaf, mpol_facts *facts, mpol_certificate *memory) {
    memset(memory, 0, sizeof *memory);
    bool good = (X509_get_extension_flags(leaf) & EXFLAG_INVALID) == 0 && read_san(leaf, memory);
    read_subject(leaf, memory);
    good = good && X509_digest(leaf, EVP_sha256(), facts->sha256, NULL) == 1 &&
           mpol_spki_digest(leaf, facts->spki_sha256);
    facts->malformed = facts->malformed || !good || memory->failed;
    facts->names = memory->names;
    facts->name_count = memory->count;
}

void mpol_certificate_clear(mpol_certificate *memory) {
    GENERAL_NAMES_free(memory->san);
    for (uint32_t i = 0; i < memory->text_count; i++)
        OPENSSL_free(memory->texts[i]);
    OPENSSL_free(memory->texts);
    OPENSSL_free(memory->names);
    memset(memory, 0, sizeof *memory);
}

bool mpol_spki_digest(X509 *certificate, uint8_t digest[32]) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool done = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done;
}

bool mpol_x509_time(const ASN1_TIME *time, int64_t *seconds) {
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *seconds = timegm(&parts);
    return true;
}

bool mpol_path_narrow(mpol_path *path, const X509 *certificate) {
    int64_t from;
    int64_t to;
    if (!mpol_x509_time(X509_get0_notBefore(certificate), &from) ||
        !mpol_x509_time(X509_get0_notAfter(certificate), &to))
        return false;
    if (from > path->not_before_s)
        path->not_before_s = from;
    if (to < path->not_after_s)
        path->not_after_s = to;
    return true;
}

bool mpol_path_read(const STACK_OF(X509) * chain, mpol_path *path) {
    int count = sk_X509_num(chain);
    memset(path, 0, sizeof *path);
    path->not_before_s = INT64_MIN;
    path->not_after_s = INT64_MAX;
    if (count < 1 || count - 1 > (int)MPOL_LIMIT_PATH_CERTIFICATES)
        return false;
    for (int i = 0; i < count; i++) {
        X509 *certificate = sk_X509_value(chain, i);
        if ((i == 0 || i < count - 1) && !mpol_path_narrow(path, certificate))
            return false;
        if (i > 0 && !mpol_spki_digest(certificate, path->spki[path->count++]))
            return false;
    }
    return true;
}

enum { EVIDENCE_VERSION = 1, EVIDENCE_HEAD = 1 + 4 + 8 + 8 + 1 };

static uint8_t *put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

uint32_t mpol_evidence_write(const mpol_path *path, uint32_t verify_result,
                             uint8_t out[MPOL_EVIDENCE_BYTES]) {
    uint8_t *at = out;
    *at++ = EVIDENCE_VERSION;
    at = put(at, verify_result, 4);
    at = put(at, (uint64_t)path->not_before_s, 8);
    at = put(at, (uint64_t)path->not_after_s, 8);
    *at++ = (uint8_t)path->count;
    memcpy(at, path->spki, 32u * path->count);
    return EVIDENCE_HEAD + 32u * path->count;
}

bool mpol_evidence_read(mpol_bytes evidence, mpol_path *path, uint32_t *verify_result) {
    const uint8_t *at = evidence.data;
    memset(path, 0, sizeof *path);
    if (evidence.len < EVIDENCE_HEAD || at[0] != EVIDENCE_VERSION)
        return false;
    uint32_t count = at[EVIDENCE_HEAD - 1];
    if (count > MPOL_LIMIT_PATH_CERTIFICATES || evidence.len != EVIDENCE_HEAD + 32u * count)
        return false;
    *verify_result = mpol_read_u32(at + 1);
    path->not_before_s = (int64_t)mpol_read_u64(at + 5);
    path->not_after_s = (int64_t)mpol_read_u64(at + 13);
    path->count = count;
    memcpy(path->spki, at + EVIDENCE_HEAD, 32u * count);
    return true;
}
