/* SPDX-License-Identifier: Apache-2.0
 *
 * `system df`.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/images.h"
#include "cli/output.h"

static const char *headers[][2] = {
    {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
    {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}, {NULL, NULL},
};

/* What one kind of objects uses. */
struct usage {
    const char *type;
    int64_t total, active, size, reclaimable;
};

static size_t count_of(struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static struct usage images_usage(struct json_object *answer)
{
    struct json_object *images = berth_json_member(answer, "Images");
    int64_t size = berth_json_int(answer, "LayersSize"), used = 0, active = 0;
    for (size_t i = 0; i < count_of(images); i++) {
        struct json_object *image = json_object_array_get_idx(images, i);
        if (berth_json_int(image, "Containers") > 0) {
            int64_t shared = berth_json_int(image, "SharedSize");
            used += berth_json_int(image, "Size") - (shared > 0 ? shared : 0);
            active++;
        }
    }
    return (struct usage){"Images", (int64_t)count_of(images), active, size,
                          size > used ? size - used : 0};
}

static struct usage containers_usage(struct json_object *answer)
{
    struct usage usage = {.type = "Containers"};
    struct json_object *containers = berth_json_member(answer, "Containers");
    usage.total = (int64_t)count_of(containers);
    for (size_t i = 0; i < count_of(containers); i++) {
        struct json_object *container = json_object_array_get_idx(containers, i);
        const char *state = berth_json_string(container, "State");
        bool active = strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
                      strcmp(state, "restarting") == 0;
        int64_t size = berth_json_int(container, "SizeRw");
        usage.active += active;
        usage.size += size;
        usage.reclaimable += active ? 0 : size;
    }
    return usage;
}

static struct usage volumes_usage(struct json_object *answer)
{
    struct usage usage = {.type = "Local Volumes"};
    struct json_object *volumes = berth_json_member(answer, "Volumes");
    usage.total = (int64_t)count_of(volumes);
    for (size_t i = 0; i < count_of(volumes); i++) {
        struct json_object *volume = json_object_array_get_idx(volumes, i);
        int64_t size = berth_json_int(volume, "UsageData/Size");
        bool active = berth_json_int(volume, "UsageData/RefCount") > 0;
        size = size > 0 ? size : 0;
        usage.active += active;
        usage.size += size;
        usage.reclaimable += active ? 0 : size;
    }
    return usage;
}

static struct usage cache_usage(struct json_object *answer)
{
    struct usage usage = {.type = "Build Cache"};
    struct json_object *records = berth_json_member(answer, "BuildCache");
    usage.total = (int64_t)count_of(records);
    for (size_t i = 0; i < count_of(records); i++) {
        struct json_object *record = json_object_array_get_idx(records, i);
        int64_t size = berth_json_int(record, "Size");
        bool active = berth_json_bool(record, "InUse");
        usage.active += active;
        usage.size += berth_json_bool(record, "Shared") ? 0 : size;
        usage.reclaimable += active || berth_json_bool(record, "Shared") ? 0 : size;
    }
    return usage;
}

static struct json_object *make_row(const struct usage *usage)
{
    char text[80], size[BERTH_SIZE_TEXT];
    struct json_object *row = json_object_new_object();
    snprintf(text, sizeof(text), "%lld", (long long)usage->active);
    berth_json_set(row, "Active", text);
    berth_size_format(usage->reclaimable, 4, size);
    snprintf(text, sizeof(text), "%s", size);
    if (usage->size > 0 && strcmp(usage->type, "Build Cache") != 0) {
        snprintf(text, sizeof(text), "%s (%lld%%)", size,
                 (long long)(usage->reclaimable * 100 / usage->size));
    }
    berth_json_set(row, "Reclaimable", text);
    berth_json_set(row, "Size", berth_size_format(usage->size, 4, size));
    snprintf(text, sizeof(text), "%lld", (long long)usage->total);
    berth_json_set(row, "TotalCount", text);
    berth_json_set(row, "Type", usage->type);
    return row;
}

static int print_summary(struct berth_cli *cli, struct json_object *answer)
{
    const struct usage usages[] = {images_usage(answer), containers_usage(answer),
                                   volumes_usage(answer), cache_usage(answer)};
    struct berth_listing listing = {
        .format = berth_flags_string(&cli->flags, "format"),
        .table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
        .type = "*formatter.diskUsageContext",
        .headers = headers,
    };
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
        json_object_array_add(rows, make_row(&usages[i]));
    }
    int status = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    return status;
}

/* A titled table of one kind. */
static int print_table(struct berth_cli *cli, const char *title, const char *table,
                       const char *(*table_headers)[2], struct json_object *rows)
{
    struct berth_listing listing = {
        .format = "", .table = table, .type = "row", .headers = table_headers};
    printf("%s\n\n", title);
    int status = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    return status;
}

static const char *image_headers[][2] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"Size", "SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"Containers", "CONTAINERS"},
    {NULL, NULL},
};
static const char *container_headers[][2] = {
    {"ID", "CONTAINER ID"}, {"Image", "IMAGE"},
    {"Command", "COMMAND"}, {"LocalVolumes", "LOCAL VOLUMES"},
    {"Size", "SIZE"},       {"RunningFor", "CREATED"},
    {"Status", "STATUS"},   {"Names", "NAMES"},
    {NULL, NULL},
};
static const char *volume_headers[][2] = {
    {"Name", "VOLUME NAME"},
    {"Links", "LINKS"},
    {"Size", "SIZE"},
    {NULL, NULL},
};

static int print_verbose(struct berth_cli *cli, struct json_object *answer)
{
    struct json_object *images = json_object_new_array(), *containers = json_object_new_array();
    struct json_object *volumes = json_object_new_array();
    struct json_object *list = berth_json_member(answer, "Images");
    char size[BERTH_SIZE_TEXT];
    for (size_t i = 0; i < count_of(list); i++) {
        berth_images_add_rows(images, json_object_array_get_idx(list, i), false, true);
    }
    list = berth_json_member(answer, "Containers");
    for (size_t i = 0; i < count_of(list); i++) {
        json_object_array_add(containers, berth_ps_row(json_object_array_get_idx(list, i), true));
    }
    list = berth_json_member(answer, "Volumes");
    for (size_t i = 0; i < count_of(list); i++) {
        json_object_array_add(volumes, berth_volume_row(json_object_array_get_idx(list, i)));
    }
    print_table(cli, "Images space usage:",
                "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t"
                "{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
                image_headers, images);
    print_table(cli, "\nContainers space usage:",
                "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
                "{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
                container_headers, containers);
    print_table(cli, "\nLocal Volumes space usage:", "{{.Name}}\t{{.Links}}\t{{.Size}}",
                volume_headers, volumes);
    struct usage cache = cache_usage(answer);
    printf("\nBuild cache usage: %s\n\n", berth_size_format(cache.size, 4, size));
    return 0;
}

static int run_df(struct berth_cli *cli)
{
    struct json_object *answer = berth_cli_get(cli, "/system/df");
    if (answer == NULL) {
        return 1;
    }
    bool verbose = berth_flags_bool(&cli->flags, "verbose") &&
                   *berth_flags_string(&cli->flags, "format") == '\0';
    int status = verbose ? print_verbose(cli, answer) : print_summary(cli, answer);
    json_object_put(answer);
    return status;
}

static const struct berth_flag df_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "verbose", 'v', "Show detailed information on space usage"),
};

const struct berth_command berth_command_system_df = {
    .usage = "[OPTIONS]",
    .summary = "Show docker disk usage",
    BERTH_FLAGS(df_flags),
    .run = run_df,
};
