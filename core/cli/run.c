/* SPDX-License-Identifier: Apache-2.0
 *
 * `run` and `create`.
 *
 * The order for speed: create, then attach and wait are sent at once on connections of their own,
 * then start; while the container runs one poll loop copies its streams.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"
#include "cli/session.h"
#include "http/url.h"

#define EXIT_DAEMON     125 /* the daemon refused */
#define EXIT_CANNOT_RUN 126 /* the command is not executable */
#define EXIT_NOT_FOUND  127 /* the command does not exist */

struct container_run {
    struct berth_cli *cli;
    struct json_object *body;
    char *id;
    bool detach, remove, attach, proxy_signals;
    struct berth_reply attached, waiting;
    struct berth_session session;
};

static void print_warnings(struct json_object *answer)
{
    struct json_object *warnings = berth_json_member(answer, "Warnings");
    size_t count = warnings != NULL ? json_object_array_length(warnings) : 0;
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "WARNING: %s\n",
                json_object_get_string(json_object_array_get_idx(warnings, i)));
    }
}

/* "name:latest" for a name without tag and digest. The caller's to free. */
static char *with_tag(const char *image)
{
    const char *slash = strrchr(image, '/');
    bool tagged = strpbrk(slash != NULL ? slash : image, ":@") != NULL;
    return berth_format("%s%s", image, tagged ? "" : ":latest");
}

static int32_t pull(struct berth_cli *cli, const char *image, berth_error *err)
{
    AUTO_FREE char *name = with_tag(image);
    if (name == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_image_pull(cli, name, berth_flags_string(&cli->flags, "platform"),
                            berth_flags_bool(&cli->flags, "quiet"), true, err);
}

/* Creates the container; pulls its image when it is missing and --pull allows that. */
static int32_t create(struct berth_cli *cli, struct json_object *body, char **ret_id,
                      berth_error *err)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    const char *image = cli->args[0], *policy = berth_flags_string(flags, "pull");
    const char *name = berth_flags_string(flags, "name");
    const char *platform = berth_flags_string(flags, "platform");
    struct json_object *answer = NULL;
    berth_error reason = BERTH_ERROR_INIT;
    int32_t code = strcmp(policy, "always") == 0 ? pull(cli, image, err) : 0;
    if (code != 0) {
        return code;
    }
    berth_buffer_add(&target, "/containers/create");
    berth_http_query_add(&target, "name", *name != '\0' ? name : NULL);
    berth_http_query_add(&target, "platform", *platform != '\0' ? platform : NULL);
    code = berth_client_call(cli->client, "POST", target.data, body, &answer, &reason);
    if (code == BERTH_E_NOT_FOUND && strcmp(policy, "missing") == 0 &&
        strcasestr(reason.msg, "no such image") != NULL) {
        AUTO_FREE char *tagged = with_tag(image);
        fprintf(stderr, "Unable to find image '%s' locally\n", tagged != NULL ? tagged : image);
        code = pull(cli, image, err);
        if (code != 0) {
            return code;
        }
        berth_error_clear(&reason);
        code = berth_client_call(cli->client, "POST", target.data, body, &answer, &reason);
    }
    if (code != 0) {
        return berth_error_move(err, &reason);
    }
    print_warnings(answer);
    *ret_id = strdup(berth_json_string(answer, "Id"));
    json_object_put(answer);
    return *ret_id != NULL ? 0 : berth_error_no_memory(err);
}

/* The file must not exist before the container is made, and holds its ID afterwards. */
static int32_t open_cidfile(const char *path, int *ret_fd, berth_error *err)
{
    if (*path == '\0') {
        return 0;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container ID file found, make sure the other container isn't "
                               "running or delete %s",
                               path);
    }
    if (fd < 0) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0,
                               "failed to create the container ID file: %s: %s", path,
                               strerror(errno));
    }
    *ret_fd = fd;
    return 0;
}

static int32_t create_with_cidfile(struct berth_cli *cli, struct json_object *body, char **ret_id,
                                   berth_error *err)
{
    const char *path = berth_flags_string(&cli->flags, "cidfile");
    AUTO_CLOSE int fd = -1;
    int32_t code = open_cidfile(path, &fd, err);
    if (code == 0) {
        code = create(cli, body, ret_id, err);
        if (fd >= 0 && code != 0) {
            unlink(path);
        }
    }
    if (code == 0 && fd >= 0 && write(fd, *ret_id, strlen(*ret_id)) < 0) {
        code = berth_error_errno(err, errno, "writing the container ID to %s", path);
    }
    return code;
}

static int32_t check_pull(const struct berth_flags *flags, berth_error *err)
{
    const char *policy = berth_flags_string(flags, "pull");
    if (strcmp(policy, "always") != 0 && strcmp(policy, "missing") != 0 &&
        strcmp(policy, "never") != 0 && *policy != '\0') {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid pull option: '%s': must be one of \"always\", \"missing\" "
                               "or \"never\"",
                               policy);
    }
    return 0;
}

static int run_create(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *body = NULL;
    AUTO_FREE char *id = NULL;
    int32_t code = check_pull(&cli->flags, &err);
    if (code == 0) {
        code = berth_run_body(cli, &body, &err);
    }
    if (code != 0) {
        return berth_cli_fail_help(cli, &err, EXIT_DAEMON);
    }
    if (berth_cli_client(cli) == NULL) {
        json_object_put(body);
        return EXIT_DAEMON;
    }
    code = create_with_cidfile(cli, body, &id, &err);
    json_object_put(body);
    if (code != 0) {
        return berth_cli_fail_help(cli, &err, 1);
    }
    puts(id);
    return 0;
}

/* The terminal's size at creation spares programs a first screen of the wrong size. */
static void set_console_size(struct json_object *body)
{
    int rows = 0, columns = 0;
    if (berth_terminal_size(STDOUT_FILENO, &rows, &columns)) {
        struct json_object *size = berth_body_array(body, "HostConfig/ConsoleSize");
        json_object_array_add(size, json_object_new_int(rows));
        json_object_array_add(size, json_object_new_int(columns));
    }
}

/* Sends attach, and wait before the container can have ended; both answers are read afterwards, so
 * that the two run at the same time. */
static int32_t attach_and_wait(struct container_run *run, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer attach = BERTH_BUFFER_INIT;
    AUTO_FREE char *wait = berth_format("/containers/%s/wait?condition=%s", run->id,
                                        run->remove ? "removed" : "next-exit");
    const char *keys = berth_flags_string(&run->cli->flags, "detach-keys");
    berth_buffer_format(&attach, "/containers/%s/attach?stream=1", run->id);
    berth_http_query_add_bool(&attach, "stdin", run->session.input, false);
    berth_http_query_add_bool(&attach, "stdout", berth_json_bool(run->body, "AttachStdout"), false);
    berth_http_query_add_bool(&attach, "stderr", berth_json_bool(run->body, "AttachStderr"), false);
    berth_http_query_add(&attach, "detachKeys", *keys != '\0' ? keys : NULL);
    if (wait == NULL || berth_buffer_failed(&attach)) {
        return berth_error_no_memory(err);
    }
    struct berth_request requests[2] = {
        {.method = "POST", .target = attach.data, .upgrade = true},
        {.method = "POST", .target = wait},
    };
    int32_t code = 0;
    if (run->attach) {
        code = berth_client_begin(run->cli->client, &requests[0], &run->attached, err);
    }
    if (code == 0) {
        code = berth_client_begin(run->cli->client, &requests[1], &run->waiting, err);
    }
    if (code == 0 && run->attach) {
        code = berth_client_finish(&run->attached, err);
    }
    if (code == 0 && run->attach) {
        code = berth_session_take(&run->session, &run->attached, err);
    }
    return code != 0 ? code : berth_client_finish(&run->waiting, err);
}

static int32_t start(struct container_run *run, berth_error *err)
{
    AUTO_FREE char *target = berth_format("/containers/%s/start", run->id);
    if (target == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_client_call(run->cli->client, "POST", target, NULL, NULL, err);
}

/* Docker tells a missing command from a forbidden one by the daemon's words. */
static int exit_code_of(const berth_error *err)
{
    if (strstr(err->msg, "executable file not found") != NULL ||
        strstr(err->msg, "no such file or directory") != NULL ||
        strstr(err->msg, "system cannot find the file specified") != NULL) {
        return EXIT_NOT_FOUND;
    }
    if (strstr(err->msg, "permission denied") != NULL ||
        strstr(err->msg, "is a directory") != NULL) {
        return EXIT_CANNOT_RUN;
    }
    return EXIT_DAEMON;
}

/* The container's exit code from the wait that is under way. */
static int wait_result(struct container_run *run)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *answer = NULL;
    int code = EXIT_DAEMON;
    if (berth_reply_json(&run->waiting, &answer, &err) != 0) {
        berth_cli_fail(&err);
        return EXIT_DAEMON;
    }
    const char *message = berth_json_string(answer, "Error/Message");
    if (*message != '\0') {
        berth_cli_failf("%s", message);
    } else {
        code = (int)berth_json_int(answer, "StatusCode");
    }
    json_object_put(answer);
    return code;
}

/* From the created container to its exit code. */
static int run_attached(struct container_run *run)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_session *session = &run->session;
    session->object = berth_format("/containers/%s", run->id);
    berth_session_prepare(session);
    int32_t code = attach_and_wait(run, &err);
    if (code == 0) {
        code = start(run, &err);
        if (code != 0 && run->remove) {
            struct json_object *ignored = NULL; /* until the daemon has removed it */
            if (berth_reply_json(&run->waiting, &ignored, NULL) == 0) {
                json_object_put(ignored);
            }
        }
    }
    if (code != 0) {
        return berth_cli_fail_help(run->cli, &err, exit_code_of(&err));
    }
    if (run->attach) {
        berth_session_resize(session);
        code = berth_session_run(session, &err);
    } else {
        puts(run->id);
        fflush(stdout);
    }
    if (code != 0) {
        berth_cli_fail(&err);
    }
    return session->ret_detached ? 0 : wait_result(run);
}

static int run_detached(struct container_run *run)
{
    berth_error err = BERTH_ERROR_INIT;
    if (start(run, &err) != 0) {
        return berth_cli_fail_help(run->cli, &err, exit_code_of(&err));
    }
    puts(run->id);
    return 0;
}

/* What -d and -a mean for the body and for us. -1: go on. */
static int decide_streams(struct container_run *run)
{
    static const char *const members[] = {"AttachStdin", "AttachStdout", "AttachStderr",
                                          "StdinOnce"};
    const struct berth_flags *flags = &run->cli->flags;
    run->detach = berth_flags_bool(flags, "detach");
    run->remove = berth_flags_bool(flags, "rm");
    if (run->detach && berth_flags_list(flags, "attach")->count > 0) {
        return berth_cli_failf("conflicting options: cannot specify both --attach and --detach");
    }
    for (size_t i = 0; run->detach && i < ARRAY_SIZE(members); i++) {
        berth_body_set(run->body, members[i], json_object_new_boolean(false));
    }
    bool input = berth_json_bool(run->body, "AttachStdin");
    bool tty = berth_flags_bool(flags, "tty");
    run->attach = input || berth_json_bool(run->body, "AttachStdout") ||
                  berth_json_bool(run->body, "AttachStderr");
    if (!run->detach && !berth_session_check_tty(input, tty)) {
        return berth_cli_failf("the input device is not a TTY");
    }
    run->session.tty = tty;
    run->session.input = input;
    run->session.proxy_signals = !run->detach && berth_flags_bool(flags, "sig-proxy");
    if (tty) {
        set_console_size(run->body);
    }
    return -1;
}

static int run_container(struct container_run *run)
{
    struct berth_cli *cli = run->cli;
    berth_error err = BERTH_ERROR_INIT;
    int32_t code = check_pull(&cli->flags, &err);
    if (code == 0) {
        code = berth_run_body(cli, &run->body, &err);
    }
    if (code != 0) {
        return berth_cli_fail_help(cli, &err, EXIT_DAEMON);
    }
    int status = decide_streams(run);
    if (status < 0 &&
        berth_session_detach_keys(&run->session, berth_flags_string(&cli->flags, "detach-keys"))) {
        status = EXIT_DAEMON;
    }
    if (status >= 0) {
        return status;
    }
    if (berth_cli_client(cli) == NULL) {
        return EXIT_DAEMON;
    }
    if (create_with_cidfile(cli, run->body, &run->id, &err) != 0) {
        return berth_cli_fail_help(cli, &err, EXIT_DAEMON);
    }
    return run->detach ? run_detached(run) : run_attached(run);
}

static int run_run(struct berth_cli *cli)
{
    struct container_run run = {.cli = cli, .session = {.cli = cli, .fd = -1, .signal_fd = -1}};
    int status = run_container(&run);
    berth_reply_done(&run.attached);
    berth_reply_done(&run.waiting);
    berth_session_done(&run.session);
    json_object_put(run.body);
    free(run.id);
    return status;
}

static const struct berth_flag run_only_flags[] = {
    BERTH_FLAG_LINE(BOOL, "detach", 'd', "Run container in background and print container ID"),
    BERTH_FLAG_LINE(STRING, "detach-keys", 0, BERTH_HELP_DETACH_KEYS),
    {.name = "sig-proxy",
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .help = "Proxy received signals to the process"},
};

const struct berth_command berth_command_run = {
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and run a new container from an image",
    .known_as = "container run, run",
    BERTH_FLAGS(run_only_flags),
    .more_flags = berth_run_flags,
    .more_flag_count = BERTH_RUN_FLAGS_COUNT,
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .options = BERTH_COMMAND_STOPS,
    .run = run_run,
    .completes = "image",
};

const struct berth_command berth_command_create = {
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a new container",
    .known_as = "container create, create",
    .flags = berth_run_flags,
    .flag_count = BERTH_RUN_FLAGS_COUNT,
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .options = BERTH_COMMAND_STOPS,
    .run = run_create,
    .completes = "image",
};
