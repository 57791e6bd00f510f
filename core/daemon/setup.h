/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon does to its own process and directories before it serves.
 */
#ifndef BERTH_DAEMON_SETUP_H
#define BERTH_DAEMON_SETUP_H

#include "base/error.h"
#include "daemon/config.h"

/* Umask, resource limits, allocator, OOM score. FORBIDDEN: not privileged. Call
 * before the first thread. */
int32_t berth_daemon_setup_process(const struct berth_daemon_config *config, berth_error *err);
/* Makes the data and exec roots and locks both for this process; the fds hold the locks until they
 * are closed. CONFLICT: another daemon has them. */
int32_t berth_daemon_setup_roots(const struct berth_daemon_config *config, int ret_locks[2],
                                 berth_error *err);
/* Writes the pidfile. CONFLICT: it names a process that runs. */
int32_t berth_daemon_setup_pidfile(const char *path, berth_error *err);

#endif
