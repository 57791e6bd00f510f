/* SPDX-License-Identifier: Apache-2.0
 *
 * The compact record of a layer's tar: all bytes that are not file content, and where the content
 * stands in the unpacked layer. From the two the tar is rebuilt byte for byte.
 *
 * The file is a zstd stream of operations:
 *   "BRTREC1\n"
 *   'L' u32 length, bytes                 literal bytes
 *   'F' u16 length, path, u64 offset, u64 length   content of the file at path
 *   'E'                                   end
 * Numbers are little-endian. The n-th 'F' (from 0) is "piece n": when a later entry of the same tar
 * replaced the file, its content was put aside as the file n in the folder of the record.
 */
#ifndef BERTH_IMAGE_RECORD_H
#define BERTH_IMAGE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Files in the folder of a layer's record. */
#define BERTH_IMAGE_RECORD_FILE "tar.zst"

struct berth_image_record_writer;

/* Begins the record in the folder dir (borrowed). */
int berth_image_record_begin(int dir, struct berth_image_record_writer **ret_writer,
                             berth_error *err);
/* Adds bytes. */
int berth_image_record_literal(struct berth_image_record_writer *writer, const void *bytes,
                               size_t length, berth_error *err);
/* Adds a piece of a file; *ret_number is its number. */
int berth_image_record_content(struct berth_image_record_writer *writer, const char *path,
                               int64_t offset, int64_t length, uint32_t *ret_number,
                               berth_error *err);
/* Puts the content of a file that is about to go aside, from fd; its pieces are `count` numbers
 * from `first` on. */
int berth_image_record_aside(struct berth_image_record_writer *writer, uint32_t first,
                             uint32_t count, int fd, berth_error *err);
/* Ends the record and frees the writer, whatever it returns. */
int berth_image_record_end(struct berth_image_record_writer *writer, berth_error *err);
/* Frees the writer without ending; NULL is fine. */
void berth_image_record_abort(struct berth_image_record_writer *writer);

struct berth_image_record_sink {
    int (*write)(void *data, const void *bytes, size_t length, berth_error *err);
    void *data;
};

/* Rebuilds the tar from the record in folder dir and the layer's directory. BERTH_E_DATA: record or
 * layer are damaged; else what the sink said. */
int berth_image_record_replay(int dir, int layer, const struct berth_image_record_sink *sink,
                              berth_error *err);

#endif
