/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of containers: each is copied under its own short lock; nobody's slow work is waited for.
 */
#include "container/list.h"

#include <string.h>

#include "image/image.h"
#include "oci/network_config.h"
#include "plugin/storage.h"

const char *container_state_word(const struct container *container)
{
    const struct container_status *status = &container->status;
    if (status->running) {
        return status->paused ? "paused" : "running";
    }
    if (status->restarting) {
        return "restarting";
    }
    if (container->removing) {
        return "removing";
    }
    if (status->dead) {
        return "dead";
    }
    return status->started_at == 0 ? "created" : "exited";
}

char *container_status_text(const struct container *container, int64_t now)
{
    const struct container_status *status = &container->status;
    char text[BERTH_TIME_TEXT];
    if (status->running) {
        berth_duration_human(now - status->started_at, text);
        return berth_format("Up %s%s", text, status->paused ? " (Paused)" : "");
    }
    if (status->restarting) {
        berth_duration_human(now - status->finished_at, text);
        return berth_format("Restarting (%d) %s ago", (int)status->exit_code, text);
    }
    if (container->removing) {
        return berth_strdup("Removal In Progress");
    }
    if (status->dead) {
        return berth_strdup("Dead");
    }
    if (status->started_at == 0) {
        return berth_strdup("Created");
    }
    berth_duration_human(now - status->finished_at, text);
    return berth_format("Exited (%d) %s ago", (int)status->exit_code, text);
}

/* Words with white space or quotes in single quotes, as dockerd joins them. */
char *container_command_text(const struct container_record *record)
{
    AUTO_STRV struct berth_strv words = {0};
    bool complete = berth_strv_add(&words, record->path != NULL ? record->path : "");
    for (size_t i = 0; complete && i < record->args.count; i++) {
        const char *word = record->args.items[i];
        bool spaced = strpbrk(word, " \t\n") != NULL;
        complete = spaced ? berth_strv_addf(&words, "'%s'", word) : berth_strv_add(&words, word);
    }
    return complete ? berth_strv_join(&words, " ") : NULL;
}

int container_mount_points(const struct container_record *record, struct berth_json_list *ret,
                           berth_error *err)
{
    for (size_t i = 0; i < record->mounts.count; i++) {
        const struct mount_record *mount = record->mounts.items[i];
        struct berth_mount_point *point = berth_json_list_add(ret, &berth_mount_point_table);
        if (point == NULL) {
            return berth_error_no_memory(err);
        }
        point->type = berth_strdup(mount->type);
        point->name = berth_strdup(mount->name);
        point->source = berth_strdup(mount->source);
        point->destination = berth_strdup(mount->destination);
        point->driver = berth_strdup(mount->driver);
        point->mode = berth_strdup(mount->mode);
        point->rw = mount->writable;
        point->propagation = berth_strdup(mount->propagation);
    }
    return 0;
}

/* 0 for what is no number. */
static int32_t port_number(const char *text)
{
    unsigned long number = text != NULL ? strtoul(text, NULL, 10) : 0;
    return number <= UINT16_MAX ? (int32_t)number : 0;
}

/* Published and exposed ports of a running container, one line each. */
static bool add_ports(const struct berth_json_map *ports, struct berth_json_list *ret)
{
    for (size_t i = 0; i < ports->count; i++) {
        const struct berth_json_list *bindings = ports->values[i];
        const char *slash = strchr(ports->keys[i], '/');
        size_t count = bindings != NULL ? bindings->count : 0;
        for (size_t k = 0; k < (count > 0 ? count : 1); k++) {
            struct berth_port_summary *port = berth_json_list_add(ret, &berth_port_summary_table);
            if (port == NULL) {
                return false;
            }
            port->private_port = port_number(ports->keys[i]);
            port->type = berth_strdup(slash != NULL ? slash + 1 : "tcp");
            if (count > 0) {
                const struct berth_port_binding *binding = bindings->items[k];
                port->ip = berth_strdup(binding->host_ip);
                port->public_port = port_number(binding->host_port);
            }
        }
    }
    return true;
}

static int copy_endpoints(const struct berth_json_map *from, struct berth_json_map *to,
                          berth_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        void *slot = berth_json_map_add(to, from->keys[i], &berth_endpoint_settings_table);
        if (slot == NULL) {
            return berth_error_no_memory(err);
        }
        int result = berth_json_copy(&berth_endpoint_settings_table, from->values[i], slot, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* Under the lock. */
static int summarise(struct container *container, int64_t now, struct berth_container_summary *ret,
                     berth_error *err)
{
    const struct container_record *record = &container->record;
    ret->id = berth_strdup(container->id);
    ret->image = berth_strdup(record->config.image);
    ret->image_id = berth_strdup(record->image_id);
    ret->command = container_command_text(record);
    ret->created = record->created / BERTH_NANOSECONDS;
    ret->state = berth_strdup(container_state_word(container));
    ret->status = container_status_text(container, now);
    ret->host_config.network_mode = berth_strdup(record->host_config.network_mode);
    if (ret->id == NULL || ret->command == NULL || ret->state == NULL || ret->status == NULL ||
        !berth_strv_addf(&ret->names, "/%s", container->name) ||
        !berth_strmap_merge(&ret->labels, &record->config.labels) ||
        !berth_strmap_merge(&ret->host_config.annotations, &record->host_config.annotations) ||
        !add_ports(&container->sandbox_view.ports, &ret->ports)) {
        return berth_error_no_memory(err);
    }
    int result =
        copy_endpoints(&container->sandbox_view.endpoints, &ret->network_settings.networks, err);
    return result != 0 ? result : container_mount_points(record, &ret->mounts, err);
}

/* An image whose name has moved on is shown by its id, as Docker does. */
static void refresh_image_name(struct berth_container_manager *manager,
                               struct berth_container_summary *summary)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    if (berth_str_empty(summary->image) || berth_str_empty(summary->image_id) ||
        berth_str_equal(summary->image, summary->image_id)) {
        return;
    }
    if (berth_image_lookup(manager->config.images, summary->image, &image, NULL) != 0 ||
        !berth_str_equal(image->id, summary->image_id)) {
        char *id = berth_strdup(summary->image_id);
        if (id != NULL) {
            berth_replace(&summary->image, id);
        }
    }
}

static void fill_sizes(struct berth_container_manager *manager, const struct container *container,
                       struct berth_container_summary *summary)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    uint64_t bytes = 0;
    if (berth_storage_usage(manager->config.storage, NULL, BERTH_STORAGE_CONTAINER, container->id,
                            &bytes, NULL) == 0) {
        summary->size_rw = (int64_t)bytes;
    }
    if (summary->image_id != NULL &&
        berth_image_lookup(manager->config.images, summary->image_id, &image, NULL) == 0) {
        summary->size_root_fs = summary->size_rw + image->size;
    }
}

struct list_request {
    const struct berth_container_list *options;
    const struct berth_strv *filters;
    bool all;
    int64_t now;
};

/* Appends one if it passes. 1: appended. */
static int list_one(struct container *container, const struct list_request *request,
                    struct berth_json_list *list, berth_error *err)
{
    struct berth_container_summary *summary = NULL;
    pthread_mutex_lock(&container->lock);
    bool shown = !container->removed &&
                 (request->all || container->status.running || container->status.restarting);
    int result = shown ? container_matches(container, request->filters, err) : 0;
    if (result == 1) {
        summary = berth_json_list_add(list, &berth_container_summary_table);
        result = summary == NULL ? berth_error_no_memory(err)
                                 : summarise(container, request->now, summary, err);
        result = result == 0 ? 1 : result;
    }
    pthread_mutex_unlock(&container->lock);
    if (result == 1) {
        refresh_image_name(container->manager, summary);
        if (request->options->size) {
            fill_sizes(container->manager, container, summary);
        }
    }
    return result;
}

int berth_container_list(struct berth_container_manager *manager,
                         const struct berth_container_list *options, struct berth_json_list *ret,
                         berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct berth_json_list list = {0};
    size_t count = 0;
    int result = container_filters_check(&options->filters, err);
    result =
        result != 0 ? result : container_filters_resolve(manager, &options->filters, &filters, err);
    if (result != 0) {
        return result;
    }
    struct list_request request = {.options = options,
                                   .filters = &filters,
                                   .all = options->all || options->limit > 0 ||
                                          container_filters_want_all(&filters),
                                   .now = berth_time_now()};
    struct container **all = container_table_snapshot(manager, &count);
    for (size_t i = 0; i < count && result >= 0; i++) {
        result = list_one(all[i], &request, &list, err);
        if (options->limit > 0 && list.count >= (size_t)options->limit) {
            break;
        }
    }
    container_list_free(all, count);
    if (result < 0) {
        berth_json_list_done(&list, &berth_container_summary_table);
        return result;
    }
    *ret = list;
    return 0;
}

void berth_container_count(struct berth_container_manager *manager,
                           struct berth_container_counts *ret)
{
    size_t count = 0;
    struct container **all = container_table_snapshot(manager, &count);
    *ret = (struct berth_container_counts){.total = (int64_t)count};
    for (size_t i = 0; i < count; i++) {
        AUTO_LOCK(&all[i]->lock);
        const struct container_status *status = &all[i]->status;
        ret->paused += status->running && status->paused;
        ret->running += (status->running && !status->paused) || status->restarting;
        ret->stopped += !status->running && !status->restarting;
    }
    container_list_free(all, count);
}

bool container_uses_image(void *data, const char *image_id, bool running, char ret_container_id[65])
{
    size_t count = 0;
    bool used = false;
    struct container **all = container_table_snapshot(data, &count);
    for (size_t i = 0; i < count && !used; i++) {
        used = berth_str_equal(all[i]->record.image_id, image_id) &&
               (!running || container_is_running(all[i]));
        if (used) {
            memcpy(ret_container_id, all[i]->id, BERTH_ID_LENGTH + 1);
        }
    }
    container_list_free(all, count);
    return used;
}

int berth_container_resolve(struct berth_container_manager *manager, const char *ref, char **ret_id,
                            berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    char *id = berth_strdup(container->id);
    if (id == NULL) {
        return berth_error_no_memory(err);
    }
    *ret_id = id;
    return 0;
}

int berth_container_has_tty(struct berth_container_manager *manager, const char *ref, bool *ret_tty,
                            berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result == 0) {
        *ret_tty = container->record.config.tty; /* constant */
    }
    return result;
}
