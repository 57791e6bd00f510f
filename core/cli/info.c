/* SPDX-License-Identifier: Apache-2.0
 *
 * `info`.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"

enum line_kind { LINE_TEXT, LINE_NUMBER, LINE_BOOL, LINE_LIST, LINE_BYTES, LINE_ALWAYS };

/* Lines of the server's part, in Docker's order; empty texts and lists are left out. */
struct info_line {
    const char *title, *member;
    enum line_kind kind;
    int indent;
};

static const struct info_line first_lines[] = {
    {"Containers", "Containers", LINE_NUMBER, 1},
    {"Running", "ContainersRunning", LINE_NUMBER, 2},
    {"Paused", "ContainersPaused", LINE_NUMBER, 2},
    {"Stopped", "ContainersStopped", LINE_NUMBER, 2},
    {"Images", "Images", LINE_NUMBER, 1},
    {"Server Version", "ServerVersion", LINE_TEXT, 1},
    {"Storage Driver", "Driver", LINE_TEXT, 1},
};

static const struct info_line middle_lines[] = {
    {"Logging Driver", "LoggingDriver", LINE_TEXT, 1},
    {"Cgroup Driver", "CgroupDriver", LINE_TEXT, 1},
    {"Cgroup Version", "CgroupVersion", LINE_TEXT, 1},
};

static const struct info_line plugin_lines[] = {
    {"Volume", "Plugins/Volume", LINE_LIST, 2},
    {"Network", "Plugins/Network", LINE_LIST, 2},
    {"Authorization", "Plugins/Authorization", LINE_LIST, 2},
    {"Log", "Plugins/Log", LINE_LIST, 2},
};

static const struct info_line runtime_lines[] = {
    {"Default Runtime", "DefaultRuntime", LINE_TEXT, 1},
    {"Init Binary", "InitBinary", LINE_TEXT, 1},
    {"containerd version", "ContainerdCommit/ID", LINE_TEXT, 1},
    {"runc version", "RuncCommit/ID", LINE_TEXT, 1},
    {"init version", "InitCommit/ID", LINE_TEXT, 1},
};

static const struct info_line last_lines[] = {
    {"Kernel Version", "KernelVersion", LINE_TEXT, 1},
    {"Operating System", "OperatingSystem", LINE_TEXT, 1},
    {"OSType", "OSType", LINE_TEXT, 1},
    {"Architecture", "Architecture", LINE_TEXT, 1},
    {"CPUs", "NCPU", LINE_NUMBER, 1},
    {"Total Memory", "MemTotal", LINE_BYTES, 1},
    {"Name", "Name", LINE_TEXT, 1},
    {"ID", "ID", LINE_TEXT, 1},
    {"Docker Root Dir", "DockerRootDir", LINE_ALWAYS, 1},
    {"Debug Mode", "Debug", LINE_BOOL, 1},
    {"HTTP Proxy", "HttpProxy", LINE_TEXT, 1},
    {"HTTPS Proxy", "HttpsProxy", LINE_TEXT, 1},
    {"No Proxy", "NoProxy", LINE_TEXT, 1},
    {"Username", "Username", LINE_TEXT, 1},
    {"Experimental", "ExperimentalBuild", LINE_BOOL, 1},
};

static void print_list(const char *title, struct json_object *list, int indent)
{
    if (list == NULL || json_object_array_length(list) == 0) {
        return;
    }
    printf("%*s%s:", indent, "", title);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        printf(" %s", json_object_get_string(json_object_array_get_idx(list, i)));
    }
    putchar('\n');
}

static void print_line(struct json_object *info, const struct info_line *line)
{
    char text[BERTH_SIZE_TEXT];
    const char *value = berth_json_string(info, line->member);
    switch (line->kind) {
    case LINE_NUMBER:
        printf("%*s%s: %lld\n", line->indent, "", line->title,
               (long long)berth_json_int(info, line->member));
        return;
    case LINE_BOOL:
        printf("%*s%s: %s\n", line->indent, "", line->title,
               berth_json_bool(info, line->member) ? "true" : "false");
        return;
    case LINE_BYTES:
        berth_size_format_binary(berth_json_int(info, line->member), text);
        printf("%*s%s: %s\n", line->indent, "", line->title, text);
        return;
    case LINE_LIST:
        print_list(line->title, berth_json_member(info, line->member), line->indent);
        return;
    case LINE_TEXT:
    case LINE_ALWAYS:
    default:
        if (*value != '\0' || line->kind == LINE_ALWAYS) {
            printf("%*s%s: %s\n", line->indent, "", line->title, value);
        }
        return;
    }
}

static void print_lines(struct json_object *info, const struct info_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_line(info, &lines[i]);
    }
}

/* [["Backing Filesystem", "extfs"], ...] */
static void print_driver_status(struct json_object *info)
{
    struct json_object *status = berth_json_member(info, "DriverStatus");
    for (size_t i = 0; status != NULL && i < json_object_array_length(status); i++) {
        struct json_object *pair = json_object_array_get_idx(status, i);
        printf("  %s: %s\n", json_object_get_string(json_object_array_get_idx(pair, 0)),
               json_object_get_string(json_object_array_get_idx(pair, 1)));
    }
}

static void print_runtimes(struct json_object *info)
{
    AUTO_STRV struct berth_strv names = {0};
    struct json_object *runtimes = berth_json_member(info, "Runtimes");
    if (!json_object_is_type(runtimes, json_type_object)) {
        return;
    }
    json_object_object_foreach(runtimes, key, unused)
    {
        (void)unused;
        berth_strv_add(&names, key);
    }
    berth_strv_sort(&names);
    AUTO_FREE char *text = berth_strv_join(&names, " ");
    printf(" Runtimes: %s\n", text != NULL ? text : "");
}

/* "name=seccomp,profile=default" */
static void print_security(struct json_object *info)
{
    struct json_object *options = berth_json_member(info, "SecurityOptions");
    size_t count = options != NULL ? json_object_array_length(options) : 0;
    if (count > 0) {
        puts(" Security Options:");
    }
    for (size_t i = 0; i < count; i++) {
        AUTO_STRV struct berth_strv parts = {0};
        berth_strv_split(&parts, json_object_get_string(json_object_array_get_idx(options, i)),
                         ',');
        for (size_t j = 0; j < parts.count; j++) {
            char *value = strchr(parts.items[j], '=');
            if (value == NULL || berth_str_starts(parts.items[j], "name=")) {
                printf("  %s\n", value != NULL ? value + 1 : parts.items[j]);
            } else if (berth_str_starts(parts.items[j], "profile=")) {
                printf("   Profile: %s\n", value + 1);
            } else {
                *value = '\0';
                printf("   %s: %s\n", parts.items[j], value + 1);
            }
        }
    }
}

/* Labels, insecure registries, mirrors: a title and a line each. */
static void print_block(const char *title, struct json_object *list)
{
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    if (count > 0) {
        printf(" %s:\n", title);
    }
    for (size_t i = 0; i < count; i++) {
        printf("  %s\n", json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

static void print_server(struct json_object *info)
{
    const char *swarm = berth_json_string(info, "Swarm/LocalNodeState");
    puts("\nServer:");
    print_lines(info, first_lines, ARRAY_SIZE(first_lines));
    print_driver_status(info);
    print_lines(info, middle_lines, ARRAY_SIZE(middle_lines));
    puts(" Plugins:");
    print_lines(info, plugin_lines, ARRAY_SIZE(plugin_lines));
    printf(" Swarm: %s\n", *swarm != '\0' ? swarm : "inactive");
    print_runtimes(info);
    print_lines(info, runtime_lines, ARRAY_SIZE(runtime_lines));
    print_security(info);
    print_lines(info, last_lines, ARRAY_SIZE(last_lines));
    print_block("Labels", berth_json_member(info, "Labels"));
    print_block("Insecure Registries",
                berth_json_member(info, "RegistryConfig/InsecureRegistryCIDRs"));
    print_block("Registry Mirrors", berth_json_member(info, "RegistryConfig/Mirrors"));
    printf(" Live Restore Enabled: %s\n\n",
           berth_json_bool(info, "LiveRestoreEnabled") ? "true" : "false");
}

static void print_client(const struct berth_cli *cli, struct json_object *client)
{
    puts("Client:");
    printf(" Version:    %s\n", berth_json_string(client, "Version"));
    printf(" Context:    %s\n", berth_json_string(client, "Context"));
    printf(" Debug Mode: %s\n", berth_flags_bool(&cli->global, "debug") ? "true" : "false");
}

static int run_info(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    const char *format = berth_flags_string(&cli->flags, "format");
    struct json_object *info = NULL, *client = NULL;
    if (berth_cli_client(cli) == NULL) {
        return 1;
    }
    int32_t code = berth_client_call(cli->client, "GET", "/info", NULL, &info, &err);
    client = json_object_new_object();
    berth_version_client(cli, client);
    int status = 0;
    if (*format != '\0' && info != NULL) {
        json_object_object_add(info, "ClientInfo", json_object_get(client));
        status = berth_output_template(format, "system.dockerInfo", info);
    } else if (*format == '\0') {
        print_client(cli, client);
        if (info != NULL) {
            print_server(info);
        }
    }
    if (info != NULL && *format == '\0') {
        struct json_object *warnings = berth_json_member(info, "Warnings");
        for (size_t i = 0; warnings != NULL && i < json_object_array_length(warnings); i++) {
            fprintf(stderr, "%s\n", json_object_get_string(json_object_array_get_idx(warnings, i)));
        }
    }
    json_object_put(client);
    json_object_put(info);
    return code != 0 ? berth_cli_fail(&err) : status;
}

static const struct berth_flag info_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 'f', BERTH_HELP_FORMAT),
};

const struct berth_command berth_command_info = {
    .usage = "[OPTIONS]",
    .summary = "Display system-wide information",
    .known_as = "system info, info",
    BERTH_FLAGS(info_flags),
    .run = run_info,
};
