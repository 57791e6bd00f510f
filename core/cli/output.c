/* SPDX-License-Identifier: Apache-2.0
 *
 * Small pieces of output: shortened texts, times, members of JSON objects.
 */
#include "cli/output.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/time.h"

void berth_output_ellipsis(const char *text, size_t length, struct berth_buffer *out)
{
    size_t count = 0;
    const char *cut = NULL;
    for (const char *at = text; *at != '\0'; at++) {
        if ((*at & 0xc0) != 0x80) {
            count++;
            if (count == length) {
                cut = at; /* where the last character that fits begins */
            }
        }
    }
    if (count <= length || cut == NULL) {
        berth_buffer_add(out, text);
        return;
    }
    berth_buffer_append(out, text, (size_t)(cut - text));
    berth_buffer_add(out, "\xe2\x80\xa6");
}

const char *berth_output_id(const char *id, bool trunc, char text[80])
{
    const char *colon = strchr(id, ':');
    if (!trunc) {
        snprintf(text, 80, "%s", id);
        return text;
    }
    snprintf(text, 80, "%.*s", BERTH_ID_SHORT_LENGTH, colon != NULL ? colon + 1 : id);
    return text;
}

const char *berth_output_time(int64_t seconds, char text[64])
{
    time_t when = (time_t)seconds;
    struct tm local;
    if (localtime_r(&when, &local) == NULL ||
        strftime(text, 64, "%Y-%m-%d %H:%M:%S %z %Z", &local) == 0) {
        text[0] = '\0';
    }
    return text;
}

const char *berth_output_ago(int64_t seconds, char text[64])
{
    char words[BERTH_TIME_TEXT];
    int64_t now = berth_time_now() / BERTH_NANOSECONDS;
    snprintf(text, 64, "%s ago", berth_duration_human((now - seconds) * BERTH_NANOSECONDS, words));
    return text;
}

struct json_object *berth_json_member(struct json_object *object, const char *path)
{
    while (*path != '\0' && json_object_is_type(object, json_type_object)) {
        char name[64];
        size_t length = strcspn(path, "/");
        struct json_object *found = NULL;
        if (length >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        if (!json_object_object_get_ex(object, name, &found)) {
            return NULL;
        }
        object = found;
        path += length;
        path += *path == '/';
    }
    return *path == '\0' ? object : NULL;
}

const char *berth_json_string(struct json_object *object, const char *path)
{
    struct json_object *value = berth_json_member(object, path);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

int64_t berth_json_int(struct json_object *object, const char *path)
{
    return json_object_get_int64(berth_json_member(object, path));
}

double berth_json_double(struct json_object *object, const char *path)
{
    return json_object_get_double(berth_json_member(object, path));
}

bool berth_json_bool(struct json_object *object, const char *path)
{
    return json_object_get_boolean(berth_json_member(object, path));
}

void berth_json_set(struct json_object *row, const char *name, const char *value)
{
    json_object_object_add_ex(row, name, json_object_new_string(value),
                              JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

void berth_json_set_buffer(struct json_object *row, const char *name, struct berth_buffer *value)
{
    berth_json_set(row, name, value->data != NULL ? value->data : "");
    berth_buffer_done(value);
}

void berth_json_set_labels(struct json_object *row, const char *name, struct json_object *labels)
{
    AUTO_STRV struct berth_strv sorted = {0};
    if (json_object_is_type(labels, json_type_object)) {
        json_object_object_foreach(labels, key, value)
        {
            berth_strv_addf(&sorted, "%s=%s", key, json_object_get_string(value));
        }
    }
    berth_strv_sort(&sorted);
    AUTO_FREE char *text = berth_strv_join(&sorted, ",");
    berth_json_set(row, name, text != NULL ? text : "");
}
