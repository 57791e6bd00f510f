/* SPDX-License-Identifier: Apache-2.0
 *
 * See spawn.h.
 */
#include "linux/spawn.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { CHUNK = 16384, FDS_MAX = 64 };

/* Targets 0..n-1 may collide with sources: all sources are first moved above them. */
static int place_fds(posix_spawn_file_actions_t *actions, const struct berth_linux_spawn *request,
                     int *moved)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < request->fd_count; i++) {
        moved[i] = -1;
        if (request->fds[i] < 0) {
            result = posix_spawn_file_actions_addopen(actions, (int)i, "/dev/null", O_RDWR, 0);
            continue;
        }
        moved[i] = fcntl(request->fds[i], F_DUPFD_CLOEXEC, (int)request->fd_count);
        result = moved[i] < 0 ? errno : 0;
        if (result == 0) {
            result = posix_spawn_file_actions_adddup2(actions, moved[i], (int)i);
        }
    }
    return result;
}

static int set_attributes(posix_spawnattr_t *attr, int new_session)
{
    sigset_t none, all;
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;

    sigemptyset(&none);
    sigfillset(&all);
    if (new_session) {
        flags |= POSIX_SPAWN_SETSID;
    }
    int result = posix_spawnattr_setflags(attr, flags);
    if (result == 0) {
        result = posix_spawnattr_setsigmask(attr, &none);
    }
    return result == 0 ? posix_spawnattr_setsigdefault(attr, &all) : result;
}

static int spawn_with(const struct berth_linux_spawn *request, posix_spawn_file_actions_t *actions,
                      pid_t *ret_pid)
{
    char *const *env = request->env != NULL ? request->env : environ;
    posix_spawnattr_t attr;
    int result = posix_spawnattr_init(&attr);

    if (result != 0) {
        return result;
    }
    result = set_attributes(&attr, request->new_session);
    if (result == 0) {
        result = strchr(request->path, '/') != NULL
                     ? posix_spawn(ret_pid, request->path, actions, &attr, request->argv, env)
                     : posix_spawnp(ret_pid, request->path, actions, &attr, request->argv, env);
    }
    posix_spawnattr_destroy(&attr);
    return result;
}

int berth_linux_spawn(const struct berth_linux_spawn *request, int *ret_pidfd, pid_t *ret_pid,
                      berth_error *err)
{
    posix_spawn_file_actions_t actions;
    int moved[FDS_MAX];
    pid_t pid = -1;

    if (request->fd_count > FDS_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "more than %d fds for \"%s\"", FDS_MAX,
                               request->path);
    }
    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0) {
        return berth_error_errno(err, result, "cannot start \"%s\"", request->path);
    }
    memset(moved, -1, sizeof(moved));
    result = place_fds(&actions, request, moved);
    if (result == 0) {
        result = spawn_with(request, &actions, &pid);
    }
    for (size_t i = 0; i < request->fd_count; i++) {
        if (moved[i] >= 0) {
            close(moved[i]);
        }
    }
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0) {
        return berth_error_errno(err, result, "cannot start \"%s\"", request->path);
    }
    int fd = pidfd_open(pid, 0);
    if (fd < 0) {
        result = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return berth_error_errno(err, result, "cannot watch \"%s\"", request->path);
    }
    *ret_pidfd = fd;
    *ret_pid = pid;
    return 0;
}

/* ---- capture -------------------------------------------------------------------------------- */

struct capture {
    int fds[3];   /* our ends: stdin, stdout, stderr */
    int child[3]; /* the child's */
    size_t written;
    struct berth_buffer buffers[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void capture_done(struct capture *c)
{
    for (int i = 0; i < 3; i++) {
        close_fd(&c->fds[i]);
        close_fd(&c->child[i]);
    }
    berth_buffer_done(&c->buffers[0]);
    berth_buffer_done(&c->buffers[1]);
}

/* Sockets instead of pipes: no SIGPIPE and no O_NONBLOCK to set. */
static int open_streams(struct capture *c)
{
    int pair[2];

    for (int i = 0; i < 3; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
            return -1;
        }
        c->fds[i] = pair[0];
        c->child[i] = pair[1];
    }
    return 0;
}

static void feed(struct capture *c, const struct berth_linux_capture *capture)
{
    ssize_t n = send(c->fds[0], (const char *)capture->input + c->written,
                     capture->input_length - c->written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        c->written += (size_t)n;
    }
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || c->written == capture->input_length) {
        close_fd(&c->fds[0]);
    }
}

static void collect(struct capture *c, int which, size_t limit)
{
    char data[CHUNK];
    struct berth_buffer *buffer = &c->buffers[which - 1];
    ssize_t n = recv(c->fds[which], data, sizeof(data), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close_fd(&c->fds[which]);
    } else if (n > 0) {
        size_t room = limit > buffer->length ? limit - buffer->length : 0;
        berth_buffer_append(buffer, data, (size_t)n < room ? (size_t)n : room);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Pumps until both outputs have ended. False: the deadline passed. */
static bool pump(struct capture *c, const struct berth_linux_capture *capture)
{
    int64_t end = now_ms() + capture->timeout_ms;

    while (c->fds[1] >= 0 || c->fds[2] >= 0) {
        struct pollfd p[3] = {
            {c->fds[0], POLLOUT, 0}, {c->fds[1], POLLIN, 0}, {c->fds[2], POLLIN, 0}};
        int64_t left = end - now_ms();
        if (capture->timeout_ms >= 0 && left <= 0) {
            return false;
        }
        if (poll(p, 3, capture->timeout_ms < 0 ? -1 : (int)left) <= 0) {
            continue;
        }
        if (p[0].revents != 0) {
            feed(c, capture);
        }
        for (int i = 1; i < 3; i++) {
            if (p[i].revents != 0) {
                collect(c, i, capture->output_max);
            }
        }
    }
    return true;
}

int berth_linux_spawn_capture(const struct berth_linux_spawn *request,
                              struct berth_linux_capture *capture, berth_error *err)
{
    AUTO(capture_done)
    struct capture c = {.fds = {-1, -1, -1}, .child = {-1, -1, -1}};
    struct berth_linux_spawn copy = *request;
    AUTO_CLOSE int pidfd = -1;
    pid_t pid;

    if (open_streams(&c) < 0) {
        return berth_error_errno(err, errno, "cannot capture the output of \"%s\"", request->path);
    }
    copy.fds = c.child;
    copy.fd_count = 3;
    int result = berth_linux_spawn(&copy, &pidfd, &pid, err);
    if (result != 0) {
        return result;
    }
    for (int i = 0; i < 3; i++) {
        close_fd(&c.child[i]);
    }
    if (capture->input_length == 0) {
        close_fd(&c.fds[0]);
    }
    bool in_time = pump(&c, capture);
    if (!in_time) {
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    }
    result = berth_linux_pidfd_reap(pidfd, &capture->status, err);
    if (result == 0 && !in_time) {
        result = berth_error_set(err, BERTH_E_TIMEOUT, 0, "\"%s\" did not end within %d ms",
                                 request->path, capture->timeout_ms);
    }
    if (result != 0) {
        return result;
    }
    berth_buffer_add(&c.buffers[0], "");
    berth_buffer_add(&c.buffers[1], "");
    if (berth_buffer_failed(&c.buffers[0]) || berth_buffer_failed(&c.buffers[1])) {
        return berth_error_no_memory(err);
    }
    capture->output_length = c.buffers[0].length;
    capture->output = berth_buffer_take(&c.buffers[0]);
    capture->errors = berth_buffer_take(&c.buffers[1]);
    return 0;
}
