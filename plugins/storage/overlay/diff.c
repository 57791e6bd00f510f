/* SPDX-License-Identifier: Apache-2.0
 *
 * What a container changed: its upper directory read against the layers below, which a read-only
 * mount merges where there is more than one.
 */
#include "overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "../common/tree.h"

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

struct diffing {
    const berth_host *host;
    berth_op *op;
    berth_sink *sink;
    char path[PATH_MAX]; /* of the current folder, "" for the root */
};

static int32_t emit(struct diffing *diffing, const char *kind, const char *name, berth_error *err)
{
    char path[PATH_MAX + 256];
    snprintf(path, sizeof(path), "%s/%s", diffing->path, name);
    return diffing->host->emit(diffing->sink, kind, path, err);
}

static DIR *open_stream(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return copy >= 0 ? fdopendir(copy) : NULL;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* An opaque folder hides all of the folder below: what it does not have itself is deleted. */
static int32_t diff_hidden(struct diffing *diffing, int upper, int lower, berth_error *err)
{
    struct stat status;
    char value[8];
    int32_t result = 0;
    ssize_t length = fgetxattr(upper, "trusted.overlay.opaque", value, sizeof(value));
    if (lower < 0 || length != 1 || value[0] != 'y') {
        return 0;
    }
    BERTH_AUTO_DIR DIR *stream = open_stream(lower);
    for (struct dirent *entry;
         result == 0 && stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (!is_dots(entry->d_name) &&
            fstatat(upper, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            result = emit(diffing, "D", entry->d_name, err);
        }
    }
    return result;
}

static int32_t diff_folder(struct diffing *diffing, int upper, int lower, int depth,
                           berth_error *err);

static int32_t diff_entry(struct diffing *diffing, int upper, int lower, const char *name,
                          int depth, berth_error *err)
{
    struct stat above, below;
    if (fstatat(upper, name, &above, AT_SYMLINK_NOFOLLOW) != 0) {
        return 0; /* gone meanwhile */
    }
    bool exists = lower >= 0 && fstatat(lower, name, &below, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISCHR(above.st_mode) && above.st_rdev == 0) {
        return exists ? emit(diffing, "D", name, err) : 0;
    }
    int32_t result = emit(diffing, exists ? "C" : "A", name, err);
    if (result < 0 || !S_ISDIR(above.st_mode)) {
        return result;
    }
    size_t length = strlen(diffing->path);
    if (length + strlen(name) + 2 > sizeof(diffing->path)) {
        return berth_fail(err, BERTH_E_DATA, ENAMETOOLONG, "a path is too long to be compared");
    }
    BERTH_AUTO_CLOSE int upper_fd = openat(upper, name, FOLDER_CLOEXEC);
    BERTH_AUTO_CLOSE int lower_fd =
        exists && S_ISDIR(below.st_mode) ? openat(lower, name, FOLDER_CLOEXEC) : -1;
    if (upper_fd < 0) {
        return 0;
    }
    snprintf(diffing->path + length, sizeof(diffing->path) - length, "/%s", name);
    result = diff_folder(diffing, upper_fd, lower_fd, depth + 1, err);
    diffing->path[length] = '\0';
    return result;
}

static int32_t diff_folder(struct diffing *diffing, int upper, int lower, int depth,
                           berth_error *err)
{
    BERTH_AUTO_DIR DIR *stream = open_stream(upper);
    if (stream == NULL || depth > TREE_MAX_DEPTH) {
        return BERTH_FAIL_ERRNO(err, stream == NULL ? errno : ELOOP, "cannot compare %s/",
                                diffing->path);
    }
    int32_t result = diff_hidden(diffing, upper, lower, err);
    for (struct dirent *entry; result == 0 && (entry = readdir(stream)) != NULL;) {
        if (diffing->host->cancelled(diffing->op)) {
            return berth_fail(err, BERTH_E_CANCELLED, 0, "cancelled");
        }
        if (!is_dots(entry->d_name)) {
            result = diff_entry(diffing, upper, lower, entry->d_name, depth, err);
        }
    }
    return result;
}

/* The merged layers below, for reading. */
static int32_t open_below(berth_inst *inst, const struct chain *chain, int *ret_fd,
                          berth_error *err)
{
    int *lowers;
    struct overlay_mount mount = {
        .target = inst->target, .upper = -1, .work = -1, .read_only = true};
    if (chain->count == 1) {
        return catalog_layer_open(inst->catalog, chain->layers[0], O_RDONLY, ret_fd, err);
    }
    int32_t result = overlay_open_layers(inst, chain, &lowers, &mount.count, err);
    if (result < 0) {
        return result;
    }
    mount.lowers = lowers;
    if (chain->count == 0) {
        *ret_fd = openat(lowers[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        result = overlay_mount_run(inst->host, &mount, err);
        *ret_fd = mount.fd;
    }
    overlay_close_layers(lowers, mount.count);
    return result;
}

int32_t overlay_diff(berth_inst *inst, berth_op *op, const char *id, berth_sink *sink,
                     berth_error *err)
{
    struct chain chain;
    BERTH_AUTO_CLOSE int folder = -1;
    BERTH_AUTO_CLOSE int lower = -1;
    BERTH_AUTO_FREE struct diffing *diffing = (struct diffing *)calloc(1, sizeof(*diffing));
    if (diffing == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    int32_t result = catalog_container_open(inst->catalog, id, &folder, &chain, err);
    if (result < 0) {
        return result;
    }
    result = open_below(inst, &chain, &lower, err);
    free(chain.layers);
    if (result < 0) {
        return result;
    }
    BERTH_AUTO_CLOSE int upper = openat(folder, "upper", FOLDER_CLOEXEC);
    if (upper < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open container %s", id);
    }
    diffing->host = inst->host;
    diffing->op = op;
    diffing->sink = sink;
    return diff_folder(diffing, upper, lower, 0, err);
}
