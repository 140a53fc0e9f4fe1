/* SPDX-License-Identifier: Apache-2.0 */
#include "match/subject.h"

const mpol_short_type mpol_short_types[] = {
    {"CN", "2.5.4.3"},
    {"L", "2.5.4.7"},
    {"ST", "2.5.4.8"},
    {"O", "2.5.4.10"},
    {"OU", "2.5.4.11"},
    {"C", "2.5.4.6"},
    {"STREET", "2.5.4.9"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"UID", "0.9.2342.19200300.100.1.1"},
    {NULL, NULL},
};

/* Text that is being written; `full` once it did not fit. */
typedef struct writer {
    uint8_t *out;
    uint32_t len;
    uint32_t room;
    bool full;
} writer;

static void put(writer *w, uint8_t byte) {
    if (w->len == w->room)
        w->full = true;
    else
        w->out[w->len++] = byte;
}

static bool is_text(mpol_bytes bytes, const char *text) {
    uint32_t i = 0;
    for (; i < bytes.len; i++)
        if (text[i] == '\0' || bytes.data[i] != (uint8_t)text[i])
            return false;
    return text[i] == '\0';
}

static void put_type(writer *w, mpol_bytes oid) {
    for (const mpol_short_type *type = mpol_short_types; type->name != NULL; type++) {
        if (!is_text(oid, type->oid))
            continue;
        for (const char *c = type->name; *c != '\0'; c++)
            put(w, (uint8_t)*c);
        return;
    }
    for (uint32_t i = 0; i < oid.len; i++)
        put(w, oid.data[i]);
}

/* RFC 4514 section 2.4: what must be escaped, and nothing else. */
static bool must_escape(mpol_bytes value, uint32_t i) {
    uint8_t c = value.data[i];
    if (c == ' ')
        return i == 0 || i + 1 == value.len;
    if (c == '#')
        return i == 0;
    return c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' || c == '\\';
}

static void put_ava(writer *w, const mpol_ava *ava) {
    put_type(w, ava->oid);
    put(w, '=');
    for (uint32_t i = 0; i < ava->value.len; i++) {
        if (must_escape(ava->value, i))
            put(w, '\\');
        put(w, ava->value.data[i]);
    }
}

static int order(const mpol_ava *a, const mpol_ava *b) {
    int by_type = mpol_bytes_compare(a->oid, b->oid);
    return by_type != 0 ? by_type : mpol_bytes_compare(a->value, b->value);
}

/* The next attribute of one RDN after `last` in order: an RDN is a set, so none comes twice. */
static const mpol_ava *next_of(const mpol_ava *rdn, uint32_t count, const mpol_ava *last) {
    const mpol_ava *best = NULL;
    for (const mpol_ava *at = rdn; at < rdn + count; at++) {
        if (last != NULL && order(at, last) <= 0)
            continue;
        if (best == NULL || order(at, best) < 0)
            best = at;
    }
    return best;
}

static void put_rdn(writer *w, const mpol_ava *rdn, uint32_t count) {
    const mpol_ava *at = next_of(rdn, count, NULL);
    while (at != NULL && !w->full) {
        put_ava(w, at);
        at = next_of(rdn, count, at);
        if (at != NULL)
            put(w, '+');
    }
}

uint32_t mpol_subject_write(const mpol_ava *avas, uint32_t count, uint8_t *out, uint32_t room) {
    writer w = {.out = out, .room = room};
    for (uint32_t end = count, first; end > 0 && !w.full; end = first) {
        for (first = end; first > 0 && avas[first - 1].rdn == avas[end - 1].rdn;)
            first--;
        if (end < count)
            put(&w, ',');
        put_rdn(&w, avas + first, end - first);
    }
    return w.full ? 0 : w.len;
}
