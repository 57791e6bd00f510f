/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers: create, list, look at, update, remove.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "container/container.h"
#include "oci/create_body.h"

#define REF(request) berth_http_request_param(request, "id")

/* since= and before= stood beside filters once. */
static bool add_old_filters(const struct berth_http_request *request, struct berth_strv *filters)
{
    static const char *const keys[] = {"since", "before"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = berth_http_request_query(request, keys[i]);
        if (!berth_str_empty(value) && !berth_strv_addf(filters, "%s=%s", keys[i], value)) {
            return false;
        }
    }
    return true;
}

int32_t berth_api_container_list(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_list options = {
        .all = berth_http_request_query_bool(request, "all", false),
        .size = berth_http_request_query_bool(request, "size", false),
    };
    struct berth_json_list list = {0};
    int64_t limit = 0;
    int32_t rc = berth_api_query_number(request, "limit", 0, &limit, err);
    if (rc == 0) {
        options.limit = (int32_t)limit;
        rc = berth_api_filters(request, &options.filters, err);
    }
    if (rc == 0 && !add_old_filters(request, &options.filters)) {
        rc = berth_error_no_memory(err);
    }
    if (rc == 0) {
        rc = berth_container_list(berth_api_containers(request), &options, &list, err);
    }
    if (rc == 0) {
        rc = berth_api_answer_list(request, &berth_container_summary_table, &list, err);
        berth_json_list_done(&list, &berth_container_summary_table);
    }
    berth_strv_done(&options.filters);
    return rc;
}

static int32_t create(struct berth_http_request *request, const struct berth_create_body *body,
                      berth_error *err)
{
    const struct berth_container_create wanted = {
        .name = berth_http_request_query(request, "name"),
        .platform = berth_http_request_query(request, "platform"),
        .config = &body->config,
        .host_config = &body->host,
        .networking = &body->networking,
    };
    struct berth_container_created created;
    berth_json_init(&berth_container_created_table, &created);
    int32_t rc = berth_container_create(berth_api_containers(request), &wanted, &created, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 201, &berth_container_created_table, &created, err);
    }
    berth_json_done(&berth_container_created_table, &created);
    return rc;
}

int32_t berth_api_container_create(struct berth_http_request *request, berth_error *err)
{
    AUTO_CREATE_BODY struct berth_create_body body;
    struct json_object *json = NULL;
    berth_oci_create_body_init(&body);
    int32_t rc = berth_api_body_json(request, false, &json, err);
    if (rc == 0) {
        rc = berth_oci_create_body_read(json, &body, err);
    }
    json_object_put(json);
    return rc < 0 ? rc : create(request, &body, err);
}

int32_t berth_api_container_inspect(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_inspect inspect;
    bool size = berth_http_request_query_bool(request, "size", false);
    berth_json_init(&berth_container_inspect_table, &inspect);
    int32_t rc =
        berth_container_inspect(berth_api_containers(request), REF(request), size, &inspect, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &berth_container_inspect_table, &inspect, err);
    }
    berth_json_done(&berth_container_inspect_table, &inspect);
    return rc;
}

int32_t berth_api_container_top(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_top top = {0};
    const char *arguments = berth_http_request_query(request, "ps_args");
    int32_t rc = berth_container_top(berth_api_containers(request), REF(request),
                                     berth_str_empty(arguments) ? NULL : arguments, &top, err);
    if (rc == 0) {
        rc = berth_api_answer_json(request, 200, berth_container_top_json(&top), err);
        berth_container_top_done(&top);
    }
    return rc;
}

static int32_t answer_warnings(struct berth_http_request *request,
                               const struct berth_strv *warnings, berth_error *err)
{
    struct json_object *json = json_object_new_object();
    if (json != NULL) {
        json_object_object_add(json, "Warnings", berth_api_strings(warnings));
    }
    return berth_api_answer_json(request, 200, json, err);
}

int32_t berth_api_container_update(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv warnings = {0};
    struct berth_host_config change;
    berth_json_init(&berth_host_config_table, &change);
    int32_t rc = berth_api_body(request, &berth_host_config_table, &change, err);
    if (rc == 0) {
        rc = berth_container_update(berth_api_containers(request), REF(request), &change, &warnings,
                                    err);
    }
    berth_json_done(&berth_host_config_table, &change);
    return rc < 0 ? rc : answer_warnings(request, &warnings, err);
}

int32_t berth_api_container_remove(struct berth_http_request *request, berth_error *err)
{
    const struct berth_container_remove options = {
        .force = berth_http_request_query_bool(request, "force", false),
        .volumes = berth_http_request_query_bool(request, "v", false),
        .link = berth_http_request_query_bool(request, "link", false),
    };
    int32_t rc = berth_container_remove(berth_api_containers(request), REF(request), &options, err);
    if (rc == 0) {
        berth_http_respond_empty(request, 204);
    }
    return rc;
}

int32_t berth_api_container_prune(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    AUTO_STRV struct berth_strv ids = {0};
    int64_t bytes = 0;
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0) {
        rc = berth_container_prune(berth_api_containers(request), &filters, &ids, &bytes, err);
    }
    struct json_object *json = rc == 0 ? json_object_new_object() : NULL;
    if (json != NULL) {
        json_object_object_add(json, "ContainersDeleted",
                               ids.count > 0 ? berth_api_strings(&ids) : NULL);
        json_object_object_add(json, "SpaceReclaimed", json_object_new_int64(bytes));
    }
    return rc < 0 ? rc : berth_api_answer_json(request, 200, json, err);
}

int32_t berth_api_container_unsupported(struct berth_http_request *request, berth_error *err)
{
    static const struct {
        const char *end, *what;
    } parts[] = {
        {"/changes", "listing the changes of a container's files (diff)"},
        {"/export", "exporting a container's files"},
        {"/archive", "copying files from or to a container (cp)"},
        {"/checkpoints", "checkpoint and restore"},
        {"/attach/ws", "attaching by WebSocket"},
        {"/commit", "making an image of a container (commit)"},
    };
    const char *path = berth_http_request_path(request);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strstr(path, parts[i].end) != NULL) {
            return berth_api_unsupported(err, parts[i].what);
        }
    }
    return berth_api_unsupported(err, path);
}
