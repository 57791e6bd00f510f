/* SPDX-License-Identifier: Apache-2.0
 *
 * Real containers through the real shim: what they see, how they end, what is left.
 */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "linux/seccomp_filter.h"

/* Runs a script and compares the log's values. */
static void expect(struct rig *r, const char *script, int code, const char *log)
{
    rig_shell(r, script);
    assert_int_equal(rig_run(r), code);
    assert_string_equal(rig_log(r), log);
    rig_done(r);
}

static void exit_codes_come_back(void **state)
{
    static const struct {
        const char *script;
        int code;
    } cases[] = {{"exit 0", 0}, {"exit 7", 7}, {"kill -TERM $$; exit 3", 3}, {"exit 255", 255}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;
        rig_init(&r);
        expect(&r, cases[i].script, cases[i].code, "");
    }
}

static void records_tell_the_story(void **state)
{
    struct rig r;
    struct berth_shim_exited exited;
    struct berth_shim_started started;

    rig_init(&r);
    rig_shell(&r, "exit 9");
    assert_int_equal(rig_run(&r), 9);
    assert_int_equal(berth_shim_exit_read(r.state_fd, &exited, NULL), 0);
    assert_int_equal(exited.exit_code, 9);
    assert_int_equal(exited.flags, 0);
    assert_true(exited.finished_sec >= exited.started_sec && exited.started_sec > 1600000000);
    assert_int_equal(berth_shim_pid_read(r.state_fd, &started, NULL), 0);
    assert_int_equal(started.pid, exited.pid);
    assert_int_not_equal(started.start_time, 0);
    assert_int_not_equal(faccessat(r.state_fd, BERTH_SHIM_SOCKET_NAME, F_OK, 0), 0);
    rig_done(&r);
}

static void commands_that_cannot_run(void **state)
{
    static const struct {
        const char *command;
        int code;
        const char *sentence;
    } cases[] = {
        {"nope", 127, "exec: \"nope\": executable file not found in $PATH: unknown"},
        {"/nope", 127, "exec: \"/nope\": no such file or directory: unknown"},
        {"/etc", 126, "exec: \"/etc\": is a directory: unknown"},
        {"/etc/plain", 126, "exec: \"/etc/plain\": permission denied: unknown"},
        {"", 127, "exec: \"\": executable file not found in $PATH: unknown"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;
        char path[256];
        rig_init(&r);
        snprintf(path, sizeof(path), "%s/etc/plain", r.root);
        close(open(path, O_CREAT | O_WRONLY, 0644));
        rig_argv(&r, cases[i].command, NULL);
        assert_int_equal(rig_run(&r), -cases[i].code);
        assert_string_equal(r.sentence, cases[i].sentence);
        assert_int_equal(r.failed.body.failed.stage, BERTH_SHIM_STAGE_EXEC);
        rig_done(&r);
    }
}

/* The file can be executed, yet execve fails: the container counts as started. */
static void broken_programs_exit_255(void **state)
{
    static const struct {
        const char *content, *log;
    } cases[] = {{"#!/no/such/interpreter\n", "exec /etc/bad: no such file or directory\\n"},
                 {"this is no program", "exec /etc/bad: exec format error\\n"}};

    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        char path[256];
        rig_init(&r);
        snprintf(path, sizeof(path), "%s/etc/bad", r.root);
        int fd = open(path, O_CREAT | O_WRONLY, 0755);
        assert_int_equal(write(fd, cases[i].content, strlen(cases[i].content)),
                         (ssize_t)strlen(cases[i].content));
        close(fd);
        rig_argv(&r, "/etc/bad", NULL);
        assert_int_equal(rig_run(&r), 255);
        assert_string_equal(rig_log(&r), cases[i].log);
        rig_done(&r);
    }
}

static void namespaces_are_its_own(void **state)
{
    struct rig r;

    rig_init(&r);
    expect(&r,
           "hostname; echo $$; cat /proc/1/comm; ls /sys/class/net; "
           "grep -c . /proc/self/mountinfo >/dev/null; grep -v ':/$' /proc/self/cgroup; "
           "cat /sys/class/net/lo/operstate; ls /",
           0, "boat\\n1\\nsh\\nlo\\nunknown\\nbin\\ndev\\netc\\nproc\\nsys\\ntmp\\n");
}

static void dev_is_as_the_oci_spec_says(void **state)
{
    struct rig r;

    rig_init(&r);
    expect(&r,
           "ls /dev | grep -v core; stat -c '%F %t:%T %a' /dev/null /dev/tty; for i in fd stdin "
           "ptmx; do readlink "
           "/dev/$i; done; stat -c %a /dev/shm /dev/pts/ptmx; echo x >/dev/null && "
           "head -c 3 /dev/zero | wc -c",
           0,
           "fd\\nfull\\nmqueue\\nnull\\nptmx\\npts\\nrandom\\nshm\\nstderr\\nstdin\\nstdout"
           "\\ntty\\nurandom\\nzero\\n"
           "character special file 1:3 666\\ncharacter special file 5:0 666\\n"
           "/proc/self/fd\\n/proc/self/fd/0\\npts/ptmx\\n1777\\n666\\n3\\n");
}

static void paths_are_masked_and_read_only(void **state)
{
    struct rig r;
    static char timers[] = "/proc/timer_list", scsi[] = "/proc/scsi", firmware[] = "/sys/firmware",
                missing[] = "/proc/no_such", sys[] = "/proc/sys";
    char *masked[] = {timers, scsi, firmware, missing};
    char *readonly[] = {sys, missing};

    rig_init(&r);
    r.spec.masked.items = masked;
    r.spec.masked.count = 4;
    r.spec.readonly.items = readonly;
    r.spec.readonly.count = 2;
    r.spec.root_readonly = 1;
    expect(&r,
           "wc -c </proc/timer_list; ls /sys/firmware | wc -l; (echo x >/proc/sys/kernel/hostname) "
           "2>&1 | grep -c 'Read-only'; touch /x 2>&1 | grep -c Read-only; touch /dev/shm/x && "
           "echo ok",
           0, "0\\n0\\n1\\n1\\nok\\n");
}

static void binds_from_paths_and_fds(void **state)
{
    struct rig r;
    char file[256], dir[256];

    rig_init(&r);
    snprintf(file, sizeof(file), "%s/hosts", r.dir);
    snprintf(dir, sizeof(dir), "%s/volume", r.dir);
    int fd = open(file, O_CREAT | O_WRONLY, 0644);
    assert_int_equal(write(fd, "one\n", 4), 4);
    close(fd);
    assert_int_equal(mkdir(dir, 0755), 0);
    struct berth_shim_mount *m = &r.mounts[r.spec.mount_count];
    m[0] = (struct berth_shim_mount){.kind = BERTH_SHIM_MOUNT_BIND,
                                     .target = (char *)(uintptr_t) "/etc/hosts",
                                     .fd = open(file, O_PATH | O_CLOEXEC),
                                     .attributes = MOUNT_ATTR_RDONLY};
    m[1] = (struct berth_shim_mount){.kind = BERTH_SHIM_MOUNT_BIND,
                                     .flags = BERTH_SHIM_MOUNT_RECURSIVE |
                                              BERTH_SHIM_MOUNT_RECURSIVE_ATTRIBUTES,
                                     .source = dir,
                                     .target = (char *)(uintptr_t) "/srv/a/b",
                                     .fd = -1};
    r.spec.mount_count += 2;
    rig_shell(&r, "cat /etc/hosts; echo x 2>/dev/null >>/etc/hosts || echo ro; echo y >/srv/a/b/f");
    assert_int_equal(rig_run(&r), 0);
    assert_string_equal(rig_log(&r), "one\\nro\\n");
    strcat(dir, "/f");
    assert_int_equal(access(dir, F_OK), 0);
    close(m[0].fd);
    rig_done(&r);
}

/* Links in the image must not lead a mount or a created target out of the container's root. */
static void hostile_links_stay_inside(void **state)
{
    struct rig r;
    char path[512], victim[256];

    rig_init(&r);
    snprintf(victim, sizeof(victim), "%s/victim", r.dir);
    assert_int_equal(mkdir(victim, 0755), 0);
    snprintf(path, sizeof(path), "%s/escape", r.root);
    assert_int_equal(symlink(victim, path), 0);
    snprintf(path, sizeof(path), "%s/climb", r.root);
    assert_int_equal(symlink("../../../../../../../../tmp", path), 0);
    struct berth_shim_mount *m = &r.mounts[r.spec.mount_count];
    m[0] = (struct berth_shim_mount){.kind = BERTH_SHIM_MOUNT_NEW,
                                     .type = (char *)(uintptr_t) "tmpfs",
                                     .target = (char *)(uintptr_t) "/climb/made",
                                     .fd = -1};
    r.spec.mount_count += 1;
    rig_shell(&r, "ls /tmp; echo x >/climb/made/x");
    assert_int_equal(rig_run(&r), 0);
    assert_string_equal(rig_log(&r), "made\\n");
    assert_int_not_equal(access("/tmp/made", F_OK), 0);

    /* An absolute link that does not exist inside fails; nothing is made outside. */
    m[0].target = (char *)(uintptr_t) "/escape/made";
    assert_int_equal(rig_run(&r), -125);
    assert_int_equal(r.failed.body.failed.stage, BERTH_SHIM_STAGE_MOUNT);
    snprintf(path, sizeof(path), "%s/made", victim);
    assert_int_not_equal(access(path, F_OK), 0);
    rig_done(&r);
}

static void user_groups_and_capabilities(void **state)
{
    struct rig r;
    uint32_t groups[] = {20, 30};
    struct berth_shim_rlimit limit = {RLIMIT_NOFILE, 100, 200};

    rig_init(&r);
    r.spec.uid = 1000;
    r.spec.gid = 1001;
    r.spec.groups = groups;
    r.spec.group_count = 2;
    r.spec.umask = 027;
    r.spec.cwd = (char *)(uintptr_t) "/srv/app";
    r.spec.rlimits = &limit;
    r.spec.rlimit_count = 1;
    r.spec.flags = BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES | BERTH_SHIM_PROCESS_SET_OOM_SCORE;
    r.spec.oom_score_adj = 300;
    r.spec.cap_effective = r.spec.cap_permitted = 0;
    expect(&r,
           "id -u; id -g; id -G; umask; pwd; ulimit -n; cat /proc/self/oom_score_adj; "
           "grep -E '^(Cap(Eff|Prm|Bnd|Inh)|NoNew)' /proc/self/status; echo err >/dev/stderr",
           0,
           "1000\\n1001\\n1001 20 30\\n0027\\n/srv/app\\n100\\n300\\n"
           "CapInh:\\u00090000000000000000\\nCapPrm:\\u00090000000000000000\\n"
           "CapEff:\\u00090000000000000000\\nCapBnd:\\u000900000000a80425fb\\n"
           "NoNewPrivs:\\u00091\\nerr\\n");
}

static void ambient_capabilities_survive_a_user(void **state)
{
    struct rig r;

    rig_init(&r);
    r.spec.uid = 1000;
    r.spec.gid = 1000;
    r.spec.cap_inheritable = r.spec.cap_ambient = r.spec.cap_permitted = r.spec.cap_effective =
        1ull << 10;
    expect(&r, "grep -E '^Cap(Eff|Amb)' /proc/self/status", 0,
           "CapEff:\\u00090000000000000400\\nCapAmb:\\u00090000000000000400\\n");
}

static void sysctls_are_set(void **state)
{
    struct rig r;
    struct berth_shim_pair pair = {(char *)(uintptr_t) "net.ipv4.ip_forward",
                                   (char *)(uintptr_t) "1"};

    rig_init(&r);
    r.spec.sysctls = &pair;
    r.spec.sysctl_count = 1;
    expect(&r, "cat /proc/sys/net/ipv4/ip_forward", 0, "1\\n");
}

static void init_reaps_and_forwards(void **state)
{
    struct rig r;
    struct berth_shim_message term = {.type = BERTH_SHIM_SIGNAL};

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_INIT;
    rig_shell(&r,
              "cat /proc/1/comm; trap 'exit 42' TERM; echo up; while true; do sleep 0.05; done");
    int client = rig_client(&r, BERTH_SHIM_CLIENT_STDOUT);
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    char text[64] = "";
    for (size_t n = 0; strstr(text, "up\n") == NULL;) {
        ssize_t got = read(client, text + n, sizeof(text) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_string_equal(text, "berth-init\nup\n");
    term.body.signal.number = SIGTERM;
    assert_int_equal(rig_request(&r, &term, -1), 0);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    assert_int_equal(r.exited.body.exited.exit_code, 42);
    close(client);
    rig_done(&r);
}

static void a_dead_shim_takes_its_container_along(void **state)
{
    struct rig r;

    rig_init(&r);
    rig_argv(&r, "sleep", "1000");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    pid_t pid = r.started.body.started.pid;
    uint64_t start = r.started.body.started.start_time;
    assert_int_equal(berth_shim_pid_alive(pid, start), 1);
    kill(r.shim, SIGKILL);
    rig_reap(&r);
    for (int i = 0; berth_shim_pid_alive(pid, start) && i < 2000; i++) {
        usleep(1000);
    }
    assert_int_equal(berth_shim_pid_alive(pid, start), 0);
    rig_done(&r);
}

static void the_daemon_can_go_and_come_back(void **state)
{
    struct rig r;
    struct berth_shim_message query = {.type = BERTH_SHIM_QUERY};
    struct berth_shim_exited exited;

    rig_init(&r);
    rig_shell(&r, "sleep 0.3; echo late; exit 5");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    pid_t pid = r.started.body.started.pid;
    close(r.control);
    assert_int_equal(berth_shim_connect(r.state_fd, &r.control, NULL), 0);
    memset(&r.started, 0, sizeof(r.started));
    assert_int_equal(rig_request(&r, &query, -1), 0);
    assert_int_equal(r.started.body.started.pid, pid);

    /* Now nobody is there when it ends. */
    close(r.control);
    r.control = -1;
    rig_reap(&r);
    assert_int_equal(berth_shim_exit_read(r.state_fd, &exited, NULL), 0);
    assert_int_equal(exited.exit_code, 5);
    assert_string_equal(rig_log(&r), "late\\n");
    assert_int_equal(berth_shim_connect(r.state_fd, &r.control, NULL), BERTH_E_NOT_FOUND);
    rig_done(&r);
}

static void cgroups_are_made_shown_and_removed(void **state)
{
    struct rig r;
    struct berth_shim_cgroup_write write = {.file = (char *)(uintptr_t) "pids.max",
                                            .value = (char *)(uintptr_t) "50"};

    rig_init(&r);
    if (r.spec.cgroup_dir_count == 0) {
        rig_done(&r);
        skip();
    }
    write.dir = r.spec.cgroup_dir_count - 1;
    assert_string_equal(r.dirs[write.dir].controllers, "pids");
    r.spec.cgroup_writes = &write;
    r.spec.cgroup_write_count = 1;
    rig_shell(&r, "cat /sys/fs/cgroup/pids/pids.max; cat /proc/self/cgroup | grep pids; "
                  "echo 1 2>/dev/null >/sys/fs/cgroup/pids/pids.max || echo ro");
    assert_int_equal(rig_run(&r), 0);
    assert_non_null(strstr(rig_log(&r), "50\\n"));
    assert_non_null(strstr(rig_log(&r), "pids:/\\nro\\n"));
    for (uint32_t i = 0; i < r.spec.cgroup_dir_count; i++) {
        assert_int_not_equal(access(r.dirs[i].path, F_OK), 0);
    }
    rig_done(&r);
}

static void a_container_killed_for_memory_says_so(void **state)
{
    struct rig r;
    struct berth_shim_cgroup_write write = {.file = (char *)(uintptr_t) "memory.limit_in_bytes",
                                            .value = (char *)(uintptr_t) "8388608"};
    uint32_t i = 0;

    rig_init(&r);
    while (i < r.spec.cgroup_dir_count && strcmp(r.dirs[i].controllers, "memory") != 0) {
        i++;
    }
    if (i == r.spec.cgroup_dir_count) {
        rig_done(&r);
        skip();
    }
    write.dir = i;
    r.spec.cgroup_writes = &write;
    r.spec.cgroup_write_count = 1;
    r.argv[0] = (char *)(uintptr_t) "dd";
    r.argv[1] = (char *)(uintptr_t) "if=/dev/zero";
    r.argv[2] = (char *)(uintptr_t) "of=/dev/null";
    r.argv[3] = (char *)(uintptr_t) "bs=64M";
    r.argv[4] = (char *)(uintptr_t) "count=1";
    r.spec.argv.count = 5;
    assert_int_equal(rig_run(&r), 137);
    assert_int_equal(r.exited.body.exited.flags, BERTH_SHIM_EXIT_OOM | BERTH_SHIM_EXIT_SIGNALED);
    rig_done(&r);
}

/* The second version: entered by clone3, devices ruled by a BPF program. A hybrid host's cgroup2
 * has no controllers, but it does have these two. */
static void cgroup2_is_entered_and_rules_devices(void **state)
{
    struct rig r;
    static char path[128], file[] = "cgroup.freeze", zero[] = "0";
    struct berth_shim_device_rule rules[] = {{1, 'c', -1, -1, 1}, {1, 'b', -1, -1, 1},
                                             {1, 'c', 1, 3, 7},   {1, 'c', 1, 5, 2},
                                             {1, 'c', 1, 9, 7},   {0, 'c', 1, 9, 6}};
    struct berth_shim_cgroup_write write = {0, 0, file, zero};
    const char *base = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
                           ? "/sys/fs/cgroup"
                           : "/sys/fs/cgroup/unified";

    rig_init(&r);
    if (access(base, F_OK) != 0 || geteuid() != 0) {
        rig_done(&r);
        skip();
    }
    snprintf(path, sizeof(path), "%s/berth-test-%d/c", base, (int)getpid());
    r.dirs[0] = (struct berth_shim_cgroup_dir){.path = path};
    r.spec.cgroup_dir_count = 1;
    r.spec.cgroup_version = BERTH_SHIM_CGROUP_V2;
    r.spec.cgroup_writes = &write;
    r.spec.cgroup_write_count = 1;
    r.spec.device_rules = rules;
    r.spec.device_rule_count = 6;
    rig_shell(&r, "grep ^0: /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.events | head -1; "
                  "echo x >/dev/null && echo null; head -c 1 /dev/zero | wc -c; "
                  "(: >/dev/zero) 2>&1 | grep -c 'not permitted'; "
                  "(: </dev/urandom) 2>&1 | grep -c 'not permitted'; "
                  "(: </dev/full) 2>&1 | grep -c 'not permitted'");
    assert_int_equal(rig_run(&r), 0);
    assert_string_equal(rig_log(&r), "0::/\\npopulated 1\\nnull\\n1\\n1\\n1\\n1\\n");
    assert_int_not_equal(access(path, F_OK), 0);
    rig_done(&r);
}

/* Nothing of the shim's or the daemon's reaches the container's process. */
static void no_fd_leaks_into_the_container(void **state)
{
    struct rig r;
    int leaked = open("/dev/null", O_RDONLY); /* not O_CLOEXEC */

    rig_init(&r);
    rig_shell(&r, "ls /proc/1/fd; true");
    assert_int_equal(rig_run(&r), 0);
    assert_string_equal(rig_log(&r), "0\\n1\\n2\\n");
    close(leaked);
    rig_done(&r);
}

static void seccomp_is_loaded(void **state)
{
    struct rig r;
    void *program;
    size_t length;

    for (int late = 0; late < 2; late++) {
        rig_init(&r);
        assert_int_equal(
            berth_linux_seccomp_compile(NULL, r.spec.cap_bounding, &program, &length, NULL), 0);
        r.spec.seccomp.data = program;
        r.spec.seccomp.length = (uint32_t)length;
        r.spec.flags = late ? BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES : BERTH_SHIM_PROCESS_INIT;
        r.spec.uid = late ? 1000 : 0;
        expect(&r, "grep Seccomp: /proc/self/status; hostname x 2>&1 | grep -c 'not permitted'", 0,
               "Seccomp:\\u00092\\n1\\n");
        free(program);
    }
}

static size_t fds_of(pid_t pid)
{
    char path[64];
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static void clients_and_daemons_leave_no_fd(void **state)
{
    struct rig r;
    struct berth_shim_message attach = {.type = BERTH_SHIM_ATTACH};
    struct berth_shim_message detach = {.type = BERTH_SHIM_DETACH};
    int pair[2], second;

    rig_init(&r);
    rig_argv(&r, "sleep", "1000");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    assert_int_equal(rig_request(&r, &detach, -1), ENOENT);
    size_t before = fds_of(r.shim);
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        attach.body.attach.client = detach.body.client.client = i;
        attach.body.attach.flags = BERTH_SHIM_CLIENT_STDOUT;
        assert_int_equal(rig_request(&r, &attach, pair[1]), 0);
        if (i % 2 == 0) {
            assert_int_equal(rig_request(&r, &detach, -1), 0);
        }
        close(pair[0]);
        close(pair[1]);
        assert_int_equal(berth_shim_connect(r.state_fd, &second, NULL), 0);
        close(second);
        /* A message with fds that nobody asked for. */
        struct berth_shim_message query = {.type = BERTH_SHIM_QUERY};
        assert_int_equal(rig_request(&r, &query, r.state_fd), 0);
    }
    detach.body.client.client = 0;
    rig_request(&r, &detach, -1);
    size_t after = fds_of(r.shim);
    for (int i = 0; after > before && i < 1000; i++) {
        usleep(1000);
        after = fds_of(r.shim);
    }
    assert_int_equal(after, before);
    rig_done(&r);
}

static void the_shim_cannot_be_written_from_inside(void **state)
{
    struct rig r;

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_INIT;
    expect(&r,
           "(: 3>/proc/1/exe) 2>/dev/null || echo refused; "
           "cat /proc/1/environ >/dev/null 2>&1 || echo hidden",
           0, "refused\\nhidden\\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_come_back),
        cmocka_unit_test(records_tell_the_story),
        cmocka_unit_test(commands_that_cannot_run),
        cmocka_unit_test(broken_programs_exit_255),
        cmocka_unit_test(namespaces_are_its_own),
        cmocka_unit_test(dev_is_as_the_oci_spec_says),
        cmocka_unit_test(paths_are_masked_and_read_only),
        cmocka_unit_test(binds_from_paths_and_fds),
        cmocka_unit_test(hostile_links_stay_inside),
        cmocka_unit_test(user_groups_and_capabilities),
        cmocka_unit_test(ambient_capabilities_survive_a_user),
        cmocka_unit_test(sysctls_are_set),
        cmocka_unit_test(init_reaps_and_forwards),
        cmocka_unit_test(a_dead_shim_takes_its_container_along),
        cmocka_unit_test(the_daemon_can_go_and_come_back),
        cmocka_unit_test(cgroups_are_made_shown_and_removed),
        cmocka_unit_test(a_container_killed_for_memory_says_so),
        cmocka_unit_test(cgroup2_is_entered_and_rules_devices),
        cmocka_unit_test(no_fd_leaks_into_the_container),
        cmocka_unit_test(seccomp_is_loaded),
        cmocka_unit_test(clients_and_daemons_leave_no_fd),
        cmocka_unit_test(the_shim_cannot_be_written_from_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
