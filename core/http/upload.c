/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamed request bodies. libmicrohttpd pushes pieces on the connection's thread; the handler, on
 * a thread of its own, pulls them from a pipe, so a slow handler holds the client back, and one
 * that needs an fd (unpacking an archive) has one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/server_internal.h"

#define PIPE_SIZE  (1024 * 1024)
#define DROP_LIMIT (UINT64_C(64) << 20) /* bytes read after an early answer before hanging up */

static void *upload_main(void *context)
{
    struct berth_http_request *request = context;
    struct upload *upload = request->upload;
    berth_http_request_run(request);
    atomic_store(&upload->finished, true);
    close(TAKE_FD(upload->read_fd)); /* whoever still writes learns it by EPIPE */
    return NULL;
}

static int32_t open_pipe(struct upload *upload, berth_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return berth_error_errno(err, errno, "making a pipe for the upload");
    }
    /* best effort: fewer wake-ups; refused above the user's limit for pipes */
    (void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE);
    upload->read_fd = ends[0];
    upload->write_fd = ends[1];
    return 0;
}

int32_t berth_http_upload_begin(struct berth_http_request *request, berth_error *err)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t rc = open_pipe(upload, err);
    if (rc < 0) {
        free(upload);
        return rc;
    }
    request->upload = upload;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, request->server->config.stack_size);
    int failed = pthread_create(&upload->thread, &attributes, upload_main, request);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        close(upload->read_fd);
        close(upload->write_fd);
        free(upload);
        request->upload = NULL;
        return berth_error_errno(err, failed, "starting a thread for the upload");
    }
    return 0;
}

bool berth_http_upload_feed(struct berth_http_request *request, const char *data, size_t length)
{
    struct upload *upload = request->upload;
    while (length > 0 && !atomic_load(&upload->finished)) {
        ssize_t put = write(upload->write_fd, data, length);
        if (put < 0 && errno != EINTR && errno != EPIPE) {
            return false;
        }
        if (put > 0) {
            data += put;
            length -= (size_t)put;
        }
    }
    if (length == 0) {
        return true;
    }
    /* The handler answered without reading on. Hanging up now could cost the client its answer,
     * so the rest is read and dropped for a while. */
    if (request->streaming) {
        berth_http_stream_finish(request);
    } else if (request->status != 0) {
        berth_http_answer_raw(request);
    }
    upload->dropped += length;
    return upload->dropped < DROP_LIMIT;
}

void berth_http_upload_end(struct berth_http_request *request, bool aborted)
{
    struct upload *upload = request->upload;
    if (upload == NULL) {
        return;
    }
    atomic_store(&upload->aborted, aborted);
    close(upload->write_fd);
    pthread_join(upload->thread, NULL);
    free(upload);
    request->upload = NULL;
}

int berth_http_request_body_fd(const struct berth_http_request *request)
{
    return request->upload != NULL ? request->upload->read_fd : -1;
}

bool berth_http_request_cut(const struct berth_http_request *request)
{
    return request->upload != NULL && atomic_load(&request->upload->aborted);
}

ssize_t berth_http_request_read(struct berth_http_request *request, void *buffer, size_t size,
                                berth_error *err)
{
    struct upload *upload = request->upload;
    if (upload == NULL || size == 0) {
        return 0;
    }
    ssize_t got = 0;
    do {
        got = read(upload->read_fd, buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return berth_error_errno(err, errno, "reading the request body");
    }
    if (got == 0 && atomic_load(&upload->aborted)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0,
                               "the client went away before the whole body was sent");
    }
    return got;
}
