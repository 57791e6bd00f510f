/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers share.
 */
#ifndef BERTH_API_INTERNAL_H
#define BERTH_API_INTERNAL_H

#include <json-c/json_types.h>

#include "api/api.h"
#include "base/json.h"
#include "engine/engine.h"
#include "http/server.h"

#define JSON_TYPE      "application/json"
#define RAW_STREAM     "application/vnd.docker.raw-stream"
#define FRAMED_STREAM  "application/vnd.docker.multiplexed-stream"
#define VERSION_NUMBER 156 /* BERTH_API_VERSION as major * 100 + minor */

struct berth_api {
    struct berth_engine *engine;
};

/* ---- managers of the engine that serves this request ---- */
struct berth_engine *berth_api_engine(const struct berth_http_request *request);
struct berth_container_manager *berth_api_containers(const struct berth_http_request *request);
struct berth_image_manager *berth_api_images(const struct berth_http_request *request);

/* ---- requests (request.c) ---- */
/* "1.41" or "v1.41" to 141; 0: not a version. */
int berth_api_version_parse(const char *text, size_t length);
/* Reads the JSON body into an init'ed object. INVALID: no JSON, wrong types, or (unless optional)
 * no body. */
int32_t berth_api_body(struct berth_http_request *request, const struct berth_json_table *table,
                       void *object, berth_error *err);
/* The body's document, the caller's; NULL when there is none and it is optional. */
int32_t berth_api_body_json(struct berth_http_request *request, bool optional,
                            struct json_object **ret_json, berth_error *err);
/* Appends the query's `filters` as "key=value": {"k": ["v"]} and {"k": {"v": true}}. */
int32_t berth_api_filters_parse(const char *text, struct berth_strv *filters, berth_error *err);
int32_t berth_api_filters(const struct berth_http_request *request, struct berth_strv *filters,
                          berth_error *err);
/* A whole-number query parameter; `missing` when it is absent or empty. */
int32_t berth_api_query_number(const struct berth_http_request *request, const char *key,
                               int64_t missing, int64_t *ret_value, berth_error *err);
/* A point in time (Unix seconds with decimals, RFC 3339, a duration before now); 0 when absent. */
int32_t berth_api_query_time(const struct berth_http_request *request, const char *key,
                             int64_t *ret_time, berth_error *err);

/* ---- answers (answer.c) ---- */
/* The one table of error classes. */
int berth_api_status(const berth_error *err);
/* JSON of a table-bound object in the request's version, with the line end Docker sends. */
int32_t berth_api_answer(struct berth_http_request *request, int status,
                         const struct berth_json_table *table, const void *object,
                         berth_error *err);
/* Same of a list of them: a JSON array. */
int32_t berth_api_answer_list(struct berth_http_request *request,
                              const struct berth_json_table *table,
                              const struct berth_json_list *list, berth_error *err);
/* Same of a json-c document, which is put. */
int32_t berth_api_answer_json(struct berth_http_request *request, int status,
                              struct json_object *json, berth_error *err);
/* {"id": "..."} style answers: one string member. */
int32_t berth_api_answer_pair(struct berth_http_request *request, int status, const char *key,
                              const char *value, berth_error *err);
/* An array of strings or [] (never null), as json-c. NULL: out of memory. */
struct json_object *berth_api_strings(const struct berth_strv *strings);
/* One line of a JSON stream. json is put. */
int32_t berth_api_stream_json(struct berth_http_request *request, struct json_object *json,
                              berth_error *err);
/* The last line of a progress stream that failed: {"errorDetail": ..., "error": ...}. */
void berth_api_stream_error(struct berth_http_request *request, const berth_error *failure);
/* Says that this part of the API is not there yet. */
int32_t berth_api_unsupported(berth_error *err, const char *what);

/* ---- hooks ---- */
int32_t berth_api_prepare(struct berth_http_request *request, berth_error *err);
void berth_api_fail(struct berth_http_request *request, const berth_error *err);
void berth_api_done(struct berth_http_request *request);

/* ---- handlers ---- */
#define HANDLER(name) int32_t berth_api_##name(struct berth_http_request *request, berth_error *err)
/* system.c */
HANDLER(ping);
HANDLER(version);
HANDLER(info);
HANDLER(auth);
HANDLER(disk_usage);
HANDLER(events);
/* container.c */
HANDLER(container_list);
HANDLER(container_create);
HANDLER(container_inspect);
HANDLER(container_top);
HANDLER(container_update);
HANDLER(container_remove);
HANDLER(container_prune);
HANDLER(container_unsupported);
/* container_life.c */
HANDLER(container_start);
HANDLER(container_stop);
HANDLER(container_restart);
HANDLER(container_kill);
HANDLER(container_pause);
HANDLER(container_unpause);
HANDLER(container_rename);
HANDLER(container_resize);
HANDLER(container_wait);
/* container_stream.c */
HANDLER(container_attach);
HANDLER(container_logs);
HANDLER(container_stats);
/* exec.c */
HANDLER(exec_create);
HANDLER(exec_start);
HANDLER(exec_resize);
HANDLER(exec_inspect);
/* image.c */
HANDLER(image_list);
HANDLER(image_inspect);
HANDLER(image_history);
HANDLER(image_tag);
HANDLER(image_remove);
HANDLER(image_prune);
HANDLER(image_unsupported);
/* image_stream.c */
HANDLER(image_load);
HANDLER(image_save);
HANDLER(image_save_many);
HANDLER(image_create);
/* network.c */
HANDLER(network_list);
HANDLER(network_create);
HANDLER(network_inspect);
HANDLER(network_remove);
HANDLER(network_connect);
HANDLER(network_disconnect);
HANDLER(network_prune);
/* volume.c */
HANDLER(volume_list);
HANDLER(volume_create);
HANDLER(volume_inspect);
HANDLER(volume_remove);
HANDLER(volume_update);
HANDLER(volume_prune);
/* other.c */
HANDLER(build);
HANDLER(build_prune);
HANDLER(plugin_list);
HANDLER(plugin_inspect);
HANDLER(plugin_other);
HANDLER(swarm_inactive);
HANDLER(swarm_join);
HANDLER(swarm_leave);
HANDLER(driver_list);
HANDLER(driver_inspect);
#undef HANDLER

#endif
