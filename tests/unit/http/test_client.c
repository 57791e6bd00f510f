/* SPDX-License-Identifier: Apache-2.0
 *
 * The small client against canned and hostile replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "http/client.h"

/* A client whose server has already said `text` (and hung up unless `open`). */
static struct berth_http_client *canned(const char *text, size_t length, int *ret_peer)
{
    int pair[2];
    struct berth_http_client *client = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[1], text, length), length);
    shutdown(pair[1], SHUT_WR);
    assert_int_equal(berth_http_client_new(pair[0], "docker", &client, NULL), 0);
    *ret_peer = pair[1];
    return client;
}

static int32_t get(struct berth_http_client *client, struct berth_http_reply *reply)
{
    struct berth_http_call call = {.method = "GET", .target = "/x"};
    memset(reply, 0, sizeof(*reply));
    return berth_http_client_send(client, &call, reply, NULL);
}

static void expect_body(const char *text, int status, const char *body, bool reusable)
{
    int peer = -1;
    struct berth_http_client *client = canned(text, strlen(text), &peer);
    struct berth_http_reply reply;
    AUTO_BUFFER struct berth_buffer got = BERTH_BUFFER_INIT;
    assert_int_equal(get(client, &reply), 0);
    assert_int_equal(reply.status, status);
    assert_int_equal(berth_http_client_read_all(client, 1000, &got, NULL), 0);
    assert_string_equal(got.data != NULL ? got.data : "", body);
    assert_int_equal(berth_http_client_reusable(client), reusable);
    berth_http_reply_done(&reply);
    berth_http_client_free(client);
    close(peer);
}

static void bodies(void **state)
{
    expect_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
                200, "hello", true);
    expect_body("HTTP/1.0 404 Not Found\r\n\r\nhello", 404, "hello", false);
    expect_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
    expect_body("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, "",
                false);
    expect_body("HTTP/1.1 200\nX: y\nContent-Length: 1\n\nz", 200, "z", true);
}

static void two_requests_on_one_connection(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\none"
                               "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";
    int peer = -1;
    struct berth_http_client *client = canned(text, sizeof(text) - 1, &peer);
    struct berth_http_reply reply;
    AUTO_BUFFER struct berth_buffer got = BERTH_BUFFER_INIT;
    assert_int_equal(get(client, &reply), 0);
    assert_string_equal(berth_http_reply_header(&reply, "x-a"), "1, 2");
    berth_http_reply_done(&reply);
    /* the first body is not read: the next request drops it */
    assert_int_equal(get(client, &reply), 0);
    assert_int_equal(berth_http_client_read_all(client, 100, &got, NULL), 0);
    assert_string_equal(got.data, "two");
    berth_http_reply_done(&reply);
    berth_http_client_free(client);
    close(peer);
}

static void expect_refusal(const char *text, size_t length, int32_t code)
{
    int peer = -1;
    struct berth_http_client *client = canned(text, length, &peer);
    struct berth_http_reply reply;
    AUTO_BUFFER struct berth_buffer got = BERTH_BUFFER_INIT;
    int32_t rc = get(client, &reply);
    if (rc == 0) {
        rc = berth_http_client_read_all(client, 100, &got, NULL);
    }
    assert_int_equal(rc, code);
    assert_false(berth_http_client_reusable(client));
    berth_http_reply_done(&reply);
    berth_http_client_free(client);
    close(peer);
}
#define REFUSE(text, code) expect_refusal(text, sizeof(text) - 1, code)

static void hostile_replies(void **state)
{
    REFUSE("", BERTH_E_UNAVAILABLE);
    REFUSE("SSH-2.0-OpenSSH_9.2\r\n\r\n", BERTH_E_DATA);
    REFUSE("\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 2x0 OK\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 099 OK\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\na\0b: x\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", BERTH_E_UNAVAILABLE);
    REFUSE("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"
           "0123456789012345678901234567890123456789012345678901234567890123456789"
           "0123456789012345678901234567890",
           BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
           BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX\r\n", BERTH_E_DATA);
    REFUSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na", BERTH_E_UNAVAILABLE);
    REFUSE("HTTP/1.1 101 UPGRADED\r\n\r\n", BERTH_E_DATA); /* not asked for */
}

static void endless_head(void **state)
{
    static char text[BERTH_HTTP_HEAD_MAX + 100] = "HTTP/1.1 200 OK\r\nX: ";
    memset(text + strlen(text), 'a', sizeof(text) - strlen(text));
    expect_refusal(text, sizeof(text), BERTH_E_DATA);
    size_t at = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i <= BERTH_HTTP_FIELD_MAX; i++) {
        at += (size_t)sprintf(text + at, "X%d: y\r\n", i);
    }
    at += (size_t)sprintf(text + at, "\r\n");
    expect_refusal(text, at, BERTH_E_DATA);
}

static void hijack_gives_early_bytes(void **state)
{
    static const char text[] = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                               "Content-Type: application/vnd.docker.raw-stream\r\n\r\nearly";
    int peer = -1, fd = -1;
    char sent[1024] = "";
    struct berth_http_client *client = canned(text, sizeof(text) - 1, &peer);
    struct berth_http_call call = {.method = "POST", .target = "/attach", .upgrade = true};
    struct berth_http_reply reply = {0};
    AUTO_BUFFER struct berth_buffer early = BERTH_BUFFER_INIT;
    assert_int_equal(berth_http_client_send(client, &call, &reply, NULL), 0);
    assert_true(reply.hijacked);
    assert_int_equal(berth_http_client_hijack(client, &early, &fd, NULL), 0);
    assert_string_equal(early.data, "early");
    assert_true(read(peer, sent, sizeof(sent) - 1) > 0);
    assert_string_equal(sent, "POST /attach HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\n"
                              "Upgrade: tcp\r\nContent-Length: 0\r\n\r\n");
    berth_http_reply_done(&reply);
    berth_http_client_free(client);
    close(fd);
    close(peer);
}

static void no_smuggling(void **state)
{
    int peer = -1;
    struct berth_http_client *client = canned("", 0, &peer);
    struct berth_http_reply reply = {0};
    AUTO_STRMAP struct berth_strmap headers = {0};
    berth_strmap_set(&headers, "X-A", "1\r\nX-B: 2");
    struct berth_http_call call = {.method = "GET", .target = "/", .headers = &headers};
    assert_int_equal(berth_http_client_send(client, &call, &reply, NULL), BERTH_E_INVALID);
    berth_http_client_free(client);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(two_requests_on_one_connection),
        cmocka_unit_test(hostile_replies),
        cmocka_unit_test(endless_head),
        cmocka_unit_test(hijack_gives_early_bytes),
        cmocka_unit_test(no_smuggling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
