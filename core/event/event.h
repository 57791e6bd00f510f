/* SPDX-License-Identifier: Apache-2.0
 *
 * Publish and subscribe. An event is what `docker events` shows: a type, an action, an actor and
 * its attributes; this folder knows no object type. Publishing never blocks on a subscriber: each
 * has a bounded queue, and one that does not keep up is dropped with a last notice.
 *
 * Everything may be called from any thread.
 */
#ifndef BERTH_EVENT_EVENT_H
#define BERTH_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string.h"

#define BERTH_EVENT_HISTORY 1024 /* events kept for --since */
#define BERTH_EVENT_QUEUE   1024 /* events a subscriber may lag behind */

/* Immutable once published; shared by reference. */
struct berth_event {
    char *type;   /* "container", "image", "network", "volume", "daemon", "plugin", ... */
    char *action; /* "start", "die", "exec_create: sh" ... */
    char *id;     /* the actor's id or name */
    struct berth_strmap attributes;
    int64_t time;      /* nanoseconds since the epoch; rises from event to event */
    uint64_t sequence; /* 1, 2, 3, ... */
    int references;    /* private */
};

struct berth_events;             /* the hub */
struct berth_event_subscription; /* one reader */

/* Makes a hub. */
int32_t berth_events_new(struct berth_events **ret_events, berth_error *err);
/* Ends all subscriptions (their next() says CANCELLED) and frees the hub as soon as the last one
 * is closed. NULL is fine. */
void berth_events_free(struct berth_events *events);

/* Publishes one event: copies its arguments; attributes may be NULL. Out of memory loses the event
 * and is said to the log. Does not block. */
void berth_event_publish(struct berth_events *events, const char *type, const char *action,
                         const char *id, const struct berth_strmap *attributes);

/* Subscribes. since > 0: first come the kept events with time >= since (none is missed or doubled
 * in between); 0: from now on. */
int32_t berth_event_subscribe(struct berth_events *events, int64_t since,
                              struct berth_event_subscription **ret_subscription, berth_error *err);
/* The next event, the caller's to unref. Waits until the monotonic time `deadline` (0: returns at
 * once; < 0: no limit). TIMEOUT: none came; CANCELLED: the hub or the subscription was ended;
 * UNAVAILABLE: the subscriber was too slow and was dropped (said once, then CANCELLED). */
int32_t berth_event_next(struct berth_event_subscription *subscription, int64_t deadline,
                         struct berth_event **ret_event, berth_error *err);
/* An eventfd that polls readable while next() has something to say; borrowed. */
int berth_event_poll_fd(const struct berth_event_subscription *subscription);
/* Wakes next() with CANCELLED, for use from another thread. */
void berth_event_cancel(struct berth_event_subscription *subscription);
/* Ends the subscription. No next() may be running. NULL is fine. */
void berth_event_unsubscribe(struct berth_event_subscription *subscription);

/* The kept events with since <= time <= until (0: no bound), oldest first: an array of count
 * references, the caller's: unref each, then free the array. */
int32_t berth_event_history(struct berth_events *events, int64_t since, int64_t until,
                            struct berth_event ***ret_list, size_t *ret_count, berth_error *err);

/* One more reference; returns event. */
struct berth_event *berth_event_ref(struct berth_event *event);
/* Drops a reference. NULL is fine. */
void berth_event_unref(struct berth_event *event);

#endif
