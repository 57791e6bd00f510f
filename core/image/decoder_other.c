/* SPDX-License-Identifier: Apache-2.0
 *
 * bzip2, xz and lz4 for `import` and outer archives, through libarchive's filters. It is loaded
 * when such a file comes (it and what it links cost 2.7 MB of memory).
 */
#include "image/stream_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#define LIBRARY "libarchive.so.13"

static struct {
    pthread_once_t once;
    bool loaded;
    struct archive *(*read_new)(void);
    int (*read_free)(struct archive *);
    int (*filter_bzip2)(struct archive *);
    int (*filter_xz)(struct archive *);
    int (*filter_lz4)(struct archive *);
    int (*format_raw)(struct archive *);
    int (*open)(struct archive *, void *, archive_open_callback *, archive_read_callback *,
                archive_close_callback *);
    int (*next_header)(struct archive *, struct archive_entry **);
    la_ssize_t (*read_data)(struct archive *, void *, size_t);
    const char *(*error_string)(struct archive *);
    void (*set_error)(struct archive *, int, const char *, ...);
} library = {.once = PTHREAD_ONCE_INIT};

static void load_library(void)
{
    void *handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL) {
        return;
    }
    const struct {
        void **slot;
        const char *name;
    } symbols[] = {
        {(void **)&library.read_new, "archive_read_new"},
        {(void **)&library.read_free, "archive_read_free"},
        {(void **)&library.filter_bzip2, "archive_read_support_filter_bzip2"},
        {(void **)&library.filter_xz, "archive_read_support_filter_xz"},
        {(void **)&library.filter_lz4, "archive_read_support_filter_lz4"},
        {(void **)&library.format_raw, "archive_read_support_format_raw"},
        {(void **)&library.open, "archive_read_open"},
        {(void **)&library.next_header, "archive_read_next_header"},
        {(void **)&library.read_data, "archive_read_data"},
        {(void **)&library.error_string, "archive_error_string"},
        {(void **)&library.set_error, "archive_set_error"},
    };
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        *symbols[i].slot = dlsym(handle, symbols[i].name);
        if (*symbols[i].slot == NULL) {
            return;
        }
    }
    library.loaded = true;
}

struct other {
    struct archive *archive;
    berth_error input_error; /* what reading the input said */
    int input_code;
};

static la_ssize_t give_input(struct archive *archive, void *data, const void **ret_block)
{
    struct berth_image_stream *stream = data;
    struct other *state = stream->state;
    bool ready = false;
    state->input_code = berth_image_stream_fill(stream, &ready, &state->input_error);
    if (state->input_code < 0) {
        library.set_error(archive, 5, "input");
        return -1;
    }
    *ret_block = stream->buffer + stream->begin;
    size_t length = stream->end - stream->begin;
    stream->begin = stream->end;
    return (la_ssize_t)length;
}

static int fail(struct berth_image_stream *stream, berth_error *err)
{
    struct other *state = stream->state;
    if (state->input_code < 0) {
        return berth_error_move(err, &state->input_error);
    }
    const char *reason = library.error_string(state->archive);
    return berth_error_set(err, BERTH_E_DATA, 0, "damaged compressed data: %s",
                           reason != NULL ? reason : "unknown format");
}

static int open_other(struct berth_image_stream *stream, berth_error *err)
{
    pthread_once(&library.once, load_library);
    if (!library.loaded) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                               "this compression needs " LIBRARY ", which cannot be loaded");
    }
    struct other *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return berth_error_no_memory(err);
    }
    stream->state = state;
    state->input_error = (berth_error)BERTH_ERROR_INIT;
    state->archive = library.read_new();
    if (state->archive == NULL) {
        return berth_error_no_memory(err);
    }
    struct archive_entry *entry;
    /* by name, and never by an outside program (ARCHIVE_WARN), as filter_all could */
    if (library.filter_bzip2(state->archive) != ARCHIVE_OK ||
        library.filter_xz(state->archive) != ARCHIVE_OK ||
        library.filter_lz4(state->archive) != ARCHIVE_OK ||
        library.format_raw(state->archive) != ARCHIVE_OK ||
        library.open(state->archive, stream, NULL, give_input, NULL) != ARCHIVE_OK ||
        library.next_header(state->archive, &entry) != ARCHIVE_OK) {
        return fail(stream, err);
    }
    return 0;
}

static int64_t read_other(struct berth_image_stream *stream, void *buffer, size_t size,
                          berth_error *err)
{
    struct other *state = stream->state;
    la_ssize_t count = library.read_data(state->archive, buffer, size);
    return count < 0 ? fail(stream, err) : (int64_t)count;
}

static void close_other(struct berth_image_stream *stream)
{
    struct other *state = stream->state;
    if (state->archive != NULL) {
        library.read_free(state->archive);
    }
    free(state);
}

const struct berth_image_decoder berth_image_decoder_other = {
    .name = "compressed",
    .open = open_other,
    .read = read_other,
    .close = close_other,
};
