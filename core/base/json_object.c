/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of table-bound structs: init, free, lists and maps.
 */
#include "base/json_internal.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

void berth_json_init(const struct berth_json_table *table, void *object)
{
    memset(object, 0, table->size);
    for (size_t i = 0; i < table->count; i++) {
        const struct berth_json_field *field = &table->fields[i];
        if (field->type == BERTH_JSON_TRISTATE) {
            *(int32_t *)berth_json_member(field, object) = -1;
        } else if (field->type == BERTH_JSON_OPTIONAL_INT64) {
            *(int64_t *)berth_json_member(field, object) = BERTH_JSON_UNSET;
        } else if (field->type == BERTH_JSON_OBJECT) {
            berth_json_init(field->table, berth_json_member(field, object));
        }
    }
}

void *berth_json_new(const struct berth_json_table *table)
{
    void *object = malloc(table->size);
    if (object != NULL) {
        berth_json_init(table, object);
    }
    return object;
}

static void list_map_done(struct berth_json_map *map, const struct berth_json_table *table)
{
    for (size_t i = 0; i < map->count; i++) {
        berth_json_list_done(map->values[i], table);
        free(map->values[i]);
        map->values[i] = NULL;
    }
    berth_json_map_done(map, NULL);
}

void berth_json_field_done(const struct berth_json_field *field, void *object)
{
    void *member = berth_json_member(field, object);
    switch (field->type) {
    case BERTH_JSON_STRING:
        free(*(char **)member);
        *(char **)member = NULL;
        break;
    case BERTH_JSON_STRV:
    case BERTH_JSON_STRSET:
        berth_strv_done(member);
        break;
    case BERTH_JSON_STRMAP:
        berth_strmap_done(member);
        break;
    case BERTH_JSON_OBJECT:
        berth_json_done(field->table, member);
        break;
    case BERTH_JSON_OBJECT_PTR:
        berth_json_free(field->table, *(void **)member);
        *(void **)member = NULL;
        break;
    case BERTH_JSON_LIST:
        berth_json_list_done(member, field->table);
        break;
    case BERTH_JSON_MAP:
        berth_json_map_done(member, field->table);
        break;
    case BERTH_JSON_LIST_MAP:
        list_map_done(member, field->table);
        break;
    case BERTH_JSON_RAW:
        json_object_put(*(struct json_object **)member);
        *(struct json_object **)member = NULL;
        break;
    case BERTH_JSON_BOOL:
    case BERTH_JSON_TRISTATE:
    case BERTH_JSON_INT32:
    case BERTH_JSON_INT64:
    case BERTH_JSON_UINT64:
    case BERTH_JSON_DOUBLE:
    case BERTH_JSON_OPTIONAL_INT64:
        break;
    }
}

void berth_json_done(const struct berth_json_table *table, void *object)
{
    for (size_t i = 0; i < table->count; i++) {
        berth_json_field_done(&table->fields[i], object);
    }
    berth_json_init(table, object);
}

void berth_json_free(const struct berth_json_table *table, void *object)
{
    if (object != NULL) {
        berth_json_done(table, object);
        free(object);
    }
}

int32_t berth_json_copy(const struct berth_json_table *table, const void *from, void *to,
                        berth_error *err)
{
    struct json_object *json = berth_json_write(table, from, 0);
    if (json == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = berth_json_read(table, json, to, err);
    json_object_put(json);
    return code;
}

void *berth_json_list_add(struct berth_json_list *list, const struct berth_json_table *table)
{
    void **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        return NULL;
    }
    list->items = items;
    void *item = berth_json_new(table);
    if (item != NULL) {
        list->items[list->count++] = item;
    }
    return item;
}

void berth_json_list_done(struct berth_json_list *list, const struct berth_json_table *table)
{
    for (size_t i = 0; i < list->count; i++) {
        berth_json_free(table, list->items[i]);
    }
    free(list->items);
    *list = (struct berth_json_list){NULL, 0};
}

/* Maps larger than this are searched by hash: 10,000 published ports are one map. */
#define MAP_LINEAR 16

static uint32_t hash_key(const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    }
    return hash;
}

/* The slot of the index that has the key or would take it; slots hold position + 1, 0 is free. */
static uint32_t *map_slot(const struct berth_json_map *map, const char *key)
{
    size_t at = hash_key(key) & (map->index_size - 1);
    while (map->index[at] != 0 && strcmp(map->keys[map->index[at] - 1], key) != 0) {
        at = (at + 1) & (map->index_size - 1);
    }
    return &map->index[at];
}

static void map_drop_index(struct berth_json_map *map)
{
    free(map->index);
    map->index = NULL;
    map->index_size = 0;
}

/* Enters the last key; without memory the map goes on without an index. */
static void map_index_last(struct berth_json_map *map)
{
    if (map->index != NULL && map->count * 2 <= map->index_size) {
        *map_slot(map, map->keys[map->count - 1]) = (uint32_t)map->count;
        return;
    }
    map_drop_index(map);
    if (map->count <= MAP_LINEAR || map->count > UINT32_MAX / 4) {
        return;
    }
    map->index_size = MAP_LINEAR * 4;
    while (map->index_size < map->count * 4) {
        map->index_size *= 2;
    }
    map->index = calloc(map->index_size, sizeof(*map->index));
    if (map->index == NULL) {
        map->index_size = 0;
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        *map_slot(map, map->keys[i]) = (uint32_t)i + 1;
    }
}

void *berth_json_map_get(const struct berth_json_map *map, const char *key)
{
    if (map->index != NULL) {
        uint32_t position = *map_slot(map, key);
        return position == 0 ? NULL : map->values[position - 1];
    }
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], key) == 0) {
            return map->values[i];
        }
    }
    return NULL;
}

static bool map_grow(struct berth_json_map *map)
{
    char **keys = realloc(map->keys, (map->count + 1) * sizeof(*keys));
    if (keys == NULL) {
        return false;
    }
    map->keys = keys;
    void **values = realloc(map->values, (map->count + 1) * sizeof(*values));
    if (values == NULL) {
        return false;
    }
    map->values = values;
    return true;
}

void *berth_json_map_add(struct berth_json_map *map, const char *key,
                         const struct berth_json_table *table)
{
    void *value = berth_json_map_get(map, key);
    if (value != NULL) {
        return value;
    }
    if (!map_grow(map)) {
        return NULL;
    }
    char *name = strdup(key);
    value = table != NULL ? berth_json_new(table) : calloc(1, sizeof(struct berth_json_list));
    if (name == NULL || value == NULL) {
        free(name);
        free(value);
        return NULL;
    }
    map->keys[map->count] = name;
    map->values[map->count++] = value;
    map_index_last(map);
    return value;
}

bool berth_json_map_remove(struct berth_json_map *map, const char *key,
                           const struct berth_json_table *table)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], key) != 0) {
            continue;
        }
        map_drop_index(map); /* positions change; the next addition makes a new one */
        free(map->keys[i]);
        berth_json_free(table, map->values[i]);
        map->count--;
        memmove(&map->keys[i], &map->keys[i + 1], (map->count - i) * sizeof(map->keys[0]));
        memmove(&map->values[i], &map->values[i + 1], (map->count - i) * sizeof(map->values[0]));
        return true;
    }
    return false;
}

void berth_json_map_done(struct berth_json_map *map, const struct berth_json_table *table)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->keys[i]);
        if (table != NULL) {
            berth_json_free(table, map->values[i]);
        }
    }
    free(map->keys);
    free(map->values);
    map_drop_index(map);
    *map = (struct berth_json_map){NULL, NULL, 0, NULL, 0};
}
