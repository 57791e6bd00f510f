/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to the daemon through the transport driver of the URL's scheme.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "client/client_internal.h"
#include "plugin/transport.h"

/* TLS files for the driver; an absent one is not a parameter. */
static bool set_parameters(const struct berth_endpoint *endpoint, struct berth_strmap *params)
{
    if (!endpoint->tls) {
        return true;
    }
    return berth_strmap_set(params, "verify", endpoint->tls_verify ? "true" : "false") &&
           (endpoint->ca == NULL || berth_strmap_set(params, "ca", endpoint->ca)) &&
           (endpoint->cert == NULL || berth_strmap_set(params, "cert", endpoint->cert)) &&
           (endpoint->key == NULL || berth_strmap_set(params, "key", endpoint->key));
}

static int32_t open_driver(struct berth_client *client, berth_error *err)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    if (client->transport != NULL) {
        return 0;
    }
    if (!set_parameters(&client->endpoint, &params)) {
        return berth_error_no_memory(err);
    }
    int32_t code = client->plugins != NULL ? 0 : berth_plugins_new(NULL, &client->plugins, err);
    if (code != 0) {
        return code;
    }
    return berth_plugin_open_url(client->plugins, client->endpoint.host, &params,
                                 &client->transport, err);
}

int32_t berth_client_connect(struct berth_client *client, int *ret_fd, berth_error *err)
{
    berth_error reason = BERTH_ERROR_INIT;
    const char *host = client->endpoint.host;
    int32_t code = open_driver(client, err);
    if (code != 0) {
        return code;
    }
    code = berth_transport_dial(client->transport, NULL, host, 0, ret_fd, &reason);
    if (code == 0) {
        return 0;
    }
    if (reason.sys_errno == EACCES || reason.sys_errno == EPERM) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "permission denied while trying to connect to the %s daemon socket "
                               "at %s: %.200s",
                               client->product, host, reason.msg);
    }
    if (reason.sys_errno == ENOENT || reason.sys_errno == ECONNREFUSED) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                               "Cannot connect to the %s daemon at %s. Is the %s daemon running?",
                               client->product, host,
                               strcmp(client->product, "Docker") == 0 ? "docker" : "berth");
    }
    return berth_error_move(err, &reason);
}
