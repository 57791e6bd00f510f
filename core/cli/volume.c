/* SPDX-License-Identifier: Apache-2.0
 *
 * `volume ls`, `create`, `rm`.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"
#include "client/client.h"
#include "http/url.h"

static const char *headers[][2] = {
    {"Name", "VOLUME NAME"},
    {"Driver", "DRIVER"},
    {"Scope", "SCOPE"},
    {"Mountpoint", "MOUNTPOINT"},
    {"Labels", "LABELS"},
    {"Links", "LINKS"},
    {"Size", "SIZE"},
    {"Group", "GROUP"},
    {"Availability", "AVAILABILITY"},
    {"Status", "STATUS"},
    {NULL, NULL},
};

struct json_object *berth_volume_row(struct json_object *volume)
{
    char text[BERTH_SIZE_TEXT];
    struct json_object *row = json_object_new_object();
    struct json_object *labels = berth_json_member(volume, "Labels");
    struct json_object *usage = berth_json_member(volume, "UsageData");
    json_object_set_userdata(row, labels, NULL);
    berth_json_set(row, "Availability", "N/A");
    berth_json_set(row, "Driver", berth_json_string(volume, "Driver"));
    berth_json_set(row, "Group", "N/A");
    berth_json_set_labels(row, "Labels", labels);
    snprintf(text, sizeof(text), "%lld", (long long)berth_json_int(usage, "RefCount"));
    berth_json_set(row, "Links", usage != NULL ? text : "N/A");
    berth_json_set(row, "Mountpoint", berth_json_string(volume, "Mountpoint"));
    berth_json_set(row, "Name", berth_json_string(volume, "Name"));
    berth_json_set(row, "Scope", berth_json_string(volume, "Scope"));
    berth_size_format(berth_json_int(usage, "Size"), 4, text);
    berth_json_set(row, "Size", usage != NULL ? text : "N/A");
    berth_json_set(row, "Status", "N/A");
    return row;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(berth_json_string(*(struct json_object *const *)a, "Name"),
                  berth_json_string(*(struct json_object *const *)b, "Name"));
}

static int run_ls(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .config_key = "volumesFormat",
        .table = "{{.Driver}}\t{{.Name}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.Name}}" : NULL,
        .type = "*formatter.volumeContext",
        .headers = headers,
        .labels = true,
    };
    berth_buffer_add(&target, "/volumes");
    if (berth_cli_filters(berth_flags_list(flags, "filter"), &target) != 0) {
        return 1;
    }
    struct json_object *answer = berth_cli_get(cli, target.data);
    if (answer == NULL) {
        return 1;
    }
    struct json_object *volumes = berth_json_member(answer, "Volumes");
    struct json_object *rows = json_object_new_array();
    size_t count = volumes != NULL ? json_object_array_length(volumes) : 0;
    if (count > 0) {
        json_object_array_sort(volumes, by_name);
    }
    for (size_t i = 0; i < count; i++) {
        json_object_array_add(rows, berth_volume_row(json_object_array_get_idx(volumes, i)));
    }
    int code = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(answer);
    return code;
}

static int run_create(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *body = json_object_new_object(), *answer = NULL;
    struct berth_client *client = berth_cli_client(cli);
    if (cli->arg_count > 0) {
        berth_json_set(body, "Name", cli->args[0]);
    }
    berth_json_set(body, "Driver", berth_flags_string(flags, "driver"));
    berth_body_pairs(flags, "opt", "DriverOpts", body);
    berth_body_pairs(flags, "label", "Labels", body);
    int32_t code = client == NULL
                       ? BERTH_E_UNAVAILABLE
                       : berth_client_call(client, "POST", "/volumes/create", body, &answer, &err);
    json_object_put(body);
    if (code != 0) {
        return client == NULL ? 1 : berth_cli_fail(&err);
    }
    puts(berth_json_string(answer, "Name"));
    json_object_put(answer);
    return 0;
}

static int run_rm(struct berth_cli *cli)
{
    bool force = berth_flags_bool(&cli->flags, "force");
    return berth_cli_each(cli, "DELETE", "/volumes/", force ? "?force=1" : "", true);
}

static const struct berth_flag ls_flags[] = {
    BERTH_FLAG_FILTER,
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only display volume names"),
};
static const struct berth_flag create_flags[] = {
    {.name = "driver",
     .shorthand = 'd',
     .type = BERTH_FLAG_STRING,
     .initial = "local",
     .help = "Specify volume driver name"},
    {.name = "label",
     .type = BERTH_FLAG_LIST,
     .check = berth_check_label,
     .help = "Set metadata for a volume"},
    {.name = "opt",
     .shorthand = 'o',
     .type = BERTH_FLAG_LIST,
     .value = "map",
     .help = "Set driver specific options"},
};
static const struct berth_flag rm_flags[] = {
    BERTH_FLAG_LINE(BOOL, "force", 'f', "Force the removal of one or more volumes"),
};

const struct berth_command berth_command_volume_ls = {
    .usage = "[OPTIONS]",
    .summary = "List volumes",
    .known_as = "volume ls, volume list",
    BERTH_FLAGS(ls_flags),
    .run = run_ls,
};

const struct berth_command berth_command_volume_create = {
    .usage = "[OPTIONS] [VOLUME]",
    .summary = "Create a volume",
    BERTH_FLAGS(create_flags),
    .max_args = 1,
    .run = run_create,
};

const struct berth_command berth_command_volume_rm = {
    .usage = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Remove one or more volumes",
    .description = "Remove one or more volumes. You cannot remove a volume that is in use by a "
                   "container.",
    .known_as = "volume rm, volume remove",
    BERTH_FLAGS(rm_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_rm,
    .completes = "volume",
};
