/* SPDX-License-Identifier: Apache-2.0
 *
 * `update`, `commit` and `export`.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"
#include "client/client.h"
#include "http/url.h"

/* Flags and members of the update body. */
static const struct {
    const char *flag, *member;
    bool amount, text;
} members[] = {
    {"blkio-weight", "BlkioWeight", false, false},
    {"cpu-period", "CpuPeriod", false, false},
    {"cpu-quota", "CpuQuota", false, false},
    {"cpu-rt-period", "CpuRealtimePeriod", false, false},
    {"cpu-rt-runtime", "CpuRealtimeRuntime", false, false},
    {"cpu-shares", "CpuShares", false, false},
    {"cpuset-cpus", "CpusetCpus", false, true},
    {"cpuset-mems", "CpusetMems", false, true},
    {"memory", "Memory", true, false},
    {"memory-reservation", "MemoryReservation", true, false},
    {"memory-swap", "MemorySwap", true, false},
    {"pids-limit", "PidsLimit", false, false},
};

static int32_t make_body(const struct berth_flags *flags, struct json_object *body,
                         berth_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (!berth_flags_changed(flags, members[i].flag)) {
            continue;
        }
        struct json_object *value =
            members[i].text ? json_object_new_string(berth_flags_string(flags, members[i].flag))
                            : json_object_new_int64(members[i].amount
                                                        ? berth_flags_amount(flags, members[i].flag)
                                                        : berth_flags_int(flags, members[i].flag));
        json_object_object_add(body, members[i].member, value);
    }
    int64_t nano = 0;
    int32_t code = 0;
    if (berth_flags_changed(flags, "cpus")) {
        code = berth_body_cpus(berth_flags_string(flags, "cpus"), &nano, err);
        berth_body_set(body, "NanoCpus", json_object_new_int64(nano));
    }
    if (code == 0 && berth_flags_changed(flags, "restart")) {
        code = berth_body_restart(berth_flags_string(flags, "restart"), body, "RestartPolicy", err);
    }
    return code;
}

static int update_one(struct berth_cli *cli, const char *name, struct json_object *body)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct json_object *answer = NULL;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, name, false);
    berth_buffer_add(&target, "/update");
    if (berth_client_call(cli->client, "POST", target.data, body, &answer, &err) != 0) {
        return berth_cli_fail(&err);
    }
    puts(name);
    struct json_object *warnings = berth_json_member(answer, "Warnings");
    for (size_t i = 0; warnings != NULL && i < json_object_array_length(warnings); i++) {
        fprintf(stderr, "%s\n", json_object_get_string(json_object_array_get_idx(warnings, i)));
    }
    json_object_put(answer);
    return 0;
}

static int run_update(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *body = json_object_new_object();
    int status = 0;
    if (make_body(&cli->flags, body, &err) != 0) {
        status = berth_cli_fail(&err);
    } else if (json_object_object_length(body) == 0) {
        status = berth_cli_failf("you must provide one or more flags when using this command");
    } else if (berth_cli_client(cli) == NULL) {
        status = 1;
    }
    bool fine = status == 0;
    for (int i = 0; fine && i < cli->arg_count; i++) {
        status |= update_one(cli, cli->args[i], body);
    }
    json_object_put(body);
    return status;
}

static int run_commit(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    const struct berth_strv *changes = berth_flags_list(flags, "change");
    berth_error err = BERTH_ERROR_INIT;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct json_object *body = json_object_new_object(), *answer = NULL;
    struct berth_client *client = berth_cli_client(cli);
    berth_buffer_add(&target, "/commit");
    berth_http_query_add(&target, "container", cli->args[0]);
    if (cli->arg_count > 1) {
        const char *slash = strrchr(cli->args[1], '/');
        const char *colon = strchr(slash != NULL ? slash : cli->args[1], ':');
        size_t length = colon != NULL ? (size_t)(colon - cli->args[1]) : strlen(cli->args[1]);
        AUTO_FREE char *repository = strndup(cli->args[1], length);
        berth_http_query_add(&target, "repo", repository);
        berth_http_query_add(&target, "tag", colon != NULL ? colon + 1 : NULL);
    }
    const char *author = berth_flags_string(flags, "author");
    const char *message = berth_flags_string(flags, "message");
    berth_http_query_add(&target, "author", *author != '\0' ? author : NULL);
    berth_http_query_add(&target, "comment", *message != '\0' ? message : NULL);
    for (size_t i = 0; i < changes->count; i++) {
        berth_http_query_add(&target, "changes", changes->items[i]);
    }
    berth_http_query_add_bool(
        &target, "pause", berth_flags_bool(flags, "pause") && !berth_flags_bool(flags, "no-pause"),
        true);
    int status = client == NULL;
    if (client != NULL &&
        berth_client_call(client, "POST", target.data, body, &answer, &err) != 0) {
        status = berth_cli_fail(&err);
    }
    if (status == 0) {
        puts(berth_json_string(answer, "Id"));
        json_object_put(answer);
    }
    json_object_put(body);
    return status;
}

static int run_export(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, cli->args[0], false);
    berth_buffer_add(&target, "/export");
    return berth_transfer_download(cli, target.data, berth_flags_string(&cli->flags, "output"));
}

static const struct berth_flag update_flags[] = {
    {.name = "blkio-weight",
     .type = BERTH_FLAG_INT,
     .flags = BERTH_FLAG_UNSIGNED,
     .value = "uint16",
     .check = berth_check_weight,
     .help = "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"},
    BERTH_FLAG_LINE(INT, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period"),
    BERTH_FLAG_LINE(INT, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    BERTH_FLAG_LINE(INT, "cpu-rt-period", 0, "Limit the CPU real-time period in microseconds"),
    BERTH_FLAG_LINE(INT, "cpu-rt-runtime", 0, "Limit the CPU real-time runtime in microseconds"),
    BERTH_FLAG_LINE(INT, "cpu-shares", 'c', "CPU shares (relative weight)"),
    {.name = "cpus",
     .type = BERTH_FLAG_STRING,
     .value = "decimal",
     .check = berth_check_cpus,
     .help = "Number of CPUs"},
    BERTH_FLAG_LINE(STRING, "cpuset-cpus", 0, "CPUs in which to allow execution (0-3, 0,1)"),
    BERTH_FLAG_LINE(STRING, "cpuset-mems", 0, "MEMs in which to allow execution (0-3, 0,1)"),
    BERTH_FLAG_LINE(BYTES, "memory", 'm', "Memory limit"),
    BERTH_FLAG_LINE(BYTES, "memory-reservation", 0, "Memory soft limit"),
    {.name = "memory-swap",
     .type = BERTH_FLAG_BYTES,
     .flags = BERTH_FLAG_UNLIMITED,
     .help = "Swap limit equal to memory plus swap: -1 to enable unlimited swap"},
    BERTH_FLAG_LINE(INT, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)"),
    BERTH_FLAG_LINE(STRING, "restart", 0, "Restart policy to apply when a container exits"),
};
static const struct berth_flag commit_flags[] = {
    BERTH_FLAG_LINE(STRING, "author", 'a',
                    "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
    BERTH_FLAG_LINE(LIST, "change", 'c', "Apply Dockerfile instruction to the created image"),
    BERTH_FLAG_LINE(STRING, "message", 'm', "Commit message"),
    BERTH_FLAG_LINE(BOOL, "no-pause", 0, "Disable pausing container during commit"),
    {.name = "pause",
     .shorthand = 'p',
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .help = "Pause container during commit"},
};
static const struct berth_flag export_flags[] = {
    BERTH_FLAG_LINE(STRING, "output", 'o', "Write to a file, instead of STDOUT"),
};

const struct berth_command berth_command_update = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Update configuration of one or more containers",
    .known_as = "container update, update",
    BERTH_FLAGS(update_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_update,
    .completes = "container",
};

const struct berth_command berth_command_commit = {
    .usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Create a new image from a container's changes",
    .known_as = "container commit, commit",
    BERTH_FLAGS(commit_flags),
    .min_args = 1,
    .max_args = 2,
    .run = run_commit,
    .completes = "container",
};

const struct berth_command berth_command_export = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Export a container's filesystem as a tar archive",
    .known_as = "container export, export",
    BERTH_FLAGS(export_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_export,
    .completes = "container",
};
