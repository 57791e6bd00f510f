/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading requests: API versions, JSON bodies, filters, numbers and times of the query.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/time.h"

int berth_api_version_parse(const char *text, size_t length)
{
    int major = 0, minor = 0;
    size_t at = length > 0 && text[0] == 'v' ? 1 : 0;
    size_t begin = at;
    while (at < length && at < begin + 3 && isdigit((unsigned char)text[at])) {
        major = major * 10 + (text[at++] - '0');
    }
    if (at == begin || at >= length || text[at++] != '.') {
        return 0;
    }
    begin = at;
    while (at < length && at < begin + 2 && isdigit((unsigned char)text[at])) {
        minor = minor * 10 + (text[at++] - '0');
    }
    return at > begin && at == length ? major * 100 + minor : 0;
}

static int32_t check_version(int version, int text_length, const char *text, berth_error *err)
{
    static const int newest = VERSION_NUMBER;
    static const int oldest = 124;
    if (version > newest) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "client version %.*s is too new. Maximum supported API version is "
                               "%s",
                               text_length, text, BERTH_API_VERSION);
    }
    if (version < oldest) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "client version %.*s is too old. Minimum supported API version is "
                               "%s, please upgrade your client to a newer version",
                               text_length, text, BERTH_API_VERSION_MIN);
    }
    return 0;
}

int32_t berth_api_prepare(struct berth_http_request *request, berth_error *err)
{
    const char *path = berth_http_request_path(request);
    size_t length = strcspn(path + 1, "/");
    int version = path[1] == 'v' ? berth_api_version_parse(path + 1, length) : 0;
    berth_http_request_set_tag(request, VERSION_NUMBER);
    berth_http_respond_header(request, "Api-Version", BERTH_API_VERSION);
    berth_http_respond_header(request, "Docker-Experimental", "false");
    berth_http_respond_header(request, "Ostype", "linux");
    berth_http_respond_header(request, "Server", "Berth/" BERTH_VERSION " (linux)");
    if (version == 0) {
        return 0;
    }
    int32_t rc = check_version(version, (int)length - 1, path + 2, err);
    if (rc == 0) {
        berth_http_request_set_tag(request, version);
        berth_http_request_skip(request, length + 1);
    }
    return rc;
}

int32_t berth_api_body_json(struct berth_http_request *request, bool optional,
                            struct json_object **ret_json, berth_error *err)
{
    size_t length = 0;
    const char *body = berth_http_request_body(request, &length);
    const char *type = berth_http_request_header(request, "Content-Type");
    if (length == 0 && optional) {
        *ret_json = NULL;
        return 0;
    }
    if (length > 0 && type != NULL && !berth_str_starts(type, JSON_TYPE)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "unsupported Content-Type header (%s): must be 'application/json'",
                               type);
    }
    if (length == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid JSON: got EOF while reading request body");
    }
    struct json_object *json = NULL;
    int32_t rc = berth_json_parse(body, length, "request body", &json, err);
    if (rc == 0 && json == NULL && !optional) {
        rc = berth_error_set(err, BERTH_E_INVALID, 0, "invalid JSON: the request body is null");
    }
    if (rc == 0) {
        *ret_json = json;
    }
    return rc;
}

int32_t berth_api_body(struct berth_http_request *request, const struct berth_json_table *table,
                       void *object, berth_error *err)
{
    struct json_object *json = NULL;
    int32_t rc = berth_api_body_json(request, false, &json, err);
    if (rc == 0) {
        rc = berth_json_read(table, json, object, err);
    }
    json_object_put(json);
    return rc;
}

static int32_t bad_filters(berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid filters: wanted {\"key\": [\"value\", ...]}");
}

/* One key's values: a list of strings, or a map of value to true. */
static int32_t add_filter(const char *key, struct json_object *values, struct berth_strv *filters,
                          berth_error *err)
{
    bool added = true;
    if (json_object_is_type(values, json_type_array)) {
        for (size_t i = 0; added && i < json_object_array_length(values); i++) {
            struct json_object *item = json_object_array_get_idx(values, i);
            if (!json_object_is_type(item, json_type_string)) {
                return bad_filters(err);
            }
            added = berth_strv_addf(filters, "%s=%s", key, json_object_get_string(item));
        }
    } else if (json_object_is_type(values, json_type_object)) {
        json_object_object_foreach(values, value, wanted)
        {
            if (!json_object_is_type(wanted, json_type_boolean)) {
                return bad_filters(err);
            }
            if (added && json_object_get_boolean(wanted)) {
                added = berth_strv_addf(filters, "%s=%s", key, value);
            }
        }
    } else {
        return bad_filters(err);
    }
    return added ? 0 : berth_error_no_memory(err);
}

int32_t berth_api_filters_parse(const char *text, struct berth_strv *filters, berth_error *err)
{
    struct json_object *json = NULL;
    if (berth_str_empty(text)) {
        return 0;
    }
    int32_t rc = berth_json_parse(text, strlen(text), "filters", &json, err);
    if (rc == 0 && json != NULL && !json_object_is_type(json, json_type_object)) {
        rc = bad_filters(err);
    }
    if (rc == 0 && json != NULL) {
        json_object_object_foreach(json, key, values)
        {
            if (rc == 0) {
                rc = add_filter(key, values, filters, err);
            }
        }
    }
    json_object_put(json);
    return rc;
}

int32_t berth_api_filters(const struct berth_http_request *request, struct berth_strv *filters,
                          berth_error *err)
{
    return berth_api_filters_parse(berth_http_request_query(request, "filters"), filters, err);
}

int32_t berth_api_query_number(const struct berth_http_request *request, const char *key,
                               int64_t missing, int64_t *ret_value, berth_error *err)
{
    const char *text = berth_http_request_query(request, key);
    int64_t value = missing;
    if (!berth_str_empty(text) && !berth_str_to_int64(text, &value)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid value \"%s\" for %s: not a number",
                               text, key);
    }
    *ret_value = value;
    return 0;
}

int32_t berth_api_query_time(const struct berth_http_request *request, const char *key,
                             int64_t *ret_time, berth_error *err)
{
    const char *text = berth_http_request_query(request, key);
    int64_t time = 0;
    if (!berth_str_empty(text) && strcmp(text, "0") != 0 &&
        !berth_time_parse_relative(text, berth_time_now(), &time)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid value \"%s\" for %s: not a time",
                               text, key);
    }
    *ret_time = time;
    return 0;
}
