/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte streams of core/image: a part of a file, or whatever a pipe or socket gives, plain or
 * compressed (told by its first bytes, never by a name), hashed on both sides while it is read.
 * One thread uses a stream at a time; reads block.
 */
#ifndef BERTH_IMAGE_STREAM_H
#define BERTH_IMAGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/digest.h"

/* A stream of which more than RATIO_FREE bytes come out may not have grown more than RATIO_MAX
 * times: gzip can reach 1032, real layers stay below 100. */
#define BERTH_IMAGE_RATIO_FREE (256 << 20)
#define BERTH_IMAGE_RATIO_MAX  200

#define BERTH_IMAGE_BUFFER (512 << 10) /* bytes read at once: fits a core's L2 cache */

struct berth_image_stream;

enum {
    BERTH_IMAGE_STREAM_HASH_INPUT = 1u << 0,  /* digest of the bytes as stored */
    BERTH_IMAGE_STREAM_HASH_OUTPUT = 1u << 1, /* digest of the bytes as given */
    BERTH_IMAGE_STREAM_OWN = 1u << 3,         /* our own file: no limit of growth */
    BERTH_IMAGE_STREAM_ANY = 1u << 2          /* bzip2, xz and more are fine too, not only gzip
                                                 and zstd */
};

struct berth_image_stream_options {
    int fd;         /* borrowed */
    int64_t offset; /* of the first byte; -1: read(2) where the fd stands */
    int64_t length; /* bytes; -1: until the end */
    uint32_t flags; /* BERTH_IMAGE_STREAM_* */
    /* Called now and then with the bytes consumed so far; true: stop (CANCELLED). May be NULL. */
    bool (*consumed)(void *data, int64_t bytes);
    void *data;
};

/* Opens a stream and looks at its first bytes. */
int berth_image_stream_open(const struct berth_image_stream_options *options,
                            struct berth_image_stream **ret_stream, berth_error *err);
/* NULL is fine. */
void berth_image_stream_close(struct berth_image_stream *stream);
/* Reads up to size bytes of plain data; 0 at the end, negative: BERTH_E_DATA (damaged, truncated,
 * a bomb), BERTH_E_CANCELLED, or what read(2) said. */
int64_t berth_image_stream_read(struct berth_image_stream *stream, void *buffer, size_t size,
                                berth_error *err);
/* The first bytes were those of a compressed file. */
bool berth_image_stream_is_compressed(const struct berth_image_stream *stream);
/* Bytes given so far. */
int64_t berth_image_stream_given(const struct berth_image_stream *stream);
/* After the end was read: the digests asked for, 64 digits each (either may be NULL). */
void berth_image_stream_digests(struct berth_image_stream *stream, char ret_input[BERTH_SHA256_HEX],
                                char ret_output[BERTH_SHA256_HEX]);

#endif
