/* SPDX-License-Identifier: Apache-2.0
 *
 * What changes a container's state, and waiting for it.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "container/container.h"

#define REF(request) berth_http_request_param(request, "id")

/* 204 when rc says that it was done. */
static int32_t done(struct berth_http_request *request, int32_t rc)
{
    if (rc == 0) {
        berth_http_respond_empty(request, 204);
    }
    return rc;
}

int32_t berth_api_container_start(struct berth_http_request *request, berth_error *err)
{
    const char *checkpoint = berth_http_request_query(request, "checkpoint");
    if (!berth_str_empty(checkpoint)) {
        return berth_api_unsupported(err, "starting from a checkpoint");
    }
    return done(request, berth_container_start(berth_api_containers(request), REF(request), err));
}

static int32_t read_stop(const struct berth_http_request *request,
                         struct berth_container_stop *ret_options, berth_error *err)
{
    const char *signal = berth_http_request_query(request, "signal");
    int64_t timeout = 0;
    int32_t rc =
        berth_api_query_number(request, "t", BERTH_CONTAINER_TIMEOUT_DEFAULT, &timeout, err);
    if (rc == 0) {
        ret_options->signal = berth_str_empty(signal) ? NULL : signal;
        ret_options->timeout = (int32_t)timeout;
    }
    return rc;
}

int32_t berth_api_container_stop(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_stop options;
    int32_t rc = read_stop(request, &options, err);
    if (rc == 0) {
        rc = berth_container_stop(berth_api_containers(request), REF(request), &options, err);
    }
    return done(request, rc);
}

int32_t berth_api_container_restart(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_stop options;
    int32_t rc = read_stop(request, &options, err);
    if (rc == 0) {
        rc = berth_container_restart(berth_api_containers(request), REF(request), &options, err);
    }
    return done(request, rc);
}

int32_t berth_api_container_kill(struct berth_http_request *request, berth_error *err)
{
    const char *signal = berth_http_request_query(request, "signal");
    return done(request, berth_container_kill(berth_api_containers(request), REF(request),
                                              berth_str_empty(signal) ? NULL : signal, err));
}

int32_t berth_api_container_pause(struct berth_http_request *request, berth_error *err)
{
    return done(request, berth_container_pause(berth_api_containers(request), REF(request), err));
}

int32_t berth_api_container_unpause(struct berth_http_request *request, berth_error *err)
{
    return done(request, berth_container_unpause(berth_api_containers(request), REF(request), err));
}

int32_t berth_api_container_rename(struct berth_http_request *request, berth_error *err)
{
    const char *name = berth_http_request_query(request, "name");
    return done(request, berth_container_rename(berth_api_containers(request), REF(request),
                                                name != NULL ? name : "", err));
}

int32_t berth_api_container_resize(struct berth_http_request *request, berth_error *err)
{
    int64_t rows = 0, columns = 0;
    int32_t rc = berth_api_query_number(request, "h", 0, &rows, err);
    if (rc == 0) {
        rc = berth_api_query_number(request, "w", 0, &columns, err);
    }
    if (rc == 0) {
        rc = berth_container_resize(berth_api_containers(request), REF(request), (uint32_t)rows,
                                    (uint32_t)columns, err);
    }
    if (rc == 0) {
        berth_http_respond_empty(request, 200);
    }
    return rc;
}

/* Blocks until the condition is true (1) or the client went away (0). */
static int32_t wait_for(struct berth_http_request *request, struct berth_container_waiter *waiter,
                        struct berth_container_waited *ret_waited, berth_error *err)
{
    struct pollfd pollers[] = {
        {.fd = berth_container_wait_fd(waiter), .events = POLLIN},
        {.fd = berth_http_request_fd(request)},
    };
    while (!berth_container_wait_result(waiter, ret_waited)) {
        if (poll(pollers, ARRAY_SIZE(pollers), -1) < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "waiting for the container");
        }
        if (pollers[1].revents != 0) {
            return 0;
        }
    }
    return 1;
}

static int32_t answer_wait(struct berth_http_request *request,
                           const struct berth_container_waited *waited, berth_error *err)
{
    struct json_object *json = json_object_new_object();
    if (json == NULL) {
        return berth_error_no_memory(err);
    }
    if (waited->error[0] != '\0') {
        struct json_object *error = json_object_new_object();
        json_object_object_add(error, "Message", json_object_new_string(waited->error));
        json_object_object_add(json, "Error", error);
    }
    json_object_object_add(json, "StatusCode", json_object_new_int(waited->exit_code));
    return berth_api_stream_json(request, json, err);
}

int32_t berth_api_container_wait(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_waiter *waiter = NULL;
    struct berth_container_waited waited;
    const char *condition = berth_http_request_query(request, "condition");
    int32_t rc =
        berth_container_wait_open(berth_api_containers(request), REF(request),
                                  berth_str_empty(condition) ? NULL : condition, &waiter, err);
    if (rc < 0) {
        return rc;
    }
    /* the head goes out now: `docker run` starts the container only after it saw it */
    rc = berth_http_stream_start(request, 200, JSON_TYPE, err);
    if (rc == 0) {
        rc = wait_for(request, waiter, &waited, err);
    }
    if (rc > 0) {
        rc = answer_wait(request, &waited, err);
    }
    berth_container_wait_close(waiter);
    return rc;
}
