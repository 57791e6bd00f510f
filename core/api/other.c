/* SPDX-License-Identifier: Apache-2.0
 *
 * What is answered shortly: builds (not yet), managed plugins (none), swarm (never), and Berth's
 * own list of drivers.
 */
#include <json-c/json.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "plugin/plugin.h"

int32_t berth_api_build(struct berth_http_request *request, berth_error *err)
{
    return berth_api_unsupported(err, "building images");
}

int32_t berth_api_build_prune(struct berth_http_request *request, berth_error *err)
{
    struct json_object *json = json_object_new_object();
    if (json != NULL) {
        json_object_object_add(json, "CachesDeleted", NULL);
        json_object_object_add(json, "SpaceReclaimed", json_object_new_int64(0));
    }
    return berth_api_answer_json(request, 200, json, err);
}

int32_t berth_api_plugin_list(struct berth_http_request *request, berth_error *err)
{
    return berth_api_answer_json(request, 200, json_object_new_array(), err);
}

int32_t berth_api_plugin_inspect(struct berth_http_request *request, berth_error *err)
{
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "plugin \"%s\" not found",
                           berth_http_request_param(request, "name"));
}

int32_t berth_api_plugin_other(struct berth_http_request *request, berth_error *err)
{
    return berth_api_unsupported(err, "managing Docker plugins (Berth's drivers are files: see "
                                      "`berth plugin ls`)");
}

int32_t berth_api_swarm_inactive(struct berth_http_request *request, berth_error *err)
{
    return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                           "This node is not a swarm manager. Use \"docker swarm init\" or "
                           "\"docker swarm join\" to connect this node to swarm and try again.");
}

int32_t berth_api_swarm_join(struct berth_http_request *request, berth_error *err)
{
    return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                           "Berth runs containers on one machine and takes no part in a swarm");
}

int32_t berth_api_swarm_leave(struct berth_http_request *request, berth_error *err)
{
    return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "This node is not part of a swarm");
}

int32_t berth_api_driver_list(struct berth_http_request *request, berth_error *err)
{
    struct berth_json_list list = {0};
    int32_t rc =
        berth_plugins_list(berth_engine_plugins(berth_api_engine(request)), true, &list, err);
    if (rc == 0) {
        rc = berth_api_answer_list(request, &berth_plugin_info_table, &list, err);
        berth_json_list_done(&list, &berth_plugin_info_table);
    }
    return rc;
}

int32_t berth_api_driver_inspect(struct berth_http_request *request, berth_error *err)
{
    struct berth_plugin_info info;
    const char *name = berth_http_request_param(request, "name");
    /* files are described by the program that was asked, not by a daemon that may run as root */
    if (strstr(name, ".so") != NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "%s: only names of drivers are known here",
                               name);
    }
    berth_json_init(&berth_plugin_info_table, &info);
    int32_t rc =
        berth_plugin_describe(berth_engine_plugins(berth_api_engine(request)), name, &info, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &berth_plugin_info_table, &info, err);
    }
    berth_json_done(&berth_plugin_info_table, &info);
    return rc;
}
