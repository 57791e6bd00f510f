/* SPDX-License-Identifier: Apache-2.0
 *
 * berth-shim: creates and supervises one container (`run FD`) or one more process in a container
 * (`exec FD`). FD is a SEQPACKET socket to the daemon with the spec in it. See protocol.h.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { EXIT_USAGE = 2, EXIT_FAILED = 125 };

static struct shim the_shim;
static int spec_fds[BERTH_SHIM_FDS_MAX];

struct received {
    unsigned char *buffer; /* inline spec */
    size_t buffer_size;
    void *mapped; /* or the memfd's */
    const void *data;
    size_t length;
    uint32_t fd_count;
};

static void say(const char *text)
{
    ssize_t ignored = write(2, text, strlen(text));
    (void)ignored;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int map_memfd(int fd, struct received *r)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size <= 0 || size > (off_t)BERTH_SHIM_SPEC_MAX) {
        return -1;
    }
    r->length = (size_t)size;
    /* Private and writable: the decoded strings may be handed to execve as they are. */
    r->mapped = mmap(NULL, r->length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    r->data = r->mapped;
    close(fd);
    return r->mapped == MAP_FAILED ? -1 : 0;
}

static int receive_spec(int control, struct received *r, berth_error *err)
{
    struct berth_shim_message message;
    static struct berth_shim_incoming in;

    r->buffer_size = BERTH_SHIM_SPEC_INLINE + 1024;
    in.buffer = r->buffer = map(r->buffer_size);
    in.size = r->buffer == NULL ? 0 : r->buffer_size;
    for (;;) {
        int got = berth_shim_message_receive(control, &message, &in, 0, err);
        if (got <= 0) {
            return -1;
        }
        uint32_t first = message.type == BERTH_SHIM_SPEC && in.length == 0 && in.fd_count > 0;
        if (r->fd_count + in.fd_count > BERTH_SHIM_FDS_MAX ||
            (message.type != BERTH_SHIM_SPEC && message.type != BERTH_SHIM_FDS)) {
            return -1;
        }
        for (uint32_t i = first; i < in.fd_count; i++) {
            spec_fds[r->fd_count++] = in.fds[i];
        }
        if (message.type == BERTH_SHIM_SPEC) {
            r->data = in.buffer;
            r->length = in.length;
            return first ? map_memfd(in.fds[0], r) : 0;
        }
    }
}

static _Noreturn void fail(struct shim *s, int control, int stage, int sys_errno,
                           const char *sentence)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_FAILED};
    struct berth_shim_payload payload = {.data = sentence, .length = strlen(sentence)};

    message.body.failed.stage = (uint32_t)stage;
    message.body.failed.sys_errno = sys_errno;
    message.body.failed.exit_code = EXIT_FAILED;
    if (s != NULL) {
        if (s->child > 0) {
            kill(s->child, SIGKILL);
        }
        cgroup_remove(&s->cgroup);
        if (s->listen_fd >= 0) {
            unlinkat(s->state_dir, BERTH_SHIM_SOCKET_NAME, 0);
        }
    }
    berth_shim_message_send(control, &message, &payload, MSG_DONTWAIT, NULL);
    _exit(EXIT_FAILED);
}

static void shim_init(struct shim *s, const struct berth_shim_spec *spec, int exec)
{
    s->exec = exec;
    s->state_dir = s->listen_fd = s->status_fd = s->input = -1;
    s->tty = (spec->flags & BERTH_SHIM_PROCESS_TTY) != 0;
    s->stdin_once = (spec->flags & BERTH_SHIM_PROCESS_STDIN_ONCE) != 0;
    s->client_limit = spec->client_buffer != 0 ? spec->client_buffer : BERTH_SHIM_CLIENT_BUFFER;
    s->stall_ms = spec->client_stall_ms != 0 ? (int64_t)spec->client_stall_ms : STALL_MS;
    s->outputs[0].fd = s->outputs[1].fd = -1;
    s->cgroup.oom_dir = OOM_UNKNOWN;
    if (spec->boot_id != NULL) {
        strncpy(s->started.body.started.boot_id, spec->boot_id,
                sizeof(s->started.body.started.boot_id) - 1);
    }
    for (int i = 0; i < CONTROLS; i++) {
        s->controls[i].fd = -1;
    }
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        s->clients[i].fd = -1;
    }
}

/* Signals are taken from the loop only; all but SIGCHLD stay blocked and thereby ignored, so that
 * nothing but SIGKILL takes the supervisor away from its container. */
static int open_sources(struct shim *s)
{
    sigset_t all, child;

    sigfillset(&all);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &all, NULL);
    s->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    return s->signal_fd < 0 || s->epoll < 0 ? -1 : 0;
}

static _Noreturn void supervise(int control, int exec)
{
    static struct berth_shim_spec spec;
    static struct received r;
    static berth_error err;
    struct shim *s = &the_shim;

    err.msg[0] = 0;
    if (receive_spec(control, &r, &err) < 0) {
        fail(NULL, control, BERTH_SHIM_STAGE_SPEC, 0, "no container spec came from the daemon");
    }
    struct berth_shim_arena arena = {.size = berth_shim_arena_size(r.length)};
    struct berth_shim_fds fds = {spec_fds, r.fd_count};
    arena.base = map(arena.size);
    if (arena.base == NULL ||
        berth_shim_spec_decode(r.data, r.length, fds, &arena, &spec, &err) != 0) {
        fail(NULL, control, BERTH_SHIM_STAGE_SPEC, 0,
             err.msg[0] != 0 ? err.msg : "out of memory for the container spec");
    }
    /* Nothing may be traced into or looked at through /proc while it enters a container. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    shim_init(s, &spec, exec);
    if (open_sources(s) < 0 || control_add(s, control) < 0) {
        fail(NULL, control, BERTH_SHIM_STAGE_STATE, errno, "cannot create the shim's event loop");
    }
    int stage = shim_start(s, &spec);
    if (stage != 0) {
        fail(s, control, stage, errno, s->text);
    }
    munmap(arena.base, arena.size);
    munmap(r.buffer, r.buffer_size);
    if (r.mapped != NULL) {
        munmap(r.mapped, r.length);
    }
    loop_run(s);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        static const char version[] = "berth-shim " BERTH_VERSION "\n";
        return write(1, version, sizeof(version) - 1) < 0;
    }
    int exec = argc >= 3 && strcmp(argv[1], "exec") == 0;
    if (argc >= 3 && (exec || strcmp(argv[1], "run") == 0)) {
        char *end;
        long control = strtol(argv[2], &end, 10);
        if (*end == 0 && end != argv[2] && control >= 3 && control < 1048576) {
            /* Started by descriptor, it would be called by that descriptor's number. */
            prctl(PR_SET_NAME, "berth-shim", 0, 0, 0);
            /* Whatever the daemon may have leaked ends at the execve. */
            syscall(NR_CLOSE_RANGE, 3u, ~0u, K_CLOSE_RANGE_CLOEXEC);
            supervise((int)control, exec);
        }
    }
    if (argc >= 2 && strcmp(argv[1], "mounts") == 0) {
        say("berth-shim: this version has no `mounts` verb\n");
        return EXIT_USAGE;
    }
    say("berth-shim is started by berthd, one for each container.\n"
        "usage: berth-shim run FD | exec FD | --version\n");
    return EXIT_USAGE;
}
