/* SPDX-License-Identifier: Apache-2.0
 *
 * `--init`: this program stays as PID 1, forwards signals to the user's process and reaps orphans.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int reap(pid_t main_child, int *ret_status)
{
    int status, ended = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == main_child) {
            *ret_status = status;
            ended = 1;
        }
    }
    return ended;
}

static _Noreturn void reaper_run(pid_t child)
{
    sigset_t all;
    int status = 0;

    prctl(PR_SET_NAME, "berth-init", 0, 0, 0);
    /* What execve would close stays open here: the status socket above all. */
    syscall(NR_CLOSE_RANGE, 3u, ~0u, 0u);
    sigfillset(&all);
    for (;;) {
        int number = sigwaitinfo(&all, NULL);
        if (number == SIGCHLD) {
            if (reap(child, &status)) {
                _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
            }
        } else if (number > 0) {
            kill(child, number);
        }
    }
}

void reaper_split(struct setup *c, int tty)
{
    pid_t child = fork();

    if (child < 0) {
        child_fail(c, BERTH_SHIM_STAGE_EXEC, "starting the command beneath the init process: %s",
                   errno_text(errno));
    }
    if (child > 0) {
        reaper_run(child);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    /* A group of its own, in the foreground of the terminal. All signals are still blocked, so
     * that SIGTTOU does not stop it. */
    setpgid(0, 0);
    if (tty) {
        tcsetpgrp(0, getpid());
    }
}
