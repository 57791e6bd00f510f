/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers that must be refused, one a build: BAD chooses the fault. "good" has none, and shows that
 * the rest of the file is sound. Each does nothing when called.
 */
#include <berth/helpers/fail.h>
#include <berth/host.h>
#include <berth/storage.h>
#include <berth/transport.h>

#include "bad.h"

static int32_t do_listen(berth_inst *inst, berth_op *op, const berth_transport_listen_req *req,
                         int32_t *ret_fd, berth_error *err)
{
    return berth_fail(err, BERTH_E_UNSUPPORTED, 0, "never");
}

static int32_t do_accept(berth_inst *inst, int32_t listen_fd, int32_t *ret_fd,
                         berth_transport_peer *ret_peer, berth_error *err)
{
#if BAD == CARELESS
    return BERTH_E_CONFLICT; /* without filling err */
#else
    return berth_fail(err, BERTH_E_UNSUPPORTED, 0, "never");
#endif
}

static int32_t do_unlisten(berth_inst *inst, int32_t listen_fd, berth_error *err)
{
#if BAD == CARELESS
    berth_fail(err, BERTH_E_CONFLICT, 0, "and yet it worked");
    return 0;
#else
    return berth_fail(err, BERTH_E_NOT_FOUND, 0, "never");
#endif
}

static int32_t do_dial(berth_inst *inst, berth_op *op, const berth_transport_dial_req *req,
                       int32_t *ret_fd, berth_error *err)
{
#if BAD == CARELESS
    return 42;
#else
    return berth_fail(err, BERTH_E_UNSUPPORTED, 0, "never");
#endif
}

static int32_t do_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                       berth_error *err)
{
    static char instance;
#if BAD == OPEN_FAILS
    return berth_fail(err, BERTH_E_UNAVAILABLE, 0, "the moon is in the wrong place");
#endif
    *ret_inst = (berth_inst *)(void *)&instance;
    return 0;
}

static void do_close(berth_inst *inst)
{
}

static int32_t do_probe(const berth_host *host, const berth_cfg *cfg, berth_error *err)
{
#if BAD == PROBE_FAILS
    return berth_fail(err, BERTH_E_UNSUPPORTED, 0, "no such hardware");
#elif BAD == PROBE_SILENT
    return BERTH_E_UNSUPPORTED;
#endif
    return 0;
}

static const berth_param params[] = {
#if BAD == PARAM_KEY
    {"Bad Key", "str", NULL, "help", 0, 0},
#elif BAD == PARAM_TYPE
    {"key", "colour", NULL, "help", 0, 0},
#elif BAD == PARAM_TWICE
    {"key", "str", NULL, "help", 0, 0},
    {"key", "int", NULL, "help", 0, 0},
#elif BAD == PARAM_DEFAULT
    {"key", "size", "huge", "help", 0, 0},
#elif BAD == PARAM_REQUIRED
    {"key", "str", "x", "help", BERTH_PARAM_REQUIRED, 0},
#elif BAD == PARAM_HELP
    {"key", "str", NULL, NULL, 0, 0},
#endif
    {"level", "enum:low|high", "low", "how high", 0, 0},
    {"count", "int", "3", "how many", 0, 0},
    {"limit", "size", "64k", "how big", 0, 0},
    {"fast", "bool", "true", "how fast", 0, 0},
    {"secret", "int", NULL, "a secret number", BERTH_PARAM_SECRET, 0},
};

static const char *const schemes[] = {"bad", NULL};

static const berth_transport_ops ops = {
#if BAD == OPS_SHORT
    .struct_size = 24,
#else
    .struct_size = sizeof(ops),
#endif
    .caps = BERTH_TRANSPORT_LISTEN | BERTH_TRANSPORT_DIAL,
    .schemes = schemes,
    .listen = do_listen,
    .accept = do_accept,
    .unlisten = do_unlisten,
#if BAD != OPS_MISSING
    .dial = do_dial,
#endif
};

static const berth_plugin plugin = {
#if BAD == SIZE_SHORT
    .struct_size = 40,
#elif BAD == SIZE_HUGE
    .struct_size = 0xfffffff0u,
#else
    .struct_size = sizeof(plugin),
#endif
#if BAD == MAGIC
    .magic = 0xdeadbeef,
#else
    .magic = BERTH_MAGIC,
#endif
#if BAD == MAJOR
    .abi_major = BERTH_ABI_MAJOR + 1,
#else
    .abi_major = BERTH_ABI_MAJOR,
#endif
    .abi_minor = BERTH_ABI_MINOR,
#if BAD == HOST_MINOR
    .min_host_minor = BERTH_ABI_MINOR + 7,
#endif
#if BAD == KIND
    .kind = 99,
#elif BAD == KIND_REGISTRY
    .kind = BERTH_KIND_REGISTRY,
#else
    .kind = BERTH_KIND_TRANSPORT,
#endif
#if BAD == THREADS_ZERO
    .threads = 0,
#elif BAD == CARELESS
    .threads = BERTH_THREADS_SERIAL_INSTANCE,
#else
    .threads = BERTH_THREADS_SERIAL_PLUGIN,
#endif
#if BAD == PARAM_COUNT
    .n_params = 1000,
#elif BAD == PARAM_LIST
    .n_params = 3,
#else
    .n_params = sizeof(params) / sizeof(params[0]),
#endif
#if BAD == NAME_CHARSET
    .name = "Bad/../Name",
#elif BAD == NAME_NULL
    .name = NULL,
#elif BAD == NAME_OTHER
    .name = "another",
#else
    .name = BAD_NAME,
#endif
#if BAD != VERSION_NULL
    .version = "1",
#endif
    .summary = "a driver for tests",
    .license = "Apache-2.0",
#if BAD != PARAM_LIST
    .params = params,
#endif
#if BAD != OPS_NULL
    .ops.transport = &ops,
#endif
#if BAD != NO_OPEN
    .open = do_open,
#endif
#if BAD != NO_CLOSE
    .close = do_close,
#endif
    .probe = do_probe,
};

#if BAD == NULL_DESCRIPTOR
const berth_plugin *berth_plugin_query(void)
{
    (void)plugin;
    return NULL;
}
#elif BAD == UNDEFINED_SYMBOL
extern int symbol_of_the_engine(void);
const berth_plugin *berth_plugin_query(void)
{
    return symbol_of_the_engine() ? &plugin : NULL;
}
#else
BERTH_PLUGIN(plugin)
#endif
