/* SPDX-License-Identifier: Apache-2.0
 *
 * String maps: two parallel arrays, searched in order. They hold labels, environment-like options
 * and annotations: tens of entries, not thousands.
 */
#include "base/string.h"

#include <stdlib.h>
#include <string.h>

static size_t find(const struct berth_strmap *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], key) == 0) {
            return i;
        }
    }
    return map->count;
}

static bool append(struct berth_strmap *map, char *key, char *value)
{
    if (key == NULL || value == NULL) {
        return false;
    }
    char **keys = realloc(map->keys, (map->count + 1) * sizeof(*keys));
    if (keys == NULL) {
        return false;
    }
    map->keys = keys;
    char **values = realloc(map->values, (map->count + 1) * sizeof(*values));
    if (values == NULL) {
        return false;
    }
    map->values = values;
    map->keys[map->count] = key;
    map->values[map->count++] = value;
    return true;
}

bool berth_strmap_set(struct berth_strmap *map, const char *key, const char *value)
{
    char *copy = strdup(value != NULL ? value : "");
    size_t index = find(map, key);
    if (index < map->count && copy != NULL) {
        free(map->values[index]);
        map->values[index] = copy;
        return true;
    }
    char *name = copy != NULL ? strdup(key) : NULL;
    if (!append(map, name, copy)) {
        free(name);
        free(copy);
        return false;
    }
    return true;
}

const char *berth_strmap_get(const struct berth_strmap *map, const char *key)
{
    size_t index = find(map, key);
    return index < map->count ? map->values[index] : NULL;
}

bool berth_strmap_remove(struct berth_strmap *map, const char *key)
{
    size_t index = find(map, key);
    if (index == map->count) {
        return false;
    }
    free(map->keys[index]);
    free(map->values[index]);
    map->count--;
    memmove(&map->keys[index], &map->keys[index + 1], (map->count - index) * sizeof(map->keys[0]));
    memmove(&map->values[index], &map->values[index + 1],
            (map->count - index) * sizeof(map->values[0]));
    return true;
}

bool berth_strmap_merge(struct berth_strmap *map, const struct berth_strmap *more)
{
    for (size_t i = 0; i < more->count; i++) {
        if (!berth_strmap_set(map, more->keys[i], more->values[i])) {
            return false;
        }
    }
    return true;
}

void berth_strmap_sort(struct berth_strmap *map)
{
    /* insertion sort: short, stable, and the maps are small */
    for (size_t i = 1; i < map->count; i++) {
        char *key = map->keys[i], *value = map->values[i];
        size_t at = i;
        for (; at > 0 && strcmp(map->keys[at - 1], key) > 0; at--) {
            map->keys[at] = map->keys[at - 1];
            map->values[at] = map->values[at - 1];
        }
        map->keys[at] = key;
        map->values[at] = value;
    }
}

void berth_strmap_done(struct berth_strmap *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->keys[i]);
        free(map->values[i]);
    }
    free(map->keys);
    free(map->values);
    *map = (struct berth_strmap){NULL, NULL, 0};
}
