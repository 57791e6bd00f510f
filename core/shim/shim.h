/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the berth-shim program: its one state, and what each file offers the others. The
 * program is single-threaded and never returns to a caller that could free: small fixed arrays,
 * no heap. `s` is always the one shim of the process.
 */
#ifndef BERTH_SHIM_SHIM_H
#define BERTH_SHIM_SHIM_H

#include "shim/protocol.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    READ_SIZE = 65536,       /* one read of container output; a pipe holds as much */
    INPUT_SIZE = 128 * 1024, /* stdin bytes not yet taken by the container */
    CONTROLS = 4,            /* connected daemons (one, and the next one while it adopts) */
    CGROUP_DIRS = 24,        /* v1 hierarchies; Linux has 13 controllers plus named ones */
    MOUNTS_MAX = 1024,
    DEVICES_MAX = 1024,
    STALL_MS = 10000, /* a full client that takes nothing for so long is dropped */
    DRAIN_MS = 2000,  /* how long a stray process may hold the output open (dockerd: 2 s) */
    OOM_UNKNOWN = -1,
};

/* Where an epoll event comes from: kind, slot and the slot's generation. */
enum source {
    SOURCE_STATUS,
    SOURCE_SIGNAL,
    SOURCE_LISTEN,
    SOURCE_CONTROL,
    SOURCE_OUTPUT, /* slot: 0 stdout or tty, 1 stderr */
    SOURCE_INPUT,
    SOURCE_CLIENT,
    SOURCE_COUNT,
};

enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_DRAINING, PHASE_EXITED };

struct control {
    int fd; /* -1: free */
    uint16_t generation;
};

struct client {
    int fd; /* -1: free */
    uint16_t generation;
    uint32_t flags; /* BERTH_SHIM_CLIENT_* */
    uint64_t id;
    uint32_t events;     /* as registered with epoll */
    uint8_t registered;  /* epoll knows the fd */
    uint8_t input_ended; /* no more stdin from it */
    uint8_t ending;      /* close when the backlog is out */
    uint8_t reason;      /* BERTH_SHIM_CLOSED_* when ending */
    uint8_t key_count, key_matched;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    unsigned char *backlog; /* mapped while there is one */
    size_t backlog_start, backlog_length;
    int64_t deadline; /* of no progress, monotonic ms; 0 = none */
};

/* Output of the container: a pipe or the terminal's master. */
struct output {
    int fd;         /* -1: closed */
    uint8_t stream; /* 1 stdout, 2 stderr, as in Docker's frames */
    uint8_t paused;
};

struct log {
    int kind;
    int fd;
    const char *path;
    const char *attrs;
    uint64_t size, max_size, generation;
    uint32_t max_files;
    uint8_t torn; /* a write failed half-way: the next one must not continue that line */
};

struct cgroup {
    uint32_t version;
    uint32_t count;
    const char *paths[CGROUP_DIRS];
    int oom_dir; /* index of the directory that counts OOM kills or OOM_UNKNOWN */
};

struct shim {
    enum phase phase;
    int exec; /* verb exec: joins instead of creating */
    int tty, stdin_once;
    int state_dir;
    int epoll, signal_fd, listen_fd, status_fd;
    int input;         /* stdin pipe or the terminal's master; -1: none or closed */
    int input_closing; /* close it when all input is written */
    int input_registered;
    size_t input_length;
    int told_execing; /* the child got as far as execve */
    pid_t child;
    int wait_status;
    uint32_t rows, columns; /* the last window size asked for, until there is a terminal */
    int64_t drain_deadline;
    size_t client_limit;
    int64_t stall_ms;
    struct output outputs[2];
    struct log log;
    struct cgroup cgroup;
    struct control controls[CONTROLS];
    struct client clients[BERTH_SHIM_CLIENTS_MAX];
    struct berth_shim_message started; /* type 0 until it happened */
    struct berth_shim_message exited;
    int released;
    char text[512]; /* the sentence of a failure */
};

/* What the child's set-up needs; lives on the parent's stack and is copied by the clone. */
struct setup {
    const struct berth_shim_spec *spec;
    struct shim *shim;
    int status;   /* the child's end */
    int stdio[3]; /* the child's ends, -1 with a tty */
    int parent_stdio[3];
    int root;                      /* O_PATH of the container's / */
    int target_pidfd;              /* exec: the container's init */
    int cgroup_files[CGROUP_DIRS]; /* v1: each `tasks`; v2: [0] is the directory */
    int cgroup_trees[CGROUP_DIRS]; /* clones to be mounted in the container, or -1 */
    int mount_trees[MOUNTS_MAX];   /* clones of host paths, by mount index, or -1 */
    int device_trees[DEVICES_MAX]; /* clones of the host's nodes where mknod is not possible */
    int null_tree;                 /* a clone of /dev/null, for masks */
};

/* What the child sends over its status socket before execve. */
struct status {
    uint32_t kind; /* STATUS_* */
    uint32_t stage;
    int32_t sys_errno, exit_code;
    char text[400];
};
enum { STATUS_TERMINAL = 1 /* with the master fd */, STATUS_EXECING = 2, STATUS_FAILED = 3 };

/* start.c */
/* Prepares everything the child needs, clones it, registers with epoll. 0, or the stage that
 * failed (BERTH_SHIM_STAGE_*) with s->text and errno. */
int shim_start(struct shim *s, const struct berth_shim_spec *spec);
/* Keeps a copy of text for the life of the process (NULL stays NULL). */
const char *shim_keep(const char *text);

/* child.c */
/* Reports a failure over the status socket and ends the child. */
_Noreturn void child_fail(const struct setup *c, uint32_t stage, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Everything between clone and execve. */
_Noreturn void child_run(struct setup *c);

/* mount.c */
void child_enter_root(struct setup *c);
void child_mount_all(struct setup *c);
/* What must come after all mounts: read-only root, its propagation. */
void child_finish_root(struct setup *c);
/* O_PATH fd of a path in the container, -1 with errno. */
int root_open(const struct setup *c, const char *path, int flags);
/* The same; creates a directory or empty file with all parents when it is absent. */
int root_open_or_create(const struct setup *c, const char *path, int directory);
/* Clones host paths before the clone, where propagation still works. 0 or -1 (s->text). */
int mounts_prepare(struct shim *s, struct setup *c);
/* What an errno means, as Docker words it. One buffer. */
const char *errno_text(int number);

/* device.c */
/* Clones what of the host's /dev will be bound, while the host's root is still there. */
void child_clone_devices(struct setup *c);
void child_devices(struct setup *c);
void child_paths(struct setup *c);
void child_console(struct setup *c, int slave);

/* user.c */
void child_limits(const struct setup *c);
void child_become(struct setup *c);
_Noreturn void child_execute(struct setup *c);

/* reaper.c */
/* Forks; returns in the new child, never in the caller, which stays as PID 1. */
void reaper_split(struct setup *c, int tty);

/* cgroup.c */
int cgroup_prepare(struct shim *s, struct setup *c);
void child_enter_cgroup(struct setup *c);
/* Kills what is left in the container's cgroup. */
void cgroup_kill(const struct cgroup *g, int number);
uint64_t cgroup_oom_kills(const struct cgroup *g);
void cgroup_remove(const struct cgroup *g);

/* bpf.c */
/* Attaches the device rules to a v2 cgroup. 0 or -1 with errno. */
int device_program_attach(int cgroup, const struct berth_shim_device_rule *rules, uint32_t count);

/* loop.c */
_Noreturn void loop_run(struct shim *s);
int loop_add(struct shim *s, int fd, enum source kind, uint32_t slot, uint32_t events);
int loop_change(struct shim *s, int fd, enum source kind, uint32_t slot, uint32_t events);
void loop_remove(struct shim *s, int fd);
int64_t now_ms(void);

/* output.c */
void output_event(struct shim *s, uint32_t slot, uint32_t events);
void output_close(struct shim *s, struct output *o);
/* Stops or resumes reading output by the fill of the clients' backlogs. */
void output_balance(struct shim *s);

/* input.c */
void input_event(struct shim *s, uint32_t slot, uint32_t events);
size_t input_space(const struct shim *s);
void input_push(struct shim *s, const unsigned char *data, size_t length);
/* Closes the container's stdin after what is queued. */
void input_end(struct shim *s);
void input_close(struct shim *s);

/* client.c */
int client_add(struct shim *s, const struct berth_shim_attach *attach, int fd,
               const unsigned char *early, size_t early_length);
void client_event(struct shim *s, uint32_t slot, uint32_t events);
void client_write(struct shim *s, struct client *c, uint8_t stream, const unsigned char *data,
                  size_t length);
struct client *client_find(struct shim *s, uint64_t id);
void client_end(struct shim *s, struct client *c, int reason);
void client_flush(struct shim *s, struct client *c);
/* Re-registers a client's interest after its state or the input's room has changed. */
void client_update(struct shim *s, struct client *c);
/* Drops who passed its deadline. */
void clients_expire(struct shim *s);
/* The next deadline (monotonic ms) or 0. */
int64_t clients_deadline(const struct shim *s);
int clients_count(const struct shim *s);

/* log.c */
int log_open(struct log *log);
void log_reopen(struct log *log);
void log_write(struct log *log, uint8_t stream, const unsigned char *data, size_t length);
/* Writes what is left of a stream's last line. */
void log_finish(struct log *log, uint8_t stream);

/* json.c */
/* Appends data as the inside of a JSON string, as Docker's json-file does; at most 6 bytes of
 * output for one of input. Returns the bytes written. */
size_t json_escape(unsigned char *target, const unsigned char *data, size_t length);
/* Time of day as RFC 3339 with nanoseconds without trailing zeros; room for 40. Returns length. */
size_t time_format(char *target, int64_t sec, int32_t nsec);

/* control.c */
int control_listen(struct shim *s);
int control_add(struct shim *s, int fd);
void control_accept(struct shim *s, uint32_t slot, uint32_t events);
void control_event(struct shim *s, uint32_t slot, uint32_t events);
/* Sends an event to every daemon. data may be NULL. */
void control_broadcast(struct shim *s, const struct berth_shim_message *message, const void *data,
                       size_t length);
int control_count(const struct shim *s);
void control_client_closed(struct shim *s, uint64_t client, int reason);

/* record.c */
int record_write(struct shim *s, const char *name, const struct berth_shim_message *message);
uint64_t process_start_time(pid_t pid);

#endif
