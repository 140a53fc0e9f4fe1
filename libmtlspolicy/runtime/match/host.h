/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_HOST_H
#define MPOL_MATCH_HOST_H
/* The host of a request, as routes list it. */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/reason.h"

/* Bytes that a host in its compared form may take. */
#define MPOL_HOST_BUFFER (MPOL_LIMIT_HOST_BYTES + 1u)

/* Bring a host to the form in which it is compared: lower case, no port, no trailing dot; an
 * IPv6 address in its one text, without brackets. `raw` has NULL data when the request names none.
 * On MPOL_REASON_ALLOWED `host` lies in `buffer` (MPOL_HOST_BUFFER bytes); otherwise host-missing
 * or host-malformed. */
mpol_reason mpol_host_parse(mpol_bytes raw, uint8_t *buffer, mpol_bytes *host);

/* Is it a DNS name in lower case: labels of [a-z0-9_-], 1 to 63 bytes, at most 253 in all? */
bool mpol_is_dns_name(mpol_bytes name);

/* Is it an IPv4 address in dotted decimal (RFC 3986 section 3.2.2): four numbers of 0 to 255
 * without leading zeros? */
bool mpol_is_ipv4(mpol_bytes text);

#endif
