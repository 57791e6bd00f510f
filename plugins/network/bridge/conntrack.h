/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection tracking entries of UDP ports. The kernel translates a flow as its first packet was;
 * a flow that goes on while its port is published or withdrawn would keep its old way for ever.
 */
#ifndef BERTH_PLUGINS_BRIDGE_CONNTRACK_H
#define BERTH_PLUGINS_BRIDGE_CONNTRACK_H

#include <stdint.h>

#include <berth/network.h>

/* Deletes the entries of flows sent to the UDP ones among ports (as host ports). Does nothing when
 * there is none. 0 or a negative errno. Opens a socket of its own: any thread. */
int conntrack_forget(const berth_network_port *ports, uint32_t count);

#endif
