/* SPDX-License-Identifier: Apache-2.0
 *
 * Images as streams: load, import and save. Uploads come as a pipe; for save, whose manager writes
 * to an fd while answers are written by calls, a pipe and a second thread stand between.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "image/image.h"
#include "oci/container_config.h"

#define PIECE             (256 * 1024)
#define PIPE_SIZE         (1024 * 1024)
#define PROGRESS_INTERVAL (BERTH_NANOSECONDS / 10) /* between two progress lines */

/* An upload that was cut off explains a failure better than what its reader says. */
static int32_t explain(const struct berth_http_request *request, int32_t rc, berth_error *err)
{
    if (rc < 0 && berth_http_request_cut(request)) {
        return berth_error_set(err, BERTH_E_CANCELLED, 0,
                               "the client went away before the whole archive was sent");
    }
    return rc;
}

/* ---- progress ---- */

struct progress {
    struct berth_http_request *request;
    bool quiet;
    int64_t last; /* monotonic time of the last line */
    int32_t code; /* of the first failed write */
};

static struct json_object *progress_line(const struct berth_image_progress *step)
{
    struct json_object *line = json_object_new_object();
    if (line == NULL) {
        return NULL;
    }
    if (step->stream != NULL) {
        json_object_object_add(line, "stream", json_object_new_string(step->stream));
        return line;
    }
    struct json_object *detail = json_object_new_object();
    if (detail != NULL && (step->current > 0 || step->total > 0)) {
        json_object_object_add(detail, "current", json_object_new_int64(step->current));
        if (step->total > 0) {
            json_object_object_add(detail, "total", json_object_new_int64(step->total));
        }
    }
    json_object_object_add(line, "status",
                           json_object_new_string(step->status != NULL ? step->status : ""));
    json_object_object_add(line, "progressDetail", detail);
    if (step->id != NULL) {
        json_object_object_add(line, "id", json_object_new_string(step->id));
    }
    return line;
}

static void progress_send(struct progress *progress, struct json_object *line)
{
    berth_error err = BERTH_ERROR_INIT;
    if (progress->code == 0 && !berth_http_stream_started(progress->request)) {
        progress->code = berth_http_stream_start(progress->request, 200, JSON_TYPE, &err);
    }
    if (progress->code < 0) {
        json_object_put(line);
        return;
    }
    progress->code = berth_api_stream_json(progress->request, line, &err);
}

static void on_progress(void *data, const struct berth_image_progress *step)
{
    struct progress *progress = data;
    int64_t now = berth_time_monotonic();
    bool counting = step->stream == NULL && step->total > 0 && step->current < step->total;
    if ((progress->quiet && step->stream == NULL) ||
        (counting && now - progress->last < PROGRESS_INTERVAL)) {
        return;
    }
    progress->last = now;
    progress_send(progress, progress_line(step));
}

static bool is_cancelled(void *data)
{
    struct progress *progress = data;
    return progress->code < 0 || berth_http_request_gone(progress->request);
}

static struct berth_image_watch watch_of(struct progress *progress)
{
    return (struct berth_image_watch){
        .progress = on_progress, .cancelled = is_cancelled, .data = progress};
}

/* A failure after the first line becomes a line. */
static int32_t progress_end(struct progress *progress, int32_t rc, berth_error *err)
{
    if (rc < 0 && berth_http_stream_started(progress->request)) {
        berth_api_stream_error(progress->request, err);
    }
    return rc;
}

/* ---- handlers ---- */

int32_t berth_api_image_load(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv loaded = {0};
    struct progress progress = {.request = request,
                                .quiet = berth_http_request_query_bool(request, "quiet", false)};
    const struct berth_image_watch watch = watch_of(&progress);
    const char *platform = berth_http_request_query(request, "platform");
    int32_t rc =
        berth_image_load(berth_api_images(request), berth_http_request_body_fd(request),
                         berth_str_empty(platform) ? NULL : platform, &watch, &loaded, err);
    rc = explain(request, rc, err);
    if (rc == 0 && !berth_http_stream_started(request)) {
        rc = berth_http_stream_start(request, 200, JSON_TYPE, err);
    }
    return progress_end(&progress, rc, err);
}

static int32_t import_image(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv changes = {0};
    AUTO_FREE char *reference = NULL;
    AUTO_FREE char *id = NULL;
    struct progress progress = {.request = request};
    const struct berth_image_watch watch = watch_of(&progress);
    const char *repository = berth_http_request_query(request, "repo");
    const char *tag = berth_http_request_query(request, "tag");
    const char *platform = berth_http_request_query(request, "platform");
    if (!berth_str_empty(repository)) {
        reference =
            berth_str_empty(tag) ? strdup(repository) : berth_format("%s:%s", repository, tag);
    }
    if (!berth_http_request_query_all(request, "changes", &changes) ||
        (!berth_str_empty(repository) && reference == NULL)) {
        return berth_error_no_memory(err);
    }
    const struct berth_image_create wanted = {
        .layer_fd = berth_http_request_body_fd(request),
        .reference = reference,
        .changes = &changes,
        .comment = berth_http_request_query(request, "message"),
        .platform = berth_str_empty(platform) ? NULL : platform,
        .watch = &watch,
    };
    int32_t rc = berth_image_create(berth_api_images(request), &wanted, &id, err);
    rc = explain(request, rc, err);
    if (rc == 0) {
        const struct berth_image_progress step = {.status = id};
        progress_send(&progress, progress_line(&step));
        rc = progress.code;
    }
    return progress_end(&progress, rc, err);
}

/* Until registry drivers exist, only what is here already can be pulled. */
static int32_t pull_image(struct berth_http_request *request, const char *name, berth_error *err)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    const char *tag = berth_http_request_query(request, "tag");
    bool digest = tag != NULL && strchr(tag, ':') != NULL;
    bool complete = strchr(name, '@') != NULL;
    AUTO_FREE char *reference = complete || berth_str_empty(tag)
                                    ? strdup(name)
                                    : berth_format("%s%c%s", name, digest ? '@' : ':', tag);
    if (reference == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t rc = berth_image_lookup(berth_api_images(request), reference, &image, err);
    if (rc == BERTH_E_NOT_FOUND) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                               "cannot pull %s: Berth has no registry driver yet; load the image "
                               "from an archive (load -i FILE)",
                               reference);
    }
    if (rc < 0) {
        return rc;
    }
    AUTO_FREE char *status = berth_format("Status: Image is up to date for %s", reference);
    struct progress progress = {.request = request};
    const struct berth_image_progress step = {.status = status};
    progress_send(&progress, progress_line(&step));
    return progress.code;
}

int32_t berth_api_image_create(struct berth_http_request *request, berth_error *err)
{
    const char *image = berth_http_request_query(request, "fromImage");
    const char *source = berth_http_request_query(request, "fromSrc");
    if (!berth_str_empty(image)) {
        return pull_image(request, image, err);
    }
    if (source == NULL || strcmp(source, "-") != 0) {
        return berth_api_unsupported(err, "importing from a URL");
    }
    return import_image(request, err);
}

/* ---- save ---- */

static int32_t make_pipe(int ret_ends[2], berth_error *err)
{
    if (pipe2(ret_ends, O_CLOEXEC) < 0) {
        return berth_error_errno(err, errno, "making a pipe");
    }
    /* best effort: fewer wake-ups; refused above the user's pipe limits */
    (void)fcntl(ret_ends[0], F_SETPIPE_SZ, PIPE_SIZE);
    return 0;
}

struct save {
    struct berth_image_manager *images;
    const struct berth_strv *names;
    const char *platform;
    int write_fd;
    int32_t code;
    berth_error err;
};

static void *save_main(void *context)
{
    struct save *save = context;
    save->code = berth_image_save(save->images, save->names, save->platform, save->write_fd, NULL,
                                  &save->err);
    close(save->write_fd);
    return NULL;
}

/* Copies the pipe to the client until its end. */
static int32_t send_pipe(struct berth_http_request *request, int fd, berth_error *err)
{
    AUTO_FREE char *piece = malloc(PIECE);
    if (piece == NULL) {
        return berth_error_no_memory(err);
    }
    for (;;) {
        ssize_t got = read(fd, piece, PIECE);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "reading the archive");
        }
        int32_t rc = got > 0 ? berth_http_stream_write(request, piece, (size_t)got, err) : 0;
        if (rc < 0) {
            return rc;
        }
    }
}

static int32_t save_images(struct berth_http_request *request, const struct berth_strv *names,
                           berth_error *err)
{
    const char *platform = berth_http_request_query(request, "platform");
    struct save save = {.images = berth_api_images(request),
                        .names = names,
                        .platform = berth_str_empty(platform) ? NULL : platform,
                        .err = BERTH_ERROR_INIT};
    int ends[2];
    pthread_t thread;
    int32_t rc = berth_image_save_check(save.images, names, err);
    if (rc == 0) {
        rc = make_pipe(ends, err);
    }
    if (rc < 0) {
        return rc;
    }
    save.write_fd = ends[1];
    int failed = pthread_create(&thread, NULL, save_main, &save);
    if (failed != 0) {
        close(ends[0]);
        close(ends[1]);
        return berth_error_errno(err, failed, "starting a thread for the archive");
    }
    rc = berth_http_stream_start(request, 200, "application/x-tar", err);
    if (rc == 0) {
        rc = send_pipe(request, ends[0], err);
    }
    close(ends[0]);
    pthread_join(thread, NULL);
    if (rc == 0 && save.code < 0) {
        berth_log(BERTH_LOG_ERROR, "an archive was cut off: %s", save.err.msg);
        berth_http_stream_abort(request);
        rc = berth_error_move(err, &save.err);
    }
    return rc;
}

int32_t berth_api_image_save(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv names = {0};
    if (!berth_strv_add(&names, berth_http_request_param(request, "name"))) {
        return berth_error_no_memory(err);
    }
    return save_images(request, &names, err);
}

int32_t berth_api_image_save_many(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv names = {0};
    if (!berth_http_request_query_all(request, "names", &names)) {
        return berth_error_no_memory(err);
    }
    if (names.count == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "no image names were given");
    }
    return save_images(request, &names, err);
}
