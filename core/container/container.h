/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers: create, start, stop, look at, attach to and remove. One manager owns all containers
 * of a data root.
 *
 * `ref` is always what a user typed: a full id, a unique prefix of one, or a name with or without
 * "/". Unknown: BERTH_E_NOT_FOUND "No such container: REF".
 *
 * Threads: everything here may be called from any thread. What changes one container (start, stop,
 * remove, ...) waits for other changes of that container; what looks (list, inspect, logs, wait)
 * never waits for a change in progress.
 *
 * Lock order (outer first): container.action, manager.lock, container.lock, monitor.lock. action is
 * held through slow work; the other three guard fields only and are held for microseconds, never
 * over a blocking call. Volume, network, image, store and event locks are leaves: they may be taken
 * under action, never under manager.lock (but store writes of a state are made under
 * container.save, a leaf as well).
 */
#ifndef BERTH_CONTAINER_CONTAINER_H
#define BERTH_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/string.h"
#include "container/inspect.h"

struct berth_container_config;  /* oci/container_config.h */
struct berth_host_config;       /* oci/host_config.h */
struct berth_networking_config; /* oci/network_config.h */
struct berth_endpoint_settings; /* oci/network_config.h */
struct berth_exec_config;       /* oci/exec_config.h */

struct berth_container_manager;

/* ---- life ----------------------------------------------------------------------------------- */

/* POST /containers/create. The configs are borrowed; networking may be NULL. */
struct berth_container_create {
    const char *name;     /* NULL or "": one is generated */
    const char *platform; /* "os[/arch[/variant]]" or NULL */
    const struct berth_container_config *config;
    const struct berth_host_config *host_config;      /* NULL: all defaults */
    const struct berth_networking_config *networking; /* NULL: the network mode's network */
};

struct berth_container_created {
    char *id;
    struct berth_strv warnings;
};
extern const struct berth_json_table berth_container_created_table; /* {"Id", "Warnings"} */

/* Checks the request as Docker does, merges the image's settings, makes the root file system,
 * volumes and links and stores it all. INVALID: a bad field; NOT_FOUND: the image ("No such image:
 * X") or a network or a --volumes-from; CONFLICT: the name. *ret: berth_json_done() with the table
 * above. Blocks for disk work. */
int berth_container_create(struct berth_container_manager *manager,
                           const struct berth_container_create *request,
                           struct berth_container_created *ret, berth_error *err);

/* POST start. Returns when PID 1 runs its program. NOT_MODIFIED: it runs already. A command that
 * does not exist is INVALID with Docker's sentence; the exit code recorded is 127 (126: not
 * executable, 128: anything else). detach_keys of the attached clients come with them. */
int berth_container_start(struct berth_container_manager *manager, const char *ref,
                          berth_error *err);

#define BERTH_CONTAINER_TIMEOUT_DEFAULT INT32_MIN /* the container's own StopTimeout or 10 s */

struct berth_container_stop {
    const char *signal; /* NULL: the container's StopSignal or SIGTERM */
    int32_t timeout;    /* seconds until SIGKILL; -1: never; BERTH_CONTAINER_TIMEOUT_DEFAULT */
};

/* POST stop. Blocks until it has ended. NOT_MODIFIED: it does not run. */
int berth_container_stop(struct berth_container_manager *manager, const char *ref,
                         const struct berth_container_stop *options, berth_error *err);
/* POST restart: stop (if it runs) and start, under one hold of the container. */
int berth_container_restart(struct berth_container_manager *manager, const char *ref,
                            const struct berth_container_stop *options, berth_error *err);
/* POST kill. signal: "KILL", "SIGTERM", "9"; NULL: SIGKILL, after which it blocks until the
 * container has ended. INVALID "Invalid signal: X"; CONFLICT: it does not run. */
int berth_container_kill(struct berth_container_manager *manager, const char *ref,
                         const char *signal, berth_error *err);
/* Freezer. CONFLICT: not running, or already (un)paused. */
int berth_container_pause(struct berth_container_manager *manager, const char *ref,
                          berth_error *err);
int berth_container_unpause(struct berth_container_manager *manager, const char *ref,
                            berth_error *err);
/* POST rename. CONFLICT: name in use; INVALID: bad or same name. */
int berth_container_rename(struct berth_container_manager *manager, const char *ref,
                           const char *name, berth_error *err);

struct berth_container_remove {
    bool force;   /* kill it first */
    bool volumes; /* its anonymous volumes too */
    bool link;    /* remove the link of that name, not the container */
};
/* DELETE. CONFLICT: it runs (without force), or is being removed. */
int berth_container_remove(struct berth_container_manager *manager, const char *ref,
                           const struct berth_container_remove *options, berth_error *err);

/* POST update: every member of `change` that is set (non-zero, non-empty) replaces the container's
 * and is applied live where it can be. Warnings may be NULL. */
int berth_container_update(struct berth_container_manager *manager, const char *ref,
                           const struct berth_host_config *change, struct berth_strv *ret_warnings,
                           berth_error *err);

/* ---- looking -------------------------------------------------------------------------------- */

/* GET json. Everything known, as inspect.h binds it. size: fill SizeRw and SizeRootFs (slow). *ret:
 * berth_json_done(&berth_container_inspect_table). */
int berth_container_inspect(struct berth_container_manager *manager, const char *ref, bool size,
                            struct berth_container_inspect *ret, berth_error *err);

/* Filters are "key=value" items as in docker's --filter; a key may repeat (or), keys combine (and).
 */
struct berth_container_list {
    bool all; /* also those that do not run (implied by a status or exited filter, and by limit) */
    int32_t limit; /* newest n; <= 0: no limit */
    bool size;
    struct berth_strv filters;
};
/* GET list, newest first: items of berth_container_summary. INVALID "invalid filter 'x'". *ret:
 * berth_json_list_done(.., &berth_container_summary_table). Does not block. */
int berth_container_list(struct berth_container_manager *manager,
                         const struct berth_container_list *options, struct berth_json_list *ret,
                         berth_error *err);

struct berth_container_counts {
    int64_t total, running, paused, stopped;
};
/* How many there are, for `info`. Does not block. */
void berth_container_count(struct berth_container_manager *manager,
                           struct berth_container_counts *ret);

/* The full id of ref, the caller's to free. */
int berth_container_resolve(struct berth_container_manager *manager, const char *ref, char **ret_id,
                            berth_error *err);
/* Whether it has a terminal (decides the content type of attach and logs). */
int berth_container_has_tty(struct berth_container_manager *manager, const char *ref, bool *ret_tty,
                            berth_error *err);

/* GET top. ps_arguments: NULL: "-ef". INVALID for columns we do not know; CONFLICT: not running.
 * *ret: berth_json_done(&berth_container_top_table). */
int berth_container_top(struct berth_container_manager *manager, const char *ref,
                        const char *ps_arguments, struct berth_container_top *ret,
                        berth_error *err);
/* GET stats: one reading. previous (may be NULL) fills the precpu members. A container that does
 * not run gives zeros with its id and name. *ret: berth_json_done(&berth_container_stats_table). */
int berth_container_stats(struct berth_container_manager *manager, const char *ref,
                          const struct berth_container_stats *previous,
                          struct berth_container_stats *ret, berth_error *err);

/* ---- wait ----------------------------------------------------------------------------------- */

struct berth_container_waiter;
struct berth_container_waited {
    int32_t exit_code;
    char error[256]; /* why the start failed, else "" */
};

/* Subscribes now: nothing that happens after this call is missed. condition: NULL or "not-running"
 * (at once if it does not run), "next-exit", "removed" (after everything of it is gone). */
int berth_container_wait_open(struct berth_container_manager *manager, const char *ref,
                              const char *condition, struct berth_container_waiter **ret_waiter,
                              berth_error *err);
/* An eventfd that is readable when the condition has come true. The waiter's. */
int berth_container_wait_fd(const struct berth_container_waiter *waiter);
/* False: not yet. */
bool berth_container_wait_result(struct berth_container_waiter *waiter,
                                 struct berth_container_waited *ret);
/* NULL is fine. */
void berth_container_wait_close(struct berth_container_waiter *waiter);

/* ---- streams -------------------------------------------------------------------------------- */

/* A client's stream: a connected stream socket whose HTTP head has been exchanged, and the bytes
 * that were read from it too early. The fd stays the caller's (it is duplicated): the caller closes
 * its own without shutdown(2). */
struct berth_container_stream {
    int fd;
    const void *early;
    size_t early_length;
    bool multiplex; /* Docker's 8-byte frames (no terminal); else raw */
};

struct berth_container_attach {
    bool logs;   /* first all that was logged so far */
    bool stream; /* then what comes */
    bool standard_input, standard_output, standard_error;
    const char *detach_keys; /* "ctrl-p,ctrl-q", "a"; NULL: the daemon's */
};

/* Checks what can be checked before the connection is upgraded: existence, detach keys, states that
 * forbid it. */
int berth_container_attach_check(struct berth_container_manager *manager, const char *ref,
                                 const struct berth_container_attach *options, berth_error *err);
/* Hands the stream to the container. A container that does not run keeps it until its next start.
 * Does not wait for the stream's end. */
int berth_container_attach(struct berth_container_manager *manager, const char *ref,
                           const struct berth_container_attach *options,
                           const struct berth_container_stream *stream, berth_error *err);
/* POST resize. CONFLICT: not running. */
int berth_container_resize(struct berth_container_manager *manager, const char *ref, uint32_t rows,
                           uint32_t columns, berth_error *err);

struct berth_container_logs {
    bool standard_output, standard_error; /* at least one, else INVALID */
    bool follow, timestamps, details;
    int64_t since, until; /* nanoseconds since the epoch; 0: no bound */
    int64_t tail;         /* lines from the end; -1: all */
    bool multiplex;       /* 8-byte frames (no terminal); else raw */
};
struct berth_container_log_reader;

/* Opens the log as it is now. NOT_FOUND; UNSUPPORTED: a log driver that keeps nothing to read. The
 * reader is the caller's: close it. */
int berth_container_logs_open(struct berth_container_manager *manager, const char *ref,
                              const struct berth_container_logs *options,
                              struct berth_container_log_reader **ret_reader, berth_error *err);
/* Appends the next bytes of the answer (about `limit` at most) to out. Returns 1: appended; 2:
 * nothing yet, poll the fd (follow); 0: the end; negative: failure. Does not wait. One thread at a
 * time. */
int berth_container_logs_read(struct berth_container_log_reader *reader, struct berth_buffer *out,
                              size_t limit, berth_error *err);
/* Readable when there may be more. The reader's. -1 without follow. */
int berth_container_logs_fd(const struct berth_container_log_reader *reader);
void berth_container_logs_close(struct berth_container_log_reader *reader);

/* ---- exec ----------------------------------------------------------------------------------- */

struct berth_exec_config; /* oci/container_config.h: POST /containers/{id}/exec */

/* *ret_id: the caller's to free. CONFLICT: not running, paused. */
int berth_container_exec_create(struct berth_container_manager *manager, const char *ref,
                                const struct berth_exec_config *config, char **ret_id,
                                berth_error *err);

struct berth_container_exec_start {
    bool detach;
    uint32_t rows, columns; /* first size of the terminal; 0: unknown */
};
/* Before the upgrade: existence, not started yet, container runs. *ret_tty: whether frames are raw.
 */
int berth_container_exec_check(struct berth_container_manager *manager, const char *exec_id,
                               bool *ret_tty, berth_error *err);
/* Starts it; stream is NULL when detached. Returns when the program runs or has failed to start; in
 * the latter case the exit code (126, 127) is kept and the sentence is in err: with a stream the
 * caller writes it there. */
int berth_container_exec_start(struct berth_container_manager *manager, const char *exec_id,
                               const struct berth_container_exec_start *options,
                               const struct berth_container_stream *stream, berth_error *err);
int berth_container_exec_resize(struct berth_container_manager *manager, const char *exec_id,
                                uint32_t rows, uint32_t columns, berth_error *err);
/* *ret: berth_json_done(&berth_exec_inspect_table). */
int berth_container_exec_inspect(struct berth_container_manager *manager, const char *exec_id,
                                 struct berth_exec_inspect *ret, berth_error *err);

/* ---- networks and prune -----------------------------------------------------------------------
 */

/* POST /networks/{id}/connect and disconnect. settings may be NULL. */
int berth_container_network_connect(struct berth_container_manager *manager, const char *ref,
                                    const char *network,
                                    const struct berth_endpoint_settings *settings,
                                    berth_error *err);
int berth_container_network_disconnect(struct berth_container_manager *manager, const char *ref,
                                       const char *network, bool force, berth_error *err);

/* POST /containers/prune. *ret: ids removed; *ret_bytes: space freed. */
int berth_container_prune(struct berth_container_manager *manager, const struct berth_strv *filters,
                          struct berth_strv *ret_ids, int64_t *ret_bytes, berth_error *err);

#endif
