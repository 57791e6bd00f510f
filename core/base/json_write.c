/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing table-bound structs as JSON.
 */
#include "base/json_internal.h"

#include <json-c/json.h>
#include <string.h>

static struct json_object *write_strv(const struct berth_strv *vector)
{
    struct json_object *array = json_object_new_array_ext((int)vector->count);
    for (size_t i = 0; array != NULL && i < vector->count; i++) {
        json_object_array_add(array, json_object_new_string(vector->items[i]));
    }
    return array;
}

static struct json_object *write_strmap(const struct berth_strmap *map)
{
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; json != NULL && i < map->count; i++) {
        json_object_object_add(json, map->keys[i], json_object_new_string(map->values[i]));
    }
    return json;
}

static struct json_object *write_strset(const struct berth_strv *vector)
{
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; json != NULL && i < vector->count; i++) {
        json_object_object_add(json, vector->items[i], json_object_new_object());
    }
    return json;
}

static struct json_object *write_list(const struct berth_json_table *table,
                                      const struct berth_json_list *list, int version)
{
    struct json_object *array = json_object_new_array_ext((int)list->count);
    for (size_t i = 0; array != NULL && i < list->count; i++) {
        json_object_array_add(array, berth_json_write(table, list->items[i], version));
    }
    return array;
}

static struct json_object *write_map(const struct berth_json_field *field,
                                     const struct berth_json_map *map, int version)
{
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; json != NULL && i < map->count; i++) {
        struct json_object *value = NULL;
        if (field->type == BERTH_JSON_MAP) {
            value = berth_json_write(field->table, map->values[i], version);
        } else {
            const struct berth_json_list *list = map->values[i];
            /* Go prints a nil slice as null: an exposed but unpublished port */
            value = list->count == 0 ? NULL : write_list(field->table, list, version);
        }
        json_object_object_add(json, map->keys[i], value);
    }
    return json;
}

static bool is_empty(const struct berth_json_field *field, const void *member)
{
    switch (field->type) {
    case BERTH_JSON_BOOL:
        return !*(const bool *)member;
    case BERTH_JSON_TRISTATE:
        return *(const int32_t *)member < 0;
    case BERTH_JSON_INT32:
        return *(const int32_t *)member == 0;
    case BERTH_JSON_INT64:
    case BERTH_JSON_UINT64:
        return *(const int64_t *)member == 0;
    case BERTH_JSON_DOUBLE:
        return *(const double *)member == 0;
    case BERTH_JSON_OPTIONAL_INT64:
        return *(const int64_t *)member == BERTH_JSON_UNSET;
    case BERTH_JSON_STRING:
        return berth_str_empty(*(char *const *)member);
    case BERTH_JSON_STRV:
    case BERTH_JSON_STRSET:
        return ((const struct berth_strv *)member)->count == 0;
    case BERTH_JSON_STRMAP:
        return ((const struct berth_strmap *)member)->count == 0;
    case BERTH_JSON_OBJECT:
        return false;
    case BERTH_JSON_OBJECT_PTR:
    case BERTH_JSON_RAW:
        return *(void *const *)member == NULL;
    case BERTH_JSON_LIST:
        return ((const struct berth_json_list *)member)->count == 0;
    case BERTH_JSON_MAP:
    case BERTH_JSON_LIST_MAP:
        return ((const struct berth_json_map *)member)->count == 0;
    }
    return false;
}

/* Is a collection without items one that was read from [] or {}? */
static bool is_present(const struct berth_json_field *field, const void *member)
{
    return (field->type == BERTH_JSON_STRV || field->type == BERTH_JSON_STRSET ||
            field->type == BERTH_JSON_STRMAP || field->type == BERTH_JSON_LIST ||
            field->type == BERTH_JSON_MAP || field->type == BERTH_JSON_LIST_MAP) &&
           *(void *const *)member != NULL; /* each struct begins with its array */
}

static struct json_object *write_scalar(const struct berth_json_field *field, const void *member)
{
    switch (field->type) {
    case BERTH_JSON_BOOL:
        return json_object_new_boolean(*(const bool *)member);
    case BERTH_JSON_TRISTATE: {
        int32_t state = *(const int32_t *)member;
        return state < 0 ? NULL : json_object_new_boolean(state);
    }
    case BERTH_JSON_INT32:
        return json_object_new_int(*(const int32_t *)member);
    case BERTH_JSON_OPTIONAL_INT64:
        if (is_empty(field, member)) {
            return NULL;
        }
        return json_object_new_int64(*(const int64_t *)member);
    case BERTH_JSON_INT64:
        return json_object_new_int64(*(const int64_t *)member);
    case BERTH_JSON_UINT64:
        return json_object_new_uint64(*(const uint64_t *)member);
    case BERTH_JSON_DOUBLE:
        return json_object_new_double(*(const double *)member);
    case BERTH_JSON_STRING: {
        const char *text = *(char *const *)member;
        return json_object_new_string(text != NULL ? text : "");
    }
    case BERTH_JSON_RAW:
        return json_object_get(*(struct json_object *const *)member);
    case BERTH_JSON_STRV:
    case BERTH_JSON_STRSET:
    case BERTH_JSON_STRMAP:
    case BERTH_JSON_OBJECT:
    case BERTH_JSON_OBJECT_PTR:
    case BERTH_JSON_LIST:
    case BERTH_JSON_MAP:
    case BERTH_JSON_LIST_MAP:
        break;
    }
    return NULL;
}

static struct json_object *write_field(const struct berth_json_field *field, const void *member,
                                       int version)
{
    if ((field->flags & BERTH_JSON_NULL_EMPTY) != 0 && is_empty(field, member) &&
        !is_present(field, member)) {
        return NULL;
    }
    switch (field->type) {
    case BERTH_JSON_STRV:
        return write_strv(member);
    case BERTH_JSON_STRMAP:
        return write_strmap(member);
    case BERTH_JSON_STRSET:
        return write_strset(member);
    case BERTH_JSON_OBJECT:
        return berth_json_write(field->table, member, version);
    case BERTH_JSON_OBJECT_PTR: {
        const void *object = *(void *const *)member;
        return object == NULL ? NULL : berth_json_write(field->table, object, version);
    }
    case BERTH_JSON_LIST:
        return write_list(field->table, member, version);
    case BERTH_JSON_MAP:
    case BERTH_JSON_LIST_MAP:
        return write_map(field, member, version);
    case BERTH_JSON_BOOL:
    case BERTH_JSON_TRISTATE:
    case BERTH_JSON_INT32:
    case BERTH_JSON_INT64:
    case BERTH_JSON_UINT64:
    case BERTH_JSON_DOUBLE:
    case BERTH_JSON_OPTIONAL_INT64:
    case BERTH_JSON_STRING:
    case BERTH_JSON_RAW:
        break;
    }
    return write_scalar(field, member);
}

struct json_object *berth_json_write(const struct berth_json_table *table, const void *object,
                                     int version)
{
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; json != NULL && i < table->count; i++) {
        const struct berth_json_field *field = &table->fields[i];
        if (version != 0 && ((field->since != 0 && version < field->since) ||
                             (field->until != 0 && version > field->until))) {
            continue;
        }
        const void *member = berth_json_member(field, object);
        if ((field->flags & BERTH_JSON_OMIT_EMPTY) != 0 && is_empty(field, member)) {
            continue;
        }
        /* names are unique within a table and constant for ever: no look-up, no copy */
        json_object_object_add_ex(json, field->name, write_field(field, member, version),
                                  JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY);
    }
    return json;
}

char *berth_json_text(struct json_object *json)
{
    return berth_strdup(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *berth_json_write_text(const struct berth_json_table *table, const void *object, int version)
{
    struct json_object *json = berth_json_write(table, object, version);
    if (json == NULL) {
        return NULL;
    }
    char *text = berth_json_text(json);
    json_object_put(json);
    return text;
}
