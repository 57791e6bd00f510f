/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes in use: users, filters, removal and prune.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "event/event.h"
#include "linux/path.h"
#include "store/store.h"
#include "volume/internal.h"

/* "k" or "k=v" against the labels. */
static bool label_matches(const struct berth_strmap *labels, const char *wanted)
{
    const char *equal = strchr(wanted, '=');
    AUTO_FREE char *key =
        equal != NULL ? strndup(wanted, (size_t)(equal - wanted)) : berth_strdup(wanted);
    const char *value = key != NULL ? berth_strmap_get(labels, key) : NULL;
    return value != NULL && (equal == NULL || strcmp(value, equal + 1) == 0);
}

/* 1 or 0 for one filter, or INVALID. */
static int filter_matches(const struct volume *volume, const char *filter, berth_error *err)
{
    const char *value = strchr(filter, '=');
    size_t length = value != NULL ? (size_t)(value - filter) : strlen(filter);
    bool flag = false;
    value = value != NULL ? value + 1 : "";
    if (strncmp(filter, "name=", 5) == 0) {
        return strstr(volume->object.name, value) != NULL;
    }
    if (strncmp(filter, "driver=", 7) == 0) {
        return strcmp(volume->object.driver, value) == 0;
    }
    if (strncmp(filter, "label!=", 7) == 0) {
        return !label_matches(&volume->object.labels, value);
    }
    if (strncmp(filter, "label=", 6) == 0) {
        return label_matches(&volume->object.labels, value);
    }
    if (strncmp(filter, "dangling=", 9) == 0) {
        if (!berth_str_to_bool(value, &flag)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter 'dangling=[%s]'",
                                   value);
        }
        return flag != volume_in_use(volume);
    }
    if (strncmp(filter, "all=", 4) == 0) {
        return 1; /* prune's own */
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'", (int)length, filter);
}

/* The key of a filter, for "or" within one key. */
static size_t key_length(const char *filter)
{
    return strcspn(filter, "=");
}

int volume_matches(const struct volume *volume, const struct berth_strv *filters, berth_error *err)
{
    bool passed = true;
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        const char *filter = filters->items[i];
        size_t length = key_length(filter);
        /* labels must all hold; of other keys one value suffices */
        bool all = strncmp(filter, "label", 5) == 0;
        bool any = false;
        for (size_t k = 0; k < filters->count; k++) {
            if (key_length(filters->items[k]) != length ||
                strncmp(filters->items[k], filter, length) != 0) {
                continue;
            }
            int match = filter_matches(volume, all ? filter : filters->items[k], err);
            if (match < 0) {
                return match;
            }
            any = any || match > 0;
        }
        passed = passed && any;
    }
    return passed;
}

int volume_filters_check(const struct berth_strv *filters, berth_error *err)
{
    char empty[] = "";
    const struct volume nobody = {.object.name = empty, .object.driver = empty};
    int result = volume_matches(&nobody, filters, err);
    return result < 0 ? result : 0;
}

int volume_delete_unlock(struct berth_volume_manager *manager, struct volume *volume,
                         berth_error *err)
{
    AUTO_FREE char *name = berth_strdup(volume->object.name);
    AUTO_FREE char *driver = berth_strdup(volume->object.driver);
    int result = name == NULL ? berth_error_no_memory(err)
                              : berth_store_delete(manager->store, VOLUME_KIND, name, err);
    if (result != 0) {
        pthread_mutex_unlock(&manager->lock);
        return result;
    }
    /* renamed under the lock, so that a new volume of the name does not meet the old data */
    AUTO_CLOSE int root = open(manager->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FREE char *gone = berth_format(".gone-%s-%p", name, (void *)volume);
    bool renamed = root >= 0 && gone != NULL && renameat(root, name, root, gone) == 0;
    volume_table_remove(manager, volume);
    pthread_mutex_unlock(&manager->lock);
    if (renamed) {
        result = berth_linux_path_remove_tree(root, gone, err);
    }
    if (manager->events != NULL) {
        AUTO_STRMAP struct berth_strmap attributes = {0};
        if (berth_strmap_set(&attributes, "driver", driver)) {
            berth_event_publish(manager->events, "volume", "destroy", name, &attributes);
        }
    }
    return result;
}

int berth_volume_remove(struct berth_volume_manager *manager, const char *name, bool force,
                        berth_error *err)
{
    pthread_mutex_lock(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    if (volume == NULL) {
        pthread_mutex_unlock(&manager->lock);
        return force ? 0
                     : berth_error_set(err, BERTH_E_NOT_FOUND, 0, "get %s: no such volume", name);
    }
    if (volume_in_use(volume)) {
        AUTO_FREE char *users = berth_strv_join(&volume->users, ", ");
        pthread_mutex_unlock(&manager->lock);
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "remove %s: volume is in use - [%s]", name,
                               users != NULL ? users : "");
    }
    return volume_delete_unlock(manager, volume, err);
}

/* Under the lock: the first one that may go. */
static struct volume *next_unused(struct berth_volume_manager *manager,
                                  const struct berth_strv *filters, bool all,
                                  const struct berth_strv *kept)
{
    for (size_t i = 0; i < manager->count; i++) {
        struct volume *volume = manager->volumes[i];
        bool anonymous =
            berth_strmap_get(&volume->object.labels, BERTH_VOLUME_LABEL_ANONYMOUS) != NULL;
        if (!volume_in_use(volume) && (all || anonymous) &&
            volume_matches(volume, filters, NULL) == 1 &&
            !berth_strv_contains(kept, volume->object.name)) {
            return volume;
        }
    }
    return NULL;
}

static bool prune_all(const struct berth_strv *filters)
{
    bool all = false, value = false;
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        if (strncmp(filters->items[i], "all=", 4) == 0 &&
            berth_str_to_bool(filters->items[i] + 4, &value)) {
            all = value;
        }
    }
    return all;
}

int berth_volume_prune(struct berth_volume_manager *manager, const struct berth_strv *filters,
                       struct berth_strv *ret_names, int64_t *ret_bytes, berth_error *err)
{
    AUTO_STRV struct berth_strv kept = {0};
    bool all = prune_all(filters);
    int64_t bytes = 0;
    int result = volume_filters_check(filters, err);
    if (result != 0) {
        return result;
    }
    for (;;) {
        berth_error error = BERTH_ERROR_INIT;
        pthread_mutex_lock(&manager->lock);
        struct volume *volume = next_unused(manager, filters, all, &kept);
        if (volume == NULL) {
            pthread_mutex_unlock(&manager->lock);
            break;
        }
        AUTO_FREE char *name = berth_strdup(volume->object.name);
        int64_t size = volume_disk_usage(volume->object.mountpoint);
        if (name == NULL || volume_delete_unlock(manager, volume, &error) != 0) {
            berth_log(BERTH_LOG_WARN, "cannot remove a volume: %s", error.msg);
            if (name == NULL || !berth_strv_add(&kept, name)) {
                return berth_error_no_memory(err);
            }
            continue;
        }
        bytes += size;
        if (!berth_strv_add(ret_names, name)) {
            return berth_error_no_memory(err);
        }
    }
    *ret_bytes = bytes;
    return 0;
}

int berth_volume_use(struct berth_volume_manager *manager, const char *name,
                     const char *container_id, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    if (volume == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "get %s: no such volume", name);
    }
    if (!berth_strv_contains(&volume->users, container_id) &&
        !berth_strv_add(&volume->users, container_id)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

void berth_volume_unuse(struct berth_volume_manager *manager, const char *name,
                        const char *container_id)
{
    AUTO_LOCK(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    for (size_t i = 0; volume != NULL && i < volume->users.count; i++) {
        if (strcmp(volume->users.items[i], container_id) == 0) {
            berth_strv_remove(&volume->users, i);
            return;
        }
    }
}

bool berth_volume_is_anonymous(struct berth_volume_manager *manager, const char *name)
{
    AUTO_LOCK(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    return volume != NULL &&
           berth_strmap_get(&volume->object.labels, BERTH_VOLUME_LABEL_ANONYMOUS) != NULL;
}

int berth_volume_mount(struct berth_volume_manager *manager, const char *name, int *ret_fd,
                       berth_error *err)
{
    AUTO_FREE char *path = NULL;
    pthread_mutex_lock(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    if (volume != NULL) {
        path = berth_strdup(volume->object.mountpoint);
    }
    pthread_mutex_unlock(&manager->lock);
    if (volume == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "get %s: no such volume", name);
    }
    int fd = path != NULL ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open volume %s at %s", name, path);
    }
    *ret_fd = fd;
    return 0;
}
