/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting a container: resources, network, files, spec, shim; all or nothing.
 */
#include "container/start.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "container/monitor.h"
#include "linux/path.h"

#define CREATE_PREFIX                                                                              \
    "failed to create task for container: failed to create shim task: OCI runtime create failed: " \
    "runc create failed: unable to start container process: "

enum { EXIT_NOT_FOUND = 127, EXIT_NOT_EXECUTABLE = 126, EXIT_UNKNOWN = 128 };

bool container_is_running(struct container *container)
{
    AUTO_LOCK(&container->lock);
    return container->status.running;
}

int container_start_failure(const struct berth_shim_failed *failed, const char *sentence,
                            int32_t *ret_exit_code, berth_error *err)
{
    bool unknown = berth_str_ends(sentence, ": unknown");
    bool missing = failed->exit_code == EXIT_NOT_FOUND;
    bool refused = failed->exit_code == EXIT_NOT_EXECUTABLE;
    *ret_exit_code = missing || refused ? failed->exit_code : EXIT_UNKNOWN;
    return berth_error_set(err, missing || refused ? BERTH_E_INVALID : BERTH_E_INTERNAL, 0,
                           CREATE_PREFIX "%s%s", sentence, unknown ? "" : ": unknown");
}

static int check_startable(struct container *container, berth_error *err)
{
    AUTO_LOCK(&container->lock);
    if (container->removing || container->removed || container->status.dead) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container is marked for removal and cannot be started");
    }
    if (container->status.paused) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "cannot start a paused container, try unpause instead");
    }
    if (container->status.running) {
        return berth_error_set(err, BERTH_E_NOT_MODIFIED, 0, "container %s is already started",
                               container->id);
    }
    return 0;
}

/* A namespace of its own for the network, or none in host mode; files that follow from it. */
static int open_network(struct container *container, struct start_resources *resources,
                        berth_error *err)
{
    struct berth_sandbox_settings settings;
    struct berth_sandbox sandbox;
    if (berth_str_starts(container->record.host_config.network_mode, "container:")) {
        return 0;
    }
    container_sandbox_settings(container, &settings);
    berth_sandbox_init(&sandbox);
    int result =
        berth_network_sandbox_open(container->manager->config.networks, &settings, &sandbox, err);
    if (result != 0) {
        berth_sandbox_done(&sandbox);
        return result;
    }
    berth_sandbox_done(&container->sandbox);
    container->sandbox = sandbox;
    container->torn_down = false;
    container_publish_sandbox(container);
    return container_write_files(container, err);
}

static int build_spec(struct container *container, struct start_resources *resources,
                      struct spec_builder *builder, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    bool shared = berth_str_starts(container->record.host_config.network_mode, "container:");
    AUTO_DEFAULTS struct manager_defaults *defaults = manager_defaults_get(manager);
    struct spec_input input = {
        .id = container->id,
        .state_dir = resources->state_dir,
        .record = &container->record,
        .user = &resources->user,
        .cgroups = &manager->cgroups,
        .cgroup_parent = manager->cgroup_parent,
        .default_ulimits = &defaults->ulimits,
        .init = defaults->init,
        .no_new_privileges = defaults->no_new_privileges,
        .root_fd = resources->root_fd,
        .netns_fd = shared ? resources->netns_fd : container->sandbox.netns_fd,
        .pid_fd = resources->pid_fd,
        .ipc_fd = resources->ipc_fd,
        .uts_fd = -1,
        .cgns_fd = -1,
        .shm_fd = resources->shm_fd,
        .hosts_path = resources->hosts_path,
        .hostname_path = resources->hostname_path,
        .resolv_conf_path = resources->resolv_conf_path,
        .log_path = resources->log_path,
        .hostname = resources->hostname,
        .seccomp = resources->seccomp,
        .seccomp_length = resources->seccomp_length,
        .capabilities = resources->capabilities,
        .boot_id = manager->boot_id,
        .mount_fds = resources->mount_fds,
    };
    int result = spec_build(&input, builder, err);
    return result != 0 ? result : container_clients_spec(container, builder, err);
}

/* The shim runs and has said that the program does. */
static void set_started(struct container *container, struct link *link,
                        const struct berth_shim_started *started)
{
    struct berth_container_manager *manager = container->manager;
    AUTO_LOCK(&container->lock);
    struct container_status *status = &container->status;
    status->running = true;
    status->restarting = false;
    status->paused = false;
    status->oom_killed = false;
    status->manually_stopped = false;
    status->started_before = true;
    status->pid = started->pid;
    status->shim_pid = started->shim_pid;
    status->start_time = started->start_time;
    status->started_at = started->started_sec * BERTH_NANOSECONDS + started->started_nsec;
    status->exit_code = 0;
    berth_replace(&status->error, NULL);
    berth_replace(&status->boot_id, berth_strdup(manager->boot_id));
    container->link = link_ref(link);
    pthread_cond_broadcast(&container->changed);
}

/* Spawns the shim and waits for its word. On failure nothing of it is left. */
static int launch(struct container *container, const struct berth_shim_spec *spec,
                  int32_t *ret_exit_code, berth_error *err)
{
    struct link *link = NULL;
    struct link_first first;
    int control = -1;
    pid_t pid = -1;
    int64_t deadline = berth_time_monotonic() + CONTAINER_START_SECONDS * BERTH_NANOSECONDS;
    int result = berth_shim_launch(container->manager->shim_fd, BERTH_SHIM_VERB_RUN, spec, &control,
                                   &pid, err);
    if (result != 0) {
        return result;
    }
    result = link_new(control, pid, &container_link_events, container, &link, err);
    if (result == 0) {
        result = link_read_first(control, deadline, &first, err);
    }
    if (result == 0 && first.message.type == BERTH_SHIM_FAILED) {
        result =
            container_start_failure(&first.message.body.failed, first.sentence, ret_exit_code, err);
    }
    if (result != 0) {
        if (result == BERTH_E_TIMEOUT || link == NULL) {
            kill(pid, SIGKILL);
        }
        link_reap(link);
        link_unref(link);
        return result;
    }
    set_started(container, link, &first.message.body.started);
    container_ref(container); /* the link's owner, until closed() */
    result = monitor_watch(container->manager->monitor, link, err);
    if (result != 0) {
        /* nobody would learn of its end: it must not run */
        kill(pid, SIGKILL);
        container_link_events.closed(container, link);
    }
    link_unref(link);
    return result;
}

/* Settles a start that failed: state, network, directories. */
static void start_failed(struct container *container, int32_t exit_code, const berth_error *error)
{
    pthread_mutex_lock(&container->lock);
    container->status.restarting = false;
    container->status.exit_code = exit_code;
    berth_replace(&container->status.error, berth_strdup(error->msg));
    container->shim_died = true; /* a half-made cgroup may be left */
    pthread_mutex_unlock(&container->lock);
    container->torn_down = false;
    container_teardown_locked(container);
}

int container_start_locked(struct container *container, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    int32_t exit_code = EXIT_UNKNOWN;
    struct start_resources resources;
    struct spec_builder builder;
    int result = check_startable(container, err);
    if (result != 0) {
        return result;
    }
    container_teardown_locked(container);
    pthread_mutex_lock(&container->lock);
    container->restart_generation++; /* this start is the one that was waited for */
    container->exit_work = false;
    pthread_mutex_unlock(&container->lock);
    start_resources_init(&resources);
    spec_builder_init(&builder);
    result = start_resources_open(container, &resources, &error);
    result = result != 0 ? result : open_network(container, &resources, &error);
    if (result == 0 && mkdir(resources.state_dir, 0700) < 0 && errno != EEXIST) {
        result = berth_error_errno(&error, errno, "cannot create %s", resources.state_dir);
    }
    result = result != 0 ? result : build_spec(container, &resources, &builder, &error);
    if (result == 0) {
        container->torn_down = false;
        result = launch(container, &builder.spec, &exit_code, &error);
    }
    container_clients_done(container);
    spec_builder_done(&builder);
    start_resources_done(&resources);
    if (result != 0) {
        start_failed(container, exit_code, &error);
        return berth_error_move(err, &error);
    }
    container_event(container, "start", NULL, NULL);
    container_save_status(container);
    return 0;
}

int berth_container_start(struct berth_container_manager *manager, const char *ref,
                          berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    pthread_mutex_lock(&container->lock);
    bool waiting = container->status.restarting;
    pthread_mutex_unlock(&container->lock);
    if (waiting) {
        return berth_error_set(err, BERTH_E_NOT_MODIFIED, 0, "container %s is restarting",
                               container->id);
    }
    result = container_start_locked(container, err);
    if (result != 0 && result != BERTH_E_NOT_MODIFIED &&
        container->record.host_config.auto_remove && !container_is_running(container)) {
        container_auto_remove(container, 0);
    }
    return result;
}
