/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent's side of a start: state directory, log, cgroups, streams, then one clone3.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

const char *shim_keep(const char *text)
{
    static char pool[16384];
    static size_t used;

    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text) + 1;
    if (length > sizeof(pool) - used) {
        void *memory =
            mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return memory == MAP_FAILED ? NULL : memcpy(memory, text, length);
    }
    char *copy = pool + used;
    used += length;
    memcpy(copy, text, length);
    return copy;
}

static int open_state(struct shim *s, const struct berth_shim_spec *spec)
{
    s->state_dir = openat(AT_FDCWD, spec->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->state_dir < 0 || control_listen(s) < 0) {
        snprintf(s->text, sizeof(s->text), "cannot use the state directory %s: %s", spec->state_dir,
                 errno_text(errno));
        return BERTH_SHIM_STAGE_STATE;
    }
    s->log.kind = (int)spec->log_kind;
    s->log.path = shim_keep(spec->log_path);
    s->log.attrs = shim_keep(spec->log_attrs);
    s->log.max_size = spec->log_max_size;
    s->log.max_files = spec->log_max_files;
    if (s->log.kind > BERTH_SHIM_LOG_JSON_FILE ||
        (s->log.kind != BERTH_SHIM_LOG_NONE && s->log.path == NULL)) {
        snprintf(s->text, sizeof(s->text), "log kind %u is not one this shim writes",
                 spec->log_kind);
        return BERTH_SHIM_STAGE_LOG;
    }
    if (log_open(&s->log) < 0) {
        snprintf(s->text, sizeof(s->text), "cannot open the log file %s: %s", s->log.path,
                 errno_text(errno));
        return BERTH_SHIM_STAGE_LOG;
    }
    return 0;
}

static int make_streams(struct shim *s, struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    int pipe_fds[2];

    for (int i = 0; i < 3 && !s->tty; i++) {
        if (i == 0 && (spec->flags & BERTH_SHIM_PROCESS_STDIN_OPEN) == 0) {
            c->stdio[0] = openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
            if (c->stdio[0] < 0) {
                return -1;
            }
            continue;
        }
        if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
            return -1;
        }
        c->stdio[i] = pipe_fds[i == 0 ? 0 : 1];
        c->parent_stdio[i] = pipe_fds[i == 0 ? 1 : 0];
    }
    if (c->parent_stdio[0] >= 0) {
        fcntl(c->parent_stdio[0], F_SETFL, O_WRONLY | O_NONBLOCK);
    }
    return 0;
}

/* exec: the container's init by pidfd, checked not to be a reused pid, and its pid namespace. */
static int find_target(struct shim *s, struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    c->target_pidfd = (int)syscall(NR_PIDFD_OPEN, spec->exec_pid, 0);
    if (c->target_pidfd < 0 || (spec->exec_start_time != 0 &&
                                process_start_time(spec->exec_pid) != spec->exec_start_time)) {
        snprintf(s->text, sizeof(s->text), "the container %s is not running", spec->id);
        errno = ESRCH;
        return -1;
    }
    for (uint32_t i = 0; i < spec->namespace_count; i++) {
        const struct berth_shim_namespace *ns = &spec->namespaces[i];
        if (ns->kind == K_NEWPID && ns->mode != BERTH_SHIM_NS_HOST &&
            setns(c->target_pidfd, (int)K_NEWPID) < 0) {
            snprintf(s->text, sizeof(s->text), "joining the container's PID namespace: %s",
                     errno_text(errno));
            return -1;
        }
    }
    return 0;
}

/* What clone3 makes itself; returns -1 when a PID namespace to be joined cannot be. */
static int clone_flags(struct shim *s, const struct berth_shim_spec *spec, uint64_t *ret_flags)
{
    uint64_t flags = 0;

    for (uint32_t i = 0; i < spec->namespace_count && !s->exec; i++) {
        const struct berth_shim_namespace *ns = &spec->namespaces[i];
        if (ns->mode == BERTH_SHIM_NS_NEW && ns->kind != K_NEWCGROUP) {
            flags |= ns->kind;
        } else if (ns->mode == BERTH_SHIM_NS_JOIN && ns->kind == K_NEWPID &&
                   setns(ns->fd, (int)K_NEWPID) < 0) {
            snprintf(s->text, sizeof(s->text), "joining a PID namespace: %s", errno_text(errno));
            return -1;
        }
    }
    if (!s->exec && (flags & K_NEWNS) == 0) {
        snprintf(s->text, sizeof(s->text), "a container needs a mount namespace of its own");
        errno = EINVAL;
        return -1;
    }
    *ret_flags = flags;
    return 0;
}

static int clone_child(struct shim *s, struct setup *c)
{
    struct k_clone_args args = {.exit_signal = SIGCHLD};

    if (clone_flags(s, c->spec, &args.flags) < 0) {
        return -1;
    }
    if (c->spec->cgroup_version == BERTH_SHIM_CGROUP_V2 && c->cgroup_files[0] >= 0) {
        args.flags |= K_CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)c->cgroup_files[0];
    }
    s->child = (pid_t)syscall(NR_CLONE3, &args, sizeof(args));
    if (s->child < 0) {
        snprintf(s->text, sizeof(s->text), "creating the container's namespaces: %s",
                 errno_text(errno));
        return -1;
    }
    if (s->child == 0) {
        child_run(c);
    }
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* Everything that only the child needed. */
static void close_child_side(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    close(c->status);
    close_if_open(c->target_pidfd);
    close_if_open(spec->root_fd);
    for (int i = 0; i < 3; i++) {
        close_if_open(c->stdio[i]);
    }
    for (uint32_t i = 0; i < CGROUP_DIRS; i++) {
        close_if_open(c->cgroup_files[i]);
        close_if_open(c->cgroup_trees[i]);
    }
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        close_if_open(c->mount_trees[i]);
        if (spec->mounts[i].kind == BERTH_SHIM_MOUNT_BIND) {
            close_if_open(spec->mounts[i].fd);
        }
    }
    for (uint32_t i = 0; i < spec->namespace_count; i++) {
        close_if_open(spec->namespaces[i].fd);
    }
}

static int add_sources(struct shim *s, struct setup *c)
{
    if (loop_add(s, s->status_fd, SOURCE_STATUS, 0, EPOLLIN) < 0 ||
        loop_add(s, s->signal_fd, SOURCE_SIGNAL, 0, EPOLLIN) < 0) {
        return -1;
    }
    s->input = c->parent_stdio[0];
    for (uint32_t i = 0; i < 2; i++) {
        s->outputs[i].fd = c->parent_stdio[i + 1];
        s->outputs[i].stream = (uint8_t)(i + 1);
        if (s->outputs[i].fd >= 0 && loop_add(s, s->outputs[i].fd, SOURCE_OUTPUT, i, EPOLLIN) < 0) {
            return -1;
        }
    }
    return 0;
}

static int add_clients(struct shim *s, const struct berth_shim_spec *spec)
{
    for (uint32_t i = 0; i < spec->client_count; i++) {
        const struct berth_shim_client *client = &spec->clients[i];
        struct berth_shim_attach attach = {.client = client->id, .flags = client->flags};
        if (client->detach_keys.length > sizeof(attach.keys) || client->fd < 0) {
            errno = EINVAL;
            return -1;
        }
        attach.key_count = client->detach_keys.length;
        if (attach.key_count > 0) {
            memcpy(attach.keys, client->detach_keys.data, attach.key_count);
        }
        if (client_add(s, &attach, client->fd, client->early.data, client->early.length) < 0) {
            return -1;
        }
    }
    return 0;
}

static void setup_init(struct setup *c, struct shim *s, const struct berth_shim_spec *spec)
{
    memset(c, 0xff, sizeof(*c)); /* every fd -1 */
    c->spec = spec;
    c->shim = s;
}

int shim_start(struct shim *s, const struct berth_shim_spec *spec)
{
    static struct setup c;
    int pair[2];
    int stage = open_state(s, spec);

    if (stage != 0) {
        return stage;
    }
    setup_init(&c, s, spec);
    if (cgroup_prepare(s, &c) < 0) {
        return BERTH_SHIM_STAGE_CGROUP;
    }
    if (!s->exec && mounts_prepare(s, &c) < 0) {
        return BERTH_SHIM_STAGE_MOUNT;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
        make_streams(s, &c) < 0) {
        snprintf(s->text, sizeof(s->text), "creating the container's streams: %s",
                 errno_text(errno));
        return BERTH_SHIM_STAGE_STDIO;
    }
    s->status_fd = pair[0];
    c.status = pair[1];
    if ((s->exec && find_target(s, &c) < 0) || clone_child(s, &c) < 0) {
        return BERTH_SHIM_STAGE_NAMESPACE;
    }
    /* While the child works: /proc takes its time. */
    s->started.body.started.shim_pid = getpid();
    s->started.body.started.shim_start_time = process_start_time(getpid());
    close_child_side(&c);
    if (add_sources(s, &c) < 0 || add_clients(s, spec) < 0) {
        snprintf(s->text, sizeof(s->text), "watching the container's streams: %s",
                 errno_text(errno));
        return BERTH_SHIM_STAGE_STDIO;
    }
    return 0;
}
