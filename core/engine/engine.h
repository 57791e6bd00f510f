/* SPDX-License-Identifier: Apache-2.0
 *
 * The one struct that owns the managers: opened in order, recovered, reloaded and closed together.
 * core/daemon makes one from its config; core/api serves it; several can live in one process on
 * different roots (tests do).
 */
#ifndef BERTH_ENGINE_ENGINE_H
#define BERTH_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"

struct berth_engine;
struct berth_store;
struct berth_events;
struct berth_plugins;
struct berth_image_manager;
struct berth_volume_manager;
struct berth_network_manager;
struct berth_container_manager;

/* What core/daemon reads from flags and file. Strings are borrowed for the call that takes it.
 * NULL, 0 and empty: the default named. */
struct berth_engine_config {
    const char *data_root;             /* /var/lib/berth */
    const char *exec_root;             /* /run/berth */
    const char *storage_driver;        /* overlay; falls back to vfs only when chosen by default */
    struct berth_strv storage_options; /* "key=value" */
    struct berth_strv plugin_paths;    /* searched first */
    const char *plugin_dir;            /* PREFIX/lib/berth/plugins */
    const char *shim_path;             /* PREFIX/libexec/berth/berth-shim */
    const char *init_path;             /* unused: the shim has its own init */
    const char *initial_image; /* an archive loaded when there is no image at all; NULL: none */
    const char *cgroup_parent; /* /berth, or berth.slice with systemd */
    const char *cgroup_driver; /* cgroupfs, systemd */
    const char *log_driver;    /* json-file */
    struct berth_strmap log_options;   /* max-size, max-file ... */
    struct berth_strv default_ulimits; /* "nofile=1024:2048" */
    struct berth_strv default_runtime_environment;
    int64_t default_shm_size;          /* 64 MiB */
    const char *default_ipc_mode;      /* private */
    const char *default_cgroupns_mode; /* private on v2, host on v1 (as Docker) */
    const char *seccomp_profile;       /* a file, "builtin" or "unconfined" */
    bool init;                         /* --init for all */
    bool no_new_privileges;
    int32_t shutdown_timeout; /* unused: containers stay */
    /* network */
    const char *bridge; /* name of the default bridge: berth0; "none": no default bridge */
    const char *bip;    /* its address, CIDR */
    const char *fixed_cidr;
    const char *default_gateway;
    const char *default_host_binding_ip; /* "ip" of daemon.json */
    const char *host_gateway_ip;         /* of --add-host; NULL: the default bridge's gateway */
    int32_t mtu;
    bool ipv6, icc_off, ip_forward_off, ip_masq_off, firewall_off;
    struct berth_strv dns, dns_options, dns_search;
    struct berth_strv default_address_pools; /* "base=10.0.0.0/8,size=24" */
    /* shown by info */
    struct berth_strv labels;
    bool debug, experimental;
};

/* Opens everything, adopts running containers, applies restart policies. A partly opened engine is
 * closed again on failure. Blocks for as long as recovery takes (bounded). */
int berth_engine_open(const struct berth_engine_config *config, struct berth_engine **ret_engine,
                      berth_error *err);
/* Orderly stop: containers go on running without us. NULL is fine. */
void berth_engine_close(struct berth_engine *engine);
/* Takes over what can change live (debug, labels, log defaults, shutdown timeout ...). */
int berth_engine_reload(struct berth_engine *engine, const struct berth_engine_config *config,
                        berth_error *err);

/* The parts, borrowed until close. */
struct berth_store *berth_engine_store(struct berth_engine *engine);
struct berth_events *berth_engine_events(struct berth_engine *engine);
struct berth_plugins *berth_engine_plugins(struct berth_engine *engine);
struct berth_image_manager *berth_engine_images(struct berth_engine *engine);
struct berth_volume_manager *berth_engine_volumes(struct berth_engine *engine);
struct berth_network_manager *berth_engine_networks(struct berth_engine *engine);
struct berth_container_manager *berth_engine_containers(struct berth_engine *engine);

/* The storage driver's name. */
const char *berth_engine_storage_name(const struct berth_engine *engine);

/* GET /info as a whole document; registry and client facts that only the daemon knows (Debug, the
 * proxies, RegistryConfig ...) are set here from the config too. The result is the caller's:
 * json_object_put(). */
int berth_engine_info(struct berth_engine *engine, int version, struct json_object **ret_info,
                      berth_error *err);

#endif
