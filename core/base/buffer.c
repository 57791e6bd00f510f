/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer that is always NUL-terminated.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *berth_buffer_reserve(struct berth_buffer *buffer, size_t extra)
{
    if (buffer->failed) {
        return NULL;
    }
    size_t wanted = buffer->length + extra + 1;
    if (wanted < extra) {
        buffer->failed = true;
        return NULL;
    }
    if (wanted > buffer->capacity) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < wanted) {
            capacity = capacity > wanted / 2 ? capacity * 2 : wanted;
        }
        char *data = realloc(buffer->data, capacity);
        if (data == NULL) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
        buffer->data[buffer->length] = '\0';
    }
    return buffer->data + buffer->length;
}

void berth_buffer_append(struct berth_buffer *buffer, const void *data, size_t length)
{
    char *end = berth_buffer_reserve(buffer, length);
    if (end == NULL) {
        return;
    }
    if (length > 0) {
        memcpy(end, data, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void berth_buffer_add(struct berth_buffer *buffer, const char *text)
{
    berth_buffer_append(buffer, text, strlen(text));
}

void berth_buffer_format(struct berth_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        char *end = berth_buffer_reserve(buffer, (size_t)length);
        if (end != NULL) {
            vsnprintf(end, (size_t)length + 1, format, again);
            buffer->length += (size_t)length;
        }
    } else {
        buffer->failed = true;
    }
    va_end(again);
}

void berth_buffer_consume(struct berth_buffer *buffer, size_t count)
{
    if (count >= buffer->length) {
        berth_buffer_clear(buffer);
        return;
    }
    memmove(buffer->data, buffer->data + count, buffer->length - count + 1);
    buffer->length -= count;
}

void berth_buffer_clear(struct berth_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

bool berth_buffer_failed(const struct berth_buffer *buffer)
{
    return buffer->failed;
}

char *berth_buffer_take(struct berth_buffer *buffer)
{
    if (berth_buffer_reserve(buffer, 0) == NULL) {
        return NULL;
    }
    char *data = buffer->data;
    buffer->data = NULL;
    buffer->length = 0;
    buffer->capacity = 0;
    return data;
}

void berth_buffer_done(struct berth_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct berth_buffer)BERTH_BUFFER_INIT;
}
