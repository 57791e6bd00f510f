/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's log.
 */
#include "base/log.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/string.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int lowest = BERTH_LOG_INFO;

static const char *const words[] = {"debug", "info", "warning", "error", "fatal"};

void berth_log_set_level(enum berth_log_level level)
{
    atomic_store(&lowest, (int)level);
}

bool berth_log_level_parse(const char *word, enum berth_log_level *ret_level)
{
    if (berth_str_equal(word, "warn")) {
        word = "warning";
    }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (berth_str_equal(word, words[i])) {
            *ret_level = (enum berth_log_level)i;
            return true;
        }
    }
    return false;
}

bool berth_log_enabled(enum berth_log_level level)
{
    return (int)level >= atomic_load(&lowest);
}

static void append_quoted(struct berth_buffer *line, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            berth_buffer_format(line, "\\%c", *at);
        } else if (*at == '\n') {
            berth_buffer_add(line, "\\n");
        } else if ((unsigned char)*at < 0x20) {
            berth_buffer_format(line, "\\x%02x", (unsigned char)*at);
        } else {
            berth_buffer_append(line, at, 1);
        }
    }
}

void berth_log(enum berth_log_level level, const char *format, ...)
{
    if (!berth_log_enabled(level)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    AUTO_FREE char *message = NULL;
    int length = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (length < 0) {
        message = NULL;
        return;
    }
    char now[BERTH_TIME_TEXT];
    berth_time_format(berth_time_now(), now);
    AUTO_BUFFER struct berth_buffer line = BERTH_BUFFER_INIT;
    berth_buffer_format(&line, "time=\"%s\" level=%s msg=\"", now, words[level]);
    append_quoted(&line, message);
    berth_buffer_add(&line, "\"\n");
    if (!berth_buffer_failed(&line)) {
        /* nobody to tell when the log itself cannot be written */
        ssize_t written = write(STDERR_FILENO, line.data, line.length);
        (void)written;
    }
}
