/* SPDX-License-Identifier: Apache-2.0
 *
 * The container's control groups: made and filled by the parent, entered by the child, emptied and
 * removed after its end.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { VALUE_SIZE = 4096, KILL_ROUNDS = 200 };

static int read_file(int dir, const char *name, char *buffer, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = read(fd, buffer, size - 1);
    close(fd);
    if (n < 0) {
        return -1;
    }
    buffer[n] = 0;
    return (int)n;
}

static int write_file(int dir, const char *name, const char *value)
{
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = write(fd, value, strlen(value));
    int saved = errno;
    close(fd);
    errno = saved;
    return n < 0 ? -1 : 0;
}

/* A new v1 cpuset is empty and takes no task before it has CPUs and memory nodes. */
static int inherit_cpuset(int dir)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    char value[VALUE_SIZE], parent[32];

    for (int i = 0; i < 2; i++) {
        int n = read_file(dir, files[i], value, sizeof(value));
        if (n > 1) {
            continue; /* cgroup.clone_children has filled it, or an earlier run */
        }
        snprintf(parent, sizeof(parent), "../%s", files[i]);
        if (n < 0 || read_file(dir, parent, value, sizeof(value)) < 0 ||
            write_file(dir, files[i], value) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Makes a group and its missing parents; returns it open. */
static int make_group(const char *path, int cpuset)
{
    char copy[VALUE_SIZE];
    size_t length = strlen(path);

    if (length >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (mkdir(path, 0755) < 0 && errno == ENOENT) {
        memcpy(copy, path, length + 1);
        char *slash = strrchr(copy, '/');
        if (slash == NULL || slash == copy) {
            return -1;
        }
        *slash = 0;
        int parent = make_group(copy, cpuset);
        if (parent < 0) {
            return -1;
        }
        close(parent);
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            return -1;
        }
    } else if (errno != EEXIST && errno != 0 && access(path, F_OK) < 0) {
        return -1;
    }
    int dir = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && cpuset && inherit_cpuset(dir) < 0) {
        int saved = errno;
        close(dir);
        errno = saved;
        return -1;
    }
    return dir;
}

static int write_all(struct shim *s, const struct berth_shim_spec *spec, const int *dirs)
{
    for (uint32_t i = 0; i < spec->cgroup_write_count; i++) {
        const struct berth_shim_cgroup_write *w = &spec->cgroup_writes[i];
        if (write_file(dirs[w->dir], w->file, w->value) < 0 &&
            (w->flags & BERTH_SHIM_WRITE_OPTIONAL) == 0) {
            snprintf(s->text, sizeof(s->text),
                     "error setting cgroup config: failed to write \"%.64s\" to %s/%s: %s",
                     w->value, spec->cgroup_dirs[w->dir].path, w->file, errno_text(errno));
            return -1;
        }
    }
    return 0;
}

/* Opens what the child enters and what is shown in the container. */
static int open_entry(struct setup *c, uint32_t i, int dir, int wants_tree)
{
    const struct berth_shim_spec *spec = c->spec;

    c->cgroup_files[i] = spec->cgroup_version == BERTH_SHIM_CGROUP_V2
                             ? fcntl(dir, F_DUPFD_CLOEXEC, 0)
                             : openat(dir, "tasks", O_WRONLY | O_CLOEXEC);
    if (c->cgroup_files[i] < 0) {
        return -1;
    }
    if (wants_tree) {
        c->cgroup_trees[i] = k_open_tree(dir, "", K_OPEN_TREE_CLONE | K_AT_EMPTY_PATH);
        return c->cgroup_trees[i] < 0 ? -1 : 0;
    }
    return 0;
}

static int wants_cgroup_mount(const struct berth_shim_spec *spec)
{
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        if (spec->mounts[i].kind == BERTH_SHIM_MOUNT_CGROUP) {
            return 1;
        }
    }
    return 0;
}

int cgroup_prepare(struct shim *s, struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    int dirs[CGROUP_DIRS], result = 0;
    int wants_tree = !s->exec && wants_cgroup_mount(spec);

    s->cgroup.version = spec->cgroup_version;
    s->cgroup.oom_dir = OOM_UNKNOWN;
    if (spec->cgroup_dir_count > CGROUP_DIRS) {
        snprintf(s->text, sizeof(s->text), "%u cgroup hierarchies are more than the %d supported",
                 spec->cgroup_dir_count, CGROUP_DIRS);
        return -1;
    }
    for (uint32_t i = 0; i < spec->cgroup_dir_count; i++) {
        const struct berth_shim_cgroup_dir *d = &spec->cgroup_dirs[i];
        errno = 0;
        dirs[i] = s->exec ? openat(AT_FDCWD, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : make_group(d->path, (d->flags & BERTH_SHIM_CGROUP_INHERIT_CPUSET) != 0);
        if (dirs[i] < 0) {
            snprintf(s->text, sizeof(s->text), "cannot create the cgroup %s: %s", d->path,
                     errno_text(errno));
            result = -1;
            break;
        }
        if (!s->exec) {
            s->cgroup.paths[s->cgroup.count++] = shim_keep(d->path);
        }
        if (spec->cgroup_version == BERTH_SHIM_CGROUP_V2 ||
            (d->controllers != NULL && strcmp(d->controllers, "memory") == 0)) {
            s->cgroup.oom_dir = (int)i;
        }
    }
    uint32_t opened = result == 0 ? spec->cgroup_dir_count : 0;
    if (result == 0 && !s->exec) {
        result = write_all(s, spec, dirs);
    }
    for (uint32_t i = 0; result == 0 && i < opened; i++) {
        if (open_entry(c, i, dirs[i], wants_tree) < 0) {
            snprintf(s->text, sizeof(s->text), "cannot open the cgroup %s: %s",
                     spec->cgroup_dirs[i].path, errno_text(errno));
            result = -1;
        }
    }
    if (result == 0 && !s->exec && spec->cgroup_version == BERTH_SHIM_CGROUP_V2 &&
        spec->device_rule_count > 0 && opened > 0 &&
        device_program_attach(dirs[0], spec->device_rules, spec->device_rule_count) < 0) {
        snprintf(s->text, sizeof(s->text), "cannot attach the device rules to the cgroup: %s",
                 errno_text(errno));
        result = -1;
    }
    for (uint32_t i = 0; i < opened; i++) {
        close(dirs[i]);
    }
    return result;
}

/* v1: "0" written to `tasks` moves the writer and takes none of the locks that a pid or
 * `cgroup.procs` would (20 ms). v2: clone3 has put the child there already. */
void child_enter_cgroup(struct setup *c)
{
    if (c->spec->cgroup_version != BERTH_SHIM_CGROUP_V1) {
        return;
    }
    for (uint32_t i = 0; i < c->spec->cgroup_dir_count; i++) {
        if (write(c->cgroup_files[i], "0", 1) != 1) {
            child_fail(c, BERTH_SHIM_STAGE_CGROUP, "entering the cgroup %s: %s",
                       c->spec->cgroup_dirs[i].path, errno_text(errno));
        }
    }
}

static void signal_listed(const char *path, int number)
{
    char file[VALUE_SIZE], text[VALUE_SIZE];
    pid_t pid = 0;
    ssize_t n;

    if (snprintf(file, sizeof(file), "%s/cgroup.procs", path) >= (int)sizeof(file)) {
        return;
    }
    int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                kill(pid, number);
                pid = 0;
            }
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

void cgroup_kill(const struct cgroup *g, int number)
{
    if (g->count == 0) {
        return;
    }
    if (g->version == BERTH_SHIM_CGROUP_V2 && number == SIGKILL) {
        int dir = openat(AT_FDCWD, g->paths[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int result = dir < 0 ? -1 : write_file(dir, "cgroup.kill", "1");
        if (dir >= 0) {
            close(dir);
        }
        if (result == 0) {
            return;
        }
    }
    signal_listed(g->paths[0], number);
}

/* The number after `key ` in a file of "key value" lines. */
static uint64_t keyed_number(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *line = text; line != NULL && *line != 0;) {
        if (strncmp(line, key, n) == 0 && line[n] == ' ') {
            return strtoull(line + n + 1, NULL, 10);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *g)
{
    char file[VALUE_SIZE], text[VALUE_SIZE];
    int v2 = g->version == BERTH_SHIM_CGROUP_V2;

    if (g->oom_dir == OOM_UNKNOWN || (uint32_t)g->oom_dir >= g->count ||
        snprintf(file, sizeof(file), "%s/%s", g->paths[g->oom_dir],
                 v2 ? "memory.events" : "memory.oom_control") >= (int)sizeof(file) ||
        read_file(AT_FDCWD, file, text, sizeof(text)) < 0) {
        return 0;
    }
    return keyed_number(text, "oom_kill");
}

/* What is left is killed and waited for; a group that stays busy is left to the daemon's repair. */
void cgroup_remove(const struct cgroup *g)
{
    struct timespec pause = {0, 2000000};

    for (uint32_t i = 0; i < g->count; i++) {
        for (int round = 0; rmdir(g->paths[i]) < 0 && errno == EBUSY && round < KILL_ROUNDS;
             round++) {
            signal_listed(g->paths[i], SIGKILL);
            nanosleep(&pause, NULL);
        }
    }
}
