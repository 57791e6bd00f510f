/* SPDX-License-Identifier: Apache-2.0
 *
 * Docker's multiplexed stream: frames of 8 bytes head (stream, 3 zeros, length as big-endian 32
 * bits) and data, stdout and stderr over one connection.
 */
#ifndef BERTH_CLI_DEMUX_H
#define BERTH_CLI_DEMUX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    BERTH_STREAM_STDIN = 0,
    BERTH_STREAM_STDOUT = 1,
    BERTH_STREAM_STDERR = 2,
    BERTH_STREAM_SYSTEM = 3
};

struct berth_demux {
    unsigned char head[8];
    size_t head_length;
    uint32_t left; /* of the current frame's data */
};

/* Takes a piece of one stream's data; negative BERTH_E_* ends the feeding. */
typedef int32_t (*berth_demux_sink)(void *context, int stream, const char *data, size_t length,
                                    berth_error *err);

/* Feeds bytes as they come, cut anywhere. BERTH_E_DATA: not a multiplexed stream. */
int32_t berth_demux_feed(struct berth_demux *demux, const char *data, size_t length,
                         berth_demux_sink sink, void *context, berth_error *err);

/* A sink that writes stdout and stderr to fds 1 and 2; the daemon's own errors (stream 3) are its
 * failure. context is not used. */
int32_t berth_demux_to_stdio(void *context, int stream, const char *data, size_t length,
                             berth_error *err);

#endif
