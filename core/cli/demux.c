/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a multiplexed stream apart.
 */
#include "cli/demux.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int32_t berth_demux_feed(struct berth_demux *demux, const char *data, size_t length,
                         berth_demux_sink sink, void *context, berth_error *err)
{
    while (length > 0) {
        if (demux->left > 0) {
            size_t piece = demux->left < length ? demux->left : length;
            int32_t code = sink(context, demux->head[0], data, piece, err);
            if (code != 0) {
                return code;
            }
            demux->left -= (uint32_t)piece;
            data += piece;
            length -= piece;
            continue;
        }
        size_t piece = sizeof(demux->head) - demux->head_length;
        piece = piece < length ? piece : length;
        memcpy(demux->head + demux->head_length, data, piece);
        demux->head_length += piece;
        data += piece;
        length -= piece;
        if (demux->head_length < sizeof(demux->head)) {
            return 0;
        }
        if (demux->head[0] > BERTH_STREAM_SYSTEM) {
            return berth_error_set(err, BERTH_E_DATA, 0, "Unrecognized input header: %d",
                                   demux->head[0]);
        }
        demux->left = (uint32_t)demux->head[4] << 24 | (uint32_t)demux->head[5] << 16 |
                      (uint32_t)demux->head[6] << 8 | demux->head[7];
        demux->head_length = 0;
    }
    return 0;
}

int32_t berth_demux_to_stdio(void *context, int stream, const char *data, size_t length,
                             berth_error *err)
{
    (void)context;
    if (stream == BERTH_STREAM_SYSTEM) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "error from daemon in stream: %.*s",
                               (int)length, data);
    }
    int fd = stream == BERTH_STREAM_STDERR ? STDERR_FILENO : STDOUT_FILENO;
    while (length > 0) {
        ssize_t put = write(fd, data, length);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1); /* somebody gave us a non-blocking terminal */
            continue;
        }
        if (put < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "writing to %s",
                                     fd == STDERR_FILENO ? "stderr" : "stdout");
        }
        if (put > 0) {
            data += put;
            length -= (size_t)put;
        }
    }
    return 0;
}
