/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /system/df: what images, containers and volumes take, in the form until 1.51 (lists) and
 * that from 1.52 on (totals, lists when asked for).
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/image.h"
#include "api/internal.h"
#include "base/cleanup.h"
#include "container/container.h"
#include "image/image.h"
#include "volume/volume.h"

/* Totals of one kind; items is an array of what lists show. */
struct usage {
    int64_t active, total, size, reclaimable;
    struct json_object *items;
};

static const struct berth_json_field usage_fields[] = {
    BERTH_JSON_FIELD(struct usage, active, "ActiveCount", INT64, 0),
    BERTH_JSON_FIELD(struct usage, total, "TotalCount", INT64, 0),
    BERTH_JSON_FIELD(struct usage, reclaimable, "Reclaimable", INT64, 0),
    BERTH_JSON_FIELD(struct usage, size, "TotalSize", INT64, 0),
    BERTH_JSON_FIELD(struct usage, items, "Items", RAW, BERTH_JSON_OMIT_EMPTY),
};
static const struct berth_json_table usage_table =
    BERTH_JSON_TABLE("usage", struct usage, usage_fields);

struct disk_usage {
    bool images_wanted, containers_wanted, volumes_wanted, builds_wanted;
    struct berth_json_list containers; /* of berth_container_summary */
    struct usage images, container, volumes, builds;
};

static void add_item(struct usage *usage, struct json_object *item)
{
    if (usage->items == NULL) {
        usage->items = json_object_new_array();
    }
    if (usage->items == NULL || json_object_array_add(usage->items, item) < 0) {
        json_object_put(item);
    }
}

static int64_t count_containers(const struct disk_usage *disk, const char *image_id)
{
    int64_t count = 0;
    for (size_t i = 0; i < disk->containers.count; i++) {
        const struct berth_container_summary *container = disk->containers.items[i];
        count += berth_str_equal(container->image_id, image_id);
    }
    return count;
}

static int32_t measure_containers(struct berth_http_request *request, struct disk_usage *disk,
                                  berth_error *err)
{
    const struct berth_container_list all = {.all = true, .size = disk->containers_wanted};
    int32_t rc = berth_container_list(berth_api_containers(request), &all, &disk->containers, err);
    if (rc < 0 || !disk->containers_wanted) {
        return rc;
    }
    for (size_t i = 0; i < disk->containers.count; i++) {
        const struct berth_container_summary *container = disk->containers.items[i];
        bool stopped = strcmp(container->state, "running") != 0 &&
                       strcmp(container->state, "paused") != 0 &&
                       strcmp(container->state, "restarting") != 0;
        disk->container.total++;
        disk->container.active += !stopped;
        disk->container.size += container->size_rw;
        disk->container.reclaimable += stopped ? container->size_rw : 0;
        add_item(&disk->container, berth_json_write(&berth_container_summary_table, container,
                                                    berth_http_request_tag(request)));
    }
    return 0;
}

static int32_t measure_images(struct berth_http_request *request, struct disk_usage *disk,
                              berth_error *err)
{
    const struct berth_image_list_options options = {.shared_size = true};
    struct berth_image **images = NULL;
    size_t count = 0;
    int64_t used = 0;
    int32_t rc = berth_image_list(berth_api_images(request), &options, &images, &count, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        struct berth_api_image_summary summary;
        int64_t containers = count_containers(disk, images[i]->id);
        berth_api_image_summarize(images[i], true, containers, &summary);
        disk->images.total++;
        disk->images.active += containers > 0;
        used += containers > 0 ? images[i]->size : 0;
        add_item(&disk->images, berth_json_write(&berth_api_image_summary_table, &summary,
                                                 berth_http_request_tag(request)));
    }
    berth_image_list_free(images, count);
    disk->images.size = berth_image_layers_size(berth_api_images(request));
    disk->images.reclaimable = disk->images.size > used ? disk->images.size - used : 0;
    return 0;
}

static int32_t measure_volumes(struct berth_http_request *request, struct disk_usage *disk,
                               berth_error *err)
{
    const struct berth_strv none = {0};
    struct berth_json_list volumes = {0};
    int32_t rc = berth_volume_list(berth_engine_volumes(berth_api_engine(request)), &none, true,
                                   &volumes, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < volumes.count; i++) {
        const struct berth_volume *volume = volumes.items[i];
        int64_t size = volume->usage != NULL && volume->usage->size > 0 ? volume->usage->size : 0;
        bool used = volume->usage != NULL && volume->usage->ref_count > 0;
        disk->volumes.total++;
        disk->volumes.active += used;
        disk->volumes.size += size;
        disk->volumes.reclaimable += used ? 0 : size;
        add_item(&disk->volumes,
                 berth_json_write(&berth_volume_table, volume, berth_http_request_tag(request)));
    }
    berth_json_list_done(&volumes, &berth_volume_table);
    return 0;
}

/* The array, taken from usage; [] when it is empty. */
static struct json_object *take_items(struct usage *usage)
{
    struct json_object *items = TAKE_PTR(usage->items);
    return items != NULL ? items : json_object_new_array();
}

static struct json_object *old_form(struct disk_usage *disk, int version)
{
    struct json_object *json = json_object_new_object();
    if (json == NULL) {
        return NULL;
    }
    json_object_object_add(json, "LayersSize", json_object_new_int64(disk->images.size));
    json_object_object_add(json, "Images", disk->images_wanted ? take_items(&disk->images) : NULL);
    json_object_object_add(json, "Containers",
                           disk->containers_wanted ? take_items(&disk->container) : NULL);
    json_object_object_add(json, "Volumes",
                           disk->volumes_wanted ? take_items(&disk->volumes) : NULL);
    json_object_object_add(json, "BuildCache",
                           disk->builds_wanted ? json_object_new_array() : NULL);
    if (version < 142) {
        json_object_object_add(json, "BuilderSize", json_object_new_int64(0));
    }
    return json;
}

static struct json_object *new_form(struct disk_usage *disk, bool verbose, int version)
{
    const struct {
        const char *name;
        bool wanted;
        struct usage *usage;
    } parts[] = {
        {"ImageUsage", disk->images_wanted, &disk->images},
        {"ContainerUsage", disk->containers_wanted, &disk->container},
        {"VolumeUsage", disk->volumes_wanted, &disk->volumes},
        {"BuildCacheUsage", disk->builds_wanted, &disk->builds},
    };
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; json != NULL && i < ARRAY_SIZE(parts); i++) {
        if (!verbose) {
            json_object_put(TAKE_PTR(parts[i].usage->items));
        }
        if (parts[i].wanted) {
            json_object_object_add(json, parts[i].name,
                                   berth_json_write(&usage_table, parts[i].usage, version));
        }
    }
    return json;
}

static int32_t read_types(const struct berth_http_request *request, struct disk_usage *disk,
                          berth_error *err)
{
    AUTO_STRV struct berth_strv types = {0};
    if (!berth_http_request_query_all(request, "type", &types)) {
        return berth_error_no_memory(err);
    }
    const struct {
        const char *name;
        bool *wanted;
    } known[] = {
        {"image", &disk->images_wanted},
        {"container", &disk->containers_wanted},
        {"volume", &disk->volumes_wanted},
        {"build-cache", &disk->builds_wanted},
    };
    for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
        *known[k].wanted = types.count == 0 || berth_strv_contains(&types, known[k].name);
    }
    for (size_t i = 0; i < types.count; i++) {
        bool found = false;
        for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
            found = found || strcmp(types.items[i], known[k].name) == 0;
        }
        if (!found) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "unknown object type: %s",
                                   types.items[i]);
        }
    }
    return 0;
}

int32_t berth_api_disk_usage(struct berth_http_request *request, berth_error *err)
{
    struct disk_usage disk = {0};
    int version = berth_http_request_tag(request);
    int32_t rc = read_types(request, &disk, err);
    if (rc == 0 && (disk.containers_wanted || disk.images_wanted)) {
        rc = measure_containers(request, &disk, err);
    }
    if (rc == 0 && disk.images_wanted) {
        rc = measure_images(request, &disk, err);
    }
    if (rc == 0 && disk.volumes_wanted) {
        rc = measure_volumes(request, &disk, err);
    }
    if (rc == 0) {
        bool verbose = berth_http_request_query_bool(request, "verbose", false);
        rc = berth_api_answer_json(
            request, 200,
            version < 152 ? old_form(&disk, version) : new_form(&disk, verbose, version), err);
    }
    berth_json_list_done(&disk.containers, &berth_container_summary_table);
    struct usage *usages[] = {&disk.images, &disk.container, &disk.volumes, &disk.builds};
    for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
        berth_json_done(&usage_table, usages[i]);
    }
    return rc;
}
