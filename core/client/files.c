/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files read and written whole.
 */
#include "client/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/string.h"

int32_t berth_client_file_read(const char *path, size_t limit, struct berth_buffer *buffer,
                               berth_error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "opening %s", path);
    }
    while (true) {
        char *room = berth_buffer_reserve(buffer, 8192);
        if (room == NULL) {
            return berth_error_no_memory(err);
        }
        ssize_t got = read(fd, room, 8192);
        if (got < 0) {
            return berth_error_errno(err, errno, "reading %s", path);
        }
        if (got == 0) {
            buffer->data[buffer->length] = '\0';
            return 0;
        }
        buffer->length += (size_t)got;
        if (buffer->length > limit) {
            return berth_error_set(err, BERTH_E_DATA, 0, "%s is over %zu bytes", path, limit);
        }
    }
}

static int32_t write_all(int fd, const char *data, size_t length, const char *path,
                         berth_error *err)
{
    while (length > 0) {
        ssize_t put = write(fd, data, length);
        if (put < 0) {
            return berth_error_errno(err, errno, "writing %s", path);
        }
        data += put;
        length -= (size_t)put;
    }
    return 0;
}

int32_t berth_client_file_write(const char *path, const char *data, size_t length, mode_t mode,
                                berth_error *err)
{
    AUTO_FREE char *temporary = berth_format("%s.XXXXXX", path);
    if (temporary == NULL) {
        return berth_error_no_memory(err);
    }
    AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "creating %s", temporary);
    }
    int32_t code = write_all(fd, data, length, temporary, err);
    if (code == 0 && (fchmod(fd, mode) != 0 || rename(temporary, path) != 0)) {
        code = berth_error_errno(err, errno, "writing %s", path);
    }
    if (code != 0) {
        unlink(temporary);
    }
    return code;
}
