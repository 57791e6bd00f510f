/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, sniffing and hashing; the decoders are in decoder.c and decoder_other.c.
 */
#include "image/stream_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int64_t read_plain(struct berth_image_stream *stream, void *buffer, size_t size,
                          berth_error *err);

static const struct berth_image_decoder plain = {.name = "plain", .read = read_plain};

/* First bytes of compressed files (RFC 1952, RFC 8878 and its skippable frames, the others' own
 * descriptions). */
static const struct {
    const char *magic;
    size_t length;
    const struct berth_image_decoder *decoder;
} known[] = {
    {"\x1f\x8b\x08", 3, &berth_image_decoder_gzip},
    {"\x28\xb5\x2f\xfd", 4, &berth_image_decoder_zstd},
    {"BZh", 3, &berth_image_decoder_other},
    {"\xfd"
     "7zXZ\0",
     6, &berth_image_decoder_other},
    {"\x04\x22\x4d\x18", 4, &berth_image_decoder_other}, /* lz4 */
};
#define MAGIC_MAX 6

/* Reads raw input; 0 at its end. */
static int64_t read_input(struct berth_image_stream *stream, void *buffer, size_t size,
                          berth_error *err)
{
    if (stream->left >= 0 && size > (uint64_t)stream->left) {
        size = (size_t)stream->left;
    }
    if (size == 0 || stream->ended) {
        return 0;
    }
    ssize_t count;
    do {
        count = stream->options.offset >= 0
                    ? pread(stream->options.fd, buffer, size, stream->offset)
                    : read(stream->options.fd, buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return berth_error_errno(err, errno, "cannot read the archive");
    }
    if (count == 0) {
        stream->ended = true;
        return stream->left > 0
                   ? berth_error_set(err, BERTH_E_DATA, 0,
                                     "the archive is cut short: %lld bytes are missing",
                                     (long long)stream->left)
                   : 0;
    }
    stream->offset += count;
    stream->taken += count;
    if (stream->left > 0) {
        stream->left -= count;
    }
    if ((stream->options.flags & BERTH_IMAGE_STREAM_HASH_INPUT) != 0) {
        berth_oci_sha256_update(&stream->input_hash, buffer, (size_t)count);
    }
    if (stream->options.consumed != NULL &&
        stream->options.consumed(stream->options.data, stream->taken)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0, "cancelled");
    }
    return count;
}

int berth_image_stream_fill(struct berth_image_stream *stream, bool *ret_ready, berth_error *err)
{
    if (stream->begin == stream->end) {
        int64_t count = read_input(stream, stream->buffer, BERTH_IMAGE_BUFFER, err);
        if (count < 0) {
            return (int)count;
        }
        stream->begin = 0;
        stream->end = (size_t)count;
    }
    *ret_ready = stream->begin < stream->end;
    return 0;
}

static int64_t read_plain(struct berth_image_stream *stream, void *buffer, size_t size,
                          berth_error *err)
{
    size_t ahead = stream->end - stream->begin;
    if (ahead == 0) {
        return read_input(stream, buffer, size, err);
    }
    if (size > ahead) {
        size = ahead;
    }
    memcpy(buffer, stream->buffer + stream->begin, size);
    stream->begin += size;
    return (int64_t)size;
}

/* Reads enough to tell what it is; the bytes stay in the buffer. */
static int sniff(struct berth_image_stream *stream, berth_error *err)
{
    while (stream->end < MAGIC_MAX) {
        int64_t count =
            read_input(stream, stream->buffer + stream->end, BERTH_IMAGE_BUFFER - stream->end, err);
        if (count < 0) {
            return (int)count;
        }
        if (count == 0) {
            break;
        }
        stream->end += (size_t)count;
    }
    stream->decoder = &plain;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (stream->end >= known[i].length &&
            memcmp(stream->buffer, known[i].magic, known[i].length) == 0) {
            stream->decoder = known[i].decoder;
        }
    }
    if (stream->decoder == &berth_image_decoder_other &&
        (stream->options.flags & BERTH_IMAGE_STREAM_ANY) == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "unsupported compression: layers are plain, gzip or zstd");
    }
    return stream->decoder->open != NULL ? stream->decoder->open(stream, err) : 0;
}

int berth_image_stream_open(const struct berth_image_stream_options *options,
                            struct berth_image_stream **ret_stream, berth_error *err)
{
    struct berth_image_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return berth_error_no_memory(err);
    }
    stream->options = *options;
    stream->offset = options->offset;
    stream->left = options->length;
    stream->buffer = malloc(BERTH_IMAGE_BUFFER);
    int code = stream->buffer == NULL ? berth_error_no_memory(err)
                                      : berth_oci_sha256_init(&stream->input_hash, err);
    if (code == 0) {
        code = berth_oci_sha256_init(&stream->output_hash, err);
    }
    if (code == 0) {
        code = sniff(stream, err);
    }
    if (code < 0) {
        berth_image_stream_close(stream);
        return code;
    }
    *ret_stream = stream;
    return 0;
}

void berth_image_stream_close(struct berth_image_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->decoder != NULL && stream->decoder->close != NULL && stream->state != NULL) {
        stream->decoder->close(stream);
    }
    free(stream->buffer);
    free(stream);
}

int64_t berth_image_stream_read(struct berth_image_stream *stream, void *buffer, size_t size,
                                berth_error *err)
{
    int64_t count = stream->decoder->read(stream, buffer, size, err);
    if (count <= 0) {
        return count;
    }
    stream->given += count;
    if (stream->given > BERTH_IMAGE_RATIO_FREE &&
        (stream->options.flags & BERTH_IMAGE_STREAM_OWN) == 0 &&
        stream->given / BERTH_IMAGE_RATIO_MAX > stream->taken) {
        return berth_error_set(
            err, BERTH_E_DATA, 0, "refused: %lld bytes of %s data grew more than %d times",
            (long long)stream->taken, stream->decoder->name, BERTH_IMAGE_RATIO_MAX);
    }
    if ((stream->options.flags & BERTH_IMAGE_STREAM_HASH_OUTPUT) != 0) {
        berth_oci_sha256_update(&stream->output_hash, buffer, (size_t)count);
    }
    return count;
}

bool berth_image_stream_is_compressed(const struct berth_image_stream *stream)
{
    return stream->decoder != &plain;
}

int64_t berth_image_stream_given(const struct berth_image_stream *stream)
{
    return stream->given;
}

void berth_image_stream_digests(struct berth_image_stream *stream, char ret_input[BERTH_SHA256_HEX],
                                char ret_output[BERTH_SHA256_HEX])
{
    if (ret_input != NULL) {
        berth_oci_sha256_final(&stream->input_hash, ret_input);
    }
    if (ret_output != NULL) {
        berth_oci_sha256_final(&stream->output_hash, ret_output);
    }
}
