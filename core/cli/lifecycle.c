/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that move containers from one state to another: stop, kill, restart, rm, wait, pause,
 * unpause, rename.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

/* "?signal=...&t=..." of stop and restart. */
static void add_stop_query(const struct berth_flags *flags, struct berth_buffer *after)
{
    const char *signal = berth_flags_string(flags, "signal");
    berth_http_query_add(after, "signal", *signal != '\0' ? signal : NULL);
    if (berth_flags_changed(flags, "timeout")) {
        berth_http_query_add(after, "t", berth_flags_string(flags, "timeout"));
    } else if (berth_flags_changed(flags, "time")) {
        berth_http_query_add(after, "t", berth_flags_string(flags, "time"));
    }
}

static int run_stop(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer after = BERTH_BUFFER_INIT;
    berth_buffer_add(&after, "/stop");
    add_stop_query(&cli->flags, &after);
    return berth_cli_each(cli, "POST", "/containers/", after.data, true);
}

static int run_restart(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer after = BERTH_BUFFER_INIT;
    berth_buffer_add(&after, "/restart");
    add_stop_query(&cli->flags, &after);
    return berth_cli_each(cli, "POST", "/containers/", after.data, true);
}

static int run_kill(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer after = BERTH_BUFFER_INIT;
    const char *signal = berth_flags_string(&cli->flags, "signal");
    berth_buffer_add(&after, "/kill");
    berth_http_query_add(&after, "signal", *signal != '\0' ? signal : NULL);
    return berth_cli_each(cli, "POST", "/containers/", after.data, true);
}

static int run_pause(struct berth_cli *cli)
{
    return berth_cli_each(cli, "POST", "/containers/", "/pause", true);
}

static int run_unpause(struct berth_cli *cli)
{
    return berth_cli_each(cli, "POST", "/containers/", "/unpause", true);
}

static int run_rm(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer after = BERTH_BUFFER_INIT;
    struct berth_client *client = berth_cli_client(cli);
    bool force = berth_flags_bool(&cli->flags, "force");
    int status = client == NULL;
    berth_http_query_add_bool(&after, "force", force, false);
    berth_http_query_add_bool(&after, "link", berth_flags_bool(&cli->flags, "link"), false);
    berth_http_query_add_bool(&after, "v", berth_flags_bool(&cli->flags, "volumes"), false);
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        const char *name = cli->args[i] + (cli->args[i][0] == '/');
        berth_buffer_add(&target, "/containers/");
        berth_http_url_encode(&target, name, false);
        berth_buffer_add(&target, after.data != NULL ? after.data : "");
        int32_t code = berth_client_call(client, "DELETE", target.data, NULL, NULL, &err);
        if (code == 0) {
            puts(name);
            continue;
        }
        berth_cli_fail(&err);
        status = force && code == BERTH_E_NOT_FOUND ? status : 1;
    }
    return status;
}

static int run_wait(struct berth_cli *cli)
{
    struct berth_client *client = berth_cli_client(cli);
    int status = client == NULL;
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        struct json_object *answer = NULL;
        berth_buffer_add(&target, "/containers/");
        berth_http_url_encode(&target, cli->args[i], false);
        berth_buffer_add(&target, "/wait");
        if (berth_client_call(client, "POST", target.data, NULL, &answer, &err) != 0) {
            status = berth_cli_fail(&err);
            continue;
        }
        const char *message = berth_json_string(answer, "Error/Message");
        if (*message != '\0') {
            status = berth_cli_failf("%s", message);
        } else {
            printf("%lld\n", (long long)berth_json_int(answer, "StatusCode"));
            fflush(stdout);
        }
        json_object_put(answer);
    }
    return status;
}

static int run_rename(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_client *client = berth_cli_client(cli);
    const char *from = berth_str_trim(cli->args[0]), *to = berth_str_trim(cli->args[1]);
    if (client == NULL) {
        return 1;
    }
    if (*from == '\0' || *to == '\0') {
        return berth_cli_failf("Error: Neither old nor new names may be empty");
    }
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, from, false);
    berth_buffer_add(&target, "/rename");
    berth_http_query_add(&target, "name", to);
    if (berth_client_call(client, "POST", target.data, NULL, NULL, &err) != 0) {
        berth_cli_fail(&err);
        return berth_cli_failf("Error: failed to rename container named %s", from);
    }
    return 0;
}

static const struct berth_flag stop_flags[] = {
    BERTH_FLAG_LINE(STRING, "signal", 's', "Signal to send to the container"),
    BERTH_FLAG_LINE(INT, "timeout", 't', "Seconds to wait before killing the container"),
    {.name = "time",
     .type = BERTH_FLAG_INT,
     .flags = BERTH_FLAG_DEPRECATED,
     .help = "use --timeout instead"},
};
static const struct berth_flag kill_flags[] = {
    BERTH_FLAG_LINE(STRING, "signal", 's', "Signal to send to the container"),
};
static const struct berth_flag rm_flags[] = {
    BERTH_FLAG_LINE(BOOL, "force", 'f', "Force the removal of a running container (uses SIGKILL)"),
    BERTH_FLAG_LINE(BOOL, "link", 'l', "Remove the specified link"),
    BERTH_FLAG_LINE(BOOL, "volumes", 'v', "Remove anonymous volumes associated with the container"),
};

#define MANY "CONTAINER [CONTAINER...]"

const struct berth_command berth_command_stop = {
    .usage = "[OPTIONS] " MANY,
    .summary = "Stop one or more running containers",
    .known_as = "container stop, stop",
    BERTH_FLAGS(stop_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_stop,
    .completes = "running",
};

const struct berth_command berth_command_restart = {
    .usage = "[OPTIONS] " MANY,
    .summary = "Restart one or more containers",
    .known_as = "container restart, restart",
    BERTH_FLAGS(stop_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_restart,
    .completes = "container",
};

const struct berth_command berth_command_kill = {
    .usage = "[OPTIONS] " MANY,
    .summary = "Kill one or more running containers",
    .known_as = "container kill, kill",
    BERTH_FLAGS(kill_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_kill,
    .completes = "running",
};

const struct berth_command berth_command_pause = {
    .usage = MANY,
    .summary = "Pause all processes within one or more containers",
    .known_as = "container pause, pause",
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_pause,
    .completes = "running",
};

const struct berth_command berth_command_unpause = {
    .usage = MANY,
    .summary = "Unpause all processes within one or more containers",
    .known_as = "container unpause, unpause",
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_unpause,
    .completes = "running",
};

const struct berth_command berth_command_rm = {
    .usage = "[OPTIONS] " MANY,
    .summary = "Remove one or more containers",
    .known_as = "container rm, container remove, rm",
    BERTH_FLAGS(rm_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_rm,
    .completes = "container",
};

const struct berth_command berth_command_wait = {
    .usage = MANY,
    .summary = "Block until one or more containers stop, then print their exit codes",
    .known_as = "container wait, wait",
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_wait,
    .completes = "container",
};

const struct berth_command berth_command_rename = {
    .usage = "CONTAINER NEW_NAME",
    .summary = "Rename a container",
    .known_as = "container rename, rename",
    .min_args = 2,
    .max_args = 2,
    .run = run_rename,
    .completes = "container",
};
