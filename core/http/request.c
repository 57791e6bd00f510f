/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers ask of a request, and how a request is led to its handler.
 */
#include <poll.h>
#include <string.h>

#include "http/server_internal.h"

void *berth_http_request_context(const struct berth_http_request *request)
{
    return request->server->config.context;
}

const char *berth_http_request_method(const struct berth_http_request *request)
{
    return request->method;
}

const char *berth_http_request_target(const struct berth_http_request *request)
{
    return request->target;
}

const char *berth_http_request_path(const struct berth_http_request *request)
{
    return request->parsed.path != NULL ? request->parsed.path : "";
}

void berth_http_request_skip(struct berth_http_request *request, size_t length)
{
    request->parsed.path += length;
}

int berth_http_request_tag(const struct berth_http_request *request)
{
    return request->tag;
}

void berth_http_request_set_tag(struct berth_http_request *request, int tag)
{
    request->tag = tag;
}

const char *berth_http_request_param(const struct berth_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->params.count; i++) {
        if (strcmp(request->params.names[i], name) == 0) {
            return request->params.values[i];
        }
    }
    return NULL;
}

const char *berth_http_request_query(const struct berth_http_request *request, const char *key)
{
    return berth_http_target_query(&request->parsed, key);
}

bool berth_http_request_query_all(const struct berth_http_request *request, const char *key,
                                  struct berth_strv *values)
{
    for (size_t i = 0; i < request->parsed.pair_count; i++) {
        const struct berth_http_pair *pair = &request->parsed.pairs[i];
        if (strcmp(pair->key, key) == 0 && !berth_strv_add(values, pair->value)) {
            return false;
        }
    }
    return true;
}

bool berth_http_request_query_bool(const struct berth_http_request *request, const char *key,
                                   bool missing)
{
    static const char *const negative[] = {"", "0", "no", "false", "none"};
    const char *value = berth_http_request_query(request, key);
    if (value == NULL) {
        return missing;
    }
    for (size_t i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
        if (berth_str_equal_fold(value, negative[i])) {
            return false;
        }
    }
    return true;
}

const char *berth_http_request_header(const struct berth_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const struct berth_http_peer *berth_http_request_peer(const struct berth_http_request *request)
{
    return &request->peer;
}

const char *berth_http_request_body(const struct berth_http_request *request, size_t *ret_length)
{
    if (ret_length != NULL) {
        *ret_length = request->body.length;
    }
    return request->body.data != NULL ? request->body.data : "";
}

int berth_http_request_fd(const struct berth_http_request *request)
{
    return request->raw >= 0 ? request->raw : request->fd;
}

bool berth_http_request_gone(const struct berth_http_request *request)
{
    struct pollfd poller = {.fd = berth_http_request_fd(request)};
    return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

int berth_http_request_status(const struct berth_http_request *request)
{
    return request->status;
}

bool berth_http_stream_started(const struct berth_http_request *request)
{
    return request->streaming;
}

void berth_http_request_fail(struct berth_http_request *request, const berth_error *err)
{
    if (!request->streaming) {
        request->server->config.fail(request, err);
    }
}

static int32_t find_route(struct berth_http_request *request, berth_error *err)
{
    const struct berth_http_config *config = &request->server->config;
    for (size_t i = 0; i < config->route_count; i++) {
        const struct berth_http_route *route = &config->routes[i];
        if (strcmp(route->method, request->method) != 0) {
            continue;
        }
        int32_t rc =
            berth_http_route_match(route->pattern, request->parsed.path, &request->params, err);
        if (rc != 0) {
            request->route = route;
            return rc < 0 ? rc : 0;
        }
    }
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "page not found");
}

/* Parses, lets the hook look, finds the route. */
int32_t berth_http_request_resolve(struct berth_http_request *request, berth_error *err)
{
    int32_t (*prepare)(struct berth_http_request *, berth_error *) =
        request->server->config.prepare;
    int32_t rc = berth_http_target_parse(request->target, &request->parsed, err);
    if (rc == 0 && prepare != NULL) {
        rc = prepare(request, err);
    }
    return rc == 0 ? find_route(request, err) : rc;
}

void berth_http_request_run(struct berth_http_request *request)
{
    berth_error err = BERTH_ERROR_INIT;
    int32_t rc = request->route->handler(request, &err);
    if (rc < 0) {
        berth_http_request_fail(request, &err);
    }
}
