/* SPDX-License-Identifier: Apache-2.0
 *
 * Sandboxes: a container's namespace with its endpoints and ports.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "network/internal.h"

void berth_sandbox_init(struct berth_sandbox *sandbox)
{
    berth_json_init(&berth_sandbox_table, sandbox);
    sandbox->netns_fd = -1;
}

void berth_sandbox_done(struct berth_sandbox *sandbox)
{
    if (sandbox->netns_fd >= 0) {
        close(sandbox->netns_fd);
    }
    berth_json_done(&berth_sandbox_table, sandbox); /* zeroes the whole struct */
    sandbox->netns_fd = -1;
}

/* ---- the plan: which networks, in which order ---- */

struct plan {
    struct berth_network_manager *manager;
    const struct berth_sandbox_settings *settings;
    struct endpoint *endpoints[MAX_ENDPOINTS];
    /* what was asked for, beside each; borrowed, may be NULL */
    const struct berth_endpoint_settings *wanted[MAX_ENDPOINTS];
    const struct network *networks[MAX_ENDPOINTS];
    size_t count;
    struct endpoint *publisher; /* who the ports lead to; NULL: nobody */
};

static const char *mode_of(const struct berth_sandbox_settings *settings)
{
    const char *mode = settings->network_mode;
    return berth_str_empty(mode) || strcmp(mode, "default") == 0 ? DEFAULT_NETWORK : mode;
}

/* The settings that the caller has under a network's name or id. */
static const struct berth_endpoint_settings *wanted_for(const struct berth_json_map *endpoints,
                                                        const struct network *network,
                                                        const char *mode)
{
    for (size_t i = 0; endpoints != NULL && i < endpoints->count; i++) {
        const char *key = endpoints->keys[i];
        if (strcmp(key, network->object.name) == 0 || strcmp(key, network->object.id) == 0 ||
            strcmp(key, mode) == 0 ||
            (strcmp(key, "default") == 0 && strcmp(network->object.name, DEFAULT_NETWORK) == 0)) {
            return endpoints->values[i];
        }
    }
    return NULL;
}

static bool in_plan(const struct plan *plan, const struct network *network)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->networks[i] == network) {
            return true;
        }
    }
    return false;
}

static int32_t plan_add(struct plan *plan, const char *reference,
                        const struct berth_endpoint_settings *wanted, berth_error *err)
{
    berth_error error = BERTH_ERROR_INIT;
    struct network *network = network_find(plan->manager, reference, &error);
    if (network == NULL) {
        return berth_error_move(err, &error);
    }
    if (in_plan(plan, network)) {
        return 0;
    }
    if (plan->count == MAX_ENDPOINTS) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "a container has at most %d networks",
                               MAX_ENDPOINTS);
    }
    if (wanted == NULL) {
        wanted = wanted_for(plan->settings->endpoints, network, reference);
    }
    plan->networks[plan->count] = network;
    plan->wanted[plan->count++] = wanted;
    return 0;
}

/* The mode's network first, then the others as asked for; the lock is held. */
static int32_t plan_networks(struct plan *plan, berth_error *err)
{
    const struct berth_json_map *endpoints = plan->settings->endpoints;
    int32_t code = plan_add(plan, mode_of(plan->settings), NULL, err);
    for (size_t i = 0; endpoints != NULL && i < endpoints->count && code == 0; i++) {
        code = plan_add(plan, endpoints->keys[i], endpoints->values[i], err);
    }
    for (size_t i = 0; plan->count > 1 && i < plan->count && code == 0; i++) {
        const char *name = plan->networks[i]->object.name;
        if (strcmp(name, "host") == 0 || strcmp(name, "none") == 0) {
            code = berth_error_set(err, BERTH_E_INVALID, 0,
                                   "conflicting options: cannot attach both user-defined and "
                                   "non-user-defined network-modes (%s)",
                                   name);
        }
    }
    return code;
}

int32_t berth_network_settings_check(struct berth_network_manager *manager,
                                     const struct berth_sandbox_settings *settings,
                                     berth_error *err)
{
    struct plan plan = {.manager = manager, .settings = settings};
    uint8_t mac[6];
    int32_t code = publish_check(settings, err);
    if (code < 0 || berth_str_starts(settings->network_mode, "container:")) {
        return code;
    }
    if (!berth_str_empty(settings->mac_address) && !address_parse_mac(settings->mac_address, mac)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid MAC address: %s",
                               settings->mac_address);
    }
    AUTO_LOCK(&manager->lock);
    code = plan_networks(&plan, err);
    for (size_t i = 0; i < plan.count && code == 0; i++) {
        struct network *network = network_find_id(manager, plan.networks[i]->object.id);
        code = endpoint_check(network, plan.wanted[i], err);
    }
    return code;
}

/* Takes addresses in every network. On failure everything is given back. */
static int32_t plan_endpoints(struct plan *plan, berth_error *err)
{
    AUTO_LOCK(&plan->manager->lock);
    int32_t code = plan_networks(plan, err);
    for (size_t i = 0; i < plan->count && code == 0; i++) {
        struct network *network = network_find_id(plan->manager, plan->networks[i]->object.id);
        code = endpoint_new(plan->manager, network, plan->settings, plan->wanted[i],
                            &plan->endpoints[i], err);
        if (code == 0) {
            snprintf(plan->endpoints[i]->interface, IFNAMSIZ, "eth%zu", i);
        }
    }
    if (code < 0) {
        for (size_t i = 0; i < plan->count; i++) {
            if (plan->endpoints[i] != NULL) {
                endpoint_free(plan->manager, plan->endpoints[i]);
            }
        }
        plan->count = 0;
    }
    return code;
}

/* Gives back what was made; netns_fd -1: the namespace goes. */
static void undo(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        berth_error error = BERTH_ERROR_INIT;
        if (endpoint_leave(plan->manager, plan->endpoints[i], -1, &error) < 0) {
            berth_log(BERTH_LOG_ERROR, "container %.12s: leaving network %s: %s",
                      plan->settings->container_id, plan->networks[i]->object.name, error.msg);
        }
        AUTO_LOCK(&plan->manager->lock);
        endpoint_free(plan->manager, plan->endpoints[i]);
    }
    plan->count = 0;
}

/* ---- open ---- */

static int32_t begin_sandbox(const struct berth_sandbox_settings *settings, const char *mode,
                             struct berth_sandbox *sandbox, berth_error *err)
{
    char id[BERTH_ID_LENGTH + 1] = "";
    bool shared = berth_str_starts(mode, "container:");
    int32_t code = shared ? 0 : berth_id_new(id, err);
    if (code < 0) {
        return code;
    }
    sandbox->id = berth_strdup(id);
    sandbox->key = berth_strdup(strcmp(mode, "host") == 0 ? "/proc/1/ns/net" : "");
    sandbox->container_id = berth_strdup(settings->container_id);
    sandbox->mode = berth_strdup(mode);
    return sandbox->id == NULL || sandbox->key == NULL || sandbox->container_id == NULL ||
                   sandbox->mode == NULL
               ? berth_error_no_memory(err)
               : 0;
}

/* Which capabilities the drivers of the plan have together. */
static int32_t plan_caps(struct plan *plan, uint32_t *ret_caps, berth_error *err)
{
    *ret_caps = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct berth_driver *driver;
        int32_t code = network_driver(plan->manager, plan->endpoints[i]->network, &driver, err);
        if (code < 0) {
            return code;
        }
        *ret_caps |= berth_driver_caps(driver);
    }
    return 0;
}

/* The namespace: a spare one, the host's (none) or another container's. */
static int32_t open_namespace(struct plan *plan, uint32_t caps, struct berth_sandbox *sandbox,
                              berth_error *err)
{
    bool prepared = plan->count > 0 && strcmp(plan->networks[0]->object.name, DEFAULT_NETWORK) == 0;
    if (caps & BERTH_NETWORK_CAP_HOST_NAMESPACE) {
        return 0;
    }
    return spare_take(&plan->manager->spare, prepared ? SPARE_PREPARED : SPARE_LOOPBACK,
                      &sandbox->netns_fd, err);
}

static int32_t wire_all(struct plan *plan, struct berth_sandbox *sandbox, berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0; i < plan->count && code == 0; i++) {
        code = endpoint_join(plan->manager, plan->endpoints[i], sandbox->netns_fd, err);
    }
    if (code == 0 && plan->publisher != NULL) {
        code = endpoint_publish(plan->manager, plan->publisher, err);
    }
    for (size_t i = 0; i < plan->count && code == 0; i++) {
        struct endpoint *endpoint = plan->endpoints[i];
        code = sandbox_add_endpoint(sandbox, plan->settings, endpoint, plan->wanted[i],
                                    endpoint == plan->publisher, err);
    }
    return code;
}

static int32_t open_shared(const struct berth_sandbox_settings *settings,
                           struct berth_sandbox *sandbox, berth_error *err)
{
    if (settings->shared_netns_fd <= 0) {
        return 0; /* the other container is in the host's namespace */
    }
    sandbox->netns_fd = fcntl(settings->shared_netns_fd, F_DUPFD_CLOEXEC, 3);
    return sandbox->netns_fd < 0
               ? berth_error_errno(err, errno, "cannot share the other container's network")
               : 0;
}

static int32_t open_own(struct plan *plan, struct berth_sandbox *sandbox, berth_error *err)
{
    uint32_t caps;
    int32_t code = plan_endpoints(plan, err);
    if (code < 0) {
        return code;
    }
    code = plan_caps(plan, &caps, err);
    if (code == 0) {
        plan->publisher = sandbox_choose_gateways(plan->endpoints, plan->count);
        if (plan->publisher != NULL) {
            code = publish_reserve(plan->manager, plan->settings, plan->publisher, &sandbox->ports,
                                   err);
        }
    }
    code = code == 0 ? open_namespace(plan, caps, sandbox, err) : code;
    code = code == 0 ? wire_all(plan, sandbox, err) : code;
    if (code < 0) {
        undo(plan);
    }
    return code;
}

int32_t berth_network_sandbox_open(struct berth_network_manager *manager,
                                   const struct berth_sandbox_settings *settings,
                                   struct berth_sandbox *ret_sandbox, berth_error *err)
{
    struct plan plan = {.manager = manager, .settings = settings};
    struct berth_sandbox sandbox;
    const char *mode = mode_of(settings);
    int32_t code;
    berth_sandbox_init(&sandbox);
    code = begin_sandbox(settings, mode, &sandbox, err);
    if (code == 0) {
        code = berth_str_starts(mode, "container:") ? open_shared(settings, &sandbox, err)
                                                    : open_own(&plan, &sandbox, err);
    }
    if (code < 0) {
        berth_sandbox_done(&sandbox);
        return code;
    }
    for (size_t i = 0; i < plan.count; i++) {
        network_publish(manager, plan.networks[i], "connect", settings->container_id);
    }
    *ret_sandbox = sandbox;
    return 0;
}

/* ---- close ---- */

/* Forgets what the endpoint had, keeps what was asked for. */
static void clear_facts(struct berth_endpoint_settings *settings, bool mac_wanted)
{
    char **const slots[] = {&settings->network_id,   &settings->endpoint_id,
                            &settings->gateway,      &settings->ip_address,
                            &settings->ipv6_gateway, &settings->global_ipv6_address};
    for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
        berth_replace(slots[i], NULL);
    }
    if (!mac_wanted) {
        berth_replace(&settings->mac_address, NULL);
    }
    settings->ip_prefix_len = 0;
    settings->global_ipv6_prefix_len = 0;
    berth_strv_done(&settings->dns_names);
}

void berth_network_sandbox_close(struct berth_network_manager *manager,
                                 struct berth_sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->endpoints.count; i++) {
        struct berth_endpoint_settings *settings = sandbox->endpoints.values[i];
        const struct berth_sandbox_wire *wire = sandbox_find_wire(sandbox, settings->endpoint_id);
        struct endpoint *endpoint = sandbox_endpoint(manager, settings);
        berth_error error = BERTH_ERROR_INIT;
        if (endpoint != NULL && sandbox_drop_endpoint(manager, endpoint, -1, &error) < 0) {
            berth_log(BERTH_LOG_ERROR, "container %.12s: leaving network %s: %s",
                      sandbox->container_id, sandbox->endpoints.keys[i], error.msg);
        }
        if (!berth_str_empty(settings->endpoint_id)) {
            clear_facts(settings, wire != NULL && wire->mac_wanted);
        }
    }
    sandbox_empty_ports(&sandbox->ports);
    berth_json_list_done(&sandbox->wires, &berth_sandbox_wire_table);
    berth_replace(&sandbox->id, NULL);
    berth_replace(&sandbox->key, NULL);
    if (sandbox->netns_fd >= 0) {
        spare_retire(&manager->spare, TAKE_FD(sandbox->netns_fd));
    }
}
