/* SPDX-License-Identifier: Apache-2.0
 *
 * The only threads that change namespace: one mounter with its own mount namespace, and workers
 * that enter network namespaces. Pool threads hand them a function and wait.
 */
#ifndef BERTH_LINUX_NAMESPACE_H
#define BERTH_LINUX_NAMESPACE_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* What runs there. Returns 0 or a negative BERTH_E_* with err filled; that is what run() returns.
 */
typedef int32_t (*berth_linux_job)(void *arg, berth_error *err);

struct berth_linux_mounter;

/* Starts the mounter: a thread that has unshared its mount namespace and its fs state (cwd, umask),
 * with every mount a slave of the host's (it sees new host mounts, the host sees none of its).
 * FORBIDDEN without CAP_SYS_ADMIN. */
int berth_linux_mounter_new(struct berth_linux_mounter **ret_mounter, berth_error *err);

/* Runs job on the mounter and waits. One job at a time; jobs must not call it again. Any thread. */
int berth_linux_mounter_run(struct berth_linux_mounter *mounter, berth_linux_job job, void *arg,
                            berth_error *err);

/* A detached clone of what `path` is in the mount namespace of process pid (a clone can only be
 * made inside the namespace that has the mount). For jobs on the mounter only: it goes there and
 * comes back. */
int berth_linux_mount_clone_of(pid_t pid, const char *path, int *ret_fd, berth_error *err);

/* Ends the thread after the job in progress; its mounts go with it. NULL is fine. */
void berth_linux_mounter_free(struct berth_linux_mounter *mounter);

struct berth_linux_netns_pool;

/* A pool of at most `workers` threads (started on need, ending when idle for a while). */
int berth_linux_netns_pool_new(unsigned int workers, struct berth_linux_netns_pool **ret_pool,
                               berth_error *err);

/* Runs job on a thread inside the network namespace netns_fd and waits. Sockets made there stay in
 * it. Jobs may run side by side; a job must not call it again. Any thread. */
int berth_linux_netns_run(struct berth_linux_netns_pool *pool, int netns_fd, berth_linux_job job,
                          void *arg, berth_error *err);

/* A fresh network namespace with loopback up, as an fd (O_CLOEXEC, the caller's; it lives while
 * the fd or a process in it does). */
int berth_linux_netns_new(struct berth_linux_netns_pool *pool, int *ret_fd, berth_error *err);

/* Ends the threads; no job may be running. NULL is fine. */
void berth_linux_netns_pool_free(struct berth_linux_netns_pool *pool);

#endif
