/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: a container's addresses in one network.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "network/internal.h"

struct endpoint *endpoint_find(struct network *network, const char *id)
{
    for (struct endpoint *e = network->endpoints; e != NULL; e = e->next) {
        if (berth_str_equal(e->id, id)) {
            return e;
        }
    }
    return NULL;
}

berth_network_address endpoint_gateway(const struct network *network,
                                       const berth_network_address *address)
{
    berth_network_address none = {0};
    for (size_t i = 0; i < network->n_subnets && address->family != 0; i++) {
        if (address_within(&network->subnets[i].subnet, address)) {
            return network->subnets[i].gateway;
        }
    }
    return none;
}

/* ---- addresses ---- */

static bool has_family(const struct network *network, int family)
{
    for (size_t i = 0; i < network->n_subnets; i++) {
        if (network->subnets[i].subnet.family == family) {
            return true;
        }
    }
    return false;
}

static int32_t take_wanted(struct network *network, const char *text,
                           berth_network_address *ret_address, berth_error *err)
{
    berth_network_address address;
    if (!address_parse(text, &address)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid IP address: %s", text);
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        struct ipam *ipam = &network->subnets[i];
        if (address_within(&ipam->subnet, &address)) {
            int32_t code = ipam_take(ipam, &address, err);
            if (code == 0) {
                address.prefix = ipam->subnet.prefix;
                *ret_address = address;
            }
            return code;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid endpoint settings: no configured subnet contains IP address %s",
                           text);
}

static int32_t take_address(struct network *network, int family, const char *wanted,
                            berth_network_address *ret_address, berth_error *err)
{
    int32_t code = 0;
    if (!berth_str_empty(wanted)) {
        return take_wanted(network, wanted, ret_address, err);
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        struct ipam *ipam = &network->subnets[i];
        if (ipam->subnet.family != family) {
            continue;
        }
        code = ipam_next(ipam, ret_address, err);
        if (code != BERTH_E_UNAVAILABLE) {
            return code;
        }
    }
    return code;
}

static void release(struct network *network, const berth_network_address *address)
{
    for (size_t i = 0; i < network->n_subnets && address->family != 0; i++) {
        ipam_release(&network->subnets[i], address);
    }
}

static int32_t take_addresses(struct network *network, struct endpoint *endpoint,
                              const struct berth_endpoint_settings *wanted, berth_error *err)
{
    const struct berth_endpoint_ipam_config *ipam = wanted != NULL ? wanted->ipam_config : NULL;
    int32_t code = 0;
    if (has_family(network, 4)) {
        code = take_address(network, 4, ipam != NULL ? ipam->ipv4_address : NULL, &endpoint->ipv4,
                            err);
    }
    if (code == 0 && has_family(network, 6)) {
        code = take_address(network, 6, ipam != NULL ? ipam->ipv6_address : NULL, &endpoint->ipv6,
                            err);
    }
    return code;
}

/* Docker's MAC: 02:42 and the IPv4 address; random behind 02:42 without one. */
static int32_t choose_mac(struct endpoint *endpoint, const char *wanted, berth_error *err)
{
    if (!berth_str_empty(wanted)) {
        if (!address_parse_mac(wanted, endpoint->mac)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid MAC address: %s", wanted);
        }
        endpoint->mac_wanted = true;
        return 0;
    }
    endpoint->mac[0] = 0x02;
    endpoint->mac[1] = 0x42;
    if (endpoint->ipv4.family != 0) {
        memcpy(endpoint->mac + 2, endpoint->ipv4.bytes, 4);
    } else if (endpoint->ipv6.family != 0 && getrandom(endpoint->mac + 2, 4, 0) != 4) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "the kernel gives no random bytes");
    }
    return 0;
}

/* ---- life ---- */

static void free_memory(struct endpoint *endpoint)
{
    free(endpoint->container_id);
    free(endpoint->container_name);
    berth_strmap_done(&endpoint->options);
    free(endpoint->ports);
    free(endpoint);
}

int32_t endpoint_new(struct berth_network_manager *manager, struct network *network,
                     const struct berth_sandbox_settings *settings,
                     const struct berth_endpoint_settings *wanted, struct endpoint **ret_endpoint,
                     berth_error *err)
{
    struct endpoint *endpoint;
    const char *mac = wanted != NULL && !berth_str_empty(wanted->mac_address)
                          ? wanted->mac_address
                          : settings->mac_address;
    int32_t code;
    if (network->removing) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "network %s not found",
                               network->object.name);
    }
    endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL) {
        return berth_error_no_memory(err);
    }
    endpoint->network = network;
    endpoint->container_id = berth_strdup(settings->container_id);
    endpoint->container_name =
        berth_strdup(settings->container_name != NULL ? settings->container_name : "");
    endpoint->gw_priority = wanted != NULL ? wanted->gw_priority : 0;
    code = endpoint->container_id == NULL || endpoint->container_name == NULL ||
                   (wanted != NULL && !berth_strmap_merge(&endpoint->options, &wanted->driver_opts))
               ? berth_error_no_memory(err)
               : berth_id_new(endpoint->id, err);
    code = code == 0 ? take_addresses(network, endpoint, wanted, err) : code;
    code = code == 0 ? choose_mac(endpoint, mac, err) : code;
    if (code < 0) {
        release(network, &endpoint->ipv4);
        release(network, &endpoint->ipv6);
        free_memory(endpoint);
        return code;
    }
    endpoint->next = network->endpoints;
    network->endpoints = endpoint;
    network->n_endpoints++;
    *ret_endpoint = endpoint;
    return 0;
}

void endpoint_free(struct berth_network_manager *manager, struct endpoint *endpoint)
{
    struct network *network = endpoint->network;
    for (struct endpoint **at = &network->endpoints; *at != NULL; at = &(*at)->next) {
        if (*at == endpoint) {
            *at = endpoint->next;
            network->n_endpoints--;
            break;
        }
    }
    for (uint32_t i = 0; i < endpoint->n_ports; i++) {
        port_release(&manager->ports, &endpoint->ports[i]);
    }
    release(network, &endpoint->ipv4);
    release(network, &endpoint->ipv6);
    free_memory(endpoint);
}

int32_t endpoint_check(struct network *network, const struct berth_endpoint_settings *wanted,
                       berth_error *err)
{
    const struct berth_endpoint_ipam_config *ipam = wanted != NULL ? wanted->ipam_config : NULL;
    const char *texts[2] = {ipam != NULL ? ipam->ipv4_address : NULL,
                            ipam != NULL ? ipam->ipv6_address : NULL};
    uint8_t mac[6];
    for (size_t i = 0; i < 2; i++) {
        berth_network_address address;
        bool inside = false;
        if (berth_str_empty(texts[i])) {
            continue;
        }
        if (network_is_predefined(network->object.name)) {
            return berth_error_set(
                err, BERTH_E_INVALID, 0,
                "invalid endpoint settings: user specified IP address is supported on user defined "
                "networks only");
        }
        if (!address_parse(texts[i], &address)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid IPv%d address: %s",
                                   i == 0 ? 4 : 6, texts[i]);
        }
        for (size_t k = 0; k < network->n_subnets; k++) {
            inside = inside || address_within(&network->subnets[k].subnet, &address);
        }
        if (!inside) {
            return berth_error_set(
                err, BERTH_E_INVALID, 0,
                "invalid endpoint settings: no configured subnet contains IP address %s", texts[i]);
        }
    }
    if (wanted != NULL && !berth_str_empty(wanted->mac_address) &&
        !address_parse_mac(wanted->mac_address, mac)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid MAC address: %s",
                               wanted->mac_address);
    }
    return 0;
}

int32_t endpoint_facts(const struct endpoint *endpoint, struct berth_endpoint_settings *settings,
                       berth_error *err)
{
    char text[ADDRESS_TEXT], mac[18];
    berth_network_address gateway4 = endpoint_gateway(endpoint->network, &endpoint->ipv4);
    berth_network_address gateway6 = endpoint_gateway(endpoint->network, &endpoint->ipv6);
    bool addresses = endpoint->ipv4.family != 0 || endpoint->ipv6.family != 0;
    const struct {
        char **slot;
        char *value;
    } values[] = {
        {&settings->network_id, berth_strdup(endpoint->network->object.id)},
        {&settings->endpoint_id, berth_strdup(endpoint->id)},
        {&settings->gateway, berth_strdup(address_format(&gateway4, text))},
        {&settings->ip_address, berth_strdup(address_format(&endpoint->ipv4, text))},
        {&settings->ipv6_gateway, berth_strdup(address_format(&gateway6, text))},
        {&settings->global_ipv6_address, berth_strdup(address_format(&endpoint->ipv6, text))},
        {&settings->mac_address,
         berth_strdup(addresses ? address_format_mac(endpoint->mac, mac) : "")},
    };
    bool complete = true;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        complete = complete && values[i].value != NULL;
        berth_replace(values[i].slot, values[i].value);
    }
    settings->ip_prefix_len = endpoint->ipv4.prefix;
    settings->global_ipv6_prefix_len = endpoint->ipv6.prefix;
    return complete ? 0 : berth_error_no_memory(err);
}
