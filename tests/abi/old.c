/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers as somebody built them against the first headers of this ABI (sdk/abi/v1.0), one a build:
 * KIND is STORAGE, NETWORK or TRANSPORT. They check what they are given and give known results.
 */
#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>
#include <berth/host.h>
#include <berth/network.h>
#include <berth/storage.h>
#include <berth/transport.h>

#include <stdlib.h>

struct berth_inst {
    const berth_host *host;
    char greeting[32];
};

#define EXPECT(condition)                                                       \
    do {                                                                        \
        if (!(condition)) {                                                     \
            return berth_fail(err, BERTH_E_INTERNAL, 0, "old: %s", #condition); \
        }                                                                       \
    } while (0)

static int32_t old_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                        berth_error *err)
{
    EXPECT(host->struct_size >= sizeof(berth_host));
    EXPECT(host->abi_major == BERTH_ABI_MAJOR);
    EXPECT(BERTH_HAS(host, netns_new));
    EXPECT(strcmp(host->cfg_str(cfg, "greeting"), "hello") == 0);
    EXPECT(host->cfg_int(cfg, "size") == 65536);
    EXPECT(host->cfg_bool(cfg, "flag") == 1);
    EXPECT(host->cfg_str(cfg, "unknown") == NULL);
    EXPECT(host->now(host->ctx, BERTH_CLOCK_MONOTONIC) > 0);
    berth_inst *inst = (berth_inst *)calloc(1, sizeof(*inst));
    EXPECT(inst != NULL);
    inst->host = host;
    *ret_inst = inst;
    berth_logf(host, BERTH_HOST_LOG_DEBUG, "old driver, ABI %u.%u", BERTH_ABI_MAJOR,
               BERTH_ABI_MINOR);
    return 0;
}

static void old_close(berth_inst *inst)
{
    free(inst);
}

static int32_t unsupported(berth_error *err)
{
    return berth_fail(err, BERTH_E_UNSUPPORTED, 0, "old: not needed");
}

#define STORAGE   1
#define NETWORK   2
#define TRANSPORT 4
#if KIND == STORAGE

static int32_t layer_create(berth_inst *inst, berth_op *op, const char *id, const char *parent,
                            int32_t *ret_fd, berth_error *err)
{
    EXPECT(strcmp(id, "id") == 0 && strcmp(parent, "parent") == 0);
    EXPECT(inst->host->cancelled(op) == 0);
    inst->host->progress(op, id, 3, 7);
    *ret_fd = 1001;
    return 0;
}

static int32_t by_id(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    return berth_fail(err, BERTH_E_NOT_FOUND, 2, "old: no %s", id);
}

static int32_t open_by_id(berth_inst *inst, berth_op *op, const char *id, int32_t *ret_fd,
                          berth_error *err)
{
    return unsupported(err);
}

static int32_t container_create(berth_inst *inst, berth_op *op, const char *id, const char *top,
                                const berth_storage_container_req *req, berth_error *err)
{
    EXPECT(req->struct_size >= sizeof(*req) && req->size == 77);
    return 0;
}

static int32_t mount(berth_inst *inst, berth_op *op, const char *id,
                     const berth_storage_mount_req *req, int32_t *ret_fd, berth_error *err)
{
    EXPECT(req->flags == BERTH_STORAGE_MOUNT_VOLATILE && req->userns_fd == -1);
    *ret_fd = 1002;
    return 0;
}

static int32_t usage(berth_inst *inst, berth_op *op, uint32_t what, const char *id,
                     berth_storage_space *ret_space, berth_error *err)
{
    EXPECT(what == BERTH_STORAGE_CONTAINER && ret_space->struct_size >= sizeof(*ret_space));
    ret_space->bytes = UINT64_C(1) << 40;
    return 0;
}

static int32_t list(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err)
{
    return inst->host->emit(sink, "layer", "one", err);
}

static const berth_storage_ops ops = {
    .struct_size = sizeof(ops),
    .caps = BERTH_STORAGE_DELTA,
    .layer_create = layer_create,
    .layer_commit = by_id,
    .layer_abort = by_id,
    .layer_open = open_by_id,
    .layer_remove = by_id,
    .container_create = container_create,
    .container_remove = by_id,
    .mount = mount,
    .usage = usage,
    .list = list,
};
#define OPS .ops.storage = &ops

#elif KIND == NETWORK

static int32_t create(berth_inst *inst, berth_op *op, const berth_network_config *config,
                      berth_sink *facts, berth_error *err)
{
    EXPECT(config->struct_size >= sizeof(*config) && strcmp(config->id, "net") == 0);
    EXPECT(config->n_options == 1 && strcmp(config->options[0].value, "value") == 0);
    return inst->host->emit(facts, "interface", "old0", err);
}

static int32_t by_id(berth_inst *inst, berth_op *op, const char *id, berth_error *err)
{
    return 0;
}

static int32_t join(berth_inst *inst, berth_op *op, const berth_network_endpoint *endpoint,
                    int32_t netns_fd, berth_sink *facts, berth_error *err)
{
    EXPECT(netns_fd == 55 && endpoint->ipv4.prefix == 24 && endpoint->mac[5] == 9);
    return 0;
}

static int32_t leave(berth_inst *inst, berth_op *op, const berth_network_endpoint *endpoint,
                     int32_t netns_fd, berth_error *err)
{
    EXPECT(netns_fd == -1);
    return 0;
}

static int32_t sync_all(berth_inst *inst, berth_op *op, const berth_network_state *state,
                        berth_sink *facts, berth_error *err)
{
    return 0;
}

static const berth_network_ops ops = {
    .struct_size = sizeof(ops),
    .network_create = create,
    .network_remove = by_id,
    .join = join,
    .leave = leave,
    .sync = sync_all,
};
#define OPS .ops.network = &ops

#else

static const char *const schemes[] = {"old", NULL};

static int32_t dial(berth_inst *inst, berth_op *op, const berth_transport_dial_req *req,
                    int32_t *ret_fd, berth_error *err)
{
    EXPECT(strcmp(req->url, "old://x") == 0 && req->timeout_ms == 5);
    *ret_fd = 1003;
    return 0;
}

static const berth_transport_ops ops = {
    .struct_size = sizeof(ops),
    .caps = BERTH_TRANSPORT_DIAL,
    .schemes = schemes,
    .dial = dial,
};
#define OPS .ops.transport = &ops

#endif

static const berth_param params[] = {
    {"greeting", "enum:hello|bye", "hello", "what to say", 0, 0},
    {"size", "size", "64k", "how much", 0, 0},
    {"flag", "bool", "true", "whether", 0, 0},
};

static const berth_plugin plugin = {
    .struct_size = sizeof(plugin),
    .magic = BERTH_MAGIC,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .kind = KIND,
    .threads = BERTH_THREADS_SERIAL_PLUGIN,
    .n_params = sizeof(params) / sizeof(params[0]),
    .name = "old",
    .version = "1",
    .summary = "built long ago",
    .license = "Apache-2.0",
    .params = params,
    OPS,
    .open = old_open,
    .close = old_close,
};

BERTH_PLUGIN(plugin)
