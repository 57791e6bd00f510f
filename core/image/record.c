/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing and replaying records.
 */
#include "image/record.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "image/stream.h"
#include "image/tar_reader.h"
#include "linux/path.h"

#define MAGIC       "BRTREC1\n"
#define LITERAL_MAX (64 << 10)
#define LEVEL       3 /* zstd's default: headers shrink 30 times at 500 MB/s */

struct berth_image_record_writer {
    int dir;
    int fd;
    ZSTD_CCtx *zstd;
    char *output;
    size_t output_size;
    uint32_t pieces;
    size_t pending; /* bytes in literal */
    unsigned char literal[LITERAL_MAX];
};

static int compress(struct berth_image_record_writer *writer, const void *bytes, size_t length,
                    ZSTD_EndDirective directive, berth_error *err)
{
    ZSTD_inBuffer in = {.src = bytes, .size = length, .pos = 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = writer->output, .size = writer->output_size, .pos = 0};
        left = ZSTD_compressStream2(writer->zstd, &out, &in, directive);
        if (ZSTD_isError(left)) {
            return berth_error_set(err, BERTH_E_INTERNAL, 0, "cannot compress a layer's record: %s",
                                   ZSTD_getErrorName(left));
        }
        int code = berth_linux_write_all(writer->fd, out.dst, out.pos, err);
        if (code < 0) {
            return code;
        }
    } while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return 0;
}

int berth_image_record_begin(int dir, struct berth_image_record_writer **ret_writer,
                             berth_error *err)
{
    struct berth_image_record_writer *writer = malloc(sizeof(*writer));
    if (writer == NULL) {
        return berth_error_no_memory(err);
    }
    writer->dir = dir;
    writer->pieces = 0;
    writer->pending = 0;
    writer->zstd = ZSTD_createCCtx();
    writer->output_size = ZSTD_CStreamOutSize();
    writer->output = malloc(writer->output_size);
    writer->fd =
        openat(dir, BERTH_IMAGE_RECORD_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int code = 0;
    if (writer->fd < 0) {
        code = berth_error_errno(err, errno, "cannot make a layer's record");
    } else if (writer->zstd == NULL || writer->output == NULL ||
               ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, LEVEL))) {
        code = berth_error_no_memory(err);
    }
    if (code == 0) {
        code = compress(writer, MAGIC, sizeof(MAGIC) - 1, ZSTD_e_continue, err);
    }
    if (code < 0) {
        berth_image_record_abort(writer);
        return code;
    }
    *ret_writer = writer;
    return 0;
}

/* Writes out the literal bytes gathered so far. */
static int flush_literal(struct berth_image_record_writer *writer, berth_error *err)
{
    if (writer->pending == 0) {
        return 0;
    }
    unsigned char head[5] = {'L'};
    uint32_t length = htole32((uint32_t)writer->pending);
    memcpy(head + 1, &length, sizeof(length));
    int code = compress(writer, head, sizeof(head), ZSTD_e_continue, err);
    if (code == 0) {
        code = compress(writer, writer->literal, writer->pending, ZSTD_e_continue, err);
    }
    writer->pending = 0;
    return code;
}

int berth_image_record_literal(struct berth_image_record_writer *writer, const void *bytes,
                               size_t length, berth_error *err)
{
    const unsigned char *from = bytes;
    while (length > 0) {
        size_t part = LITERAL_MAX - writer->pending;
        if (part > length) {
            part = length;
        }
        memcpy(writer->literal + writer->pending, from, part);
        writer->pending += part;
        from += part;
        length -= part;
        if (writer->pending == LITERAL_MAX) {
            int code = flush_literal(writer, err);
            if (code < 0) {
                return code;
            }
        }
    }
    return 0;
}

int berth_image_record_content(struct berth_image_record_writer *writer, const char *path,
                               int64_t offset, int64_t length, uint32_t *ret_number,
                               berth_error *err)
{
    unsigned char operation[1 + 2 + BERTH_TAR_PATH_MAX + 16];
    size_t path_length = strlen(path);
    if (path_length > BERTH_TAR_PATH_MAX) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "a path too long for a layer's record");
    }
    uint16_t path_field = htole16((uint16_t)path_length);
    uint64_t numbers[2] = {htole64((uint64_t)offset), htole64((uint64_t)length)};
    operation[0] = 'F';
    memcpy(operation + 1, &path_field, 2);
    memcpy(operation + 3, path, path_length);
    memcpy(operation + 3 + path_length, numbers, sizeof(numbers));
    int code = flush_literal(writer, err);
    if (code == 0) {
        code = compress(writer, operation, 3 + path_length + sizeof(numbers), ZSTD_e_continue, err);
    }
    if (code == 0) {
        *ret_number = writer->pieces++;
    }
    return code;
}

/* All pieces of one file share the one copy. */
static int link_aside(struct berth_image_record_writer *writer, uint32_t first, uint32_t count,
                      berth_error *err)
{
    char from[16], to[16];
    snprintf(from, sizeof(from), "%u", first);
    for (uint32_t i = 1; i < count; i++) {
        snprintf(to, sizeof(to), "%u", first + i);
        if (linkat(writer->dir, from, writer->dir, to, 0) < 0) {
            return berth_error_errno(err, errno, "cannot put replaced content of a layer aside");
        }
    }
    return 0;
}

int berth_image_record_aside(struct berth_image_record_writer *writer, uint32_t first,
                             uint32_t pieces, int fd, berth_error *err)
{
    char name[16];
    snprintf(name, sizeof(name), "%u", first);
    AUTO_CLOSE int to = openat(writer->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        return berth_error_errno(err, errno, "cannot put replaced content of a layer aside");
    }
    off_t at = 0;
    while (true) {
        char buffer[16384];
        ssize_t count = pread(fd, buffer, sizeof(buffer), at);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return berth_error_errno(err, errno, "cannot read replaced content of a layer");
        }
        if (count == 0) {
            return link_aside(writer, first, pieces, err);
        }
        int code = berth_linux_write_all(to, buffer, (size_t)count, err);
        if (code < 0) {
            return code;
        }
        at += count;
    }
}

int berth_image_record_end(struct berth_image_record_writer *writer, berth_error *err)
{
    int code = flush_literal(writer, err);
    if (code == 0) {
        code = compress(writer, "E", 1, ZSTD_e_end, err);
    }
    berth_image_record_abort(writer);
    return code;
}

void berth_image_record_abort(struct berth_image_record_writer *writer)
{
    if (writer != NULL) {
        ZSTD_freeCCtx(writer->zstd);
        free(writer->output);
        if (writer->fd >= 0) {
            close(writer->fd);
        }
        free(writer);
    }
}

/* ---- replay --------------------------------------------------------------------------------- */

struct replay {
    struct berth_image_stream *stream;
    const struct berth_image_record_sink *sink;
    int dir, layer;
    uint32_t pieces;
    char buffer[256 << 10];
};

static int damaged(berth_error *err)
{
    return berth_error_set(err, BERTH_E_DATA, 0, "a layer's record is damaged");
}

static int read_exactly(struct replay *replay, void *to, size_t length, berth_error *err)
{
    for (size_t at = 0; at < length;) {
        int64_t count = berth_image_stream_read(replay->stream, (char *)to + at, length - at, err);
        if (count <= 0) {
            return count < 0 ? (int)count : damaged(err);
        }
        at += (size_t)count;
    }
    return 0;
}

static int replay_literal(struct replay *replay, berth_error *err)
{
    uint32_t length;
    int code = read_exactly(replay, &length, sizeof(length), err);
    length = le32toh(length);
    if (code == 0 && length > LITERAL_MAX) {
        code = damaged(err);
    }
    if (code == 0) {
        code = read_exactly(replay, replay->buffer, length, err);
    }
    return code == 0 ? replay->sink->write(replay->sink->data, replay->buffer, length, err) : code;
}

/* The content of piece n: aside, or where it was unpacked to. */
static int open_piece(struct replay *replay, const char *path, int *ret_fd, bool *ret_aside,
                      berth_error *err)
{
    char name[16];
    snprintf(name, sizeof(name), "%u", replay->pieces++);
    *ret_fd = openat(replay->dir, name, O_RDONLY | O_CLOEXEC);
    *ret_aside = *ret_fd >= 0;
    if (*ret_fd >= 0) {
        return 0;
    }
    return berth_linux_path_open(replay->layer, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, ret_fd,
                                 err);
}

static int copy_piece(struct replay *replay, int fd, int64_t offset, int64_t length,
                      berth_error *err)
{
    while (length > 0) {
        size_t part =
            length < (int64_t)sizeof(replay->buffer) ? (size_t)length : sizeof(replay->buffer);
        ssize_t count = pread(fd, replay->buffer, part, offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? berth_error_errno(err, errno, "cannot read a layer's file")
                             : berth_error_set(err, BERTH_E_DATA, 0,
                                               "a layer's file is shorter than it was");
        }
        int code = replay->sink->write(replay->sink->data, replay->buffer, (size_t)count, err);
        if (code < 0) {
            return code;
        }
        offset += count;
        length -= count;
    }
    return 0;
}

static int replay_content(struct replay *replay, berth_error *err)
{
    uint16_t path_length;
    char path[BERTH_TAR_PATH_MAX + 1];
    uint64_t numbers[2];
    int code = read_exactly(replay, &path_length, sizeof(path_length), err);
    path_length = le16toh(path_length);
    if (code == 0 && path_length > BERTH_TAR_PATH_MAX) {
        code = damaged(err);
    }
    if (code == 0) {
        code = read_exactly(replay, path, path_length, err);
    }
    if (code == 0) {
        path[path_length] = '\0';
        code = read_exactly(replay, numbers, sizeof(numbers), err);
    }
    AUTO_CLOSE int fd = -1;
    bool aside = false;
    if (code == 0) {
        code = open_piece(replay, path, &fd, &aside, err);
    }
    if (code < 0) {
        return code;
    }
    return copy_piece(replay, fd, (int64_t)le64toh(numbers[0]), (int64_t)le64toh(numbers[1]), err);
}

static int replay_all(struct replay *replay, berth_error *err)
{
    char magic[sizeof(MAGIC) - 1];
    int code = read_exactly(replay, magic, sizeof(magic), err);
    if (code == 0 && memcmp(magic, MAGIC, sizeof(magic)) != 0) {
        code = damaged(err);
    }
    while (code == 0) {
        char operation;
        code = read_exactly(replay, &operation, 1, err);
        if (code < 0) {
            break;
        }
        if (operation == 'E') {
            return 0;
        }
        if (operation == 'L') {
            code = replay_literal(replay, err);
        } else {
            code = operation == 'F' ? replay_content(replay, err) : damaged(err);
        }
    }
    return code;
}

int berth_image_record_replay(int dir, int layer, const struct berth_image_record_sink *sink,
                              berth_error *err)
{
    AUTO_CLOSE int fd = openat(dir, BERTH_IMAGE_RECORD_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open a layer's record");
    }
    struct replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        return berth_error_no_memory(err);
    }
    *replay = (struct replay){.sink = sink, .dir = dir, .layer = layer};
    const struct berth_image_stream_options options = {
        .fd = fd, .offset = 0, .length = -1, .flags = BERTH_IMAGE_STREAM_OWN};
    int code = berth_image_stream_open(&options, &replay->stream, err);
    if (code == 0) {
        code = replay_all(replay, err);
    }
    berth_image_stream_close(replay->stream);
    free(replay);
    return code;
}
