/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of transport drivers.
 */
#include "plugin/transport.h"

#include "plugin/plugin_internal.h"

#define CALL(operation, ...) \
    DRIVER_CALL(driver, transport, BERTH_KIND_TRANSPORT, operation, err, driver->inst, __VA_ARGS__)

int32_t berth_transport_listen(struct berth_driver *driver, struct berth_op *op, const char *url,
                               uint32_t flags, int *ret_fd, berth_error *err)
{
    berth_transport_listen_req req = {.struct_size = sizeof(req), .flags = flags, .url = url};
    return CALL(listen, op, &req, ret_fd);
}

int32_t berth_transport_accept(struct berth_driver *driver, int listen_fd, int *ret_fd,
                               berth_transport_peer *ret_peer, berth_error *err)
{
    berth_transport_peer peer = {.struct_size = sizeof(peer)};
    int32_t result = CALL(accept, listen_fd, ret_fd, &peer);
    if (result == 0 && ret_peer != NULL) {
        *ret_peer = peer;
    }
    return result;
}

int32_t berth_transport_unlisten(struct berth_driver *driver, int listen_fd, berth_error *err)
{
    return CALL(unlisten, listen_fd);
}

int32_t berth_transport_dial(struct berth_driver *driver, struct berth_op *op, const char *url,
                             uint32_t timeout_ms, int *ret_fd, berth_error *err)
{
    berth_transport_dial_req req = {
        .struct_size = sizeof(req), .url = url, .timeout_ms = timeout_ms};
    return CALL(dial, op, &req, ret_fd);
}
