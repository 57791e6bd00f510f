/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable state: JSON documents keyed by kind and id in one SQLite database. A write costs some
 * tens of microseconds and does no fsync on the caller's path: a background thread puts the
 * write-ahead log on the disk within a second. After a crash of the process nothing is lost; after
 * a power loss at most the last second, and never half a transaction.
 *
 * Everything may be called from any thread.
 */
#ifndef BERTH_STORE_STORE_H
#define BERTH_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct berth_store;

/* One document as list and get give it; the strings are valid during the callback only. */
struct berth_store_row {
    const char *kind; /* "container", "image", "network", ... */
    const char *id;
    const char *name;     /* "" when it has none */
    const char *document; /* JSON text */
    size_t length;        /* of document */
};

/* Opens or makes the database and brings its schema to this version. DATA: the file is not a
 * database or damaged; CONFLICT: another process has it open; UNSUPPORTED: a newer Berth wrote it;
 * FORBIDDEN, UNAVAILABLE: read-only, full. Starts the flusher thread. */
int32_t berth_store_open(const char *path, struct berth_store **ret_store, berth_error *err);
/* Flushes to the disk and closes. NULL is fine. */
void berth_store_close(struct berth_store *store);

/* Inserts or replaces the document (kind, id). name: unique in the kind unless NULL or ""
 * (CONFLICT). */
int32_t berth_store_put(struct berth_store *store, const char *kind, const char *id,
                        const char *name, const char *document, berth_error *err);
/* The document, the caller's to free. NOT_FOUND. */
int32_t berth_store_get(struct berth_store *store, const char *kind, const char *id,
                        char **ret_document, berth_error *err);
/* The id that has this name, the caller's to free. NOT_FOUND. */
int32_t berth_store_find(struct berth_store *store, const char *kind, const char *name,
                         char **ret_id, berth_error *err);
/* Deletes it; idempotent. */
int32_t berth_store_delete(struct berth_store *store, const char *kind, const char *id,
                           berth_error *err);
/* Calls visit for every document of the kind in the order of insertion; a negative return stops
 * and is returned (visit fills err). visit must not write to the store. */
int32_t berth_store_list(struct berth_store *store, const char *kind,
                         int32_t (*visit)(void *arg, const struct berth_store_row *row,
                                          berth_error *err),
                         void *arg, berth_error *err);

/* Key and value facts of the database itself. get: NOT_FOUND; the value is the caller's. */
int32_t berth_store_meta_get(struct berth_store *store, const char *key, char **ret_value,
                             berth_error *err);
/* value NULL deletes. */
int32_t berth_store_meta_set(struct berth_store *store, const char *key, const char *value,
                             berth_error *err);

/* Groups what this thread does until commit or rollback: all or nothing. Other threads wait
 * meanwhile. Nests; a rolled back inner one rolls back itself only. */
int32_t berth_store_begin(struct berth_store *store, berth_error *err);
/* On failure everything since begin is rolled back. */
int32_t berth_store_commit(struct berth_store *store, berth_error *err);
void berth_store_rollback(struct berth_store *store);

/* Returns when all that was written before the call is on the disk. */
int32_t berth_store_sync(struct berth_store *store, berth_error *err);
/* Looks for damage (PRAGMA quick_check). DATA with the first finding. Takes seconds on big
 * databases. */
int32_t berth_store_check(struct berth_store *store, berth_error *err);

#endif
