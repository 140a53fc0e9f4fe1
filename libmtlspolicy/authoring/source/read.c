/* SPDX-License-Identifier: Apache-2.0 */
#include "source/read.h"

#include "base/limits.h"
#include "source/meaning.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    POLICY_NAME,
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
    {"name", MPOL_JSON_STRING, true},         {"serial", MPOL_JSON_NUMBER, false},
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
    return slash == NULL ? "" : apr_pstrmemdup(pool, file, (apr_size_t)(slash - file + 1));
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
    read_serial(reader, fields[POLICY_SERIAL]);
    read_end(reader, fields[POLICY_UNTIL]);
    mpol_read_issuers(reader, fields[POLICY_ISSUERS]);
    mpol_read_identities(reader, fields[POLICY_IDENTITIES]);
    mpol_read_groups(reader, fields[POLICY_GROUPS]);
    mpol_read_routes(reader, fields[POLICY_ROUTES]);
    mpol_read_rules(reader, fields[POLICY_RULES]);
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
    mpol_check_meaning(&reader);
    mpol_diagnostics_sort(diagnostics);
    return reader.model;
}

/* Read until the end into a growing buffer of the pool's. */
static mpol_bytes *read_all(apr_pool_t *pool, int fd, const char *path, mpol_error *error) {
    size_t room = 65536;
    size_t len = 0;
    char *buffer = malloc(room);
    ssize_t got = 1;
    while (buffer != NULL && len <= MPOL_LIMIT_SOURCE_BYTES) {
        got = read(fd, buffer + len, room - len);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        len += got > 0 ? (size_t)got : 0;
        if (len < room)
            continue;
        room *= 2;
        char *larger = realloc(buffer, room);
        if (larger == NULL)
            free(buffer);
        buffer = larger;
    }
    mpol_bytes *bytes = NULL;
    if (buffer == NULL)
        (void)mpol_error_set(error, MPOL_NO_MEMORY, "free memory", "no memory to read %s", path);
    else if (got < 0)
        (void)mpol_error_set(error, MPOL_UNREADABLE, "check the file", "%s cannot be read: %s",
                             path, strerror(errno));
    else if (len > MPOL_LIMIT_SOURCE_BYTES)
        (void)mpol_error_set(error, MPOL_TOO_LARGE, "split the policy",
                             "%s is larger than %u bytes", path, MPOL_LIMIT_SOURCE_BYTES);
    else {
        bytes = apr_palloc(pool, sizeof *bytes);
        *bytes = (mpol_bytes){apr_pmemdup(pool, buffer, len + 1), (uint32_t)len};
    }
    free(buffer);
    return bytes;
}

const mpol_bytes *mpol_file_read(apr_pool_t *pool, const char *path, mpol_error *error) {
    struct stat file;
    if (strcmp(path, "-") == 0)
        return read_all(pool, STDIN_FILENO, "standard input", error);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)mpol_error_set(error, MPOL_UNREADABLE, "check the path and its permissions",
                             "%s cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    const mpol_bytes *bytes = NULL;
    if (fstat(fd, &file) == 0 && S_ISDIR(file.st_mode))
        (void)mpol_error_set(error, MPOL_UNREADABLE, "name a file", "%s is a folder", path);
    else
        bytes = read_all(pool, fd, path, error);
    (void)close(fd);
    return bytes;
}
