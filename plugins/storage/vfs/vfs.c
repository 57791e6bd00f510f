/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "vfs": every layer and container is a whole copy of what it stands on. Works on
 * any file system; cheap where that shares data between copies (reflinks on btrfs and xfs).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>
#include <berth/host.h>
#include <berth/storage.h>

#include "../common/catalog.h"
#include "../common/tree.h"

#define FOLDER_CLOEXEC (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

struct berth_inst {
    const berth_host *host;
    struct catalog *catalog;
};

/* Makes folder_fd/tree, a copy of layer `from` (NULL: empty). 0 or -errno. */
static int make_tree(berth_inst *inst, berth_op *op, int folder_fd, const char *from, int *ret_fd)
{
    BERTH_AUTO_CLOSE int source = -1;
    if (mkdirat(folder_fd, "tree", 0755) != 0) {
        return -errno;
    }
    BERTH_AUTO_CLOSE int tree = openat(folder_fd, "tree", FOLDER_CLOEXEC);
    if (tree < 0 || fchmod(tree, 0755) != 0) {
        return -errno;
    }
    if (from != NULL) {
        if (catalog_layer_open(inst->catalog, from, O_RDONLY, &source, NULL) < 0) {
            return -ENOENT;
        }
        int code = tree_copy(source, tree, inst->host, op);
        if (code < 0) {
            return code;
        }
    }
    *ret_fd = berth_take_fd(&tree);
    return 0;
}

static int32_t vfs_layer_create(berth_inst *inst, berth_op *op, const char *id, const char *parent,
                                int32_t *ret_dir_fd, berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    int tree = -1;
    int32_t result = catalog_layer_begin(inst->catalog, id, parent, &folder, err);
    if (result < 0) {
        return result;
    }
    int code = make_tree(inst, op, folder, parent, &tree);
    catalog_layer_filled(inst->catalog, id, code == 0);
    if (code < 0) {
        return BERTH_FAIL_ERRNO(err, -code, "cannot copy layer %s for %s",
                                parent != NULL ? parent : "(none)", id);
    }
    *ret_dir_fd = tree;
    return 0;
}

static int32_t vfs_layer_commit(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    (void)op;
    return catalog_layer_commit(inst->catalog, id, err);
}

static int32_t vfs_layer_abort(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    (void)op;
    return catalog_layer_abort(inst->catalog, id, err);
}

static int32_t vfs_layer_open(berth_inst *inst, berth_op *op, const char *id, int32_t *ret_dir_fd,
                              berth_error *err)
{
    (void)op;
    return catalog_layer_open(inst->catalog, id, O_RDONLY, ret_dir_fd, err);
}

static int32_t vfs_layer_remove(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    (void)op;
    return catalog_layer_remove(inst->catalog, id, err);
}

static int32_t vfs_container_create(berth_inst *inst, berth_op *op, const char *id, const char *top,
                                    const berth_storage_container_req *req, berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    BERTH_AUTO_CLOSE int tree = -1;
    if (req != NULL && req->size != 0) {
        return berth_fail(err, BERTH_E_UNSUPPORTED, 0,
                          "the storage driver vfs cannot limit the size of a container");
    }
    int32_t result = catalog_container_begin(inst->catalog, id, top, &folder, err);
    if (result < 0) {
        return result;
    }
    int code = make_tree(inst, op, folder, top, &tree);
    result = catalog_container_finish(inst->catalog, id, code == 0, err);
    return code == 0 ? result
                     : BERTH_FAIL_ERRNO(err, -code, "cannot copy layer %s for container %s",
                                        top != NULL ? top : "(none)", id);
}

static int32_t vfs_container_remove(berth_inst *inst, berth_op *op, const char *id,
                                    berth_error *err)
{
    (void)op;
    return catalog_container_remove(inst->catalog, id, err);
}

static int32_t open_container(berth_inst *inst, const char *id, int flags, int *ret_fd,
                              berth_error *err)
{
    BERTH_AUTO_CLOSE int folder = -1;
    int32_t result = catalog_container_open(inst->catalog, id, &folder, NULL, err);
    if (result < 0) {
        return result;
    }
    int fd = openat(folder, "tree", flags | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open container %s", id);
    }
    *ret_fd = fd;
    return 0;
}

/* A clone of the file system's mount with this directory for its root; what the host's mount
 * forbids (nosuid, nodev, noexec) must not bind the container. */
static int32_t vfs_mount(berth_inst *inst, berth_op *op, const char *id,
                         const berth_storage_mount_req *req, int32_t *ret_mount_fd,
                         berth_error *err)
{
    BERTH_AUTO_CLOSE int tree = -1;
    uint32_t flags = req != NULL ? req->flags : 0;
    bool shift = req != NULL && req->userns_fd >= 0;
    (void)op;
    int32_t result = open_container(inst, id, O_PATH, &tree, err);
    if (result < 0) {
        return result;
    }
    BERTH_AUTO_CLOSE int mount =
        (int)syscall(SYS_open_tree, tree, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot mount container %s", id);
    }
    struct mount_attr attributes = {
        .attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
        .propagation = 1 << 18, /* MS_PRIVATE */
        .userns_fd = shift ? (uint64_t)req->userns_fd : 0,
    };
    if ((flags & BERTH_STORAGE_MOUNT_READONLY) != 0) {
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
    }
    if (shift) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
    }
    if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) !=
        0) {
        return shift && errno == EINVAL
                   ? berth_fail(err, BERTH_E_UNSUPPORTED, errno,
                                "the file system below cannot shift ids for a user namespace")
                   : BERTH_FAIL_ERRNO(err, errno, "cannot set up the mount of container %s", id);
    }
    *ret_mount_fd = berth_take_fd(&mount);
    return 0;
}

static int32_t vfs_usage(berth_inst *inst, berth_op *op, uint32_t what, const char *id,
                         berth_storage_space *ret_space, berth_error *err)
{
    BERTH_AUTO_CLOSE int fd = -1;
    uint64_t bytes = 0, inodes = 0;
    int32_t result = what == BERTH_STORAGE_LAYER ? vfs_layer_open(inst, op, id, &fd, err)
                                                 : open_container(inst, id, O_RDONLY, &fd, err);
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

static int32_t vfs_list(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err)
{
    (void)op;
    return catalog_list(inst->catalog, sink, err);
}

static int32_t vfs_status(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err)
{
    (void)op;
    return catalog_status(inst->catalog, sink, err);
}

static int32_t vfs_sync(berth_inst *inst, berth_op *op, berth_error *err)
{
    (void)op;
    return catalog_sync(inst->catalog, err);
}

static void vfs_close(berth_inst *inst)
{
    if (inst != NULL) {
        catalog_close(inst->catalog);
        free(inst);
    }
}

static int32_t vfs_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                        berth_error *err)
{
    berth_inst *inst = (berth_inst *)calloc(1, sizeof(*inst));
    if (inst == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    inst->host = host;
    int32_t result = catalog_open(host, host->cfg_str(cfg, "root"), true, &inst->catalog, err);
    if (result < 0) {
        vfs_close(inst);
        return result;
    }
    *ret_inst = inst;
    return 0;
}

static const berth_param vfs_params[] = {
    {"root", "path", NULL, "folder for layers and containers", BERTH_PARAM_REQUIRED, 0},
};

static const berth_storage_ops vfs_ops = {
    .struct_size = sizeof(vfs_ops),
    .caps = BERTH_STORAGE_PARENT_FIRST | BERTH_STORAGE_USERNS,
    .layer_create = vfs_layer_create,
    .layer_commit = vfs_layer_commit,
    .layer_abort = vfs_layer_abort,
    .layer_open = vfs_layer_open,
    .layer_remove = vfs_layer_remove,
    .container_create = vfs_container_create,
    .container_remove = vfs_container_remove,
    .mount = vfs_mount,
    .usage = vfs_usage,
    .list = vfs_list,
    .status = vfs_status,
    .sync = vfs_sync,
};

static const berth_plugin vfs_plugin = {
    .struct_size = sizeof(vfs_plugin),
    .magic = BERTH_MAGIC,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .kind = BERTH_KIND_STORAGE,
    .threads = BERTH_THREADS_PARALLEL,
    .n_params = sizeof(vfs_params) / sizeof(vfs_params[0]),
    .name = "vfs",
    .version = BERTH_VERSION,
    .summary = "whole copies, on any file system",
    .license = "Apache-2.0",
    .params = vfs_params,
    .ops.storage = &vfs_ops,
    .open = vfs_open,
    .close = vfs_close,
};

BERTH_PLUGIN(vfs_plugin)
