/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files about sandboxes share: which endpoint gives the default route, facts, look-ups.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/internal.h"

/* ---- routes ---- */

/* Is a's gateway preferred to b's? Docker: the higher priority, then the network's name. */
static bool preferred(const struct endpoint *a, const struct endpoint *b)
{
    if (b == NULL || a->gw_priority != b->gw_priority) {
        return b == NULL || a->gw_priority > b->gw_priority;
    }
    return strcmp(a->network->object.name, b->network->object.name) < 0;
}

/* Who gives the default routes; sets the endpoints' flags. The result is the one the ports lead to:
 * the IPv4 gateway's, else the IPv6 one's. */
struct endpoint *sandbox_choose_gateways(struct endpoint *const *endpoints, size_t count)
{
    struct endpoint *best[2] = {NULL, NULL};
    for (size_t i = 0; i < count; i++) {
        struct endpoint *e = endpoints[i];
        e->route4 = e->route6 = false;
        if (e->network->object.internal) {
            continue;
        }
        if (endpoint_gateway(e->network, &e->ipv4).family != 0 && preferred(e, best[0])) {
            best[0] = e;
        }
        if (endpoint_gateway(e->network, &e->ipv6).family != 0 && preferred(e, best[1])) {
            best[1] = e;
        }
    }
    if (best[0] != NULL) {
        best[0]->route4 = true;
    }
    if (best[1] != NULL) {
        best[1]->route6 = true;
    }
    return best[0] != NULL ? best[0] : best[1];
}

/* ---- facts ---- */

static int32_t add_wire(struct berth_sandbox *sandbox, const struct endpoint *endpoint,
                        bool publishes, berth_error *err)
{
    struct berth_sandbox_wire *wire =
        berth_json_list_add(&sandbox->wires, &berth_sandbox_wire_table);
    if (wire == NULL) {
        return berth_error_no_memory(err);
    }
    wire->endpoint_id = berth_strdup(endpoint->id);
    wire->interface = berth_strdup(endpoint->interface);
    wire->host_interface = berth_strdup(endpoint->host_interface);
    wire->mac_wanted = endpoint->mac_wanted;
    wire->publishes = publishes;
    return wire->endpoint_id == NULL || wire->interface == NULL || wire->host_interface == NULL
               ? berth_error_no_memory(err)
               : 0;
}

struct berth_sandbox_wire *sandbox_find_wire(const struct berth_sandbox *sandbox, const char *id)
{
    for (size_t i = 0; i < sandbox->wires.count; i++) {
        struct berth_sandbox_wire *wire = sandbox->wires.items[i];
        if (berth_str_equal(wire->endpoint_id, id)) {
            return wire;
        }
    }
    return NULL;
}

/* Docker's DNSNames of a user network: aliases, name, short id, hostname. */
static int32_t add_dns_names(const struct berth_sandbox_settings *settings,
                             const struct network *network,
                             struct berth_endpoint_settings *endpoint, berth_error *err)
{
    char short_id[BERTH_ID_SHORT_LENGTH + 1];
    const char *names[] = {settings->container_name, short_id, settings->hostname};
    bool complete = true;
    berth_strv_done(&endpoint->dns_names);
    if (network_is_predefined(network->object.name)) {
        return 0;
    }
    snprintf(short_id, sizeof(short_id), "%s", settings->container_id);
    if (!berth_str_empty(names[0])) {
        complete = berth_strv_add(&endpoint->dns_names, names[0]);
    }
    for (size_t i = 0; i < endpoint->aliases.count && complete; i++) {
        if (!berth_strv_contains(&endpoint->dns_names, endpoint->aliases.items[i])) {
            complete = berth_strv_add(&endpoint->dns_names, endpoint->aliases.items[i]);
        }
    }
    for (size_t i = 1; i < ARRAY_SIZE(names) && complete; i++) {
        if (!berth_str_empty(names[i]) && !berth_strv_contains(&endpoint->dns_names, names[i])) {
            complete = berth_strv_add(&endpoint->dns_names, names[i]);
        }
    }
    return complete ? 0 : berth_error_no_memory(err);
}

int32_t sandbox_add_endpoint(struct berth_sandbox *sandbox,
                             const struct berth_sandbox_settings *settings,
                             const struct endpoint *endpoint,
                             const struct berth_endpoint_settings *wanted, bool publishes,
                             berth_error *err)
{
    const char *name = endpoint->network->object.name;
    struct berth_endpoint_settings *added =
        berth_json_map_add(&sandbox->endpoints, name, &berth_endpoint_settings_table);
    int32_t code = added == NULL ? berth_error_no_memory(err) : 0;
    if (code == 0 && wanted != NULL && wanted != added) {
        code = berth_json_copy(&berth_endpoint_settings_table, wanted, added, err);
    }
    code = code == 0 ? endpoint_facts(endpoint, added, err) : code;
    code = code == 0 ? add_dns_names(settings, endpoint->network, added, err) : code;
    return code == 0 ? add_wire(sandbox, endpoint, publishes, err) : code;
}

/* The endpoint that the settings name; NULL: none any more. */
struct endpoint *sandbox_endpoint(struct berth_network_manager *manager,
                                  const struct berth_endpoint_settings *settings)
{
    AUTO_LOCK(&manager->lock);
    struct network *network = network_find_id(manager, settings->network_id);
    return network == NULL || berth_str_empty(settings->endpoint_id)
               ? NULL
               : endpoint_find(network, settings->endpoint_id);
}

int32_t sandbox_drop_endpoint(struct berth_network_manager *manager, struct endpoint *endpoint,
                              int netns_fd, berth_error *err)
{
    int32_t code = endpoint_leave(manager, endpoint, netns_fd, err);
    network_publish(manager, endpoint->network, "disconnect", endpoint->container_id);
    AUTO_LOCK(&manager->lock);
    endpoint_free(manager, endpoint);
    return code;
}

void sandbox_empty_ports(struct berth_json_map *map)
{
    struct berth_sandbox holder;
    berth_sandbox_init(&holder);
    holder.ports = *map;
    memset(map, 0, sizeof(*map));
    berth_sandbox_done(&holder);
}
