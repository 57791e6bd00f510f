/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacks one layer's tar into a staging directory. The tar is hostile input: every path is
 * resolved inside the directory, every quantity has a limit.
 */
#ifndef BERTH_IMAGE_UNPACK_H
#define BERTH_IMAGE_UNPACK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/string.h"
#include "image/record.h"
#include "image/stream.h"

/* Sum of the lengths of all directories' paths in one layer; they are kept until its end. */
#define BERTH_IMAGE_PATHS_MAX (256 << 20)

struct berth_image_unpack {
    struct berth_image_stream *stream;        /* the plain tar; read to its end */
    int root;                                 /* the staging directory */
    bool delta;                               /* BERTH_STORAGE_DELTA of its driver */
    struct berth_image_record_writer *record; /* gets the record; NULL: none */
};

/* *ret_size: bytes of all files. *ret_implied: directories (relative, parents first, "" is the
 * root) that no entry describes, whose owner and mode are to be taken from the layers below; the
 * caller's. BERTH_E_INVALID: an entry that leads outside or beyond a limit; BERTH_E_DATA: damaged;
 * BERTH_E_UNAVAILABLE: the disk is full. On failure the directory is left half filled. */
int berth_image_unpack(const struct berth_image_unpack *options, int64_t *ret_size,
                       struct berth_strv *ret_implied, berth_error *err);

/* Copies owner, mode, times and extended attributes from one directory to another (both fds may be
 * O_PATH). */
int berth_image_copy_directory(int from, int to, berth_error *err);

#endif
