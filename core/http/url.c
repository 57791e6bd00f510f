/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent encoding and query strings (RFC 3986 section 2).
 */
#include "http/url.h"

#include <stdio.h>
#include <string.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void berth_http_url_encode(struct berth_buffer *buffer, const char *text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (is_unreserved(*p) || (keep_slash && *p == '/')) {
            berth_buffer_append(buffer, p, 1);
        } else {
            char escape[3] = {'%', digits[*p >> 4], digits[*p & 15]};
            berth_buffer_append(buffer, escape, 3);
        }
    }
}

void berth_http_query_add(struct berth_buffer *buffer, const char *key, const char *value)
{
    if (value == NULL) {
        return;
    }
    bool more = buffer->data != NULL && strchr(buffer->data, '?') != NULL;
    berth_buffer_add(buffer, more ? "&" : "?");
    berth_http_url_encode(buffer, key, false);
    berth_buffer_add(buffer, "=");
    berth_http_url_encode(buffer, value, false);
}

void berth_http_query_add_bool(struct berth_buffer *buffer, const char *key, bool value,
                               bool always)
{
    if (value || always) {
        berth_http_query_add(buffer, key, value ? "1" : "0");
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

long berth_http_url_decode(char *text, size_t length, bool plus_is_space)
{
    size_t out = 0;
    for (size_t in = 0; in < length; in++) {
        char c = text[in];
        if (c == '%') {
            int high = in + 2 < length ? hex_digit(text[in + 1]) : -1;
            int low = in + 2 < length ? hex_digit(text[in + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return -1;
            }
            c = (char)(high << 4 | low);
            in += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        text[out++] = c;
    }
    return (long)out;
}
