/* SPDX-License-Identifier: Apache-2.0
 *
 * The networks that always exist: bridge, host and none.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "network/internal.h"

/* The address that an interface of that name has already, as after a loss of the database: its
 * containers' neighbours know it. */
static bool present_address(const char *interface, berth_network_address *ret_address)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) < 0) {
        return false;
    }
    for (const struct ifaddrs *at = all; at != NULL && !found; at = at->ifa_next) {
        if (at->ifa_addr == NULL || at->ifa_netmask == NULL || at->ifa_addr->sa_family != AF_INET ||
            strcmp(at->ifa_name, interface) != 0) {
            continue;
        }
        uint32_t mask = ntohl(((struct sockaddr_in *)(void *)at->ifa_netmask)->sin_addr.s_addr);
        *ret_address =
            (berth_network_address){.family = 4, .prefix = (uint8_t)__builtin_popcount(mask)};
        memcpy(ret_address->bytes, &((struct sockaddr_in *)(void *)at->ifa_addr)->sin_addr, 4);
        found = true;
    }
    freeifaddrs(all);
    return found;
}

/* The default bridge's address: as configured, as it is, or from the pools. */
static int32_t choose_address(struct berth_network_manager *manager, const struct network *network,
                              berth_network_address *ret_address, berth_error *err)
{
    berth_network_address subnet;
    int32_t code;
    if (!berth_str_empty(manager->bip)) {
        return address_parse_prefix(manager->bip, ret_address)
                   ? 0
                   : berth_error_set(err, BERTH_E_INVALID, 0,
                                     "bip %s: an address with prefix length is wanted, as "
                                     "192.168.1.1/24",
                                     manager->bip);
    }
    if (present_address(manager->bridge, ret_address)) {
        return 0;
    }
    code = pools_choose(manager, 4, network, &subnet, err);
    if (code == 0) {
        *ret_address = address_add(&subnet, 1);
    }
    return code;
}

static int32_t set_subnet(struct berth_network_manager *manager, struct network *network,
                          berth_error *err)
{
    berth_network_address address, subnet;
    char text[ADDRESS_TEXT];
    struct berth_network_subnet_config *config;
    int32_t code = choose_address(manager, network, &address, err);
    if (code < 0) {
        return code;
    }
    config = berth_json_list_add(&network->object.ipam.config, &berth_network_subnet_config_table);
    if (config == NULL) {
        return berth_error_no_memory(err);
    }
    subnet = address_network(&address);
    config->subnet = berth_strdup(address_format_prefix(&subnet, text));
    config->gateway = berth_strdup(address_format(&address, text));
    if (!berth_str_empty(manager->fixed_cidr)) {
        config->ip_range = berth_strdup(manager->fixed_cidr);
    }
    return config->subnet == NULL || config->gateway == NULL ? berth_error_no_memory(err) : 0;
}

/* Docker's options of the default bridge, shown by inspect and read by network_wire. */
static int32_t set_options(struct berth_network_manager *manager, struct network *network,
                           berth_error *err)
{
    struct berth_strmap *options = &network->object.options;
    AUTO_FREE char *mtu = berth_format("%d", manager->mtu > 0 ? manager->mtu : 1500);
    const struct {
        const char *key, *value;
    } values[] = {
        {"com.docker.network.bridge.default_bridge", "true"},
        {"com.docker.network.bridge.enable_icc", manager->no_icc ? "false" : "true"},
        {"com.docker.network.bridge.enable_ip_masquerade",
         manager->no_masquerade ? "false" : "true"},
        {"com.docker.network.bridge.host_binding_ipv4",
         berth_str_empty(manager->host_ip) ? "0.0.0.0" : manager->host_ip},
        {"com.docker.network.bridge.name", manager->bridge},
        {"com.docker.network.driver.mtu", mtu},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        if (!berth_strmap_set(options, values[i].key, values[i].value)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

static int32_t fill_object(struct berth_network_object *object, const char *name, berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1], time[BERTH_TIME_TEXT];
    int32_t code = berth_id_new(id, err);
    bool bridge = strcmp(name, DEFAULT_NETWORK) == 0;
    if (code < 0) {
        return code;
    }
    object->name = berth_strdup(name);
    object->id = berth_strdup(id);
    object->created = berth_strdup(berth_time_format(berth_time_now(), time));
    object->scope = berth_strdup("local");
    object->driver = berth_strdup(strcmp(name, "none") == 0 ? "null" : name);
    object->ipam.driver = berth_strdup("default");
    object->enable_ipv4 = bridge;
    return object->name == NULL || object->id == NULL || object->created == NULL ||
                   object->scope == NULL || object->driver == NULL || object->ipam.driver == NULL
               ? berth_error_no_memory(err)
               : 0;
}

static int32_t make_default(struct berth_network_manager *manager, const char *name,
                            berth_error *err)
{
    struct network *network = calloc(1, sizeof(*network));
    int32_t code;
    if (network == NULL) {
        return berth_error_no_memory(err);
    }
    berth_json_init(&berth_network_object_table, &network->object);
    code = fill_object(&network->object, name, err);
    if (code == 0 && strcmp(name, DEFAULT_NETWORK) == 0) {
        code = set_subnet(manager, network, err);
        code = code == 0 ? set_options(manager, network, err) : code;
    }
    code = code == 0 ? network_load_subnets(network, err) : code;
    code = code == 0 ? network_store(manager, &network->object, err) : code;
    if (code < 0) {
        network_free(network);
        return berth_error_wrap(err, "the default network %s", name);
    }
    network->next = manager->networks;
    manager->networks = network;
    return 0;
}

/* A changed configuration changes the stored default bridge. */
static int32_t refresh_bridge(struct berth_network_manager *manager, struct network *network,
                              berth_error *err)
{
    AUTO_FREE char *before =
        berth_json_write_text(&berth_network_object_table, &network->object, 0);
    struct berth_network_subnet_config *config = NULL;
    berth_network_address address;
    char text[ADDRESS_TEXT];
    int32_t code = set_options(manager, network, err);
    if (network->object.ipam.config.count > 0) {
        config = network->object.ipam.config.items[0];
    }
    if (code == 0 && config != NULL && !berth_str_empty(manager->bip)) {
        berth_network_address subnet;
        code = choose_address(manager, network, &address, err);
        if (code == 0) {
            subnet = address_network(&address);
            berth_replace(&config->subnet, berth_strdup(address_format_prefix(&subnet, text)));
            berth_replace(&config->gateway, berth_strdup(address_format(&address, text)));
        }
    }
    if (code == 0 && config != NULL) {
        berth_replace(&config->ip_range, berth_strdup(manager->fixed_cidr));
    }
    AUTO_FREE char *after = berth_json_write_text(&berth_network_object_table, &network->object, 0);
    if (code < 0 || (before != NULL && berth_str_equal(before, after))) {
        return code;
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        ipam_done(&network->subnets[i]);
    }
    network->n_subnets = 0;
    code = network_load_subnets(network, err);
    return code == 0 ? network_store(manager, &network->object, err) : code;
}

int32_t defaults_create(struct berth_network_manager *manager, berth_error *err)
{
    static const char *const names[] = {"none", "host", DEFAULT_NETWORK};
    bool without = strcmp(manager->bridge, "none") == 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool bridge = strcmp(names[i], DEFAULT_NETWORK) == 0;
        struct network *present = manager->networks;
        int32_t code = 0;
        while (present != NULL && strcmp(present->object.name, names[i]) != 0) {
            present = present->next;
        }
        if (bridge && without) {
            continue;
        }
        if (present == NULL) {
            code = make_default(manager, names[i], err);
        } else if (bridge) {
            code = refresh_bridge(manager, present, err);
        }
        if (code < 0) {
            return code;
        }
    }
    return 0;
}
