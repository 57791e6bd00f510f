/* SPDX-License-Identifier: Apache-2.0
 *
 * `history`: the steps that made an image.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "http/url.h"

#define CREATED_BY_WIDTH 45

static const char *headers[][2] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};

static const char *plain_headers[][2] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED AT"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};

/* The command with white space made plain. */
static void set_created_by(struct json_object *row, const char *text, bool trunc)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT, cut = BERTH_BUFFER_INIT;
    for (const char *at = text; *at != '\0'; at++) {
        berth_buffer_append(&plain, *at == '\t' ? " " : at, 1);
    }
    berth_output_ellipsis(plain.data != NULL ? plain.data : "", trunc ? CREATED_BY_WIDTH : SIZE_MAX,
                          &cut);
    berth_json_set_buffer(row, "CreatedBy", &cut);
}

static struct json_object *make_row(struct json_object *step, bool trunc, bool human)
{
    char text[80], when[64], size[BERTH_SIZE_TEXT];
    int64_t created = berth_json_int(step, "Created"), bytes = berth_json_int(step, "Size");
    struct json_object *row = json_object_new_object();
    berth_json_set(row, "Comment", berth_json_string(step, "Comment"));
    berth_time_format(created * BERTH_NANOSECONDS, text);
    berth_json_set(row, "CreatedAt", created > 0 ? text : "N/A");
    set_created_by(row, berth_json_string(step, "CreatedBy"), trunc);
    if (human) {
        berth_output_ago(created, when);
    } else {
        snprintf(when, sizeof(when), "%.40s", text);
    }
    berth_json_set(row, "CreatedSince", created > 0 ? when : "N/A");
    berth_json_set(row, "ID", berth_output_id(berth_json_string(step, "Id"), trunc, text));
    snprintf(size, sizeof(size), "%lld", (long long)bytes);
    berth_json_set(row, "Size", human ? berth_size_format(bytes, 3, size) : size);
    return row;
}

static int run_history(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    bool human = berth_flags_bool(flags, "human");
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.ID}}" : NULL,
        .type = "*image.historyContext",
        .headers = human ? headers : plain_headers,
    };
    berth_buffer_add(&target, "/images/");
    berth_http_url_encode(&target, cli->args[0], true);
    berth_buffer_add(&target, "/history");
    if (berth_flags_changed(flags, "platform")) {
        berth_http_query_add(&target, "platform", berth_flags_string(flags, "platform"));
    }
    struct json_object *steps = berth_cli_get(cli, target.data);
    if (steps == NULL) {
        return 1;
    }
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(steps); i++) {
        json_object_array_add(rows, make_row(json_object_array_get_idx(steps, i),
                                             !berth_flags_bool(flags, "no-trunc"), human));
    }
    int code = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(steps);
    return code;
}

static const struct berth_flag history_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    {.name = "human",
     .shorthand = 'H',
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .help = "Print sizes and dates in human readable format"},
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Don't truncate output"),
    BERTH_FLAG_LINE(STRING, "platform", 0,
                    "Show history for the given platform, as \"os[/arch[/variant]]\""),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only show image IDs"),
};

const struct berth_command berth_command_history = {
    .usage = "[OPTIONS] IMAGE",
    .summary = "Show the history of an image",
    .known_as = "image history, history",
    BERTH_FLAGS(history_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_history,
    .completes = "image",
};
