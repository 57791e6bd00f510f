/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and string vectors.
 */
#include "base/string.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *berth_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : text;
}

char *berth_strdup(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

bool berth_str_equal(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return strcmp(a, b) == 0;
}

bool berth_str_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

bool berth_str_starts(const char *text, const char *prefix)
{
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool berth_str_ends(const char *text, const char *suffix)
{
    if (text == NULL) {
        return false;
    }
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

bool berth_str_equal_fold(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return strcasecmp(a, b) == 0;
}

char *berth_str_trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    return text;
}

bool berth_str_to_int64(const char *text, int64_t *ret_value)
{
    if (berth_str_empty(text) || strchr(" \t\r\n\v\f", text[0]) != NULL) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return false;
    }
    *ret_value = value;
    return true;
}

bool berth_str_to_bool(const char *text, bool *ret_value)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (berth_str_equal(text, words[i])) {
            *ret_value = i < 6;
            return true;
        }
    }
    return false;
}

bool berth_strv_take(struct berth_strv *vector, char *text)
{
    if (text == NULL) {
        return false;
    }
    /* grows at powers of two: count + 2 slots (new item and NULL) */
    size_t used = vector->count + 1;
    if (vector->items == NULL || (used & (used - 1)) == 0) {
        size_t slots = vector->items == NULL ? 2 : used * 2;
        char **items =
            realloc(vector->items, (slots < used + 1 ? used + 1 : slots) * sizeof(*items));
        if (items == NULL) {
            free(text);
            return false;
        }
        vector->items = items;
    }
    vector->items[vector->count++] = text;
    vector->items[vector->count] = NULL;
    return true;
}

bool berth_strv_add(struct berth_strv *vector, const char *text)
{
    return berth_strv_take(vector, berth_strdup(text));
}

bool berth_strv_addf(struct berth_strv *vector, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return length >= 0 && berth_strv_take(vector, text);
}

bool berth_strv_extend(struct berth_strv *vector, const struct berth_strv *more)
{
    for (size_t i = 0; i < more->count; i++) {
        if (!berth_strv_add(vector, more->items[i])) {
            return false;
        }
    }
    return true;
}

bool berth_strv_contains(const struct berth_strv *vector, const char *text)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (berth_str_equal(vector->items[i], text)) {
            return true;
        }
    }
    return false;
}

void berth_strv_remove(struct berth_strv *vector, size_t index)
{
    free(vector->items[index]);
    memmove(&vector->items[index], &vector->items[index + 1],
            (vector->count - index) * sizeof(vector->items[0]));
    vector->count--;
    if (vector->count == 0) {
        free(vector->items);
        vector->items = NULL;
    } else {
        /* the growth rule of berth_strv_take() reallocates at powers of two only */
        size_t slots = 2;
        while (slots < vector->count + 2) {
            slots *= 2;
        }
        char **items = realloc(vector->items, slots * sizeof(*items));
        vector->items = items != NULL ? items : vector->items;
    }
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void berth_strv_sort(struct berth_strv *vector)
{
    if (vector->count > 1) {
        qsort(vector->items, vector->count, sizeof(vector->items[0]), compare_strings);
    }
}

bool berth_strv_split(struct berth_strv *vector, const char *text, char separator)
{
    for (;;) {
        const char *end = strchrnul(text, separator);
        if (!berth_strv_take(vector, strndup(text, (size_t)(end - text)))) {
            return false;
        }
        if (*end == '\0') {
            return true;
        }
        text = end + 1;
    }
}

char *berth_strv_join(const struct berth_strv *vector, const char *separator)
{
    struct berth_buffer buffer = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < vector->count; i++) {
        if (i > 0) {
            berth_buffer_add(&buffer, separator);
        }
        berth_buffer_add(&buffer, vector->items[i]);
    }
    char *text = berth_buffer_take(&buffer);
    berth_buffer_done(&buffer);
    return text;
}

static size_t env_find(const struct berth_strv *vector, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < vector->count; i++) {
        if (strncmp(vector->items[i], name, length) == 0 && vector->items[i][length] == '=') {
            return i;
        }
    }
    return vector->count;
}

const char *berth_strv_env(const struct berth_strv *vector, const char *name)
{
    size_t index = env_find(vector, name);
    return index == vector->count ? NULL : vector->items[index] + strlen(name) + 1;
}

bool berth_strv_env_set(struct berth_strv *vector, const char *name, const char *value)
{
    size_t index = env_find(vector, name);
    char *pair = berth_format("%s=%s", name, value);
    if (pair == NULL) {
        return false;
    }
    if (index == vector->count) {
        return berth_strv_take(vector, pair);
    }
    free(vector->items[index]);
    vector->items[index] = pair;
    return true;
}

void berth_strv_done(struct berth_strv *vector)
{
    for (size_t i = 0; i < vector->count; i++) {
        free(vector->items[i]);
    }
    free(vector->items);
    *vector = (struct berth_strv){NULL, 0};
}
