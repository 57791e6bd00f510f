/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of network drivers; see plugin/storage.h for what a typed call does and
 * <berth/network.h> for meaning, errors and ownership. op may be NULL, and so may facts where the
 * caller wants none. Any thread; they may block on the kernel. The names have `driver` in them
 * because core/network's own objects are called berth_network_*.
 */
#ifndef BERTH_PLUGIN_NETWORK_H
#define BERTH_PLUGIN_NETWORK_H

#include <berth/network.h>

#include "plugin/plugin.h"

/* Makes the network exist as config says, or repairs it. */
int32_t berth_network_driver_create(struct berth_driver *driver, struct berth_op *op,
                                    const berth_network_config *config, struct berth_sink *facts,
                                    berth_error *err);
/* Removes it. Idempotent. */
int32_t berth_network_driver_remove(struct berth_driver *driver, struct berth_op *op,
                                    const char *network_id, berth_error *err);
/* Puts an interface into the namespace. */
int32_t berth_network_driver_join(struct berth_driver *driver, struct berth_op *op,
                                  const berth_network_endpoint *endpoint, int netns_fd,
                                  struct berth_sink *facts, berth_error *err);
/* Takes the endpoint out; netns_fd -1: the namespace is dead. */
int32_t berth_network_driver_leave(struct berth_driver *driver, struct berth_op *op,
                                   const berth_network_endpoint *endpoint, int netns_fd,
                                   berth_error *err);
/* Publishes ports, all or none. */
int32_t berth_network_driver_publish(struct berth_driver *driver, struct berth_op *op,
                                     const berth_network_endpoint *endpoint,
                                     const berth_network_port *ports, uint32_t n_ports,
                                     berth_error *err);
/* Withdraws ports. */
int32_t berth_network_driver_unpublish(struct berth_driver *driver, struct berth_op *op,
                                       const berth_network_endpoint *endpoint,
                                       const berth_network_port *ports, uint32_t n_ports,
                                       berth_error *err);
/* Compares the kernel with what should exist and repairs. */
int32_t berth_network_driver_sync(struct berth_driver *driver, struct berth_op *op,
                                  const berth_network_state *state, struct berth_sink *facts,
                                  berth_error *err);
/* Does a join's slow part ahead. UNSUPPORTED: the driver has none. */
int32_t berth_network_driver_prepare(struct berth_driver *driver, struct berth_op *op,
                                     const char *network_id, int netns_fd, berth_error *err);
/* What the driver holds in the kernel. UNSUPPORTED: it cannot tell. */
int32_t berth_network_driver_list(struct berth_driver *driver, struct berth_op *op,
                                  struct berth_sink *facts, berth_error *err);
/* Facts for `info`; none when the driver has none. */
int32_t berth_network_driver_status(struct berth_driver *driver, struct berth_sink *facts,
                                    berth_error *err);

#endif
