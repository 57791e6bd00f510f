/* SPDX-License-Identifier: Apache-2.0
 *
 * The shim's streams: log lines and rotation, attached clients, frames, stdin, terminals.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    OUT = BERTH_SHIM_CLIENT_STDOUT | BERTH_SHIM_CLIENT_STDERR,
    ALL = OUT | BERTH_SHIM_CLIENT_STDIN,
};

static void release(struct rig *r)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_RELEASE};
    assert_int_equal(rig_request(r, &message, -1), 0);
    rig_reap(r);
}

/* Reads a client until its text holds `wanted`. */
static void read_until(int fd, const char *wanted)
{
    static char text[65536];
    size_t length = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (text[0] = 0; strstr(text, wanted) == NULL;) {
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t n = read(fd, text + length, sizeof(text) - 1 - length);
        if (n <= 0) {
            fail_msg("end of stream before \"%s\"; got \"%s\"", wanted, text);
        }
        length += (size_t)n;
        text[length] = 0;
    }
}

static void log_lines_are_docker_s(void **state)
{
    struct rig r;
    char text[4096];

    rig_init(&r);
    r.spec.log_attrs = (char *)(uintptr_t) "{\"a\":\"b\"}";
    rig_shell(&r, "printf 'a<b>&\"\\\\\\t\\001\\377\\303\\251\\342\\200\\250\\n'; sleep 0.02; "
                  "echo err >&2; sleep 0.02; printf tail");
    assert_int_equal(rig_run(&r), 0);
    FILE *f = fopen(r.log, "re");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    text[strcspn(text, "\n")] = 0;
    const char *head = "{\"log\":\"a\\u003cb\\u003e\\u0026\\\"\\\\\\u0009\\u0001\\ufffd\303\251"
                       "\\u2028\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},\"time\":\"2";
    assert_memory_equal(text, head, strlen(head));
    assert_string_equal(text + strlen(text) - 3, "Z\"}");
    assert_non_null(fgets(text, sizeof(text), f));
    assert_non_null(strstr(text, "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"attrs\""));
    assert_non_null(fgets(text, sizeof(text), f));
    assert_non_null(strstr(text, "{\"log\":\"tail\",\"stream\":\"stdout\""));
    assert_null(fgets(text, sizeof(text), f));
    fclose(f);
    rig_done(&r);
}

static void long_lines_are_split(void **state)
{
    struct rig r;
    char line[32768];
    size_t lengths[4], count = 0;

    rig_init(&r);
    rig_shell(&r, "head -c 40000 /dev/zero | tr '\\0' x; echo; echo y");
    assert_int_equal(rig_run(&r), 0);
    FILE *f = fopen(r.log, "re");
    assert_non_null(f);
    while (count < 4 && fgets(line, sizeof(line), f) != NULL) {
        char *end = strstr(line, "\",\"stream\"");
        assert_non_null(end);
        lengths[count++] = (size_t)(end - line) - strlen("{\"log\":\"");
    }
    fclose(f);
    assert_int_equal(count, 4);
    assert_int_equal(lengths[0], 16384);
    assert_int_equal(lengths[1], 16384);
    assert_int_equal(lengths[2], 40000 - 2 * 16384 + 2); /* and the newline's two characters */
    assert_int_equal(lengths[3], 3);
    rig_done(&r);
}

static void logs_rotate(void **state)
{
    struct rig r;
    char path[256];
    struct stat st;

    rig_init(&r);
    r.spec.log_max_size = 20000;
    r.spec.log_max_files = 3;
    rig_shell(&r, "seq 1 2000");
    assert_int_equal(rig_run(&r), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), i == 0 ? "%s" : "%s.%d", r.log, i);
        if (i < 3) {
            assert_int_equal(stat(path, &st), 0);
            assert_true(st.st_size < 20200 && (i == 0 || st.st_size >= 20000));
        } else {
            assert_int_not_equal(stat(path, &st), 0);
        }
    }
    const char *values = rig_log(&r);
    assert_string_equal(values + strlen(values) - 6, "2000\\n");
    rig_done(&r);
}

static void bursts_are_fast_and_complete(void **state)
{
    struct rig r;
    struct timespec a, b;

    rig_init(&r);
    rig_shell(&r, "seq 1 100000");
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(rig_run(&r), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    FILE *f = fopen(r.log, "re");
    char line[256], wanted[64];
    int n = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        snprintf(wanted, sizeof(wanted), "{\"log\":\"%d\\n\"", ++n);
        assert_memory_equal(line, wanted, strlen(wanted));
    }
    fclose(f);
    assert_int_equal(n, 100000);
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    print_message("100000 lines in %.0f ms\n", ms);
    assert_true(ms < 5000);
    rig_done(&r);
}

static void a_full_disk_loses_lines_not_the_container(void **state)
{
    struct rig r;
    char path[100];

    rig_init(&r);
    snprintf(path, sizeof(path), "%s/small", r.dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(mount("small", path, "tmpfs", 0, "size=64k"), 0);
    snprintf(r.log, sizeof(r.log), "%s/log.json", path);
    rig_shell(&r, "seq 1 20000; exit 4");
    assert_int_equal(rig_run(&r), 4);
    assert_non_null(rig_log(&r)); /* every line that is there is whole */
    assert_int_equal(umount(path), 0);
    rig_done(&r);
}

static void clients_get_frames_or_raw_bytes(void **state)
{
    struct rig r;
    size_t length;

    rig_init(&r);
    int framed = rig_client(&r, OUT | BERTH_SHIM_CLIENT_MULTIPLEX);
    int raw = rig_client(&r, BERTH_SHIM_CLIENT_STDOUT);
    rig_shell(&r, "echo out; sleep 0.02; echo error >&2");
    assert_int_equal(rig_run(&r), 0);
    const char *text = rig_read(framed, &length);
    assert_int_equal(length, 8 + 4 + 8 + 6);
    assert_memory_equal(text, "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\6error\n", length);
    assert_string_equal(rig_read(raw, NULL), "out\n");
    assert_int_equal(r.closed_reason, BERTH_SHIM_CLOSED_EOF);
    close(framed);
    close(raw);
    rig_done(&r);
}

static void half_closed_stdin_ends_it(void **state)
{
    struct rig r;

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_STDIN_ONCE;
    int client = rig_client(&r, ALL);
    r.clients[0].early.data = "early ";
    r.clients[0].early.length = 6;
    assert_int_equal(write(client, "late\n", 5), 5);
    shutdown(client, SHUT_WR);
    rig_shell(&r, "cat; echo done");
    assert_int_equal(rig_run(&r), 0);
    assert_string_equal(rig_read(client, NULL), "early late\ndone\n");
    close(client);
    rig_done(&r);
}

static void much_stdin_goes_through(void **state)
{
    struct rig r;
    static char block[65536];
    size_t sent = 0, total = 8 << 20;

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_STDIN_ONCE;
    int client = rig_client(&r, ALL);
    rig_shell(&r, "sleep 0.1; wc -c");
    rig_launch(&r);
    while (sent < total) {
        ssize_t n = write(client, block, sizeof(block));
        assert_true(n > 0);
        sent += (size_t)n;
    }
    shutdown(client, SHUT_WR);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    assert_string_equal(rig_read(client, NULL), "8388608\n");
    close(client);
    release(&r);
    rig_done(&r);
}

static void a_second_client_can_come_later(void **state)
{
    struct rig r;
    struct berth_shim_message attach = {.type = BERTH_SHIM_ATTACH};
    int pair[2];

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN;
    rig_shell(&r, "read x; echo got $x");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    attach.body.attach.client = 77;
    attach.body.attach.flags = ALL;
    assert_int_equal(rig_request(&r, &attach, pair[1]), 0);
    assert_int_equal(rig_request(&r, &attach, pair[1]), EINVAL); /* the id is in use */
    close(pair[1]);
    assert_int_equal(write(pair[0], "me\n", 3), 3);
    assert_string_equal(rig_read(pair[0], NULL), "got me\n");
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    close(pair[0]);
    release(&r);
    rig_done(&r);
}

/* Docker: a client with stdin that closes it, where stdin is not "once", is detached. */
static void stdin_eof_detaches_when_not_once(void **state)
{
    struct rig r;
    struct berth_shim_message term = {.type = BERTH_SHIM_SIGNAL};

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN;
    int client = rig_client(&r, ALL);
    rig_shell(&r, "cat; exit 3");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    shutdown(client, SHUT_WR);
    assert_true(rig_wait(&r, BERTH_SHIM_CLIENT_CLOSED));
    assert_int_equal(r.closed_reason, BERTH_SHIM_CLOSED_STDIN_EOF);
    term.body.signal.number = SIGKILL;
    assert_int_equal(rig_request(&r, &term, -1), 0);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    assert_int_equal(r.exited.body.exited.exit_code, 137);
    close(client);
    release(&r);
    rig_done(&r);
}

static void terminals_work(void **state)
{
    struct rig r;
    struct berth_shim_message resize = {.type = BERTH_SHIM_RESIZE};

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_TTY | BERTH_SHIM_PROCESS_STDIN_OPEN;
    r.spec.rows = 33;
    r.spec.columns = 99;
    int client = rig_client(&r, ALL);
    rig_shell(&r, "tty; stty size; ls -l /dev/console | cut -c1; read x; stty size; echo [$x]");
    rig_launch(&r);
    read_until(client, "/dev/pts/0\r\n33 99\r\nc\r\n");
    resize.body.resize.rows = 10;
    resize.body.resize.columns = 20;
    assert_int_equal(rig_request(&r, &resize, -1), 0);
    assert_int_equal(write(client, "hi\r", 3), 3);
    read_until(client, "hi\r\n10 20\r\n[hi]\r\n");
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    assert_non_null(strstr(rig_log(&r), "[hi]\\r\\n"));
    close(client);
    release(&r);
    rig_done(&r);
}

static void interrupt_comes_from_the_terminal(void **state)
{
    struct rig r;

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_TTY | BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_INIT;
    int client = rig_client(&r, ALL);
    rig_shell(&r, "trap 'echo caught; exit 6' INT; echo ready; while :; do sleep 0.05; done");
    rig_launch(&r);
    read_until(client, "ready\r\n");
    assert_int_equal(write(client, "\003", 1), 1);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    assert_int_equal(r.exited.body.exited.exit_code, 6);
    close(client);
    release(&r);
    rig_done(&r);
}

static void detach_keys_detach(void **state)
{
    struct rig r;
    struct berth_shim_message kill_it = {.type = BERTH_SHIM_SIGNAL};

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_TTY | BERTH_SHIM_PROCESS_STDIN_OPEN;
    int client = rig_client(&r, ALL);
    rig_shell(&r, "stty -echo; echo up; read x; echo \"<$x>\"; sleep 1000");
    rig_launch(&r);
    read_until(client, "up\r\n");
    /* A ctrl-p that is no part of the sequence comes through; one split over two writes counts. */
    assert_int_equal(write(client, "a\020b\r", 4), 4);
    read_until(client, "<a\020b>\r\n");
    assert_int_equal(write(client, "\020", 1), 1);
    usleep(20000);
    assert_int_equal(write(client, "\021", 1), 1);
    assert_true(rig_wait(&r, BERTH_SHIM_CLIENT_CLOSED));
    assert_int_equal(r.closed_reason, BERTH_SHIM_CLOSED_DETACH);
    assert_string_equal(rig_read(client, NULL), "");
    assert_int_equal(berth_shim_pid_alive(r.started.body.started.pid, 0), 1);
    kill_it.body.signal.number = SIGKILL;
    assert_int_equal(rig_request(&r, &kill_it, -1), 0);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    close(client);
    release(&r);
    rig_done(&r);
}

/* A client that takes nothing is dropped after the stall time; one that is merely slow loses
 * nothing. */
static void stuck_clients_are_dropped_slow_ones_are_not(void **state)
{
    struct rig r;
    size_t length = 0;
    static char block[65536];

    rig_init(&r);
    r.spec.client_buffer = 65536;
    r.spec.client_stall_ms = 300;
    r.spec.log_kind = BERTH_SHIM_LOG_NONE;
    int stuck = rig_client(&r, BERTH_SHIM_CLIENT_STDOUT);
    int slow = rig_client(&r, BERTH_SHIM_CLIENT_STDOUT);
    rig_shell(&r, "head -c 4000000 /dev/zero");
    rig_launch(&r);
    for (ssize_t n; (n = read(slow, block, sizeof(block))) > 0;) {
        length += (size_t)n;
        usleep(1000);
    }
    assert_int_equal(length, 4000000);
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    rig_read(stuck, &length);
    assert_true(length < 4000000);
    close(stuck);
    close(slow);
    release(&r);
    rig_done(&r);
}

static void held_clients_wait_for_resume(void **state)
{
    struct rig r;
    struct berth_shim_message resume = {.type = BERTH_SHIM_RESUME};
    char byte;

    rig_init(&r);
    r.spec.flags = BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_STDIN_ONCE;
    int client = rig_client(&r, ALL | BERTH_SHIM_CLIENT_HOLD);
    rig_shell(&r, "echo one; cat");
    rig_launch(&r);
    assert_true(rig_wait(&r, BERTH_SHIM_STARTED));
    usleep(50000);
    assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
    resume.body.client.client = 1;
    assert_int_equal(rig_request(&r, &resume, -1), 0);
    shutdown(client, SHUT_WR);
    assert_string_equal(rig_read(client, NULL), "one\n");
    assert_true(rig_wait(&r, BERTH_SHIM_EXITED));
    close(client);
    release(&r);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_lines_are_docker_s),
        cmocka_unit_test(long_lines_are_split),
        cmocka_unit_test(logs_rotate),
        cmocka_unit_test(bursts_are_fast_and_complete),
        cmocka_unit_test(a_full_disk_loses_lines_not_the_container),
        cmocka_unit_test(clients_get_frames_or_raw_bytes),
        cmocka_unit_test(half_closed_stdin_ends_it),
        cmocka_unit_test(much_stdin_goes_through),
        cmocka_unit_test(a_second_client_can_come_later),
        cmocka_unit_test(stdin_eof_detaches_when_not_once),
        cmocka_unit_test(terminals_work),
        cmocka_unit_test(interrupt_comes_from_the_terminal),
        cmocka_unit_test(detach_keys_detach),
        cmocka_unit_test(stuck_clients_are_dropped_slow_ones_are_not),
        cmocka_unit_test(held_clients_wait_for_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
