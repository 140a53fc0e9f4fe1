/* SPDX-License-Identifier: Apache-2.0 */
#include "mod_mtls_authz.h"

#include "util_filter.h"

#include <strings.h>

/* What mod_remoteip calls the filter by which it reads the PROXY protocol of a connection. */
#define PROXY_FILTER "remoteip_input"

bool mtls_reads_proxy_protocol(const conn_rec *c) {
    for (const ap_filter_t *filter = c->input_filters; filter != NULL; filter = filter->next)
        if (strcasecmp(filter->frec->name, PROXY_FILTER) == 0)
            return true;
    return false;
}

/* Whose address counts. mod_remoteip puts what the PROXY protocol says where it also puts what a
 * header says, but looks at no header of a connection that speaks the protocol. Where it has put
 * nothing for an HTTP/2 stream the client's address is not known: the load balancer's is not it. */
static const apr_sockaddr_t *peer_of(const request_rec *r) {
    if (!mtls_connection_is_proxied(r->connection))
        return r->connection->client_addr;
    bool untouched = r->useragent_addr == r->connection->client_addr;
    return r->connection->master != NULL && untouched ? NULL : r->useragent_addr;
}

const uint8_t *mtls_peer_address(const request_rec *r, uint8_t address[MPOL_ADDRESS_BYTES]) {
    const apr_sockaddr_t *peer = peer_of(r);
    if (peer == NULL)
        return NULL;
    if (peer->family == APR_INET) {
        memset(address, 0, 10);
        address[10] = address[11] = 0xff;
        memcpy(address + 12, peer->ipaddr_ptr, 4);
        return address;
    }
#if APR_HAVE_IPV6
    if (peer->family == APR_INET6) {
        memcpy(address, peer->ipaddr_ptr, MPOL_ADDRESS_BYTES);
        return address;
    }
#endif
    return NULL;
}
