/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

mpol_status mpol_error_set(mpol_error *error, mpol_status status, const char *fix, const char *text,
                           ...) {
    va_list args;
    error->status = status;
    va_start(args, text);
    (void)vsnprintf(error->text, sizeof error->text, text, args);
    va_end(args);
    (void)snprintf(error->fix, sizeof error->fix, "%s", fix);
    return status;
}
