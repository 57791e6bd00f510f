/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/create.
 */
#include "container/create.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "container/defaults.h"
#include "container/name.h"
#include "image/image.h"
#include "linux/path.h"
#include "oci/network_config.h"
#include "plugin/storage.h"
#include "store/store.h"
#include "volume/volume.h"

static const struct berth_json_field created_fields[] = {
    BERTH_JSON_FIELD(struct berth_container_created, id, "Id", STRING, 0),
    BERTH_JSON_FIELD(struct berth_container_created, warnings, "Warnings", STRV, 0),
};
const struct berth_json_table berth_container_created_table =
    BERTH_JSON_TABLE("ContainerCreateResponse", struct berth_container_created, created_fields);

enum { NAME_ATTEMPTS = 12 };

/* The image's settings, and the platform it is for. */
static int apply_image(struct container *container, const char *platform,
                       const struct berth_image *image, berth_error *err)
{
    struct container_record *record = &container->record;
    const char *os = image->config->os, *architecture = image->config->architecture;
    AUTO_STRV struct berth_strv wanted = {0};
    if (!berth_str_empty(platform)) {
        if (!berth_strv_split(&wanted, platform, '/')) {
            return berth_error_no_memory(err);
        }
        if (strcmp(wanted.items[0], os) != 0 ||
            (wanted.count > 1 && strcmp(wanted.items[1], architecture) != 0)) {
            return berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                                   "image with reference %s was found but does not provide the "
                                   "specified platform (%s)",
                                   record->config.image, platform);
        }
    }
    record->image_id = berth_strdup(image->id);
    record->top_layer = berth_strdup(image->top_layer);
    record->platform = berth_strdup(os);
    if (record->image_id == NULL || record->platform == NULL) {
        return berth_error_no_memory(err);
    }
    return container_config_merge(&record->config, &image->config->config, err);
}

static int copy_request(struct container *container, const struct berth_container_create *request,
                        berth_error *err)
{
    struct container_record *record = &container->record;
    int result =
        berth_json_copy(&berth_container_config_table, request->config, &record->config, err);
    if (result == 0 && request->host_config != NULL) {
        result = berth_json_copy(&berth_host_config_table, request->host_config,
                                 &record->host_config, err);
    }
    record->id = berth_strdup(container->id);
    record->created = berth_time_now();
    record->driver = berth_strdup(container->manager->storage_name);
    if (record->id == NULL || record->driver == NULL) {
        return berth_error_no_memory(err);
    }
    return result;
}

/* The networks asked for become the sandbox's endpoints; the mode's network is always one. */
static int copy_networks(struct container *container, const struct berth_container_create *request,
                         berth_error *err)
{
    const char *mode = container->record.host_config.network_mode;
    struct berth_json_map *endpoints = &container->sandbox.endpoints;
    size_t count = request->networking != NULL ? request->networking->endpoints_config.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct berth_json_map *map = &request->networking->endpoints_config;
        const char *key = strcmp(map->keys[i], "default") == 0 ? mode : map->keys[i];
        void *slot = berth_json_map_add(endpoints, key, &berth_endpoint_settings_table);
        if (slot == NULL) {
            return berth_error_no_memory(err);
        }
        int result = map->values[i] == NULL ? 0
                                            : berth_json_copy(&berth_endpoint_settings_table,
                                                              map->values[i], slot, err);
        if (result != 0) {
            return result;
        }
    }
    if (!berth_str_starts(mode, "container:") &&
        berth_json_map_add(endpoints, mode, &berth_endpoint_settings_table) == NULL) {
        return berth_error_no_memory(err);
    }
    container->sandbox.container_id = berth_strdup(container->id);
    container->sandbox.mode = berth_strdup(mode);
    container->sandbox.id = berth_strdup("");
    container->sandbox.key = berth_strdup("");
    return 0;
}

static int check_networks(struct container *container, berth_error *err)
{
    AUTO_CONTAINER struct container *other = NULL;
    const struct container_record *record = &container->record;
    const char *mode = record->host_config.network_mode;
    struct berth_sandbox_settings settings;
    container_sandbox_settings(container, &settings);
    if (berth_str_starts(mode, "container:")) {
        int result = container_find(container->manager, mode + 10, &other, err);
        if (result != 0) {
            return result;
        }
        if (record->host_config.port_bindings.count > 0 || record->host_config.publish_all_ports) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "conflicting options: port publishing and the container type "
                                   "network mode");
        }
        if (!berth_str_empty(record->config.hostname)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "conflicting options: hostname and the network mode");
        }
        return 0;
    }
    return berth_network_settings_check(container->manager->config.networks, &settings, err);
}

static int fill_settings(struct container *container, const struct berth_container_create *request,
                         berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    struct container_record *record = &container->record;
    AUTO_IMAGE struct berth_image *image = NULL;
    const char *reference = request->config->image;
    AUTO_DEFAULTS struct manager_defaults *own = manager_defaults_get(manager);
    struct container_defaults defaults = {
        .log_driver = own->log_driver,
        .ipc_mode = own->ipc_mode,
        .cgroupns_mode = own->cgroupns_mode,
        .log_options = &own->log_options,
        .shm_size = own->shm_size,
        .cgroup_v2 = manager->cgroups.version == 2,
    };
    if (berth_str_empty(reference)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "no image specified: Config.Image is empty");
    }
    int result = berth_image_lookup(manager->config.images, reference, &image, err);
    result = result != 0 ? result : copy_request(container, request, err);
    result = result != 0 ? result : apply_image(container, request->platform, image, err);
    result = result != 0 ? result : container_config_check(&record->config, err);
    result = result != 0 ? result : container_host_config_check(&record->host_config, err);
    result = result != 0 ? result
                         : container_command(&record->config, &record->path, &record->args, err);
    result =
        result != 0 ? result : container_host_config_default(&defaults, &record->host_config, err);
    result =
        result != 0 ? result : container_log_options_check(&record->host_config.log_config, err);
    result = result != 0 ? result : copy_networks(container, request, err);
    result = result != 0 ? result : check_networks(container, err);
    if (result == 0 && !berth_str_starts(record->host_config.network_mode, "container:")) {
        result =
            container_hostname_default(&record->config, &record->host_config, container->id, err);
    }
    if (result == 0 && !berth_str_empty(record->config.working_dir)) {
        berth_replace(&record->config.working_dir,
                      container_path_clean(record->config.working_dir));
    }
    return result;
}

/* Sets aside the name asked for, or makes one up. */
static int choose_name(struct container *container, const char *wanted, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    const char *name = wanted != NULL && wanted[0] == '/' ? wanted + 1 : wanted;
    if (!berth_str_empty(name)) {
        if (!berth_container_name_valid(name)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] "
                                   "are allowed",
                                   name);
        }
        int result = container_name_reserve(manager, name, container->id, err);
        if (result == 0 && (container->name = berth_strdup(name)) == NULL) {
            container_name_release(manager, name);
            result = berth_error_no_memory(err);
        }
        return result;
    }
    for (unsigned attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        uint64_t seed = 0;
        if (getrandom(&seed, sizeof(seed), 0) < 0) {
            return berth_error_errno(err, errno, "cannot get random bytes");
        }
        AUTO_FREE char *made = berth_container_name_generate(seed, attempt);
        if (made == NULL) {
            return berth_error_no_memory(err);
        }
        if (container_name_reserve(manager, made, container->id, NULL) == 0) {
            container->name = TAKE_PTR(made);
            return 0;
        }
    }
    /* every id is free as a name */
    container->name = strndup(container->id, BERTH_ID_SHORT_LENGTH);
    return container->name == NULL
               ? berth_error_no_memory(err)
               : container_name_reserve(manager, container->name, container->id, err);
}

int container_mounts_copy_up(struct container *container, berth_error *err)
{
    AUTO_CLOSE int root = -1;
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        const struct mount_record *mount = container->record.mounts.items[i];
        if (!berth_str_equal(mount->type, "volume") || mount->no_copy ||
            !berth_str_empty(mount->subpath)) {
            continue;
        }
        if (root < 0) {
            int result = berth_storage_mount(container->manager->config.storage, NULL,
                                             container->id, NULL, &root, err);
            if (result != 0) {
                return result;
            }
        }
        int result = berth_volume_copy_up(container->manager->config.volumes, mount->name, root,
                                          mount->destination, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* Both documents at once: a container without a state does not exist. */
static int store_both(struct container *container, berth_error *err)
{
    struct berth_store *store = container->manager->config.store;
    AUTO_FREE char *text = berth_json_write_text(&container_record_table, &container->record, 0);
    AUTO_FREE char *status = NULL;
    container->status.sandbox = berth_json_write(&berth_sandbox_table, &container->sandbox, 0);
    status = berth_json_write_text(&container_status_table, &container->status, 0);
    if (text == NULL || status == NULL) {
        return berth_error_no_memory(err);
    }
    int result = berth_store_begin(store, err);
    if (result != 0) {
        return result;
    }
    result = berth_store_put(store, CONTAINER_KIND, container->id, container->name, text, err);
    if (result == 0) {
        result = berth_store_put(store, CONTAINER_STATUS_KIND, container->id, NULL, status, err);
    }
    if (result != 0) {
        berth_store_rollback(store);
        return result;
    }
    return berth_store_commit(store, err);
}

/* Root file system, directory, volumes' content, rows. What fails is undone by the caller. */
static int make_container(struct container *container, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    AUTO_FREE char *directory = container_data_dir(container);
    const char *top = container->record.top_layer;
    berth_storage_container_req request = {.struct_size = sizeof(request), .label = ""};
    if (directory == NULL) {
        return berth_error_no_memory(err);
    }
    int result = container_mounts_resolve(container, err);
    if (result != 0) {
        return result;
    }
    if (mkdir(directory, 0710) < 0) {
        return berth_error_errno(err, errno, "cannot create %s", directory);
    }
    result = berth_storage_container_create(manager->config.storage, NULL, container->id,
                                            berth_str_empty(top) ? NULL : top, &request, err);
    result = result != 0 ? result : container_mounts_copy_up(container, err);
    if (result != 0) {
        return result;
    }
    container->record.name = berth_strdup(container->name);
    container->record.has_log_file =
        strcmp(container->record.host_config.log_config.type, "json-file") == 0;
    container_publish_sandbox(container);
    return store_both(container, err);
}

static void undo_create(struct container *container)
{
    struct berth_container_manager *manager = container->manager;
    berth_error error = BERTH_ERROR_INIT;
    container_mounts_unuse(container, true);
    if (berth_storage_container_remove(manager->config.storage, NULL, container->id, &error) != 0) {
        container_log_error(container, "undoing its creation", &error);
    }
    AUTO_CLOSE int root = open_directory(manager->containers_root);
    if (root >= 0 && berth_linux_path_remove_tree(root, container->id, &error) != 0) {
        container_log_error(container, "undoing its creation", &error);
    }
}

int berth_container_create(struct berth_container_manager *manager,
                           const struct berth_container_create *request,
                           struct berth_container_created *ret, berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1];
    AUTO_CONTAINER struct container *container = NULL;
    struct berth_container_created created = {0};
    int result = berth_id_new(id, err);
    if (result != 0) {
        return result;
    }
    container = container_new(manager, id);
    if (container == NULL) {
        return berth_error_no_memory(err);
    }
    result = fill_settings(container, request, err);
    result = result != 0 ? result : choose_name(container, request->name, err);
    if (result != 0) {
        return result;
    }
    result = make_container(container, err);
    if (result == 0) {
        result =
            container_host_config_warnings(&container->record.host_config, &created.warnings, err);
    }
    if (result == 0 && (created.id = berth_strdup(container->id)) == NULL) {
        result = berth_error_no_memory(err);
    }
    result = result != 0 ? result : container_table_add(manager, container, err);
    container_name_release(manager, container->name);
    if (result != 0) {
        undo_create(container);
        berth_store_delete(manager->config.store, CONTAINER_KIND, container->id, NULL);
        berth_store_delete(manager->config.store, CONTAINER_STATUS_KIND, container->id, NULL);
        berth_json_done(&berth_container_created_table, &created);
        return result;
    }
    container_event(container, "create", NULL, NULL);
    *ret = created;
    return 0;
}
