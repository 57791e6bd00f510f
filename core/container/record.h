/* SPDX-License-Identifier: Apache-2.0
 *
 * What is stored of a container, as structs bound to JSON: the settings (written at create, rename
 * and update) and the state (written at each start and exit).
 */
#ifndef BERTH_CONTAINER_RECORD_H
#define BERTH_CONTAINER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/string.h"
#include "oci/container_config.h"
#include "oci/host_config.h"

#define CONTAINER_KIND        "container"
#define CONTAINER_STATUS_KIND "container-state"

/* One thing mounted into the container, resolved at create. */
struct mount_record {
    char *type;        /* bind, volume, tmpfs, image */
    char *name;        /* of the volume */
    char *source;      /* host path; of a volume: its mountpoint, for show */
    char *destination; /* clean absolute path */
    char *driver;      /* of the volume */
    char *mode;        /* as the user wrote it: "ro,z" */
    bool writable;
    char *propagation;
    char *subpath;
    bool no_copy;
    bool anonymous; /* goes with `rm -v` and --rm */
    bool recursive_off, read_only_non_recursive;
    struct berth_strv options; /* tmpfs: "size=64m" */
};

struct container_record {
    char *id, *name;
    int64_t created; /* nanoseconds */
    char *path;
    struct berth_strv args;
    char *image_id;  /* sha256:... */
    char *top_layer; /* chain id its root stands on; "": none */
    char *driver, *platform;
    struct berth_container_config config;
    struct berth_host_config host_config;
    struct berth_json_list mounts; /* of mount_record */
    bool has_log_file;
};
extern const struct berth_json_table mount_record_table;
extern const struct berth_json_table container_record_table;

struct container_status {
    bool running, paused, restarting, oom_killed, dead;
    bool manually_stopped, started_before;
    int32_t pid, shim_pid;
    uint64_t start_time; /* of pid, clock ticks after boot */
    char *boot_id;
    char *cgroup; /* relative path of its cgroup */
    int32_t exit_code;
    char *error;
    int64_t started_at, finished_at; /* nanoseconds */
    int32_t restart_count;
    struct json_object *sandbox; /* berth_sandbox_table */
};
extern const struct berth_json_table container_status_table;

#endif
