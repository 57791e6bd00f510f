/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON tables of what containers look like. Members that Docker dropped or added carry the
 * versions (moby api/docs/CHANGELOG.md).
 */
#include "container/inspect.h"

#include <json-c/json.h>

#include "oci/container_config.h"
#include "oci/host_config.h"
#include "oci/network_config.h"

#define F BERTH_JSON_FIELD
#define N BERTH_JSON_NESTED
#define V BERTH_JSON_VERSIONED

enum { OMIT = BERTH_JSON_OMIT_EMPTY, NIL = BERTH_JSON_NULL_EMPTY };

#define T struct berth_health_result
static const struct berth_json_field health_result_fields[] = {
    F(T, start, "Start", STRING, 0),
    F(T, end, "End", STRING, 0),
    F(T, exit_code, "ExitCode", INT32, 0),
    F(T, output, "Output", STRING, 0),
};
#undef T
static const struct berth_json_table health_result_table =
    BERTH_JSON_TABLE("HealthcheckResult", struct berth_health_result, health_result_fields);

#define T struct berth_health_state
static const struct berth_json_field health_fields[] = {
    F(T, status, "Status", STRING, 0),
    F(T, failing_streak, "FailingStreak", INT32, 0),
    N(T, log, "Log", LIST, 0, health_result_table),
};
#undef T
const struct berth_json_table berth_health_state_table =
    BERTH_JSON_TABLE("Health", struct berth_health_state, health_fields);

#define T struct berth_container_state
static const struct berth_json_field state_fields[] = {
    F(T, status, "Status", STRING, 0),
    F(T, running, "Running", BOOL, 0),
    F(T, paused, "Paused", BOOL, 0),
    F(T, restarting, "Restarting", BOOL, 0),
    F(T, oom_killed, "OOMKilled", BOOL, 0),
    F(T, dead, "Dead", BOOL, 0),
    F(T, pid, "Pid", INT32, 0),
    F(T, exit_code, "ExitCode", INT32, 0),
    F(T, error, "Error", STRING, 0),
    F(T, started_at, "StartedAt", STRING, 0),
    F(T, finished_at, "FinishedAt", STRING, 0),
    N(T, health, "Health", OBJECT_PTR, OMIT, berth_health_state_table),
};
#undef T
const struct berth_json_table berth_container_state_table =
    BERTH_JSON_TABLE("ContainerState", struct berth_container_state, state_fields);

#define T struct berth_mount_point
static const struct berth_json_field mount_point_fields[] = {
    F(T, type, "Type", STRING, OMIT),
    F(T, name, "Name", STRING, OMIT),
    F(T, source, "Source", STRING, 0),
    F(T, destination, "Destination", STRING, 0),
    F(T, driver, "Driver", STRING, OMIT),
    F(T, mode, "Mode", STRING, 0),
    F(T, rw, "RW", BOOL, 0),
    F(T, propagation, "Propagation", STRING, 0),
};
#undef T
const struct berth_json_table berth_mount_point_table =
    BERTH_JSON_TABLE("MountPoint", struct berth_mount_point, mount_point_fields);

#define T struct berth_graph_driver
static const struct berth_json_field graph_driver_fields[] = {
    F(T, data, "Data", STRMAP, NIL),
    F(T, name, "Name", STRING, 0),
};
#undef T
const struct berth_json_table berth_graph_driver_table =
    BERTH_JSON_TABLE("DriverData", struct berth_graph_driver, graph_driver_fields);

/* One address of SecondaryIPAddresses: always none here, and null there. */
#define T struct berth_network_settings
static const struct berth_json_field network_settings_fields[] = {
    V(T, bridge, "Bridge", STRING, 0, 0, 151),
    F(T, sandbox_id, "SandboxID", STRING, 0),
    F(T, sandbox_key, "SandboxKey", STRING, 0),
    N(T, ports, "Ports", LIST_MAP, 0, berth_port_binding_table),
    V(T, hairpin_mode, "HairpinMode", BOOL, 0, 0, 151),
    V(T, link_local_ipv6_address, "LinkLocalIPv6Address", STRING, 0, 0, 151),
    V(T, link_local_ipv6_prefix_len, "LinkLocalIPv6PrefixLen", INT32, 0, 0, 151),
    V(T, secondary_ip_addresses, "SecondaryIPAddresses", STRV, NIL, 0, 151),
    V(T, secondary_ipv6_addresses, "SecondaryIPv6Addresses", STRV, NIL, 0, 151),
    V(T, endpoint_id, "EndpointID", STRING, 0, 0, 151),
    V(T, gateway, "Gateway", STRING, 0, 0, 151),
    V(T, global_ipv6_address, "GlobalIPv6Address", STRING, 0, 0, 151),
    V(T, global_ipv6_prefix_len, "GlobalIPv6PrefixLen", INT32, 0, 0, 151),
    V(T, ip_address, "IPAddress", STRING, 0, 0, 151),
    V(T, ip_prefix_len, "IPPrefixLen", INT32, 0, 0, 151),
    V(T, ipv6_gateway, "IPv6Gateway", STRING, 0, 0, 151),
    V(T, mac_address, "MacAddress", STRING, 0, 0, 151),
    N(T, networks, "Networks", MAP, 0, berth_endpoint_settings_table),
};
#undef T
const struct berth_json_table berth_network_settings_table =
    BERTH_JSON_TABLE("NetworkSettings", struct berth_network_settings, network_settings_fields);

#define T struct berth_container_inspect
static const struct berth_json_field inspect_fields[] = {
    F(T, id, "Id", STRING, 0),
    F(T, created, "Created", STRING, 0),
    F(T, path, "Path", STRING, 0),
    F(T, args, "Args", STRV, 0),
    N(T, state, "State", OBJECT, 0, berth_container_state_table),
    F(T, image, "Image", STRING, 0),
    F(T, resolv_conf_path, "ResolvConfPath", STRING, 0),
    F(T, hostname_path, "HostnamePath", STRING, 0),
    F(T, hosts_path, "HostsPath", STRING, 0),
    F(T, log_path, "LogPath", STRING, 0),
    F(T, name, "Name", STRING, 0),
    F(T, restart_count, "RestartCount", INT32, 0),
    F(T, driver, "Driver", STRING, 0),
    F(T, platform, "Platform", STRING, 0),
    F(T, mount_label, "MountLabel", STRING, 0),
    F(T, process_label, "ProcessLabel", STRING, 0),
    F(T, apparmor_profile, "AppArmorProfile", STRING, 0),
    F(T, exec_ids, "ExecIDs", STRV, NIL),
    N(T, host_config, "HostConfig", OBJECT_PTR, 0, berth_host_config_table),
    N(T, graph_driver, "GraphDriver", OBJECT, 0, berth_graph_driver_table),
    F(T, size_rw, "SizeRw", INT64, OMIT),
    F(T, size_root_fs, "SizeRootFs", INT64, OMIT),
    N(T, mounts, "Mounts", LIST, 0, berth_mount_point_table),
    N(T, config, "Config", OBJECT_PTR, 0, berth_container_config_table),
    N(T, network_settings, "NetworkSettings", OBJECT, 0, berth_network_settings_table),
};
#undef T
const struct berth_json_table berth_container_inspect_table =
    BERTH_JSON_TABLE("ContainerInspectResponse", struct berth_container_inspect, inspect_fields);

#define T struct berth_port_summary
static const struct berth_json_field port_fields[] = {
    F(T, ip, "IP", STRING, OMIT),
    F(T, private_port, "PrivatePort", INT32, 0),
    F(T, public_port, "PublicPort", INT32, OMIT),
    F(T, type, "Type", STRING, 0),
};
#undef T
const struct berth_json_table berth_port_summary_table =
    BERTH_JSON_TABLE("Port", struct berth_port_summary, port_fields);

#define T struct berth_summary_host_config
static const struct berth_json_field summary_host_fields[] = {
    F(T, network_mode, "NetworkMode", STRING, OMIT),
    V(T, annotations, "Annotations", STRMAP, OMIT, 146, 0),
};
#undef T
static const struct berth_json_table summary_host_table =
    BERTH_JSON_TABLE("HostConfig", struct berth_summary_host_config, summary_host_fields);

static const struct berth_json_field summary_network_fields[] = {
    N(struct berth_summary_networks, networks, "Networks", MAP, 0, berth_endpoint_settings_table),
};
static const struct berth_json_table summary_network_table =
    BERTH_JSON_TABLE("NetworkSettings", struct berth_summary_networks, summary_network_fields);

#define T struct berth_summary_health
static const struct berth_json_field summary_health_fields[] = {
    F(T, status, "Status", STRING, 0),
    F(T, failing_streak, "FailingStreak", INT32, 0),
};
#undef T
static const struct berth_json_table summary_health_table =
    BERTH_JSON_TABLE("HealthSummary", struct berth_summary_health, summary_health_fields);

#define T struct berth_container_summary
static const struct berth_json_field summary_fields[] = {
    F(T, id, "Id", STRING, 0),
    F(T, names, "Names", STRV, 0),
    F(T, image, "Image", STRING, 0),
    F(T, image_id, "ImageID", STRING, 0),
    F(T, command, "Command", STRING, 0),
    F(T, created, "Created", INT64, 0),
    N(T, ports, "Ports", LIST, 0, berth_port_summary_table),
    F(T, size_rw, "SizeRw", INT64, OMIT),
    F(T, size_root_fs, "SizeRootFs", INT64, OMIT),
    F(T, labels, "Labels", STRMAP, 0),
    F(T, state, "State", STRING, 0),
    F(T, status, "Status", STRING, 0),
    N(T, host_config, "HostConfig", OBJECT, 0, summary_host_table),
    N(T, health, "Health", OBJECT_PTR, OMIT, summary_health_table),
    N(T, network_settings, "NetworkSettings", OBJECT, 0, summary_network_table),
    N(T, mounts, "Mounts", LIST, 0, berth_mount_point_table),
};
#undef T
const struct berth_json_table berth_container_summary_table =
    BERTH_JSON_TABLE("ContainerSummary", struct berth_container_summary, summary_fields);
