/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON table of GET /info.
 */
#include "engine/info.h"

#define F BERTH_JSON_FIELD
#define N BERTH_JSON_NESTED

enum { OMIT = BERTH_JSON_OMIT_EMPTY, NIL = BERTH_JSON_NULL_EMPTY };

static const struct berth_json_field plugins_fields[] = {
    F(struct info_plugins, volume, "Volume", STRV, 0),
    F(struct info_plugins, network, "Network", STRV, 0),
    F(struct info_plugins, authorization, "Authorization", STRV, NIL),
    F(struct info_plugins, log, "Log", STRV, 0),
};
static const struct berth_json_table plugins_table =
    BERTH_JSON_TABLE("PluginsInfo", struct info_plugins, plugins_fields);

static const struct berth_json_field commit_fields[] = {
    F(struct info_commit, id, "ID", STRING, 0),
};
static const struct berth_json_table commit_table =
    BERTH_JSON_TABLE("Commit", struct info_commit, commit_fields);

#define T struct engine_info
static const struct berth_json_field info_fields[] = {
    F(T, id, "ID", STRING, 0),
    F(T, containers, "Containers", INT64, 0),
    F(T, running, "ContainersRunning", INT64, 0),
    F(T, paused, "ContainersPaused", INT64, 0),
    F(T, stopped, "ContainersStopped", INT64, 0),
    F(T, images, "Images", INT64, 0),
    F(T, driver, "Driver", STRING, 0),
    F(T, driver_status, "DriverStatus", RAW, 0),
    N(T, plugins, "Plugins", OBJECT, 0, plugins_table),
    F(T, memory_limit, "MemoryLimit", BOOL, 0),
    F(T, swap_limit, "SwapLimit", BOOL, 0),
    F(T, cpu_cfs_period, "CpuCfsPeriod", BOOL, 0),
    F(T, cpu_cfs_quota, "CpuCfsQuota", BOOL, 0),
    F(T, cpu_shares, "CPUShares", BOOL, 0),
    F(T, cpu_set, "CPUSet", BOOL, 0),
    F(T, pids_limit, "PidsLimit", BOOL, 0),
    F(T, ipv4_forwarding, "IPv4Forwarding", BOOL, 0),
    F(T, bridge_nf_iptables, "BridgeNfIptables", BOOL, 0),
    F(T, bridge_nf_ip6tables, "BridgeNfIp6tables", BOOL, 0),
    F(T, debug, "Debug", BOOL, 0),
    F(T, nfd, "NFd", INT64, 0),
    F(T, oom_kill_disable, "OomKillDisable", BOOL, 0),
    F(T, threads, "NGoroutines", INT64, 0),
    F(T, system_time, "SystemTime", STRING, 0),
    F(T, logging_driver, "LoggingDriver", STRING, 0),
    F(T, cgroup_driver, "CgroupDriver", STRING, 0),
    F(T, cgroup_version, "CgroupVersion", STRING, 0),
    F(T, listeners, "NEventsListener", INT64, 0),
    F(T, kernel_version, "KernelVersion", STRING, 0),
    F(T, operating_system, "OperatingSystem", STRING, 0),
    F(T, os_version, "OSVersion", STRING, 0),
    F(T, os_type, "OSType", STRING, 0),
    F(T, architecture, "Architecture", STRING, 0),
    F(T, index_server, "IndexServerAddress", STRING, 0),
    F(T, registry_config, "RegistryConfig", RAW, 0),
    F(T, ncpu, "NCPU", INT64, 0),
    F(T, mem_total, "MemTotal", INT64, 0),
    F(T, generic_resources, "GenericResources", RAW, 0),
    F(T, docker_root_dir, "DockerRootDir", STRING, 0),
    F(T, http_proxy, "HttpProxy", STRING, 0),
    F(T, https_proxy, "HttpsProxy", STRING, 0),
    F(T, no_proxy, "NoProxy", STRING, 0),
    F(T, name, "Name", STRING, 0),
    F(T, labels, "Labels", STRV, 0),
    F(T, experimental, "ExperimentalBuild", BOOL, 0),
    F(T, server_version, "ServerVersion", STRING, 0),
    F(T, runtimes, "Runtimes", RAW, 0),
    F(T, default_runtime, "DefaultRuntime", STRING, 0),
    F(T, swarm, "Swarm", RAW, 0),
    F(T, live_restore, "LiveRestoreEnabled", BOOL, 0),
    F(T, isolation, "Isolation", STRING, 0),
    F(T, init_binary, "InitBinary", STRING, 0),
    N(T, containerd, "ContainerdCommit", OBJECT, 0, commit_table),
    N(T, runc, "RuncCommit", OBJECT, 0, commit_table),
    N(T, init, "InitCommit", OBJECT, 0, commit_table),
    F(T, security_options, "SecurityOptions", STRV, 0),
    F(T, cdi_spec_dirs, "CDISpecDirs", STRV, 0),
    F(T, warnings, "Warnings", STRV, NIL),
};
#undef T
const struct berth_json_table engine_info_table =
    BERTH_JSON_TABLE("SystemInfo", struct engine_info, info_fields);
