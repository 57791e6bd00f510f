/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: what the manager does at open with containers of an earlier daemon.
 */
#ifndef BERTH_CONTAINER_RECOVER_H
#define BERTH_CONTAINER_RECOVER_H

#include "container/exec.h"

/* Loads the rows of this storage driver; all ids (of other drivers too) go to ret_known. */
int container_load_all(struct berth_container_manager *manager, struct berth_strv *ret_known,
                       berth_error *err);
/* Loads, adopts what runs, restores its network, removes what has no row. Nothing is restarted or
 * watched yet. */
int container_recover(struct berth_container_manager *manager, berth_error *err);
/* Finds the shim of an earlier daemon. Afterwards the container has a link (not watched yet), or an
 * end in `ret_exited` (returns 1), or nothing was there (0). */
int container_adopt(struct container *container, struct berth_shim_exited *ret_exited);
/* Removes directories, cgroups and roots whose id is not known. */
void container_collect_garbage(struct berth_container_manager *manager,
                               const struct berth_strv *known);
/* Execs of an adopted container. */
void container_adopt_execs(struct container *container);

#endif
