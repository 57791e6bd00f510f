/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's side: spawn a shim, find a running one again, read the records it leaves.
 */
#include "shim/protocol.h"
#include "shim/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Not in glibc 2.36's headers beside <linux/mount.h>. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

#ifdef __SANITIZE_ADDRESS__
enum { KEEP_FROM = 2 };
#else
enum { KEEP_FROM = 3 };
#endif
enum { CONTROL_FD = 3 }; /* the number the shim finds its control socket at */

int berth_shim_program_open(const char *path, int *ret_fd, berth_error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd >= 0 && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        fd = open(path, O_PATH | O_CLOEXEC);
    }
    if (fd < 0) {
        return berth_shim_fail(err, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_INTERNAL, errno,
                               "cannot open the berth-shim program; is Berth fully installed?");
    }
    *ret_fd = fd;
    return 0;
}

static int spawn_setup(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, int child)
{
    /* Only what a daemon ignores can be inherited; handlers end with execve. */
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigaddset(&ignored, SIGHUP);
    sigaddset(&ignored, SIGCHLD);
    int result = posix_spawn_file_actions_adddup2(actions, child, CONTROL_FD);
    /* It outlives the daemon: it must not hold the daemon's own streams open. A sanitizer's report
     * is worth more. */
    for (int i = 0; result == 0 && i < KEEP_FROM; i++) {
        result = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
    }
    if (result == 0) {
        result = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSID);
    }
    if (result == 0) {
        result = posix_spawnattr_setsigmask(attr, &none);
    }
    if (result == 0) {
        result = posix_spawnattr_setsigdefault(attr, &ignored);
    }
    return result;
}

static int spawn_shim(int program_fd, int verb, const char *id, int child, pid_t *ret_pid)
{
    static char *const environment[] = {NULL};
    char name[] = "berth-shim", run[] = "run", exec[] = "exec", number[] = "3";
    char *arguments[] = {name, verb == BERTH_SHIM_VERB_EXEC ? exec : run, number,
                         (char *)(uintptr_t)id, NULL}; /* the id is for readers of ps */
    char path[64];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", program_fd);
    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0) {
        return result;
    }
    result = posix_spawnattr_init(&attr);
    if (result == 0) {
        result = spawn_setup(&actions, &attr, child);
        if (result == 0) {
            result = posix_spawn(ret_pid, path, &actions, &attr, arguments, environment);
        }
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

int berth_shim_launch(int program_fd, int verb, const struct berth_shim_spec *spec,
                      int *ret_control, pid_t *ret_pid, berth_error *err)
{
    int pair[2];
    pid_t pid = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return berth_shim_fail(err, BERTH_E_UNAVAILABLE, errno,
                               "cannot create the shim's control socket");
    }
    int child = pair[1];
    if (child == CONTROL_FD) {
        /* dup2 onto itself would keep O_CLOEXEC on older C libraries. */
        child = fcntl(pair[1], F_DUPFD_CLOEXEC, CONTROL_FD + 1);
        if (child < 0) {
            child = pair[1];
        } else {
            close(pair[1]);
        }
    }
    int result = berth_shim_spec_send(pair[0], spec, err);
    if (result == 0) {
        int spawned = spawn_shim(program_fd, verb, spec->id, child, &pid);
        if (spawned != 0) {
            result = berth_shim_fail(err, BERTH_E_INTERNAL, spawned, "cannot start berth-shim");
        }
    }
    close(child);
    if (result != 0) {
        close(pair[0]);
        return result;
    }
    *ret_control = pair[0];
    *ret_pid = pid;
    return 0;
}

int berth_shim_connect(int state_dir, int *ret_control, berth_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return berth_shim_fail(err, BERTH_E_UNAVAILABLE, errno, "cannot create a socket");
    }
    /* Through /proc/self/fd, so that the length of the directory's path does not matter. */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", state_dir,
             BERTH_SHIM_SOCKET_NAME);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int saved = errno;
        close(fd);
        return berth_shim_fail(err, saved == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_UNAVAILABLE,
                               saved, "cannot connect to the container's shim");
    }
    *ret_control = fd;
    return 0;
}

/* A record file is one message head and body as the shim sends them. */
static int record_read(int state_dir, const char *name, uint32_t type,
                       struct berth_shim_message *ret, berth_error *err)
{
    struct berth_shim_message message;
    const size_t head = offsetof(struct berth_shim_message, body);
    int fd = openat(state_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return berth_shim_fail(err, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_INTERNAL, errno,
                               "cannot open a record of the shim");
    }
    memset(&message, 0, sizeof(message));
    ssize_t n = read(fd, &message, sizeof(message));
    close(fd);
    if (n == 0) {
        return berth_shim_fail(err, BERTH_E_NOT_FOUND, 0, "the shim's record is empty");
    }
    if (n < (ssize_t)head || message.type != type || message.unused != BERTH_SHIM_MAGIC) {
        return berth_shim_fail(err, BERTH_E_DATA, 0, "a record of the shim is broken");
    }
    if (message.body_size < sizeof(message.body)) {
        memset(message.body.bytes + message.body_size, 0, sizeof(message.body) - message.body_size);
    }
    *ret = message;
    return 0;
}

int berth_shim_exit_read(int state_dir, struct berth_shim_exited *ret_exited, berth_error *err)
{
    struct berth_shim_message message;
    int result = record_read(state_dir, BERTH_SHIM_EXIT_NAME, BERTH_SHIM_EXITED, &message, err);
    if (result == 0) {
        *ret_exited = message.body.exited;
    }
    return result;
}

int berth_shim_pid_read(int state_dir, struct berth_shim_started *ret_started, berth_error *err)
{
    struct berth_shim_message message;
    int result = record_read(state_dir, BERTH_SHIM_PID_NAME, BERTH_SHIM_STARTED, &message, err);
    if (result == 0) {
        message.body.started.boot_id[sizeof(message.body.started.boot_id) - 1] = 0;
        *ret_started = message.body.started;
    }
    return result;
}

uint64_t berth_shim_pid_start_time(pid_t pid)
{
    char path[32], text[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0) {
        return 0;
    }
    text[n] = 0;
    return berth_shim_stat_start_time(text);
}

int berth_shim_pid_alive(pid_t pid, uint64_t start_time)
{
    uint64_t found = berth_shim_pid_start_time(pid);
    return found != 0 && (start_time == 0 || found == start_time);
}
