/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: the container, its manager, and what the files of this folder give each
 * other. Lock order: see container.h.
 */
#ifndef BERTH_CONTAINER_INTERNAL_H
#define BERTH_CONTAINER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "base/string.h"
#include "base/time.h"
#include "container/container.h"
#include "container/manager.h"
#include "container/record.h"
#include "linux/cgroup.h"
#include "network/network.h"
#include "shim/protocol.h"

struct berth_events;
struct berth_image_manager;
struct berth_network_manager;
struct berth_store;
struct berth_driver;
struct monitor;
struct seccomp_program;
struct workers;
struct link;
struct exec;

/* A client that attached before the start. */
struct pending_client {
    struct pending_client *next;
    bool sent; /* it is in the spec */
    int fd;
    uint32_t flags;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    uint32_t key_count;
    char *early;
    size_t early_length;
};

struct container {
    struct berth_container_manager *manager; /* constant */
    char id[BERTH_ID_LENGTH + 1];            /* constant */
    atomic_uint references;

    pthread_mutex_t action; /* one change at a time; guards sandbox, torn_down */
    struct berth_sandbox sandbox;
    bool torn_down; /* nothing of the last run is left to clean up */

    bool ended_meanwhile; /* recovery: found ended, to be settled by resume */
    struct berth_shim_exited recovered_end;

    pthread_mutex_t save; /* leaf: orders writes to the store */

    pthread_mutex_t lock; /* guards everything below, for microseconds */
    pthread_cond_t changed;
    struct container_record record;    /* config: changed by rename and update only */
    struct container_status status;    /* what inspect calls State */
    struct berth_sandbox sandbox_view; /* copy of sandbox for lookers */
    char *name;                        /* written under manager.lock and lock */
    bool removing, removed;
    bool ending;           /* a run has just ended; its events are being published */
    bool exit_pending;     /* a run ended, its teardown has not been done */
    bool exit_work;        /* ... and nobody has restarted or removed it as its settings say */
    bool shim_died;        /* without cleaning up its cgroup */
    int64_t restart_delay; /* last back-off, nanoseconds */
    uint64_t restart_generation; /* a scheduled restart is void when this has moved on */
    uint64_t next_client;
    struct link *link; /* control channel of the running shim */
    struct pending_client *clients;
    struct berth_container_waiter *waiters;
};

/* What the daemon decides for containers made from now on; replaced as a whole by a reload. */
struct manager_defaults {
    atomic_uint references;
    char *log_driver, *ipc_mode, *cgroupns_mode, *seccomp_profile;
    struct berth_strmap log_options;
    struct berth_strv ulimits;
    int64_t shm_size;
    bool init, no_new_privileges;
};

struct berth_container_manager {
    /* constant after open */
    struct berth_container_manager_config config;
    char *data_root, *exec_root, *cgroup_parent, *storage_name, *boot_id;
    char *state_root;      /* EXEC_ROOT/containers */
    char *containers_root; /* DATA_ROOT/containers */
    int shim_fd;
    struct berth_linux_cgroups cgroups;
    struct monitor *monitor;
    struct workers *workers;

    pthread_mutex_t seccomp_lock; /* leaf: guards the cache of compiled programs */
    struct seccomp_program *seccomp_programs;

    pthread_mutex_t lock; /* guards the rest */
    struct manager_defaults *defaults;
    struct container **containers;
    size_t container_count, container_capacity;
    struct exec **execs;
    size_t exec_count, exec_capacity;
    struct berth_strv reserved_names; /* of creates in progress */
    atomic_bool closing;
};

/* ---- manager.c, table.c ---- */

/* The defaults of now, a reference. */
struct manager_defaults *manager_defaults_get(struct berth_container_manager *manager);
/* NULL is fine. */
void manager_defaults_unref(struct manager_defaults *defaults);
static inline void cleanup_defaults(struct manager_defaults **defaults)
{
    manager_defaults_unref(*defaults);
}
#define AUTO_DEFAULTS AUTO(cleanup_defaults)

/* One more reference. */
struct container *container_ref(struct container *container);
/* Drops one; NULL is fine. */
void container_unref(struct container *container);
static inline void cleanup_container(struct container **container)
{
    container_unref(*container);
}
#define AUTO_CONTAINER AUTO(cleanup_container)

/* Empty container with one reference; NULL: out of memory. */
struct container *container_new(struct berth_container_manager *manager, const char *id);
/* Finds by name, id or unique prefix; a new reference. */
int container_find(struct berth_container_manager *manager, const char *ref,
                   struct container **ret_container, berth_error *err);
/* Adds to the table, which takes a reference of its own. */
int container_table_add(struct berth_container_manager *manager, struct container *container,
                        berth_error *err);
void container_table_remove(struct berth_container_manager *manager, struct container *container);
/* References to all containers, newest first: an array to free with container_list_free(). */
struct container **container_table_snapshot(struct berth_container_manager *manager,
                                            size_t *ret_count);
void container_list_free(struct container **list, size_t count);
/* Sets `name` aside for `id`, or says who has it (CONFLICT). */
int container_name_reserve(struct berth_container_manager *manager, const char *name,
                           const char *id, berth_error *err);
void container_name_release(struct berth_container_manager *manager, const char *name);
/* O_RDONLY | O_DIRECTORY | O_CLOEXEC; -1 with errno. */
int open_directory(const char *path);
/* Path below EXEC_ROOT/containers or DATA_ROOT/containers; the caller's to free. */
char *container_state_dir(const struct container *container);
char *container_data_dir(const struct container *container);
/* A file of DATA_ROOT/containers/ID. */
char *container_data_path(const struct container *container, const char *name);

/* Says to the log what went wrong where nobody waits for the answer. */
void container_log_error(const struct container *container, const char *doing,
                         const berth_error *error);

/* ---- record.c ---- */

/* Writes the settings document. */
int container_save(struct container *container, berth_error *err);
/* Writes the state document; failures go to the log. */
void container_save_status(struct container *container);
/* After changes of sandbox: refreshes sandbox_view. Under action. */
void container_publish_sandbox(struct container *container);

/* ---- events.c ---- */

/* Publishes a container event with name, image and labels, and up to two more attributes. */
void container_event(struct container *container, const char *action, const char *key,
                     const char *value);
void container_event2(struct container *container, const char *action, const char *const pairs[][2],
                      size_t count);

/* ---- sandbox.c ---- */

/* What the network manager is asked for; borrows from the container (under action). */
void container_sandbox_settings(struct container *container,
                                struct berth_sandbox_settings *ret_settings);

/* ---- wait.c ---- */

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };
/* Tells the waiters of a condition. Under container->lock. */
void container_wake_exit(struct container *container);
void container_wake_removed(struct container *container);
void container_wait_orphan(struct container *container);

/* ---- start.c, exit.c, stop.c ---- */

/* All under action unless said otherwise. */
int container_start_locked(struct container *container, berth_error *err);
int container_stop_locked(struct container *container, const struct berth_container_stop *options,
                          berth_error *err);
/* SIGKILL and wait for the end; one that does not run is fine. */
int container_kill_locked(struct container *container, berth_error *err);
/* Cleans up after a run: network, state directory, records. Idempotent. */
void container_teardown_locked(struct container *container);
/* teardown, then what the settings say about an end: restart later or remove. */
void container_finish_exit_locked(struct container *container);
/* A run ended: fills the state, wakes, decides on a restart, queues the teardown. Any thread. */
void container_ended(struct container *container, const struct berth_shim_exited *exited);
/* Waits until it does not run (deadline: monotonic, 0: none). False: deadline reached. */
bool container_wait_stopped(struct container *container, int64_t deadline);
/* Sends a signal to PID 1 (or all processes). */
int container_signal(struct container *container, int number, uint32_t flags, berth_error *err);
/* Cancels a restart that is waiting for its time. Under lock. */
void container_cancel_restart(struct container *container);
/* --rm: removes it, and tries again later what cannot be done now. last_delay: 0 at first. */
void container_auto_remove(struct container *container, int64_t last_delay);
/* Puts a restart on the clock. */
void container_schedule_restart(struct container *container, int64_t delay);
int container_remove_locked(struct container *container,
                            const struct berth_container_remove *options, berth_error *err);
/* Adopted or started: takes the control channel over. */
void container_set_link(struct container *container, struct link *link);

/* ---- exec.c ---- */

/* Forgets the exec sessions of a container that goes. */
void container_execs_forget(struct container *container);
/* The ids of those that run. */
int container_exec_ids(struct container *container, struct berth_strv *ret_ids, berth_error *err);

/* ---- restart.c ---- */

struct restart_decision {
    bool restart;
    int64_t delay; /* nanoseconds; the next back-off */
};
/* Docker's policy: exit code, manual stop, how long it ran, how often it was restarted. */
struct restart_decision container_restart_decide(const char *policy, int64_t maximum,
                                                 const struct container_status *status,
                                                 int64_t last_delay, int64_t ran);

/* Running by its state: takes lock. */
bool container_is_running(struct container *container);

/* ---- parse helpers ---- */

/* "KILL", "SIGKILL", "kill", "9", "RTMIN+3"; -1: unknown. */
int container_signal_parse(const char *text);
/* "ctrl-p,ctrl-q" to bytes. INVALID. */
int container_detach_keys_parse(const char *text, unsigned char ret_keys[BERTH_SHIM_KEYS_MAX],
                                uint32_t *ret_count, berth_error *err);

/* created, running, paused, restarting, removing, exited, dead. Under lock. */
const char *container_state_word(const struct container *container);
/* Docker's words: "Up 5 minutes (healthy)", "Exited (0) 3 hours ago". The caller's to free. Under
 * lock. */
char *container_status_text(const struct container *container, int64_t now);

#endif
