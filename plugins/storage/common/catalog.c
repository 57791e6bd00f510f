/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of layers and containers in the catalog. Disk work is done outside the lock, except
 * single renames; an entry that is ENTRY_BUSY belongs to the call that made it so.
 */
#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>

#include "meta.h"

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* FNV-1a; ids are hashes or random already */
static unsigned bucket(const char *id)
{
    uint32_t hash = 2166136261u;
    for (; *id != '\0'; id++) {
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    }
    return hash % BUCKETS;
}

struct entry *table_find(const struct table *table, const char *id)
{
    struct entry *entry = table->buckets[bucket(id)];
    while (entry != NULL && strcmp(entry->id, id) != 0) {
        entry = entry->next;
    }
    return entry;
}

static void table_insert(struct table *table, struct entry *entry)
{
    struct entry **head = &table->buckets[bucket(entry->id)];
    entry->next = *head;
    *head = entry;
}

struct entry *table_add(struct table *table, const char *id, const char *parent_id)
{
    struct entry *entry = (struct entry *)calloc(1, sizeof(*entry));
    if (entry != NULL) {
        snprintf(entry->id, sizeof(entry->id), "%s", id);
        snprintf(entry->parent_id, sizeof(entry->parent_id), "%s",
                 parent_id != NULL ? parent_id : "");
        table_insert(table, entry);
    }
    return entry;
}

void table_drop(struct table *table, struct entry *entry)
{
    struct entry **at = &table->buckets[bucket(entry->id)];
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (table->buckets[i] != NULL) {
            struct entry *entry = table->buckets[i];
            table->buckets[i] = entry->next;
            free(entry);
        }
    }
}

static int32_t check_id(const char *id, berth_error *err)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (id[length] != '\0' || length == 0 || length >= ID_SIZE || strchr("_.-", id[0]) != NULL) {
        return berth_fail(err, BERTH_E_INVALID, 0, "'%.140s' is not a valid id", id);
    }
    return 0;
}

static int32_t no_memory(berth_error *err)
{
    return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
}

static int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
    return renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE);
}

int catalog_discard(struct catalog *catalog, int from_fd, const char *name)
{
    char trash[32];
    snprintf(trash, sizeof(trash), "%llu", (unsigned long long)++catalog->trash_number);
    if (rename_new(from_fd, name, catalog->trash_fd, trash) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    catalog->trash_wanted = true;
    pthread_cond_signal(&catalog->wake);
    return 0;
}

/* Makes ROOT/staging/<name> with its meta. */
static int32_t make_staging(struct catalog *catalog, const char *name, const char *key,
                            const char *parent, int *ret_fd, berth_error *err)
{
    struct meta meta = {0};
    if (mkdirat(catalog->staging_fd, name, 0700) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make %s/staging/%s", catalog->root, name);
    }
    BERTH_AUTO_CLOSE int fd = openat(catalog->staging_fd, name, FOLDER_CLOEXEC);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open %s/staging/%s", catalog->root, name);
    }
    snprintf(meta.parent, sizeof(meta.parent), "%s", parent != NULL ? parent : "");
    snprintf(meta.boot, sizeof(meta.boot), "%s", catalog->boot);
    int code = meta_write(fd, key, &meta);
    if (code < 0) {
        return BERTH_FAIL_ERRNO(err, -code, "cannot write %s/staging/%s", catalog->root, name);
    }
    *ret_fd = berth_take_fd(&fd);
    return 0;
}

/* The entry's parent counts it as a user; the lock is held. */
static void adopt(struct entry *entry, struct entry *parent)
{
    entry->parent = parent;
    if (parent != NULL) {
        parent->users++;
    }
}

static void forget(struct table *table, struct entry *entry)
{
    if (entry->parent != NULL) {
        entry->parent->users--;
    }
    table_drop(table, entry);
    free(entry);
}

static int32_t reserve_layer(struct catalog *catalog, const char *id, const char *parent,
                             berth_error *err)
{
    struct entry *below = parent != NULL ? table_find(&catalog->layers, parent) : NULL;
    if (table_find(&catalog->layers, id) != NULL) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "layer %s exists", id);
    }
    if (table_find(&catalog->staging, id) != NULL) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "layer %s is being made", id);
    }
    if (catalog->parent_first && parent != NULL && below == NULL) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0, "no such parent layer: %s", parent);
    }
    struct entry *entry = table_add(&catalog->staging, id, parent);
    if (entry == NULL) {
        return no_memory(err);
    }
    entry->state = ENTRY_BUSY;
    adopt(entry, below);
    return 0;
}

int32_t catalog_layer_begin(struct catalog *catalog, const char *id, const char *parent,
                            int *ret_fd, berth_error *err)
{
    int32_t result = check_id(id, err);
    if (result == 0 && parent != NULL) {
        result = check_id(parent, err);
    }
    if (result < 0) {
        return result;
    }
    pthread_mutex_lock(&catalog->lock);
    result = reserve_layer(catalog, id, parent, err);
    pthread_mutex_unlock(&catalog->lock);
    if (result < 0) {
        return result;
    }
    result = make_staging(catalog, id, "parent", parent, ret_fd, err);
    if (result < 0) {
        catalog_layer_filled(catalog, id, false);
    }
    return result;
}

void catalog_layer_filled(struct catalog *catalog, const char *id, bool ok)
{
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->staging, id);
    if (ok) {
        entry->state = ENTRY_STAGING;
    } else {
        catalog_discard(catalog, catalog->staging_fd, id);
        forget(&catalog->staging, entry);
    }
    pthread_mutex_unlock(&catalog->lock);
}

/* Looks whether a staging layer can be committed and takes it; the lock is held. */
static int32_t take_staging(struct catalog *catalog, const char *id, berth_error *err)
{
    struct entry *entry = table_find(&catalog->staging, id);
    if (entry == NULL) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0, "no layer %s is being made", id);
    }
    if (entry->state != ENTRY_STAGING) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "layer %s is in use by another call", id);
    }
    if (entry->parent == NULL && entry->parent_id[0] != '\0') {
        struct entry *parent = table_find(&catalog->layers, entry->parent_id);
        if (parent == NULL) {
            return berth_fail(err, BERTH_E_NOT_FOUND, 0,
                              "layer %s cannot be committed before its parent %s", id,
                              entry->parent_id);
        }
        adopt(entry, parent);
    }
    entry->state = ENTRY_BUSY;
    return 0;
}

static int mark_unsynced(struct catalog *catalog, const char *id)
{
    char name[ID_SIZE + 16];
    snprintf(name, sizeof(name), "%s/unsynced", id);
    BERTH_AUTO_CLOSE int fd =
        openat(catalog->staging_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    ssize_t length = (ssize_t)strlen(catalog->boot);
    return write(fd, catalog->boot, (size_t)length) == length ? 0 : -EIO;
}

int32_t catalog_layer_commit(struct catalog *catalog, const char *id, berth_error *err)
{
    pthread_mutex_lock(&catalog->lock);
    int32_t result = take_staging(catalog, id, err);
    pthread_mutex_unlock(&catalog->lock);
    if (result < 0) {
        return result;
    }
    int code = mark_unsynced(catalog, id);
    if (code == 0 && rename_new(catalog->staging_fd, id, catalog->layers_fd, id) != 0) {
        code = -errno;
    }
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->staging, id);
    if (code == 0) {
        table_drop(&catalog->staging, entry);
        entry->state = ENTRY_READY;
        entry->unsynced = true;
        table_insert(&catalog->layers, entry);
        catalog->sync_wanted = true;
        pthread_cond_signal(&catalog->wake);
    } else {
        entry->state = ENTRY_STAGING;
    }
    pthread_mutex_unlock(&catalog->lock);
    return code == 0 ? 0 : BERTH_FAIL_ERRNO(err, -code, "cannot commit layer %s", id);
}

int32_t catalog_layer_abort(struct catalog *catalog, const char *id, berth_error *err)
{
    int32_t result = 0;
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->staging, id);
    if (entry != NULL && entry->state == ENTRY_BUSY) {
        result = berth_fail(err, BERTH_E_CONFLICT, 0, "layer %s is in use by another call", id);
    } else if (entry != NULL) {
        int code = catalog_discard(catalog, catalog->staging_fd, id);
        if (code < 0) {
            result = BERTH_FAIL_ERRNO(err, -code, "cannot remove the staging layer %s", id);
        } else {
            forget(&catalog->staging, entry);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return result;
}

int32_t catalog_layer_remove(struct catalog *catalog, const char *id, berth_error *err)
{
    int32_t result = 0;
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->layers, id);
    if (entry != NULL && entry->users > 0) {
        result = berth_fail(err, BERTH_E_CONFLICT, 0, "layer %s has %u layers or containers on it",
                            id, entry->users);
    } else if (entry != NULL) {
        int code = catalog_discard(catalog, catalog->layers_fd, id);
        if (code < 0) {
            result = BERTH_FAIL_ERRNO(err, -code, "cannot remove layer %s", id);
        } else {
            forget(&catalog->layers, entry);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return result;
}

int32_t catalog_layer_open(struct catalog *catalog, const char *id, int flags, int *ret_fd,
                           berth_error *err)
{
    char name[ID_SIZE + 8];
    int32_t result = check_id(id, err);
    if (result < 0) {
        return result;
    }
    snprintf(name, sizeof(name), "%s/tree", id);
    int fd = openat(catalog->layers_fd, name, flags | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? berth_fail(err, BERTH_E_NOT_FOUND, 0, "no such layer: %s", id)
                               : BERTH_FAIL_ERRNO(err, errno, "cannot open layer %s", id);
    }
    *ret_fd = fd;
    return 0;
}

static int32_t reserve_container(struct catalog *catalog, const char *id, const char *top,
                                 berth_error *err)
{
    struct entry *below = top != NULL ? table_find(&catalog->layers, top) : NULL;
    if (table_find(&catalog->containers, id) != NULL) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "container %s exists", id);
    }
    if (top != NULL && below == NULL) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0, "no such layer: %s", top);
    }
    struct entry *entry = table_add(&catalog->containers, id, top);
    if (entry == NULL) {
        return no_memory(err);
    }
    entry->state = ENTRY_BUSY;
    snprintf(entry->boot, sizeof(entry->boot), "%s", catalog->boot);
    adopt(entry, below);
    return 0;
}

int32_t catalog_container_begin(struct catalog *catalog, const char *id, const char *top,
                                int *ret_fd, berth_error *err)
{
    char name[ID_SIZE + 1];
    int32_t result = check_id(id, err);
    if (result < 0) {
        return result;
    }
    pthread_mutex_lock(&catalog->lock);
    result = reserve_container(catalog, id, top, err);
    pthread_mutex_unlock(&catalog->lock);
    if (result < 0) {
        return result;
    }
    snprintf(name, sizeof(name), "+%s", id);
    result = make_staging(catalog, name, "top", top, ret_fd, err);
    if (result < 0) {
        catalog_container_finish(catalog, id, false, NULL);
    }
    return result;
}

int32_t catalog_container_finish(struct catalog *catalog, const char *id, bool ok, berth_error *err)
{
    char name[ID_SIZE + 1];
    int32_t result = 0;
    snprintf(name, sizeof(name), "+%s", id);
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->containers, id);
    if (ok && rename_new(catalog->staging_fd, name, catalog->containers_fd, id) != 0) {
        result = BERTH_FAIL_ERRNO(err, errno, "cannot make container %s", id);
        ok = false;
    }
    if (ok) {
        entry->state = ENTRY_READY;
    } else {
        catalog_discard(catalog, catalog->staging_fd, name);
        forget(&catalog->containers, entry);
    }
    pthread_mutex_unlock(&catalog->lock);
    return result;
}

int32_t catalog_container_remove(struct catalog *catalog, const char *id, berth_error *err)
{
    int32_t result = 0;
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->containers, id);
    if (entry != NULL && entry->state != ENTRY_READY) {
        result = berth_fail(err, BERTH_E_CONFLICT, 0, "container %s is being made", id);
    } else if (entry != NULL) {
        int code = catalog_discard(catalog, catalog->containers_fd, id);
        if (code < 0) {
            result = BERTH_FAIL_ERRNO(err, -code, "cannot remove container %s", id);
        } else {
            forget(&catalog->containers, entry);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return result;
}

/* The layers below a container, topmost first; the lock is held. */
static int32_t copy_chain(const struct entry *container, struct chain *ret_chain, berth_error *err)
{
    struct chain chain = {0};
    const struct entry *at = container, *missing = NULL;
    for (; at->parent != NULL; at = at->parent) {
        chain.count++;
    }
    missing = at->parent_id[0] != '\0' ? at : NULL;
    if (missing != NULL) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0, "layer %s, which %s stands on, is missing",
                          missing->parent_id, container->id);
    }
    chain.layers = (char(*)[ID_SIZE])calloc(chain.count + 1, ID_SIZE);
    if (chain.layers == NULL) {
        return no_memory(err);
    }
    size_t index = 0;
    for (at = container->parent; at != NULL; at = at->parent) {
        memcpy(chain.layers[index++], at->id, ID_SIZE);
    }
    memcpy(chain.boot, container->boot, BOOT_SIZE);
    *ret_chain = chain;
    return 0;
}

int32_t catalog_container_open(struct catalog *catalog, const char *id, int *ret_fd,
                               struct chain *ret_chain, berth_error *err)
{
    int32_t result = 0;
    pthread_mutex_lock(&catalog->lock);
    struct entry *entry = table_find(&catalog->containers, id);
    if (entry == NULL || entry->state != ENTRY_READY) {
        result = berth_fail(err, BERTH_E_NOT_FOUND, 0, "no such container: %.140s", id);
    } else if (ret_chain != NULL) {
        result = copy_chain(entry, ret_chain, err);
    }
    pthread_mutex_unlock(&catalog->lock);
    if (result < 0) {
        return result;
    }
    int fd = openat(catalog->containers_fd, id, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        result = BERTH_FAIL_ERRNO(err, errno, "cannot open container %s", id);
        if (ret_chain != NULL) {
            free(ret_chain->layers);
        }
        return result;
    }
    *ret_fd = fd;
    return 0;
}
