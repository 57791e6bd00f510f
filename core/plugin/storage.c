/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of storage drivers.
 */
#include "plugin/storage.h"

#include "plugin/plugin_internal.h"

#define CALL(operation, ...) \
    DRIVER_CALL(driver, storage, BERTH_KIND_STORAGE, operation, err, driver->inst, __VA_ARGS__)

int32_t berth_storage_layer_create(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   const char *parent, int *ret_dir_fd, berth_error *err)
{
    return CALL(layer_create, op, id, parent, ret_dir_fd);
}

int32_t berth_storage_layer_commit(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   berth_error *err)
{
    return CALL(layer_commit, op, id);
}

int32_t berth_storage_layer_abort(struct berth_driver *driver, struct berth_op *op, const char *id,
                                  berth_error *err)
{
    return CALL(layer_abort, op, id);
}

int32_t berth_storage_layer_open(struct berth_driver *driver, struct berth_op *op, const char *id,
                                 int *ret_dir_fd, berth_error *err)
{
    return CALL(layer_open, op, id, ret_dir_fd);
}

int32_t berth_storage_layer_remove(struct berth_driver *driver, struct berth_op *op, const char *id,
                                   berth_error *err)
{
    return CALL(layer_remove, op, id);
}

int32_t berth_storage_container_create(struct berth_driver *driver, struct berth_op *op,
                                       const char *id, const char *top,
                                       const berth_storage_container_req *req, berth_error *err)
{
    return CALL(container_create, op, id, top, req);
}

int32_t berth_storage_container_remove(struct berth_driver *driver, struct berth_op *op,
                                       const char *id, berth_error *err)
{
    return CALL(container_remove, op, id);
}

int32_t berth_storage_mount(struct berth_driver *driver, struct berth_op *op, const char *id,
                            const berth_storage_mount_req *req, int *ret_mount_fd, berth_error *err)
{
    return CALL(mount, op, id, req, ret_mount_fd);
}

int32_t berth_storage_usage(struct berth_driver *driver, struct berth_op *op, uint32_t what,
                            const char *id, uint64_t *ret_bytes, berth_error *err)
{
    berth_storage_space space = {.struct_size = sizeof(space)};
    int32_t result = CALL(usage, op, what, id, &space);
    if (result == 0) {
        *ret_bytes = space.bytes;
    }
    return result;
}

int32_t berth_storage_list(struct berth_driver *driver, struct berth_op *op,
                           struct berth_sink *sink, berth_error *err)
{
    return CALL(list, op, sink);
}

int32_t berth_storage_apply(struct berth_driver *driver, struct berth_op *op, const char *id,
                            int tar_fd, uint64_t *ret_size, berth_error *err)
{
    return CALL(apply, op, id, tar_fd, ret_size);
}

int32_t berth_storage_diff(struct berth_driver *driver, struct berth_op *op, const char *id,
                           struct berth_sink *sink, berth_error *err)
{
    return CALL(diff, op, id, sink);
}

int32_t berth_storage_container_open(struct berth_driver *driver, struct berth_op *op,
                                     const char *id, int *ret_dir_fd, berth_error *err)
{
    return CALL(container_open, op, id, ret_dir_fd);
}

int32_t berth_storage_status(struct berth_driver *driver, struct berth_op *op,
                             struct berth_sink *sink, berth_error *err)
{
    return driver->plugin->ops.storage.status == NULL ? 0 : CALL(status, op, sink);
}

int32_t berth_storage_sync(struct berth_driver *driver, struct berth_op *op, berth_error *err)
{
    return driver->plugin->ops.storage.sync == NULL ? 0 : CALL(sync, op);
}
