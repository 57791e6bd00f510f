/* SPDX-License-Identifier: Apache-2.0
 *
 * CLI plugins: a command we don't have may be a program `docker-NAME` of the user (compose,
 * buildx).
 */
#ifndef BERTH_CLI_PLUGINS_H
#define BERTH_CLI_PLUGINS_H

#include "cli/cli.h"

/* Becomes the plugin of the command's name. Returns when there is none. */
void berth_cli_plugin_exec(struct berth_cli *cli);

#endif
