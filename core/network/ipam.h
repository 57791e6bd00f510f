/* SPDX-License-Identifier: Apache-2.0
 *
 * The addresses of one subnet: which are taken, which comes next. Not thread-safe: the manager's
 * lock guards it.
 */
#ifndef BERTH_NETWORK_IPAM_H
#define BERTH_NETWORK_IPAM_H

#include <stddef.h>

#include "base/error.h"
#include "network/address.h"

struct ipam {
    berth_network_address subnet;
    berth_network_address range; /* the part that is handed out; the subnet itself by default */
    berth_network_address gateway;
    /* open addressing hash of the taken addresses' offsets + 1; 0 is an empty slot */
    uint64_t *taken;
    size_t count, capacity;
    uint64_t hint; /* every address of the range before this offset (of the range) is taken */
};

/* Begins an empty subnet: the network's and the broadcast address are never handed out. */
void ipam_init(struct ipam *ipam, const berth_network_address *subnet,
               const berth_network_address *range);
void ipam_done(struct ipam *ipam);
/* Takes a certain address. CONFLICT "Address already in use"; INVALID: not in the subnet. */
int32_t ipam_take(struct ipam *ipam, const berth_network_address *address, berth_error *err);
/* Takes the lowest free one of the range; its prefix is the subnet's. UNAVAILABLE: none left. */
int32_t ipam_next(struct ipam *ipam, berth_network_address *ret_address, berth_error *err);
/* Gives one back; unknown ones are passed over. */
void ipam_release(struct ipam *ipam, const berth_network_address *address);

#endif
