/* SPDX-License-Identifier: Apache-2.0 */
#include "match/host.h"

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* A byte of a DNS label in lower case; 0 for one that no label holds. */
#define LETTER(low, high) [low] = low, [high] = low
#define SELF(c) [c] = c
static const uint8_t label_byte[256] = {
    LETTER('a', 'A'), LETTER('b', 'B'), LETTER('c', 'C'), LETTER('d', 'D'), LETTER('e', 'E'),
    LETTER('f', 'F'), LETTER('g', 'G'), LETTER('h', 'H'), LETTER('i', 'I'), LETTER('j', 'J'),
    LETTER('k', 'K'), LETTER('l', 'L'), LETTER('m', 'M'), LETTER('n', 'N'), LETTER('o', 'O'),
    LETTER('p', 'P'), LETTER('q', 'Q'), LETTER('r', 'R'), LETTER('s', 'S'), LETTER('t', 'T'),
    LETTER('u', 'U'), LETTER('v', 'V'), LETTER('w', 'W'), LETTER('x', 'X'), LETTER('y', 'Y'),
    LETTER('z', 'Z'), SELF('0'),        SELF('1'),        SELF('2'),        SELF('3'),
    SELF('4'),        SELF('5'),        SELF('6'),        SELF('7'),        SELF('8'),
    SELF('9'),        SELF('-'),        SELF('_'),
};

/* Copy a DNS name in lower case to `out`, which takes raw.len bytes. False when it is none. */
static bool copy_dns_name(mpol_bytes raw, uint8_t *out) {
    uint32_t label = 0;
    if (raw.len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (uint32_t i = 0; i < raw.len; i++) {
        out[i] = label_byte[raw.data[i]];
        label++;
        if (out[i] != 0)
            continue;
        if (raw.data[i] != '.' || label == 1 || label > MPOL_LIMIT_LABEL_BYTES + 1)
            return false;
        out[i] = '.';
        label = 0;
    }
    return label > 0 && label <= MPOL_LIMIT_LABEL_BYTES;
}

bool mpol_is_dns_name(mpol_bytes name) {
    uint8_t lowered[MPOL_LIMIT_HOST_BYTES] MPOL_UNFILLED;
    return copy_dns_name(name, lowered) && mpol_bytes_equal((mpol_bytes){lowered, name.len}, name);
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

/* An IPv6 address in lower case, with brackets or without. */
static bool copy_ipv6(mpol_bytes raw, uint8_t *out, mpol_bytes *host) {
    if (raw.len > 2 && raw.data[0] == '[' && raw.data[raw.len - 1] == ']')
        raw = (mpol_bytes){raw.data + 1, raw.len - 2};
    if (raw.len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (uint32_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.data[i];
        out[i] = c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    *host = (mpol_bytes){out, raw.len};
    return is_ipv6(*host);
}

mpol_reason mpol_host_parse(mpol_bytes raw, uint8_t *buffer, mpol_bytes *host) {
    *host = (mpol_bytes){buffer, 0};
    if (raw.data == NULL)
        return MPOL_REASON_HOST_MISSING;
    mpol_bytes name = {raw.data, without_port(raw)};
    mpol_bytes dns = name;
    if (dns.len > 1 && dns.data[dns.len - 1] == '.')
        dns.len--;
    if (copy_dns_name(dns, buffer)) {
        host->len = dns.len;
        return MPOL_REASON_ALLOWED;
    }
    return copy_ipv6(name, buffer, host) ? MPOL_REASON_ALLOWED : MPOL_REASON_HOST_MALFORMED;
}
