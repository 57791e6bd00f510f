/* SPDX-License-Identifier: Apache-2.0
 *
 * The poll loop of an attached session.
 */
#include "cli/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/config.h"

#define PIECE (32 * 1024)

bool berth_session_check_tty(bool input, bool tty)
{
    return !tty || !input || isatty(STDIN_FILENO);
}

int berth_session_detach_keys(struct berth_session *session, const char *flag)
{
    berth_error err = BERTH_ERROR_INIT;
    const char *keys = flag;
    if (*keys == '\0') {
        const struct berth_config *config = berth_cli_config(session->cli);
        const char *configured = config != NULL ? berth_config_string(config, "detachKeys") : NULL;
        keys = configured != NULL ? configured : BERTH_DETACH_KEYS_DEFAULT;
    }
    if (berth_detach_parse(keys, &session->detach, &err) != 0) {
        return berth_cli_failf("invalid detach keys (%s): %s", keys, err.msg);
    }
    return 0;
}

void berth_session_prepare(struct berth_session *session)
{
    sigset_t signals;
    sigemptyset(&signals);
    session->signal_fd = -1;
    if (session->proxy_signals) {
        sigfillset(&signals);
        /* not ours to send: children, broken pipes, and what the kernel means for us alone */
        static const int own[] = {SIGCHLD, SIGPIPE, SIGURG, SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                  SIGABRT, SIGTRAP, SIGSYS, SIGTSTP, SIGTTIN, SIGTTOU};
        for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
            sigdelset(&signals, own[i]);
        }
    }
    if (session->tty) {
        sigaddset(&signals, SIGWINCH);
    }
    if (session->proxy_signals || session->tty) {
        sigprocmask(SIG_BLOCK, &signals, NULL);
        session->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    }
}

int32_t berth_session_take(struct berth_session *session, struct berth_reply *reply,
                           berth_error *err)
{
    return berth_reply_hijack(reply, &session->early, &session->fd, err);
}

void berth_session_resize(struct berth_session *session)
{
    int rows = 0, columns = 0;
    if (!session->tty || !berth_terminal_size(STDOUT_FILENO, &rows, &columns) || rows == 0) {
        return;
    }
    AUTO_FREE char *target = berth_format("%s/resize?h=%d&w=%d", session->object, rows, columns);
    if (target != NULL) {
        /* the process may have ended meanwhile: no failure of the session */
        berth_client_call(session->cli->client, "POST", target, NULL, NULL, NULL);
    }
}

static void handle_signal(struct berth_session *session)
{
    struct signalfd_siginfo info;
    while (read(session->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH) {
            berth_session_resize(session);
        } else if (session->proxy_signals) {
            AUTO_FREE char *target =
                berth_format("%s/kill?signal=%u", session->object, info.ssi_signo);
            if (target != NULL) {
                berth_client_call(session->cli->client, "POST", target, NULL, NULL, NULL);
            }
        }
    }
}

static int32_t send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t put = send(fd, data, length, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR) {
            return -errno; /* the other side has closed its stdin: go on reading */
        }
        if (put > 0) {
            data += put;
            length -= (size_t)put;
        }
    }
    return 0;
}

/* One read of our stdin. False: the user detached. */
static bool pass_input(struct berth_session *session)
{
    char typed[PIECE], filtered[PIECE + BERTH_DETACH_KEYS_MAX];
    ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (got <= 0) {
        session->input_done = true;
        shutdown(session->fd, SHUT_WR);
        return true;
    }
    const char *data = typed;
    size_t length = (size_t)got;
    bool detached = false;
    if (session->tty) {
        detached = berth_detach_filter(&session->detach, typed, length, filtered, &length);
        data = filtered;
    }
    if (send_all(session->fd, data, length) != 0) {
        session->input_done = true;
    }
    return !detached;
}

static int32_t pass_output(struct berth_session *session, const char *data, size_t length,
                           berth_error *err)
{
    if (session->tty) {
        return berth_demux_to_stdio(NULL, BERTH_STREAM_STDOUT, data, length, err);
    }
    return berth_demux_feed(&session->demux, data, length, berth_demux_to_stdio, NULL, err);
}

/* One read from the connection. 1: more may come; 0: it ended. */
static int32_t read_output(struct berth_session *session, berth_error *err)
{
    char data[PIECE];
    ssize_t got = recv(session->fd, data, sizeof(data), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 1;
    }
    if (got <= 0) {
        return 0; /* a reset says the same as an end here */
    }
    int32_t code = pass_output(session, data, (size_t)got, err);
    return code != 0 ? code : 1;
}

static int32_t loop(struct berth_session *session, berth_error *err)
{
    while (true) {
        struct pollfd polls[3] = {
            {.fd = session->fd, .events = POLLIN},
            {.fd = session->signal_fd, .events = POLLIN},
            {.fd = session->input && !session->input_done ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(polls, 3, -1) < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "waiting for input");
        }
        if (polls[1].revents != 0) {
            handle_signal(session);
        }
        if (polls[0].revents != 0) {
            int32_t code = read_output(session, err);
            if (code <= 0) {
                return code;
            }
        }
        if (polls[2].revents != 0 && !pass_input(session)) {
            session->ret_detached = true;
            return 0;
        }
    }
}

int32_t berth_session_run(struct berth_session *session, berth_error *err)
{
    bool raw = session->tty && session->input && berth_terminal_raw(STDIN_FILENO);
    int32_t code = 0;
    fflush(stdout);
    if (session->early.length > 0) {
        code = pass_output(session, session->early.data, session->early.length, err);
    }
    if (code == 0) {
        code = loop(session, err);
    }
    if (raw) {
        berth_terminal_restore();
    }
    close(TAKE_FD(session->fd));
    return code;
}

void berth_session_done(struct berth_session *session)
{
    if (session->fd >= 0) {
        close(session->fd);
    }
    if (session->signal_fd >= 0) {
        close(session->signal_fd);
    }
    berth_buffer_done(&session->early);
    free(session->object);
    *session = (struct berth_session){.fd = -1, .signal_fd = -1};
}
