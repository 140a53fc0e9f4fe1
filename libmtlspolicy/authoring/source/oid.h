/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_OID_H
#define MPOL_SOURCE_OID_H
/* Types of subject attributes, in dots or by name. */

#include "base/bytes.h"

/* The OID in dots: of a name that is known (RFC 4519, RFC 3739, ETSI EN 319 412-1), or the text
 * itself when it is a well-formed OID (RFC 4512 section 1.4). False when it is neither. */
bool mpol_oid_parse(mpol_bytes text, mpol_bytes *oid);

/* The same for the type of an attribute in RFC 4514 text: short names too, in any case. */
bool mpol_oid_parse_type(mpol_bytes text, mpol_bytes *oid);

#endif
