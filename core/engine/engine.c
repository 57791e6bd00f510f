/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the engine.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "container/container.h"
#include "container/manager.h"
#include "engine/internal.h"
#include "event/event.h"
#include "image/image.h"
#include "linux/path.h"
#include "network/network.h"
#include "plugin/plugin.h"
#include "store/store.h"
#include "volume/volume.h"

#define DATA_ROOT "/var/lib/berth"
#define EXEC_ROOT "/run/berth"

static const char *or_default(const char *value, const char *fallback)
{
    return !berth_str_empty(value) ? value : fallback;
}

/* The daemon's id in `info`: made once for a data root. */
static int load_id(struct berth_engine *engine, berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1];
    if (berth_store_meta_get(engine->store, "engine-id", &engine->id, NULL) == 0) {
        return 0;
    }
    int result = berth_id_new(id, err);
    if (result == 0) {
        result = berth_store_meta_set(engine->store, "engine-id", id, err);
    }
    engine->id = result == 0 ? berth_strdup(id) : NULL;
    return result == 0 && engine->id == NULL ? berth_error_no_memory(err) : result;
}

static int open_foundation(struct berth_engine *engine, const struct berth_engine_config *config,
                           berth_error *err)
{
    AUTO_STRV struct berth_strv paths = {0};
    AUTO_FREE char *database = berth_format("%s/berth.db", engine->data_root);
    if (database == NULL || !berth_strv_extend(&paths, &config->plugin_paths) ||
        (!berth_str_empty(config->plugin_dir) && paths.count > 0 &&
         !berth_strv_add(&paths, config->plugin_dir))) {
        return berth_error_no_memory(err);
    }
    int result = berth_linux_path_make_host_dirs(engine->data_root, 0710, err);
    result = result != 0 ? result : berth_linux_path_make_host_dirs(engine->exec_root, 0711, err);
    result = result != 0 ? result : berth_store_open(database, &engine->store, err);
    result = result != 0 ? result : load_id(engine, err);
    result = result != 0 ? result : berth_events_new(&engine->events, err);
    result = result != 0 ? result : berth_plugins_new(&paths, &engine->plugins, err);
    return result != 0 ? result : engine_open_storage(engine, config, err);
}

/* "base=10.0.0.0/8,size=24" */
static int parse_pool(char *text, struct berth_network_pool_config *pool, berth_error *err)
{
    char *rest = text, *part = NULL;
    int64_t size = 0;
    while ((part = strsep(&rest, ",")) != NULL) {
        if (berth_str_starts(part, "base=")) {
            pool->base = part + 5;
        } else if (!berth_str_starts(part, "size=") || !berth_str_to_int64(part + 5, &size)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "bad default address pool: %s", part);
        }
    }
    pool->size = (int)size;
    return pool->base != NULL && size > 0
               ? 0
               : berth_error_set(err, BERTH_E_INVALID, 0,
                                 "a default address pool needs base=SUBNET,size=BITS");
}

static int open_networks(struct berth_engine *engine, const struct berth_engine_config *config,
                         berth_error *err)
{
    AUTO_STRV struct berth_strv texts = {0};
    size_t count = config->default_address_pools.count;
    AUTO_FREE struct berth_network_pool_config *pools = calloc(count + 1, sizeof(*pools));
    if (pools == NULL || !berth_strv_extend(&texts, &config->default_address_pools)) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        int result = parse_pool(texts.items[i], &pools[i], err);
        if (result != 0) {
            return result;
        }
    }
    struct berth_networks_config networks = {
        .plugins = engine->plugins,
        .store = engine->store,
        .events = engine->events,
        .bridge = berth_str_empty(config->bridge) ? NULL : config->bridge,
        .bip = berth_str_empty(config->bip) ? NULL : config->bip,
        .fixed_cidr = berth_str_empty(config->fixed_cidr) ? NULL : config->fixed_cidr,
        .default_gateway =
            berth_str_empty(config->default_gateway) ? NULL : config->default_gateway,
        .pools = pools,
        .n_pools = count,
        .host_gateway_ip =
            berth_str_empty(config->host_gateway_ip) ? NULL : config->host_gateway_ip,
        .host_ip = berth_str_empty(config->default_host_binding_ip)
                       ? NULL
                       : config->default_host_binding_ip,
        .mtu = config->mtu,
        .no_icc = config->icc_off,
        .no_masquerade = config->ip_masq_off,
        .no_ip_forward = config->ip_forward_off,
        .spare_namespaces = -1,
        .dns = &config->dns,
        .dns_search = &config->dns_search,
        .dns_options = &config->dns_options,
    };
    return berth_networks_open(&networks, &engine->networks, err);
}

static struct berth_container_manager_config container_config(
    const struct berth_engine *engine, const struct berth_engine_config *config)
{
    const char *shim = getenv("BERTH_SHIM");
    return (struct berth_container_manager_config){
        .store = engine->store,
        .events = engine->events,
        .images = engine->images,
        .volumes = engine->volumes,
        .networks = engine->networks,
        .plugins = engine->plugins,
        .storage = engine->storage,
        .storage_name = engine->storage_name,
        .data_root = engine->data_root,
        .exec_root = engine->exec_root,
        .shim_path = or_default(config->shim_path, shim),
        .cgroup_parent = berth_str_empty(config->cgroup_parent) ? NULL : config->cgroup_parent,
        .log_driver = or_default(config->log_driver, "json-file"),
        .log_options = &config->log_options,
        .default_ulimits = &config->default_ulimits,
        .default_shm_size = config->default_shm_size,
        .default_ipc_mode = or_default(config->default_ipc_mode, "private"),
        .default_cgroupns_mode = or_default(config->default_cgroupns_mode, "private"),
        .seccomp_profile = or_default(config->seccomp_profile, "builtin"),
        .init = config->init,
        .no_new_privileges = config->no_new_privileges,
    };
}

static int open_managers(struct berth_engine *engine, const struct berth_engine_config *config,
                         berth_error *err)
{
    struct berth_image_manager_options images = {.data_root = engine->data_root,
                                                 .store = engine->store,
                                                 .storage = engine->storage,
                                                 .events = engine->events};
    int result = berth_image_manager_open(&images, &engine->images, err);
    result = result != 0 ? result
                         : berth_volume_manager_open(engine->data_root, engine->store,
                                                     engine->events, &engine->volumes, err);
    result = result != 0 ? result : open_networks(engine, config, err);
    if (result != 0) {
        return result;
    }
    struct berth_container_manager_config containers = container_config(engine, config);
    result = berth_container_manager_open(&containers, &engine->containers, err);
    if (result == 0) {
        berth_networks_restored(engine->networks);
        berth_container_manager_resume(engine->containers);
    }
    return result;
}

/* The first start of a data root has an image to run. A failure is no reason not to start. */
static void load_initial_image(struct berth_engine *engine, const char *path)
{
    AUTO_STRV struct berth_strv loaded = {0};
    berth_error error = BERTH_ERROR_INIT;
    if (berth_str_empty(path) || berth_image_manager_count(engine->images) > 0) {
        return;
    }
    if (berth_image_load_file(engine->images, path, &loaded, &error) != 0) {
        berth_log(BERTH_LOG_WARN, "cannot load the initial image %s: %s", path, error.msg);
    }
}

int berth_engine_reload(struct berth_engine *engine, const struct berth_engine_config *config,
                        berth_error *err)
{
    struct berth_strv labels = {0};
    char *log_driver = berth_strdup(or_default(config->log_driver, "json-file"));
    char *cgroup_driver = berth_strdup(or_default(config->cgroup_driver, "cgroupfs"));
    if (log_driver == NULL || cgroup_driver == NULL ||
        !berth_strv_extend(&labels, &config->labels)) {
        free(log_driver);
        free(cgroup_driver);
        berth_strv_done(&labels);
        return berth_error_no_memory(err);
    }
    pthread_mutex_lock(&engine->lock);
    berth_strv_done(&engine->labels);
    engine->labels = labels;
    berth_replace(&engine->log_driver, log_driver);
    berth_replace(&engine->cgroup_driver, cgroup_driver);
    engine->debug = config->debug;
    engine->experimental = config->experimental;
    pthread_mutex_unlock(&engine->lock);
    if (engine->containers == NULL) {
        return 0;
    }
    struct berth_container_manager_config containers = container_config(engine, config);
    return berth_container_manager_reload(engine->containers, &containers, err);
}

int berth_engine_open(const struct berth_engine_config *config, struct berth_engine **ret_engine,
                      berth_error *err)
{
    struct berth_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&engine->lock, NULL);
    engine->data_root = berth_strdup(or_default(config->data_root, DATA_ROOT));
    engine->exec_root = berth_strdup(or_default(config->exec_root, EXEC_ROOT));
    int result = engine->data_root == NULL || engine->exec_root == NULL
                     ? berth_error_no_memory(err)
                     : berth_engine_reload(engine, config, err);
    result = result != 0 ? result : open_foundation(engine, config, err);
    result = result != 0 ? result : open_managers(engine, config, err);
    if (result != 0) {
        berth_engine_close(engine);
        return result;
    }
    load_initial_image(engine, config->initial_image);
    *ret_engine = engine;
    return 0;
}

void berth_engine_close(struct berth_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    berth_container_manager_close(engine->containers);
    berth_networks_close(engine->networks);
    berth_volume_manager_close(engine->volumes);
    berth_image_manager_close(engine->images);
    berth_plugins_free(engine->plugins);
    berth_events_free(engine->events);
    berth_store_close(engine->store);
    berth_strv_done(&engine->labels);
    free(engine->log_driver);
    free(engine->cgroup_driver);
    free(engine->storage_name);
    free(engine->id);
    free(engine->data_root);
    free(engine->exec_root);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

struct berth_store *berth_engine_store(struct berth_engine *engine)
{
    return engine->store;
}

struct berth_events *berth_engine_events(struct berth_engine *engine)
{
    return engine->events;
}

struct berth_plugins *berth_engine_plugins(struct berth_engine *engine)
{
    return engine->plugins;
}

struct berth_image_manager *berth_engine_images(struct berth_engine *engine)
{
    return engine->images;
}

struct berth_volume_manager *berth_engine_volumes(struct berth_engine *engine)
{
    return engine->volumes;
}

struct berth_network_manager *berth_engine_networks(struct berth_engine *engine)
{
    return engine->networks;
}

struct berth_container_manager *berth_engine_containers(struct berth_engine *engine)
{
    return engine->containers;
}

const char *berth_engine_storage_name(const struct berth_engine *engine)
{
    return engine->storage_name;
}
