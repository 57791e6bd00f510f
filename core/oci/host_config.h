/* SPDX-License-Identifier: Apache-2.0
 *
 * How a container uses the host: Docker's HostConfig with its Resources. Member names and order
 * are the API's. See container_config.h on null against empty.
 */
#ifndef BERTH_OCI_HOST_CONFIG_H
#define BERTH_OCI_HOST_CONFIG_H

#include "base/json.h"

struct berth_log_config {
    char *type; /* "" or NULL: the daemon's default */
    struct berth_strmap config;
};

struct berth_restart_policy {
    char *name; /* "", "no", "always", "unless-stopped", "on-failure" */
    int64_t maximum_retry_count;
};

struct berth_port_binding {
    char *host_ip;
    char *host_port; /* "", "8080" or "8080-8090" */
};

struct berth_device_mapping {
    char *path_on_host;
    char *path_in_container;
    char *cgroup_permissions;
};

struct berth_device_request {
    char *driver;
    int64_t count;
    struct berth_strv device_ids;
    struct json_object *capabilities; /* array of arrays of strings */
    struct berth_strmap options;
};

struct berth_weight_device {
    char *path;
    int64_t weight;
};

struct berth_throttle_device {
    char *path;
    uint64_t rate;
};

struct berth_ulimit {
    char *name;
    int64_t hard;
    int64_t soft;
};

struct berth_bind_options {
    char *propagation;
    bool non_recursive;
    bool create_mountpoint;
    bool read_only_non_recursive;
    bool read_only_force_recursive;
};

struct berth_volume_driver_config {
    char *name;
    struct berth_strmap options;
};

struct berth_volume_options {
    bool no_copy;
    struct berth_strmap labels;
    char *subpath;
    struct berth_volume_driver_config *driver_config;
};

struct berth_image_options {
    char *subpath;
};

struct berth_tmpfs_options {
    int64_t size_bytes;
    int64_t mode;                /* permission bits; 0: 01777 */
    struct json_object *options; /* array of ["key"] or ["key", "value"] */
};

struct berth_mount {
    char *type; /* "bind", "volume", "tmpfs", "image", "npipe", "cluster" */
    char *source;
    char *target;
    bool read_only;
    char *consistency;
    struct berth_bind_options *bind_options;
    struct berth_volume_options *volume_options;
    struct berth_image_options *image_options;
    struct berth_tmpfs_options *tmpfs_options;
};

struct berth_host_config {
    struct berth_strv binds;
    char *container_id_file;
    struct berth_log_config log_config;
    char *network_mode;
    struct berth_json_map port_bindings; /* "80/tcp": list of berth_port_binding */
    struct berth_restart_policy restart_policy;
    bool auto_remove;
    char *volume_driver;
    struct berth_strv volumes_from;
    struct json_object *console_size; /* [height, width] */
    struct berth_strmap annotations;
    struct berth_strv cap_add;
    struct berth_strv cap_drop;
    char *cgroupns_mode;
    struct berth_strv dns;
    struct berth_strv dns_options;
    struct berth_strv dns_search;
    struct berth_strv extra_hosts;
    struct berth_strv group_add;
    char *ipc_mode;
    char *cgroup;
    struct berth_strv links;
    int64_t oom_score_adj;
    char *pid_mode;
    bool privileged;
    bool publish_all_ports;
    bool readonly_rootfs;
    struct berth_strv security_opt;
    struct berth_strmap storage_opt;
    struct berth_strmap tmpfs;
    char *uts_mode;
    char *userns_mode;
    int64_t shm_size;
    struct berth_strmap sysctls;
    char *runtime;
    char *isolation;
    /* Resources */
    int64_t cpu_shares;
    int64_t memory;
    int64_t nano_cpus;
    char *cgroup_parent;
    int64_t blkio_weight;
    struct berth_json_list blkio_weight_device;   /* of berth_weight_device */
    struct berth_json_list blkio_device_read_bps; /* of berth_throttle_device, as the next three */
    struct berth_json_list blkio_device_write_bps;
    struct berth_json_list blkio_device_read_iops;
    struct berth_json_list blkio_device_write_iops;
    int64_t cpu_period;
    int64_t cpu_quota;
    int64_t cpu_realtime_period;
    int64_t cpu_realtime_runtime;
    char *cpuset_cpus;
    char *cpuset_mems;
    struct berth_json_list devices; /* of berth_device_mapping */
    struct berth_strv device_cgroup_rules;
    struct berth_json_list device_requests; /* of berth_device_request */
    int64_t kernel_memory;
    int64_t kernel_memory_tcp;
    int64_t memory_reservation;
    int64_t memory_swap;
    int64_t memory_swappiness;      /* BERTH_JSON_UNSET: none */
    int32_t oom_kill_disable;       /* -1: unset */
    int64_t pids_limit;             /* BERTH_JSON_UNSET: none */
    struct berth_json_list ulimits; /* of berth_ulimit */
    int64_t cpu_count;
    int64_t cpu_percent;
    uint64_t io_maximum_iops;
    uint64_t io_maximum_bandwidth;
    /* end of Resources */
    struct berth_json_list mounts;    /* of berth_mount */
    struct berth_strv masked_paths;   /* items == NULL: the default list */
    struct berth_strv readonly_paths; /* items == NULL: the default list */
    int32_t init;                     /* -1: the daemon's default */
};

extern const struct berth_json_table berth_log_config_table;
extern const struct berth_json_table berth_restart_policy_table;
extern const struct berth_json_table berth_port_binding_table;
extern const struct berth_json_table berth_device_mapping_table;
extern const struct berth_json_table berth_device_request_table;
extern const struct berth_json_table berth_weight_device_table;
extern const struct berth_json_table berth_throttle_device_table;
extern const struct berth_json_table berth_ulimit_table;
extern const struct berth_json_table berth_bind_options_table;
extern const struct berth_json_table berth_volume_driver_config_table;
extern const struct berth_json_table berth_volume_options_table;
extern const struct berth_json_table berth_image_options_table;
extern const struct berth_json_table berth_tmpfs_options_table;
extern const struct berth_json_table berth_mount_table;
extern const struct berth_json_table berth_host_config_table;

/* Height and width of ConsoleSize; zeros when it is absent. BERTH_E_INVALID: not two sizes. */
int32_t berth_oci_host_config_console_size(const struct berth_host_config *config,
                                           uint16_t *ret_height, uint16_t *ret_width,
                                           berth_error *err);
/* Sets ConsoleSize, which Docker never leaves null. BERTH_E_NO_MEMORY. */
int32_t berth_oci_host_config_set_console_size(struct berth_host_config *config, uint16_t height,
                                               uint16_t width, berth_error *err);

#endif
