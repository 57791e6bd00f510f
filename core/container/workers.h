/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: a few threads for work that nobody waits for: teardown after an exit,
 * restarts, removals. Threads are made on need and end when idle.
 */
#ifndef BERTH_CONTAINER_WORKERS_H
#define BERTH_CONTAINER_WORKERS_H

#include "base/error.h"

struct workers;

/* An empty pool. */
int workers_new(struct workers **ret_workers, berth_error *err);
/* Finishes what is queued and ends the threads. NULL is fine. */
void workers_free(struct workers *workers);
/* Queues job(arg). Never fails: without memory or threads the caller's thread does it. Must not be
 * called with a container's lock held. */
void workers_submit(struct workers *workers, void (*job)(void *arg), void *arg);

#endif
