/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/engine: the document of GET /info.
 */
#ifndef BERTH_ENGINE_INFO_H
#define BERTH_ENGINE_INFO_H

#include "base/json.h"

struct info_plugins {
    struct berth_strv volume, network, authorization, log;
};

struct info_commit {
    char *id;
};

struct engine_info {
    char *id;
    int64_t containers, running, paused, stopped, images;
    char *driver;
    struct json_object *driver_status;
    struct info_plugins plugins;
    bool memory_limit, swap_limit, cpu_cfs_period, cpu_cfs_quota, cpu_shares, cpu_set, pids_limit;
    bool ipv4_forwarding, bridge_nf_iptables, bridge_nf_ip6tables, debug, oom_kill_disable;
    int64_t nfd, threads;
    char *system_time, *logging_driver, *cgroup_driver, *cgroup_version;
    int64_t listeners;
    char *kernel_version, *operating_system, *os_version, *os_type, *architecture;
    char *index_server;
    struct json_object *registry_config;
    int64_t ncpu, mem_total;
    struct json_object *generic_resources;
    char *docker_root_dir, *http_proxy, *https_proxy, *no_proxy, *name;
    struct berth_strv labels;
    bool experimental;
    char *server_version;
    struct json_object *runtimes;
    char *default_runtime;
    struct json_object *swarm;
    bool live_restore;
    char *isolation, *init_binary;
    struct info_commit containerd, runc, init;
    struct berth_strv security_options;
    struct berth_strv cdi_spec_dirs, warnings;
};
extern const struct berth_json_table engine_info_table;

#endif
