/* SPDX-License-Identifier: Apache-2.0
 *
 * What the decoders share with stream.c.
 */
#ifndef BERTH_IMAGE_STREAM_INTERNAL_H
#define BERTH_IMAGE_STREAM_INTERNAL_H

#include "image/stream.h"

/* One way to turn input into plain bytes. */
struct berth_image_decoder {
    const char *name;
    int (*open)(struct berth_image_stream *stream, berth_error *err);
    int64_t (*read)(struct berth_image_stream *stream, void *buffer, size_t size, berth_error *err);
    void (*close)(struct berth_image_stream *stream);
};

struct berth_image_stream {
    struct berth_image_stream_options options;
    int64_t offset; /* next byte of the file */
    int64_t left;   /* of the input; -1: until the end */
    int64_t taken;  /* bytes of input read */
    int64_t given;  /* bytes of output */
    bool ended;     /* of the input */
    struct berth_sha256 input_hash, output_hash;
    const struct berth_image_decoder *decoder;
    void *state;           /* the decoder's */
    unsigned char *buffer; /* input read ahead: BERTH_IMAGE_BUFFER bytes */
    size_t begin, end;     /* what is left in it */
};

extern const struct berth_image_decoder berth_image_decoder_gzip;
extern const struct berth_image_decoder berth_image_decoder_zstd;
extern const struct berth_image_decoder berth_image_decoder_other; /* what libarchive knows */

/* Makes at least one byte of input ready in the buffer; false with 0 at the end of it. */
int berth_image_stream_fill(struct berth_image_stream *stream, bool *ret_ready, berth_error *err);

#endif
