/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the driver "overlay" share.
 */
#ifndef OVERLAY_H
#define OVERLAY_H

#include <limits.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>
#include <berth/host.h>
#include <berth/storage.h>

#include "../common/catalog.h"

/* fs/overlayfs/params.h: OVL_MAX_STACK; the kernel refuses more lower layers */
#define OVERLAY_MAX_LAYERS 500

struct berth_inst {
    const berth_host *host;
    struct catalog *catalog;
    char target[PATH_MAX]; /* ROOT/mnt: where mount(2) mounts for a moment, in the mounter */
    int mounter_root;      /* ROOT as the mounter sees it; see overlay_open_root */
};

/* One mount. The fds are borrowed. */
struct overlay_mount {
    const char *target;
    const int *lowers; /* topmost first, at least one */
    size_t count;
    int upper, work; /* -1: no upper layer, the mount is read-only */
    bool read_only, is_volatile;
    int fd; /* the result */
};

/* Opens a folder on the mounter thread. Layers must be opened relative to such an fd (by any
 * thread): the kernel stacks only directories of the mounts of the mounting thread's namespace. */
int32_t overlay_open_root(const berth_host *host, const char *path, int *ret_fd, berth_error *err);

/* Makes a detached overlay mount, on the host's mounter thread. The fds come from
 * overlay_open_root. */
int32_t overlay_mount_run(const berth_host *host, struct overlay_mount *mount, berth_error *err);

/* berth_storage_ops.mount and .diff */
int32_t overlay_mount_container(berth_inst *inst, berth_op *op, const char *id,
                                const berth_storage_mount_req *req, int32_t *ret_mount_fd,
                                berth_error *err);
int32_t overlay_diff(berth_inst *inst, berth_op *op, const char *id, berth_sink *sink,
                     berth_error *err);

/* Opens the layers of a chain (O_PATH); an empty chain gives ROOT/empty. *ret_fds is the caller's:
 * overlay_close_layers. */
int32_t overlay_open_layers(berth_inst *inst, const struct chain *chain, int **ret_fds,
                            size_t *ret_count, berth_error *err);
void overlay_close_layers(int *fds, size_t count);

#endif
