/* SPDX-License-Identifier: Apache-2.0
 *
 * The server with the small client and with raw bytes, over socket pairs: routing, limits,
 * streamed bodies and answers, hijacks with half-close, clients that go away, orderly stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "http/client.h"
#include "http/server.h"

static int32_t hello(struct berth_http_request *request, berth_error *err)
{
    berth_http_respond_take(request, 200, "text/plain",
                            berth_format("hello %s uid %u", berth_http_request_param(request, "id"),
                                         berth_http_request_peer(request)->uid));
    return 0;
}

static int32_t echo(struct berth_http_request *request, berth_error *err)
{
    size_t length = 0;
    const char *body = berth_http_request_body(request, &length);
    berth_http_respond(request, 201, "application/json", body, length);
    return 0;
}

static int32_t refuse(struct berth_http_request *request, berth_error *err)
{
    return berth_error_set(err, BERTH_E_CONFLICT, 0, "no");
}

/* Streams pieces until the client goes away or `count` is reached. */
static int32_t stream(struct berth_http_request *request, berth_error *err)
{
    int64_t count = 0;
    berth_str_to_int64(berth_http_request_query(request, "count"), &count);
    int32_t rc = berth_http_stream_start(request, 200, "text/plain", err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        rc = berth_http_stream_write(request, "0123456789", 10, err);
    }
    return rc;
}

/* Waits for the client to go away. */
static int32_t linger(struct berth_http_request *request, berth_error *err)
{
    int32_t rc = berth_http_stream_start(request, 200, NULL, err);
    struct pollfd poller = {.fd = berth_http_request_fd(request)};
    while (rc == 0 && !berth_http_request_gone(request)) {
        poll(&poller, 1, -1);
    }
    return rc;
}

/* Counts a streamed body; stops early at `stop` bytes. */
static int32_t upload(struct berth_http_request *request, berth_error *err)
{
    char piece[10000];
    uint64_t total = 0, sum = 0;
    int64_t stop = INT64_MAX;
    const char *text = berth_http_request_query(request, "stop");
    if (text != NULL) {
        berth_str_to_int64(text, &stop);
    }
    for (;;) {
        ssize_t got = berth_http_request_read(request, piece, sizeof(piece), err);
        if (got < 0) {
            return (int32_t)got;
        }
        for (ssize_t i = 0; i < got; i++) {
            sum += (unsigned char)piece[i];
        }
        total += (uint64_t)got;
        if (got == 0) {
            break;
        }
        if (total >= (uint64_t)stop) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "enough");
        }
    }
    berth_http_respond_take(
        request, 200, "text/plain",
        berth_format("%llu %llu", (unsigned long long)total, (unsigned long long)sum));
    return 0;
}

static void *echo_main(void *context)
{
    int fd = (int)(intptr_t)context;
    char data[1000];
    ssize_t got;
    while ((got = read(fd, data, sizeof(data))) > 0) {
        if (write(fd, data, (size_t)got) != got) {
            break;
        }
    }
    /* the client's half-close was seen: answer after it */
    if (write(fd, "bye", 3) != 3) {
        got = -1;
    }
    close(fd);
    return NULL;
}

static void hijacked(void *context, int fd, const void *early, size_t length)
{
    pthread_t thread;
    if (fd < 0) {
        return;
    }
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(write(fd, early, length), length);
    pthread_create(&thread, NULL, echo_main, (void *)(intptr_t)fd);
    pthread_detach(thread);
}

static int32_t hijack(struct berth_http_request *request, berth_error *err)
{
    berth_http_respond_hijack(request, "application/vnd.docker.raw-stream", hijacked, NULL);
    return 0;
}

static const struct berth_http_route routes[] = {
    {"GET", "/hello/{id}", hello, 0},
    {"HEAD", "/hello/{id}", hello, 0},
    {"POST", "/echo", echo, 0},
    {"GET", "/refuse", refuse, 0},
    {"GET", "/stream", stream, 0},
    {"GET", "/linger", linger, 0},
    {"POST", "/upload", upload, BERTH_HTTP_STREAM_BODY},
    {"POST", "/hijack", hijack, 0},
};

static void answer_failure(struct berth_http_request *request, const berth_error *err)
{
    int status = err->code == BERTH_E_NOT_FOUND ? 404 : err->code == BERTH_E_CONFLICT ? 409 : 400;
    berth_http_respond(request, status, "text/plain", err->msg, strlen(err->msg));
}

static int32_t prepare(struct berth_http_request *request, berth_error *err)
{
    if (berth_str_starts(berth_http_request_path(request), "/v1/")) {
        berth_http_request_skip(request, 3);
    }
    berth_http_respond_header(request, "X-Test", "yes");
    return 0;
}

static const struct berth_http_config config = {
    .routes = routes,
    .route_count = ARRAY_SIZE(routes),
    .prepare = prepare,
    .fail = answer_failure,
    .body_limit = 100000,
    .head_limit = 128 * 1024,
    .connection_limit = 100,
    .head_timeout = 30,
    .idle_timeout = 30,
    .stack_size = 256 * 1024,
};

static int setup(void **state)
{
    struct berth_http_server *server = NULL;
    assert_int_equal(berth_http_server_start(&config, &server, NULL), 0);
    *state = server;
    return 0;
}

static int teardown(void **state)
{
    assert_true(berth_http_server_stop(*state, 5000));
    return 0;
}

static int dial(void **state)
{
    int pair[2];
    struct berth_http_peer peer = {.uid = 42, .gid = 43, .pid = 44};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(berth_http_server_add(*state, pair[0], &peer, NULL), 0);
    return pair[1];
}

static struct berth_http_client *new_client(void **state)
{
    struct berth_http_client *client = NULL;
    assert_int_equal(berth_http_client_new(dial(state), "test", &client, NULL), 0);
    berth_http_client_set_timeout(client, 10000);
    return client;
}

static int ask(struct berth_http_client *client, const struct berth_http_call *call,
               struct berth_buffer *body)
{
    struct berth_http_reply reply = {0};
    berth_error err = BERTH_ERROR_INIT;
    int32_t rc = berth_http_client_send(client, call, &reply, &err);
    if (rc < 0) {
        print_message("%s %s: %s\n", call->method, call->target, err.msg);
    }
    assert_int_equal(rc, 0);
    berth_buffer_clear(body);
    assert_int_equal(berth_http_client_read_all(client, 1 << 30, body, NULL), 0);
    berth_http_reply_done(&reply);
    return reply.status;
}

static void one_connection_many_requests(void **state)
{
    struct berth_http_client *client = new_client(state);
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    struct berth_http_call call = {.method = "GET", .target = "/v1/hello/a%20b"};
    assert_int_equal(ask(client, &call, &body), 200);
    assert_string_equal(body.data, "hello a b uid 42");
    call.method = "HEAD";
    assert_int_equal(ask(client, &call, &body), 200);
    assert_int_equal(body.length, 0);
    call = (struct berth_http_call){.method = "GET", .target = "/nowhere"};
    assert_int_equal(ask(client, &call, &body), 404);
    assert_string_equal(body.data, "page not found");
    call.target = "/refuse";
    assert_int_equal(ask(client, &call, &body), 409);
    call = (struct berth_http_call){
        .method = "POST", .target = "/echo", .body = "{\"a\":1}", .body_length = 7};
    assert_int_equal(ask(client, &call, &body), 201);
    assert_string_equal(body.data, "{\"a\":1}");
    assert_true(berth_http_client_reusable(client));
    berth_http_client_free(client);
}

static void too_large_body(void **state)
{
    struct berth_http_client *client = new_client(state);
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    AUTO_FREE char *large = calloc(1, config.body_limit + 1);
    struct berth_http_call call = {
        .method = "POST", .target = "/echo", .body = large, .body_length = config.body_limit + 1};
    assert_int_equal(ask(client, &call, &body), 400);
    call.body_length--;
    assert_int_equal(ask(client, &call, &body), 201);
    assert_int_equal(body.length, config.body_limit);
    berth_http_client_free(client);
}

static void streamed_answer(void **state)
{
    struct berth_http_client *client = new_client(state);
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    struct berth_http_call call = {.method = "GET", .target = "/stream?count=100000"};
    assert_int_equal(ask(client, &call, &body), 200);
    assert_int_equal(body.length, 1000000);
    assert_false(berth_http_client_reusable(client));
    berth_http_client_free(client);
}

static void client_goes_away(void **state)
{
    int fd = dial(state);
    static const char request[] = "GET /stream?count=100000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    char data[4096];
    assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
    assert_true(read(fd, data, sizeof(data)) > 0);
    close(fd);
    fd = dial(state);
    static const char lingering[] = "GET /linger HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(write(fd, lingering, sizeof(lingering) - 1), sizeof(lingering) - 1);
    assert_true(read(fd, data, sizeof(data)) > 0);
    close(fd);
    /* teardown fails unless both handlers notice */
}

struct source {
    uint64_t left;
};

static ssize_t source_read(void *context, void *buffer, size_t size, berth_error *err)
{
    struct source *source = context;
    size = size < source->left ? size : (size_t)source->left;
    memset(buffer, 1, size);
    source->left -= size;
    return (ssize_t)size;
}

static void streamed_upload(void **state)
{
    struct berth_http_client *client = new_client(state);
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    struct source source = {.left = 30000000};
    struct berth_http_call call = {
        .method = "POST", .target = "/upload", .body_reader = source_read, .body_context = &source};
    assert_int_equal(ask(client, &call, &body), 200);
    assert_string_equal(body.data, "30000000 30000000");
    call = (struct berth_http_call){.method = "POST", .target = "/upload"};
    assert_int_equal(ask(client, &call, &body), 200);
    assert_string_equal(body.data, "0 0");
    berth_http_client_free(client);
}

static void upload_refused_half_way(void **state)
{
    struct berth_http_client *client = new_client(state);
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    struct source source = {.left = UINT64_C(100) << 30};
    struct berth_http_call call = {.method = "POST",
                                   .target = "/upload?stop=50000",
                                   .body_reader = source_read,
                                   .body_context = &source};
    assert_int_equal(ask(client, &call, &body), 400);
    assert_string_equal(body.data, "enough");
    berth_http_client_free(client);
}

static void upload_cut_off(void **state)
{
    int fd = dial(state);
    static const char request[] =
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n12345";
    assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
    close(fd);
}

static void read_all(int fd, char *data, size_t size)
{
    size_t total = 0;
    ssize_t got;
    while (total < size - 1 && (got = read(fd, data + total, size - 1 - total)) > 0) {
        total += (size_t)got;
    }
    data[total] = '\0';
}

static void hijack_with_half_close(void **state)
{
    struct berth_http_client *client = new_client(state);
    struct berth_http_reply reply = {0};
    AUTO_BUFFER struct berth_buffer early = BERTH_BUFFER_INIT;
    struct berth_http_call call = {.method = "POST", .target = "/hijack", .upgrade = true};
    int fd = -1;
    char data[200];
    assert_int_equal(berth_http_client_send(client, &call, &reply, NULL), 0);
    assert_int_equal(reply.status, 101);
    assert_string_equal(berth_http_reply_header(&reply, "x-test"), "yes");
    assert_int_equal(berth_http_client_hijack(client, &early, &fd, NULL), 0);
    berth_http_client_free(client);
    berth_http_reply_done(&reply);
    assert_int_equal(write(fd, "ping", 4), 4);
    assert_int_equal(read(fd, data, 4), 4);
    usleep(50000); /* libmicrohttpd closes its side meanwhile: ours must not notice */
    assert_int_equal(write(fd, "pong", 4), 4);
    shutdown(fd, SHUT_WR);
    read_all(fd, data, sizeof(data));
    assert_string_equal(data, "pongbye");
    close(fd);
}

static void hijack_with_early_bytes(void **state)
{
    static const char *const heads[] = {"Connection: Upgrade\r\nUpgrade: tcp\r\n", ""};
    static const char *const answers[] = {"HTTP/1.1 101 UPGRADED\r\n", "HTTP/1.1 200 OK\r\n"};
    for (int i = 0; i < 2; i++) {
        int fd = dial(state);
        char data[1000];
        dprintf(fd, "POST /hijack HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n%s\r\nbodyearly",
                heads[i]);
        shutdown(fd, SHUT_WR);
        read_all(fd, data, sizeof(data));
        assert_memory_equal(data, answers[i], strlen(answers[i]));
        const char *body = strstr(data, "\r\n\r\n");
        assert_non_null(body);
        assert_string_equal(body + 4, "earlybye");
        close(fd);
    }
}

static void expect_continue(void **state)
{
    int fd = dial(state);
    char data[1000] = "";
    dprintf(fd,
            "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_true(read(fd, data, sizeof(data) - 1) > 0);
    assert_memory_equal(data, "HTTP/1.1 100 ", 13);
    dprintf(fd, "ok");
    memset(data, 0, sizeof(data));
    assert_true(read(fd, data, sizeof(data) - 1) > 0);
    assert_memory_equal(data, "HTTP/1.1 201 ", 13);
    close(fd);
}

static void hostile_requests(void **state)
{
    static const char *const requests[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /hello/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    char data[2000];
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        int fd = dial(state);
        dprintf(fd, "%s", requests[i]);
        shutdown(fd, SHUT_WR);
        read_all(fd, data, sizeof(data));
        if (data[0] != '\0' && strncmp(data, "HTTP/1.1 4", 10) != 0) {
            fail_msg("%s got %s", requests[i], data);
        }
        close(fd);
    }
    int fd = dial(state);
    AUTO_FREE char *large = calloc(1, 200001);
    memset(large, 'a', 200000);
    ssize_t sent = send(fd, "GET /", 5, MSG_NOSIGNAL);
    sent = send(fd, large, 200000, MSG_NOSIGNAL);
    (void)sent;
    read_all(fd, data, sizeof(data));
    assert_true(data[0] == '\0' || strstr(data, "HTTP/1.1 4") == data);
    close(fd);
}

static void *parallel_main(void *context)
{
    AUTO_BUFFER struct berth_buffer body = BERTH_BUFFER_INIT;
    void *server = context;
    for (int i = 0; i < 20; i++) {
        struct berth_http_client *client = new_client(&server);
        struct berth_http_call call = {.method = "GET", .target = "/hello/x"};
        struct source source = {.left = 100000};
        ask(client, &call, &body);
        call = (struct berth_http_call){.method = "POST",
                                        .target = "/upload",
                                        .body_reader = source_read,
                                        .body_context = &source};
        ask(client, &call, &body);
        call = (struct berth_http_call){.method = "GET", .target = "/stream?count=10"};
        ask(client, &call, &body);
        berth_http_client_free(client);
    }
    return NULL;
}

static void parallel_requests(void **state)
{
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        pthread_create(&threads[i], NULL, parallel_main, *state);
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        pthread_join(threads[i], NULL);
    }
}

static void stop_cuts_streams(void **state)
{
    void *server = NULL;
    assert_int_equal(setup(&server), 0);
    int fd = dial(&server);
    char data[200];
    dprintf(fd, "GET /linger HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(read(fd, data, sizeof(data)) > 0);
    assert_true(berth_http_server_stop(server, 5000));
    close(fd);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(one_connection_many_requests),
        SERVED(too_large_body),
        SERVED(streamed_answer),
        SERVED(client_goes_away),
        SERVED(streamed_upload),
        SERVED(upload_refused_half_way),
        SERVED(upload_cut_off),
        SERVED(hijack_with_half_close),
        SERVED(hijack_with_early_bytes),
        SERVED(expect_continue),
        SERVED(hostile_requests),
        SERVED(parallel_requests),
        cmocka_unit_test(stop_cuts_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
