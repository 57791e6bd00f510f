/* SPDX-License-Identifier: Apache-2.0
 *
 * What surrounds every call into a driver: the lock its thread model asks for, count and time, and
 * a look at the error contract, so that a careless driver cannot confuse the core.
 */
#include "plugin/plugin_internal.h"

#include <string.h>

#include "base/log.h"
#include "base/time.h"

static pthread_mutex_t *lock_for(struct berth_driver *driver)
{
    switch (driver->plugin->descriptor.threads) {
    case BERTH_THREADS_SERIAL_PLUGIN:
        return &driver->plugin->lock;
    case BERTH_THREADS_SERIAL_INSTANCE:
        return &driver->lock;
    default:
        return NULL;
    }
}

int32_t call_begin(struct call *call, struct berth_driver *driver, uint32_t kind,
                   const char *operation, berth_error *err)
{
    if (driver->plugin->kind->kind != kind) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "%s: %s is a %s driver", operation,
                               driver->plugin->name, driver->plugin->kind->word);
    }
    call->driver = driver;
    call->operation = operation;
    call->error.struct_size = sizeof(call->error);
    call->error.code = 0;
    call->error.sys_errno = 0;
    call->error.flags = 0;
    call->error.msg[0] = '\0';
    call->lock = lock_for(driver);
    if (call->lock != NULL) {
        pthread_mutex_lock(call->lock);
    }
    call->start = berth_time_monotonic();
    return 0;
}

int32_t call_unsupported(const struct berth_driver *driver, const char *operation, berth_error *err)
{
    return berth_error_set(err, BERTH_E_UNSUPPORTED, 0, "the %s driver %s cannot do %s",
                           driver->plugin->kind->word, driver->plugin->name, operation);
}

/* The driver returned something the contract forbids. */
static int32_t breach(struct call *call, int32_t result, const char *what)
{
    struct loaded_plugin *plugin = call->driver->plugin;
    atomic_fetch_add(&plugin->breaches, 1);
    berth_log(BERTH_LOG_WARN, "%s driver %s breaks its contract: %s returned %d %s",
              plugin->kind->word, plugin->name, call->operation, (int)result, what);
    return result;
}

int32_t call_end(struct call *call, int32_t result, berth_error *err)
{
    struct loaded_plugin *plugin = call->driver->plugin;
    int64_t spent = berth_time_monotonic() - call->start;
    if (call->lock != NULL) {
        pthread_mutex_unlock(call->lock);
    }
    atomic_fetch_add_explicit(&plugin->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&plugin->nanoseconds, spent, memory_order_relaxed);
    if (result == 0) {
        if (call->error.code != 0 || call->error.msg[0] != '\0') {
            breach(call, result, "and filled the error");
        }
        return 0;
    }
    /* not having an operation, or having nothing to accept now, is no failure */
    if ((call->error.flags & BERTH_ERROR_RETRY) == 0 && result != BERTH_E_UNSUPPORTED) {
        atomic_fetch_add_explicit(&plugin->errors, 1, memory_order_relaxed);
    }
    call->error.msg[sizeof(call->error.msg) - 1] = '\0';
    if (result > 0 || result < BERTH_E_NOT_MODIFIED) {
        breach(call, result, "which is no error class");
        result = BERTH_E_INTERNAL;
    } else if (call->error.code != result) {
        breach(call, result, "and put another class into the error");
    }
    if (call->error.msg[0] == '\0') {
        breach(call, result, "without a sentence");
        return berth_error_set(err, result, call->error.sys_errno,
                               "%s driver %s: %s failed without saying why", plugin->kind->word,
                               plugin->name, call->operation);
    }
    call->error.code = result;
    return berth_error_move(err, &call->error);
}
