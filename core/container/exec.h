/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: exec sessions. A session is known until five minutes after its end or
 * until its container goes.
 */
#ifndef BERTH_CONTAINER_EXEC_H
#define BERTH_CONTAINER_EXEC_H

#include "container/internal.h"
#include "container/spec.h"
#include "oci/exec_config.h"

struct exec {
    char id[BERTH_ID_LENGTH + 1]; /* constant, as container and config */
    struct container *container;  /* a reference */
    struct berth_exec_config config;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    uint32_t key_count;
    atomic_uint references;

    pthread_mutex_t lock; /* guards the rest; as container->lock in the order */
    bool started, running, has_exit_code;
    int32_t exit_code, pid;
    struct link *link;
};

/* One more reference; and one less (NULL is fine). */
struct exec *exec_ref(struct exec *exec);
void exec_unref(struct exec *exec);
static inline void cleanup_exec(struct exec **exec)
{
    exec_unref(*exec);
}
#define AUTO_EXEC AUTO(cleanup_exec)

/* An empty session in the manager's table; the caller has a reference of its own. */
int exec_add(struct container *container, const char *id, struct exec **ret_exec, berth_error *err);
int exec_find(struct berth_container_manager *manager, const char *id, struct exec **ret_exec,
              berth_error *err);
void exec_remove(struct exec *exec);
/* EXEC_ROOT/containers/ID/exec/EXECID, the caller's to free. */
char *exec_state_dir(const struct exec *exec);
/* Runs the session's shim; on failure the exit code is recorded. */
int exec_launch(struct exec *exec, const struct berth_container_exec_start *options,
                const struct berth_container_stream *stream, berth_error *err);
/* Takes over a shim found by recovery. Takes control. */
int exec_adopt(struct exec *exec, int control, const struct berth_shim_started *started,
               berth_error *err);

#endif
