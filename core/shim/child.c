/* SPDX-License-Identifier: Apache-2.0
 *
 * The container's first process between clone and execve, in order. Any failure ends it with one
 * sentence over the status socket.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

void child_fail(const struct setup *c, uint32_t stage, const char *format, ...)
{
    struct status status = {.kind = STATUS_FAILED, .stage = stage, .sys_errno = errno};
    va_list arguments;

    /* Docker's CLI derives 126 and 127 from these; everything else is the engine's 125. */
    status.exit_code = 125;
    if (stage == BERTH_SHIM_STAGE_EXEC) {
        status.exit_code = errno == ENOENT ? 127 : 126;
    }
    va_start(arguments, format);
    vsnprintf(status.text, sizeof(status.text), format, arguments);
    va_end(arguments);
    ssize_t ignored = write(c->status, &status, sizeof(status));
    (void)ignored;
    _exit(status.exit_code);
}

static void enter_namespaces(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    if (c->shim->exec) {
        uint64_t flags = 0;
        for (uint32_t i = 0; i < spec->namespace_count; i++) {
            if (spec->namespaces[i].mode != BERTH_SHIM_NS_HOST) {
                flags |= spec->namespaces[i].kind;
            }
        }
        flags &= ~K_NEWPID; /* the parent has entered it for its children */
        if (flags != 0 && setns(c->target_pidfd, (int)flags) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_NAMESPACE, "joining the container's namespaces: %s",
                       errno_text(errno));
        }
        return;
    }
    for (uint32_t i = 0; i < spec->namespace_count; i++) {
        const struct berth_shim_namespace *ns = &spec->namespaces[i];
        int result = 0;
        if (ns->mode == BERTH_SHIM_NS_JOIN && ns->kind != K_NEWPID) {
            result = setns(ns->fd, (int)ns->kind);
        } else if (ns->mode == BERTH_SHIM_NS_NEW && ns->kind == K_NEWCGROUP) {
            /* Here and not by clone: its root is the cgroup that was entered just before. */
            result = unshare((int)K_NEWCGROUP);
        }
        if (result < 0) {
            child_fail(c, BERTH_SHIM_STAGE_NAMESPACE, "entering a namespace (kind 0x%x): %s",
                       ns->kind, errno_text(errno));
        }
    }
}

static int has_new_namespace(const struct berth_shim_spec *spec, uint64_t kind)
{
    for (uint32_t i = 0; i < spec->namespace_count; i++) {
        if (spec->namespaces[i].kind == kind && spec->namespaces[i].mode == BERTH_SHIM_NS_NEW) {
            return 1;
        }
    }
    return 0;
}

/* A fresh network namespace has its loopback down. */
static void loopback_up(const struct setup *c)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_NAMESPACE, "bringing the loopback interface up: %s",
                   errno_text(errno));
    }
    close(fd);
}

static void set_names(const struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    if (spec->hostname != NULL && sethostname(spec->hostname, strlen(spec->hostname)) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_NAMESPACE, "setting the hostname \"%s\": %s", spec->hostname,
                   errno_text(errno));
    }
    if (spec->domainname != NULL && spec->domainname[0] != 0 &&
        setdomainname(spec->domainname, strlen(spec->domainname)) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_NAMESPACE, "setting the domain name \"%s\": %s",
                   spec->domainname, errno_text(errno));
    }
}

static void set_sysctls(const struct setup *c)
{
    for (uint32_t i = 0; i < c->spec->sysctl_count; i++) {
        const struct berth_shim_pair *pair = &c->spec->sysctls[i];
        char path[256];
        size_t n = strlen(pair->key);
        if (n > sizeof(path) - 11) {
            errno = ENAMETOOLONG;
            child_fail(c, BERTH_SHIM_STAGE_SYSCTL, "the name of a sysctl is too long");
        }
        memcpy(path, "/proc/sys/", 10);
        for (size_t k = 0; k <= n; k++) {
            path[10 + k] = pair->key[k] == '.' ? '/' : pair->key[k];
        }
        /* An interface name may hold dots: sysctl(8) writes those as slashes and the reverse. */
        struct k_open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                                 .resolve = K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS};
        int fd = k_openat2(c->root, path, &how);
        if (fd < 0 || write(fd, pair->value, strlen(pair->value)) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_SYSCTL, "setting the sysctl %s to \"%s\": %s", pair->key,
                       pair->value, errno_text(errno));
        }
        close(fd);
    }
}

static void send_terminal(const struct setup *c, int master)
{
    struct status status = {.kind = STATUS_TERMINAL};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&status, sizeof(status)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};

    memset(&control, 0, sizeof(control));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &master, sizeof(int));
    if (sendmsg(c->status, &header, MSG_NOSIGNAL) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "handing the terminal to the shim: %s",
                   errno_text(errno));
    }
}

/* Opens a terminal in the container's own devpts, so that its ttyname works there. */
static void open_terminal(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    struct stat st;
    int unlock = 0;
    struct k_open_how how = {.flags = O_RDWR | O_NOCTTY | O_CLOEXEC,
                             .resolve = K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS};
    int master = k_openat2(c->root, "/dev/pts/ptmx", &how);

    /* Major 5 minor 2 is a ptmx; anything else here was put there by the image. */
    if (master < 0 || fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != 0x502) {
        errno = master < 0 ? errno : ENOTTY;
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "opening a terminal at /dev/pts/ptmx: %s",
                   errno_text(errno));
    }
    if (spec->rows != 0 && spec->columns != 0) {
        struct winsize size = {.ws_row = (unsigned short)spec->rows,
                               .ws_col = (unsigned short)spec->columns};
        ioctl(master, TIOCSWINSZ, &size);
    }
    int slave = -1;
    if (ioctl(master, TIOCSPTLCK, &unlock) == 0) {
        slave = ioctl(master, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (slave < 0) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "opening the terminal's slave: %s",
                   errno_text(errno));
    }
    if (spec->uid != 0 && fchown(slave, spec->uid, (gid_t)-1) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "giving the terminal to user %u: %s", spec->uid,
                   errno_text(errno));
    }
    if (!c->shim->exec) {
        child_console(c, slave);
    }
    send_terminal(c, master);
    close(master);
    if (dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0 ||
        ioctl(0, TIOCSCTTY, 0) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "taking the terminal: %s", errno_text(errno));
    }
    close(slave);
}

static void take_stdio(struct setup *c)
{
    for (int i = 0; i < 3; i++) {
        if (dup2(c->stdio[i], i) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_STDIO, "setting up standard streams: %s",
                       errno_text(errno));
        }
        /* /dev/stdout must be usable by the user too; a file system or /dev/null may refuse. */
        if (i > 0 && c->spec->uid != 0) {
            int ignored = fchown(i, c->spec->uid, c->spec->gid);
            (void)ignored;
        }
    }
    if (c->spec->uid != 0 && (c->spec->flags & BERTH_SHIM_PROCESS_STDIN_OPEN) != 0) {
        int ignored = fchown(0, c->spec->uid, c->spec->gid);
        (void)ignored;
    }
}

/* The death signal is cleared by every change of credentials, so this comes last; a parent that
 * was gone before is seen by its end of the socket. */
static void die_with_parent(const struct setup *c)
{
    struct pollfd parent = {.fd = c->status, .events = 0};

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (poll(&parent, 1, 0) > 0 && (parent.revents & (POLLHUP | POLLERR)) != 0) {
        _exit(137);
    }
}

void child_run(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    int tty = (spec->flags & BERTH_SHIM_PROCESS_TTY) != 0;

    umask(0);
    if (setsid() < 0 && errno != EPERM) {
        child_fail(c, BERTH_SHIM_STAGE_STDIO, "starting a session: %s", errno_text(errno));
    }
    child_enter_cgroup(c);
    child_limits(c); /* /proc of the host is still here for oom_score_adj */
    enter_namespaces(c);
    if (c->shim->exec) {
        c->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (c->root < 0) {
            child_fail(c, BERTH_SHIM_STAGE_ROOT, "opening the container's root: %s",
                       errno_text(errno));
        }
    } else {
        if (has_new_namespace(spec, K_NEWNET)) {
            loopback_up(c);
        }
        set_names(c);
        child_enter_root(c);
        child_mount_all(c);
        child_devices(c);
    }
    if (tty) {
        open_terminal(c);
    } else {
        take_stdio(c);
    }
    if (!c->shim->exec) {
        set_sysctls(c);
        child_paths(c);
        child_finish_root(c);
    }
    child_become(c);
    die_with_parent(c);
    if ((spec->flags & BERTH_SHIM_PROCESS_INIT) != 0) {
        reaper_split(c, tty);
    }
    child_execute(c);
}
