/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of all containers: references, lookup by id, prefix and name, names in use.
 */
#include <string.h>

#include "base/log.h"
#include "container/internal.h"

struct container *container_ref(struct container *container)
{
    atomic_fetch_add_explicit(&container->references, 1, memory_order_relaxed);
    return container;
}

static void container_free(struct container *container)
{
    while (container->clients != NULL) {
        struct pending_client *next = container->clients->next;
        close(container->clients->fd);
        free(container->clients->early);
        free(container->clients);
        container->clients = next;
    }
    berth_sandbox_done(&container->sandbox);
    berth_sandbox_done(&container->sandbox_view);
    berth_json_done(&container_record_table, &container->record);
    berth_json_done(&container_status_table, &container->status);
    free(container->name);
    pthread_cond_destroy(&container->changed);
    pthread_mutex_destroy(&container->lock);
    pthread_mutex_destroy(&container->save);
    pthread_mutex_destroy(&container->action);
    free(container);
}

void container_unref(struct container *container)
{
    if (container != NULL &&
        atomic_fetch_sub_explicit(&container->references, 1, memory_order_acq_rel) == 1) {
        container_free(container);
    }
}

struct container *container_new(struct berth_container_manager *manager, const char *id)
{
    struct container *container = calloc(1, sizeof(*container));
    if (container == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    container->manager = manager;
    memcpy(container->id, id, BERTH_ID_LENGTH);
    atomic_init(&container->references, 1);
    pthread_mutex_init(&container->action, NULL);
    pthread_mutex_init(&container->save, NULL);
    pthread_mutex_init(&container->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&container->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    berth_sandbox_init(&container->sandbox);
    berth_sandbox_init(&container->sandbox_view);
    berth_json_init(&container_record_table, &container->record);
    berth_json_init(&container_status_table, &container->status);
    container->torn_down = true;
    container->next_client = 1;
    return container;
}

/* Under manager->lock. Exact id or name first, then a unique prefix of an id. */
static struct container *find_locked(struct berth_container_manager *manager, const char *ref,
                                     bool *ret_ambiguous)
{
    size_t length = strlen(ref);
    struct container *prefix = NULL;
    *ret_ambiguous = false;
    for (size_t i = 0; i < manager->container_count; i++) {
        struct container *container = manager->containers[i];
        if (strcmp(container->id, ref) == 0 || strcmp(container->name, ref) == 0) {
            return container;
        }
    }
    for (size_t i = 0; i < manager->container_count; i++) {
        if (strncmp(manager->containers[i]->id, ref, length) == 0) {
            if (prefix != NULL) {
                *ret_ambiguous = true;
                return NULL;
            }
            prefix = manager->containers[i];
        }
    }
    return prefix;
}

int container_find(struct berth_container_manager *manager, const char *ref,
                   struct container **ret_container, berth_error *err)
{
    const char *name = ref != NULL && ref[0] == '/' ? ref + 1 : ref;
    bool ambiguous = false;
    if (berth_str_empty(name)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "No container name or ID supplied");
    }
    pthread_mutex_lock(&manager->lock);
    struct container *found = find_locked(manager, name, &ambiguous);
    if (found != NULL) {
        container_ref(found);
    }
    pthread_mutex_unlock(&manager->lock);
    if (ambiguous) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Multiple IDs found with provided prefix: %s", ref);
    }
    if (found == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such container: %s", ref);
    }
    *ret_container = found;
    return 0;
}

int container_table_add(struct berth_container_manager *manager, struct container *container,
                        berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    if (manager->container_count == manager->container_capacity) {
        size_t capacity = manager->container_capacity == 0 ? 16 : manager->container_capacity * 2;
        struct container **grown = realloc(manager->containers, capacity * sizeof(*grown));
        if (grown == NULL) {
            return berth_error_no_memory(err);
        }
        manager->containers = grown;
        manager->container_capacity = capacity;
    }
    manager->containers[manager->container_count++] = container_ref(container);
    return 0;
}

void container_table_remove(struct berth_container_manager *manager, struct container *container)
{
    bool found = false;
    pthread_mutex_lock(&manager->lock);
    for (size_t i = 0; i < manager->container_count; i++) {
        if (manager->containers[i] == container) {
            memmove(&manager->containers[i], &manager->containers[i + 1],
                    (manager->container_count - i - 1) * sizeof(*manager->containers));
            manager->container_count--;
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&manager->lock);
    if (found) {
        container_unref(container);
    }
}

struct container **container_table_snapshot(struct berth_container_manager *manager,
                                            size_t *ret_count)
{
    AUTO_LOCK(&manager->lock);
    size_t count = manager->container_count;
    struct container **list = calloc(count + 1, sizeof(*list));
    if (list == NULL) {
        *ret_count = 0;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = container_ref(manager->containers[count - 1 - i]);
    }
    *ret_count = count;
    return list;
}

void container_list_free(struct container **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        container_unref(list[i]);
    }
    free(list);
}

int container_name_reserve(struct berth_container_manager *manager, const char *name,
                           const char *id, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    const char *owner = NULL;
    for (size_t i = 0; i < manager->container_count && owner == NULL; i++) {
        if (strcmp(manager->containers[i]->name, name) == 0) {
            owner = manager->containers[i]->id;
        }
    }
    if (owner == NULL) {
        owner = berth_strv_env(&manager->reserved_names, name);
    }
    if (owner != NULL) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "Conflict. The container name \"/%s\" is already in use by "
                               "container \"%s\". You have to remove (or rename) that container "
                               "to be able to reuse that name.",
                               name, owner);
    }
    /* names hold no "=", so NAME=ID works as an environment does */
    if (!berth_strv_addf(&manager->reserved_names, "%s=%s", name, id)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

void container_name_release(struct berth_container_manager *manager, const char *name)
{
    AUTO_LOCK(&manager->lock);
    size_t length = strlen(name);
    for (size_t i = 0; i < manager->reserved_names.count; i++) {
        const char *item = manager->reserved_names.items[i];
        if (strncmp(item, name, length) == 0 && item[length] == '=') {
            berth_strv_remove(&manager->reserved_names, i);
            return;
        }
    }
}

char *container_state_dir(const struct container *container)
{
    return berth_format("%s/%s", container->manager->state_root, container->id);
}

char *container_data_dir(const struct container *container)
{
    return berth_format("%s/%s", container->manager->containers_root, container->id);
}

char *container_data_path(const struct container *container, const char *name)
{
    return berth_format("%s/%s/%s", container->manager->containers_root, container->id, name);
}

void container_log_error(const struct container *container, const char *doing,
                         const berth_error *error)
{
    berth_log(BERTH_LOG_WARN, "container %.12s: %s: %s", container->id, doing, error->msg);
}
