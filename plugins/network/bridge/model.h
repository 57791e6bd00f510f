/* SPDX-License-Identifier: Apache-2.0
 *
 * What the bridge driver has been told should exist: its networks, endpoints and published ports.
 * The kernel is compared with this. Guarded by the instance's lock.
 */
#ifndef BERTH_PLUGINS_BRIDGE_MODEL_H
#define BERTH_PLUGINS_BRIDGE_MODEL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <berth/network.h>

#define MODEL_ID      65
#define MODEL_SUBNETS 16 /* per network; each family's first is the usual case */
#define MODEL_BUCKETS 1024

struct model_network {
    struct model_network *next;
    char id[MODEL_ID];
    char name[128];
    char interface[IFNAMSIZ];
    uint32_t flags; /* BERTH_NETWORK_* */
    uint32_t mtu;
    uint32_t index; /* the bridge's; 0 until it was made */
    uint32_t n_subnets;
    berth_network_subnet subnets[MODEL_SUBNETS];
    bool seen; /* used by sync */
};

struct model_endpoint {
    struct model_endpoint *next;
    char id[MODEL_ID];
    char network_id[MODEL_ID];
    char host_interface[IFNAMSIZ]; /* "" when unknown */
    berth_network_address ipv4, ipv6;
    berth_network_port *ports; /* sorted by model_port_compare */
    uint32_t n_ports;
    bool seen; /* used by sync */
};

struct model {
    struct model_network *networks;
    struct model_endpoint *buckets[MODEL_BUCKETS];
    uint32_t n_endpoints;
};

/* NULL: unknown. */
struct model_network *model_network_find(const struct model *model, const char *id);
/* Finds or adds, and takes over what config says. NULL: out of memory. */
struct model_network *model_network_set(struct model *model, const berth_network_config *config);
void model_network_remove(struct model *model, const char *id);

/* The same for endpoints. */
struct model_endpoint *model_endpoint_find(const struct model *model, const char *id);
struct model_endpoint *model_endpoint_set(struct model *model,
                                          const berth_network_endpoint *endpoint);
void model_endpoint_remove(struct model *model, const char *id);

/* Total order of ports. */
int model_port_compare(const void *a, const void *b);
/* Adds ports to (or removes them from) an endpoint. False: out of memory, nothing changed. */
bool model_ports_add(struct model_endpoint *endpoint, const berth_network_port *ports,
                     uint32_t count);
void model_ports_remove(struct model_endpoint *endpoint, const berth_network_port *ports,
                        uint32_t count);

/* Takes everything from state, dropping what is not in it. False: out of memory. */
bool model_load(struct model *model, const berth_network_state *state);
void model_done(struct model *model);

#endif
