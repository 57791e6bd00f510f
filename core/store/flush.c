/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts what callers wrote on the disk, within a second and off their path. Callers append to the
 * write-ahead log without sync. The flusher syncs that file; when it has grown it also moves its
 * pages into the database (a checkpoint, with the syncs that keep the database whole) and then
 * makes one small write itself: the first write after a whole checkpoint starts the log over, and
 * there SQLite syncs the log's new header before it goes on. This way that sync falls on the
 * flusher; only a caller that happens to write in between pays it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/string.h"
#include "base/time.h"
#include "store/store_internal.h"

#define FLUSH_AFTER_NS   (BERTH_NANOSECONDS / 2)
#define CHECKPOINT_BYTES (2 * 1024 * 1024) /* size of the log that starts a checkpoint */

void store_written(struct berth_store *store)
{
    AUTO_LOCK(&store->flush_lock);
    if (store->written++ == store->flushed) {
        pthread_cond_signal(&store->flush_wake);
    }
}

/* The checkpoint and the write that starts the log over. */
static int32_t checkpoint(struct berth_store *store, berth_error *err)
{
    static const char start_over[] = "INSERT INTO meta (key, value) VALUES ('checkpoint', "
                                     "strftime('%s', 'now')) ON CONFLICT (key) DO UPDATE SET "
                                     "value = excluded.value";
    int code = sqlite3_wal_checkpoint_v2(store->flush_database, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                         NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(store->flush_database, start_over, NULL, NULL, NULL);
    }
    return code == SQLITE_OK || code == SQLITE_BUSY
               ? 0
               : store_fail(store, store->flush_database, code, "cannot flush", err);
}

static int32_t flush(struct berth_store *store, berth_error *err)
{
    struct stat status;
    if (fdatasync(store->wal_fd) != 0) {
        return berth_error_errno(err, errno, "%s: cannot flush", store->path);
    }
    if (fstat(store->wal_fd, &status) == 0 && status.st_size > CHECKPOINT_BYTES) {
        return checkpoint(store, err);
    }
    return 0;
}

/* Waits for work; then for half a second more, so that one sync serves many writes, unless
 * somebody waits for it. The lock is held. */
static void wait_for_work(struct berth_store *store)
{
    while (store->written == store->flushed && store->urgent == 0 && !store->stopping) {
        pthread_cond_wait(&store->flush_wake, &store->flush_lock);
    }
    int64_t until = berth_time_monotonic() + FLUSH_AFTER_NS;
    struct timespec limit = {until / BERTH_NANOSECONDS, until % BERTH_NANOSECONDS};
    int code = 0;
    while (!store->stopping && store->urgent == 0 && code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&store->flush_wake, &store->flush_lock, &limit);
    }
}

static void *flusher(void *arg)
{
    struct berth_store *store = arg;
    pthread_mutex_lock(&store->flush_lock);
    for (bool last = false; !last;) {
        berth_error err = BERTH_ERROR_INIT;
        wait_for_work(store);
        last = store->stopping;
        uint64_t target = store->written;
        pthread_mutex_unlock(&store->flush_lock);
        int32_t result = flush(store, &err);
        pthread_mutex_lock(&store->flush_lock);
        if (result < 0 && store->flush_result == 0) {
            berth_log(BERTH_LOG_ERROR, "%s", err.msg);
        }
        store->flush_result = result;
        store->flush_error = err;
        store->flushed = target;
        store->rounds++;
        pthread_cond_broadcast(&store->flush_done);
    }
    pthread_mutex_unlock(&store->flush_lock);
    return NULL;
}

int32_t berth_store_sync(struct berth_store *store, berth_error *err)
{
    AUTO_LOCK(&store->flush_lock);
    uint64_t target = store->written, round = store->rounds;
    if (store->flushed == target && store->flush_result == 0) {
        return 0;
    }
    store->urgent++;
    pthread_cond_signal(&store->flush_wake);
    /* a round that runs already may have begun before the last write: its target tells */
    while (store->flushed < target || store->rounds == round) {
        pthread_cond_wait(&store->flush_done, &store->flush_lock);
    }
    store->urgent--;
    return store->flush_result == 0 ? 0 : berth_error_move(err, &store->flush_error);
}

static int32_t open_files(struct berth_store *store, berth_error *err)
{
    AUTO_FREE char *wal = berth_format("%s-wal", store->path);
    if (wal == NULL) {
        return berth_error_no_memory(err);
    }
    int code = sqlite3_open_v2(store->path, &store->flush_database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(store->flush_database, 1000);
        /* reading makes the connection open the log, so that the file exists */
        code = sqlite3_exec(store->flush_database,
                            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; "
                            "SELECT count(*) FROM meta",
                            NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        return store_fail(store, store->flush_database, code, "cannot open the database", err);
    }
    /* SQLite's record locks are on other files, so that closing this fd drops none of them */
    store->wal_fd = open(wal, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return store->wal_fd >= 0 ? 0 : berth_error_errno(err, errno, "cannot open %s", wal);
}

int32_t store_flusher_start(struct berth_store *store, berth_error *err)
{
    pthread_condattr_t monotonic;
    int32_t result = open_files(store, err);
    if (result < 0) {
        return result;
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->flush_wake, &monotonic);
    pthread_cond_init(&store->flush_done, NULL);
    pthread_condattr_destroy(&monotonic);
    int code = pthread_create(&store->flusher, NULL, flusher, store);
    if (code != 0) {
        return berth_error_errno(err, code, "cannot start the flusher thread");
    }
    pthread_setname_np(store->flusher, "store");
    store->flusher_runs = true;
    return 0;
}

void store_flusher_stop(struct berth_store *store)
{
    if (store->flusher_runs) {
        pthread_mutex_lock(&store->flush_lock);
        store->stopping = true;
        pthread_cond_signal(&store->flush_wake);
        pthread_mutex_unlock(&store->flush_lock);
        pthread_join(store->flusher, NULL);
        pthread_cond_destroy(&store->flush_wake);
        pthread_cond_destroy(&store->flush_done);
    }
    sqlite3_close(store->flush_database);
    if (store->wal_fd >= 0) {
        close(store->wal_fd);
    }
}
