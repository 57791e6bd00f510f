/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a data root that an earlier daemon has used: adopt, finish, restart, clean.
 */
#include "container/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "container/monitor.h"
#include "container/start.h"
#include "container/workers.h"
#include "linux/path.h"
#include "plugin/storage.h"

static bool is_id(const char *name)
{
    return strlen(name) == BERTH_ID_LENGTH && strspn(name, "0123456789abcdef") == BERTH_ID_LENGTH;
}

/* ---- garbage ---- */

static void kill_group(struct berth_container_manager *manager, const char *id)
{
    struct berth_linux_cgroup_plan plan = {0};
    berth_error error = BERTH_ERROR_INIT;
    if (manager->cgroups.version == 0) {
        return;
    }
    int result =
        berth_linux_cgroup_plan(&manager->cgroups, manager->cgroup_parent, id, &plan, &error);
    result = result != 0 ? result : berth_linux_cgroup_kill(&plan, &error);
    result = result != 0 ? result : berth_linux_cgroup_remove(&plan, &error);
    berth_linux_cgroup_plan_done(&plan);
    if (result != 0) {
        berth_log(BERTH_LOG_WARN, "cannot remove the stray cgroup of %.12s: %s", id, error.msg);
    }
}

/* Directories of ids that no row knows, and their cgroups. (Groups without a directory of ours are
 * left alone: another daemon may share the parent.) */
static void collect_directories(struct berth_container_manager *manager, const char *root,
                                const struct berth_strv *known)
{
    AUTO_DIR DIR *dir = opendir(root);
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        berth_error error = BERTH_ERROR_INIT;
        if (!is_id(entry->d_name) || berth_strv_contains(known, entry->d_name)) {
            continue;
        }
        kill_group(manager, entry->d_name);
        if (berth_linux_path_remove_tree(dirfd(dir), entry->d_name, &error) != 0) {
            berth_log(BERTH_LOG_WARN, "cannot remove the stray directory %s/%s: %s", root,
                      entry->d_name, error.msg);
        }
    }
}

/* A container's root without a row: empty ones are what a killed create left; one with content may
 * be all that a power loss left of somebody's work, and stays. */
static void collect_roots(struct berth_container_manager *manager, const struct berth_strv *known)
{
    AUTO_STRV struct berth_strv pairs = {0};
    struct berth_sink sink = berth_sink_list(&pairs);
    if (berth_storage_list(manager->config.storage, NULL, &sink, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i + 1 < pairs.count; i += 2) {
        const char *kind = pairs.items[i], *id = pairs.items[i + 1];
        uint64_t bytes = 0;
        if (strcmp(kind, "container") != 0 || berth_strv_contains(known, id)) {
            continue;
        }
        if (berth_storage_usage(manager->config.storage, NULL, BERTH_STORAGE_CONTAINER, id, &bytes,
                                NULL) == 0 &&
            bytes > 0) {
            berth_log(BERTH_LOG_WARN,
                      "storage holds a root of an unknown container (%s, %llu bytes): kept", id,
                      (unsigned long long)bytes);
            continue;
        }
        berth_storage_container_remove(manager->config.storage, NULL, id, NULL);
    }
}

void container_collect_garbage(struct berth_container_manager *manager,
                               const struct berth_strv *known)
{
    collect_directories(manager, manager->state_root, known);
    collect_directories(manager, manager->containers_root, known);
    collect_roots(manager, known);
}

/* ---- adoption ---- */

static void restore_network(struct container *container)
{
    berth_error error = BERTH_ERROR_INIT;
    char path[64];
    const char *mode = container->record.host_config.network_mode;
    bool own = !berth_str_starts(mode, "container:") && !berth_str_equal(mode, "host");
    if (berth_str_starts(mode, "container:")) {
        return;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)container->status.pid);
    if (berth_network_sandbox_restore(container->manager->config.networks, &container->sandbox,
                                      container->name, own ? path : NULL, &error) != 0) {
        container_log_error(container, "taking over its network", &error);
    }
    container_publish_sandbox(container);
}

static void adopt_one(struct container *container)
{
    struct berth_shim_exited exited = {0};
    if (container_adopt(container, &exited) == 1) {
        container->recovered_end = exited;
        container->ended_meanwhile = true;
        return;
    }
    if (container->status.running) {
        restore_network(container);
    }
}

int container_recover(struct berth_container_manager *manager, berth_error *err)
{
    AUTO_STRV struct berth_strv known = {0};
    int result = container_load_all(manager, &known, err);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < manager->container_count; i++) {
        adopt_one(manager->containers[i]);
    }
    container_collect_garbage(manager, &known);
    return 0;
}

/* ---- going on ---- */

/* Docker's rule at a daemon's start: "always" comes back even after a manual stop. */
static bool should_come_back(const struct container *container)
{
    const struct berth_restart_policy *policy = &container->record.host_config.restart_policy;
    const struct container_status *status = &container->status;
    if (status->restarting) {
        return true;
    }
    if (!status->started_before) {
        return false;
    }
    if (berth_str_equal(policy->name, "always")) {
        return true;
    }
    return container_restart_decide(policy->name, policy->maximum_retry_count, status, 0, 0)
        .restart;
}

static void remove_stale(void *arg)
{
    AUTO_CONTAINER struct container *container = arg;
    AUTO_LOCK(&container->action);
    if (!container_is_running(container)) {
        container_auto_remove(container, 0);
    }
}

static void resume_idle(struct container *container)
{
    if (container->record.host_config.auto_remove) {
        workers_submit(container->manager->workers, remove_stale, container_ref(container));
    } else if (should_come_back(container)) {
        pthread_mutex_lock(&container->lock);
        container->status.restarting = true;
        pthread_mutex_unlock(&container->lock);
        container_schedule_restart(container, 0);
    }
}

static void resume_one(struct container *container)
{
    berth_error error = BERTH_ERROR_INIT;
    if (container->ended_meanwhile) {
        container_ended(container, &container->recovered_end);
        return;
    }
    if (!container->status.running) {
        resume_idle(container);
        return;
    }
    container_save_status(container);
    container_adopt_execs(container);
    container_ref(container); /* the link's owner, until closed() */
    if (monitor_watch(container->manager->monitor, container->link, &error) != 0) {
        container_log_error(container, "watching it", &error);
        container_unref(container);
    }
}

void berth_container_manager_resume(struct berth_container_manager *manager)
{
    size_t count = 0;
    struct container **list = container_table_snapshot(manager, &count);
    for (size_t i = count; i > 0; i--) {
        resume_one(list[i - 1]);
    }
    container_list_free(list, count);
}
