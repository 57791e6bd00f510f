/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing containers, one and many.
 */
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "container/create.h"
#include "container/list.h"
#include "container/start.h"
#include "container/workers.h"
#include "image/image.h"
#include "linux/path.h"
#include "plugin/storage.h"
#include "store/store.h"

static int refuse(struct container *container, const char *why, berth_error *err)
{
    return berth_error_set(err, BERTH_E_CONFLICT, 0, "cannot remove container \"/%s\": %s",
                           container->name, why);
}

/* Marks it, or says why it cannot go. */
static int claim(struct container *container, bool force, berth_error *err)
{
    AUTO_LOCK(&container->lock);
    if (container->removing || container->removed) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "removal of container %s is already in progress", container->id);
    }
    if ((container->status.running || container->status.restarting) && !force) {
        AUTO_FREE char *why =
            container->status.paused
                ? berth_strdup("container is paused and must be unpaused first")
                : berth_format("container is %s: stop the container before removing or force "
                               "remove",
                               container_state_word(container));
        return refuse(container, why != NULL ? why : "it runs", err);
    }
    container->removing = true;
    return 0;
}

static int delete_rows(struct container *container, berth_error *err)
{
    struct berth_store *store = container->manager->config.store;
    AUTO_LOCK(&container->save);
    int result = berth_store_begin(store, err);
    if (result != 0) {
        return result;
    }
    result = berth_store_delete(store, CONTAINER_KIND, container->id, err);
    if (result == 0) {
        result = berth_store_delete(store, CONTAINER_STATUS_KIND, container->id, err);
    }
    if (result != 0) {
        berth_store_rollback(store);
        return result;
    }
    result = berth_store_commit(store, err);
    if (result == 0) {
        pthread_mutex_lock(&container->lock);
        container->removed = true; /* no more rows for it */
        pthread_mutex_unlock(&container->lock);
    }
    return result;
}

/* On a full disk the transaction finds room once the driver has freed, in the background, what the
 * container wrote. */
static int delete_rows_patiently(struct container *container, berth_error *err)
{
    static const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int result = delete_rows(container, err);
    for (int tries = 0; result == BERTH_E_UNAVAILABLE && tries < 100; tries++) {
        nanosleep(&pause, NULL);
        result = delete_rows(container, err);
    }
    return result;
}

static void remove_data_dir(struct container *container)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_CLOSE int root = open_directory(container->manager->containers_root);
    if (root >= 0 && berth_linux_path_remove_tree(root, container->id, &error) != 0) {
        container_log_error(container, "removing its directory", &error);
    }
}

/* It stays, and can be removed later. */
static int give_up(struct container *container, int result)
{
    pthread_mutex_lock(&container->lock);
    container->removing = false;
    pthread_mutex_unlock(&container->lock);
    return result;
}

static void collect_layers(void *images)
{
    berth_image_manager_collect(images);
}

/* The layers of an image that was removed while this container stood on it can go now. */
static void release_image(struct container *container)
{
    struct berth_image_manager *images = container->manager->config.images;
    AUTO_IMAGE struct berth_image *image = NULL;
    if (container->record.image_id != NULL &&
        berth_image_lookup(images, container->record.image_id, &image, NULL) != 0) {
        workers_submit(container->manager->workers, collect_layers, images);
    }
}

static int remove_claimed(struct container *container, const struct berth_container_remove *options,
                          berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    int result = 0;
    if (options->force) {
        result = container_kill_locked(container, err);
        if (result != 0) {
            return berth_error_wrap(err, "cannot remove container \"/%s\": could not kill",
                                    container->name);
        }
    }
    container_teardown_locked(container);
    result = berth_storage_container_remove(manager->config.storage, NULL, container->id, err);
    if (result != 0) {
        pthread_mutex_lock(&container->lock);
        container->status.dead = true;
        pthread_mutex_unlock(&container->lock);
        container_save_status(container);
        return berth_error_wrap(err, "container %s: cannot remove its root filesystem",
                                container->id);
    }
    result = delete_rows_patiently(container, err);
    if (result != 0) {
        return result;
    }
    container_mounts_unuse(container, options->volumes);
    remove_data_dir(container);
    container_execs_forget(container);
    container_table_remove(manager, container);
    release_image(container);
    container_event(container, "destroy", NULL, NULL);
    pthread_mutex_lock(&container->lock);
    container_wake_removed(container);
    pthread_mutex_unlock(&container->lock);
    return 0;
}

int container_remove_locked(struct container *container,
                            const struct berth_container_remove *options, berth_error *err)
{
    int result = claim(container, options->force, err);
    if (result != 0) {
        return result;
    }
    result = remove_claimed(container, options, err);
    return result != 0 ? give_up(container, result) : 0;
}

int berth_container_remove(struct berth_container_manager *manager, const char *ref,
                           const struct berth_container_remove *options, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    if (options->link) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "Cannot get parent %s for link %s", "/",
                               ref);
    }
    /* a removal in progress holds action: its answer is known without waiting for it */
    pthread_mutex_lock(&container->lock);
    bool removing = container->removing;
    pthread_mutex_unlock(&container->lock);
    if (removing) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "removal of container %s is already in progress", container->id);
    }
    AUTO_LOCK(&container->action);
    return container_remove_locked(container, options, err);
}

/* Prune's filters are until and label; others are INVALID. */
static int check_prune_filters(const struct berth_strv *filters, berth_error *err)
{
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        const char *filter = filters->items[i];
        if (!berth_str_starts(filter, "until=") && !berth_str_starts(filter, "label=") &&
            !berth_str_starts(filter, "label!=")) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'",
                                   (int)strcspn(filter, "="), filter);
        }
    }
    return 0;
}

/* Removes one if it is not running and passes. 1: removed. */
static int prune_one(struct container *container, const struct berth_strv *filters, int64_t *bytes,
                     berth_error *err)
{
    uint64_t size = 0;
    struct berth_container_remove options = {0};
    AUTO_LOCK(&container->action);
    pthread_mutex_lock(&container->lock);
    bool idle = !container->status.running && !container->status.restarting;
    int match = idle ? container_matches(container, filters, err) : 0;
    pthread_mutex_unlock(&container->lock);
    if (match <= 0) {
        return match;
    }
    if (berth_storage_usage(container->manager->config.storage, NULL, BERTH_STORAGE_CONTAINER,
                            container->id, &size, NULL) == 0) {
        *bytes += (int64_t)size;
    }
    int result = container_remove_locked(container, &options, err);
    return result == 0 ? 1 : result;
}

int berth_container_prune(struct berth_container_manager *manager, const struct berth_strv *filters,
                          struct berth_strv *ret_ids, int64_t *ret_bytes, berth_error *err)
{
    size_t count = 0;
    int64_t bytes = 0;
    int result = check_prune_filters(filters, err);
    if (result != 0) {
        return result;
    }
    struct container **list = container_table_snapshot(manager, &count);
    for (size_t i = 0; i < count && result >= 0; i++) {
        berth_error error = BERTH_ERROR_INIT;
        result = prune_one(list[i], filters, &bytes, &error);
        if (result == BERTH_E_INVALID) {
            berth_error_move(err, &error);
        } else if (result < 0) {
            container_log_error(list[i], "pruning it", &error);
            result = 0;
        } else if (result == 1 && !berth_strv_add(ret_ids, list[i]->id)) {
            result = berth_error_no_memory(err);
        }
    }
    container_list_free(list, count);
    *ret_bytes = bytes;
    return result < 0 ? result : 0;
}
