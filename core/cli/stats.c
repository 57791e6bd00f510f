/* SPDX-License-Identifier: Apache-2.0
 *
 * `stats`: live use of resources, one connection a container, one poll loop.
 */
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

#define REDRAW_MS 500

static const char *headers[][2] = {
    {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},
    {"Name", "NAME"},
    {"CPUPerc", "CPU %"},
    {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},
    {"NetIO", "NET I/O"},
    {"BlockIO", "BLOCK I/O"},
    {"PIDs", "PIDS"},
    {NULL, NULL},
};

struct watched {
    char *name; /* as the user or the list named it */
    struct berth_reply reply;
    struct json_object *row; /* the newest; NULL: none yet */
    bool ended;
};

struct watch {
    struct berth_cli *cli;
    struct watched *items;
    size_t count;
    bool stream, trunc;
};

static double cpu_percent(struct json_object *stats)
{
    double used = berth_json_double(stats, "cpu_stats/cpu_usage/total_usage") -
                  berth_json_double(stats, "precpu_stats/cpu_usage/total_usage");
    double system = berth_json_double(stats, "cpu_stats/system_cpu_usage") -
                    berth_json_double(stats, "precpu_stats/system_cpu_usage");
    double cpus = berth_json_double(stats, "cpu_stats/online_cpus");
    if (cpus == 0) {
        struct json_object *each = berth_json_member(stats, "cpu_stats/cpu_usage/percpu_usage");
        cpus = each != NULL ? (double)json_object_array_length(each) : 1;
    }
    return used > 0 && system > 0 ? used / system * cpus * 100 : 0;
}

/* Page cache that can go at once does not count. */
static int64_t memory_used(struct json_object *stats)
{
    static const char *const inactive[] = {"memory_stats/stats/total_inactive_file",
                                           "memory_stats/stats/inactive_file"};
    int64_t usage = berth_json_int(stats, "memory_stats/usage");
    for (size_t i = 0; i < ARRAY_SIZE(inactive); i++) {
        int64_t cache = berth_json_int(stats, inactive[i]);
        if (cache > 0 && cache < usage) {
            return usage - cache;
        }
    }
    return usage;
}

static void set_pair(struct json_object *row, const char *name, int64_t first, int64_t second)
{
    char a[BERTH_SIZE_TEXT], b[BERTH_SIZE_TEXT], text[80];
    snprintf(text, sizeof(text), "%s / %s", berth_size_format(first, 3, a),
             berth_size_format(second, 3, b));
    berth_json_set(row, name, text);
}

static void set_block_io(struct json_object *row, struct json_object *stats)
{
    struct json_object *list = berth_json_member(stats, "blkio_stats/io_service_bytes_recursive");
    int64_t bytes[2] = {0, 0};
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        char operation = *berth_json_string(entry, "op");
        int which = operation == 'r' || operation == 'R'   ? 0
                    : operation == 'w' || operation == 'W' ? 1
                                                           : -1;
        if (which >= 0) {
            bytes[which] += berth_json_int(entry, "value");
        }
    }
    set_pair(row, "BlockIO", bytes[0], bytes[1]);
}

static void set_net_io(struct json_object *row, struct json_object *stats)
{
    struct json_object *networks = berth_json_member(stats, "networks");
    int64_t received = 0, sent = 0;
    if (json_object_is_type(networks, json_type_object)) {
        json_object_object_foreach(networks, key, network)
        {
            (void)key;
            received += berth_json_int(network, "rx_bytes");
            sent += berth_json_int(network, "tx_bytes");
        }
    }
    set_pair(row, "NetIO", received, sent);
}

static struct json_object *make_row(const struct watched *watched, struct json_object *stats,
                                    bool trunc)
{
    char text[96], a[BERTH_SIZE_TEXT], b[BERTH_SIZE_TEXT];
    struct json_object *row = json_object_new_object();
    const char *name = berth_json_string(stats, "name");
    int64_t used = memory_used(stats), limit = berth_json_int(stats, "memory_stats/limit");
    set_block_io(row, stats);
    snprintf(text, sizeof(text), "%.2f%%", cpu_percent(stats));
    berth_json_set(row, "CPUPerc", text);
    berth_json_set(row, "Container", watched->name);
    berth_json_set(row, "ID", berth_output_id(berth_json_string(stats, "id"), trunc, text));
    snprintf(text, sizeof(text), "%.2f%%", limit > 0 ? (double)used / (double)limit * 100 : 0.0);
    berth_json_set(row, "MemPerc", text);
    snprintf(text, sizeof(text), "%s / %s", berth_size_format_binary(used, a),
             berth_size_format_binary(limit, b));
    berth_json_set(row, "MemUsage", text);
    berth_json_set(row, "Name", name + (*name == '/'));
    set_net_io(row, stats);
    snprintf(text, sizeof(text), "%lld", (long long)berth_json_int(stats, "pids_stats/current"));
    berth_json_set(row, "PIDs", text);
    return row;
}

static int draw(const struct watch *watch)
{
    struct berth_listing listing = {
        .format = berth_flags_string(&watch->cli->flags, "format"),
        .config_key = "statsFormat",
        .table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
                 "{{.BlockIO}}\t{{.PIDs}}",
        .type = "*container.statsContext",
        .headers = headers,
    };
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->items[i].row != NULL) {
            json_object_array_add(rows, json_object_get(watch->items[i].row));
        }
    }
    if (watch->stream) {
        fputs("\033[H\033[J", stdout); /* top left, clear below */
    }
    int status = berth_listing_print(watch->cli, &listing, rows);
    fflush(stdout);
    json_object_put(rows);
    return status;
}

/* Asks for every container at once. */
static int32_t open_all(struct watch *watch, berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < watch->count; i++) {
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        berth_buffer_add(&target, "/containers/");
        berth_http_url_encode(&target, watch->items[i].name, false);
        berth_buffer_format(&target, "/stats?stream=%d", watch->stream);
        struct berth_request request = {.method = "GET", .target = target.data};
        code = berth_client_begin(watch->cli->client, &request, &watch->items[i].reply, err);
    }
    for (size_t i = 0; code == 0 && i < watch->count; i++) {
        code = berth_client_finish(&watch->items[i].reply, err);
    }
    return code;
}

/* Reads one document of one container. */
static int32_t take_stats(struct watch *watch, struct watched *watched, berth_error *err)
{
    struct json_object *stats = NULL;
    int32_t code = berth_reply_next(&watched->reply, &stats, err);
    if (code <= 0) {
        watched->ended = true;
        json_object_put(watched->row);
        watched->row = NULL;
        return code;
    }
    json_object_put(watched->row);
    watched->row = make_row(watched, stats, watch->trunc);
    json_object_put(stats);
    return 0;
}

static int watch_all(struct watch *watch)
{
    berth_error err = BERTH_ERROR_INIT;
    int64_t drawn = 0;
    AUTO_FREE struct pollfd *polls = calloc(watch->count + 1, sizeof(*polls));
    size_t alive = watch->count;
    int status = polls == NULL;
    while (status == 0 && alive > 0) {
        alive = 0;
        for (size_t i = 0; i < watch->count; i++) {
            bool ended = watch->items[i].ended;
            polls[i] = (struct pollfd){.fd = ended ? -1 : berth_reply_fd(&watch->items[i].reply),
                                       .events = POLLIN};
            alive += !ended;
        }
        poll(polls, watch->count, REDRAW_MS);
        for (size_t i = 0; i < watch->count; i++) {
            if (polls[i].revents != 0) {
                take_stats(watch, &watch->items[i], &err); /* an error ends that container's */
            }
        }
        int64_t now = berth_time_monotonic();
        if (alive > 0 && now - drawn >= REDRAW_MS * (BERTH_NANOSECONDS / 1000)) {
            status = draw(watch);
            drawn = now;
        }
    }
    return status;
}

/* Names from the arguments, or of all (running) containers. */
static int collect_names(struct watch *watch, struct berth_strv *names)
{
    struct berth_cli *cli = watch->cli;
    bool all = berth_flags_bool(&cli->flags, "all");
    for (int i = 0; i < cli->arg_count; i++) {
        berth_strv_add(names, cli->args[i]);
    }
    if (cli->arg_count > 0) {
        /* so that the version is agreed on before many connections are opened */
        struct json_object *answer = berth_cli_get(cli, "/containers/json?limit=1");
        json_object_put(answer);
        return answer == NULL;
    }
    struct json_object *list =
        berth_cli_get(cli, all ? "/containers/json?all=1" : "/containers/json");
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        char id[80];
        struct json_object *container = json_object_array_get_idx(list, i);
        berth_strv_add(names, berth_output_id(berth_json_string(container, "Id"), true, id));
    }
    json_object_put(list);
    return list == NULL;
}

static int run_stats(struct berth_cli *cli)
{
    AUTO_STRV struct berth_strv names = {0};
    berth_error err = BERTH_ERROR_INIT;
    struct watch watch = {.cli = cli,
                          .stream = !berth_flags_bool(&cli->flags, "no-stream"),
                          .trunc = !berth_flags_bool(&cli->flags, "no-trunc")};
    if (collect_names(&watch, &names) != 0) {
        return 1;
    }
    watch.items = calloc(names.count + 1, sizeof(*watch.items));
    watch.count = watch.items != NULL ? names.count : 0;
    for (size_t i = 0; i < watch.count; i++) {
        watch.items[i].name = names.items[i];
    }
    int32_t code = open_all(&watch, &err);
    int status = 0;
    if (code == 0 && watch.stream) {
        status = watch_all(&watch);
    }
    for (size_t i = 0; code == 0 && !watch.stream && i < watch.count; i++) {
        code = take_stats(&watch, &watch.items[i], &err);
    }
    if (code == 0 && !watch.stream) {
        status = draw(&watch);
    }
    for (size_t i = 0; i < watch.count; i++) {
        berth_reply_done(&watch.items[i].reply);
        json_object_put(watch.items[i].row);
    }
    free(watch.items);
    return code != 0 ? berth_cli_fail(&err) : status;
}

static const struct berth_flag stats_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all", 'a', "Show all containers (default shows just running)"),
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "no-stream", 0, "Disable streaming stats and only pull the first result"),
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Do not truncate output"),
};

const struct berth_command berth_command_stats = {
    .usage = "[OPTIONS] [CONTAINER...]",
    .summary = "Display a live stream of container(s) resource usage statistics",
    .known_as = "container stats, stats",
    BERTH_FLAGS(stats_flags),
    .max_args = BERTH_ARGS_ANY,
    .run = run_stats,
    .completes = "running",
};
