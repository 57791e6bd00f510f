/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials for the daemon's registry calls.
 */
#ifndef BERTH_CLI_AUTH_H
#define BERTH_CLI_AUTH_H

#include "cli/cli.h"

/* Sets X-Registry-Auth for an image's registry from config.json; nothing when there are no
 * credentials. */
void berth_auth_header(struct berth_cli *cli, const char *image, struct berth_strmap *headers);

#endif
