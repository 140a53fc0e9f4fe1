/* SPDX-License-Identifier: Apache-2.0 */
#include "match/identities.h"

#include "match/automaton.h"
#include "match/names.h"

bool mpol_name_is_of(const mpol_image *image, uint32_t naming, const mpol_name *name) {
    if (MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_KIND) != (uint32_t)name->kind)
        return false;
    return name->kind != MPOL_NAME_ATTRIBUTE ||
           mpol_bytes_equal(mpol_string(image, MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_OID)),
                            name->oid);
}

/* The element for exactly this name; names are sorted by hash. */
static uint32_t find_exact(const mpol_image *image, uint32_t naming, mpol_bytes name) {
    uint32_t count = mpol_count(image, MPOL_NAMES);
    uint64_t hash = mpol_bytes_hash(name);
    uint32_t at = mpol_find_hash(image, MPOL_NAMES, MPOL_NAMES_BYTES, 0, count, hash);
    for (; at < count && MPOL_U64(image, NAMES, at, MPOL_NAMES_HASH) == hash; at++)
        if (MPOL_U32(image, NAMES, at, MPOL_NAMES_NAMING) == naming &&
            mpol_bytes_equal(mpol_string(image, MPOL_U32(image, NAMES, at, MPOL_NAMES_VALUE)),
                             name))
            return at;
    return MPOL_NONE;
}

/* Where the patterns of this kind end for the name, MPOL_NONE when none matches. */
static uint32_t find_end(const mpol_image *image, uint32_t naming, mpol_bytes name) {
    uint32_t state = MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_STATE);
    mpol_name_walk walk =
        mpol_name_begin((mpol_name_kind)MPOL_U32(image, NAMINGS, naming, MPOL_NAMING_KIND), name);
    mpol_bytes segment;
    if (state == MPOL_NONE)
        return MPOL_NONE;
    while (mpol_name_next(&walk, &segment)) {
        uint32_t next = mpol_step(image, state, segment, mpol_bytes_hash(segment));
        if (next == MPOL_NONE)
            return MPOL_U32(image, STATES, state, MPOL_STATE_TAIL);
        state = next;
    }
    return MPOL_U32(image, STATES, state, MPOL_STATE_END);
}

mpol_candidates mpol_identities_of_name(const mpol_image *image, uint32_t issuer, uint32_t naming,
                                        mpol_bytes name) {
    uint32_t at = find_exact(image, naming, name);
    if (at != MPOL_NONE)
        return (mpol_candidates){MPOL_U32(image, NAMES, at, MPOL_NAMES_IDENTITIES),
                                 MPOL_U32(image, NAMES, at, MPOL_NAMES_INSIDE) != 0};
    at = find_end(image, naming, name);
    if (at != MPOL_NONE)
        return (mpol_candidates){MPOL_U32(image, NAME_ENDS, at, MPOL_NAME_END_IDENTITIES),
                                 MPOL_U32(image, NAME_ENDS, at, MPOL_NAME_END_INSIDE) != 0};
    uint32_t flags = MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_FLAGS);
    return (mpol_candidates){MPOL_LIST_EMPTY, (flags & MPOL_ISSUER_RESTRICTED) == 0};
}

bool mpol_attribute_of(const mpol_facts *facts, mpol_bytes oid, mpol_bytes *value) {
    const mpol_name *found = NULL;
    for (uint32_t i = 0; i < facts->name_count; i++) {
        const mpol_name *name = &facts->names[i];
        if (name->kind != MPOL_NAME_ATTRIBUTE || !mpol_bytes_equal(name->oid, oid))
            continue;
        if (found != NULL)
            return false;
        found = name;
    }
    if (found == NULL || found->malformed)
        return false;
    *value = found->value;
    return true;
}

uint32_t mpol_pinned(const mpol_image *image, uint32_t kind, const uint8_t digest[32]) {
    uint32_t low = 0;
    uint32_t high = mpol_count(image, MPOL_PINS);
    mpol_bytes wanted = {digest, MPOL_SPKI_BYTES};
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *element = mpol_element(image, MPOL_PINS, MPOL_PINS_BYTES, middle);
        mpol_bytes here = {element + MPOL_PIN_DIGEST, MPOL_SPKI_BYTES};
        int order = mpol_bytes_compare(here, wanted);
        uint32_t here_kind = mpol_read_u32(element + MPOL_PIN_KIND);
        if (order == 0 && here_kind == kind)
            return mpol_read_u32(element + MPOL_PIN_IDENTITIES);
        if (order < 0 || (order == 0 && here_kind < kind))
            low = middle + 1;
        else
            high = middle;
    }
    return MPOL_LIST_EMPTY;
}

/* The members of several lists together, ascending, each once; only those identities of one issuer
 * whose further conditions hold. */
typedef struct walk {
    const mpol_image *image;
    const mpol_facts *facts;
    const uint32_t *lists;
    uint32_t issuer;
    uint32_t count;
    uint32_t by_certificate; /* lists of those pinned */
    uint32_t by_spki;
    uint32_t at[MPOL_LIMIT_CLIENT_NAMES];
} walk;

static walk begin(const mpol_image *image, uint32_t issuer, const mpol_facts *facts,
                  const uint32_t *lists, uint32_t count) {
    walk w = {.image = image, .facts = facts, .lists = lists, .issuer = issuer, .count = count};
    w.by_certificate = mpol_pinned(image, MPOL_PIN_CERTIFICATE, facts->sha256);
    w.by_spki = mpol_pinned(image, MPOL_PIN_SPKI, facts->spki_sha256);
    return w;
}

static bool holds(const walk *w, uint32_t identity) {
    const mpol_image *image = w->image;
    uint32_t first = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ATTRIBUTE);
    uint32_t count = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ATTRIBUTES);
    uint32_t flags = MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_FLAGS);
    if (MPOL_U32(image, IDENTITIES, identity, MPOL_IDENTITY_ISSUER) != w->issuer)
        return false; /* a pin that identities of several issuers have */
    if ((flags & MPOL_IDENTITY_HAS_PINS) != 0 &&
        !mpol_list_has(image, w->by_certificate, identity) &&
        !mpol_list_has(image, w->by_spki, identity))
        return false;
    for (uint32_t i = first; i < first + count; i++) {
        mpol_bytes value;
        mpol_bytes wanted =
            mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_VALUE));
        mpol_bytes oid = mpol_string(image, MPOL_U32(image, ATTRIBUTES, i, MPOL_ATTRIBUTE_OID));
        if (!mpol_attribute_of(w->facts, oid, &value) || !mpol_bytes_equal(value, wanted))
            return false;
    }
    return true;
}

/* The lowest member that is left in any list, taken from all of them; MPOL_NONE at the end. */
static uint32_t take_lowest(walk *w) {
    uint32_t lowest = MPOL_NONE;
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->at[i] == mpol_list_len(w->image, w->lists[i]))
            continue;
        uint32_t member = mpol_list_value(w->image, w->lists[i], w->at[i]);
        lowest = member < lowest ? member : lowest;
    }
    for (uint32_t i = 0; i < w->count && lowest != MPOL_NONE; i++)
        if (w->at[i] < mpol_list_len(w->image, w->lists[i]) &&
            mpol_list_value(w->image, w->lists[i], w->at[i]) == lowest)
            w->at[i]++;
    return lowest;
}

/* The next identity that the client is, MPOL_NONE at the end. */
static uint32_t next(walk *w) {
    uint32_t identity = take_lowest(w);
    while (identity != MPOL_NONE && !holds(w, identity))
        identity = take_lowest(w);
    return identity;
}

static bool walk_gives(walk w, uint32_t list) {
    uint32_t len = mpol_list_len(w.image, list);
    for (uint32_t i = 0; i < len; i++)
        if (next(&w) != mpol_list_value(w.image, list, i))
            return false;
    return next(&w) == MPOL_NONE;
}

uint32_t mpol_class_find(const mpol_image *image, uint32_t issuer, const mpol_facts *facts,
                         const uint32_t *lists, uint32_t count) {
    walk start = begin(image, issuer, facts, lists, count);
    walk w = start;
    uint64_t hash = MPOL_HASH_SEED;
    uint32_t classes = mpol_count(image, MPOL_CLASSES);
    uint32_t identity = next(&w);
    if (identity == MPOL_NONE)
        return MPOL_U32(image, ISSUERS, issuer, MPOL_ISSUER_CLASS);
    for (; identity != MPOL_NONE; identity = next(&w))
        hash = mpol_hash_u32(hash, identity);
    uint32_t at = mpol_find_hash(image, MPOL_CLASSES, MPOL_CLASSES_BYTES, 0, classes, hash);
    for (; at < classes && MPOL_U64(image, CLASSES, at, MPOL_CLASS_HASH) == hash; at++)
        if (MPOL_U32(image, CLASSES, at, MPOL_CLASS_ISSUER) == issuer &&
            walk_gives(start, MPOL_U32(image, CLASSES, at, MPOL_CLASS_IDENTITIES)))
            return at;
    return MPOL_NONE;
}
