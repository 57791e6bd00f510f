/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells the service manager how the daemon is doing (sd_notify(3)): one datagram, no library.
 */
#ifndef BERTH_DAEMON_NOTIFY_H
#define BERTH_DAEMON_NOTIFY_H

/* Sends e.g. "READY=1" to $NOTIFY_SOCKET; does nothing when that is not set. Does not block. */
void berth_daemon_notify(const char *state);

#endif
