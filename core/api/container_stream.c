/* SPDX-License-Identifier: Apache-2.0
 *
 * Attach, logs and stats.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "container/container.h"

#define REF(request)   berth_http_request_param(request, "id")
#define LOGS_PIECE     (64 * 1024) /* bytes of log sent at a time */
#define STATS_INTERVAL 1000        /* milliseconds between two readings */

/* From 1.42 the content type tells frames from raw bytes. */
static const char *stream_type(const struct berth_http_request *request, bool tty)
{
    return !tty && berth_http_request_tag(request) >= 142 ? FRAMED_STREAM : RAW_STREAM;
}

/* An attach under way between the handler and the upgraded connection. */
struct attach {
    struct berth_container_manager *manager;
    char *id;
    char *detach_keys;
    struct berth_container_attach options;
    bool tty;
};

static void attach_free(struct attach *attach)
{
    free(attach->id);
    free(attach->detach_keys);
    free(attach);
}

static void attach_stream(void *context, int fd, const void *early, size_t length)
{
    struct attach *attach = context;
    const struct berth_container_stream stream = {
        .fd = fd, .early = early, .early_length = length, .multiplex = !attach->tty};
    berth_error err = BERTH_ERROR_INIT;
    if (fd >= 0 &&
        berth_container_attach(attach->manager, attach->id, &attach->options, &stream, &err) < 0) {
        berth_log(BERTH_LOG_WARN, "attaching to %.12s: %s", attach->id, err.msg);
    }
    if (fd >= 0) {
        close(fd);
    }
    attach_free(attach);
}

int32_t berth_api_container_attach(struct berth_http_request *request, berth_error *err)
{
    struct attach *attach = calloc(1, sizeof(*attach));
    const char *keys = berth_http_request_query(request, "detachKeys");
    if (attach == NULL) {
        return berth_error_no_memory(err);
    }
    attach->manager = berth_api_containers(request);
    attach->detach_keys = berth_str_empty(keys) ? NULL : strdup(keys);
    attach->options = (struct berth_container_attach){
        .logs = berth_http_request_query_bool(request, "logs", false),
        .stream = berth_http_request_query_bool(request, "stream", false),
        .standard_input = berth_http_request_query_bool(request, "stdin", false),
        .standard_output = berth_http_request_query_bool(request, "stdout", false),
        .standard_error = berth_http_request_query_bool(request, "stderr", false),
        .detach_keys = attach->detach_keys,
    };
    int32_t rc = berth_container_attach_check(attach->manager, REF(request), &attach->options, err);
    if (rc == 0) {
        rc = berth_container_resolve(attach->manager, REF(request), &attach->id, err);
    }
    if (rc == 0) {
        rc = berth_container_has_tty(attach->manager, attach->id, &attach->tty, err);
    }
    if (rc < 0) {
        attach_free(attach);
        return rc;
    }
    berth_http_respond_hijack(request, stream_type(request, attach->tty), attach_stream, attach);
    return 0;
}

static int32_t read_logs_options(struct berth_http_request *request,
                                 struct berth_container_logs *options, berth_error *err)
{
    const char *tail = berth_http_request_query(request, "tail");
    *options = (struct berth_container_logs){
        .standard_output = berth_http_request_query_bool(request, "stdout", false),
        .standard_error = berth_http_request_query_bool(request, "stderr", false),
        .follow = berth_http_request_query_bool(request, "follow", false),
        .timestamps = berth_http_request_query_bool(request, "timestamps", false),
        .details = berth_http_request_query_bool(request, "details", false),
        .tail = -1,
    };
    /* anything that is not a number means all, as in Docker */
    if (tail != NULL && !berth_str_to_int64(tail, &options->tail)) {
        options->tail = -1;
    }
    if (!options->standard_output && !options->standard_error) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Bad parameters: you must choose at least one stream");
    }
    int32_t rc = berth_api_query_time(request, "since", &options->since, err);
    return rc < 0 ? rc : berth_api_query_time(request, "until", &options->until, err);
}

static int32_t send_logs(struct berth_http_request *request,
                         struct berth_container_log_reader *reader, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer piece = BERTH_BUFFER_INIT;
    struct pollfd pollers[] = {
        {.fd = berth_container_logs_fd(reader), .events = POLLIN},
        {.fd = berth_http_request_fd(request)},
    };
    for (;;) {
        berth_buffer_clear(&piece);
        int32_t rc = berth_container_logs_read(reader, &piece, LOGS_PIECE, err);
        int32_t sent = 0;
        if (rc >= 0 && piece.length > 0) {
            sent = berth_http_stream_write(request, piece.data, piece.length, err);
        }
        if (rc <= 0 || sent < 0) {
            return rc < 0 ? rc : sent;
        }
        if (rc == 2 && poll(pollers, ARRAY_SIZE(pollers), -1) < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "waiting for log lines");
        }
        if (rc == 2 && pollers[1].revents != 0) {
            return 0;
        }
    }
}

int32_t berth_api_container_logs(struct berth_http_request *request, berth_error *err)
{
    struct berth_container_logs options;
    struct berth_container_log_reader *reader = NULL;
    bool tty = false;
    int32_t rc = berth_container_has_tty(berth_api_containers(request), REF(request), &tty, err);
    if (rc == 0) {
        rc = read_logs_options(request, &options, err);
    }
    if (rc == 0) {
        options.multiplex = !tty;
        rc = berth_container_logs_open(berth_api_containers(request), REF(request), &options,
                                       &reader, err);
    }
    if (rc < 0) {
        return rc;
    }
    rc = berth_http_stream_start(request, 200, stream_type(request, tty), err);
    if (rc == 0) {
        rc = send_logs(request, reader, err);
    }
    berth_container_logs_close(reader);
    return rc;
}

/* True when the client went away within the time. */
static bool gone_after(struct berth_http_request *request, int milliseconds)
{
    struct pollfd poller = {.fd = berth_http_request_fd(request)};
    return poll(&poller, 1, milliseconds) > 0;
}

static int32_t stream_stats(struct berth_http_request *request, const char *id, berth_error *err)
{
    struct berth_container_stats readings[2];
    const struct berth_json_table *table = &berth_container_stats_table;
    berth_json_init(table, &readings[0]);
    berth_json_init(table, &readings[1]);
    int32_t rc = berth_http_stream_start(request, 200, JSON_TYPE, err);
    for (unsigned turn = 0; rc == 0; turn++) {
        struct berth_container_stats *now = &readings[turn % 2];
        berth_json_done(table, now);
        rc = berth_container_stats(berth_api_containers(request), id,
                                   turn > 0 ? &readings[(turn + 1) % 2] : NULL, now, err);
        if (rc == 0) {
            rc = berth_api_stream_json(
                request, berth_json_write(table, now, berth_http_request_tag(request)), err);
        }
        if (rc == 0 && gone_after(request, STATS_INTERVAL)) {
            break;
        }
    }
    berth_json_done(table, &readings[0]);
    berth_json_done(table, &readings[1]);
    /* the container was removed: the stream just ends */
    return rc == BERTH_E_NOT_FOUND ? 0 : rc;
}

static int32_t one_stats(struct berth_http_request *request, const char *id, bool single,
                         berth_error *err)
{
    struct berth_container_stats before, now;
    const struct berth_json_table *table = &berth_container_stats_table;
    berth_json_init(table, &before);
    berth_json_init(table, &now);
    int32_t rc = 0;
    if (!single) {
        rc = berth_container_stats(berth_api_containers(request), id, NULL, &before, err);
    }
    if (rc == 0 && !single) {
        gone_after(request, STATS_INTERVAL);
    }
    if (rc == 0) {
        rc = berth_container_stats(berth_api_containers(request), id, single ? NULL : &before, &now,
                                   err);
    }
    if (rc == 0) {
        rc = berth_api_answer(request, 200, table, &now, err);
    }
    berth_json_done(table, &before);
    berth_json_done(table, &now);
    return rc;
}

int32_t berth_api_container_stats(struct berth_http_request *request, berth_error *err)
{
    AUTO_FREE char *id = NULL;
    bool stream = berth_http_request_query_bool(request, "stream", true);
    bool single = berth_http_request_query_bool(request, "one-shot", false);
    if (stream && single) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "cannot have stream=true and one-shot=true");
    }
    int32_t rc = berth_container_resolve(berth_api_containers(request), REF(request), &id, err);
    if (rc < 0) {
        return rc;
    }
    return stream ? stream_stats(request, id, err) : one_stats(request, id, single, err);
}
