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
    ENTRY("attach", NULL, attach, OTHER),   ENTRY("create", NULL, create, OTHER),
    ENTRY("exec", NULL, exec, OTHER),       ENTRY("inspect", NULL, container_inspect, OTHER),
    ENTRY("kill", NULL, kill, OTHER),       ENTRY("logs", NULL, logs, OTHER),
    ENTRY("ls", "list,ps", ps, OTHER),      ENTRY("pause", NULL, pause, OTHER),
    ENTRY("rename", NULL, rename, OTHER),   ENTRY("restart", NULL, restart, OTHER),
    ENTRY("rm", "remove", rm, OTHER),       ENTRY("run", NULL, run, OTHER),
    ENTRY("start", NULL, start, OTHER),     ENTRY("stop", NULL, stop, OTHER),
    ENTRY("unpause", NULL, unpause, OTHER), ENTRY("wait", NULL, wait, OTHER),
};

static const struct berth_command berth_command_container = {.summary = "Manage containers",
                                                             BERTH_ENTRIES(container_entries)};

static const struct berth_command_entry image_entries[] = {
    ENTRY("history", NULL, history, OTHER),
    ENTRY("import", NULL, import, OTHER),
    ENTRY("inspect", NULL, image_inspect, OTHER),
    ENTRY("load", NULL, load, OTHER),
    ENTRY("ls", "list", images, OTHER),
    ENTRY("pull", NULL, pull, OTHER),
    ENTRY("rm", "remove", rmi, OTHER),
    ENTRY("save", NULL, save, OTHER),
    ENTRY("tag", NULL, tag, OTHER),
};

static const struct berth_command berth_command_image = {.summary = "Manage images",
                                                         BERTH_ENTRIES(image_entries)};

static const struct berth_command_entry root_entries[] = {
    ENTRY("run", NULL, run, COMMON),
    ENTRY("exec", NULL, exec, COMMON),
    ENTRY("ps", NULL, ps, COMMON),
    ENTRY("pull", NULL, pull, COMMON),
    ENTRY("images", NULL, images, COMMON),
    ENTRY("container", NULL, container, MANAGEMENT),
    ENTRY("image", NULL, image, MANAGEMENT),
    ENTRY("attach", NULL, attach, OTHER),
    ENTRY("create", NULL, create, OTHER),
    ENTRY("history", NULL, history, OTHER),
    ENTRY("import", NULL, import, OTHER),
    ENTRY("inspect", NULL, inspect, OTHER),
    ENTRY("kill", NULL, kill, OTHER),
    ENTRY("load", NULL, load, OTHER),
    ENTRY("logs", NULL, logs, OTHER),
    ENTRY("pause", NULL, pause, OTHER),
    ENTRY("rename", NULL, rename, OTHER),
    ENTRY("restart", NULL, restart, OTHER),
    ENTRY("rm", NULL, rm, OTHER),
    ENTRY("rmi", NULL, rmi, OTHER),
    ENTRY("save", NULL, save, OTHER),
    ENTRY("start", NULL, start, OTHER),
    ENTRY("stop", NULL, stop, OTHER),
    ENTRY("tag", NULL, tag, OTHER),
    ENTRY("unpause", NULL, unpause, OTHER),
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
