/* SPDX-License-Identifier: Apache-2.0
 *
 * The Docker Engine API on an engine: REST routes, versions, JSON, errors as HTTP statuses. No
 * logic of its own: each handler turns a request into calls of the managers and their results into
 * JSON.
 */
#ifndef BERTH_API_API_H
#define BERTH_API_API_H

#include "base/error.h"
#include "base/string.h"

#define BERTH_API_VERSION     "1.56" /* the newest we speak */
#define BERTH_API_VERSION_MIN "1.24" /* the oldest */

struct berth_api;
struct berth_engine;
struct berth_http_config;

/* What the API serves; all borrowed as long as the API lives. */
struct berth_api_config {
    struct berth_engine *engine;
};

/* Makes the API. */
int32_t berth_api_new(const struct berth_api_config *config, struct berth_api **ret_api,
                      berth_error *err);
/* Frees it; no request may be running. NULL is fine. */
void berth_api_free(struct berth_api *api);
/* Routes, hooks and limits for berth_http_server_start(). */
void berth_api_http_config(struct berth_api *api, struct berth_http_config *ret_config);

#endif
