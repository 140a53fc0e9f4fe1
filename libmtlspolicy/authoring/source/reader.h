/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_READER_H
#define MPOL_SOURCE_READER_H
/* Shared by the readers of the document's parts; not for others. */

#include "model/model.h"
#include "source/json.h"

typedef struct mpol_reader {
    apr_pool_t *pool;
    mpol_diagnostics *diagnostics;
    mpol_model *model;
    const char *folder;     /* of the document */
    mpol_bytes environment; /* the first that is named; NULL data: none */
    apr_hash_t *issuers;    /* name -> its JSON node while reading; index + 1 once sorted */
    apr_hash_t *identities;
    apr_hash_t *groups;
    apr_hash_t *routes;
    apr_hash_t *tags;       /* tag -> anything */
    apr_hash_t *key_owners; /* SPKI digest -> issuer's name */
} mpol_reader;

/* A key an object may have. A key of any type has MPOL_JSON_NULL. */
typedef struct mpol_field {
    const char *key;
    mpol_json_type type;
    bool required;
} mpol_field;

/* Report an error at a value or at its key. */
#define mpol_reader_fail(reader, value, code, fix, ...)                                            \
    mpol_diagnostics_add((reader)->diagnostics, MPOL_ERROR, (code), (value)->offset,               \
                         mpol_json_pointer((reader)->pool, (value)), (fix), __VA_ARGS__)
#define mpol_reader_fail_key(reader, value, code, fix, ...)                                        \
    mpol_diagnostics_add((reader)->diagnostics, MPOL_ERROR, (code), (value)->key_offset,           \
                         mpol_json_pointer((reader)->pool, (value)), (fix), __VA_ARGS__)

/* Is the value of this type? Else wrong-type is reported. */
bool mpol_reader_expect(mpol_reader *reader, const mpol_json *value, mpol_json_type type);

/* Look up `count` fields of an object in `values` (NULL where missing or of the wrong type);
 * unknown, duplicate and missing keys are reported. False when it is no object. */
bool mpol_reader_fields(mpol_reader *reader, const mpol_json *object, const mpol_field *fields,
                        int count, const mpol_json **values);

/* What a boolean says; `otherwise` when it is not there. */
bool mpol_reader_flag(const mpol_json *value, bool otherwise);

/* The members of a list of strings, in the order of the document; others, and those that stand
 * twice, are reported and left out. An empty list is reported when `required`. */
apr_array_header_t *mpol_reader_strings(mpol_reader *reader, const mpol_json *list, bool required);

/* The members of an object that maps names to definitions, each name once. A name that is none is
 * reported and kept, so that its definition is checked in the same run. */
apr_array_header_t *mpol_reader_named(mpol_reader *reader, const mpol_json *table);

/* Is it a name, and not reserved? Else it is reported at `offset`. */
bool mpol_reader_check_name(mpol_reader *reader, const mpol_json *value, uint32_t offset,
                            mpol_bytes name);

/* Values with a form of their own; false, and a diagnostic, when they are wrong. */
bool mpol_reader_time(mpol_reader *reader, const mpol_json *value, uint64_t *seconds);
bool mpol_reader_network(mpol_reader *reader, const mpol_json *value, mpol_network *network);
bool mpol_reader_text(mpol_reader *reader, const mpol_json *value, mpol_bytes *text);
/* 1 to 256 bytes without control characters, as free names in certificates are. */
bool mpol_reader_word(mpol_reader *reader, const mpol_json *value);
/* An OID, in dots or by its name, to dots. `offset` and `text` are those of a value or of its key.
 */
bool mpol_reader_oid(mpol_reader *reader, const mpol_json *value, uint32_t offset, mpol_bytes text,
                     mpol_bytes *oid);

/* [a-z][a-z0-9_]{0,31} */
bool mpol_is_capture_name(mpol_bytes name);

/* The fields that give a name, one for each kind, for a table of fields. */
#define MPOL_KIND_FIELD(suffix, name)                                                              \
    {name, MPOL_NAME_##suffix == MPOL_NAME_ATTRIBUTE ? MPOL_JSON_OBJECT : MPOL_JSON_STRING, false},
#define MPOL_KIND_FIELDS MPOL_NAME_KINDS(MPOL_KIND_FIELD)

/* Read the one name that is given under its kind. `kinds` are the values of the kinds' fields; the
 * issuer (NULL: not known) must use that kind. False when there is none or it is wrong (reported).
 */
bool mpol_reader_name(mpol_reader *reader, const mpol_json *object, const mpol_json *const *kinds,
                      const mpol_issuer *issuer, mpol_name_pattern *name);
/* The kinds of name of an issuer. False when none is right. */
bool mpol_reader_namings(mpol_reader *reader, const mpol_json *list, mpol_issuer *issuer);
/* Does the issuer use this kind of name? */
bool mpol_issuer_uses(const mpol_issuer *issuer, mpol_name_kind kind, mpol_bytes oid);

/* Does the span equal the C string? */
bool mpol_bytes_are(mpol_bytes bytes, const char *text);

mpol_place mpol_place_of(const mpol_json *value);

/* Index of a name in a sorted table, MPOL_NONE when it is not there. */
uint32_t mpol_reader_index(apr_hash_t *names, mpol_bytes name);

/* Put an identity or, as "@NAME", a group into its list; one that is not there is reported, an
 * identity with the mend `fix`. */
void mpol_reader_member(mpol_reader *reader, const mpol_json *member, const char *fix,
                        apr_array_header_t *identities, apr_array_header_t *groups);

/* The parts: first their names, so that any part may refer to any other, then their content. */
void mpol_read_issuers(mpol_reader *reader, const mpol_json *table);
void mpol_read_identities(mpol_reader *reader, const mpol_json *table);
void mpol_read_groups(mpol_reader *reader, const mpol_json *table);
void mpol_read_routes(mpol_reader *reader, const mpol_json *table);
void mpol_read_rules(mpol_reader *reader, const mpol_json *table);

/* Fill `array` of `size`-byte elements, which begin with their name and place, from a table of
 * names; sorted by name; `names` gets name -> index. */
void mpol_reader_table(mpol_reader *reader, const mpol_json *table, apr_array_header_t *array,
                       size_t size, apr_hash_t *names);

#endif
