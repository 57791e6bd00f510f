/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the small client share.
 */
#ifndef BERTH_HTTP_CLIENT_INTERNAL_H
#define BERTH_HTTP_CLIENT_INTERNAL_H

#include "http/client.h"

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_END };

struct berth_http_client {
    int fd;
    int timeout; /* milliseconds of one wait; -1: for ever */
    char *host;
    char *in; /* BERTH_HTTP_HEAD_MAX bytes; [start, end) is unread input */
    size_t start, end;
    bool ended;   /* the server sent its end of file */
    bool broken;  /* nothing more can be done on this connection */
    bool persist; /* the reply allows a further request */
    bool hijacked;
    enum body_kind body;
    uint64_t left;   /* of BODY_LENGTH, or of the current chunk */
    bool chunk_open; /* inside a chunk whose closing line end was not read yet */
};

/* What a head means for the body that follows. */
struct reply_frame {
    enum body_kind body;
    uint64_t length;
    bool persist;
};

/* Length of the head at data, its empty line included; 0: not complete yet. */
size_t berth_http_head_length(const char *data, size_t length);
/* Reads a complete head. The body kind is decided without regard to the request's method. */
int32_t berth_http_reply_parse(const char *head, size_t length, struct berth_http_reply *reply,
                               struct reply_frame *ret_frame, berth_error *err);

/* Waits for events on the connection; 1: there, else negative BERTH_E_*. */
int32_t berth_http_client_wait(struct berth_http_client *client, short events, short *ret_events,
                               berth_error *err);
/* Reads once into the input buffer. Positive: bytes; 0: end of file; negative: error. A full
 * buffer is BERTH_E_DATA. */
ssize_t berth_http_client_fill(struct berth_http_client *client, berth_error *err);

#endif
