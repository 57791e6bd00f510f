/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks: the objects users create, who is in them with which address, and which host ports lead
 * where. Drivers (sdk/include/berth/network.h) do the wiring. A container's place in all of its
 * networks together is its sandbox: a network namespace, endpoints, published ports.
 *
 * Life of a sandbox, as the container manager drives it:
 *   start:           berth_network_sandbox_open  -> namespace fd for the shim; facts for inspect
 *   live changes:    berth_network_sandbox_connect, _disconnect
 *   end:             berth_network_sandbox_close
 *   daemon restart:  berth_network_sandbox_restore for each running container, then
 *                    berth_networks_restored once.
 * The container manager keeps `struct berth_sandbox` in the container's stored document (it is
 * bound to JSON by berth_sandbox_table), so a start needs one write to the store, not two.
 */
#ifndef BERTH_NETWORK_NETWORK_H
#define BERTH_NETWORK_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"

struct berth_events;
struct berth_network_manager;
struct berth_plugins;
struct berth_store;

/* ---- Objects as the API shows them; the tables are in network_json.c ---- */

/* One subnet of a network: Docker's IPAMConfig. */
struct berth_network_subnet_config {
    char *subnet;   /* "172.20.0.0/16" */
    char *ip_range; /* part of it that is handed out */
    char *gateway;  /* address of the host in it */
    struct berth_strmap aux_addresses;
};

struct berth_network_ipam {
    char *driver; /* "default" or "null" */
    struct berth_strmap options;
    struct berth_json_list config; /* of struct berth_network_subnet_config */
};

/* One attached container, as `network inspect` lists it. */
struct berth_network_member {
    char *name;
    char *endpoint_id;
    char *mac_address;
    char *ipv4_address; /* with "/prefix" */
    char *ipv6_address;
};

struct berth_network_config_from {
    char *network;
};

/* A network: what is stored, listed and inspected. `containers` is empty in lists and in the
 * store. */
struct berth_network_object {
    char *name;
    char *id;
    char *created; /* RFC 3339 */
    char *scope;   /* always "local" */
    char *driver;
    bool enable_ipv4;
    bool enable_ipv6;
    struct berth_network_ipam ipam;
    bool internal;
    bool attachable;
    bool ingress;
    struct berth_network_config_from config_from;
    bool config_only;
    struct berth_json_map containers; /* container id -> struct berth_network_member */
    struct berth_strmap options;
    struct berth_strmap labels;
};

/* Body of POST /networks/create. */
struct berth_network_create_request {
    char *name;
    char *driver; /* NULL: bridge */
    char *scope;
    bool check_duplicate;
    bool internal;
    bool attachable;
    bool ingress;
    bool config_only;
    struct berth_network_config_from config_from;
    struct berth_network_ipam ipam;
    int32_t enable_ipv4; /* tristate; -1: yes */
    int32_t enable_ipv6;
    struct berth_strmap options;
    struct berth_strmap labels;
};

extern const struct berth_json_table berth_network_subnet_config_table;
extern const struct berth_json_table berth_network_member_table;
extern const struct berth_json_table berth_network_object_table;
extern const struct berth_json_table berth_network_create_request_table;

/* ---- The manager ---- */

struct berth_network_pool_config {
    const char *base; /* "172.30.0.0/16" */
    int size;         /* prefix length of the networks cut from it */
};

/* Borrowed for the call of open only, except plugins, store and events, which must outlive it. */
struct berth_networks_config {
    struct berth_plugins *plugins;
    struct berth_store *store;
    struct berth_events *events; /* NULL: nobody is told */
    const char *bridge; /* default bridge's interface; NULL: "berth0"; "none": no default */
    const char *bip;    /* its address with prefix; NULL: from the pools */
    const char *fixed_cidr;
    const char *default_gateway;
    const struct berth_network_pool_config *pools; /* default-address-pools */
    size_t n_pools;
    const char *host_ip; /* default address ports are published on; NULL: all */
    int mtu;             /* 0: 1500 */
    bool no_icc;
    bool no_masquerade;
    bool no_ip_forward;
    int spare_namespaces; /* namespaces kept ready; 0: none; -1: the default */
    const struct berth_strv *dns, *dns_search, *dns_options; /* daemon-wide; may be NULL */
    const char *host_gateway_ip; /* what "host-gateway" means; NULL: the default bridge's gateway */
};

/* Loads the networks from the store, makes bridge, host and none at the first start, and begins to
 * keep namespaces ready in a thread of its own. Loads no driver. Blocks on the store only. */
int32_t berth_networks_open(const struct berth_networks_config *config,
                            struct berth_network_manager **ret_networks, berth_error *err);
/* Stops the thread and frees everything; running containers keep their networks. NULL is fine. */
void berth_networks_close(struct berth_network_manager *networks);
/* To be called once after the last sandbox_restore: brings the kernel to what should exist, by
 * comparison, without touching what is right. Blocks for the drivers' work. Failures of one driver
 * are logged and do not stop the others. */
void berth_networks_restored(struct berth_network_manager *networks);

/* Creates a user's network. Docker's sentences for a name in use (CONFLICT), a bad subnet
 * (INVALID), overlapping pools (FORBIDDEN), no driver (NOT_FOUND). ret_id is the new id;
 * ret_warning (may be NULL) the caller's string or NULL. Any thread; blocks for the driver. */
int32_t berth_network_create(struct berth_network_manager *networks,
                             const struct berth_network_create_request *request, char **ret_id,
                             char **ret_warning, berth_error *err);
/* Removes a network by name, id or unique id prefix; CONFLICT or
 * FORBIDDEN: containers are in it, or it is pre-defined. Any thread; blocks for the driver. */
int32_t berth_network_remove(struct berth_network_manager *networks, const char *reference,
                             berth_error *err);
/* Copies a network with its containers into an init'ed object. NOT_FOUND: Docker's sentence. Any
 * thread; never waits for a driver. */
int32_t berth_network_inspect(struct berth_network_manager *networks, const char *reference,
                              struct berth_network_object *ret_object, berth_error *err);
/* Copies all networks into a list of struct berth_network_object; `containers` filled too when
 * `members` is set. Any thread; never waits for a driver. */
int32_t berth_networks_list(struct berth_network_manager *networks, bool members,
                            struct berth_json_list *ret_list, berth_error *err);
/* Removes the user networks without containers for which keep(object, context) is false (keep may
 * be NULL) and appends their names to ret_names. */
int32_t berth_networks_prune(struct berth_network_manager *networks,
                             bool (*keep)(const struct berth_network_object *, void *),
                             void *context, struct berth_strv *ret_names, berth_error *err);
/* Number of containers attached to the network of this id (for the filter dangling). */
size_t berth_network_use_count(struct berth_network_manager *networks, const char *id);
/* Appends warnings of the drivers about this host (a foreign firewall drops forwarded packets …),
 * one sentence each, for `info` and the log. May load nothing. */
int32_t berth_networks_warnings(struct berth_network_manager *networks,
                                struct berth_strv *ret_warnings, berth_error *err);
/* What the drivers hold in the kernel, by key and number ("interface": 3, "port": 10 …), for leak
 * checks; pairs are set in ret_counts as decimal text. */
int32_t berth_networks_usage(struct berth_network_manager *networks,
                             struct berth_strmap *ret_counts, berth_error *err);

/* ---- Sandboxes ---- */

/* What a container asks for. All borrowed for the call. */
struct berth_sandbox_settings {
    const char *container_id;
    const char *container_name; /* without a leading slash */
    const char *hostname;
    const char *domainname;
    const char *network_mode; /* HostConfig.NetworkMode: NULL, "default", "bridge", "host", "none",
                               * "container:ID", or a network's name or id */
    /* NetworkSettings.Networks: network name or id -> struct berth_endpoint_settings
     * (oci/network_config.h), as asked for; may be NULL */
    const struct berth_json_map *endpoints;
    const char *mac_address; /* ContainerConfig.MacAddress of old clients; NULL: derived */
    /* HostConfig.PortBindings: "80/tcp" -> list of struct berth_port_binding; may be NULL */
    const struct berth_json_map *port_bindings;
    const struct berth_strv *exposed_ports; /* ContainerConfig.ExposedPorts; may be NULL */
    bool publish_all;
    int shared_netns_fd; /* "container:ID": that container's namespace, else -1 (0 never is one) */
};

/* How an endpoint is wired: what EndpointSettings has no member for. */
struct berth_sandbox_wire {
    char *endpoint_id;
    char *interface;      /* in the container */
    char *host_interface; /* on the host; "" where there is none */
    bool mac_wanted;      /* the MAC was asked for, not derived */
    bool publishes;       /* the ports lead to this endpoint */
};

/* What it got. Bound to JSON by berth_sandbox_table (netns_fd is not in it). */
struct berth_sandbox {
    char *id;  /* SandboxID, 64 hexadecimal digits; "" for the mode container */
    char *key; /* SandboxKey; "" until the container manager knows the container's
                * /proc/<pid>/ns/net and sets it */
    char *container_id;
    char *mode; /* "bridge", "host", "none", "container:ID", or the first network's name */
    struct berth_json_map endpoints; /* network name -> struct berth_endpoint_settings with facts */
    struct berth_json_map ports;     /* "80/tcp" -> list of struct berth_port_binding (empty list:
                                      * exposed, not published): NetworkSettings.Ports */
    struct berth_json_list wires;    /* of struct berth_sandbox_wire */
    int netns_fd; /* the sandbox's until done; -1: host namespace, or restored and closed */
};

extern const struct berth_json_table berth_sandbox_wire_table;
extern const struct berth_json_table berth_sandbox_table;

/* Empty sandbox: no strings, netns_fd -1. */
void berth_sandbox_init(struct berth_sandbox *sandbox);
/* Frees what it owns (closes netns_fd) and inits it again. Gives nothing back to the networks:
 * that is berth_network_sandbox_close. */
void berth_sandbox_done(struct berth_sandbox *sandbox);

/* Checks at creation of a container what can be checked: the mode, the networks' existence, fixed
 * addresses in their subnets, the ports' syntax. Docker's sentences. Any thread; does not block. */
int32_t berth_network_settings_check(struct berth_network_manager *networks,
                                     const struct berth_sandbox_settings *settings,
                                     berth_error *err);

/* Makes the sandbox: a namespace, addresses, interfaces, ports. All or nothing. Errors: NOT_FOUND
 * "network x not found"; CONFLICT/INTERNAL with Docker's "Bind for 0.0.0.0:80 failed: port is
 * already allocated" or "address already in use". Any thread; blocks for the driver (about 1 ms).
 * The shim gets ret_sandbox->netns_fd; host mode has none. */
int32_t berth_network_sandbox_open(struct berth_network_manager *networks,
                                   const struct berth_sandbox_settings *settings,
                                   struct berth_sandbox *ret_sandbox, berth_error *err);
/* Gives everything back: ports, addresses, endpoints, the namespace fd. Idempotent. Afterwards the
 * endpoints keep what was asked for and lose the facts, and ports is empty, as Docker shows a
 * stopped container. The container's processes must be gone or going. Never fails; what a driver
 * could not do is logged and repaired by the next sync. */
void berth_network_sandbox_close(struct berth_network_manager *networks,
                                 struct berth_sandbox *sandbox);
/* After a restart of the daemon: takes over a sandbox read from the store whose container still
 * runs. netns_path: /proc/<pid>/ns/net of it (NULL for host and container modes). Reserves its
 * addresses and ports; the wiring is compared by berth_networks_restored. `name` as in settings. */
int32_t berth_network_sandbox_restore(struct berth_network_manager *networks,
                                      struct berth_sandbox *sandbox, const char *name,
                                      const char *netns_path, berth_error *err);

/* Adds the running container to one more network. `wanted` is a struct berth_endpoint_settings or
 * NULL. FORBIDDEN/CONFLICT with Docker's sentences (host mode, already connected). */
int32_t berth_network_sandbox_connect(struct berth_network_manager *networks,
                                      const struct berth_sandbox_settings *settings,
                                      struct berth_sandbox *sandbox, const char *network,
                                      const void *wanted, berth_error *err);
/* Takes it out of a network: the interface is gone when this returns. `force` passes over what the
 * driver could not do. */
int32_t berth_network_sandbox_disconnect(struct berth_network_manager *networks,
                                         struct berth_sandbox *sandbox, const char *network,
                                         bool force, berth_error *err);
/* A container was renamed: its name in `network inspect` and (later) DNS. */
void berth_networks_container_renamed(struct berth_network_manager *networks,
                                      const char *container_id, const char *name);

/* ---- Files of a container ---- */

struct berth_network_files_settings {
    const struct berth_strv *dns, *dns_search, *dns_options; /* HostConfig; may be NULL */
    const struct berth_strv *extra_hosts;                    /* "name:ip", "name:host-gateway" */
    const char *hostname, *domainname;
};

/* Text of /etc/hosts (the host's own file plus extra hosts in host mode). The caller's to free;
 * NULL: err says why. */
char *berth_network_hosts_file(struct berth_network_manager *networks,
                               const struct berth_network_files_settings *settings,
                               const struct berth_sandbox *sandbox, berth_error *err);
/* Text of /etc/resolv.conf, from the host's without its loopback nameservers, or as asked. */
char *berth_network_resolv_conf(struct berth_network_manager *networks,
                                const struct berth_network_files_settings *settings,
                                const struct berth_sandbox *sandbox, berth_error *err);

#endif
