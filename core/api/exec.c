/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec sessions.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "container/container.h"
#include "oci/exec_config.h"

#define REF(request) berth_http_request_param(request, "id")

int32_t berth_api_exec_create(struct berth_http_request *request, berth_error *err)
{
    struct berth_exec_config config;
    AUTO_FREE char *id = NULL;
    berth_json_init(&berth_exec_config_table, &config);
    int32_t rc = berth_api_body(request, &berth_exec_config_table, &config, err);
    if (rc == 0 && config.cmd.count == 0) {
        rc = berth_error_set(err, BERTH_E_INVALID, 0, "No exec command specified");
    }
    if (rc == 0) {
        rc = berth_container_exec_create(berth_api_containers(request), REF(request), &config, &id,
                                         err);
    }
    berth_json_done(&berth_exec_config_table, &config);
    return rc < 0 ? rc : berth_api_answer_pair(request, 201, "Id", id, err);
}

/* Body of POST /exec/{id}/start. Tty is the exec's own; it is read for its type only. */
struct start_body {
    bool detach, tty;
    struct json_object *console_size; /* [rows, columns] */
};

static const struct berth_json_field start_fields[] = {
    BERTH_JSON_FIELD(struct start_body, detach, "Detach", BOOL, 0),
    BERTH_JSON_FIELD(struct start_body, tty, "Tty", BOOL, 0),
    BERTH_JSON_FIELD(struct start_body, console_size, "ConsoleSize", RAW, 0),
};
static const struct berth_json_table start_table =
    BERTH_JSON_TABLE("exec start", struct start_body, start_fields);

/* A start under way between the handler and the upgraded connection. */
struct start {
    struct berth_container_manager *manager;
    char *id;
    struct berth_container_exec_start options;
    bool tty;
};

static void start_free(struct start *start)
{
    free(start->id);
    free(start);
}

static void put_bytes(int fd, const void *data, size_t length)
{
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent != (ssize_t)length) {
        berth_log(BERTH_LOG_DEBUG, "the client of an exec did not take its error");
    }
}

/* Docker writes why the program did not start where its output would have been. */
static void write_failure(int fd, bool tty, const berth_error *failure)
{
    char text[sizeof(failure->msg) + 3];
    int length = snprintf(text, sizeof(text), "%s\r\n", failure->msg);
    /* stream 1, then the length, big-endian */
    unsigned char frame[8] = {
        1, 0, 0, 0, 0, 0, (unsigned char)(length >> 8), (unsigned char)length};
    if (!tty) {
        put_bytes(fd, frame, sizeof(frame));
    }
    put_bytes(fd, text, (size_t)length);
}

static void start_stream(void *context, int fd, const void *early, size_t length)
{
    struct start *start = context;
    const struct berth_container_stream stream = {
        .fd = fd, .early = early, .early_length = length, .multiplex = !start->tty};
    berth_error err = BERTH_ERROR_INIT;
    if (fd >= 0 &&
        berth_container_exec_start(start->manager, start->id, &start->options, &stream, &err) < 0) {
        berth_log(BERTH_LOG_INFO, "exec %.12s: %s", start->id, err.msg);
        write_failure(fd, start->tty, &err);
    }
    if (fd >= 0) {
        close(fd);
    }
    start_free(start);
}

static void read_console_size(const struct json_object *size,
                              struct berth_container_exec_start *options)
{
    if (size != NULL && json_object_is_type(size, json_type_array) &&
        json_object_array_length(size) == 2) {
        options->rows = (uint32_t)json_object_get_int(json_object_array_get_idx(size, 0));
        options->columns = (uint32_t)json_object_get_int(json_object_array_get_idx(size, 1));
    }
}

static int32_t start_attached(struct berth_http_request *request,
                              const struct berth_container_exec_start *options, bool tty,
                              berth_error *err)
{
    struct start *start = calloc(1, sizeof(*start));
    if (start != NULL) {
        start->manager = berth_api_containers(request);
        start->options = *options;
        start->tty = tty;
        start->id = strdup(REF(request));
    }
    if (start == NULL || start->id == NULL) {
        free(start);
        return berth_error_no_memory(err);
    }
    bool framed = !tty && berth_http_request_tag(request) >= 142;
    berth_http_respond_hijack(request, framed ? FRAMED_STREAM : RAW_STREAM, start_stream, start);
    return 0;
}

int32_t berth_api_exec_start(struct berth_http_request *request, berth_error *err)
{
    struct start_body body;
    struct berth_container_exec_start options = {0};
    bool tty = false;
    berth_json_init(&start_table, &body);
    int32_t rc = berth_api_body(request, &start_table, &body, err);
    if (rc == 0) {
        options.detach = body.detach;
        read_console_size(body.console_size, &options);
        rc = berth_container_exec_check(berth_api_containers(request), REF(request), &tty, err);
    }
    berth_json_done(&start_table, &body);
    if (rc < 0) {
        return rc;
    }
    if (!options.detach) {
        return start_attached(request, &options, tty, err);
    }
    rc = berth_container_exec_start(berth_api_containers(request), REF(request), &options, NULL,
                                    err);
    if (rc == 0) {
        berth_http_respond_empty(request, 200);
    }
    return rc;
}

int32_t berth_api_exec_resize(struct berth_http_request *request, berth_error *err)
{
    int64_t rows = 0, columns = 0;
    int32_t rc = berth_api_query_number(request, "h", 0, &rows, err);
    if (rc == 0) {
        rc = berth_api_query_number(request, "w", 0, &columns, err);
    }
    if (rc == 0) {
        rc = berth_container_exec_resize(berth_api_containers(request), REF(request),
                                         (uint32_t)rows, (uint32_t)columns, err);
    }
    if (rc == 0) {
        berth_http_respond_empty(request, 200);
    }
    return rc;
}

int32_t berth_api_exec_inspect(struct berth_http_request *request, berth_error *err)
{
    struct berth_exec_inspect inspect;
    berth_json_init(&berth_exec_inspect_table, &inspect);
    int32_t rc =
        berth_container_exec_inspect(berth_api_containers(request), REF(request), &inspect, err);
    if (rc == 0) {
        rc = berth_api_answer_json(
            request, 200, berth_exec_inspect_json(&inspect, berth_http_request_tag(request)), err);
    }
    berth_json_done(&berth_exec_inspect_table, &inspect);
    return rc;
}
