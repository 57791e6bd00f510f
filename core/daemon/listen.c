/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners through transport drivers.
 */
#include "daemon/listen.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/server.h"
#include "plugin/plugin.h"
#include "plugin/transport.h"

#define ACCEPT_BURST 64 /* connections taken from one listener before the others get their turn */

struct listener {
    struct berth_driver *driver;
    int fd;
    char *url;
};

struct berth_daemon_listeners {
    struct listener *items;
    size_t count;
};

static int32_t open_one(struct berth_plugins *plugins, const char *url, const char *group,
                        struct listener *listener, berth_error *err)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    bool local = berth_str_starts(url, "unix://") || berth_str_starts(url, "fd://");
    if (group != NULL && local && !berth_strmap_set(&params, "group", group)) {
        return berth_error_no_memory(err);
    }
    int32_t rc = berth_plugin_open_url(plugins, url, &params, &listener->driver, err);
    if (rc < 0) {
        return rc;
    }
    rc = berth_transport_listen(listener->driver, NULL, url, 0, &listener->fd, err);
    if (rc < 0) {
        return berth_error_wrap(err, "can't listen on %s", url);
    }
    listener->url = strdup(url);
    if (listener->url == NULL) {
        berth_transport_unlisten(listener->driver, listener->fd, NULL);
        listener->fd = -1;
        return berth_error_no_memory(err);
    }
    return 0;
}

int32_t berth_daemon_listeners_open(struct berth_plugins *plugins, const struct berth_strv *hosts,
                                    const char *group, int epoll_fd,
                                    struct berth_daemon_listeners **ret_listeners, berth_error *err)
{
    struct berth_daemon_listeners *listeners = calloc(1, sizeof(*listeners));
    int32_t rc = 0;
    if (listeners != NULL) {
        listeners->items = calloc(hosts->count, sizeof(*listeners->items));
    }
    if (listeners == NULL || listeners->items == NULL) {
        free(listeners);
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < hosts->count && rc == 0; i++) {
        struct listener *listener = &listeners->items[i];
        listener->fd = -1;
        rc = open_one(plugins, hosts->items[i], group, listener, err);
        if (rc < 0) {
            break;
        }
        listeners->count++;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener->fd, &event) < 0) {
            rc = berth_error_errno(err, errno, "watching %s", listener->url);
        }
    }
    if (rc < 0) {
        berth_daemon_listeners_close(listeners);
        return rc;
    }
    *ret_listeners = listeners;
    return 0;
}

static void describe_peer(const berth_transport_peer *from, struct berth_http_peer *peer)
{
    bool known = (from->flags & BERTH_PEER_CREDENTIALS) != 0;
    const char *name = (from->flags & BERTH_PEER_SUBJECT) != 0 ? from->subject : from->address;
    memset(peer, 0, sizeof(*peer));
    peer->uid = known ? from->uid : UINT32_MAX;
    peer->gid = known ? from->gid : UINT32_MAX;
    peer->pid = known ? from->pid : 0;
    snprintf(peer->name, sizeof(peer->name), "%.*s", (int)sizeof(peer->name) - 1, name);
}

void berth_daemon_listeners_accept(struct berth_daemon_listeners *listeners, void *ready,
                                   struct berth_http_server *server)
{
    struct listener *listener = ready;
    for (int i = 0; i < ACCEPT_BURST; i++) {
        berth_error err = BERTH_ERROR_INIT;
        berth_transport_peer from = {.struct_size = sizeof(from)};
        struct berth_http_peer peer;
        int fd = -1;
        int32_t rc = berth_transport_accept(listener->driver, listener->fd, &fd, &from, &err);
        if (rc < 0 && (err.flags & BERTH_ERROR_RETRY) == 0) {
            /* out of fds, mostly: the queue stays readable, so a pause keeps this from spinning */
            berth_log(BERTH_LOG_WARN, "%s: %s", listener->url, err.msg);
            nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
        }
        if (rc < 0) {
            return;
        }
        describe_peer(&from, &peer);
        if (berth_http_server_add(server, fd, &peer, &err) < 0) {
            berth_log(BERTH_LOG_WARN, "%s: %s", listener->url, err.msg);
        }
    }
}

void berth_daemon_listeners_close(struct berth_daemon_listeners *listeners)
{
    if (listeners == NULL) {
        return;
    }
    for (size_t i = 0; i < listeners->count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        if (berth_transport_unlisten(listeners->items[i].driver, listeners->items[i].fd, &err) <
            0) {
            berth_log(BERTH_LOG_WARN, "%s: %s", listeners->items[i].url, err.msg);
        }
        free(listeners->items[i].url);
    }
    free(listeners->items);
    free(listeners);
}
