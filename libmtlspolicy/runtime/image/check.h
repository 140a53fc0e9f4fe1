/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_CHECK_H
#define MPOL_IMAGE_CHECK_H
/* The complete check of a compiled policy: one pure function, no allocation, no libc, no state.
 * What it accepts can be read without further checks. Numbers are those of docs/FORMAT.md. */

#include "image/view.h"

/* X(enum suffix, number in docs/FORMAT.md, what fails) */
#define MPOL_FORMAT_RULES(X)                                                                       \
    X(SIZE, "1.1", "the file is too short or too long")                                            \
    X(MAGIC, "1.2", "the file does not begin as a compiled policy")                                \
    X(VERSION, "1.3", "the format version is another one")                                         \
    X(HEADER_LENGTH, "1.4", "the header's length is wrong")                                        \
    X(FILE_LENGTH, "1.5", "the file's length differs from the one it states")                      \
    X(SECTION_COUNT, "1.6", "the number of sections is wrong")                                     \
    X(RESERVED, "1.7", "a reserved field is not zero")                                             \
    X(DIGEST, "1.8", "the SHA-256 digest does not fit the content")                                \
    X(POLICY_NAME, "1.9", "the policy's name is no string of the pool")                            \
    X(ANY_HOST, "1.10", "the state for other hosts does not exist")                                \
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
    X(ISSUER_KIND, "5.2", "an issuer's kind of name is unknown")                                   \
    X(ISSUER_CERTIFICATES, "5.3", "issuers do not share out the certificates in order")            \
    X(KEY_ORDER, "5.4", "issuer keys are not sorted or not unique")                                \
    X(KEY_ISSUER, "5.5", "a key belongs to no issuer")                                             \
    X(CERTIFICATE_PLACE, "5.6", "certificates do not fill their section in order")                 \
    X(IDENTITY_NAME, "6.1", "an identity's name is wrong or out of order")                         \
    X(IDENTITY_FIELD, "6.2", "an identity's issuer or value does not exist")                       \
    X(GROUP_NAME, "6.3", "a group's name is wrong or out of order")                                \
    X(PRINCIPAL_FIELD, "6.4", "a principal's issuer, value or class does not exist")               \
    X(PRINCIPAL_HASH, "6.5", "a principal's hash is wrong")                                        \
    X(PRINCIPAL_ORDER, "6.6", "principals are not sorted or not unique")                           \
    X(CLASS_FIELD, "6.7", "a class's row or list does not exist")                                  \
    X(ROW_FIRST, "7.1", "the row for everyone is missing")                                         \
    X(ROW_DEFAULT, "7.2", "a row's default cell does not exist")                                   \
    X(ROW_ENTRIES, "7.3", "rows do not share out the entries in order")                            \
    X(ENTRY_ORDER, "7.4", "a row's entries are not sorted or not unique")                          \
    X(ENTRY_FIELD, "7.5", "an entry's route class or cell does not exist")                         \
    X(CELL_LIST, "7.6", "a cell's list does not exist or names no rule")                           \
    X(RULE_NAME, "8.1", "a rule's name is wrong or out of order")                                  \
    X(RULE_TEXT, "8.2", "a rule's owner, ticket or note is no string")                             \
    X(RULE_FLAGS, "8.3", "a rule's flags do not fit its fields")                                   \
    X(RULE_NETWORKS, "8.4", "rules do not share out the networks in order")                        \
    X(NETWORK_ORDER, "8.5", "a rule's networks are not sorted and apart")                          \
    X(HOST_FIELD, "9.1", "a host's name or state does not exist")                                  \
    X(HOST_HASH, "9.2", "a host's hash is wrong")                                                  \
    X(HOST_ORDER, "9.3", "hosts are not sorted or not unique")                                     \
    X(STATE_EDGES, "9.4", "states do not share out the edges in order")                            \
    X(STATE_FIELD, "9.5", "a state leads to one that does not come after it, or to no endpoint")   \
    X(EDGE_FIELD, "9.6", "an edge's literal or target does not exist, or is not after its state")  \
    X(EDGE_HASH, "9.7", "an edge's hash is wrong")                                                 \
    X(EDGE_ORDER, "9.8", "a state's edges are not sorted or not unique")                           \
    X(ENDPOINT_FIELD, "9.9", "an endpoint's pattern or route does not exist")                      \
    X(ENDPOINT_METHODS, "9.10", "endpoints do not share out the methods in order")                 \
    X(METHOD_FIELD, "9.11", "a method's name or route does not exist")                             \
    X(METHOD_ORDER, "9.12", "an endpoint's methods are not sorted or not unique")                  \
    X(ROUTE_FIELD, "9.13", "a route's name or class is wrong or out of order")

typedef enum mpol_format_rule {
    MPOL_FORMAT_OK = 0,
#define MPOL_FORMAT_ENUM(suffix, number, sentence) MPOL_FORMAT_##suffix,
    MPOL_FORMAT_RULES(MPOL_FORMAT_ENUM)
#undef MPOL_FORMAT_ENUM
        MPOL_FORMAT_COUNT
} mpol_format_rule;

/* Rules 1.1 to 1.7 but not the digest, so that a foreign file is told apart from a broken one. */
mpol_format_rule mpol_image_check_header(const uint8_t *bytes, uint32_t len);

/* All rules but 1.8 (the digest, which needs OpenSSL: image/load.h). `bytes` stay the caller's and
 * must outlive `image`, which is filled in any case and may be used only when the result is 0. */
mpol_format_rule mpol_image_check(const uint8_t *bytes, uint32_t len, mpol_image *image);

/* "3.1" and the sentence of a rule. Static. */
const char *mpol_format_rule_number(mpol_format_rule rule);
const char *mpol_format_rule_sentence(mpol_format_rule rule);

#endif
