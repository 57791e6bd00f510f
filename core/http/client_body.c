/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads reply bodies: by length, chunked, or until the connection ends.
 */
#include "http/client_internal.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_LINE_MAX 4096 /* a chunk's size line with extensions, or one trailer line */

int32_t berth_http_client_wait(struct berth_http_client *client, short events, short *ret_events,
                               berth_error *err)
{
    struct pollfd poller = {.fd = client->fd, .events = events};
    int ready = poll(&poller, 1, client->timeout);
    if (ready < 0 && errno == EINTR) {
        *ret_events = 0;
        return 1;
    }
    if (ready < 0) {
        return berth_error_errno(err, errno, "waiting for the server");
    }
    if (ready == 0) {
        return berth_error_set(err, BERTH_E_TIMEOUT, 0, "the server did not answer within %d ms",
                               client->timeout);
    }
    *ret_events = poller.revents;
    return 1;
}

ssize_t berth_http_client_fill(struct berth_http_client *client, berth_error *err)
{
    if (client->start > 0) {
        memmove(client->in, client->in + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
    }
    if (client->end == BERTH_HTTP_HEAD_MAX) {
        return berth_error_set(err, BERTH_E_DATA, 0, "the server's reply has a head over %d bytes",
                               BERTH_HTTP_HEAD_MAX);
    }
    for (;;) {
        ssize_t got = recv(client->fd, client->in + client->end, BERTH_HTTP_HEAD_MAX - client->end,
                           MSG_DONTWAIT);
        if (got > 0) {
            client->end += (size_t)got;
            return got;
        }
        if (got == 0 || errno == ECONNRESET) {
            client->ended = true;
            return 0;
        }
        short ready = 0;
        if (errno != EAGAIN && errno != EINTR) {
            return berth_error_errno(err, errno, "reading from the server");
        }
        int32_t rc = berth_http_client_wait(client, POLLIN, &ready, err);
        if (rc < 0) {
            return rc;
        }
    }
}

static int32_t cut_off(struct berth_http_client *client, berth_error *err)
{
    client->broken = true;
    return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                           "the connection ended in the middle of the server's reply");
}

static int32_t bad_chunk(struct berth_http_client *client, berth_error *err)
{
    client->broken = true;
    return berth_error_set(err, BERTH_E_DATA, 0, "the server's reply has a broken chunk");
}

/* Takes one line (its start and length without line end); it stays in the buffer's consumed part
 * until the next fill. */
static int32_t take_line(struct berth_http_client *client, const char **ret_line,
                         size_t *ret_length, berth_error *err)
{
    for (;;) {
        const char *begin = client->in + client->start;
        size_t have = client->end - client->start;
        const char *feed = memchr(begin, '\n', have);
        if (feed != NULL) {
            size_t length = (size_t)(feed - begin);
            client->start += length + 1;
            *ret_line = begin;
            *ret_length = length - (length > 0 && begin[length - 1] == '\r');
            return 0;
        }
        if (have > CHUNK_LINE_MAX) {
            return bad_chunk(client, err);
        }
        ssize_t got = berth_http_client_fill(client, err);
        if (got < 0) {
            client->broken = true;
            return (int32_t)got;
        }
        if (got == 0) {
            return cut_off(client, err);
        }
    }
}

static bool parse_chunk_size(const char *line, size_t length, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t digits = 0;
    while (digits < length && isxdigit((unsigned char)line[digits])) {
        char c = (char)tolower((unsigned char)line[digits]);
        size = size << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        digits++;
    }
    if (digits == 0 || digits > 15) {
        return false;
    }
    *ret_size = size;
    return digits == length || line[digits] == ';' || line[digits] == ' ' || line[digits] == '\t';
}

/* Goes to the next chunk that has data; on the last one eats the trailers. */
static int32_t next_chunk(struct berth_http_client *client, berth_error *err)
{
    const char *line = NULL;
    size_t length = 0;
    int32_t rc = 0;
    if (client->chunk_open) {
        rc = take_line(client, &line, &length, err);
        if (rc < 0 || length != 0) {
            return rc < 0 ? rc : bad_chunk(client, err);
        }
        client->chunk_open = false;
    }
    rc = take_line(client, &line, &length, err);
    if (rc < 0) {
        return rc;
    }
    if (!parse_chunk_size(line, length, &client->left)) {
        return bad_chunk(client, err);
    }
    client->chunk_open = client->left > 0;
    for (int trailers = 0; client->left == 0; trailers++) {
        rc = take_line(client, &line, &length, err);
        if (rc < 0) {
            return rc;
        }
        if (length == 0) {
            client->body = BODY_NONE;
            return 0;
        }
        if (trailers > BERTH_HTTP_FIELD_MAX) {
            return bad_chunk(client, err);
        }
    }
    return 0;
}

/* Up to size body bytes from the buffer, or straight from the socket when it is empty. */
static ssize_t read_raw(struct berth_http_client *client, char *buffer, size_t size,
                        berth_error *err)
{
    if (client->start == client->end) {
        ssize_t got = berth_http_client_fill(client, err);
        if (got <= 0) {
            client->broken = client->broken || got < 0;
            return got;
        }
    }
    size_t have = client->end - client->start;
    size = size < have ? size : have;
    memcpy(buffer, client->in + client->start, size);
    client->start += size;
    return (ssize_t)size;
}

ssize_t berth_http_client_read(struct berth_http_client *client, void *buffer, size_t size,
                               berth_error *err)
{
    if (client->broken) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "the connection is broken");
    }
    if (client->body == BODY_CHUNKED && client->left == 0) {
        int32_t rc = next_chunk(client, err);
        if (rc < 0) {
            return rc;
        }
    }
    if (client->body == BODY_NONE || client->hijacked || size == 0) {
        return 0;
    }
    if (client->body != BODY_UNTIL_END && size > client->left) {
        size = (size_t)client->left;
    }
    ssize_t got = read_raw(client, buffer, size, err);
    if (got < 0) {
        return got;
    }
    if (got == 0 && client->body != BODY_UNTIL_END) {
        return cut_off(client, err);
    }
    if (client->body != BODY_UNTIL_END) {
        client->left -= (uint64_t)got;
    }
    if (got == 0 || (client->body == BODY_LENGTH && client->left == 0)) {
        client->body = BODY_NONE;
    }
    return got;
}

int32_t berth_http_client_read_all(struct berth_http_client *client, size_t limit,
                                   struct berth_buffer *buffer, berth_error *err)
{
    size_t total = 0;
    for (;;) {
        char *room = berth_buffer_reserve(buffer, 16384);
        if (room == NULL) {
            return berth_error_no_memory(err);
        }
        ssize_t got = berth_http_client_read(client, room, 16384, err);
        if (got <= 0) {
            return (int32_t)got;
        }
        buffer->length += (size_t)got;
        buffer->data[buffer->length] = '\0';
        total += (size_t)got;
        if (total > limit) {
            client->broken = true;
            return berth_error_set(err, BERTH_E_DATA, 0, "the server's reply is over %zu bytes",
                                   limit);
        }
    }
}
