/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes.
 */
#include "volume/volume.h"

#include <json-c/json.h>

#include "api/internal.h"
#include "base/cleanup.h"

#define NAME(request) berth_http_request_param(request, "name")

static struct berth_volume_manager *volumes_of(const struct berth_http_request *request)
{
    return berth_engine_volumes(berth_api_engine(request));
}

struct volume_list {
    struct berth_json_list volumes;
    struct berth_strv warnings;
};

static const struct berth_json_field list_fields[] = {
    BERTH_JSON_NESTED(struct volume_list, volumes, "Volumes", LIST, 0, berth_volume_table),
    BERTH_JSON_FIELD(struct volume_list, warnings, "Warnings", STRV, BERTH_JSON_NULL_EMPTY),
};
static const struct berth_json_table list_table =
    BERTH_JSON_TABLE("VolumeList", struct volume_list, list_fields);

int32_t berth_api_volume_list(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct volume_list list = {0};
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0) {
        rc = berth_volume_list(volumes_of(request), &filters, false, &list.volumes, err);
    }
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &list_table, &list, err);
    }
    berth_json_done(&list_table, &list);
    return rc;
}

int32_t berth_api_volume_create(struct berth_http_request *request, berth_error *err)
{
    struct berth_volume_create wanted;
    struct berth_volume volume;
    struct json_object *json = NULL;
    berth_json_init(&berth_volume_create_table, &wanted);
    berth_json_init(&berth_volume_table, &volume);
    int32_t rc = berth_api_body_json(request, true, &json, err);
    if (rc == 0 && json != NULL) {
        rc = berth_json_read(&berth_volume_create_table, json, &wanted, err);
    }
    json_object_put(json);
    if (rc == 0) {
        rc = berth_volume_create(volumes_of(request), &wanted, &volume, err);
    }
    if (rc == 0) {
        rc = berth_api_answer(request, 201, &berth_volume_table, &volume, err);
    }
    berth_json_done(&berth_volume_create_table, &wanted);
    berth_json_done(&berth_volume_table, &volume);
    return rc;
}

int32_t berth_api_volume_inspect(struct berth_http_request *request, berth_error *err)
{
    struct berth_volume volume;
    berth_json_init(&berth_volume_table, &volume);
    int32_t rc = berth_volume_inspect(volumes_of(request), NAME(request), &volume, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &berth_volume_table, &volume, err);
    }
    berth_json_done(&berth_volume_table, &volume);
    return rc;
}

int32_t berth_api_volume_remove(struct berth_http_request *request, berth_error *err)
{
    bool force = berth_http_request_query_bool(request, "force", false);
    int32_t rc = berth_volume_remove(volumes_of(request), NAME(request), force, err);
    if (rc == 0) {
        berth_http_respond_empty(request, 204);
    }
    return rc;
}

/* Only cluster volumes can be updated. */
int32_t berth_api_volume_update(struct berth_http_request *request, berth_error *err)
{
    return berth_api_swarm_inactive(request, err);
}

int32_t berth_api_volume_prune(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    AUTO_STRV struct berth_strv names = {0};
    int64_t bytes = 0;
    int32_t rc = berth_api_filters(request, &filters, err);
    /* until 1.41 named volumes went too */
    if (rc == 0 && berth_http_request_tag(request) < 142 && !berth_strv_add(&filters, "all=true")) {
        rc = berth_error_no_memory(err);
    }
    if (rc == 0) {
        rc = berth_volume_prune(volumes_of(request), &filters, &names, &bytes, err);
    }
    struct json_object *json = rc == 0 ? json_object_new_object() : NULL;
    if (json != NULL) {
        json_object_object_add(json, "VolumesDeleted", berth_api_strings(&names));
        json_object_object_add(json, "SpaceReclaimed", json_object_new_int64(bytes));
    }
    return rc < 0 ? rc : berth_api_answer_json(request, 200, json, err);
}
