/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the image manager, shared by the files of core/image.
 */
#ifndef BERTH_IMAGE_IMAGE_INTERNAL_H
#define BERTH_IMAGE_IMAGE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/image.h"
#include "image/stream.h"
#include "oci/digest.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "plugin/storage.h"
#include "store/store.h"

/* A committed layer. Guarded by the manager's lock; the texts never change. */
struct berth_image_layer {
    char chain_id[BERTH_SHA256_HEX];
    char parent[BERTH_SHA256_HEX]; /* chain ID; "": none */
    char diff_id[sizeof("sha256:") - 1 + BERTH_SHA256_HEX];
    int64_t size;     /* bytes of its files */
    int64_t tar_size; /* bytes of its tar */
    uint32_t users;   /* images, running loads, and layers that stand on it */
};

/* A chain ID that some load is making. */
struct berth_image_making {
    char chain_id[BERTH_SHA256_HEX];
    struct berth_image_making *next;
};

/* What never changes of an image; shared by its snapshots. */
struct berth_image_content {
    atomic_int references;
    char *id;
    char *config_text;
    size_t config_length;
    struct berth_image_config *config;
    struct berth_strv chain_ids;
    int64_t *layer_sizes;
    int64_t size;
    int64_t created;             /* Unix time */
    int64_t created_nanoseconds; /* the same, finer */
    char *parent;
};

/* A snapshot as handed out: the public struct first. */
struct berth_image_snapshot {
    struct berth_image image;
    atomic_int references;
    struct berth_image_content *content;
};

/* One name of an image. */
struct berth_image_name {
    char *text;     /* canonical */
    char *familiar; /* as shown */
    char *image_id;
    bool digest; /* NAME@DIGEST */
};

struct berth_image_manager {
    struct berth_image_manager_options options;
    uint32_t storage_caps;
    /* Kinds of rows in the store; each storage driver has images of its own. */
    char image_row[64];     /* id: "sha256:..." */
    char layer_row[64];     /* id: chain ID */
    char reference_row[64]; /* id: "docker.io/library/debian:12" or "...@sha256:..." */
    int root;               /* DATA_ROOT/image/DRIVER */
    int records;            /* in it: one folder a layer, by chain ID */
    atomic_uint next_temporary;

    pthread_mutex_t lock;              /* guards all below */
    pthread_cond_t changed;            /* a layer was made or failed, or a load ended */
    struct berth_image_layer **layers; /* sorted by chain ID */
    size_t layer_count;
    struct berth_image_making *making;
    struct berth_image **images; /* current snapshots, sorted by ID */
    size_t image_count;
    struct berth_image_name *names; /* sorted by text */
    size_t name_count;
    uint32_t running; /* loads and the like */
    berth_image_users_fn users;
    void *users_data;
};

/* ---- layer.c -------------------------------------------------------------------------------- */

/* Finds a layer; NULL: not there. The lock is held. */
struct berth_image_layer *berth_image_layer_find(struct berth_image_manager *manager,
                                                 const char *chain_id);
/* Reads all layer rows, compares them with what the driver has, and removes what a killed load
 * left. Only while opening. */
int berth_image_layers_open(struct berth_image_manager *manager, berth_error *err);
void berth_image_layers_free(struct berth_image_manager *manager);

/* Where the tar of a layer to be made stands. */
struct berth_image_layer_source {
    int fd;
    int64_t offset, length;
    const char *blob_digest; /* "sha256:..." of the stored bytes; NULL: not checked */
    const char *diff_id;     /* "sha256:..." of the plain tar */
};

/* What to make a layer from. */
struct berth_image_layer_job {
    struct berth_image_layer_source source;
    const char *chain_id;
    const char *parent; /* chain ID or "" */
    /* Waits until the parent is committed; negative: it never will. */
    int (*await_parent)(void *data, berth_error *err);
    void (*progress)(void *data, int64_t current, int64_t total);
    bool (*cancelled)(void *data);
    void *data;
};
/* Makes a layer from its tar, or waits for another thread that does. On success the caller holds it
 * (users + 1). */
int berth_image_layer_make(struct berth_image_manager *manager,
                           const struct berth_image_layer_job *job, berth_error *err);
/* Removes all layers without users that the driver lets go. Both results may be NULL: their chain
 * IDs are appended ("sha256:..."), their sizes added. */
void berth_image_layers_collect(struct berth_image_manager *manager, struct berth_strv *removed,
                                int64_t *bytes);
/* Lets go of a held layer. The lock is held. */
void berth_image_layer_release(struct berth_image_manager *manager, const char *chain_id);
/* Opens the folder of a layer's record; the fd is the caller's. */
int berth_image_record_open(struct berth_image_manager *manager, const char *chain_id, int *ret_fd,
                            berth_error *err);

/* ---- content.c ------------------------------------------------------------------------------ */

/* Makes the first snapshot of an image from its config; layers must be there. The lock is held. */
int berth_image_snapshot_new(struct berth_image_manager *manager, const char *config_text,
                             size_t config_length, const char *parent,
                             struct berth_image **ret_image, berth_error *err);
/* A fresh snapshot of the same content with the names of now. The lock is held. */
struct berth_image *berth_image_snapshot_again(struct berth_image_manager *manager,
                                               const struct berth_image *image,
                                               const char *last_tagged);
/* Index of an image by full ID; the count: not there. The lock is held. */
size_t berth_image_find(struct berth_image_manager *manager, const char *id);

/* Enters an image and holds its top layer; takes over the snapshot. The lock is held. */
int berth_image_insert(struct berth_image_manager *manager, struct berth_image *image,
                       berth_error *err);
/* Forgets an image. The lock is held. */
void berth_image_drop(struct berth_image_manager *manager, size_t index);
/* Replaces an image's snapshot after its names changed. last_tagged NULL: as it was. The lock is
 * held. */
void berth_image_refresh(struct berth_image_manager *manager, const char *id,
                         const char *last_tagged);

/* ---- names.c -------------------------------------------------------------------------------- */

/* Index of a name; the count: not there. The lock is held. */
size_t berth_image_name_find(struct berth_image_manager *manager, const char *text);
/* Gives or moves a name in memory (the store's row is the caller's business). The lock is held. */
int berth_image_name_set(struct berth_image_manager *manager,
                         const struct berth_reference *reference, const char *image_id,
                         berth_error *err);
void berth_image_name_remove(struct berth_image_manager *manager, size_t index);
void berth_image_names_free(struct berth_image_manager *manager);
/* Resolves what a user typed to the current snapshot, borrowed under the lock, which is held.
 * *ret_by_name: it was a name, not an ID; *ret_name then is its index. Both may be NULL. */
int berth_image_resolve(struct berth_image_manager *manager, const char *ref,
                        struct berth_image **ret_image, bool *ret_by_name, size_t *ret_name,
                        berth_error *err);

/* ---- list.c --------------------------------------------------------------------------------- */

/* Checked filters of list and prune. */
struct berth_image_filter {
    struct berth_strv labels, not_labels, references;
    int dangling;          /* -1: not asked for */
    int64_t before, since; /* nanoseconds since the epoch; 0: none */
    int64_t until;
};

/* Parses "key=value" items whose keys are in `allowed` (separated by spaces). */
int berth_image_filter_parse(struct berth_image_manager *manager, const struct berth_strv *items,
                             const char *allowed, struct berth_image_filter *ret_filter,
                             berth_error *err);
void berth_image_filter_done(struct berth_image_filter *filter);
/* Does the image have what labels and until ask for? */
bool berth_image_filter_matches(const struct berth_image_filter *filter,
                                const struct berth_image *image);
/* Holds of all current snapshots. */
int berth_image_all(struct berth_image_manager *manager, struct berth_image ***ret_images,
                    size_t *ret_count, berth_error *err);

/* ---- register.c ----------------------------------------------------------------------------- */

/* An image ready to be entered: its layers are held by the caller. */
struct berth_image_registration {
    const char *config_text;
    size_t config_length;
    const char *parent;                       /* image ID or NULL */
    const struct berth_reference *references; /* names to give, tagged */
    size_t reference_count;
};
/* Enters images in one transaction, all or none; publishes `action` ("load", "import"; NULL:
 * nothing). Ids: one for each, the caller's. */
int berth_image_register(struct berth_image_manager *manager,
                         const struct berth_image_registration *images, size_t count,
                         const char *action, struct berth_strv *ret_ids, berth_error *err);
/* Publishes an image event. `name`: attribute, or NULL. */
void berth_image_publish(struct berth_image_manager *manager, const char *action, const char *id,
                         const char *name);

/* Writes the row of a name. */
int berth_image_name_row_put(struct berth_image_manager *manager, const char *text,
                             const char *image_id, berth_error *err);
/* Writes the row of an image. */
int berth_image_row_put(struct berth_image_manager *manager, const struct berth_image *image,
                        berth_error *err);
/* Reads the rows of images and names. Only while opening. */
int berth_image_rows_read(struct berth_image_manager *manager, berth_error *err);

/* Begins and ends a long operation, which close waits for. */
void berth_image_enter(struct berth_image_manager *manager);
void berth_image_leave(struct berth_image_manager *manager);
/* An unnamed file in the data root for spooling; -1 with err. */
int berth_image_spool(struct berth_image_manager *manager, int *ret_fd, berth_error *err);

#endif
