/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 server: libmicrohttpd parses what comes in on stream fds that transport drivers
 * accepted; a route table leads to a handler, which runs on the connection's own thread and may
 * block. Knows nothing of Docker: versions, error bodies and audit lines come through hooks.
 */
#ifndef BERTH_HTTP_SERVER_H
#define BERTH_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/string.h"

#define BERTH_HTTP_PARAMS_MAX 4   /* {names} in one route pattern */
#define BERTH_HTTP_QUERY_MAX  256 /* parameters in one query string */

struct berth_http_server;
struct berth_http_request;

/* Who is at the other end, as the transport driver found out. */
struct berth_http_peer {
    uint32_t uid, gid; /* UINT32_MAX: not known */
    int32_t pid;       /* 0: not known */
    char name[116];    /* what the transport says, e.g. a TLS subject; may be empty */
};

/* Answers with one of the berth_http_respond_* / stream / hijack functions and returns 0, or
 * returns a negative BERTH_E_* and leaves the answer to the `fail` hook. */
typedef int32_t (*berth_http_handler)(struct berth_http_request *request, berth_error *err);

enum {
    /* the body is not collected: the handler takes it with berth_http_request_read() */
    BERTH_HTTP_STREAM_BODY = 1 << 0
};

struct berth_http_route {
    const char *method;
    const char *pattern; /* "/containers/{id}/json"; "{name...}" may hold slashes */
    berth_http_handler handler;
    uint32_t flags;
};

struct berth_http_config {
    const struct berth_http_route *routes; /* the first match wins; lives as long as the server */
    size_t route_count;
    void *context; /* of the hooks; berth_http_request_context() */
    /* Called before routing; may cut the path, add response headers, refuse. NULL: none. */
    int32_t (*prepare)(struct berth_http_request *request, berth_error *err);
    /* Answers for a failed handler, a refused request or (BERTH_E_NOT_FOUND) an unknown route. */
    void (*fail)(struct berth_http_request *request, const berth_error *err);
    /* Called once when a request was answered, before its memory goes. NULL: none. */
    void (*done)(struct berth_http_request *request);
    size_t body_limit;         /* bytes of a collected body; more is 413 */
    size_t head_limit;         /* bytes of the request line and headers together */
    unsigned connection_limit; /* open connections; more are closed at once */
    unsigned head_timeout;     /* seconds a new connection may take for its first request's head */
    unsigned idle_timeout;     /* seconds a kept connection may be silent between requests */
    size_t stack_size;         /* bytes of a connection thread's stack */
};

/* Starts the server's one housekeeping thread. The config is copied. */
int32_t berth_http_server_start(const struct berth_http_config *config,
                                struct berth_http_server **ret_server, berth_error *err);
/* Serves one connected stream fd, which it owns from now on (also on failure, when it is closed).
 * Does not block; any thread. */
int32_t berth_http_server_add(struct berth_http_server *server, int fd,
                              const struct berth_http_peer *peer, berth_error *err);
/* Requests being answered now; hijacked ones no longer count. */
unsigned berth_http_server_active(struct berth_http_server *server);
/* Cuts all streams, waits up to `milliseconds` for handlers to return and frees the server. False:
 * some handlers still run; the server's memory is left to them and the process should end. */
bool berth_http_server_stop(struct berth_http_server *server, int milliseconds);

/* --- the request; all borrowed until the handler returns ------------------------------------ */
void *berth_http_request_context(const struct berth_http_request *request);
const char *berth_http_request_method(const struct berth_http_request *request);
/* The request target as it came, with its query. */
const char *berth_http_request_target(const struct berth_http_request *request);
/* The path still to be routed, not decoded. */
const char *berth_http_request_path(const struct berth_http_request *request);
/* Cuts `length` bytes off the path's begin (a version prefix). For `prepare`. */
void berth_http_request_skip(struct berth_http_request *request, size_t length);
/* A number the hooks and handlers share (the API version); 0 at first. */
int berth_http_request_tag(const struct berth_http_request *request);
void berth_http_request_set_tag(struct berth_http_request *request, int tag);
/* The decoded value of a {name} of the route; NULL: the pattern has no such name. */
const char *berth_http_request_param(const struct berth_http_request *request, const char *name);
/* The first value of a query parameter; NULL: absent. */
const char *berth_http_request_query(const struct berth_http_request *request, const char *key);
/* Appends all values of a repeated one. False: out of memory. */
bool berth_http_request_query_all(const struct berth_http_request *request, const char *key,
                                  struct berth_strv *values);
/* Docker's truth: absent is `missing`; "", "0", "no", "false", "none" are false, all else true. */
bool berth_http_request_query_bool(const struct berth_http_request *request, const char *key,
                                   bool missing);
const char *berth_http_request_header(const struct berth_http_request *request, const char *name);
const struct berth_http_peer *berth_http_request_peer(const struct berth_http_request *request);
/* The collected body, NUL-terminated ("" when there is none). */
const char *berth_http_request_body(const struct berth_http_request *request, size_t *ret_length);
/* The next bytes of a streamed body (BERTH_HTTP_STREAM_BODY); 0: its end. BERTH_E_CANCELLED: the
 * client went away. Blocks. */
ssize_t berth_http_request_read(struct berth_http_request *request, void *buffer, size_t size,
                                berth_error *err);
/* The same body as an fd: a pipe, the server's, -1 when the body is not streamed. */
int berth_http_request_body_fd(const struct berth_http_request *request);
/* True when the streamed body ended because the client went away. */
bool berth_http_request_cut(const struct berth_http_request *request);
/* The connection's fd for poll(2) with events 0: POLLHUP tells that the client went away. Still
 * the server's; valid until the handler returns. */
int berth_http_request_fd(const struct berth_http_request *request);
/* True when the client went away. */
bool berth_http_request_gone(const struct berth_http_request *request);

/* --- the answer ------------------------------------------------------------------------------ */
/* Adds a header to the answer that follows. */
void berth_http_respond_header(struct berth_http_request *request, const char *name,
                               const char *value);
/* A whole answer from a copy of body. A NULL type sends no Content-Type. For HEAD only the length
 * of the body is told. */
void berth_http_respond(struct berth_http_request *request, int status, const char *type,
                        const void *body, size_t length);
/* Same, but owns the malloc'ed text; NULL text becomes an empty body. */
void berth_http_respond_take(struct berth_http_request *request, int status, const char *type,
                             char *text);
/* A status without a body. */
void berth_http_respond_empty(struct berth_http_request *request, int status);
/* The status answered; 0: none yet. For `done`. */
int berth_http_request_status(const struct berth_http_request *request);

/* Begins a streamed answer: the head goes out at once; the connection ends with the answer.
 * BERTH_E_CANCELLED: the client went away. May block. */
int32_t berth_http_stream_start(struct berth_http_request *request, int status, const char *type,
                                berth_error *err);
/* Sends bytes, waiting while the client does not read. BERTH_E_CANCELLED: the client went away. */
int32_t berth_http_stream_write(struct berth_http_request *request, const void *data, size_t length,
                                berth_error *err);
/* Ends a streamed answer so that the client sees that it was cut off. */
void berth_http_stream_abort(struct berth_http_request *request);
/* True after berth_http_stream_start(): an error can no longer become a status. */
bool berth_http_stream_started(const struct berth_http_request *request);

/* Gets the raw connection: a blocking stream fd that is the callee's alone, and what the client
 * sent after its request. Called on the connection's thread after the handler returned. */
typedef void (*berth_http_hijacker)(void *context, int fd, const void *early, size_t length);
/* Hands the connection over when the handler has returned 0: answers 101 with `Upgrade: tcp` when
 * the client asked for an upgrade, else 200 without a length, both with this content type, then
 * calls hijacker. When that is not possible (the client went away) the hijacker gets fd -1. */
void berth_http_respond_hijack(struct berth_http_request *request, const char *type,
                               berth_http_hijacker hijacker, void *context);

#endif
