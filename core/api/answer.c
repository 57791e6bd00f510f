/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: JSON by tables, errors as statuses, JSON streams, the audit log.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"

static const struct {
    int32_t code;
    int status;
} statuses[] = {
    {BERTH_E_INVALID, 400},      {BERTH_E_DATA, 400},        {BERTH_E_UNAUTHORIZED, 401},
    {BERTH_E_FORBIDDEN, 403},    {BERTH_E_NOT_FOUND, 404},   {BERTH_E_CONFLICT, 409},
    {BERTH_E_INTERNAL, 500},     {BERTH_E_NO_MEMORY, 500},   {BERTH_E_CANCELLED, 500},
    {BERTH_E_UNSUPPORTED, 501},  {BERTH_E_UNAVAILABLE, 503}, {BERTH_E_TIMEOUT, 504},
    {BERTH_E_NOT_MODIFIED, 304},
};

int berth_api_status(const berth_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        if (statuses[i].code == err->code) {
            return statuses[i].status;
        }
    }
    return 500;
}

/* The text with the line end Go's encoder writes; json is put. NULL: out of memory. */
static char *take_text(struct json_object *json)
{
    AUTO_FREE char *text = json != NULL ? berth_json_text(json) : NULL;
    json_object_put(json);
    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text);
    char *line = realloc(text, length + 2);
    if (line != NULL) {
        memcpy(line + length, "\n", 2);
        text = NULL;
    }
    return line;
}

int32_t berth_api_answer_json(struct berth_http_request *request, int status,
                              struct json_object *json, berth_error *err)
{
    char *text = take_text(json);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    berth_http_respond_take(request, status, JSON_TYPE, text);
    return 0;
}

int32_t berth_api_answer(struct berth_http_request *request, int status,
                         const struct berth_json_table *table, const void *object, berth_error *err)
{
    return berth_api_answer_json(
        request, status, berth_json_write(table, object, berth_http_request_tag(request)), err);
}

int32_t berth_api_answer_list(struct berth_http_request *request,
                              const struct berth_json_table *table,
                              const struct berth_json_list *list, berth_error *err)
{
    struct json_object *array = json_object_new_array_ext((int)list->count + 1);
    for (size_t i = 0; array != NULL && i < list->count; i++) {
        struct json_object *item =
            berth_json_write(table, list->items[i], berth_http_request_tag(request));
        if (item == NULL || json_object_array_add(array, item) < 0) {
            json_object_put(item);
            json_object_put(array);
            array = NULL;
        }
    }
    return berth_api_answer_json(request, 200, array, err);
}

int32_t berth_api_answer_pair(struct berth_http_request *request, int status, const char *key,
                              const char *value, berth_error *err)
{
    struct json_object *json = json_object_new_object();
    if (json != NULL) {
        json_object_object_add(json, key, json_object_new_string(value));
    }
    return berth_api_answer_json(request, status, json, err);
}

struct json_object *berth_api_strings(const struct berth_strv *strings)
{
    struct json_object *array = json_object_new_array_ext((int)strings->count + 1);
    for (size_t i = 0; array != NULL && i < strings->count; i++) {
        json_object_array_add(array, json_object_new_string(strings->items[i]));
    }
    return array;
}

int32_t berth_api_stream_json(struct berth_http_request *request, struct json_object *json,
                              berth_error *err)
{
    AUTO_FREE char *text = take_text(json);
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_http_stream_write(request, text, strlen(text), err);
}

void berth_api_stream_error(struct berth_http_request *request, const berth_error *failure)
{
    struct json_object *line = json_object_new_object();
    struct json_object *detail = json_object_new_object();
    if (line == NULL || detail == NULL) {
        json_object_put(line);
        json_object_put(detail);
        return;
    }
    json_object_object_add(detail, "message", json_object_new_string(failure->msg));
    json_object_object_add(line, "errorDetail", detail);
    json_object_object_add(line, "error", json_object_new_string(failure->msg));
    berth_api_stream_json(request, line, NULL);
}

int32_t berth_api_unsupported(berth_error *err, const char *what)
{
    return berth_error_set(err, BERTH_E_UNSUPPORTED, 0, "%s is not supported by Berth yet", what);
}

void berth_api_fail(struct berth_http_request *request, const berth_error *err)
{
    berth_error scrap = BERTH_ERROR_INIT;
    int status = berth_api_status(err);
    if (status == 304) {
        berth_http_respond_empty(request, status);
        return;
    }
    if (status >= 500) {
        const char *target = berth_http_request_target(request);
        berth_log(status == 500 ? BERTH_LOG_ERROR : BERTH_LOG_INFO, "%s %.*s: %s",
                  berth_http_request_method(request), (int)strcspn(target, "?"), target, err->msg);
    }
    if (berth_api_answer_pair(request, status, "message", err->msg, &scrap) < 0) {
        berth_http_respond_empty(request, status);
    }
}

/* One line a request that may have changed something; looking ones at debug. */
void berth_api_done(struct berth_http_request *request)
{
    const char *method = berth_http_request_method(request);
    const struct berth_http_peer *peer = berth_http_request_peer(request);
    const char *target = berth_http_request_target(request);
    int path = (int)strcspn(target, "?"); /* queries may hold secrets (build arguments) */
    bool looks = method == NULL || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    enum berth_log_level level = looks ? BERTH_LOG_DEBUG : BERTH_LOG_INFO;
    if (!berth_log_enabled(level)) {
        return;
    }
    if (peer->uid != UINT32_MAX) {
        berth_log(level, "%s %.*s: %d, for uid %" PRIu32 " process %" PRId32, method, path, target,
                  berth_http_request_status(request), peer->uid, peer->pid);
    } else {
        berth_log(level, "%s %.*s: %d, for %s", method, path, target,
                  berth_http_request_status(request), peer->name);
    }
}
