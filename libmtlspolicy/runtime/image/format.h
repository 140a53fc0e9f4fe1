/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_FORMAT_H
#define MPOL_IMAGE_FORMAT_H
/* The compiled policy, as docs/FORMAT.md specifies it: the only place in the code that knows
 * offsets and sizes. All numbers are little-endian; times are seconds since 1970-01-01 UTC. */

#include <stdint.h>

#define MPOL_FORMAT_MAJOR 1
#define MPOL_FORMAT_MINOR 0

/* High bit, CR LF, end-of-file: a copy in text mode breaks it at once. */
#define MPOL_MAGIC                                                                                 \
    { 0x8d, 'M', 'T', 'P', '\r', '\n', 0x1a, '\n' }
#define MPOL_MAGIC_BYTES 8u

enum {
    MPOL_HEADER_MAJOR = 8,
    MPOL_HEADER_MINOR = 10,
    MPOL_HEADER_LENGTH = 12,
    MPOL_HEADER_FILE_LENGTH = 16,
    MPOL_HEADER_SECTIONS = 20,
    MPOL_HEADER_FLAGS = 24,
    MPOL_HEADER_NAME = 28,
    MPOL_HEADER_SERIAL = 32,
    MPOL_HEADER_VALID_UNTIL = 40,
    MPOL_HEADER_ANY_HOST = 48,
    MPOL_HEADER_RESERVED = 52,
    MPOL_HEADER_DIGEST = 64,
    MPOL_HEADER_BYTES = 96,
};
#define MPOL_DIGEST_BYTES 32u

/* Section table: one entry a section, in the order of the list below. */
enum {
    MPOL_TABLE_KIND = 0,
    MPOL_TABLE_ELEMENT = 4,
    MPOL_TABLE_OFFSET = 8,
    MPOL_TABLE_COUNT = 12,
    MPOL_TABLE_BYTES = 16,
};
#define MPOL_SECTION_ALIGNMENT 8u

/* X(enum suffix, bytes of one element). Kinds count from 1 in the file. */
#define MPOL_SECTIONS(X)                                                                           \
    X(STRING_OFFSETS, 4)                                                                           \
    X(STRING_BYTES, 1)                                                                             \
    X(LIST_OFFSETS, 4)                                                                             \
    X(LIST_VALUES, 4)                                                                              \
    X(ISSUERS, 16)                                                                                 \
    X(ISSUER_KEYS, 36)                                                                             \
    X(CERTIFICATES, 8)                                                                             \
    X(CERTIFICATE_BYTES, 1)                                                                        \
    X(IDENTITIES, 12)                                                                              \
    X(GROUPS, 4)                                                                                   \
    X(PRINCIPALS, 20)                                                                              \
    X(CLASSES, 12)                                                                                 \
    X(ROWS, 12)                                                                                    \
    X(ENTRIES, 8)                                                                                  \
    X(CELLS, 8)                                                                                    \
    X(RULES, 48)                                                                                   \
    X(NETWORKS, 32)                                                                                \
    X(HOSTS, 16)                                                                                   \
    X(STATES, 20)                                                                                  \
    X(EDGES, 16)                                                                                   \
    X(ENDPOINTS, 16)                                                                               \
    X(METHODS, 8)                                                                                  \
    X(ROUTES, 8)

typedef enum mpol_section_kind {
#define MPOL_SECTION_ENUM(suffix, bytes) MPOL_##suffix,
    MPOL_SECTIONS(MPOL_SECTION_ENUM)
#undef MPOL_SECTION_ENUM
        MPOL_SECTION_COUNT
} mpol_section_kind;

enum {
#define MPOL_SECTION_ELEMENT(suffix, bytes) MPOL_##suffix##_BYTES = (bytes),
    MPOL_SECTIONS(MPOL_SECTION_ELEMENT)
#undef MPOL_SECTION_ELEMENT
};

#define MPOL_SECTIONS_START (MPOL_HEADER_BYTES + MPOL_SECTION_COUNT * MPOL_TABLE_BYTES)

/* "There is none", wherever an index may be absent. */
#define MPOL_NONE 0xffffffffu
/* The row that holds what everyone may do; list 0 is the empty list. */
#define MPOL_ROW_EVERYONE 0u
#define MPOL_LIST_EMPTY 0u

/* Fields, by offset within their element. */
enum { MPOL_ISSUER_NAME = 0, MPOL_ISSUER_KIND = 4, MPOL_ISSUER_CERT = 8, MPOL_ISSUER_CERTS = 12 };
enum { MPOL_ISSUER_KEY_SPKI = 0, MPOL_ISSUER_KEY_ISSUER = 32 };
#define MPOL_SPKI_BYTES 32u
enum { MPOL_CERTIFICATE_OFFSET = 0, MPOL_CERTIFICATE_LENGTH = 4 };
enum { MPOL_IDENTITY_NAME = 0, MPOL_IDENTITY_ISSUER = 4, MPOL_IDENTITY_VALUE = 8 };
enum {
    MPOL_PRINCIPAL_HASH = 0,
    MPOL_PRINCIPAL_ISSUER = 8,
    MPOL_PRINCIPAL_VALUE = 12,
    MPOL_PRINCIPAL_CLASS = 16
};
enum { MPOL_CLASS_ROW = 0, MPOL_CLASS_IDENTITIES = 4, MPOL_CLASS_GROUPS = 8 };
enum { MPOL_ROW_DEFAULT = 0, MPOL_ROW_ENTRY = 4, MPOL_ROW_ENTRIES = 8 };
enum { MPOL_ENTRY_ROUTE_CLASS = 0, MPOL_ENTRY_CELL = 4 };
enum { MPOL_CELL_DENY = 0, MPOL_CELL_ALLOW = 4 };
enum {
    MPOL_RULE_NAME = 0,
    MPOL_RULE_OWNER = 4,
    MPOL_RULE_TICKET = 8,
    MPOL_RULE_NOTE = 12,
    MPOL_RULE_VALID_FROM = 16,
    MPOL_RULE_VALID_UNTIL = 24,
    MPOL_RULE_NETWORK = 32,
    MPOL_RULE_NETWORKS = 36,
    MPOL_RULE_FLAGS = 40,
    MPOL_RULE_RESERVED = 44
};
enum {
    MPOL_RULE_DENY = 1,
    MPOL_RULE_HAS_NETWORKS = 2,
    MPOL_RULE_HAS_FROM = 4,
    MPOL_RULE_HAS_UNTIL = 8,
    MPOL_RULE_ALL_FLAGS = 15
};
enum { MPOL_NETWORK_LOW = 0, MPOL_NETWORK_HIGH = 16 };
#define MPOL_ADDRESS_BYTES 16u
enum { MPOL_HOST_HASH = 0, MPOL_HOST_NAME = 8, MPOL_HOST_STATE = 12 };
enum {
    MPOL_STATE_EDGE = 0,
    MPOL_STATE_EDGES = 4,
    MPOL_STATE_OTHER = 8,
    MPOL_STATE_END = 12,
    MPOL_STATE_TAIL = 16
};
enum { MPOL_EDGE_HASH = 0, MPOL_EDGE_LITERAL = 8, MPOL_EDGE_TARGET = 12 };
enum {
    MPOL_ENDPOINT_PATTERN = 0,
    MPOL_ENDPOINT_ANY_METHOD = 4,
    MPOL_ENDPOINT_METHOD = 8,
    MPOL_ENDPOINT_METHODS = 12
};
enum { MPOL_METHOD_NAME = 0, MPOL_METHOD_ROUTE = 4 };
enum { MPOL_ROUTE_NAME = 0, MPOL_ROUTE_CLASS = 4 };

/* X(enum suffix, name in the policy): kinds of client name, as numbered in the file. */
#define MPOL_NAME_KINDS(X)                                                                         \
    X(SPIFFE, "spiffe")                                                                            \
    X(URI, "uri")                                                                                  \
    X(DNS, "dns")                                                                                  \
    X(CN, "cn")

typedef enum mpol_name_kind {
#define MPOL_NAME_KIND_ENUM(suffix, name) MPOL_NAME_##suffix,
    MPOL_NAME_KINDS(MPOL_NAME_KIND_ENUM)
#undef MPOL_NAME_KIND_ENUM
        MPOL_NAME_KIND_COUNT
} mpol_name_kind;

#endif
