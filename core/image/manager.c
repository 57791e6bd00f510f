/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the manager, and the small looks into it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/image_internal.h"
#include "linux/path.h"

static int open_folders(struct berth_image_manager *manager, berth_error *err)
{
    AUTO_FREE char *path = berth_format("%s/image/%s", manager->options.data_root,
                                        berth_driver_name(manager->options.storage));
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    int code = berth_linux_path_make_host_dirs(path, 0700, err);
    if (code < 0) {
        return code;
    }
    manager->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (manager->root >= 0 && (mkdirat(manager->root, "records", 0700) == 0 || errno == EEXIST)) {
        manager->records =
            openat(manager->root, "records", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    return manager->records >= 0 ? 0 : berth_error_errno(err, errno, "cannot open %s", path);
}

static void name_rows(struct berth_image_manager *manager)
{
    const char *driver = berth_driver_name(manager->options.storage);
    snprintf(manager->image_row, sizeof(manager->image_row), "image@%s", driver);
    snprintf(manager->layer_row, sizeof(manager->layer_row), "layer@%s", driver);
    snprintf(manager->reference_row, sizeof(manager->reference_row), "image-reference@%s", driver);
}

int berth_image_manager_open(const struct berth_image_manager_options *options,
                             struct berth_image_manager **ret_manager, berth_error *err)
{
    struct berth_image_manager *manager = calloc(1, sizeof(*manager));
    if (manager == NULL) {
        return berth_error_no_memory(err);
    }
    manager->options = *options;
    manager->root = -1;
    manager->records = -1;
    manager->storage_caps = berth_driver_caps(options->storage);
    pthread_mutex_init(&manager->lock, NULL);
    pthread_cond_init(&manager->changed, NULL);
    name_rows(manager);
    int code = open_folders(manager, err);
    if (code == 0) {
        code = berth_image_layers_open(manager, err);
    }
    if (code == 0) {
        code = berth_image_rows_read(manager, err);
    }
    if (code < 0) {
        berth_image_manager_close(manager);
        return code;
    }
    berth_image_layers_collect(manager, NULL, NULL);
    *ret_manager = manager;
    return 0;
}

void berth_image_manager_close(struct berth_image_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    pthread_mutex_lock(&manager->lock);
    while (manager->running > 0) {
        pthread_cond_wait(&manager->changed, &manager->lock);
    }
    pthread_mutex_unlock(&manager->lock);
    for (size_t i = 0; i < manager->image_count; i++) {
        berth_image_unref(manager->images[i]);
    }
    free(manager->images);
    berth_image_names_free(manager);
    berth_image_layers_free(manager);
    if (manager->records >= 0) {
        close(manager->records);
    }
    if (manager->root >= 0) {
        close(manager->root);
    }
    pthread_cond_destroy(&manager->changed);
    pthread_mutex_destroy(&manager->lock);
    free(manager);
}

void berth_image_manager_set_users(struct berth_image_manager *manager, berth_image_users_fn users,
                                   void *data)
{
    AUTO_LOCK(&manager->lock);
    manager->users = users;
    manager->users_data = data;
}

void berth_image_manager_collect(struct berth_image_manager *manager)
{
    berth_image_layers_collect(manager, NULL, NULL);
}

size_t berth_image_manager_count(struct berth_image_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    return manager->image_count;
}

int64_t berth_image_layers_size(struct berth_image_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    int64_t size = 0;
    for (size_t i = 0; i < manager->layer_count; i++) {
        size += manager->layers[i]->size;
    }
    return size;
}

int berth_image_lookup(struct berth_image_manager *manager, const char *ref,
                       struct berth_image **ret_image, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct berth_image *image = NULL;
    int code = berth_image_resolve(manager, ref, &image, NULL, NULL, err);
    if (code == 0) {
        *ret_image = berth_image_ref(image);
    }
    return code;
}

void berth_image_enter(struct berth_image_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    manager->running++;
}

void berth_image_leave(struct berth_image_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    manager->running--;
    pthread_cond_broadcast(&manager->changed);
}

int berth_image_spool(struct berth_image_manager *manager, int *ret_fd, berth_error *err)
{
    int fd = openat(manager->root, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        /* a file system without O_TMPFILE: a name for a moment */
        char name[32];
        snprintf(name, sizeof(name), ".spool-%u", atomic_fetch_add(&manager->next_temporary, 1));
        fd = openat(manager->root, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd >= 0) {
            unlinkat(manager->root, name, 0);
        }
    }
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot make a temporary file in the data root");
    }
    *ret_fd = fd;
    return 0;
}
