/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/emit.h"

#include "base/limits.h"
#include "image/load.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* A growing piece of the image; malloc, because pools do not grow in place. */
typedef struct buffer {
    uint8_t *data;
    size_t len;
    size_t room;
} buffer;

typedef struct emitter {
    apr_pool_t *pool;
    const mpol_model *model;
    const mpol_automaton *automaton;
    const mpol_matrix *matrix;
    mpol_strings *strings;
    buffer section[MPOL_SECTION_COUNT];
} emitter;

static apr_status_t free_sections(void *data) {
    emitter *e = data;
    for (int i = 0; i < MPOL_SECTION_COUNT; i++)
        free(e->section[i].data);
    return APR_SUCCESS;
}

static uint8_t *reserve(buffer *out, size_t len) {
    if (out->room - out->len < len) {
        out->room = 2 * out->room + len + 64;
        out->data = realloc(out->data, out->room);
        if (out->data == NULL)
            abort(); /* as APR does when a pool cannot grow */
    }
    out->len += len;
    return out->data + out->len - len;
}

static void put_bytes(buffer *out, const void *bytes, size_t len) {
    if (len > 0)
        memcpy(reserve(out, len), bytes, len);
}

static void write_number(uint8_t *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put_u32(buffer *out, uint32_t value) {
    write_number(reserve(out, 4), value, 4);
}

static void put_u64(buffer *out, uint64_t value) {
    write_number(reserve(out, 8), value, 8);
}

static uint32_t id(const emitter *e, mpol_bytes text) {
    return mpol_strings_id(e->strings, text);
}

#define EACH(array, TYPE, item)                                                                    \
    for (const TYPE *item = (const TYPE *)(const void *)(array)->elts,                             \
                    *item##_end = item + (array)->nelts;                                           \
         item < item##_end; item++)

static void collect_model_strings(emitter *e) {
    mpol_strings_add(e->strings, e->model->name);
    EACH (e->model->issuers, mpol_issuer, issuer) {
        mpol_strings_add(e->strings, issuer->name);
    }
    EACH (e->model->identities, mpol_identity, identity) {
        mpol_strings_add(e->strings, identity->name);
        mpol_strings_add(e->strings, identity->value);
    }
    EACH (e->model->groups, mpol_group, group) {
        mpol_strings_add(e->strings, group->name);
    }
    EACH (e->model->routes, mpol_route, route) {
        mpol_strings_add(e->strings, route->name);
    }
    EACH (e->model->rules, mpol_rule, rule) {
        mpol_strings_add(e->strings, rule->name);
        mpol_strings_add(e->strings, rule->owner);
        mpol_strings_add(e->strings, rule->ticket);
        mpol_strings_add(e->strings, rule->note);
    }
}

static void collect_strings(emitter *e) {
    e->strings = mpol_strings_make(e->pool);
    collect_model_strings(e);
    EACH (e->automaton->hosts, mpol_host, host) {
        mpol_strings_add(e->strings, host->name);
    }
    EACH (e->automaton->edges, mpol_edge, edge) {
        mpol_strings_add(e->strings, edge->literal);
    }
    EACH (e->automaton->endpoints, mpol_endpoint, endpoint) {
        mpol_strings_add(e->strings, endpoint->pattern);
        EACH (endpoint->methods, mpol_method, method) {
            mpol_strings_add(e->strings, method->name);
        }
    }
    mpol_strings_settle(e->strings);
}

static void emit_strings(emitter *e) {
    buffer *offsets = &e->section[MPOL_STRING_OFFSETS];
    buffer *bytes = &e->section[MPOL_STRING_BYTES];
    EACH (e->strings->items, mpol_bytes, text) {
        put_u32(offsets, (uint32_t)bytes->len);
        put_bytes(bytes, text->data, text->len);
        put_bytes(bytes, "", 1);
    }
    put_u32(offsets, (uint32_t)bytes->len);
}

static void emit_lists(emitter *e) {
    buffer *offsets = &e->section[MPOL_LIST_OFFSETS];
    buffer *values = &e->section[MPOL_LIST_VALUES];
    EACH (e->matrix->lists->items, mpol_bytes, list) {
        put_u32(offsets, (uint32_t)(values->len / 4));
        const uint32_t *members = (const uint32_t *)(const void *)list->data;
        for (uint32_t i = 0; i < list->len / 4; i++)
            put_u32(values, members[i]);
    }
    put_u32(offsets, (uint32_t)(values->len / 4));
}

typedef struct issuer_key {
    uint8_t spki[MPOL_SPKI_BYTES];
    uint32_t issuer;
} issuer_key;

static int by_spki(const void *left, const void *right) {
    return memcmp(left, right, MPOL_SPKI_BYTES);
}

static void emit_keys(emitter *e, apr_array_header_t *keys) {
    qsort(keys->elts, (size_t)keys->nelts, sizeof(issuer_key), by_spki);
    const issuer_key *before = NULL;
    EACH (keys, issuer_key, key) {
        if (before == NULL || by_spki(before, key) != 0) {
            put_bytes(&e->section[MPOL_ISSUER_KEYS], key->spki, MPOL_SPKI_BYTES);
            put_u32(&e->section[MPOL_ISSUER_KEYS], key->issuer);
        }
        before = key;
    }
}

static void emit_issuers(emitter *e) {
    buffer *issuers = &e->section[MPOL_ISSUERS];
    buffer *certificates = &e->section[MPOL_CERTIFICATES];
    buffer *bytes = &e->section[MPOL_CERTIFICATE_BYTES];
    apr_array_header_t *keys = apr_array_make(e->pool, 8, sizeof(issuer_key));
    uint32_t index = 0;
    EACH (e->model->issuers, mpol_issuer, issuer) {
        put_u32(issuers, id(e, issuer->name));
        put_u32(issuers, (uint32_t)issuer->kind);
        put_u32(issuers, (uint32_t)(certificates->len / MPOL_CERTIFICATES_BYTES));
        put_u32(issuers, (uint32_t)issuer->certificates->nelts);
        EACH (issuer->certificates, mpol_ca_certificate, certificate) {
            issuer_key *key = apr_array_push(keys);
            put_u32(certificates, (uint32_t)bytes->len);
            put_u32(certificates, certificate->der.len);
            put_bytes(bytes, certificate->der.data, certificate->der.len);
            memcpy(key->spki, certificate->spki, sizeof key->spki);
            key->issuer = index;
        }
        index++;
    }
    emit_keys(e, keys);
}

static void emit_clients(emitter *e) {
    buffer *identities = &e->section[MPOL_IDENTITIES];
    buffer *principals = &e->section[MPOL_PRINCIPALS];
    buffer *classes = &e->section[MPOL_CLASSES];
    EACH (e->model->identities, mpol_identity, identity) {
        put_u32(identities, id(e, identity->name));
        put_u32(identities, identity->issuer);
        put_u32(identities, id(e, identity->value));
    }
    EACH (e->model->groups, mpol_group, group) {
        put_u32(&e->section[MPOL_GROUPS], id(e, group->name));
    }
    EACH (e->matrix->principals, mpol_principal, principal) {
        put_u64(principals, principal->hash);
        put_u32(principals, principal->issuer);
        put_u32(principals, id(e, principal->value));
        put_u32(principals, principal->class);
    }
    EACH (e->matrix->classes, mpol_class, class) {
        put_u32(classes, class->row);
        put_u32(classes, class->identities);
        put_u32(classes, class->groups);
    }
}

static void emit_rows(emitter *e) {
    buffer *rows = &e->section[MPOL_ROWS];
    buffer *entries = &e->section[MPOL_ENTRIES];
    EACH (e->matrix->rows, mpol_row, row) {
        put_u32(rows, row->default_cell);
        put_u32(rows, row->first_entry);
        put_u32(rows, row->entry_count);
    }
    EACH (e->matrix->entries, mpol_entry, entry) {
        put_u32(entries, entry->route_class);
        put_u32(entries, entry->cell);
    }
    EACH (e->matrix->cells->items, mpol_bytes, cell) {
        const uint32_t *lists = (const uint32_t *)(const void *)cell->data;
        put_u32(&e->section[MPOL_CELLS], lists[0]);
        put_u32(&e->section[MPOL_CELLS], lists[1]);
    }
}

static uint32_t rule_flags(const mpol_rule *rule) {
    return (rule->deny ? MPOL_RULE_DENY : 0u) |
           (rule->networks->nelts > 0 ? MPOL_RULE_HAS_NETWORKS : 0u) |
           (rule->has_from ? MPOL_RULE_HAS_FROM : 0u) |
           (rule->has_until ? MPOL_RULE_HAS_UNTIL : 0u);
}

static void emit_rules(emitter *e) {
    buffer *rules = &e->section[MPOL_RULES];
    buffer *networks = &e->section[MPOL_NETWORKS];
    EACH (e->model->rules, mpol_rule, rule) {
        put_u32(rules, id(e, rule->name));
        put_u32(rules, id(e, rule->owner));
        put_u32(rules, id(e, rule->ticket));
        put_u32(rules, id(e, rule->note));
        put_u64(rules, rule->has_from ? rule->valid_from_s : 0);
        put_u64(rules, rule->has_until ? rule->valid_until_s : 0);
        put_u32(rules, (uint32_t)(networks->len / MPOL_NETWORKS_BYTES));
        put_u32(rules, (uint32_t)rule->networks->nelts);
        put_u32(rules, rule_flags(rule));
        put_u32(rules, 0);
        EACH (rule->networks, mpol_network, network) {
            put_bytes(networks, network->low, MPOL_ADDRESS_BYTES);
            put_bytes(networks, network->high, MPOL_ADDRESS_BYTES);
        }
    }
}

static void emit_states(emitter *e) {
    buffer *states = &e->section[MPOL_STATES];
    buffer *edges = &e->section[MPOL_EDGES];
    EACH (e->automaton->hosts, mpol_host, host) {
        put_u64(&e->section[MPOL_HOSTS], host->hash);
        put_u32(&e->section[MPOL_HOSTS], id(e, host->name));
        put_u32(&e->section[MPOL_HOSTS], host->state);
    }
    EACH (e->automaton->states, mpol_state, state) {
        put_u32(states, state->first_edge);
        put_u32(states, state->edge_count);
        put_u32(states, state->other);
        put_u32(states, state->end);
        put_u32(states, state->tail);
    }
    EACH (e->automaton->edges, mpol_edge, edge) {
        put_u64(edges, edge->hash);
        put_u32(edges, id(e, edge->literal));
        put_u32(edges, edge->target);
    }
}

static void emit_routes(emitter *e) {
    buffer *endpoints = &e->section[MPOL_ENDPOINTS];
    buffer *methods = &e->section[MPOL_METHODS];
    uint32_t index = 0;
    EACH (e->automaton->endpoints, mpol_endpoint, endpoint) {
        put_u32(endpoints, id(e, endpoint->pattern));
        put_u32(endpoints, endpoint->any_route);
        put_u32(endpoints, (uint32_t)(methods->len / MPOL_METHODS_BYTES));
        put_u32(endpoints, (uint32_t)endpoint->methods->nelts);
        EACH (endpoint->methods, mpol_method, method) {
            put_u32(methods, id(e, method->name));
            put_u32(methods, method->route);
        }
    }
    EACH (e->model->routes, mpol_route, route) {
        put_u32(&e->section[MPOL_ROUTES], id(e, route->name));
        put_u32(&e->section[MPOL_ROUTES], e->matrix->route_class[index++]);
    }
}

static void write_header(const emitter *e, uint8_t *at, size_t len) {
    static const uint8_t magic[] = MPOL_MAGIC;
    memcpy(at, magic, sizeof magic);
    write_number(at + MPOL_HEADER_MAJOR, MPOL_FORMAT_MAJOR, 2);
    write_number(at + MPOL_HEADER_MINOR, MPOL_FORMAT_MINOR, 2);
    write_number(at + MPOL_HEADER_LENGTH, MPOL_HEADER_BYTES, 4);
    write_number(at + MPOL_HEADER_FILE_LENGTH, len, 4);
    write_number(at + MPOL_HEADER_SECTIONS, MPOL_SECTION_COUNT, 4);
    write_number(at + MPOL_HEADER_NAME, id(e, e->model->name), 4);
    write_number(at + MPOL_HEADER_SERIAL, e->model->serial, 8);
    write_number(at + MPOL_HEADER_VALID_UNTIL, e->model->valid_until_s, 8);
    write_number(at + MPOL_HEADER_ANY_HOST, e->automaton->any_host, 4);
}

static size_t align(size_t offset) {
    return (offset + MPOL_SECTION_ALIGNMENT - 1) / MPOL_SECTION_ALIGNMENT * MPOL_SECTION_ALIGNMENT;
}

static const mpol_bytes *assemble(emitter *e) {
    static const uint8_t element[MPOL_SECTION_COUNT] = {
#define SECTION_SIZE(suffix, bytes) bytes,
        MPOL_SECTIONS(SECTION_SIZE)
#undef SECTION_SIZE
    };
    size_t len = MPOL_SECTIONS_START;
    for (int i = 0; i < MPOL_SECTION_COUNT; i++)
        len = align(len) + e->section[i].len;
    if (len > MPOL_LIMIT_IMAGE_BYTES)
        return NULL;
    uint8_t *image = apr_pcalloc(e->pool, len);
    size_t at = MPOL_SECTIONS_START;
    write_header(e, image, len);
    for (int i = 0; i < MPOL_SECTION_COUNT; i++) {
        uint8_t *entry = image + MPOL_HEADER_BYTES + i * (int)MPOL_TABLE_BYTES;
        at = align(at);
        write_number(entry + MPOL_TABLE_KIND, (uint64_t)i + 1, 4);
        write_number(entry + MPOL_TABLE_ELEMENT, element[i], 4);
        write_number(entry + MPOL_TABLE_OFFSET, at, 4);
        write_number(entry + MPOL_TABLE_COUNT, e->section[i].len / element[i], 4);
        if (e->section[i].len > 0)
            memcpy(image + at, e->section[i].data, e->section[i].len);
        at += e->section[i].len;
    }
    mpol_bytes *result = apr_palloc(e->pool, sizeof *result);
    *result = (mpol_bytes){image, (uint32_t)len};
    return mpol_image_digest(image, len, image + MPOL_HEADER_DIGEST) ? result : NULL;
}

const mpol_bytes *mpol_emit(apr_pool_t *pool, const mpol_model *model,
                            const mpol_automaton *automaton, const mpol_matrix *matrix) {
    emitter *e = apr_pcalloc(pool, sizeof *e);
    e->pool = pool;
    e->model = model;
    e->automaton = automaton;
    e->matrix = matrix;
    apr_pool_cleanup_register(pool, e, free_sections, apr_pool_cleanup_null);
    collect_strings(e);
    emit_strings(e);
    emit_lists(e);
    emit_issuers(e);
    emit_clients(e);
    emit_rows(e);
    emit_rules(e);
    emit_states(e);
    emit_routes(e);
    const mpol_bytes *image = assemble(e);
    (void)apr_pool_cleanup_run(pool, e, free_sections);
    return image;
}
