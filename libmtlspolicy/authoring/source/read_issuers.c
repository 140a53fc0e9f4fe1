/* SPDX-License-Identifier: Apache-2.0 */
#include "image/view.h"
#include "match/certificate.h"
#include "model/text.h"
#include "source/file.h"
#include "source/reader.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum {
    ISSUER_CERTIFICATES,
    ISSUER_NAMES,
    ISSUER_ANY_OF,
    ISSUER_MAY_ASSERT,
    ISSUER_ENVIRONMENT,
    ISSUER_FIELDS
};
static const mpol_field issuer_fields[ISSUER_FIELDS] = {
    {"certificates", MPOL_JSON_ARRAY, true},  {"names", MPOL_JSON_ARRAY, true},
    {"any_of", MPOL_JSON_BOOLEAN, false},     {"may_assert", MPOL_JSON_ARRAY, false},
    {"environment", MPOL_JSON_STRING, false},
};

enum { CERTIFICATE_FILE, CERTIFICATE_PEM, CERTIFICATE_FIELDS };
static const mpol_field certificate_fields[CERTIFICATE_FIELDS] = {
    {"file", MPOL_JSON_STRING, false},
    {"pem", MPOL_JSON_STRING, false},
};

static void add_certificate(mpol_reader *reader, const mpol_json *place, mpol_issuer *issuer,
                            X509 *certificate) {
    mpol_ca_certificate ca;
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len <= 0 || !mpol_spki_digest(certificate, ca.spki)) {
        OPENSSL_free(der);
        mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_BAD_CERTIFICATE,
                         "Look at it with openssl x509 -text.",
                         "The certificate cannot be read as DER.");
        return;
    }
    ca.der = (mpol_bytes){apr_pmemdup(reader->pool, der, (size_t)len), (uint32_t)len};
    OPENSSL_free(der);
    const mpol_bytes *owner = apr_hash_get(reader->key_owners, ca.spki, sizeof ca.spki);
    if (X509_check_ca(certificate) == 0) {
        mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_CERTIFICATE_NOT_CA,
                         "Give the certificate of the authority, not of a client or server.",
                         "This certificate may not issue others.");
    } else if (owner != NULL && !mpol_bytes_equal(*owner, issuer->name)) {
        mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_ISSUER_KEY_SHARED,
                         "Keep each key under one issuer; one issuer may have many certificates.",
                         "The key of this certificate already belongs to issuer \"%s\".",
                         mpol_quote(reader->pool, *owner));
    } else {
        apr_hash_set(reader->key_owners, apr_pmemdup(reader->pool, ca.spki, sizeof ca.spki),
                     sizeof ca.spki, apr_pmemdup(reader->pool, &issuer->name, sizeof(mpol_bytes)));
        *(mpol_ca_certificate *)apr_array_push(issuer->certificates) = ca;
        issuer->may_cross = issuer->may_cross || X509_get_pathlen(certificate) != 0;
    }
}

/* How often the text stands in other text. */
static int occurrences(mpol_bytes in, const char *text) {
    uint32_t len = (uint32_t)strlen(text);
    int count = 0;
    for (uint32_t i = 0; i + len <= in.len; i++)
        count += memcmp(in.data + i, text, len) == 0;
    return count;
}

/* The next block of PEM text: its certificate, or NULL. `*label` is what it calls itself, NULL
 * behind the last one; the caller frees both. */
static X509 *next_certificate(BIO *bio, char **label) {
    char *header = NULL;
    unsigned char *data = NULL;
    const unsigned char *at;
    long len = 0;
    X509 *certificate = NULL;
    *label = NULL;
    if (PEM_read_bio(bio, label, &header, &data, &len) != 1)
        return NULL;
    at = data;
    if (strcmp(*label, PEM_STRING_X509) == 0 || strcmp(*label, PEM_STRING_X509_OLD) == 0)
        certificate = d2i_X509(NULL, &at, len);
    if (certificate != NULL && at != data + len) {
        X509_free(certificate);
        certificate = NULL;
    }
    OPENSSL_free(header);
    OPENSSL_free(data);
    return certificate;
}

static void fail_pem(mpol_reader *reader, const mpol_json *place, const char *what) {
    mpol_reader_fail(reader, place, MPOL_DIAGNOSTIC_BAD_CERTIFICATE,
                     "It must hold lines from -----BEGIN CERTIFICATE----- to "
                     "-----END CERTIFICATE-----, as openssl x509 writes them (-inform der where "
                     "the file is DER).",
                     "There is %s here.", what);
}

/* Every certificate in a piece of PEM text, and nothing else in it: a block that is passed over
 * would be an authority that a deny does not know of. */
static void add_pem(mpol_reader *reader, const mpol_json *place, mpol_issuer *issuer,
                    mpol_bytes pem) {
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    int found = 0;
    char *label = NULL;
    X509 *certificate;
    while (bio != NULL && (certificate = next_certificate(bio, &label)) != NULL) {
        add_certificate(reader, place, issuer, certificate);
        X509_free(certificate);
        OPENSSL_free(label);
        found++;
    }
    ERR_clear_error();
    BIO_free(bio);
    bool another = label != NULL && strcmp(label, PEM_STRING_X509) != 0;
    if (another)
        fail_pem(reader, place,
                 apr_pstrcat(reader->pool, "a PEM block \"",
                             mpol_quote(reader->pool, mpol_text_span(label)),
                             "\", which is no certificate of this kind,", NULL));
    else if (label != NULL || found != occurrences(pem, "-BEGIN ") ||
             found != occurrences(pem, "-END "))
        fail_pem(reader, place, "a broken certificate in PEM");
    else if (found == 0)
        fail_pem(reader, place, "no certificate in PEM");
    OPENSSL_free(label);
}

static void add_file(mpol_reader *reader, const mpol_json *file, mpol_issuer *issuer) {
    const char *name = apr_pstrmemdup(reader->pool, (const char *)file->text.data, file->text.len);
    const char *path =
        name[0] == '/' ? name : apr_pstrcat(reader->pool, reader->folder, name, NULL);
    mpol_error error;
    const mpol_bytes *pem = strlen(name) == file->text.len && name[0] != '\0'
                                ? mpol_file_read(reader->pool, path, &error)
                                : NULL;
    if (pem != NULL) {
        add_pem(reader, file, issuer, *pem);
        return;
    }
    mpol_reader_fail(reader, file, MPOL_DIAGNOSTIC_CERTIFICATE_UNREADABLE,
                     "Paths are relative to the policy document; check that it is a file that is "
                     "there and that you may read.",
                     "\"%s\" cannot be read.", mpol_quote(reader->pool, file->text));
}

static void read_certificate(mpol_reader *reader, const mpol_json *value, mpol_issuer *issuer) {
    const mpol_json *fields[CERTIFICATE_FIELDS];
    if (value->type == MPOL_JSON_STRING) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_WRONG_TYPE,
                         "Write { \"file\": \"PATH\" } or { \"pem\": \"TEXT\" }.",
                         "This is a string, not an object.");
        return;
    }
    if (!mpol_reader_fields(reader, value, certificate_fields, CERTIFICATE_FIELDS, fields))
        return;
    if (value->count == 0) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_MISSING_KEY,
                         "Add \"file\": its path, or \"pem\": its text.",
                         "The certificate is missing.");
    } else if (fields[CERTIFICATE_FILE] != NULL && fields[CERTIFICATE_PEM] != NULL) {
        mpol_reader_fail_key(reader, fields[CERTIFICATE_PEM], MPOL_DIAGNOSTIC_UNKNOWN_KEY,
                             "Keep one of the two; write the other as a member of its own.",
                             "\"pem\" and \"file\" exclude each other.");
    } else if (fields[CERTIFICATE_FILE] != NULL) {
        add_file(reader, fields[CERTIFICATE_FILE], issuer);
    } else if (fields[CERTIFICATE_PEM] != NULL) {
        add_pem(reader, fields[CERTIFICATE_PEM], issuer, fields[CERTIFICATE_PEM]->text);
    }
}

static int by_der(const void *left, const void *right) {
    return mpol_bytes_compare(((const mpol_ca_certificate *)left)->der,
                              ((const mpol_ca_certificate *)right)->der);
}

/* Sorted, each certificate once: the same one may come from two files. */
static void settle_certificates(apr_array_header_t *certificates) {
    int kept = 0;
    qsort(certificates->elts, (size_t)certificates->nelts, sizeof(mpol_ca_certificate), by_der);
    for (int i = 0; i < certificates->nelts; i++) {
        const mpol_ca_certificate *here = MPOL_AT(certificates, i, mpol_ca_certificate);
        if (kept > 0 && by_der(here, MPOL_AT(certificates, kept - 1, mpol_ca_certificate)) == 0)
            continue;
        *MPOL_AT(certificates, kept++, mpol_ca_certificate) = *here;
    }
    certificates->nelts = kept;
}

static bool same_certificate(const mpol_json *a, const mpol_json *b) {
    return a->type == MPOL_JSON_OBJECT && b->type == MPOL_JSON_OBJECT && a->count == 1 &&
           b->count == 1 && a->first->type == MPOL_JSON_STRING &&
           b->first->type == MPOL_JSON_STRING && mpol_bytes_equal(a->first->key, b->first->key) &&
           mpol_bytes_equal(a->first->text, b->first->text);
}

/* Does a member before this one say the same? Then it is reported. */
static bool repeats(mpol_reader *reader, const mpol_json *list, const mpol_json *member) {
    for (const mpol_json *before = list->first; before != member; before = before->next) {
        if (!same_certificate(before, member))
            continue;
        mpol_reader_fail(reader, member, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER, "Delete one of the two.",
                         "This certificate stands twice in this list.");
        return true;
    }
    return false;
}

static int by_pattern(const void *left, const void *right) {
    const mpol_name_pattern *a = left;
    const mpol_name_pattern *b = right;
    if (a->naming.kind != b->naming.kind)
        return a->naming.kind < b->naming.kind ? -1 : 1;
    int order = mpol_bytes_compare(a->naming.oid, b->naming.oid);
    return order != 0 ? order : mpol_bytes_compare(a->value, b->value);
}

/* Nothing keeps what a capture takes here: it is a `*`, however it is called. */
static void forget_captures(mpol_reader *reader, mpol_name_pattern *name) {
    uint8_t *text = apr_palloc(reader->pool, name->value.len + 1u);
    uint32_t len = 0;
    if (!name->is_pattern)
        return;
    for (uint32_t i = 0; i < name->value.len; i++) {
        bool capture = name->value.data[i] == '{';
        while (capture && name->value.data[i] != '}')
            i++;
        text[len++] = capture ? '*' : name->value.data[i];
    }
    name->value = (mpol_bytes){text, len};
    for (int i = 0; i < name->segments->nelts; i++)
        MPOL_AT(name->segments, i, mpol_segment)->capture = (mpol_bytes){NULL, 0};
}

static void add_asserted(mpol_reader *reader, const mpol_json *value, mpol_issuer *issuer) {
    static const mpol_field fields[MPOL_NAME_KIND_COUNT] = {MPOL_KIND_FIELDS};
    const mpol_json *kinds[MPOL_NAME_KIND_COUNT];
    mpol_name_pattern name = {0};
    if (value->type == MPOL_JSON_STRING) {
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_WRONG_TYPE,
                         "Write it under its kind, such as { \"dns\": \"*.example\" }.",
                         "This is a string, not an object.");
        return;
    }
    if (!mpol_reader_fields(reader, value, fields, MPOL_NAME_KIND_COUNT, kinds))
        return;
    if (value->count == 0)
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_MISSING_KEY,
                         "Add a name or pattern under its kind, such as \"spiffe\".",
                         "The name is missing.");
    if (!mpol_reader_name(reader, value, kinds, issuer, &name))
        return;
    forget_captures(reader, &name);
    for (int i = 0; i < issuer->may_assert->nelts; i++)
        if (by_pattern(MPOL_AT(issuer->may_assert, i, mpol_name_pattern), &name) == 0) {
            mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_DUPLICATE_MEMBER,
                             "Delete one of the two.", "This name stands twice in this list.");
            return;
        }
    *(mpol_name_pattern *)apr_array_push(issuer->may_assert) = name;
}

static void read_may_assert(mpol_reader *reader, const mpol_json *list, mpol_issuer *issuer) {
    if (list == NULL)
        return;
    if (list->count == 0)
        mpol_reader_fail(reader, list, MPOL_DIAGNOSTIC_EMPTY_LIST,
                         "List at least one, or leave the key out to let it assert every name.",
                         "The list is empty.");
    for (const mpol_json *value = list->first; value != NULL; value = value->next)
        add_asserted(reader, value, issuer);
    qsort(issuer->may_assert->elts, (size_t)issuer->may_assert->nelts, sizeof(mpol_name_pattern),
          by_pattern);
}

/* Issuers that have an environment, and the policy if it has one, have the same. */
static void read_environment(mpol_reader *reader, const mpol_json *value, mpol_issuer *issuer) {
    if (value == NULL || !mpol_reader_check_name(reader, value, value->offset, value->text))
        return;
    issuer->environment = value->text;
    if (reader->environment.data == NULL)
        reader->environment = value->text;
    if (!mpol_bytes_equal(reader->environment, value->text))
        mpol_reader_fail(reader, value, MPOL_DIAGNOSTIC_ENVIRONMENT_MIXED,
                         "Keep one environment in a policy; write another policy for the other.",
                         "The policy mixes \"%s\" with \"%s\".",
                         mpol_quote(reader->pool, value->text),
                         mpol_quote(reader->pool, reader->environment));
}

static void read_certificates(mpol_reader *reader, const mpol_json *list, mpol_issuer *issuer) {
    if (list != NULL && list->count == 0)
        mpol_reader_fail(reader, list, MPOL_DIAGNOSTIC_EMPTY_LIST, "List at least one.",
                         "The list is empty.");
    for (const mpol_json *member = list != NULL ? list->first : NULL; member != NULL;
         member = member->next)
        if (!repeats(reader, list, member))
            read_certificate(reader, member, issuer);
    settle_certificates(issuer->certificates);
}

static void read_issuer(mpol_reader *reader, mpol_issuer *issuer) {
    const mpol_json *fields[ISSUER_FIELDS];
    const mpol_json *value = issuer->place.source;
    issuer->certificates = apr_array_make(reader->pool, 1, sizeof(mpol_ca_certificate));
    issuer->namings = apr_array_make(reader->pool, 1, sizeof(mpol_naming));
    issuer->may_assert = apr_array_make(reader->pool, 1, sizeof(mpol_name_pattern));
    issuer->bad_namings = true;
    if (!mpol_reader_fields(reader, value, issuer_fields, ISSUER_FIELDS, fields))
        return;
    read_certificates(reader, fields[ISSUER_CERTIFICATES], issuer);
    issuer->bad_namings = !mpol_reader_namings(reader, fields[ISSUER_NAMES], issuer);
    issuer->any_of = mpol_reader_flag(fields[ISSUER_ANY_OF], false);
    if (issuer->any_of && !issuer->bad_namings && issuer->namings->nelts == 0)
        mpol_reader_fail_key(reader, fields[ISSUER_ANY_OF], MPOL_DIAGNOSTIC_BAD_NAME_KIND,
                             "Take it out, or list the kinds of names that certificates carry.",
                             "any_of speaks of several names, and clients of this issuer have "
                             "none.");
    read_may_assert(reader, fields[ISSUER_MAY_ASSERT], issuer);
    read_environment(reader, fields[ISSUER_ENVIRONMENT], issuer);
}

static int by_offset(const void *left, const void *right) {
    const mpol_issuer *a = *(mpol_issuer *const *)left;
    const mpol_issuer *b = *(mpol_issuer *const *)right;
    return a->place.offset < b->place.offset ? -1 : a->place.offset > b->place.offset;
}

void mpol_read_issuers(mpol_reader *reader, const mpol_json *table) {
    apr_array_header_t *issuers = reader->model->issuers;
    mpol_reader_table(reader, table, issuers, sizeof(mpol_issuer), reader->issuers);
    /* In the order of the document, so that of two with one key the later one is reported. */
    mpol_issuer **order = apr_palloc(reader->pool, sizeof *order * (size_t)(issuers->nelts + 1));
    for (int i = 0; i < issuers->nelts; i++)
        order[i] = MPOL_AT(issuers, i, mpol_issuer);
    qsort(order, (size_t)issuers->nelts, sizeof *order, by_offset);
    for (int i = 0; i < issuers->nelts; i++)
        read_issuer(reader, order[i]);
}
