/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed calls of network drivers.
 */
#include "plugin/network.h"

#include "plugin/plugin_internal.h"

#define CALL(operation, ...) \
    DRIVER_CALL(driver, network, BERTH_KIND_NETWORK, operation, err, driver->inst, __VA_ARGS__)

static int32_t drop_pair(void *arg, const char *key, const char *value, berth_error *err)
{
    return 0;
}

static struct berth_sink nowhere = {.pair = drop_pair};

/* Drivers may emit whether or not somebody listens. */
static struct berth_sink *or_nowhere(struct berth_sink *facts)
{
    return facts != NULL ? facts : &nowhere;
}

int32_t berth_network_driver_create(struct berth_driver *driver, struct berth_op *op,
                                    const berth_network_config *config, struct berth_sink *facts,
                                    berth_error *err)
{
    return CALL(network_create, op, config, or_nowhere(facts));
}

int32_t berth_network_driver_remove(struct berth_driver *driver, struct berth_op *op,
                                    const char *network_id, berth_error *err)
{
    return CALL(network_remove, op, network_id);
}

int32_t berth_network_driver_join(struct berth_driver *driver, struct berth_op *op,
                                  const berth_network_endpoint *endpoint, int netns_fd,
                                  struct berth_sink *facts, berth_error *err)
{
    return CALL(join, op, endpoint, netns_fd, or_nowhere(facts));
}

int32_t berth_network_driver_leave(struct berth_driver *driver, struct berth_op *op,
                                   const berth_network_endpoint *endpoint, int netns_fd,
                                   berth_error *err)
{
    return CALL(leave, op, endpoint, netns_fd);
}

int32_t berth_network_driver_publish(struct berth_driver *driver, struct berth_op *op,
                                     const berth_network_endpoint *endpoint,
                                     const berth_network_port *ports, uint32_t n_ports,
                                     berth_error *err)
{
    return CALL(publish, op, endpoint, ports, n_ports);
}

int32_t berth_network_driver_unpublish(struct berth_driver *driver, struct berth_op *op,
                                       const berth_network_endpoint *endpoint,
                                       const berth_network_port *ports, uint32_t n_ports,
                                       berth_error *err)
{
    return CALL(unpublish, op, endpoint, ports, n_ports);
}

int32_t berth_network_driver_sync(struct berth_driver *driver, struct berth_op *op,
                                  const berth_network_state *state, struct berth_sink *facts,
                                  berth_error *err)
{
    return CALL(sync, op, state, or_nowhere(facts));
}

int32_t berth_network_driver_prepare(struct berth_driver *driver, struct berth_op *op,
                                     const char *network_id, int netns_fd, berth_error *err)
{
    return CALL(prepare, op, network_id, netns_fd);
}

int32_t berth_network_driver_list(struct berth_driver *driver, struct berth_op *op,
                                  struct berth_sink *facts, berth_error *err)
{
    return CALL(list, op, or_nowhere(facts));
}

int32_t berth_network_driver_status(struct berth_driver *driver, struct berth_sink *facts,
                                    berth_error *err)
{
    return driver->plugin->ops.network.status == NULL ? 0 : CALL(status, or_nowhere(facts));
}
