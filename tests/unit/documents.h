/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DOCUMENTS_H
#define TESTS_UNIT_DOCUMENTS_H
/* What tests of the authoring half share: documents made of parts, and what is wrong with them. */

#include "support.h"

/* Formats into the pool. */
#define TEXT(...) apr_psprintf(support_pool(), __VA_ARGS__)

/* A policy named x with these members. */
const char *document_with(const char *members);

/* An issuer of CA "corp" and one of its identities, as members of a policy. */
#define DOCUMENT_ISSUER_OF(names)                                                                  \
    "\"issuers\":{\"c\":{\"certificates\":[{\"pem\":\"$corp\"}],\"names\":[" names "]}}"
#define DOCUMENT_ISSUER DOCUMENT_ISSUER_OF("\"cn\"")
#define DOCUMENT_IDENTITY DOCUMENT_ISSUER ",\"identities\":{\"a\":{\"issuer\":\"c\",\"cn\":\"A\"}}"
#define DOCUMENT_ROUTE                                                                             \
    "\"routes\":{\"r\":{\"hosts\":[\"*\"],\"methods\":[\"GET\"],\"paths\":[\"/"                    \
    "\"],\"tags\":[\"t\"]}}"

/* Read a document that has no error; the test fails when it has. */
mpol_model *document_read(const char *json);

/* The codes of all that is wrong with it, with blanks between, in the order of places. */
const char *document_codes(const char *json);

/* "code pointer" of each, with "; " between; and each place is where the text `at` of the row
 * stands in the document. */
const char *document_places(const char *json);

/* What the document says at the place of its only diagnostic, from there on; the test fails when
 * there is not one of that code. */
void document_expect(const char *json, const char *code, const char *at);
/* The same for one diagnostic among several. */
void document_expect_among(const char *json, const char *code, const char *at);

/* The text with the first `from` replaced; the test fails when it is not there. */
const char *document_replaced(const char *text, const char *from, const char *to);

/* A number from 0 to below `limit`; the same sequence in each run. */
uint32_t document_random(uint64_t *state, uint32_t limit);

#endif
