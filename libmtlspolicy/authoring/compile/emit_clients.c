/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT chapters 5 and 6: issuers, and the clients they vouch for. */
#include "compile/captures.h"
#include "compile/emitter.h"
#include "model/patterns.h"

#include <stdlib.h>
#include <string.h>

typedef struct issuer_key {
    uint8_t spki[MPOL_SPKI_BYTES];
    uint32_t issuer;
} issuer_key;

static int by_spki(const void *left, const void *right) {
    return memcmp(left, right, MPOL_SPKI_BYTES);
}

static void emit_keys(mpol_emitter *e, apr_array_header_t *keys) {
    qsort(keys->elts, (size_t)keys->nelts, sizeof(issuer_key), by_spki);
    const issuer_key *before = NULL;
    EACH (keys, issuer_key, key) {
        if (before == NULL || by_spki(before, key) != 0) {
            mpol_put_bytes(&e->section[MPOL_ISSUER_KEYS], key->spki, MPOL_SPKI_BYTES);
            mpol_put_u32(&e->section[MPOL_ISSUER_KEYS], key->issuer);
        }
        before = key;
    }
}

static void emit_certificates(mpol_emitter *e, const mpol_issuer *issuer, uint32_t index,
                              apr_array_header_t *keys) {
    mpol_buffer *bytes = &e->section[MPOL_CERTIFICATE_BYTES];
    EACH (issuer->certificates, mpol_ca_certificate, certificate) {
        issuer_key *key = apr_array_push(keys);
        mpol_put_u32(&e->section[MPOL_CERTIFICATES], (uint32_t)bytes->len);
        mpol_put_u32(&e->section[MPOL_CERTIFICATES], certificate->der.len);
        mpol_put_bytes(bytes, certificate->der.data, certificate->der.len);
        memcpy(key->spki, certificate->spki, sizeof key->spki);
        key->issuer = index;
    }
}

void mpol_emit__issuers(mpol_emitter *e) {
    mpol_buffer *issuers = &e->section[MPOL_ISSUERS];
    apr_array_header_t *keys = apr_array_make(e->pool, 8, sizeof(issuer_key));
    uint32_t index = 0;
    EACH (e->model->issuers, mpol_issuer, issuer) {
        mpol_put_u32(issuers, mpol_emit__id(e, issuer->name));
        mpol_put_u32(issuers, (issuer->any_of ? MPOL_ISSUER_ANY_OF : 0u) |
                                  (issuer->may_assert->nelts > 0 ? MPOL_ISSUER_RESTRICTED : 0u));
        mpol_put_u32(issuers, COUNT(e, CERTIFICATES));
        mpol_put_u32(issuers, (uint32_t)issuer->certificates->nelts);
        mpol_put_u32(issuers, e->parts->names->first_naming[index]);
        mpol_put_u32(issuers, (uint32_t)issuer->namings->nelts);
        mpol_put_u32(issuers, e->parts->classes->of_nobody[index]);
        mpol_put_u32(issuers, e->parts->matrix->cross_row[index]);
        mpol_put_u32(issuers, mpol_emit__id(e, issuer->environment));
        emit_certificates(e, issuer, index++, keys);
    }
    emit_keys(e, keys);
    EACH (e->parts->names->namings, mpol_naming_start, start) {
        mpol_put_u32(&e->section[MPOL_NAMINGS], (uint32_t)start->naming->kind);
        mpol_put_u32(&e->section[MPOL_NAMINGS], mpol_emit__id(e, start->naming->oid));
        mpol_put_u32(&e->section[MPOL_NAMINGS], start->state);
    }
}

/* --- clients
 * -------------------------------------------------------------------------------------- */

static uint32_t naming_of(const mpol_emitter *e, const mpol_identity *identity) {
    const mpol_names_table *names = e->parts->names;
    uint32_t end = names->first_naming[identity->issuer + 1];
    for (uint32_t i = names->first_naming[identity->issuer]; identity->has_name && i < end; i++)
        if (mpol_naming_equal(MPOL_AT(names->namings, (int)i, mpol_naming_start)->naming,
                              &identity->pattern.naming))
            return i;
    return MPOL_NONE;
}

static void emit_identity(mpol_emitter *e, const mpol_identity *identity, uint32_t index) {
    mpol_buffer *out = &e->section[MPOL_IDENTITIES];
    bool pattern = identity->has_name && identity->pattern.is_pattern;
    mpol_put_u32(out, mpol_emit__id(e, identity->name));
    mpol_put_u32(out, identity->issuer);
    mpol_put_u32(out, naming_of(e, identity));
    mpol_put_u32(out, identity->has_name ? mpol_emit__id(e, identity->pattern.value) : MPOL_NONE);
    mpol_put_u32(out, identity->has_name ? mpol_captures_list(e->captures, e->parts->lists,
                                                              identity->pattern.segments)
                                         : MPOL_LIST_EMPTY);
    mpol_put_u32(out, COUNT(e, ATTRIBUTES));
    mpol_put_u32(out, (uint32_t)identity->attributes->nelts);
    mpol_put_u32(out, (identity->pins->nelts > 0 ? MPOL_IDENTITY_HAS_PINS : 0u) |
                          (pattern ? MPOL_IDENTITY_PATTERN : 0u));
    mpol_put_u32(out, e->parts->classes->of_identity[index]);
    EACH (identity->attributes, mpol_attribute, attribute) {
        mpol_put_u32(&e->section[MPOL_ATTRIBUTES], mpol_emit__id(e, attribute->oid));
        mpol_put_u32(&e->section[MPOL_ATTRIBUTES], mpol_emit__id(e, attribute->value));
    }
}

typedef struct pinned {
    mpol_pin pin;
    uint32_t identity;
} pinned;

static int by_pin(const void *left, const void *right) {
    const pinned *a = left;
    const pinned *b = right;
    int order = memcmp(a->pin.digest, b->pin.digest, sizeof a->pin.digest);
    if (order == 0)
        order = (a->pin.kind > b->pin.kind) - (a->pin.kind < b->pin.kind);
    return order;
}

static void emit_pins(mpol_emitter *e) {
    apr_array_header_t *all = apr_array_make(e->pool, 8, sizeof(pinned));
    uint32_t index = 0;
    EACH (e->model->identities, mpol_identity, identity) {
        EACH (identity->pins, mpol_pin, pin) {
            *(pinned *)apr_array_push(all) = (pinned){*pin, index};
        }
        index++;
    }
    qsort(all->elts, (size_t)all->nelts, sizeof(pinned), by_pin);
    for (int i = 0, end; i < all->nelts; i = end) {
        const pinned *first = MPOL_AT(all, i, pinned);
        apr_array_header_t *identities = apr_array_make(e->pool, 1, sizeof(uint32_t));
        for (end = i; end < all->nelts && by_pin(first, MPOL_AT(all, end, pinned)) == 0; end++)
            APR_ARRAY_PUSH(identities, uint32_t) = MPOL_AT(all, end, pinned)->identity;
        mpol_list_settle(identities);
        mpol_put_bytes(&e->section[MPOL_PINS], first->pin.digest, sizeof first->pin.digest);
        mpol_put_u32(&e->section[MPOL_PINS], first->pin.kind);
        mpol_put_u32(&e->section[MPOL_PINS], mpol_values_list(e->parts->lists, identities));
    }
}

static void emit_names(mpol_emitter *e) {
    mpol_buffer *names = &e->section[MPOL_NAMES];
    EACH (e->parts->names->exact, mpol_exact, exact) {
        mpol_put_u64(names, exact->hash);
        mpol_put_u32(names, exact->naming);
        mpol_put_u32(names, mpol_emit__id(e, exact->value));
        mpol_put_u32(names, exact->identities);
        mpol_put_u32(names, exact->inside ? 1u : 0u);
    }
    EACH (e->parts->names->ends->items, mpol_bytes, bytes) {
        const mpol_name_end *end = (const mpol_name_end *)(const void *)bytes->data;
        mpol_put_u32(&e->section[MPOL_NAME_ENDS], end->identities);
        mpol_put_u32(&e->section[MPOL_NAME_ENDS], end->inside);
    }
}

void mpol_emit__clients(mpol_emitter *e) {
    mpol_buffer *classes = &e->section[MPOL_CLASSES];
    uint32_t index = 0;
    EACH (e->model->identities, mpol_identity, identity) {
        emit_identity(e, identity, index++);
    }
    emit_pins(e);
    EACH (e->model->groups, mpol_group, group) {
        mpol_put_u32(&e->section[MPOL_GROUPS], mpol_emit__id(e, group->name));
    }
    emit_names(e);
    EACH (e->parts->classes->list, mpol_class, class) {
        mpol_put_u64(classes, class->hash);
        mpol_put_u32(classes, class->issuer);
        mpol_put_u32(classes, class->identities);
        mpol_put_u32(classes, class->groups);
        mpol_put_u32(classes, class->row);
        mpol_put_u32(classes, class->identity);
    }
}
