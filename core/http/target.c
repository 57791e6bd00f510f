/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets and route patterns.
 */
#include "http/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/url.h"

/* "http://host/path" (RFC 9112 3.2.2) is as good as "/path". */
static const char *skip_authority(const char *text)
{
    if (berth_str_starts(text, "http://")) {
        const char *slash = strchr(text + 7, '/');
        return slash != NULL ? slash : "/";
    }
    return text;
}

static bool decode_piece(char *text)
{
    long length = berth_http_url_decode(text, strlen(text), true);
    if (length >= 0) {
        text[length] = '\0';
    }
    return length >= 0;
}

static int32_t parse_query(char *query, struct berth_http_target *target, berth_error *err)
{
    size_t count = 1;
    for (const char *p = query; *p != '\0'; p++) {
        count += *p == '&';
    }
    if (count > BERTH_HTTP_QUERY_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "more than %d query parameters",
                               BERTH_HTTP_QUERY_MAX);
    }
    target->pairs = calloc(count, sizeof(*target->pairs));
    if (target->pairs == NULL) {
        return berth_error_no_memory(err);
    }
    char *rest = query;
    for (char *piece = strsep(&rest, "&"); piece != NULL; piece = strsep(&rest, "&")) {
        if (*piece == '\0') {
            continue;
        }
        struct berth_http_pair *pair = &target->pairs[target->pair_count];
        pair->key = strsep(&piece, "=");
        pair->value = piece != NULL ? piece : pair->key + strlen(pair->key);
        if (!decode_piece(pair->value) || !decode_piece(pair->key)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "the query has a broken percent escape");
        }
        target->pair_count++;
    }
    return 0;
}

int32_t berth_http_target_parse(const char *text, struct berth_http_target *ret_target,
                                berth_error *err)
{
    struct berth_http_target target = {.text = strdup(skip_authority(text))};
    if (target.text == NULL) {
        return berth_error_no_memory(err);
    }
    target.path = target.text;
    int32_t rc = 0;
    char *fragment = strchr(target.text, '#');
    if (fragment != NULL) {
        *fragment = '\0';
    }
    char *query = strchr(target.text, '?');
    if (*target.path != '/') {
        rc = berth_error_set(err, BERTH_E_INVALID, 0, "the request target is not a path");
    } else if (query != NULL) {
        *query = '\0';
        rc = parse_query(query + 1, &target, err);
    }
    if (rc < 0) {
        berth_http_target_done(&target);
        return rc;
    }
    *ret_target = target;
    return 0;
}

void berth_http_target_done(struct berth_http_target *target)
{
    free(target->text);
    free(target->pairs);
    memset(target, 0, sizeof(*target));
}

const char *berth_http_target_query(const struct berth_http_target *target, const char *key)
{
    for (size_t i = 0; i < target->pair_count; i++) {
        if (strcmp(target->pairs[i].key, key) == 0) {
            return target->pairs[i].value;
        }
    }
    return NULL;
}

/* A value found while matching: still pointers into pattern and path. */
struct span {
    const char *name, *value;
    size_t name_length, value_length;
};

/* pattern stands on "{name}" or "{name...}"; tries the possible ends of the value, the longest
 * first. */
static bool match_here(const char *pattern, const char *path, struct span *spans, size_t *count)
{
    while (*pattern != '\0' && *pattern != '{') {
        if (*pattern++ != *path++) {
            return false;
        }
    }
    if (*pattern == '\0') {
        return *path == '\0';
    }
    const char *close = strchr(pattern, '}');
    size_t name_length = (size_t)(close - pattern - 1);
    bool slashes = name_length > 3 && memcmp(close - 3, "...", 3) == 0;
    size_t longest = slashes ? strlen(path) : strcspn(path, "/");
    size_t index = *count;
    if (index == BERTH_HTTP_PARAMS_MAX) {
        return false;
    }
    for (size_t length = longest; length > 0; length--) {
        *count = index + 1;
        if (match_here(close + 1, path + length, spans, count)) {
            spans[index] = (struct span){.name = pattern + 1,
                                         .name_length = name_length - (slashes ? 3 : 0),
                                         .value = path,
                                         .value_length = length};
            return true;
        }
        if (!slashes) {
            break;
        }
    }
    *count = index;
    return false;
}

int32_t berth_http_route_match(const char *pattern, const char *path,
                               struct berth_http_params *ret_params, berth_error *err)
{
    struct span spans[BERTH_HTTP_PARAMS_MAX];
    struct berth_http_params params = {.count = 0};
    size_t count = 0;
    if (!match_here(pattern, path, spans, &count)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        params.names[i] = strndup(spans[i].name, spans[i].name_length);
        params.values[i] = strndup(spans[i].value, spans[i].value_length);
        params.count = i + 1;
        if (params.names[i] == NULL || params.values[i] == NULL) {
            berth_http_params_done(&params);
            return berth_error_no_memory(err);
        }
        long length = berth_http_url_decode(params.values[i], spans[i].value_length, false);
        if (length < 0) {
            berth_http_params_done(&params);
            return berth_error_set(err, BERTH_E_INVALID, 0, "the path has a broken percent escape");
        }
        params.values[i][length] = '\0';
    }
    *ret_params = params;
    return 1;
}

void berth_http_params_done(struct berth_http_params *params)
{
    for (size_t i = 0; i < params->count; i++) {
        free(params->names[i]);
        free(params->values[i]);
    }
    memset(params, 0, sizeof(*params));
}
