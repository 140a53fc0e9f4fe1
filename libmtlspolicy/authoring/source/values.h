/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_VALUES_H
#define MPOL_SOURCE_VALUES_H
/* Texts with a form of their own, as documents and command lines write them. */

#include "image/format.h"

#include <stdbool.h>

/* RFC 3339 section 5.6 with whole seconds, 1970 to 9999, to seconds since 1970; leap seconds have
 * no place on the clock that is compared. False when it is none. */
bool mpol_parse_time(const char *text, uint64_t *seconds);

/* An IPv4 (mapped into IPv6) or IPv6 address in text; `bits` becomes 32 or 128. False when it is
 * none. */
bool mpol_parse_address(const char *text, uint8_t address[MPOL_ADDRESS_BYTES], unsigned *bits);

#endif
