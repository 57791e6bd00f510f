/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/engine: the engine's parts.
 */
#ifndef BERTH_ENGINE_INTERNAL_H
#define BERTH_ENGINE_INTERNAL_H

#include <pthread.h>

#include "base/cleanup.h"
#include "engine/engine.h"

struct berth_driver;

struct berth_engine {
    char *data_root, *exec_root, *storage_name, *id;
    struct berth_store *store;
    struct berth_events *events;
    struct berth_plugins *plugins;
    struct berth_driver *storage;
    struct berth_image_manager *images;
    struct berth_volume_manager *volumes;
    struct berth_network_manager *networks;
    struct berth_container_manager *containers;

    pthread_mutex_t lock; /* guards what a reload replaces, all below */
    struct berth_strv labels;
    char *log_driver, *cgroup_driver;
    bool debug, experimental;
};

/* Opens the storage driver: the one configured, else the one this data root was made with, else
 * overlay, else (a file system that cannot) vfs. Remembers the choice. */
int engine_open_storage(struct berth_engine *engine, const struct berth_engine_config *config,
                        berth_error *err);

#endif
