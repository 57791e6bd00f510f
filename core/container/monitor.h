/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: the control channels to all shims and the clock of restarts, watched by
 * one thread. The thread never blocks but in epoll_wait; what takes time goes to the workers.
 */
#ifndef BERTH_CONTAINER_MONITOR_H
#define BERTH_CONTAINER_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "shim/protocol.h"

struct monitor;
struct link; /* one control channel, counted */

struct link_events {
    /* An event of the shim (STARTED, EXITED, CLIENT_CLOSED). On the monitor's thread. */
    void (*event)(void *owner, struct link *link, const struct berth_shim_message *message);
    /* The shim is gone. On the monitor's thread, once, as the last call. */
    void (*closed)(void *owner, struct link *link);
    /* The monitor ends and forgets the link: only the owner's reference is to be dropped. */
    void (*forgotten)(void *owner);
};

/* Starts the thread. */
int monitor_new(struct monitor **ret_monitor, berth_error *err);
/* Ends the thread, forgets all links and runs what was put on the clock. NULL is fine. */
void monitor_free(struct monitor *monitor);

/* Takes fd (also on failure). shim_pid: to be reaped by link_reap (0: not our child). One
 * reference, the caller's. */
int link_new(int fd, pid_t shim_pid, const struct link_events *events, void *owner,
             struct link **ret_link, berth_error *err);
struct link *link_ref(struct link *link);
/* NULL is fine. */
void link_unref(struct link *link);
/* From now on the monitor reads it; the monitor has a reference of its own until the end. */
int monitor_watch(struct monitor *monitor, struct link *link, berth_error *err);

/* Sends a request and waits for its result (10 s at most). INTERNAL: the shim's errno;
 * UNAVAILABLE: it is gone. Not on the monitor's thread. ret_result may be NULL. */
int link_call(struct link *link, struct berth_shim_message *message,
              const struct berth_shim_payload *payload, struct berth_shim_result *ret_result,
              berth_error *err);
/* Sends without waiting; a shim that is gone is fine. */
void link_send(struct link *link, uint32_t type);
/* Waits (5 s at most, then it is killed) until the shim process has ended. */
void link_reap(struct link *link);
pid_t link_shim_pid(const struct link *link);

/* Reads events straight from a fresh channel, before monitor_watch, until STARTED or FAILED came
 * (data of FAILED: the sentence, up to size) or the deadline (monotonic nanoseconds). TIMEOUT;
 * UNAVAILABLE: the shim died. */
struct link_first {
    struct berth_shim_message message;
    char sentence[512];
};
int link_read_first(int fd, int64_t deadline, struct link_first *ret_first, berth_error *err);

/* Calls job(arg) on the monitor's thread at a monotonic time; it must not block. */
int monitor_at(struct monitor *monitor, int64_t time, void (*job)(void *arg), void *arg,
               berth_error *err);

#endif
