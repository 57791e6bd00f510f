/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of the Engine API. It connects on the first request, keeps one connection alive for
 * consecutive calls and opens more for those that stay open (attach, wait, events). It asks in the
 * newest version it knows and falls back when the daemon says that this is too new, so that no
 * round trip is spent on asking first. Not thread-safe.
 */
#ifndef BERTH_CLIENT_CLIENT_H
#define BERTH_CLIENT_CLIENT_H

#include <json-c/json_types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/string.h"
#include "client/context.h"
#include "http/client.h"

/* The newest API version whose answers the commands understand. */
#define BERTH_CLIENT_API_VERSION "1.51"
/* No answer that is read into memory whole is longer. */
#define BERTH_CLIENT_REPLY_MAX ((size_t)256 * 1024 * 1024)

struct berth_client;
struct json_tokener;

struct berth_request {
    const char *method;
    const char *target;                 /* "/containers/json?all=1", without the version */
    struct json_object *body;           /* sent as JSON; borrowed */
    const struct berth_strmap *headers; /* more header lines, or NULL */
    const char *content_type;           /* of a streamed body */
    berth_http_body_reader body_reader; /* a streamed body */
    void *body_context;
    bool upgrade;     /* ask for the connection itself (attach, exec) */
    bool unversioned; /* no /v1.x before the target */
};

/* An answer whose status was below 400. */
struct berth_reply {
    struct berth_client *client;
    struct berth_http_client *http;
    struct berth_http_reply head;
    bool upgrade, head_only;      /* of the request */
    struct berth_buffer pending;  /* read, not yet parsed: berth_reply_next() */
    struct json_tokener *tokener; /* of berth_reply_next() */
};

/* `product` is the word for the daemon in error sentences ("Docker", "Berth"). The client owns the
 * endpoint from now on, also on failure. `version` is DOCKER_API_VERSION or NULL; `headers` are
 * sent with each request (config.json's HttpHeaders), or NULL; copied. */
int32_t berth_client_new(struct berth_endpoint *endpoint, const char *product, const char *version,
                         const struct berth_strmap *headers, struct berth_client **ret_client,
                         berth_error *err);
void berth_client_free(struct berth_client *client);
const struct berth_endpoint *berth_client_endpoint(const struct berth_client *client);
/* The version that requests are made in now. Borrowed until the next request. */
const char *berth_client_version(const struct berth_client *client);

/* A new connection to the daemon for the caller's own use; the fd is the caller's. */
int32_t berth_client_connect(struct berth_client *client, int *ret_fd, berth_error *err);

/* Sends a request and waits for the answer's head. A status of 400 and more is an error with the
 * daemon's own message after "Error response from daemon: ", its class from the status. *ret_reply
 * is the caller's: berth_reply_done(). Blocks. */
int32_t berth_client_open(struct berth_client *client, const struct berth_request *request,
                          struct berth_reply *ret_reply, berth_error *err);

/* The two halves of open, for requests that are under way at the same time: begin sends on a
 * connection of its own, finish reads the head. begin needs a version that the daemon accepted
 * (any request before). */
int32_t berth_client_begin(struct berth_client *client, const struct berth_request *request,
                           struct berth_reply *ret_reply, berth_error *err);
int32_t berth_client_finish(struct berth_reply *reply, berth_error *err);

/* One request with a JSON answer; an empty answer gives NULL. ret_json may be NULL (then the
 * answer is read and dropped); the result is the caller's. */
int32_t berth_client_call(struct berth_client *client, const char *method, const char *target,
                          struct json_object *body, struct json_object **ret_json,
                          berth_error *err);

/* The whole rest of an answer as JSON. */
int32_t berth_reply_json(struct berth_reply *reply, struct json_object **ret_json,
                         berth_error *err);
/* The next JSON document of a stream of them. 1: *ret_json is the caller's; 0: the end. */
int32_t berth_reply_next(struct berth_reply *reply, struct json_object **ret_json,
                         berth_error *err);
/* Some bytes of the body, 0 at the end. */
ssize_t berth_reply_read(struct berth_reply *reply, void *buffer, size_t size, berth_error *err);
/* The fd and what was read already of a hijacked connection. */
int32_t berth_reply_hijack(struct berth_reply *reply, struct berth_buffer *early, int *ret_fd,
                           berth_error *err);
/* For poll(2) on the answer. */
int berth_reply_fd(const struct berth_reply *reply);
/* Ends it; the connection serves the next request when it can. */
void berth_reply_done(struct berth_reply *reply);

#endif
