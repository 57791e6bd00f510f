/* SPDX-License-Identifier: Apache-2.0
 *
 * `berth-shim exec`: one more process in a running container.
 */
#include "rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct session {
    struct rig container;
    struct rig exec; /* only its spec, state and channel are used */
};

static void session_open(struct session *s)
{
    struct rig *r = &s->container, *e = &s->exec;

    rig_init(r);
    rig_argv(r, "sleep", "1000");
    rig_launch(r);
    assert_true(rig_wait(r, BERTH_SHIM_STARTED));
    memset(e, 0, sizeof(*e));
    e->control = -1;
    e->program = r->program;
    berth_shim_spec_init(&e->spec);
    snprintf(e->state, sizeof(e->state), "%.60s/exec", r->state);
    assert_int_equal(mkdir(e->state, 0700), 0);
    e->state_fd = open(e->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    e->spec.id = r->spec.id;
    e->spec.exec_id = (char *)(uintptr_t) "feed";
    e->spec.state_dir = e->state;
    e->spec.env = r->spec.env;
    e->spec.argv.items = e->argv;
    e->spec.clients = e->clients;
    e->spec.namespaces = r->spec.namespaces;
    e->spec.namespace_count = r->spec.namespace_count;
    e->spec.cgroup_version = r->spec.cgroup_version;
    e->spec.cgroup_dirs = r->spec.cgroup_dirs;
    e->spec.cgroup_dir_count = r->spec.cgroup_dir_count;
    e->spec.cap_bounding = e->spec.cap_effective = e->spec.cap_permitted = 0xa80425fb;
    e->spec.exec_pid = r->started.body.started.pid;
    e->spec.exec_start_time = r->started.body.started.start_time;
}

static void session_start(struct session *s)
{
    struct rig *e = &s->exec;
    berth_error err = {0};

    if (berth_shim_launch(e->program, BERTH_SHIM_VERB_EXEC, &e->spec, &e->control, &e->shim,
                          &err) != 0) {
        fail_msg("launch: %s", err.msg);
    }
    for (uint32_t i = 0; i < e->spec.client_count; i++) {
        close(e->clients[i].fd);
    }
}

static int session_run(struct session *s)
{
    struct berth_shim_message release = {.type = BERTH_SHIM_RELEASE};

    session_start(s);
    if (!rig_wait(&s->exec, BERTH_SHIM_EXITED)) {
        rig_reap(&s->exec);
        return -s->exec.failed.body.failed.exit_code;
    }
    assert_int_equal(rig_request(&s->exec, &release, -1), 0);
    rig_reap(&s->exec);
    return s->exec.exited.body.exited.exit_code;
}

static void session_close(struct session *s)
{
    if (s->exec.shim > 0) {
        kill(s->exec.shim, SIGKILL);
    }
    rig_reap(&s->exec);
    close(s->exec.state_fd);
    rig_done(&s->container);
}

static void it_is_inside(void **state)
{
    struct session s;
    struct berth_shim_exited exited;

    session_open(&s);
    int client = rig_client(&s.exec, BERTH_SHIM_CLIENT_STDOUT | BERTH_SHIM_CLIENT_STDERR);
    rig_shell(&s.exec, "hostname; cat /proc/1/cmdline | tr '\\0' ' '; pwd; "
                       "grep -v ':/$' /proc/self/cgroup; ls /proc/$$/fd; "
                       "grep CapEff /proc/self/status; ls /sys/class/net; exit 12");
    assert_int_equal(session_run(&s), 12);
    assert_string_equal(rig_read(client, NULL),
                        "boat\nsleep 1000 /\n0\n1\n2\nCapEff:\t00000000a80425fb\nlo\n");
    assert_int_equal(berth_shim_exit_read(s.exec.state_fd, &exited, NULL), 0);
    assert_int_equal(exited.exit_code, 12);
    close(client);
    session_close(&s);
}

static void its_sentences_are_docker_s(void **state)
{
    struct session s;

    session_open(&s);
    rig_argv(&s.exec, "nope", NULL);
    assert_int_equal(session_run(&s), -127);
    assert_string_equal(s.exec.sentence,
                        "exec: \"nope\": executable file not found in $PATH: unknown");
    s.exec.spec.cwd = (char *)(uintptr_t) "/missing";
    rig_argv(&s.exec, "true", NULL);
    assert_int_equal(session_run(&s), -125);
    assert_non_null(strstr(s.exec.sentence, "chdir to cwd (\"/missing\")"));
    session_close(&s);
}

static void it_has_a_terminal(void **state)
{
    struct session s;

    session_open(&s);
    s.exec.spec.flags = BERTH_SHIM_PROCESS_TTY | BERTH_SHIM_PROCESS_STDIN_OPEN;
    s.exec.spec.uid = 1000;
    s.exec.spec.cap_effective = s.exec.spec.cap_permitted = 0;
    int client = rig_client(&s.exec, BERTH_SHIM_CLIENT_STDIN | BERTH_SHIM_CLIENT_STDOUT);
    rig_shell(&s.exec, "tty; id -u; read x; echo \"[$x]\"");
    assert_int_equal(write(client, "yes\r", 4), 4);
    assert_int_equal(session_run(&s), 0);
    const char *text = rig_read(client, NULL);
    /* The echo of what was typed may come anywhere between the lines. */
    assert_non_null(strstr(text, "/dev/pts/0\r\n"));
    assert_non_null(strstr(text, "1000\r\n"));
    assert_non_null(strstr(text, "[yes]\r\n"));
    close(client);
    session_close(&s);
}

static void stdin_goes_through(void **state)
{
    struct session s;

    session_open(&s);
    s.exec.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_STDIN_ONCE;
    int client = rig_client(&s.exec, BERTH_SHIM_CLIENT_STDIN | BERTH_SHIM_CLIENT_STDOUT);
    assert_int_equal(write(client, "abc", 3), 3);
    shutdown(client, SHUT_WR);
    rig_argv(&s.exec, "cat", NULL);
    assert_int_equal(session_run(&s), 0);
    assert_string_equal(rig_read(client, NULL), "abc");
    close(client);
    session_close(&s);
}

/* A process left behind holds the stream open: the session ends all the same. */
static void a_background_process_does_not_hold_it(void **state)
{
    struct session s;

    session_open(&s);
    rig_shell(&s.exec, "sleep 100 & echo $!; exit 0");
    assert_int_equal(session_run(&s), 0);
    session_close(&s);
}

static void it_dies_with_its_container(void **state)
{
    struct session s;

    session_open(&s);
    rig_argv(&s.exec, "sleep", "1000");
    session_start(&s);
    assert_true(rig_wait(&s.exec, BERTH_SHIM_STARTED));
    assert_int_equal(kill(s.exec.spec.exec_pid, SIGKILL), 0);
    assert_true(rig_wait(&s.exec, BERTH_SHIM_EXITED));
    assert_int_equal(s.exec.exited.body.exited.exit_code, 137);
    assert_true(rig_wait(&s.container, BERTH_SHIM_EXITED));
    session_close(&s);
}

static void a_container_that_is_gone_is_refused(void **state)
{
    struct session s;

    session_open(&s);
    s.exec.spec.exec_start_time++;
    rig_argv(&s.exec, "true", NULL);
    assert_int_equal(session_run(&s), -125);
    assert_string_equal(s.exec.sentence, "the container 0123456789abcdef is not running");
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_inside),
        cmocka_unit_test(its_sentences_are_docker_s),
        cmocka_unit_test(it_has_a_terminal),
        cmocka_unit_test(stdin_goes_through),
        cmocka_unit_test(a_background_process_does_not_hold_it),
        cmocka_unit_test(it_dies_with_its_container),
        cmocka_unit_test(a_container_that_is_gone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
