/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes: named and anonymous directories that outlive containers (driver "local":
 * DATA_ROOT/volumes/NAME/_data). Who uses a volume is told by core/container.
 *
 * Threads: everything may be called from any thread; one lock guards the table and is never held
 * over disk work other than the store's.
 */
#ifndef BERTH_VOLUME_VOLUME_H
#define BERTH_VOLUME_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"

struct berth_store;
struct berth_events;
struct berth_volume_manager;

#define BERTH_VOLUME_LABEL_ANONYMOUS "com.docker.volume.anonymous"

struct berth_volume_usage {
    int64_t size, ref_count; /* -1: not computed */
};

/* A volume as the API shows it. */
struct berth_volume {
    char *created_at; /* RFC 3339, seconds */
    char *driver;
    struct berth_strmap labels;
    char *mountpoint;
    char *name;
    struct berth_strmap options;
    char *scope;
    struct berth_volume_usage *usage; /* only when asked for */
};
extern const struct berth_json_table berth_volume_table;

/* POST /volumes/create. */
struct berth_volume_create {
    char *name;   /* NULL or "": a random one */
    char *driver; /* NULL: local */
    struct berth_strmap options, labels;
};
extern const struct berth_json_table berth_volume_create_table;

/* Loads the volumes of data_root from the store; what has a directory but no row is adopted with
 * its name. store and events are borrowed until close. */
int berth_volume_manager_open(const char *data_root, struct berth_store *store,
                              struct berth_events *events,
                              struct berth_volume_manager **ret_manager, berth_error *err);
/* NULL is fine. */
void berth_volume_manager_close(struct berth_volume_manager *manager);

/* Creates the volume, or finds the one of that name (same driver, else CONFLICT). INVALID: bad
 * name, unknown driver or option. *ret: berth_json_done(&berth_volume_table). */
int berth_volume_create(struct berth_volume_manager *manager,
                        const struct berth_volume_create *request, struct berth_volume *ret,
                        berth_error *err);
/* NOT_FOUND "get NAME: no such volume". */
int berth_volume_inspect(struct berth_volume_manager *manager, const char *name,
                         struct berth_volume *ret, berth_error *err);
/* Filters are "key=value" items: name, driver, label, dangling. usage: fill sizes (walks the
 * directories). *ret: a list of berth_volume sorted by name. */
int berth_volume_list(struct berth_volume_manager *manager, const struct berth_strv *filters,
                      bool usage, struct berth_json_list *ret, berth_error *err);
/* CONFLICT "remove NAME: volume is in use - [IDS]". force: unknown names are fine. */
int berth_volume_remove(struct berth_volume_manager *manager, const char *name, bool force,
                        berth_error *err);
/* POST /volumes/prune: unused anonymous ones, with filter all=true named ones too. */
int berth_volume_prune(struct berth_volume_manager *manager, const struct berth_strv *filters,
                       struct berth_strv *ret_names, int64_t *ret_bytes, berth_error *err);
int64_t berth_volume_count(struct berth_volume_manager *manager);

/* ---- for core/container --------------------------------------------------------------------- */

/* Marks the volume as used by a container (idempotent), so that it cannot be removed. */
int berth_volume_use(struct berth_volume_manager *manager, const char *name,
                     const char *container_id, berth_error *err);
void berth_volume_unuse(struct berth_volume_manager *manager, const char *name,
                        const char *container_id);
/* True for one that was made without a name. */
bool berth_volume_is_anonymous(struct berth_volume_manager *manager, const char *name);
/* What to mount, as an O_PATH fd of the volume's directory (or a detached mount, for options with a
 * type). The caller closes it. */
int berth_volume_mount(struct berth_volume_manager *manager, const char *name, int *ret_fd,
                       berth_error *err);
/* If the volume is empty: fills it with what stands at `path` in the tree under root_fd (a
 * container's root), owner and mode of the directory too. Nothing there is fine. Blocks. */
int berth_volume_copy_up(struct berth_volume_manager *manager, const char *name, int root_fd,
                         const char *path, berth_error *err);
/* The rule for names: [a-zA-Z0-9][a-zA-Z0-9_.-]+. */
bool berth_volume_name_valid(const char *name);

#endif
