/* SPDX-License-Identifier: Apache-2.0
 *
 * Which ports the host's own sockets use, read at once: asking the kernel port by port costs twelve
 * microseconds each.
 */
#ifndef BERTH_NETWORK_SOCKETS_H
#define BERTH_NETWORK_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

/* Bit sets of ports that a listening TCP or any UDP socket has, on whatever address. */
struct sockets {
    uint32_t tcp[65536 / 32];
    uint32_t udp[65536 / 32];
};

/* Reads them in the calling thread's network namespace. False: this kernel does not tell. */
bool sockets_read(struct sockets *sockets);
/* May a socket have the port? False is certain; true wants a closer look (port_probe). */
bool sockets_may_have(const struct sockets *sockets, uint8_t protocol, uint16_t port);

#endif
