/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent encoding and query strings, for the client (writing) and the server (reading).
 */
#ifndef BERTH_HTTP_URL_H
#define BERTH_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends text with everything but RFC 3986's unreserved characters percent-encoded; with
 * keep_slash "/" stays too (paths such as image names). */
void berth_http_url_encode(struct berth_buffer *buffer, const char *text, bool keep_slash);

/* Appends "?key=value" or, when the buffer already holds a "?", "&key=value", both encoded. A NULL
 * value adds nothing, so that optional parameters need no branch. */
void berth_http_query_add(struct berth_buffer *buffer, const char *key, const char *value);
/* Same with the value 1 or 0; false adds nothing unless `always`. */
void berth_http_query_add_bool(struct berth_buffer *buffer, const char *key, bool value,
                               bool always);

/* Decodes percent escapes in place ("+" is a space when plus_is_space) and returns the new length.
 * -1: a broken escape or an encoded NUL. */
long berth_http_url_decode(char *text, size_t length, bool plus_is_space);

#endif
