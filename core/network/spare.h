/* SPDX-License-Identifier: Apache-2.0
 *
 * Network namespaces made ahead of time by one thread, so that a start takes one instead of waiting
 * for the kernel. They exist as file descriptors only: nothing to clean up if the daemon dies.
 */
#ifndef BERTH_NETWORK_SPARE_H
#define BERTH_NETWORK_SPARE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define SPARE_MAX     64
#define SPARE_DEFAULT 8 /* namespaces prepared for the default network */
#define SPARE_PLAIN   2 /* namespaces with loopback only */
#define SPARE_DEAD    32
#define SPARE_DEAD_MS 200 /* how long a dead namespace waits for others */
#define SPARE_IDLE_MS 5   /* how long after a take the refilling begins */

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
    int dead[SPARE_DEAD];
    int n_dead;
    int64_t bury;   /* when they are closed, monotonic nanoseconds */
    int64_t refill; /* before this time a pool that is half full is left alone: the start that has
                     * just taken a namespace needs the kernel's lock for interfaces itself */
};

/* size: as spare_namespaces of the manager's config. */
int32_t spare_start(struct spare_pool *pool, struct berth_network_manager *manager, int size,
                    berth_error *err);
void spare_stop(struct spare_pool *pool);
/* Lets the thread prepare namespaces from now on: the default network is in use. */
void spare_enable_prepared(struct spare_pool *pool);
/* Takes a ready namespace or makes a plain one; the fd is the caller's. */
int32_t spare_take(struct spare_pool *pool, enum spare_kind kind, int *ret_fd, berth_error *err);
/* Takes over the namespace of a container that is gone and closes it within SPARE_DEAD_MS. The
 * kernel takes namespaces apart under the lock that every change of an interface needs, one by one
 * or many at the price of one: closed at once they would stand in the next start's way. */
void spare_retire(struct spare_pool *pool, int fd);

#endif
