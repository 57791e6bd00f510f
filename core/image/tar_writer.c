/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing ustar (POSIX.1-2017, pax, "ustar Interchange Format").
 */
#include "image/tar_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/tar_reader.h"
#include "linux/path.h"

#define BUFFER         (256 << 10)
#define NAME_MAX_USTAR 100

struct berth_tar_writer {
    int fd;
    size_t used;
    char buffer[BUFFER];
};

int berth_tar_writer_new(int fd, struct berth_tar_writer **ret_writer, berth_error *err)
{
    struct berth_tar_writer *writer = malloc(sizeof(*writer));
    if (writer == NULL) {
        return berth_error_no_memory(err);
    }
    writer->fd = fd;
    writer->used = 0;
    *ret_writer = writer;
    return 0;
}

void berth_tar_writer_free(struct berth_tar_writer *writer)
{
    free(writer);
}

int berth_tar_writer_flush(struct berth_tar_writer *writer, berth_error *err)
{
    int code =
        writer->used > 0 ? berth_linux_write_all(writer->fd, writer->buffer, writer->used, err) : 0;
    writer->used = 0;
    return code;
}

int berth_tar_writer_write(struct berth_tar_writer *writer, const void *bytes, size_t length,
                           berth_error *err)
{
    if (length > BUFFER - writer->used) {
        int code = berth_tar_writer_flush(writer, err);
        if (code < 0) {
            return code;
        }
    }
    if (length >= BUFFER) {
        return berth_linux_write_all(writer->fd, bytes, length, err);
    }
    memcpy(writer->buffer + writer->used, bytes, length);
    writer->used += length;
    return 0;
}

/* Twelve bytes of octal digits, or GNU's base-256 where they do not do. */
static void put_size(char field[12], int64_t size)
{
    if (size < INT64_C(1) << 33) {
        snprintf(field, 12, "%011llo", (unsigned long long)size);
        return;
    }
    memset(field, 0, 12);
    field[0] = (char)0x80;
    for (int i = 11; i > 3; i--, size >>= 8) {
        field[i] = (char)(size & 0xff);
    }
}

int berth_tar_writer_begin(struct berth_tar_writer *writer, const char *name, int64_t size,
                           berth_error *err)
{
    char block[BERTH_TAR_BLOCK] = {0};
    size_t length = strlen(name);
    if (length > NAME_MAX_USTAR) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "a name too long for an archive: %s",
                               name);
    }
    bool directory = length > 0 && name[length - 1] == '/';
    memcpy(block, name, length);
    memcpy(block + 100, directory ? "0000755" : "0000644", 7);
    memcpy(block + 108, "0000000", 7);
    memcpy(block + 116, "0000000", 7);
    put_size(block + 124, size);
    memcpy(block + 136, "00000000000", 11);
    memset(block + 148, ' ', 8);
    block[156] = directory ? '5' : '0';
    memcpy(block + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(block); i++) {
        sum += (unsigned char)block[i];
    }
    snprintf(block + 148, 7, "%06o", sum);
    return berth_tar_writer_write(writer, block, sizeof(block), err);
}

int berth_tar_writer_pad(struct berth_tar_writer *writer, int64_t size, berth_error *err)
{
    static const char zeros[BERTH_TAR_BLOCK];
    size_t over = (size_t)(size % BERTH_TAR_BLOCK);
    return over == 0 ? 0 : berth_tar_writer_write(writer, zeros, BERTH_TAR_BLOCK - over, err);
}

int berth_tar_writer_file(struct berth_tar_writer *writer, const char *name, const void *bytes,
                          size_t length, berth_error *err)
{
    int code = berth_tar_writer_begin(writer, name, (int64_t)length, err);
    if (code == 0) {
        code = berth_tar_writer_write(writer, bytes, length, err);
    }
    return code == 0 ? berth_tar_writer_pad(writer, (int64_t)length, err) : code;
}

int berth_tar_writer_finish(struct berth_tar_writer *writer, berth_error *err)
{
    static const char zeros[2 * BERTH_TAR_BLOCK];
    int code = berth_tar_writer_write(writer, zeros, sizeof(zeros), err);
    return code == 0 ? berth_tar_writer_flush(writer, err) : code;
}
