/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of ready namespaces.
 */
#include "network/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "network/internal.h"

/* Settings that interfaces made later begin with. A missing file is a kernel without the feature.
 */
static const struct {
    const char *path, *value;
} sysctls[] = {
    /* no IPv6 of their own accord: drivers switch it on where a network has it */
    {"/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"},
    /* announce a new address at once: it may have been another container's a moment ago */
    {"/proc/sys/net/ipv4/conf/default/arp_notify", "1"},
};

/* Runs inside the new namespace: lo up, and the settings. */
static int32_t loopback_job(void *argument, berth_error *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)argument;
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        return berth_error_errno(err, errno, "cannot bring loopback up in a network namespace");
    }
    for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
        AUTO_CLOSE int file = open(sysctls[i].path, O_WRONLY | O_CLOEXEC);
        if (file >= 0 && write(file, sysctls[i].value, 1) != 1) {
            return berth_error_errno(err, errno, "cannot write %s", sysctls[i].path);
        }
    }
    return 0;
}

static int32_t make_plain(struct spare_pool *pool, int *ret_fd, berth_error *err)
{
    struct berth_plugins *plugins = pool->manager->plugins;
    AUTO_CLOSE int fd = -1;
    int32_t code = berth_plugins_netns_new(plugins, &fd, err);
    if (code == 0) {
        code = berth_plugins_netns_run(plugins, fd, loopback_job, NULL, err);
    }
    if (code == 0) {
        *ret_fd = TAKE_FD(fd);
    }
    return code;
}

static int32_t make(struct spare_pool *pool, enum spare_kind kind, int *ret_fd, berth_error *err)
{
    AUTO_CLOSE int fd = -1;
    int32_t code = make_plain(pool, &fd, err);
    if (code == 0 && kind == SPARE_PREPARED) {
        code = network_prepare(pool->manager, fd, err);
    }
    if (code == 0) {
        *ret_fd = TAKE_FD(fd);
    }
    return code;
}

static void bury(struct spare_pool *pool)
{
    while (pool->n_dead > 0) {
        close(pool->dead[--pool->n_dead]);
    }
}

/* Waits until there is something to do, or something to look at again. */
static void rest(struct spare_pool *pool, bool full)
{
    int64_t now = berth_time_monotonic();
    int64_t until = full ? INT64_MAX : pool->refill;
    if (pool->n_dead > 0 && now >= pool->bury) {
        bury(pool);
        return;
    }
    if (pool->n_dead > 0 && pool->bury < until) {
        until = pool->bury;
    }
    if (until == INT64_MAX) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    } else if (until > now) {
        struct timespec at = {until / BERTH_NANOSECONDS, until % BERTH_NANOSECONDS};
        pthread_cond_timedwait(&pool->wake, &pool->lock, &at);
    }
}

void spare_retire(struct spare_pool *pool, int fd)
{
    AUTO_LOCK(&pool->lock);
    if (!pool->running || pool->n_dead == SPARE_DEAD) {
        close(fd);
        return;
    }
    if (pool->n_dead == 0) {
        pool->bury = berth_time_monotonic() + SPARE_DEAD_MS * INT64_C(1000000);
        pthread_cond_signal(&pool->wake);
    }
    pool->dead[pool->n_dead++] = fd;
}

/* The kind to make next; SPARE_KINDS: none now. *ret_full: none later either. */
static enum spare_kind lacking(const struct spare_pool *pool, bool *ret_full)
{
    bool idle = berth_time_monotonic() >= pool->refill;
    *ret_full = true;
    for (enum spare_kind kind = 0; kind < SPARE_KINDS; kind++) {
        if (pool->count[kind] >= pool->target[kind]) {
            continue;
        }
        *ret_full = false;
        if (idle || pool->count[kind] < (pool->target[kind] + 1) / 2) {
            return kind;
        }
    }
    return SPARE_KINDS;
}

static void *fill(void *argument)
{
    struct spare_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        berth_error error = BERTH_ERROR_INIT;
        bool full;
        enum spare_kind kind = lacking(pool, &full);
        int fd = -1;
        if (kind == SPARE_KINDS) {
            rest(pool, full);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        int32_t code = make(pool, kind, &fd, &error);
        pthread_mutex_lock(&pool->lock);
        if (code < 0) {
            /* starts make their own until somebody asks for this kind again */
            berth_log(BERTH_LOG_DEBUG, "no spare network namespace: %s", error.msg);
            pool->target[kind] = 0;
        } else if (pool->count[kind] < pool->target[kind]) {
            pool->fds[kind][pool->count[kind]++] = fd;
        } else {
            close(fd);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int32_t spare_start(struct spare_pool *pool, struct berth_network_manager *manager, int size,
                    berth_error *err)
{
    pthread_condattr_t attributes;
    pool->manager = manager;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (size == 0) {
        return 0;
    }
    pool->size = size < 0 ? SPARE_DEFAULT : size < SPARE_MAX ? size : SPARE_MAX;
    pool->target[SPARE_LOOPBACK] = SPARE_PLAIN;
    int code = pthread_create(&pool->thread, NULL, fill, pool);
    if (code != 0) {
        return berth_error_errno(err, code, "cannot start the thread for network namespaces");
    }
    pthread_setname_np(pool->thread, "spare-netns");
    pool->running = true;
    return 0;
}

static void close_all(struct spare_pool *pool, enum spare_kind kind)
{
    while (pool->count[kind] > 0) {
        close(pool->fds[kind][--pool->count[kind]]);
    }
}

void spare_stop(struct spare_pool *pool)
{
    if (pool->manager == NULL) {
        return;
    }
    if (pool->running) {
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_cond_signal(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        pthread_join(pool->thread, NULL);
        pool->running = false;
    }
    bury(pool);
    for (enum spare_kind kind = 0; kind < SPARE_KINDS; kind++) {
        close_all(pool, kind);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

void spare_enable_prepared(struct spare_pool *pool)
{
    AUTO_LOCK(&pool->lock);
    if (pool->running && pool->target[SPARE_PREPARED] == 0) {
        pool->target[SPARE_PREPARED] = pool->size;
        pthread_cond_signal(&pool->wake);
    }
}

int32_t spare_take(struct spare_pool *pool, enum spare_kind kind, int *ret_fd, berth_error *err)
{
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < 2; i++) {
        if (pool->count[kind] > 0) {
            *ret_fd = pool->fds[kind][--pool->count[kind]];
            pool->refill = berth_time_monotonic() + SPARE_IDLE_MS * INT64_C(1000000);
            pthread_cond_signal(&pool->wake);
            pthread_mutex_unlock(&pool->lock);
            return 0;
        }
        kind = SPARE_LOOPBACK; /* a plain one serves every network */
    }
    pthread_mutex_unlock(&pool->lock);
    return make_plain(pool, ret_fd, err);
}
