/* SPDX-License-Identifier: Apache-2.0
 *
 * Images: load, import, save, tag, list, look up, remove, prune. One manager owns all images of a
 * data root; their layers live in one storage driver.
 *
 * `ref` is always what a user typed: a name with optional tag or digest, an image ID, or a unique
 * prefix of one. Unknown: BERTH_E_NOT_FOUND "No such image: REF"; malformed: BERTH_E_INVALID.
 *
 * Threads: everything may be called from any thread. What looks (lookup, list) reads immutable
 * snapshots and never waits for a load. The manager's lock is a leaf: nothing is called under it
 * but the store.
 */
#ifndef BERTH_IMAGE_IMAGE_H
#define BERTH_IMAGE_IMAGE_H

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"
#include "oci/image_config.h"

struct berth_store;  /* store/store.h */
struct berth_driver; /* plugin/plugin.h: the opened storage driver */
struct berth_events; /* event/event.h */

struct berth_image_manager;

/* ---- the manager ---------------------------------------------------------------------------- */

struct berth_image_manager_options {
    const char *data_root; /* records and spool files go to DATA_ROOT/image */
    struct berth_store *store;
    struct berth_driver *storage;
    struct berth_events *events; /* NULL: none are published */
};

/* Reads all images from the store and removes what a killed load left behind. Everything in
 * options is borrowed until close. */
int berth_image_manager_open(const struct berth_image_manager_options *options,
                             struct berth_image_manager **ret_manager, berth_error *err);
/* Waits for running loads. NULL is fine. */
void berth_image_manager_close(struct berth_image_manager *manager);

/* Is a container made from the image (with running == true: does one run)? If so, true and its
 * full ID. Called without the manager's lock, from any thread, between set_users and close. */
typedef bool (*berth_image_users_fn)(void *data, const char *image_id, bool running,
                                     char ret_container_id[65]);
/* Says whom to ask; NULL: nobody. */
void berth_image_manager_set_users(struct berth_image_manager *manager, berth_image_users_fn users,
                                   void *data);
/* Removes committed layers that neither an image nor a container needs: after containers of
 * removed images went. Cheap when there is nothing to do. */
void berth_image_manager_collect(struct berth_image_manager *manager);
/* How many images there are. */
size_t berth_image_manager_count(struct berth_image_manager *manager);

/* ---- looking -------------------------------------------------------------------------------- */

/* One image as it was when it was looked up; immutable, shared between threads, held by a count.
 * All strings are lower case hex where they are digests. */
struct berth_image {
    const char *id;          /* "sha256:..." */
    const char *config_text; /* the config document, byte for byte */
    size_t config_length;
    const struct berth_image_config *config;
    const struct berth_strv *chain_ids; /* hex without "sha256:", lowest first: storage's ids */
    const int64_t *layer_sizes;         /* bytes of content, one for each of chain_ids */
    const char *top_layer;              /* last of chain_ids; NULL: an image without layers */
    int64_t size;                       /* sum of layer_sizes */
    int64_t created;                    /* Unix time; 0: unknown */
    const char *parent;                 /* ID of the local image it was built on, or NULL */
    struct berth_strv repo_tags;        /* familiar, "debian:12", sorted */
    struct berth_strv repo_digests;     /* familiar, "debian@sha256:...", sorted */
    char *last_tagged;                  /* RFC 3339 with nanoseconds, or NULL */
    int64_t shared_size;                /* set by list when asked for, else -1 */
};

#define AUTO_IMAGE __attribute__((cleanup(berth_image_unref_pointer)))

/* Finds an image. The result is the caller's: unref. */
int berth_image_lookup(struct berth_image_manager *manager, const char *ref,
                       struct berth_image **ret_image, berth_error *err);
/* Another hold of the same snapshot. */
struct berth_image *berth_image_ref(struct berth_image *image);
/* Lets go of it; NULL is fine. */
void berth_image_unref(struct berth_image *image);
/* For AUTO_IMAGE. */
void berth_image_unref_pointer(struct berth_image **image);

struct berth_image_list_options {
    bool all;         /* with intermediate images: untagged ones with children */
    bool shared_size; /* fill shared_size */
    const struct berth_strv
        *filters; /* "dangling=true", "label=k[=v]", "label!=k[=v]", "since=REF",
                     "before=REF", "until=TIME", "reference=PATTERN"; a key may
                     repeat (reference: or, label: and); NULL: none */
};

/* Newest first. *ret_images is an array of *ret_count holds: berth_image_list_free(). INVALID: an
 * unknown filter ("invalid filter 'x'"). */
int berth_image_list(struct berth_image_manager *manager,
                     const struct berth_image_list_options *options,
                     struct berth_image ***ret_images, size_t *ret_count, berth_error *err);
void berth_image_list_free(struct berth_image **images, size_t count);

/* GET history: newest step first. */
struct berth_image_history_item {
    char *comment;
    int64_t created;
    char *created_by;
    char *id; /* the image's for the newest step, else "<missing>" */
    int64_t size;
    struct berth_strv tags;
};
extern const struct berth_json_table berth_image_history_item_table;
/* *ret_items: berth_json_list_done() with the table above. */
int berth_image_history(struct berth_image_manager *manager, const char *ref,
                        struct berth_json_list *ret_items, berth_error *err);

/* Bytes of all layers, each counted once (system df). */
int64_t berth_image_layers_size(struct berth_image_manager *manager);

/* ---- load, import, save --------------------------------------------------------------------- */

/* One step of a long operation. Calls of one operation do not overlap, but come from any thread;
 * they must not block for long. */
struct berth_image_progress {
    const char *id;     /* of the layer, 12 digits; NULL: the whole */
    const char *status; /* "Loading layer" ...; NULL with stream */
    const char *stream; /* a line of text with its newline, or NULL */
    int64_t current;
    int64_t total; /* 0: unknown */
};
typedef void (*berth_image_progress_fn)(void *data, const struct berth_image_progress *progress);
/* True: stop now (client gone). The operation then fails with BERTH_E_CANCELLED. */
typedef bool (*berth_image_cancelled_fn)(void *data);

struct berth_image_watch {
    berth_image_progress_fn progress;   /* NULL: none */
    berth_image_cancelled_fn cancelled; /* NULL: never */
    void *data;
};

/* Reads an archive made by `docker save` (any age), skopeo, podman or an OCI layout tar, itself and
 * its layers plain, gzip or zstd, from fd (a file, pipe or socket; borrowed) until its end. Nothing
 * of a failed load stays. Blocks; several may run at once. platform: "os/arch[/variant]", NULL: the
 * host's. *ret_loaded gets the familiar names loaded, and "sha256:..." for untagged images; the
 * lines "Loaded image: ..." are also given as progress streams. watch may be NULL. */
int berth_image_load(struct berth_image_manager *manager, int fd, const char *platform,
                     const struct berth_image_watch *watch, struct berth_strv *ret_loaded,
                     berth_error *err);
/* Same from a file by name. */
int berth_image_load_file(struct berth_image_manager *manager, const char *path,
                          struct berth_strv *ret_loaded, berth_error *err);

/* A new image from an optional parent, an optional layer and settings: import (no parent), commit
 * and build steps. */
struct berth_image_create {
    const char *parent;    /* image to stand on, or NULL */
    int layer_fd;          /* tar (plain, gzip, bzip2, xz, zstd) of the new layer; -1: none */
    const char *reference; /* name[:tag] for it, or NULL */
    const struct berth_container_config *config; /* NULL: the parent's or empty */
    const struct berth_strv *changes;            /* Dockerfile lines applied to config, or NULL */
    const char *author;
    const char *comment;
    const char *created_by; /* the command that made it */
    const char *container;  /* ID it was committed from, or NULL */
    const char *platform;   /* "os[/arch[/variant]]"; NULL: the parent's or the host's */
    const struct berth_image_watch *watch;
};
/* *ret_id: "sha256:...", the caller's to free. Blocks. */
int berth_image_create(struct berth_image_manager *manager,
                       const struct berth_image_create *request, char **ret_id, berth_error *err);

/* Writes an archive of the named images (name:tag, a name: all its tags, or ID) that Docker 1.10
 * and newer, podman and skopeo read: docker-archive and OCI layout in one. Layers are rebuilt byte
 * for byte and checked while they are written. fd: file, pipe or socket, borrowed. Blocks. */
int berth_image_save(struct berth_image_manager *manager, const struct berth_strv *refs,
                     const char *platform, int fd, const struct berth_image_watch *watch,
                     berth_error *err);
/* Checks that each of refs is there, so that a save can fail before its first byte. */
int berth_image_save_check(struct berth_image_manager *manager, const struct berth_strv *refs,
                           berth_error *err);
/* Writes the tar of one layer (a chain ID) byte for byte, checked against its diff ID. Blocks. */
int berth_image_layer_write(struct berth_image_manager *manager, const char *chain_id, int fd,
                            berth_error *err);

/* ---- names and removal ---------------------------------------------------------------------- */

/* Gives the image `source` the name `target` (tag defaults to latest; digests are refused). */
int berth_image_tag(struct berth_image_manager *manager, const char *source, const char *target,
                    berth_error *err);

/* One line of what a removal did: one of the two is set. */
struct berth_image_delete_item {
    char *untagged;
    char *deleted;
};
extern const struct berth_json_table berth_image_delete_item_table;

struct berth_image_remove {
    bool force;
    bool no_prune; /* keep untagged parents */
};
/* Docker's rules: a name is untagged and, when it was the last one, the image goes; an ID removes
 * the image with its names. CONFLICT with Docker's sentences. *ret_items: berth_json_list_done().
 */
int berth_image_remove(struct berth_image_manager *manager, const char *ref,
                       const struct berth_image_remove *options, struct berth_json_list *ret_items,
                       berth_error *err);

/* Removes images no container uses. filters: "dangling=true|false" (default true), "until=",
 * "label=", "label!="; NULL: none. */
int berth_image_prune(struct berth_image_manager *manager, const struct berth_strv *filters,
                      struct berth_json_list *ret_items, int64_t *ret_reclaimed, berth_error *err);

#endif
