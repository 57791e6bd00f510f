/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of core/network share.
 *
 * Locks, in the order in which they are taken:
 *   wire_lock  one at a time: networks are made and removed in drivers, drivers are synced
 *   lock       everything in memory; never held while a driver, the store or a socket is waited for
 *              (but by networks_sync, once at the start, before anybody asks)
 * A network does not go away while an endpoint is in it; so a thread that has put an endpoint into
 * a network may use the network without the lock, except for its list of endpoints.
 */
#ifndef BERTH_NETWORK_INTERNAL_H
#define BERTH_NETWORK_INTERNAL_H

#include <net/if.h>
#include <pthread.h>

#include <berth/network.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "network/address.h"
#include "network/ipam.h"
#include "network/network.h"
#include "network/ports.h"
#include "network/spare.h"
#include "oci/host_config.h"
#include "oci/network_config.h"
#include "plugin/plugin.h"

#define STORE_KIND "network"
#define DEFAULT_NETWORK                                                      \
    "bridge" /* the network that containers are in unless they say otherwise \
              */
#define DEFAULT_BRIDGE "berth0"
#define MAX_SUBNETS    16
#define MAX_ENDPOINTS  64 /* networks of one container */

struct network;

/* A container's place in one network, while it runs. */
struct endpoint {
    struct endpoint *next; /* in its network */
    struct network *network;
    char id[BERTH_ID_LENGTH + 1];
    char *container_id;
    char *container_name;
    char interface[IFNAMSIZ];
    char host_interface[IFNAMSIZ];
    uint8_t mac[6];
    bool mac_wanted;
    bool joined; /* the driver knows it */
    bool route4, route6;
    int64_t gw_priority;
    berth_network_address ipv4, ipv6;
    struct berth_strmap options;
    berth_network_port *ports; /* published here; their reservations are the endpoint's */
    uint32_t n_ports;
};

struct network {
    struct network *next;
    struct berth_network_object object;
    struct ipam subnets[MAX_SUBNETS];
    size_t n_subnets;
    struct endpoint *endpoints;
    size_t n_endpoints;
    bool removing;
    /* guarded by wire_lock for writing */
    struct berth_driver *driver; /* NULL until first used */
    bool wired;                  /* the driver has it */
    char interface[IFNAMSIZ];    /* on the host */
};

struct berth_network_manager {
    struct berth_plugins *plugins;
    struct berth_store *store;
    struct berth_events *events;
    char *bridge, *bip, *fixed_cidr, *default_gateway, *host_ip, *host_gateway_ip, *table;
    berth_network_address *pools; /* prefix: the base's; reserved[0]: the size of what is cut */
    size_t n_pools;
    int mtu;
    bool no_icc, no_masquerade, no_ip_forward;
    struct berth_strv dns, dns_search, dns_options;

    pthread_mutex_t wire_lock;
    pthread_mutex_t lock;
    struct network *networks;
    struct port_table ports;
    struct spare_pool spare;
};

/* ---- manager.c: the lock is held ---- */
/* By name, id or unique id prefix; name first, then whole id. NULL with err: NOT_FOUND, or
 * INVALID when a prefix fits several. */
struct network *network_find(struct berth_network_manager *manager, const char *reference,
                             berth_error *err);
struct network *network_find_id(struct berth_network_manager *manager, const char *id);
/* Sets up the ipam of an object's subnets. */
int32_t network_load_subnets(struct network *network, berth_error *err);
/* Frees it; not in the list any more. */
void network_free(struct network *network);
bool network_is_predefined(const char *name);

/* ---- store and events: without the lock ---- */
int32_t network_store(struct berth_network_manager *manager,
                      const struct berth_network_object *object, berth_error *err);
/* action of the network; container_id may be NULL. */
void network_publish(struct berth_network_manager *manager, const struct network *network,
                     const char *action, const char *container_id);

/* ---- pools.c ---- */
/* Chooses a free subnet of the family from the pools, off the host's routes and all networks; the
 * lock is held. UNAVAILABLE: the sentence names what is in the way. */
int32_t pools_choose(struct berth_network_manager *manager, int family,
                     const struct network *except, berth_network_address *ret_subnet,
                     berth_error *err);
/* Parses "base=…,size=…" pools or sets the defaults. */
int32_t pools_load(struct berth_network_manager *manager,
                   const struct berth_network_pool_config *pools, size_t count, berth_error *err);
/* FORBIDDEN when another network's subnet overlaps; the lock is held. */
int32_t pools_check(struct berth_network_manager *manager, const berth_network_address *subnet,
                    const struct network *except, berth_error *err);

/* ---- defaults.c ---- */
/* Makes bridge, host and none where they are missing. */
int32_t defaults_create(struct berth_network_manager *manager, berth_error *err);

/* ---- driver.c: without the lock ---- */
/* The network's driver, loaded on first use. */
int32_t network_driver(struct berth_network_manager *manager, struct network *network,
                       struct berth_driver **ret_driver, berth_error *err);
/* Makes it exist in its driver unless it does; takes wire_lock. */
int32_t network_wire(struct berth_network_manager *manager, struct network *network,
                     berth_error *err);
int32_t network_unwire(struct berth_network_manager *manager, struct network *network,
                       berth_error *err);
int32_t endpoint_join(struct berth_network_manager *manager, struct endpoint *endpoint,
                      int netns_fd, berth_error *err);
int32_t endpoint_leave(struct berth_network_manager *manager, struct endpoint *endpoint,
                       int netns_fd, berth_error *err);
int32_t endpoint_publish(struct berth_network_manager *manager, struct endpoint *endpoint,
                         berth_error *err);
/* Syncs every driver that has something in the kernel; takes wire_lock. */
void networks_sync(struct berth_network_manager *manager);
/* Makes a namespace ready for the default network, if that is wired. UNSUPPORTED otherwise. */
int32_t network_prepare(struct berth_network_manager *manager, int netns_fd, berth_error *err);

/* ---- endpoint.c ---- */
/* Makes an endpoint with addresses and puts it into the network; the lock is held. */
int32_t endpoint_new(struct berth_network_manager *manager, struct network *network,
                     const struct berth_sandbox_settings *settings,
                     const struct berth_endpoint_settings *wanted, struct endpoint **ret_endpoint,
                     berth_error *err);
/* Gives addresses and ports back and frees it; the lock is held. */
void endpoint_free(struct berth_network_manager *manager, struct endpoint *endpoint);
struct endpoint *endpoint_find(struct network *network, const char *id);
/* Checks the settings that endpoint_new would use, without taking anything; the lock is held. */
int32_t endpoint_check(struct network *network, const struct berth_endpoint_settings *wanted,
                       berth_error *err);
/* Fills the operational members. */
int32_t endpoint_facts(const struct endpoint *endpoint, struct berth_endpoint_settings *settings,
                       berth_error *err);
/* The gateway of the network that has the address; family 0: none. */
berth_network_address endpoint_gateway(const struct network *network,
                                       const berth_network_address *address);

/* ---- publish.c ---- */
/* Reserves the host ports that settings ask for on an endpoint, and writes the effective map. The
 * lock is not held. Docker's sentences; nothing is kept on failure. */
int32_t publish_reserve(struct berth_network_manager *manager,
                        const struct berth_sandbox_settings *settings, struct endpoint *endpoint,
                        struct berth_json_map *ret_ports, berth_error *err);
/* Checks syntax only. */
int32_t publish_check(const struct berth_sandbox_settings *settings, berth_error *err);
/* Reserves again what a saved map says; the lock is held. */
int32_t publish_restore(struct berth_network_manager *manager, struct endpoint *endpoint,
                        const struct berth_json_map *ports, berth_error *err);

/* ---- sandbox_facts.c: without the lock, unless it says so ---- */
/* Decides who gives the default routes and sets the endpoints' flags. The result is the one the
 * ports lead to: the IPv4 gateway's, else the IPv6 one's; NULL: no way out. */
struct endpoint *sandbox_choose_gateways(struct endpoint *const *endpoints, size_t count);
struct berth_sandbox_wire *sandbox_find_wire(const struct berth_sandbox *sandbox, const char *id);
/* Adds an endpoint with its facts; wanted (may be NULL) is what was asked for. */
int32_t sandbox_add_endpoint(struct berth_sandbox *sandbox,
                             const struct berth_sandbox_settings *settings,
                             const struct endpoint *endpoint,
                             const struct berth_endpoint_settings *wanted, bool publishes,
                             berth_error *err);
/* The endpoint that the settings name; NULL: none any more. Takes the lock. */
struct endpoint *sandbox_endpoint(struct berth_network_manager *manager,
                                  const struct berth_endpoint_settings *settings);
/* Leaves, tells, frees. netns_fd as in the driver's leave. */
int32_t sandbox_drop_endpoint(struct berth_network_manager *manager, struct endpoint *endpoint,
                              int netns_fd, berth_error *err);
void sandbox_empty_ports(struct berth_json_map *ports);

#endif
