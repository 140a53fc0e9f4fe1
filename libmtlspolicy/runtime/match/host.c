/* SPDX-License-Identifier: Apache-2.0 */
#include "match/host.h"

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_label_byte(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

bool mpol_is_dns_name(mpol_bytes name) {
    uint32_t label = 0;
    if (name.len == 0 || name.len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (uint32_t i = 0; i < name.len; i++) {
        if (name.data[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!is_label_byte(name.data[i]) || ++label > MPOL_LIMIT_LABEL_BYTES) {
            return false;
        }
    }
    return label > 0;
}

/* Dotted decimal (RFC 3986 section 3.2.2): four numbers of 0 to 255 without leading zeros. */
static bool is_ipv4(mpol_bytes text) {
    uint32_t parts = 1;
    uint32_t value = 0;
    uint32_t digits = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.') {
            if (digits == 0 || ++parts > 4)
                return false;
            value = digits = 0;
            continue;
        }
        if (!is_digit(text.data[i]) || (digits > 0 && value == 0))
            return false;
        value = value * 10 + (text.data[i] - '0');
        if (++digits > 3 || value > 255)
            return false;
    }
    return parts == 4 && digits > 0;
}

/* One group of an IPv6 address at `i`: its length, 0 when there is none. */
static uint32_t ipv6_group(mpol_bytes text, uint32_t i) {
    uint32_t len = 0;
    while (i + len < text.len && len < 5 && is_hex(text.data[i + len]))
        len++;
    return len <= 4 ? len : 0;
}

/* RFC 4291 section 2.2: eight groups, or fewer and one "::"; the last two may be dotted decimal. */
static bool is_ipv6(mpol_bytes text) {
    uint32_t groups = 0;
    bool elided = false;
    uint32_t i = 0;
    if (text.len >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        elided = true;
        i = 2;
    }
    while (i < text.len) {
        mpol_bytes rest = {text.data + i, text.len - i};
        if (is_ipv4(rest))
            return groups + 2 <= 7 ? elided || groups == 6 : groups + 2 == 8 && !elided;
        uint32_t len = ipv6_group(text, i);
        if (len == 0 || ++groups > 8)
            return false;
        i += len;
        if (i == text.len)
            break;
        if (text.data[i++] != ':' || i == text.len)
            return false;
        if (text.data[i] == ':') {
            if (elided)
                return false;
            elided = true;
            i++;
        }
    }
    return elided ? groups <= 7 : groups == 8;
}

/* The length without ":port"; a port is digits only and may be empty (RFC 3986 section 3.2.3). */
static uint32_t without_port(mpol_bytes raw) {
    uint32_t i = raw.len;
    while (i > 0 && is_digit(raw.data[i - 1]))
        i--;
    if (i == 0 || raw.data[i - 1] != ':')
        return raw.len;
    /* A second colon outside brackets: a bare IPv6 address, no port. */
    for (uint32_t k = 0; k + 1 < i; k++)
        if (raw.data[k] == ':' && raw.data[i - 2] != ']')
            return raw.len;
    return i - 1;
}

mpol_reason mpol_host_parse(mpol_bytes raw, uint8_t *buffer, mpol_bytes *host) {
    *host = (mpol_bytes){buffer, 0};
    if (raw.data == NULL)
        return MPOL_REASON_HOST_MISSING;
    uint32_t len = without_port(raw);
    uint32_t from = 0;
    bool bracketed = len > 2 && raw.data[0] == '[' && raw.data[len - 1] == ']';
    if (bracketed) {
        from = 1;
        len--;
    } else if (len > 1 && raw.data[len - 1] == '.') {
        len--;
    }
    if (len - from > MPOL_LIMIT_HOST_BYTES)
        return MPOL_REASON_HOST_MALFORMED;
    for (uint32_t i = from; i < len; i++)
        buffer[host->len++] = lower(raw.data[i]);
    bool valid = bracketed ? is_ipv6(*host) : mpol_is_dns_name(*host) || is_ipv6(*host);
    return valid ? MPOL_REASON_ALLOWED : MPOL_REASON_HOST_MALFORMED;
}
