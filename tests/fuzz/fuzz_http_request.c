/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what a client sends, through the whole server: collected and streamed bodies,
 * streamed answers and hijacks.
 */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int32_t echo(struct berth_http_request *request, berth_error *err)
{
    size_t length = 0;
    const char *body = berth_http_request_body(request, &length);
    berth_http_request_query_bool(request, "flag", false);
    berth_http_respond(request, 200, "application/json", body, length);
    return 0;
}

static int32_t count(struct berth_http_request *request, berth_error *err)
{
    char piece[512];
    ssize_t got = 0;
    int32_t rc = berth_http_stream_start(request, 200, "text/plain", err);
    while (rc == 0 && (got = berth_http_request_read(request, piece, sizeof(piece), err)) > 0) {
        rc = berth_http_stream_write(request, piece, (size_t)got, err);
    }
    return got < 0 ? (int32_t)got : rc;
}

static void hijacked(void *context, int fd, const void *early, size_t length)
{
    if (fd >= 0) {
        if (send(fd, early, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            length = 0;
        }
        close(fd);
    }
}

static int32_t hijack(struct berth_http_request *request, berth_error *err)
{
    berth_http_respond_hijack(request, "application/vnd.docker.raw-stream", hijacked, NULL);
    return 0;
}

static void answer_failure(struct berth_http_request *request, const berth_error *err)
{
    berth_http_respond(request, 400, "text/plain", err->msg, strlen(err->msg));
}

static struct berth_http_server *server(void)
{
    static const struct berth_http_route routes[] = {
        {"GET", "/e/{id}", echo, 0},       {"HEAD", "/e/{id}", echo, 0},
        {"POST", "/e/{id...}/x", echo, 0}, {"POST", "/u", count, BERTH_HTTP_STREAM_BODY},
        {"POST", "/h", hijack, 0},
    };
    static const struct berth_http_config config = {
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .fail = answer_failure,
        .body_limit = 10000,
        .head_limit = 32 * 1024,
        .connection_limit = 100,
        .head_timeout = 5,
        .idle_timeout = 5,
        .stack_size = 1024 * 1024,
    };
    static struct berth_http_server *only;
    if (only == NULL && berth_http_server_start(&config, &only, NULL) < 0) {
        abort();
    }
    return only;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct berth_http_peer peer = {.uid = 0};
    int pair[2];
    char scrap[4096];
    if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return 0;
    }
    if (berth_http_server_add(server(), pair[0], &peer, NULL) == 0 &&
        send(pair[1], data, size, MSG_NOSIGNAL) >= 0) {
        shutdown(pair[1], SHUT_WR);
        while (read(pair[1], scrap, sizeof(scrap)) > 0) {
        }
    }
    close(pair[1]);
    return 0;
}
