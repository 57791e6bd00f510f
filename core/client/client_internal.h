/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the client share.
 */
#ifndef BERTH_CLIENT_CLIENT_INTERNAL_H
#define BERTH_CLIENT_CLIENT_INTERNAL_H

#include "client/client.h"

/* Takes a reusable connection for the next request (or closes it, when one waits already). */
void berth_client_keep(struct berth_client *client, struct berth_http_client *http);

#endif
