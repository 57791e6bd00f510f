/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of storage drivers. Each takes the lock that the driver's thread model asks for,
 * refuses what the driver does not have (UNSUPPORTED), counts and times the call and checks the
 * error contract. Meaning, errors and ownership are those of <berth/storage.h>; op may be NULL.
 * Any thread; they may block on the disk.
 */
#ifndef BERTH_PLUGIN_STORAGE_H
#define BERTH_PLUGIN_STORAGE_H

#include <berth/storage.h>

#include "plugin/plugin.h"

/* Starts a layer on `parent` (NULL: none); the staging directory's fd is the caller's. */
int32_t berth_storage_layer_create(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   const char *parent, int *ret_dir_fd, berth_error *err);
/* Makes a staging layer visible, whole or not at all. */
int32_t berth_storage_layer_commit(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   berth_error *err);
/* Throws a staging layer away. Idempotent. */
int32_t berth_storage_layer_abort(struct berth_driver *driver, struct berth_op *op, const char *id,
                                  berth_error *err);
/* A committed layer's directory; the fd is the caller's. */
int32_t berth_storage_layer_open(struct berth_driver *driver, struct berth_op *op, const char *id,
                                 int *ret_dir_fd, berth_error *err);
/* Removes a committed layer. Idempotent; CONFLICT while something stands on it. */
int32_t berth_storage_layer_remove(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   berth_error *err);
/* Makes a container's writable layer on `top` (NULL: an empty root). req may be NULL. */
int32_t berth_storage_container_create(struct berth_driver *driver, struct berth_op *op,
                                       const char *id, const char *top,
                                       const berth_storage_container_req *req, berth_error *err);
/* Removes it. Idempotent. */
int32_t berth_storage_container_remove(struct berth_driver *driver, struct berth_op *op,
                                       const char *id, berth_error *err);
/* The container's root as a detached mount; the fd is the caller's. req may be NULL. */
int32_t berth_storage_mount(struct berth_driver *driver, struct berth_op *op, const char *id,
                            const berth_storage_mount_req *req, int *ret_mount_fd,
                            berth_error *err);
/* Disk space of a layer (BERTH_STORAGE_LAYER) or a container (BERTH_STORAGE_CONTAINER). Slow. */
int32_t berth_storage_usage(struct berth_driver *driver, struct berth_op *op, uint32_t what,
                            const char *id, uint64_t *ret_bytes, berth_error *err);
/* All layers and containers as pairs into sink. */
int32_t berth_storage_list(struct berth_driver *driver, struct berth_op *op,
                           struct berth_sink *sink, berth_error *err);
/* Fills a staging layer from a tar stream. UNSUPPORTED: core unpacks. */
int32_t berth_storage_apply(struct berth_driver *driver, struct berth_op *op, const char *id,
                            int tar_fd, uint64_t *ret_size, berth_error *err);
/* What a container changed, as pairs ("A" | "C" | "D", path). UNSUPPORTED: core compares. */
int32_t berth_storage_diff(struct berth_driver *driver, struct berth_op *op, const char *id,
                           struct berth_sink *sink, berth_error *err);
/* The directory with only the container's changes. UNSUPPORTED: core compares. */
int32_t berth_storage_container_open(struct berth_driver *driver, struct berth_op *op,
                                     const char *id, int *ret_dir_fd, berth_error *err);
/* Facts for `info`, as pairs. No facts when the driver has none. */
int32_t berth_storage_status(struct berth_driver *driver, struct berth_op *op,
                             struct berth_sink *sink, berth_error *err);
/* Returns when all committed layers are on the disk. */
int32_t berth_storage_sync(struct berth_driver *driver, struct berth_op *op, berth_error *err);

#endif
