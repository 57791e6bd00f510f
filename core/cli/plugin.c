/* SPDX-License-Identifier: Apache-2.0
 *
 * `plugin ls` and `plugin inspect`: the drivers of the daemon, or a driver's file, which is
 * described here without the daemon and without opening the driver.
 */
#include "plugin/plugin.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

static const char *headers[][2] = {
    {"Kind", "KIND"},
    {"Name", "NAME"},
    {"Version", "VERSION"},
    {"Loaded", "LOADED"},
    {"Calls", "CALLS"},
    {"Errors", "ERRORS"},
    {"File", "FILE"},
    {"ABI", "ABI"},
    {"License", "LICENSE"},
    {"Summary", "DESCRIPTION"},
    {"Description", "DESCRIPTION"},
    {"ID", "ID"},
    {"Enabled", "ENABLED"},
    {NULL, NULL},
};

/* Members in alphabetical order; ID, Description and Enabled are there for docker's templates. */
static struct json_object *make_row(struct json_object *plugin)
{
    static const char *const members[][2] = {
        {"ABI", "ABI"},         {"Description", "Summary"}, {"File", "File"},
        {"Kind", "Kind"},       {"License", "License"},     {"Name", "Name"},
        {"Summary", "Summary"}, {"Version", "Version"},
    };
    char text[32];
    struct json_object *row = json_object_new_object();
    const char *error = berth_json_string(plugin, "Error");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        berth_json_set(row, members[i][0], berth_json_string(plugin, members[i][1]));
    }
    snprintf(text, sizeof(text), "%lld", (long long)berth_json_int(plugin, "Calls"));
    berth_json_set(row, "Calls", text);
    snprintf(text, sizeof(text), "%lld", (long long)berth_json_int(plugin, "Errors"));
    berth_json_set(row, "Errors", text);
    berth_json_set(row, "Loaded", berth_json_bool(plugin, "Loaded") ? "true" : "false");
    berth_json_set(row, "Enabled", *error == '\0' ? "true" : "false");
    AUTO_FREE char *id =
        berth_format("%s/%s", berth_json_string(plugin, "Kind"), berth_json_string(plugin, "Name"));
    berth_json_set(row, "ID", id != NULL ? id : "");
    if (*error != '\0') {
        berth_json_set(row, "Summary", error); /* why it was refused says more */
    }
    return row;
}

static int run_ls(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .config_key = "pluginsFormat",
        .table = "{{.Kind}}\t{{.Name}}\t{{.Version}}\t{{.Loaded}}\t{{.Summary}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.ID}}" : NULL,
        .type = "*plugin.pluginContext",
        .headers = headers,
    };
    struct json_object *plugins = berth_cli_get(cli, "/berth/plugins");
    if (plugins == NULL) {
        return 1;
    }
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(plugins); i++) {
        json_object_array_add(rows, make_row(json_object_array_get_idx(plugins, i)));
    }
    int status = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(plugins);
    return status;
}

static int32_t describe_file(const char *file, struct json_object **ret_json, berth_error *err)
{
    struct berth_plugin_info info;
    AUTO_FREE char *path = realpath(file, NULL);
    berth_json_init(&berth_plugin_info_table, &info);
    int32_t code = berth_plugin_describe(NULL, path != NULL ? path : file, &info, err);
    if (code == 0) {
        *ret_json = berth_json_write(&berth_plugin_info_table, &info, 0);
        code = *ret_json != NULL ? 0 : berth_error_no_memory(err);
    }
    berth_json_done(&berth_plugin_info_table, &info);
    return code;
}

static int32_t describe_name(struct berth_cli *cli, const char *name, struct json_object **ret_json,
                             berth_error *err)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_client *client = berth_cli_client(cli);
    if (client == NULL) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "no connection to ask for %s", name);
    }
    berth_buffer_add(&target, "/berth/plugins/");
    berth_http_url_encode(&target, name, true);
    return berth_client_call(client, "GET", target.data, NULL, ret_json, err);
}

static int run_inspect(struct berth_cli *cli)
{
    struct json_object *list = json_object_new_array();
    int status = 0;
    for (int i = 0; i < cli->arg_count; i++) {
        const char *name = cli->args[i];
        berth_error err = BERTH_ERROR_INIT;
        struct json_object *json = NULL;
        bool file = strchr(name, '/') != NULL && berth_str_ends(name, ".so");
        int32_t code =
            file ? describe_file(name, &json, &err) : describe_name(cli, name, &json, &err);
        if (code == 0) {
            json_object_array_add(list, json);
        } else {
            status = berth_cli_fail(&err);
        }
    }
    if (status == 0 || json_object_array_length(list) > 0) {
        int printed = berth_inspect_print(berth_flags_string(&cli->flags, "format"), list);
        status = status != 0 ? status : printed;
    }
    json_object_put(list);
    return status;
}

static const struct berth_flag ls_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Don't truncate output"),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only display plugin IDs"),
};
static const struct berth_flag inspect_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 'f', BERTH_HELP_FORMAT),
};

const struct berth_command berth_command_plugin_ls = {
    .usage = "[OPTIONS]",
    .summary = "List drivers",
    .known_as = "plugin ls, plugin list",
    BERTH_FLAGS(ls_flags),
    .run = run_ls,
};

const struct berth_command berth_command_plugin_inspect = {
    .usage = "[OPTIONS] NAME|FILE [NAME|FILE...]",
    .summary = "Display detailed information on drivers",
    .description = "Display detailed information on drivers.\n\nA FILE (a path that ends in .so) "
                   "is checked and described without the daemon,\ninstalled or not, and without "
                   "opening the driver.",
    BERTH_FLAGS(inspect_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_inspect,
};
