/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: one line of a json-file log, and where the last lines begin. Pure but for
 * reading the fds given.
 */
#ifndef BERTH_CONTAINER_LOG_LINE_H
#define BERTH_CONTAINER_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

struct log_line {
    struct berth_buffer text; /* "log", unescaped, with its newline */
    bool standard_error;
    int64_t time;      /* nanoseconds; 0: none or malformed */
    const char *attrs; /* raw JSON of "attrs" in the input, or NULL */
    size_t attrs_length;
};

/* Reads {"log":...,"stream":...,"attrs":{...},"time":...} without its newline into line, whose
 * buffer is reused. False: not such a line (a torn write): skip it. */
bool log_line_parse(const char *data, size_t length, struct log_line *line);
/* The bytes of an answer for a line: frame head, time stamp, details, text. */
struct log_format {
    bool multiplex, timestamps, details;
};
void log_line_format(const struct log_line *line, const struct log_format *format,
                     struct berth_buffer *out);

/* Where the last `lines` lines begin in files given oldest first: index of the file, and offset in
 * it. Reads blocks from the end. */
void log_tail_find(const int *fds, size_t count, int64_t lines, size_t *ret_index,
                   off_t *ret_offset);

#endif
