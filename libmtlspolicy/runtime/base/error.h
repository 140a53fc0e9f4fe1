/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_BASE_ERROR_H
#define MPOL_BASE_ERROR_H
/* What went wrong with a file or a certificate, for people: owned by the caller, no hidden state.
 */

#include <stdint.h>

#define MPOL_MUST_CHECK __attribute__((warn_unused_result))
#define MPOL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

typedef enum mpol_status {
    MPOL_OK = 0,
    MPOL_UNREADABLE,   /* the operating system refuses: missing, permission, not a regular file */
    MPOL_UNSAFE,       /* somebody else could have written it */
    MPOL_NOT_AN_IMAGE, /* not a compiled policy at all */
    MPOL_VERSION,      /* a compiled policy of a version this program does not read */
    MPOL_CORRUPT,      /* digest or a rule of docs/FORMAT.md fails */
    MPOL_TOO_LARGE,
    MPOL_NO_MEMORY,
    MPOL_CRYPTO, /* OpenSSL failed */
} mpol_status;

typedef struct mpol_error {
    mpol_status status;
    char text[512]; /* what is wrong, with the file's name */
    char fix[256];  /* how to mend it */
} mpol_error;

/* Fill `error` and return `status`. `text` is a printf format. */
mpol_status mpol_error_set(mpol_error *error, mpol_status status, const char *fix, const char *text,
                           ...) MPOL_PRINTF(4, 5);

#endif
