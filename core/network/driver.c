/* SPDX-License-Identifier: Apache-2.0
 *
 * From our objects to the drivers' structs and calls.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "network/internal.h"
#include "plugin/network.h"

/* Docker calls the driver of the network none "null". */
static const char *file_name(const char *driver)
{
    return strcmp(driver, "null") == 0 ? "none" : driver;
}

/* Opens the driver; wire_lock is held. */
static int32_t open_driver(struct berth_network_manager *manager, struct network *network,
                           berth_error *err)
{
    AUTO_STRMAP struct berth_strmap parameters = {0};
    const char *name = file_name(network->object.driver);
    if (network->driver != NULL) {
        return 0;
    }
    if (strcmp(name, "bridge") == 0 &&
        (!berth_strmap_set(&parameters, "table", manager->table) ||
         !berth_strmap_set(&parameters, "ip-forward", manager->no_ip_forward ? "false" : "true"))) {
        return berth_error_no_memory(err);
    }
    return berth_plugin_open(manager->plugins, BERTH_KIND_NETWORK, name, NULL, &parameters,
                             &network->driver, err);
}

int32_t network_driver(struct berth_network_manager *manager, struct network *network,
                       struct berth_driver **ret_driver, berth_error *err)
{
    AUTO_LOCK(&manager->wire_lock);
    int32_t code = open_driver(manager, network, err);
    if (code == 0) {
        *ret_driver = network->driver;
    }
    return code;
}

static bool option_is(const struct network *network, const char *key, bool otherwise)
{
    bool value;
    const char *text = berth_strmap_get(&network->object.options, key);
    return text != NULL && berth_str_to_bool(text, &value) ? value : otherwise;
}

/* A driver's view of a network; the arrays are in the struct. */
struct network_view {
    berth_network_config config;
    berth_network_subnet subnets[MAX_SUBNETS];
    berth_network_option *options;
};

static int32_t view_network(const struct network *network, struct network_view *view,
                            berth_error *err)
{
    const struct berth_strmap *options = &network->object.options;
    const char *mtu = berth_strmap_get(options, "com.docker.network.driver.mtu");
    int64_t number = 0;
    memset(view, 0, sizeof(*view));
    view->options = calloc(options->count + 1, sizeof(*view->options));
    if (view->options == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < options->count; i++) {
        view->options[i] = (berth_network_option){options->keys[i], options->values[i]};
    }
    for (size_t i = 0; i < network->n_subnets; i++) {
        view->subnets[i].subnet = network->subnets[i].subnet;
        view->subnets[i].gateway = network->subnets[i].gateway;
    }
    if (mtu != NULL) {
        berth_str_to_int64(mtu, &number);
    }
    view->config = (berth_network_config){
        .struct_size = sizeof(view->config),
        .id = network->object.id,
        .name = network->object.name,
        .interface = berth_strmap_get(options, "com.docker.network.bridge.name"),
        .parent = berth_strmap_get(options, "parent"),
        .subnets = view->subnets,
        .options = view->options,
        .n_subnets = (uint32_t)network->n_subnets,
        .n_options = (uint32_t)options->count,
        .mtu = number > 0 && number <= UINT16_MAX ? (uint32_t)number : 0,
    };
    view->config.flags =
        (network->object.internal ? BERTH_NETWORK_INTERNAL : 0) |
        (option_is(network, "com.docker.network.bridge.enable_icc", true) ? BERTH_NETWORK_ICC : 0) |
        (option_is(network, "com.docker.network.bridge.enable_ip_masquerade", true)
             ? BERTH_NETWORK_MASQUERADE
             : 0) |
        (strcmp(network->object.name, DEFAULT_NETWORK) == 0 ? BERTH_NETWORK_DEFAULT : 0);
    return 0;
}

/* wire_lock is held. */
static int32_t wire_locked(struct berth_network_manager *manager, struct network *network,
                           berth_error *err)
{
    AUTO_STRMAP struct berth_strmap facts = {0};
    struct berth_sink sink = berth_sink_map(&facts);
    struct network_view view;
    const char *interface;
    int32_t code = open_driver(manager, network, err);
    if (code < 0 || network->wired) {
        return code;
    }
    code = view_network(network, &view, err);
    if (code == 0) {
        code = berth_network_driver_create(network->driver, NULL, &view.config, &sink, err);
    }
    free(view.options);
    if (code < 0) {
        return code;
    }
    interface = berth_strmap_get(&facts, "interface");
    snprintf(network->interface, sizeof(network->interface), "%s",
             interface != NULL ? interface : "");
    __atomic_store_n(&network->wired, true, __ATOMIC_RELEASE);
    if (strcmp(network->object.name, DEFAULT_NETWORK) == 0) {
        spare_enable_prepared(&manager->spare);
    }
    return 0;
}

int32_t network_wire(struct berth_network_manager *manager, struct network *network,
                     berth_error *err)
{
    if (__atomic_load_n(&network->wired, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    AUTO_LOCK(&manager->wire_lock);
    return wire_locked(manager, network, err);
}

int32_t network_unwire(struct berth_network_manager *manager, struct network *network,
                       berth_error *err)
{
    AUTO_LOCK(&manager->wire_lock);
    int32_t code = open_driver(manager, network, err);
    if (code == 0) {
        code = berth_network_driver_remove(network->driver, NULL, network->object.id, err);
    }
    if (code == 0) {
        network->wired = false;
    }
    return code;
}

int32_t network_prepare(struct berth_network_manager *manager, int netns_fd, berth_error *err)
{
    struct berth_driver *driver = NULL;
    char id[BERTH_ID_LENGTH + 1] = "";
    pthread_mutex_lock(&manager->lock);
    struct network *network = network_find(manager, DEFAULT_NETWORK, NULL);
    if (network != NULL && __atomic_load_n(&network->wired, __ATOMIC_ACQUIRE)) {
        driver = network->driver;
        snprintf(id, sizeof(id), "%s", network->object.id);
    }
    pthread_mutex_unlock(&manager->lock);
    if (driver == NULL) {
        return berth_error_set(err, BERTH_E_UNSUPPORTED, 0, "the default network is not in use");
    }
    return berth_network_driver_prepare(driver, NULL, id, netns_fd, err);
}

/* ---- endpoints ---- */

static void view_endpoint(const struct endpoint *endpoint, berth_network_endpoint *view)
{
    *view = (berth_network_endpoint){
        .struct_size = sizeof(*view),
        .flags = (endpoint->route4 ? BERTH_ENDPOINT_ROUTE4 : 0) |
                 (endpoint->route6 ? BERTH_ENDPOINT_ROUTE6 : 0),
        .network_id = endpoint->network->object.id,
        .id = endpoint->id,
        .container_id = endpoint->container_id,
        .interface = endpoint->interface,
        .host_interface = endpoint->host_interface[0] != '\0' ? endpoint->host_interface : NULL,
        .ipv4 = endpoint->ipv4,
        .ipv6 = endpoint->ipv6,
        .gateway4 = endpoint_gateway(endpoint->network, &endpoint->ipv4),
        .gateway6 = endpoint_gateway(endpoint->network, &endpoint->ipv6),
        .ports = endpoint->ports,
        .n_ports = endpoint->n_ports,
    };
    memcpy(view->mac, endpoint->mac, sizeof(view->mac));
}

int32_t endpoint_join(struct berth_network_manager *manager, struct endpoint *endpoint,
                      int netns_fd, berth_error *err)
{
    AUTO_STRMAP struct berth_strmap facts = {0};
    struct berth_sink sink = berth_sink_map(&facts);
    berth_network_endpoint view;
    const char *interface;
    int32_t code = network_wire(manager, endpoint->network, err);
    if (code < 0) {
        return code;
    }
    view_endpoint(endpoint, &view);
    code = berth_network_driver_join(endpoint->network->driver, NULL, &view, netns_fd, &sink, err);
    if (code == 0) {
        interface = berth_strmap_get(&facts, "interface");
        snprintf(endpoint->host_interface, sizeof(endpoint->host_interface), "%s",
                 interface != NULL ? interface : "");
        endpoint->joined = true;
    }
    return code;
}

int32_t endpoint_leave(struct berth_network_manager *manager, struct endpoint *endpoint,
                       int netns_fd, berth_error *err)
{
    berth_network_endpoint view;
    int32_t code;
    if (!endpoint->joined) {
        return 0;
    }
    view_endpoint(endpoint, &view);
    code = network_wire(manager, endpoint->network, err);
    if (code == 0) {
        code = berth_network_driver_leave(endpoint->network->driver, NULL, &view, netns_fd, err);
    }
    endpoint->joined = false;
    return code;
}

int32_t endpoint_publish(struct berth_network_manager *manager, struct endpoint *endpoint,
                         berth_error *err)
{
    berth_network_endpoint view;
    if (endpoint->n_ports == 0) {
        return 0;
    }
    view_endpoint(endpoint, &view);
    return berth_network_driver_publish(endpoint->network->driver, NULL, &view, endpoint->ports,
                                        endpoint->n_ports, err);
}

/* ---- sync ---- */

/* Everything of one driver, as it wants it. */
struct state_view {
    berth_network_state state;
    struct network_view *networks;
    const berth_network_config **network_list;
    berth_network_endpoint *endpoints;
    const berth_network_endpoint **endpoint_list;
};

static void state_done(struct state_view *view)
{
    for (uint32_t i = 0; i < view->state.n_networks; i++) {
        free(view->networks[i].options);
    }
    free(view->networks);
    free(view->network_list);
    free(view->endpoints);
    free(view->endpoint_list);
}

/* The lock is held from this call until the sync has ended: endpoints are borrowed. */
static int32_t view_state(const struct berth_network_manager *manager,
                          const struct berth_driver *driver, struct state_view *view,
                          berth_error *err)
{
    size_t networks = 0, endpoints = 0;
    memset(view, 0, sizeof(*view));
    for (const struct network *n = manager->networks; n != NULL; n = n->next) {
        networks++;
        endpoints += n->n_endpoints;
    }
    view->networks = calloc(networks + 1, sizeof(*view->networks));
    view->network_list = calloc(networks + 1, sizeof(*view->network_list));
    view->endpoints = calloc(endpoints + 1, sizeof(*view->endpoints));
    view->endpoint_list = calloc(endpoints + 1, sizeof(*view->endpoint_list));
    if (view->networks == NULL || view->network_list == NULL || view->endpoints == NULL ||
        view->endpoint_list == NULL) {
        return berth_error_no_memory(err);
    }
    view->state = (berth_network_state){.struct_size = sizeof(view->state),
                                        .networks = view->network_list,
                                        .endpoints = view->endpoint_list};
    for (const struct network *n = manager->networks; n != NULL; n = n->next) {
        if (n->driver != driver || !n->wired) {
            continue;
        }
        uint32_t at = view->state.n_networks;
        int32_t code = view_network(n, &view->networks[at], err);
        if (code < 0) {
            return code;
        }
        view->network_list[at] = &view->networks[at].config;
        view->state.n_networks++;
        for (const struct endpoint *e = n->endpoints; e != NULL; e = e->next) {
            if (e->joined) {
                uint32_t slot = view->state.n_endpoints++;
                view_endpoint(e, &view->endpoints[slot]);
                view->endpoint_list[slot] = &view->endpoints[slot];
            }
        }
    }
    return 0;
}

static void sync_driver(struct berth_network_manager *manager, struct berth_driver *driver)
{
    AUTO_STRV struct berth_strv facts = {0};
    struct berth_sink sink = berth_sink_list(&facts);
    berth_error error = BERTH_ERROR_INIT;
    struct state_view view;
    AUTO_LOCK(&manager->lock);
    int32_t code = view_state(manager, driver, &view, &error);
    if (code == 0) {
        code = berth_network_driver_sync(driver, NULL, &view.state, &sink, &error);
    }
    state_done(&view);
    for (size_t i = 0; i + 1 < facts.count; i += 2) {
        berth_log(BERTH_LOG_INFO, "network driver %s: %s %s", berth_driver_name(driver),
                  facts.items[i], facts.items[i + 1]);
    }
    if (code < 0) {
        berth_log(BERTH_LOG_ERROR, "network driver %s: cannot bring the kernel to order: %s",
                  berth_driver_name(driver), error.msg);
    }
}

/* Is there something of this network in the kernel? */
static bool is_present(const struct berth_network_manager *manager, const struct network *network)
{
    const char *name = berth_strmap_get(&network->object.options, "com.docker.network.bridge.name");
    char made[IFNAMSIZ];
    if (network->n_endpoints > 0 || network->wired) {
        return true;
    }
    if (strcmp(network->object.driver, "bridge") != 0) {
        return false;
    }
    snprintf(made, sizeof(made), "br-%.12s", network->object.id);
    return if_nametoindex(!berth_str_empty(name) ? name : made) != 0;
}

void networks_sync(struct berth_network_manager *manager)
{
    struct berth_driver *drivers[16];
    size_t count = 0;
    AUTO_LOCK(&manager->wire_lock);
    /* networks are added and removed under wire_lock too, so the list stands still */
    for (struct network *n = manager->networks; n != NULL; n = n->next) {
        berth_error error = BERTH_ERROR_INIT;
        bool known = false;
        if (!is_present(manager, n)) {
            continue;
        }
        if (open_driver(manager, n, &error) < 0) {
            berth_log(BERTH_LOG_ERROR, "network %s: %s", n->object.name, error.msg);
            continue;
        }
        __atomic_store_n(&n->wired, true, __ATOMIC_RELEASE);
        for (size_t i = 0; i < count; i++) {
            known = known || drivers[i] == n->driver;
        }
        if (!known && count < ARRAY_SIZE(drivers)) {
            drivers[count++] = n->driver;
        }
    }
    for (size_t i = 0; i < count; i++) {
        sync_driver(manager, drivers[i]);
    }
    struct network *main_network = network_find(manager, DEFAULT_NETWORK, NULL);
    if (main_network != NULL && main_network->wired) {
        spare_enable_prepared(&manager->spare);
    }
}

void berth_networks_restored(struct berth_network_manager *manager)
{
    networks_sync(manager);
}

/* Calls status or list of every driver in use. */
static int32_t each_driver(struct berth_network_manager *manager,
                           int32_t (*visit)(struct berth_driver *, void *, berth_error *),
                           void *context, berth_error *err)
{
    struct berth_driver *seen[16];
    size_t count = 0;
    AUTO_LOCK(&manager->wire_lock);
    for (struct network *n = manager->networks; n != NULL; n = n->next) {
        bool known = n->driver == NULL;
        for (size_t i = 0; i < count; i++) {
            known = known || seen[i] == n->driver;
        }
        if (known || count == ARRAY_SIZE(seen)) {
            continue;
        }
        seen[count++] = n->driver;
        int32_t code = visit(n->driver, context, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int32_t visit_status(struct berth_driver *driver, void *context, berth_error *err)
{
    AUTO_STRV struct berth_strv facts = {0};
    struct berth_sink sink = berth_sink_list(&facts);
    int32_t code = berth_network_driver_status(driver, &sink, err);
    for (size_t i = 0; code == 0 && i + 1 < facts.count; i += 2) {
        if (strcmp(facts.items[i], "warning") == 0 &&
            !berth_strv_add(context, facts.items[i + 1])) {
            code = berth_error_no_memory(err);
        }
    }
    return code;
}

int32_t berth_networks_warnings(struct berth_network_manager *manager,
                                struct berth_strv *ret_warnings, berth_error *err)
{
    return each_driver(manager, visit_status, ret_warnings, err);
}

static int32_t visit_list(struct berth_driver *driver, void *context, berth_error *err)
{
    AUTO_STRV struct berth_strv facts = {0};
    struct berth_sink sink = berth_sink_list(&facts);
    berth_error error = BERTH_ERROR_INIT;
    int32_t code = berth_network_driver_list(driver, NULL, &sink, &error);
    if (code == BERTH_E_UNSUPPORTED) {
        return 0;
    }
    for (size_t i = 0; code == 0 && i + 1 < facts.count; i += 2) {
        int64_t before = 0, more = 0;
        const char *text = berth_strmap_get(context, facts.items[i]);
        if (text != NULL) {
            berth_str_to_int64(text, &before);
        }
        berth_str_to_int64(facts.items[i + 1], &more);
        AUTO_FREE char *sum = berth_format("%lld", (long long)before + (long long)more);
        if (sum == NULL || !berth_strmap_set(context, facts.items[i], sum)) {
            return berth_error_no_memory(err);
        }
    }
    return code < 0 ? berth_error_move(err, &error) : 0;
}

int32_t berth_networks_usage(struct berth_network_manager *manager, struct berth_strmap *ret_counts,
                             berth_error *err)
{
    return each_driver(manager, visit_list, ret_counts, err);
}
