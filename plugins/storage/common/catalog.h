/* SPDX-License-Identifier: Apache-2.0
 *
 * What overlay and vfs share: which layers and containers exist, on disk and in memory.
 *
 *   ROOT/layers/<id>/       a committed layer: "meta", "tree/", and "unsynced" until it is on disk
 *   ROOT/containers/<id>/   a container: "meta" and the driver's own folders
 *   ROOT/staging/<id>/      a layer being filled; "+<id>" a container being made
 *   ROOT/trash/             what is being deleted in the background
 *   ROOT/quarantine/        containers that a power loss left unreadable: never deleted by us
 *   ROOT/lock               one process at a time
 *
 * Everything appears by rename of a complete folder and disappears by rename into the trash, so a
 * crash at any moment leaves nothing half-done. A layer's data is synced in the background; until
 * then the file "unsynced" holds the boot's id, and a layer that still has another boot's is thrown
 * away at open: a power loss may have torn it.
 *
 * All functions may be called from any thread, unless they say otherwise.
 */
#ifndef STORAGE_CATALOG_H
#define STORAGE_CATALOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <berth/host.h>
#include <berth/storage.h>

#define ID_SIZE   129 /* longest id and its NUL */
#define BOOT_SIZE 40
#define BUCKETS   1024

enum entry_state {
    ENTRY_BUSY,    /* being made, committed or removed by one call */
    ENTRY_STAGING, /* a layer that core fills */
    ENTRY_READY
};

/* One layer or container in memory. */
struct entry {
    struct entry *next; /* in its bucket */
    struct entry *parent;
    char id[ID_SIZE], parent_id[ID_SIZE]; /* parent_id "": none */
    char boot[BOOT_SIZE];                 /* containers: the boot it was made in */
    unsigned users;                       /* layers and containers on top */
    enum entry_state state;
    bool unsynced;
};

struct table {
    struct entry *buckets[BUCKETS];
};

struct catalog {
    const berth_host *host;
    char *root;
    int root_fd, layers_fd, containers_fd, staging_fd, trash_fd, lock_fd;
    bool parent_first; /* a layer's parent must be committed before it is begun */
    char boot[BOOT_SIZE];

    pthread_mutex_t lock; /* guards all below */
    struct table layers, staging, containers;
    uint64_t trash_number;

    pthread_cond_t wake, synced; /* the worker */
    pthread_t worker;
    bool worker_runs, stopping, sync_wanted, trash_wanted;
    uint64_t sync_begun, sync_done; /* rounds */
    int sync_errno;                 /* of the last round */
    unsigned sync_waiters;
};

/* A container's layers, topmost first, and what was noted of it; free(layers). */
struct chain {
    char (*layers)[ID_SIZE];
    size_t count;
    char boot[BOOT_SIZE];
};

/* Opens or makes ROOT, throws away what a crash left, reads what there is, starts the worker. */
int32_t catalog_open(const berth_host *host, const char *root, bool parent_first,
                     struct catalog **ret_catalog, berth_error *err);
/* Stops the worker; unfinished deletions go on at the next open. NULL is fine. */
void catalog_close(struct catalog *catalog);

/* Begins a layer: ROOT/staging/<id> exists with its meta, *ret_fd is its folder. The driver adds
 * "tree" and then calls catalog_layer_filled (ok false: throws it away). */
int32_t catalog_layer_begin(struct catalog *catalog, const char *id, const char *parent,
                            int *ret_fd, berth_error *err);
void catalog_layer_filled(struct catalog *catalog, const char *id, bool ok);
int32_t catalog_layer_commit(struct catalog *catalog, const char *id, berth_error *err);
int32_t catalog_layer_abort(struct catalog *catalog, const char *id, berth_error *err);
int32_t catalog_layer_remove(struct catalog *catalog, const char *id, berth_error *err);
/* The "tree" of a committed layer, opened with `flags`. */
int32_t catalog_layer_open(struct catalog *catalog, const char *id, int flags, int *ret_fd,
                           berth_error *err);

/* Begins a container on `top` (NULL: none): *ret_fd is its future folder. The driver fills it and
 * then calls catalog_container_finish, which makes it appear (ok false: throws it away). */
int32_t catalog_container_begin(struct catalog *catalog, const char *id, const char *top,
                                int *ret_fd, berth_error *err);
int32_t catalog_container_finish(struct catalog *catalog, const char *id, bool ok,
                                 berth_error *err);
int32_t catalog_container_remove(struct catalog *catalog, const char *id, berth_error *err);
/* The container's folder (O_PATH) and, unless ret_chain is NULL, its layers. */
int32_t catalog_container_open(struct catalog *catalog, const char *id, int *ret_fd,
                               struct chain *ret_chain, berth_error *err);

/* berth_storage_ops.list */
int32_t catalog_list(struct catalog *catalog, berth_sink *sink, berth_error *err);
/* berth_storage_ops.sync */
int32_t catalog_sync(struct catalog *catalog, berth_error *err);
/* Facts that both drivers tell. */
int32_t catalog_status(struct catalog *catalog, berth_sink *sink, berth_error *err);

/* --- between catalog.c, load.c and worker.c --- */

/* NULL: not there. The lock is held for all three. */
struct entry *table_find(const struct table *table, const char *id);
/* A new zeroed entry, owned by the table; NULL: out of memory. */
struct entry *table_add(struct table *table, const char *id, const char *parent_id);
/* Takes the entry out and does not free it. */
void table_drop(struct table *table, struct entry *entry);
/* Frees all entries. */
void table_free(struct table *table);
/* ROOT/<from>/<name> into the trash; the lock is held. */
int catalog_discard(struct catalog *catalog, int from_fd, const char *name);
int32_t catalog_load(struct catalog *catalog, berth_error *err);
int32_t catalog_worker_start(struct catalog *catalog, berth_error *err);
void catalog_worker_stop(struct catalog *catalog);

#endif
