/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_MODEL_H
#define MPOL_MODEL_MODEL_H
/* A policy as its document means it: every reference resolved, every list free of order. All memory
 * is the pool's. Tables are sorted by name, so equal policies give equal models. */

#include "base/bytes.h"
#include "image/format.h"

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>

/* Where a part of the policy stands in its document; 0 and "" for a part that has no place. */
typedef struct mpol_place {
    uint32_t offset;    /* in bytes */
    const void *source; /* the document's own node, for its reader only */
} mpol_place;

typedef struct mpol_ca_certificate {
    mpol_bytes der;
    uint8_t spki[32]; /* SHA-256 of SubjectPublicKeyInfo */
} mpol_ca_certificate;

/* One segment of a pattern, the most specific type first. */
typedef enum mpol_segment_type {
    MPOL_SEGMENT_LITERAL,
    MPOL_SEGMENT_UUID,
    MPOL_SEGMENT_INT,
    MPOL_SEGMENT_HEX,
    MPOL_SEGMENT_ONE,
    MPOL_SEGMENT_REST
} mpol_segment_type;

typedef struct mpol_segment {
    mpol_segment_type type;
    mpol_bytes literal; /* of a literal; may be empty, in the last place */
    mpol_bytes capture; /* its name; NULL data: none */
} mpol_segment;

/* A kind of name; of attributes, which one. */
typedef struct mpol_naming {
    mpol_name_kind kind;
    mpol_bytes oid; /* in dots; NULL data for other kinds */
} mpol_naming;

/* A name or a pattern of names. */
typedef struct mpol_name_pattern {
    mpol_naming naming;
    mpol_bytes value;             /* in the form in which names are compared */
    bool is_pattern;              /* it has a wildcard or a capture */
    apr_array_header_t *segments; /* mpol_segment: see mpol_name_segments */
    mpol_place place;
} mpol_name_pattern;

typedef struct mpol_issuer {
    mpol_bytes name;
    mpol_place place;
    apr_array_header_t *certificates; /* mpol_ca_certificate, sorted by DER, each once */
    apr_array_header_t *namings;      /* mpol_naming, sorted; empty: clients have pins only */
    bool bad_namings;                 /* they were wrong, which is reported */
    bool may_cross;                   /* one of its certificates may certify further CAs */
    bool any_of;
    apr_array_header_t *may_assert; /* mpol_name_pattern, sorted; empty: every name */
    mpol_bytes environment;         /* NULL data: none */
} mpol_issuer;

/* A value that the subject must have. */
typedef struct mpol_attribute {
    mpol_bytes oid; /* in dots */
    mpol_bytes value;
} mpol_attribute;

typedef struct mpol_pin {
    uint8_t digest[MPOL_SPKI_BYTES]; /* SHA-256 */
    uint32_t kind;                   /* MPOL_PIN_CERTIFICATE or MPOL_PIN_SPKI */
} mpol_pin;

typedef struct mpol_identity {
    mpol_bytes name;
    mpol_place place;
    uint32_t issuer; /* index */
    bool has_name;
    mpol_name_pattern pattern;      /* when it has one */
    apr_array_header_t *attributes; /* mpol_attribute, sorted by OID */
    apr_array_header_t *pins;       /* mpol_pin, sorted */
} mpol_identity;

typedef struct mpol_group {
    mpol_bytes name;
    mpol_place place;
    apr_array_header_t *identities; /* uint32_t */
    apr_array_header_t *groups;     /* uint32_t */
} mpol_group;

typedef struct mpol_pattern {
    mpol_bytes text; /* as written */
    mpol_place place;
    apr_array_header_t *segments; /* mpol_segment */
} mpol_pattern;

typedef struct mpol_route {
    mpol_bytes name;
    mpol_place place;
    apr_array_header_t *hosts;    /* mpol_bytes, normalised; "*" is every other, "-" is none */
    bool any_method;              /* "*" */
    apr_array_header_t *methods;  /* mpol_bytes; HEAD is there when GET is; empty for "*" */
    apr_array_header_t *patterns; /* mpol_pattern */
    apr_array_header_t *tags;     /* mpol_bytes */
    uint32_t flags;               /* MPOL_ROUTE_ bits of the compiled policy */
    bool preflight;
} mpol_route;

static inline bool mpol_route_is_internal(const mpol_route *route) {
    return (route->flags & (MPOL_ROUTE_INTERNAL | MPOL_ROUTE_INTERNAL_ERROR)) != 0;
}

typedef struct mpol_network {
    uint8_t low[MPOL_ADDRESS_BYTES]; /* IPv4 mapped into IPv6 */
    uint8_t high[MPOL_ADDRESS_BYTES];
} mpol_network;

/* A route, a tag or all routes, as a rule names them. */
typedef enum mpol_scope_type { MPOL_SCOPE_ROUTE, MPOL_SCOPE_TAG, MPOL_SCOPE_ALL } mpol_scope_type;

typedef struct mpol_scope {
    mpol_scope_type type;
    uint32_t route; /* index, of MPOL_SCOPE_ROUTE */
    mpol_bytes tag; /* of MPOL_SCOPE_TAG */
    mpol_place place;
} mpol_scope;

/* A capture of the path, and what it must be equal to. */
typedef struct mpol_same {
    mpol_bytes path;   /* capture */
    uint32_t kind;     /* MPOL_SAME_CAPTURE or MPOL_SAME_ATTRIBUTE */
    mpol_bytes source; /* capture, or OID in dots */
} mpol_same;

typedef struct mpol_rule {
    mpol_bytes name;
    mpol_place place;
    bool deny;
    bool everyone;
    bool any_verified;
    apr_array_header_t *issuers;    /* uint32_t */
    apr_array_header_t *identities; /* uint32_t */
    apr_array_header_t *groups;     /* uint32_t */
    apr_array_header_t *scopes;     /* mpol_scope */
    apr_array_header_t *networks;   /* mpol_network, sorted and apart; empty: no condition */
    apr_array_header_t *users;      /* mpol_bytes, sorted */
    apr_array_header_t *sames;      /* mpol_same, sorted */
    bool any_user;
    bool has_from;
    bool has_until;
    uint64_t valid_from_s;
    uint64_t valid_until_s;
    mpol_bytes owner; /* NULL data: none; so for the next two */
    mpol_bytes ticket;
    mpol_bytes note;
} mpol_rule;

typedef struct mpol_model {
    apr_pool_t *pool;
    /* The JSON pointer of a place, for diagnostics. */
    const char *(*pointer)(apr_pool_t *pool, const mpol_place *place);
    mpol_bytes name;
    mpol_bytes environment; /* NULL data: none */
    bool production;
    uint64_t serial;
    uint64_t valid_until_s; /* 0: does not end */
    apr_array_header_t *issuers;
    apr_array_header_t *identities;
    apr_array_header_t *groups;
    apr_array_header_t *routes;
    apr_array_header_t *rules;
} mpol_model;

/* Element i of an APR array of TYPE, as a pointer. */
#define MPOL_AT(array, i, TYPE) (&APR_ARRAY_IDX((array), (i), TYPE))

/* A loop over an APR array of TYPE: `item` points at each element in turn. */
#define EACH(array, TYPE, item)                                                                    \
    for (const TYPE *item = (const TYPE *)(const void *)(array)->elts,                             \
                    *item##_end = item + (array)->nelts;                                           \
         item < item##_end; item++)

#endif
