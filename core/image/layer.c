/* SPDX-License-Identifier: Apache-2.0
 *
 * Making layers: one thread makes a chain ID, others that want it wait for that thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/image_internal.h"
#include "image/implied.h"
#include "image/layer_row.h"
#include "image/record.h"
#include "image/unpack.h"
#include "linux/path.h"

/* Index of the first layer not below chain_id. */
static size_t lower_bound(const struct berth_image_manager *manager, const char *chain_id)
{
    size_t low = 0, high = manager->layer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(manager->layers[middle]->chain_id, chain_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct berth_image_layer *berth_image_layer_find(struct berth_image_manager *manager,
                                                 const char *chain_id)
{
    size_t index = lower_bound(manager, chain_id);
    return index < manager->layer_count && strcmp(manager->layers[index]->chain_id, chain_id) == 0
               ? manager->layers[index]
               : NULL;
}

int berth_image_layer_insert(struct berth_image_manager *manager,
                             const struct berth_image_layer *layer, berth_error *err)
{
    struct berth_image_layer *copy = malloc(sizeof(*copy));
    struct berth_image_layer **grown =
        realloc(manager->layers, (manager->layer_count + 1) * sizeof(*grown));
    if (grown != NULL) {
        manager->layers = grown;
    }
    if (copy == NULL || grown == NULL) {
        free(copy);
        return berth_error_no_memory(err);
    }
    *copy = *layer;
    size_t index = lower_bound(manager, layer->chain_id);
    memmove(&grown[index + 1], &grown[index], (manager->layer_count - index) * sizeof(*grown));
    grown[index] = copy;
    manager->layer_count++;
    return 0;
}

void berth_image_layer_drop(struct berth_image_manager *manager, const char *chain_id)
{
    size_t index = lower_bound(manager, chain_id);
    free(manager->layers[index]);
    manager->layer_count--;
    memmove(&manager->layers[index], &manager->layers[index + 1],
            (manager->layer_count - index) * sizeof(manager->layers[0]));
}

void berth_image_layer_release(struct berth_image_manager *manager, const char *chain_id)
{
    struct berth_image_layer *layer = berth_image_layer_find(manager, chain_id);
    if (layer != NULL && layer->users > 0) {
        layer->users--;
    }
}

static bool being_made(const struct berth_image_manager *manager, const char *chain_id)
{
    for (const struct berth_image_making *making = manager->making; making != NULL;
         making = making->next) {
        if (strcmp(making->chain_id, chain_id) == 0) {
            return true;
        }
    }
    return false;
}

void berth_image_making_begin(struct berth_image_manager *manager,
                              struct berth_image_making *making, const char *chain_id)
{
    memcpy(making->chain_id, chain_id, BERTH_SHA256_HEX);
    making->next = manager->making;
    manager->making = making;
}

void berth_image_making_end(struct berth_image_manager *manager, struct berth_image_making *making)
{
    struct berth_image_making **slot = &manager->making;
    while (*slot != making) {
        slot = &(*slot)->next;
    }
    *slot = making->next;
    pthread_cond_broadcast(&manager->changed);
}

int berth_image_record_open(struct berth_image_manager *manager, const char *chain_id, int *ret_fd,
                            berth_error *err)
{
    int fd = openat(manager->records, chain_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "layer %.12s has no record", chain_id);
    }
    *ret_fd = fd;
    return 0;
}

/* What one making thread works with. */
struct work {
    struct berth_image_manager *manager;
    const struct berth_image_layer_job *job;
    int staging;
    char record_name[32]; /* temporary */
    int record_dir;
    struct berth_image_stream *stream;
    struct berth_image_record_writer *record;
    struct berth_strv implied;
    struct berth_image_layer layer;
};

static bool consumed(void *data, int64_t bytes)
{
    const struct berth_image_layer_job *job = data;
    if (job->progress != NULL) {
        job->progress(job->data, bytes, job->source.length);
    }
    return job->cancelled != NULL && job->cancelled(job->data);
}

static int open_work(struct work *work, berth_error *err)
{
    struct berth_image_manager *manager = work->manager;
    const struct berth_image_layer_source *source = &work->job->source;
    const char *parent = work->job->parent[0] != '\0' ? work->job->parent : NULL;
    int code = berth_storage_layer_create(manager->options.storage, NULL, work->job->chain_id,
                                          parent, &work->staging, err);
    if (code < 0) {
        return code;
    }
    snprintf(work->record_name, sizeof(work->record_name), ".new-%u",
             atomic_fetch_add(&manager->next_temporary, 1));
    if (mkdirat(manager->records, work->record_name, 0700) < 0) {
        return berth_error_errno(err, errno, "cannot make the record of layer %.12s",
                                 work->job->chain_id);
    }
    work->record_dir = openat(manager->records, work->record_name,
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work->record_dir < 0) {
        return berth_error_errno(err, errno, "cannot open the record of layer %.12s",
                                 work->job->chain_id);
    }
    code = berth_image_record_begin(work->record_dir, &work->record, err);
    if (code < 0) {
        return code;
    }
    /* a plain blob's digest is its diff ID: hashed once */
    bool two = source->blob_digest != NULL && strcmp(source->blob_digest, source->diff_id) != 0;
    const struct berth_image_stream_options options = {
        .fd = source->fd,
        .offset = source->offset,
        .length = source->length,
        .flags =
            BERTH_IMAGE_STREAM_HASH_OUTPUT | (two ? (uint32_t)BERTH_IMAGE_STREAM_HASH_INPUT : 0),
        .consumed = consumed,
        .data = (void *)work->job,
    };
    return berth_image_stream_open(&options, &work->stream, err);
}

static int check_digests(struct work *work, berth_error *err)
{
    const struct berth_image_layer_source *source = &work->job->source;
    char input[BERTH_SHA256_HEX], output[BERTH_SHA256_HEX];
    berth_image_stream_digests(work->stream, input, output);
    if (strcmp(output, berth_oci_digest_hex(source->diff_id)) != 0) {
        return berth_error_set(err, BERTH_E_DATA, 0,
                               "wrong layer: its digest is sha256:%s, the image's config says %s",
                               output, source->diff_id);
    }
    if (source->blob_digest != NULL && strcmp(source->blob_digest, source->diff_id) != 0 &&
        strcmp(input, berth_oci_digest_hex(source->blob_digest)) != 0) {
        return berth_error_set(err, BERTH_E_DATA, 0,
                               "wrong layer: its digest is sha256:%s, the manifest says %s", input,
                               source->blob_digest);
    }
    return 0;
}

static int fill_layer(struct work *work, berth_error *err)
{
    const struct berth_image_unpack unpack = {
        .stream = work->stream,
        .root = work->staging,
        .delta = (work->manager->storage_caps & BERTH_STORAGE_DELTA) != 0,
        .record = work->record,
    };
    int code = berth_image_unpack(&unpack, &work->layer.size, &work->implied, err);
    if (code < 0) {
        return code;
    }
    code = berth_image_record_end(TAKE_PTR(work->record), err);
    if (code == 0) {
        code = check_digests(work, err);
    }
    work->layer.tar_size = berth_image_stream_given(work->stream);
    return code;
}

/* The driver's commit first: a layer without a row is removed at the next start. */
static int commit_layer(struct work *work, berth_error *err)
{
    struct berth_image_manager *manager = work->manager;
    const char *chain_id = work->job->chain_id;
    if ((manager->storage_caps & BERTH_STORAGE_DELTA) != 0) {
        int code = berth_image_implied_copy(manager, work->job->parent, work->staging,
                                            &work->implied, err);
        if (code < 0) {
            return code;
        }
    }
    close(TAKE_FD(work->staging));
    /* the record of an interrupted removal may be there still */
    int code = berth_linux_path_remove_tree(manager->records, chain_id, err);
    if (code == 0 &&
        renameat(manager->records, work->record_name, manager->records, chain_id) < 0) {
        code = berth_error_errno(err, errno, "cannot keep the record of layer %.12s", chain_id);
    }
    if (code < 0) {
        return code;
    }
    work->record_name[0] = '\0';
    code = berth_storage_layer_commit(manager->options.storage, NULL, chain_id, err);
    if (code == 0) {
        code = berth_image_layer_row_put(manager, &work->layer, err);
        if (code < 0) {
            berth_storage_layer_remove(manager->options.storage, NULL, chain_id, NULL);
        }
    }
    if (code < 0) {
        berth_linux_path_remove_tree(manager->records, chain_id, NULL);
    }
    return code;
}

static void close_work(struct work *work, bool failed)
{
    struct berth_image_manager *manager = work->manager;
    berth_image_stream_close(work->stream);
    berth_image_record_abort(work->record);
    berth_strv_done(&work->implied);
    if (work->staging >= 0) {
        close(work->staging);
    }
    if (work->record_dir >= 0) {
        close(work->record_dir);
    }
    if (failed) {
        berth_storage_layer_abort(manager->options.storage, NULL, work->job->chain_id, NULL);
        if (work->record_name[0] != '\0') {
            berth_linux_path_remove_tree(manager->records, work->record_name, NULL);
        }
    }
}

static int make(struct work *work, berth_error *err)
{
    const struct berth_image_layer_job *job = work->job;
    bool parent_first = (work->manager->storage_caps & BERTH_STORAGE_PARENT_FIRST) != 0;
    int code = parent_first ? job->await_parent(job->data, err) : 0;
    if (code == 0) {
        code = open_work(work, err);
    }
    if (code == 0) {
        code = fill_layer(work, err);
    }
    if (code == 0 && !parent_first) {
        code = job->await_parent(job->data, err);
    }
    return code == 0 ? commit_layer(work, err) : code;
}

/* Enters a made layer; the caller holds it. The lock is held. */
static int enter_layer(struct work *work, berth_error *err)
{
    struct berth_image_manager *manager = work->manager;
    work->layer.users = 1;
    int code = berth_image_layer_insert(manager, &work->layer, err);
    struct berth_image_layer *parent = berth_image_layer_find(manager, work->layer.parent);
    if (code == 0 && parent != NULL) {
        parent->users++;
    }
    return code;
}

int berth_image_layer_make(struct berth_image_manager *manager,
                           const struct berth_image_layer_job *job, berth_error *err)
{
    struct berth_image_making making;
    {
        AUTO_LOCK(&manager->lock);
        while (being_made(manager, job->chain_id)) {
            pthread_cond_wait(&manager->changed, &manager->lock);
        }
        struct berth_image_layer *layer = berth_image_layer_find(manager, job->chain_id);
        if (layer != NULL) {
            layer->users++;
            return 0;
        }
        berth_image_making_begin(manager, &making, job->chain_id);
    }
    struct work work = {.manager = manager, .job = job, .staging = -1, .record_dir = -1};
    snprintf(work.layer.chain_id, sizeof(work.layer.chain_id), "%s", job->chain_id);
    snprintf(work.layer.parent, sizeof(work.layer.parent), "%s", job->parent);
    snprintf(work.layer.diff_id, sizeof(work.layer.diff_id), "%s", job->source.diff_id);
    int code = make(&work, err);
    close_work(&work, code < 0);
    AUTO_LOCK(&manager->lock);
    if (code == 0) {
        code = enter_layer(&work, err);
    }
    berth_image_making_end(manager, &making);
    return code;
}
