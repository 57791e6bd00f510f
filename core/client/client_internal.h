/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the client share.
 */
#ifndef BERTH_CLIENT_CLIENT_INTERNAL_H
#define BERTH_CLIENT_CLIENT_INTERNAL_H

#include "client/client.h"

struct berth_client {
    struct berth_endpoint endpoint;
    char *product;
    char *version;
    bool version_fixed; /* DOCKER_API_VERSION: never fall back */
    bool version_known; /* the daemon accepted a request in this version */
    struct berth_strmap headers;
    struct berth_http_client *idle; /* a connection that waits for the next request */
    struct berth_plugins *plugins;
    struct berth_driver *transport; /* of the endpoint's scheme; NULL until the first dial */
};

/* Takes a reusable connection for the next request (or closes it, when one waits already). */
void berth_client_keep(struct berth_client *client, struct berth_http_client *http);

#endif
