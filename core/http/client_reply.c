/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the head of an HTTP/1 reply (RFC 9112), strictly and within limits.
 */
#include "http/client_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

size_t berth_http_head_length(const char *data, size_t length)
{
    const char *end = data + length;
    for (const char *line = data; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        if (feed == NULL) {
            return 0;
        }
        bool empty = feed == line || (feed == line + 1 && *line == '\r');
        /* an empty line before the status line is not the end of a head, but an error */
        if (empty) {
            return (size_t)(feed + 1 - data);
        }
        line = feed + 1;
    }
    return 0;
}

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL) {
            return false;
        }
    }
    return length > 0;
}

static int32_t bad_reply(berth_error *err, const char *what)
{
    return berth_error_set(err, BERTH_E_DATA, 0, "the server's reply is not valid HTTP: %s", what);
}

static int32_t parse_status(const char *line, size_t length, struct berth_http_reply *reply,
                            bool *ret_http11, berth_error *err)
{
    /* "HTTP/1.1 200" and then a space and the reason, or nothing */
    if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || (length > 12 && line[12] != ' ')) {
        return bad_reply(err, "no status line");
    }
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (!isdigit((unsigned char)line[i])) {
            return bad_reply(err, "the status is not a number");
        }
        status = status * 10 + (line[i] - '0');
    }
    if (status < 100) {
        return bad_reply(err, "the status is below 100");
    }
    reply->status = status;
    *ret_http11 = line[7] == '1';
    return 0;
}

static int32_t add_header(struct berth_strmap *headers, char *name, const char *value,
                          berth_error *err)
{
    for (char *p = name; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    const char *before = berth_strmap_get(headers, name);
    if (before == NULL) {
        return berth_strmap_set(headers, name, value) ? 0 : berth_error_no_memory(err);
    }
    if (strcmp(name, "content-length") == 0) {
        return strcmp(before, value) == 0 ? 0 : bad_reply(err, "two different Content-Length");
    }
    char *joined = berth_format("%s, %s", before, value);
    bool set = joined != NULL && berth_strmap_set(headers, name, joined);
    free(joined);
    return set ? 0 : berth_error_no_memory(err);
}

/* line is a NUL-terminated copy without its line end. */
static int32_t parse_field(char *line, size_t length, struct berth_strmap *headers,
                           berth_error *err)
{
    char *colon = memchr(line, ':', length);
    if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
        return bad_reply(err, "a header line without a name");
    }
    *colon = '\0';
    char *value = berth_str_trim(colon + 1);
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' && *p != '\t') {
            return bad_reply(err, "a control character in a header");
        }
    }
    return add_header(headers, line, value, err);
}

static bool parse_length(const char *text, uint64_t *ret_length)
{
    if (*text == '\0' || strlen(text) > 18) {
        return false;
    }
    uint64_t value = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (!isdigit((unsigned char)*p)) {
            return false;
        }
        value = value * 10 + (uint64_t)(*p - '0');
    }
    *ret_length = value;
    return true;
}

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = list; p != NULL && *p != '\0';) {
        p += strspn(p, " ,\t");
        size_t item = strcspn(p, " ,\t;");
        if (item == length && strncasecmp(p, word, length) == 0) {
            return true;
        }
        p += item;
        p = strchr(p, ',');
    }
    return false;
}

static int32_t decide_frame(struct berth_http_reply *reply, bool http11, struct reply_frame *frame,
                            berth_error *err)
{
    const char *connection = berth_http_reply_header(reply, "connection");
    const char *coding = berth_http_reply_header(reply, "transfer-encoding");
    const char *length = berth_http_reply_header(reply, "content-length");
    frame->persist = http11 ? !has_word(connection, "close") : has_word(connection, "keep-alive");
    frame->length = 0;
    reply->length = -1;
    if (reply->status < 200 || reply->status == 204 || reply->status == 304) {
        frame->body = BODY_NONE;
        reply->length = 0;
    } else if (coding != NULL) {
        if (!berth_str_equal_fold(coding, "chunked")) {
            return bad_reply(err, "a Transfer-Encoding other than chunked");
        }
        frame->body = BODY_CHUNKED;
        /* both headers: RFC 9112 6.1 says the length is void and the connection suspect */
        frame->persist = frame->persist && length == NULL;
    } else if (length != NULL) {
        if (!parse_length(length, &frame->length)) {
            return bad_reply(err, "Content-Length is not a number");
        }
        frame->body = BODY_LENGTH;
        reply->length = (int64_t)frame->length;
    } else {
        frame->body = BODY_UNTIL_END;
        frame->persist = false;
    }
    return 0;
}

int32_t berth_http_reply_parse(const char *head, size_t length, struct berth_http_reply *reply,
                               struct reply_frame *ret_frame, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer line = BERTH_BUFFER_INIT;
    bool http11 = false;
    size_t count = 0;
    for (const char *p = head, *end = head + length; p < end; count++) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        if (feed == NULL) {
            return bad_reply(err, "a line without an end");
        }
        size_t size = (size_t)(feed - p);
        size -= size > 0 && p[size - 1] == '\r';
        if (memchr(p, '\0', size) != NULL) {
            return bad_reply(err, "a NUL in its head");
        }
        berth_buffer_clear(&line);
        berth_buffer_append(&line, p, size);
        if (berth_buffer_failed(&line)) {
            return berth_error_no_memory(err);
        }
        int32_t rc = 0;
        if (count == 0) {
            rc = parse_status(p, size, reply, &http11, err);
        } else if (count > BERTH_HTTP_FIELD_MAX) {
            return bad_reply(err, "too many header lines");
        } else if (size > 0) {
            rc = parse_field(line.data, size, &reply->headers, err);
        }
        if (rc < 0) {
            return rc;
        }
        p = feed + 1;
    }
    return decide_frame(reply, http11, ret_frame, err);
}

void berth_http_reply_done(struct berth_http_reply *reply)
{
    berth_strmap_done(&reply->headers);
}

const char *berth_http_reply_header(const struct berth_http_reply *reply, const char *name)
{
    return berth_strmap_get(&reply->headers, name);
}
