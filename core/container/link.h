/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside monitor.c and link.c only: what a control channel is made of.
 */
#ifndef BERTH_CONTAINER_LINK_H
#define BERTH_CONTAINER_LINK_H

#include <pthread.h>
#include <stdatomic.h>

#include "container/monitor.h"

struct link_request {
    struct link_request *next;
    uint64_t serial;
    bool done;
    struct berth_shim_result result;
};

struct link {
    struct link *next; /* the monitor's list */
    atomic_uint references;
    pid_t shim_pid;
    const struct link_events *events;
    void *owner;
    int fd; /* constant until shut, which only the monitor's thread does, under lock */
    pthread_mutex_t lock; /* guards the rest, and sending on fd */
    pthread_cond_t answered;
    uint64_t serial;
    struct link_request *requests;
    bool open, reaped;
};

/* A RESULT came: wakes whom it is for. */
void link_answer(struct link *link, const struct berth_shim_message *message);
/* Closes the channel and wakes all who wait. */
void link_shut(struct link *link);

#endif
