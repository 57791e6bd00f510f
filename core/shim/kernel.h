/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's newer interfaces as this program uses them, by number: the C library it is linked
 * with (musl, or glibc for the sanitizer build) knows only some of them, and the kernel's own
 * headers clash with both. Sources: include/uapi/linux/{mount,openat2,sched,bpf,seccomp,
 * capability}.h. Files are opened by openat: musl's open() adds an fcntl. System calls from 424 on
 * have one number on all architectures.
 */
#ifndef BERTH_SHIM_KERNEL_H
#define BERTH_SHIM_KERNEL_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NR_PIDFD_SEND_SIGNAL = 424,
    NR_OPEN_TREE = 428,
    NR_MOVE_MOUNT = 429,
    NR_FSOPEN = 430,
    NR_FSCONFIG = 431,
    NR_FSMOUNT = 432,
    NR_PIDFD_OPEN = 434,
    NR_CLONE3 = 435,
    NR_CLOSE_RANGE = 436,
    NR_OPENAT2 = 437,
    NR_MOUNT_SETATTR = 442,
};

/* namespaces and clone3 */
#define K_NEWNS             0x00020000ull
#define K_NEWCGROUP         0x02000000ull
#define K_NEWUTS            0x04000000ull
#define K_NEWIPC            0x08000000ull
#define K_NEWUSER           0x10000000ull
#define K_NEWPID            0x20000000ull
#define K_NEWNET            0x40000000ull
#define K_CLONE_INTO_CGROUP 0x200000000ull

struct k_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

/* mounts */
#define K_OPEN_TREE_CLONE       1u
#define K_AT_RECURSIVE          0x8000u
#define K_AT_EMPTY_PATH         0x1000u
#define K_MOVE_EMPTY            0x44u /* MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH */
#define K_FSCONFIG_SET_FLAG     0u
#define K_FSCONFIG_SET_STRING   1u
#define K_FSCONFIG_CMD_CREATE   6u
#define K_ATTR_RDONLY           0x1ull
#define K_ATTR_NOSUID           0x2ull
#define K_ATTR_NODEV            0x4ull
#define K_ATTR_NOEXEC           0x8ull
#define K_ATTR_ATIME            0x70ull
#define K_RESOLVE_NO_MAGICLINKS 0x02ull
#define K_RESOLVE_IN_ROOT       0x10ull
#define K_CLOSE_RANGE_CLOEXEC   4u

struct k_mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

struct k_open_how {
    uint64_t flags, mode, resolve;
};

/* seccomp and BPF */
#define K_SECCOMP_SET_MODE_FILTER 1u
struct k_sock_fprog {
    unsigned short length;
    const void *filter;
};
struct k_bpf_insn {
    uint8_t code;
    uint8_t registers; /* destination in the low nibble, source in the high one */
    int16_t offset;
    int32_t immediate;
};

/* capabilities */
#define K_CAPABILITY_VERSION_3 0x20080522u
struct k_cap_header {
    uint32_t version;
    int pid;
};
struct k_cap_data {
    uint32_t effective, permitted, inheritable;
};

/* open_tree(2), close-on-exec. */
static inline int k_open_tree(int dir, const char *path, unsigned int flags)
{
    return (int)syscall(NR_OPEN_TREE, dir, path, flags | O_CLOEXEC);
}

/* Attaches the mount `from` on the place that the O_PATH fd `to` names. */
static inline int k_move_mount(int from, int to)
{
    return (int)syscall(NR_MOVE_MOUNT, from, "", to, "", K_MOVE_EMPTY);
}

/* mount_setattr(2) of the mount that fd is. */
static inline int k_mount_setattr(int fd, unsigned int flags, const struct k_mount_attr *attr)
{
    return (int)syscall(NR_MOUNT_SETATTR, fd, "", flags | K_AT_EMPTY_PATH, attr, sizeof(*attr));
}

/* openat2(2). */
static inline int k_openat2(int dir, const char *path, const struct k_open_how *how)
{
    return (int)syscall(NR_OPENAT2, dir, path, how, sizeof(*how));
}

#endif
