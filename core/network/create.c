/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks that users create and remove.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "network/internal.h"
#include "store/store.h"

/* Docker's rule for names of networks. */
static bool valid_name(const char *name)
{
    if (berth_str_empty(name) || strspn(name, " \t\n\r") == strlen(name)) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        bool alphanumeric =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!alphanumeric && (at == name || strchr("_.-", *at) == NULL)) {
            return false;
        }
    }
    return true;
}

static int32_t check_request(const struct berth_network_create_request *request, berth_error *err)
{
    const char *name = request->name;
    if (network_is_predefined(name)) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "operation is not permitted on predefined %s network", name);
    }
    if (!valid_name(name)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid network name: '%s' (only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
                               "allowed)",
                               name != NULL ? name : "");
    }
    if (request->ingress || berth_str_equal(request->scope, "swarm") ||
        berth_str_equal(request->driver, "overlay")) {
        return berth_error_set(
            err, BERTH_E_FORBIDDEN, 0,
            "This node is not a swarm manager. Use \"docker swarm init\" or "
            "\"docker swarm join\" to connect this node to swarm and try again.");
    }
    if (request->config_only || !berth_str_empty(request->config_from.network)) {
        return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                               "network %s: configuration-only networks are not supported", name);
    }
    if (berth_str_equal(request->driver, "host") || berth_str_equal(request->driver, "null") ||
        berth_str_equal(request->driver, "none")) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "only one instance of \"%s\" network is allowed", request->driver);
    }
    if (request->enable_ipv4 == 0 && request->enable_ipv6 != 1) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "IPv4 or IPv6 must be enabled");
    }
    return 0;
}

static int32_t bad(berth_error *err, const char *what, const char *text)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid network config: %s %s", what, text);
}

/* Checks one asked-for subnet and writes it in its normal form. */
static int32_t copy_subnet(struct berth_network_manager *manager, struct network *network,
                           const struct berth_network_subnet_config *from, berth_error *err)
{
    berth_network_address subnet, range, gateway;
    char text[ADDRESS_TEXT];
    struct berth_network_subnet_config *to;
    if (!address_parse_prefix(from->subnet, &subnet)) {
        return bad(err, "invalid subnet", from->subnet);
    }
    subnet = address_network(&subnet);
    if (!berth_str_empty(from->ip_range) &&
        (!address_parse_prefix(from->ip_range, &range) || !address_within(&subnet, &range) ||
         range.prefix < subnet.prefix)) {
        return bad(err, "invalid ip-range (it must be part of the subnet)", from->ip_range);
    }
    if (!berth_str_empty(from->gateway) &&
        (!address_parse(from->gateway, &gateway) || !address_within(&subnet, &gateway))) {
        return bad(err, "no matching subnet for gateway", from->gateway);
    }
    for (size_t i = 0; i < from->aux_addresses.count; i++) {
        berth_network_address other;
        if (!address_parse(from->aux_addresses.values[i], &other) ||
            !address_within(&subnet, &other)) {
            return bad(err, "no matching subnet for aux-address", from->aux_addresses.values[i]);
        }
    }
    int32_t code = pools_check(manager, &subnet, network, err);
    if (code < 0) {
        return code;
    }
    to = berth_json_list_add(&network->object.ipam.config, &berth_network_subnet_config_table);
    if (to == NULL) {
        return berth_error_no_memory(err);
    }
    code = berth_json_copy(&berth_network_subnet_config_table, from, to, err);
    berth_replace(&to->subnet, berth_strdup(address_format_prefix(&subnet, text)));
    return code == 0 && to->subnet == NULL ? berth_error_no_memory(err) : code;
}

/* A subnet from the pools for a family that none was given for. */
static int32_t add_from_pools(struct berth_network_manager *manager, struct network *network,
                              int family, berth_error *err)
{
    struct berth_network_subnet_config *config;
    berth_network_address subnet;
    char text[ADDRESS_TEXT];
    int32_t code = pools_choose(manager, family, network, &subnet, err);
    if (code < 0) {
        return code;
    }
    config = berth_json_list_add(&network->object.ipam.config, &berth_network_subnet_config_table);
    if (config == NULL) {
        return berth_error_no_memory(err);
    }
    config->subnet = berth_strdup(address_format_prefix(&subnet, text));
    return config->subnet == NULL ? berth_error_no_memory(err) : 0;
}

/* Gives every subnet a gateway: the first address of its range. */
static int32_t set_gateways(struct network *network, berth_error *err)
{
    for (size_t i = 0; i < network->object.ipam.config.count; i++) {
        struct berth_network_subnet_config *config = network->object.ipam.config.items[i];
        berth_network_address base, gateway;
        char text[ADDRESS_TEXT];
        if (!berth_str_empty(config->gateway)) {
            continue;
        }
        if (!address_parse_prefix(
                berth_str_empty(config->ip_range) ? config->subnet : config->ip_range, &base)) {
            return bad(err, "invalid subnet", config->subnet);
        }
        gateway = address_add(&base, address_count(&base) > 1 ? 1 : 0);
        berth_replace(&config->gateway, berth_strdup(address_format(&gateway, text)));
        if (config->gateway == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

/* All subnets; the lock is held, so that no other creation takes the same. */
static int32_t set_subnets(struct berth_network_manager *manager, struct network *network,
                           const struct berth_network_create_request *request, berth_error *err)
{
    bool families[2] = {false, false}; /* given: IPv4, IPv6 */
    int32_t code = 0;
    for (size_t i = 0; i < request->ipam.config.count && code == 0; i++) {
        const struct berth_network_subnet_config *config = request->ipam.config.items[i];
        berth_network_address subnet;
        if (berth_str_empty(config->subnet)) {
            continue;
        }
        code = copy_subnet(manager, network, config, err);
        if (code == 0 && address_parse_prefix(config->subnet, &subnet)) {
            families[subnet.family == 6] = true;
        }
    }
    network->object.enable_ipv6 = request->enable_ipv6 == 1;
    network->object.enable_ipv4 = request->enable_ipv4 != 0;
    if (code == 0 && network->object.enable_ipv4 && !families[0]) {
        code = add_from_pools(manager, network, 4, err);
    }
    if (code == 0 && network->object.enable_ipv6 && !families[1]) {
        code = add_from_pools(manager, network, 6, err);
    }
    code = code == 0 ? set_gateways(network, err) : code;
    return code == 0 ? network_load_subnets(network, err) : code;
}

static int32_t fill_object(struct berth_network_object *object,
                           const struct berth_network_create_request *request, berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1], time[BERTH_TIME_TEXT];
    int32_t code = berth_id_new(id, err);
    if (code < 0) {
        return code;
    }
    object->name = berth_strdup(request->name);
    object->id = berth_strdup(id);
    object->created = berth_strdup(berth_time_format(berth_time_now(), time));
    object->scope = berth_strdup("local");
    object->driver = berth_strdup(berth_str_empty(request->driver) ? "bridge" : request->driver);
    object->ipam.driver =
        berth_strdup(berth_str_empty(request->ipam.driver) ? "default" : request->ipam.driver);
    object->internal = request->internal;
    object->attachable = request->attachable;
    if (object->name == NULL || object->id == NULL || object->created == NULL ||
        object->scope == NULL || object->driver == NULL || object->ipam.driver == NULL ||
        !berth_strmap_merge(&object->ipam.options, &request->ipam.options) ||
        !berth_strmap_merge(&object->options, &request->options) ||
        !berth_strmap_merge(&object->labels, &request->labels)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

/* Checks the name, allocates subnets and puts the network into the list. */
static int32_t enlist(struct berth_network_manager *manager, struct network *network,
                      const struct berth_network_create_request *request, bool addresses,
                      berth_error *err)
{
    struct network **end = &manager->networks;
    AUTO_LOCK(&manager->lock);
    for (; *end != NULL; end = &(*end)->next) {
        if (strcmp((*end)->object.name, request->name) == 0) {
            return berth_error_set(err, BERTH_E_CONFLICT, 0, "network with name %s already exists",
                                   request->name);
        }
    }
    if (addresses) {
        int32_t code = set_subnets(manager, network, request, err);
        if (code < 0) {
            return code;
        }
    }
    *end = network;
    return 0;
}

static void delist(struct berth_network_manager *manager, const struct network *network)
{
    AUTO_LOCK(&manager->lock);
    for (struct network **at = &manager->networks; *at != NULL; at = &(*at)->next) {
        if (*at == network) {
            *at = network->next;
            return;
        }
    }
}

int32_t berth_network_create(struct berth_network_manager *manager,
                             const struct berth_network_create_request *request, char **ret_id,
                             char **ret_warning, berth_error *err)
{
    struct berth_driver *driver;
    AUTO_FREE char *id = NULL;
    int32_t code = check_request(request, err);
    struct network *network = code < 0 ? NULL : calloc(1, sizeof(*network));
    if (network == NULL) {
        return code < 0 ? code : berth_error_no_memory(err);
    }
    berth_json_init(&berth_network_object_table, &network->object);
    code = fill_object(&network->object, request, err);
    if (code == 0) {
        code = network_driver(manager, network, &driver, err);
    }
    if (code == 0) {
        bool addresses = (berth_driver_caps(driver) & BERTH_NETWORK_CAP_NO_ADDRESSES) == 0;
        code = enlist(manager, network, request, addresses, err);
    }
    if (code < 0) {
        network_free(network);
        return code;
    }
    code = network_wire(manager, network, err);
    if (code == 0) {
        code = network_store(manager, &network->object, err);
        if (code < 0) {
            network_unwire(manager, network, NULL);
        }
    }
    id = berth_strdup(network->object.id);
    if (code == 0 && id == NULL) {
        code = berth_error_no_memory(err);
    }
    if (code < 0) {
        delist(manager, network);
        network_free(network);
        return code;
    }
    network_publish(manager, network, "create", NULL);
    *ret_id = TAKE_PTR(id);
    if (ret_warning != NULL) {
        *ret_warning = NULL;
    }
    return 0;
}

/* Marks the network as going, unless somebody is in it. */
static int32_t claim(struct berth_network_manager *manager, const char *reference,
                     struct network **ret_network, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_LOCK(&manager->lock);
    struct network *network = network_find(manager, reference, &error);
    if (network == NULL) {
        return berth_error_move(err, &error);
    }
    if (network_is_predefined(network->object.name)) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "%s is a pre-defined network and cannot be removed",
                               network->object.name);
    }
    if (network->endpoints != NULL) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "error while removing network: network %s id %s has active "
                               "endpoints (name:\"%s\" id:\"%.12s\")",
                               network->object.name, network->object.id,
                               network->endpoints->container_name, network->endpoints->id);
    }
    if (network->removing) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "network %s is being removed",
                               network->object.name);
    }
    network->removing = true;
    *ret_network = network;
    return 0;
}

int32_t berth_network_remove(struct berth_network_manager *manager, const char *reference,
                             berth_error *err)
{
    struct network *network;
    int32_t code = claim(manager, reference, &network, err);
    if (code < 0) {
        return code;
    }
    code = network_unwire(manager, network, err);
    if (code == 0) {
        code = berth_store_delete(manager->store, STORE_KIND, network->object.id, err);
    }
    if (code < 0) {
        AUTO_LOCK(&manager->lock);
        network->removing = false;
        return code;
    }
    /* networks_sync walks the list under wire_lock */
    pthread_mutex_lock(&manager->wire_lock);
    delist(manager, network);
    pthread_mutex_unlock(&manager->wire_lock);
    network_publish(manager, network, "destroy", NULL);
    network_free(network);
    return 0;
}

int32_t berth_networks_prune(struct berth_network_manager *manager,
                             bool (*keep)(const struct berth_network_object *, void *),
                             void *context, struct berth_strv *ret_names, berth_error *err)
{
    struct berth_json_list list = {0};
    int32_t code = berth_networks_list(manager, false, &list, err);
    for (size_t i = 0; i < list.count && code == 0; i++) {
        const struct berth_network_object *object = list.items[i];
        berth_error error = BERTH_ERROR_INIT;
        if (network_is_predefined(object->name) ||
            berth_network_use_count(manager, object->id) > 0 ||
            (keep != NULL && keep(object, context))) {
            continue;
        }
        if (berth_network_remove(manager, object->id, &error) < 0) {
            berth_log(BERTH_LOG_WARN, "prune: network %s stays: %s", object->name, error.msg);
        } else if (!berth_strv_add(ret_names, object->name)) {
            code = berth_error_no_memory(err);
        }
    }
    berth_json_list_done(&list, &berth_network_object_table);
    return code;
}
