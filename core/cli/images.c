/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of images: `images` and `history`.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/images.h"
#include "cli/output.h"
#include "http/url.h"

#define NONE "<none>"

static const char *headers[][2] = {
    {"ID", "IMAGE ID"},
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"Containers", "CONTAINERS"},
    {"VirtualSize", "SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {NULL, NULL},
};

static void set_size(struct json_object *row, const char *name, int64_t bytes, int digits)
{
    char text[BERTH_SIZE_TEXT];
    berth_json_set(row, name, bytes < 0 ? "N/A" : berth_size_format(bytes, digits, text));
}

/* Members in alphabetical order. */
static struct json_object *make_row(struct json_object *image, const char *repository,
                                    const char *tag, const char *digest, bool trunc)
{
    char text[80];
    struct json_object *row = json_object_new_object();
    int64_t created = berth_json_int(image, "Created"), containers = -1;
    int64_t size = berth_json_int(image, "Size"), shared = -1;
    if (berth_json_member(image, "Containers") != NULL) {
        containers = berth_json_int(image, "Containers");
    }
    if (berth_json_member(image, "SharedSize") != NULL) {
        shared = berth_json_int(image, "SharedSize");
    }
    snprintf(text, sizeof(text), "%lld", (long long)containers);
    berth_json_set(row, "Containers", containers < 0 ? "N/A" : text);
    berth_json_set(row, "CreatedAt", berth_output_time(created, text));
    berth_json_set(row, "CreatedSince", created > 0 ? berth_output_ago(created, text) : "N/A");
    berth_json_set(row, "Digest", digest);
    berth_json_set(row, "ID", berth_output_id(berth_json_string(image, "Id"), trunc, text));
    berth_json_set(row, "Repository", repository);
    set_size(row, "SharedSize", shared, 4);
    set_size(row, "Size", size, 3);
    berth_json_set(row, "Tag", tag);
    set_size(row, "UniqueSize", shared < 0 ? -1 : size - shared, 4);
    set_size(row, "VirtualSize", size, 4);
    return row;
}

/* Cuts "repository:tag" or "repository@digest" at the mark; NULL: there is no such mark. */
static char *split_reference(const char *reference, char mark, const char **ret_rest)
{
    const char *found = strrchr(reference, mark);
    if (found == NULL || (mark == ':' && strchr(found, '/') != NULL)) {
        return NULL;
    }
    *ret_rest = found + 1;
    return strndup(reference, (size_t)(found - reference));
}

/* The digest that a repository's image has; "<none>" when there is none. */
static const char *find_digest(struct json_object *digests, const char *repository)
{
    size_t count = digests != NULL ? json_object_array_length(digests) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *digest = NULL;
        AUTO_FREE char *name = split_reference(
            json_object_get_string(json_object_array_get_idx(digests, i)), '@', &digest);
        if (name != NULL && strcmp(name, repository) == 0) {
            return digest;
        }
    }
    return NONE;
}

/* Rows of an image without tags: one for each digest's repository, or one with nothing. */
static void add_untagged(struct json_object *rows, struct json_object *image, bool digests,
                         bool trunc)
{
    struct json_object *list = berth_json_member(image, "RepoDigests");
    size_t count = list != NULL ? json_object_array_length(list) : 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const char *digest = NULL;
        AUTO_FREE char *name = split_reference(
            json_object_get_string(json_object_array_get_idx(list, i)), '@', &digest);
        if (name == NULL || strcmp(name, NONE) == 0) {
            continue;
        }
        json_object_array_add(rows, make_row(image, name, NONE, digest, trunc));
        any = true;
        if (!digests) {
            return;
        }
    }
    if (!any) {
        json_object_array_add(rows, make_row(image, NONE, NONE, NONE, trunc));
    }
}

void berth_images_add_rows(struct json_object *rows, struct json_object *image, bool digests,
                           bool trunc)
{
    struct json_object *tags = berth_json_member(image, "RepoTags");
    size_t count = tags != NULL ? json_object_array_length(tags) : 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const char *tag = NULL;
        AUTO_FREE char *name =
            split_reference(json_object_get_string(json_object_array_get_idx(tags, i)), ':', &tag);
        if (name == NULL || strcmp(name, NONE) == 0) {
            continue;
        }
        const char *digest = find_digest(berth_json_member(image, "RepoDigests"), name);
        json_object_array_add(rows, make_row(image, name, tag, digest, trunc));
        any = true;
    }
    if (!any) {
        add_untagged(rows, image, digests, trunc);
    }
}

static int images_target(struct berth_cli *cli, struct berth_buffer *target)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_STRV struct berth_strv filters = {0};
    berth_strv_extend(&filters, berth_flags_list(flags, "filter"));
    if (cli->arg_count > 0) {
        berth_strv_addf(&filters, "reference=%s", cli->args[0]);
    }
    berth_buffer_add(target, "/images/json");
    berth_http_query_add_bool(target, "all", berth_flags_bool(flags, "all"), false);
    return berth_cli_filters(&filters, target);
}

/* Newest first, as the daemon need not sort. */
static int compare_created(const void *a, const void *b)
{
    int64_t x = berth_json_int(*(struct json_object *const *)a, "Created");
    int64_t y = berth_json_int(*(struct json_object *const *)b, "Created");
    return (x < y) - (x > y);
}

static int run_images(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    bool digests = berth_flags_bool(flags, "digests");
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .config_key = "imagesFormat",
        .table = digests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t"
                           "{{.Size}}"
                         : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.ID}}" : NULL,
        .type = "*formatter.imageContext",
        .headers = headers,
    };
    if (images_target(cli, &target) != 0) {
        return 1;
    }
    struct json_object *images = berth_cli_get(cli, target.data);
    if (images == NULL) {
        return 1;
    }
    digests = digests || berth_listing_uses(cli, &listing, ".Digest");
    json_object_array_sort(images, compare_created);
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(images); i++) {
        berth_images_add_rows(rows, json_object_array_get_idx(images, i), digests,
                              !berth_flags_bool(flags, "no-trunc"));
    }
    int code = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(images);
    return code;
}

static const struct berth_flag images_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Show all images (default hides intermediate images)"),
    BERTH_FLAG_LINE(BOOL, "digests", 0, "Show digests"),
    BERTH_FLAG_FILTER,
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Don't truncate output"),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only show image IDs"),
};

const struct berth_command berth_command_images = {
    .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .known_as = "image ls, image list, images",
    BERTH_FLAGS(images_flags),
    .max_args = 1,
    .run = run_images,
    .completes = "image",
};
