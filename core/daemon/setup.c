/* SPDX-License-Identifier: Apache-2.0
 *
 * Process and directory set-up.
 */
#include "daemon/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define CAP_SYS_ADMIN_BIT 21 /* capabilities(7); linux/capability.h of the kernel */

/* Containers need mounts, namespaces and networks: uid 0 alone is not enough in a jail. */
static int32_t check_privileges(berth_error *err)
{
    AUTO_FILE FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long effective = 0;
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (berth_str_starts(line, "CapEff:")) {
            effective = strtoull(line + strlen("CapEff:"), NULL, 16);
        }
    }
    if (geteuid() != 0 || (effective >> CAP_SYS_ADMIN_BIT & 1) == 0) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "berthd needs to be started with root privileges (uid %u, %s "
                               "CAP_SYS_ADMIN)",
                               (unsigned)geteuid(),
                               (effective >> CAP_SYS_ADMIN_BIT & 1) != 0 ? "with" : "without");
    }
    return 0;
}

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            berth_log(BERTH_LOG_WARN, "cannot raise the limit of open files: %m");
        }
    }
}

static void set_oom_score(int64_t score)
{
    AUTO_FILE FILE *file = fopen("/proc/self/oom_score_adj", "we");
    if (file == NULL || fprintf(file, "%lld", (long long)score) < 0 || fflush(file) != 0) {
        berth_log(BERTH_LOG_WARN, "cannot set the OOM score to %lld: %m", (long long)score);
    }
}

int32_t berth_daemon_setup_process(const struct berth_daemon_config *config, berth_error *err)
{
    int32_t rc = check_privileges(err);
    if (rc < 0) {
        return rc;
    }
    umask(0022);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    raise_limit();
    if (config->oom_score_adjust != 0) {
        set_oom_score(config->oom_score_adjust);
    }
    /* A thread per connection would otherwise get a heap of its own each: memory that idle
     * daemons keep for nothing. */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    return 0;
}

static int32_t make_directories(const char *path, mode_t mode, berth_error *err)
{
    AUTO_FREE char *partial = strdup(path);
    if (partial == NULL) {
        return berth_error_no_memory(err);
    }
    for (char *slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST) {
            return berth_error_errno(err, errno, "making the directory %s", partial);
        }
        *slash = '/';
    }
    if (mkdir(partial, mode) < 0 && errno != EEXIST) {
        return berth_error_errno(err, errno, "making the directory %s", partial);
    }
    return 0;
}

/* Locks ROOT/berthd.lock, which holds the pid for the error sentence of a second daemon. */
static int32_t lock_root(const char *root, const char *what, int *ret_fd, berth_error *err)
{
    AUTO_FREE char *path = berth_format("%s/berthd.lock", root);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return berth_error_errno(err, errno, "opening %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        char pid[24] = "";
        if (errno != EWOULDBLOCK) {
            return berth_error_errno(err, errno, "locking %s", path);
        }
        ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);
        pid[got > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return berth_error_set(
            err, BERTH_E_CONFLICT, 0,
            "another berthd (process %s) is already running on %s %s: stop it, or give "
            "this one its own --data-root and --exec-root",
            pid[0] != '\0' ? pid : "unknown", what, root);
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        return berth_error_errno(err, errno, "writing %s", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int32_t berth_daemon_setup_roots(const struct berth_daemon_config *config, int ret_locks[2],
                                 berth_error *err)
{
    AUTO_CLOSE int data = -1;
    AUTO_CLOSE int exec = -1;
    /* 0711: container processes in user namespaces must be able to pass through */
    int32_t rc = make_directories(config->data_root, 0711, err);
    if (rc == 0) {
        rc = make_directories(config->exec_root, 0711, err);
    }
    if (rc == 0) {
        rc = lock_root(config->data_root, "the data root", &data, err);
    }
    if (rc == 0) {
        rc = lock_root(config->exec_root, "the exec root", &exec, err);
    }
    if (rc == 0) {
        ret_locks[0] = TAKE_FD(data);
        ret_locks[1] = TAKE_FD(exec);
    }
    return rc;
}

static bool runs(const char *path)
{
    AUTO_FILE FILE *file = fopen(path, "re");
    int pid = 0;
    return file != NULL && fscanf(file, "%d", &pid) == 1 && pid > 1 && pid != getpid() &&
           (kill(pid, 0) == 0 || errno == EPERM);
}

int32_t berth_daemon_setup_pidfile(const char *path, berth_error *err)
{
    AUTO_FREE char *folder = strdup(path);
    if (folder == NULL) {
        return berth_error_no_memory(err);
    }
    if (runs(path)) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "pid file found, ensure berthd is not running or delete %s", path);
    }
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash > folder) {
        *slash = '\0';
        int32_t rc = make_directories(folder, 0755, err);
        if (rc < 0) {
            return rc;
        }
    }
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        return berth_error_errno(err, errno, "writing the pid file %s", path);
    }
    return 0;
}
