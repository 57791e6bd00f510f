/* SPDX-License-Identifier: Apache-2.0
 *
 * POST update: changed limits and restart policy, live where the container runs.
 */
#include <stddef.h>
#include <string.h>

#include "container/create.h"
#include "container/start.h"

#define H struct berth_host_config
static const size_t numbers[] = {
    offsetof(H, cpu_shares),          offsetof(H, memory),
    offsetof(H, nano_cpus),           offsetof(H, blkio_weight),
    offsetof(H, cpu_period),          offsetof(H, cpu_quota),
    offsetof(H, cpu_realtime_period), offsetof(H, cpu_realtime_runtime),
    offsetof(H, memory_reservation),  offsetof(H, memory_swap),
};
static const size_t strings[] = {offsetof(H, cpuset_cpus), offsetof(H, cpuset_mems)};
#undef H

/* Takes over what the request sets. */
static int merge(struct berth_host_config *host, const struct berth_host_config *change,
                 berth_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const int64_t *from = (const void *)((const char *)change + numbers[i]);
        int64_t *to = (void *)((char *)host + numbers[i]);
        *to = *from != 0 ? *from : *to;
    }
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        char *const *from = (const void *)((const char *)change + strings[i]);
        char **to = (void *)((char *)host + strings[i]);
        if (!berth_str_empty(*from)) {
            berth_replace(to, berth_strdup(*from));
        }
    }
    if (change->pids_limit != BERTH_JSON_UNSET && change->pids_limit != 0) {
        host->pids_limit = change->pids_limit;
    }
    if (!berth_str_empty(change->restart_policy.name)) {
        if (host->auto_remove && strcmp(change->restart_policy.name, "no") != 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "Restart policy cannot be updated because AutoRemove is enabled "
                                   "for the container");
        }
        berth_replace(&host->restart_policy.name, berth_strdup(change->restart_policy.name));
        host->restart_policy.maximum_retry_count = change->restart_policy.maximum_retry_count;
    }
    return 0;
}

static int apply(struct container *container, const struct berth_host_config *host,
                 berth_error *err)
{
    struct berth_linux_cgroup_plan plan = {0};
    struct berth_linux_limits limits;
    spec_limits(host, &limits);
    int result = container_cgroup_plan(container, &plan, err);
    result = result != 0 ? result
                         : berth_linux_cgroup_plan_limits(&container->manager->cgroups, &limits,
                                                          &plan, err);
    result = result != 0 ? result : berth_linux_cgroup_plan_apply(&plan, err);
    berth_linux_cgroup_plan_done(&plan);
    return result;
}

int berth_container_update(struct berth_container_manager *manager, const char *ref,
                           const struct berth_host_config *change, struct berth_strv *ret_warnings,
                           berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    struct berth_host_config host;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    berth_json_init(&berth_host_config_table, &host);
    result = berth_json_copy(&berth_host_config_table, &container->record.host_config, &host, err);
    result = result != 0 ? result : merge(&host, change, err);
    result = result != 0 ? result : container_host_config_check(&host, err);
    if (result == 0 && container_is_running(container) && manager->cgroups.version != 0) {
        result = apply(container, &host, err);
    }
    if (result == 0) {
        pthread_mutex_lock(&container->lock);
        struct berth_host_config old = container->record.host_config;
        container->record.host_config = host;
        host = old;
        pthread_mutex_unlock(&container->lock);
        result = container_save(container, err);
    }
    berth_json_done(&berth_host_config_table, &host);
    if (result == 0) {
        container_event(container, "update", NULL, NULL);
    }
    return result;
}
