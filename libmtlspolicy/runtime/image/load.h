/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_IMAGE_LOAD_H
#define MPOL_IMAGE_LOAD_H
/* From a file to a sealed image: read once into private memory, made read-only, digest and format
 * checked. The file is never mapped: what happens to it later changes nothing here. */

#include "base/error.h"
#include "image/view.h"

typedef struct mpol_loaded {
    mpol_image image;     /* valid while `mapping` is */
    void *mapping;        /* owned: anonymous read-only pages, released by mpol_unload */
    size_t mapping_bytes; /* length of the mapping */
    char digest_hex[2 * MPOL_DIGEST_BYTES + 1]; /* SHA-256 of the file, the digest field as zero */
} mpol_loaded;

/* Who may have written a file that a server is to trust. */
typedef enum mpol_trust {
    MPOL_TRUST_ANY,    /* tools: whoever runs them chose the file */
    MPOL_TRUST_STRICT, /* servers: owned by root or the effective user, not writable by others */
} mpol_trust;

/* Read and check the compiled policy at `path` (symbolic links are followed). On MPOL_OK `loaded`
 * is filled and the caller's to mpol_unload; otherwise it is empty and `error` says why and what to
 * do. */
mpol_status mpol_load(const char *path, mpol_trust trust, mpol_loaded *loaded,
                      mpol_error *error) MPOL_MUST_CHECK;

/* The same from `len` bytes at `bytes`, which are copied; `name` stands for them in messages. */
mpol_status mpol_load_bytes(const uint8_t *bytes, size_t len, const char *name, mpol_loaded *loaded,
                            mpol_error *error) MPOL_MUST_CHECK;

/* Release the memory; `loaded` may be empty. */
void mpol_unload(mpol_loaded *loaded);

/* Does the file or buffer begin as a compiled policy? */
bool mpol_looks_compiled(const uint8_t *bytes, size_t len);

/* SHA-256 over an image whose digest field counts as zero. False when OpenSSL fails. */
bool mpol_image_digest(const uint8_t *bytes, size_t len,
                       uint8_t digest[MPOL_DIGEST_BYTES]) MPOL_MUST_CHECK;

#endif
