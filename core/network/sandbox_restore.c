/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking sandboxes over after a restart of the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/internal.h"

static int32_t restore_address(struct network *network, const char *text,
                               berth_network_address *ret_address, berth_error *err)
{
    berth_network_address address;
    if (!address_parse(text, &address)) {
        return 0;
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        if (address_within(&network->subnets[i].subnet, &address)) {
            int32_t code = ipam_take(&network->subnets[i], &address, err);
            if (code == 0) {
                address.prefix = network->subnets[i].subnet.prefix;
                *ret_address = address;
            }
            return code;
        }
    }
    return berth_error_set(err, BERTH_E_DATA, 0, "network %s has no subnet for %s",
                           network->object.name, text);
}

static int32_t restore_endpoint(struct berth_network_manager *manager, struct network *network,
                                const struct berth_sandbox *sandbox,
                                const struct berth_endpoint_settings *settings,
                                struct endpoint *endpoint, berth_error *err)
{
    const struct berth_sandbox_wire *wire = sandbox_find_wire(sandbox, settings->endpoint_id);
    int32_t code;
    snprintf(endpoint->id, sizeof(endpoint->id), "%s", settings->endpoint_id);
    endpoint->gw_priority = settings->gw_priority;
    endpoint->joined = true;
    if (wire != NULL) {
        snprintf(endpoint->interface, IFNAMSIZ, "%s", wire->interface);
        snprintf(endpoint->host_interface, IFNAMSIZ, "%s",
                 wire->host_interface != NULL ? wire->host_interface : "");
        endpoint->mac_wanted = wire->mac_wanted;
    }
    address_parse_mac(settings->mac_address, endpoint->mac); /* "" leaves it 0 */
    code = restore_address(network, settings->ip_address, &endpoint->ipv4, err);
    code = code == 0 ? restore_address(network, settings->global_ipv6_address, &endpoint->ipv6, err)
                     : code;
    if (code == 0 && wire != NULL && wire->publishes) {
        code = publish_restore(manager, endpoint, &sandbox->ports, err);
    }
    return code;
}

/* The lock is held. */
static int32_t restore_one(struct berth_network_manager *manager,
                           const struct berth_sandbox *sandbox, const char *name,
                           const struct berth_endpoint_settings *settings,
                           struct endpoint **ret_endpoint, berth_error *err)
{
    struct network *network = network_find_id(manager, settings->network_id);
    struct endpoint *endpoint;
    if (network == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "network %.12s not found",
                               settings->network_id);
    }
    endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL) {
        return berth_error_no_memory(err);
    }
    endpoint->network = network;
    endpoint->container_id = berth_strdup(sandbox->container_id);
    endpoint->container_name = berth_strdup(name != NULL ? name : "");
    endpoint->next = network->endpoints;
    network->endpoints = endpoint;
    network->n_endpoints++;
    if (endpoint->container_id == NULL || endpoint->container_name == NULL) {
        endpoint_free(manager, endpoint);
        return berth_error_no_memory(err);
    }
    int32_t code = restore_endpoint(manager, network, sandbox, settings, endpoint, err);
    if (code < 0) {
        endpoint_free(manager, endpoint);
        return code;
    }
    *ret_endpoint = endpoint;
    return 0;
}

int32_t berth_network_sandbox_restore(struct berth_network_manager *manager,
                                      struct berth_sandbox *sandbox, const char *name,
                                      const char *netns_path, berth_error *err)
{
    struct endpoint *endpoints[MAX_ENDPOINTS];
    size_t count = 0;
    int32_t result = 0;
    AUTO_LOCK(&manager->lock);
    for (size_t i = 0; i < sandbox->endpoints.count && count < MAX_ENDPOINTS; i++) {
        const struct berth_endpoint_settings *settings = sandbox->endpoints.values[i];
        berth_error error = BERTH_ERROR_INIT;
        if (berth_str_empty(settings->endpoint_id)) {
            continue;
        }
        /* one network that cannot be restored does not cost the container the others */
        int32_t code = restore_one(manager, sandbox, name, settings, &endpoints[count], &error);
        if (code == 0) {
            count++;
        } else if (result == 0) {
            result = berth_error_move(err, &error);
        }
    }
    sandbox_choose_gateways(endpoints, count);
    if (netns_path != NULL && sandbox->netns_fd < 0) {
        sandbox->netns_fd = open(netns_path, O_RDONLY | O_CLOEXEC);
        if (sandbox->netns_fd < 0 && result == 0) {
            result = berth_error_errno(err, errno, "cannot open %s", netns_path);
        }
    }
    return result;
}
