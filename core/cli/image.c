/* SPDX-License-Identifier: Apache-2.0
 *
 * `rmi` and `tag`.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

static void print_deleted(struct json_object *answer)
{
    size_t count = answer != NULL ? json_object_array_length(answer) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(answer, i);
        const char *deleted = berth_json_string(item, "Deleted");
        if (*deleted != '\0') {
            printf("Deleted: %s\n", deleted);
        } else {
            printf("Untagged: %s\n", berth_json_string(item, "Untagged"));
        }
    }
    fflush(stdout);
}

static int run_rmi(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    struct berth_client *client = berth_cli_client(cli);
    bool force = berth_flags_bool(flags, "force");
    int status = client == NULL;
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        struct json_object *answer = NULL;
        berth_buffer_add(&target, "/images/");
        berth_http_url_encode(&target, cli->args[i], true);
        berth_http_query_add_bool(&target, "force", force, false);
        berth_http_query_add_bool(&target, "noprune", berth_flags_bool(flags, "no-prune"), false);
        int32_t code = berth_client_call(client, "DELETE", target.data, NULL, &answer, &err);
        if (code == 0) {
            print_deleted(answer);
            json_object_put(answer);
            continue;
        }
        berth_cli_fail(&err);
        status = force && code == BERTH_E_NOT_FOUND ? status : 1;
    }
    return status;
}

/* The target is sent as repository and tag; a colon before the last slash is a port. */
static int run_tag(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_client *client = berth_cli_client(cli);
    const char *slash = strrchr(cli->args[1], '/');
    const char *colon = strchr(slash != NULL ? slash : cli->args[1], ':');
    AUTO_FREE char *repository = colon != NULL
                                     ? strndup(cli->args[1], (size_t)(colon - cli->args[1]))
                                     : berth_strdup(cli->args[1]);
    if (client == NULL) {
        return 1;
    }
    berth_buffer_add(&target, "/images/");
    berth_http_url_encode(&target, cli->args[0], true);
    berth_buffer_add(&target, "/tag");
    berth_http_query_add(&target, "repo", repository);
    berth_http_query_add(&target, "tag", colon != NULL ? colon + 1 : NULL);
    return berth_client_call(client, "POST", target.data, NULL, NULL, &err) != 0
               ? berth_cli_fail(&err)
               : 0;
}

static const struct berth_flag rmi_flags[] = {
    BERTH_FLAG_LINE(BOOL, "force", 'f', "Force removal of the image"),
    BERTH_FLAG_LINE(BOOL, "no-prune", 0, "Do not delete untagged parents"),
};

const struct berth_command berth_command_rmi = {
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove one or more images",
    .known_as = "image rm, image remove, rmi",
    BERTH_FLAGS(rmi_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_rmi,
    .completes = "image",
};

const struct berth_command berth_command_tag = {
    .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    .summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    .known_as = "image tag, tag",
    .min_args = 2,
    .max_args = 2,
    .run = run_tag,
    .completes = "image",
};
