/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: a few threads make the layers of all images of an archive, then all images are entered
 * at once. Whatever fails, nothing stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "image/load_internal.h"

#define THREADS_MAX       4                        /* more than the disk takes */
#define PROGRESS_INTERVAL (BERTH_NANOSECONDS / 10) /* between two reports of one layer */

static void report(struct load *load, const struct berth_image_progress *progress)
{
    if (load->watch != NULL && load->watch->progress != NULL) {
        AUTO_LOCK(&load->progress_lock);
        load->watch->progress(load->watch->data, progress);
    }
}

static void job_progress(void *data, int64_t current, int64_t total)
{
    struct load_job *job = data;
    int64_t now = berth_time_monotonic();
    if (current < total && now - job->last_progress < PROGRESS_INTERVAL) {
        return;
    }
    job->last_progress = now;
    char id[13];
    snprintf(id, sizeof(id), "%.12s", berth_oci_digest_hex(job->diff_id));
    report(job->load, &(struct berth_image_progress){
                          .id = id, .status = "Loading layer", .current = current, .total = total});
}

static bool job_cancelled(void *data)
{
    const struct load *load = ((const struct load_job *)data)->load;
    return atomic_load(&load->failed) || (load->watch != NULL && load->watch->cancelled != NULL &&
                                          load->watch->cancelled(load->watch->data));
}

/* The parent's job was taken by a thread before this one was: it ends. */
static int job_await_parent(void *data, berth_error *err)
{
    struct load_job *job = data;
    struct berth_image_manager *manager = job->load->manager;
    AUTO_LOCK(&manager->lock);
    while (job->parent != NULL && job->parent->state == LOAD_JOB_WAITING) {
        pthread_cond_wait(&manager->changed, &manager->lock);
    }
    return job->parent == NULL || job->parent->state == LOAD_JOB_DONE
               ? 0
               : berth_error_set(err, BERTH_E_CANCELLED, 0, "a lower layer failed");
}

static void run_job(struct load_job *job)
{
    struct load *load = job->load;
    const struct berth_image_layer_job make = {
        .source = {.fd = load->archive.fd,
                   .offset = job->offset,
                   .length = job->length,
                   .blob_digest = job->blob_digest,
                   .diff_id = job->diff_id},
        .chain_id = job->chain_id,
        .parent = job->parent != NULL ? job->parent->chain_id : "",
        .await_parent = job_await_parent,
        .progress = job_progress,
        .cancelled = job_cancelled,
        .data = job,
    };
    berth_error err = BERTH_ERROR_INIT;
    int code = berth_image_layer_make(load->manager, &make, &err);
    AUTO_LOCK(&load->manager->lock);
    job->state = code == 0 ? LOAD_JOB_DONE : LOAD_JOB_FAILED;
    if (code < 0 && !atomic_exchange(&load->failed, true)) {
        load->error = err;
    }
    pthread_cond_broadcast(&load->manager->changed);
}

static struct load_job *next_job(struct load *load)
{
    AUTO_LOCK(&load->manager->lock);
    if (load->next_job == load->job_count) {
        return NULL;
    }
    struct load_job *job = load->jobs[load->next_job++];
    if (atomic_load(&load->failed)) {
        job->state = LOAD_JOB_FAILED;
        pthread_cond_broadcast(&load->manager->changed);
    }
    return job;
}

static void *work(void *data)
{
    struct load *load = data;
    for (struct load_job *job; (job = next_job(load)) != NULL;) {
        if (job->state == LOAD_JOB_WAITING) {
            run_job(job);
        }
    }
    return NULL;
}

/* This thread works too, so that a load goes on even when no thread can be made. */
static int run_jobs(struct load *load, berth_error *err)
{
    pthread_t threads[THREADS_MAX];
    size_t started = 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted =
        processors > THREADS_MAX ? THREADS_MAX : (size_t)(processors > 1 ? processors : 1);
    while (started + 1 < wanted && started + 1 < load->job_count &&
           pthread_create(&threads[started], NULL, work, load) == 0) {
        started++;
    }
    work(load);
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return atomic_load(&load->failed) ? berth_error_move(err, &load->error) : 0;
}

static void release_jobs(struct load *load)
{
    AUTO_LOCK(&load->manager->lock);
    for (size_t i = 0; i < load->job_count; i++) {
        if (load->jobs[i]->state == LOAD_JOB_DONE) {
            berth_image_layer_release(load->manager, load->jobs[i]->chain_id);
        }
    }
}

/* Reports one line of text and frees it; NULL is fine. */
static void report_line(struct load *load, char *line)
{
    if (line != NULL) {
        report(load, &(struct berth_image_progress){.stream = line});
    }
    free(line);
}

/* Docker says which images are about to lose their name. */
static void report_renames(struct load *load, const struct load_image *image)
{
    char hex[BERTH_SHA256_HEX];
    if (berth_oci_sha256_of(image->config_text, image->config_length, hex, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < image->reference_count; i++) {
        AUTO_FREE char *familiar = berth_oci_reference_familiar(&image->references[i]);
        AUTO_IMAGE struct berth_image *old = NULL;
        if (familiar != NULL && berth_image_lookup(load->manager, familiar, &old, NULL) == 0 &&
            strcmp(berth_oci_digest_hex(old->id), hex) != 0) {
            report_line(load, berth_format("The image %s already exists, renaming the old one with "
                                           "ID %s to empty string\n",
                                           familiar, old->id));
        }
    }
}

static int report_loaded(struct load *load, const struct berth_strv *ids, struct berth_strv *loaded,
                         berth_error *err)
{
    for (size_t i = 0; i < load->image_count; i++) {
        const struct load_image *image = &load->images[i];
        for (size_t j = 0; j < image->reference_count; j++) {
            char *familiar = berth_oci_reference_familiar(&image->references[j]);
            if (!berth_strv_take(loaded, familiar)) {
                return berth_error_no_memory(err);
            }
            report_line(load, berth_format("Loaded image: %s\n", familiar));
        }
        if (image->reference_count == 0) {
            if (!berth_strv_add(loaded, ids->items[i])) {
                return berth_error_no_memory(err);
            }
            report_line(load, berth_format("Loaded image ID: %s\n", ids->items[i]));
        }
    }
    return 0;
}

static int enter_images(struct load *load, struct berth_strv *loaded, berth_error *err)
{
    AUTO_FREE struct berth_image_registration *registrations =
        calloc(load->image_count + 1, sizeof(*registrations));
    if (registrations == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < load->image_count; i++) {
        const struct load_image *image = &load->images[i];
        report_renames(load, image);
        registrations[i] = (struct berth_image_registration){
            .config_text = image->config_text,
            .config_length = image->config_length,
            .references = image->references,
            .reference_count = image->reference_count,
        };
    }
    AUTO_STRV struct berth_strv ids = {NULL, 0};
    int code =
        berth_image_register(load->manager, registrations, load->image_count, "load", &ids, err);
    return code < 0 ? code : report_loaded(load, &ids, loaded, err);
}

static void done(struct load *load)
{
    release_jobs(load);
    for (size_t i = 0; i < load->job_count; i++) {
        free(load->jobs[i]->diff_id);
        free(load->jobs[i]->blob_digest);
        free(load->jobs[i]);
    }
    free(load->jobs);
    for (size_t i = 0; i < load->image_count; i++) {
        for (size_t j = 0; j < load->images[i].reference_count; j++) {
            berth_oci_reference_done(&load->images[i].references[j]);
        }
        free(load->images[i].references);
        free(load->images[i].config_text);
    }
    free(load->images);
    berth_image_archive_close(&load->archive);
    pthread_mutex_destroy(&load->progress_lock);
}

int berth_image_load(struct berth_image_manager *manager, int fd, const char *platform,
                     const struct berth_image_watch *watch, struct berth_strv *ret_loaded,
                     berth_error *err)
{
    struct load load = {.manager = manager, .watch = watch, .archive = {.fd = -1}};
    struct berth_strv loaded = {NULL, 0};
    int code = 0;
    if (!berth_str_empty(platform)) {
        code = berth_oci_platform_parse(platform, &load.platform, err);
    } else {
        berth_oci_platform_host(&load.platform);
    }
    if (code < 0) {
        return code;
    }
    pthread_mutex_init(&load.progress_lock, NULL);
    berth_image_enter(manager);
    code = berth_image_archive_open(manager, fd, watch, &load.archive, err);
    if (code == 0) {
        code = berth_image_load_plan(&load, err);
    }
    if (code == 0) {
        code = run_jobs(&load, err);
    }
    if (code == 0) {
        code = enter_images(&load, &loaded, err);
    }
    done(&load);
    if (code < 0) {
        berth_strv_done(&loaded);
        berth_image_layers_collect(manager, NULL, NULL);
    } else {
        *ret_loaded = loaded;
    }
    berth_image_leave(manager);
    return code;
}

int berth_image_load_file(struct berth_image_manager *manager, const char *path,
                          struct berth_strv *ret_loaded, berth_error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open %s", path);
    }
    return berth_image_load(manager, fd, NULL, NULL, ret_loaded, err);
}
