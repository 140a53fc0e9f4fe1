/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_SOUND_H
#define MPOL_IMAGE_SOUND_H
/* A compiled policy in memory, and what the proofs (docs/PROOFS.md) call a sound one: what
 * `mpol_image_check` establishes, and all that the accessors of view.h rely on. */

#include "base/bytes.h"
#include "image/format.h"

typedef struct mpol_section {
    uint32_t offset; /* from the start of the image, in bytes */
    uint32_t count;  /* elements */
} mpol_section;

typedef struct mpol_image {
    const uint8_t *bytes; /* borrowed */
    uint32_t len;         /* in bytes */
    mpol_section section[MPOL_SECTION_COUNT];
} mpol_image;

/* Sections lie inside the image; a field is what four of its bytes say. Element sizes are literals
 * wherever they are known, since provers are weak at products. */
#define MPOL_AND_INSIDE(suffix, bytes) &&mpol_section_inside(image, MPOL_##suffix, bytes)
/*@ predicate mpol_bytes_there(mpol_image *image) =
      \valid_read(image) && MPOL_SECTIONS_START <= image->len <= 0x40000000 &&
      \valid_read(image->bytes + (0 .. image->len - 1));
    predicate mpol_section_inside(mpol_image *image, integer kind, integer element) =
      image->section[kind].count <= image->len &&
      image->section[kind].offset + image->section[kind].count * element <= image->len;
    predicate mpol_sections(mpol_image *image) =
      mpol_bytes_there(image) MPOL_SECTIONS(MPOL_AND_INSIDE);
    predicate mpol_section_of(mpol_image *image, integer kind, integer element) =
      mpol_bytes_there(image) && 0 <= kind < MPOL_SECTION_COUNT && 1 <= element <= 68 &&
      mpol_section_inside(image, kind, element);

    logic integer mpol_header(mpol_image *image, integer field) = mpol_u32_at(image->bytes + field);
    logic integer mpol_size(mpol_image *image, integer kind) = image->section[kind].count;
    logic integer mpol_field(mpol_image *image, integer kind, integer element, integer index,
                             integer field) =
      mpol_u32_at(image->bytes + (image->section[kind].offset + index * element + field));

    lemma mpol_place_inside:
      \forall integer index, count, element;
        0 <= index < count && 0 <= element ==> index * element + element <= count * element; */

/* Strings are not empty of their zero byte and lie in the pool; lists lie in their values. */
/*@ logic integer mpol_strings(mpol_image *image) =
      image->section[MPOL_STRING_OFFSETS].count - 1;
    logic integer mpol_string_offset(mpol_image *image, integer id) =
      mpol_field(image, MPOL_STRING_OFFSETS, 4, id, 0);
    predicate mpol_string_inside(mpol_image *image, integer id) =
      mpol_string_offset(image, id) < mpol_string_offset(image, id + 1) <=
        image->section[MPOL_STRING_BYTES].count;
    predicate mpol_strings_sound(mpol_image *image) =
      1 <= image->section[MPOL_STRING_OFFSETS].count &&
      \forall integer id; 0 <= id < mpol_strings(image) ==> mpol_string_inside(image, id);
    predicate mpol_string_ends(mpol_image *image, integer id) =
      image->bytes[image->section[MPOL_STRING_BYTES].offset +
                   mpol_string_offset(image, id + 1) - 1] == 0;
    predicate mpol_strings_end(mpol_image *image) =
      \forall integer id; 0 <= id < mpol_strings(image) ==> mpol_string_ends(image, id);

    logic integer mpol_lists(mpol_image *image) = image->section[MPOL_LIST_OFFSETS].count - 1;
    logic integer mpol_list_offset(mpol_image *image, integer id) =
      mpol_field(image, MPOL_LIST_OFFSETS, 4, id, 0);
    logic integer mpol_value(mpol_image *image, integer at) =
      mpol_field(image, MPOL_LIST_VALUES, 4, at, 0);
    predicate mpol_list_inside(mpol_image *image, integer id) =
      mpol_list_offset(image, id) <= mpol_list_offset(image, id + 1) <=
        image->section[MPOL_LIST_VALUES].count;
    predicate mpol_lists_sound(mpol_image *image) =
      1 <= image->section[MPOL_LIST_OFFSETS].count &&
      \forall integer id; 0 <= id < mpol_lists(image) ==> mpol_list_inside(image, id);
    predicate mpol_ascend(mpol_image *image, integer from, integer to) =
      \forall integer i, k; from <= i < k < to ==> mpol_value(image, i) < mpol_value(image, k);
    lemma mpol_last_is_greatest:
      \forall mpol_image *image, integer from, to, at;
        mpol_ascend(image, from, to) && from <= at < to ==>
          mpol_value(image, at) <= mpol_value(image, to - 1);
    predicate mpol_list_ascends(mpol_image *image, integer id) =
      mpol_ascend(image, mpol_list_offset(image, id), mpol_list_offset(image, id + 1));
    predicate mpol_lists_ascend(mpol_image *image) =
      \forall integer id; 0 <= id < mpol_lists(image) ==> mpol_list_ascends(image, id);

    predicate mpol_readable(mpol_image *image) =
      mpol_sections(image) && mpol_strings_sound(image) && mpol_lists_sound(image); */

/* One field of every element of a section: below a bound, none or below it, a list of what is below
 * it, and the first of the things that an element has among `total` in all. */
/*@ predicate mpol_is_below(mpol_image *image, integer kind, integer element, integer field,
                            integer bound) =
      \forall integer i; 0 <= i < image->section[kind].count ==>
        mpol_field(image, kind, element, i, field) < bound;
    predicate mpol_is_below_or_none(mpol_image *image, integer kind, integer element, integer field,
                                    integer bound) =
      \forall integer i; 0 <= i < image->section[kind].count ==>
        (mpol_field(image, kind, element, i, field) == MPOL_NONE ||
         mpol_field(image, kind, element, i, field) < bound);
    predicate mpol_list_below(mpol_image *image, integer id, integer bound) =
      id < mpol_lists(image) &&
      \forall integer at; mpol_list_offset(image, id) <= at < mpol_list_offset(image, id + 1) ==>
        mpol_value(image, at) < bound;
    predicate mpol_is_list_below(mpol_image *image, integer kind, integer element, integer field,
                                 integer bound) =
      \forall integer i; 0 <= i < image->section[kind].count ==>
        mpol_list_below(image, mpol_field(image, kind, element, i, field), bound);
    predicate mpol_is_share(mpol_image *image, integer kind, integer element, integer first,
                            integer total) =
      \forall integer i; 0 <= i < image->section[kind].count ==>
        mpol_field(image, kind, element, i, first) +
          mpol_field(image, kind, element, i, first + 4) <= total; */
#define MPOL_BELOW(KIND, FIELD, bound)                                                             \
    mpol_is_below(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIELD, bound)
#define MPOL_INDEX(KIND, FIELD, OF) MPOL_BELOW(KIND, FIELD, mpol_size(image, MPOL_##OF))
#define MPOL_STRING(KIND, FIELD) MPOL_BELOW(KIND, FIELD, mpol_strings(image))
#define MPOL_INDEX_OR_NONE(KIND, FIELD, OF)                                                        \
    mpol_is_below_or_none(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIELD,                          \
                          mpol_size(image, MPOL_##OF))
#define MPOL_STRING_OR_NONE(KIND, FIELD)                                                           \
    mpol_is_below_or_none(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIELD, mpol_strings(image))
#define MPOL_LIST_OF(KIND, FIELD, OF)                                                              \
    mpol_is_list_below(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIELD, mpol_size(image, MPOL_##OF))
/* A list of captures; a member tells the segment in its low bits. */
#define MPOL_CAPTURES_OF(KIND, FIELD)                                                              \
    mpol_is_list_below(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIELD,                             \
                       mpol_size(image, MPOL_CAPTURES) * 64)
#define MPOL_SHARE(KIND, FIRST, OF)                                                                \
    mpol_is_share(image, MPOL_##KIND, MPOL_##KIND##_BYTES, FIRST, mpol_size(image, MPOL_##OF))

/* What the header names exists. */
/*@ predicate mpol_header_sound(mpol_image *image) =
      mpol_header(image, MPOL_HEADER_NAME) < mpol_strings(image) &&
      (mpol_header(image, MPOL_HEADER_ENVIRONMENT) == MPOL_NONE ||
       mpol_header(image, MPOL_HEADER_ENVIRONMENT) < mpol_strings(image)) &&
      mpol_header(image, MPOL_HEADER_NAME_STATE) <= mpol_size(image, MPOL_STATES) &&
      (mpol_header(image, MPOL_HEADER_ANY_HOST) == MPOL_NONE ||
       mpol_header(image, MPOL_HEADER_ANY_HOST) < mpol_header(image, MPOL_HEADER_NAME_STATE)) &&
      (mpol_header(image, MPOL_HEADER_NO_HOST) == MPOL_NONE ||
       mpol_header(image, MPOL_HEADER_NO_HOST) < mpol_header(image, MPOL_HEADER_NAME_STATE)); */

/* What clients name exists: chapters 5 and 6 of docs/FORMAT.md. */
/*@ predicate mpol_issuers_sound(mpol_image *image) =
      MPOL_STRING(ISSUERS, MPOL_ISSUER_NAME) &&
      MPOL_SHARE(ISSUERS, MPOL_ISSUER_CERT, CERTIFICATES) &&
      MPOL_SHARE(ISSUERS, MPOL_ISSUER_NAMING, NAMINGS) &&
      MPOL_INDEX(ISSUERS, MPOL_ISSUER_CLASS, CLASSES) &&
      MPOL_INDEX_OR_NONE(ISSUERS, MPOL_ISSUER_CROSS_ROW, ROWS) &&
      MPOL_STRING_OR_NONE(ISSUERS, MPOL_ISSUER_ENVIRONMENT) &&
      MPOL_SHARE(CERTIFICATES, MPOL_CERTIFICATE_OFFSET, CERTIFICATE_BYTES);
    predicate mpol_namings_sound(mpol_image *image) =
      MPOL_BELOW(NAMINGS, MPOL_NAMING_KIND, MPOL_NAME_KIND_COUNT) &&
      MPOL_STRING_OR_NONE(NAMINGS, MPOL_NAMING_OID) &&
      MPOL_INDEX_OR_NONE(NAMINGS, MPOL_NAMING_STATE, STATES);
    predicate mpol_keys_sound(mpol_image *image) =
      MPOL_INDEX(ISSUER_KEYS, MPOL_ISSUER_KEY_ISSUER, ISSUERS);
    predicate mpol_identities_sound(mpol_image *image) =
      MPOL_STRING(IDENTITIES, MPOL_IDENTITY_NAME) &&
      MPOL_INDEX(IDENTITIES, MPOL_IDENTITY_ISSUER, ISSUERS) &&
      MPOL_INDEX_OR_NONE(IDENTITIES, MPOL_IDENTITY_NAMING, NAMINGS) &&
      MPOL_STRING_OR_NONE(IDENTITIES, MPOL_IDENTITY_VALUE) &&
      MPOL_INDEX(IDENTITIES, MPOL_IDENTITY_CLASS, CLASSES) &&
      MPOL_CAPTURES_OF(IDENTITIES, MPOL_IDENTITY_CAPTURES) &&
      MPOL_SHARE(IDENTITIES, MPOL_IDENTITY_ATTRIBUTE, ATTRIBUTES) &&
      MPOL_STRING(ATTRIBUTES, MPOL_ATTRIBUTE_OID) &&
      MPOL_STRING(ATTRIBUTES, MPOL_ATTRIBUTE_VALUE) &&
      MPOL_STRING(GROUPS, 0);
    predicate mpol_pins_sound(mpol_image *image) =
      MPOL_BELOW(PINS, MPOL_PIN_KIND, MPOL_PIN_KIND_COUNT) &&
      MPOL_LIST_OF(PINS, MPOL_PIN_IDENTITIES, IDENTITIES);
    predicate mpol_names_sound(mpol_image *image) =
      MPOL_INDEX(NAMES, MPOL_NAMES_NAMING, NAMINGS) &&
      MPOL_STRING(NAMES, MPOL_NAMES_VALUE) &&
      MPOL_LIST_OF(NAMES, MPOL_NAMES_IDENTITIES, IDENTITIES) &&
      MPOL_LIST_OF(NAME_ENDS, MPOL_NAME_END_IDENTITIES, IDENTITIES);
    predicate mpol_class_names_one(mpol_image *image, integer i) =
      mpol_field(image, MPOL_CLASSES, MPOL_CLASSES_BYTES, i, MPOL_CLASS_IDENTITY) == MPOL_NONE ||
      mpol_field(image, MPOL_CLASSES, MPOL_CLASSES_BYTES, i, MPOL_CLASS_IDENTITY) <
        mpol_size(image, MPOL_IDENTITIES);
    predicate mpol_classes_sound(mpol_image *image) =
      MPOL_INDEX(CLASSES, MPOL_CLASS_ISSUER, ISSUERS) &&
      MPOL_LIST_OF(CLASSES, MPOL_CLASS_IDENTITIES, IDENTITIES) &&
      MPOL_LIST_OF(CLASSES, MPOL_CLASS_GROUPS, GROUPS) &&
      MPOL_INDEX(CLASSES, MPOL_CLASS_ROW, ROWS) &&
      \forall integer i; 0 <= i < image->section[MPOL_CLASSES].count ==>
        mpol_class_names_one(image, i);
    predicate mpol_clients_sound(mpol_image *image) =
      mpol_issuers_sound(image) && mpol_namings_sound(image) && mpol_keys_sound(image) &&
      mpol_identities_sound(image) && mpol_pins_sound(image) && mpol_names_sound(image) &&
      mpol_classes_sound(image); */

/* What rows, cells and rules name exists: chapters 7 and 8. */
/*@ predicate mpol_rows_sound(mpol_image *image) =
      mpol_size(image, MPOL_ROWS) > MPOL_ROW_EVERYONE &&
      MPOL_INDEX_OR_NONE(ROWS, MPOL_ROW_DEFAULT, CELLS) &&
      MPOL_SHARE(ROWS, MPOL_ROW_ENTRY, ENTRIES) &&
      MPOL_INDEX(ENTRIES, MPOL_ENTRY_ROUTE_CLASS, ROUTES) &&
      MPOL_INDEX(ENTRIES, MPOL_ENTRY_CELL, CELLS);
    predicate mpol_cells_sound(mpol_image *image) =
      MPOL_LIST_OF(CELLS, MPOL_CELL_DENY, RULES) && MPOL_LIST_OF(CELLS, MPOL_CELL_ALLOW, RULES);
    predicate mpol_source_sound(mpol_image *image, integer i) =
      mpol_field(image, MPOL_SAMES, MPOL_SAMES_BYTES, i, MPOL_SAME_SOURCE) <
        (mpol_field(image, MPOL_SAMES, MPOL_SAMES_BYTES, i, MPOL_SAME_KIND) == MPOL_SAME_CAPTURE
           ? mpol_size(image, MPOL_CAPTURES) : mpol_strings(image));
    predicate mpol_sames_sound(mpol_image *image) =
      MPOL_INDEX(SAMES, MPOL_SAME_PATH, CAPTURES) &&
      MPOL_BELOW(SAMES, MPOL_SAME_KIND, MPOL_SAME_KIND_COUNT) &&
      (\forall integer i; 0 <= i < image->section[MPOL_SAMES].count ==>
        mpol_source_sound(image, i)) &&
      MPOL_STRING(CAPTURES, 0);
    predicate mpol_rule_texts_sound(mpol_image *image) =
      MPOL_STRING(RULES, MPOL_RULE_NAME) &&
      MPOL_STRING_OR_NONE(RULES, MPOL_RULE_OWNER) &&
      MPOL_STRING_OR_NONE(RULES, MPOL_RULE_TICKET) &&
      MPOL_STRING_OR_NONE(RULES, MPOL_RULE_NOTE);
    predicate mpol_rule_parts_sound(mpol_image *image) =
      MPOL_SHARE(RULES, MPOL_RULE_NETWORK, NETWORKS) &&
      MPOL_SHARE(RULES, MPOL_RULE_USER, USERS) &&
      MPOL_STRING(USERS, 0) &&
      MPOL_SHARE(RULES, MPOL_RULE_SAME, SAMES) &&
      MPOL_LIST_OF(RULES, MPOL_RULE_IDENTITIES, IDENTITIES);
    predicate mpol_rules_sound(mpol_image *image) =
      mpol_rows_sound(image) && mpol_cells_sound(image) && mpol_rule_texts_sound(image) &&
      mpol_rule_parts_sound(image) && mpol_sames_sound(image); */

/* What hosts, states and endpoints name exists, and each step through the states leads to a later
 * state of the same part, so that every walk ends: chapter 9. */
#define MPOL_STATE(state, FIELD) mpol_field(image, MPOL_STATES, MPOL_STATES_BYTES, state, FIELD)
#define MPOL_NARROW(i, FIELD) mpol_field(image, MPOL_NARROWS, MPOL_NARROWS_BYTES, i, FIELD)
/*@ predicate mpol_leads_on(integer target, integer state, integer end) = state < target < end;
    predicate mpol_leads_on_or_none(integer target, integer state, integer end) =
      target == MPOL_NONE || mpol_leads_on(target, state, end);
    predicate mpol_narrow_sound(mpol_image *image, integer i, integer state, integer end) =
      mpol_leads_on_or_none(MPOL_NARROW(i, MPOL_NARROW_UUID), state, end) &&
      mpol_leads_on_or_none(MPOL_NARROW(i, MPOL_NARROW_INT), state, end) &&
      mpol_leads_on_or_none(MPOL_NARROW(i, MPOL_NARROW_HEX), state, end);
    predicate mpol_narrow_fits(mpol_image *image, integer state, integer end) =
      MPOL_STATE(state, MPOL_STATE_NARROW) == MPOL_NONE ||
      mpol_narrow_sound(image, MPOL_STATE(state, MPOL_STATE_NARROW), state, end);
    predicate mpol_edges_lead_on(mpol_image *image, integer from, integer to, integer state,
                                 integer end) =
      \forall integer i; from <= i < to ==>
        mpol_leads_on(mpol_field(image, MPOL_EDGES, MPOL_EDGES_BYTES, i, MPOL_EDGE_TARGET), state,
                      end);
    predicate mpol_state_sound(mpol_image *image, integer state, integer end) =
      mpol_leads_on_or_none(MPOL_STATE(state, MPOL_STATE_OTHER), state, end) &&
      mpol_narrow_fits(image, state, end) &&
      mpol_edges_lead_on(image, MPOL_STATE(state, MPOL_STATE_EDGE),
                         MPOL_STATE(state, MPOL_STATE_EDGE) + MPOL_STATE(state, MPOL_STATE_EDGES),
                         state, end);
    predicate mpol_state_stays(mpol_image *image, integer state) =
      mpol_state_sound(image, state,
                       state < mpol_header(image, MPOL_HEADER_NAME_STATE)
                         ? mpol_header(image, MPOL_HEADER_NAME_STATE)
                         : mpol_size(image, MPOL_STATES));
    predicate mpol_ends_sound(mpol_image *image, integer from, integer to, integer bound) =
      \forall integer i; from <= i < to ==>
        (MPOL_STATE(i, MPOL_STATE_END) == MPOL_NONE || MPOL_STATE(i, MPOL_STATE_END) < bound) &&
        (MPOL_STATE(i, MPOL_STATE_TAIL) == MPOL_NONE || MPOL_STATE(i, MPOL_STATE_TAIL) < bound);
    predicate mpol_hosts_sound(mpol_image *image) =
      MPOL_STRING(HOSTS, MPOL_HOST_NAME) &&
      MPOL_BELOW(HOSTS, MPOL_HOST_STATE, mpol_header(image, MPOL_HEADER_NAME_STATE));
    predicate mpol_edges_sound(mpol_image *image) =
      MPOL_SHARE(STATES, MPOL_STATE_EDGE, EDGES) && MPOL_STRING(EDGES, MPOL_EDGE_LITERAL) &&
      MPOL_INDEX_OR_NONE(STATES, MPOL_STATE_NARROW, NARROWS);
    predicate mpol_states_sound(mpol_image *image) =
      mpol_edges_sound(image) &&
      mpol_ends_sound(image, 0, mpol_header(image, MPOL_HEADER_NAME_STATE),
                      mpol_size(image, MPOL_ENDPOINTS)) &&
      mpol_ends_sound(image, mpol_header(image, MPOL_HEADER_NAME_STATE),
                      mpol_size(image, MPOL_STATES), mpol_size(image, MPOL_NAME_ENDS)) &&
      \forall integer state; 0 <= state < image->section[MPOL_STATES].count ==>
        mpol_state_stays(image, state);
    predicate mpol_endpoints_sound(mpol_image *image) =
      MPOL_STRING(ENDPOINTS, MPOL_ENDPOINT_PATTERN) &&
      MPOL_INDEX_OR_NONE(ENDPOINTS, MPOL_ENDPOINT_ANY_METHOD, ROUTES) &&
      MPOL_INDEX_OR_NONE(ENDPOINTS, MPOL_ENDPOINT_PREFLIGHT, ROUTES) &&
      MPOL_CAPTURES_OF(ENDPOINTS, MPOL_ENDPOINT_ANY_CAPTURES) &&
      MPOL_SHARE(ENDPOINTS, MPOL_ENDPOINT_METHOD, METHODS) &&
      MPOL_STRING(METHODS, MPOL_METHOD_NAME) &&
      MPOL_INDEX(METHODS, MPOL_METHOD_ROUTE, ROUTES) &&
      MPOL_CAPTURES_OF(METHODS, MPOL_METHOD_CAPTURES);
    predicate mpol_route_list_sound(mpol_image *image) =
      MPOL_STRING(ROUTES, MPOL_ROUTE_NAME) && MPOL_INDEX(ROUTES, MPOL_ROUTE_CLASS, ROUTES);
    predicate mpol_routes_sound(mpol_image *image) =
      mpol_hosts_sound(image) && mpol_states_sound(image) && mpol_endpoints_sound(image) &&
      mpol_route_list_sound(image); */

/*@ predicate mpol_sound(mpol_image *image) =
      mpol_readable(image) && mpol_strings_end(image) && mpol_lists_ascend(image) &&
      mpol_header_sound(image) && mpol_clients_sound(image) && mpol_rules_sound(image) &&
      mpol_routes_sound(image); */

#endif
