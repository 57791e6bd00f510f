/* SPDX-License-Identifier: Apache-2.0
 *
 * `exec`.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"
#include "cli/session.h"
#include "http/url.h"

/* The body of POST /containers/X/exec. */
static int32_t make_body(const struct berth_cli *cli, struct json_object *body, berth_error *err)
{
    static const struct {
        const char *flag, *member;
        bool text;
    } members[] = {{"user", "User", true},
                   {"workdir", "WorkingDir", true},
                   {"privileged", "Privileged", false},
                   {"tty", "Tty", false}};
    const struct berth_flags *flags = &cli->flags;
    bool detach = berth_flags_bool(flags, "detach");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (berth_flags_changed(flags, members[i].flag)) {
            json_object_object_add(
                body, members[i].member,
                members[i].text
                    ? json_object_new_string(berth_flags_string(flags, members[i].flag))
                    : json_object_new_boolean(berth_flags_bool(flags, members[i].flag)));
        }
    }
    if (!detach) {
        berth_body_set(body, "AttachStdin",
                       json_object_new_boolean(berth_flags_bool(flags, "interactive")));
        berth_body_set(body, "AttachStdout", json_object_new_boolean(true));
        berth_body_set(body, "AttachStderr", json_object_new_boolean(true));
    }
    for (int i = 1; i < cli->arg_count; i++) {
        berth_body_add_text(berth_body_array(body, "Cmd"), cli->args[i]);
    }
    return berth_body_environment(flags, body, err);
}

static void set_console_size(struct json_object *body)
{
    int rows = 0, columns = 0;
    if (berth_terminal_size(STDOUT_FILENO, &rows, &columns)) {
        struct json_object *size = berth_body_array(body, "ConsoleSize");
        json_object_array_add(size, json_object_new_int(rows));
        json_object_array_add(size, json_object_new_int(columns));
    }
}

static int32_t create(struct berth_cli *cli, struct json_object *body, char **ret_id,
                      berth_error *err)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct json_object *answer = NULL;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, cli->args[0], false);
    berth_buffer_add(&target, "/exec");
    int32_t code = berth_client_call(cli->client, "POST", target.data, body, &answer, err);
    if (code == 0) {
        *ret_id = strdup(berth_json_string(answer, "Id"));
        json_object_put(answer);
        code = *ret_id != NULL ? 0 : berth_error_no_memory(err);
    }
    return code;
}

static int exit_code(struct berth_cli *cli, const char *object)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *answer = NULL;
    AUTO_FREE char *target = berth_format("%s/json", object);
    if (target == NULL || berth_client_call(cli->client, "GET", target, NULL, &answer, &err) != 0) {
        return berth_cli_fail(&err);
    }
    int code = (int)berth_json_int(answer, "ExitCode");
    json_object_put(answer);
    return code;
}

static int attach(struct berth_session *session, struct json_object *options)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    AUTO_FREE char *target = berth_format("%s/start", session->object);
    struct berth_request request = {
        .method = "POST", .target = target, .body = options, .upgrade = true};
    berth_session_prepare(session);
    int32_t code = berth_client_begin(session->cli->client, &request, &reply, &err);
    if (code == 0) {
        code = berth_client_finish(&reply, &err);
    }
    if (code == 0) {
        code = berth_session_take(session, &reply, &err);
    }
    berth_reply_done(&reply);
    if (code == 0) {
        berth_session_resize(session);
        code = berth_session_run(session, &err);
    }
    if (code != 0) {
        return berth_cli_fail(&err);
    }
    return session->ret_detached ? 0 : exit_code(session->cli, session->object);
}

static int start_detached(struct berth_session *session, struct json_object *options)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *target = berth_format("%s/start", session->object);
    if (berth_client_call(session->cli->client, "POST", target, options, NULL, &err) != 0) {
        return berth_cli_fail(&err);
    }
    return 0;
}

static int run_session(struct berth_session *session, struct json_object *body)
{
    struct berth_cli *cli = session->cli;
    const struct berth_flags *flags = &cli->flags;
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *id = NULL;
    bool detach = berth_flags_bool(flags, "detach");
    int32_t code = make_body(cli, body, &err);
    if (code != 0) {
        return berth_cli_fail(&err);
    }
    if (!detach && !berth_session_check_tty(session->input, session->tty)) {
        return berth_cli_failf("the input device is not a TTY");
    }
    if (berth_session_detach_keys(session, berth_flags_string(flags, "detach-keys")) != 0 ||
        berth_cli_client(cli) == NULL) {
        return 1;
    }
    if (session->tty) {
        set_console_size(body);
    }
    if (create(cli, body, &id, &err) != 0) {
        return berth_cli_fail(&err);
    }
    session->object = berth_format("/exec/%s", id);
    struct json_object *options = json_object_new_object();
    json_object_object_add(options, "Detach", json_object_new_boolean(detach));
    json_object_object_add(options, "Tty", json_object_new_boolean(session->tty));
    if (session->tty && !detach) {
        set_console_size(options);
    }
    int status = detach ? start_detached(session, options) : attach(session, options);
    json_object_put(options);
    return status;
}

static int run_exec(struct berth_cli *cli)
{
    struct berth_session session = {
        .cli = cli,
        .fd = -1,
        .signal_fd = -1,
        .tty = berth_flags_bool(&cli->flags, "tty"),
        .input = berth_flags_bool(&cli->flags, "interactive"),
    };
    struct json_object *body = json_object_new_object();
    int status = run_session(&session, body);
    json_object_put(body);
    berth_session_done(&session);
    return status;
}

static const struct berth_flag exec_flags[] = {
    BERTH_FLAG_LINE(BOOL, "detach", 'd', "Detached mode: run command in the background"),
    BERTH_FLAG_LINE(STRING, "detach-keys", 0, BERTH_HELP_DETACH_KEYS),
    {.name = "env",
     .shorthand = 'e',
     .type = BERTH_FLAG_LIST,
     .check = berth_check_env,
     .help = "Set environment variables"},
    BERTH_FLAG_LINE(LIST, "env-file", 0, "Read in a file of environment variables"),
    BERTH_FLAG_LINE(BOOL, "interactive", 'i', "Keep STDIN open even if not attached"),
    BERTH_FLAG_LINE(BOOL, "privileged", 0, "Give extended privileges to the command"),
    BERTH_FLAG_LINE(BOOL, "tty", 't', "Allocate a pseudo-TTY"),
    BERTH_FLAG_LINE(STRING, "user", 'u', "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
    BERTH_FLAG_LINE(STRING, "workdir", 'w', "Working directory inside the container"),
};

const struct berth_command berth_command_exec = {
    .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Execute a command in a running container",
    .known_as = "container exec, exec",
    BERTH_FLAGS(exec_flags),
    .min_args = 2,
    .max_args = BERTH_ARGS_ANY,
    .options = BERTH_COMMAND_STOPS,
    .run = run_exec,
    .completes = "running",
};
