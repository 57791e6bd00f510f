/* SPDX-License-Identifier: Apache-2.0
 *
 * What containers look like from outside: plain structs and their JSON tables (with API version
 * bounds), filled by core/container, written by core/api.
 */
#ifndef BERTH_CONTAINER_INSPECT_H
#define BERTH_CONTAINER_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/string.h"

struct berth_container_config;
struct berth_host_config;

struct berth_health_result {
    char *start, *end; /* RFC 3339 */
    int32_t exit_code;
    char *output;
};

struct berth_health_state {
    char *status; /* none, starting, healthy, unhealthy */
    int32_t failing_streak;
    struct berth_json_list log; /* of berth_health_result */
};
extern const struct berth_json_table berth_health_state_table;

struct berth_container_state {
    char *status; /* created, running, paused, restarting, removing, exited, dead */
    bool running, paused, restarting, oom_killed, dead;
    int32_t pid, exit_code;
    char *error;
    char *started_at, *finished_at; /* RFC 3339 */
    struct berth_health_state *health;
};
extern const struct berth_json_table berth_container_state_table;

/* One of Mounts in inspect and list. */
struct berth_mount_point {
    char *type; /* bind, volume, tmpfs, image */
    char *name; /* of the volume */
    char *source, *destination, *driver, *mode;
    bool rw;
    char *propagation;
};
extern const struct berth_json_table berth_mount_point_table;

struct berth_graph_driver {
    char *name;
    struct berth_strmap data;
};
extern const struct berth_json_table berth_graph_driver_table;

/* NetworkSettings of inspect. The flat members are those of the default bridge, as older API
 * versions have them. */
struct berth_network_settings {
    char *bridge;
    char *sandbox_id, *sandbox_key;
    bool hairpin_mode;
    char *link_local_ipv6_address;
    int32_t link_local_ipv6_prefix_len;
    struct berth_strv secondary_ip_addresses, secondary_ipv6_addresses; /* always empty: null */
    struct berth_json_map ports; /* "80/tcp" to a list of berth_port_binding; NULL list: null */
    char *endpoint_id, *gateway, *global_ipv6_address;
    int32_t global_ipv6_prefix_len;
    char *ip_address;
    int32_t ip_prefix_len;
    char *ipv6_gateway, *mac_address;
    struct berth_json_map networks; /* name to berth_endpoint_settings */
};
extern const struct berth_json_table berth_network_settings_table;

struct berth_container_inspect {
    char *id, *created, *path;
    struct berth_strv args;
    struct berth_container_state state;
    char *image;
    char *resolv_conf_path, *hostname_path, *hosts_path, *log_path;
    char *name; /* with the slash */
    int32_t restart_count;
    char *driver, *platform, *mount_label, *process_label, *apparmor_profile;
    struct berth_strv exec_ids; /* written as null when empty */
    struct berth_host_config *host_config;
    struct berth_graph_driver graph_driver;
    int64_t size_rw, size_root_fs; /* omitted when 0 */
    struct berth_json_list mounts; /* of berth_mount_point */
    struct berth_container_config *config;
    struct berth_network_settings network_settings;
};
extern const struct berth_json_table berth_container_inspect_table;

struct berth_port_summary {
    char *ip;
    int32_t private_port, public_port;
    char *type;
};
extern const struct berth_json_table berth_port_summary_table;

struct berth_summary_host_config {
    char *network_mode;
    struct berth_strmap annotations;
};

struct berth_summary_networks {
    struct berth_json_map networks; /* name to berth_endpoint_settings */
};

struct berth_summary_health {
    char *status;
    int32_t failing_streak;
};

struct berth_container_summary {
    char *id;
    struct berth_strv names; /* with slashes; links too */
    char *image, *image_id, *command;
    int64_t created; /* Unix seconds */
    struct berth_json_list ports;
    int64_t size_rw, size_root_fs;
    struct berth_strmap labels;
    char *state, *status;
    struct berth_summary_host_config host_config;
    struct berth_summary_health *health; /* 1.52 */
    struct berth_summary_networks network_settings;
    struct berth_json_list mounts; /* of berth_mount_point */
};
extern const struct berth_json_table berth_container_summary_table;

/* GET /containers/{id}/top */
struct berth_top_row {
    struct berth_strv cells;
};
struct berth_container_top {
    struct berth_strv titles;
    struct berth_top_row *rows;
    size_t row_count;
};
/* {"Titles": [...], "Processes": [[...], ...]}: a list of lists, which no table binds. The result
 * is the caller's; NULL: out of memory. */
struct json_object *berth_container_top_json(const struct berth_container_top *top);
void berth_container_top_done(struct berth_container_top *top);

/* GET /exec/{id}/json */
struct berth_exec_process {
    bool tty;
    char *entrypoint;
    struct berth_strv arguments;
    int32_t privileged; /* tristate */
    char *user;
};
struct berth_exec_inspect {
    char *id;
    bool running;
    int32_t exit_code; /* valid when has_exit_code; else null */
    bool has_exit_code;
    struct berth_exec_process process_config;
    bool open_stdin, open_stderr, open_stdout, can_remove;
    char *container_id, *detach_keys;
    int32_t pid;
};
extern const struct berth_json_table berth_exec_inspect_table;
/* With ExitCode null while it has none. */
struct json_object *berth_exec_inspect_json(const struct berth_exec_inspect *inspect, int version);

/* GET /containers/{id}/stats */
struct berth_stats_cpu_usage {
    uint64_t total_usage, usage_in_kernelmode, usage_in_usermode;
    struct json_object *percpu_usage;
};
struct berth_stats_throttling {
    uint64_t periods, throttled_periods, throttled_time;
};
struct berth_stats_cpu {
    struct berth_stats_cpu_usage cpu_usage;
    uint64_t system_cpu_usage;
    uint32_t online_cpus;
    struct berth_stats_throttling throttling_data;
};
struct berth_stats_pids {
    uint64_t current, limit;
};
struct berth_stats_memory {
    uint64_t usage, max_usage, failcnt, limit;
    struct json_object *stats; /* an object of numbers */
};
struct berth_stats_blkio_entry {
    uint64_t major, minor;
    char *op;
    uint64_t value;
};
struct berth_stats_blkio {
    struct berth_json_list service_bytes, serviced; /* of berth_stats_blkio_entry */
};
struct berth_stats_network {
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};
struct berth_container_stats {
    char *name, *id, *read, *preread;
    struct berth_stats_pids pids_stats;
    struct berth_stats_blkio blkio_stats;
    struct berth_stats_cpu cpu_stats, precpu_stats;
    struct berth_stats_memory memory_stats;
    struct berth_json_map networks; /* interface to berth_stats_network */
};
extern const struct berth_json_table berth_container_stats_table;

#endif
