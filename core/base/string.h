/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, string vectors and string maps. A vector's items are owned by it and the array ends
 * with a NULL, so `items` can serve as argv or environ.
 */
#ifndef BERTH_BASE_STRING_H
#define BERTH_BASE_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_strv {
    char **items; /* NULL when never filled; else NULL-terminated */
    size_t count;
};

/* Key and value pairs in the order of insertion; keys are unique. */
struct berth_strmap {
    char **keys;
    char **values;
    size_t count;
};

#define AUTO_STRV   __attribute__((cleanup(berth_strv_done)))
#define AUTO_STRMAP __attribute__((cleanup(berth_strmap_done)))

/* printf into a new string, the caller's to free; NULL: out of memory. */
char *berth_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* strdup that maps NULL to NULL. */
char *berth_strdup(const char *text);
/* NULL-safe equality; two NULLs are equal. */
bool berth_str_equal(const char *a, const char *b);
/* True for NULL and "". */
bool berth_str_empty(const char *text);
bool berth_str_starts(const char *text, const char *prefix);
bool berth_str_ends(const char *text, const char *suffix);
/* Case-insensitive ASCII equality. */
bool berth_str_equal_fold(const char *a, const char *b);
/* Cuts white space (space, \t, \r, \n) off both ends in place; returns text's new begin. */
char *berth_str_trim(char *text);
/* Parses a whole decimal number with optional sign; false when anything else stands in text or it
 * does not fit. */
bool berth_str_to_int64(const char *text, int64_t *ret_value);
/* "1", "t", "true", "True", "TRUE" and their opposites, as Go's strconv.ParseBool. */
bool berth_str_to_bool(const char *text, bool *ret_value);

/* Appends a copy of text. False: out of memory, nothing changed. */
bool berth_strv_add(struct berth_strv *vector, const char *text);
/* Appends text itself and owns it from now on, freed on failure; NULL text fails. */
bool berth_strv_take(struct berth_strv *vector, char *text);
bool berth_strv_addf(struct berth_strv *vector, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends copies of all items. */
bool berth_strv_extend(struct berth_strv *vector, const struct berth_strv *more);
bool berth_strv_contains(const struct berth_strv *vector, const char *text);
/* Removes and frees item index. */
void berth_strv_remove(struct berth_strv *vector, size_t index);
void berth_strv_sort(struct berth_strv *vector);
/* Appends the parts of text between separators (empty parts included). */
bool berth_strv_split(struct berth_strv *vector, const char *text, char separator);
/* All items with separator between, the caller's to free. */
char *berth_strv_join(const struct berth_strv *vector, const char *separator);
/* The value of NAME in a vector of NAME=VALUE (NULL: absent). Borrowed from the vector. */
const char *berth_strv_env(const struct berth_strv *vector, const char *name);
/* Sets NAME=VALUE in such a vector, replacing an earlier one. */
bool berth_strv_env_set(struct berth_strv *vector, const char *name, const char *value);
/* Frees it; it is empty and usable afterwards. */
void berth_strv_done(struct berth_strv *vector);

/* Sets key to a copy of value (NULL is stored as ""). False: out of memory. */
bool berth_strmap_set(struct berth_strmap *map, const char *key, const char *value);
/* NULL: absent. Borrowed from the map. */
const char *berth_strmap_get(const struct berth_strmap *map, const char *key);
bool berth_strmap_remove(struct berth_strmap *map, const char *key);
/* Sets all of more's pairs in map. */
bool berth_strmap_merge(struct berth_strmap *map, const struct berth_strmap *more);
/* Sorts by key, as Go prints maps. */
void berth_strmap_sort(struct berth_strmap *map);
void berth_strmap_done(struct berth_strmap *map);

#endif
