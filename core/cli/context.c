/* SPDX-License-Identifier: Apache-2.0
 *
 * `context ls`, `show`, `use`, `inspect`.
 */
#include "client/context.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"

#define DEFAULT_DESCRIPTION "Current DOCKER_HOST based configuration"
#define IN_MEMORY           "<IN MEMORY>"

static const char *headers[][2] = {
    {"Name", "NAME"},
    {"Description", "DESCRIPTION"},
    {"DockerEndpoint", "DOCKER ENDPOINT"},
    {"Current", ""},
    {"Error", "ERROR"},
    {NULL, NULL},
};

static char *current_name(struct berth_cli *cli)
{
    struct berth_endpoint_options options;
    berth_error err = BERTH_ERROR_INIT;
    char *name = NULL;
    const struct berth_config *config = berth_cli_config(cli);
    berth_cli_endpoint_options(cli, &options);
    if (config == NULL || berth_context_current(config, &options, &name, &err) != 0) {
        return NULL;
    }
    return name;
}

static struct json_object *make_row(const struct berth_context *context, bool current)
{
    struct json_object *row = json_object_new_object();
    json_object_object_add(row, "Current", json_object_new_boolean(current));
    berth_json_set(row, "Description",
                   context->meta != NULL ? context->description : DEFAULT_DESCRIPTION);
    berth_json_set(row, "DockerEndpoint", context->host);
    berth_json_set(row, "Error", "");
    berth_json_set(row, "Name", context->name);
    return row;
}

static int run_ls(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_STRV struct berth_strv names = {0};
    AUTO_FREE char *current = current_name(cli);
    berth_error err = BERTH_ERROR_INIT;
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .table = "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t"
                 "{{.Error}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.Name}}" : NULL,
        .type = "*formatter.clientContextContext",
        .headers = headers,
    };
    if (current == NULL || berth_context_list(cli->config, &names, &err) != 0) {
        return current == NULL ? 1 : berth_cli_fail(&err);
    }
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < names.count; i++) {
        struct berth_context *context = NULL;
        if (berth_context_load(cli->config, names.items[i], &context, NULL) == 0) {
            json_object_array_add(rows, make_row(context, strcmp(current, names.items[i]) == 0));
            berth_context_free(context);
        }
    }
    int status = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    fflush(stdout);
    if (listing.quiet == NULL && getenv("DOCKER_HOST") != NULL && *getenv("DOCKER_HOST") != '\0') {
        fputs("Warning: DOCKER_HOST environment variable overrides the active context. To use a "
              "context, either set the global --context flag, or unset DOCKER_HOST environment "
              "variable.\n",
              stderr);
    }
    return status;
}

static int run_show(struct berth_cli *cli)
{
    AUTO_FREE char *current = current_name(cli);
    if (current == NULL) {
        return 1;
    }
    puts(current);
    return 0;
}

static int run_use(struct berth_cli *cli)
{
    const char *name = cli->args[0];
    berth_error err = BERTH_ERROR_INIT;
    struct berth_context *context = NULL;
    struct berth_config *config = berth_cli_config(cli);
    if (config == NULL) {
        return 1;
    }
    if (berth_context_load(config, name, &context, &err) != 0) {
        return berth_cli_fail(&err);
    }
    berth_context_free(context);
    bool standard = strcmp(name, BERTH_CONTEXT_DEFAULT) == 0;
    const char *before = berth_config_string(config, "currentContext");
    if (standard) {
        json_object_object_del(config->json, "currentContext");
    } else {
        json_object_object_add(config->json, "currentContext", json_object_new_string(name));
    }
    if ((!standard || before != NULL) && berth_config_save(config, &err) != 0) {
        return berth_cli_fail(&err);
    }
    puts(name);
    fflush(stdout);
    fprintf(stderr, "Current context is now \"%s\"\n", name);
    return 0;
}

/* "TLSMaterial": {"docker": ["ca.pem", ...]} */
static struct json_object *tls_material(const struct berth_context *context)
{
    static const char *const files[] = {"ca.pem", "cert.pem", "key.pem"};
    struct json_object *material = json_object_new_object(), *list = json_object_new_array();
    for (size_t i = 0; context->tls_directory != NULL && i < ARRAY_SIZE(files); i++) {
        AUTO_FREE char *path = berth_format("%s/docker/%s", context->tls_directory, files[i]);
        if (path != NULL && access(path, F_OK) == 0) {
            json_object_array_add(list, json_object_new_string(files[i]));
        }
    }
    if (json_object_array_length(list) > 0) {
        json_object_object_add(material, "docker", json_object_get(list));
    }
    json_object_put(list);
    return material;
}

static struct json_object *describe(const struct berth_context *context)
{
    struct json_object *document = json_object_new_object();
    struct json_object *storage = json_object_new_object();
    struct json_object *metadata = berth_json_member(context->meta, "Metadata");
    struct json_object *endpoints = berth_json_member(context->meta, "Endpoints");
    berth_json_set(document, "Name", context->name);
    json_object_object_add(document, "Metadata",
                           metadata != NULL ? json_object_get(metadata) : json_object_new_object());
    if (endpoints == NULL) {
        struct json_object *docker = json_object_new_object();
        endpoints = json_object_new_object();
        berth_json_set(docker, "Host", context->host);
        json_object_object_add(docker, "SkipTLSVerify", json_object_new_boolean(false));
        json_object_object_add(endpoints, "docker", docker);
    } else {
        json_object_get(endpoints);
    }
    json_object_object_add(document, "Endpoints", endpoints);
    json_object_object_add(document, "TLSMaterial", tls_material(context));
    bool stored = context->meta_directory != NULL;
    berth_json_set(storage, "MetadataPath", stored ? context->meta_directory : IN_MEMORY);
    berth_json_set(storage, "TLSPath", stored ? context->tls_directory : IN_MEMORY);
    json_object_object_add(document, "Storage", storage);
    return document;
}

static int run_inspect(struct berth_cli *cli)
{
    AUTO_FREE char *current = current_name(cli);
    struct json_object *list = json_object_new_array();
    int status = current == NULL;
    for (int i = 0; current != NULL && i < (cli->arg_count > 0 ? cli->arg_count : 1); i++) {
        berth_error err = BERTH_ERROR_INIT;
        struct berth_context *context = NULL;
        const char *name = cli->arg_count > 0 ? cli->args[i] : current;
        if (berth_context_load(cli->config, name, &context, &err) != 0) {
            status = berth_cli_fail(&err);
            continue;
        }
        json_object_array_add(list, describe(context));
        berth_context_free(context);
    }
    if (current != NULL) {
        status |= berth_inspect_print(berth_flags_string(&cli->flags, "format"), list);
    }
    json_object_put(list);
    return status;
}

static const struct berth_flag ls_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only show context names"),
};
static const struct berth_flag inspect_flags[] = {
    BERTH_FLAG_LINE(STRING, "format", 'f', BERTH_HELP_FORMAT),
};

const struct berth_command berth_command_context_ls = {
    .usage = "[OPTIONS]",
    .summary = "List contexts",
    .known_as = "context ls, context list",
    BERTH_FLAGS(ls_flags),
    .run = run_ls,
};

const struct berth_command berth_command_context_show = {
    .usage = "",
    .summary = "Print the name of the current context",
    .run = run_show,
};

const struct berth_command berth_command_context_use = {
    .usage = "CONTEXT",
    .summary = "Set the current docker context",
    .min_args = 1,
    .max_args = 1,
    .run = run_use,
    .completes = "context",
};

const struct berth_command berth_command_context_inspect = {
    .usage = "[OPTIONS] [CONTEXT] [CONTEXT...]",
    .summary = "Display detailed information on one or more contexts",
    BERTH_FLAGS(inspect_flags),
    .max_args = BERTH_ARGS_ANY,
    .run = run_inspect,
    .completes = "context",
};
