/* SPDX-License-Identifier: Apache-2.0
 *
 * Every prune command.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"

/* One kind of objects that can be pruned. */
static const struct pruned {
    const char *target;
    const char *member; /* of the answer: what was deleted */
    const char *title;
    const char *warning;     /* behind "WARNING! This will remove " */
    const char *warning_all; /* with --all; NULL: there is no --all */
} kinds[] = {
    {"/containers/prune", "ContainersDeleted", "Deleted Containers:", "all stopped containers.",
     NULL},
    {"/networks/prune", "NetworksDeleted",
     "Deleted Networks:", "all custom networks not used by at least one container.", NULL},
    {"/volumes/prune", "VolumesDeleted",
     "Deleted Volumes:", "anonymous local volumes not used by at least one container.",
     "all local volumes not used by at least one container."},
    {"/images/prune", "ImagesDeleted", "Deleted Images:", "all dangling images.",
     "all images without at least one container associated to them."},
};

enum { CONTAINERS, NETWORKS, VOLUMES, IMAGES };

static void print_deleted(struct json_object *item)
{
    if (json_object_is_type(item, json_type_string)) {
        puts(json_object_get_string(item));
        return;
    }
    const char *untagged = berth_json_string(item, "Untagged");
    printf(*untagged != '\0' ? "untagged: %s\n" : "deleted: %s\n",
           *untagged != '\0' ? untagged : berth_json_string(item, "Deleted"));
}

/* Prunes one kind, prints what went, adds the space to *space. */
static int32_t prune(struct berth_cli *cli, const struct pruned *kind,
                     const struct berth_strv *filters, int64_t *space, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct json_object *answer = NULL;
    berth_buffer_add(&target, kind->target);
    if (berth_cli_filters(filters, &target) != 0) {
        return berth_error_no_memory(err);
    }
    int32_t code = berth_client_call(cli->client, "POST", target.data, NULL, &answer, err);
    if (code != 0) {
        return code;
    }
    struct json_object *deleted = berth_json_member(answer, kind->member);
    size_t count = deleted != NULL ? json_object_array_length(deleted) : 0;
    if (count > 0) {
        puts(kind->title);
    }
    for (size_t i = 0; i < count; i++) {
        print_deleted(json_object_array_get_idx(deleted, i));
    }
    if (count > 0) {
        putchar('\n');
    }
    *space += berth_json_int(answer, "SpaceReclaimed");
    json_object_put(answer);
    return 0;
}

static void print_space(int64_t space)
{
    char text[BERTH_SIZE_TEXT];
    printf("Total reclaimed space: %s\n", berth_size_format(space, 4, text));
}

static int prune_one(struct berth_cli *cli, int which)
{
    const struct berth_flags *flags = &cli->flags;
    const struct pruned *kind = &kinds[which];
    bool all = kind->warning_all != NULL && berth_flags_bool(flags, "all");
    AUTO_STRV struct berth_strv filters = {0};
    berth_error err = BERTH_ERROR_INIT;
    int64_t space = 0;
    if (!berth_flags_bool(flags, "force")) {
        printf("WARNING! This will remove %s\n", all ? kind->warning_all : kind->warning);
        if (!berth_cli_confirm("Are you sure you want to continue?")) {
            return 0;
        }
    }
    berth_strv_extend(&filters, berth_flags_list(flags, "filter"));
    if (which == IMAGES) {
        berth_strv_add(&filters, all ? "dangling=false" : "dangling=true");
    } else if (all) {
        berth_strv_add(&filters, "all=true");
    }
    if (berth_cli_client(cli) == NULL) {
        return 1;
    }
    if (prune(cli, kind, &filters, &space, &err) != 0) {
        return berth_cli_fail(&err);
    }
    if (which != NETWORKS) {
        print_space(space);
    }
    return 0;
}

static int run_container(struct berth_cli *cli)
{
    return prune_one(cli, CONTAINERS);
}

static int run_network(struct berth_cli *cli)
{
    return prune_one(cli, NETWORKS);
}

static int run_volume(struct berth_cli *cli)
{
    return prune_one(cli, VOLUMES);
}

static int run_image(struct berth_cli *cli)
{
    return prune_one(cli, IMAGES);
}

static bool confirm_system(bool all, bool volumes)
{
    printf("WARNING! This will remove:\n"
           "  - all stopped containers\n"
           "  - all networks not used by at least one container\n%s%s\n",
           volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
           all ? "  - all images without at least one container associated to them\n"
               : "  - all dangling images\n");
    return berth_cli_confirm("Are you sure you want to continue?");
}

static int run_system(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    bool all = berth_flags_bool(flags, "all"), volumes = berth_flags_bool(flags, "volumes");
    AUTO_STRV struct berth_strv filters = {0};
    berth_error err = BERTH_ERROR_INIT;
    int64_t space = 0;
    if (!berth_flags_bool(flags, "force") && !confirm_system(all, volumes)) {
        return 0;
    }
    if (berth_cli_client(cli) == NULL) {
        return 1;
    }
    berth_strv_extend(&filters, berth_flags_list(flags, "filter"));
    int32_t code = 0;
    for (int i = CONTAINERS; code == 0 && i <= IMAGES; i++) {
        if (i == IMAGES) {
            berth_strv_add(&filters, all ? "dangling=false" : "dangling=true");
        }
        if (i != VOLUMES || volumes) {
            code = prune(cli, &kinds[i], &filters, &space, &err);
        }
    }
    if (code != 0) {
        return berth_cli_fail(&err);
    }
    print_space(space);
    return 0;
}

#define FILTER                                                        \
    {                                                                 \
        .name = "filter", .type = BERTH_FLAG_LIST, .value = "filter", \
        .check = berth_cli_check_filter,                              \
        .help = "Provide filter values (e.g. \"until=<timestamp>\")"  \
    }
#define FORCE BERTH_FLAG_LINE(BOOL, "force", 'f', "Do not prompt for confirmation")

static const struct berth_flag plain_flags[] = {FILTER, FORCE};
static const struct berth_flag volume_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Remove all unused volumes, not just anonymous ones"), FILTER,
    FORCE};
static const struct berth_flag image_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Remove all unused images, not just dangling ones"), FILTER,
    FORCE};
static const struct berth_flag system_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Remove all unused images not just dangling ones"), FILTER,
    FORCE, BERTH_FLAG_LINE(BOOL, "volumes", 0, "Prune anonymous volumes")};

const struct berth_command berth_command_container_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove all stopped containers",
    BERTH_FLAGS(plain_flags),
    .run = run_container,
};

const struct berth_command berth_command_network_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove all unused networks",
    BERTH_FLAGS(plain_flags),
    .run = run_network,
};

const struct berth_command berth_command_volume_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove unused local volumes",
    BERTH_FLAGS(volume_flags),
    .run = run_volume,
};

const struct berth_command berth_command_image_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove unused images",
    BERTH_FLAGS(image_flags),
    .run = run_image,
};

const struct berth_command berth_command_system_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove unused data",
    BERTH_FLAGS(system_flags),
    .run = run_system,
};
