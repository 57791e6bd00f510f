/* SPDX-License-Identifier: Apache-2.0
 *
 * `logs`.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/demux.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

void berth_query_add_time(struct berth_buffer *target, const char *key, const char *text)
{
    int64_t when = 0;
    if (*text == '\0') {
        return;
    }
    if (!berth_time_parse_relative(text, berth_time_now(), &when)) {
        berth_http_query_add(target, key, text); /* the daemon says what is wrong with it */
        return;
    }
    AUTO_FREE char *seconds = berth_format("%lld.%09lld", (long long)(when / BERTH_NANOSECONDS),
                                           (long long)(when % BERTH_NANOSECONDS));
    berth_http_query_add(target, key, seconds);
}

/* Whether the container has a terminal, when the answer's type does not say so (API < 1.42). */
static int32_t is_raw(struct berth_cli *cli, const struct berth_reply *reply, bool *ret_raw,
                      berth_error *err)
{
    const char *type = berth_http_reply_header(&reply->head, "content-type");
    if (type != NULL && strstr(type, "multiplexed-stream") != NULL) {
        *ret_raw = false;
        return 0;
    }
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct json_object *container = NULL;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, cli->args[0], false);
    berth_buffer_add(&target, "/json");
    int32_t code = berth_client_call(cli->client, "GET", target.data, NULL, &container, err);
    if (code == 0) {
        *ret_raw = berth_json_bool(container, "Config/Tty");
        json_object_put(container);
    }
    return code;
}

static int32_t copy_logs(struct berth_reply *reply, bool raw, berth_error *err)
{
    static char data[32 * 1024];
    struct berth_demux demux = {0};
    while (true) {
        ssize_t got = berth_reply_read(reply, data, sizeof(data), err);
        if (got <= 0) {
            return (int32_t)got;
        }
        int32_t code =
            raw ? berth_demux_to_stdio(NULL, BERTH_STREAM_STDOUT, data, (size_t)got, err)
                : berth_demux_feed(&demux, data, (size_t)got, berth_demux_to_stdio, NULL, err);
        if (code != 0) {
            return code;
        }
    }
}

static int run_logs(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    bool raw = false;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, cli->args[0], false);
    berth_buffer_add(&target, "/logs?stdout=1&stderr=1");
    berth_http_query_add_bool(&target, "details", berth_flags_bool(flags, "details"), false);
    berth_http_query_add_bool(&target, "follow", berth_flags_bool(flags, "follow"), false);
    berth_http_query_add_bool(&target, "timestamps", berth_flags_bool(flags, "timestamps"), false);
    berth_query_add_time(&target, "since", berth_flags_string(flags, "since"));
    berth_query_add_time(&target, "until", berth_flags_string(flags, "until"));
    berth_http_query_add(&target, "tail", berth_flags_string(flags, "tail"));
    struct berth_request request = {.method = "GET", .target = target.data};
    if (berth_cli_client(cli) == NULL) {
        return 1;
    }
    int32_t code = berth_client_open(cli->client, &request, &reply, &err);
    if (code == 0) {
        code = is_raw(cli, &reply, &raw, &err);
    }
    if (code == 0) {
        code = copy_logs(&reply, raw, &err);
    }
    berth_reply_done(&reply);
    return code != 0 ? berth_cli_fail(&err) : 0;
}

static const struct berth_flag logs_flags[] = {
    BERTH_FLAG_LINE(BOOL, "details", 0, "Show extra details provided to logs"),
    BERTH_FLAG_LINE(BOOL, "follow", 'f', "Follow log output"),
    BERTH_FLAG_LINE(STRING, "since", 0,
                    "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. "
                    "\"42m\" for 42 minutes)"),
    {.name = "tail",
     .shorthand = 'n',
     .type = BERTH_FLAG_STRING,
     .initial = "all",
     .help = "Number of lines to show from the end of the logs"},
    BERTH_FLAG_LINE(BOOL, "timestamps", 't', "Show timestamps"),
    BERTH_FLAG_LINE(STRING, "until", 0,
                    "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative "
                    "(e.g. \"42m\" for 42 minutes)"),
};

const struct berth_command berth_command_logs = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Fetch the logs of a container",
    .known_as = "container logs, logs",
    BERTH_FLAGS(logs_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_logs,
    .completes = "container",
};
