/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /containers/{id}/json: a copy of everything, made under the container's short lock.
 */
#include "container/inspect.h"

#include <string.h>

#include "container/list.h"
#include "image/image.h"
#include "oci/network_config.h"
#include "plugin/storage.h"

static char *time_text(int64_t time)
{
    char text[BERTH_TIME_TEXT];
    return berth_strdup(berth_time_format(time, text));
}

static void fill_state(const struct container *container, struct berth_container_state *state)
{
    const struct container_status *status = &container->status;
    state->status = berth_strdup(container_state_word(container));
    /* a container between two runs counts as running, as Docker's clients expect */
    state->running = status->running || status->restarting;
    state->paused = status->paused;
    state->restarting = status->restarting;
    state->oom_killed = status->oom_killed;
    state->dead = status->dead;
    state->pid = status->pid;
    state->exit_code = status->exit_code;
    state->error = berth_strdup(status->error);
    state->started_at = time_text(status->started_at);
    state->finished_at = time_text(status->finished_at);
}

static int copy_map(const struct berth_json_table *table, const struct berth_json_map *from,
                    struct berth_json_map *to, berth_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        void *slot = berth_json_map_add(to, from->keys[i], table);
        if (slot == NULL) {
            return berth_error_no_memory(err);
        }
        int result = berth_json_copy(table, from->values[i], slot, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* "80/tcp" to its bindings; exposed ones have an empty list. */
static int copy_ports(const struct berth_json_map *from, struct berth_json_map *to,
                      berth_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct berth_json_list *bindings = from->values[i];
        struct berth_json_list *slot = berth_json_map_add(to, from->keys[i], NULL);
        if (slot == NULL) {
            return berth_error_no_memory(err);
        }
        for (size_t k = 0; bindings != NULL && k < bindings->count; k++) {
            void *binding = berth_json_list_add(slot, &berth_port_binding_table);
            if (binding == NULL) {
                return berth_error_no_memory(err);
            }
            int result =
                berth_json_copy(&berth_port_binding_table, bindings->items[k], binding, err);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static int fill_network(const struct container *container, struct berth_network_settings *settings,
                        berth_error *err)
{
    const struct berth_sandbox *sandbox = &container->sandbox_view;
    const struct berth_endpoint_settings *bridge =
        berth_json_map_get(&sandbox->endpoints, "bridge");
    settings->sandbox_id = berth_strdup(sandbox->id);
    settings->sandbox_key = berth_strdup(sandbox->key);
    if (bridge != NULL) {
        settings->endpoint_id = berth_strdup(bridge->endpoint_id);
        settings->gateway = berth_strdup(bridge->gateway);
        settings->global_ipv6_address = berth_strdup(bridge->global_ipv6_address);
        settings->global_ipv6_prefix_len = (int32_t)bridge->global_ipv6_prefix_len;
        settings->ip_address = berth_strdup(bridge->ip_address);
        settings->ip_prefix_len = (int32_t)bridge->ip_prefix_len;
        settings->ipv6_gateway = berth_strdup(bridge->ipv6_gateway);
        settings->mac_address = berth_strdup(bridge->mac_address);
    }
    int result = copy_ports(&sandbox->ports, &settings->ports, err);
    return result != 0 ? result
                       : copy_map(&berth_endpoint_settings_table, &sandbox->endpoints,
                                  &settings->networks, err);
}

static int fill_configs(const struct container *container, struct berth_container_inspect *ret,
                        berth_error *err)
{
    const struct container_record *record = &container->record;
    ret->config = berth_json_new(&berth_container_config_table);
    ret->host_config = berth_json_new(&berth_host_config_table);
    if (ret->config == NULL || ret->host_config == NULL) {
        return berth_error_no_memory(err);
    }
    int result = berth_json_copy(&berth_container_config_table, &record->config, ret->config, err);
    return result != 0 ? result
                       : berth_json_copy(&berth_host_config_table, &record->host_config,
                                         ret->host_config, err);
}

static void fill_paths(const struct container *container, struct berth_container_inspect *ret)
{
    AUTO_FREE char *log = berth_format("%s-json.log", container->id);
    if (container->status.started_before) {
        ret->resolv_conf_path = container_data_path(container, "resolv.conf");
        ret->hostname_path = container_data_path(container, "hostname");
        ret->hosts_path = container_data_path(container, "hosts");
    }
    if (container->record.has_log_file && container->status.started_before && log != NULL) {
        ret->log_path = container_data_path(container, log);
    }
}

/* Under the lock. */
static int fill_inspect(const struct container *container, struct berth_container_inspect *ret,
                        berth_error *err)
{
    const struct container_record *record = &container->record;
    ret->id = berth_strdup(container->id);
    ret->created = time_text(record->created);
    ret->path = berth_strdup(record->path);
    ret->image = berth_strdup(record->image_id);
    ret->name = berth_format("/%s", container->name);
    ret->restart_count = container->status.restart_count;
    ret->driver = berth_strdup(record->driver);
    ret->platform = berth_strdup(record->platform);
    ret->graph_driver.name = berth_strdup(record->driver);
    if (ret->id == NULL || ret->created == NULL || ret->name == NULL ||
        !berth_strv_extend(&ret->args, &record->args)) {
        return berth_error_no_memory(err);
    }
    fill_state(container, &ret->state);
    fill_paths(container, ret);
    int result = fill_configs(container, ret, err);
    result = result != 0 ? result : container_mount_points(record, &ret->mounts, err);
    return result != 0 ? result : fill_network(container, &ret->network_settings, err);
}

static void fill_sizes(struct container *container, struct berth_container_inspect *ret)
{
    struct berth_container_manager *manager = container->manager;
    AUTO_IMAGE struct berth_image *image = NULL;
    uint64_t bytes = 0;
    if (berth_storage_usage(manager->config.storage, NULL, BERTH_STORAGE_CONTAINER, container->id,
                            &bytes, NULL) == 0) {
        ret->size_rw = (int64_t)bytes;
    }
    if (ret->image != NULL &&
        berth_image_lookup(manager->config.images, ret->image, &image, NULL) == 0) {
        ret->size_root_fs = ret->size_rw + image->size;
    }
}

int berth_container_inspect(struct berth_container_manager *manager, const char *ref, bool size,
                            struct berth_container_inspect *ret, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    struct berth_container_inspect inspect;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    berth_json_init(&berth_container_inspect_table, &inspect);
    pthread_mutex_lock(&container->lock);
    result = fill_inspect(container, &inspect, err);
    pthread_mutex_unlock(&container->lock);
    result = result != 0 ? result : container_exec_ids(container, &inspect.exec_ids, err);
    if (result != 0) {
        berth_json_done(&berth_container_inspect_table, &inspect);
        return result;
    }
    if (size) {
        fill_sizes(container, &inspect);
    }
    *ret = inspect;
    return 0;
}
