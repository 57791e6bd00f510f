/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the container manager: for core/engine.
 */
#ifndef BERTH_CONTAINER_MANAGER_H
#define BERTH_CONTAINER_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string.h"

struct berth_container_manager;
struct berth_driver;
struct berth_events;
struct berth_image_manager;
struct berth_network_manager;
struct berth_plugins;
struct berth_store;
struct berth_volume_manager;

/* Strings and vectors are copied; the managers are borrowed until close. */
struct berth_container_manager_config {
    struct berth_store *store;
    struct berth_events *events;
    struct berth_image_manager *images;
    struct berth_volume_manager *volumes;
    struct berth_network_manager *networks;
    struct berth_plugins *plugins; /* whose mounter thread is used */
    struct berth_driver *storage;
    const char *storage_name; /* rows of other storage drivers are left alone */
    const char *data_root, *exec_root, *shim_path;
    const char *cgroup_parent; /* NULL: /berth */
    const char *log_driver;    /* NULL: json-file */
    const struct berth_strmap *log_options;
    const struct berth_strv *default_ulimits; /* "nofile=1024:2048" */
    int64_t default_shm_size;                 /* 0: 64 MiB */
    const char *default_ipc_mode;             /* NULL: private */
    const char *default_cgroupns_mode;        /* NULL: private */
    const char *seccomp_profile;              /* NULL: builtin */
    bool init, no_new_privileges;
};

/* Loads all containers, adopts what runs and restores its networks, removes what no row knows. Call
 * berth_networks_restored() after it and then resume. Blocks for the recovery. */
int berth_container_manager_open(const struct berth_container_manager_config *config,
                                 struct berth_container_manager **ret_manager, berth_error *err);
/* Second half of an open: watches what runs, settles what ended while no daemon ran, sets restart
 * policies going and removes leftovers of --rm, in the background. */
void berth_container_manager_resume(struct berth_container_manager *manager);
/* Stops looking after containers; they go on running. No other call may be in progress. NULL is
 * fine. */
void berth_container_manager_close(struct berth_container_manager *manager);
/* Takes over changed defaults for containers made from now on. */
int berth_container_manager_reload(struct berth_container_manager *manager,
                                   const struct berth_container_manager_config *config,
                                   berth_error *err);

#endif
