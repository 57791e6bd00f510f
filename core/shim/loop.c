/* SPDX-License-Identifier: Apache-2.0
 *
 * The one event loop, and the container's way from start to exit as its events drive it.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum { EVENTS = 16 };

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* kind in the low byte, slot in the next, generation above: an event that was already fetched for
 * a slot's former owner is told apart from its new one's. */
static uint16_t generation_of(const struct shim *s, enum source kind, uint32_t slot)
{
    if (kind == SOURCE_CLIENT) {
        return s->clients[slot].generation;
    }
    return kind == SOURCE_CONTROL ? s->controls[slot].generation : 0;
}

static int control_epoll(struct shim *s, int operation, int fd, struct epoll_event *event)
{
    return epoll_ctl(s->epoll, operation, fd, event);
}

static struct epoll_event event_for(const struct shim *s, enum source kind, uint32_t slot,
                                    uint32_t events)
{
    struct epoll_event event = {.events = events};
    event.data.u64 =
        (uint64_t)kind | (uint64_t)slot << 8 | (uint64_t)generation_of(s, kind, slot) << 16;
    return event;
}

int loop_add(struct shim *s, int fd, enum source kind, uint32_t slot, uint32_t events)
{
    struct epoll_event event = event_for(s, kind, slot, events);
    return control_epoll(s, EPOLL_CTL_ADD, fd, &event);
}

int loop_change(struct shim *s, int fd, enum source kind, uint32_t slot, uint32_t events)
{
    struct epoll_event event = event_for(s, kind, slot, events);
    return control_epoll(s, EPOLL_CTL_MOD, fd, &event);
}

void loop_remove(struct shim *s, int fd)
{
    struct epoll_event unused = {0};
    control_epoll(s, EPOLL_CTL_DEL, fd, &unused);
}

/* ---- start ---------------------------------------------------------------------------------- */

static void take_terminal(struct shim *s, int master)
{
    s->outputs[0].fd = master;
    s->outputs[0].stream = 1;
    /* A terminal's input queue is full at 4 KiB: writes must not block. */
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    s->input = master;
    if (s->rows != 0) {
        struct winsize size = {.ws_row = (unsigned short)s->rows,
                               .ws_col = (unsigned short)s->columns};
        ioctl(master, TIOCSWINSZ, &size);
    }
    loop_add(s, master, SOURCE_OUTPUT, 0, EPOLLIN);
    input_push(s, NULL, 0); /* early bytes of the first client have been waiting for it */
}

static _Noreturn void start_failed(struct shim *s, const struct status *status)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_FAILED};

    message.body.failed.stage = status->stage;
    message.body.failed.sys_errno = status->sys_errno;
    message.body.failed.exit_code = status->exit_code;
    cgroup_remove(&s->cgroup);
    control_broadcast(s, &message, status->text, strnlen(status->text, sizeof(status->text)));
    unlinkat(s->state_dir, BERTH_SHIM_SOCKET_NAME, 0);
    _exit(status->exit_code);
}

static void started(struct shim *s)
{
    struct timespec now;
    struct berth_shim_started *body = &s->started.body.started;

    clock_gettime(CLOCK_REALTIME, &now);
    s->started.type = BERTH_SHIM_STARTED;
    body->pid = s->child;
    body->start_time = process_start_time(s->child);
    body->started_sec = now.tv_sec;
    body->started_nsec = (int32_t)now.tv_nsec;
    s->phase = PHASE_RUNNING;
    control_broadcast(s, &s->started, NULL, 0);
    record_write(s, BERTH_SHIM_PID_NAME, &s->started);
}

static int receive_status(struct shim *s, struct status *status, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {status, sizeof(*status)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};

    memset(status, 0, sizeof(*status));
    *ret_fd = -1;
    ssize_t n = recvmsg(s->status_fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 1 : 0;
    }
    struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
    }
    return n > 0 ? 2 : 0;
}

/* The child will say no more: it runs its command, or it told why not, or it was killed. */
static void status_ended(struct shim *s, const struct status *failure)
{
    static const struct status killed = {
        .kind = STATUS_FAILED,
        .stage = BERTH_SHIM_STAGE_EXEC,
        .exit_code = 125,
        .text = "the container's first process was killed before it could start (is the memory "
                "limit too low?)"};

    loop_remove(s, s->status_fd);
    close(s->status_fd);
    s->status_fd = -1;
    if (failure != NULL || !s->told_execing) {
        start_failed(s, failure != NULL ? failure : &killed);
    }
    started(s);
}

/* The child's end of the socket closes when it executes the command. Returns 0 when there is
 * nothing more to read now. */
static int take_status(struct shim *s)
{
    struct status status;
    int fd;
    int got = receive_status(s, &status, &fd);

    if (got == 1) {
        return 0;
    }
    if (got == 2 && status.kind == STATUS_TERMINAL && fd >= 0) {
        take_terminal(s, fd);
        return 1;
    }
    if (got == 2 && status.kind == STATUS_EXECING) {
        s->told_execing = 1;
        return 1;
    }
    status_ended(s, got == 2 ? &status : NULL);
    return 0;
}

static void status_event(struct shim *s, uint32_t slot, uint32_t events)
{
    while (s->status_fd >= 0 && take_status(s)) {
    }
}

/* ---- end ------------------------------------------------------------------------------------ */

static void fill_exited(struct shim *s)
{
    struct timespec now;
    struct berth_shim_exited *body = &s->exited.body.exited;
    int status = s->wait_status;

    clock_gettime(CLOCK_REALTIME, &now);
    s->exited.type = BERTH_SHIM_EXITED;
    body->wait_status = status;
    body->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    body->flags = WIFSIGNALED(status) ? BERTH_SHIM_EXIT_SIGNALED : 0;
    body->finished_sec = now.tv_sec;
    body->finished_nsec = (int32_t)now.tv_nsec;
    body->oom_kills = cgroup_oom_kills(&s->cgroup);
    if (body->oom_kills > 0) {
        body->flags |= BERTH_SHIM_EXIT_OOM;
    }
    body->started_sec = s->started.body.started.started_sec;
    body->started_nsec = s->started.body.started.started_nsec;
    body->pid = s->child;
}

/* All output is in the log: record, tell, and let the clients' backlogs run out. */
static void finish(struct shim *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->outputs[i].fd >= 0) {
            output_close(s, &s->outputs[i]);
        }
    }
    input_close(s);
    s->phase = PHASE_EXITED;
    record_write(s, BERTH_SHIM_EXIT_NAME, &s->exited);
    control_broadcast(s, &s->exited, NULL, 0);
    /* While the daemon works on; it does not start the container again before we are gone. */
    cgroup_remove(&s->cgroup);
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0) {
            client_end(s, &s->clients[i], BERTH_SHIM_CLOSED_EOF);
        }
    }
}

static void child_ended(struct shim *s, int status)
{
    s->wait_status = status;
    if (s->status_fd >= 0) {
        status_ended(s, NULL); /* a stray copy of the child's end is still open somewhere */
    }
    fill_exited(s);
    cgroup_kill(&s->cgroup, SIGKILL);
    s->phase = PHASE_DRAINING;
    s->drain_deadline = now_ms() + DRAIN_MS;
}

static void signal_event(struct shim *s, uint32_t slot, uint32_t events)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    ssize_t ignored = read(s->signal_fd, &info, sizeof(info));
    (void)ignored;
    /* What the child said last comes first, while it can still be looked up in /proc. */
    status_event(s, 0, 0);
    /* As a subreaper we also get the orphans of containers without a PID namespace. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->child) {
            child_ended(s, status);
        }
    }
}

/* Released while clients still have output to take: they are served on by a process that nobody
 * waits for. */
static void serve_clients_alone(struct shim *s)
{
    if (fork() != 0) {
        _exit(0);
    }
    for (uint32_t i = 0; i < CONTROLS; i++) {
        if (s->controls[i].fd >= 0) {
            close(s->controls[i].fd);
            s->controls[i].fd = -1;
        }
    }
    close(s->listen_fd);
    close(s->state_dir);
    if (s->log.fd >= 0) {
        close(s->log.fd);
        s->log.fd = -1;
    }
}

static void advance(struct shim *s)
{
    if (s->phase == PHASE_DRAINING &&
        ((s->outputs[0].fd < 0 && s->outputs[1].fd < 0) || now_ms() >= s->drain_deadline)) {
        finish(s);
    }
    if (s->phase != PHASE_EXITED || (control_count(s) > 0 && !s->released)) {
        return;
    }
    if (clients_count(s) == 0) {
        unlinkat(s->state_dir, BERTH_SHIM_SOCKET_NAME, 0);
        _exit(0);
    }
    if (s->released) {
        s->released = 0;
        unlinkat(s->state_dir, BERTH_SHIM_SOCKET_NAME, 0);
        serve_clients_alone(s);
    }
}

static int wait_time(const struct shim *s)
{
    int64_t next = clients_deadline(s);

    if (s->phase == PHASE_DRAINING && (next == 0 || s->drain_deadline < next)) {
        next = s->drain_deadline;
    }
    if (next == 0) {
        return -1;
    }
    next -= now_ms();
    return next > 0 ? (int)next : 0;
}

static void (*const handlers[SOURCE_COUNT])(struct shim *, uint32_t, uint32_t) = {
    [SOURCE_STATUS] = status_event,   [SOURCE_SIGNAL] = signal_event,
    [SOURCE_LISTEN] = control_accept, [SOURCE_CONTROL] = control_event,
    [SOURCE_OUTPUT] = output_event,   [SOURCE_INPUT] = input_event,
    [SOURCE_CLIENT] = client_event,
};

void loop_run(struct shim *s)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        clients_expire(s);
        output_balance(s);
        advance(s);
        int n = epoll_wait(s->epoll, events, EVENTS, wait_time(s));
        if (n < 0 && errno != EINTR) {
            _exit(1); /* cannot happen; the container dies with us and is recorded as 137 */
        }
        for (int i = 0; i < n; i++) {
            uint64_t tag = events[i].data.u64;
            enum source kind = (enum source)(tag & 0xff);
            uint32_t slot = (uint32_t)(tag >> 8 & 0xff);
            if ((uint16_t)(tag >> 16) == generation_of(s, kind, slot)) {
                handlers[kind](s, slot, events[i].events);
            }
        }
    }
}
