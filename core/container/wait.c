/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a container: each waiter is an eventfd in the container's list, told under the
 * container's lock in the same step in which the state changes.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "container/internal.h"

struct berth_container_waiter {
    struct container *container;
    struct berth_container_waiter *next;
    enum wait_condition condition;
    int fd;
    bool done;
    struct berth_container_waited result;
};

/* Under container->lock. */
static void waiter_finish(struct berth_container_waiter *waiter)
{
    const struct container_status *status = &waiter->container->status;
    uint64_t one = 1;
    waiter->result.exit_code = status->exit_code;
    waiter->done = true;
    if (write(waiter->fd, &one, sizeof(one)) < 0) {
        /* cannot happen: the counter is 0 before */
        waiter->done = true;
    }
}

static void wake(struct container *container, bool removed)
{
    for (struct berth_container_waiter *waiter = container->waiters; waiter != NULL;
         waiter = waiter->next) {
        if (!waiter->done && (removed || waiter->condition != WAIT_REMOVED)) {
            waiter_finish(waiter);
        }
    }
}

void container_wake_exit(struct container *container)
{
    wake(container, false);
}

void container_wake_removed(struct container *container)
{
    wake(container, true);
}

static int condition_parse(const char *text, enum wait_condition *ret, berth_error *err)
{
    if (berth_str_empty(text) || strcmp(text, "not-running") == 0) {
        *ret = WAIT_NOT_RUNNING;
    } else if (strcmp(text, "next-exit") == 0) {
        *ret = WAIT_NEXT_EXIT;
    } else if (strcmp(text, "removed") == 0) {
        *ret = WAIT_REMOVED;
    } else {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid condition: \"%s\"", text);
    }
    return 0;
}

int berth_container_wait_open(struct berth_container_manager *manager, const char *ref,
                              const char *condition, struct berth_container_waiter **ret_waiter,
                              berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    enum wait_condition wanted = WAIT_NOT_RUNNING;
    int result = condition_parse(condition, &wanted, err);
    if (result == 0) {
        result = container_find(manager, ref, &container, err);
    }
    if (result != 0) {
        return result;
    }
    struct berth_container_waiter *waiter = calloc(1, sizeof(*waiter));
    if (waiter == NULL) {
        return berth_error_no_memory(err);
    }
    waiter->condition = wanted;
    waiter->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waiter->fd < 0) {
        free(waiter);
        return berth_error_errno(err, errno, "cannot make an eventfd");
    }
    waiter->container = container_ref(container);
    AUTO_LOCK(&container->lock);
    waiter->next = container->waiters;
    container->waiters = waiter;
    if (container->removed ||
        (wanted == WAIT_NOT_RUNNING && !container->status.running && !container->exit_pending)) {
        waiter_finish(waiter);
    }
    *ret_waiter = waiter;
    return 0;
}

int berth_container_wait_fd(const struct berth_container_waiter *waiter)
{
    return waiter->fd;
}

bool berth_container_wait_result(struct berth_container_waiter *waiter,
                                 struct berth_container_waited *ret)
{
    AUTO_LOCK(&waiter->container->lock);
    if (waiter->done) {
        *ret = waiter->result;
    }
    return waiter->done;
}

void berth_container_wait_close(struct berth_container_waiter *waiter)
{
    if (waiter == NULL) {
        return;
    }
    struct container *container = waiter->container;
    pthread_mutex_lock(&container->lock);
    for (struct berth_container_waiter **at = &container->waiters; *at != NULL; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            break;
        }
    }
    pthread_mutex_unlock(&container->lock);
    close(waiter->fd);
    free(waiter);
    container_unref(container);
}
