/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that a container may make by default: the same set as Docker's default profile,
 * by what they are for. Everything else fails with EPERM, or ENOSYS when it is newer than this
 * list.
 */
#include "linux/seccomp_internal.h"

#include <errno.h>
#include <seccomp.h>

#define CAP(number) (1ull << (number))

enum {
    CAP_DAC_READ_SEARCH = 2,
    CAP_SYS_MODULE = 16,
    CAP_SYS_RAWIO = 17,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_PACCT = 20,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_TIME = 25,
    CAP_SYS_TTY_CONFIG = 26,
    CAP_SYSLOG = 34,
    CAP_PERFMON = 38,
    CAP_BPF = 39,
};

static const char files[] =
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 "
    "faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat "
    "fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock "
    "fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 "
    "futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listmount "
    "listxattr "
    "listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod "
    "mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 "
    "pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename "
    "renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs "
    "statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs tee truncate "
    "truncate64 "
    "umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev";

static const char processes[] =
    "alarm capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 "
    "getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid "
    "getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 "
    "ioprio_get "
    "ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self pause "
    "pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease restart_syscall rt_sigaction "
    "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
    "sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler "
    "sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
    "setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid "
    "setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sigaltstack sigprocmask "
    "sigreturn tgkill tkill ugetrlimit uretprobe vfork wait4 waitid waitpid";

static const char memory[] =
    "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock "
    "mlock2 mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc "
    "pkey_free pkey_mprotect remap_file_pages shmat shmctl shmdt shmget";

static const char threads[] =
    "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake getcpu get_robust_list "
    "get_thread_area riscv_hwprobe rseq set_robust_list set_thread_area set_tid_address";

static const char messages[] =
    "accept accept4 bind connect getpeername getsockname getsockopt ipc listen mq_getsetattr "
    "mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
    "mq_unlink msgctl msgget msgrcv msgsnd pipe pipe2 recv recvfrom recvmmsg recvmmsg_time64 "
    "recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg sendto "
    "setsockopt shutdown socketcall socketpair";

static const char events[] =
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
    "epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents "
    "io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6 "
    "pselect6_time64 select signalfd signalfd4";

static const char clocks[] =
    "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
    "clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer getrandom gettimeofday "
    "nanosleep setitimer sysinfo time timer_create timer_delete timer_getoverrun timer_gettime "
    "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
    "timerfd_gettime64 "
    "timerfd_settime timerfd_settime64 times uname";

static const char administration[] =
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
    "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree "
    "perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 "
    "unshare";

#define ARGUMENT(name, index_, operation_, value_, two_) \
    static const struct seccomp_argument name[] = {      \
        {.index = (index_), .operation = (operation_), .value = (value_), .value_two = (two_)}}

/* The namespace flags of clone: CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID |
 * NEWNET. None of them may be asked for; s390 has the flags second. */
#define CLONE_NAMESPACES 0x7e020000ull
ARGUMENT(plain_clone, 0, SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0);
ARGUMENT(plain_clone_s390, 1, SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0);

/* personality(2): PER_LINUX, PER_LINUX32, both with ADDR_NO_RANDOMIZE's neighbour UNAME26, query */
ARGUMENT(personality_linux, 0, SCMP_CMP_EQ, 0x0, 0);
ARGUMENT(personality_linux32, 0, SCMP_CMP_EQ, 0x8, 0);
ARGUMENT(personality_uname26, 0, SCMP_CMP_EQ, 0x20000, 0);
ARGUMENT(personality_linux32_uname26, 0, SCMP_CMP_EQ, 0x20008, 0);
ARGUMENT(personality_query, 0, SCMP_CMP_EQ, 0xffffffff, 0);

/* Address families: all that ever were but 12 DECnet, 19 ECONET, 20 ATMSVC, 23 IRDA, 25 WANPIPE,
 * 34 ISDN, 37 CAIF, 38 ALG (kernel crypto) and 40 VSOCK (the hypervisor). */
ARGUMENT(family_low, 0, SCMP_CMP_LT, 12, 0);
#define FAMILY(number) ARGUMENT(family_##number, 0, SCMP_CMP_EQ, number, 0)
FAMILY(13);
FAMILY(14);
FAMILY(15);
FAMILY(16);
FAMILY(17);
FAMILY(18);
FAMILY(21);
FAMILY(22);
FAMILY(24);
FAMILY(26);
FAMILY(27);
FAMILY(28);
FAMILY(29);
FAMILY(30);
FAMILY(31);
FAMILY(32);
FAMILY(33);
FAMILY(35);
FAMILY(36);
FAMILY(39);
FAMILY(41);
FAMILY(42);
FAMILY(43);
FAMILY(44);
FAMILY(45);

#define ALLOW(names_)                               \
    {                                               \
        .names = (names_), .action = SCMP_ACT_ALLOW \
    }
#define ALLOW_IF(names_, argument)                                                                \
    {                                                                                             \
        .names = (names_), .action = SCMP_ACT_ALLOW, .arguments = (argument), .argument_count = 1 \
    }
#define ALLOW_ARCH(names_, arches_)                                      \
    {                                                                    \
        .names = (names_), .action = SCMP_ACT_ALLOW, .arches = (arches_) \
    }
#define ALLOW_CAP(names_, cap)                                              \
    {                                                                       \
        .names = (names_), .action = SCMP_ACT_ALLOW, .caps = CAP(CAP_##cap) \
    }
#define SOCKET(number) ALLOW_IF("socket", family_##number)

const struct seccomp_rule seccomp_default_rules[] = {
    ALLOW(files),
    ALLOW(processes),
    ALLOW(memory),
    ALLOW(threads),
    ALLOW(messages),
    ALLOW(events),
    ALLOW(clocks),
    {.names = "process_vm_readv process_vm_writev ptrace",
     .action = SCMP_ACT_ALLOW,
     .min_kernel = "4.8"}, /* before, ptrace could be used to leave the filter */
    SOCKET(low),
    SOCKET(13),
    SOCKET(14),
    SOCKET(15),
    SOCKET(16),
    SOCKET(17),
    SOCKET(18),
    SOCKET(21),
    SOCKET(22),
    SOCKET(24),
    SOCKET(26),
    SOCKET(27),
    SOCKET(28),
    SOCKET(29),
    SOCKET(30),
    SOCKET(31),
    SOCKET(32),
    SOCKET(33),
    SOCKET(35),
    SOCKET(36),
    SOCKET(39),
    SOCKET(41),
    SOCKET(42),
    SOCKET(43),
    SOCKET(44),
    SOCKET(45),
    ALLOW_IF("personality", personality_linux),
    ALLOW_IF("personality", personality_linux32),
    ALLOW_IF("personality", personality_uname26),
    ALLOW_IF("personality", personality_linux32_uname26),
    ALLOW_IF("personality", personality_query),
    ALLOW_ARCH("sync_file_range2 swapcontext", "ppc64le"),
    ALLOW_ARCH("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush "
               "set_tls",
               "arm arm64"),
    ALLOW_ARCH("arch_prctl", "amd64 x32"),
    ALLOW_ARCH("modify_ldt", "amd64 x32 x86"),
    ALLOW_ARCH("s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", "s390 s390x"),
    ALLOW_ARCH("riscv_flush_icache", "riscv64"),
    ALLOW_CAP("open_by_handle_at", DAC_READ_SEARCH),
    ALLOW_CAP(administration, SYS_ADMIN),
    {.names = "clone",
     .action = SCMP_ACT_ALLOW,
     .not_caps = CAP(CAP_SYS_ADMIN),
     .not_arches = "s390 s390x",
     .arguments = plain_clone,
     .argument_count = 1},
    {.names = "clone",
     .action = SCMP_ACT_ALLOW,
     .not_caps = CAP(CAP_SYS_ADMIN),
     .arches = "s390 s390x",
     .arguments = plain_clone_s390,
     .argument_count = 1},
    /* Its flags are behind a pointer: "not there" makes the C library use clone. */
    {.names = "clone3", .action = SCMP_ACT_ERRNO(ENOSYS), .not_caps = CAP(CAP_SYS_ADMIN)},
    ALLOW_CAP("reboot", SYS_BOOT),
    ALLOW_CAP("chroot", SYS_CHROOT),
    ALLOW_CAP("delete_module init_module finit_module", SYS_MODULE),
    ALLOW_CAP("acct", SYS_PACCT),
    ALLOW_CAP("kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
              SYS_PTRACE),
    ALLOW_CAP("iopl ioperm", SYS_RAWIO),
    ALLOW_CAP("settimeofday stime clock_settime clock_settime64", SYS_TIME),
    ALLOW_CAP("vhangup", SYS_TTY_CONFIG),
    ALLOW_CAP("get_mempolicy mbind set_mempolicy set_mempolicy_home_node", SYS_NICE),
    ALLOW_CAP("syslog", SYSLOG),
    ALLOW_CAP("bpf", BPF),
    ALLOW_CAP("perf_event_open", PERFMON),
};
const size_t seccomp_default_rule_count =
    sizeof(seccomp_default_rules) / sizeof(seccomp_default_rules[0]);
