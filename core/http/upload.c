/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamed request bodies. libmicrohttpd pushes pieces on the connection's thread; the handler,
 * on a thread of its own, pulls them. One piece at a time passes, without a copy of the whole, and
 * a slow handler holds the client back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/server_internal.h"

#define DROP_LIMIT (UINT64_C(64) << 20) /* bytes read after an early answer before hanging up */

static void *upload_main(void *context)
{
    struct berth_http_request *request = context;
    berth_http_request_run(request);
    struct upload *upload = request->upload;
    AUTO_LOCK(&upload->lock);
    upload->finished = true;
    pthread_cond_broadcast(&upload->change);
    return NULL;
}

int32_t berth_http_upload_begin(struct berth_http_request *request, berth_error *err)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&upload->lock, NULL);
    pthread_cond_init(&upload->change, NULL);
    request->upload = upload;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, request->server->config.stack_size);
    int failed = pthread_create(&upload->thread, &attributes, upload_main, request);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        pthread_cond_destroy(&upload->change);
        pthread_mutex_destroy(&upload->lock);
        free(upload);
        request->upload = NULL;
        return berth_error_errno(err, failed, "starting a thread for the upload");
    }
    return 0;
}

bool berth_http_upload_feed(struct berth_http_request *request, const char *data, size_t length)
{
    struct upload *upload = request->upload;
    AUTO_LOCK(&upload->lock);
    upload->data = data;
    upload->length = length;
    pthread_cond_broadcast(&upload->change);
    while (upload->length > 0 && !upload->finished) {
        pthread_cond_wait(&upload->change, &upload->lock);
    }
    if (!upload->finished) {
        return true;
    }
    /* The handler answered without reading on. Hanging up now could cost the client its answer,
     * so the rest is read and dropped for a while. */
    if (request->streaming) {
        berth_http_stream_finish(request);
    } else if (request->status != 0) {
        berth_http_answer_raw(request);
    }
    upload->dropped += upload->length;
    upload->length = 0;
    return upload->dropped < DROP_LIMIT;
}

void berth_http_upload_end(struct berth_http_request *request, bool aborted)
{
    struct upload *upload = request->upload;
    if (upload == NULL) {
        return;
    }
    pthread_mutex_lock(&upload->lock);
    upload->ended = true;
    upload->aborted = aborted;
    pthread_cond_broadcast(&upload->change);
    pthread_mutex_unlock(&upload->lock);
    pthread_join(upload->thread, NULL);
    pthread_cond_destroy(&upload->change);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
    request->upload = NULL;
}

ssize_t berth_http_request_read(struct berth_http_request *request, void *buffer, size_t size,
                                berth_error *err)
{
    struct upload *upload = request->upload;
    if (upload == NULL || size == 0) {
        return 0;
    }
    AUTO_LOCK(&upload->lock);
    while (upload->length == 0 && !upload->ended) {
        pthread_cond_wait(&upload->change, &upload->lock);
    }
    if (upload->length == 0 && upload->aborted) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0,
                               "the client went away before the whole body was sent");
    }
    size = size < upload->length ? size : upload->length;
    if (size > 0) {
        memcpy(buffer, upload->data, size);
        upload->data += size;
        upload->length -= size;
        if (upload->length == 0) {
            pthread_cond_broadcast(&upload->change);
        }
    }
    return (ssize_t)size;
}
