/* SPDX-License-Identifier: Apache-2.0
 *
 * An attached session: the user's terminal or pipes on one side, the hijacked connection of attach
 * or exec on the other. One thread, one poll loop.
 */
#ifndef BERTH_CLI_SESSION_H
#define BERTH_CLI_SESSION_H

#include "cli/cli.h"
#include "cli/demux.h"
#include "cli/terminal.h"
#include "client/client.h"

struct berth_session {
    struct berth_cli *cli;
    int fd;                    /* the connection; -1: none */
    struct berth_buffer early; /* what came with its head */
    bool tty;                  /* one raw stream instead of frames */
    bool input;                /* our stdin goes to the other side */
    bool proxy_signals;        /* signals that we get are sent to the container */
    char *object;              /* "/containers/ID" or "/exec/ID": for resize and kill */
    struct berth_detach detach;
    bool ret_detached; /* the user typed the detach keys */

    struct berth_demux demux;
    int signal_fd;
    bool input_done;
};

/* Says that -t needs a terminal when input is attached and stdin is none. True: fine. */
bool berth_session_check_tty(bool input, bool tty);
/* Blocks the signals that the session handles, so that none is lost before the loop runs; to be
 * called before the container starts. */
void berth_session_prepare(struct berth_session *session);
/* Takes the connection of a hijacked reply. */
int32_t berth_session_take(struct berth_session *session, struct berth_reply *reply,
                           berth_error *err);
/* Tells the other side the terminal's size, when there is one. */
void berth_session_resize(struct berth_session *session);
/* Copies until the other side ends or the user detaches. Raw mode holds only inside. */
int32_t berth_session_run(struct berth_session *session, berth_error *err);
void berth_session_done(struct berth_session *session);

/* The detach keys of --detach-keys or the configuration, into session->detach. Returns 0, or 1
 * after printing why. */
int berth_session_detach_keys(struct berth_session *session, const char *flag);

#endif
