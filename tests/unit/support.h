/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H
/* What unit tests share: a pool, policies from JSON text, certificates made in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/load.h"
#include "match/certificate.h"
#include "model/diagnostics.h"
#include "model/model.h"

#include <apr_pools.h>
#include <openssl/x509.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Group setup and teardown: APR and one pool for the whole program. */
int support_start(void **state);
int support_end(void **state);
apr_pool_t *support_pool(void);

mpol_bytes support_bytes(const char *text);
/* A span as a C string, from the pool. */
const char *support_text(mpol_bytes bytes);
/* Is there a request to do less work, as under valgrind? */
bool support_is_slow(void);

/* The text with each "$name" replaced by the PEM of the CA of that name, escaped for JSON. */
const char *support_expand(const char *json);
/* Read a document; the model is whole only when there are no errors. */
mpol_diagnostics *support_read(const char *json, mpol_model **model);
/* All that is wrong with a document: "code line column pointer", one a line, from the pool. */
const char *support_findings(const char *json);
/* Compile a document that has no error; the test fails when it has. */
const mpol_bytes *support_compile(const char *json);
/* The same, loaded; released at the end of the program. */
const mpol_image *support_image(const char *json);
/* A policy with a bit of everything that is common. */
extern const char support_full_policy[];
/* tests/golden/images/1.0/policy.json, which uses every feature of the language and fills every
 * section: the same bytes each time. */
const mpol_bytes *support_compile_everything(void);

/* Two PEM texts of certificates. CAs are made once a program; "east" is below "corp", others are
 * roots. */
X509 *support_ca(const char *name); /* borrowed */
const char *support_pem(X509 *certificate);

typedef enum support_kind {
    SUPPORT_URI,
    SUPPORT_DNS,
    SUPPORT_EMAIL,
    SUPPORT_CN,
    SUPPORT_CN_BMP,
    SUPPORT_UPN,
    SUPPORT_UPN_IA5,    /* of a wrong type */
    SUPPORT_OTHER_NAME, /* no user principal name */
} support_kind;
typedef struct support_name {
    support_kind kind;
    mpol_bytes bytes;
} support_name;

#define SUPPORT_NAME(kind, literal)                                                                \
    {                                                                                              \
        kind, {                                                                                    \
            (const uint8_t *)(literal), sizeof(literal) - 1                                        \
        }                                                                                          \
    }

/* An attribute of a subject, of an ASN.1 type such as V_ASN1_UTF8STRING. */
typedef struct support_ava {
    const char *oid;
    int type;
    mpol_bytes value;
    bool joins; /* the RDN of the one before it */
} support_ava;

#define SUPPORT_AVA(oid, type, literal, joins)                                                     \
    { oid, type, {(const uint8_t *)(literal), sizeof(literal) - 1}, joins }

#define SUPPORT_NOT_BEFORE 1767225600 /* 2026-01-01T00:00:00Z */
#define SUPPORT_NOT_AFTER 1798761600  /* 2027-01-01T00:00:00Z */
#define SUPPORT_NOW 1780315200        /* 2026-06-01T12:00:00Z */

/* A client certificate of that CA, or self-signed for NULL; the caller frees it. */
X509 *support_leaf(const char *issuer, const support_name *names, size_t count);
X509 *support_leaf_dated(const char *issuer, const support_name *names, size_t count, int64_t from,
                         int64_t to);
/* One with such a subject. */
X509 *support_leaf_named(const char *issuer, const support_ava *avas, size_t count);
/* Add an extension by its DER value, and sign again. */
void support_add_extension(X509 *certificate, const char *issuer, int nid, const void *der,
                           int len);
/* The facts of a verified client below these CAs, ended by NULL, with these names. */
mpol_facts support_facts(const char *const *cas, const mpol_name *names, uint32_t count);
/* A name as it is taken from a certificate; `oid` for attributes, else NULL. */
mpol_name support_name_of(mpol_name_kind kind, const char *oid, const char *text);
/* A chain, leaf first; borrows the certificates, the caller frees the stack alone. */
STACK_OF(X509) * support_chain(X509 *leaf, const char *const *cas);

#endif
