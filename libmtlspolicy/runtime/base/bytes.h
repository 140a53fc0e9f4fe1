/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_BASE_BYTES_H
#define MPOL_BASE_BYTES_H
/* Spans of bytes: the only form in which text travels through the engine. No terminator is
 * assumed, nothing is owned. No libc: these are used by the proved files. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mpol_bytes {
    const uint8_t *data; /* NULL only for "there is none" */
    uint32_t len;        /* in bytes */
} mpol_bytes;

/* ACSL comments are contracts that Frama-C proves: docs/PROOFS.md. */
/*@ predicate mpol_bytes_readable(mpol_bytes bytes) =
      \valid_read(bytes.data + (0 .. bytes.len - 1));
    logic integer mpol_u32_at(uint8_t *p) =
      p[0] + 0x100 * p[1] + 0x10000 * p[2] + 0x1000000 * p[3]; */

/* Little-endian numbers; each of these becomes one load: gcc sees it in shifts only, the provers
 * see the value in products only. That both agree is a test (unit/test_bytes.c). */
#define MPOL_SUM_OF_SHIFTS(a, b, c, d)                                                             \
    ((uint32_t)(a) + ((uint32_t)(b) << 8) + ((uint32_t)(c) << 16) + ((uint32_t)(d) << 24))
#define MPOL_SUM_OF_PRODUCTS(a, b, c, d)                                                           \
    ((uint32_t)(a) + (uint32_t)(b)*0x100u + (uint32_t)(c)*0x10000u + (uint32_t)(d)*0x1000000u)
#define MPOL_HALVES_BY_SHIFT(low, high) ((uint64_t)(low) + ((uint64_t)(high) << 32))
#define MPOL_HALVES_BY_PRODUCT(low, high) ((uint64_t)(low) + (uint64_t)(high)*0x100000000u)
#ifdef __FRAMAC__
#define MPOL_SUM MPOL_SUM_OF_PRODUCTS
#define MPOL_HALVES MPOL_HALVES_BY_PRODUCT
#else
#define MPOL_SUM MPOL_SUM_OF_SHIFTS
#define MPOL_HALVES MPOL_HALVES_BY_SHIFT
#endif

/*@ requires \valid_read(p + (0 .. 3));
    terminates \true;
    assigns \nothing;
    ensures \result == mpol_u32_at(p); */
static inline uint32_t mpol_read_u32(const uint8_t *p) {
    return MPOL_SUM(p[0], p[1], p[2], p[3]);
}

/*@ requires \valid_read(p + (0 .. 7));
    terminates \true;
    assigns \nothing; */
static inline uint64_t mpol_read_u64(const uint8_t *p) {
    return MPOL_HALVES(mpol_read_u32(p), mpol_read_u32(p + 4));
}

/* For buffers that are written before they are read, on the way of every request: the compiler is
 * told elsewhere to fill what is not initialised. */
#define MPOL_UNFILLED __attribute__((uninitialized))

/*@ requires mpol_bytes_readable(a) && mpol_bytes_readable(b);
    terminates \true;
    assigns \nothing; */
static inline bool mpol_bytes_equal(mpol_bytes a, mpol_bytes b) {
    if (a.len != b.len)
        return false;
    uint32_t i = 0;
    /*@ loop invariant 0 <= i <= a.len; loop assigns i; loop variant a.len - i; */
    for (; a.len - i >= 8; i += 8)
        if (mpol_read_u64(a.data + i) != mpol_read_u64(b.data + i))
            return false;
    /*@ loop invariant 0 <= i <= a.len; loop assigns i; loop variant a.len - i; */
    for (; i < a.len; i++)
        if (a.data[i] != b.data[i])
            return false;
    return true;
}

/* Byte order, a shorter prefix first: below 0, 0, above 0. */
/*@ requires mpol_bytes_readable(a) && mpol_bytes_readable(b);
    terminates \true;
    assigns \nothing; */
static inline int mpol_bytes_compare(mpol_bytes a, mpol_bytes b) {
    /*@ loop invariant 0 <= i <= a.len && i <= b.len; loop assigns i; loop variant a.len - i; */
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (a.data[i] != b.data[i])
            return a.data[i] < b.data[i] ? -1 : 1;
    return a.len == b.len ? 0 : (a.len < b.len ? -1 : 1);
}

#define MPOL_HASH_SEED 0xcbf29ce484222325u

/* FNV-1a, 64 bits. It only orders tables that hold what the policy's author wrote, and every hit is
 * compared in full, so nobody gains from a collision. The product wraps on purpose. */
/*@ terminates \true;
    assigns \nothing; */
static inline uint64_t mpol_hash_byte(uint64_t hash, uint8_t byte) {
    return (hash ^ byte) * 0x100000001b3u;
}

/* The four bytes of a number, lowest first. */
/*@ terminates \true;
    assigns \nothing; */
static inline uint64_t mpol_hash_u32(uint64_t hash, uint32_t value) {
    hash = mpol_hash_byte(hash, (uint8_t)(value & 0xffu));
    hash = mpol_hash_byte(hash, (uint8_t)((value >> 8) & 0xffu));
    hash = mpol_hash_byte(hash, (uint8_t)((value >> 16) & 0xffu));
    return mpol_hash_byte(hash, (uint8_t)((value >> 24) & 0xffu));
}

/*@ requires mpol_bytes_readable(bytes);
    terminates \true;
    assigns \nothing; */
static inline uint64_t mpol_bytes_hash(mpol_bytes bytes) {
    uint64_t hash = MPOL_HASH_SEED;
    /*@ loop invariant 0 <= i <= bytes.len; loop assigns i, hash; loop variant bytes.len - i; */
    for (uint32_t i = 0; i < bytes.len; i++)
        hash = mpol_hash_byte(hash, bytes.data[i]);
    return hash;
}

/* Bytes of the longest well-formed UTF-8 beginning of the text (RFC 3629: no overlong forms, no
 * surrogates, at most U+10FFFF). */
/*@ requires mpol_bytes_readable(text);
    terminates \true;
    assigns \nothing;
    ensures \result <= text.len; */
uint32_t mpol_utf8_prefix(mpol_bytes text);

/*@ requires mpol_bytes_readable(text);
    terminates \true;
    assigns \nothing; */
static inline bool mpol_utf8_valid(mpol_bytes text) {
    return mpol_utf8_prefix(text) == text.len;
}

/* Does the UTF-8 text hold a control character: U+0000 to U+001F, U+007F to U+009F? */
/*@ requires mpol_bytes_readable(text);
    terminates \true;
    assigns \nothing; */
bool mpol_has_control(mpol_bytes text);

#endif
