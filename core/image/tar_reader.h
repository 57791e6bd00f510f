/* SPDX-License-Identifier: Apache-2.0
 *
 * A small strict reader of tar streams: ustar, old tar, PAX and GNU (long names, base-256 numbers,
 * sparse files). It hands out entries, their content without copying, and, so that the stream can
 * be rebuilt byte for byte, every byte that is not content. Input is hostile: every length is
 * bounded. One thread at a time.
 */
#ifndef BERTH_IMAGE_TAR_READER_H
#define BERTH_IMAGE_TAR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

#define BERTH_TAR_BLOCK       512
#define BERTH_TAR_ENTRIES_MAX (1 << 20)          /* of one layer */
#define BERTH_TAR_PATH_MAX    4096               /* Linux' PATH_MAX */
#define BERTH_TAR_PAX_MAX     (1 << 20)          /* bytes of one extended header (Go's limit too) */
#define BERTH_TAR_SPARSE_MAX  65536              /* pieces of one sparse file */
#define BERTH_TAR_SIZE_MAX    (INT64_C(1) << 42) /* bytes of one file: 4 TiB */

struct berth_tar_xattr {
    char *name;
    char *value;
    size_t length;
};

struct berth_tar_piece {
    int64_t offset; /* in the file */
    int64_t length;
};

enum berth_tar_type {
    BERTH_TAR_FILE = '0',
    BERTH_TAR_HARD_LINK = '1',
    BERTH_TAR_SYMLINK = '2',
    BERTH_TAR_CHAR_DEVICE = '3',
    BERTH_TAR_BLOCK_DEVICE = '4',
    BERTH_TAR_DIRECTORY = '5',
    BERTH_TAR_FIFO = '6'
};

/* One entry; everything is borrowed from the reader until the next one is asked for. */
struct berth_tar_entry {
    enum berth_tar_type type;
    const char *path; /* as it stands there: may be absolute, contain "..", end in "/" */
    const char *link; /* of links */
    uint32_t mode;    /* permission bits, set-ids and sticky */
    uint32_t uid, gid;
    struct timespec mtime;
    uint32_t device_major, device_minor;
    int64_t size;   /* of the file once unpacked */
    int64_t stored; /* bytes of content in the stream */
    const struct berth_tar_xattr *xattrs;
    size_t xattr_count;
    const struct berth_tar_piece *pieces; /* of a sparse file, in order; else NULL */
    size_t piece_count;
};

struct berth_tar_reader;

struct berth_tar_reader_options {
    /* Gives up to size bytes; 0 at the end; negative is passed on. */
    int64_t (*read)(void *data, void *buffer, size_t size, berth_error *err);
    /* Goes over count bytes without reading; with raw NULL only. May be NULL. */
    int (*skip)(void *data, int64_t count, berth_error *err);
    /* Gets every byte that is not content, in order. May be NULL; negative is passed on. */
    int (*raw)(void *data, const void *bytes, size_t length, berth_error *err);
    void *data;
};

/* Makes a reader; data of options is borrowed until free. */
int berth_tar_reader_new(const struct berth_tar_reader_options *options,
                         struct berth_tar_reader **ret_reader, berth_error *err);
/* NULL is fine. */
void berth_tar_reader_free(struct berth_tar_reader *reader);

/* The next entry; *ret_entry is NULL at the end. Content not asked for goes to `raw`. At the end
 * everything up to the stream's end has been read and gone to `raw`. BERTH_E_DATA: damaged or cut
 * short; BERTH_E_INVALID: beyond a limit. */
int berth_tar_reader_next(struct berth_tar_reader *reader, const struct berth_tar_entry **ret_entry,
                          berth_error *err);
/* Where in the stream the bytes begin that content() gives next. */
int64_t berth_tar_reader_offset(const struct berth_tar_reader *reader);
/* The next part of the entry's content in place; *ret_length 0: no more. */
int berth_tar_reader_content(struct berth_tar_reader *reader, const void **ret_bytes,
                             size_t *ret_length, berth_error *err);

#endif
