/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("mtls_client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_LOCAL);
}

__attribute__((noreturn)) void die_openssl(const char *what) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    die("%s: %s", what, reason != NULL ? reason : "no reason given");
}
