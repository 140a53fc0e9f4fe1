/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_CHECK_H
#define MPOL_IMAGE_CHECK_H
/* The complete check of a compiled policy: one pure function, no allocation, no libc, no state.
 * What it accepts can be read without further checks. Numbers are those of docs/FORMAT.md. */

#include "base/limits.h"
#include "image/view.h"

/* X(enum suffix, number in docs/FORMAT.md, what fails) */
#define MPOL_FORMAT_RULES(X)                                                                       \
    X(SIZE, "1.1", "the file is too short or too long")                                            \
    X(MAGIC, "1.2", "the file does not begin as a compiled policy")                                \
    X(VERSION, "1.3", "the format version is another one")                                         \
    X(HEADER_LENGTH, "1.4", "the header's length is wrong")                                        \
    X(FILE_LENGTH, "1.5", "the file's length differs from the one it states")                      \
    X(SECTION_COUNT, "1.6", "the number of sections is wrong")                                     \
    X(FLAGS, "1.7", "a flag of the header is unknown")                                             \
    X(DIGEST, "1.8", "the SHA-256 digest does not fit the content")                                \
    X(POLICY_NAME, "1.9", "the policy's name or environment is no string of the pool")             \
    X(HEADER_STATE, "1.10", "a state that the header names does not exist")                        \
    X(SECTION_KIND, "2.1", "a section is not of the kind that belongs there")                      \
    X(SECTION_ELEMENT, "2.2", "a section's element size is wrong")                                 \
    X(SECTION_PLACE, "2.3", "a section does not follow the one before it")                         \
    X(SECTION_INSIDE, "2.4", "a section reaches beyond the file")                                  \
    X(SECTION_PADDING, "2.5", "padding is not zero")                                               \
    X(SECTION_END, "2.6", "there are bytes after the last section")                                \
    X(STRING_OFFSET, "3.1", "string offsets do not ascend through the pool")                       \
    X(STRING_END, "3.2", "a string does not end in a zero byte")                                   \
    X(STRING_TEXT, "3.3", "a string is not UTF-8 or holds a zero byte")                            \
    X(STRING_ORDER, "3.4", "strings are not sorted or not unique")                                 \
    X(LIST_OFFSET, "4.1", "list offsets do not ascend through the values")                         \
    X(LIST_FIRST, "4.2", "list 0 is not the empty list")                                           \
    X(LIST_ORDER, "4.3", "a list's members do not ascend")                                         \
    X(ISSUER_NAME, "5.1", "an issuer's name is wrong or out of order")                             \
    X(ISSUER_FLAGS, "5.2", "an issuer's flags are unknown")                                        \
    X(ISSUER_CERTIFICATES, "5.3", "issuers do not share out the certificates in order")            \
    X(KEY_ORDER, "5.4", "issuer keys are not sorted or not unique")                                \
    X(KEY_ISSUER, "5.5", "a key belongs to no issuer")                                             \
    X(CERTIFICATE_PLACE, "5.6", "certificates do not fill their section in order")                 \
    X(ISSUER_NAMINGS, "5.7", "issuers do not share out the kinds of name in order")                \
    X(ISSUER_FIELD, "5.8", "an issuer's class, row or environment does not exist")                 \
    X(NAMING_FIELD, "5.9", "a kind of name is unknown, or its OID or state does not fit")          \
    X(IDENTITY_NAME, "6.1", "an identity's name is wrong or out of order")                         \
    X(IDENTITY_FIELD, "6.2", "an identity's issuer, kind of name, value or class does not exist")  \
    X(IDENTITY_FLAGS, "6.3", "an identity's flags are unknown")                                    \
    X(IDENTITY_CAPTURES, "6.4", "an identity's captures do not exist")                             \
    X(IDENTITY_ATTRIBUTES, "6.5", "identities do not share out the attributes in order")           \
    X(ATTRIBUTE_FIELD, "6.6", "an attribute's OID or value does not exist")                        \
    X(PIN_FIELD, "6.7", "a pin is of no kind or names no identities")                              \
    X(PIN_ORDER, "6.8", "pins are not sorted or not unique")                                       \
    X(GROUP_NAME, "6.9", "a group's name is wrong or out of order")                                \
    X(NAMES_FIELD, "6.10", "a name's kind, value or identities do not exist")                      \
    X(NAMES_HASH, "6.11", "a name's hash is wrong")                                                \
    X(NAMES_ORDER, "6.12", "names are not sorted or not unique")                                   \
    X(NAME_END_FIELD, "6.13", "the end of a name's pattern names no identities")                   \
    X(CLASS_FIELD, "6.14", "a class's issuer, list, row or identity does not exist")               \
    X(CLASS_HASH, "6.15", "a class's hash is wrong")                                               \
    X(CLASS_ORDER, "6.16", "classes are not sorted or not unique")                                 \
    X(ROW_FIRST, "7.1", "the row for everyone is missing")                                         \
    X(ROW_DEFAULT, "7.2", "a row's default cell does not exist")                                   \
    X(ROW_ENTRIES, "7.3", "rows do not share out the entries in order")                            \
    X(ENTRY_ORDER, "7.4", "a row's entries are not sorted or not unique")                          \
    X(ENTRY_FIELD, "7.5", "an entry's route class or cell does not exist")                         \
    X(CELL_LIST, "7.6", "a cell's list does not exist or names no rule")                           \
    X(EVERYONE_CONDITION, "7.7", "a rule for everyone asks who the client is")                     \
    X(CELL_EFFECT, "7.8", "a cell takes a deny for an allow, or the other way round")              \
    X(RULE_NAME, "8.1", "a rule's name is wrong or out of order")                                  \
    X(RULE_TEXT, "8.2", "a rule's owner, ticket or note is no string")                             \
    X(RULE_FLAGS, "8.3", "a rule's flags do not fit its fields")                                   \
    X(RULE_NETWORKS, "8.4", "rules do not share out the networks in order")                        \
    X(NETWORK_ORDER, "8.5", "a rule's networks are not sorted and apart")                          \
    X(RULE_USERS, "8.6", "rules do not share out the users in order, or a user is no string")      \
    X(RULE_SAMES, "8.7", "rules do not share out the comparisons in order")                        \
    X(SAME_FIELD, "8.8", "a comparison's capture, kind or source does not exist")                  \
    X(RULE_IDENTITIES, "8.9", "a rule's identities do not exist")                                  \
    X(CAPTURE_NAME, "8.10", "captures are not sorted or not strings")                              \
    X(HOST_FIELD, "9.1", "a host's name or state does not exist")                                  \
    X(HOST_HASH, "9.2", "a host's hash is wrong")                                                  \
    X(HOST_ORDER, "9.3", "hosts are not sorted or not unique")                                     \
    X(STATE_EDGES, "9.4", "states do not share out the edges in order")                            \
    X(STATE_FIELD, "9.5", "a state leads to one that does not come after it, or ends nowhere")     \
    X(EDGE_FIELD, "9.6", "an edge's literal or target does not exist, or is not after its state")  \
    X(EDGE_HASH, "9.7", "an edge's hash is wrong")                                                 \
    X(EDGE_ORDER, "9.8", "a state's edges are not sorted or not unique")                           \
    X(NARROW_FIELD, "9.9", "a narrowed segment leads to a state that does not come after its own") \
    X(ENDPOINT_FIELD, "9.10", "an endpoint's pattern, route or captures do not exist")             \
    X(ENDPOINT_METHODS, "9.11", "endpoints do not share out the methods in order")                 \
    X(METHOD_FIELD, "9.12", "a method's name, route or captures do not exist")                     \
    X(METHOD_ORDER, "9.13", "an endpoint's methods are not sorted or not unique")                  \
    X(ROUTE_FIELD, "9.14", "a route's name, class or flags are wrong or out of order")             \
    X(HASH_WORK, "9.15", "more would have to be hashed than a reader does")

typedef enum mpol_format_rule {
    MPOL_FORMAT_OK = 0,
#define MPOL_FORMAT_ENUM(suffix, number, sentence) MPOL_FORMAT_##suffix,
    MPOL_FORMAT_RULES(MPOL_FORMAT_ENUM)
#undef MPOL_FORMAT_ENUM
        MPOL_FORMAT_COUNT
} mpol_format_rule;

/* Rules 1.1 to 1.7, so that a foreign file is told apart from a broken one. */
/*@ requires \valid_read(bytes + (0 .. len - 1));
    terminates \true;
    assigns \nothing;
    ensures \result == MPOL_FORMAT_OK ==> MPOL_SECTIONS_START <= len <= MPOL_LIMIT_IMAGE_BYTES; */
mpol_format_rule mpol_image_check_header(const uint8_t *bytes, uint32_t len);

/* All rules but 1.8 (the digest, which needs OpenSSL: image/load.h). `bytes` stay the caller's and
 * must outlive `image`, which is filled in any case and may be used only when the result is 0. */
/*@ requires \valid(image) && \valid_read(bytes + (0 .. len - 1));
    requires \separated(image, bytes + (0 .. len - 1));
    terminates \true;
    assigns *image;
    ensures \result == MPOL_FORMAT_OK ==> image->bytes == bytes && image->len == len;
    ensures \result == MPOL_FORMAT_OK ==> mpol_sound(image); */
mpol_format_rule mpol_image_check(const uint8_t *bytes, uint32_t len, mpol_image *image);

/* "3.1" and the sentence of a rule. Static. */
const char *mpol_format_rule_number(mpol_format_rule rule);
const char *mpol_format_rule_sentence(mpol_format_rule rule);

#endif
