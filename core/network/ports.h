/* SPDX-License-Identifier: Apache-2.0
 *
 * Which host ports are given away, by protocol and address. Not thread-safe: the manager's lock
 * guards it.
 */
#ifndef BERTH_NETWORK_PORTS_H
#define BERTH_NETWORK_PORTS_H

#include <stddef.h>

#include "base/error.h"
#include "network/address.h"

#define PORT_BUCKETS 4096

struct port_entry;
struct port_table {
    struct port_entry *buckets[PORT_BUCKETS];
    uint16_t first, last; /* of random ports; 0: not read yet */
    uint16_t next;        /* where the search for a random port goes on */
};

/* Is the port taken on that address? Every address overlaps with each of its family. */
bool port_is_taken(const struct port_table *table, const berth_network_port *port);
/* Takes it. False: out of memory. */
bool port_take(struct port_table *table, const berth_network_port *port);
void port_release(struct port_table *table, const berth_network_port *port);
void port_table_done(struct port_table *table);
/* The range of ip_local_port_range, which random ports come from, as Docker's. */
void port_range(struct port_table *table, uint16_t *ret_first, uint16_t *ret_last);

/* Can a socket of the host be bound there? 0 or the errno of bind(2). Touches no table. */
int port_probe(const berth_network_port *port);
/* "tcp", "udp", "sctp"; NULL for another number. */
const char *port_protocol_name(uint8_t protocol);
/* 0: another word. */
uint8_t port_protocol_parse(const char *word);

#endif
