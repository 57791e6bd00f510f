/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/volume: the table of volumes. Everything here is called under manager->lock unless
 * said otherwise.
 */
#ifndef BERTH_VOLUME_INTERNAL_H
#define BERTH_VOLUME_INTERNAL_H

#include <pthread.h>

#include "base/cleanup.h"
#include "volume/volume.h"

#define VOLUME_KIND "volume"

struct volume {
    struct berth_volume object; /* as stored and shown */
    struct berth_strv users;    /* container ids */
};

struct berth_volume_manager {
    char *root; /* DATA_ROOT/volumes; constant */
    struct berth_store *store;
    struct berth_events *events;
    pthread_mutex_t lock; /* guards the rest */
    struct volume **volumes;
    size_t count;
};

/* NULL: unknown. */
struct volume *volume_find(struct berth_volume_manager *manager, const char *name);
/* A container uses it. */
static inline bool volume_in_use(const struct volume *volume)
{
    return volume->users.count > 0;
}
/* A new empty entry of the table; NULL: out of memory. */
struct volume *volume_table_add(struct berth_volume_manager *manager);
/* Frees the entry and takes it out of the table. */
void volume_table_remove(struct berth_volume_manager *manager, struct volume *volume);
/* Does it pass "key=value" filters? INVALID: "invalid filter 'x'". Returns 1, 0 or an error. */
int volume_matches(const struct volume *volume, const struct berth_strv *filters, berth_error *err);
/* INVALID: a filter that no volume could pass. */
int volume_filters_check(const struct berth_strv *filters, berth_error *err);
/* Bytes on the disk below path. Without the lock. */
int64_t volume_disk_usage(const char *path);
/* Takes volume away: row, table, directory, event. Releases manager->lock, which must be held. */
int volume_delete_unlock(struct berth_volume_manager *manager, struct volume *volume,
                         berth_error *err);

#endif
