/* SPDX-License-Identifier: Apache-2.0
 *
 * `ps`: the list of containers.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/ports.h"
#include "http/url.h"

#define COMMAND_WIDTH 20 /* characters of the command that are shown */
#define MOUNT_WIDTH   15

static void set_command(struct json_object *row, struct json_object *container, bool trunc)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT, quoted = BERTH_BUFFER_INIT;
    const char *command = berth_json_string(container, "Command");
    berth_output_ellipsis(command, trunc ? COMMAND_WIDTH : SIZE_MAX, &text);
    berth_buffer_add(&quoted, "\"");
    for (const char *at = text.data != NULL ? text.data : ""; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\t') {
            berth_buffer_add(&quoted, *at == '\n' ? "\\n" : "\\t");
            continue;
        }
        if (*at == '"' || *at == '\\') {
            berth_buffer_add(&quoted, "\\");
        }
        berth_buffer_append(&quoted, at, 1);
    }
    berth_buffer_add(&quoted, "\"");
    berth_json_set_buffer(row, "Command", &quoted);
}

/* The image as it was named; an image known by its ID only is shown as a short ID. */
static void set_image(struct json_object *row, struct json_object *container, bool trunc)
{
    const char *image = berth_json_string(container, "Image");
    char short_image[80], short_id[80];
    if (*image == '\0') {
        berth_json_set(row, "Image", "<no image>");
        return;
    }
    berth_output_id(image, trunc, short_image);
    berth_output_id(berth_json_string(container, "ImageID"), trunc, short_id);
    if (trunc && *short_id != '\0' && strcmp(short_image, short_id) == 0) {
        berth_json_set(row, "Image", short_id);
        return;
    }
    AUTO_FREE char *name = strdup(image);
    char *digest = name != NULL ? strchr(name, '@') : NULL;
    if (trunc && digest != NULL && strchr(name, ':') < digest) {
        *digest = '\0'; /* name:tag@digest */
    }
    berth_json_set(row, "Image", name != NULL ? name : image);
}

static void set_names(struct json_object *row, struct json_object *container, bool trunc)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    struct json_object *names = berth_json_member(container, "Names");
    size_t count = names != NULL ? json_object_array_length(names) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
        name = name != NULL ? name + (*name == '/') : "";
        if (trunc && strchr(name, '/') != NULL) {
            continue; /* the name that a link gives it */
        }
        berth_buffer_format(&text, "%s%s", text.length > 0 ? "," : "", name);
    }
    berth_json_set_buffer(row, "Names", &text);
}

static void set_mounts(struct json_object *row, struct json_object *container, bool trunc)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    struct json_object *mounts = berth_json_member(container, "Mounts");
    size_t count = mounts != NULL ? json_object_array_length(mounts) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);
        const char *name = berth_json_string(mount, "Name");
        name = *name != '\0' ? name : berth_json_string(mount, "Source");
        berth_buffer_add(&text, i > 0 ? "," : "");
        berth_output_ellipsis(name, trunc ? MOUNT_WIDTH : SIZE_MAX, &text);
    }
    berth_json_set_buffer(row, "Mounts", &text);
}

static void set_local_volumes(struct json_object *row, struct json_object *container)
{
    struct json_object *mounts = berth_json_member(container, "Mounts");
    size_t count = mounts != NULL ? json_object_array_length(mounts) : 0;
    int local = 0;
    char text[16];
    for (size_t i = 0; i < count; i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);
        local += strcmp(berth_json_string(mount, "Driver"), "local") == 0;
    }
    snprintf(text, sizeof(text), "%d", local);
    berth_json_set(row, "LocalVolumes", text);
}

static void set_networks(struct json_object *row, struct json_object *container)
{
    AUTO_STRV struct berth_strv names = {0};
    struct json_object *networks = berth_json_member(container, "NetworkSettings/Networks");
    if (json_object_is_type(networks, json_type_object)) {
        json_object_object_foreach(networks, key, unused)
        {
            (void)unused;
            berth_strv_add(&names, key);
        }
    }
    berth_strv_sort(&names);
    AUTO_FREE char *text = berth_strv_join(&names, ",");
    berth_json_set(row, "Networks", text != NULL ? text : "");
}

static void set_size(struct json_object *row, struct json_object *container)
{
    char size[BERTH_SIZE_TEXT], virtual_size[BERTH_SIZE_TEXT], text[80];
    int64_t whole = berth_json_int(container, "SizeRootFs");
    berth_size_format(berth_json_int(container, "SizeRw"), 3, size);
    snprintf(text, sizeof(text), "%s", size);
    if (whole > 0) {
        snprintf(text, sizeof(text), "%s (virtual %s)", size,
                 berth_size_format(whole, 3, virtual_size));
    }
    berth_json_set(row, "Size", text);
}

struct json_object *berth_ps_row(struct json_object *container, bool trunc)
{
    AUTO_BUFFER struct berth_buffer ports = BERTH_BUFFER_INIT;
    char text[80];
    struct json_object *row = json_object_new_object();
    struct json_object *labels = berth_json_member(container, "Labels");
    int64_t created = berth_json_int(container, "Created");
    json_object_set_userdata(row, labels, NULL);
    set_command(row, container, trunc);
    berth_json_set(row, "CreatedAt", berth_output_time(created, text));
    berth_json_set(row, "ID", berth_output_id(berth_json_string(container, "Id"), trunc, text));
    set_image(row, container, trunc);
    berth_json_set_labels(row, "Labels", labels);
    set_local_volumes(row, container);
    set_mounts(row, container, trunc);
    set_names(row, container, trunc);
    set_networks(row, container);
    json_object_object_add(row, "Platform", NULL);
    berth_ports_display(berth_json_member(container, "Ports"), &ports);
    berth_json_set_buffer(row, "Ports", &ports);
    berth_json_set(row, "RunningFor", berth_output_ago(created, text));
    set_size(row, container);
    berth_json_set(row, "State", berth_json_string(container, "State"));
    berth_json_set(row, "Status", berth_json_string(container, "Status"));
    return row;
}

static const char *headers[][2] = {
    {"ID", "CONTAINER ID"},
    {"Names", "NAMES"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Ports", "PORTS"},
    {"State", "STATE"},
    {"Status", "STATUS"},
    {"Size", "SIZE"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"LocalVolumes", "LOCAL VOLUMES"},
    {"Networks", "NETWORKS"},
    {"Platform", "PLATFORM"},
    {NULL, NULL},
};

#define TABLE                                                                       \
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t" \
    "{{.Names}}"
#define RAW                                                                    \
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n"        \
    "created_at: {{.CreatedAt}}\nstate: {{- if .State}} {{.State}}{{- end}}\n" \
    "status: {{- if .Status}} {{.Status}}{{- end}}\nnames: {{.Names}}\n"       \
    "labels: {{- if .Labels}} {{.Labels}}{{- end}}\n"                          \
    "ports: {{- if .Ports}} {{.Ports}}{{- end}}\n"

static int ps_target(struct berth_cli *cli, bool size, struct berth_buffer *target)
{
    const struct berth_flags *flags = &cli->flags;
    int64_t last = berth_flags_int(flags, "last");
    if (berth_flags_bool(flags, "latest") && !berth_flags_changed(flags, "last")) {
        last = 1;
    }
    berth_buffer_add(target, "/containers/json");
    berth_http_query_add_bool(target, "all", berth_flags_bool(flags, "all"), false);
    berth_http_query_add_bool(target, "size", size, false);
    if (last > 0) {
        AUTO_FREE char *limit = berth_format("%lld", (long long)last);
        berth_http_query_add(target, "limit", limit);
    }
    return berth_cli_filters(berth_flags_list(flags, "filter"), target);
}

static int run_ps(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    bool size = berth_flags_bool(flags, "size");
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .config_key = "psFormat",
        .table = size ? TABLE "\t{{.Size}}" : TABLE,
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.ID}}" : NULL,
        .raw = size ? RAW "size: {{.Size}}\n" : RAW,
        .type = "*formatter.ContainerContext",
        .headers = headers,
        .labels = true,
    };
    size = size || berth_listing_uses(cli, &listing, ".Size");
    if (ps_target(cli, size, &target) != 0) {
        return 1;
    }
    struct json_object *containers = berth_cli_get(cli, target.data);
    if (containers == NULL) {
        return 1;
    }
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(containers); i++) {
        json_object_array_add(rows, berth_ps_row(json_object_array_get_idx(containers, i),
                                                 !berth_flags_bool(flags, "no-trunc")));
    }
    int code = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(containers);
    return code;
}

static const struct berth_flag ps_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Show all containers (default shows just running)"),
    BERTH_FLAG_FILTER,
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    {.name = "last",
     .shorthand = 'n',
     .type = BERTH_FLAG_INT,
     .initial = "-1",
     .help = "Show n last created containers (includes all states)"},
    BERTH_FLAG_LINE(BOOL, "latest", 'l', "Show the latest created container (includes all states)"),
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Don't truncate output"),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only display container IDs"),
    BERTH_FLAG_LINE(BOOL, "size", 's', "Display total file sizes"),
};

const struct berth_command berth_command_ps = {
    .usage = "[OPTIONS]",
    .summary = "List containers",
    .known_as = "container ls, container list, container ps, ps",
    BERTH_FLAGS(ps_flags),
    .run = run_ps,
};
