/* SPDX-License-Identifier: Apache-2.0
 *
 * API versions, filters in both forms, error classes, the JSON of bodies.
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

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "http/client.h"

static void versions(void **state)
{
    assert_int_equal(berth_api_version_parse("v1.41", 5), 141);
    assert_int_equal(berth_api_version_parse("1.24", 4), 124);
    assert_int_equal(berth_api_version_parse("v1.5", 4), 105);
    assert_int_equal(berth_api_version_parse("volumes", 7), 0);
    assert_int_equal(berth_api_version_parse("version", 7), 0);
    assert_int_equal(berth_api_version_parse("v1.", 3), 0);
    assert_int_equal(berth_api_version_parse("v.4", 3), 0);
    assert_int_equal(berth_api_version_parse("v1.411", 6), 0);
    assert_int_equal(berth_api_version_parse("", 0), 0);
    assert_int_equal(VERSION_NUMBER, berth_api_version_parse(BERTH_API_VERSION, 4));
}

static void expect_filters(const char *text, const char *joined)
{
    AUTO_STRV struct berth_strv filters = {0};
    assert_int_equal(berth_api_filters_parse(text, &filters, NULL), 0);
    AUTO_FREE char *got = berth_strv_join(&filters, " ");
    assert_string_equal(got != NULL ? got : "", joined);
}

static void refuse_filters(const char *text)
{
    AUTO_STRV struct berth_strv filters = {0};
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_api_filters_parse(text, &filters, &err), BERTH_E_INVALID);
    assert_true(err.msg[0] != '\0');
}

static void filters(void **state)
{
    expect_filters(NULL, "");
    expect_filters("", "");
    expect_filters("{}", "");
    expect_filters("{\"status\":[\"running\",\"exited\"],\"label\":[\"a=b\"]}",
                   "status=running status=exited label=a=b");
    expect_filters("{\"status\":{\"running\":true,\"exited\":false}}", "status=running");
    expect_filters("{\"label!\":[\"x\"]}", "label!=x");
    refuse_filters("[]");
    refuse_filters("{");
    refuse_filters("{\"a\":\"b\"}");
    refuse_filters("{\"a\":[1]}");
    refuse_filters("{\"a\":{\"b\":\"c\"}}");
    refuse_filters("{} x");
}

static void statuses(void **state)
{
    static const struct {
        int32_t code;
        int status;
    } wanted[] = {{BERTH_E_INVALID, 400},      {BERTH_E_NOT_FOUND, 404},
                  {BERTH_E_CONFLICT, 409},     {BERTH_E_UNAUTHORIZED, 401},
                  {BERTH_E_FORBIDDEN, 403},    {BERTH_E_UNSUPPORTED, 501},
                  {BERTH_E_UNAVAILABLE, 503},  {BERTH_E_INTERNAL, 500},
                  {BERTH_E_NOT_MODIFIED, 304}, {-1000, 500}};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        const berth_error err = {.code = wanted[i].code};
        assert_int_equal(berth_api_status(&err), wanted[i].status);
    }
}

/* A server with the API's hooks and a few routes that need no engine. */
struct body {
    char *name;
    bool flag;
};
static const struct berth_json_field body_fields[] = {
    BERTH_JSON_FIELD(struct body, name, "Name", STRING, 0),
    BERTH_JSON_FIELD(struct body, flag, "Flag", BOOL, 0),
    BERTH_JSON_VERSIONED(struct body, flag, "Old", BOOL, 0, 0, 140),
};
static const struct berth_json_table body_table =
    BERTH_JSON_TABLE("Body", struct body, body_fields);

static int32_t mirror(struct berth_http_request *request, berth_error *err)
{
    struct body body;
    berth_json_init(&body_table, &body);
    int32_t rc = berth_api_body(request, &body_table, &body, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 201, &body_table, &body, err);
    }
    berth_json_done(&body_table, &body);
    return rc;
}

static int32_t numbers(struct berth_http_request *request, berth_error *err)
{
    int64_t number = 0, time = 0;
    int32_t rc = berth_api_query_number(request, "n", 7, &number, err);
    if (rc == 0) {
        rc = berth_api_query_time(request, "t", &time, err);
    }
    if (rc == 0) {
        berth_http_respond_take(request, 200, NULL,
                                berth_format("%lld %lld", (long long)number, (long long)time));
    }
    return rc;
}

static const struct berth_http_route routes[] = {
    {"POST", "/mirror", mirror, 0},
    {"GET", "/numbers", numbers, 0},
};

static int setup(void **state)
{
    static const struct berth_http_config config = {
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .prepare = berth_api_prepare,
        .fail = berth_api_fail,
        .done = berth_api_done,
        .body_limit = 100000,
        .head_limit = 64 * 1024,
        .connection_limit = 10,
        .head_timeout = 10,
        .idle_timeout = 10,
        .stack_size = 256 * 1024,
    };
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

static void expect_answer(void **state, const struct berth_http_call *call, int status,
                          const char *body)
{
    int pair[2];
    struct berth_http_peer peer = {.uid = 0};
    struct berth_http_client *client = NULL;
    struct berth_http_reply reply = {0};
    AUTO_BUFFER struct berth_buffer got = BERTH_BUFFER_INIT;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(berth_http_server_add(*state, pair[0], &peer, NULL), 0);
    assert_int_equal(berth_http_client_new(pair[1], "docker", &client, NULL), 0);
    assert_int_equal(berth_http_client_send(client, call, &reply, NULL), 0);
    assert_int_equal(berth_http_client_read_all(client, 10000, &got, NULL), 0);
    assert_string_equal(got.data != NULL ? got.data : "", body);
    assert_int_equal(reply.status, status);
    assert_string_equal(berth_http_reply_header(&reply, "api-version"), BERTH_API_VERSION);
    assert_string_equal(berth_http_reply_header(&reply, "ostype"), "linux");
    berth_http_reply_done(&reply);
    berth_http_client_free(client);
}

static void get(void **state, const char *target, int status, const char *body)
{
    const struct berth_http_call call = {.method = "GET", .target = target};
    expect_answer(state, &call, status, body);
}

static void post(void **state, const char *target, const char *sent, int status, const char *body)
{
    const struct berth_http_call call = {
        .method = "POST", .target = target, .body = sent, .body_length = strlen(sent)};
    expect_answer(state, &call, status, body);
}

static void version_prefix(void **state)
{
    get(state, "/v1.56/numbers", 200, "7 0");
    get(state, "/v1.24/numbers", 200, "7 0");
    get(state, "/numbers", 200, "7 0");
    get(state, "/v1.99/numbers", 400,
        "{\"message\":\"client version 1.99 is too new. Maximum supported API version is "
        "1.56\"}\n");
    get(state, "/v1.12/numbers", 400,
        "{\"message\":\"client version 1.12 is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version\"}\n");
    get(state, "/v1.41", 404, "{\"message\":\"page not found\"}\n");
    get(state, "/", 404, "{\"message\":\"page not found\"}\n");
}

static void version_gates(void **state)
{
    post(state, "/v1.40/mirror", "{\"Name\":\"x\"}", 201,
         "{\"Name\":\"x\",\"Flag\":false,\"Old\":false}\n");
    post(state, "/v1.41/mirror", "{\"Name\":\"a/b\",\"Other\":1}", 201,
         "{\"Name\":\"a/b\",\"Flag\":false}\n");
}

static void bodies(void **state)
{
    post(state, "/mirror", "", 400,
         "{\"message\":\"invalid JSON: got EOF while reading request body\"}\n");
    const struct berth_http_call typed = {.method = "POST",
                                          .target = "/mirror",
                                          .content_type = "text/plain",
                                          .body = "{}",
                                          .body_length = 2};
    expect_answer(state, &typed, 400,
                  "{\"message\":\"unsupported Content-Type header (text/plain): must be "
                  "'application/json'\"}\n");
}

static void query_numbers(void **state)
{
    get(state, "/numbers?n=12&t=1700000000.5", 200, "12 1700000000500000000");
    get(state, "/numbers?n=&t=0", 200, "7 0");
    get(state, "/numbers?n=x", 400,
        "{\"message\":\"invalid value \\\"x\\\" for n: not a number\"}\n");
    get(state, "/numbers?t=yesterday", 400,
        "{\"message\":\"invalid value \\\"yesterday\\\" for t: not a time\"}\n");
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions), cmocka_unit_test(filters), cmocka_unit_test(statuses),
        SERVED(version_prefix),     SERVED(version_gates),     SERVED(bodies),
        SERVED(query_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
