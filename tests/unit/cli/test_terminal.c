/* SPDX-License-Identifier: Apache-2.0
 *
 * core/cli: detach keys, raw mode on a real pseudo-terminal, and a whole session over one.
 */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/session.h"

static void detach_keys_are_read(void **state)
{
    struct berth_detach detach = {.count = 0};
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_detach_parse("ctrl-p,ctrl-q", &detach, &err), 0);
    assert_int_equal(detach.count, 2);
    assert_int_equal(detach.keys[0], 16);
    assert_int_equal(detach.keys[1], 17);
    assert_int_equal(berth_detach_parse("a,ctrl-[,ctrl-@", &detach, &err), 0);
    assert_int_equal(detach.keys[0], 'a');
    assert_int_equal(detach.keys[1], 27);
    assert_int_equal(detach.keys[2], 0);
    assert_int_equal(berth_detach_parse("ctrl-?", &detach, &err), BERTH_E_INVALID);
    assert_int_equal(berth_detach_parse("foo", &detach, &err), BERTH_E_INVALID);
}

static void only_the_whole_sequence_detaches(void **state)
{
    struct berth_detach detach = {.count = 0};
    char out[64];
    size_t length = 0;
    assert_int_equal(berth_detach_parse("", &detach, NULL), 0);
    assert_false(berth_detach_filter(&detach, "ab", 2, out, &length));
    assert_int_equal(length, 2);
    assert_false(berth_detach_filter(&detach, "\x10", 1, out, &length));
    assert_int_equal(length, 0); /* held back */
    assert_false(berth_detach_filter(&detach, "x", 1, out, &length));
    assert_memory_equal(out, "\x10x", 2);
    assert_false(berth_detach_filter(&detach, "a\x10", 2, out, &length));
    assert_int_equal(length, 1);
    assert_true(berth_detach_filter(&detach, "\x11", 1, out, &length));
    assert_int_equal(length, 0);
}

static void a_repeated_first_key_may_still_detach(void **state)
{
    struct berth_detach detach = {.count = 0};
    char out[64];
    size_t length = 0;
    assert_int_equal(berth_detach_parse("", &detach, NULL), 0);
    assert_true(berth_detach_filter(&detach, "\x10\x10\x11", 3, out, &length));
    assert_int_equal(length, 1);
    assert_int_equal(out[0], 0x10);
}

static void raw_mode_comes_and_goes(void **state)
{
    int master = -1, slave = -1, rows = 0, columns = 0;
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    struct termios before, during, after;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    tcgetattr(slave, &before);
    assert_true(berth_terminal_raw(slave));
    tcgetattr(slave, &during);
    assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), 0);
    berth_terminal_restore();
    tcgetattr(slave, &after);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_true(berth_terminal_size(slave, &rows, &columns));
    assert_int_equal(rows * 1000 + columns, 30100);
    close(master);
    close(slave);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_false(berth_terminal_raw(pipes[0]));
    assert_false(berth_terminal_size(pipes[0], &rows, &columns));
    close(pipes[0]);
    close(pipes[1]);
}

/* The other side of a session: a "container" that answers what it reads in upper case. */
static void *answer(void *argument)
{
    int fd = *(int *)argument;
    char byte = 0;
    while (read(fd, &byte, 1) == 1) {
        byte = (char)(byte >= 'a' && byte <= 'z' ? byte - 32 : byte);
        if (write(fd, &byte, 1) != 1) {
            break;
        }
    }
    return NULL;
}

struct user {
    int master;
    char seen[64];
};

/* Types a word, waits for its echo by the other side, types the detach keys. */
static void *type(void *argument)
{
    struct user *user = argument;
    size_t used = 0;
    if (write(user->master, "hi\x03", 3) != 3) {
        return NULL;
    }
    while (used < 3) {
        struct pollfd wait = {.fd = user->master, .events = POLLIN};
        if (poll(&wait, 1, 5000) <= 0) {
            return NULL;
        }
        ssize_t got = read(user->master, user->seen + used, sizeof(user->seen) - 1 - used);
        if (got <= 0) {
            return NULL;
        }
        used += (size_t)got;
    }
    ssize_t put = write(user->master, "\x10\x11", 2);
    (void)put;
    return NULL;
}

static void a_session_runs_on_a_terminal_until_the_keys(void **state)
{
    int slave = -1, pair[2], saved[2] = {dup(0), dup(1)};
    struct user user = {.master = -1};
    struct termios raw;
    pthread_t threads[2];
    berth_error err = BERTH_ERROR_INIT;
    struct berth_session session = {.signal_fd = -1, .tty = true, .input = true};
    assert_int_equal(openpty(&user.master, &slave, NULL, NULL, NULL), 0);
    tcgetattr(slave, &raw);
    cfmakeraw(&raw); /* as the session will do, but before the user types */
    tcsetattr(slave, TCSANOW, &raw);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(berth_detach_parse("", &session.detach, &err), 0);
    session.fd = pair[0];
    dup2(slave, 0);
    dup2(slave, 1);
    pthread_create(&threads[0], NULL, answer, &pair[1]);
    pthread_create(&threads[1], NULL, type, &user);
    int32_t code = berth_session_run(&session, &err);
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_int_equal(code, 0);
    assert_true(session.ret_detached);
    assert_string_equal(user.seen, "HI\x03"); /* ^C went through as a byte, not as a signal */
    berth_session_done(&session);
    close(pair[1]);
    close(slave);
    close(user.master);
    close(saved[0]);
    close(saved[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detach_keys_are_read),
        cmocka_unit_test(only_the_whole_sequence_detaches),
        cmocka_unit_test(a_repeated_first_key_may_still_detach),
        cmocka_unit_test(raw_mode_comes_and_goes),
        cmocka_unit_test(a_session_runs_on_a_terminal_until_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
