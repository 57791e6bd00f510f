/* SPDX-License-Identifier: Apache-2.0
 *
 * A small blocking HTTP/1.1 client on a connected stream fd (a transport driver's). It keeps the
 * connection alive between requests, streams bodies both ways, and hands the connection over when
 * the server upgraded or hijacked it. It trusts nothing the server sends: every length is bounded.
 * One client is used by one thread at a time. No libmicrohttpd in here, so the CLI does not load
 * it.
 */
#ifndef BERTH_HTTP_CLIENT_H
#define BERTH_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/string.h"

#define BERTH_HTTP_HEAD_MAX  (64 * 1024) /* status line and headers of one reply */
#define BERTH_HTTP_FIELD_MAX 256         /* header lines of one reply */

struct berth_http_client;

/* Gives up to `size` more bytes of a request body; 0 ends it, negative BERTH_E_* aborts the request
 * (and is what the call then returns). May block. */
typedef ssize_t (*berth_http_body_reader)(void *context, void *buffer, size_t size,
                                          berth_error *err);

/* One request. Zero it, set what is needed; everything is borrowed for the call. */
struct berth_http_call {
    const char *method;                 /* "GET" */
    const char *target;                 /* encoded path and query: http/url.h */
    const struct berth_strmap *headers; /* more header lines, or NULL */
    const char *content_type;           /* NULL: none, or application/json when there is a body */
    const void *body;                   /* sent with Content-Length ... */
    size_t body_length;
    berth_http_body_reader body_reader; /* ... or streamed, chunked */
    void *body_context;
    bool upgrade; /* asks for `Connection: Upgrade`, `Upgrade: tcp` (attach, exec start) */
};

struct berth_http_reply {
    int status;                  /* 200 */
    struct berth_strmap headers; /* names in lower case; repeated ones joined by ", " */
    int64_t length;              /* Content-Length; -1: chunked or until the connection ends */
    bool hijacked; /* 101, or 200 with a Docker stream type to a call with `upgrade` */
};

/* A client that owns fd from now on (also on failure, when it is closed). `host` is the Host header
 * ("docker" suits unix sockets). */
int32_t berth_http_client_new(int fd, const char *host, struct berth_http_client **ret_client,
                              berth_error *err);
/* Closes the connection; NULL is fine. */
void berth_http_client_free(struct berth_http_client *client);

/* How long one wait for the server may last, in milliseconds; -1 (the start value): for ever. */
void berth_http_client_set_timeout(struct berth_http_client *client, int milliseconds);

/* Sends the request and reads the reply's head (1xx ones are passed over). What is left of an
 * earlier reply's body is read and dropped first. A reply that comes while the body is still being
 * sent ends the sending. Errors: BERTH_E_UNAVAILABLE when the connection ended, BERTH_E_TIMEOUT,
 * BERTH_E_DATA for a reply that is not HTTP or over a limit; the client is of no more use then. A
 * status of 400 and more is no error here. *ret_reply must be zeroed by the caller and be given to
 * berth_http_reply_done(). Blocks. */
int32_t berth_http_client_send(struct berth_http_client *client, const struct berth_http_call *call,
                               struct berth_http_reply *ret_reply, berth_error *err);
/* The two halves of send, for a caller that has several requests under way on several connections:
 * begin sends the request, receive (with the same call: its method and `upgrade` count) reads the
 * reply's head. */
int32_t berth_http_client_begin(struct berth_http_client *client,
                                const struct berth_http_call *call, berth_error *err);
int32_t berth_http_client_receive(struct berth_http_client *client,
                                  const struct berth_http_call *call,
                                  struct berth_http_reply *ret_reply, berth_error *err);
void berth_http_reply_done(struct berth_http_reply *reply);
/* A reply's header by its lower-case name; NULL: absent. */
const char *berth_http_reply_header(const struct berth_http_reply *reply, const char *name);

/* Reads the next bytes of the reply's body: as soon as some are there, so events and logs arrive
 * when they are sent. 0: the end. Negative BERTH_E_*: cut off or broken. Blocks. */
ssize_t berth_http_client_read(struct berth_http_client *client, void *buffer, size_t size,
                               berth_error *err);
/* Appends the whole rest of the body to buffer; more than `limit` bytes is BERTH_E_DATA. */
int32_t berth_http_client_read_all(struct berth_http_client *client, size_t limit,
                                   struct berth_buffer *buffer, berth_error *err);

/* True when a further request may be sent on this connection (after the body was read). */
bool berth_http_client_reusable(const struct berth_http_client *client);
/* The fd, for poll(2) beside other fds; still the client's. A read does not block while
 * berth_http_client_buffered() is true or the fd is readable (a chunk's head may still block). */
int berth_http_client_fd(const struct berth_http_client *client);
bool berth_http_client_buffered(const struct berth_http_client *client);

/* After a hijacked reply: gives the fd (the caller's, blocking as it came) and appends the bytes
 * that were read after the reply's head. The client can then only be freed. */
int32_t berth_http_client_hijack(struct berth_http_client *client, struct berth_buffer *early,
                                 int *ret_fd, berth_error *err);

#endif
