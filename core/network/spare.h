/* SPDX-License-Identifier: Apache-2.0
 *
 * Network namespaces made ahead of time by one thread, so that a start takes one instead of waiting
 * for the kernel. They exist as file descriptors only: nothing to clean up if the daemon dies.
 */
#ifndef BERTH_NETWORK_SPARE_H
#define BERTH_NETWORK_SPARE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

#define SPARE_MAX     64
#define SPARE_DEFAULT 8 /* namespaces prepared for the default network */
#define SPARE_PLAIN   2 /* namespaces with loopback only */

struct berth_network_manager;

enum spare_kind {
    SPARE_LOOPBACK, /* lo and nothing else */
    SPARE_PREPARED, /* prepared for the default network */
    SPARE_KINDS
};

struct spare_pool {
    struct berth_network_manager *manager;
    pthread_mutex_t lock; /* guards all below; no other lock is taken under it */
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping;
    int fds[SPARE_KINDS][SPARE_MAX];
    int count[SPARE_KINDS];
    int target[SPARE_KINDS];
    int size; /* wanted of the prepared kind */
};

/* size: as spare_namespaces of the manager's config. */
int32_t spare_start(struct spare_pool *pool, struct berth_network_manager *manager, int size,
                    berth_error *err);
void spare_stop(struct spare_pool *pool);
/* Lets the thread prepare namespaces from now on: the default network is in use. */
void spare_enable_prepared(struct spare_pool *pool);
/* Takes a ready namespace or makes a plain one; the fd is the caller's. */
int32_t spare_take(struct spare_pool *pool, enum spare_kind kind, int *ret_fd, berth_error *err);
/* Throws the prepared ones away: the network they were for changed. */
void spare_drop_prepared(struct spare_pool *pool);

#endif
