/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of core/plugin share.
 */
#ifndef BERTH_PLUGIN_PLUGIN_INTERNAL_H
#define BERTH_PLUGIN_PLUGIN_INTERNAL_H

#include <pthread.h>
#include <stdarg.h>

#include <berth/host.h>
#include <berth/network.h>
#include <berth/storage.h>
#include <berth/transport.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "plugin/plugin.h"

#define MAX_NAME   63
#define MAX_PARAMS 64

/* One operation of a kind's table. */
struct operation {
    const char *name;
    uint32_t offset;
    bool optional;
    uint32_t with, unless; /* not optional: only with / except with these capability bits, if any */
};

/* What the loader must know about a kind. */
struct plugin_kind {
    uint32_t kind;
    const char *word;     /* also the folder's name */
    size_t size, minimum; /* of the operations table: ours, and the least we accept */
    const struct operation *operations;
    size_t count;
};

/* A zero-filled copy of the driver's operations. */
union plugin_ops {
    struct {
        uint32_t struct_size, caps;
    } head; /* every kind's table begins with these */
    berth_storage_ops storage;
    berth_network_ops network;
    berth_transport_ops transport;
};

/* A loaded and checked file; never freed before the set, never unloaded. */
struct loaded_plugin {
    struct loaded_plugin *next;
    const struct plugin_kind *kind;
    char *name, *file;
    berth_plugin descriptor; /* zero-filled copy */
    union plugin_ops ops;
    pthread_mutex_t lock; /* held during calls with THREADS_SERIAL_PLUGIN */
    atomic_llong instances, calls, errors, nanoseconds, breaches;
};

/* A parameter's checked value. */
struct cfg_value {
    const char *key; /* the driver's */
    char *text;
    int64_t number; /* int, bool, size */
};

struct berth_cfg {
    struct cfg_value *values;
    size_t count;
};

struct berth_hctx {
    struct berth_plugins *plugins;
    const char *name; /* the driver's, for the log */
};

struct berth_driver {
    struct berth_driver *next;
    struct loaded_plugin *plugin;
    char *instance;
    struct berth_cfg cfg;
    struct berth_hctx context;
    berth_host host;
    berth_inst *inst;
    pthread_mutex_t lock; /* held during calls with THREADS_SERIAL_INSTANCE */
};

/* Threads that run jobs one by one, started when needed. */
struct job;
struct worker_pool {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    struct job *first, *last;
    pthread_t threads[4];
    int count, idle, maximum;
    bool stopping, mounter;
};

struct berth_plugins {
    pthread_mutex_t lock; /* guards loaded, drivers and loading itself */
    struct loaded_plugin *loaded;
    struct berth_driver *drivers;
    struct berth_strv paths;
    struct worker_pool mounter, netns;
};

/* kinds.c. NULL: unknown. */
const struct plugin_kind *plugin_kind(uint32_t kind);

/* trust.c. Is the file's path absolute, and are the file and all folders above it ours (root's or
 * the effective user's) and closed to other writers? */
int32_t plugin_trust_check(const char *file, berth_error *err);
/* elf.c. Is it a complete shared object for this machine that exports `symbol`? Reads the file
 * only. */
int32_t plugin_elf_check(const char *file, const char *symbol, berth_error *err);
/* load.c. Checks, loads and checks again; `kind` 0 and `name` NULL: whatever the file says. */
int32_t plugin_load(const char *file, uint32_t kind, const char *name,
                    struct loaded_plugin **ret_plugin, berth_error *err);
void plugin_unref(struct loaded_plugin *plugin);
/* Finds in the set or loads; the set's lock is held. */
int32_t plugin_find(struct berth_plugins *plugins, const struct plugin_kind *kind, const char *name,
                    struct loaded_plugin **ret_plugin, berth_error *err);
bool plugin_name_valid(const char *name);

/* schema.c. */
int32_t schema_lint(const struct loaded_plugin *plugin, berth_error *err);
int32_t schema_parse(const struct loaded_plugin *plugin, const struct berth_strmap *params,
                     struct berth_cfg *ret_cfg, berth_error *err);
void cfg_done(struct berth_cfg *cfg);

/* host.c. Fills the services table. */
void host_fill(berth_host *host, struct berth_hctx *context);
/* host_run.c. */
int32_t host_run(berth_hctx *context, berth_op *op, const berth_run_req *req,
                 berth_run_resp *ret_resp, berth_error *err);
int32_t host_cancelled(berth_op *op);
int32_t host_emit_bytes(berth_sink *sink, const void *data, uint64_t size, berth_error *err);

/* workers.c. */
void workers_init(struct worker_pool *pool, bool mounter, int maximum);
void workers_done(struct worker_pool *pool);
int32_t workers_run(struct worker_pool *pool, int netns_fd, berth_job function, void *arg,
                    berth_error *err);

/* call.c. One call into a driver: begin locks and starts the clock, end counts, unlocks and checks
 * the error contract; it returns the call's result and passes its error on. */
struct call {
    struct berth_driver *driver;
    const char *operation;
    pthread_mutex_t *lock;
    int64_t start;
    berth_error error; /* what the driver fills */
};
/* Locks and starts the clock; fails only for a driver of another kind. */
int32_t call_begin(struct call *call, struct berth_driver *driver, uint32_t kind,
                   const char *operation, berth_error *err);
/* Unlocks, counts, and returns the checked result. */
int32_t call_end(struct call *call, int32_t result, berth_error *err);
/* The failure for an operation that the driver does not have. */
int32_t call_unsupported(const struct berth_driver *driver, const char *operation,
                         berth_error *err);

/* Body of a typed call: kind word, KIND constant, operation, its arguments without the error. */
#define DRIVER_CALL(driver_, table_, kind_, operation_, err_, ...)                     \
    ({                                                                                 \
        struct call call_;                                                             \
        int32_t result_ = call_begin(&call_, (driver_), (kind_), #operation_, (err_)); \
        if (result_ == 0) {                                                            \
            const __typeof__((driver_)->plugin->ops.table_) *ops_ =                    \
                &(driver_)->plugin->ops.table_;                                        \
            result_ = ops_->operation_ == NULL                                         \
                          ? call_unsupported((driver_), #operation_, &call_.error)     \
                          : ops_->operation_(__VA_ARGS__, &call_.error);               \
            result_ = call_end(&call_, result_, (err_));                               \
        }                                                                              \
        result_;                                                                       \
    })

#endif
