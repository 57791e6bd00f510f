/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON into table-bound structs.
 */
#include "base/json_internal.h"

#include <ctype.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int32_t berth_json_parse(const char *text, size_t length, const char *what,
                         struct json_object **ret_json, berth_error *err)
{
    if (length > INT_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "%s: %zu bytes of JSON are too many", what,
                               length);
    }
    struct json_tokener *tokener = json_tokener_new_ex(BERTH_JSON_MAX_DEPTH);
    if (tokener == NULL) {
        return berth_error_no_memory(err);
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
    enum json_tokener_error state = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (state == json_tokener_continue) {
        /* a bare number ends only with the text: a NUL tells the tokener so */
        json = json_tokener_parse_ex(tokener, "", 1);
        state = json_tokener_get_error(tokener);
        end = length;
    }
    json_tokener_free(tokener);
    while (end < length && isspace((unsigned char)text[end])) {
        end++;
    }
    if (state != json_tokener_success) {
        json_object_put(json);
        return berth_error_set(err, BERTH_E_INVALID, 0, "%s: invalid JSON at byte %zu: %s", what,
                               end,
                               state == json_tokener_continue ? "unexpected end of input"
                                                              : json_tokener_error_desc(state));
    }
    if (end < length) {
        json_object_put(json);
        return berth_error_set(err, BERTH_E_INVALID, 0, "%s: extra data after the JSON at byte %zu",
                               what, end);
    }
    *ret_json = json;
    return 0;
}

static int32_t wrong_type(const struct berth_json_table *table,
                          const struct berth_json_field *field, struct json_object *json,
                          berth_error *err)
{
    static const char *const wanted[] = {
        [BERTH_JSON_BOOL] = "bool",
        [BERTH_JSON_TRISTATE] = "bool",
        [BERTH_JSON_INT32] = "integer",
        [BERTH_JSON_INT64] = "integer",
        [BERTH_JSON_UINT64] = "unsigned integer",
        [BERTH_JSON_DOUBLE] = "number",
        [BERTH_JSON_OPTIONAL_INT64] = "integer",
        [BERTH_JSON_STRING] = "string",
        [BERTH_JSON_STRV] = "array of strings",
        [BERTH_JSON_STRMAP] = "object of strings",
        [BERTH_JSON_STRSET] = "object",
        [BERTH_JSON_OBJECT] = "object",
        [BERTH_JSON_OBJECT_PTR] = "object",
        [BERTH_JSON_LIST] = "array of objects",
        [BERTH_JSON_MAP] = "object of objects",
        [BERTH_JSON_LIST_MAP] = "object of arrays",
        [BERTH_JSON_RAW] = "value",
    };
    return berth_error_set(
        err, BERTH_E_INVALID, 0, "invalid JSON: field %s.%s has type %s, wanted %s", table->name,
        field->name, json_type_to_name(json_object_get_type(json)), wanted[field->type]);
}

static bool read_integer(const struct berth_json_field *field, void *member,
                         struct json_object *json)
{
    if (!json_object_is_type(json, json_type_int)) {
        return false;
    }
    int64_t value = json_object_get_int64(json);
    if (field->type == BERTH_JSON_INT32) {
        if (value < INT32_MIN || value > INT32_MAX) {
            return false;
        }
        *(int32_t *)member = (int32_t)value;
    } else if (field->type != BERTH_JSON_UINT64) {
        *(int64_t *)member = value;
    } else {
        if (value < 0) {
            return false;
        }
        *(uint64_t *)member = json_object_get_uint64(json);
    }
    return true;
}

static bool read_double(void *member, struct json_object *json)
{
    if (!json_object_is_type(json, json_type_double) && !json_object_is_type(json, json_type_int)) {
        return false;
    }
    *(double *)member = json_object_get_double(json);
    return true;
}

/* Copies a JSON string; embedded NULs would cut it short silently, so they are refused. */
static char *copy_string(struct json_object *json)
{
    if (!json_object_is_type(json, json_type_string)) {
        return NULL;
    }
    const char *text = json_object_get_string(json);
    if (strlen(text) != (size_t)json_object_get_string_len(json)) {
        return NULL;
    }
    return strdup(text);
}

static bool read_string(char **member, struct json_object *json)
{
    char *text = copy_string(json);
    if (text == NULL) {
        return false;
    }
    free(*member);
    *member = text;
    return true;
}

/* Gives an array without items its own memory, so that [] and {} differ from null. */
static bool mark_present(void *array)
{
    void **slot = array;
    if (*slot == NULL) {
        *slot = calloc(1, sizeof(void *));
    }
    return *slot != NULL;
}

static bool read_strv(const struct berth_json_field *field, struct berth_strv *member,
                      struct json_object *json)
{
    berth_strv_done(member);
    if ((field->flags & BERTH_JSON_LONE) != 0 && json_object_is_type(json, json_type_string)) {
        return berth_strv_take(member, copy_string(json));
    }
    if (!json_object_is_type(json, json_type_array)) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        if (!berth_strv_take(member, copy_string(json_object_array_get_idx(json, i)))) {
            return false;
        }
    }
    return mark_present(&member->items);
}

static bool read_strmap(struct berth_strmap *member, struct json_object *json)
{
    berth_strmap_done(member);
    if (!json_object_is_type(json, json_type_object)) {
        return false;
    }
    json_object_object_foreach(json, key, value)
    {
        char *text = value == NULL ? strdup("") : copy_string(value);
        bool stored = text != NULL && berth_strmap_set(member, key, text);
        free(text);
        if (!stored) {
            return false;
        }
    }
    return mark_present(&member->keys);
}

static bool read_strset(struct berth_strv *member, struct json_object *json)
{
    berth_strv_done(member);
    if (!json_object_is_type(json, json_type_object)) {
        return false;
    }
    json_object_object_foreach(json, key, value)
    {
        (void)value;
        if (!berth_strv_add(member, key)) {
            return false;
        }
    }
    return mark_present(&member->items);
}

static int32_t read_list(const struct berth_json_table *table, const struct berth_json_field *field,
                         struct berth_json_list *list, struct json_object *json, berth_error *err)
{
    berth_json_list_done(list, field->table);
    if (!json_object_is_type(json, json_type_array)) {
        return wrong_type(table, field, json, err);
    }
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        void *item = berth_json_list_add(list, field->table);
        if (item == NULL) {
            return berth_error_no_memory(err);
        }
        int32_t code = berth_json_read(field->table, json_object_array_get_idx(json, i), item, err);
        if (code < 0) {
            return code;
        }
    }
    return mark_present(&list->items) ? 0 : berth_error_no_memory(err);
}

static int32_t read_map(const struct berth_json_table *table, const struct berth_json_field *field,
                        struct berth_json_map *map, struct json_object *json, berth_error *err)
{
    if (!json_object_is_type(json, json_type_object)) {
        return wrong_type(table, field, json, err);
    }
    bool lists = field->type == BERTH_JSON_LIST_MAP;
    json_object_object_foreach(json, key, value)
    {
        void *slot = berth_json_map_add(map, key, lists ? NULL : field->table);
        if (slot == NULL) {
            return berth_error_no_memory(err);
        }
        if (value == NULL) {
            continue;
        }
        int32_t code = lists ? read_list(table, field, slot, value, err)
                             : berth_json_read(field->table, value, slot, err);
        if (code < 0) {
            return code;
        }
    }
    return mark_present(&map->keys) ? 0 : berth_error_no_memory(err);
}

static int32_t read_object_ptr(const struct berth_json_field *field, void **member,
                               struct json_object *json, berth_error *err)
{
    if (*member == NULL) {
        *member = berth_json_new(field->table);
        if (*member == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return berth_json_read(field->table, json, *member, err);
}

static bool read_bool(const struct berth_json_field *field, void *member, struct json_object *json)
{
    if (!json_object_is_type(json, json_type_boolean)) {
        return false;
    }
    if (field->type == BERTH_JSON_BOOL) {
        *(bool *)member = json_object_get_boolean(json);
    } else {
        *(int32_t *)member = json_object_get_boolean(json) ? 1 : 0;
    }
    return true;
}

static int32_t read_field(const struct berth_json_table *table,
                          const struct berth_json_field *field, struct json_object *json,
                          void *object, berth_error *err)
{
    void *member = berth_json_member(field, object);
    bool fits = true;
    switch (field->type) {
    case BERTH_JSON_BOOL:
    case BERTH_JSON_TRISTATE:
        fits = read_bool(field, member, json);
        break;
    case BERTH_JSON_INT32:
    case BERTH_JSON_INT64:
    case BERTH_JSON_UINT64:
    case BERTH_JSON_OPTIONAL_INT64:
        fits = read_integer(field, member, json);
        break;
    case BERTH_JSON_DOUBLE:
        fits = read_double(member, json);
        break;
    case BERTH_JSON_STRING:
        fits = read_string(member, json);
        break;
    case BERTH_JSON_STRV:
        fits = read_strv(field, member, json);
        break;
    case BERTH_JSON_STRMAP:
        fits = read_strmap(member, json);
        break;
    case BERTH_JSON_STRSET:
        fits = read_strset(member, json);
        break;
    case BERTH_JSON_OBJECT:
        return berth_json_read(field->table, json, member, err);
    case BERTH_JSON_OBJECT_PTR:
        return read_object_ptr(field, member, json, err);
    case BERTH_JSON_LIST:
        return read_list(table, field, member, json, err);
    case BERTH_JSON_MAP:
    case BERTH_JSON_LIST_MAP:
        return read_map(table, field, member, json, err);
    case BERTH_JSON_RAW:
        json_object_put(*(struct json_object **)member);
        *(struct json_object **)member = json_object_get(json);
        break;
    }
    return fits ? 0 : wrong_type(table, field, json, err);
}

/* Go's encoding/json matches member names exactly first, then without regard to case. */
static struct json_object *find_member(struct json_object *json, const char *name)
{
    struct json_object *value = NULL;
    if (json_object_object_get_ex(json, name, &value)) {
        return value;
    }
    json_object_object_foreach(json, key, folded)
    {
        if (berth_str_equal_fold(key, name)) {
            return folded;
        }
    }
    return NULL;
}

int32_t berth_json_read(const struct berth_json_table *table, struct json_object *json,
                        void *object, berth_error *err)
{
    if (json == NULL) {
        return 0; /* null leaves the value alone, as in Go */
    }
    if (!json_object_is_type(json, json_type_object)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid JSON: %s has type %s, wanted object", table->name,
                               json_type_to_name(json_object_get_type(json)));
    }
    for (size_t i = 0; i < table->count; i++) {
        struct json_object *value = find_member(json, table->fields[i].name);
        if (value == NULL) {
            continue;
        }
        int32_t code = read_field(table, &table->fields[i], value, object, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

int32_t berth_json_read_text(const struct berth_json_table *table, const char *text, size_t length,
                             void *object, berth_error *err)
{
    struct json_object *json = NULL;
    int32_t code = berth_json_parse(text, length, table->name, &json, err);
    if (code == 0) {
        code = berth_json_read(table, json, object, err);
        json_object_put(json);
    }
    return code;
}
