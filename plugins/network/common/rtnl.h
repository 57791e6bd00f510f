/* SPDX-License-Identifier: Apache-2.0
 *
 * Interfaces, addresses and routes through rtnetlink, for drivers of the kind network. Functions
 * named rtnl_put_* append a message to the batch of `netlink`; the others talk to the kernel.
 * Results are 0 or a negative errno where no berth_error is taken.
 */
#ifndef BERTH_PLUGINS_NETWORK_RTNL_H
#define BERTH_PLUGINS_NETWORK_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <berth/network.h>

#include "netlink.h"

/* What is known of an interface. */
struct rtnl_link {
    uint32_t index;
    uint32_t master; /* 0: none */
    uint32_t flags;  /* IFF_* */
    uint32_t mtu;
    char name[IFNAMSIZ];
    char kind[16]; /* "bridge", "veth", "" for a device */
    uint8_t mac[6];
    bool hairpin, isolated; /* as a port of a bridge */
};

/* Finds an interface by name. -ENODEV: none. */
int rtnl_link_get(struct netlink *netlink, const char *name, struct rtnl_link *ret_link);
/* Calls visit for every interface; visit returns false to stop visiting. */
int rtnl_links(struct netlink *netlink, bool (*visit)(const struct rtnl_link *, void *),
               void *context);

/* A new bridge, up. */
bool rtnl_put_bridge(struct netlink *netlink, const char *name, const uint8_t mac[6], uint32_t mtu);
/* Interface flags: sets those of `flags` within `mask`. */
bool rtnl_put_flags(struct netlink *netlink, uint32_t index, uint32_t flags, uint32_t mask);
bool rtnl_put_mtu(struct netlink *netlink, uint32_t index, uint32_t mtu);
bool rtnl_put_rename(struct netlink *netlink, uint32_t index, const char *name);
bool rtnl_put_mac(struct netlink *netlink, uint32_t index, const uint8_t mac[6]);
bool rtnl_put_group(struct netlink *netlink, uint32_t index, uint32_t group);
bool rtnl_put_delete(struct netlink *netlink, uint32_t index);
bool rtnl_put_delete_group(struct netlink *netlink, uint32_t group);

/* A veth pair: `name` here, up and a port of `master`; `peer` with the address mac in the namespace
 * netns_fd. */
struct rtnl_veth {
    const char *name;
    const char *peer;
    const uint8_t *mac; /* NULL: the kernel's choice */
    uint32_t master, mtu;
    int netns_fd;
    bool isolated; /* may not talk to other isolated ports */
};
bool rtnl_put_veth(struct netlink *netlink, const struct rtnl_veth *veth);
/* Makes an interface a port of the bridge with our port flags. */
bool rtnl_put_port(struct netlink *netlink, const char *name, uint32_t master);
/* Shuts a port of a bridge: nothing in, nothing out, its addresses forgotten. Unlike taking the
 * interface down this waits for nothing inside the kernel. */
bool rtnl_put_port_shut(struct netlink *netlink, const char *name);
bool rtnl_put_port_flags(struct netlink *netlink, const char *name, bool isolated);

/* Adds (or with remove, deletes) an address; the prefix length is the address's. */
bool rtnl_put_address(struct netlink *netlink, uint32_t index, const berth_network_address *address,
                      bool remove);
/* A default route through the gateway, replacing one of the same metric; with remove: takes away
 * the one through this interface. */
bool rtnl_put_default_route(struct netlink *netlink, uint32_t index,
                            const berth_network_address *gateway, bool remove);

/* Brings the global addresses of an interface to the list: missing ones are added, others of the
 * same families removed. *ret_changes counts them. */
int rtnl_addresses_set(struct netlink *netlink, uint32_t index,
                       const berth_network_address *addresses, unsigned count,
                       unsigned *ret_changes);

/* Brings an interface of the calling thread's namespace up. -ENODEV: no such interface. */
int rtnl_link_up(struct netlink *netlink, const char *name);

/* Brings the interface called `current` (to be renamed to endpoint->interface when it differs) in
 * the calling thread's namespace to what the endpoint says: address, MAC, up, default routes.
 * `fresh`: nothing can be there that would have to be removed. -ENODEV: no such interface. */
int rtnl_endpoint_configure(struct netlink *netlink, const char *current,
                            const berth_network_endpoint *endpoint, bool fresh);

/* A MAC is set when one of its bytes is. */
bool rtnl_mac_is_set(const uint8_t mac[6]);

#endif
