/* SPDX-License-Identifier: Apache-2.0
 *
 * `inspect` in all its forms.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

/* The kinds of objects, in the order in which a name is looked for. */
static const struct kind {
    const char *name, *before, *after;
    bool any; /* tried by `inspect` without --type */
} kinds[] = {
    {"container", "/containers/", "/json", true},
    {"image", "/images/", "/json", true},
    {"network", "/networks/", "", true},
    {"volume", "/volumes/", "", true},
    {"service", "/services/", "", false},
    {"task", "/tasks/", "", false},
    {"node", "/nodes/", "", false},
    {"plugin", "/plugins/", "/json", true},
    {"secret", "/secrets/", "", false},
    {"config", "/configs/", "", false},
};

static int32_t get_one(struct berth_cli *cli, const struct kind *kind, const char *name,
                       struct json_object **ret_json, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_buffer_add(&target, kind->before);
    berth_http_url_encode(&target, name, strcmp(kind->name, "image") == 0);
    berth_buffer_add(&target, kind->after);
    if (strcmp(kind->name, "container") == 0 && berth_flags_has(&cli->flags, "size")) {
        berth_http_query_add_bool(&target, "size", berth_flags_bool(&cli->flags, "size"), false);
    }
    if (berth_flags_has(&cli->flags, "platform") && berth_flags_changed(&cli->flags, "platform")) {
        berth_http_query_add(&target, "platform", berth_flags_string(&cli->flags, "platform"));
    }
    if (berth_flags_has(&cli->flags, "verbose")) {
        berth_http_query_add_bool(&target, "verbose", berth_flags_bool(&cli->flags, "verbose"),
                                  false);
    }
    return berth_client_call(cli->client, "GET", target.data, NULL, ret_json, err);
}

/* Looks for a name among all kinds. */
static int32_t get_any(struct berth_cli *cli, const char *name, struct json_object **ret_json,
                       berth_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        berth_error reason = BERTH_ERROR_INIT;
        if (!kinds[i].any) {
            continue;
        }
        int32_t code = get_one(cli, &kinds[i], name, ret_json, &reason);
        if (code == 0) {
            return 0;
        }
        /* a name that one kind does not allow may be another's */
        if (code != BERTH_E_NOT_FOUND && code != BERTH_E_INVALID && code != BERTH_E_UNSUPPORTED) {
            return berth_error_move(err, &reason);
        }
    }
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "Error: No such object: %s", name);
}

int berth_inspect_print(const char *format, struct json_object *list)
{
    int status = 0;
    if (*format == '\0') {
        berth_output_json(list, stdout);
        return 0;
    }
    if (strcmp(format, "json") == 0) {
        puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
    }
    for (size_t i = 0; status == 0 && i < json_object_array_length(list); i++) {
        status = berth_output_template(format, NULL, json_object_array_get_idx(list, i));
    }
    return status;
}

static int inspect_all(struct berth_cli *cli, const struct kind *kind)
{
    AUTO_BUFFER struct berth_buffer errors = BERTH_BUFFER_INIT;
    struct json_object *list = json_object_new_array();
    if (berth_cli_client(cli) == NULL) {
        json_object_put(list);
        return 1;
    }
    for (int i = 0; i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        struct json_object *json = NULL;
        int32_t code = kind != NULL ? get_one(cli, kind, cli->args[i], &json, &err)
                                    : get_any(cli, cli->args[i], &json, &err);
        if (code == 0) {
            json_object_array_add(list, json);
        } else {
            berth_buffer_format(&errors, "%s%s", errors.length > 0 ? "\n" : "", err.msg);
        }
    }
    const char *format = berth_flags_string(&cli->flags, "format");
    bool empty_lines = *format != '\0' && json_object_array_length(list) == 0;
    int status = empty_lines ? (putchar('\n'), 0) : berth_inspect_print(format, list);
    json_object_put(list);
    if (errors.length > 0) {
        status = berth_cli_failf("%s", errors.data);
    }
    return status;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int run_inspect(struct berth_cli *cli)
{
    const char *type = berth_flags_string(&cli->flags, "type");
    const struct kind *kind = find_kind(type);
    if (*type != '\0' && kind == NULL) {
        return berth_cli_failf("unknown type: \"%s\": must be one of \"config\", \"container\", "
                               "\"image\", \"network\", \"node\", \"plugin\", \"secret\", "
                               "\"service\", \"task\", \"volume\"",
                               type);
    }
    return inspect_all(cli, kind);
}

static int run_container_inspect(struct berth_cli *cli)
{
    return inspect_all(cli, find_kind("container"));
}

static int run_image_inspect(struct berth_cli *cli)
{
    return inspect_all(cli, find_kind("image"));
}

static int run_network_inspect(struct berth_cli *cli)
{
    return inspect_all(cli, find_kind("network"));
}

static int run_volume_inspect(struct berth_cli *cli)
{
    return inspect_all(cli, find_kind("volume"));
}

#define FORMAT BERTH_FLAG_LINE(STRING, "format", 'f', BERTH_HELP_FORMAT)

static const struct berth_flag inspect_flags[] = {
    FORMAT,
    BERTH_FLAG_LINE(BOOL, "size", 's', "Display total file sizes if the type is container"),
    BERTH_FLAG_LINE(STRING, "type", 0, "Only inspect objects of the given type"),
};
static const struct berth_flag container_flags[] = {
    FORMAT,
    BERTH_FLAG_LINE(BOOL, "size", 's', "Display total file sizes"),
};
static const struct berth_flag image_flags[] = {
    FORMAT,
    BERTH_FLAG_LINE(STRING, "platform", 0,
                    "Inspect a specific platform of the image, as \"os[/arch[/variant]]\""),
};
static const struct berth_flag network_flags[] = {
    FORMAT,
    BERTH_FLAG_LINE(BOOL, "verbose", 'v', "Verbose output for diagnostics"),
};
static const struct berth_flag volume_flags[] = {FORMAT};

const struct berth_command berth_command_inspect = {
    .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Return low-level information on Docker objects",
    BERTH_FLAGS(inspect_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_inspect,
    .completes = "container",
};

const struct berth_command berth_command_container_inspect = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Display detailed information on one or more containers",
    BERTH_FLAGS(container_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_container_inspect,
    .completes = "container",
};

const struct berth_command berth_command_image_inspect = {
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Display detailed information on one or more images",
    BERTH_FLAGS(image_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_image_inspect,
    .completes = "image",
};

const struct berth_command berth_command_network_inspect = {
    .usage = "[OPTIONS] NETWORK [NETWORK...]",
    .summary = "Display detailed information on one or more networks",
    BERTH_FLAGS(network_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_network_inspect,
    .completes = "network",
};

const struct berth_command berth_command_volume_inspect = {
    .usage = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Display detailed information on one or more volumes",
    BERTH_FLAGS(volume_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_volume_inspect,
    .completes = "volume",
};
