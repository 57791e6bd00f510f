/* SPDX-License-Identifier: Apache-2.0
 *
 * The command tree.
 */
#include "cli/commands.h"

#define ENTRY(name_, aliases_, command_, section_)                                    \
    {                                                                                 \
        .name = (name_), .aliases = (aliases_), .command = &berth_command_##command_, \
        .section = BERTH_SECTION_##section_                                           \
    }

static const struct berth_command_entry container_entries[] = {
    ENTRY("attach", NULL, attach, OTHER),
    ENTRY("commit", NULL, commit, OTHER),
    ENTRY("create", NULL, create, OTHER),
    ENTRY("diff", NULL, diff, OTHER),
    ENTRY("exec", NULL, exec, OTHER),
    ENTRY("export", NULL, export, OTHER),
    ENTRY("inspect", NULL, container_inspect, OTHER),
    ENTRY("kill", NULL, kill, OTHER),
    ENTRY("logs", NULL, logs, OTHER),
    ENTRY("ls", "list,ps", ps, OTHER),
    ENTRY("pause", NULL, pause, OTHER),
    ENTRY("port", NULL, port, OTHER),
    ENTRY("prune", NULL, container_prune, OTHER),
    ENTRY("rename", NULL, rename, OTHER),
    ENTRY("restart", NULL, restart, OTHER),
    ENTRY("rm", "remove", rm, OTHER),
    ENTRY("run", NULL, run, OTHER),
    ENTRY("start", NULL, start, OTHER),
    ENTRY("stats", NULL, stats, OTHER),
    ENTRY("stop", NULL, stop, OTHER),
    ENTRY("top", NULL, top, OTHER),
    ENTRY("unpause", NULL, unpause, OTHER),
    ENTRY("update", NULL, update, OTHER),
    ENTRY("wait", NULL, wait, OTHER),
};

static const struct berth_command berth_command_container = {.summary = "Manage containers",
                                                             BERTH_ENTRIES(container_entries)};

static const struct berth_command_entry image_entries[] = {
    ENTRY("history", NULL, history, OTHER),
    ENTRY("import", NULL, import, OTHER),
    ENTRY("inspect", NULL, image_inspect, OTHER),
    ENTRY("load", NULL, load, OTHER),
    ENTRY("ls", "list", images, OTHER),
    ENTRY("prune", NULL, image_prune, OTHER),
    ENTRY("pull", NULL, pull, OTHER),
    ENTRY("rm", "remove", rmi, OTHER),
    ENTRY("save", NULL, save, OTHER),
    ENTRY("tag", NULL, tag, OTHER),
};

static const struct berth_command berth_command_image = {.summary = "Manage images",
                                                         BERTH_ENTRIES(image_entries)};

static const struct berth_command_entry network_entries[] = {
    ENTRY("connect", NULL, network_connect, OTHER),
    ENTRY("create", NULL, network_create, OTHER),
    ENTRY("disconnect", NULL, network_disconnect, OTHER),
    ENTRY("inspect", NULL, network_inspect, OTHER),
    ENTRY("ls", "list", network_ls, OTHER),
    ENTRY("prune", NULL, network_prune, OTHER),
    ENTRY("rm", "remove", network_rm, OTHER),
};

static const struct berth_command berth_command_network = {.summary = "Manage networks",
                                                           BERTH_ENTRIES(network_entries)};

static const struct berth_command_entry volume_entries[] = {
    ENTRY("create", NULL, volume_create, OTHER), ENTRY("inspect", NULL, volume_inspect, OTHER),
    ENTRY("ls", "list", volume_ls, OTHER),       ENTRY("prune", NULL, volume_prune, OTHER),
    ENTRY("rm", "remove", volume_rm, OTHER),
};

static const struct berth_command berth_command_volume = {.summary = "Manage volumes",
                                                          BERTH_ENTRIES(volume_entries)};

static const struct berth_command_entry system_entries[] = {
    ENTRY("df", NULL, system_df, OTHER),       ENTRY("dial-stdio", NULL, dial_stdio, HIDDEN),
    ENTRY("events", NULL, events, OTHER),      ENTRY("info", NULL, info, OTHER),
    ENTRY("prune", NULL, system_prune, OTHER),
};

static const struct berth_command berth_command_system = {.summary = "Manage Docker",
                                                          BERTH_ENTRIES(system_entries)};

static const struct berth_command_entry plugin_entries[] = {
    ENTRY("inspect", NULL, plugin_inspect, OTHER),
    ENTRY("ls", "list", plugin_ls, OTHER),
};

static const struct berth_command berth_command_plugin = {.summary = "Manage plugins",
                                                          BERTH_ENTRIES(plugin_entries)};

static const struct berth_command_entry context_entries[] = {
    ENTRY("inspect", NULL, context_inspect, OTHER),
    ENTRY("ls", "list", context_ls, OTHER),
    ENTRY("show", NULL, context_show, OTHER),
    ENTRY("use", NULL, context_use, OTHER),
};

static const struct berth_command berth_command_context = {.summary = "Manage contexts",
                                                           BERTH_ENTRIES(context_entries)};

static const struct berth_command_entry root_entries[] = {
    ENTRY("run", NULL, run, COMMON),
    ENTRY("exec", NULL, exec, COMMON),
    ENTRY("ps", NULL, ps, COMMON),
    ENTRY("pull", NULL, pull, COMMON),
    ENTRY("images", NULL, images, COMMON),
    ENTRY("version", NULL, version, COMMON),
    ENTRY("info", NULL, info, COMMON),
    ENTRY("container", NULL, container, MANAGEMENT),
    ENTRY("context", NULL, context, MANAGEMENT),
    ENTRY("image", NULL, image, MANAGEMENT),
    ENTRY("network", NULL, network, MANAGEMENT),
    ENTRY("plugin", NULL, plugin, MANAGEMENT),
    ENTRY("system", NULL, system, MANAGEMENT),
    ENTRY("volume", NULL, volume, MANAGEMENT),
    ENTRY("__complete", NULL, complete, HIDDEN),
    ENTRY("attach", NULL, attach, OTHER),
    ENTRY("commit", NULL, commit, OTHER),
    ENTRY("create", NULL, create, OTHER),
    ENTRY("diff", NULL, diff, OTHER),
    ENTRY("events", NULL, events, OTHER),
    ENTRY("export", NULL, export, OTHER),
    ENTRY("history", NULL, history, OTHER),
    ENTRY("import", NULL, import, OTHER),
    ENTRY("inspect", NULL, inspect, OTHER),
    ENTRY("kill", NULL, kill, OTHER),
    ENTRY("load", NULL, load, OTHER),
    ENTRY("logs", NULL, logs, OTHER),
    ENTRY("pause", NULL, pause, OTHER),
    ENTRY("port", NULL, port, OTHER),
    ENTRY("rename", NULL, rename, OTHER),
    ENTRY("restart", NULL, restart, OTHER),
    ENTRY("rm", NULL, rm, OTHER),
    ENTRY("rmi", NULL, rmi, OTHER),
    ENTRY("save", NULL, save, OTHER),
    ENTRY("start", NULL, start, OTHER),
    ENTRY("stats", NULL, stats, OTHER),
    ENTRY("stop", NULL, stop, OTHER),
    ENTRY("tag", NULL, tag, OTHER),
    ENTRY("top", NULL, top, OTHER),
    ENTRY("unpause", NULL, unpause, OTHER),
    ENTRY("update", NULL, update, OTHER),
    ENTRY("wait", NULL, wait, OTHER),
};

static const struct berth_flag global_flags[] = {
    BERTH_FLAG_LINE(STRING, "config", 0, "Location of client config files (default \"~/.docker\")"),
    BERTH_FLAG_LINE(STRING, "context", 'c',
                    "Name of the context to use to connect to the daemon (overrides DOCKER_HOST "
                    "and the default context set with \"context use\")"),
    BERTH_FLAG_LINE(BOOL, "debug", 'D', "Enable debug mode"),
    BERTH_FLAG_LINE(LIST, "host", 'H', "Daemon socket to connect to"),
    {.name = "log-level",
     .shorthand = 'l',
     .type = BERTH_FLAG_STRING,
     .initial = "info",
     .help = "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")"},
    BERTH_FLAG_LINE(BOOL, "tls", 0, "Use TLS; implied by --tlsverify"),
    BERTH_FLAG_LINE(STRING, "tlscacert", 0,
                    "Trust certs signed only by this CA (default \"~/.docker/ca.pem\")"),
    BERTH_FLAG_LINE(STRING, "tlscert", 0,
                    "Path to TLS certificate file (default \"~/.docker/cert.pem\")"),
    BERTH_FLAG_LINE(STRING, "tlskey", 0, "Path to TLS key file (default \"~/.docker/key.pem\")"),
    BERTH_FLAG_LINE(BOOL, "tlsverify", 0, "Use TLS and verify the remote"),
    BERTH_FLAG_LINE(BOOL, "version", 'v', "Print version information and quit"),
};

const struct berth_command berth_cli_root = {
    .summary = "A container engine that speaks Docker",
    BERTH_FLAGS(global_flags),
    BERTH_ENTRIES(root_entries),
};
