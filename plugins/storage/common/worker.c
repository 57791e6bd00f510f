/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog's background thread: syncs committed layers, deletes the trash.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#include "catalog.h"
#include "tree.h"

#define SYNC_AFTER_NS INT64_C(2000000000) /* one sync for layers that come together */

/* The ids of all unsynced layers, or NULL; the lock is held. */
static char (*collect_unsynced(struct catalog *catalog, size_t *ret_count))[ID_SIZE]
{
    size_t count = 0;
    char(*ids)[ID_SIZE] = NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = catalog->layers.buckets[i]; entry; entry = entry->next) {
            count += entry->unsynced;
        }
    }
    ids = count > 0 ? (char(*)[ID_SIZE])calloc(count, ID_SIZE) : NULL;
    *ret_count = 0;
    for (size_t i = 0; ids != NULL && i < BUCKETS; i++) {
        for (struct entry *entry = catalog->layers.buckets[i]; entry; entry = entry->next) {
            if (entry->unsynced) {
                memcpy(ids[(*ret_count)++], entry->id, ID_SIZE);
            }
        }
    }
    return ids;
}

/* Syncs, then takes the marks off what was committed before; the lock is held at begin and end. */
static void sync_round(struct catalog *catalog)
{
    size_t count;
    char name[ID_SIZE + 16];
    catalog->sync_wanted = false;
    catalog->sync_begun++;
    char(*ids)[ID_SIZE] = collect_unsynced(catalog, &count);
    pthread_mutex_unlock(&catalog->lock);
    int code = syncfs(catalog->root_fd) == 0 ? 0 : errno;
    for (size_t i = 0; code == 0 && i < count; i++) {
        snprintf(name, sizeof(name), "%s/unsynced", ids[i]);
        unlinkat(catalog->layers_fd, name, 0);
    }
    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; code == 0 && i < count; i++) {
        struct entry *entry = table_find(&catalog->layers, ids[i]);
        if (entry != NULL) {
            entry->unsynced = false;
        }
    }
    free(ids);
    catalog->sync_errno = code;
    catalog->sync_done = catalog->sync_begun;
    pthread_cond_broadcast(&catalog->synced);
    if (code != 0) {
        berth_logf(catalog->host, BERTH_HOST_LOG_ERROR, "cannot sync %s: %s", catalog->root,
                   strerrordesc_np(code));
    }
}

/* Deletes what is in the trash; the lock is held at begin and end. */
static void trash_round(struct catalog *catalog)
{
    catalog->trash_wanted = false;
    pthread_mutex_unlock(&catalog->lock);
    int code = tree_empty(catalog->trash_fd, &catalog->stopping);
    pthread_mutex_lock(&catalog->lock);
    if (code < 0 && code != -ECANCELED) {
        berth_logf(catalog->host, BERTH_HOST_LOG_WARN, "cannot empty %s/trash: %s", catalog->root,
                   strerrordesc_np(-code));
    }
}

static void *worker(void *arg)
{
    struct catalog *catalog = (struct catalog *)arg;
    struct timespec when = {0, 0};
    pthread_mutex_lock(&catalog->lock);
    while (!catalog->stopping) {
        if (catalog->trash_wanted) {
            trash_round(catalog);
        } else if (catalog->sync_waiters > 0) {
            sync_round(catalog);
            when = (struct timespec){0, 0};
        } else if (!catalog->sync_wanted) {
            pthread_cond_wait(&catalog->wake, &catalog->lock);
        } else if (when.tv_sec == 0) {
            clock_gettime(CLOCK_MONOTONIC, &when);
            when.tv_sec += SYNC_AFTER_NS / 1000000000;
        } else if (pthread_cond_timedwait(&catalog->wake, &catalog->lock, &when) == ETIMEDOUT) {
            sync_round(catalog);
            when = (struct timespec){0, 0};
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return NULL;
}

int32_t catalog_sync(struct catalog *catalog, berth_error *err)
{
    pthread_mutex_lock(&catalog->lock);
    uint64_t wanted = catalog->sync_begun + 1; /* a running round may have begun too early */
    catalog->sync_waiters++;
    pthread_cond_signal(&catalog->wake);
    while (catalog->sync_done < wanted) {
        pthread_cond_wait(&catalog->synced, &catalog->lock);
    }
    catalog->sync_waiters--;
    int code = catalog->sync_errno;
    pthread_mutex_unlock(&catalog->lock);
    return code == 0 ? 0 : BERTH_FAIL_ERRNO(err, code, "cannot sync %s", catalog->root);
}

int32_t catalog_worker_start(struct catalog *catalog, berth_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the host's */
    int code = pthread_create(&catalog->worker, NULL, worker, catalog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        return BERTH_FAIL_ERRNO(err, code, "cannot start the storage thread");
    }
    pthread_setname_np(catalog->worker, "storage");
    catalog->worker_runs = true;
    return 0;
}

void catalog_worker_stop(struct catalog *catalog)
{
    if (catalog->worker_runs) {
        pthread_mutex_lock(&catalog->lock);
        __atomic_store_n(&catalog->stopping, true, __ATOMIC_RELAXED);
        pthread_cond_signal(&catalog->wake);
        pthread_mutex_unlock(&catalog->lock);
        pthread_join(catalog->worker, NULL);
    }
}
