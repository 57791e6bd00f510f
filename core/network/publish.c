/* SPDX-License-Identifier: Apache-2.0
 *
 * Published ports: from what a container asks for ("80/tcp": 127.0.0.1:8080, -P, ranges) to
 * reserved host ports.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/internal.h"
#include "network/sockets.h"

#define MANY_PORTS 64     /* from here on the host's sockets are read at once */
#define MAX_PORTS  200000 /* of one container: every port of three protocols, and some */

/* "80", "80/tcp", "8000-8010/udp" */
static int32_t parse_container_port(const char *text, uint16_t *ret_first, uint16_t *ret_last,
                                    uint8_t *ret_protocol, berth_error *err)
{
    unsigned first = 0, last;
    int end = 0;
    const char *slash = strchr(text, '/');
    uint8_t protocol = slash == NULL ? 6 : port_protocol_parse(slash + 1);
    if (protocol == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid protocol: %s", slash + 1);
    }
    if (sscanf(text, "%5u%n", &first, &end) != 1) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid port: %s", text);
    }
    last = first;
    if (text[end] == '-') {
        int more = 0;
        if (sscanf(text + end, "-%5u%n", &last, &more) != 1) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid port range: %s", text);
        }
        end += more;
    }
    if ((text[end] != '\0' && text + end != slash) || first == 0 || last < first ||
        last > UINT16_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid port: %s", text);
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    *ret_protocol = protocol;
    return 0;
}

/* "", "8080", "8080-8090"; 0 and 0: any. */
static int32_t parse_host_port(const char *text, uint16_t *ret_first, uint16_t *ret_last,
                               berth_error *err)
{
    unsigned first = 0, last;
    int end = 0;
    if (berth_str_empty(text) || strcmp(text, "0") == 0) {
        *ret_first = *ret_last = 0;
        return 0;
    }
    if (sscanf(text, "%5u%n", &first, &end) != 1) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid host port: %s", text);
    }
    last = first;
    if (text[end] == '-') {
        int more = 0;
        if (sscanf(text + end, "-%5u%n", &last, &more) != 1) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid host port range: %s", text);
        }
        end += more;
    }
    if (text[end] != '\0' || first == 0 || last < first || last > UINT16_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid host port: %s", text);
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return 0;
}

/* ---- reserving ---- */

struct reservation {
    struct berth_network_manager *manager;
    struct endpoint *endpoint;
    struct berth_json_map *ports;
    struct sockets *sockets; /* read at once when there are many ports; else NULL */
    uint32_t capacity;
};

static const char *binding_text(const berth_network_port *port, char text[ADDRESS_TEXT + 24])
{
    char address[ADDRESS_TEXT];
    snprintf(text, ADDRESS_TEXT + 24, port->host_ip.family == 6 ? "[%s]:%u" : "%s:%u",
             address_format(&port->host_ip, address), port->host_port);
    return text;
}

/* Docker's context of a failure with ports. */
static int32_t fail(const struct reservation *reservation, const char *what, berth_error *err)
{
    return berth_error_set(
        err, BERTH_E_INTERNAL, 0,
        "driver failed programming external connectivity on endpoint %s (%s): %s",
        reservation->endpoint->container_name, reservation->endpoint->id, what);
}

/* Tries to reserve one port: 1 yes, 0 taken by a container or a socket (sentence in err), negative:
 * failure. */
static int try_port(struct reservation *reservation, const berth_network_port *port,
                    berth_error *err)
{
    struct berth_network_manager *manager = reservation->manager;
    struct endpoint *endpoint = reservation->endpoint;
    char binding[ADDRESS_TEXT + 24], sentence[256];
    int error;
    pthread_mutex_lock(&manager->lock);
    if (port_is_taken(&manager->ports, port)) {
        pthread_mutex_unlock(&manager->lock);
        snprintf(sentence, sizeof(sentence), "Bind for %s failed: port is already allocated",
                 binding_text(port, binding));
        fail(reservation, sentence, err);
        return 0;
    }
    if (endpoint->n_ports == reservation->capacity) {
        uint32_t capacity = reservation->capacity * 2 + 16;
        berth_network_port *ports = reallocarray(endpoint->ports, capacity, sizeof(*ports));
        if (ports != NULL) {
            endpoint->ports = ports;
            reservation->capacity = capacity;
        }
    }
    if (endpoint->n_ports == reservation->capacity || !port_take(&manager->ports, port)) {
        pthread_mutex_unlock(&manager->lock);
        return berth_error_no_memory(err);
    }
    endpoint->ports[endpoint->n_ports++] = *port;
    pthread_mutex_unlock(&manager->lock);
    if (reservation->sockets != NULL && address_is_any(&port->host_ip) &&
        !sockets_may_have(reservation->sockets, port->protocol, port->host_port)) {
        return 1;
    }
    error = port_probe(port);
    if (error == 0) {
        return 1;
    }
    pthread_mutex_lock(&manager->lock);
    port_release(&manager->ports, port);
    endpoint->n_ports--;
    pthread_mutex_unlock(&manager->lock);
    snprintf(sentence, sizeof(sentence), "failed to bind host port %s/%s: %s",
             binding_text(port, binding), port_protocol_name(port->protocol),
             error == EADDRINUSE      ? "address already in use"
             : error == EADDRNOTAVAIL ? "cannot assign requested address"
                                      : strerrordesc_np(error));
    fail(reservation, sentence, err);
    return 0;
}

/* Any port of the kernel's range, going on behind the last one. */
static int random_port(struct reservation *reservation, berth_network_port *port, berth_error *err)
{
    struct port_table *table = &reservation->manager->ports;
    uint16_t first, last;
    int result = 0;
    pthread_mutex_lock(&reservation->manager->lock);
    port_range(table, &first, &last);
    pthread_mutex_unlock(&reservation->manager->lock);
    for (unsigned i = 0; i <= (unsigned)(last - first) && result == 0; i++) {
        pthread_mutex_lock(&reservation->manager->lock);
        port->host_port = table->next;
        table->next = table->next >= last ? first : (uint16_t)(table->next + 1);
        pthread_mutex_unlock(&reservation->manager->lock);
        result = try_port(reservation, port, err);
    }
    return result;
}

static int32_t note(struct reservation *reservation, const char *key,
                    const berth_network_port *port, berth_error *err)
{
    struct berth_json_list *list = berth_json_map_add(reservation->ports, key, NULL);
    struct berth_port_binding *binding =
        list == NULL || port == NULL ? NULL : berth_json_list_add(list, &berth_port_binding_table);
    char text[ADDRESS_TEXT];
    if (list == NULL || (port != NULL && binding == NULL)) {
        return berth_error_no_memory(err);
    }
    if (port != NULL) {
        binding->host_ip = berth_strdup(address_format(&port->host_ip, text));
        binding->host_port = berth_format("%u", port->host_port);
        if (binding->host_ip == NULL || binding->host_port == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

/* One binding on one address. same_port (may be 0): the port that the other family got. */
static int32_t reserve_on(struct reservation *reservation, const char *key,
                          berth_network_port *port, uint16_t first, uint16_t last, berth_error *err)
{
    int result = 0;
    if (first == 0) {
        result = random_port(reservation, port, err);
    }
    for (unsigned at = first; first != 0 && at <= last && result == 0; at++) {
        port->host_port = (uint16_t)at;
        result = try_port(reservation, port, err);
    }
    if (result <= 0) {
        return result == 0 ? BERTH_E_INTERNAL : result;
    }
    return note(reservation, key, port, err);
}

static int32_t parse_host_ip(const struct reservation *reservation, const char *text,
                             berth_network_address *ret_address, berth_error *err)
{
    const char *fallback = berth_strmap_get(&reservation->endpoint->network->object.options,
                                            "com.docker.network.bridge.host_binding_ipv4");
    if (berth_str_empty(text)) {
        text = !berth_str_empty(fallback) ? fallback : "0.0.0.0";
    }
    if (!address_parse(text, ret_address)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid host IP address: %s", text);
    }
    return 0;
}

/* One "80/tcp": {HostIp, HostPort}. Without an address it is for IPv4, and for IPv6 where the
 * container has an address. */
static int32_t reserve_binding(struct reservation *reservation, const char *key,
                               const struct berth_port_binding *binding, berth_error *err)
{
    berth_network_port port = {0};
    uint16_t first, last, same;
    int32_t code = parse_container_port(key, &port.container_port, &same, &port.protocol, err);
    bool any = binding == NULL || berth_str_empty(binding->host_ip);
    code = code == 0
               ? parse_host_port(binding != NULL ? binding->host_port : NULL, &first, &last, err)
               : code;
    code = code == 0 ? parse_host_ip(reservation, binding != NULL ? binding->host_ip : NULL,
                                     &port.host_ip, err)
                     : code;
    if (code < 0) {
        return code;
    }
    any = any && address_is_any(&port.host_ip);
    if ((port.host_ip.family == 4 && reservation->endpoint->ipv4.family != 0) ||
        (port.host_ip.family == 6 && reservation->endpoint->ipv6.family != 0)) {
        code = reserve_on(reservation, key, &port, first, last, err);
        first = last = port.host_port;
    }
    if (code == 0 && any && reservation->endpoint->ipv6.family != 0) {
        port.host_ip = (berth_network_address){.family = 6};
        code = reserve_on(reservation, key, &port, first, last, err);
    }
    return code;
}

static int32_t reserve_bindings(struct reservation *reservation,
                                const struct berth_json_map *bindings, berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0; bindings != NULL && i < bindings->count && code == 0; i++) {
        const struct berth_json_list *list = bindings->values[i];
        for (size_t k = 0; k < list->count && code == 0; k++) {
            code = reserve_binding(reservation, bindings->keys[i], list->items[k], err);
        }
        if (list->count == 0) { /* null or []: a random port */
            code = reserve_binding(reservation, bindings->keys[i], NULL, err);
        }
    }
    return code;
}

/* Exposed ports: with -P each gets a random port unless it has a binding; else they are shown
 * only. */
static int32_t reserve_exposed(struct reservation *reservation,
                               const struct berth_sandbox_settings *settings, berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0;
         settings->exposed_ports != NULL && i < settings->exposed_ports->count && code == 0; i++) {
        uint16_t first, last;
        uint8_t protocol;
        code =
            parse_container_port(settings->exposed_ports->items[i], &first, &last, &protocol, err);
        for (unsigned at = first; code == 0 && at <= last; at++) {
            char key[16];
            snprintf(key, sizeof(key), "%u/%s", at, port_protocol_name(protocol));
            if (berth_json_map_get(reservation->ports, key) != NULL) {
                continue;
            }
            code = settings->publish_all ? reserve_binding(reservation, key, NULL, err)
                                         : note(reservation, key, NULL, err);
        }
    }
    return code;
}

/* Gives all ports of the endpoint back. */
static void give_back(struct berth_network_manager *manager, struct endpoint *endpoint)
{
    AUTO_LOCK(&manager->lock);
    for (uint32_t i = 0; i < endpoint->n_ports; i++) {
        port_release(&manager->ports, &endpoint->ports[i]);
    }
    endpoint->n_ports = 0;
}

int32_t publish_reserve(struct berth_network_manager *manager,
                        const struct berth_sandbox_settings *settings, struct endpoint *endpoint,
                        struct berth_json_map *ret_ports, berth_error *err)
{
    struct reservation reservation = {.manager = manager, .endpoint = endpoint, .ports = ret_ports};
    AUTO_FREE struct sockets *sockets = NULL;
    if (settings->port_bindings != NULL && settings->port_bindings->count > MANY_PORTS) {
        sockets = malloc(sizeof(*sockets));
        if (sockets != NULL && sockets_read(sockets)) {
            reservation.sockets = sockets;
        }
    }
    int32_t code = reserve_bindings(&reservation, settings->port_bindings, err);
    if (code == 0) {
        code = reserve_exposed(&reservation, settings, err);
    }
    if (code < 0) {
        give_back(manager, endpoint);
    }
    return code;
}

int32_t publish_check(const struct berth_sandbox_settings *settings, berth_error *err)
{
    const struct berth_json_map *bindings = settings->port_bindings;
    uint16_t first, last;
    uint8_t protocol;
    int32_t code = 0;
    for (size_t i = 0; bindings != NULL && i < bindings->count && code == 0; i++) {
        const struct berth_json_list *list = bindings->values[i];
        code = parse_container_port(bindings->keys[i], &first, &last, &protocol, err);
        for (size_t k = 0; k < list->count && code == 0; k++) {
            const struct berth_port_binding *binding = list->items[k];
            berth_network_address address;
            code = parse_host_port(binding->host_port, &first, &last, err);
            if (code == 0 && !berth_str_empty(binding->host_ip) &&
                !address_parse(binding->host_ip, &address)) {
                code = berth_error_set(err, BERTH_E_INVALID, 0, "invalid host IP address: %s",
                                       binding->host_ip);
            }
        }
    }
    for (size_t i = 0;
         settings->exposed_ports != NULL && i < settings->exposed_ports->count && code == 0; i++) {
        code =
            parse_container_port(settings->exposed_ports->items[i], &first, &last, &protocol, err);
    }
    return code;
}

int32_t publish_restore(struct berth_network_manager *manager, struct endpoint *endpoint,
                        const struct berth_json_map *ports, berth_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < ports->count; i++) {
        total += ((const struct berth_json_list *)ports->values[i])->count;
    }
    if (total == 0 || total > MAX_PORTS) {
        return total == 0 ? 0 : berth_error_set(err, BERTH_E_DATA, 0, "%zu saved ports", total);
    }
    endpoint->ports = calloc(total, sizeof(*endpoint->ports));
    if (endpoint->ports == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < ports->count; i++) {
        const struct berth_json_list *list = ports->values[i];
        for (size_t k = 0; k < list->count; k++) {
            const struct berth_port_binding *binding = list->items[k];
            berth_network_port port = {0};
            uint16_t last;
            int32_t code = parse_container_port(ports->keys[i], &port.container_port, &last,
                                                &port.protocol, err);
            code =
                code == 0 ? parse_host_port(binding->host_port, &port.host_port, &last, err) : code;
            if (code < 0) {
                return code;
            }
            if (!address_parse(binding->host_ip, &port.host_ip)) {
                return berth_error_set(err, BERTH_E_DATA, 0, "saved host address %s",
                                       binding->host_ip);
            }
            if (!port_take(&manager->ports, &port)) {
                return berth_error_no_memory(err);
            }
            endpoint->ports[endpoint->n_ports++] = port;
        }
    }
    return 0;
}
