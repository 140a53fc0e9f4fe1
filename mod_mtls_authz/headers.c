/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_mtls_authz.h"

#include <string.h>
#include <strings.h>

/* Each of these begins with an X; one look at each header is all that most requests need. */
static bool names_other_method(const char *name) {
    if ((name[0] | 0x20) != 'x')
        return false;
    return mpol_is_override_header((mpol_bytes){(const uint8_t *)name, (uint32_t)strlen(name)});
}

void mtls_note_headers(request_rec *r, mtls_request *kept) {
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)headers->elts;
    for (const apr_table_entry_t *end = entry + headers->nelts; entry < end; entry++)
        if (names_other_method(entry->key))
            kept->method_override = true;
    kept->preflight = r->method_number == M_OPTIONS &&
                      apr_table_get(r->headers_in, "Origin") != NULL &&
                      apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
}

bool mtls_has_two_hosts(const request_rec *r) {
    const char *header = apr_table_get(r->headers_in, "Host");
    if (header == NULL || r->hostname == NULL)
        return false;
    size_t len = strlen(r->hostname);
    header += header[0] == '['; /* of an IPv6 address */
    return strncasecmp(header, r->hostname, len) != 0 || strchr("]:", header[len]) == NULL;
}
