/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's addresses: listeners of transport drivers, and what they accept goes to the HTTP
 * server.
 */
#ifndef BERTH_DAEMON_LISTEN_H
#define BERTH_DAEMON_LISTEN_H

#include "base/error.h"
#include "base/string.h"

struct berth_plugins;
struct berth_http_server;
struct berth_daemon_listeners;

/* Listens on all hosts (URLs) or none. `group` owns unix sockets (NULL: root). The listeners' fds
 * are added to the epoll with data.ptr set to something berth_daemon_listeners_accept() knows. */
int32_t berth_daemon_listeners_open(struct berth_plugins *plugins, const struct berth_strv *hosts,
                                    const char *group, int epoll_fd,
                                    struct berth_daemon_listeners **ret_listeners,
                                    berth_error *err);
/* Takes the connections that wait at the listener `ready` (epoll's data.ptr). */
void berth_daemon_listeners_accept(struct berth_daemon_listeners *listeners, void *ready,
                                   struct berth_http_server *server);
/* Closes all and removes their sockets. NULL is fine. */
void berth_daemon_listeners_close(struct berth_daemon_listeners *listeners);

#endif
