/* SPDX-License-Identifier: Apache-2.0 */
#include "source/read.h"

#include "source/meaning.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <string.h>

enum {
    POLICY_NAME,
    POLICY_ENVIRONMENT,
    POLICY_PRODUCTION,
    POLICY_SERIAL,
    POLICY_UNTIL,
    POLICY_ISSUERS,
    POLICY_IDENTITIES,
    POLICY_GROUPS,
    POLICY_ROUTES,
    POLICY_RULES,
    POLICY_FIELDS
};
static const mpol_field policy_fields[POLICY_FIELDS] = {
    {"name", MPOL_JSON_STRING, true},         {"environment", MPOL_JSON_STRING, false},
    {"production", MPOL_JSON_BOOLEAN, false}, {"serial", MPOL_JSON_NUMBER, false},
    {"valid_until", MPOL_JSON_STRING, false}, {"issuers", MPOL_JSON_OBJECT, false},
    {"identities", MPOL_JSON_OBJECT, false},  {"groups", MPOL_JSON_OBJECT, false},
    {"routes", MPOL_JSON_OBJECT, false},      {"rules", MPOL_JSON_OBJECT, false},
};

/* Largest whole number that every JSON reader keeps exactly (RFC 8259 section 6). */
#define LARGEST_SERIAL 9007199254740991u

static void read_name(mpol_reader *reader, const mpol_json *value) {
    if (value == NULL)
        return;
    reader->model->name = value->text;
    (void)mpol_reader_check_name(reader, value, value->offset, value->text);
}

static void read_environment(mpol_reader *reader, const mpol_json *value) {
    if (value == NULL || !mpol_reader_check_name(reader, value, value->offset, value->text))
        return;
    reader->model->environment = value->text;
    reader->environment = value->text;
}

static void read_serial(mpol_reader *reader, const mpol_json *value) {
    uint64_t serial = 0;
    bool good = value != NULL && value->text.len <= 16;
    for (uint32_t i = 0; good && i < value->text.len; i++) {
        uint8_t c = value->text.data[i];
        good = c >= '0' && c <= '9';
        serial = serial * 10 + (uint64_t)(c - '0');
    }
    reader->model->serial = good ? serial : 0;
    if (value != NULL && (!good || serial > LARGEST_SERIAL))
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_BAD_NUMBER,
                         "Write a whole number from 0 to 9007199254740991.",
                         "%s is not a serial number.", mpol_quote(reader->pool, value->text));
}

/* In the model 0 is no end at all; a policy that ends with the first second of 1970 is over as well
 * a second later. */
static void read_end(mpol_reader *reader, const mpol_json *value) {
    uint64_t end = 0;
    if (value != NULL && mpol_reader_time(reader, value, &end))
        reader->model->valid_until_s = end > 0 ? end : 1;
}

static const char *folder_of(apr_pool_t *pool, const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL ? "./" : apr_pstrmemdup(pool, file, (apr_size_t)(slash - file + 1));
}

static const char *pointer_of(apr_pool_t *pool, const mpol_place *place) {
    return mpol_json_pointer(pool, place->source);
}

static mpol_model *make_model(apr_pool_t *pool) {
    mpol_model *model = apr_pcalloc(pool, sizeof *model);
    model->pool = pool;
    model->pointer = pointer_of;
    model->issuers = apr_array_make(pool, 4, sizeof(mpol_issuer));
    model->identities = apr_array_make(pool, 16, sizeof(mpol_identity));
    model->groups = apr_array_make(pool, 16, sizeof(mpol_group));
    model->routes = apr_array_make(pool, 16, sizeof(mpol_route));
    model->rules = apr_array_make(pool, 16, sizeof(mpol_rule));
    return model;
}

static void read_document(mpol_reader *reader, const mpol_json *document) {
    const mpol_json *fields[POLICY_FIELDS];
    if (!mpol_reader_fields(reader, document, policy_fields, POLICY_FIELDS, fields))
        return;
    read_name(reader, fields[POLICY_NAME]);
    read_environment(reader, fields[POLICY_ENVIRONMENT]);
    reader->model->production = mpol_reader_flag(fields[POLICY_PRODUCTION], true);
    read_serial(reader, fields[POLICY_SERIAL]);
    read_end(reader, fields[POLICY_UNTIL]);
    mpol_read_issuers(reader, fields[POLICY_ISSUERS]);
    mpol_read_identities(reader, fields[POLICY_IDENTITIES]);
    mpol_read_groups(reader, fields[POLICY_GROUPS]);
    mpol_read_routes(reader, fields[POLICY_ROUTES]);
    mpol_read_rules(reader, fields[POLICY_RULES]);
    mpol_check_meaning(reader, fields[POLICY_ISSUERS]);
}

mpol_model *mpol_model_read(apr_pool_t *pool, mpol_diagnostics *diagnostics) {
    mpol_json *document = mpol_json_parse(pool, diagnostics);
    if (document == NULL)
        return NULL;
    mpol_reader reader = {
        .pool = pool,
        .diagnostics = diagnostics,
        .model = make_model(pool),
        .folder = folder_of(pool, diagnostics->file),
        .issuers = apr_hash_make(pool),
        .identities = apr_hash_make(pool),
        .groups = apr_hash_make(pool),
        .routes = apr_hash_make(pool),
        .tags = apr_hash_make(pool),
        .key_owners = apr_hash_make(pool),
    };
    read_document(&reader, document);
    mpol_diagnostics_sort(diagnostics);
    return reader.model;
}
