/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer that is always NUL-terminated. Out of memory is sticky: appends after a
 * failure do nothing and berth_buffer_failed() says so once at the end, so that callers need not
 * check each append.
 */
#ifndef BERTH_BASE_BUFFER_H
#define BERTH_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct berth_buffer {
    char *data; /* NULL until the first append */
    size_t length;
    size_t capacity;
    bool failed;
};

#define BERTH_BUFFER_INIT \
    {                     \
        NULL, 0, 0, false \
    }
#define AUTO_BUFFER __attribute__((cleanup(berth_buffer_done)))

/* Appends length bytes. Not thread-safe; does not block. */
void berth_buffer_append(struct berth_buffer *buffer, const void *data, size_t length);
/* Appends a string without its NUL. */
void berth_buffer_add(struct berth_buffer *buffer, const char *text);
/* Appends formatted text. */
void berth_buffer_format(struct berth_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes room for `extra` more bytes and returns where they go (NULL: out of memory). The caller
 * adds what it wrote to `length`. */
char *berth_buffer_reserve(struct berth_buffer *buffer, size_t extra);
/* Drops the first `count` bytes. */
void berth_buffer_consume(struct berth_buffer *buffer, size_t count);
/* Empties it and keeps its memory. */
void berth_buffer_clear(struct berth_buffer *buffer);
/* True when an append ran out of memory. */
bool berth_buffer_failed(const struct berth_buffer *buffer);
/* The text, the caller's to free; the buffer is empty afterwards. NULL: out of memory. An empty
 * buffer gives "". */
char *berth_buffer_take(struct berth_buffer *buffer);
/* Frees it. */
void berth_buffer_done(struct berth_buffer *buffer);

#endif
