/* SPDX-License-Identifier: Apache-2.0
 *
 * The container's one log file in Docker's json-file format, with rotation. Output is cut into
 * lines (at most 16 KiB, then split without newline), encoded into one buffer, written in batches.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_SIZE = 256 * 1024,
    LINE_ROOM = BERTH_SHIM_LOG_LINE * 6 + 128, /* escaping, keys and time; attrs come on top */
    PATH_ROOM = 4096,
};

/* The start of a line whose end has not come yet, for each stream. */
static struct {
    unsigned char data[BERTH_SHIM_LOG_LINE];
    size_t length;
} partial[2];

static unsigned char batch[BATCH_SIZE];
static size_t batch_length;
static char stamp[40];
static size_t stamp_length;

int log_open(struct log *log)
{
    struct stat st;

    if (log->kind == BERTH_SHIM_LOG_NONE) {
        log->fd = -1;
        return 0;
    }
    log->fd =
        openat(AT_FDCWD, log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (log->fd < 0) {
        return -1;
    }
    log->size = fstat(log->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

void log_reopen(struct log *log)
{
    if (log->fd >= 0) {
        close(log->fd);
        log->generation++;
    }
    if (log_open(log) < 0) {
        log->size = 0;
    }
}

static void numbered(char *target, const char *path, uint32_t number)
{
    if (number == 0) {
        snprintf(target, PATH_ROOM, "%s", path);
    } else {
        snprintf(target, PATH_ROOM, "%s.%u", path, number);
    }
}

/* log.(n-2) becomes log.(n-1), ..., log becomes log.1; with one file it starts anew. */
static void rotate(struct log *log)
{
    char from[PATH_ROOM], to[PATH_ROOM];

    if (log->max_files <= 1) {
        unlink(log->path);
    }
    for (uint32_t i = log->max_files; i > 1; i--) {
        numbered(to, log->path, i - 1);
        numbered(from, log->path, i - 2);
        rename(from, to);
    }
    log_reopen(log);
}

static void flush(struct log *log)
{
    size_t done = 0;

    if (log->fd >= 0 && log->torn && batch_length > 0) {
        /* End the line that a full disk cut off, so that readers find the next one whole. */
        log->torn = write(log->fd, "\n", 1) != 1;
        log->size += !log->torn;
    }
    while (log->fd >= 0 && !log->torn && done < batch_length) {
        ssize_t n = write(log->fd, batch + done, batch_length - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            /* Full disk: Docker drops the lines too. Take a half-written batch back. */
            log->torn = done > 0 && ftruncate(log->fd, (off_t)log->size) < 0;
            break;
        }
        done += (size_t)n;
    }
    if (done == batch_length) {
        log->size += batch_length;
    }
    batch_length = 0;
}

static void add(const void *data, size_t length)
{
    memcpy(batch + batch_length, data, length);
    batch_length += length;
}

static void add_text(const char *text)
{
    add(text, strlen(text));
}

static void emit(struct log *log, uint8_t stream, const unsigned char *data, size_t length)
{
    size_t attrs = log->attrs == NULL ? 0 : strlen(log->attrs);

    if (log->max_size > 0 && log->size + batch_length >= log->max_size) {
        flush(log);
        rotate(log);
    }
    if (BATCH_SIZE - batch_length < LINE_ROOM + attrs) {
        flush(log);
        if (BATCH_SIZE < LINE_ROOM + attrs) {
            attrs = 0; /* 150 KiB of labels: the line matters more */
        }
    }
    add_text("{\"log\":\"");
    batch_length += json_escape(batch + batch_length, data, length);
    add_text(stream == 2 ? "\",\"stream\":\"stderr\"" : "\",\"stream\":\"stdout\"");
    if (attrs > 0) {
        add_text(",\"attrs\":");
        add(log->attrs, attrs);
    }
    add_text(",\"time\":\"");
    add(stamp, stamp_length);
    add_text("\"}\n");
}

static void take_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    stamp_length = time_format(stamp, now.tv_sec, (int32_t)now.tv_nsec);
}

/* Completes the partial line with what is there of it; returns how much was taken from data. */
static size_t complete_partial(struct log *log, uint8_t stream, const unsigned char *data,
                               size_t length)
{
    size_t have = partial[stream - 1].length, room = BERTH_SHIM_LOG_LINE - have;
    size_t look = length < room ? length : room;
    const unsigned char *newline = memchr(data, '\n', look);
    size_t taken = newline == NULL ? look : (size_t)(newline - data) + 1;

    memcpy(partial[stream - 1].data + have, data, taken);
    partial[stream - 1].length += taken;
    if (newline != NULL || partial[stream - 1].length == BERTH_SHIM_LOG_LINE) {
        emit(log, stream, partial[stream - 1].data, partial[stream - 1].length);
        partial[stream - 1].length = 0;
    }
    return taken;
}

void log_write(struct log *log, uint8_t stream, const unsigned char *data, size_t length)
{
    size_t at = 0;

    if (log->kind == BERTH_SHIM_LOG_NONE || length == 0) {
        return;
    }
    take_time();
    while (at < length && partial[stream - 1].length > 0) {
        at += complete_partial(log, stream, data + at, length - at);
    }
    while (at < length) {
        size_t look = length - at < BERTH_SHIM_LOG_LINE ? length - at : BERTH_SHIM_LOG_LINE;
        const unsigned char *newline = memchr(data + at, '\n', look);
        if (newline == NULL && look < BERTH_SHIM_LOG_LINE) {
            memcpy(partial[stream - 1].data, data + at, look);
            partial[stream - 1].length = look;
            break;
        }
        size_t n = newline == NULL ? look : (size_t)(newline - (data + at)) + 1;
        emit(log, stream, data + at, n);
        at += n;
    }
    int large = batch_length > 32768;
    flush(log);
    if (large) {
        /* Give the pages of a burst back: a quiet shim is to be small. */
        uintptr_t page = ((uintptr_t)batch + 4095) & ~(uintptr_t)4095;
        madvise((void *)page, (BATCH_SIZE - 4096) & ~4095, MADV_DONTNEED);
    }
}

void log_finish(struct log *log, uint8_t stream)
{
    if (log->kind != BERTH_SHIM_LOG_NONE && partial[stream - 1].length > 0) {
        take_time();
        emit(log, stream, partial[stream - 1].data, partial[stream - 1].length);
        partial[stream - 1].length = 0;
        flush(log);
    }
}
