/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: the steps of a start.
 */
#ifndef BERTH_CONTAINER_START_H
#define BERTH_CONTAINER_START_H

#include "container/internal.h"
#include "container/spec.h"

#define CONTAINER_START_SECONDS 60 /* a start that takes longer has failed */

/* Writes hosts, resolv.conf and hostname from the settings and the sandbox. Under action. */
int container_write_files(struct container *container, berth_error *err);

/* What a start holds while it is under way; all is given back by start_resources_done(). */
struct start_resources {
    int root_fd, netns_fd, pid_fd, ipc_fd, shm_fd;
    int *mount_fds;
    size_t mount_count;
    struct berth_container_user user;
    uint64_t capabilities;
    char *state_dir, *hosts_path, *hostname_path, *resolv_conf_path, *log_path, *hostname;
    void *seccomp;
    size_t seccomp_length;
};
void start_resources_init(struct start_resources *resources);
void start_resources_done(struct start_resources *resources);
/* Opens root, volumes and the other containers' namespaces, looks up the user. */
int start_resources_open(struct container *container, struct start_resources *resources,
                         berth_error *err);

/* The seccomp program for a container's options and capabilities: a copy, NULL when unconfined. */
int container_seccomp(struct berth_container_manager *manager, const struct berth_host_config *host,
                      uint64_t capabilities, void **ret_program, size_t *ret_length,
                      berth_error *err);
void container_seccomp_done(struct berth_container_manager *manager);
int container_capabilities(const struct berth_host_config *host, bool privileged, uint64_t *ret_set,
                           berth_error *err);

/* Whether its processes run with no_new_privs. */
bool container_no_new_privileges(const struct container *container);

/* Docker's sentence and exit code for a start that the shim refused. */
int container_start_failure(const struct berth_shim_failed *failed, const char *sentence,
                            int32_t *ret_exit_code, berth_error *err);

/* Puts the clients that attached before the start into the spec; they stay the container's until
 * container_clients_done(). Under action. */
int container_clients_spec(struct container *container, struct spec_builder *builder,
                           berth_error *err);
void container_clients_done(struct container *container);

extern const struct link_events container_link_events;

/* The cgroup of a container, for freezing, listing, killing. */
int container_cgroup_plan(struct container *container, struct berth_linux_cgroup_plan *ret_plan,
                          berth_error *err);

#endif
