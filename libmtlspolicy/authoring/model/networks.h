/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_NETWORKS_H
#define MPOL_MODEL_NETWORKS_H

#include "model/model.h"

/* Add to `texts` (mpol_bytes) the fewest networks that make up sorted ranges of addresses, as
 * policies write them, in the order of the addresses. From the pool. */
void mpol_network_texts(apr_pool_t *pool, const apr_array_header_t *ranges,
                        apr_array_header_t *texts);

/* Sort ranges and join those that overlap or touch; IPv4 and IPv6 are never joined. */
void mpol_networks_settle(apr_array_header_t *ranges);

/* Add a network as policies mean it: one of IPv6 holds no IPv4 peers, so that one which reaches
 * around them becomes two ranges. */
void mpol_networks_add(apr_array_header_t *ranges, const mpol_network *network);

#endif
