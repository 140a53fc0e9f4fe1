/* SPDX-License-Identifier: Apache-2.0 */
#include "match/certificate.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

static mpol_bytes string_bytes(const ASN1_STRING *string) {
    int len = ASN1_STRING_length(string);
    return (mpol_bytes){ASN1_STRING_get0_data(string), len > 0 ? (uint32_t)len : 0};
}

static void add_name(mpol_names *names, mpol_bytes name) {
    if (names->count == 0)
        names->first = name;
    if (names->count < UINT32_MAX)
        names->count++;
}

static bool read_san(X509 *leaf, mpol_facts *facts, mpol_certificate *memory) {
    int found = 0;
    memory->san = X509_get_ext_d2i(leaf, NID_subject_alt_name, &found, NULL);
    if (memory->san == NULL)
        return found == -1; /* -1: absent; anything else: twice or broken */
    for (int i = 0; i < sk_GENERAL_NAME_num(memory->san); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(memory->san, i);
        if (name->type == GEN_URI)
            add_name(&facts->uri, string_bytes(name->d.uniformResourceIdentifier));
        if (name->type == GEN_DNS)
            add_name(&facts->dns, string_bytes(name->d.dNSName));
    }
    return true;
}

static void read_cn(X509 *leaf, mpol_facts *facts, mpol_certificate *memory) {
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int at = -1;
    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        mpol_bytes name = {(const uint8_t *)"", 0};
        if (facts->cn.count == 0) {
            /* One that cannot be converted stays empty, which is malformed for its kind. */
            int len = ASN1_STRING_to_UTF8(&memory->cn, value);
            if (len > 0)
                name = (mpol_bytes){memory->cn, (uint32_t)len};
        }
        add_name(&facts->cn, name);
    }
}

void mpol_certificate_names(X509 *leaf, mpol_facts *facts, mpol_certificate *memory) {
    memset(memory, 0, sizeof *memory);
    if ((X509_get_extension_flags(leaf) & EXFLAG_INVALID) != 0 || !read_san(leaf, facts, memory))
        facts->malformed = true;
    read_cn(leaf, facts, memory);
}

void mpol_certificate_clear(mpol_certificate *memory) {
    GENERAL_NAMES_free(memory->san);
    OPENSSL_free(memory->cn);
    memset(memory, 0, sizeof *memory);
}

bool mpol_spki_digest(X509 *certificate, uint8_t digest[32]) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool done = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done;
}

bool mpol_x509_time(const ASN1_TIME *time, int64_t *seconds) {
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *seconds = timegm(&parts);
    return true;
}

bool mpol_path_narrow(mpol_path *path, const X509 *certificate) {
    int64_t from;
    int64_t to;
    if (!mpol_x509_time(X509_get0_notBefore(certificate), &from) ||
        !mpol_x509_time(X509_get0_notAfter(certificate), &to))
        return false;
    if (from > path->not_before_s)
        path->not_before_s = from;
    if (to < path->not_after_s)
        path->not_after_s = to;
    return true;
}

bool mpol_path_read(const STACK_OF(X509) * chain, mpol_path *path) {
    int count = sk_X509_num(chain);
    memset(path, 0, sizeof *path);
    path->not_before_s = INT64_MIN;
    path->not_after_s = INT64_MAX;
    if (count < 1 || count - 1 > (int)MPOL_LIMIT_PATH_CERTIFICATES)
        return false;
    for (int i = 0; i < count; i++) {
        X509 *certificate = sk_X509_value(chain, i);
        if ((i == 0 || i < count - 1) && !mpol_path_narrow(path, certificate))
            return false;
        if (i > 0 && !mpol_spki_digest(certificate, path->spki[path->count++]))
            return false;
    }
    return true;
}

enum { EVIDENCE_VERSION = 1, EVIDENCE_HEAD = 1 + 4 + 8 + 8 + 1 };

static uint8_t *put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

uint32_t mpol_evidence_write(const mpol_path *path, uint32_t verify_result,
                             uint8_t out[MPOL_EVIDENCE_BYTES]) {
    uint8_t *at = out;
    *at++ = EVIDENCE_VERSION;
    at = put(at, verify_result, 4);
    at = put(at, (uint64_t)path->not_before_s, 8);
    at = put(at, (uint64_t)path->not_after_s, 8);
    *at++ = (uint8_t)path->count;
    memcpy(at, path->spki, 32u * path->count);
    return EVIDENCE_HEAD + 32u * path->count;
}

bool mpol_evidence_read(mpol_bytes evidence, mpol_path *path, uint32_t *verify_result) {
    const uint8_t *at = evidence.data;
    memset(path, 0, sizeof *path);
    if (evidence.len < EVIDENCE_HEAD || at[0] != EVIDENCE_VERSION)
        return false;
    uint32_t count = at[EVIDENCE_HEAD - 1];
    if (count > MPOL_LIMIT_PATH_CERTIFICATES || evidence.len != EVIDENCE_HEAD + 32u * count)
        return false;
    *verify_result = mpol_read_u32(at + 1);
    path->not_before_s = (int64_t)mpol_read_u64(at + 5);
    path->not_after_s = (int64_t)mpol_read_u64(at + 13);
    path->count = count;
    memcpy(path->spki, at + EVIDENCE_HEAD, 32u * count);
    return true;
}
