/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading containers back from the store.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/log.h"
#include "container/create.h"
#include "container/recover.h"
#include "store/store.h"

struct load {
    struct berth_container_manager *manager;
    struct berth_strv *known;
};

static int parse_row(struct container *container, const struct berth_store_row *row,
                     berth_error *err)
{
    struct container_record *record = &container->record;
    int result =
        berth_json_read_text(&container_record_table, row->document, row->length, record, err);
    if (result != 0) {
        return result;
    }
    container->name = berth_strdup(record->name);
    return container->name == NULL ? berth_error_no_memory(err) : 0;
}

static int32_t load_row(void *arg, const struct berth_store_row *row, berth_error *err)
{
    struct load *load = arg;
    berth_error error = BERTH_ERROR_INIT;
    if (strlen(row->id) != BERTH_ID_LENGTH || !berth_strv_add(load->known, row->id)) {
        return berth_error_set(err, BERTH_E_DATA, 0, "a stored container has a bad id: %s",
                               row->id);
    }
    AUTO_CONTAINER struct container *container = container_new(load->manager, row->id);
    if (container == NULL) {
        return berth_error_no_memory(err);
    }
    if (parse_row(container, row, &error) != 0) {
        /* one broken row must not hide all others */
        berth_log(BERTH_LOG_ERROR, "container %s: cannot read its record: %s", row->id, error.msg);
        return 0;
    }
    if (!berth_str_equal(container->record.driver, load->manager->storage_name)) {
        return 0;
    }
    return container_table_add(load->manager, container, err);
}

static int load_status(struct container *container, berth_error *err)
{
    AUTO_FREE char *text = NULL;
    int result = berth_store_get(container->manager->config.store, CONTAINER_STATUS_KIND,
                                 container->id, &text, err);
    if (result != 0) {
        return result;
    }
    result =
        berth_json_read_text(&container_status_table, text, strlen(text), &container->status, err);
    if (result == 0 && container->status.sandbox != NULL) {
        result = berth_json_read(&berth_sandbox_table, container->status.sandbox,
                                 &container->sandbox, err);
    }
    container_publish_sandbox(container);
    return result;
}

static int compare_created(const void *a, const void *b)
{
    const struct container *const *left = a, *const *right = b;
    int64_t x = (*left)->record.created, y = (*right)->record.created;
    return x < y ? -1 : x > y;
}

int container_load_all(struct berth_container_manager *manager, struct berth_strv *ret_known,
                       berth_error *err)
{
    struct load load = {.manager = manager, .known = ret_known};
    int result = berth_store_list(manager->config.store, CONTAINER_KIND, load_row, &load, err);
    if (result != 0) {
        return result;
    }
    if (manager->container_count > 1) {
        qsort(manager->containers, manager->container_count, sizeof(void *), compare_created);
    }
    for (size_t i = 0; i < manager->container_count; i++) {
        struct container *container = manager->containers[i];
        berth_error error = BERTH_ERROR_INIT;
        if (load_status(container, &error) != 0 || container_mounts_use(container, &error) != 0) {
            container_log_error(container, "loading it", &error);
        }
    }
    return 0;
}
