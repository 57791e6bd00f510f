/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of host ports, and the check against the host's own sockets.
 */
#include "network/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/string.h"

struct port_entry {
    struct port_entry *next;
    berth_network_address address;
    uint16_t port;
    uint8_t protocol;
};

static size_t bucket(const berth_network_port *port)
{
    return (port->host_port ^ (size_t)port->protocol << 7) % PORT_BUCKETS;
}

static bool same_port(const struct port_entry *entry, const berth_network_port *port)
{
    return entry->port == port->host_port && entry->protocol == port->protocol &&
           entry->address.family == port->host_ip.family;
}

bool port_is_taken(const struct port_table *table, const berth_network_port *port)
{
    for (const struct port_entry *e = table->buckets[bucket(port)]; e != NULL; e = e->next) {
        if (same_port(e, port) && (address_is_any(&e->address) || address_is_any(&port->host_ip) ||
                                   address_equal(&e->address, &port->host_ip))) {
            return true;
        }
    }
    return false;
}

bool port_take(struct port_table *table, const berth_network_port *port)
{
    struct port_entry *entry = malloc(sizeof(*entry));
    struct port_entry **slot = &table->buckets[bucket(port)];
    if (entry == NULL) {
        return false;
    }
    *entry = (struct port_entry){*slot, port->host_ip, port->host_port, port->protocol};
    *slot = entry;
    return true;
}

void port_release(struct port_table *table, const berth_network_port *port)
{
    for (struct port_entry **at = &table->buckets[bucket(port)]; *at != NULL; at = &(*at)->next) {
        if (same_port(*at, port) && address_equal(&(*at)->address, &port->host_ip)) {
            struct port_entry *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
}

void port_table_done(struct port_table *table)
{
    for (size_t i = 0; i < PORT_BUCKETS; i++) {
        while (table->buckets[i] != NULL) {
            struct port_entry *gone = table->buckets[i];
            table->buckets[i] = gone->next;
            free(gone);
        }
    }
}

void port_range(struct port_table *table, uint16_t *ret_first, uint16_t *ret_last)
{
    if (table->first == 0) {
        AUTO_FILE FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
        unsigned first, last;
        table->first = 49153; /* Docker's fallback: RFC 6335's dynamic ports */
        table->last = 65535;
        if (file != NULL && fscanf(file, "%u %u", &first, &last) == 2 && first > 0 &&
            first <= last && last <= UINT16_MAX) {
            table->first = (uint16_t)first;
            table->last = (uint16_t)last;
        }
        table->next = table->first;
    }
    *ret_first = table->first;
    *ret_last = table->last;
}

int port_probe(const berth_network_port *port)
{
    bool v6 = port->host_ip.family == 6;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port->host_port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port->host_port)};
    int type = port->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int one = 1;
    AUTO_CLOSE int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC,
                               port->protocol == IPPROTO_SCTP ? IPPROTO_SCTP : 0);
    if (fd < 0) {
        /* a kernel without SCTP sockets has none in use */
        return errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT ? 0 : errno;
    }
    memcpy(&in.sin_addr, port->host_ip.bytes, sizeof(in.sin_addr));
    memcpy(&in6.sin6_addr, port->host_ip.bytes, sizeof(in6.sin6_addr));
    if (v6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (type == SOCK_STREAM) {
        /* connections in TIME_WAIT are no obstacle; a listening socket still is */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    return bind(fd, v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
                v6 ? sizeof(in6) : sizeof(in)) < 0
               ? errno
               : 0;
}

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

const char *port_protocol_name(uint8_t protocol)
{
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        if (protocols[i].number == protocol) {
            return protocols[i].name;
        }
    }
    return NULL;
}

uint8_t port_protocol_parse(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        if (berth_str_equal_fold(protocols[i].name, word)) {
            return protocols[i].number;
        }
    }
    return 0;
}
