/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON tables of HostConfig, Resources and what they contain.
 */
#include "oci/host_config.h"

#include <json-c/json.h>

#define OMIT   BERTH_JSON_OMIT_EMPTY
#define NULLED BERTH_JSON_NULL_EMPTY

#define FIELD(type, member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_##type, member, name, kind, flags)
#define TABLE(type, name, fields)                        \
    const struct berth_json_table berth_##type##_table = \
        BERTH_JSON_TABLE(name, struct berth_##type, fields)

static const struct berth_json_field log_config_fields[] = {
    FIELD(log_config, type, "Type", STRING, 0),
    FIELD(log_config, config, "Config", STRMAP, 0),
};
TABLE(log_config, "LogConfig", log_config_fields);

static const struct berth_json_field restart_policy_fields[] = {
    FIELD(restart_policy, name, "Name", STRING, 0),
    FIELD(restart_policy, maximum_retry_count, "MaximumRetryCount", INT64, 0),
};
TABLE(restart_policy, "RestartPolicy", restart_policy_fields);

static const struct berth_json_field port_binding_fields[] = {
    FIELD(port_binding, host_ip, "HostIp", STRING, 0),
    FIELD(port_binding, host_port, "HostPort", STRING, 0),
};
TABLE(port_binding, "PortBindings", port_binding_fields);

static const struct berth_json_field device_mapping_fields[] = {
    FIELD(device_mapping, path_on_host, "PathOnHost", STRING, 0),
    FIELD(device_mapping, path_in_container, "PathInContainer", STRING, 0),
    FIELD(device_mapping, cgroup_permissions, "CgroupPermissions", STRING, 0),
};
TABLE(device_mapping, "Devices", device_mapping_fields);

static const struct berth_json_field device_request_fields[] = {
    FIELD(device_request, driver, "Driver", STRING, 0),
    FIELD(device_request, count, "Count", INT64, 0),
    FIELD(device_request, device_ids, "DeviceIDs", STRV, NULLED),
    FIELD(device_request, capabilities, "Capabilities", RAW, 0),
    FIELD(device_request, options, "Options", STRMAP, NULLED),
};
TABLE(device_request, "DeviceRequests", device_request_fields);

static const struct berth_json_field weight_device_fields[] = {
    FIELD(weight_device, path, "Path", STRING, 0),
    FIELD(weight_device, weight, "Weight", INT64, 0),
};
TABLE(weight_device, "BlkioWeightDevice", weight_device_fields);

static const struct berth_json_field throttle_device_fields[] = {
    FIELD(throttle_device, path, "Path", STRING, 0),
    FIELD(throttle_device, rate, "Rate", UINT64, 0),
};
TABLE(throttle_device, "ThrottleDevice", throttle_device_fields);

static const struct berth_json_field ulimit_fields[] = {
    FIELD(ulimit, name, "Name", STRING, 0),
    FIELD(ulimit, hard, "Hard", INT64, 0),
    FIELD(ulimit, soft, "Soft", INT64, 0),
};
TABLE(ulimit, "Ulimits", ulimit_fields);

static const struct berth_json_field bind_options_fields[] = {
    FIELD(bind_options, propagation, "Propagation", STRING, OMIT),
    FIELD(bind_options, non_recursive, "NonRecursive", BOOL, OMIT),
    FIELD(bind_options, create_mountpoint, "CreateMountpoint", BOOL, OMIT),
    FIELD(bind_options, read_only_non_recursive, "ReadOnlyNonRecursive", BOOL, OMIT),
    FIELD(bind_options, read_only_force_recursive, "ReadOnlyForceRecursive", BOOL, OMIT),
};
TABLE(bind_options, "BindOptions", bind_options_fields);

static const struct berth_json_field volume_driver_config_fields[] = {
    FIELD(volume_driver_config, name, "Name", STRING, OMIT),
    FIELD(volume_driver_config, options, "Options", STRMAP, OMIT),
};
TABLE(volume_driver_config, "DriverConfig", volume_driver_config_fields);

static const struct berth_json_field volume_options_fields[] = {
    FIELD(volume_options, no_copy, "NoCopy", BOOL, OMIT),
    FIELD(volume_options, labels, "Labels", STRMAP, OMIT),
    FIELD(volume_options, subpath, "Subpath", STRING, OMIT),
    BERTH_JSON_NESTED(struct berth_volume_options, driver_config, "DriverConfig", OBJECT_PTR, OMIT,
                      berth_volume_driver_config_table),
};
TABLE(volume_options, "VolumeOptions", volume_options_fields);

static const struct berth_json_field image_options_fields[] = {
    FIELD(image_options, subpath, "Subpath", STRING, OMIT),
};
TABLE(image_options, "ImageOptions", image_options_fields);

static const struct berth_json_field tmpfs_options_fields[] = {
    FIELD(tmpfs_options, size_bytes, "SizeBytes", INT64, OMIT),
    FIELD(tmpfs_options, mode, "Mode", INT64, OMIT),
    FIELD(tmpfs_options, options, "Options", RAW, OMIT),
};
TABLE(tmpfs_options, "TmpfsOptions", tmpfs_options_fields);

#define MOUNT_OPTIONS(member, name) \
    BERTH_JSON_NESTED(struct berth_mount, member, name, OBJECT_PTR, OMIT, berth_##member##_table)

static const struct berth_json_field mount_fields[] = {
    FIELD(mount, type, "Type", STRING, OMIT),
    FIELD(mount, source, "Source", STRING, OMIT),
    FIELD(mount, target, "Target", STRING, OMIT),
    FIELD(mount, read_only, "ReadOnly", BOOL, OMIT),
    FIELD(mount, consistency, "Consistency", STRING, OMIT),
    MOUNT_OPTIONS(bind_options, "BindOptions"),
    MOUNT_OPTIONS(volume_options, "VolumeOptions"),
    MOUNT_OPTIONS(image_options, "ImageOptions"),
    MOUNT_OPTIONS(tmpfs_options, "TmpfsOptions"),
};
TABLE(mount, "Mounts", mount_fields);

#define HOST(member, name, kind, flags) FIELD(host_config, member, name, kind, flags)
#define HOST_NESTED(member, name, kind, flags, table) \
    BERTH_JSON_NESTED(struct berth_host_config, member, name, kind, flags, table)
/* members that API 1.42 dropped */
#define HOST_OLD(member, name) \
    BERTH_JSON_VERSIONED(struct berth_host_config, member, name, INT64, 0, 0, 141)

static const struct berth_json_field host_config_fields[] = {
    HOST(binds, "Binds", STRV, NULLED),
    HOST(container_id_file, "ContainerIDFile", STRING, 0),
    HOST_NESTED(log_config, "LogConfig", OBJECT, 0, berth_log_config_table),
    HOST(network_mode, "NetworkMode", STRING, 0),
    HOST_NESTED(port_bindings, "PortBindings", LIST_MAP, NULLED, berth_port_binding_table),
    HOST_NESTED(restart_policy, "RestartPolicy", OBJECT, 0, berth_restart_policy_table),
    HOST(auto_remove, "AutoRemove", BOOL, 0),
    HOST(volume_driver, "VolumeDriver", STRING, 0),
    HOST(volumes_from, "VolumesFrom", STRV, NULLED),
    HOST(console_size, "ConsoleSize", RAW, 0),
    HOST(annotations, "Annotations", STRMAP, OMIT),
    HOST(cap_add, "CapAdd", STRV, NULLED | BERTH_JSON_LONE),
    HOST(cap_drop, "CapDrop", STRV, NULLED | BERTH_JSON_LONE),
    HOST(cgroupns_mode, "CgroupnsMode", STRING, 0),
    HOST(dns, "Dns", STRV, NULLED),
    HOST(dns_options, "DnsOptions", STRV, NULLED),
    HOST(dns_search, "DnsSearch", STRV, NULLED),
    HOST(extra_hosts, "ExtraHosts", STRV, NULLED),
    HOST(group_add, "GroupAdd", STRV, NULLED),
    HOST(ipc_mode, "IpcMode", STRING, 0),
    HOST(cgroup, "Cgroup", STRING, 0),
    HOST(links, "Links", STRV, NULLED),
    HOST(oom_score_adj, "OomScoreAdj", INT64, 0),
    HOST(pid_mode, "PidMode", STRING, 0),
    HOST(privileged, "Privileged", BOOL, 0),
    HOST(publish_all_ports, "PublishAllPorts", BOOL, 0),
    HOST(readonly_rootfs, "ReadonlyRootfs", BOOL, 0),
    HOST(security_opt, "SecurityOpt", STRV, NULLED),
    HOST(storage_opt, "StorageOpt", STRMAP, OMIT),
    HOST(tmpfs, "Tmpfs", STRMAP, OMIT),
    HOST(uts_mode, "UTSMode", STRING, 0),
    HOST(userns_mode, "UsernsMode", STRING, 0),
    HOST(shm_size, "ShmSize", INT64, 0),
    HOST(sysctls, "Sysctls", STRMAP, OMIT),
    HOST(runtime, "Runtime", STRING, OMIT),
    HOST(isolation, "Isolation", STRING, 0),
    HOST(cpu_shares, "CpuShares", INT64, 0),
    HOST(memory, "Memory", INT64, 0),
    HOST(nano_cpus, "NanoCpus", INT64, 0),
    HOST(cgroup_parent, "CgroupParent", STRING, 0),
    HOST(blkio_weight, "BlkioWeight", INT64, 0),
    HOST_NESTED(blkio_weight_device, "BlkioWeightDevice", LIST, NULLED, berth_weight_device_table),
    HOST_NESTED(blkio_device_read_bps, "BlkioDeviceReadBps", LIST, NULLED,
                berth_throttle_device_table),
    HOST_NESTED(blkio_device_write_bps, "BlkioDeviceWriteBps", LIST, NULLED,
                berth_throttle_device_table),
    HOST_NESTED(blkio_device_read_iops, "BlkioDeviceReadIOps", LIST, NULLED,
                berth_throttle_device_table),
    HOST_NESTED(blkio_device_write_iops, "BlkioDeviceWriteIOps", LIST, NULLED,
                berth_throttle_device_table),
    HOST(cpu_period, "CpuPeriod", INT64, 0),
    HOST(cpu_quota, "CpuQuota", INT64, 0),
    HOST(cpu_realtime_period, "CpuRealtimePeriod", INT64, 0),
    HOST(cpu_realtime_runtime, "CpuRealtimeRuntime", INT64, 0),
    HOST(cpuset_cpus, "CpusetCpus", STRING, 0),
    HOST(cpuset_mems, "CpusetMems", STRING, 0),
    HOST_NESTED(devices, "Devices", LIST, NULLED, berth_device_mapping_table),
    HOST(device_cgroup_rules, "DeviceCgroupRules", STRV, NULLED),
    HOST_NESTED(device_requests, "DeviceRequests", LIST, NULLED, berth_device_request_table),
    HOST_OLD(kernel_memory, "KernelMemory"),
    HOST_OLD(kernel_memory_tcp, "KernelMemoryTCP"),
    HOST(memory_reservation, "MemoryReservation", INT64, 0),
    HOST(memory_swap, "MemorySwap", INT64, 0),
    HOST(memory_swappiness, "MemorySwappiness", OPTIONAL_INT64, NULLED),
    HOST(oom_kill_disable, "OomKillDisable", TRISTATE, NULLED),
    HOST(pids_limit, "PidsLimit", OPTIONAL_INT64, NULLED),
    HOST_NESTED(ulimits, "Ulimits", LIST, NULLED, berth_ulimit_table),
    HOST(cpu_count, "CpuCount", INT64, 0),
    HOST(cpu_percent, "CpuPercent", INT64, 0),
    HOST(io_maximum_iops, "IOMaximumIOps", UINT64, 0),
    HOST(io_maximum_bandwidth, "IOMaximumBandwidth", UINT64, 0),
    HOST_NESTED(mounts, "Mounts", LIST, OMIT, berth_mount_table),
    HOST(masked_paths, "MaskedPaths", STRV, NULLED),
    HOST(readonly_paths, "ReadonlyPaths", STRV, NULLED),
    HOST(init, "Init", TRISTATE, OMIT),
};
TABLE(host_config, "HostConfig", host_config_fields);

int32_t berth_oci_host_config_console_size(const struct berth_host_config *config,
                                           uint16_t *ret_height, uint16_t *ret_width,
                                           berth_error *err)
{
    if (config->console_size == NULL) {
        *ret_height = 0;
        *ret_width = 0;
        return 0;
    }
    uint16_t sizes[2];
    bool fits = json_object_is_type(config->console_size, json_type_array) &&
                json_object_array_length(config->console_size) == 2;
    for (size_t i = 0; fits && i < 2; i++) {
        struct json_object *item = json_object_array_get_idx(config->console_size, i);
        int64_t value = json_object_get_int64(item);
        fits = json_object_is_type(item, json_type_int) && value >= 0 && value <= UINT16_MAX;
        sizes[i] = (uint16_t)value;
    }
    if (!fits) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid JSON: HostConfig.ConsoleSize must be [height, width]");
    }
    *ret_height = sizes[0];
    *ret_width = sizes[1];
    return 0;
}

int32_t berth_oci_host_config_set_console_size(struct berth_host_config *config, uint16_t height,
                                               uint16_t width, berth_error *err)
{
    struct json_object *sizes = json_object_new_array_ext(2);
    if (sizes == NULL || json_object_array_add(sizes, json_object_new_int(height)) != 0 ||
        json_object_array_add(sizes, json_object_new_int(width)) != 0) {
        json_object_put(sizes);
        return berth_error_no_memory(err);
    }
    json_object_put(config->console_size);
    config->console_size = sizes;
    return 0;
}
