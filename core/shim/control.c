/* SPDX-License-Identifier: Apache-2.0
 *
 * Daemons: the one that started us and those that connect to shim.sock later.
 */
#include "shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static unsigned char inbox[BERTH_SHIM_DATA_MAX + 1024] __attribute__((aligned(4096)));

int control_listen(struct shim *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listen_fd < 0) {
        return -1;
    }
    /* Through /proc/self/fd: the state directory's path may be longer than a socket's may. */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", s->state_dir,
             BERTH_SHIM_SOCKET_NAME);
    mode_t old = umask(0177);
    int result = bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address));
    if (result < 0 && errno == EADDRINUSE) {
        unlinkat(s->state_dir, BERTH_SHIM_SOCKET_NAME, 0);
        result = bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address));
    }
    umask(old);
    if (result < 0 || listen(s->listen_fd, CONTROLS) < 0) {
        return -1;
    }
    return loop_add(s, s->listen_fd, SOURCE_LISTEN, 0, EPOLLIN);
}

int control_count(const struct shim *s)
{
    int count = 0;
    for (uint32_t i = 0; i < CONTROLS; i++) {
        count += s->controls[i].fd >= 0;
    }
    return count;
}

static void close_control(struct shim *s, struct control *c)
{
    loop_remove(s, c->fd);
    close(c->fd);
    c->fd = -1;
    c->generation++;
}

int control_add(struct shim *s, int fd)
{
    for (uint32_t i = 0; i < CONTROLS; i++) {
        if (s->controls[i].fd < 0) {
            s->controls[i].fd = fd;
            return loop_add(s, fd, SOURCE_CONTROL, i, EPOLLIN);
        }
    }
    errno = EUSERS;
    return -1;
}

void control_accept(struct shim *s, uint32_t slot, uint32_t events)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && control_add(s, fd) < 0) {
        close(fd);
    }
}

/* A daemon that does not empty its socket is cut off; it finds everything by QUERY when it comes
 * back. */
static void send_to(struct shim *s, struct control *c, const struct berth_shim_message *message,
                    const struct berth_shim_payload *payload)
{
    if (c->fd >= 0 && berth_shim_message_send(c->fd, message, payload, MSG_DONTWAIT, NULL) != 0) {
        close_control(s, c);
    }
}

void control_broadcast(struct shim *s, const struct berth_shim_message *message, const void *data,
                       size_t length)
{
    struct berth_shim_payload payload = {.data = data, .length = length};

    for (uint32_t i = 0; i < CONTROLS; i++) {
        send_to(s, &s->controls[i], message, &payload);
    }
}

void control_client_closed(struct shim *s, uint64_t client, int reason)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_CLIENT_CLOSED};

    message.body.client.client = client;
    message.body.client.reason = (uint32_t)reason;
    control_broadcast(s, &message, NULL, 0);
}

/* ---- requests: each returns 0 or an errno --------------------------------------------------- */

static int do_attach(struct shim *s, const struct berth_shim_message *m,
                     struct berth_shim_incoming *in)
{
    if (in->fd_count != 1) {
        return EINVAL;
    }
    if (client_add(s, &m->body.attach, in->fds[0], in->buffer, in->length) < 0) {
        return errno;
    }
    in->fd_count = 0; /* taken */
    return 0;
}

static int do_resume(struct shim *s, const struct berth_shim_message *m,
                     struct berth_shim_incoming *in)
{
    struct client *c = client_find(s, m->body.client.client);
    if (c == NULL) {
        return ENOENT;
    }
    c->flags &= ~BERTH_SHIM_CLIENT_HOLD;
    client_flush(s, c);
    return 0;
}

static int do_detach(struct shim *s, const struct berth_shim_message *m,
                     struct berth_shim_incoming *in)
{
    struct client *c = client_find(s, m->body.client.client);
    if (c == NULL) {
        return ENOENT;
    }
    client_end(s, c, BERTH_SHIM_CLOSED_DETACH);
    return 0;
}

static int do_resize(struct shim *s, const struct berth_shim_message *m,
                     struct berth_shim_incoming *in)
{
    struct winsize size = {.ws_row = (unsigned short)m->body.resize.rows,
                           .ws_col = (unsigned short)m->body.resize.columns};

    s->rows = m->body.resize.rows;
    s->columns = m->body.resize.columns;
    if (!s->tty) {
        return ENOTTY;
    }
    if (s->input < 0) {
        return s->phase == PHASE_STARTING ? 0 : ESRCH;
    }
    return ioctl(s->input, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

static int do_signal(struct shim *s, const struct berth_shim_message *m,
                     struct berth_shim_incoming *in)
{
    const struct berth_shim_signal *signal = &m->body.signal;

    if (s->phase >= PHASE_DRAINING) {
        return ESRCH;
    }
    if ((signal->flags & BERTH_SHIM_SIGNAL_ALL) != 0) {
        cgroup_kill(&s->cgroup, signal->number);
        return 0;
    }
    /* Our own child that has not been reaped: its pid cannot be anybody else's. */
    return kill(s->child, signal->number) < 0 ? errno : 0;
}

static int do_release(struct shim *s, const struct berth_shim_message *m,
                      struct berth_shim_incoming *in)
{
    if (s->phase != PHASE_EXITED) {
        return EBUSY;
    }
    s->released = 1;
    return 0;
}

static int do_log_reopen(struct shim *s, const struct berth_shim_message *m,
                         struct berth_shim_incoming *in)
{
    log_reopen(&s->log);
    return s->log.kind != BERTH_SHIM_LOG_NONE && s->log.fd < 0 ? EIO : 0;
}

static int do_nothing(struct shim *s, const struct berth_shim_message *m,
                      struct berth_shim_incoming *in)
{
    return 0;
}

static const struct {
    uint32_t type;
    int (*handle)(struct shim *, const struct berth_shim_message *, struct berth_shim_incoming *);
} requests[] = {
    {BERTH_SHIM_ATTACH, do_attach},   {BERTH_SHIM_RESUME, do_resume},
    {BERTH_SHIM_DETACH, do_detach},   {BERTH_SHIM_RESIZE, do_resize},
    {BERTH_SHIM_SIGNAL, do_signal},   {BERTH_SHIM_QUERY, do_nothing},
    {BERTH_SHIM_RELEASE, do_release}, {BERTH_SHIM_LOG_REOPEN, do_log_reopen},
};

static void answer(struct shim *s, struct control *c, const struct berth_shim_message *request,
                   int result)
{
    struct berth_shim_message reply = {.type = BERTH_SHIM_RESULT, .serial = request->serial};

    if (request->type == BERTH_SHIM_QUERY) {
        if (s->started.type != 0) {
            send_to(s, c, &s->started, NULL);
        }
        if (s->phase == PHASE_EXITED) {
            send_to(s, c, &s->exited, NULL);
        }
    }
    if (request->serial != 0) {
        reply.body.result.sys_errno = result;
        reply.body.result.log_offset = s->log.size;
        reply.body.result.log_generation = s->log.generation;
        send_to(s, c, &reply, NULL);
    }
}

void control_event(struct shim *s, uint32_t slot, uint32_t events)
{
    struct control *c = &s->controls[slot];
    struct berth_shim_message message;
    struct berth_shim_incoming in = {.buffer = inbox, .size = sizeof(inbox)};
    berth_error err;

    if (c->fd < 0) {
        return;
    }
    int got = berth_shim_message_receive(c->fd, &message, &in, MSG_DONTWAIT, &err);
    if (got == 0 || got == BERTH_E_INTERNAL) {
        close_control(s, c);
        return;
    }
    if (got < 0) {
        return; /* nothing there, or a broken message that is gone */
    }
    int result = ENOSYS; /* what an older shim does not know */
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].type == message.type) {
            result = requests[i].handle(s, &message, &in);
        }
    }
    for (uint32_t i = 0; i < in.fd_count; i++) {
        close(in.fds[i]);
    }
    if (in.length > 8192) {
        madvise(inbox, BERTH_SHIM_DATA_MAX, MADV_DONTNEED);
    }
    answer(s, c, &message, result);
}
