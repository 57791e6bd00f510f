/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's log: one line an event to stderr, `time="…" level=info msg="…"` as dockerd writes.
 * Libraries log at debug at most; the frame that ends a request logs once.
 */
#ifndef BERTH_BASE_LOG_H
#define BERTH_BASE_LOG_H

#include <stdbool.h>

enum berth_log_level {
    BERTH_LOG_DEBUG,
    BERTH_LOG_INFO,
    BERTH_LOG_WARN,
    BERTH_LOG_ERROR,
    BERTH_LOG_FATAL
};

/* Sets the lowest level that is written (default: info). Any thread. */
void berth_log_set_level(enum berth_log_level level);
/* debug, info, warn, error, fatal; false: another word. */
bool berth_log_level_parse(const char *word, enum berth_log_level *ret_level);
/* True when lines of this level are written: guards costly arguments. */
bool berth_log_enabled(enum berth_log_level level);
/* Writes one line with one write(2); quotes and control characters are escaped. Any thread. */
void berth_log(enum berth_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
