/* SPDX-License-Identifier: Apache-2.0
 *
 * The network kind: what a driver that wires containers together implements.
 *
 * Core owns the objects: which networks and endpoints exist, which address each endpoint has and
 * which host ports belong to it. A driver only wires: it makes the kernel look like what it is
 * told, and can be told the same thing again (after a crash, after somebody changed the kernel's
 * state behind its back). Life of one endpoint:
 *
 *   network_create ─▶ [prepare] ─▶ join ─▶ [publish ⇄ unpublish]* ─▶ leave ─▶ network_remove
 *          ▲                                                           │
 *          └── sync: after a start of the host, for everything at once ┘
 *
 * Rules beside those of plugin.h:
 * - Every call is idempotent: creating what is there checks and repairs it, removing what is not
 *   there succeeds.
 * - `join` and `publish` are on the way of a container's answer: no sleeping, no program, no
 * waiting for the kernel to tear something down.
 * - A namespace fd is the caller's; work inside a namespace goes through the host's service, never
 *   by a setns of the driver's own.
 * - Items of arrays (berth_network_address, _subnet, _option, _port) never change size within an
 * ABI major; everything else starts with its struct_size and grows at the end.
 */
#ifndef BERTH_NETWORK_H
#define BERTH_NETWORK_H

#include <stdint.h>

#include <berth/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* berth_network_ops.caps: what kind of driver this is. */
#define BERTH_NETWORK_CAP_HOST_NAMESPACE 0x1u  /* containers share the host's namespace: no join */
#define BERTH_NETWORK_CAP_NO_INTERFACES  0x2u  /* a namespace with loopback and nothing else */
#define BERTH_NETWORK_CAP_PORTS          0x4u  /* publish and unpublish work */
#define BERTH_NETWORK_CAP_NO_ADDRESSES   0x8u  /* core allocates no addresses for its networks */
#define BERTH_NETWORK_CAP_SINGLETON      0x10u /* one network of this driver may exist */

/* An IP address, alone or with the length of its network's prefix. 20 bytes. */
typedef struct berth_network_address {
    uint8_t bytes[16]; /* network byte order; IPv4 in the first four, the rest 0 */
    uint8_t family;    /* 4, 6, or 0: no address */
    uint8_t prefix;    /* bits; 0 where no network is meant */
    uint8_t reserved[2];
} berth_network_address;

/* One subnet of a network. `subnet` has its host bits 0; `gateway` has family 0 when containers
 * have no way out through it. */
typedef struct berth_network_subnet {
    berth_network_address subnet;
    berth_network_address gateway;
} berth_network_subnet;

/* A user's option of a network or an endpoint, uninterpreted by core. */
typedef struct berth_network_option {
    const char *key;
    const char *value;
} berth_network_option;

/* One published port. host_ip: family 0 never occurs; all zero bytes mean every address of the host
 * of that family. The container's address is the endpoint's of the same family. 28 bytes. */
typedef struct berth_network_port {
    berth_network_address host_ip;
    uint16_t host_port; /* host byte order */
    uint16_t container_port;
    uint8_t protocol; /* IPPROTO_TCP 6, IPPROTO_UDP 17, IPPROTO_SCTP 132 */
    uint8_t reserved[3];
} berth_network_port;

/* berth_network_config.flags */
#define BERTH_NETWORK_INTERNAL   0x1u /* no way out and none in, except from the host itself */
#define BERTH_NETWORK_ICC        0x2u /* containers of this network may talk to each other */
#define BERTH_NETWORK_MASQUERADE 0x4u /* what leaves the host carries the host's address */
#define BERTH_NETWORK_DEFAULT    0x8u /* the default network of the engine */

/* A network, as core stores it. Strings and arrays are borrowed for the call. */
typedef struct berth_network_config {
    uint32_t struct_size;
    uint32_t flags;
    const char *id;   /* 64 hexadecimal digits */
    const char *name; /* the user's name for it */
    const char
        *interface;     /* name wanted for its interface on the host; NULL: the driver's choice */
    const char *parent; /* host interface that it hangs on (macvlan …); NULL: none */
    const berth_network_subnet *subnets;
    const berth_network_option *options;
    uint32_t n_subnets; /* 0 or more, IPv4 and IPv6 */
    uint32_t n_options;
    uint32_t mtu; /* 0: the driver's default */
    uint32_t reserved;
} berth_network_config;

/* berth_network_endpoint.flags */
#define BERTH_ENDPOINT_ROUTE4 0x1u /* the container's IPv4 default route goes through gateway4 */
#define BERTH_ENDPOINT_ROUTE6 0x2u /* the same for IPv6 */

/* A container's place in one network. */
typedef struct berth_network_endpoint {
    uint32_t struct_size;
    uint32_t flags;
    const char *network_id;
    const char *id;             /* 64 hexadecimal digits */
    const char *container_id;   /* 64 hexadecimal digits */
    const char *interface;      /* name wanted inside the container, as "eth0" */
    const char *host_interface; /* what the join of this endpoint emitted; NULL before that */
    uint8_t mac[6];
    uint8_t reserved[2];
    berth_network_address ipv4; /* with prefix; family 0: none */
    berth_network_address ipv6;
    berth_network_address gateway4;
    berth_network_address gateway6;
    const berth_network_option *options; /* driver options of this endpoint */
    const berth_network_port *ports;     /* used by sync only: what is published */
    uint32_t n_options;
    uint32_t n_ports;
} berth_network_endpoint;

/* Everything that should exist; the arrays hold pointers so that their items may grow. */
typedef struct berth_network_state {
    uint32_t struct_size;
    uint32_t n_networks;
    uint32_t n_endpoints;
    uint32_t reserved;
    const berth_network_config *const *networks;
    const berth_network_endpoint *const *endpoints;
} berth_network_state;

/* The operations. Those marked optional may be NULL. All may be called from any thread under the
 * thread model that the driver declares. */
struct berth_network_ops {
    uint32_t struct_size;
    uint32_t caps; /* BERTH_NETWORK_CAP_* */

    /* Makes the network exist as config says, or repairs it. Emits "interface" (its name on the
     * host) where there is one. BERTH_E_INVALID: an option or subnet the driver cannot serve;
     * BERTH_E_CONFLICT: an interface of that name exists and is something else. */
    int32_t (*network_create)(berth_inst *, berth_op *, const berth_network_config *config,
                              berth_sink *facts, berth_error *);
    /* Removes it. Core has removed its endpoints first. Unknown id: success. */
    int32_t (*network_remove)(berth_inst *, berth_op *, const char *network_id, berth_error *);

    /* Puts an interface into the namespace, with addresses, up, and the routes that the flags ask
     * for. Repeated for the same endpoint it brings interface and routes to what is asked now.
     * Emits "interface" (the host's side, where there is one). NULL only with CAP_HOST_NAMESPACE or
     * CAP_NO_INTERFACES. BERTH_E_NOT_FOUND: no such network. On failure nothing is left behind in
     * the host's namespace. */
    int32_t (*join)(berth_inst *, berth_op *, const berth_network_endpoint *endpoint,
                    int32_t netns_fd, berth_sink *facts, berth_error *);
    /* Takes the endpoint out: its published ports go at once. netns_fd >= 0: the namespace lives on
     * (disconnect), so the interface must be gone when the call returns. -1: the namespace is dead
     * or dying, which takes the interface with it: the driver only forgets. */
    int32_t (*leave)(berth_inst *, berth_op *, const berth_network_endpoint *endpoint,
                     int32_t netns_fd, berth_error *);

    /* Publishes the ports of a joined endpoint, all or none. Core has checked for conflicts among
     * its own ports and with sockets of the host. NULL without CAP_PORTS. */
    int32_t (*publish)(berth_inst *, berth_op *, const berth_network_endpoint *endpoint,
                       const berth_network_port *ports, uint32_t n_ports, berth_error *);
    /* Withdraws them; ports that are not published are passed over. */
    int32_t (*unpublish)(berth_inst *, berth_op *, const berth_network_endpoint *endpoint,
                         const berth_network_port *ports, uint32_t n_ports, berth_error *);

    /* Compares the kernel with what should exist and repairs the differences only: what is right
     * is not touched, so that live connections go on; strays of this driver are removed. Called
     * once after open with every network and endpoint of the driver, and again whenever core wants
     * to be sure. Emits a "repaired" sentence for each difference. */
    int32_t (*sync)(berth_inst *, berth_op *, const berth_network_state *state, berth_sink *facts,
                    berth_error *);

    /* Optional: does ahead of time the slow part of a join of this network in a namespace that no
     * container uses yet. A later join in the same namespace profits; a namespace may also be
     * closed without one. */
    int32_t (*prepare)(berth_inst *, berth_op *, const char *network_id, int32_t netns_fd,
                       berth_error *);
    /* Optional: emits what the driver holds in the kernel, as key "network", "interface", "port" or
     * "rules" and a name or count; for leak checks. */
    int32_t (*list)(berth_inst *, berth_op *, berth_sink *facts, berth_error *);
    /* Optional: emits "key" and "value" pairs shown by `info` and `plugin inspect`; "warning" is a
     * sentence about the host that the user should act on. */
    int32_t (*status)(berth_inst *, berth_sink *facts, berth_error *);
};

#ifdef __cplusplus
}
#endif
#endif
