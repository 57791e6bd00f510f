/* SPDX-License-Identifier: Apache-2.0
 *
 * `top`, `port` and `diff`: short looks into one container.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

static char *target_of(const char *container, const char *rest)
{
    struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_buffer_add(&target, "/containers/");
    berth_http_url_encode(&target, container, false);
    berth_buffer_add(&target, rest);
    return berth_buffer_take(&target);
}

static void add_cells(struct json_object *cells, struct berth_buffer *out)
{
    for (size_t i = 0; i < json_object_array_length(cells); i++) {
        berth_buffer_format(out, "%s%s", i > 0 ? "\t" : "",
                            json_object_get_string(json_object_array_get_idx(cells, i)));
    }
    berth_buffer_add(out, "\n");
}

static int run_top(struct berth_cli *cli)
{
    AUTO_STRV struct berth_strv options = {0};
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT, target = BERTH_BUFFER_INIT;
    AUTO_FREE char *path = target_of(cli->args[0], "/top");
    for (int i = 1; i < cli->arg_count; i++) {
        berth_strv_add(&options, cli->args[i]);
    }
    AUTO_FREE char *joined = berth_strv_join(&options, " ");
    berth_buffer_add(&target, path != NULL ? path : "");
    berth_http_query_add(&target, "ps_args", options.count > 0 ? joined : NULL);
    struct json_object *answer = berth_cli_get(cli, target.data);
    if (answer == NULL) {
        return 1;
    }
    struct json_object *titles = berth_json_member(answer, "Titles");
    struct json_object *processes = berth_json_member(answer, "Processes");
    if (titles != NULL) {
        add_cells(titles, &text);
    }
    for (size_t i = 0; processes != NULL && i < json_object_array_length(processes); i++) {
        add_cells(json_object_array_get_idx(processes, i), &text);
    }
    berth_output_columns(text.data != NULL ? text.data : "", 20, 1, stdout);
    json_object_put(answer);
    return 0;
}

/* "0.0.0.0:8080", "[::]:8080" */
static void add_binding(const char *before, struct json_object *binding, struct berth_strv *lines)
{
    const char *ip = berth_json_string(binding, "HostIp");
    bool six = strchr(ip, ':') != NULL;
    berth_strv_addf(lines, "%s%s%s%s:%s", before, six ? "[" : "", ip, six ? "]" : "",
                    berth_json_string(binding, "HostPort"));
}

static int by_port(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    long first = strtol(x, NULL, 10), second = strtol(y, NULL, 10);
    return first != second ? (first < second ? -1 : 1) : strcmp(x, y);
}

static void list_ports(struct json_object *ports, const char *wanted, struct berth_strv *lines)
{
    json_object_object_foreach(ports, key, bindings)
    {
        AUTO_FREE char *before = berth_format("%s -> ", key);
        if (wanted != NULL && strcmp(wanted, key) != 0) {
            continue;
        }
        for (size_t i = 0; bindings != NULL && i < json_object_array_length(bindings); i++) {
            add_binding(wanted != NULL ? "" : before, json_object_array_get_idx(bindings, i),
                        lines);
        }
    }
}

static int run_port(struct berth_cli *cli)
{
    AUTO_STRV struct berth_strv lines = {0};
    AUTO_FREE char *target = target_of(cli->args[0], "/json");
    const char *wanted = cli->arg_count > 1 ? cli->args[1] : NULL;
    AUTO_FREE char *full = NULL;
    char *end = NULL;
    if (wanted != NULL) {
        long number = strtol(wanted, &end, 10);
        full = berth_format("%s%s", wanted, strchr(wanted, '/') != NULL ? "" : "/tcp");
        if (number <= 0 || number > 65535 || (*end != '\0' && *end != '/')) {
            return berth_cli_failf("Error: invalid port (%s): value out of range", wanted);
        }
    }
    struct json_object *container = berth_cli_get(cli, target);
    if (container == NULL) {
        return 1;
    }
    struct json_object *ports = berth_json_member(container, "NetworkSettings/Ports");
    if (json_object_is_type(ports, json_type_object)) {
        list_ports(ports, full, &lines);
    }
    json_object_put(container);
    if (wanted != NULL && lines.count == 0) {
        return berth_cli_failf("Error: No public port '%s' published for %s", wanted, cli->args[0]);
    }
    if (lines.count > 0) {
        qsort(lines.items, lines.count, sizeof(*lines.items), by_port);
    }
    for (size_t i = 0; i < lines.count; i++) {
        puts(lines.items[i]);
    }
    return 0;
}

static int run_diff(struct berth_cli *cli)
{
    AUTO_FREE char *target = target_of(cli->args[0], "/changes");
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *changes = NULL;
    struct berth_client *client = berth_cli_client(cli);
    if (client == NULL) {
        return 1;
    }
    if (berth_client_call(client, "GET", target, NULL, &changes, &err) != 0) {
        return berth_cli_fail(&err);
    }
    for (size_t i = 0; changes != NULL && i < json_object_array_length(changes); i++) {
        struct json_object *change = json_object_array_get_idx(changes, i);
        printf("%c %s\n", "CAD"[berth_json_int(change, "Kind") % 3],
               berth_json_string(change, "Path"));
    }
    json_object_put(changes);
    return 0;
}

const struct berth_command berth_command_top = {
    .usage = "CONTAINER [ps OPTIONS]",
    .summary = "Display the running processes of a container",
    .known_as = "container top, top",
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .options = BERTH_COMMAND_STOPS,
    .run = run_top,
    .completes = "running",
};

const struct berth_command berth_command_port = {
    .usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
    .summary = "List port mappings or a specific mapping for the container",
    .known_as = "container port, port",
    .min_args = 1,
    .max_args = 2,
    .run = run_port,
    .completes = "running",
};

const struct berth_command berth_command_diff = {
    .usage = "CONTAINER",
    .summary = "Inspect changes to files or directories on a container's filesystem",
    .known_as = "container diff, diff",
    .min_args = 1,
    .max_args = 1,
    .run = run_diff,
    .completes = "container",
};
