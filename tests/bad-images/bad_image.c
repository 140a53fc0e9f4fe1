/* SPDX-License-Identifier: Apache-2.0 */
#include "bad_image.h"

#include "image/load.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t sizes[MPOL_SECTION_COUNT] = {
#define SECTION_SIZE(suffix, bytes) bytes,
    MPOL_SECTIONS(SECTION_SIZE)
#undef SECTION_SIZE
};

enum { SPARE = 8 }; /* elements for which each section has room */

/* An image taken apart. */
typedef struct document {
    uint8_t header[MPOL_HEADER_BYTES];
    uint8_t *data[MPOL_SECTION_COUNT];
    uint32_t count[MPOL_SECTION_COUNT];
    const mpol_image *sound;
} document;

static void take_apart(const mpol_image *sound, document *d) {
    d->sound = sound;
    memcpy(d->header, sound->bytes, sizeof d->header);
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        d->count[kind] = sound->section[kind].count;
        d->data[kind] = calloc(d->count[kind] + SPARE, sizes[kind]);
        if (d->count[kind] > 0)
            memcpy(d->data[kind], sound->bytes + sound->section[kind].offset,
                   d->count[kind] * sizes[kind]);
    }
}

static void throw_away(document *d) {
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++)
        free(d->data[kind]);
}

static void write_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t align(uint32_t offset) {
    return (offset + MPOL_SECTION_ALIGNMENT - 1) & ~(MPOL_SECTION_ALIGNMENT - 1);
}

/* Sections one behind the other, with a table and a length that tell so. */
static uint8_t *put_together(const document *d, uint32_t *len) {
    uint32_t at = MPOL_SECTIONS_START;
    *len = at;
    for (int kind = 0; kind < MPOL_SECTION_COUNT; kind++)
        *len = align(*len) + d->count[kind] * sizes[kind];
    uint8_t *image = calloc(1, *len);
    memcpy(image, d->header, sizeof d->header);
    write_u32(image + MPOL_HEADER_FILE_LENGTH, *len);
    for (uint32_t kind = 0; kind < MPOL_SECTION_COUNT; kind++) {
        uint8_t *entry = image + MPOL_HEADER_BYTES + kind * MPOL_TABLE_BYTES;
        at = align(at);
        write_u32(entry + MPOL_TABLE_KIND, kind + 1);
        write_u32(entry + MPOL_TABLE_ELEMENT, sizes[kind]);
        write_u32(entry + MPOL_TABLE_OFFSET, at);
        write_u32(entry + MPOL_TABLE_COUNT, d->count[kind]);
        if (d->count[kind] > 0)
            memcpy(image + at, d->data[kind], d->count[kind] * sizes[kind]);
        at += d->count[kind] * sizes[kind];
    }
    return image;
}

static bool is_sound(const document *d) {
    uint32_t len;
    mpol_image view;
    uint8_t *image = put_together(d, &len);
    bool sound = mpol_image_check(image, len, &view) == MPOL_FORMAT_OK;
    free(image);
    return sound;
}

static uint8_t *element(const document *d, mpol_section_kind kind, uint32_t index) {
    return d->data[kind] + index * sizes[kind];
}

/* The element that is meant; its section's count when there is none. */
static uint32_t find(const document *d, const bad_change *change) {
    uint32_t count = d->count[change->kind];
    if (change->where.how == BAD_AT)
        return change->where.number < count + SPARE ? change->where.number : count;
    if (change->where.how == BAD_LAST)
        return count > 0 ? count - 1 : count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = mpol_read_u32(element(d, change->kind, i) + change->where.field);
        if (value >= change->where.number && value != MPOL_NONE)
            return i;
    }
    return count;
}

static uint32_t number(const document *d, const bad_value *value, const uint8_t *at,
                       const uint8_t *before) {
    uint32_t base = 0;
    switch (value->base) {
    case BAD_PLAIN: break;
    case BAD_OLD: base = mpol_read_u32(at); break;
    case BAD_BEFORE: base = before != NULL ? mpol_read_u32(before) : 0; break;
    case BAD_COUNT: base = d->sound->section[value->kind].count; break;
    case BAD_STRINGS: base = d->sound->section[MPOL_STRING_OFFSETS].count - 1; break;
    case BAD_LISTS: base = d->sound->section[MPOL_LIST_OFFSETS].count - 1; break;
    case BAD_PATHS: base = mpol_read_u32(d->header + MPOL_HEADER_NAME_STATE); break;
    }
    return base + (uint32_t)value->add;
}

/* Element `i` and the next share what follows each other: `field` is the first of it, behind it
 * stands how much. */
static bool move_one(document *d, mpol_section_kind kind, uint32_t field) {
    for (uint32_t i = 0; i + 1 < d->count[kind]; i++) {
        uint8_t *here = element(d, kind, i) + field;
        uint8_t *behind = element(d, kind, i + 1) + field;
        uint32_t first = mpol_read_u32(behind);
        uint32_t count = mpol_read_u32(here + 4);
        uint32_t others = mpol_read_u32(behind + 4);
        if (count == 0)
            continue;
        write_u32(here + 4, count - 1);
        write_u32(behind, first - 1);
        write_u32(behind + 4, others + 1);
        if (is_sound(d))
            return true;
        write_u32(here + 4, count);
        write_u32(behind, first);
        write_u32(behind + 4, others);
    }
    return false;
}

static bool rename_element(document *d, mpol_section_kind kind, uint32_t index, uint32_t field) {
    uint8_t *at = element(d, kind, index);
    uint32_t old = mpol_read_u32(at + field);
    uint32_t strings = d->sound->section[MPOL_STRING_OFFSETS].count - 1;
    for (uint32_t string = 0; string < strings; string++) {
        uint64_t hash = mpol_bytes_hash(mpol_string(d->sound, string));
        write_u32(at, (uint32_t)(hash & 0xffffffffu));
        write_u32(at + 4, (uint32_t)(hash >> 32));
        write_u32(at + field, string);
        if (string != old && is_sound(d))
            return true;
    }
    return false;
}

static void swap(uint8_t *one, uint8_t *other, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = one[i];
        one[i] = other[i];
        other[i] = byte;
    }
}

static void resize(document *d, mpol_section_kind kind, uint32_t count) {
    uint32_t room = d->sound->section[kind].count + SPARE;
    if (count > room) {
        uint8_t *more = calloc(count, sizes[kind]);
        memcpy(more, d->data[kind], room * sizes[kind]);
        free(d->data[kind]);
        d->data[kind] = more;
    }
    d->count[kind] = count;
}

/* A change of the parts; those of the whole file come later. False when it cannot be made. */
static bool change_parts(document *d, const bad_change *c) {
    uint32_t size = sizes[c->kind];
    uint32_t index = find(d, c);
    uint8_t *at = element(d, c->kind, index);
    const uint8_t *before = index > 0 ? at - size + c->field : NULL;
    bool there = index < d->count[c->kind];
    switch (c->verb) {
    case BAD_SET: write_u32(at + c->field, number(d, &c->value, at + c->field, before)); break;
    case BAD_BYTE:
        at[c->field] =
            (uint8_t)(c->value.base == BAD_OLD ? at[c->field] + c->value.add : c->value.add);
        break;
    case BAD_COPY: memcpy(at + size, at, size); break;
    case BAD_SWAP: swap(at, at + size, size); break;
    case BAD_RESIZE: resize(d, c->kind, number(d, &c->value, NULL, NULL)); return true;
    case BAD_MOVE: return move_one(d, c->kind, (uint32_t)c->field);
    case BAD_RENAME: return rename_element(d, c->kind, index, (uint32_t)c->field);
    case BAD_HEADER:
        write_u32(d->header + c->field, number(d, &c->value, d->header + c->field, NULL));
        return true;
    default: return true;
    }
    return there;
}

static bool change_file(const document *d, const bad_change *c, uint8_t **image, uint32_t *len) {
    uint8_t *entry = *image + MPOL_HEADER_BYTES + (uint32_t)c->kind * MPOL_TABLE_BYTES;
    if (c->verb == BAD_TABLE)
        write_u32(entry + c->field, number(d, &c->value, entry + c->field, NULL));
    if (c->verb == BAD_HEADER && c->field == MPOL_HEADER_FILE_LENGTH)
        write_u32(*image + c->field, number(d, &c->value, *image + c->field, NULL));
    if (c->verb == BAD_FILE) {
        uint32_t end = mpol_read_u32(entry + MPOL_TABLE_OFFSET) +
                       mpol_read_u32(entry + MPOL_TABLE_COUNT) * sizes[c->kind];
        if (end + (uint32_t)c->field >= *len)
            return false;
        (*image)[end + (uint32_t)c->field] = (uint8_t)c->value.add;
    }
    if (c->verb != BAD_LENGTH)
        return true;
    uint32_t wanted =
        c->value.base == BAD_OLD ? *len + (uint32_t)c->value.add : (uint32_t)c->value.add;
    uint8_t *other = calloc(1, wanted > 0 ? wanted : 1);
    memcpy(other, *image, wanted < *len ? wanted : *len);
    free(*image);
    *image = other;
    *len = wanted;
    return true;
}

uint8_t *bad_image_make(const mpol_image *sound, const bad_case *made, uint32_t *len) {
    document d;
    bool done = true;
    take_apart(sound, &d);
    for (const bad_change *c = made->changes; done && c->verb != BAD_END; c++)
        done = change_parts(&d, c);
    uint8_t *image = put_together(&d, len);
    for (const bad_change *c = made->changes; done && c->verb != BAD_END; c++)
        done = change_file(&d, c, &image, len);
    throw_away(&d);
    if (done && *len >= MPOL_HEADER_BYTES)
        done = mpol_image_digest(image, *len, image + MPOL_HEADER_DIGEST);
    if (done)
        return image;
    free(image);
    return NULL;
}
