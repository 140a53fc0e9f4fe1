/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BAD_IMAGE_H
#define TESTS_BAD_IMAGE_H
/* Bad images and their sound twins as tables: each case takes a sound image, changes little in it,
 * and says which rule of docs/FORMAT.md that breaks. The twin changes the same thing, or the
 * nearest one, so that no rule is broken: a check that refuses everything fails here. */

#include "image/check.h"

/* A number to write, as the cases spell it. */
typedef enum bad_base {
    BAD_PLAIN,   /* the number itself */
    BAD_OLD,     /* added to what stands there */
    BAD_BEFORE,  /* added to that field of the element before */
    BAD_COUNT,   /* added to the number of elements of a section */
    BAD_STRINGS, /* added to the number of strings; of lists */
    BAD_LISTS,
    BAD_PATHS, /* added to the number of states of paths */
} bad_base;

typedef struct bad_value {
    bad_base base;
    mpol_section_kind kind; /* of BAD_COUNT */
    int64_t add;
} bad_value;

#define V(n)                                                                                       \
    { BAD_PLAIN, MPOL_STRING_OFFSETS, (n) }
#define NONE V(-1)
#define OLD(n)                                                                                     \
    { BAD_OLD, MPOL_STRING_OFFSETS, (n) }
#define BEFORE(n)                                                                                  \
    { BAD_BEFORE, MPOL_STRING_OFFSETS, (n) }
#define COUNT(KIND, n)                                                                             \
    { BAD_COUNT, MPOL_##KIND, (n) }
#define STRINGS(n)                                                                                 \
    { BAD_STRINGS, MPOL_STRING_OFFSETS, (n) }
#define LISTS(n)                                                                                   \
    { BAD_LISTS, MPOL_STRING_OFFSETS, (n) }
#define PATHS(n)                                                                                   \
    { BAD_PATHS, MPOL_STRING_OFFSETS, (n) }

/* Which element: by its number, the last one, or the first whose field is at least so much and not
 * none. */
typedef struct bad_where {
    enum { BAD_AT, BAD_LAST, BAD_FIRST } how;
    uint32_t number;
    uint32_t field;
} bad_where;

#define AT(n)                                                                                      \
    { BAD_AT, (n), 0 }
#define LAST                                                                                       \
    { BAD_LAST, 0, 0 }
#define FIRST(FIELD, least)                                                                        \
    { BAD_FIRST, (least), MPOL_##FIELD }

typedef enum bad_verb {
    BAD_END,    /* of the changes of a case */
    BAD_SET,    /* a u32 of an element */
    BAD_BYTE,   /* a byte of an element */
    BAD_COPY,   /* an element over the one behind it */
    BAD_SWAP,   /* it and the one behind it */
    BAD_RESIZE, /* a section to so many elements, new ones zero */
    BAD_MOVE,   /* the last thing that an element takes to the element behind it, at the first
                 * element where that is sound */
    BAD_RENAME, /* hash and string of an element together, to the first string that is sound */
    BAD_HEADER, /* a u32 of the header */
    BAD_TABLE,  /* a u32 of a section's entry in the table */
    BAD_FILE,   /* a byte of the whole file, counted from the end of a section */
    BAD_LENGTH, /* cut the file to that, or lengthen it by zeros; negative: from its end */
} bad_verb;

typedef struct bad_change {
    bad_verb verb;
    mpol_section_kind kind;
    bad_where where;
    int32_t field;
    bad_value value;
} bad_change;

#define SET(KIND, where, FIELD, value)                                                             \
    { BAD_SET, MPOL_##KIND, where, MPOL_##FIELD, value }
#define SET_U32(KIND, where, ...)                                                                  \
    { BAD_SET, MPOL_##KIND, where, 0, __VA_ARGS__ }
#define BYTE(KIND, where, field, value)                                                            \
    { BAD_BYTE, MPOL_##KIND, where, (field), value }
#define COPY(KIND, where)                                                                          \
    { BAD_COPY, MPOL_##KIND, where, 0, V(0) }
#define SWAP(KIND, where)                                                                          \
    { BAD_SWAP, MPOL_##KIND, where, 0, V(0) }
#define RESIZE(KIND, value)                                                                        \
    { BAD_RESIZE, MPOL_##KIND, AT(0), 0, value }
#define MOVE(KIND, FIELD)                                                                          \
    { BAD_MOVE, MPOL_##KIND, AT(0), MPOL_##FIELD, V(0) }
#define RENAME(KIND, where)                                                                        \
    { BAD_RENAME, MPOL_##KIND, where, MPOL_##KIND##_NAMED, V(0) }
#define HEADER(FIELD, value)                                                                       \
    { BAD_HEADER, MPOL_STRING_OFFSETS, AT(0), MPOL_HEADER_##FIELD, value }
#define TABLE(KIND, FIELD, value)                                                                  \
    { BAD_TABLE, MPOL_##KIND, AT(0), MPOL_TABLE_##FIELD, value }
#define FILE_BYTE(KIND, behind, value)                                                             \
    { BAD_FILE, MPOL_##KIND, AT(0), (behind), value }
#define LENGTH(value)                                                                              \
    { BAD_LENGTH, MPOL_STRING_OFFSETS, AT(0), 0, value }

enum { MPOL_HEADER_MAGIC = 0, MPOL_HEADER_MAGIC_END = 4 };

/* Where the string stands that an element's hash is of. */
enum {
    MPOL_NAMES_NAMED = MPOL_NAMES_VALUE,
    MPOL_HOSTS_NAMED = MPOL_HOST_NAME,
    MPOL_EDGES_NAMED = MPOL_EDGE_LITERAL,
};

enum { BAD_MOST_CHANGES = 8 };

/* A new list of one member; its number is LISTS(0). */
#define NEW_LIST(member)                                                                           \
    RESIZE(LIST_OFFSETS, COUNT(LIST_OFFSETS, 1)), RESIZE(LIST_VALUES, COUNT(LIST_VALUES, 1)),      \
        SET_U32(LIST_VALUES, LAST, member), SET_U32(LIST_OFFSETS, LAST, COUNT(LIST_VALUES, 1))

typedef struct bad_case {
    mpol_format_rule rule;
    bool sound; /* it breaks the rule, or is a twin that does not */
    const char *what;
    bad_change changes[BAD_MOST_CHANGES];
} bad_case;

#define BAD(RULE, what, ...)                                                                       \
    {                                                                                              \
        MPOL_FORMAT_##RULE, false, what, {                                                         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define SOUND(RULE, what, ...)                                                                     \
    {                                                                                              \
        MPOL_FORMAT_##RULE, true, what, {                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

typedef struct bad_table {
    const char *name;
    bool of_empty_policy; /* the cases change the image of { "name": "x" } */
    const bad_case *cases;
    uint32_t count;
} bad_table;

extern const bad_table bad_header_cases;
extern const bad_table bad_clients_cases;
extern const bad_table bad_rules_cases;
extern const bad_table bad_routes_cases;
extern const bad_table bad_empty_cases;

/* The image of a case in fresh memory of exactly its length, its digest repaired. NULL when the
 * case cannot be made of this image: an element is missing, or nothing is sound. */
uint8_t *bad_image_make(const mpol_image *sound, const bad_case *made, uint32_t *len);

#endif
