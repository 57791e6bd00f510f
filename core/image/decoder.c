/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip through isa-l (two to three times zlib's speed) and zstd.
 */
#include "image/stream_internal.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <zstd.h>

static int open_gzip(struct berth_image_stream *stream, berth_error *err)
{
    struct inflate_state *state = malloc(sizeof(*state));
    if (state == NULL) {
        return berth_error_no_memory(err);
    }
    isal_inflate_init(state);
    state->crc_flag = ISAL_GZIP;
    stream->state = state;
    return 0;
}

/* A file may hold several members one after the other, and zeros after the last (RFC 1952, 2.2;
 * gzip(1) ignores the zeros). *ret_more: another member begins. */
static int next_member(struct berth_image_stream *stream, bool *ret_more, berth_error *err)
{
    struct inflate_state *state = stream->state;
    while (true) {
        bool ready = false;
        int code = berth_image_stream_fill(stream, &ready, err);
        if (code < 0) {
            return code;
        }
        if (!ready) {
            *ret_more = false;
            return 0;
        }
        if (stream->buffer[stream->begin] != 0) {
            break;
        }
        stream->begin++;
    }
    isal_inflate_reset(state);
    state->crc_flag = ISAL_GZIP;
    *ret_more = true;
    return 0;
}

static int inflate_some(struct berth_image_stream *stream, berth_error *err)
{
    struct inflate_state *state = stream->state;
    bool ready = false;
    int code = berth_image_stream_fill(stream, &ready, err);
    if (code < 0) {
        return code;
    }
    uint32_t room = state->avail_out;
    state->next_in = stream->buffer + stream->begin;
    state->avail_in = (uint32_t)(stream->end - stream->begin);
    int result = isal_inflate(state);
    stream->begin = stream->end - state->avail_in;
    if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) {
        return berth_error_set(err, BERTH_E_DATA, 0, "damaged gzip data: %s",
                               result == ISAL_INCORRECT_CHECKSUM ? "wrong checksum"
                                                                 : "it does not inflate");
    }
    /* without input it may still have had output to give */
    if (!ready && state->avail_out == room && state->block_state != ISAL_BLOCK_FINISH) {
        return berth_error_set(err, BERTH_E_DATA, 0, "damaged gzip data: it is cut short");
    }
    return 0;
}

static int64_t read_gzip(struct berth_image_stream *stream, void *buffer, size_t size,
                         berth_error *err)
{
    struct inflate_state *state = stream->state;
    uint32_t wanted = size > BERTH_IMAGE_BUFFER ? BERTH_IMAGE_BUFFER : (uint32_t)size;
    state->next_out = buffer;
    state->avail_out = wanted;
    while (state->avail_out == wanted) {
        int code;
        if (state->block_state == ISAL_BLOCK_FINISH) {
            bool more = false;
            code = next_member(stream, &more, err);
            if (code < 0 || !more) {
                return code;
            }
            state->next_out = buffer; /* reset cleared what the state keeps of the output */
            state->avail_out = wanted;
        }
        code = inflate_some(stream, err);
        if (code < 0) {
            return code;
        }
    }
    return (int64_t)(wanted - state->avail_out);
}

static void close_gzip(struct berth_image_stream *stream)
{
    free(stream->state);
}

const struct berth_image_decoder berth_image_decoder_gzip = {
    .name = "gzip",
    .open = open_gzip,
    .read = read_gzip,
    .close = close_gzip,
};

struct zstd {
    ZSTD_DStream *stream;
    bool between_frames;
};

static int open_zstd(struct berth_image_stream *stream, berth_error *err)
{
    struct zstd *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return berth_error_no_memory(err);
    }
    state->stream = ZSTD_createDStream();
    state->between_frames = true;
    stream->state = state;
    return state->stream != NULL ? 0 : berth_error_no_memory(err);
}

static int64_t read_zstd(struct berth_image_stream *stream, void *buffer, size_t size,
                         berth_error *err)
{
    struct zstd *state = stream->state;
    ZSTD_outBuffer out = {.dst = buffer, .size = size, .pos = 0};
    while (out.pos == 0) {
        bool ready = false;
        int code = berth_image_stream_fill(stream, &ready, err);
        if (code < 0) {
            return code;
        }
        if (!ready && state->between_frames) {
            return 0;
        }
        ZSTD_inBuffer in = {.src = stream->buffer, .size = stream->end, .pos = stream->begin};
        size_t result = ZSTD_decompressStream(state->stream, &out, &in);
        if (ZSTD_isError(result)) {
            return berth_error_set(err, BERTH_E_DATA, 0, "damaged zstd data: %s",
                                   ZSTD_getErrorName(result));
        }
        if (!ready && out.pos == 0) {
            return berth_error_set(err, BERTH_E_DATA, 0, "damaged zstd data: it is cut short");
        }
        stream->begin = in.pos;
        state->between_frames = result == 0;
    }
    return (int64_t)out.pos;
}

static void close_zstd(struct berth_image_stream *stream)
{
    struct zstd *state = stream->state;
    ZSTD_freeDStream(state->stream);
    free(state);
}

const struct berth_image_decoder berth_image_decoder_zstd = {
    .name = "zstd",
    .open = open_zstd,
    .read = read_zstd,
    .close = close_zstd,
};
