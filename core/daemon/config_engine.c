/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's share of the daemon's settings.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"
#include "engine/engine.h"

/* native.cgroupdriver=systemd of exec-opts. */
static int32_t cgroup_driver(const struct berth_daemon_config *config, const char **ret_driver,
                             berth_error *err)
{
    for (size_t i = 0; i < config->exec_opts.count; i++) {
        const char *text = config->exec_opts.items[i];
        const char *value = berth_str_starts(text, "native.cgroupdriver=") ? text + 20 : "";
        if (strcmp(value, "cgroupfs") != 0 && strcmp(value, "systemd") != 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unknown exec-opt %s: wanted native.cgroupdriver=cgroupfs or "
                                   "native.cgroupdriver=systemd",
                                   text);
        }
        *ret_driver = value;
    }
    return 0;
}

/* The one built in is for daemons that were installed; one named by hand must exist. */
static const char *initial_image(const struct berth_daemon_config *config)
{
    const char *path = config->initial_image;
    bool absent = strcmp(path, BERTH_INITIAL_IMAGE) == 0 && access(path, R_OK) < 0;
    return path[0] == '\0' || absent ? NULL : path;
}

/* A build tree names its own shim in the environment, which the engine reads. */
static const char *shim_path(const struct berth_daemon_config *config)
{
    if (config->shim_path != NULL) {
        return config->shim_path;
    }
    return getenv("BERTH_SHIM") != NULL ? NULL : BERTH_SHIM_PATH;
}

int32_t berth_daemon_config_engine(const struct berth_daemon_config *config,
                                   struct berth_engine_config *ret_engine, berth_error *err)
{
    struct berth_engine_config engine = {
        .data_root = config->data_root,
        .exec_root = config->exec_root,
        .storage_driver = config->storage_driver,
        .storage_options = config->storage_opts,
        .plugin_paths = config->plugin_paths,
        .plugin_dir = BERTH_PLUGIN_DIR,
        .shim_path = shim_path(config),
        .initial_image = initial_image(config),
        .cgroup_parent = config->cgroup_parent,
        .log_driver = config->log_driver,
        .log_options = config->log_opts,
        .default_ulimits = config->default_ulimits,
        .default_shm_size = config->default_shm_size,
        .default_ipc_mode = config->default_ipc_mode,
        .default_cgroupns_mode = config->default_cgroupns_mode,
        .seccomp_profile = config->seccomp_profile,
        .init = config->init,
        .no_new_privileges = config->no_new_privileges,
        .shutdown_timeout = (int32_t)config->shutdown_timeout,
        .bridge = config->bridge,
        .bip = config->bip,
        .fixed_cidr = config->fixed_cidr,
        .default_gateway = config->default_gateway,
        .default_host_binding_ip = config->ip,
        .host_gateway_ip = config->host_gateway_ip,
        .mtu = (int32_t)config->mtu,
        .ipv6 = config->ipv6,
        .icc_off = !config->icc,
        .ip_forward_off = !config->ip_forward,
        .ip_masq_off = !config->ip_masq,
        .firewall_off = !config->iptables,
        .dns = config->dns,
        .dns_options = config->dns_opts,
        .dns_search = config->dns_search,
        .default_address_pools = config->default_address_pools,
        .labels = config->labels,
        .debug = config->debug,
        .experimental = config->experimental,
    };
    int32_t rc = cgroup_driver(config, &engine.cgroup_driver, err);
    if (rc == 0) {
        *ret_engine = engine;
    }
    return rc;
}
