/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of core/store share.
 */
#ifndef BERTH_STORE_STORE_INTERNAL_H
#define BERTH_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

/* Statements prepared once. */
enum statement {
    STATEMENT_PUT,
    STATEMENT_GET,
    STATEMENT_FIND,
    STATEMENT_DELETE,
    STATEMENT_LIST,
    STATEMENT_META_GET,
    STATEMENT_META_SET,
    STATEMENT_META_DELETE,
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_COUNT
};

struct berth_store {
    char *path;
    pthread_mutex_t lock; /* recursive; guards database, statements and depth */
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int depth;   /* of nested begin */
    int lock_fd; /* flock: one process at a time */

    /* the flusher, on a connection of its own */
    pthread_mutex_t flush_lock; /* guards all below; never held while `lock` is taken */
    pthread_cond_t flush_wake, flush_done;
    pthread_t flusher;
    sqlite3 *flush_database;
    int wal_fd;           /* of the write-ahead log */
    uint64_t written;     /* writes so far */
    uint64_t flushed;     /* of them on the disk */
    uint64_t rounds;      /* of flushing so far */
    int urgent;           /* callers that wait for a flush */
    int32_t flush_result; /* of the last round */
    berth_error flush_error;
    bool flusher_runs, stopping;
};

/* Turns an SQLite result into a berth_error; `what` says what was tried. */
int32_t store_fail(struct berth_store *store, sqlite3 *database, int code, const char *what,
                   berth_error *err);
/* schema.c: brings the database to this version's schema. */
int32_t store_migrate(struct berth_store *store, berth_error *err);
/* flush.c */
int32_t store_flusher_start(struct berth_store *store, berth_error *err);
void store_flusher_stop(struct berth_store *store);
/* Says that something was written: it will be flushed within a second. */
void store_written(struct berth_store *store);

#endif
