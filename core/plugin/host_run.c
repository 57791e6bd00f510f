/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program for a driver: posix_spawn, its output into sinks, cancel and time limit.
 */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/time.h"

#define TAIL_SIZE  256 /* of stderr, kept for the error sentence */
#define POLL_EVERY 100 /* ms between looks at the caller's cancel flag */

struct running {
    pid_t pid;
    int out, log;         /* read ends, -1 once at their end */
    char tail[TAIL_SIZE]; /* of the log when no sink takes it */
    size_t tail_length;
};

static int32_t spawn(const berth_run_req *req, const int *out, const int *log, pid_t *ret_pid,
                     berth_error *err)
{
    static const char *const default_environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C",
        NULL};
    const char *const *environment = req->envp != NULL ? req->envp : default_environment;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (req->stdin_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, req->stdin_fd, 0);
    } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    }
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, log[1], 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int code = posix_spawn(ret_pid, req->argv[0], &actions, &attributes, (char **)req->argv,
                           (char **)environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? 0 : berth_error_errno(err, code, "cannot run %s", req->argv[0]);
}

/* Moves what is there from one pipe into its sink; sets *fd to -1 at the end. */
static int32_t drain(int *fd, berth_sink *sink, struct running *running, bool keep_tail,
                     berth_error *err)
{
    char data[16384];
    ssize_t length = read(*fd, data, sizeof(data));
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (length <= 0) {
        close(*fd);
        *fd = -1;
        return 0;
    }
    if (sink != NULL) {
        return host_emit_bytes(sink, data, (uint64_t)length, err);
    }
    if (keep_tail) {
        size_t take = (size_t)length < TAIL_SIZE - 1 ? (size_t)length : TAIL_SIZE - 1;
        size_t room = TAIL_SIZE - 1 - running->tail_length;
        if (take > room) {
            size_t drop = take - room;
            memmove(running->tail, running->tail + drop, running->tail_length - drop);
            running->tail_length -= drop;
        }
        memcpy(running->tail + running->tail_length, data + length - take, take);
        running->tail_length += take;
        running->tail[running->tail_length] = '\0';
    }
    return 0;
}

static int32_t pump(const berth_run_req *req, berth_op *op, struct running *running, int pidfd,
                    berth_error *err)
{
    int64_t limit = req->timeout_ms != 0
                        ? berth_time_monotonic() + (int64_t)req->timeout_ms * 1000000
                        : INT64_MAX;
    bool ended = false;
    int32_t result = 0;
    while (result == 0 && (!ended || running->out >= 0 || running->log >= 0)) {
        struct pollfd fds[3] = {
            {running->out, POLLIN, 0}, {running->log, POLLIN, 0}, {ended ? -1 : pidfd, POLLIN, 0}};
        int ready = poll(fds, 3, ended ? 0 : POLL_EVERY);
        if (ready > 0 && fds[0].revents != 0) {
            result = drain(&running->out, req->out, running, false, err);
        }
        if (result == 0 && ready > 0 && fds[1].revents != 0) {
            result = drain(&running->log, req->log, running, true, err);
        }
        if (ended && ready == 0) {
            break; /* a grandchild may hold the pipes open: what was there is read */
        }
        ended = ended || (ready > 0 && fds[2].revents != 0);
        if (result == 0 && !ended && host_cancelled(op)) {
            result = berth_error_set(err, BERTH_E_CANCELLED, 0, "%s was cancelled", req->argv[0]);
        } else if (result == 0 && !ended && berth_time_monotonic() > limit) {
            result = berth_error_set(err, BERTH_E_TIMEOUT, 0, "%s did not end within %u ms",
                                     req->argv[0], req->timeout_ms);
        }
    }
    return result;
}

/* Waits for the child (killing it first after a failure) and tells how it ended. */
static int32_t reap(struct running *running, int32_t result, const char *program,
                    berth_run_resp *resp, berth_error *err)
{
    int status = 0;
    if (result < 0) {
        kill(-running->pid, SIGKILL);
    }
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (result < 0) {
        if (running->tail_length > 0) {
            berth_error_wrap(err, "%s said '%s'", program, running->tail);
        }
        return result;
    }
    resp->term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    resp->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}

int32_t host_run(berth_hctx *context, berth_op *op, const berth_run_req *req,
                 berth_run_resp *ret_resp, berth_error *err)
{
    struct running running = {.out = -1, .log = -1};
    int out[2], log[2];
    if (req->argv == NULL || req->argv[0] == NULL || req->argv[0][0] != '/') {
        return berth_error_set(err, BERTH_E_INVALID, 0, "a program needs an absolute path");
    }
    if (pipe2(out, O_CLOEXEC) != 0) {
        return berth_error_errno(err, errno, "cannot make a pipe");
    }
    if (pipe2(log, O_CLOEXEC) != 0) {
        int32_t code = berth_error_errno(err, errno, "cannot make a pipe");
        close(out[0]);
        close(out[1]);
        return code;
    }
    int32_t result = spawn(req, out, log, &running.pid, err);
    close(out[1]);
    close(log[1]);
    running.out = out[0];
    running.log = log[0];
    if (result == 0) {
        AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, running.pid, 0);
        result = pidfd < 0 ? berth_error_errno(err, errno, "cannot watch %s", req->argv[0])
                           : pump(req, op, &running, pidfd, err);
        result = reap(&running, result, req->argv[0], ret_resp, err);
    }
    if (running.out >= 0) {
        close(running.out);
    }
    if (running.log >= 0) {
        close(running.log);
    }
    return result;
}
