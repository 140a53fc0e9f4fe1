/* SPDX-License-Identifier: Apache-2.0 */
#include "source/subject.h"

#include "base/limits.h"
#include "match/subject.h"
#include "source/oid.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

/* A subject while it is read; RDNs are counted as they are written, the last of the certificate
 * first. */
typedef struct subject_reader {
    apr_pool_t *pool;
    mpol_bytes text;
    uint32_t at;
    uint32_t rdn;
    apr_array_header_t *avas; /* mpol_ava */
} subject_reader;

static bool at_end(const subject_reader *r) {
    return r->at >= r->text.len;
}

static uint8_t here(const subject_reader *r) {
    return r->text.data[r->at];
}

static const char *take_type(subject_reader *r, mpol_ava *ava) {
    uint32_t from = r->at;
    while (!at_end(r) && here(r) != '=' && here(r) != ',' && here(r) != '+')
        r->at++;
    if (at_end(r) || here(r) != '=')
        return "an attribute has no = behind its type";
    mpol_bytes type = {r->text.data + from, r->at - from};
    r->at++;
    if (type.len > 0 && (type.data[0] == ' ' || type.data[type.len - 1] == ' '))
        return "a blank stands beside , + or =; openssl x509 -nameopt RFC2253 prints none";
    return mpol_oid_parse_type(type, &ava->oid) ? NULL : "the type of an attribute is not known";
}

static int hex_value(uint8_t c) {
    const char *digits = "0123456789abcdef";
    const char *found = c != 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* RFC 4514 section 2.4: a backslash before a special character, or before two digits. */
static const char *take_escape(subject_reader *r, uint8_t *out) {
    const char *wrong = "a backslash stands before neither two hexadecimal digits nor one of "
                        "\" + , ; < > # = \\ and space";
    r->at++;
    if (at_end(r))
        return wrong;
    uint8_t c = here(r);
    if (strchr("\"+,;<>#= \\", c) != NULL) {
        *out = c;
        r->at++;
        return NULL;
    }
    if (r->at + 1 >= r->text.len)
        return wrong;
    int high = hex_value(c);
    int low = hex_value(r->text.data[r->at + 1]);
    if (high < 0 || low < 0)
        return wrong;
    *out = (uint8_t)(high * 16 + low);
    r->at += 2;
    return NULL;
}

/* What must not stand unescaped. */
static const char *check_plain(const subject_reader *r, uint32_t from) {
    uint8_t c = here(r);
    bool last = r->at + 1 == r->text.len || strchr(",+", r->text.data[r->at + 1]) != NULL;
    if (strchr("\"\\;<>", c) != NULL)
        return "one of \" ; < > stands in a value without a backslash";
    if (c == '#' && r->at == from)
        return "a value begins with #; write it as text, or \\# for the character";
    if (c == ' ' && (r->at == from || last))
        return "a blank stands at the edge of a value or beside , + =; escape it, or take it out";
    return NULL;
}

static const char *take_value(subject_reader *r, mpol_ava *ava) {
    uint8_t *value = apr_palloc(r->pool, r->text.len + 1u);
    uint32_t from = r->at;
    uint32_t len = 0;
    while (!at_end(r) && here(r) != ',' && here(r) != '+') {
        const char *wrong = NULL;
        if (here(r) == '\\')
            wrong = take_escape(r, &value[len]);
        else if ((wrong = check_plain(r, from)) == NULL)
            value[len] = r->text.data[r->at++];
        if (wrong != NULL)
            return wrong;
        len++;
    }
    ava->value = (mpol_bytes){value, len};
    if (len == 0)
        return "a value is empty";
    if (!mpol_utf8_valid(ava->value) || mpol_has_control(ava->value))
        return "a value is not UTF-8 or holds control characters";
    return NULL;
}

/* Does the last attribute stand in its RDN already? An RDN is a set (RFC 4514 section 2.2). */
static bool is_repeated(const subject_reader *r) {
    const mpol_ava *all = (const mpol_ava *)(const void *)r->avas->elts;
    const mpol_ava *last = &all[r->avas->nelts - 1];
    for (const mpol_ava *at = last; at > all && (at - 1)->rdn == last->rdn; at--)
        if (mpol_bytes_equal((at - 1)->oid, last->oid) &&
            mpol_bytes_equal((at - 1)->value, last->value))
            return true;
    return false;
}

/* Attributes with + between them, RDNs with commas. */
static const char *take_all(subject_reader *r) {
    for (;;) {
        mpol_ava *ava = apr_array_push(r->avas);
        ava->rdn = r->rdn;
        const char *wrong = take_type(r, ava);
        if (wrong == NULL)
            wrong = take_value(r, ava);
        if (wrong == NULL && is_repeated(r))
            wrong = "an attribute stands twice in one RDN";
        if (wrong != NULL || at_end(r))
            return wrong;
        if (r->text.data[r->at++] == ',')
            r->rdn++;
    }
}

/* To the order of the certificate: RDNs the other way round. */
static void turn_round(subject_reader *r) {
    mpol_ava *avas = (mpol_ava *)(void *)r->avas->elts;
    int count = r->avas->nelts;
    for (int i = 0; i < count / 2; i++) {
        mpol_ava other = avas[i];
        avas[i] = avas[count - 1 - i];
        avas[count - 1 - i] = other;
    }
}

const char *mpol_subject_parse(apr_pool_t *pool, mpol_bytes text, mpol_bytes *subject) {
    subject_reader r = {
        .pool = pool, .text = text, .avas = apr_array_make(pool, 4, sizeof(mpol_ava))};
    if (text.len == 0)
        return "it is empty";
    const char *wrong = take_all(&r);
    if (wrong != NULL)
        return wrong;
    turn_round(&r);
    uint8_t *out = apr_palloc(pool, MPOL_LIMIT_SUBJECT_BYTES);
    *subject = (mpol_bytes){out, mpol_subject_write((const mpol_ava *)(const void *)r.avas->elts,
                                                    (uint32_t)r.avas->nelts, out,
                                                    MPOL_LIMIT_SUBJECT_BYTES)};
    return subject->len > 0 ? NULL : "it is longer than 2048 bytes";
}
