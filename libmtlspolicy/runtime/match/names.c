/* SPDX-License-Identifier: Apache-2.0 */
#include "match/names.h"

#include "base/limits.h"
#include "match/host.h"

static bool is_alphanumeric(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_domain_byte(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
}

static bool is_path_byte(uint8_t c) {
    return is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
}

/* SPIFFE-ID standard, section 2.2: no empty segment, none that is "." or "..". */
static bool is_spiffe_segment(mpol_bytes id, uint32_t from, uint32_t to) {
    uint32_t dots = 0;
    for (uint32_t i = from; i < to; i++) {
        if (!is_path_byte(id.data[i]))
            return false;
        dots += id.data[i] == '.';
    }
    return to > from && !(dots == to - from && dots <= 2);
}

/* SPIFFE-ID and X509-SVID standards: a workload has a path below its trust domain. */
static bool is_spiffe_id(mpol_bytes id) {
    static const uint8_t scheme[] = {'s', 'p', 'i', 'f', 'f', 'e', ':', '/', '/'};
    uint32_t at = sizeof scheme;
    if (id.len <= sizeof scheme || id.len > MPOL_LIMIT_SPIFFE_BYTES)
        return false;
    for (uint32_t i = 0; i < sizeof scheme; i++)
        if (id.data[i] != scheme[i])
            return false;
    while (at < id.len && is_domain_byte(id.data[at]))
        at++;
    if (at == sizeof scheme || at - sizeof scheme > MPOL_LIMIT_TRUST_DOMAIN_BYTES || at == id.len)
        return false;
    while (at < id.len) {
        uint32_t from = at + 1;
        if (id.data[at] != '/')
            return false;
        for (at = from; at < id.len && id.data[at] != '/';)
            at++;
        if (!is_spiffe_segment(id, from, at))
            return false;
    }
    return true;
}

/* RFC 3986 section 3: a scheme, a colon; the rest is printable ASCII without space. */
static bool is_uri(mpol_bytes uri) {
    uint32_t colon = 0;
    if (uri.len == 0 || uri.len > MPOL_LIMIT_URI_BYTES)
        return false;
    for (uint32_t i = 0; i < uri.len; i++)
        if (uri.data[i] <= ' ' || uri.data[i] >= 0x7f)
            return false;
    while (colon < uri.len && uri.data[colon] != ':') {
        uint8_t c = uri.data[colon];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = is_alphanumeric(c) || c == '+' || c == '-' || c == '.';
        if (!letter && (colon == 0 || !other))
            return false;
        colon++;
    }
    return colon > 0 && colon < uri.len;
}

static bool normalise_dns(mpol_bytes raw, uint8_t *buffer, mpol_bytes *name) {
    uint32_t len = raw.len > 1 && raw.data[raw.len - 1] == '.' ? raw.len - 1 : raw.len;
    if (len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t c = raw.data[i];
        buffer[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    *name = (mpol_bytes){buffer, len};
    return mpol_is_dns_name(*name);
}

static uint32_t last_at(mpol_bytes text) {
    uint32_t i = text.len;
    while (i > 0 && text.data[i - 1] != '@')
        i--;
    return i;
}

/* RFC 5321 section 4.5.3.1.1 for the length of what stands before the @. */
static bool normalise_email(mpol_bytes raw, uint8_t *buffer, mpol_bytes *name) {
    uint32_t domain = last_at(raw);
    mpol_bytes lowered;
    if (domain < 2 || domain - 1 > MPOL_LIMIT_EMAIL_LOCAL_BYTES)
        return false;
    for (uint32_t i = 0; i < domain; i++) {
        if (raw.data[i] <= ' ' || raw.data[i] >= 0x7f)
            return false;
        buffer[i] = raw.data[i];
    }
    if (!normalise_dns((mpol_bytes){raw.data + domain, raw.len - domain}, buffer + domain,
                       &lowered))
        return false;
    *name = (mpol_bytes){buffer, domain + lowered.len};
    return true;
}

static bool is_text(mpol_bytes text, uint32_t most) {
    return text.len > 0 && text.len <= most && mpol_utf8_valid(text) && !mpol_has_control(text);
}

bool mpol_name_normalise(mpol_name_kind kind, mpol_bytes raw, uint8_t *buffer, mpol_bytes *name) {
    *name = raw;
    switch (kind) {
    case MPOL_NAME_SPIFFE: return is_spiffe_id(raw);
    case MPOL_NAME_URI: return is_uri(raw);
    case MPOL_NAME_DNS: return normalise_dns(raw, buffer, name);
    case MPOL_NAME_EMAIL: return normalise_email(raw, buffer, name);
    case MPOL_NAME_UPN:
    case MPOL_NAME_CN:
    case MPOL_NAME_ATTRIBUTE: return is_text(raw, MPOL_LIMIT_CN_BYTES);
    case MPOL_NAME_SUBJECT: return is_text(raw, MPOL_LIMIT_SUBJECT_BYTES);
    case MPOL_NAME_KIND_COUNT: break;
    }
    return false;
}

static mpol_bytes from(mpol_bytes text, uint32_t start) {
    return (mpol_bytes){text.data + start, text.len - start};
}

static bool end_walk(mpol_name_walk *walk, mpol_bytes *segment) {
    *segment = walk->rest;
    walk->rest.data = NULL;
    return true;
}

/* A name of two parts: from `split` on, and then what ends before `split`, without the byte
 * between. */
static bool next_part(mpol_name_walk *walk, uint32_t split, mpol_bytes *segment) {
    if (walk->index++ == 1)
        return end_walk(walk, segment);
    *segment = from(walk->rest, split);
    walk->rest.len = split > 0 ? split - 1 : 0;
    return true;
}

static uint32_t behind_first_dot(mpol_bytes name) {
    uint32_t i = 0;
    while (i < name.len && name.data[i] != '.')
        i++;
    return i < name.len ? i + 1 : 0;
}

bool mpol_name_next(mpol_name_walk *walk, mpol_bytes *segment) {
    uint32_t len = 0;
    if (walk->rest.data == NULL)
        return false;
    if (walk->kind == MPOL_NAME_DNS)
        return next_part(walk, walk->index == 0 ? behind_first_dot(walk->rest) : 0, segment);
    if (walk->kind == MPOL_NAME_EMAIL)
        return next_part(walk, walk->index == 0 ? last_at(walk->rest) : 0, segment);
    if (walk->kind != MPOL_NAME_SPIFFE && walk->kind != MPOL_NAME_URI)
        return end_walk(walk, segment);
    while (len < walk->rest.len && walk->rest.data[len] != '/')
        len++;
    if (len == walk->rest.len)
        return end_walk(walk, segment);
    *segment = (mpol_bytes){walk->rest.data, len};
    walk->rest = from(walk->rest, len + 1);
    return true;
}

bool mpol_name_segment(mpol_name_kind kind, mpol_bytes name, uint32_t index, mpol_bytes *segment) {
    mpol_name_walk walk = mpol_name_begin(kind, name);
    for (uint32_t i = 0; i <= index; i++)
        if (!mpol_name_next(&walk, segment))
            return false;
    return true;
}
