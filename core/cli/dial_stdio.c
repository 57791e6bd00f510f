/* SPDX-License-Identifier: Apache-2.0
 *
 * `system dial-stdio`: stdin and stdout are a connection to the daemon. Docker's clients run it
 * through ssh.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "client/client.h"

#define PIECE (64 * 1024)

static bool write_all(int fd, const char *data, ssize_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, data, (size_t)length);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        data += put > 0 ? put : 0;
        length -= put > 0 ? put : 0;
    }
    return true;
}

/* Copies what is there. False: that side has ended. */
static bool pump(int from, int to)
{
    static char piece[PIECE];
    ssize_t got = read(from, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) {
        return true;
    }
    return got > 0 && write_all(to, piece, got);
}

static int run_dial_stdio(struct berth_cli *cli)
{
    AUTO_CLOSE int fd = -1;
    berth_error err = BERTH_ERROR_INIT;
    struct berth_client *client = berth_cli_client(cli);
    bool input = true;
    if (client == NULL) {
        return 1;
    }
    if (berth_client_connect(client, &fd, &err) != 0) {
        return berth_cli_fail(&err);
    }
    while (true) {
        struct pollfd polls[2] = {{.fd = fd, .events = POLLIN},
                                  {.fd = input ? STDIN_FILENO : -1, .events = POLLIN}};
        if (poll(polls, 2, -1) < 0 && errno != EINTR) {
            return berth_cli_failf("waiting for input: error %d", errno);
        }
        if (polls[0].revents != 0 && !pump(fd, STDOUT_FILENO)) {
            return 0; /* the daemon's side decides, as Docker's does */
        }
        if (polls[1].revents != 0 && !pump(STDIN_FILENO, fd)) {
            input = false;
            shutdown(fd, SHUT_WR);
        }
    }
}

const struct berth_command berth_command_dial_stdio = {
    .usage = "[OPTIONS]",
    .summary = "Proxy the stdio stream to the daemon connection",
    .options = BERTH_COMMAND_HIDDEN,
    .run = run_dial_stdio,
};
