/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of transport drivers; see plugin/storage.h for what a typed call does and
 * <berth/transport.h> for meaning, errors and ownership. op may be NULL. Any thread.
 */
#ifndef BERTH_PLUGIN_TRANSPORT_H
#define BERTH_PLUGIN_TRANSPORT_H

#include <berth/transport.h>

#include "plugin/plugin.h"

/* Opens a listener for url; give it back with unlisten. flags: BERTH_LISTEN_*. */
int32_t berth_transport_listen(struct berth_driver *driver, struct berth_op *op, const char *url,
                               uint32_t flags, int *ret_fd, berth_error *err);
/* Takes one connection: a blocking stream fd, the caller's. UNAVAILABLE with BERTH_ERROR_RETRY:
 * poll again. ret_peer may be NULL. */
int32_t berth_transport_accept(struct berth_driver *driver, int listen_fd, int *ret_fd,
                               berth_transport_peer *ret_peer, berth_error *err);
/* Closes a listener and removes its traces. */
int32_t berth_transport_unlisten(struct berth_driver *driver, int listen_fd, berth_error *err);
/* Connects to url: a blocking stream fd, the caller's. timeout_ms 0: the driver's choice. */
int32_t berth_transport_dial(struct berth_driver *driver, struct berth_op *op, const char *url,
                             uint32_t timeout_ms, int *ret_fd, berth_error *err);

#endif
