/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits, user, capabilities, seccomp, and execve with Docker's sentences.
 */
#include "shim/kernel.h"
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void set_oom_score(const struct setup *c)
{
    char text[16];
    int fd = openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    int n = snprintf(text, sizeof(text), "%d", c->spec->oom_score_adj);

    if (fd < 0 || write(fd, text, (size_t)n) != n) {
        child_fail(c, BERTH_SHIM_STAGE_USER, "setting the OOM score to %s: %s", text,
                   errno_text(errno));
    }
    close(fd);
}

void child_limits(const struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;

    for (uint32_t i = 0; i < spec->rlimit_count; i++) {
        const struct berth_shim_rlimit *limit = &spec->rlimits[i];
        struct rlimit value = {.rlim_cur = limit->soft, .rlim_max = limit->hard};
        if (setrlimit((int)limit->resource, &value) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_USER,
                       "error setting rlimit type %u: %s (soft %llu, hard %llu)", limit->resource,
                       errno_text(errno), (unsigned long long)limit->soft,
                       (unsigned long long)limit->hard);
        }
    }
    if ((spec->flags & BERTH_SHIM_PROCESS_SET_OOM_SCORE) != 0) {
        set_oom_score(c);
    }
}

static void drop_bounding(const struct setup *c)
{
    for (int cap = 0; cap <= (int)BERTH_SHIM_CAPS_LAST; cap++) {
        if ((c->spec->cap_bounding >> cap & 1) != 0) {
            continue;
        }
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL) {
                return; /* the first number this kernel does not know */
            }
            child_fail(c, BERTH_SHIM_STAGE_USER, "dropping capability %d: %s", cap,
                       errno_text(errno));
        }
    }
}

/* The highest capability that the kernel knows and this process may hold limits all sets. */
static void set_capabilities(const struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    struct k_cap_header header = {.version = K_CAPABILITY_VERSION_3};
    struct k_cap_data now[2], data[2];

    memset(data, 0, sizeof(data));
    if (syscall(SYS_capget, &header, now) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_USER, "reading capabilities: %s", errno_text(errno));
    }
    for (int i = 0; i < 2; i++) {
        uint32_t own = now[i].permitted;
        data[i].permitted = (uint32_t)(spec->cap_permitted >> (32 * i)) & own;
        data[i].effective = (uint32_t)(spec->cap_effective >> (32 * i)) & data[i].permitted;
        data[i].inheritable = (uint32_t)(spec->cap_inheritable >> (32 * i)) & own;
    }
    if (syscall(SYS_capset, &header, data) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_USER, "setting capabilities: %s", errno_text(errno));
    }
    for (int cap = 0; cap <= (int)BERTH_SHIM_CAPS_LAST; cap++) {
        int held = (data[cap / 32].permitted & data[cap / 32].inheritable) >> (cap % 32) & 1;
        if ((spec->cap_ambient >> cap & 1) != 0 && held &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_USER, "raising ambient capability %d: %s", cap,
                       errno_text(errno));
        }
    }
}

static void load_seccomp(const struct setup *c)
{
    const struct berth_shim_blob *blob = &c->spec->seccomp;
    struct k_sock_fprog program = {(unsigned short)(blob->length / 8), blob->data};

    if (blob->length == 0) {
        return;
    }
    if (blob->length % 8 != 0 || blob->length / 8 > 4096) {
        errno = EINVAL;
    } else if (syscall(SYS_seccomp, K_SECCOMP_SET_MODE_FILTER, c->spec->seccomp_flags, &program) ==
               0) {
        return;
    }
    child_fail(c, BERTH_SHIM_STAGE_SECCOMP, "loading the seccomp filter: %s", errno_text(errno));
}

/* Makes the working directory with its parents when it is absent, as Docker does. */
static void enter_directory(const struct setup *c)
{
    const char *cwd = c->spec->cwd;

    if (cwd == NULL || cwd[0] == 0 || (cwd[0] == '/' && cwd[1] == 0)) {
        cwd = "/";
    } else if (cwd[0] != '/') {
        errno = EINVAL;
        child_fail(c, BERTH_SHIM_STAGE_CWD,
                   "the working directory '%s' is invalid, it needs to "
                   "be an absolute path",
                   cwd);
    }
    if (chdir(cwd) == 0) {
        return;
    }
    if (errno == ENOENT && !c->shim->exec) {
        int fd = root_open_or_create(c, cwd, 1);
        if (fd >= 0) {
            close(fd);
            if (chdir(cwd) == 0) {
                return;
            }
        }
    }
    child_fail(c, BERTH_SHIM_STAGE_CWD, "chdir to cwd (\"%s\") set in config.json failed: %s", cwd,
               errno_text(errno));
}

void child_become(struct setup *c)
{
    const struct berth_shim_spec *spec = c->spec;
    int late = (spec->flags & BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES) != 0;

    enter_directory(c);
    umask(spec->umask == 0 ? 0022 : spec->umask);
    /* Without no_new_privs the filter needs CAP_SYS_ADMIN, so it goes in before that is dropped. */
    drop_bounding(c);
    if (!late) {
        load_seccomp(c);
    }
    if (spec->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_USER, "keeping capabilities: %s", errno_text(errno));
    }
    /* Raw calls: the C library's would signal threads, of which there are none. */
    if (syscall(SYS_setgroups, (size_t)spec->group_count, spec->groups) < 0 ||
        syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0 ||
        syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid) < 0) {
        child_fail(c, BERTH_SHIM_STAGE_USER, "becoming user %u:%u: %s", spec->uid, spec->gid,
                   errno_text(errno));
    }
    set_capabilities(c);
    if (late) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
            child_fail(c, BERTH_SHIM_STAGE_USER, "setting no_new_privs: %s", errno_text(errno));
        }
        load_seccomp(c);
    }
}

/* ---- execve --------------------------------------------------------------------------------- */

static const char *path_of(const struct berth_shim_spec *spec)
{
    const char *path = NULL;
    for (uint32_t i = 0; i < spec->env.count; i++) {
        if (strncmp(spec->env.items[i], "PATH=", 5) == 0) {
            path = spec->env.items[i] + 5; /* the last one wins, as in a shell */
        }
    }
    return path;
}

/* The file is there and may be executed, yet execve failed: by then Docker's container counts as
 * started, so the sentence goes to its stderr and 255 is its exit code. */
static _Noreturn void execute_failed(const struct setup *c, const char *file)
{
    const char *why = errno_text(errno);
    const char *parts[] = {"exec ", file, ": ", why, "\n"};

    if (errno == ENOEXEC) {
        parts[3] = "exec format error";
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        ssize_t ignored = write(2, parts[i], strlen(parts[i]));
        (void)ignored;
    }
    _exit(255);
}

/* Executes one candidate. Returns with errno ENOENT, EACCES or EISDIR when it cannot be. */
static void try_execute(const struct setup *c, const char *file)
{
    struct stat st;

    execve(file, c->spec->argv.items, c->spec->env.items);
    int saved = errno;
    if (stat(file, &st) < 0) {
        return; /* errno says why it was not found */
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return;
    }
    errno = saved;
    if (saved != EACCES) {
        execute_failed(c, file);
    }
}

static _Noreturn void not_executable(const struct setup *c, const char *name)
{
    int number = errno;
    const char *why = errno_text(number);

    if (number == EISDIR) {
        why = "is a directory";
    } else if (number == EACCES) {
        why = "permission denied";
    } else if (number == ENOENT) {
        why = "no such file or directory";
    } else if (number == ENOTDIR) {
        why = "not a directory";
    }
    errno = number;
    child_fail(c, BERTH_SHIM_STAGE_EXEC, "exec: \"%s\": %s: unknown", name, why);
}

static _Noreturn void search_path(const struct setup *c, const char *name)
{
    const char *path = path_of(c->spec);
    size_t name_length = strlen(name);
    char file[4096];
    int denied = 0;

    while (path != NULL) {
        size_t n = strcspn(path, ":");
        if (n + name_length + 2 <= sizeof(file)) {
            memcpy(file, path, n);
            file[n] = '/';
            memcpy(file + n + (n > 0), name, name_length + 1);
            try_execute(c, file);
            if (errno == EACCES) {
                denied = 1; /* as Go's LookPath: remembered, the search goes on */
            }
        }
        path = path[n] == ':' ? path + n + 1 : NULL;
    }
    if (denied) {
        errno = EACCES;
        not_executable(c, name);
    }
    errno = ENOENT;
    child_fail(c, BERTH_SHIM_STAGE_EXEC,
               "exec: \"%s\": executable file not found in $PATH: unknown", name);
}

void child_execute(struct setup *c)
{
    const char *name = c->spec->argv.items[0];
    struct status status = {.kind = STATUS_EXECING};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    ssize_t ignored = write(c->status, &status, sizeof(status));
    (void)ignored;
    if (strchr(name, '/') != NULL) {
        try_execute(c, name);
        not_executable(c, name);
    }
    if (name[0] == 0) {
        errno = ENOENT;
        child_fail(c, BERTH_SHIM_STAGE_EXEC,
                   "exec: \"\": executable file not found in $PATH: unknown");
    }
    search_path(c, name);
}
