/* SPDX-License-Identifier: Apache-2.0
 *
 * GET logs: reads the files that the shim writes, oldest first, and follows them through rotation
 * until the container ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "container/internal.h"
#include "container/log_line.h"

enum { FILES_MAX = 64, CHUNK = 65536, LINE_MAX_BYTES = 1 << 20 };

struct berth_container_log_reader {
    struct container *container;
    struct berth_container_logs options;
    struct log_format format;
    char *path;         /* of the current file; older ones are path.1, path.2 ... */
    int fds[FILES_MAX]; /* opened at the start, oldest first */
    size_t fd_count, index;
    struct berth_buffer input;
    struct log_line line;
    struct berth_container_waiter *waiter;
    int inotify_fd, epoll_fd;
    bool finished;
};

/* Opens path.N ... path.1, path: the oldest first. */
static int open_files(struct berth_container_log_reader *reader, berth_error *err)
{
    int newest_first[FILES_MAX];
    size_t count = 0;
    for (unsigned number = 0; count < FILES_MAX; number++) {
        AUTO_FREE char *path =
            number == 0 ? berth_strdup(reader->path) : berth_format("%s.%u", reader->path, number);
        int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (fd < 0 && number > 0) {
            break;
        }
        if (fd >= 0) {
            newest_first[count++] = fd;
        }
    }
    for (size_t i = 0; i < count; i++) {
        reader->fds[i] = newest_first[count - 1 - i];
    }
    reader->fd_count = count;
    return 0;
}

static int watch(struct berth_container_log_reader *reader, berth_error *err)
{
    AUTO_FREE char *directory = container_data_dir(reader->container);
    struct epoll_event event = {.events = EPOLLIN};
    int result = berth_container_wait_open(reader->container->manager, reader->container->id,
                                           "not-running", &reader->waiter, err);
    if (result != 0) {
        return result;
    }
    reader->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    reader->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (directory == NULL || reader->inotify_fd < 0 || reader->epoll_fd < 0 ||
        inotify_add_watch(reader->inotify_fd, directory, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ||
        epoll_ctl(reader->epoll_fd, EPOLL_CTL_ADD, reader->inotify_fd, &event) < 0 ||
        epoll_ctl(reader->epoll_fd, EPOLL_CTL_ADD, berth_container_wait_fd(reader->waiter),
                  &event) < 0) {
        return berth_error_errno(err, errno, "cannot watch the log file");
    }
    return 0;
}

static void seek_tail(struct berth_container_log_reader *reader)
{
    off_t offset = 0;
    if (reader->options.tail < 0) {
        return;
    }
    log_tail_find(reader->fds, reader->fd_count, reader->options.tail, &reader->index, &offset);
    if (reader->fd_count > 0 && lseek(reader->fds[reader->index], offset, SEEK_SET) < 0) {
        reader->finished = !reader->options.follow;
    }
}

static int reader_open(struct berth_container_log_reader *reader, berth_error *err)
{
    AUTO_FREE char *name = berth_format("%s-json.log", reader->container->id);
    reader->path = name != NULL ? container_data_path(reader->container, name) : NULL;
    if (reader->path == NULL) {
        return berth_error_no_memory(err);
    }
    int result = reader->options.follow ? watch(reader, err) : 0;
    result = result != 0 ? result : open_files(reader, err);
    if (result == 0) {
        seek_tail(reader);
    }
    return result;
}

int berth_container_logs_open(struct berth_container_manager *manager, const char *ref,
                              const struct berth_container_logs *options,
                              struct berth_container_log_reader **ret_reader, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    if (!options->standard_output && !options->standard_error) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Bad parameters: you must choose at least one stream");
    }
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    if (!container->record.has_log_file) {
        return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                               "configured logging driver does not support reading");
    }
    struct berth_container_log_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return berth_error_no_memory(err);
    }
    reader->container = container_ref(container);
    reader->options = *options;
    reader->format = (struct log_format){.multiplex = options->multiplex,
                                         .timestamps = options->timestamps,
                                         .details = options->details};
    reader->inotify_fd = -1;
    reader->epoll_fd = -1;
    result = reader_open(reader, err);
    if (result != 0) {
        berth_container_logs_close(reader);
        return result;
    }
    *ret_reader = reader;
    return 0;
}

void berth_container_logs_close(struct berth_container_log_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (size_t i = 0; i < reader->fd_count; i++) {
        close(reader->fds[i]);
    }
    if (reader->inotify_fd >= 0) {
        close(reader->inotify_fd);
    }
    if (reader->epoll_fd >= 0) {
        close(reader->epoll_fd);
    }
    berth_container_wait_close(reader->waiter);
    berth_buffer_done(&reader->input);
    berth_buffer_done(&reader->line.text);
    free(reader->path);
    container_unref(reader->container);
    free(reader);
}

int berth_container_logs_fd(const struct berth_container_log_reader *reader)
{
    return reader->epoll_fd;
}

/* One line of the input into out, as the options say. */
static void take_line(struct berth_container_log_reader *reader, const char *data, size_t length,
                      struct berth_buffer *out)
{
    const struct berth_container_logs *options = &reader->options;
    if (!log_line_parse(data, length, &reader->line)) {
        return;
    }
    if (options->since != 0 && reader->line.time < options->since) {
        return;
    }
    if (options->until != 0 && reader->line.time > options->until) {
        reader->finished = true;
        return;
    }
    bool wanted = reader->line.standard_error ? options->standard_error : options->standard_output;
    if (wanted) {
        log_line_format(&reader->line, &reader->format, out);
    }
}

/* All whole lines of the input, as long as out is below the limit. */
static void take_lines(struct berth_container_log_reader *reader, struct berth_buffer *out,
                       size_t limit)
{
    size_t used = 0;
    while (!reader->finished && out->length < limit && used < reader->input.length) {
        const char *begin = reader->input.data + used;
        const char *newline = memchr(begin, '\n', reader->input.length - used);
        if (newline == NULL) {
            break;
        }
        take_line(reader, begin, (size_t)(newline - begin), out);
        used = (size_t)(newline + 1 - reader->input.data);
    }
    berth_buffer_consume(&reader->input, used);
}

/* The file after the current one, when the shim has rotated: path.(n-1) of the current's path.n.
 * Opens it as the new current one. False: the current one is the newest. */
static bool next_rotated(struct berth_container_log_reader *reader)
{
    struct stat current = {0}, status;
    int newer = -1;
    bool have = reader->fd_count > 0;
    if (have && fstat(reader->fds[reader->index], &current) < 0) {
        return false;
    }
    for (unsigned number = 0; number < FILES_MAX; number++) {
        AUTO_FREE char *path =
            number == 0 ? berth_strdup(reader->path) : berth_format("%s.%u", reader->path, number);
        int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (fd < 0 || fstat(fd, &status) < 0 ||
            (have && status.st_ino == current.st_ino && status.st_dev == current.st_dev)) {
            if (fd >= 0) {
                close(fd);
            }
            break;
        }
        if (newer >= 0) {
            close(newer);
        }
        newer = fd;
    }
    if (newer < 0) {
        return false;
    }
    if (have) {
        close(reader->fds[reader->index]);
        reader->fds[reader->index] = newer;
    } else {
        reader->fds[reader->fd_count++] = newer;
    }
    return true;
}

/* More input. 1: some; 0: none left in the files there are; negative: failure. */
static int read_more(struct berth_container_log_reader *reader, berth_error *err)
{
    for (;;) {
        char *room = berth_buffer_reserve(&reader->input, CHUNK);
        if (room == NULL || reader->input.length > LINE_MAX_BYTES) {
            return room == NULL
                       ? berth_error_no_memory(err)
                       : berth_error_set(err, BERTH_E_DATA, 0, "a log line is longer than %d bytes",
                                         LINE_MAX_BYTES);
        }
        ssize_t length = reader->fd_count > 0 ? read(reader->fds[reader->index], room, CHUNK) : 0;
        if (length < 0) {
            return berth_error_errno(err, errno, "cannot read the log file");
        }
        if (length > 0) {
            reader->input.length += (size_t)length;
            reader->input.data[reader->input.length] = '\0';
            return 1;
        }
        if (reader->index + 1 < reader->fd_count) {
            reader->index++;
        } else if (!reader->options.follow || !next_rotated(reader)) {
            return 0;
        }
    }
}

/* Forgets what inotify has said: the files are read anyway. */
static void drain_inotify(const struct berth_container_log_reader *reader)
{
    char events[4096];
    while (reader->inotify_fd >= 0 && read(reader->inotify_fd, events, sizeof(events)) > 0) {
    }
}

int berth_container_logs_read(struct berth_container_log_reader *reader, struct berth_buffer *out,
                              size_t limit, berth_error *err)
{
    size_t before = out->length;
    int64_t now = reader->options.until != 0 ? berth_time_now() : 0;
    struct berth_container_waited waited;
    while (!reader->finished) {
        /* asked before reading: what was written before the end is then seen after it */
        bool ended = reader->waiter == NULL || berth_container_wait_result(reader->waiter, &waited);
        drain_inotify(reader);
        take_lines(reader, out, limit);
        if (out->length >= limit || reader->finished) {
            break;
        }
        int more = read_more(reader, err);
        if (more < 0) {
            return more;
        }
        if (more == 0) {
            reader->finished = ended || (now != 0 && now > reader->options.until);
            if (!reader->finished) {
                break;
            }
        }
    }
    if (berth_buffer_failed(out)) {
        return berth_error_no_memory(err);
    }
    if (out->length > before) {
        return 1;
    }
    return reader->finished ? 0 : 2;
}
