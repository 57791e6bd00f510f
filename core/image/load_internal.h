/* SPDX-License-Identifier: Apache-2.0
 *
 * One load: what the archive says (load_plan.c) and making it so (load.c).
 */
#ifndef BERTH_IMAGE_LOAD_INTERNAL_H
#define BERTH_IMAGE_LOAD_INTERNAL_H

#include "image/archive.h"
#include "oci/manifest.h"

#define BERTH_IMAGE_LOAD_IMAGES_MAX 1000 /* images in one archive */
#define BERTH_IMAGE_INDEX_DEPTH_MAX 4    /* indexes within indexes */

enum load_job_state { LOAD_JOB_WAITING, LOAD_JOB_DONE, LOAD_JOB_FAILED };

/* One layer to be there. */
struct load_job {
    struct load *load;
    char chain_id[BERTH_SHA256_HEX];
    char *diff_id;
    char *blob_digest; /* NULL: none was stated */
    int64_t offset, length;
    struct load_job *parent;   /* NULL: the lowest layer */
    enum load_job_state state; /* guarded by the manager's lock */
    int64_t last_progress;     /* monotonic */
};

/* One image to be entered. */
struct load_image {
    char *config_text;
    size_t config_length;
    struct berth_reference *references;
    size_t reference_count;
};

struct load {
    struct berth_image_manager *manager;
    const struct berth_image_watch *watch;
    struct berth_platform platform;
    struct berth_image_archive archive;
    struct load_image *images;
    size_t image_count;
    struct load_job **jobs; /* parents before children; pointers stay */
    size_t job_count;
    size_t next_job;    /* guarded by the manager's lock */
    atomic_bool failed; /* a job failed: all stop */
    berth_error error;  /* of the first that failed; guarded by the manager's lock */
    pthread_mutex_t progress_lock;
};

/* Reads the archive's documents into images and jobs. */
int berth_image_load_plan(struct load *load, berth_error *err);

#endif
