/* SPDX-License-Identifier: Apache-2.0
 *
 * Other programs, by posix_spawn only: the daemon has threads.
 */
#ifndef BERTH_LINUX_SPAWN_H
#define BERTH_LINUX_SPAWN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct berth_linux_spawn {
    const char *path;  /* absolute, or a name searched in PATH */
    char *const *argv; /* NULL-terminated */
    char *const *env;  /* NULL-terminated; NULL: this process's */
    const int *fds;    /* fds[i] becomes number i in the child; -1: /dev/null */
    size_t fd_count;   /* at least 3 is wise; everything else is O_CLOEXEC anyway */
    int new_session;   /* setsid */
};

/* Starts it. *ret_pidfd (the caller's) and *ret_pid; the caller reaps through
 * berth_linux_pidfd_reap(). NOT_FOUND: no such program. Any thread. */
int berth_linux_spawn(const struct berth_linux_spawn *request, int *ret_pidfd, pid_t *ret_pid,
                      berth_error *err);

struct berth_linux_capture {
    const void *input; /* its stdin, may be NULL */
    size_t input_length;
    size_t output_max; /* of stdout and of stderr each; more is dropped */
    int timeout_ms;    /* then SIGKILL and TIMEOUT; -1: none */
    char *output;      /* results, malloc'd, NUL-terminated, never NULL on success */
    size_t output_length;
    char *errors;
    int status; /* as waitpid gives it */
};

/* Runs it to its end with its streams captured (request->fds is ignored). A non-zero exit is no
 * error of this call. The caller frees output and errors. Blocks. */
int berth_linux_spawn_capture(const struct berth_linux_spawn *request,
                              struct berth_linux_capture *capture, berth_error *err);

#endif
