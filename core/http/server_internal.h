/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the server share.
 */
#ifndef BERTH_HTTP_SERVER_INTERNAL_H
#define BERTH_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/server.h"
#include "http/target.h"

struct berth_http_server {
    struct berth_http_config config;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t idle;  /* active fell to 0 */
    unsigned active;      /* requests between their first byte and `completed` */
    bool stopping;
    struct berth_http_request *streams; /* linked by next/previous: raw answers to cut at stop */
};

/* Hands a streamed request body from the connection's thread to the handler's. */
struct upload {
    int read_fd;          /* the handler's thread's */
    int write_fd;         /* the connection's thread's */
    atomic_bool aborted;  /* the connection broke before the body's end */
    atomic_bool finished; /* the handler returned */
    pthread_t thread;
    uint64_t dropped; /* bytes discarded after the handler returned */
};

struct berth_http_request {
    struct berth_http_server *server;
    struct MHD_Connection *connection;
    int fd; /* libmicrohttpd's */
    struct berth_http_peer peer;
    char *target; /* as it came */
    char *method;
    bool http10;
    bool seen; /* the access handler was called before */
    int tag;
    struct berth_http_target parsed;
    const struct berth_http_route *route;
    struct berth_http_params params;
    struct berth_buffer body;
    bool too_large;
    size_t body_dropped; /* bytes of a body over the limit, read and thrown away */
    struct upload *upload;
    /* the answer */
    int status;
    char *type;
    struct berth_strmap headers;
    char *answer;
    size_t answer_length;
    int raw; /* duplicate of fd that a stream or hijack writes to; -1: none */
    bool streaming;
    struct berth_http_request *next, *previous; /* in server->streams while raw >= 0 */
    berth_http_hijacker hijacker;
    void *hijack_context;
    int dead; /* the other end of what replaced fd */
};

/* Parses the target, asks the prepare hook, finds the route. */
int32_t berth_http_request_resolve(struct berth_http_request *request, berth_error *err);
/* Runs the handler; afterwards an answer is set. */
void berth_http_request_run(struct berth_http_request *request);
/* Sets the answer that the fail hook gives for err. */
void berth_http_request_fail(struct berth_http_request *request, const berth_error *err);

/* Takes the connection away from libmicrohttpd: its fd number becomes a dead socket, so that
 * whatever it does on closing (shutdown, close) does not reach the client. */
int32_t berth_http_request_detach(struct berth_http_request *request, berth_error *err);
/* Makes `raw`, the duplicate to write to. */
int32_t berth_http_request_open_raw(struct berth_http_request *request, berth_error *err);
/* Sends the answer that the handler set at once, past libmicrohttpd, and ends it. */
void berth_http_answer_raw(struct berth_http_request *request);
/* Ends a streamed answer properly and closes it. */
void berth_http_stream_finish(struct berth_http_request *request);
/* Writes all bytes to the raw fd. */
int32_t berth_http_raw_send(struct berth_http_request *request, const void *data, size_t length,
                            berth_error *err);
/* Writes a head made of the answer's status and headers and of `lines`. */
int32_t berth_http_raw_head(struct berth_http_request *request, int status, const char *reason,
                            const char *lines, berth_error *err);
/* Answers with the upgrade that ends in the hijacker. */
enum MHD_Result berth_http_hijack_queue(struct berth_http_request *request);

/* Streamed bodies: begin (runs the handler on a thread of its own), feed a piece, end (waits for
 * the handler). Feed false: give the connection up. */
int32_t berth_http_upload_begin(struct berth_http_request *request, berth_error *err);
bool berth_http_upload_feed(struct berth_http_request *request, const char *data, size_t length);
void berth_http_upload_end(struct berth_http_request *request, bool aborted);

#endif
