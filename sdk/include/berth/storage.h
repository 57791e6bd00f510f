/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage drivers keep image layers and the writable layers of containers, and turn them into
 * detached mounts. Core does everything generic: unpacking and packing tar, digests, comparing
 * trees, deciding what may go.
 *
 * Ids are [A-Za-z0-9][A-Za-z0-9_.-]*, at most 128 bytes; layers and containers have separate name
 * spaces. Life of a layer:
 *
 *   layer_create -> (core fills the directory) -> layer_commit -> layer_open, mount ... ->
 * layer_remove
 *                                             \-> layer_abort
 *
 * A crash between create and commit leaves nothing: open() of the instance removes what was never
 * committed. The root directory of an instance comes as parameter "root" (path, required by
 * convention); it is made if missing and belongs to the driver.
 *
 * Every operation: 0 or a negative BERTH_E_*; unknown ids are BERTH_E_NOT_FOUND; a full disk is
 * BERTH_E_UNAVAILABLE with sys_errno ENOSPC; may do disk I/O on the calling thread.
 */
#ifndef BERTH_STORAGE_H
#define BERTH_STORAGE_H

#include <berth/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* berth_storage_ops.caps
 * DELTA: a layer's directory holds only what the layer changes: deletions are written as character
 * devices 0:0, opaque directories carry trusted.overlay.opaque=y. Without this flag the directory
 * starts as a copy of the parent and deletions are applied on the spot.
 * PARENT_FIRST: the parent must be committed before layer_create (else only before layer_commit,
 * and layers can be filled in parallel).
 * USERNS: mount takes a user namespace fd. QUOTA: container_create honours size. */
#define BERTH_STORAGE_DELTA        1u
#define BERTH_STORAGE_PARENT_FIRST 2u
#define BERTH_STORAGE_USERNS       4u
#define BERTH_STORAGE_QUOTA        8u

typedef struct berth_storage_container_req {
    uint32_t struct_size;
    uint32_t flags;    /* 0 */
    uint64_t size;     /* limit of the writable layer in bytes, 0: none; needs STORAGE_QUOTA */
    const char *label; /* security label for the mount, "": none */
} berth_storage_container_req;

/* berth_storage_mount_req.flags. VOLATILE: the content need not survive a power loss (--rm, build
 * steps), so it is never synced. */
#define BERTH_STORAGE_MOUNT_READONLY 1u
#define BERTH_STORAGE_MOUNT_VOLATILE 2u

typedef struct berth_storage_mount_req {
    uint32_t struct_size;
    uint32_t flags;    /* BERTH_STORAGE_MOUNT_* */
    int32_t userns_fd; /* ids are shifted by this user namespace's maps; -1: not */
    uint32_t reserved;
} berth_storage_mount_req;

typedef struct berth_storage_space {
    uint32_t struct_size;
    uint32_t flags;
    uint64_t bytes;  /* disk space that removal would free, as far as the driver knows */
    uint64_t inodes; /* 0: not counted */
} berth_storage_space;

/* what usage() is asked about */
enum { BERTH_STORAGE_LAYER = 1, BERTH_STORAGE_CONTAINER = 2 };

struct berth_storage_ops {
    uint32_t struct_size;
    uint32_t caps; /* BERTH_STORAGE_* */

    /* Starts a layer on top of `parent` (NULL: none) and gives its staging directory, an fd for
     * openat and friends (O_RDONLY|O_DIRECTORY). The directory is 0755 root:root, or a copy of the
     * parent without STORAGE_DELTA; a directory that a tar only implies (the root included) is
     * core's to copy from the parent. CONFLICT: the id is committed or being filled. The layer is
     * invisible to all but layer_commit and layer_abort. Required. */
    int32_t (*layer_create)(berth_inst *inst, berth_op *op, const char *id, const char *parent,
                            int32_t *ret_dir_fd, berth_error *err);
    /* Makes the layer visible at once and for ever: after a crash it is either whole or absent.
     * It may reach the disk up to a few seconds later; a layer that a power loss could have torn
     * is absent after the reboot. NOT_FOUND: no such staging layer or the parent is not committed;
     * the layer then stays in staging. Required. */
    int32_t (*layer_commit)(berth_inst *inst, berth_op *op, const char *id, berth_error *err);
    /* Throws a staging layer away. Idempotent. Deleting may go on in the background. Required. */
    int32_t (*layer_abort)(berth_inst *inst, berth_op *op, const char *id, berth_error *err);
    /* A committed layer's directory as an fd: with STORAGE_DELTA the layer's own changes, else the
     * whole tree. For reading only. Required. */
    int32_t (*layer_open)(berth_inst *inst, berth_op *op, const char *id, int32_t *ret_dir_fd,
                          berth_error *err);
    /* Removes a committed layer: it is gone at once and after a crash; its space is freed in the
     * background (finished by close or the next open). Idempotent: an unknown id is success.
     * CONFLICT: a layer or container stands on it. Required. */
    int32_t (*layer_remove)(berth_inst *inst, berth_op *op, const char *id, berth_error *err);

    /* Makes the writable layer of a container on top of layer `top` (NULL: an empty root).
     * CONFLICT: the id exists. No sync. req may be NULL. Required. */
    int32_t (*container_create)(berth_inst *inst, berth_op *op, const char *id, const char *top,
                                const berth_storage_container_req *req, berth_error *err);
    /* Removes it; a mount of it that is still held keeps working until its last user goes.
     * Idempotent, in the background as layer_remove. Required. */
    int32_t (*container_remove)(berth_inst *inst, berth_op *op, const char *id, berth_error *err);
    /* The container's root as a detached mount (usable with move_mount and, at once, with openat).
     * It shows in no mount table and ends with its last fd or attachment. UNSUPPORTED: userns_fd
     * without STORAGE_USERNS. req may be NULL. Required. */
    int32_t (*mount)(berth_inst *inst, berth_op *op, const char *id,
                     const berth_storage_mount_req *req, int32_t *ret_mount_fd, berth_error *err);

    /* What a layer (BERTH_STORAGE_LAYER) or a container's writable layer holds itself: the lengths
     * of its files. Walks the tree: slow. ret_space->struct_size is set by the caller. Required. */
    int32_t (*usage)(berth_inst *inst, berth_op *op, uint32_t what, const char *id,
                     berth_storage_space *ret_space, berth_error *err);
    /* Emits one pair for each committed layer ("layer", id), its parent directly after it
     * ("parent", id; "" for none), and each container ("container", id; "top", id). For repair
     * and garbage collection. Required. */
    int32_t (*list)(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err);

    /* --- optional --- */

    /* Fills a staging layer from an uncompressed tar stream, for drivers that keep no files.
     * ret_size: bytes of content. Core then never touches the staging directory. */
    int32_t (*apply)(berth_inst *inst, berth_op *op, const char *id, int32_t tar_fd,
                     uint64_t *ret_size, berth_error *err);
    /* What a container changed against its top layer: emits ("A" added | "C" changed | "D"
     * deleted, absolute path), parents before children. NULL: core compares the trees. */
    int32_t (*diff)(berth_inst *inst, berth_op *op, const char *id, berth_sink *sink,
                    berth_error *err);
    /* The directory that holds only a container's changes, in the form STORAGE_DELTA describes.
     * NULL: core compares the trees. */
    int32_t (*container_open)(berth_inst *inst, berth_op *op, const char *id, int32_t *ret_dir_fd,
                              berth_error *err);
    /* Facts for `info`, as pairs in order ("Backing Filesystem", "extfs"). */
    int32_t (*status)(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err);
    /* Returns when everything committed so far is on the disk. NULL: it always is. */
    int32_t (*sync)(berth_inst *inst, berth_op *op, berth_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
