/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: what is done with a group that has processes.
 */
#include "linux/cgroup_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DEADLINE_MS = 10000, PROCS_MAX = 4 << 20 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
    struct timespec pause = {0, ms * 1000000};
    nanosleep(&pause, NULL);
}

static bool frozen_now(const char *dir, int version, bool frozen)
{
    char text[256];

    if (version == 2) {
        return cgroup_read(dir, "cgroup.events", text, sizeof(text)) > 0 &&
               (strstr(text, "frozen 1") != NULL) == frozen;
    }
    return cgroup_read(dir, "freezer.state", text, sizeof(text)) > 0 &&
           strcmp(text, frozen ? "FROZEN\n" : "THAWED\n") == 0;
}

int berth_linux_cgroup_freeze(const struct berth_linux_cgroup_plan *plan, bool frozen,
                              berth_error *err)
{
    const struct berth_linux_cgroup_dir *dir = cgroup_find(plan, "freezer");
    int64_t end = now_ms() + DEADLINE_MS;

    if (dir == NULL) {
        return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                               "pausing needs the freezer cgroup, which this host does not have");
    }
    int version = dir->controllers == NULL ? 2 : 1;
    const char *file = version == 2 ? "cgroup.freeze" : "freezer.state";
    const char *value = version == 2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");
    for (long wait = 0;; wait = wait < 10 ? wait + 1 : 10) {
        /* v1: a process that forks while it is being frozen escapes until it is asked again. */
        if (cgroup_write(dir->path, file, value) < 0) {
            return berth_error_errno(err, errno, "cannot write to %s/%s", dir->path, file);
        }
        if (frozen_now(dir->path, version, frozen)) {
            return 0;
        }
        if (now_ms() > end) {
            return berth_error_set(err, BERTH_E_TIMEOUT, 0, "the container did not %s within 10 s",
                                   frozen ? "freeze" : "thaw");
        }
        pause_ms(wait);
    }
}

/* Adds the pids of one cgroup.procs. */
static int read_pids(const char *dir, pid_t **pids, size_t *count)
{
    AUTO_FREE char *text = malloc(PROCS_MAX);

    if (text == NULL) {
        return -1;
    }
    if (cgroup_read(dir, "cgroup.procs", text, PROCS_MAX) < 0) {
        return 0;
    }
    size_t lines = 0;
    for (const char *p = text; *p != 0; p++) {
        lines += *p == '\n';
    }
    pid_t *grown = realloc(*pids, (*count + lines + 1) * sizeof(pid_t));
    if (grown == NULL) {
        return -1;
    }
    *pids = grown;
    for (char *p = text; *p != 0;) {
        grown[(*count)++] = (pid_t)strtol(p, &p, 10);
        p += *p == '\n';
    }
    return 0;
}

int berth_linux_cgroup_pids(const struct berth_linux_cgroup_plan *plan, pid_t **ret_pids,
                            size_t *ret_count, berth_error *err)
{
    pid_t *pids = NULL;
    size_t count = 0;
    const struct berth_linux_cgroup_dir *dir = cgroup_find(plan, "pids");

    if (dir == NULL && plan->dir_count > 0) {
        dir = &plan->dirs[0];
    }
    if (dir != NULL && read_pids(dir->path, &pids, &count) < 0) {
        free(pids);
        return berth_error_no_memory(err);
    }
    *ret_pids = pids;
    *ret_count = count;
    return 0;
}

int berth_linux_cgroup_kill(const struct berth_linux_cgroup_plan *plan, berth_error *err)
{
    int64_t end = now_ms() + DEADLINE_MS;

    for (long wait = 1;; wait = wait < 20 ? wait * 2 : 20) {
        AUTO_FREE pid_t *pids = NULL;
        size_t count;
        int result = berth_linux_cgroup_pids(plan, &pids, &count, err);
        if (result != 0 || count == 0) {
            return result;
        }
        if (plan->dirs[0].controllers != NULL ||
            cgroup_write(plan->dirs[0].path, "cgroup.kill", "1") < 0) {
            for (size_t i = 0; i < count; i++) {
                if (pids[i] > 0) { /* 0: a process of a pid namespace that we cannot see */
                    kill(pids[i], SIGKILL);
                }
            }
        }
        if (now_ms() > end) {
            return berth_error_set(err, BERTH_E_TIMEOUT, 0,
                                   "%zu processes in %s do not die (is one waiting for a disk?)",
                                   count, plan->dirs[0].path);
        }
        pause_ms(wait);
    }
}

int berth_linux_cgroup_remove(const struct berth_linux_cgroup_plan *plan, berth_error *err)
{
    int result = 0;

    for (size_t i = 0; i < plan->dir_count; i++) {
        const char *path = plan->dirs[i].path;
        /* A group stays busy for a moment after its last process has ended. */
        for (int round = 0; rmdir(path) < 0 && errno != ENOENT; round++) {
            if (errno != EBUSY || round == 50) {
                result = berth_error_errno(err, errno, "cannot remove the cgroup %s", path);
                break;
            }
            pause_ms(2);
        }
    }
    return result;
}
