/* SPDX-License-Identifier: Apache-2.0 */
#include "model/networks.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 8 * MPOL_ADDRESS_BYTES, BITS_BEFORE_IPV4 = 96 };

static bool is_mapped(const uint8_t address[MPOL_ADDRESS_BYTES]) {
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address, prefix, sizeof prefix) == 0;
}

static mpol_bytes text_of(apr_pool_t *pool, const uint8_t address[MPOL_ADDRESS_BYTES],
                          unsigned prefix) {
    char text[INET6_ADDRSTRLEN];
    bool ipv4 = is_mapped(address);
    unsigned width = ipv4 ? BITS - BITS_BEFORE_IPV4 : BITS;
    unsigned bits = ipv4 ? prefix - BITS_BEFORE_IPV4 : prefix;
    if (inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address + 12 : address, text, sizeof text) ==
        NULL)
        return (mpol_bytes){(const uint8_t *)"?", 1};
    const char *whole =
        bits == width ? apr_pstrdup(pool, text) : apr_psprintf(pool, "%s/%u", text, bits);
    return (mpol_bytes){(const uint8_t *)whole, (uint32_t)strlen(whole)};
}

static bool bit_of(const uint8_t address[MPOL_ADDRESS_BYTES], unsigned bit) {
    return (address[bit / 8] & (0x80u >> (bit % 8))) != 0;
}

/* The last address of the network that begins at `low` with so many bits. */
static void last_of(const uint8_t low[MPOL_ADDRESS_BYTES], unsigned prefix,
                    uint8_t high[MPOL_ADDRESS_BYTES]) {
    memcpy(high, low, MPOL_ADDRESS_BYTES);
    for (unsigned bit = prefix; bit < BITS; bit++)
        high[bit / 8] = (uint8_t)(high[bit / 8] | 0x80u >> (bit % 8));
}

/* The shortest prefix with which a network can begin at `low` and stay within `high`. */
static unsigned widest(const uint8_t low[MPOL_ADDRESS_BYTES],
                       const uint8_t high[MPOL_ADDRESS_BYTES], uint8_t end[MPOL_ADDRESS_BYTES]) {
    unsigned shortest = is_mapped(low) ? BITS_BEFORE_IPV4 : 0;
    unsigned prefix = BITS;
    uint8_t wider[MPOL_ADDRESS_BYTES];
    memcpy(end, low, MPOL_ADDRESS_BYTES);
    while (prefix > shortest && !bit_of(low, prefix - 1)) {
        last_of(low, prefix - 1, wider);
        if (memcmp(wider, high, sizeof wider) > 0)
            break;
        memcpy(end, wider, sizeof wider);
        prefix--;
    }
    return prefix;
}

/* The address after `address`; false after the last. */
static bool next_of(uint8_t address[MPOL_ADDRESS_BYTES]) {
    for (unsigned i = MPOL_ADDRESS_BYTES; i > 0; i--)
        if (++address[i - 1] != 0)
            return true;
    return false;
}

static void range_texts(apr_pool_t *pool, const mpol_network *range, apr_array_header_t *texts) {
    uint8_t low[MPOL_ADDRESS_BYTES];
    uint8_t end[MPOL_ADDRESS_BYTES];
    bool more = true;
    memcpy(low, range->low, sizeof low);
    while (more && memcmp(low, range->high, sizeof low) <= 0) {
        unsigned prefix = widest(low, range->high, end);
        *(mpol_bytes *)apr_array_push(texts) = text_of(pool, low, prefix);
        memcpy(low, end, sizeof low);
        more = next_of(low);
    }
}

/* The last IPv6 address before those that IPv4 is mapped to (RFC 4291 section 2.5.5.2), and the
 * first behind them. */
static const uint8_t before_ipv4[MPOL_ADDRESS_BYTES] = {0, 0, 0,    0,    0,    0,    0,    0,
                                                        0, 0, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff};
static const uint8_t behind_ipv4[MPOL_ADDRESS_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

/* Two ranges that are one network which reaches around IPv4: written as that network. */
static bool joined_text(apr_pool_t *pool, const mpol_network *one, const mpol_network *other,
                        apr_array_header_t *texts) {
    uint8_t end[MPOL_ADDRESS_BYTES];
    if (memcmp(one->high, before_ipv4, sizeof before_ipv4) != 0 ||
        memcmp(other->low, behind_ipv4, sizeof behind_ipv4) != 0)
        return false;
    unsigned prefix = widest(one->low, other->high, end);
    if (memcmp(end, other->high, sizeof end) != 0)
        return false;
    *(mpol_bytes *)apr_array_push(texts) = text_of(pool, one->low, prefix);
    return true;
}

/* Where IPv4 stands between the two: the range behind it, else the next one. */
static int range_behind_ipv4(const apr_array_header_t *ranges, int i) {
    int next = i + 1;
    while (next < ranges->nelts && is_mapped(MPOL_AT(ranges, next, mpol_network)->low))
        next++;
    return next;
}

void mpol_network_texts(apr_pool_t *pool, const apr_array_header_t *ranges,
                        apr_array_header_t *texts) {
    int joined = -1;
    for (int i = 0; i < ranges->nelts; i++) {
        const mpol_network *range = MPOL_AT(ranges, i, mpol_network);
        int behind = range_behind_ipv4(ranges, i);
        if (i == joined)
            continue;
        if (!is_mapped(range->low) && behind < ranges->nelts &&
            joined_text(pool, range, MPOL_AT(ranges, behind, mpol_network), texts))
            joined = behind;
        else
            range_texts(pool, range, texts);
    }
}

static int by_low(const void *left, const void *right) {
    return memcmp(((const mpol_network *)left)->low, ((const mpol_network *)right)->low,
                  MPOL_ADDRESS_BYTES);
}

/* Does `here` begin within `before`, or right behind it? */
static bool continues(const mpol_network *before, const mpol_network *here) {
    uint8_t next[MPOL_ADDRESS_BYTES];
    memcpy(next, before->high, sizeof next);
    if (is_mapped(before->low) != is_mapped(here->low))
        return false;
    return !next_of(next) || memcmp(here->low, next, sizeof next) <= 0;
}

void mpol_networks_settle(apr_array_header_t *ranges) {
    int kept = 0;
    qsort(ranges->elts, (size_t)ranges->nelts, sizeof(mpol_network), by_low);
    for (int i = 0; i < ranges->nelts; i++) {
        const mpol_network *here = MPOL_AT(ranges, i, mpol_network);
        mpol_network *before = kept > 0 ? MPOL_AT(ranges, kept - 1, mpol_network) : NULL;
        if (before != NULL && continues(before, here)) {
            if (memcmp(here->high, before->high, MPOL_ADDRESS_BYTES) > 0)
                memcpy(before->high, here->high, MPOL_ADDRESS_BYTES);
            continue;
        }
        *MPOL_AT(ranges, kept++, mpol_network) = *here;
    }
    ranges->nelts = kept;
}

void mpol_networks_add(apr_array_header_t *ranges, const mpol_network *network) {
    mpol_network *first = apr_array_push(ranges);
    *first = *network;
    if (memcmp(network->low, before_ipv4, sizeof before_ipv4) > 0 ||
        memcmp(network->high, before_ipv4, sizeof before_ipv4) <= 0)
        return;
    memcpy(first->high, before_ipv4, sizeof before_ipv4);
    if (memcmp(network->high, behind_ipv4, sizeof behind_ipv4) < 0)
        return;
    mpol_network *second = apr_array_push(ranges);
    *second = *network;
    memcpy(second->low, behind_ipv4, sizeof behind_ipv4);
}
