/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine on temporary roots in a network and mount namespace of its own, with a busybox image.
 */
#ifndef TEST_ENGINE_RIG_H
#define TEST_ENGINE_RIG_H

#include "container/container.h"
#include "engine/engine.h"

struct rig {
    char root[64], data[96], run[96];
    struct berth_engine *engine;
    struct berth_container_manager *containers;
};

/* Makes the namespaces; once, before any thread. */
void rig_namespaces(void);
/* Makes the roots; rig_open opens an engine on them and imports the image if it is missing. */
void rig_init(struct rig *rig);
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* Removes the roots. */
void rig_done(struct rig *rig);

/* Creates a container of `sh -c script`; host is the JSON of a HostConfig. The id is the caller's.
 */
char *rig_create(struct rig *rig, const char *name, const char *script, const char *host);
/* The same, started. */
char *rig_run(struct rig *rig, const char *name, const char *script, const char *host);
/* Blocks until the condition is true; its exit code. */
int rig_wait(struct rig *rig, const char *ref, const char *condition);
/* All of its log as raw text; the caller's. */
char *rig_logs(struct rig *rig, const char *ref, int64_t tail);
void rig_remove(struct rig *rig, const char *ref);
/* State.Status of inspect; the caller's. */
char *rig_status(struct rig *rig, const char *ref);

#endif
