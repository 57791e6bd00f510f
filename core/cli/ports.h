/* SPDX-License-Identifier: Apache-2.0
 *
 * Published ports in short.
 */
#ifndef BERTH_CLI_PORTS_H
#define BERTH_CLI_PORTS_H

#include <json-c/json_types.h>

#include "base/buffer.h"

/* Appends "0.0.0.0:8000-8002->8000-8002/tcp, 9000/udp" for the Ports of a list entry. */
void berth_ports_display(struct json_object *ports, struct berth_buffer *out);

#endif
