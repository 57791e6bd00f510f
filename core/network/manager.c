/* SPDX-License-Identifier: Apache-2.0
 *
 * The network manager: opening, looking up, listing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "event/event.h"
#include "network/internal.h"
#include "store/store.h"

void network_free(struct network *network)
{
    if (network == NULL) {
        return;
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        ipam_done(&network->subnets[i]);
    }
    berth_json_done(&berth_network_object_table, &network->object);
    free(network);
}

bool network_is_predefined(const char *name)
{
    return berth_str_equal(name, "bridge") || berth_str_equal(name, "host") ||
           berth_str_equal(name, "none") || berth_str_equal(name, "default");
}

struct network *network_find_id(struct berth_network_manager *manager, const char *id)
{
    for (struct network *n = manager->networks; n != NULL; n = n->next) {
        if (berth_str_equal(n->object.id, id)) {
            return n;
        }
    }
    return NULL;
}

struct network *network_find(struct berth_network_manager *manager, const char *reference,
                             berth_error *err)
{
    struct network *by_prefix = NULL;
    bool several = false;
    const char *name = berth_str_equal(reference, "default") ? DEFAULT_NETWORK : reference;
    for (struct network *n = manager->networks; n != NULL && !berth_str_empty(name); n = n->next) {
        if (berth_str_equal(n->object.name, name)) {
            return n;
        }
        if (berth_str_starts(n->object.id, name)) {
            several = by_prefix != NULL;
            by_prefix = n;
        }
    }
    if (several) {
        berth_error_set(err, BERTH_E_INVALID, 0,
                        "network %s is ambiguous (several matches found on "
                        "ID prefix)",
                        reference);
        return NULL;
    }
    if (by_prefix == NULL) {
        berth_error_set(err, BERTH_E_NOT_FOUND, 0, "network %s not found",
                        reference != NULL ? reference : "");
    }
    return by_prefix;
}

/* ---- opening ---- */

/* Reads one subnet of the stored object. */
static int32_t load_subnet(struct network *network,
                           const struct berth_network_subnet_config *config, berth_error *err)
{
    struct ipam *ipam = &network->subnets[network->n_subnets];
    berth_network_address subnet, range, gateway, other;
    bool has_range = !berth_str_empty(config->ip_range);
    int32_t code = 0;
    if (!address_parse_prefix(config->subnet, &subnet) ||
        (has_range && !address_parse_prefix(config->ip_range, &range))) {
        return berth_error_set(err, BERTH_E_DATA, 0, "network %s: bad subnet %s or range %s",
                               network->object.name, config->subnet,
                               has_range ? config->ip_range : "");
    }
    ipam_init(ipam, &subnet, has_range ? &range : NULL);
    network->n_subnets++;
    if (address_parse(config->gateway, &gateway)) {
        ipam->gateway = gateway;
        code = ipam_take(ipam, &gateway, err);
    }
    for (size_t i = 0; i < config->aux_addresses.count && code == 0; i++) {
        if (address_parse(config->aux_addresses.values[i], &other)) {
            code = ipam_take(ipam, &other, err);
        }
    }
    return code;
}

int32_t network_load_subnets(struct network *network, berth_error *err)
{
    const struct berth_json_list *configs = &network->object.ipam.config;
    int32_t code = 0;
    if (configs->count > MAX_SUBNETS) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "network %s: more than %d subnets",
                               network->object.name, MAX_SUBNETS);
    }
    for (size_t i = 0; i < configs->count && code == 0; i++) {
        code = load_subnet(network, configs->items[i], err);
    }
    return code;
}

static int32_t load_network(void *argument, const struct berth_store_row *row, berth_error *err)
{
    struct berth_network_manager *manager = argument;
    struct network *network = calloc(1, sizeof(*network));
    struct network **end = &manager->networks;
    int32_t code;
    if (network == NULL) {
        return berth_error_no_memory(err);
    }
    berth_json_init(&berth_network_object_table, &network->object);
    code = berth_json_read_text(&berth_network_object_table, row->document, row->length,
                                &network->object, err);
    if (code == 0) {
        code = network_load_subnets(network, err);
    }
    if (code < 0) {
        berth_error_wrap(err, "network %s in the database", row->name);
        network_free(network);
        return code;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = network;
    return 0;
}

static bool copy_strv(struct berth_strv *to, const struct berth_strv *from)
{
    return from == NULL || berth_strv_extend(to, from);
}

/* Copies one optional string; false: out of memory. */
static bool copy(char **to, const char *from)
{
    *to = berth_strdup(from);
    return *to != NULL || from == NULL;
}

static int32_t copy_config(struct berth_network_manager *manager,
                           const struct berth_networks_config *config, berth_error *err)
{
    const char *bridge = berth_str_empty(config->bridge) ? DEFAULT_BRIDGE : config->bridge;
    manager->plugins = config->plugins;
    manager->store = config->store;
    manager->events = config->events;
    manager->mtu = config->mtu;
    manager->no_icc = config->no_icc;
    manager->no_masquerade = config->no_masquerade;
    manager->no_ip_forward = config->no_ip_forward;
    /* a second daemon on this host has a bridge of its own, and so a table of its own */
    manager->table = strcmp(bridge, DEFAULT_BRIDGE) == 0 ? berth_strdup("berth")
                                                         : berth_format("berth-%s", bridge);
    if (manager->table == NULL || !copy(&manager->bridge, bridge) ||
        !copy(&manager->bip, config->bip) || !copy(&manager->fixed_cidr, config->fixed_cidr) ||
        !copy(&manager->default_gateway, config->default_gateway) ||
        !copy(&manager->host_ip, config->host_ip) ||
        !copy(&manager->host_gateway_ip, config->host_gateway_ip) ||
        !copy_strv(&manager->dns, config->dns) ||
        !copy_strv(&manager->dns_search, config->dns_search) ||
        !copy_strv(&manager->dns_options, config->dns_options)) {
        return berth_error_no_memory(err);
    }
    for (char *at = manager->table; *at != '\0'; at++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", *at) == NULL) {
            *at = '_';
        }
    }
    return pools_load(manager, config->pools, config->n_pools, err);
}

int32_t berth_networks_open(const struct berth_networks_config *config,
                            struct berth_network_manager **ret_networks, berth_error *err)
{
    struct berth_network_manager *manager = calloc(1, sizeof(*manager));
    int32_t code;
    if (manager == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&manager->wire_lock, NULL);
    pthread_mutex_init(&manager->lock, NULL);
    code = copy_config(manager, config, err);
    if (code == 0) {
        code = berth_store_list(manager->store, STORE_KIND, load_network, manager, err);
    }
    if (code == 0) {
        code = defaults_create(manager, err);
    }
    if (code == 0) {
        code = spare_start(&manager->spare, manager, config->spare_namespaces, err);
    }
    if (code < 0) {
        berth_networks_close(manager);
        return code;
    }
    *ret_networks = manager;
    return 0;
}

void berth_networks_close(struct berth_network_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    spare_stop(&manager->spare);
    while (manager->networks != NULL) {
        struct network *network = manager->networks;
        while (network->endpoints != NULL) {
            endpoint_free(manager, network->endpoints);
        }
        manager->networks = network->next;
        network_free(network);
    }
    port_table_done(&manager->ports);
    free(manager->bridge);
    free(manager->bip);
    free(manager->fixed_cidr);
    free(manager->default_gateway);
    free(manager->host_ip);
    free(manager->host_gateway_ip);
    free(manager->table);
    free(manager->pools);
    berth_strv_done(&manager->dns);
    berth_strv_done(&manager->dns_search);
    berth_strv_done(&manager->dns_options);
    pthread_mutex_destroy(&manager->lock);
    pthread_mutex_destroy(&manager->wire_lock);
    free(manager);
}

int32_t network_store(struct berth_network_manager *manager,
                      const struct berth_network_object *object, berth_error *err)
{
    AUTO_FREE char *document = berth_json_write_text(&berth_network_object_table, object, 0);
    if (document == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_store_put(manager->store, STORE_KIND, object->id, object->name, document, err);
}

void network_publish(struct berth_network_manager *manager, const struct network *network,
                     const char *action, const char *container_id)
{
    AUTO_STRMAP struct berth_strmap attributes = {0};
    if (manager->events == NULL) {
        return;
    }
    if (container_id != NULL) {
        berth_strmap_set(&attributes, "container", container_id);
    }
    berth_strmap_set(&attributes, "name", network->object.name);
    berth_strmap_set(&attributes, "type", network->object.driver);
    berth_event_publish(manager->events, "network", action, network->object.id, &attributes);
}

/* ---- looking ---- */

static int32_t add_member(struct berth_network_object *object, const struct endpoint *endpoint,
                          berth_error *err)
{
    char text[ADDRESS_TEXT], mac[18];
    struct berth_network_member *member = berth_json_map_add(
        &object->containers, endpoint->container_id, &berth_network_member_table);
    if (member == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(&member->name, berth_strdup(endpoint->container_name));
    berth_replace(&member->endpoint_id, berth_strdup(endpoint->id));
    berth_replace(&member->mac_address,
                  berth_strdup(endpoint->ipv4.family != 0 || endpoint->ipv6.family != 0
                                   ? address_format_mac(endpoint->mac, mac)
                                   : ""));
    berth_replace(&member->ipv4_address,
                  berth_strdup(address_format_prefix(&endpoint->ipv4, text)));
    berth_replace(&member->ipv6_address,
                  berth_strdup(address_format_prefix(&endpoint->ipv6, text)));
    if (member->name == NULL || member->endpoint_id == NULL || member->mac_address == NULL ||
        member->ipv4_address == NULL || member->ipv6_address == NULL) {
        return berth_error_no_memory(err);
    }
    return 0;
}

/* Copies an object with or without its containers; the lock is held. */
static int32_t copy_object(const struct network *network, bool members,
                           struct berth_network_object *ret_object, berth_error *err)
{
    int32_t code = berth_json_copy(&berth_network_object_table, &network->object, ret_object, err);
    for (const struct endpoint *e = network->endpoints; members && e != NULL && code == 0;
         e = e->next) {
        code = add_member(ret_object, e, err);
    }
    return code;
}

int32_t berth_network_inspect(struct berth_network_manager *manager, const char *reference,
                              struct berth_network_object *ret_object, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    struct network *network = network_find(manager, reference, err);
    if (network == NULL) {
        return err != NULL && err->code != 0 ? err->code : BERTH_E_NOT_FOUND;
    }
    return copy_object(network, true, ret_object, err);
}

int32_t berth_networks_list(struct berth_network_manager *manager, bool members,
                            struct berth_json_list *ret_list, berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    for (const struct network *n = manager->networks; n != NULL; n = n->next) {
        struct berth_network_object *object =
            berth_json_list_add(ret_list, &berth_network_object_table);
        int32_t code =
            object == NULL ? berth_error_no_memory(err) : copy_object(n, members, object, err);
        if (code < 0) {
            berth_json_list_done(ret_list, &berth_network_object_table);
            return code;
        }
    }
    return 0;
}

size_t berth_network_use_count(struct berth_network_manager *manager, const char *id)
{
    AUTO_LOCK(&manager->lock);
    const struct network *network = network_find_id(manager, id);
    return network == NULL ? 0 : network->n_endpoints;
}

void berth_networks_container_renamed(struct berth_network_manager *manager,
                                      const char *container_id, const char *name)
{
    AUTO_LOCK(&manager->lock);
    for (struct network *n = manager->networks; n != NULL; n = n->next) {
        for (struct endpoint *e = n->endpoints; e != NULL; e = e->next) {
            char *copied;
            if (berth_str_equal(e->container_id, container_id) &&
                (copied = berth_strdup(name)) != NULL) {
                berth_replace(&e->container_name, copied);
            }
        }
    }
}
