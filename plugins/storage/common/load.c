/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the catalog: folders, lock, what a crash or a power loss left, what there is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#include "catalog.h"
#include "meta.h"

/* Calls visit for each entry of the folder but "." and "..". */
static int32_t each(struct catalog *catalog, int folder_fd, const char *name,
                    void (*visit)(struct catalog *catalog, const char *name), berth_error *err)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BERTH_AUTO_DIR DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot list %s/%s", catalog->root, name);
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(catalog, entry->d_name);
        }
    }
    return 0;
}

static void visit_staging(struct catalog *catalog, const char *name)
{
    catalog_discard(catalog, catalog->staging_fd, name);
}

static void visit_trash(struct catalog *catalog, const char *name)
{
    uint64_t number = strtoull(name, NULL, 10);
    catalog->trash_number = number > catalog->trash_number ? number : catalog->trash_number;
    catalog->trash_wanted = true;
}

static void visit_layer(struct catalog *catalog, const char *name)
{
    struct meta meta;
    char boot[BOOT_SIZE] = "";
    BERTH_AUTO_CLOSE int fd = openat(catalog->layers_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 || strlen(name) >= ID_SIZE ? -EBADMSG : meta_read(fd, "parent", &meta);
    bool unsynced = code == 0 && read_line(fd, "unsynced", boot, sizeof(boot)) == 0;
    if (code < 0 || (unsynced && strcmp(boot, catalog->boot) != 0)) {
        berth_logf(catalog->host, BERTH_HOST_LOG_WARN,
                   "layer %s was not on the disk when the machine stopped: removed", name);
        catalog_discard(catalog, catalog->layers_fd, name);
        return;
    }
    struct entry *entry = table_add(&catalog->layers, name, meta.parent);
    if (entry != NULL) {
        entry->state = ENTRY_READY;
        entry->unsynced = unsynced;
        catalog->sync_wanted = catalog->sync_wanted || unsynced;
    }
}

static void visit_container(struct catalog *catalog, const char *name)
{
    struct meta meta;
    char kept[ID_SIZE + 32];
    BERTH_AUTO_CLOSE int fd =
        openat(catalog->containers_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 || strlen(name) >= ID_SIZE ? -EBADMSG : meta_read(fd, "top", &meta);
    if (code < 0) {
        snprintf(kept, sizeof(kept), "quarantine/%.128s", name);
        mkdirat(catalog->root_fd, "quarantine", 0700);
        renameat2(catalog->containers_fd, name, catalog->root_fd, kept, RENAME_NOREPLACE);
        berth_logf(catalog->host, BERTH_HOST_LOG_WARN,
                   "container folder %s has no readable meta: kept as %s/%s", name, catalog->root,
                   kept);
        return;
    }
    struct entry *entry = table_add(&catalog->containers, name, meta.parent);
    if (entry != NULL) {
        entry->state = ENTRY_READY;
        memcpy(entry->boot, meta.boot, sizeof(entry->boot));
    }
}

/* Finds everybody's parent. What stands on a layer that is gone stays and says so when used. */
static void link_parents(struct catalog *catalog, struct table *table)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = table->buckets[i]; entry != NULL; entry = entry->next) {
            if (entry->parent_id[0] == '\0') {
                continue;
            }
            entry->parent = table_find(&catalog->layers, entry->parent_id);
            if (entry->parent != NULL) {
                entry->parent->users++;
            } else {
                berth_logf(catalog->host, BERTH_HOST_LOG_WARN, "%s stands on missing layer %s",
                           entry->id, entry->parent_id);
            }
        }
    }
}

int32_t catalog_load(struct catalog *catalog, berth_error *err)
{
    int32_t result = each(catalog, catalog->trash_fd, "trash", visit_trash, err);
    if (result == 0) {
        result = each(catalog, catalog->staging_fd, "staging", visit_staging, err);
    }
    if (result == 0) {
        result = each(catalog, catalog->layers_fd, "layers", visit_layer, err);
    }
    if (result == 0) {
        result = each(catalog, catalog->containers_fd, "containers", visit_container, err);
    }
    if (result == 0) {
        link_parents(catalog, &catalog->layers);
        link_parents(catalog, &catalog->containers);
    }
    return result;
}

static int32_t make_folder(struct catalog *catalog, const char *name, int *ret_fd, berth_error *err)
{
    if (mkdirat(catalog->root_fd, name, 0700) != 0 && errno != EEXIST) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make %s/%s", catalog->root, name);
    }
    *ret_fd = openat(catalog->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret_fd >= 0 ? 0
                        : BERTH_FAIL_ERRNO(err, errno, "cannot open %s/%s", catalog->root, name);
}

/* mkdir -p for the last two components: the data root may not have our parent yet. */
static int32_t open_root(struct catalog *catalog, berth_error *err)
{
    char *slash = strrchr(catalog->root, '/');
    if (slash != NULL && slash != catalog->root) {
        *slash = '\0';
        mkdir(catalog->root, 0710);
        *slash = '/';
    }
    if (mkdir(catalog->root, 0700) != 0 && errno != EEXIST) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make %s", catalog->root);
    }
    catalog->root_fd = open(catalog->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (catalog->root_fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open %s", catalog->root);
    }
    catalog->lock_fd =
        openat(catalog->root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (catalog->lock_fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open %s/lock", catalog->root);
    }
    if (flock(catalog->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "%s is in use by another process",
                          catalog->root);
    }
    return 0;
}

static int32_t fill(struct catalog *catalog, berth_error *err)
{
    int32_t result = open_root(catalog, err);
    if (result == 0) {
        result = make_folder(catalog, "layers", &catalog->layers_fd, err);
    }
    if (result == 0) {
        result = make_folder(catalog, "containers", &catalog->containers_fd, err);
    }
    if (result == 0) {
        result = make_folder(catalog, "staging", &catalog->staging_fd, err);
    }
    if (result == 0) {
        result = make_folder(catalog, "trash", &catalog->trash_fd, err);
    }
    if (result == 0 &&
        read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", catalog->boot, BOOT_SIZE) < 0) {
        result = BERTH_FAIL_ERRNO(err, errno, "cannot read the boot's id");
    }
    if (result == 0) {
        result = catalog_load(catalog, err);
    }
    return result == 0 ? catalog_worker_start(catalog, err) : result;
}

int32_t catalog_open(const berth_host *host, const char *root, bool parent_first,
                     struct catalog **ret_catalog, berth_error *err)
{
    struct catalog *catalog = (struct catalog *)calloc(1, sizeof(*catalog));
    if (catalog == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    catalog->host = host;
    catalog->parent_first = parent_first;
    catalog->root_fd = catalog->layers_fd = catalog->containers_fd = -1;
    catalog->staging_fd = catalog->trash_fd = catalog->lock_fd = -1;
    pthread_mutex_init(&catalog->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&catalog->wake, &monotonic);
    pthread_cond_init(&catalog->synced, NULL);
    pthread_condattr_destroy(&monotonic);
    catalog->root = strdup(root);
    int32_t result = catalog->root == NULL ? berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory")
                                           : fill(catalog, err);
    if (result < 0) {
        catalog_close(catalog);
        return result;
    }
    *ret_catalog = catalog;
    return 0;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    catalog_worker_stop(catalog);
    const int fds[] = {catalog->root_fd,    catalog->layers_fd, catalog->containers_fd,
                       catalog->staging_fd, catalog->trash_fd,  catalog->lock_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    table_free(&catalog->layers);
    table_free(&catalog->staging);
    table_free(&catalog->containers);
    pthread_cond_destroy(&catalog->wake);
    pthread_cond_destroy(&catalog->synced);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog->root);
    free(catalog);
}

/* One copy of the ids, so that the sink is not called with the lock held. */
static int32_t emit_entry(struct catalog *catalog, berth_sink *sink, const char *keys[2],
                          const struct entry *entry, berth_error *err)
{
    int32_t result = catalog->host->emit(sink, keys[0], entry->id, err);
    return result < 0 ? result : catalog->host->emit(sink, keys[1], entry->parent_id, err);
}

static int32_t emit_table(struct catalog *catalog, berth_sink *sink, const char *keys[2],
                          const struct table *table, berth_error *err)
{
    int32_t result = 0;
    for (size_t i = 0; result == 0 && i < BUCKETS; i++) {
        for (struct entry *entry = table->buckets[i]; result == 0 && entry != NULL;
             entry = entry->next) {
            if (entry->state == ENTRY_READY) {
                result = emit_entry(catalog, sink, keys, entry, err);
            }
        }
    }
    return result;
}

int32_t catalog_list(struct catalog *catalog, berth_sink *sink, berth_error *err)
{
    const char *layer_keys[] = {"layer", "parent"}, *container_keys[] = {"container", "top"};
    pthread_mutex_lock(&catalog->lock); /* sinks only collect, and take no lock of ours */
    int32_t result = emit_table(catalog, sink, layer_keys, &catalog->layers, err);
    if (result == 0) {
        result = emit_table(catalog, sink, container_keys, &catalog->containers, err);
    }
    pthread_mutex_unlock(&catalog->lock);
    return result;
}

/* statfs(2) types by the names that `docker info` uses. */
static const char *filesystem_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } known[] = {{0xef53, "extfs"},          {0x58465342, "xfs"}, {(long)0x9123683e, "btrfs"},
                 {0x01021994, "tmpfs"},      {0x2fc12fc1, "zfs"}, {0x794c7630, "overlayfs"},
                 {(long)0xf2f52010, "f2fs"}, {0x6969, "nfs"},     {0x65735546, "fuseblk"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].type == type) {
            return known[i].name;
        }
    }
    return "unknown";
}

int32_t catalog_status(struct catalog *catalog, berth_sink *sink, berth_error *err)
{
    struct statfs status;
    if (fstatfs(catalog->root_fd, &status) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot look at the file system of %s", catalog->root);
    }
    int32_t result = catalog->host->emit(sink, "Root Dir", catalog->root, err);
    return result < 0 ? result
                      : catalog->host->emit(sink, "Backing Filesystem",
                                            filesystem_name((long)status.f_type), err);
}
