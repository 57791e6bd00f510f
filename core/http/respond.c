/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: whole, streamed and hijacked. Streamed and hijacked ones leave libmicrohttpd behind and
 * write to a duplicate of the connection's fd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/server_internal.h"

void berth_http_respond_header(struct berth_http_request *request, const char *name,
                               const char *value)
{
    if (strpbrk(value, "\r\n") == NULL) {
        berth_strmap_set(&request->headers, name, value);
    }
}

void berth_http_respond(struct berth_http_request *request, int status, const char *type,
                        const void *body, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        status = 500;
        type = NULL;
        length = 0;
    } else if (length > 0) {
        memcpy(copy, body, length);
    }
    berth_replace(&request->answer, copy);
    berth_replace(&request->type, berth_strdup(type));
    request->answer_length = length;
    request->status = status;
}

void berth_http_respond_take(struct berth_http_request *request, int status, const char *type,
                             char *text)
{
    berth_replace(&request->answer, text);
    berth_replace(&request->type, berth_strdup(type));
    request->answer_length = text != NULL ? strlen(text) : 0;
    request->status = status;
}

void berth_http_respond_empty(struct berth_http_request *request, int status)
{
    berth_http_respond_take(request, status, NULL, NULL);
}

void berth_http_respond_hijack(struct berth_http_request *request, const char *type,
                               berth_http_hijacker hijacker, void *context)
{
    berth_replace(&request->type, berth_strdup(type));
    request->hijacker = hijacker;
    request->hijack_context = context;
}

int32_t berth_http_request_open_raw(struct berth_http_request *request, berth_error *err)
{
    int raw = fcntl(request->fd, F_DUPFD_CLOEXEC, 3);
    if (raw < 0) {
        return berth_error_errno(err, errno, "duplicating the connection");
    }
    struct berth_http_server *server = request->server;
    AUTO_LOCK(&server->lock);
    if (server->stopping) {
        close(raw);
        return berth_error_set(err, BERTH_E_CANCELLED, 0, "the daemon is stopping");
    }
    request->raw = raw;
    request->next = server->streams;
    if (server->streams != NULL) {
        server->streams->previous = request;
    }
    server->streams = request;
    return 0;
}

/* Takes raw off the list of streams that are cut at stop. */
static int take_raw(struct berth_http_request *request)
{
    struct berth_http_server *server = request->server;
    AUTO_LOCK(&server->lock);
    if (request->next != NULL) {
        request->next->previous = request->previous;
    }
    if (request->previous != NULL) {
        request->previous->next = request->next;
    } else {
        server->streams = request->next;
    }
    request->next = request->previous = NULL;
    return TAKE_FD(request->raw);
}

int32_t berth_http_request_detach(struct berth_http_request *request, berth_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        return berth_error_errno(err, errno, "making a socket pair");
    }
    if (dup3(pair[0], request->fd, O_CLOEXEC) < 0) {
        int saved = errno;
        close(pair[0]);
        close(pair[1]);
        return berth_error_errno(err, saved, "replacing the connection");
    }
    close(pair[0]);
    request->dead = pair[1];
    return 0;
}

static int32_t client_gone(berth_error *err)
{
    return berth_error_set(err, BERTH_E_CANCELLED, 0, "the client went away");
}

/* Sends all of the pieces, waiting for room. */
static int32_t send_pieces(int fd, struct iovec *pieces, size_t count, berth_error *err)
{
    while (count > 0) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return client_gone(err);
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return berth_error_errno(err, errno, "sending to the client");
        }
        if (sent < 0) {
            struct pollfd poller = {.fd = fd, .events = POLLOUT};
            if (poll(&poller, 1, -1) > 0 && (poller.revents & (POLLHUP | POLLERR)) != 0) {
                return client_gone(err);
            }
            continue;
        }
        size_t left = (size_t)sent;
        while (count > 0 && left >= pieces->iov_len) {
            left -= pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + left;
            pieces->iov_len -= left;
        }
    }
    return 0;
}

int32_t berth_http_raw_send(struct berth_http_request *request, const void *data, size_t length,
                            berth_error *err)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    return send_pieces(request->raw, &piece, 1, err);
}

int32_t berth_http_raw_head(struct berth_http_request *request, int status, const char *reason,
                            const char *lines, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer head = BERTH_BUFFER_INIT;
    berth_buffer_format(&head, "HTTP/1.1 %d %s\r\n", status, reason);
    if (request->type != NULL) {
        berth_buffer_format(&head, "Content-Type: %s\r\n", request->type);
    }
    for (size_t i = 0; i < request->headers.count; i++) {
        berth_buffer_format(&head, "%s: %s\r\n", request->headers.keys[i],
                            request->headers.values[i]);
    }
    berth_buffer_format(&head, "%s\r\n", lines);
    request->status = status;
    if (berth_buffer_failed(&head)) {
        return berth_error_no_memory(err);
    }
    return berth_http_raw_send(request, head.data, head.length, err);
}

int32_t berth_http_stream_start(struct berth_http_request *request, int status, const char *type,
                                berth_error *err)
{
    int32_t rc = berth_http_request_open_raw(request, err);
    if (rc < 0) {
        return rc;
    }
    berth_replace(&request->type, berth_strdup(type));
    request->streaming = true;
    const char *lines = request->http10 ? "Connection: close\r\n"
                                        : "Connection: close\r\nTransfer-Encoding: chunked\r\n";
    return berth_http_raw_head(request, status, "OK", lines, err);
}

int32_t berth_http_stream_write(struct berth_http_request *request, const void *data, size_t length,
                                berth_error *err)
{
    if (length == 0) {
        return 0;
    }
    if (request->http10) {
        return berth_http_raw_send(request, data, length, err);
    }
    char size[24];
    int digits = snprintf(size, sizeof(size), "%zx\r\n", length);
    struct iovec pieces[] = {{.iov_base = size, .iov_len = (size_t)digits},
                             {.iov_base = (void *)(uintptr_t)data, .iov_len = length},
                             {.iov_base = (char[]){'\r', '\n'}, .iov_len = 2}};
    return send_pieces(request->raw, pieces, ARRAY_SIZE(pieces), err);
}

void berth_http_stream_finish(struct berth_http_request *request)
{
    if (request->raw < 0) {
        return;
    }
    if (!request->http10) {
        berth_http_raw_send(request, "0\r\n\r\n", 5, NULL);
    }
    close(take_raw(request));
}

void berth_http_stream_abort(struct berth_http_request *request)
{
    if (request->raw >= 0) {
        close(take_raw(request)); /* without the last chunk */
    }
}

void berth_http_answer_raw(struct berth_http_request *request)
{
    berth_error err = BERTH_ERROR_INIT;
    char lines[80];
    snprintf(lines, sizeof(lines), "Connection: close\r\nContent-Length: %zu\r\n",
             request->answer_length);
    if (berth_http_request_open_raw(request, &err) < 0) {
        return;
    }
    request->streaming = true;
    int32_t rc = berth_http_raw_head(request, request->status, "-", lines, &err);
    if (rc == 0) {
        rc = berth_http_raw_send(request, request->answer, request->answer_length, &err);
    }
    if (rc < 0) {
        berth_log(BERTH_LOG_DEBUG, "%s: %s", request->target, err.msg);
    }
    close(take_raw(request));
}

/* The fd as its next owner wants it: blocking, whatever libmicrohttpd made of it. */
static int blocking_raw(struct berth_http_request *request)
{
    int fd = take_raw(request);
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) {
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    }
    return fd;
}

/* libmicrohttpd has "sent" its own 101 into the dead socket and gives what it read too far. */
static void upgraded(void *context, struct MHD_Connection *connection, void *request_context,
                     const char *early, size_t early_length, MHD_socket socket,
                     struct MHD_UpgradeResponseHandle *handle)
{
    struct berth_http_request *request = context;
    const char *asked = berth_http_request_header(request, "Upgrade");
    bool upgrade = asked != NULL;
    berth_error err = BERTH_ERROR_INIT;
    int32_t rc = upgrade ? berth_http_raw_head(request, 101, "UPGRADED",
                                               "Connection: Upgrade\r\nUpgrade: tcp\r\n", &err)
                         : berth_http_raw_head(request, 200, "OK", "", &err);
    berth_http_hijacker hijacker = request->hijacker;
    int fd = blocking_raw(request);
    if (rc < 0) {
        berth_log(BERTH_LOG_DEBUG, "%s: %s", request->target, err.msg);
        close(fd);
        fd = -1;
    }
    request->hijacker = NULL;
    hijacker(request->hijack_context, fd, early, early_length);
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

enum MHD_Result berth_http_hijack_queue(struct berth_http_request *request)
{
    berth_error err = BERTH_ERROR_INIT;
    int32_t rc = berth_http_request_open_raw(request, &err);
    if (rc == 0) {
        rc = berth_http_request_detach(request, &err);
    }
    struct MHD_Response *response =
        rc == 0 ? MHD_create_response_for_upgrade(upgraded, request) : NULL;
    enum MHD_Result queued = MHD_NO;
    if (response != NULL && MHD_add_response_header(response, "Upgrade", "tcp") == MHD_YES) {
        queued = MHD_queue_response(request->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    }
    if (response != NULL) {
        MHD_destroy_response(response);
    }
    if (queued == MHD_NO && err.code != 0) {
        berth_log(BERTH_LOG_WARN, "cannot hand over the connection of %s: %s", request->target,
                  err.msg);
    }
    return queued;
}
