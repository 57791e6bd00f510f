/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the config file: one JSON object whose members are the table's keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "daemon/config_internal.h"

#define CONFIG_FILE_MAX (1024 * 1024)

static int32_t wrong_type(const char *key, const char *wanted, berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s must be %s", key, wanted);
}

static int32_t read_list(const char *key, struct json_object *value, struct berth_strv *ret_list,
                         berth_error *err)
{
    AUTO_STRV struct berth_strv list = {0};
    if (!json_object_is_type(value, json_type_array)) {
        return wrong_type(key, "an array of strings", err);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *item = json_object_array_get_idx(value, i);
        if (!json_object_is_type(item, json_type_string)) {
            return wrong_type(key, "an array of strings", err);
        }
        if (!berth_strv_add(&list, json_object_get_string(item))) {
            return berth_error_no_memory(err);
        }
    }
    berth_strv_done(ret_list);
    *ret_list = list;
    memset(&list, 0, sizeof(list));
    return 0;
}

static int32_t read_map(const char *key, struct json_object *value, struct berth_strmap *map,
                        berth_error *err)
{
    if (!json_object_is_type(value, json_type_object)) {
        return wrong_type(key, "an object of strings", err);
    }
    json_object_object_foreach(value, name, item)
    {
        if (!json_object_is_type(item, json_type_string)) {
            return wrong_type(key, "an object of strings", err);
        }
        if (!berth_strmap_set(map, name, json_object_get_string(item))) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

/* [{"base": "10.10.0.0/16", "size": 24}] */
static int32_t read_pools(const char *key, struct json_object *value, struct berth_strv *pools,
                          berth_error *err)
{
    static const char wanted[] = "an array of {\"base\": CIDR, \"size\": number}";
    if (!json_object_is_type(value, json_type_array)) {
        return wrong_type(key, wanted, err);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *item = json_object_array_get_idx(value, i), *base = NULL, *size = NULL;
        if (!json_object_object_get_ex(item, "base", &base) ||
            !json_object_object_get_ex(item, "size", &size) ||
            !json_object_is_type(base, json_type_string) ||
            !json_object_is_type(size, json_type_int)) {
            return wrong_type(key, wanted, err);
        }
        if (!berth_strv_addf(pools, "base=%s,size=%d", json_object_get_string(base),
                             json_object_get_int(size))) {
            return berth_error_no_memory(err);
        }
        int32_t rc = berth_daemon_pool_check(pools->items[pools->count - 1], err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}} */
static int32_t read_ulimits(const char *key, struct json_object *value, struct berth_strv *ulimits,
                            berth_error *err)
{
    static const char wanted[] = "an object of {\"Name\": ..., \"Soft\": number, \"Hard\": number}";
    if (!json_object_is_type(value, json_type_object)) {
        return wrong_type(key, wanted, err);
    }
    json_object_object_foreach(value, name, item)
    {
        struct json_object *soft = NULL, *hard = NULL;
        if (!json_object_object_get_ex(item, "Soft", &soft) ||
            !json_object_object_get_ex(item, "Hard", &hard) ||
            !json_object_is_type(soft, json_type_int) ||
            !json_object_is_type(hard, json_type_int)) {
            return wrong_type(key, wanted, err);
        }
        if (!berth_strv_addf(ulimits, "%s=%lld:%lld", name, (long long)json_object_get_int64(soft),
                             (long long)json_object_get_int64(hard))) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

static int32_t read_size(const char *key, struct json_object *value, int64_t *ret_size,
                         berth_error *err)
{
    if (json_object_is_type(value, json_type_int)) {
        *ret_size = json_object_get_int64(value);
        return 0;
    }
    if (!json_object_is_type(value, json_type_string) ||
        !berth_size_parse(json_object_get_string(value), ret_size)) {
        return wrong_type(key, "a size, for example \"64M\"", err);
    }
    return 0;
}

/* An ignored or refused option: only its type is looked at. Returns 1 when it means something. */
static int32_t look_at(const struct berth_daemon_option *option, struct json_object *value,
                       berth_error *err)
{
    if (option->type == BERTH_OPTION_BOOL) {
        return json_object_is_type(value, json_type_boolean)
                   ? json_object_get_boolean(value)
                   : wrong_type(option->key, "true or false", err);
    }
    bool empty =
        value == NULL ||
        (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0) ||
        (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0) ||
        (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0);
    return empty ? 0 : 1;
}

static int32_t read_value(const struct berth_daemon_option *option, struct json_object *value,
                          void *slot, berth_error *err)
{
    const char *key = option->key;
    switch (option->type) {
    case BERTH_OPTION_STRING:
        if (!json_object_is_type(value, json_type_string)) {
            return wrong_type(key, "a string", err);
        }
        berth_replace(slot, strdup(json_object_get_string(value)));
        return *(char **)slot != NULL ? 0 : berth_error_no_memory(err);
    case BERTH_OPTION_BOOL:
        if (!json_object_is_type(value, json_type_boolean)) {
            return wrong_type(key, "true or false", err);
        }
        *(bool *)slot = json_object_get_boolean(value);
        return 0;
    case BERTH_OPTION_INT:
        if (!json_object_is_type(value, json_type_int)) {
            return wrong_type(key, "a number", err);
        }
        *(int64_t *)slot = json_object_get_int64(value);
        return 0;
    case BERTH_OPTION_SIZE:
        return read_size(key, value, slot, err);
    case BERTH_OPTION_LIST:
        return read_list(key, value, slot, err);
    case BERTH_OPTION_MAP:
        return read_map(key, value, slot, err);
    case BERTH_OPTION_POOLS:
        return read_pools(key, value, slot, err);
    case BERTH_OPTION_ULIMITS:
        return read_ulimits(key, value, slot, err);
    case BERTH_OPTION_DOCUMENT:
        if (!json_object_is_type(value, json_type_object)) {
            return wrong_type(key, "an object", err);
        }
        *(struct json_object **)slot = json_object_get(value);
        return 0;
    }
    return 0;
}

static int32_t read_member(struct berth_daemon_config *config, size_t index,
                           struct json_object *value, berth_error *err)
{
    const struct berth_daemon_option *option = &berth_daemon_options[index];
    void *slot = berth_daemon_option_slot(option, config);
    if (slot == NULL) {
        int32_t rc = look_at(option, value, err);
        config->from_file[index] = rc > 0;
        return rc < 0 ? rc : 0;
    }
    config->from_file[index] = 1;
    if (config->from_flag[index]) {
        return 0; /* the flag wins */
    }
    if (value == NULL) {
        return 0; /* null: as if it were not there */
    }
    return read_value(option, value, slot, err);
}

static size_t find_key(const char *key)
{
    size_t i = 0;
    while (i < berth_daemon_option_count &&
           ((berth_daemon_options[i].flags & BERTH_OPTION_FLAG) != 0 ||
            !berth_str_equal(berth_daemon_options[i].key, key))) {
        i++;
    }
    return i;
}

int32_t berth_daemon_config_read(struct berth_daemon_config *config, const char *text,
                                 size_t length, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer unknown = BERTH_BUFFER_INIT;
    struct json_object *json = NULL;
    int32_t rc = berth_json_parse(text, length, "the configuration", &json, err);
    if (rc < 0) {
        return rc;
    }
    if (!json_object_is_type(json, json_type_object)) {
        json_object_put(json);
        return berth_error_set(err, BERTH_E_INVALID, 0, "the configuration is not a JSON object");
    }
    json_object_object_foreach(json, key, value)
    {
        size_t index = find_key(key);
        if (index == berth_daemon_option_count) {
            berth_buffer_format(&unknown, "%s%s", unknown.length > 0 ? ", " : "", key);
        } else if (rc == 0) {
            rc = read_member(config, index, value, err);
        }
    }
    json_object_put(json);
    if (unknown.length > 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "the following directives don't match any configuration option: %s",
                               unknown.data);
    }
    return rc;
}

static int32_t read_file(const char *path, struct berth_buffer *ret_text, berth_error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "opening it");
    }
    for (;;) {
        char *room = berth_buffer_reserve(ret_text, 65536);
        if (room == NULL) {
            return berth_error_no_memory(err);
        }
        ssize_t got = read(fd, room, 65536);
        if (got <= 0) {
            return got == 0 ? 0 : berth_error_errno(err, errno, "reading it");
        }
        ret_text->length += (size_t)got;
        ret_text->data[ret_text->length] = '\0';
        if (ret_text->length > CONFIG_FILE_MAX) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "it is over %d bytes", CONFIG_FILE_MAX);
        }
    }
}

int32_t berth_daemon_config_load(struct berth_daemon_config *config, int argc, char *const *argv,
                                 berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t rc = berth_daemon_config_arguments(config, argc, argv, err);
    if (rc < 0 || config->help || config->version) {
        return rc;
    }
    rc = read_file(config->config_file, &text, err);
    bool named = strcmp(config->config_file, BERTH_DAEMON_CONFIG_FILE) != 0;
    if (rc == BERTH_E_NOT_FOUND && !named) {
        return berth_daemon_config_check(config, err);
    }
    /* an empty file is an empty configuration, as in dockerd */
    if (rc == 0 && text.length > 0 && text.data[strspn(text.data, " \t\r\n")] != '\0') {
        rc = berth_daemon_config_read(config, text.data, text.length, err);
    }
    if (rc < 0) {
        return berth_error_wrap(err, "unable to configure the Berth daemon with file %s",
                                config->config_file);
    }
    return berth_daemon_config_check(config, err);
}
