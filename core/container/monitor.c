/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor thread: epoll over control channels, and timers.
 */
#include "container/monitor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "container/link.h"

enum { EVENTS = 64, STACK_SIZE = 256 * 1024 };

struct timer {
    struct timer *next;
    int64_t time;
    void (*job)(void *arg);
    void *arg;
};

struct monitor {
    int epoll_fd, wake_fd;
    pthread_t thread;
    bool started;
    unsigned char *buffer;
    pthread_mutex_t lock; /* guards the rest */
    struct timer *timers; /* by time */
    struct link *links;   /* watched ones */
    bool closing;
};

/* Takes the due timer off. NULL: none; then *ret_timeout is what epoll may wait. */
static struct timer *due_timer(struct monitor *monitor, int *ret_timeout)
{
    AUTO_LOCK(&monitor->lock);
    struct timer *timer = monitor->timers;
    int64_t now = berth_time_monotonic();
    if (timer == NULL) {
        *ret_timeout = -1;
        return NULL;
    }
    if (timer->time > now) {
        int64_t wait = (timer->time - now) / 1000000 + 1;
        *ret_timeout = wait > 60000 ? 60000 : (int)wait;
        return NULL;
    }
    monitor->timers = timer->next;
    return timer;
}

static void forget_link(struct monitor *monitor, struct link *link)
{
    epoll_ctl(monitor->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    pthread_mutex_lock(&monitor->lock);
    for (struct link **at = &monitor->links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    pthread_mutex_unlock(&monitor->lock);
    link_shut(link);
    link->events->closed(link->owner, link);
    link_unref(link);
}

static void read_link(struct monitor *monitor, struct link *link)
{
    for (;;) {
        struct berth_shim_message message;
        struct berth_shim_incoming incoming = {.buffer = monitor->buffer,
                                               .size = BERTH_SHIM_DATA_MAX + 1024};
        berth_error error = BERTH_ERROR_INIT;
        int result =
            berth_shim_message_receive(link->fd, &message, &incoming, MSG_DONTWAIT, &error);
        if (result == BERTH_E_UNAVAILABLE && error.sys_errno == EAGAIN) {
            return;
        }
        if (result == BERTH_E_DATA) {
            berth_log(BERTH_LOG_WARN, "a shim sent a broken message: %s", error.msg);
            continue;
        }
        if (result <= 0) {
            forget_link(monitor, link);
            return;
        }
        for (uint32_t i = 0; i < incoming.fd_count; i++) {
            close(incoming.fds[i]);
        }
        if (message.serial != 0) {
            link_answer(link, &message);
        } else {
            link->events->event(link->owner, link, &message);
        }
    }
}

static bool closing(struct monitor *monitor)
{
    AUTO_LOCK(&monitor->lock);
    return monitor->closing;
}

static void *monitor_main(void *arg)
{
    struct monitor *monitor = arg;
    struct epoll_event events[EVENTS];
    while (!closing(monitor)) {
        int timeout = -1;
        struct timer *timer = NULL;
        while ((timer = due_timer(monitor, &timeout)) != NULL) {
            timer->job(timer->arg);
            free(timer);
        }
        int count = epoll_wait(monitor->epoll_fd, events, EVENTS, timeout);
        for (int i = 0; i < count; i++) {
            uint64_t ignored = 0;
            if (events[i].data.ptr != NULL) {
                read_link(monitor, events[i].data.ptr);
            } else if (read(monitor->wake_fd, &ignored, sizeof(ignored)) < 0) {
                continue;
            }
        }
    }
    return NULL;
}

static void wake(struct monitor *monitor)
{
    uint64_t one = 1;
    if (write(monitor->wake_fd, &one, sizeof(one)) < 0) {
        return; /* the counter is full: it will wake anyway */
    }
}

static int start_thread(struct monitor *monitor, berth_error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    pthread_attr_t attributes;
    sigset_t all, old;
    if (epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, monitor->wake_fd, &event) < 0) {
        return berth_error_errno(err, errno, "cannot watch an eventfd");
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int result = pthread_create(&monitor->thread, &attributes, monitor_main, monitor);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    monitor->started = result == 0;
    return result == 0 ? 0 : berth_error_errno(err, result, "cannot start the monitor thread");
}

int monitor_new(struct monitor **ret_monitor, berth_error *err)
{
    struct monitor *monitor = calloc(1, sizeof(*monitor));
    if (monitor == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&monitor->lock, NULL);
    monitor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    monitor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    monitor->buffer = malloc(BERTH_SHIM_DATA_MAX + 1024);
    int result = 0;
    if (monitor->epoll_fd < 0 || monitor->wake_fd < 0) {
        result = berth_error_errno(err, errno, "cannot make the monitor's descriptors");
    } else if (monitor->buffer == NULL) {
        result = berth_error_no_memory(err);
    } else {
        result = start_thread(monitor, err);
    }
    if (result != 0) {
        monitor_free(monitor);
        return result;
    }
    *ret_monitor = monitor;
    return 0;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    if (monitor->started) {
        pthread_mutex_lock(&monitor->lock);
        monitor->closing = true;
        pthread_mutex_unlock(&monitor->lock);
        wake(monitor);
        pthread_join(monitor->thread, NULL);
    }
    while (monitor->links != NULL) {
        struct link *next = monitor->links->next;
        link_shut(monitor->links);
        monitor->links->events->forgotten(monitor->links->owner);
        link_unref(monitor->links);
        monitor->links = next;
    }
    while (monitor->timers != NULL) {
        struct timer *timer = monitor->timers;
        monitor->timers = timer->next;
        timer->job(timer->arg);
        free(timer);
    }
    if (monitor->epoll_fd >= 0) {
        close(monitor->epoll_fd);
    }
    if (monitor->wake_fd >= 0) {
        close(monitor->wake_fd);
    }
    pthread_mutex_destroy(&monitor->lock);
    free(monitor->buffer);
    free(monitor);
}

int monitor_watch(struct monitor *monitor, struct link *link, berth_error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    link_ref(link);
    pthread_mutex_lock(&monitor->lock);
    link->next = monitor->links;
    monitor->links = link;
    pthread_mutex_unlock(&monitor->lock);
    if (epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, link->fd, &event) < 0) {
        int saved = errno;
        pthread_mutex_lock(&monitor->lock);
        for (struct link **at = &monitor->links; *at != NULL; at = &(*at)->next) {
            if (*at == link) {
                *at = link->next;
                break;
            }
        }
        pthread_mutex_unlock(&monitor->lock);
        link_unref(link);
        return berth_error_errno(err, saved, "cannot watch the shim's control channel");
    }
    return 0;
}

int monitor_at(struct monitor *monitor, int64_t time, void (*job)(void *arg), void *arg,
               berth_error *err)
{
    struct timer *timer = malloc(sizeof(*timer));
    if (timer == NULL) {
        return berth_error_no_memory(err);
    }
    *timer = (struct timer){.time = time, .job = job, .arg = arg};
    pthread_mutex_lock(&monitor->lock);
    struct timer **at = &monitor->timers;
    while (*at != NULL && (*at)->time <= time) {
        at = &(*at)->next;
    }
    timer->next = *at;
    *at = timer;
    pthread_mutex_unlock(&monitor->lock);
    wake(monitor);
    return 0;
}
