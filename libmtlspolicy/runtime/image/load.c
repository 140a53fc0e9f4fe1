/* SPDX-License-Identifier: Apache-2.0 */
#include "image/load.h"

#include "base/limits.h"
#include "image/check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIX_COMPILE "compile it again: mtls-policy compile SOURCE -o FILE"

/* By what a transfer as text leaves of the magic: the rest is there to tell of one (FORMAT 1.2). */
enum { MAGIC_BEGIN = 4 };

bool mpol_looks_compiled(const uint8_t *bytes, size_t len) {
    static const uint8_t magic[] = MPOL_MAGIC;
    return len >= sizeof magic && memcmp(bytes, magic, MAGIC_BEGIN) == 0;
}

bool mpol_image_digest(const uint8_t *bytes, size_t len, uint8_t digest[MPOL_DIGEST_BYTES]) {
    static const uint8_t zero[MPOL_DIGEST_BYTES];
    size_t after = MPOL_HEADER_DIGEST + MPOL_DIGEST_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, bytes, MPOL_HEADER_DIGEST) == 1 &&
                EVP_DigestUpdate(context, zero, sizeof zero) == 1 &&
                EVP_DigestUpdate(context, bytes + after, len - after) == 1 &&
                EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static void write_hex(const uint8_t *bytes, size_t len, char *hex) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * len] = '\0';
}

static mpol_status refuse(mpol_format_rule rule, const char *name, mpol_error *error) {
    if (rule == MPOL_FORMAT_MAGIC || rule == MPOL_FORMAT_SIZE)
        return mpol_error_set(error, MPOL_NOT_AN_IMAGE, FIX_COMPILE,
                              "%s is not a compiled policy, or only a part of one", name);
    if (rule == MPOL_FORMAT_VERSION)
        return mpol_error_set(error, MPOL_VERSION,
                              "compile it with the mtls-policy of the same release as the module",
                              "%s is a compiled policy of another format version (FORMAT %s)", name,
                              mpol_format_rule_number(rule));
    return mpol_error_set(error, MPOL_CORRUPT, FIX_COMPILE, "%s is damaged: %s (FORMAT %s)", name,
                          mpol_format_rule_sentence(rule), mpol_format_rule_number(rule));
}

/* Everything that makes the filled mapping a usable image. */
static mpol_status seal(mpol_loaded *loaded, uint32_t len, const char *name, mpol_error *error) {
    const uint8_t *bytes = loaded->mapping;
    uint8_t digest[MPOL_DIGEST_BYTES];
    mpol_format_rule rule = mpol_image_check_header(bytes, len);
    if (rule != MPOL_FORMAT_OK)
        return refuse(rule, name, error);
    if (!mpol_image_digest(bytes, len, digest))
        return mpol_error_set(error, MPOL_CRYPTO, "check the OpenSSL installation",
                              "SHA-256 of %s cannot be computed", name);
    if (memcmp(digest, bytes + MPOL_HEADER_DIGEST, sizeof digest) != 0)
        return refuse(MPOL_FORMAT_DIGEST, name, error);
    rule = mpol_image_check(bytes, len, &loaded->image);
    if (rule != MPOL_FORMAT_OK)
        return refuse(rule, name, error);
    write_hex(digest, sizeof digest, loaded->digest_hex);
    return MPOL_OK;
}

static mpol_status map_memory(mpol_loaded *loaded, size_t len, const char *name,
                              mpol_error *error) {
    if (len > MPOL_LIMIT_IMAGE_BYTES)
        return mpol_error_set(error, MPOL_TOO_LARGE, FIX_COMPILE,
                              "%s is larger than any compiled policy (%u bytes)", name,
                              MPOL_LIMIT_IMAGE_BYTES);
    if (len == 0)
        return refuse(MPOL_FORMAT_SIZE, name, error);
    loaded->mapping = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (loaded->mapping == MAP_FAILED) {
        loaded->mapping = NULL;
        return mpol_error_set(error, MPOL_NO_MEMORY, "free memory or raise the limit",
                              "no memory for the %zu bytes of %s", len, name);
    }
    loaded->mapping_bytes = len;
    return MPOL_OK;
}

/* Judge what is in the mapping, then make it read-only; on failure nothing is left. */
static mpol_status finish(mpol_loaded *loaded, const char *name, mpol_error *error) {
    mpol_status status = seal(loaded, (uint32_t)loaded->mapping_bytes, name, error);
    if (status == MPOL_OK && mprotect(loaded->mapping, loaded->mapping_bytes, PROT_READ) != 0)
        status =
            mpol_error_set(error, MPOL_NO_MEMORY, "free memory or raise the limit",
                           "the memory of %s cannot be made read-only: %s", name, strerror(errno));
    if (status != MPOL_OK)
        mpol_unload(loaded);
    return status;
}

mpol_status mpol_load_bytes(const uint8_t *bytes, size_t len, const char *name, mpol_loaded *loaded,
                            mpol_error *error) {
    memset(loaded, 0, sizeof *loaded);
    mpol_status status = map_memory(loaded, len, name, error);
    if (status != MPOL_OK)
        return status;
    memcpy(loaded->mapping, bytes, len);
    return finish(loaded, name, error);
}

static mpol_status check_file(const struct stat *file, mpol_trust trust, const char *path,
                              mpol_error *error) {
    if (!S_ISREG(file->st_mode))
        return mpol_error_set(error, MPOL_UNREADABLE, "name the compiled policy itself",
                              "%s is not a regular file", path);
    if (trust == MPOL_TRUST_ANY)
        return MPOL_OK;
    if (file->st_uid != 0 && file->st_uid != geteuid())
        return mpol_error_set(error, MPOL_UNSAFE, "chown root FILE",
                              "%s belongs to user %lu, who is neither root nor this server's", path,
                              (unsigned long)file->st_uid);
    if ((file->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return mpol_error_set(error, MPOL_UNSAFE, "chmod go-w FILE",
                              "%s can be written by its group or by everyone (mode %04o)", path,
                              (unsigned)(file->st_mode & 07777));
    return MPOL_OK;
}

/* Read exactly the bytes the mapping has room for, and see that the file ends there. */
static mpol_status fill(int fd, mpol_loaded *loaded, const char *path, mpol_error *error) {
    size_t done = 0;
    uint8_t beyond;
    while (done < loaded->mapping_bytes) {
        ssize_t got = read(fd, (uint8_t *)loaded->mapping + done, loaded->mapping_bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mpol_error_set(error, MPOL_UNREADABLE, "check the disk", "%s: %s", path,
                                  strerror(errno));
        if (got == 0)
            break;
        done += (size_t)got;
    }
    if (done < loaded->mapping_bytes || read(fd, &beyond, 1) != 0)
        return mpol_error_set(error, MPOL_UNREADABLE, "replace it by rename, as compile does",
                              "%s changed its length while it was read", path);
    return MPOL_OK;
}

static mpol_status load_open_file(int fd, const char *path, mpol_trust trust, mpol_loaded *loaded,
                                  mpol_error *error) {
    struct stat file;
    mpol_status status;
    if (fstat(fd, &file) != 0)
        return mpol_error_set(error, MPOL_UNREADABLE, "check the file", "%s: %s", path,
                              strerror(errno));
    status = check_file(&file, trust, path, error);
    if (status == MPOL_OK)
        status = map_memory(loaded, (size_t)file.st_size, path, error);
    if (status != MPOL_OK)
        return status;
    status = fill(fd, loaded, path, error);
    if (status == MPOL_OK)
        return finish(loaded, path, error);
    mpol_unload(loaded);
    return status;
}

mpol_status mpol_load(const char *path, mpol_trust trust, mpol_loaded *loaded, mpol_error *error) {
    memset(loaded, 0, sizeof *loaded);
    /* O_NONBLOCK: a FIFO in place of the file must not hang the server; it is refused just after.
     */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return mpol_error_set(error, MPOL_UNREADABLE, "check the path and its permissions",
                              "%s cannot be opened: %s", path, strerror(errno));
    mpol_status status = load_open_file(fd, path, trust, loaded, error);
    (void)close(fd);
    return status;
}

void mpol_unload(mpol_loaded *loaded) {
    if (loaded->mapping != NULL)
        (void)munmap(loaded->mapping, loaded->mapping_bytes);
    memset(loaded, 0, sizeof *loaded);
}
