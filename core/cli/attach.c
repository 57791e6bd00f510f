/* SPDX-License-Identifier: Apache-2.0
 *
 * `attach` and `start`.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "http/url.h"

struct attachment {
    struct berth_session session;
    struct berth_reply attached, waiting;
    bool remove; /* the container removes itself */
    const char *keys;
};

static char *target_of(const char *container, const char *rest)
{
    struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, container, false);
    berth_buffer_add(&target, rest);
    return berth_buffer_take(&target);
}

static void attachment_done(struct attachment *attachment)
{
    berth_reply_done(&attachment->attached);
    berth_reply_done(&attachment->waiting);
    berth_session_done(&attachment->session);
}

/* What the container is like decides how we attach: its terminal, its stdin. */
static void read_config(struct attachment *attachment, struct json_object *container,
                        bool want_input)
{
    struct berth_session *session = &attachment->session;
    session->tty = berth_json_bool(container, "Config/Tty");
    session->input = want_input && berth_json_bool(container, "Config/OpenStdin");
    attachment->remove = berth_json_bool(container, "HostConfig/AutoRemove");
    session->object = berth_format("/containers/%s", berth_json_string(container, "Id"));
}

/* Sends attach and wait, then reads both answers. */
static int32_t open_streams(struct attachment *attachment, berth_error *err)
{
    struct berth_session *session = &attachment->session;
    struct berth_client *client = session->cli->client;
    AUTO_BUFFER struct berth_buffer attach = BERTH_BUFFER_INIT;
    AUTO_FREE char *wait = berth_format("%s/wait?condition=%s", session->object,
                                        attachment->remove ? "removed" : "next-exit");
    berth_buffer_format(&attach, "%s/attach?stream=1", session->object);
    berth_http_query_add_bool(&attach, "stdin", session->input, false);
    berth_http_query_add(&attach, "stdout", "1");
    berth_http_query_add(&attach, "stderr", "1");
    berth_http_query_add(&attach, "detachKeys",
                         *attachment->keys != '\0' ? attachment->keys : NULL);
    if (wait == NULL || berth_buffer_failed(&attach)) {
        return berth_error_no_memory(err);
    }
    struct berth_request requests[2] = {
        {.method = "POST", .target = attach.data, .upgrade = true},
        {.method = "POST", .target = wait},
    };
    berth_session_prepare(session);
    int32_t code = berth_client_begin(client, &requests[0], &attachment->attached, err);
    if (code == 0) {
        code = berth_client_begin(client, &requests[1], &attachment->waiting, err);
    }
    if (code == 0) {
        code = berth_client_finish(&attachment->attached, err);
    }
    if (code == 0) {
        code = berth_session_take(session, &attachment->attached, err);
    }
    return code != 0 ? code : berth_client_finish(&attachment->waiting, err);
}

static int wait_result(struct attachment *attachment)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *answer = NULL;
    if (berth_reply_json(&attachment->waiting, &answer, &err) != 0) {
        return berth_cli_fail(&err);
    }
    const char *message = berth_json_string(answer, "Error/Message");
    int code = *message != '\0' ? berth_cli_failf("%s", message)
                                : (int)berth_json_int(answer, "StatusCode");
    json_object_put(answer);
    return code;
}

static int copy_streams(struct attachment *attachment)
{
    berth_error err = BERTH_ERROR_INIT;
    berth_session_resize(&attachment->session);
    if (berth_session_run(&attachment->session, &err) != 0) {
        berth_cli_fail(&err);
    }
    if (attachment->session.ret_detached) {
        return berth_cli_failf("read escape sequence");
    }
    return wait_result(attachment);
}

static int check_state(struct json_object *container)
{
    if (!berth_json_bool(container, "State/Running")) {
        return berth_cli_failf("You cannot attach to a stopped container, start it first");
    }
    if (berth_json_bool(container, "State/Paused")) {
        return berth_cli_failf("You cannot attach to a paused container, unpause it first");
    }
    if (berth_json_bool(container, "State/Restarting")) {
        return berth_cli_failf("You cannot attach to a restarting container, wait until it is "
                               "running");
    }
    return 0;
}

static int attach_to(struct berth_cli *cli, struct attachment *attachment)
{
    const struct berth_flags *flags = &cli->flags;
    struct berth_session *session = &attachment->session;
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *target = target_of(cli->args[0], "/json");
    attachment->keys = berth_flags_string(flags, "detach-keys");
    if (target == NULL || berth_session_detach_keys(session, attachment->keys) != 0) {
        return 1;
    }
    struct json_object *container = berth_cli_get(cli, target);
    if (container == NULL) {
        return 1;
    }
    int status = check_state(container);
    read_config(attachment, container, !berth_flags_bool(flags, "no-stdin"));
    json_object_put(container);
    if (status != 0) {
        return status;
    }
    if (!berth_session_check_tty(session->input, session->tty)) {
        return berth_cli_failf("the input device is not a TTY");
    }
    session->proxy_signals = berth_flags_bool(flags, "sig-proxy") && !session->tty;
    return open_streams(attachment, &err) != 0 ? berth_cli_fail(&err) : copy_streams(attachment);
}

static int run_attach(struct berth_cli *cli)
{
    struct attachment attachment = {.session = {.cli = cli, .fd = -1, .signal_fd = -1}};
    int status = attach_to(cli, &attachment);
    attachment_done(&attachment);
    return status;
}

/* start -a or -i: attached before the container runs, so that nothing is missed. */
static int start_attached(struct berth_cli *cli, struct attachment *attachment)
{
    const struct berth_flags *flags = &cli->flags;
    struct berth_session *session = &attachment->session;
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *inspect = target_of(cli->args[0], "/json");
    if (cli->arg_count > 1) {
        return berth_cli_failf("you cannot start and attach multiple containers at once");
    }
    attachment->keys = berth_flags_string(flags, "detach-keys");
    if (inspect == NULL || berth_session_detach_keys(session, attachment->keys) != 0) {
        return 1;
    }
    struct json_object *container = berth_cli_get(cli, inspect);
    if (container == NULL) {
        return 1;
    }
    read_config(attachment, container, berth_flags_bool(flags, "interactive"));
    json_object_put(container);
    session->proxy_signals = !session->tty;
    AUTO_FREE char *target = berth_format("%s/start", session->object);
    if (target == NULL || open_streams(attachment, &err) != 0 ||
        berth_client_call(cli->client, "POST", target, NULL, NULL, &err) != 0) {
        return berth_cli_fail(&err);
    }
    int status = copy_streams(attachment);
    return session->ret_detached ? 0 : status;
}

static int start_all(struct berth_cli *cli)
{
    AUTO_STRV struct berth_strv failed = {0};
    struct berth_client *client = berth_cli_client(cli);
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_FREE char *target = target_of(cli->args[i], "/start");
        if (target == NULL || berth_client_call(client, "POST", target, NULL, NULL, &err) != 0) {
            berth_cli_fail(&err);
            berth_strv_add(&failed, cli->args[i]);
            continue;
        }
        puts(cli->args[i]);
        fflush(stdout);
    }
    if (client == NULL || failed.count > 0) {
        AUTO_FREE char *names = berth_strv_join(&failed, ", ");
        return client == NULL ? 1 : berth_cli_failf("Error: failed to start containers: %s", names);
    }
    return 0;
}

static int run_start(struct berth_cli *cli)
{
    struct attachment attachment = {.session = {.cli = cli, .fd = -1, .signal_fd = -1}};
    if (!berth_flags_bool(&cli->flags, "attach") && !berth_flags_bool(&cli->flags, "interactive")) {
        return start_all(cli);
    }
    int status = start_attached(cli, &attachment);
    attachment_done(&attachment);
    return status;
}

static const struct berth_flag attach_flags[] = {
    BERTH_FLAG_LINE(STRING, "detach-keys", 0, BERTH_HELP_DETACH_KEYS),
    BERTH_FLAG_LINE(BOOL, "no-stdin", 0, "Do not attach STDIN"),
    {.name = "sig-proxy",
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .help = "Proxy all received signals to the process"},
};
static const struct berth_flag start_flags[] = {
    BERTH_FLAG_LINE(BOOL, "attach", 'a', "Attach STDOUT/STDERR and forward signals"),
    BERTH_FLAG_LINE(STRING, "detach-keys", 0, BERTH_HELP_DETACH_KEYS),
    BERTH_FLAG_LINE(BOOL, "interactive", 'i', "Attach container's STDIN"),
};

const struct berth_command berth_command_attach = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Attach local standard input, output, and error streams to a running container",
    .known_as = "container attach, attach",
    BERTH_FLAGS(attach_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_attach,
    .completes = "running",
};

const struct berth_command berth_command_start = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start one or more stopped containers",
    .known_as = "container start, start",
    BERTH_FLAGS(start_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_start,
    .completes = "container",
};
