/* SPDX-License-Identifier: Apache-2.0
 *
 * `version`.
 */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"

/* Go's name of the machine we were built for. */
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "unknown"
#endif

void berth_version_client(struct berth_cli *cli, struct json_object *client)
{
    const char *context = "default";
    if (cli->client != NULL) {
        context = berth_client_endpoint(cli->client)->context;
        berth_json_set(client, "ApiVersion", berth_client_version(cli->client));
    }
    berth_json_set(client, "DefaultAPIVersion", BERTH_CLIENT_API_VERSION);
    berth_json_set(client, "Version", BERTH_VERSION);
    berth_json_set(client, "GitCommit", BERTH_BUILD);
    berth_json_set(client, "Os", "linux");
    berth_json_set(client, "Arch", ARCHITECTURE);
    berth_json_set(client, "Context", context);
}

/* One "name: value" line with the values in one column. */
static void print_line(int indent, int column, const char *name, const char *value)
{
    printf("%*s%s:%*s%s\n", indent, "", name, column - indent - (int)strlen(name) - 1, "", value);
}

static void print_client(struct json_object *client)
{
    char api[64];
    const char *used = berth_json_string(client, "ApiVersion");
    const char *newest = berth_json_string(client, "DefaultAPIVersion");
    bool lower = *used != '\0' && strcmp(used, newest) != 0;
    snprintf(api, sizeof(api), "%s%s%s%s", *used != '\0' ? used : newest,
             lower ? " (downgraded from " : "", lower ? newest : "", lower ? ")" : "");
    char system[64];
    snprintf(system, sizeof(system), "%s/%s", berth_json_string(client, "Os"),
             berth_json_string(client, "Arch"));
    puts("Client:");
    print_line(1, 20, "Version", berth_json_string(client, "Version"));
    print_line(1, 20, "API version", api);
    print_line(1, 20, "Git commit", berth_json_string(client, "GitCommit"));
    print_line(1, 20, "OS/Arch", system);
    print_line(1, 20, "Context", berth_json_string(client, "Context"));
}

/* "Thu May  7 21:09:36 2026" of an RFC 3339 time; another text as it is. Returns text. */
static const char *build_time(const char *when, char text[64])
{
    int64_t nano = 0;
    struct tm local;
    snprintf(text, 64, "%s", when);
    if (berth_time_parse(when, &nano)) {
        time_t seconds = (time_t)(nano / BERTH_NANOSECONDS);
        if (localtime_r(&seconds, &local) != NULL) {
            strftime(text, 64, "%a %b %e %H:%M:%S %Y", &local);
        }
    }
    return text;
}

static void print_engine(struct json_object *server)
{
    char text[128], built[64];
    print_line(2, 20, "Version", berth_json_string(server, "Version"));
    snprintf(text, sizeof(text), "%s (minimum version %s)", berth_json_string(server, "ApiVersion"),
             berth_json_string(server, "MinAPIVersion"));
    print_line(2, 20, "API version", text);
    const char *go = berth_json_string(server, "GoVersion");
    if (*go != '\0') {
        print_line(2, 20, "Go version", go);
    }
    print_line(2, 20, "Git commit", berth_json_string(server, "GitCommit"));
    print_line(2, 20, "Built", build_time(berth_json_string(server, "BuildTime"), built));
    snprintf(text, sizeof(text), "%s/%s", berth_json_string(server, "Os"),
             berth_json_string(server, "Arch"));
    print_line(2, 20, "OS/Arch", text);
    print_line(2, 20, "Experimental", berth_json_bool(server, "Experimental") ? "true" : "false");
}

static void print_server(struct json_object *server)
{
    struct json_object *components = berth_json_member(server, "Components");
    const char *platform = berth_json_string(server, "Platform/Name");
    printf("\nServer:%s%s\n", *platform != '\0' ? " " : "", platform);
    puts(" Engine:");
    print_engine(server);
    for (size_t i = 0; components != NULL && i < json_object_array_length(components); i++) {
        struct json_object *component = json_object_array_get_idx(components, i);
        const char *name = berth_json_string(component, "Name");
        if (strcmp(name, "Engine") == 0) {
            continue;
        }
        printf(" %s:\n", name);
        print_line(2, 20, "Version", berth_json_string(component, "Version"));
        print_line(2, 20, "GitCommit", berth_json_string(component, "Details/GitCommit"));
    }
}

static int run_version(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    const char *format = berth_flags_string(&cli->flags, "format");
    struct json_object *document = json_object_new_object(), *server = NULL;
    struct json_object *client = json_object_new_object();
    if (berth_cli_client(cli) == NULL) {
        json_object_put(document);
        json_object_put(client);
        return 1;
    }
    int32_t code = berth_client_call(cli->client, "GET", "/version", NULL, &server, &err);
    berth_version_client(cli, client);
    json_object_object_add(document, "Client", client);
    json_object_object_add(document, "Server", server);
    int status = 0;
    if (*format != '\0') {
        status = berth_output_template(format, "system.versionInfo", document);
    } else {
        print_client(client);
        if (server != NULL) {
            print_server(server);
        }
    }
    json_object_put(document);
    return code != 0 ? berth_cli_fail(&err) : status;
}

static const struct berth_flag version_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 'f', BERTH_HELP_FORMAT),
};

const struct berth_command berth_command_version = {
    .usage = "[OPTIONS]",
    .summary = "Show the version information",
    BERTH_FLAGS(version_flags),
    .run = run_version,
};
