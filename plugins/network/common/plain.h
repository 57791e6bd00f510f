/* SPDX-License-Identifier: Apache-2.0
 *
 * A network driver without wiring: one network, nothing to make or repair. What differs between
 * such drivers is what the container gets instead of an interface, which is said by a capability.
 */
#ifndef BERTH_PLUGINS_NETWORK_PLAIN_H
#define BERTH_PLUGINS_NETWORK_PLAIN_H

#include <berth/helpers/fail.h>
#include <berth/host.h>
#include <berth/network.h>

#define PLAIN_UNUSED __attribute__((unused))

/* No instance has a state: any address that is not NULL will do. */
static char plain_instance;

static int32_t plain_open(PLAIN_UNUSED const berth_host *host, PLAIN_UNUSED const berth_cfg *cfg,
                          berth_inst **ret_inst, PLAIN_UNUSED berth_error *err)
{
    *ret_inst = (berth_inst *)&plain_instance;
    return 0;
}

static void plain_close(PLAIN_UNUSED berth_inst *inst)
{
}

static int32_t plain_create(PLAIN_UNUSED berth_inst *inst, PLAIN_UNUSED berth_op *op,
                            const berth_network_config *config, PLAIN_UNUSED berth_sink *facts,
                            berth_error *err)
{
    if (config->n_subnets > 0) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "network %s: this driver has no addresses, so it takes no subnet",
                          config->name);
    }
    return 0;
}

static int32_t plain_remove(PLAIN_UNUSED berth_inst *inst, PLAIN_UNUSED berth_op *op,
                            PLAIN_UNUSED const char *network_id, PLAIN_UNUSED berth_error *err)
{
    return 0;
}

static int32_t plain_join(PLAIN_UNUSED berth_inst *inst, PLAIN_UNUSED berth_op *op,
                          PLAIN_UNUSED const berth_network_endpoint *endpoint,
                          PLAIN_UNUSED int32_t netns_fd, PLAIN_UNUSED berth_sink *facts,
                          PLAIN_UNUSED berth_error *err)
{
    return 0;
}

static int32_t plain_leave(PLAIN_UNUSED berth_inst *inst, PLAIN_UNUSED berth_op *op,
                           PLAIN_UNUSED const berth_network_endpoint *endpoint,
                           PLAIN_UNUSED int32_t netns_fd, PLAIN_UNUSED berth_error *err)
{
    return 0;
}

static int32_t plain_sync(PLAIN_UNUSED berth_inst *inst, PLAIN_UNUSED berth_op *op,
                          PLAIN_UNUSED const berth_network_state *state,
                          PLAIN_UNUSED berth_sink *facts, PLAIN_UNUSED berth_error *err)
{
    return 0;
}

/* The whole driver. */
#define PLAIN_DRIVER(name_, summary_, cap_)                                            \
    static const berth_network_ops plain_ops = {                                       \
        .struct_size = sizeof(plain_ops),                                              \
        .caps = (cap_) | BERTH_NETWORK_CAP_NO_ADDRESSES | BERTH_NETWORK_CAP_SINGLETON, \
        .network_create = plain_create,                                                \
        .network_remove = plain_remove,                                                \
        .join = plain_join,                                                            \
        .leave = plain_leave,                                                          \
        .sync = plain_sync,                                                            \
    };                                                                                 \
    static const berth_plugin plain = {                                                \
        .struct_size = sizeof(plain),                                                  \
        .magic = BERTH_MAGIC,                                                          \
        .abi_major = BERTH_ABI_MAJOR,                                                  \
        .abi_minor = BERTH_ABI_MINOR,                                                  \
        .kind = BERTH_KIND_NETWORK,                                                    \
        .threads = BERTH_THREADS_PARALLEL,                                             \
        .name = (name_),                                                               \
        .version = "1.0",                                                              \
        .summary = (summary_),                                                         \
        .license = "Apache-2.0",                                                       \
        .ops.network = &plain_ops,                                                     \
        .open = plain_open,                                                            \
        .close = plain_close,                                                          \
    };                                                                                 \
    BERTH_PLUGIN(plain)

#endif
