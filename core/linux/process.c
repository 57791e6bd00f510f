/* SPDX-License-Identifier: Apache-2.0
 *
 * See process.h.
 */
#include "linux/process.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

/* proc(5): the command name is in parentheses and may hold anything; field 22 counts from its end.
 */
static uint64_t start_time_of(pid_t pid)
{
    char path[32], text[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0) {
        return 0;
    }
    text[n] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

int berth_linux_pidfd_open(pid_t pid, uint64_t start_time, int *ret_fd, berth_error *err)
{
    AUTO_CLOSE int fd = pidfd_open(pid, 0);

    if (fd < 0) {
        return errno == ESRCH ? berth_error_set(err, BERTH_E_NOT_FOUND, errno,
                                                "process %d has ended", (int)pid)
                              : berth_error_errno(err, errno, "cannot open process %d", (int)pid);
    }
    /* Looked at after the open: the fd pins the process, a later one cannot take its place. */
    if (start_time != 0 && start_time_of(pid) != start_time) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, ESRCH,
                               "process %d has ended and its number is another's now", (int)pid);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int berth_linux_pidfd_signal(int pidfd, int number, berth_error *err)
{
    if (pidfd_send_signal(pidfd, number, NULL, 0) < 0) {
        return errno == ESRCH
                   ? berth_error_set(err, BERTH_E_NOT_FOUND, errno, "the process has ended")
                   : berth_error_errno(err, errno, "cannot send signal %d", number);
    }
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int berth_linux_pidfd_wait(int pidfd, int timeout_ms, berth_error *err)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int64_t end = now_ms() + timeout_ms;

    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
        int n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)(left < 0 ? 0 : left));
        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return berth_error_set(err, BERTH_E_TIMEOUT, 0, "the process still runs after %d ms",
                                   timeout_ms);
        }
        if (errno != EINTR) {
            return berth_error_errno(err, errno, "cannot wait for a process");
        }
    }
}

int berth_linux_pidfd_reap(int pidfd, int *ret_status, berth_error *err)
{
    siginfo_t info;
    int result;

    do {
        result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        return berth_error_errno(err, errno, "cannot reap a process");
    }
    *ret_status = info.si_code == CLD_EXITED
                      ? W_EXITCODE(info.si_status, 0)
                      : info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
    return 0;
}
