/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract between the daemon and berth-shim: the one header of core/shim that others include.
 *
 * 1. Start. The daemon fills a struct berth_shim_spec and calls berth_shim_launch(), which encodes
 *    it, sends it with its fds over one end of a SOCK_SEQPACKET socketpair and spawns
 *    `berth-shim run FD` (or `exec FD`). The other end is the control channel from then on.
 * 2. Control. Both sides exchange struct berth_shim_message. A request with a serial != 0 is
 *    answered by one RESULT with the same serial. Events (STARTED, FAILED, EXITED, CLIENT_CLOSED)
 *    have serial 0 and go to every connected daemon.
 * 3. Adoption. The shim listens on STATE_DIR/shim.sock (SEQPACKET, mode 0600). STATE_DIR/shim.pid
 *    holds the STARTED record, STATE_DIR/exit (written atomically, after the last log line) the
 *    EXITED record. An exec session uses its own state directory (STATE_DIR/exec/ID) the same way.
 *
 * Skew: daemon and shim may be of different versions, either way round. The major version must
 * match. Sections, list elements and message bodies carry their own size: what the reader does not
 * know at the end is ignored, what the writer did not send reads as zero. A section that is unknown
 * to the shim and flagged required is refused. Everything is native-endian: both ends are on one
 * machine. Fields are only ever appended; numbers are never reused.
 *
 * Linux only; links libc only. No function here keeps state: all are thread-safe.
 */
#ifndef BERTH_SHIM_PROTOCOL_H
#define BERTH_SHIM_PROTOCOL_H

#include <berth/error.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BERTH_SHIM_MAGIC          0x4d535242u /* "BRSM" */
#define BERTH_SHIM_PROTOCOL_MAJOR 1u
#define BERTH_SHIM_PROTOCOL_MINOR 0u

#define BERTH_SHIM_SPEC_MAX      (16u << 20)   /* bytes of one encoded spec */
#define BERTH_SHIM_SPEC_INLINE   (96u << 10)   /* a larger one travels as a memfd */
#define BERTH_SHIM_FDS_MAX       1024u         /* fds of one spec */
#define BERTH_SHIM_FDS_CHUNK     250u          /* SCM_MAX_FD is 253 */
#define BERTH_SHIM_DATA_MAX      (64u << 10)   /* trailing data of one control message */
#define BERTH_SHIM_CLIENTS_MAX   64u           /* attached clients at one time */
#define BERTH_SHIM_CLIENT_BUFFER (1024u << 10) /* default bound of a client's backlog */
#define BERTH_SHIM_KEYS_MAX      32u           /* bytes of a detach key sequence */
#define BERTH_SHIM_LOG_LINE      16384u        /* longer lines are split, as Docker does */
#define BERTH_SHIM_CAPS_LAST     63u

#define BERTH_SHIM_SOCKET_NAME "shim.sock"
#define BERTH_SHIM_PID_NAME    "shim.pid"
#define BERTH_SHIM_EXIT_NAME   "exit"

/* ---- the spec ------------------------------------------------------------------------------- */

/* Section ids on the wire. The reserved ones have no reader yet. */
enum {
    BERTH_SHIM_SECTION_GENERAL = 1,
    BERTH_SHIM_SECTION_PROCESS = 2,
    BERTH_SHIM_SECTION_STDIO = 3,
    BERTH_SHIM_SECTION_NAMESPACES = 4,
    BERTH_SHIM_SECTION_ROOT = 5,
    BERTH_SHIM_SECTION_MOUNTS = 6,
    BERTH_SHIM_SECTION_DEVICES = 7,
    BERTH_SHIM_SECTION_PATHS = 8,
    BERTH_SHIM_SECTION_SYSCTLS = 9,
    BERTH_SHIM_SECTION_CGROUP = 10,
    BERTH_SHIM_SECTION_SECCOMP = 11,
    BERTH_SHIM_SECTION_LOG = 12,
    BERTH_SHIM_SECTION_CLIENTS = 13,
    BERTH_SHIM_SECTION_EXEC = 14,
    BERTH_SHIM_SECTION_CLOCK = 15,
    /* reserved */
    BERTH_SHIM_SECTION_USER_NAMESPACE = 32,
    BERTH_SHIM_SECTION_SECCOMP_NOTIFY = 33,
    BERTH_SHIM_SECTION_SECURITY_LABELS = 34,
    BERTH_SHIM_SECTION_HOOKS = 35,
    BERTH_SHIM_SECTION_CHECKPOINT = 36,
    BERTH_SHIM_SECTION_OCI_RUNTIME = 37,
    BERTH_SHIM_SECTION_FD_STORE = 38,
};

/* A counted list of strings; after decoding items[count] is NULL as well (ready for execve). */
struct berth_shim_strings {
    char **items;
    uint32_t count;
};

struct berth_shim_blob {
    const void *data;
    uint32_t length;
};

struct berth_shim_pair {
    char *key;
    char *value;
};

struct berth_shim_rlimit {
    uint32_t resource; /* RLIMIT_* */
    uint64_t soft, hard;
};

enum { BERTH_SHIM_NS_HOST = 0, BERTH_SHIM_NS_NEW = 1, BERTH_SHIM_NS_JOIN = 2 };

/* A kind that is not listed is shared with the host. */
struct berth_shim_namespace {
    uint32_t kind; /* CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, ... */
    uint32_t mode; /* BERTH_SHIM_NS_* */
    int32_t fd;    /* for JOIN: a namespace fd; else -1 */
};

enum {
    BERTH_SHIM_MOUNT_NEW = 1, /* fsopen(type), options as "key=value" or "flag" */
    BERTH_SHIM_MOUNT_BIND =
        2, /* clone of `fd` (O_PATH or a detached mount) or of host path `source` */
    BERTH_SHIM_MOUNT_CGROUP = 3, /* the container's view of cgroups at target (v1: tmpfs + one mount
                                    a hierarchy; v2: cgroup2), by the cgroup section's version */
    BERTH_SHIM_MOUNT_MOVE = 4,   /* `fd` is a detached mount: attach it as it is, no clone */
};

enum {
    BERTH_SHIM_MOUNT_RECURSIVE = 1u << 0,            /* bind submounts too */
    BERTH_SHIM_MOUNT_RECURSIVE_ATTRIBUTES = 1u << 1, /* attributes on submounts as well */
    BERTH_SHIM_MOUNT_OPTIONAL = 1u << 2,  /* a failure is not an error (e.g. mqueue not built in) */
    BERTH_SHIM_MOUNT_NO_CREATE = 1u << 3, /* the target must exist */
};

struct berth_shim_mount {
    uint32_t kind;  /* BERTH_SHIM_MOUNT_NEW, ... */
    uint32_t flags; /* BERTH_SHIM_MOUNT_RECURSIVE, ... */
    char *type;     /* NEW: file system type */
    char *source;   /* NEW: its source (may be NULL); BIND: host path when fd is -1 */
    char *target; /* absolute path in the container; resolved beneath its root, created if absent */
    int32_t fd;   /* BIND: file or directory; else -1 */
    uint64_t attributes;  /* MOUNT_ATTR_RDONLY | NOSUID | NODEV | NOEXEC | NOATIME ... to set */
    uint32_t propagation; /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE; 0 = private */
    uint32_t propagation_recursive;    /* the "r" of rslave, rshared ... */
    struct berth_shim_strings options; /* NEW: fsconfig parameters ("size=64m", "mode=1777") */
};

struct berth_shim_device {
    char *path;    /* in the container, below /dev or anywhere */
    uint32_t mode; /* S_IFCHR, S_IFBLK or S_IFIFO | permissions */
    uint32_t major, minor;
    uint32_t uid, gid;
    char *host_path; /* bound when mknod is not possible; NULL = same as path */
};

/* One rule of the v2 device program, evaluated last to first like v1's list: the last match wins.
 */
struct berth_shim_device_rule {
    uint32_t allow;       /* 1 allow, 0 deny */
    uint32_t type;        /* 'a', 'b' or 'c' */
    int64_t major, minor; /* -1 = any */
    uint32_t access;      /* bits: 1 mknod, 2 read, 4 write (BPF_DEVCG_ACC_*) */
};

enum { BERTH_SHIM_CGROUP_NONE = 0, BERTH_SHIM_CGROUP_V1 = 1, BERTH_SHIM_CGROUP_V2 = 2 };

/* One directory per v1 hierarchy (or the single v2 one). The shim creates missing parents, enters
 * it, and removes it (not the parents) after the container's end. */
struct berth_shim_cgroup_dir {
    char *path;        /* absolute host path of the container's cgroup */
    char *controllers; /* v1: comma list, also the name of the mount in the container
                          ("cpu,cpuacct", "systemd" for name=systemd); v2: NULL */
    uint32_t flags;
};

enum {
    BERTH_SHIM_CGROUP_INHERIT_CPUSET = 1u << 0 /* fill empty cpuset.cpus/mems from the parent */
};

enum { BERTH_SHIM_WRITE_OPTIONAL = 1u << 0 /* a failed write is not an error */ };

struct berth_shim_cgroup_write {
    uint32_t dir; /* index into cgroup.dirs */
    uint32_t flags;
    char *file;
    char *value;
};

enum { BERTH_SHIM_LOG_NONE = 0, BERTH_SHIM_LOG_JSON_FILE = 1 };

enum {
    BERTH_SHIM_CLIENT_STDIN = 1u << 0,
    BERTH_SHIM_CLIENT_STDOUT = 1u << 1,
    BERTH_SHIM_CLIENT_STDERR = 1u << 2,
    BERTH_SHIM_CLIENT_MULTIPLEX = 1u << 3, /* Docker's 8-byte frames; else raw bytes */
    BERTH_SHIM_CLIENT_HOLD = 1u << 4,      /* collect output but write none until RESUME */
};

/* A client present from the first byte on. Its fd is a connected stream socket whose protocol head
 * has been exchanged; the shim owns its copy, the daemon closes its own. */
struct berth_shim_client {
    uint64_t id; /* chosen by the daemon, unique in this shim, not 0 */
    uint32_t flags;
    int32_t fd;
    struct berth_shim_blob detach_keys; /* empty: ctrl-p ctrl-q; only looked for with a tty */
    struct berth_shim_blob early;       /* bytes that the client sent early: first stdin bytes */
};

enum {
    BERTH_SHIM_PROCESS_TTY = 1u << 0,
    BERTH_SHIM_PROCESS_STDIN_OPEN = 1u << 1, /* else /dev/null */
    BERTH_SHIM_PROCESS_STDIN_ONCE = 1u << 2, /* the first client's EOF closes it (not with a tty) */
    BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES = 1u << 3,
    BERTH_SHIM_PROCESS_INIT = 1u << 4, /* a reaper as PID 1 that forwards signals */
    BERTH_SHIM_PROCESS_SET_OOM_SCORE = 1u << 5,
};

/* What the shim is to do. Zero is the default of every field, but see the fd fields: -1 is "none"
 * (berth_shim_spec_init() sets them). Everything is borrowed for the encode call. */
struct berth_shim_spec {
    /* GENERAL */
    char *id;         /* container id */
    char *state_dir;  /* absolute, exists, mode 0700: shim.sock, shim.pid, exit */
    char *hostname;   /* NULL: leave */
    char *domainname; /* NULL: leave */

    /* PROCESS */
    struct berth_shim_strings argv;
    struct berth_shim_strings env;
    char *cwd; /* NULL or "": "/"; created if it does not exist */
    uint32_t uid, gid;
    uint32_t *groups;
    uint32_t group_count;
    uint32_t umask; /* 0 means 0022 */
    uint32_t flags; /* BERTH_SHIM_PROCESS_* */
    int32_t oom_score_adj;
    uint64_t cap_bounding, cap_effective, cap_permitted, cap_inheritable, cap_ambient;
    struct berth_shim_rlimit *rlimits;
    uint32_t rlimit_count;

    /* STDIO */
    uint32_t rows, columns; /* initial window; 0 = leave */
    uint32_t client_buffer; /* bytes; 0 = BERTH_SHIM_CLIENT_BUFFER */
    uint32_t
        client_stall_ms; /* a full client that takes nothing for so long is dropped; 0 = 10 s */

    /* NAMESPACES */
    struct berth_shim_namespace *namespaces;
    uint32_t namespace_count;

    /* ROOT */
    int32_t root_fd; /* a detached mount (or an O_PATH directory, which is then bound) */
    char *root_path; /* used when root_fd is -1 */
    uint32_t root_readonly;
    uint32_t root_propagation; /* 0 = MS_PRIVATE */

    /* MOUNTS, in order */
    struct berth_shim_mount *mounts;
    uint32_t mount_count;

    /* DEVICES */
    struct berth_shim_device *devices;
    uint32_t device_count;
    uint32_t default_links; /* 1: /dev/fd, stdin, stdout, stderr, ptmx, core */

    /* PATHS */
    struct berth_shim_strings masked;
    struct berth_shim_strings readonly;

    /* SYSCTLS: "net.ipv4.ip_forward" = "1" */
    struct berth_shim_pair *sysctls;
    uint32_t sysctl_count;

    /* CGROUP */
    uint32_t cgroup_version;
    struct berth_shim_cgroup_dir *cgroup_dirs;
    uint32_t cgroup_dir_count;
    struct berth_shim_cgroup_write *cgroup_writes; /* in order, before the clone */
    uint32_t cgroup_write_count;
    struct berth_shim_device_rule *device_rules; /* v2 only (v1: writes to devices.allow/deny) */
    uint32_t device_rule_count;

    /* SECCOMP: struct sock_filter[] or nothing */
    struct berth_shim_blob seccomp;
    uint32_t seccomp_flags; /* SECCOMP_FILTER_FLAG_* */

    /* LOG */
    uint32_t log_kind;
    char *log_path;         /* absolute host path */
    uint64_t log_max_size;  /* 0 = unbounded */
    uint32_t log_max_files; /* 0 and 1 = one file */
    char *log_attrs;        /* a JSON object's text or NULL */

    /* CLIENTS */
    struct berth_shim_client *clients;
    uint32_t client_count;

    /* EXEC: only for berth_shim_launch(..., BERTH_SHIM_VERB_EXEC) */
    char *exec_id;
    int32_t exec_pid;         /* the container's init in the host's pid namespace */
    uint64_t exec_start_time; /* its start time as STARTED gave it; 0 = not checked */

    /* CLOCK: kept in the records; lets a reader tell this boot's pids from an older one's */
    char *boot_id;
};

/* ---- control messages ----------------------------------------------------------------------- */

enum {
    /* daemon -> shim */
    BERTH_SHIM_SPEC = 1,   /* data: the spec; or fds[0] is a memfd with it */
    BERTH_SHIM_FDS = 2,    /* fds of the spec that comes next (chunks) */
    BERTH_SHIM_ATTACH = 3, /* fds[0]: the client; data: early stdin bytes */
    BERTH_SHIM_RESUME = 4, /* end HOLD of one client */
    BERTH_SHIM_DETACH = 5, /* close one client */
    BERTH_SHIM_RESIZE = 6,
    BERTH_SHIM_SIGNAL = 7,
    BERTH_SHIM_QUERY = 8, /* answered by STARTED and EXITED (as far as they happened), RESULT */
    /* The exit record is stored: go away. The shim ends at once, its cgroups are gone then; clients
     * that still have output to take are served on by an orphan of its. */
    BERTH_SHIM_RELEASE = 9,
    BERTH_SHIM_LOG_REOPEN = 10,
    BERTH_SHIM_FD_PUT = 11, /* reserved: named fd store */
    BERTH_SHIM_FD_GET = 12, /* reserved */
    /* shim -> daemon */
    BERTH_SHIM_RESULT = 64,
    BERTH_SHIM_STARTED = 65,
    BERTH_SHIM_FAILED = 66, /* data: the sentence; nothing runs, the shim ends */
    BERTH_SHIM_EXITED =
        67, /* the log and the record are complete; its cgroups may still be there */
    BERTH_SHIM_CLIENT_CLOSED = 68,
};

enum {
    BERTH_SHIM_CLOSED_EOF = 1,       /* the container ended and all was flushed */
    BERTH_SHIM_CLOSED_DETACH = 2,    /* detach keys, or DETACH */
    BERTH_SHIM_CLOSED_SLOW = 3,      /* its buffer was full */
    BERTH_SHIM_CLOSED_STDIN_EOF = 4, /* it closed its stdin and stdin is not "once" (as docker) */
    BERTH_SHIM_CLOSED_GONE = 5,      /* it hung up or its connection broke */
};

enum { BERTH_SHIM_SIGNAL_ALL = 1u << 0 /* every process of the container's cgroup */ };

enum { BERTH_SHIM_EXIT_OOM = 1u << 0, BERTH_SHIM_EXIT_SIGNALED = 1u << 1 };

/* Where a start failed. */
enum {
    BERTH_SHIM_STAGE_SPEC = 1,
    BERTH_SHIM_STAGE_STATE = 2,
    BERTH_SHIM_STAGE_CGROUP = 3,
    BERTH_SHIM_STAGE_NAMESPACE = 4,
    BERTH_SHIM_STAGE_ROOT = 5,
    BERTH_SHIM_STAGE_MOUNT = 6,
    BERTH_SHIM_STAGE_DEVICE = 7,
    BERTH_SHIM_STAGE_SYSCTL = 8,
    BERTH_SHIM_STAGE_STDIO = 9,
    BERTH_SHIM_STAGE_USER = 10,
    BERTH_SHIM_STAGE_SECCOMP = 11,
    BERTH_SHIM_STAGE_CWD = 12,
    BERTH_SHIM_STAGE_EXEC = 13,
    BERTH_SHIM_STAGE_LOG = 14,
};

struct berth_shim_attach {
    uint64_t client;
    uint32_t flags; /* BERTH_SHIM_CLIENT_* */
    uint32_t key_count;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
};

struct berth_shim_client_ref {
    uint64_t client;
    uint32_t reason; /* BERTH_SHIM_CLOSED_* in CLIENT_CLOSED */
    uint32_t unused;
};

struct berth_shim_resize {
    uint32_t rows, columns;
};

struct berth_shim_signal {
    int32_t number;
    uint32_t flags;
};

struct berth_shim_result {
    int32_t sys_errno; /* 0 = done */
    uint32_t unused;
    uint64_t log_offset;     /* ATTACH: length of the log file when the client's stream began ... */
    uint64_t log_generation; /* ... and how often it had been rotated */
};

struct berth_shim_started {
    int32_t pid; /* the container's init (or the exec's process) in the host's pid namespace */
    int32_t shim_pid;
    uint64_t start_time; /* of pid, /proc/PID/stat field 22 */
    uint64_t shim_start_time;
    int64_t started_sec; /* CLOCK_REALTIME */
    int32_t started_nsec;
    uint32_t flags;
    char boot_id[40];
};

struct berth_shim_failed {
    uint32_t stage; /* BERTH_SHIM_STAGE_* */
    int32_t sys_errno;
    int32_t exit_code; /* 125, 126 or 127 */
    uint32_t unused;
};

struct berth_shim_exited {
    int32_t exit_code;    /* 0..255, 128 + signal */
    int32_t wait_status;  /* as waitpid gave it */
    int64_t finished_sec; /* CLOCK_REALTIME */
    int32_t finished_nsec;
    uint32_t flags;     /* BERTH_SHIM_EXIT_* */
    uint64_t oom_kills; /* in the container's cgroup */
    int64_t started_sec;
    int32_t started_nsec;
    int32_t pid;
};

struct berth_shim_message {
    uint32_t type;
    uint32_t body_size; /* set by send; bytes of body that the sender knows */
    uint32_t data_size; /* set by send; bytes that follow the body */
    uint32_t unused;
    uint64_t serial;
    union {
        struct berth_shim_attach attach;
        struct berth_shim_client_ref client; /* RESUME, DETACH, CLIENT_CLOSED */
        struct berth_shim_resize resize;
        struct berth_shim_signal signal;
        struct berth_shim_result result;
        struct berth_shim_started started;
        struct berth_shim_failed failed;
        struct berth_shim_exited exited;
        unsigned char bytes[128];
    } body;
};

/* ---- encode and decode ---------------------------------------------------------------------- */

/* Memory that decode takes its arrays from: the caller's, no malloc. */
struct berth_shim_arena {
    unsigned char *base; /* aligned to 8 */
    size_t size;
    size_t used;
};

/* Clears a spec and sets its fd fields to -1. */
void berth_shim_spec_init(struct berth_shim_spec *spec);

/* Encodes spec. *ret_data is malloc'd (caller frees). fd numbers of the spec are collected into
 * ret_fds (room for BERTH_SHIM_FDS_MAX; borrowed, not dup'd) and replaced by indexes on the wire.
 * Fails with INVALID when it is too large, NO_MEMORY. Does not block. */
int berth_shim_spec_encode(const struct berth_shim_spec *spec, void **ret_data, size_t *ret_length,
                           int *ret_fds, uint32_t *ret_fd_count, berth_error *err);

struct berth_shim_fds {
    const int *items;
    uint32_t count;
};

/* Decodes hostile-proof: every length is checked, every string is terminated, every fd index is in
 * range. The result points into data and arena, both must outlive it. fds: received with it, in
 * order. Fails with DATA (broken, truncated, too many), UNSUPPORTED (other major version, unknown
 * required section). An arena of berth_shim_arena_size(length) always suffices. */
int berth_shim_spec_decode(const void *data, size_t length, struct berth_shim_fds fds,
                           struct berth_shim_arena *arena, struct berth_shim_spec *ret_spec,
                           berth_error *err);

/* How large an arena can be needed for an encoded spec of that length. */
size_t berth_shim_arena_size(size_t length);

/* Encodes and sends a spec with its fds over a SEQPACKET socket. Never blocks on a fresh
 * socketpair. The fds stay the caller's. */
int berth_shim_spec_send(int socket, const struct berth_shim_spec *spec, berth_error *err);

struct berth_shim_payload {
    const void *data;
    size_t length;
    const int *fds;
    uint32_t fd_count;
};
/* Sends one message with data (may be NULL) and fds (may be NULL, at most BERTH_SHIM_FDS_CHUNK).
 * flags: MSG_DONTWAIT or 0; SIGPIPE is never raised. Fails with UNAVAILABLE (would block:
 * sys_errno EAGAIN; peer gone: EPIPE), INTERNAL. */
int berth_shim_message_send(int socket, const struct berth_shim_message *message,
                            const struct berth_shim_payload *payload, int flags, berth_error *err);

struct berth_shim_incoming {
    unsigned char *buffer; /* the caller's, for data; BERTH_SHIM_DATA_MAX + 1024 always suffices */
    size_t size;
    size_t length;                 /* out: bytes of data */
    int fds[BERTH_SHIM_FDS_CHUNK]; /* out: received fds, O_CLOEXEC, the caller's to close */
    uint32_t fd_count;
};
/* Receives one message. Returns 1 with a message, 0 when the peer has closed, or a negative
 * BERTH_E_*: UNAVAILABLE with sys_errno EAGAIN (flags MSG_DONTWAIT and nothing there), DATA (a
 * broken message; it has been taken off and its fds closed). What the sender did not know reads
 * as zero. Blocks unless MSG_DONTWAIT. */
int berth_shim_message_receive(int socket, struct berth_shim_message *ret_message,
                               struct berth_shim_incoming *incoming, int flags, berth_error *err);

/* ---- daemon side helpers -------------------------------------------------------------------- */

enum { BERTH_SHIM_VERB_RUN = 1, BERTH_SHIM_VERB_EXEC = 2 };

/* Opens the shim program so that no container can write to it through /proc/PID/exe: a detached
 * read-only clone of its mount where the kernel can, a plain O_PATH fd where it cannot. Do it once.
 * The caller closes *ret_fd. */
int berth_shim_program_open(const char *path, int *ret_fd, berth_error *err);

/* Starts a shim of its own session with posix_spawn. *ret_control: the control channel (O_CLOEXEC,
 * blocking; the caller closes it), *ret_pid: a child of the caller, who reaps it. All fds of the
 * spec stay the caller's. Any thread; does not wait for the container: STARTED or FAILED comes. */
int berth_shim_launch(int program_fd, int verb, const struct berth_shim_spec *spec,
                      int *ret_control, pid_t *ret_pid, berth_error *err);

/* Connects to the shim.sock of a state directory (an open directory fd). NOT_FOUND: no socket;
 * UNAVAILABLE with sys_errno ECONNREFUSED: nobody listens any more. */
int berth_shim_connect(int state_dir, int *ret_control, berth_error *err);

/* Reads STATE_DIR/exit. NOT_FOUND: none yet. DATA: not an exit record. */
int berth_shim_exit_read(int state_dir, struct berth_shim_exited *ret_exited, berth_error *err);

/* Reads STATE_DIR/shim.pid. NOT_FOUND: none (yet, or cut short by a crash). */
int berth_shim_pid_read(int state_dir, struct berth_shim_started *ret_started, berth_error *err);

/* 1 when the process with that pid is still the one started at start_time (0 = any), else 0. */
int berth_shim_pid_alive(pid_t pid, uint64_t start_time);

/* Start time (clock ticks after boot) of a process; 0 when it does not exist. */
uint64_t berth_shim_pid_start_time(pid_t pid);

#endif
