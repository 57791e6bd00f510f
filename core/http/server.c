/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd glue: connections in, requests through, everything freed at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/server_internal.h"

/* Bytes by which a connection's read buffer grows: large uploads pass in pieces of this size. */
#define READ_INCREMENT (64 * 1024)

/* libmicrohttpd copies the "address" of an added connection and gives it back: the peer travels
 * in it. */
struct peer_address {
    sa_family_t family;
    struct berth_http_peer peer;
};

static void server_log(void *context, const char *format, va_list arguments)
{
    char line[512];
    if (!berth_log_enabled(BERTH_LOG_DEBUG)) {
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(line, sizeof(line), format, arguments);
#pragma GCC diagnostic pop
    line[strcspn(line, "\n")] = '\0';
    berth_log(BERTH_LOG_DEBUG, "libmicrohttpd: %s", line);
}

/* The first thing libmicrohttpd tells of a request; what it returns comes back in every call. */
static void *request_begin(void *context, const char *target, struct MHD_Connection *connection)
{
    struct berth_http_server *server = context;
    struct berth_http_request *request = calloc(1, sizeof(*request));
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (request == NULL || fd == NULL || address == NULL) {
        free(request);
        return NULL;
    }
    request->server = server;
    request->connection = connection;
    request->fd = fd->connect_fd;
    request->raw = request->dead = -1;
    request->peer = ((const struct peer_address *)(const void *)address->client_addr)->peer;
    request->target = strdup(target);
    if (request->target == NULL) {
        free(request);
        return NULL;
    }
    AUTO_LOCK(&server->lock);
    server->active++;
    return request;
}

static void request_free(struct berth_http_request *request)
{
    struct berth_http_server *server = request->server;
    if (request->hijacker != NULL) {
        request->hijacker(request->hijack_context, -1, "", 0);
    }
    berth_http_upload_end(request, true);
    berth_http_stream_finish(request);
    if (request->dead >= 0) {
        close(request->dead);
    }
    berth_http_target_done(&request->parsed);
    berth_http_params_done(&request->params);
    berth_buffer_done(&request->body);
    berth_strmap_done(&request->headers);
    free(request->target);
    free(request->method);
    free(request->type);
    free(request->answer);
    free(request);
    AUTO_LOCK(&server->lock);
    if (--server->active == 0) {
        pthread_cond_broadcast(&server->idle);
    }
}

static void request_completed(void *context, struct MHD_Connection *connection,
                              void **request_context, enum MHD_RequestTerminationCode how)
{
    struct berth_http_server *server = context;
    struct berth_http_request *request = *request_context;
    if (request == NULL) {
        return;
    }
    *request_context = NULL;
    if (server->config.done != NULL && request->status != 0) {
        server->config.done(request);
    }
    request_free(request);
}

static enum MHD_Result queue_answer(struct berth_http_request *request)
{
    char *body = TAKE_PTR(request->answer);
    struct MHD_Response *response =
        body != NULL
            ? MHD_create_response_from_buffer(request->answer_length, body, MHD_RESPMEM_MUST_FREE)
            : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        free(body);
        return MHD_NO;
    }
    if (request->type != NULL) {
        MHD_add_response_header(response, "Content-Type", request->type);
    }
    for (size_t i = 0; i < request->headers.count; i++) {
        MHD_add_response_header(response, request->headers.keys[i], request->headers.values[i]);
    }
    /* 0 switched the clock off while the handler ran; setting it again starts it anew */
    MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              request->server->config.idle_timeout);
    enum MHD_Result queued =
        MHD_queue_response(request->connection, (unsigned)request->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* What the handler left becomes libmicrohttpd's business. */
static enum MHD_Result finish(struct berth_http_request *request)
{
    if (request->streaming) {
        berth_http_stream_finish(request);
        return MHD_NO; /* answered already: just close */
    }
    if (request->hijacker != NULL) {
        return berth_http_hijack_queue(request);
    }
    if (request->status == 0) {
        berth_error err = BERTH_ERROR_INIT;
        berth_error_set(&err, BERTH_E_INTERNAL, 0, "no answer to %s", request->target);
        berth_http_request_fail(request, &err);
    }
    return queue_answer(request);
}

/* The head is read: bodies that are streamed start now, all else waits for the whole body. */
static enum MHD_Result begin(struct berth_http_request *request, const char *method,
                             const char *version)
{
    berth_error err = BERTH_ERROR_INIT;
    request->seen = true;
    request->http10 = strcmp(version, "HTTP/1.0") == 0;
    request->method = strdup(method);
    if (request->method == NULL) {
        return MHD_NO;
    }
    int32_t rc = berth_http_request_resolve(request, &err);
    bool streamed = rc == 0 && (request->route->flags & BERTH_HTTP_STREAM_BODY) != 0;
    if (streamed) {
        rc = berth_http_upload_begin(request, &err);
    }
    if (rc < 0) {
        request->route = NULL;
        berth_http_request_fail(request, &err);
    }
    return MHD_YES;
}

static enum MHD_Result collect(struct berth_http_request *request, const char *data, size_t length)
{
    size_t limit = request->server->config.body_limit;
    if (request->upload != NULL) {
        return berth_http_upload_feed(request, data, length) ? MHD_YES : MHD_NO;
    }
    if (request->body.length + length <= limit && !request->too_large) {
        berth_buffer_append(&request->body, data, length);
        return MHD_YES;
    }
    if (!request->too_large) {
        request->too_large = true;
        berth_buffer_done(&request->body);
    }
    request->body_dropped += length;
    return request->body_dropped > 16 * limit ? MHD_NO : MHD_YES;
}

static void run(struct berth_http_request *request)
{
    berth_error err = BERTH_ERROR_INIT;
    if (request->route == NULL) {
        return; /* refused in begin() */
    }
    if (request->too_large || berth_buffer_failed(&request->body)) {
        berth_error_set(&err, BERTH_E_INVALID, 0, "the request body is over %zu bytes",
                        request->server->config.body_limit);
        berth_http_request_fail(request, &err);
        return;
    }
    berth_http_request_run(request);
}

static enum MHD_Result access_handler(void *context, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *data, size_t *size, void **request_context)
{
    struct berth_http_request *request = *request_context;
    if (request == NULL) {
        return MHD_NO;
    }
    if (!request->seen) {
        return begin(request, method, version);
    }
    if (*size > 0) {
        size_t length = *size;
        *size = 0;
        return collect(request, data, length);
    }
    /* no clock while a handler works, however long it waits */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0);
    if (request->upload != NULL) {
        berth_http_upload_end(request, false);
    } else {
        run(request);
    }
    return finish(request);
}

int32_t berth_http_server_start(const struct berth_http_config *config,
                                struct berth_http_server **ret_server, berth_error *err)
{
    struct berth_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return berth_error_no_memory(err);
    }
    server->config = *config;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->idle, NULL);
    /* the logger comes first, so that it hears of bad options too */
    server->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG,
        0, NULL, NULL, access_handler, server, MHD_OPTION_EXTERNAL_LOGGER, server_log, server,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, server, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, server, MHD_OPTION_CONNECTION_LIMIT, config->connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, config->head_timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        config->head_limit, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)READ_INCREMENT,
        MHD_OPTION_THREAD_STACK_SIZE, config->stack_size, MHD_OPTION_END);
    if (server->daemon == NULL) {
        free(server);
        return berth_error_set(err, BERTH_E_INTERNAL, errno, "the HTTP server does not start");
    }
    *ret_server = server;
    return 0;
}

int32_t berth_http_server_add(struct berth_http_server *server, int fd,
                              const struct berth_http_peer *peer, berth_error *err)
{
    struct peer_address address = {.family = AF_UNIX, .peer = *peer};
    if (MHD_add_connection(server->daemon, fd, (struct sockaddr *)(void *)&address,
                           sizeof(address)) != MHD_YES) {
        return berth_error_errno(err, errno, "a connection is refused");
    }
    return 0;
}

unsigned berth_http_server_active(struct berth_http_server *server)
{
    AUTO_LOCK(&server->lock);
    return server->active;
}

static bool wait_idle(struct berth_http_server *server, int milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    AUTO_LOCK(&server->lock);
    server->stopping = true;
    for (struct berth_http_request *stream = server->streams; stream != NULL;
         stream = stream->next) {
        shutdown(stream->raw, SHUT_RDWR);
    }
    while (server->active > 0) {
        if (pthread_cond_timedwait(&server->idle, &server->lock, &until) == ETIMEDOUT) {
            return server->active == 0;
        }
    }
    return true;
}

bool berth_http_server_stop(struct berth_http_server *server, int milliseconds)
{
    if (!wait_idle(server, milliseconds)) {
        return false;
    }
    MHD_stop_daemon(server->daemon);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return true;
}
