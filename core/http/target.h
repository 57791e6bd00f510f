/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets: path and query split and decoded, and paths matched against route patterns.
 * Pure functions on text, without the server.
 */
#ifndef BERTH_HTTP_TARGET_H
#define BERTH_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "http/server.h"

struct berth_http_pair {
    char *key, *value; /* decoded, inside the target's text */
};

/* A parsed request target. */
struct berth_http_target {
    char *text;       /* owned: path, NUL, then the decoded query's pieces */
    const char *path; /* not decoded; starts with "/" */
    struct berth_http_pair *pairs;
    size_t pair_count;
};

struct berth_http_params {
    char *names[BERTH_HTTP_PARAMS_MAX], *values[BERTH_HTTP_PARAMS_MAX]; /* owned */
    size_t count;
};

/* Splits and decodes. BERTH_E_INVALID: not a path, broken escapes, too many parameters. */
int32_t berth_http_target_parse(const char *text, struct berth_http_target *ret_target,
                                berth_error *err);
void berth_http_target_done(struct berth_http_target *target);
/* The first value of key; NULL: absent. Borrowed. */
const char *berth_http_target_query(const struct berth_http_target *target, const char *key);

/* Matches a path (not decoded) against a pattern; the values found are decoded. 1: yes, 0: no,
 * negative: out of memory or broken escapes. *ret_params is written on 1 only. */
int32_t berth_http_route_match(const char *pattern, const char *path,
                               struct berth_http_params *ret_params, berth_error *err);
void berth_http_params_done(struct berth_http_params *params);

#endif
