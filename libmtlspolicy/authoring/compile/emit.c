/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/emit.h"

#include "base/limits.h"
#include "compile/captures.h"
#include "compile/emitter.h"
#include "image/load.h"
#include "model/write.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static apr_status_t free_sections(void *data) {
    mpol_emitter *e = data;
    for (int i = 0; i < MPOL_SECTION_COUNT; i++)
        free(e->section[i].data);
    return APR_SUCCESS;
}

/* --- strings and lists ---------------------------------------------------------------------------
 */

static void collect_client_strings(mpol_emitter *e) {
    EACH (e->model->issuers, mpol_issuer, issuer) {
        mpol_strings_add(e->strings, issuer->name);
        mpol_strings_add(e->strings, issuer->environment);
        EACH (issuer->namings, mpol_naming, naming) {
            mpol_strings_add(e->strings, naming->oid);
        }
    }
    EACH (e->model->identities, mpol_identity, identity) {
        mpol_strings_add(e->strings, identity->name);
        if (identity->has_name)
            mpol_strings_add(e->strings, identity->pattern.value);
        EACH (identity->attributes, mpol_attribute, attribute) {
            mpol_strings_add(e->strings, attribute->oid);
            mpol_strings_add(e->strings, attribute->value);
        }
    }
    EACH (e->model->groups, mpol_group, group) {
        mpol_strings_add(e->strings, group->name);
    }
    EACH (e->parts->names->exact, mpol_exact, exact) {
        mpol_strings_add(e->strings, exact->value);
    }
}

static void collect_rule_strings(mpol_emitter *e) {
    EACH (e->model->rules, mpol_rule, rule) {
        mpol_strings_add(e->strings, rule->name);
        mpol_strings_add(e->strings, rule->owner);
        mpol_strings_add(e->strings, rule->ticket);
        mpol_strings_add(e->strings, rule->note);
        EACH (rule->users, mpol_bytes, user) {
            mpol_strings_add(e->strings, *user);
        }
        EACH (rule->sames, mpol_same, same) {
            mpol_strings_add(e->strings, same->path);
            mpol_strings_add(e->strings, same->source);
        }
    }
}

static void collect_path_strings(mpol_emitter *e) {
    EACH (e->model->routes, mpol_route, route) {
        mpol_strings_add(e->strings, route->name);
    }
    EACH (e->parts->paths->hosts, mpol_host, host) {
        mpol_strings_add(e->strings, host->name);
    }
    EACH (e->parts->automaton->edges, mpol_edge, edge) {
        mpol_strings_add(e->strings, edge->literal);
    }
    EACH (e->parts->paths->endpoints, mpol_endpoint, endpoint) {
        mpol_strings_add(e->strings, endpoint->pattern);
        EACH (endpoint->methods, mpol_method, method) {
            mpol_strings_add(e->strings, method->name);
        }
    }
}

static void collect_strings(mpol_emitter *e) {
    e->strings = mpol_strings_make(e->pool);
    mpol_strings_add(e->strings, e->model->name);
    mpol_strings_add(e->strings, e->model->environment);
    collect_client_strings(e);
    collect_rule_strings(e);
    collect_path_strings(e);
    mpol_strings_settle(e->strings);
}

static void emit_strings(mpol_emitter *e) {
    mpol_buffer *offsets = &e->section[MPOL_STRING_OFFSETS];
    mpol_buffer *bytes = &e->section[MPOL_STRING_BYTES];
    EACH (e->strings->items, mpol_bytes, text) {
        mpol_put_u32(offsets, (uint32_t)bytes->len);
        mpol_put_bytes(bytes, text->data, text->len);
        mpol_put_bytes(bytes, "", 1);
    }
    mpol_put_u32(offsets, (uint32_t)bytes->len);
    EACH (e->captures->items, mpol_bytes, capture) {
        mpol_put_u32(&e->section[MPOL_CAPTURES], mpol_emit__id(e, *capture));
    }
}

/* After everything that asks for lists. */
static void emit_lists(mpol_emitter *e) {
    mpol_buffer *offsets = &e->section[MPOL_LIST_OFFSETS];
    mpol_buffer *values = &e->section[MPOL_LIST_VALUES];
    EACH (e->parts->lists->items, mpol_bytes, list) {
        mpol_put_u32(offsets, COUNT(e, LIST_VALUES));
        const uint32_t *members = (const uint32_t *)(const void *)list->data;
        for (uint32_t i = 0; i < list->len / 4; i++)
            mpol_put_u32(values, members[i]);
    }
    mpol_put_u32(offsets, COUNT(e, LIST_VALUES));
}

/* --- the whole
 * -------------------------------------------------------------------------------------- */

static void write_header(const mpol_emitter *e, uint8_t *at, size_t len) {
    static const uint8_t magic[] = MPOL_MAGIC;
    const mpol_model *model = e->model;
    memcpy(at, magic, sizeof magic);
    mpol_write_number(at + MPOL_HEADER_MAJOR, MPOL_FORMAT_MAJOR, 2);
    mpol_write_number(at + MPOL_HEADER_MINOR, MPOL_FORMAT_MINOR, 2);
    mpol_write_number(at + MPOL_HEADER_LENGTH, MPOL_HEADER_BYTES, 4);
    mpol_write_number(at + MPOL_HEADER_FILE_LENGTH, len, 4);
    mpol_write_number(at + MPOL_HEADER_SECTIONS, MPOL_SECTION_COUNT, 4);
    mpol_write_number(at + MPOL_HEADER_FLAGS, model->production ? 0 : MPOL_POLICY_NOT_PRODUCTION,
                      4);
    mpol_write_number(at + MPOL_HEADER_NAME, mpol_emit__id(e, model->name), 4);
    mpol_write_number(at + MPOL_HEADER_SERIAL, model->serial, 8);
    mpol_write_number(at + MPOL_HEADER_VALID_UNTIL, model->valid_until_s, 8);
    mpol_write_number(at + MPOL_HEADER_ANY_HOST, e->parts->paths->any_host, 4);
    mpol_write_number(at + MPOL_HEADER_NO_HOST, e->parts->paths->no_host, 4);
    mpol_write_number(at + MPOL_HEADER_NAME_STATE, e->parts->names->first_state, 4);
    mpol_write_number(at + MPOL_HEADER_ENVIRONMENT, mpol_emit__id(e, model->environment), 4);
}

static size_t align(size_t offset) {
    return (offset + MPOL_SECTION_ALIGNMENT - 1) / MPOL_SECTION_ALIGNMENT * MPOL_SECTION_ALIGNMENT;
}

static const mpol_bytes *assemble(mpol_emitter *e) {
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
        mpol_write_number(entry + MPOL_TABLE_KIND, (uint64_t)i + 1, 4);
        mpol_write_number(entry + MPOL_TABLE_ELEMENT, element[i], 4);
        mpol_write_number(entry + MPOL_TABLE_OFFSET, at, 4);
        mpol_write_number(entry + MPOL_TABLE_COUNT, e->section[i].len / element[i], 4);
        if (e->section[i].len > 0)
            memcpy(image + at, e->section[i].data, e->section[i].len);
        at += e->section[i].len;
    }
    mpol_bytes *result = apr_palloc(e->pool, sizeof *result);
    *result = (mpol_bytes){image, (uint32_t)len};
    return mpol_image_digest(image, len, image + MPOL_HEADER_DIGEST) ? result : NULL;
}

static void emit_source(mpol_emitter *e) {
    mpol_bytes source = mpol_model_write(e->model);
    mpol_put_bytes(&e->section[MPOL_SOURCE], source.data, source.len);
}

const mpol_bytes *mpol_emit(apr_pool_t *pool, const mpol_parts *parts) {
    mpol_emitter *e = apr_pcalloc(pool, sizeof *e);
    e->pool = pool;
    e->parts = parts;
    e->model = parts->model;
    e->captures = mpol_captures_make(pool, parts->model);
    e->members = mpol_members_make(pool, parts->model);
    for (int i = 0; i < MPOL_SECTION_COUNT; i++)
        e->section[i].pool = pool;
    apr_pool_cleanup_register(pool, e, free_sections, apr_pool_cleanup_null);
    collect_strings(e);
    emit_strings(e);
    mpol_emit__issuers(e);
    mpol_emit__clients(e);
    mpol_emit__rows(e);
    mpol_emit__rules(e);
    mpol_emit__states(e);
    mpol_emit__routes(e);
    emit_lists(e);
    emit_source(e);
    const mpol_bytes *image = assemble(e);
    (void)apr_pool_cleanup_run(pool, e, free_sections);
    return image;
}
