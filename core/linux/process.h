/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes as fds: no reused pid is ever signalled.
 */
#ifndef BERTH_LINUX_PROCESS_H
#define BERTH_LINUX_PROCESS_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Opens a pidfd (O_CLOEXEC, the caller's). start_time != 0: only if the process was started then
 * (field 22 of /proc/PID/stat). NOT_FOUND: it is gone. Any thread. */
int berth_linux_pidfd_open(pid_t pid, uint64_t start_time, int *ret_fd, berth_error *err);

/* NOT_FOUND: it has ended. */
int berth_linux_pidfd_signal(int pidfd, int number, berth_error *err);

/* Waits until it has ended, at most timeout_ms (-1: for ever). Works for non-children. TIMEOUT. */
int berth_linux_pidfd_wait(int pidfd, int timeout_ms, berth_error *err);

/* Reaps a child that has ended (blocks until then): its wait status as waitpid gives it. */
int berth_linux_pidfd_reap(int pidfd, int *ret_status, berth_error *err);

#endif
