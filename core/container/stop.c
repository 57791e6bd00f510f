/* SPDX-License-Identifier: Apache-2.0
 *
 * stop, kill, restart, pause, unpause, rename: what is done to a container that exists.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "container/monitor.h"
#include "container/name.h"
#include "container/start.h"

enum { KILL_SECONDS = 10, STOP_SECONDS = 10 };

bool container_wait_stopped(struct container *container, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / BERTH_NANOSECONDS,
                             .tv_nsec = deadline % BERTH_NANOSECONDS};
    AUTO_LOCK(&container->lock);
    while (container->status.running || container->ending) {
        int waited = deadline == 0
                         ? pthread_cond_wait(&container->changed, &container->lock)
                         : pthread_cond_timedwait(&container->changed, &container->lock, &until);
        if (waited == ETIMEDOUT) {
            return !container->status.running && !container->ending;
        }
    }
    return true;
}

/* The running shim's channel, a reference; NULL: it does not run. */
static struct link *running_link(struct container *container)
{
    AUTO_LOCK(&container->lock);
    return container->status.running && container->link != NULL ? link_ref(container->link) : NULL;
}

int container_signal(struct container *container, int number, uint32_t flags, berth_error *err)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_SIGNAL};
    struct link *link = running_link(container);
    if (link == NULL) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "container %s is not running",
                               container->id);
    }
    message.body.signal.number = number;
    message.body.signal.flags = flags;
    int result = link_call(link, &message, NULL, NULL, err);
    link_unref(link);
    return result;
}

static void kill_event(struct container *container, int number)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    container_event(container, "kill", "signal", text);
}

/* SIGKILL to all of it, and the wait for its end. */
static int kill_hard(struct container *container, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    int64_t deadline = berth_time_monotonic() + KILL_SECONDS * BERTH_NANOSECONDS;
    int result = container_signal(container, SIGKILL, 0, &error);
    if (result == BERTH_E_CONFLICT || result == BERTH_E_UNAVAILABLE) {
        result = 0; /* it ended by itself */
    }
    if (result != 0) {
        return berth_error_move(err, &error);
    }
    if (!container_wait_stopped(container, deadline)) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0,
                               "container %s did not end within %d seconds after SIGKILL",
                               container->id, KILL_SECONDS);
    }
    return 0;
}

/* PID 1 gets only signals that it handles (pid_namespaces(7)): one that neither catches the signal
 * nor blocks it, to take it by sigwait or signalfd, is not worth waiting for. */
static bool signal_is_futile(struct container *container, int number)
{
    char path[64], line[256];
    unsigned long long caught = 0, blocked = 0, value = 0;
    pthread_mutex_lock(&container->lock);
    int32_t pid = container->status.pid;
    pthread_mutex_unlock(&container->lock);
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    AUTO_FILE FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL || berth_str_starts(container->record.host_config.pid_mode, "container:") ||
        berth_str_equal(container->record.host_config.pid_mode, "host")) {
        return false;
    }
    bool complete = false;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "SigCgt: %llx", &value) == 1) {
            caught = value;
            complete = true;
        } else if (sscanf(line, "SigBlk: %llx", &value) == 1) {
            blocked = value;
        }
    }
    return complete && ((caught | blocked) >> (number - 1) & 1) == 0;
}

static int stop_signal(const struct container *container, const char *wanted, berth_error *err)
{
    const char *text = !berth_str_empty(wanted) ? wanted : container->record.config.stop_signal;
    int number = berth_str_empty(text) ? SIGTERM : container_signal_parse(text);
    if (number < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "Invalid signal: %s", text);
    }
    return number;
}

static int thaw(struct container *container, bool frozen, berth_error *err)
{
    struct berth_linux_cgroup_plan plan = {0};
    int result = container_cgroup_plan(container, &plan, err);
    if (result == 0) {
        result = berth_linux_cgroup_freeze(&plan, frozen, err);
    }
    berth_linux_cgroup_plan_done(&plan);
    return result;
}

/* What stop, kill and remove do first: no restart, and a frozen one must be able to die. */
static void mark_stopped(struct container *container)
{
    pthread_mutex_lock(&container->lock);
    bool paused = container->status.paused;
    container->status.manually_stopped = true;
    container->status.paused = false;
    container_cancel_restart(container);
    pthread_mutex_unlock(&container->lock);
    if (paused) {
        berth_error error = BERTH_ERROR_INIT;
        if (thaw(container, false, &error) != 0) {
            container_log_error(container, "thawing it", &error);
        }
    }
}

int container_kill_locked(struct container *container, berth_error *err)
{
    mark_stopped(container);
    if (!container_is_running(container)) {
        return 0;
    }
    kill_event(container, SIGKILL);
    return kill_hard(container, err);
}

static int64_t stop_timeout(const struct container *container,
                            const struct berth_container_stop *options)
{
    if (options->timeout != BERTH_CONTAINER_TIMEOUT_DEFAULT) {
        return options->timeout;
    }
    int64_t own = container->record.config.stop_timeout;
    return own != BERTH_JSON_UNSET ? own : STOP_SECONDS;
}

int container_stop_locked(struct container *container, const struct berth_container_stop *options,
                          berth_error *err)
{
    int64_t timeout = stop_timeout(container, options);
    int number = stop_signal(container, options->signal, err);
    if (number < 0) {
        return number;
    }
    pthread_mutex_lock(&container->lock);
    bool running = container->status.running, restarting = container->status.restarting;
    pthread_mutex_unlock(&container->lock);
    if (!running && !restarting) {
        return berth_error_set(err, BERTH_E_NOT_MODIFIED, 0, "container %s is already stopped",
                               container->id);
    }
    bool futile = number != SIGKILL && signal_is_futile(container, number);
    mark_stopped(container);
    int result = 0;
    if (running) {
        kill_event(container, number);
        berth_error error = BERTH_ERROR_INIT;
        int64_t deadline = timeout < 0 ? 0 : berth_time_monotonic() + timeout * BERTH_NANOSECONDS;
        int sent = container_signal(container, number, 0, &error);
        bool stopped = sent == 0 && !futile && container_wait_stopped(container, deadline);
        if (!stopped && !container_wait_stopped(container, berth_time_monotonic())) {
            kill_event(container, SIGKILL);
            result = kill_hard(container, err);
        }
    }
    if (result != 0) {
        return result;
    }
    container_event(container, "stop", NULL, NULL);
    return 0;
}

int berth_container_stop(struct berth_container_manager *manager, const char *ref,
                         const struct berth_container_stop *options, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    result = container_stop_locked(container, options, err);
    if (result == 0) {
        container_finish_exit_locked(container);
        container_save_status(container);
    }
    return result;
}

int berth_container_restart(struct berth_container_manager *manager, const char *ref,
                            const struct berth_container_stop *options, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    result = container_stop_locked(container, options, err);
    if (result != 0 && result != BERTH_E_NOT_MODIFIED) {
        return result;
    }
    result = container_start_locked(container, err);
    if (result == 0) {
        container_event(container, "restart", NULL, NULL);
    }
    return result;
}

static int not_running(struct container *container, const char *ref, berth_error *err)
{
    return berth_error_set(err, BERTH_E_CONFLICT, 0,
                           "cannot kill container: %s: container %s is not running", ref,
                           container->id);
}

int berth_container_kill(struct berth_container_manager *manager, const char *ref,
                         const char *signal, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int number = berth_str_empty(signal) ? SIGKILL : container_signal_parse(signal);
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return berth_error_wrap(err, "cannot kill container: %s", ref);
    }
    if (number < 0) {
        result = berth_error_set(err, BERTH_E_INVALID, 0, "Invalid signal: %s", signal);
    }
    if (result != 0) {
        return result;
    }
    int stop = stop_signal(container, NULL, NULL);
    pthread_mutex_lock(&container->lock);
    bool running = container->status.running, restarting = container->status.restarting;
    if (running || restarting) {
        container->status.manually_stopped |= number == SIGKILL || number == stop;
    }
    pthread_mutex_unlock(&container->lock);
    if (!running && !restarting) {
        return not_running(container, ref, err);
    }
    if (number == SIGKILL || number == stop) {
        mark_stopped(container);
    }
    kill_event(container, number);
    if (number == SIGKILL) {
        return running ? kill_hard(container, err) : 0;
    }
    berth_error error = BERTH_ERROR_INIT;
    result = running ? container_signal(container, number, 0, &error) : 0;
    if (result == BERTH_E_CONFLICT) {
        return not_running(container, ref, err);
    }
    return result != 0 ? berth_error_move(err, &error) : 0;
}

static int change_pause(struct berth_container_manager *manager, const char *ref, bool pause,
                        berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    pthread_mutex_lock(&container->lock);
    bool running = container->status.running, paused = container->status.paused;
    pthread_mutex_unlock(&container->lock);
    if (!running || paused == pause) {
        const char *why =
            !running ? "is not running" : (pause ? "is already paused" : "is not paused");
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "Container %s %s", container->id, why);
    }
    result = thaw(container, pause, err);
    if (result != 0) {
        return berth_error_wrap(err, "cannot %s container %s", pause ? "pause" : "unpause", ref);
    }
    pthread_mutex_lock(&container->lock);
    container->status.paused = pause && container->status.running;
    pthread_mutex_unlock(&container->lock);
    container_event(container, pause ? "pause" : "unpause", NULL, NULL);
    container_save_status(container);
    return 0;
}

int berth_container_pause(struct berth_container_manager *manager, const char *ref,
                          berth_error *err)
{
    return change_pause(manager, ref, true, err);
}

int berth_container_unpause(struct berth_container_manager *manager, const char *ref,
                            berth_error *err)
{
    return change_pause(manager, ref, false, err);
}

/* Swaps the name under both locks; the old one is returned. NULL: out of memory. */
static char *swap_name(struct container *container, const char *name)
{
    char *fresh = berth_strdup(name), *stored = berth_strdup(name);
    if (fresh == NULL || stored == NULL) {
        free(fresh);
        free(stored);
        return NULL;
    }
    AUTO_LOCK(&container->manager->lock);
    AUTO_LOCK(&container->lock);
    char *old = container->name;
    container->name = fresh;
    berth_replace(&container->record.name, stored);
    return old;
}

static int rename_locked(struct container *container, const char *name, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    if (container->removing || container->removed) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container is marked for removal and cannot be renamed");
    }
    if (berth_str_equal(container->name, name)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Renaming a container with the same name as its current name");
    }
    int result = container_name_reserve(manager, name, container->id, err);
    if (result != 0) {
        return result;
    }
    AUTO_FREE char *old = swap_name(container, name);
    container_name_release(manager, name);
    if (old == NULL) {
        return berth_error_no_memory(err);
    }
    result = container_save(container, err);
    if (result != 0) {
        free(swap_name(container, old));
        return result;
    }
    berth_networks_container_renamed(manager->config.networks, container->id, name);
    AUTO_FREE char *shown = berth_format("/%s", old);
    container_event(container, "rename", "oldName", shown);
    return 0;
}

int berth_container_rename(struct berth_container_manager *manager, const char *ref,
                           const char *name, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    const char *bare = name != NULL && name[0] == '/' ? name + 1 : name;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    if (berth_str_empty(bare)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "Neither old nor new names may be empty");
    }
    if (!berth_container_name_valid(bare)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
                               "allowed",
                               bare);
    }
    AUTO_LOCK(&container->action);
    return rename_locked(container, bare, err);
}
