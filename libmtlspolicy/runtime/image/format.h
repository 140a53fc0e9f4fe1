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
    MPOL_HEADER_NO_HOST = 52,
    MPOL_HEADER_NAME_STATE = 56,
    MPOL_HEADER_ENVIRONMENT = 60,
    MPOL_HEADER_DIGEST = 64,
    MPOL_HEADER_BYTES = 96,
};
#define MPOL_DIGEST_BYTES 32u

/* Flags of the header. */
enum { MPOL_POLICY_NOT_PRODUCTION = 1, MPOL_POLICY_ALL_FLAGS = 1 };

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
    X(ISSUERS, 36)                                                                                 \
    X(ISSUER_KEYS, 36)                                                                             \
    X(CERTIFICATES, 8)                                                                             \
    X(CERTIFICATE_BYTES, 1)                                                                        \
    X(NAMINGS, 12)                                                                                 \
    X(IDENTITIES, 36)                                                                              \
    X(ATTRIBUTES, 8)                                                                               \
    X(PINS, 40)                                                                                    \
    X(GROUPS, 4)                                                                                   \
    X(NAMES, 24)                                                                                   \
    X(NAME_ENDS, 8)                                                                                \
    X(CLASSES, 28)                                                                                 \
    X(ROWS, 12)                                                                                    \
    X(ENTRIES, 8)                                                                                  \
    X(CELLS, 8)                                                                                    \
    X(RULES, 68)                                                                                   \
    X(NETWORKS, 32)                                                                                \
    X(USERS, 4)                                                                                    \
    X(SAMES, 12)                                                                                   \
    X(CAPTURES, 4)                                                                                 \
    X(HOSTS, 16)                                                                                   \
    X(STATES, 24)                                                                                  \
    X(NARROWS, 12)                                                                                 \
    X(EDGES, 16)                                                                                   \
    X(ENDPOINTS, 24)                                                                               \
    X(METHODS, 12)                                                                                 \
    X(ROUTES, 12)                                                                                  \
    X(SOURCE, 1)

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
enum {
    MPOL_ISSUER_NAME = 0,
    MPOL_ISSUER_FLAGS = 4,
    MPOL_ISSUER_CERT = 8,
    MPOL_ISSUER_CERTS = 12,
    MPOL_ISSUER_NAMING = 16,
    MPOL_ISSUER_NAMINGS = 20,
    MPOL_ISSUER_CLASS = 24,       /* of a client that is no identity */
    MPOL_ISSUER_CROSS_ROW = 28,   /* denials for whoever has a CA of it on the path */
    MPOL_ISSUER_ENVIRONMENT = 32, /* string or none */
};
enum { MPOL_ISSUER_ANY_OF = 1, MPOL_ISSUER_RESTRICTED = 2, MPOL_ISSUER_ALL_FLAGS = 3 };
enum { MPOL_ISSUER_KEY_SPKI = 0, MPOL_ISSUER_KEY_ISSUER = 32 };
#define MPOL_SPKI_BYTES 32u
enum { MPOL_CERTIFICATE_OFFSET = 0, MPOL_CERTIFICATE_LENGTH = 4 };
/* A kind of name that an issuer uses; the state is where its patterns begin. */
enum { MPOL_NAMING_KIND = 0, MPOL_NAMING_OID = 4, MPOL_NAMING_STATE = 8 };
enum {
    MPOL_IDENTITY_NAME = 0,
    MPOL_IDENTITY_ISSUER = 4,
    MPOL_IDENTITY_NAMING = 8, /* none for one that has pins only */
    MPOL_IDENTITY_VALUE = 12, /* string, or none */
    MPOL_IDENTITY_CAPTURES = 16,
    MPOL_IDENTITY_ATTRIBUTE = 20,
    MPOL_IDENTITY_ATTRIBUTES = 24,
    MPOL_IDENTITY_FLAGS = 28,
    MPOL_IDENTITY_CLASS = 32, /* of a client that matches it and what it implies */
};
enum { MPOL_IDENTITY_HAS_PINS = 1, MPOL_IDENTITY_PATTERN = 2, MPOL_IDENTITY_ALL_FLAGS = 3 };
enum { MPOL_ATTRIBUTE_OID = 0, MPOL_ATTRIBUTE_VALUE = 4 };
enum { MPOL_PIN_DIGEST = 0, MPOL_PIN_KIND = 32, MPOL_PIN_IDENTITIES = 36 };
enum { MPOL_PIN_CERTIFICATE = 0, MPOL_PIN_SPKI = 1, MPOL_PIN_KIND_COUNT = 2 };
enum {
    MPOL_NAMES_HASH = 0,
    MPOL_NAMES_NAMING = 8,
    MPOL_NAMES_VALUE = 12,
    MPOL_NAMES_IDENTITIES = 16,
    MPOL_NAMES_INSIDE = 20, /* 1: the issuer may assert it */
};
enum { MPOL_NAME_END_IDENTITIES = 0, MPOL_NAME_END_INSIDE = 4 };
enum {
    MPOL_CLASS_HASH = 0,
    MPOL_CLASS_ISSUER = 8,
    MPOL_CLASS_IDENTITIES = 12,
    MPOL_CLASS_GROUPS = 16,
    MPOL_CLASS_ROW = 20,
    MPOL_CLASS_IDENTITY = 24, /* the one that logs name, or none */
};
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
    MPOL_RULE_USER = 40,
    MPOL_RULE_USERS = 44,
    MPOL_RULE_SAME = 48,
    MPOL_RULE_SAMES = 52,
    MPOL_RULE_IDENTITIES = 56, /* those it names, directly or by groups; of rules with sames */
    MPOL_RULE_FLAGS = 60,
    MPOL_RULE_RESERVED = 64,
};
enum {
    MPOL_RULE_DENY = 1,
    MPOL_RULE_HAS_NETWORKS = 2,
    MPOL_RULE_HAS_FROM = 4,
    MPOL_RULE_HAS_UNTIL = 8,
    MPOL_RULE_HAS_USERS = 16,
    MPOL_RULE_ANY_USER = 32,
    MPOL_RULE_HAS_SAMES = 64,
    MPOL_RULE_ALL_FLAGS = 127,
};
enum { MPOL_NETWORK_LOW = 0, MPOL_NETWORK_HIGH = 16 };
#define MPOL_ADDRESS_BYTES 16u
enum { MPOL_SAME_PATH = 0, MPOL_SAME_KIND = 4, MPOL_SAME_SOURCE = 8 };
/* The source is a capture, or the string of an OID. */
enum { MPOL_SAME_CAPTURE = 0, MPOL_SAME_ATTRIBUTE = 1, MPOL_SAME_KIND_COUNT = 2 };
enum { MPOL_HOST_HASH = 0, MPOL_HOST_NAME = 8, MPOL_HOST_STATE = 12 };
enum {
    MPOL_STATE_EDGE = 0,
    MPOL_STATE_EDGES = 4,
    MPOL_STATE_OTHER = 8,
    MPOL_STATE_NARROW = 12,
    MPOL_STATE_END = 16,
    MPOL_STATE_TAIL = 20,
};
/* Where a segment leads that has a narrower form; by mpol_segment_form. */
enum { MPOL_NARROW_UUID = 0, MPOL_NARROW_INT = 4, MPOL_NARROW_HEX = 8 };
enum { MPOL_EDGE_HASH = 0, MPOL_EDGE_LITERAL = 8, MPOL_EDGE_TARGET = 12 };
enum {
    MPOL_ENDPOINT_PATTERN = 0,
    MPOL_ENDPOINT_ANY_METHOD = 4,
    MPOL_ENDPOINT_ANY_CAPTURES = 8,
    MPOL_ENDPOINT_PREFLIGHT = 12,
    MPOL_ENDPOINT_METHOD = 16,
    MPOL_ENDPOINT_METHODS = 20,
};
enum { MPOL_METHOD_NAME = 0, MPOL_METHOD_ROUTE = 4, MPOL_METHOD_CAPTURES = 8 };
/* A member of a list of captures: which capture, and which segment it takes. */
#define MPOL_CAPTURE_SHIFT 6u
#define MPOL_CAPTURE_SEGMENT 63u
enum { MPOL_ROUTE_NAME = 0, MPOL_ROUTE_CLASS = 4, MPOL_ROUTE_FLAGS = 8 };
/* Flags of a route: below these the classes it expects, as numbered in match/target.h. */
enum {
    MPOL_ROUTE_EXPECTS = 63,
    MPOL_ROUTE_EXPECTS_OVERRIDE = 128,
    MPOL_ROUTE_INTERNAL = 256,
    MPOL_ROUTE_INTERNAL_ERROR = 512,
    MPOL_ROUTE_ALL_FLAGS = 63 + 128 + 256 + 512,
};

/* X(enum suffix, name in the policy): kinds of client name, as numbered in the file. */
#define MPOL_NAME_KINDS(X)                                                                         \
    X(SPIFFE, "spiffe")                                                                            \
    X(URI, "uri")                                                                                  \
    X(DNS, "dns")                                                                                  \
    X(EMAIL, "email")                                                                              \
    X(UPN, "upn")                                                                                  \
    X(CN, "cn")                                                                                    \
    X(ATTRIBUTE, "attribute")                                                                      \
    X(SUBJECT, "subject")

typedef enum mpol_name_kind {
#define MPOL_NAME_KIND_ENUM(suffix, name) MPOL_NAME_##suffix,
    MPOL_NAME_KINDS(MPOL_NAME_KIND_ENUM)
#undef MPOL_NAME_KIND_ENUM
        MPOL_NAME_KIND_COUNT
} mpol_name_kind;

#endif
