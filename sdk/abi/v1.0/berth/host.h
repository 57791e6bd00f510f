/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host lends a driver from probe()/open() until close() returns. Every service may be
 * called from any thread, except where it says otherwise. Check a service that came with a later
 * minor with BERTH_HAS(host, name).
 */
#ifndef BERTH_HOST_H
#define BERTH_HOST_H

#include <berth/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* levels of log() */
enum {
    BERTH_HOST_LOG_DEBUG = 0,
    BERTH_HOST_LOG_INFO = 1,
    BERTH_HOST_LOG_WARN = 2,
    BERTH_HOST_LOG_ERROR = 3
};

/* clocks of now(): nanoseconds since the epoch (UTC), or for measuring and deadlines */
enum { BERTH_CLOCK_REALTIME = 0, BERTH_CLOCK_MONOTONIC = 1 };

/* A program for run(). */
typedef struct berth_run_req {
    uint32_t struct_size;
    uint32_t timeout_ms;     /* 0: no limit of its own */
    const char *const *argv; /* NULL-terminated; argv[0] is an absolute path */
    const char *const *envp; /* NULL-terminated; NULL: PATH, HOME and LANG=C only */
    int32_t stdin_fd;        /* -1: /dev/null */
    uint32_t flags;          /* 0 */
    berth_sink *out;         /* gets stdout by bytes; NULL: dropped */
    berth_sink *log;         /* gets stderr by bytes; NULL: its tail is put in err on failure */
} berth_run_req;

typedef struct berth_run_resp {
    uint32_t struct_size;
    int32_t exit_code;   /* 0-255; 128 + signal when a signal ended it */
    int32_t term_signal; /* 0 when it exited */
    uint32_t reserved;
} berth_run_resp;

/* Runs on one of the host's threads; returns 0 or a negative BERTH_E_* with *err filled. */
typedef int32_t (*berth_job)(void *arg, berth_error *err);

struct berth_host {
    uint32_t struct_size, abi_major, abi_minor, reserved;
    berth_hctx *ctx; /* first argument of the services that take one */

    /* Writes one line to the host's log, marked with the driver's name. Does not block. */
    void (*log)(berth_hctx *ctx, int32_t level, const char *msg);

    /* A parameter's value, defaults applied. str: any type, as text, never NULL for a key of the
     * schema, borrowed until close(). int: of int, size (bytes) and bool (0, 1). A key that is not
     * in the schema gives NULL and 0. */
    const char *(*cfg_str)(const berth_cfg *cfg, const char *key);
    int64_t (*cfg_int)(const berth_cfg *cfg, const char *key);
    int32_t (*cfg_bool)(const berth_cfg *cfg, const char *key);

    /* 1: the caller no longer wants the result: stop, undo, return BERTH_E_CANCELLED. op may be
     * NULL. */
    int32_t (*cancelled)(berth_op *op);
    /* Tells how far the work on `id` has come; total 0: unknown. op may be NULL. */
    void (*progress)(berth_op *op, const char *id, uint64_t done, uint64_t total);

    /* Hands one result to the caller; both are copied. A failure is to be returned as it is. */
    int32_t (*emit)(berth_sink *sink, const char *key, const char *value, berth_error *err);
    int32_t (*emit_bytes)(berth_sink *sink, const void *data, uint64_t size, berth_error *err);

    /* Runs a program (posix_spawn, only fds 0-2 open) and waits for it. Fails when it cannot be
     * started, is cancelled or runs into the time limit; a non-zero exit code is a result. */
    int32_t (*run)(berth_hctx *ctx, berth_op *op, const berth_run_req *req,
                   berth_run_resp *ret_resp, berth_error *err);

    /* Nanoseconds of a BERTH_CLOCK_*. */
    int64_t (*now)(berth_hctx *ctx, int32_t clock);

    /* Runs job(arg, err) on the host's mounter thread and waits for it: a thread with a mount
     * namespace and a working directory of its own (slave of the host's). What it mounts is not
     * seen elsewhere: take it out as a detached mount (open_tree with OPEN_TREE_CLONE) and unmount
     * it before returning. One job at a time; a job must not call mounter_run. Its working
     * directory is undefined at the start. */
    int32_t (*mounter_run)(berth_hctx *ctx, berth_job job, void *arg, berth_error *err);

    /* Runs job(arg, err) on a host thread that is inside the network namespace and waits for it.
     * Several at a time. Sockets made there stay in that namespace. A job must not call netns_run
     * or change namespaces itself. */
    int32_t (*netns_run)(berth_hctx *ctx, int32_t netns_fd, berth_job job, void *arg,
                         berth_error *err);
    /* Makes a network namespace (its lo is down) that lives as long as the fd or anything in it. */
    int32_t (*netns_new)(berth_hctx *ctx, int32_t *ret_fd, berth_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
