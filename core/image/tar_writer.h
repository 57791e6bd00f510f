/* SPDX-License-Identifier: Apache-2.0
 *
 * A buffered ustar writer for archives that we make ourselves, and layer tars into it. One thread
 * at a time; writes block.
 */
#ifndef BERTH_IMAGE_TAR_WRITER_H
#define BERTH_IMAGE_TAR_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct berth_tar_writer;

/* fd: file, pipe or socket, borrowed. */
int berth_tar_writer_new(int fd, struct berth_tar_writer **ret_writer, berth_error *err);
/* Frees it without writing what is buffered; NULL is fine. */
void berth_tar_writer_free(struct berth_tar_writer *writer);
/* Begins a file (or, with a name that ends in "/", a directory) of size bytes; they follow through
 * write. The name has at most 100 bytes. */
int berth_tar_writer_begin(struct berth_tar_writer *writer, const char *name, int64_t size,
                           berth_error *err);
/* Writes bytes as they are. */
int berth_tar_writer_write(struct berth_tar_writer *writer, const void *bytes, size_t length,
                           berth_error *err);
/* Pads the file begun last. */
int berth_tar_writer_pad(struct berth_tar_writer *writer, int64_t size, berth_error *err);
/* A whole small file. */
int berth_tar_writer_file(struct berth_tar_writer *writer, const char *name, const void *bytes,
                          size_t length, berth_error *err);
/* Writes the end mark and all that is buffered. */
int berth_tar_writer_finish(struct berth_tar_writer *writer, berth_error *err);
/* Writes all that is buffered. */
int berth_tar_writer_flush(struct berth_tar_writer *writer, berth_error *err);

#endif
