/* SPDX-License-Identifier: Apache-2.0
 *
 * The small client: requests out, reply heads in, hijack.
 */
#include "http/client_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define BODY_PIECE  (64 * 1024)        /* one read of a streamed request body */
#define DRAIN_LIMIT (16 * 1024 * 1024) /* rest of an unread reply that is worth reading */
#define INTERIM_MAX 16                 /* 1xx replies before the real one */

int32_t berth_http_client_new(int fd, const char *host, struct berth_http_client **ret_client,
                              berth_error *err)
{
    struct berth_http_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        close(fd);
        return berth_error_no_memory(err);
    }
    client->fd = fd;
    client->timeout = -1;
    client->persist = true;
    client->in = malloc(BERTH_HTTP_HEAD_MAX);
    client->host = strdup(host);
    if (client->in == NULL || client->host == NULL) {
        berth_http_client_free(client);
        return berth_error_no_memory(err);
    }
    *ret_client = client;
    return 0;
}

void berth_http_client_free(struct berth_http_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->fd >= 0) {
        close(client->fd);
    }
    free(client->in);
    free(client->host);
    free(client);
}

void berth_http_client_set_timeout(struct berth_http_client *client, int milliseconds)
{
    client->timeout = milliseconds;
}

/* A header value or target that carries a line end would smuggle lines into the request. */
static bool is_clean(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if ((*p < ' ' && *p != '\t') || *p == 127) {
            return false;
        }
    }
    return true;
}

static void add_body_headers(struct berth_buffer *out, const struct berth_http_call *call)
{
    bool has_body = call->body != NULL || call->body_reader != NULL;
    const char *type = call->content_type;
    if (type == NULL && has_body) {
        type = "application/json";
    }
    if (type != NULL) {
        berth_buffer_format(out, "Content-Type: %s\r\n", type);
    }
    if (call->body_reader != NULL) {
        berth_buffer_add(out, "Transfer-Encoding: chunked\r\n");
    } else if (call->body_length > 0 || strcmp(call->method, "POST") == 0 ||
               strcmp(call->method, "PUT") == 0) {
        berth_buffer_format(out, "Content-Length: %zu\r\n", call->body_length);
    }
}

static int32_t build_head(struct berth_http_client *client, const struct berth_http_call *call,
                          struct berth_buffer *out, berth_error *err)
{
    if (!is_clean(call->target) || strchr(call->target, ' ') != NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "the request path has a space or control character in it");
    }
    berth_buffer_format(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", call->method, call->target,
                        client->host);
    for (size_t i = 0; call->headers != NULL && i < call->headers->count; i++) {
        if (!is_clean(call->headers->keys[i]) || !is_clean(call->headers->values[i])) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "a header of the request has a control character in it");
        }
        berth_buffer_format(out, "%s: %s\r\n", call->headers->keys[i], call->headers->values[i]);
    }
    if (call->upgrade) {
        berth_buffer_add(out, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    }
    add_body_headers(out, call);
    berth_buffer_add(out, "\r\n");
    if (call->body_reader == NULL && call->body_length > 0) {
        berth_buffer_append(out, call->body, call->body_length);
    }
    return berth_buffer_failed(out) ? berth_error_no_memory(err) : 0;
}

/* A reply of 300 and more before the body is out makes the rest pointless. */
static bool refused_early(const struct berth_http_client *client)
{
    const char *begin = client->in + client->start;
    return client->end - client->start >= 10 && memcmp(begin, "HTTP/1.", 7) == 0 && begin[9] >= '3';
}

/* Sends data; 1: the server ended or refused meanwhile, so sending makes no more sense. */
static int32_t send_bytes(struct berth_http_client *client, const char *data, size_t length,
                          berth_error *err)
{
    while (length > 0) {
        ssize_t sent = send(client->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
            continue;
        }
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return 1;
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return berth_error_errno(err, errno, "sending to the server");
        }
        bool room = client->end - client->start < BERTH_HTTP_HEAD_MAX && !client->ended;
        short ready = 0;
        int32_t rc =
            berth_http_client_wait(client, (short)(POLLOUT | (room ? POLLIN : 0)), &ready, err);
        if (rc < 0) {
            return rc;
        }
        /* a reply (progress, or a refusal) may come while the body is still going out */
        if (room && (ready & POLLIN) != 0) {
            ssize_t got = berth_http_client_fill(client, err);
            if (got < 0) {
                return (int32_t)got;
            }
            if (refused_early(client)) {
                return 1;
            }
        }
    }
    return refused_early(client) ? 1 : 0;
}

static int32_t send_stream(struct berth_http_client *client, const struct berth_http_call *call,
                           berth_error *err)
{
    /* 10 bytes before the piece for its size line, 2 after it for the line end */
    AUTO_FREE char *piece = malloc(10 + BODY_PIECE + 2);
    if (piece == NULL) {
        return berth_error_no_memory(err);
    }
    for (;;) {
        ssize_t got = call->body_reader(call->body_context, piece + 10, BODY_PIECE, err);
        if (got < 0) {
            return (int32_t)got;
        }
        if (got == 0) {
            return send_bytes(client, "0\r\n\r\n", 5, err);
        }
        char size[16];
        int digits = snprintf(size, sizeof(size), "%zx\r\n", (size_t)got);
        char *begin = piece + 10 - digits;
        memcpy(begin, size, (size_t)digits);
        piece[10 + got] = '\r';
        piece[10 + got + 1] = '\n';
        int32_t rc = send_bytes(client, begin, (size_t)digits + (size_t)got + 2, err);
        if (rc != 0) {
            return rc;
        }
    }
}

static bool is_stream_type(const struct berth_http_reply *reply)
{
    const char *type = berth_http_reply_header(reply, "content-type");
    return type != NULL && (strcmp(type, "application/vnd.docker.raw-stream") == 0 ||
                            strcmp(type, "application/vnd.docker.multiplexed-stream") == 0);
}

static int32_t take_head(struct berth_http_client *client, struct berth_http_reply *reply,
                         struct reply_frame *ret_frame, berth_error *err)
{
    for (;;) {
        const char *begin = client->in + client->start;
        size_t length = berth_http_head_length(begin, client->end - client->start);
        if (length > 0) {
            int32_t rc = berth_http_reply_parse(begin, length, reply, ret_frame, err);
            client->start += length;
            return rc;
        }
        ssize_t got = berth_http_client_fill(client, err);
        if (got < 0) {
            return (int32_t)got;
        }
        if (got == 0) {
            return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                                   "the server ended the connection without an answer");
        }
    }
}

static int32_t receive_head(struct berth_http_client *client, const struct berth_http_call *call,
                            struct berth_http_reply *reply, berth_error *err)
{
    struct reply_frame frame;
    for (int interim = 0;; interim++) {
        int32_t rc = take_head(client, reply, &frame, err);
        if (rc < 0) {
            return rc;
        }
        if (reply->status >= 200 || reply->status == 101) {
            break;
        }
        if (interim == INTERIM_MAX) {
            return berth_error_set(err, BERTH_E_DATA, 0, "the server sends 1xx without an end");
        }
        berth_http_reply_done(reply);
    }
    if (reply->status == 101 && !call->upgrade) {
        return berth_error_set(err, BERTH_E_DATA, 0, "the server switched protocols unasked");
    }
    if (strcmp(call->method, "HEAD") == 0) {
        frame.body = BODY_NONE;
    }
    client->hijacked =
        reply->status == 101 || (call->upgrade && reply->status == 200 &&
                                 frame.body == BODY_UNTIL_END && is_stream_type(reply));
    reply->hijacked = client->hijacked;
    client->body = frame.length == 0 && frame.body == BODY_LENGTH ? BODY_NONE : frame.body;
    client->left = frame.length;
    client->persist = client->persist && frame.persist && !client->hijacked;
    client->chunk_open = false;
    return 0;
}

static int32_t drain(struct berth_http_client *client, berth_error *err)
{
    char scrap[4096];
    for (size_t total = 0; total < DRAIN_LIMIT;) {
        ssize_t got = berth_http_client_read(client, scrap, sizeof(scrap), err);
        if (got <= 0) {
            return (int32_t)got;
        }
        total += (size_t)got;
    }
    return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "too much of the last reply is unread");
}

int32_t berth_http_client_begin(struct berth_http_client *client,
                                const struct berth_http_call *call, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    int32_t rc = drain(client, err);
    if (rc < 0 || !berth_http_client_reusable(client)) {
        client->broken = true;
        return rc < 0 ? rc
                      : berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                                        "this connection takes no further request");
    }
    rc = build_head(client, call, &out, err);
    if (rc < 0) {
        return rc;
    }
    rc = send_bytes(client, out.data, out.length, err);
    if (rc == 0 && call->body_reader != NULL) {
        rc = send_stream(client, call, err);
    }
    if (rc > 0) {
        client->persist = false; /* the body was not sent to its end */
    }
    client->broken = client->broken || rc < 0;
    return rc < 0 ? rc : 0;
}

int32_t berth_http_client_receive(struct berth_http_client *client,
                                  const struct berth_http_call *call,
                                  struct berth_http_reply *ret_reply, berth_error *err)
{
    memset(ret_reply, 0, sizeof(*ret_reply));
    int32_t rc = receive_head(client, call, ret_reply, err);
    if (rc < 0) {
        berth_http_reply_done(ret_reply);
        client->broken = true;
    }
    return rc;
}

int32_t berth_http_client_send(struct berth_http_client *client, const struct berth_http_call *call,
                               struct berth_http_reply *ret_reply, berth_error *err)
{
    int32_t rc = berth_http_client_begin(client, call, err);
    return rc < 0 ? rc : berth_http_client_receive(client, call, ret_reply, err);
}

bool berth_http_client_reusable(const struct berth_http_client *client)
{
    return client->persist && !client->broken && !client->ended && !client->hijacked &&
           client->body == BODY_NONE;
}

int berth_http_client_fd(const struct berth_http_client *client)
{
    return client->fd;
}

bool berth_http_client_buffered(const struct berth_http_client *client)
{
    return client->start < client->end;
}

int32_t berth_http_client_hijack(struct berth_http_client *client, struct berth_buffer *early,
                                 int *ret_fd, berth_error *err)
{
    if (!client->hijacked || client->fd < 0) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "the server did not hand over the stream");
    }
    berth_buffer_append(early, client->in + client->start, client->end - client->start);
    if (berth_buffer_failed(early)) {
        return berth_error_no_memory(err);
    }
    client->start = client->end;
    *ret_fd = TAKE_FD(client->fd);
    client->broken = true;
    return 0;
}
