/* SPDX-License-Identifier: Apache-2.0
 *
 * One control channel to a shim: requests with answers, events.
 */
#include "container/link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/time.h"

enum { ANSWER_SECONDS = 10, REAP_MILLISECONDS = 5000 };

int link_new(int fd, pid_t shim_pid, const struct link_events *events, void *owner,
             struct link **ret_link, berth_error *err)
{
    struct link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        close(fd);
        return berth_error_no_memory(err);
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&link->lock, NULL);
    pthread_cond_init(&link->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_init(&link->references, 1);
    link->fd = fd;
    link->open = true;
    link->shim_pid = shim_pid;
    link->events = events;
    link->owner = owner;
    *ret_link = link;
    return 0;
}

struct link *link_ref(struct link *link)
{
    atomic_fetch_add(&link->references, 1);
    return link;
}

void link_unref(struct link *link)
{
    if (link == NULL || atomic_fetch_sub(&link->references, 1) != 1) {
        return;
    }
    link_shut(link);
    pthread_cond_destroy(&link->answered);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

void link_shut(struct link *link)
{
    AUTO_LOCK(&link->lock);
    if (link->open) {
        close(link->fd);
        link->fd = -1;
        link->open = false;
    }
    pthread_cond_broadcast(&link->answered);
}

void link_answer(struct link *link, const struct berth_shim_message *message)
{
    AUTO_LOCK(&link->lock);
    for (struct link_request *request = link->requests; request != NULL; request = request->next) {
        if (request->serial == message->serial && message->type == BERTH_SHIM_RESULT) {
            request->result = message->body.result;
            request->done = true;
            pthread_cond_broadcast(&link->answered);
            return;
        }
    }
}

static void request_remove(struct link *link, struct link_request *request)
{
    for (struct link_request **at = &link->requests; *at != NULL; at = &(*at)->next) {
        if (*at == request) {
            *at = request->next;
            return;
        }
    }
}

/* Under the lock: waits for the answer to a request that was sent. */
static int await_answer(struct link *link, struct link_request *request, berth_error *err)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ANSWER_SECONDS;
    int waited = 0;
    while (!request->done && link->open && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&link->answered, &link->lock, &deadline);
    }
    if (request->done) {
        return 0;
    }
    if (!link->open) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "the container's shim has ended");
    }
    return berth_error_set(err, BERTH_E_TIMEOUT, 0,
                           "the container's shim did not answer within %d seconds", ANSWER_SECONDS);
}

int link_call(struct link *link, struct berth_shim_message *message,
              const struct berth_shim_payload *payload, struct berth_shim_result *ret_result,
              berth_error *err)
{
    struct link_request request = {0};
    AUTO_LOCK(&link->lock);
    if (!link->open) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "the container's shim has ended");
    }
    request.serial = ++link->serial;
    message->serial = request.serial;
    request.next = link->requests;
    link->requests = &request;
    int result = berth_shim_message_send(link->fd, message, payload, MSG_DONTWAIT, err);
    if (result == 0) {
        result = await_answer(link, &request, err);
    }
    request_remove(link, &request);
    if (result != 0) {
        return result;
    }
    if (request.result.sys_errno != 0) {
        return berth_error_errno(err, request.result.sys_errno, "the container's shim refused");
    }
    if (ret_result != NULL) {
        *ret_result = request.result;
    }
    return 0;
}

void link_send(struct link *link, uint32_t type)
{
    struct berth_shim_message message = {.type = type};
    AUTO_LOCK(&link->lock);
    if (link->open) {
        berth_shim_message_send(link->fd, &message, NULL, MSG_DONTWAIT, NULL);
    }
}

pid_t link_shim_pid(const struct link *link)
{
    return link->shim_pid;
}

void link_reap(struct link *link)
{
    pthread_mutex_lock(&link->lock);
    pid_t pid = link->reaped ? 0 : link->shim_pid;
    link->reaped = true;
    pthread_mutex_unlock(&link->lock);
    if (pid <= 0) {
        return;
    }
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && poll(&poll_fd, 1, REAP_MILLISECONDS) == 0) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

int link_read_first(int fd, int64_t deadline, struct link_first *ret_first, berth_error *err)
{
    AUTO_FREE unsigned char *buffer = malloc(BERTH_SHIM_DATA_MAX + 1024);
    if (buffer == NULL) {
        return berth_error_no_memory(err);
    }
    for (;;) {
        struct berth_shim_incoming incoming = {.buffer = buffer,
                                               .size = BERTH_SHIM_DATA_MAX + 1024};
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = (deadline - berth_time_monotonic()) / 1000000;
        int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return berth_error_set(err, BERTH_E_TIMEOUT, 0,
                                   "the container's shim did not start it in time");
        }
        int result =
            berth_shim_message_receive(fd, &ret_first->message, &incoming, MSG_DONTWAIT, err);
        if (result == 0) {
            return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                                   "the container's shim ended before the container started");
        }
        if (result < 0) {
            return result;
        }
        uint32_t type = ret_first->message.type;
        if (type == BERTH_SHIM_STARTED || type == BERTH_SHIM_FAILED) {
            size_t length = incoming.length < sizeof(ret_first->sentence) - 1
                                ? incoming.length
                                : sizeof(ret_first->sentence) - 1;
            memcpy(ret_first->sentence, buffer, length);
            ret_first->sentence[length] = '\0';
            return 0;
        }
    }
}
