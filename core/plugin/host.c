/* SPDX-License-Identifier: Apache-2.0
 *
 * The services lent to drivers (<berth/host.h>), except running programs.
 */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"

static void host_log(berth_hctx *context, int32_t level, const char *msg)
{
    enum berth_log_level ours = BERTH_LOG_ERROR;
    if (level <= BERTH_HOST_LOG_DEBUG) {
        ours = BERTH_LOG_DEBUG;
    } else if (level == BERTH_HOST_LOG_INFO) {
        ours = BERTH_LOG_INFO;
    } else if (level == BERTH_HOST_LOG_WARN) {
        ours = BERTH_LOG_WARN;
    }
    berth_log(ours, "%s: %s", context->name, msg);
}

static const struct cfg_value *cfg_find(const berth_cfg *cfg, const char *key)
{
    for (size_t i = 0; i < cfg->count; i++) {
        if (strcmp(cfg->values[i].key, key) == 0) {
            return &cfg->values[i];
        }
    }
    return NULL;
}

static const char *host_cfg_str(const berth_cfg *cfg, const char *key)
{
    const struct cfg_value *value = cfg_find(cfg, key);
    return value != NULL ? value->text : NULL;
}

static int64_t host_cfg_int(const berth_cfg *cfg, const char *key)
{
    const struct cfg_value *value = cfg_find(cfg, key);
    return value != NULL ? value->number : 0;
}

static int32_t host_cfg_bool(const berth_cfg *cfg, const char *key)
{
    return host_cfg_int(cfg, key) != 0;
}

int32_t host_cancelled(berth_op *op)
{
    return op != NULL && (atomic_load_explicit(&op->cancelled, memory_order_relaxed) ||
                          (op->deadline != 0 && berth_time_monotonic() >= op->deadline));
}

static void host_progress(berth_op *op, const char *id, uint64_t done, uint64_t total)
{
    if (op != NULL && op->progress != NULL) {
        op->progress(op->arg, id, done, total);
    }
}

static int32_t host_emit(berth_sink *sink, const char *key, const char *value, berth_error *err)
{
    if (sink == NULL || sink->pair == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "this result is not taken as pairs");
    }
    return sink->pair(sink->arg, key, value != NULL ? value : "", err);
}

int32_t host_emit_bytes(berth_sink *sink, const void *data, uint64_t size, berth_error *err)
{
    if (sink == NULL || sink->bytes == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "this result is not taken as bytes");
    }
    return sink->bytes(sink->arg, data, (size_t)size, err);
}

static int64_t host_now(berth_hctx *context, int32_t clock)
{
    return clock == BERTH_CLOCK_MONOTONIC ? berth_time_monotonic() : berth_time_now();
}

static int32_t host_mounter_run(berth_hctx *context, berth_job job, void *arg, berth_error *err)
{
    return workers_run(&context->plugins->mounter, -1, job, arg, err);
}

static int32_t host_netns_run(berth_hctx *context, int32_t netns_fd, berth_job job, void *arg,
                              berth_error *err)
{
    return berth_plugins_netns_run(context->plugins, netns_fd, job, arg, err);
}

static int32_t host_netns_new(berth_hctx *context, int32_t *ret_fd, berth_error *err)
{
    return berth_plugins_netns_new(context->plugins, ret_fd, err);
}

void host_fill(berth_host *host, struct berth_hctx *context)
{
    *host = (berth_host){
        .struct_size = sizeof(*host),
        .abi_major = BERTH_ABI_MAJOR,
        .abi_minor = BERTH_ABI_MINOR,
        .ctx = context,
        .log = host_log,
        .cfg_str = host_cfg_str,
        .cfg_int = host_cfg_int,
        .cfg_bool = host_cfg_bool,
        .cancelled = host_cancelled,
        .progress = host_progress,
        .emit = host_emit,
        .emit_bytes = host_emit_bytes,
        .run = host_run,
        .now = host_now,
        .mounter_run = host_mounter_run,
        .netns_run = host_netns_run,
        .netns_new = host_netns_new,
    };
}

int32_t berth_plugins_mounter_run(struct berth_plugins *plugins,
                                  int32_t (*job)(void *arg, berth_error *err), void *arg,
                                  berth_error *err)
{
    return workers_run(&plugins->mounter, -1, job, arg, err);
}

int32_t berth_plugins_netns_run(struct berth_plugins *plugins, int netns_fd,
                                int32_t (*job)(void *arg, berth_error *err), void *arg,
                                berth_error *err)
{
    if (netns_fd < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "no network namespace given");
    }
    return workers_run(&plugins->netns, netns_fd, job, arg, err);
}

/* On a netns worker, which returns to the host's namespace after the job. */
static int32_t make_netns(void *arg, berth_error *err)
{
    int *ret_fd = arg;
    if (unshare(CLONE_NEWNET) != 0) {
        return berth_error_errno(err, errno, "cannot make a network namespace");
    }
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open the new network namespace");
    }
    *ret_fd = fd;
    return 0;
}

int32_t berth_plugins_netns_new(struct berth_plugins *plugins, int *ret_fd, berth_error *err)
{
    return workers_run(&plugins->netns, -1, make_netns, ret_fd, err);
}

static int32_t map_pair(void *arg, const char *key, const char *value, berth_error *err)
{
    return berth_strmap_set(arg, key, value) ? 0 : berth_error_no_memory(err);
}

struct berth_sink berth_sink_map(struct berth_strmap *map)
{
    return (struct berth_sink){.pair = map_pair, .arg = map};
}

static int32_t list_pair(void *arg, const char *key, const char *value, berth_error *err)
{
    return berth_strv_add(arg, key) && berth_strv_add(arg, value) ? 0 : berth_error_no_memory(err);
}

struct berth_sink berth_sink_list(struct berth_strv *vector)
{
    return (struct berth_sink){.pair = list_pair, .arg = vector};
}
