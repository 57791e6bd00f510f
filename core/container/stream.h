/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: what attach and exec share in talking to a shim about clients.
 */
#ifndef BERTH_CONTAINER_STREAM_H
#define BERTH_CONTAINER_STREAM_H

#include "container/monitor.h"

struct client_request {
    int fd; /* borrowed */
    uint32_t flags;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    uint32_t key_count;
    const void *early;
    size_t early_length;
};

/* Hands a client to a running shim. */
int link_attach(struct link *link, uint64_t id, const struct client_request *request,
                struct berth_shim_result *ret_result, berth_error *err);
/* Sets the size of the terminal. */
int link_resize(struct link *link, uint32_t rows, uint32_t columns, berth_error *err);

#endif
