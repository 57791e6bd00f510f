/* SPDX-License-Identifier: Apache-2.0
 *
 * The volume manager: table, create, inspect, list, remove, prune.
 */
#include "volume/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/log.h"
#include "base/time.h"
#include "event/event.h"
#include "linux/path.h"
#include "store/store.h"
#include "volume/internal.h"

bool berth_volume_name_valid(const char *name)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (berth_str_empty(name) || strchr(letters, name[0]) == NULL || name[1] == '\0' ||
        strlen(name) > 255) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        if (strchr(letters, *at) == NULL && strchr("_.-", *at) == NULL) {
            return false;
        }
    }
    return true;
}

struct volume *volume_find(struct berth_volume_manager *manager, const char *name)
{
    for (size_t i = 0; i < manager->count; i++) {
        if (strcmp(manager->volumes[i]->object.name, name) == 0) {
            return manager->volumes[i];
        }
    }
    return NULL;
}

struct volume *volume_table_add(struct berth_volume_manager *manager)
{
    struct volume **grown =
        realloc(manager->volumes, (manager->count + 1) * sizeof(*manager->volumes));
    struct volume *volume = calloc(1, sizeof(*volume));
    if (grown != NULL) {
        manager->volumes = grown;
    }
    if (grown == NULL || volume == NULL) {
        free(volume);
        return NULL;
    }
    berth_json_init(&berth_volume_table, &volume->object);
    manager->volumes[manager->count++] = volume;
    return volume;
}

static void volume_free(struct volume *volume)
{
    berth_json_done(&berth_volume_table, &volume->object);
    berth_strv_done(&volume->users);
    free(volume);
}

void volume_table_remove(struct berth_volume_manager *manager, struct volume *volume)
{
    for (size_t i = 0; i < manager->count; i++) {
        if (manager->volumes[i] == volume) {
            manager->volumes[i] = manager->volumes[--manager->count];
            volume_free(volume);
            return;
        }
    }
}

static int32_t load_row(void *arg, const struct berth_store_row *row, berth_error *err)
{
    struct berth_volume_manager *manager = arg;
    struct volume *volume = volume_table_add(manager);
    if (volume == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t result =
        berth_json_read_text(&berth_volume_table, row->document, row->length, &volume->object, err);
    if (result == 0 && berth_str_empty(volume->object.name)) {
        result = berth_error_set(err, BERTH_E_DATA, 0, "a stored volume has no name");
    }
    return result;
}

/* Fills a new object; `request` gives labels and options. */
static int fill_object(struct berth_volume_manager *manager, const char *name,
                       const struct berth_volume_create *request, struct berth_volume *object,
                       berth_error *err)
{
    char text[BERTH_TIME_TEXT];
    int64_t now = berth_time_now();
    object->name = berth_strdup(name);
    object->driver = berth_strdup("local");
    object->scope = berth_strdup("local");
    object->mountpoint = berth_format("%s/%s/_data", manager->root, name);
    object->created_at = berth_strdup(berth_time_format(now - now % BERTH_NANOSECONDS, text));
    if (object->name == NULL || object->driver == NULL || object->scope == NULL ||
        object->mountpoint == NULL || object->created_at == NULL ||
        (request != NULL && (!berth_strmap_merge(&object->labels, &request->labels) ||
                             !berth_strmap_merge(&object->options, &request->options)))) {
        return berth_error_no_memory(err);
    }
    return 0;
}

static int store_object(struct berth_volume_manager *manager, const struct berth_volume *object,
                        berth_error *err)
{
    AUTO_FREE char *text = berth_json_write_text(&berth_volume_table, object, 0);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_store_put(manager->store, VOLUME_KIND, object->name, object->name, text, err);
}

/* A directory without a row: somebody's data, which must not vanish. */
static int adopt_directories(struct berth_volume_manager *manager, berth_error *err)
{
    AUTO_DIR DIR *dir = opendir(manager->root);
    if (dir == NULL) {
        return berth_error_errno(err, errno, "cannot read %s", manager->root);
    }
    struct dirent *entry = NULL;
    while ((entry = readdir(dir)) != NULL) {
        AUTO_FREE char *data = berth_format("%s/_data", entry->d_name);
        if (data == NULL || !berth_volume_name_valid(entry->d_name) ||
            faccessat(dirfd(dir), data, F_OK, 0) != 0 ||
            volume_find(manager, entry->d_name) != NULL) {
            continue;
        }
        struct volume *volume = volume_table_add(manager);
        if (volume == NULL) {
            return berth_error_no_memory(err);
        }
        int result = fill_object(manager, entry->d_name, NULL, &volume->object, err);
        if (result == 0) {
            result = store_object(manager, &volume->object, err);
        }
        if (result != 0) {
            return result;
        }
        berth_log(BERTH_LOG_WARN, "volume %s had a directory but no record; adopted",
                  entry->d_name);
    }
    return 0;
}

int berth_volume_manager_open(const char *data_root, struct berth_store *store,
                              struct berth_events *events,
                              struct berth_volume_manager **ret_manager, berth_error *err)
{
    struct berth_volume_manager *manager = calloc(1, sizeof(*manager));
    if (manager == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&manager->lock, NULL);
    manager->store = store;
    manager->events = events;
    manager->root = berth_format("%s/volumes", data_root);
    int result = manager->root == NULL ? berth_error_no_memory(err)
                                       : berth_linux_path_make_host_dirs(manager->root, 0701, err);
    if (result == 0) {
        result = berth_store_list(store, VOLUME_KIND, load_row, manager, err);
    }
    if (result == 0) {
        result = adopt_directories(manager, err);
    }
    if (result != 0) {
        berth_volume_manager_close(manager);
        return berth_error_wrap(err, "volumes");
    }
    *ret_manager = manager;
    return 0;
}

void berth_volume_manager_close(struct berth_volume_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    for (size_t i = 0; i < manager->count; i++) {
        volume_free(manager->volumes[i]);
    }
    free(manager->volumes);
    free(manager->root);
    pthread_mutex_destroy(&manager->lock);
    free(manager);
}

static int check_request(const struct berth_volume_create *request, berth_error *err)
{
    if (!berth_str_empty(request->name) && !berth_volume_name_valid(request->name)) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0,
            "create %s: \"%s\" includes invalid characters for a local volume name, only "
            "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
            "directory, use absolute path",
            request->name, request->name);
    }
    if (!berth_str_empty(request->driver) && strcmp(request->driver, "local") != 0) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                               "create %s: error looking up volume plugin %s: plugin \"%s\" not "
                               "found",
                               request->name != NULL ? request->name : "", request->driver,
                               request->driver);
    }
    for (size_t i = 0; i < request->options.count; i++) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "create %s: invalid option: \"%s\"",
                               request->name != NULL ? request->name : "",
                               request->options.keys[i]);
    }
    return 0;
}

/* Makes root/NAME/_data; existing directories are fine (their data was kept). */
static int make_directory(struct berth_volume_manager *manager, const char *name, berth_error *err)
{
    AUTO_FREE char *outer = berth_format("%s/%s", manager->root, name);
    AUTO_FREE char *data = berth_format("%s/%s/_data", manager->root, name);
    if (outer == NULL || data == NULL) {
        return berth_error_no_memory(err);
    }
    if (mkdir(outer, 0701) < 0 && errno != EEXIST) {
        return berth_error_errno(err, errno, "cannot create %s", outer);
    }
    /* the process umask must not take bits off what containers see */
    if ((mkdir(data, 0755) < 0 && errno != EEXIST)) {
        return berth_error_errno(err, errno, "cannot create %s", data);
    }
    return 0;
}

/* Under the lock. */
static int create_locked(struct berth_volume_manager *manager, const char *name,
                         const struct berth_volume_create *request, struct volume **ret_volume,
                         berth_error *err)
{
    struct volume *volume = volume_table_add(manager);
    if (volume == NULL) {
        return berth_error_no_memory(err);
    }
    int result = fill_object(manager, name, request, &volume->object, err);
    if (result == 0) {
        result = make_directory(manager, name, err);
    }
    if (result == 0) {
        result = store_object(manager, &volume->object, err);
    }
    if (result != 0) {
        volume_table_remove(manager, volume);
        return result;
    }
    *ret_volume = volume;
    return 0;
}

int berth_volume_create(struct berth_volume_manager *manager,
                        const struct berth_volume_create *request, struct berth_volume *ret,
                        berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1];
    struct berth_volume_create copy = *request;
    AUTO_STRMAP struct berth_strmap labels = {0};
    int result = check_request(request, err);
    if (result != 0) {
        return result;
    }
    if (berth_str_empty(request->name)) {
        result = berth_id_new(id, err);
        if (result != 0) {
            return result;
        }
        copy.name = id;
        if (!berth_strmap_merge(&labels, &request->labels) ||
            !berth_strmap_set(&labels, BERTH_VOLUME_LABEL_ANONYMOUS, "")) {
            return berth_error_no_memory(err);
        }
        copy.labels = labels;
    }
    AUTO_LOCK(&manager->lock);
    struct volume *volume = volume_find(manager, copy.name);
    bool created = volume == NULL;
    if (created) {
        result = create_locked(manager, copy.name, &copy, &volume, err);
        if (result != 0) {
            return result;
        }
    }
    if (created && manager->events != NULL) {
        AUTO_STRMAP struct berth_strmap attributes = {0};
        if (berth_strmap_set(&attributes, "driver", "local")) {
            berth_event_publish(manager->events, "volume", "create", copy.name, &attributes);
        }
    }
    return berth_json_copy(&berth_volume_table, &volume->object, ret, err);
}

int berth_volume_inspect(struct berth_volume_manager *manager, const char *name,
                         struct berth_volume *ret, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct volume *volume = volume_find(manager, name);
    if (volume == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "get %s: no such volume", name);
    }
    return berth_json_copy(&berth_volume_table, &volume->object, ret, err);
}

static int compare_names(const void *a, const void *b)
{
    const struct berth_volume *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Under the lock: copies what matches into the list, with the number of users kept. */
static int list_locked(struct berth_volume_manager *manager, const struct berth_strv *filters,
                       struct berth_json_list *ret, berth_error *err)
{
    for (size_t i = 0; i < manager->count; i++) {
        const struct volume *volume = manager->volumes[i];
        int match = volume_matches(volume, filters, err);
        if (match < 0) {
            return match;
        }
        if (match == 0) {
            continue;
        }
        struct berth_volume *item = berth_json_list_add(ret, &berth_volume_table);
        if (item == NULL) {
            return berth_error_no_memory(err);
        }
        int result = berth_json_copy(&berth_volume_table, &volume->object, item, err);
        if (result != 0) {
            return result;
        }
        item->usage = calloc(1, sizeof(*item->usage));
        if (item->usage == NULL) {
            return berth_error_no_memory(err);
        }
        item->usage->ref_count = (int64_t)volume->users.count;
    }
    return 0;
}

int berth_volume_list(struct berth_volume_manager *manager, const struct berth_strv *filters,
                      bool usage, struct berth_json_list *ret, berth_error *err)
{
    struct berth_json_list list = {0};
    int result = volume_filters_check(filters, err);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&manager->lock);
    result = list_locked(manager, filters, &list, err);
    pthread_mutex_unlock(&manager->lock);
    if (result != 0) {
        berth_json_list_done(&list, &berth_volume_table);
        return result;
    }
    for (size_t i = 0; i < list.count; i++) {
        struct berth_volume *item = list.items[i];
        if (usage) {
            item->usage->size = volume_disk_usage(item->mountpoint);
        } else {
            free(item->usage);
            item->usage = NULL;
        }
    }
    if (list.count > 1) {
        qsort(list.items, list.count, sizeof(*list.items), compare_names);
    }
    *ret = list;
    return 0;
}

int64_t berth_volume_count(struct berth_volume_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    return (int64_t)manager->count;
}
