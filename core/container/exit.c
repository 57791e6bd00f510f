/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a run: what the monitor does at once (state, waiters, the decision to restart) and
 * what a worker does after it (network, shim, directories, removal or restart).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "container/monitor.h"
#include "container/start.h"
#include "container/workers.h"
#include "linux/path.h"

#define REMOVE_DELAY_MAX (60 * BERTH_NANOSECONDS)

enum { EXIT_SHIM_DIED = 137 };

int open_directory(const char *path)
{
    return path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

int container_cgroup_plan(struct container *container, struct berth_linux_cgroup_plan *ret_plan,
                          berth_error *err)
{
    const char *own = container->record.host_config.cgroup_parent;
    const struct berth_container_manager *manager = container->manager;
    return berth_linux_cgroup_plan(&manager->cgroups,
                                   !berth_str_empty(own) ? own : manager->cgroup_parent,
                                   container->id, ret_plan, err);
}

void container_cancel_restart(struct container *container)
{
    container->restart_generation++;
    container->status.restarting = false;
}

/* ---- at once ---- */

static void exit_events(struct container *container, int32_t exit_code, bool oom, int64_t ran)
{
    char code[16], duration[32];
    if (oom) {
        container_event(container, "oom", NULL, NULL);
    }
    snprintf(code, sizeof(code), "%d", (int)exit_code);
    snprintf(duration, sizeof(duration), "%lld", (long long)(ran / BERTH_NANOSECONDS));
    const char *const pairs[2][2] = {{"execDuration", duration}, {"exitCode", code}};
    container_event2(container, "die", pairs, 2);
}

void container_finish_exit_locked(struct container *container)
{
    pthread_mutex_lock(&container->lock);
    bool ours = container->exit_work && !container->removing && !container->removed;
    bool restarting = container->status.restarting;
    int64_t delay = container->restart_delay;
    container->exit_work = false;
    pthread_mutex_unlock(&container->lock);
    container_teardown_locked(container);
    if (ours && restarting) {
        container_schedule_restart(container, delay);
    } else if (ours && container->record.host_config.auto_remove) {
        container_auto_remove(container, 0);
    }
}

/* A worker's share of an exit. Owns a reference. */
static void exit_job(void *arg)
{
    AUTO_CONTAINER struct container *container = arg;
    AUTO_LOCK(&container->action);
    container_finish_exit_locked(container);
}

void container_ended(struct container *container, const struct berth_shim_exited *exited)
{
    const struct berth_restart_policy *policy = &container->record.host_config.restart_policy;
    struct container_status *status = &container->status;
    pthread_mutex_lock(&container->lock);
    if (!status->running) {
        pthread_mutex_unlock(&container->lock);
        return;
    }
    status->running = false;
    status->paused = false;
    status->pid = 0;
    status->exit_code = exited->exit_code;
    status->oom_killed = (exited->flags & BERTH_SHIM_EXIT_OOM) != 0;
    status->finished_at = exited->finished_sec != 0
                              ? exited->finished_sec * BERTH_NANOSECONDS + exited->finished_nsec
                              : berth_time_now();
    int64_t ran = status->finished_at - status->started_at;
    struct restart_decision decision = container_restart_decide(
        policy->name, policy->maximum_retry_count, status, container->restart_delay, ran);
    status->restarting = decision.restart && !container->removing;
    container->restart_delay = decision.delay;
    container->exit_pending = true;
    container->exit_work = true;
    bool oom = status->oom_killed;
    int32_t exit_code = status->exit_code;
    container->ending = true;
    pthread_mutex_unlock(&container->lock);
    exit_events(container, exit_code, oom, ran); /* before anybody acts on the end */
    pthread_mutex_lock(&container->lock);
    container->ending = false;
    if (container->sandbox_view.ports.count == 0) {
        /* else after the teardown, so that the next container can have the ports */
        container_wake_exit(container);
    }
    pthread_cond_broadcast(&container->changed);
    pthread_mutex_unlock(&container->lock);
    workers_submit(container->manager->workers, exit_job, container_ref(container));
}

/* ---- the link's events ---- */

static void link_event(void *owner, struct link *link, const struct berth_shim_message *message)
{
    struct container *container = owner;
    if (message->type == BERTH_SHIM_EXITED) {
        container_ended(container, &message->body.exited);
    }
}

/* The channel closed. If the container still counts as running, the shim died: it may have left
 * its record, else the container went with it. */
static void link_closed(void *owner, struct link *link)
{
    AUTO_CONTAINER struct container *container = owner;
    struct berth_shim_exited exited = {.exit_code = EXIT_SHIM_DIED};
    pthread_mutex_lock(&container->lock);
    bool died = container->status.running && container->link == link;
    pthread_mutex_unlock(&container->lock);
    if (!died) {
        return;
    }
    AUTO_FREE char *path = container_state_dir(container);
    AUTO_CLOSE int directory = open_directory(path);
    if (directory < 0 || berth_shim_exit_read(directory, &exited, NULL) != 0) {
        exited = (struct berth_shim_exited){.exit_code = EXIT_SHIM_DIED};
        berth_log(BERTH_LOG_WARN, "container %.12s: its shim died", container->id);
    }
    pthread_mutex_lock(&container->lock);
    container->shim_died = true;
    pthread_mutex_unlock(&container->lock);
    container_ended(container, &exited);
}

static void link_forgotten(void *owner)
{
    container_unref(owner);
}

const struct link_events container_link_events = {
    .event = link_event, .closed = link_closed, .forgotten = link_forgotten};

/* ---- after it ---- */

/* The shim removes its cgroup; one that died could not. */
static void clean_cgroup(struct container *container)
{
    struct berth_linux_cgroup_plan plan = {0};
    berth_error error = BERTH_ERROR_INIT;
    if (container->manager->cgroups.version == 0) {
        return;
    }
    int result = container_cgroup_plan(container, &plan, &error);
    if (result == 0) {
        result = berth_linux_cgroup_kill(&plan, &error);
    }
    if (result == 0) {
        result = berth_linux_cgroup_remove(&plan, &error);
    }
    berth_linux_cgroup_plan_done(&plan);
    if (result != 0) {
        container_log_error(container, "removing its cgroup", &error);
    }
}

static void remove_state_dir(struct container *container)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_CLOSE int root = open_directory(container->manager->state_root);
    if (root >= 0 && berth_linux_path_remove_tree(root, container->id, &error) != 0) {
        container_log_error(container, "removing its state directory", &error);
    }
}

void container_teardown_locked(struct container *container)
{
    if (container->torn_down || container_is_running(container)) {
        return;
    }
    container_wait_stopped(container, 0);
    berth_network_sandbox_close(container->manager->config.networks, &container->sandbox);
    container_publish_sandbox(container);
    pthread_mutex_lock(&container->lock);
    struct link *link = TAKE_PTR(container->link);
    bool died = container->shim_died;
    container->shim_died = false;
    if (container->exit_pending) {
        container_wake_exit(container);
    }
    container->exit_pending = false;
    pthread_mutex_unlock(&container->lock);
    container_save_status(container);
    if (link != NULL) {
        link_send(link, BERTH_SHIM_RELEASE);
        link_reap(link);
        link_unref(link);
    }
    if (died) {
        clean_cgroup(container);
    }
    remove_state_dir(container);
    container->torn_down = true;
}

/* ---- later ---- */

struct later {
    struct container *container;
    uint64_t generation;
    int64_t delay;
    void (*job)(void *arg);
};

/* On the monitor's thread. */
static void later_due(void *arg)
{
    struct later *later = arg;
    workers_submit(later->container->manager->workers, later->job, later);
}

/* Runs job on a worker after the delay; it owns the struct and the reference in it. */
static void schedule(struct container *container, int64_t delay, void (*job)(void *arg))
{
    berth_error error = BERTH_ERROR_INIT;
    struct later *later = malloc(sizeof(*later));
    if (later == NULL) {
        return;
    }
    pthread_mutex_lock(&container->lock);
    later->generation = container->restart_generation;
    pthread_mutex_unlock(&container->lock);
    later->container = container_ref(container);
    later->delay = delay;
    later->job = job;
    if (monitor_at(container->manager->monitor, berth_time_monotonic() + delay, later_due, later,
                   &error) != 0) {
        container_log_error(container, "putting it on the clock", &error);
        container_unref(container);
        free(later);
    }
}

static void restart_job(void *arg)
{
    struct later *restart = arg;
    AUTO_CONTAINER struct container *container = restart->container;
    uint64_t generation = restart->generation;
    berth_error error = BERTH_ERROR_INIT;
    free(restart);
    AUTO_LOCK(&container->action);
    pthread_mutex_lock(&container->lock);
    bool valid = container->restart_generation == generation && container->status.restarting &&
                 !container->removing && !container->manager->closing;
    if (valid) {
        container->status.restart_count++;
    }
    pthread_mutex_unlock(&container->lock);
    if (valid && container_start_locked(container, &error) != 0) {
        container_log_error(container, "restarting it", &error);
        container_save_status(container);
    }
}

void container_schedule_restart(struct container *container, int64_t delay)
{
    schedule(container, delay, restart_job);
}

static void remove_job(void *arg)
{
    struct later *later = arg;
    AUTO_CONTAINER struct container *container = later->container;
    int64_t delay = later->delay;
    free(later);
    AUTO_LOCK(&container->action);
    if (!container->manager->closing && !container_is_running(container)) {
        container_auto_remove(container, delay);
    }
}

void container_auto_remove(struct container *container, int64_t last_delay)
{
    berth_error error = BERTH_ERROR_INIT;
    struct berth_container_remove options = {.volumes = true};
    int64_t delay = last_delay == 0 ? BERTH_NANOSECONDS : last_delay * 2;
    if (container_remove_locked(container, &options, &error) == 0 ||
        error.code == BERTH_E_CONFLICT) {
        return;
    }
    /* a full disk, mostly: removing made room, so the next try is likely to do it */
    container_log_error(container, "removing it after its end", &error);
    schedule(container, delay < REMOVE_DELAY_MAX ? delay : REMOVE_DELAY_MAX, remove_job);
}
