/* SPDX-License-Identifier: Apache-2.0
 *
 * The json-file format (moby daemon/logger/jsonfilelog): one JSON object a line.
 */
#include "container/log_line.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/string.h"
#include "base/time.h"

enum { BLOCK = 65536 };

struct scanner {
    const char *at, *end;
};

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end && strchr(" \t\r", *scanner->at) != NULL) {
        scanner->at++;
    }
}

static bool expect(struct scanner *scanner, char wanted)
{
    skip_space(scanner);
    if (scanner->at >= scanner->end || *scanner->at != wanted) {
        return false;
    }
    scanner->at++;
    return true;
}

static void add_utf8(struct berth_buffer *out, uint32_t code)
{
    char bytes[4];
    size_t length = 0;
    if (code < 0x80) {
        bytes[length++] = (char)code;
    } else if (code < 0x800) {
        bytes[length++] = (char)(0xc0 | code >> 6);
        bytes[length++] = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[length++] = (char)(0xe0 | code >> 12);
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[length++] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[length++] = (char)(0xf0 | code >> 18);
        bytes[length++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[length++] = (char)(0x80 | (code & 0x3f));
    }
    berth_buffer_append(out, bytes, length);
}

/* Four hexadecimal digits after \u. */
static bool read_hex4(struct scanner *scanner, uint32_t *ret)
{
    uint32_t value = 0;
    if (scanner->end - scanner->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char c = *scanner->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15) {
            return false;
        }
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

static bool read_unicode(struct scanner *scanner, struct berth_buffer *out)
{
    uint32_t code = 0, low = 0;
    if (!read_hex4(scanner, &code)) {
        return false;
    }
    if (code >= 0xd800 && code < 0xdc00 && scanner->end - scanner->at >= 6 &&
        scanner->at[0] == '\\' && scanner->at[1] == 'u') {
        scanner->at += 2;
        if (!read_hex4(scanner, &low)) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
    }
    add_utf8(out, code);
    return true;
}

static bool read_escape(struct scanner *scanner, struct berth_buffer *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (scanner->at >= scanner->end) {
        return false;
    }
    char c = *scanner->at++;
    if (c == 'u') {
        return read_unicode(scanner, out);
    }
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found == NULL) {
        return false;
    }
    berth_buffer_append(out, &to[found - from], 1);
    return true;
}

/* A JSON string into out (emptied first). */
static bool read_string(struct scanner *scanner, struct berth_buffer *out)
{
    berth_buffer_clear(out);
    if (!expect(scanner, '"')) {
        return false;
    }
    while (scanner->at < scanner->end) {
        const char *run = scanner->at;
        while (scanner->at < scanner->end && *scanner->at != '"' && *scanner->at != '\\') {
            scanner->at++;
        }
        berth_buffer_append(out, run, (size_t)(scanner->at - run));
        if (scanner->at >= scanner->end) {
            return false;
        }
        if (*scanner->at++ == '"') {
            return !berth_buffer_failed(out);
        }
        if (!read_escape(scanner, out)) {
            return false;
        }
    }
    return false;
}

/* Any value that is passed over: {...} of strings, or up to the next comma or brace. */
static bool skip_value(struct scanner *scanner)
{
    bool quoted = false;
    int depth = 0;
    for (; scanner->at < scanner->end; scanner->at++) {
        char c = *scanner->at;
        if (quoted) {
            scanner->at += c == '\\';
            quoted = c != '"';
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}')) {
            return true;
        }
        quoted = c == '"';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    return false;
}

static bool read_member(struct scanner *scanner, const char *key, struct log_line *line,
                        struct berth_buffer *scratch)
{
    if (strcmp(key, "log") == 0) {
        return read_string(scanner, &line->text);
    }
    if (strcmp(key, "stream") == 0) {
        bool good = read_string(scanner, scratch);
        line->standard_error =
            good && scratch->data != NULL && strcmp(scratch->data, "stderr") == 0;
        return good;
    }
    if (strcmp(key, "time") == 0) {
        return read_string(scanner, scratch) && scratch->data != NULL &&
               berth_time_parse(scratch->data, &line->time);
    }
    skip_space(scanner);
    const char *begin = scanner->at;
    bool good = skip_value(scanner);
    if (strcmp(key, "attrs") == 0) {
        line->attrs = begin;
        line->attrs_length = (size_t)(scanner->at - begin);
    }
    return good;
}

bool log_line_parse(const char *data, size_t length, struct log_line *line)
{
    struct scanner scanner = {.at = data, .end = data + length};
    AUTO_BUFFER struct berth_buffer scratch = BERTH_BUFFER_INIT;
    char key[16];
    berth_buffer_clear(&line->text);
    line->standard_error = false;
    line->time = 0;
    line->attrs = NULL;
    line->attrs_length = 0;
    if (!expect(&scanner, '{')) {
        return false;
    }
    do {
        if (!read_string(&scanner, &scratch) || !expect(&scanner, ':')) {
            return false;
        }
        snprintf(key, sizeof(key), "%s", scratch.data != NULL ? scratch.data : "");
        if (!read_member(&scanner, key, line, &scratch)) {
            return false;
        }
    } while (expect(&scanner, ','));
    return expect(&scanner, '}');
}

/* 2006-01-02T15:04:05.000000000Z: always nine decimals. */
static void add_time(struct berth_buffer *out, int64_t time)
{
    char text[BERTH_TIME_TEXT];
    berth_time_format(time - time % BERTH_NANOSECONDS, text);
    size_t length = strlen(text);
    text[length - 1] = '\0'; /* the Z */
    berth_buffer_format(out, "%s.%09lldZ ", text, (long long)(time % BERTH_NANOSECONDS));
}

/* "k=v,k2=v2 " of the attributes, sorted by key. */
static void add_details(struct berth_buffer *out, const struct log_line *line)
{
    AUTO_STRMAP struct berth_strmap map = {0};
    struct json_object *json = NULL;
    if (line->attrs != NULL &&
        berth_json_parse(line->attrs, line->attrs_length, "attrs", &json, NULL) == 0 &&
        json_object_is_type(json, json_type_object)) {
        json_object_object_foreach(json, key, value)
        {
            if (!berth_strmap_set(&map, key, json_object_get_string(value))) {
                break;
            }
        }
    }
    json_object_put(json);
    berth_strmap_sort(&map);
    for (size_t i = 0; i < map.count; i++) {
        berth_buffer_format(out, "%s%s=%s", i > 0 ? "," : "", map.keys[i], map.values[i]);
    }
    berth_buffer_add(out, " ");
}

void log_line_format(const struct log_line *line, const struct log_format *format,
                     struct berth_buffer *out)
{
    size_t begin = out->length;
    if (format->multiplex) {
        const char head[8] = {line->standard_error ? 2 : 1, 0, 0, 0, 0, 0, 0, 0};
        berth_buffer_append(out, head, sizeof(head));
    }
    if (format->timestamps) {
        add_time(out, line->time);
    }
    if (format->details) {
        add_details(out, line);
    }
    berth_buffer_append(out, line->text.data != NULL ? line->text.data : "", line->text.length);
    if (format->multiplex && !berth_buffer_failed(out)) {
        size_t size = out->length - begin - 8;
        for (int i = 0; i < 4; i++) {
            out->data[begin + 4 + (size_t)i] = (char)(size >> (24 - 8 * i) & 0xff);
        }
    }
}

/* Counts newlines backwards; true when enough were seen, then *ret_offset is where the lines begin.
 * *left is what is still wanted. */
static bool tail_in_file(int fd, int64_t *left, off_t *ret_offset)
{
    struct stat status;
    AUTO_FREE char *block = malloc(BLOCK);
    if (block == NULL || fstat(fd, &status) < 0) {
        return false;
    }
    off_t end = status.st_size;
    /* the newline that ends the file ends its last line: it separates nothing */
    bool last = true;
    while (end > 0) {
        size_t size = end < BLOCK ? (size_t)end : BLOCK;
        if (pread(fd, block, size, end - (off_t)size) != (ssize_t)size) {
            return false;
        }
        for (size_t i = size; i > 0; i--) {
            if (block[i - 1] == '\n' && !last && --*left == 0) {
                *ret_offset = end - (off_t)size + (off_t)i;
                return true;
            }
            last = false;
        }
        end -= (off_t)size;
    }
    if (status.st_size > 0 && --*left == 0) {
        *ret_offset = 0;
        return true;
    }
    return false;
}

void log_tail_find(const int *fds, size_t count, int64_t lines, size_t *ret_index,
                   off_t *ret_offset)
{
    struct stat status;
    int64_t left = lines;
    *ret_index = 0;
    *ret_offset = 0;
    if (lines <= 0 && count > 0) {
        *ret_index = count - 1;
        *ret_offset = fstat(fds[count - 1], &status) == 0 ? status.st_size : 0;
        return;
    }
    for (size_t i = count; i > 0; i--) {
        if (tail_in_file(fds[i - 1], &left, ret_offset)) {
            *ret_index = i - 1;
            return;
        }
    }
}
