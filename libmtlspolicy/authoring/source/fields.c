/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {"null",     "true or false", "a number",
                                         "a string", "a list",        "an object"};

bool mpol_bytes_are(mpol_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

mpol_place mpol_place_of(const mpol_json *value) {
    return (mpol_place){value->offset, value};
}

bool mpol_reader_expect(mpol_reader *reader, const mpol_json *value, mpol_json_type type) {
    if (value->type == type)
        return true;
    mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_WRONG_TYPE,
                     apr_psprintf(reader->pool, "Write %s here.", type_names[type]),
                     "This is %s, not %s.", type_names[value->type], type_names[type]);
    return false;
}

static const char *known_keys(mpol_reader *reader, const mpol_field *fields, int count) {
    const char *list = "";
    for (int i = 0; i < count; i++)
        list = apr_pstrcat(reader->pool, list, i > 0 ? ", " : "", fields[i].key, NULL);
    return list;
}

static int find_field(const mpol_field *fields, int count, mpol_bytes key) {
    for (int i = 0; i < count; i++)
        if (mpol_bytes_are(key, fields[i].key))
            return i;
    return -1;
}

static void report_duplicate(mpol_reader *reader, const mpol_json *member) {
    mpol_reader_fail_key(
        reader, member, MPOL_DIAGNOSTIC_DUPLICATE_KEY, "Keep one of the two and delete the other.",
        "The key \"%s\" stands twice in this object.", mpol_quote(reader->pool, member->key));
}

static void report_missing(mpol_reader *reader, const mpol_json *object, const mpol_field *fields,
                           int count, const bool *seen) {
    for (int i = 0; i < count; i++)
        if (fields[i].required && !seen[i])
            mpol_diagnostics_add(reader->diagnostics, MPOL_ERROR, MPOL_DIAGNOSTIC_MISSING_KEY,
                                 object->offset,
                                 apr_pstrcat(reader->pool, mpol_json_pointer(reader->pool, object),
                                             "/", fields[i].key, NULL),
                                 apr_psprintf(reader->pool, "Add \"%s\": %s.", fields[i].key,
                                              type_names[fields[i].type]),
                                 "The key \"%s\" is missing.", fields[i].key);
}

enum { MOST_FIELDS = 16 };

bool mpol_reader_fields(mpol_reader *reader, const mpol_json *object, const mpol_field *fields,
                        int count, const mpol_json **values) {
    bool seen[MOST_FIELDS] = {false};
    for (int i = 0; i < count; i++)
        values[i] = NULL;
    if (!mpol_reader_expect(reader, object, MPOL_JSON_OBJECT))
        return false;
    apr_hash_t *unknown = apr_hash_make(reader->pool);
    for (const mpol_json *member = object->first; member != NULL; member = member->next) {
        int i = find_field(fields, count, member->key);
        if (i < 0 && apr_hash_get(unknown, member->key.data, member->key.len) == NULL) {
            apr_hash_set(unknown, member->key.data, member->key.len, member);
            mpol_reader_fail_key(
                reader, member, MPOL_DIAGNOSTIC_UNKNOWN_KEY,
                apr_psprintf(reader->pool, "Known here: %s.", known_keys(reader, fields, count)),
                "The key \"%s\" means nothing here.", mpol_quote(reader->pool, member->key));
        } else if (i < 0 || seen[i]) {
            report_duplicate(reader, member);
        } else {
            seen[i] = true;
            if (fields[i].type == MPOL_JSON_NULL ||
                mpol_reader_expect(reader, member, fields[i].type))
                values[i] = member;
        }
    }
    report_missing(reader, object, fields, count, seen);
    return true;
}

/* True the first time `text` is seen in `names`. */
static bool first_time(apr_hash_t *names, mpol_bytes text, const void *mark) {
    if (apr_hash_get(names, text.data, text.len) != NULL)
        return false;
    apr_hash_set(names, text.data, text.len, mark);
    return true;
}

bool mpol_reader_flag(const mpol_json *value, bool otherwise) {
    return value != NULL ? mpol_bytes_are(value->text, "true") : otherwise;
}

apr_array_header_t *mpol_reader_strings(mpol_reader *reader, const mpol_json *list, bool required) {
    apr_array_header_t *strings = apr_array_make(reader->pool, 4, sizeof(const mpol_json *));
    if (list == NULL)
        return strings;
    apr_hash_t *seen = apr_hash_make(reader->pool);
    if (required && list->count == 0)
        mpol_reader_fail(reader, list, MPOL_DIAGNOSTIC_EMPTY_LIST, "List at least one.",
                         "The list is empty.");
    for (const mpol_json *member = list->first; member != NULL; member = member->next) {
        if (!mpol_reader_expect(reader, member, MPOL_JSON_STRING))
            continue;
        if (first_time(seen, member->text, member))
            APR_ARRAY_PUSH(strings, const mpol_json *) = member;
        else
            mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER,
                             "Delete one of the two.", "\"%s\" stands twice in this list.",
                             mpol_quote(reader->pool, member->text));
    }
    return strings;
}

static bool is_name_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(mpol_bytes name) {
    if (name.len == 0 || name.len > MPOL_LIMIT_NAME_BYTES || !is_name_byte(name.data[0]))
        return false;
    for (uint32_t i = 1; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!is_name_byte(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool is_reserved(mpol_bytes name) {
    return mpol_bytes_are(name, "everyone") || mpol_bytes_are(name, "any-verified") ||
           mpol_bytes_are(name, "none");
}

#define FIX_NAME "Use 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit."

bool mpol_reader_check_name(mpol_reader *reader, const mpol_json *value, uint32_t offset,
                            mpol_bytes name) {
    bool well_formed = is_name(name);
    if (well_formed && !is_reserved(name))
        return true;
    mpol_diagnostics_add(
        reader->diagnostics, MPOL_ERROR,
        well_formed ? MPOL_DIAGNOSTIC_RESERVED_NAME : MPOL_DIAGNOSTIC_BAD_NAME, offset,
        mpol_json_pointer(reader->pool, value), well_formed ? "Choose another name." : FIX_NAME,
        well_formed ? "\"%s\" has a meaning of its own in every policy." : "\"%s\" is not a name.",
        mpol_quote(reader->pool, name));
    return false;
}

apr_array_header_t *mpol_reader_named(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *members = apr_array_make(reader->pool, 16, sizeof(const mpol_json *));
    if (table == NULL)
        return members;
    apr_hash_t *seen = apr_hash_make(reader->pool);
    for (const mpol_json *member = table->first; member != NULL; member = member->next) {
        if (!first_time(seen, member->key, member)) {
            report_duplicate(reader, member);
            continue;
        }
        (void)mpol_reader_check_name(reader, member, member->key_offset, member->key);
        APR_ARRAY_PUSH(members, const mpol_json *) = member;
    }
    return members;
}

/* What every element of a table begins with. */
typedef struct named {
    mpol_bytes name;
    mpol_place place;
} named;

static int by_name(const void *left, const void *right) {
    return mpol_bytes_compare(((const named *)left)->name, ((const named *)right)->name);
}

void mpol_reader_table(mpol_reader *reader, const mpol_json *table, apr_array_header_t *array,
                       size_t size, apr_hash_t *names) {
    apr_array_header_t *members = mpol_reader_named(reader, table);
    for (int i = 0; i < members->nelts; i++) {
        const mpol_json *member = APR_ARRAY_IDX(members, i, const mpol_json *);
        named *element = apr_array_push(array);
        memset(element, 0, size);
        element->name = member->key;
        element->place = mpol_place_of(member);
    }
    qsort(array->elts, (size_t)array->nelts, size, by_name);
    for (int i = 0; i < array->nelts; i++) {
        const named *element = (const named *)(void *)(array->elts + (size_t)i * size);
        apr_hash_set(names, element->name.data, element->name.len, (void *)((uintptr_t)i + 1));
    }
}

uint32_t mpol_reader_index(apr_hash_t *names, mpol_bytes name) {
    uintptr_t found = (uintptr_t)apr_hash_get(names, name.data, name.len);
    return found == 0 ? MPOL_NONE : (uint32_t)(found - 1);
}
