/* SPDX-License-Identifier: Apache-2.0
 *
 * Running CLI plugins.
 */
#include "cli/plugins.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/config.h"
#include "client/context.h"

static void collect_directories(struct berth_cli *cli, struct berth_strv *directories)
{
    const struct berth_config *config = berth_cli_config(cli);
    struct json_object *extra =
        config != NULL ? berth_config_get(config, "cliPluginsExtraDirs") : NULL;
    for (size_t i = 0;
         json_object_is_type(extra, json_type_array) && i < json_object_array_length(extra); i++) {
        const char *path = json_object_get_string(json_object_array_get_idx(extra, i));
        berth_strv_add(directories, path != NULL ? path : "");
    }
    if (config != NULL) {
        berth_strv_addf(directories, "%s/cli-plugins", config->directory);
    }
    /* where Docker's packages put them */
    berth_strv_add(directories, "/usr/local/lib/docker/cli-plugins");
    berth_strv_add(directories, "/usr/local/libexec/docker/cli-plugins");
    berth_strv_add(directories, "/usr/lib/docker/cli-plugins");
    berth_strv_add(directories, "/usr/libexec/docker/cli-plugins");
}

/* What the plugin must know of our endpoint: it reads environment and flags as docker does. */
static void export_endpoint(struct berth_cli *cli)
{
    const struct berth_config *config = berth_cli_config(cli);
    struct berth_endpoint_options options;
    struct berth_endpoint endpoint = {0};
    berth_cli_endpoint_options(cli, &options);
    if (config != NULL && berth_endpoint_resolve(config, &options, &endpoint, NULL) == 0) {
        if (strcmp(endpoint.context, BERTH_CONTEXT_DEFAULT) == 0) {
            setenv("DOCKER_HOST", endpoint.host, 1);
            unsetenv("DOCKER_CONTEXT");
        } else {
            setenv("DOCKER_CONTEXT", endpoint.context, 1);
            unsetenv("DOCKER_HOST");
        }
        berth_endpoint_done(&endpoint);
    }
}

void berth_cli_plugin_exec(struct berth_cli *cli)
{
    const char *name = cli->args[0];
    AUTO_STRV struct berth_strv directories = {0}, argv = {0};
    AUTO_FREE char *program = berth_format("docker-%s", name);
    if (program == NULL || *name == '-' || strchr(name, '/') != NULL) {
        return;
    }
    collect_directories(cli, &directories);
    for (size_t i = 0; i < directories.count; i++) {
        AUTO_FREE char *path = berth_format("%s/%s", directories.items[i], program);
        if (path == NULL || access(path, X_OK) != 0) {
            continue;
        }
        export_endpoint(cli);
        berth_strv_add(&argv, path);
        for (int j = 0; j < cli->arg_count; j++) {
            berth_strv_add(&argv, cli->args[j]);
        }
        execv(path, argv.items);
    }
}
