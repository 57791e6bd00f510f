/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "overlay": each layer is a directory with what it changes, stacked by the kernel's
 * overlay file system. A container has an upper and a work directory of its own.
 */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "../common/tree.h"

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* mkdir and open; the mode whatever the umask. */
static int make_folder(int folder_fd, const char *name, mode_t mode, int *ret_fd)
{
    if (mkdirat(folder_fd, name, mode) != 0) {
        return -errno;
    }
    BERTH_AUTO_CLOSE int fd = openat(folder_fd, name, FOLDER_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) != 0) {
        return -errno;
    }
    if (ret_fd != NULL) {
        *ret_fd = berth_take_fd(&fd);
    }
    return 0;
}

static int32_t overlay_layer_create(berth_inst *inst, berth_op *op, const char *id,
                                    const char *parent, int32_t *ret_dir_fd, berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    int tree = -1;
    (void)op;
    int32_t result = catalog_layer_begin(inst->catalog, id, parent, &folder, err);
    if (result < 0) {
        return result;
    }
    int code = make_folder(folder, "tree", 0755, &tree);
    catalog_layer_filled(inst->catalog, id, code == 0);
    if (code < 0) {
        return BERTH_FAIL_ERRNO(err, -code, "cannot make layer %s", id);
    }
    *ret_dir_fd = tree;
    return 0;
}

static int32_t overlay_layer_commit(berth_inst *inst, berth_op *op, const char *id,
                                    berth_error *err)
{
    (void)op;
    return catalog_layer_commit(inst->catalog, id, err);
}

static int32_t overlay_layer_abort(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    (void)op;
    return catalog_layer_abort(inst->catalog, id, err);
}

static int32_t overlay_layer_open(berth_inst *inst, berth_op *op, const char *id,
                                  int32_t *ret_dir_fd, berth_error *err)
{
    (void)op;
    return catalog_layer_open(inst->catalog, id, O_RDONLY, ret_dir_fd, err);
}

static int32_t overlay_layer_remove(berth_inst *inst, berth_op *op, const char *id,
                                    berth_error *err)
{
    (void)op;
    return catalog_layer_remove(inst->catalog, id, err);
}

/* The root directory seen in the container is the upper one: it must look like the image's. */
static int copy_root(berth_inst *inst, const char *top, int upper)
{
    struct stat status;
    BERTH_AUTO_CLOSE int fd = -1;
    if (top == NULL) {
        return 0;
    }
    if (catalog_layer_open(inst->catalog, top, O_PATH, &fd, NULL) < 0 || fstat(fd, &status) != 0) {
        return -ENOENT;
    }
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    if ((status.st_uid != 0 || status.st_gid != 0) &&
        fchown(upper, status.st_uid, status.st_gid) != 0) {
        return -errno;
    }
    if ((status.st_mode & 07777) != 0755 && fchmod(upper, status.st_mode & 07777) != 0) {
        return -errno;
    }
    return futimens(upper, times) == 0 ? 0 : -errno;
}

static int32_t overlay_container_create(berth_inst *inst, berth_op *op, const char *id,
                                        const char *top, const berth_storage_container_req *req,
                                        berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    BERTH_AUTO_CLOSE int upper = -1;
    (void)op;
    if (req != NULL && req->size != 0) {
        return berth_fail(err, BERTH_E_UNSUPPORTED, 0,
                          "the storage driver overlay cannot limit the size of a container");
    }
    int32_t result = catalog_container_begin(inst->catalog, id, top, &folder, err);
    if (result < 0) {
        return result;
    }
    int code = make_folder(folder, "upper", 0755, &upper);
    if (code == 0) {
        code = mkdirat(folder, "work", 0700) == 0 ? 0 : -errno;
    }
    if (code == 0) {
        code = copy_root(inst, top, upper);
    }
    result = catalog_container_finish(inst->catalog, id, code == 0, err);
    return code == 0 ? result : BERTH_FAIL_ERRNO(err, -code, "cannot make container %s", id);
}

static int32_t overlay_container_remove(berth_inst *inst, berth_op *op, const char *id,
                                        berth_error *err)
{
    (void)op;
    return catalog_container_remove(inst->catalog, id, err);
}

static int32_t overlay_container_open(berth_inst *inst, berth_op *op, const char *id,
                                      int32_t *ret_dir_fd, berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    (void)op;
    int32_t result = catalog_container_open(inst->catalog, id, &folder, NULL, err);
    if (result < 0) {
        return result;
    }
    int fd = openat(folder, "upper", FOLDER_CLOEXEC);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open container %s", id);
    }
    *ret_dir_fd = fd;
    return 0;
}

static int32_t overlay_usage(berth_inst *inst, berth_op *op, uint32_t what, const char *id,
                             berth_storage_space *ret_space, berth_error *err)
{
    BERTH_AUTO_CLOSE int fd = -1;
    uint64_t bytes = 0, inodes = 0;
    int32_t result = what == BERTH_STORAGE_LAYER ? overlay_layer_open(inst, op, id, &fd, err)
                                                 : overlay_container_open(inst, op, id, &fd, err);
    if (result < 0) {
        return result;
    }
    int code = tree_usage(fd, &bytes, &inodes);
    if (code < 0) {
        return BERTH_FAIL_ERRNO(err, -code, "cannot measure %s", id);
    }
    ret_space->bytes = bytes;
    ret_space->inodes = inodes;
    return 0;
}

static int32_t overlay_list(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err)
{
    (void)op;
    return catalog_list(inst->catalog, sink, err);
}

static int32_t overlay_status(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err)
{
    (void)op;
    int32_t result = catalog_status(inst->catalog, sink, err);
    if (result == 0) { /* what dockerd's overlay2 tells and tools look at */
        result = inst->host->emit(sink, "Supports d_type", "true", err);
    }
    if (result == 0) {
        result = inst->host->emit(sink, "Native Overlay Diff", "true", err);
    }
    return result;
}

static int32_t overlay_sync(berth_inst *inst, berth_op *op, berth_error *err)
{
    (void)op;
    return catalog_sync(inst->catalog, err);
}

/* Stacks ROOT/probe's folders once. */
static int32_t try_mount(const berth_host *host, const char *path, berth_error *err)
{
    char target[PATH_MAX + 8];
    BERTH_AUTO_CLOSE int folder = -1;
    /* volatile: closing the mount would otherwise sync the whole file system, 0.1 s and more */
    struct overlay_mount mount = {.target = target, .count = 1, .fd = -1, .is_volatile = true};
    int32_t result = overlay_open_root(host, path, &folder, err);
    if (result < 0) {
        return result;
    }
    snprintf(target, sizeof(target), "%s/mnt", path);
    BERTH_AUTO_CLOSE int lower = openat(folder, "lower", O_PATH | O_DIRECTORY | O_CLOEXEC);
    BERTH_AUTO_CLOSE int upper = openat(folder, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
    BERTH_AUTO_CLOSE int work = openat(folder, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
    mount.lowers = &lower;
    mount.upper = upper;
    mount.work = work;
    result = overlay_mount_run(host, &mount, err);
    if (result == 0) {
        close(mount.fd);
    }
    return result;
}

/* Tries on the real place all that the driver needs. */
static int32_t try_overlay(const berth_host *host, const char *path, int folder, berth_error *err)
{
    BERTH_AUTO_CLOSE int lower = -1;
    int code = make_folder(folder, "lower", 0755, &lower);
    code = code < 0 ? code : make_folder(folder, "upper", 0755, NULL);
    code = code < 0 ? code : make_folder(folder, "work", 0700, NULL);
    code = code < 0 ? code : make_folder(folder, "mnt", 0700, NULL);
    if (code < 0) {
        return BERTH_FAIL_ERRNO(err, -code, "cannot write to %s", path);
    }
    if (mknodat(lower, "whiteout", S_IFCHR | 0600, makedev(0, 0)) != 0 ||
        fsetxattr(lower, "trusted.overlay.opaque", "y", 1, 0) != 0) {
        return BERTH_FAIL_ERRNO(err, errno,
                                "cannot write whiteouts to %s (choose another data root, or "
                                "the storage driver vfs)",
                                path);
    }
    if (try_mount(host, path, err) < 0) {
        int sys_errno = err != NULL ? err->sys_errno : 0;
        return berth_fail(err, BERTH_E_UNSUPPORTED, sys_errno,
                          "the kernel cannot stack overlay file systems on %s (choose another "
                          "data root, or the storage driver vfs)",
                          path);
    }
    return 0;
}

static int32_t overlay_probe(const berth_host *host, const berth_cfg *cfg, berth_error *err)
{
    static const bool never = false;
    const char *root = host->cfg_str(cfg, "root");
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/probe", root) >= (int)sizeof(path) - 16) {
        return berth_fail(err, BERTH_E_INVALID, 0, "parameter 'root' is too long");
    }
    /* the folders above root are the host's; root itself and its parent may be missing yet */
    path[strlen(root)] = '\0';
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0711);
        *slash = '/';
    }
    mkdir(path, 0700);
    path[strlen(root)] = '/';
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make %s", path);
    }
    BERTH_AUTO_CLOSE int folder = open(path, FOLDER_CLOEXEC);
    if (folder < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open %s", path);
    }
    tree_empty(folder, &never); /* of a probe that was cut short */
    int32_t result = try_overlay(host, path, folder, err);
    tree_empty(folder, &never);
    rmdir(path);
    return result;
}

static void overlay_close(berth_inst *inst)
{
    if (inst != NULL) {
        catalog_close(inst->catalog);
        if (inst->mounter_root >= 0) {
            close(inst->mounter_root);
        }
        free(inst);
    }
}

static int32_t overlay_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                            berth_error *err)
{
    const char *root = host->cfg_str(cfg, "root");
    berth_inst *inst = (berth_inst *)calloc(1, sizeof(*inst));
    if (inst == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    inst->host = host;
    inst->mounter_root = -1;
    snprintf(inst->target, sizeof(inst->target), "%s/mnt", root);
    int32_t result = catalog_open(host, root, false, &inst->catalog, err);
    if (result == 0 && ((mkdirat(inst->catalog->root_fd, "mnt", 0700) != 0 && errno != EEXIST) ||
                        (mkdirat(inst->catalog->root_fd, "empty", 0755) != 0 && errno != EEXIST))) {
        result = BERTH_FAIL_ERRNO(err, errno, "cannot make folders in %s", root);
    }
    if (result == 0) {
        result = overlay_open_root(host, root, &inst->mounter_root, err);
    }
    if (result < 0) {
        overlay_close(inst);
        return result;
    }
    *ret_inst = inst;
    return 0;
}

static const berth_param overlay_params[] = {
    {"root", "path", NULL, "folder for layers and containers", BERTH_PARAM_REQUIRED, 0},
};

static const berth_storage_ops overlay_ops = {
    .struct_size = sizeof(overlay_ops),
    .caps = BERTH_STORAGE_DELTA,
    .layer_create = overlay_layer_create,
    .layer_commit = overlay_layer_commit,
    .layer_abort = overlay_layer_abort,
    .layer_open = overlay_layer_open,
    .layer_remove = overlay_layer_remove,
    .container_create = overlay_container_create,
    .container_remove = overlay_container_remove,
    .mount = overlay_mount_container,
    .usage = overlay_usage,
    .list = overlay_list,
    .diff = overlay_diff,
    .container_open = overlay_container_open,
    .status = overlay_status,
    .sync = overlay_sync,
};

static const berth_plugin overlay_plugin = {
    .struct_size = sizeof(overlay_plugin),
    .magic = BERTH_MAGIC,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .kind = BERTH_KIND_STORAGE,
    .threads = BERTH_THREADS_PARALLEL,
    .n_params = sizeof(overlay_params) / sizeof(overlay_params[0]),
    .name = "overlay",
    .version = BERTH_VERSION,
    .summary = "layers stacked by the kernel's overlay file system",
    .license = "Apache-2.0",
    .params = overlay_params,
    .ops.storage = &overlay_ops,
    .open = overlay_open,
    .close = overlay_close,
    .probe = overlay_probe,
};

BERTH_PLUGIN(overlay_plugin)
