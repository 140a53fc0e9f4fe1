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

static bool is_cn(mpol_bytes cn) {
    return cn.len > 0 && cn.len <= MPOL_LIMIT_CN_BYTES && mpol_utf8_valid(cn) &&
           !mpol_has_control(cn);
}

bool mpol_name_normalise(mpol_name_kind kind, mpol_bytes raw, uint8_t *buffer, mpol_bytes *name) {
    *name = raw;
    switch (kind) {
    case MPOL_NAME_SPIFFE: return is_spiffe_id(raw);
    case MPOL_NAME_URI: return is_uri(raw);
    case MPOL_NAME_DNS: return normalise_dns(raw, buffer, name);
    case MPOL_NAME_CN: return is_cn(raw);
    case MPOL_NAME_KIND_COUNT: break;
    }
    return false;
}
