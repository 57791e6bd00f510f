/* SPDX-License-Identifier: Apache-2.0
 *
 * Live changes: a running container enters or leaves a network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "network/internal.h"

/* All endpoints of the sandbox as they are now. */
static size_t collect(struct berth_network_manager *manager, const struct berth_sandbox *sandbox,
                      struct endpoint *endpoints[MAX_ENDPOINTS])
{
    size_t count = 0;
    for (size_t i = 0; i < sandbox->endpoints.count && count < MAX_ENDPOINTS; i++) {
        struct endpoint *endpoint = sandbox_endpoint(manager, sandbox->endpoints.values[i]);
        if (endpoint != NULL) {
            endpoints[count++] = endpoint;
        }
    }
    return count;
}

/* The default routes follow the endpoints: those whose flags changed are joined again, which only
 * sets them. First the one that loses its route, so that there is one at most at a time. */
static int32_t move_routes(struct berth_network_manager *manager,
                           const struct berth_sandbox *sandbox, berth_error *err)
{
    struct endpoint *endpoints[MAX_ENDPOINTS];
    bool before[MAX_ENDPOINTS][2];
    size_t count = collect(manager, sandbox, endpoints);
    int32_t code = 0;
    for (size_t i = 0; i < count; i++) {
        before[i][0] = endpoints[i]->route4;
        before[i][1] = endpoints[i]->route6;
    }
    sandbox_choose_gateways(endpoints, count);
    for (int gaining = 0; gaining <= 1; gaining++) {
        for (size_t i = 0; i < count && code == 0; i++) {
            bool changed =
                before[i][0] != endpoints[i]->route4 || before[i][1] != endpoints[i]->route6;
            bool gains =
                (endpoints[i]->route4 && !before[i][0]) || (endpoints[i]->route6 && !before[i][1]);
            if (changed && gains == (gaining != 0) && endpoints[i]->joined) {
                code = endpoint_join(manager, endpoints[i], sandbox->netns_fd, err);
            }
        }
    }
    return code;
}

/* "eth" and the lowest number that no endpoint of the sandbox has. */
static void choose_interface(const struct berth_sandbox *sandbox, char name[IFNAMSIZ])
{
    for (int number = 0; number <= MAX_ENDPOINTS; number++) {
        bool taken = false;
        snprintf(name, IFNAMSIZ, "eth%d", number);
        for (size_t i = 0; i < sandbox->wires.count; i++) {
            const struct berth_sandbox_wire *wire = sandbox->wires.items[i];
            taken = taken || berth_str_equal(wire->interface, name);
        }
        if (!taken) {
            return;
        }
    }
}

static int32_t check_connect(struct berth_network_manager *manager,
                             const struct berth_sandbox_settings *settings,
                             const struct berth_sandbox *sandbox, const char *reference,
                             struct network **ret_network, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    struct network *network = network_find(manager, reference, &error);
    if (network == NULL) {
        return berth_error_move(err, &error);
    }
    if (berth_str_starts(sandbox->mode, "container:") || sandbox->netns_fd < 0) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "container sharing network namespace with another container or host "
                               "cannot be connected to any other network");
    }
    if (strcmp(network->object.name, "host") == 0) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "container cannot be connected to host network after creation");
    }
    if (strcmp(network->object.name, "none") == 0 || berth_str_equal(sandbox->mode, "none")) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "container cannot be connected to multiple networks with one of the "
                               "networks in private (none) mode");
    }
    if (berth_json_map_get(&sandbox->endpoints, network->object.name) != NULL) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "endpoint with name %s already exists in network %s",
                               settings->container_name, network->object.name);
    }
    *ret_network = network;
    return 0;
}

int32_t berth_network_sandbox_connect(struct berth_network_manager *manager,
                                      const struct berth_sandbox_settings *settings,
                                      struct berth_sandbox *sandbox, const char *reference,
                                      const void *wanted, berth_error *err)
{
    struct network *network = NULL;
    struct endpoint *endpoint = NULL;
    /* the container's own MAC belongs to its first network */
    struct berth_sandbox_settings own = *settings;
    int32_t code;
    own.mac_address = NULL;
    pthread_mutex_lock(&manager->lock);
    code = check_connect(manager, settings, sandbox, reference, &network, err);
    code = code == 0 ? endpoint_check(network, wanted, err) : code;
    code = code == 0 ? endpoint_new(manager, network, &own, wanted, &endpoint, err) : code;
    pthread_mutex_unlock(&manager->lock);
    if (code < 0) {
        return code;
    }
    choose_interface(sandbox, endpoint->interface);
    code = endpoint_join(manager, endpoint, sandbox->netns_fd, err);
    code = code == 0 ? sandbox_add_endpoint(sandbox, settings, endpoint, wanted, false, err) : code;
    code = code == 0 ? move_routes(manager, sandbox, err) : code;
    if (code < 0) {
        berth_json_map_remove(&sandbox->endpoints, network->object.name,
                              &berth_endpoint_settings_table);
        sandbox_drop_endpoint(manager, endpoint, sandbox->netns_fd, NULL);
        return code;
    }
    network_publish(manager, network, "connect", settings->container_id);
    return 0;
}

static void remove_wire(struct berth_sandbox *sandbox, const char *endpoint_id)
{
    struct berth_json_list *wires = &sandbox->wires;
    size_t kept = 0;
    for (size_t i = 0; i < wires->count; i++) {
        struct berth_sandbox_wire *wire = wires->items[i];
        if (berth_str_equal(wire->endpoint_id, endpoint_id)) {
            berth_json_free(&berth_sandbox_wire_table, wire);
        } else {
            wires->items[kept++] = wire;
        }
    }
    wires->count = kept;
}

int32_t berth_network_sandbox_disconnect(struct berth_network_manager *manager,
                                         struct berth_sandbox *sandbox, const char *reference,
                                         bool force, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_FREE char *name = NULL;
    struct berth_endpoint_settings *settings;
    struct endpoint *endpoint;
    int32_t code = 0;
    pthread_mutex_lock(&manager->lock);
    struct network *network = network_find(manager, reference, &error);
    name = berth_strdup(network != NULL ? network->object.name : reference);
    pthread_mutex_unlock(&manager->lock);
    if (network == NULL || name == NULL) {
        return network == NULL ? berth_error_move(err, &error) : berth_error_no_memory(err);
    }
    settings = berth_json_map_get(&sandbox->endpoints, name);
    if (settings == NULL) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "container %s is not connected to network %s", sandbox->container_id,
                               name);
    }
    if (strcmp(name, "host") == 0) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "container cannot be disconnected from host network");
    }
    endpoint = sandbox_endpoint(manager, settings);
    if (endpoint != NULL) {
        if (endpoint->n_ports > 0) {
            sandbox_empty_ports(&sandbox->ports);
        }
        code = sandbox_drop_endpoint(manager, endpoint, sandbox->netns_fd, &error);
    }
    remove_wire(sandbox, settings->endpoint_id);
    berth_json_map_remove(&sandbox->endpoints, name, &berth_endpoint_settings_table);
    if (code == 0) {
        code = move_routes(manager, sandbox, &error);
    }
    if (code < 0 && force) {
        berth_log(BERTH_LOG_WARN, "container %.12s: leaving network %s: %s", sandbox->container_id,
                  name, error.msg);
        code = 0;
    }
    return code < 0 ? berth_error_move(err, &error) : 0;
}
