/* SPDX-License-Identifier: Apache-2.0
 *
 * See rig.h.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

static const char *const applets[] = {"sh",    "cat",      "echo",  "sleep", "true", "false",
                                      "id",    "ls",       "mount", "tty",   "stty", "seq",
                                      "head",  "wc",       "kill",  "yes",   "grep", "hostname",
                                      "touch", "readlink", "stat",  "dd",    "ps"};

static void make_root(struct rig *r)
{
    char path[256];
    static const char *const dirs[] = {"bin", "proc", "sys", "dev", "etc", "tmp"};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", r->root, dirs[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    snprintf(path, sizeof(path), "cp /bin/busybox %s/bin/busybox", r->root);
    assert_int_equal(system(path), 0);
    for (size_t i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
        snprintf(path, sizeof(path), "%s/bin/%s", r->root, applets[i]);
        assert_int_equal(symlink("busybox", path), 0);
    }
}

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static void add_mount(struct rig *r, const char *type, const char *target, uint64_t attributes,
                      char **options)
{
    struct berth_shim_mount *m = &r->mounts[r->spec.mount_count++];
    m->kind = BERTH_SHIM_MOUNT_NEW;
    m->type = text(type);
    m->source = text(type);
    m->target = text(target);
    m->fd = -1;
    m->attributes = attributes;
    m->options.items = options;
    while (options != NULL && options[m->options.count] != NULL) {
        m->options.count++;
    }
}

static void add_default_mounts(struct rig *r)
{
    static char mode[] = "mode=755", size[] = "size=65536k", instance[] = "newinstance",
                ptmx[] = "ptmxmode=0666", slave[] = "mode=0620", gid[] = "gid=5",
                sticky[] = "mode=1777", memory[] = "size=64m";
    static char *dev[] = {mode, size, NULL}, *pts[] = {instance, ptmx, slave, gid, NULL},
                *shm[] = {sticky, memory, NULL};
    uint64_t safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

    add_mount(r, "proc", "/proc", safe, NULL);
    add_mount(r, "tmpfs", "/dev", MOUNT_ATTR_NOSUID, dev);
    add_mount(r, "devpts", "/dev/pts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts);
    add_mount(r, "sysfs", "/sys", safe | MOUNT_ATTR_RDONLY, NULL);
    add_mount(r, "mqueue", "/dev/mqueue", safe, NULL);
    add_mount(r, "tmpfs", "/dev/shm", safe, shm);
    add_mount(r, NULL, "/sys/fs/cgroup", safe | MOUNT_ATTR_RDONLY, NULL);
    r->mounts[r->spec.mount_count - 1].kind = BERTH_SHIM_MOUNT_CGROUP;
    r->spec.mounts = r->mounts;
}

static void add_default_devices(struct rig *r)
{
    static const struct {
        const char *path;
        uint32_t major, minor;
    } nodes[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                 {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        struct berth_shim_device *d = &r->devices[r->spec.device_count++];
        d->path = text(nodes[i].path);
        d->mode = S_IFCHR | 0666;
        d->major = nodes[i].major;
        d->minor = nodes[i].minor;
    }
    r->spec.devices = r->devices;
    r->spec.default_links = 1;
}

static void add_cgroups(struct rig *r)
{
    static const char *const names[] = {"cpuset", "cpu",     "cpuacct", "memory", "devices",
                                        "blkio",  "freezer", "systemd", "pids"};
    static char paths[9][160];

    for (size_t i = 0; i < 9; i++) {
        struct berth_shim_cgroup_dir *d = &r->dirs[r->spec.cgroup_dir_count];
        snprintf(paths[i], sizeof(paths[i]), "/sys/fs/cgroup/%s", names[i]);
        if (access(paths[i], F_OK) != 0) {
            continue;
        }
        snprintf(paths[i], sizeof(paths[i]), "/sys/fs/cgroup/%s/berth-test-%d/c", names[i],
                 (int)getpid());
        d->path = paths[i];
        d->controllers = text(names[i]);
        d->flags = i == 0 ? BERTH_SHIM_CGROUP_INHERIT_CPUSET : 0;
        r->spec.cgroup_dir_count++;
    }
    r->spec.cgroup_dirs = r->dirs;
    r->spec.cgroup_version =
        r->spec.cgroup_dir_count > 0 ? BERTH_SHIM_CGROUP_V1 : BERTH_SHIM_CGROUP_NONE;
}

static void add_namespaces(struct rig *r)
{
    static const int kinds[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWNET,
                                CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        r->namespaces[i].kind = (uint32_t)kinds[i];
        r->namespaces[i].mode = BERTH_SHIM_NS_NEW;
        r->namespaces[i].fd = -1;
    }
    r->spec.namespaces = r->namespaces;
    r->spec.namespace_count = 6;
}

void rig_init(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    strcpy(r->dir, "/tmp/berth-shim-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->root, sizeof(r->root), "%s/root", r->dir);
    snprintf(r->state, sizeof(r->state), "%s/state", r->dir);
    snprintf(r->log, sizeof(r->log), "%s/log.json", r->dir);
    assert_int_equal(mkdir(r->root, 0755), 0);
    assert_int_equal(mkdir(r->state, 0700), 0);
    make_root(r);
    r->control = -1;
    r->state_fd = open(r->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(berth_shim_program_open(getenv("BERTH_SHIM"), &r->program, NULL), 0);
    berth_shim_spec_init(&r->spec);
    r->spec.id = text("0123456789abcdef");
    r->spec.state_dir = r->state;
    r->spec.hostname = text("boat");
    r->spec.root_path = r->root;
    r->spec.log_kind = BERTH_SHIM_LOG_JSON_FILE;
    r->spec.log_path = r->log;
    r->spec.cap_bounding = r->spec.cap_effective = r->spec.cap_permitted = 0xa80425fb;
    r->env[0] = text("PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin");
    r->env[1] = text("HOME=/root");
    r->spec.env.items = r->env;
    r->spec.env.count = 2;
    r->spec.argv.items = r->argv;
    r->spec.clients = r->clients;
    add_namespaces(r);
    add_default_mounts(r);
    add_default_devices(r);
    add_cgroups(r);
}

void rig_shell(struct rig *r, const char *script)
{
    r->argv[0] = text("sh");
    r->argv[1] = text("-c");
    r->argv[2] = text(script);
    r->spec.argv.count = 3;
}

void rig_argv(struct rig *r, const char *first, const char *second)
{
    r->argv[0] = text(first);
    r->argv[1] = text(second);
    r->spec.argv.count = second == NULL ? 1 : 2;
}

int rig_client(struct rig *r, uint32_t flags)
{
    int pair[2];
    struct berth_shim_client *c = &r->clients[r->spec.client_count++];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    memset(c, 0, sizeof(*c));
    c->id = r->spec.client_count;
    c->flags = flags;
    c->fd = pair[1];
    return pair[0];
}

void rig_launch(struct rig *r)
{
    berth_error err = {0};

    if (berth_shim_launch(r->program, BERTH_SHIM_VERB_RUN, &r->spec, &r->control, &r->shim, &err) !=
        0) {
        fail_msg("launch: %s (%d)", err.msg, err.sys_errno);
    }
    for (uint32_t i = 0; i < r->spec.client_count; i++) {
        close(r->clients[i].fd);
    }
}

static bool receive(struct rig *r, struct berth_shim_message *m)
{
    static unsigned char data[BERTH_SHIM_DATA_MAX];
    struct berth_shim_incoming in = {.buffer = data, .size = sizeof(data)};
    struct pollfd p = {.fd = r->control, .events = POLLIN};

    if (poll(&p, 1, PATIENCE_MS) != 1) {
        fail_msg("the shim says nothing for %d ms", PATIENCE_MS);
    }
    int got = berth_shim_message_receive(r->control, m, &in, 0, NULL);
    if (got <= 0) {
        return false;
    }
    if (m->type == BERTH_SHIM_STARTED) {
        r->started = *m;
    } else if (m->type == BERTH_SHIM_EXITED) {
        r->exited = *m;
    } else if (m->type == BERTH_SHIM_CLIENT_CLOSED) {
        r->closed_reason = m->body.client.reason;
    } else if (m->type == BERTH_SHIM_FAILED) {
        r->failed = *m;
        memcpy(r->sentence, data, in.length < 511 ? in.length : 511);
    }
    return true;
}

bool rig_wait(struct rig *r, uint32_t type)
{
    struct berth_shim_message m;

    while (receive(r, &m)) {
        if (m.type == type) {
            return true;
        }
        if (m.type == BERTH_SHIM_FAILED) {
            fprintf(stderr, "FAILED stage %u errno %d code %d: %s\n", m.body.failed.stage,
                    m.body.failed.sys_errno, m.body.failed.exit_code, r->sentence);
            return false;
        }
    }
    return false;
}

int rig_request(struct rig *r, struct berth_shim_message *message, int fd)
{
    struct berth_shim_payload payload = {.fds = &fd, .fd_count = fd >= 0};
    struct berth_shim_message m;

    message->serial = ++r->serial;
    assert_int_equal(berth_shim_message_send(r->control, message, &payload, 0, NULL), 0);
    while (receive(r, &m)) {
        if (m.type == BERTH_SHIM_RESULT && m.serial == r->serial) {
            return m.body.result.sys_errno;
        }
    }
    fail_msg("the shim went away during a request");
    return -1;
}

void rig_reap(struct rig *r)
{
    if (r->shim > 0) {
        assert_int_equal(waitpid(r->shim, NULL, 0), r->shim);
        r->shim = 0;
    }
    if (r->control >= 0) {
        close(r->control);
        r->control = -1;
    }
}

int rig_run(struct rig *r)
{
    struct berth_shim_message release = {.type = BERTH_SHIM_RELEASE};

    rig_launch(r);
    if (!rig_wait(r, BERTH_SHIM_EXITED)) {
        rig_reap(r);
        return -r->failed.body.failed.exit_code;
    }
    assert_int_equal(rig_request(r, &release, -1), 0);
    rig_reap(r);
    return r->exited.body.exited.exit_code;
}

static char *slurp(const char *path)
{
    static char data[8 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, data, sizeof(data) - 1);

    if (fd >= 0) {
        close(fd);
    }
    data[n < 0 ? 0 : n] = 0;
    return data;
}

const char *rig_log(struct rig *r)
{
    static char values[8 << 20];
    char *out = values;

    for (char *line = slurp(r->log); *line != 0;) {
        char *end = strchr(line, '\n');
        char *stop = end == NULL ? NULL : strstr(line, "\",\"stream\":");
        if (end == NULL || stop == NULL || strncmp(line, "{\"log\":\"", 8) != 0) {
            fail_msg("not a log line: %.100s", line);
            return "";
        }
        memcpy(out, line + 8, (size_t)(stop - line - 8));
        out += stop - line - 8;
        line = end + 1;
    }
    *out = 0;
    return values;
}

const char *rig_read(int fd, size_t *ret_length)
{
    static char data[8 << 20];
    size_t length = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        if (poll(&p, 1, PATIENCE_MS) != 1) {
            fail_msg("a client saw neither data nor end");
        }
        ssize_t n = read(fd, data + length, sizeof(data) - 1 - length);
        if (n <= 0) {
            break;
        }
        length += (size_t)n;
    }
    data[length] = 0;
    if (ret_length != NULL) {
        *ret_length = length;
    }
    return data;
}

void rig_done(struct rig *r)
{
    char command[256];

    if (r->shim > 0) {
        kill(r->shim, SIGKILL);
    }
    rig_reap(r);
    close(r->program);
    close(r->state_fd);
    for (uint32_t i = 0; i < r->spec.cgroup_dir_count; i++) {
        char *slash = strrchr(r->dirs[i].path, '/');
        for (int round = 0; rmdir(r->dirs[i].path) < 0 && errno == EBUSY && round < 1000; round++) {
            usleep(1000);
        }
        *slash = 0;
        if (rmdir(r->dirs[i].path) < 0 && errno != ENOENT) {
            fail_msg("the cgroup %s is still in use", r->dirs[i].path);
        }
    }
    snprintf(command, sizeof(command), "grep -q %s /proc/self/mountinfo", r->dir);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf --one-file-system %s", r->dir);
    assert_int_equal(system(command), 0);
}
