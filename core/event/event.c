/* SPDX-License-Identifier: Apache-2.0
 *
 * The event hub. One lock guards hub, history and all queues: publishing takes a few pointer moves
 * per subscriber under it, and an eventfd write where a subscriber was out of work.
 */
#include "event/event.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"

struct berth_events {
    pthread_mutex_t lock; /* guards all below and every subscription */
    struct berth_event *history[BERTH_EVENT_HISTORY];
    uint64_t sequence; /* of the newest event; it is at history[(sequence - 1) % HISTORY] */
    int64_t last_time;
    struct berth_event_subscription *subscriptions;
    int users; /* the owner and each subscription */
    bool ended;
};

struct berth_event_subscription {
    struct berth_event_subscription *next;
    struct berth_events *events;
    struct berth_event *queue[BERTH_EVENT_QUEUE + BERTH_EVENT_HISTORY]; /* history comes first */
    size_t first, count;
    int limit; /* of count: the queue, and what history put there at the start */
    int poll_fd;
    bool overrun, told, cancelled;
    pthread_cond_t wake;
};

#define QUEUE_SIZE (BERTH_EVENT_QUEUE + BERTH_EVENT_HISTORY)

struct berth_event *berth_event_ref(struct berth_event *event)
{
    __atomic_fetch_add(&event->references, 1, __ATOMIC_RELAXED);
    return event;
}

void berth_event_unref(struct berth_event *event)
{
    if (event != NULL && __atomic_sub_fetch(&event->references, 1, __ATOMIC_ACQ_REL) == 0) {
        free(event->type);
        free(event->action);
        free(event->id);
        berth_strmap_done(&event->attributes);
        free(event);
    }
}

int32_t berth_events_new(struct berth_events **ret_events, berth_error *err)
{
    struct berth_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&events->lock, NULL);
    events->users = 1;
    *ret_events = events;
    return 0;
}

/* Drops one user; the lock is held and released. */
static void leave(struct berth_events *events)
{
    bool last = --events->users == 0;
    pthread_mutex_unlock(&events->lock);
    if (last) {
        for (size_t i = 0; i < BERTH_EVENT_HISTORY; i++) {
            berth_event_unref(events->history[i]);
        }
        pthread_mutex_destroy(&events->lock);
        free(events);
    }
}

/* Something changed for this subscriber; the lock is held. */
static void wake(struct berth_event_subscription *subscription)
{
    eventfd_write(subscription->poll_fd, 1);
    pthread_cond_signal(&subscription->wake);
}

void berth_events_free(struct berth_events *events)
{
    if (events == NULL) {
        return;
    }
    pthread_mutex_lock(&events->lock);
    events->ended = true;
    for (struct berth_event_subscription *at = events->subscriptions; at != NULL; at = at->next) {
        wake(at);
    }
    leave(events);
}

static struct berth_event *event_new(const char *type, const char *action, const char *id,
                                     const struct berth_strmap *attributes)
{
    struct berth_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        return NULL;
    }
    event->references = 1;
    event->type = strdup(type);
    event->action = strdup(action);
    event->id = strdup(id != NULL ? id : "");
    if (event->type == NULL || event->action == NULL || event->id == NULL ||
        (attributes != NULL && !berth_strmap_merge(&event->attributes, attributes))) {
        berth_event_unref(event);
        return NULL;
    }
    return event;
}

/* The lock is held. A queue that is full is emptied and its reader told. */
static void deliver(struct berth_event_subscription *subscription, struct berth_event *event)
{
    if (subscription->overrun || subscription->cancelled) {
        return;
    }
    if (subscription->count >= (size_t)subscription->limit) {
        subscription->overrun = true;
        while (subscription->count > 0) {
            berth_event_unref(subscription->queue[subscription->first]);
            subscription->first = (subscription->first + 1) % QUEUE_SIZE;
            subscription->count--;
        }
        wake(subscription);
        return;
    }
    size_t at = (subscription->first + subscription->count++) % QUEUE_SIZE;
    subscription->queue[at] = berth_event_ref(event);
    if (subscription->count == 1) {
        wake(subscription);
    }
}

void berth_event_publish(struct berth_events *events, const char *type, const char *action,
                         const char *id, const struct berth_strmap *attributes)
{
    struct berth_event *event = event_new(type, action, id, attributes);
    if (event == NULL) {
        berth_log(BERTH_LOG_ERROR, "out of memory: the event %s %s of %s is lost", type, action,
                  id != NULL ? id : "");
        return;
    }
    pthread_mutex_lock(&events->lock);
    int64_t now = berth_time_now();
    events->last_time = now > events->last_time ? now : events->last_time + 1;
    event->time = events->last_time;
    event->sequence = ++events->sequence;
    struct berth_event **slot = &events->history[(event->sequence - 1) % BERTH_EVENT_HISTORY];
    struct berth_event *old = *slot;
    *slot = event; /* the history takes the first reference */
    for (struct berth_event_subscription *at = events->subscriptions; at != NULL; at = at->next) {
        deliver(at, event);
    }
    pthread_mutex_unlock(&events->lock);
    berth_event_unref(old);
}

/* Calls for the kept events between the bounds, oldest first; the lock is held. */
static size_t collect(struct berth_events *events, int64_t since, int64_t until,
                      struct berth_event **list)
{
    size_t count = 0;
    uint64_t first =
        events->sequence > BERTH_EVENT_HISTORY ? events->sequence - BERTH_EVENT_HISTORY + 1 : 1;
    for (uint64_t sequence = first; sequence <= events->sequence; sequence++) {
        struct berth_event *event = events->history[(sequence - 1) % BERTH_EVENT_HISTORY];
        if (event->time >= since && (until == 0 || event->time <= until)) {
            list[count++] = berth_event_ref(event);
        }
    }
    return count;
}

int32_t berth_event_subscribe(struct berth_events *events, int64_t since,
                              struct berth_event_subscription **ret_subscription, berth_error *err)
{
    pthread_condattr_t attributes;
    struct berth_event_subscription *subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL) {
        return berth_error_no_memory(err);
    }
    subscription->poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (subscription->poll_fd < 0) {
        int code = errno;
        free(subscription);
        return berth_error_errno(err, code, "cannot make an eventfd");
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&subscription->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    subscription->events = events;
    pthread_mutex_lock(&events->lock);
    if (since > 0) {
        subscription->count = collect(events, since, 0, subscription->queue);
    }
    subscription->limit = (int)subscription->count + BERTH_EVENT_QUEUE;
    if (subscription->count > 0) {
        wake(subscription);
    }
    subscription->next = events->subscriptions;
    events->subscriptions = subscription;
    events->users++;
    pthread_mutex_unlock(&events->lock);
    *ret_subscription = subscription;
    return 0;
}

/* 1: *ret_event is set; 0: nothing yet; else the failure. The lock is held. */
static int32_t take(struct berth_event_subscription *subscription, struct berth_event **ret_event,
                    berth_error *err)
{
    if (subscription->overrun && !subscription->told) {
        subscription->told = true;
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                               "this reader of events was too slow: it missed more than %d and is "
                               "dropped",
                               BERTH_EVENT_QUEUE);
    }
    if (subscription->cancelled || subscription->overrun ||
        (subscription->events->ended && subscription->count == 0)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0, "the stream of events has ended");
    }
    if (subscription->count == 0) {
        return 0;
    }
    *ret_event = subscription->queue[subscription->first];
    subscription->first = (subscription->first + 1) % QUEUE_SIZE;
    subscription->count--;
    return 1;
}

int32_t berth_event_next(struct berth_event_subscription *subscription, int64_t deadline,
                         struct berth_event **ret_event, berth_error *err)
{
    struct timespec until = {deadline / BERTH_NANOSECONDS, deadline % BERTH_NANOSECONDS};
    AUTO_LOCK(&subscription->events->lock);
    for (;;) {
        int32_t result = take(subscription, ret_event, err);
        if (result != 0) {
            return result < 0 ? result : 0;
        }
        eventfd_t count;
        eventfd_read(subscription->poll_fd, &count); /* nothing left: poll waits again */
        int code = 0;
        if (deadline < 0) {
            pthread_cond_wait(&subscription->wake, &subscription->events->lock);
        } else if (deadline == 0) {
            code = ETIMEDOUT;
        } else {
            code = pthread_cond_timedwait(&subscription->wake, &subscription->events->lock, &until);
        }
        if (code == ETIMEDOUT && subscription->count == 0 && !subscription->overrun &&
            !subscription->cancelled && !subscription->events->ended) {
            return berth_error_set(err, BERTH_E_TIMEOUT, 0, "no event came");
        }
    }
}

int berth_event_poll_fd(const struct berth_event_subscription *subscription)
{
    return subscription->poll_fd;
}

void berth_event_cancel(struct berth_event_subscription *subscription)
{
    AUTO_LOCK(&subscription->events->lock);
    subscription->cancelled = true;
    wake(subscription);
}

void berth_event_unsubscribe(struct berth_event_subscription *subscription)
{
    if (subscription == NULL) {
        return;
    }
    struct berth_events *events = subscription->events;
    pthread_mutex_lock(&events->lock);
    struct berth_event_subscription **at = &events->subscriptions;
    while (*at != subscription) {
        at = &(*at)->next;
    }
    *at = subscription->next;
    leave(events);
    while (subscription->count > 0) {
        berth_event_unref(subscription->queue[subscription->first]);
        subscription->first = (subscription->first + 1) % QUEUE_SIZE;
        subscription->count--;
    }
    close(subscription->poll_fd);
    pthread_cond_destroy(&subscription->wake);
    free(subscription);
}

int32_t berth_event_history(struct berth_events *events, int64_t since, int64_t until,
                            struct berth_event ***ret_list, size_t *ret_count, berth_error *err)
{
    struct berth_event **list = calloc(BERTH_EVENT_HISTORY, sizeof(*list));
    if (list == NULL) {
        return berth_error_no_memory(err);
    }
    AUTO_LOCK(&events->lock);
    *ret_count = collect(events, since, until, list);
    *ret_list = list;
    return 0;
}
