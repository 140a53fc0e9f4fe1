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
    const uint8_t *at = raw.data;
    const uint8_t *end = at + raw.len;
    if (raw.len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (;;) {
        const uint8_t *label = at;
        for (uint8_t c; at < end && (c = label_byte[*at]) != 0; at++)
            *out++ = c;
        if (at == label || at - label > (ptrdiff_t)MPOL_LIMIT_LABEL_BYTES)
            return false;
        if (at == end)
            return true;
        if (*at++ != '.')
            return false;
        *out++ = '.';
    }
}

bool mpol_is_dns_name(mpol_bytes name) {
    uint8_t lowered[MPOL_LIMIT_HOST_BYTES] MPOL_UNFILLED;
    return copy_dns_name(name, lowered) && mpol_bytes_equal((mpol_bytes){lowered, name.len}, name);
}

bool mpol_is_ipv4(mpol_bytes text) {
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
static uint32_t ipv6_group(mpol_bytes text, uint32_t i, uint32_t *value) {
    uint32_t len = 0;
    *value = 0;
    while (i + len < text.len && len < 5 && is_hex(text.data[i + len])) {
        uint8_t c = text.data[i + len++];
        *value = *value * 16 + (is_digit(c) ? c - (uint32_t)'0' : c - (uint32_t)'a' + 10);
    }
    return len <= 4 ? len : 0;
}

enum { IPV6_GROUPS = 8 };

/* The two last groups from dotted decimal, which mpol_is_ipv4 has accepted. */
static void ipv4_groups(mpol_bytes text, uint32_t groups[2]) {
    uint32_t parts[4] = {0, 0, 0, 0};
    uint32_t part = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.')
            part++;
        else
            parts[part] = parts[part] * 10 + (text.data[i] - (uint32_t)'0');
    }
    groups[0] = parts[0] * 256 + parts[1];
    groups[1] = parts[2] * 256 + parts[3];
}

/* What is known of an address while it is read: `gap` is where "::" stands, or IPV6_GROUPS. */
typedef struct ipv6 {
    uint32_t group[IPV6_GROUPS];
    uint32_t count;
    uint32_t gap;
} ipv6;

/* RFC 4291 section 2.2: eight groups, or fewer and one "::"; the last two may be dotted decimal. */
static bool parse_ipv6(mpol_bytes text, ipv6 *address) {
    uint32_t i = 0;
    *address = (ipv6){.count = 0, .gap = IPV6_GROUPS};
    if (text.len >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        address->gap = 0;
        i = 2;
    }
    while (i < text.len) {
        mpol_bytes rest = {text.data + i, text.len - i};
        if (address->count <= IPV6_GROUPS - 2 && mpol_is_ipv4(rest)) {
            ipv4_groups(rest, address->group + address->count);
            address->count += 2;
            break;
        }
        uint32_t value;
        uint32_t len = ipv6_group(text, i, &value);
        if (len == 0 || address->count == IPV6_GROUPS)
            return false;
        address->group[address->count++] = value;
        i += len;
        if (i == text.len)
            break;
        if (text.data[i++] != ':' || i == text.len)
            return false;
        if (text.data[i] == ':') {
            if (address->gap != IPV6_GROUPS)
                return false;
            address->gap = address->count;
            i++;
        }
    }
    return address->gap != IPV6_GROUPS ? address->count < IPV6_GROUPS
                                       : address->count == IPV6_GROUPS;
}

/* Put the zeros that "::" stands for in their place. */
static void expand_ipv6(ipv6 *address) {
    uint32_t missing = IPV6_GROUPS - address->count;
    for (uint32_t i = address->count; missing > 0 && i > address->gap; i--)
        address->group[i - 1 + missing] = address->group[i - 1];
    for (uint32_t i = 0; i < missing; i++)
        address->group[address->gap + i] = 0;
    address->count = IPV6_GROUPS;
}

/* The longest run of two and more zero groups, the first of equals (RFC 5952 section 4.2). */
static uint32_t longest_zeros(const ipv6 *address, uint32_t *len) {
    uint32_t best = IPV6_GROUPS;
    *len = 1;
    for (uint32_t i = 0; i < IPV6_GROUPS; i++) {
        uint32_t end = i;
        while (end < IPV6_GROUPS && address->group[end] == 0)
            end++;
        if (end - i <= *len)
            continue;
        best = i;
        *len = end - i;
    }
    return best;
}

static uint32_t write_group(uint32_t group, uint8_t *out) {
    static const char digits[] = "0123456789abcdef";
    uint32_t len = 0;
    for (uint32_t shift = 16; shift > 0;) {
        shift -= 4;
        uint32_t digit = group >> shift & 15;
        if (digit != 0 || len > 0 || shift == 0)
            out[len++] = (uint8_t)digits[digit];
    }
    return len;
}

/* The one text that an address has, by RFC 5952 but always in hexadecimal; at most 39 bytes. */
static uint32_t write_ipv6(const ipv6 *address, uint8_t *out) {
    uint32_t zeros;
    uint32_t gap = longest_zeros(address, &zeros);
    uint32_t len = 0;
    for (uint32_t i = 0; i < IPV6_GROUPS; i++) {
        if (i == gap) {
            out[len++] = ':';
            out[len++] = ':';
            i += zeros - 1;
            continue;
        }
        if (len > 0 && out[len - 1] != ':')
            out[len++] = ':';
        len += write_group(address->group[i], out + len);
    }
    return len;
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

/* An IPv6 address, with brackets or without. */
static bool copy_ipv6(mpol_bytes raw, uint8_t *out, mpol_bytes *host) {
    ipv6 address;
    if (raw.len > 2 && raw.data[0] == '[' && raw.data[raw.len - 1] == ']')
        raw = (mpol_bytes){raw.data + 1, raw.len - 2};
    if (raw.len > MPOL_LIMIT_HOST_BYTES)
        return false;
    for (uint32_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.data[i];
        out[i] = c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    if (!parse_ipv6((mpol_bytes){out, raw.len}, &address))
        return false;
    expand_ipv6(&address);
    *host = (mpol_bytes){out, write_ipv6(&address, out)};
    return true;
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
