/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: from stored settings to what berth-shim is told. The builder owns all
 * memory and fds of the spec it fills. Data in, spec out: nothing here looks at the manager, so
 * that tests can.
 */
#ifndef BERTH_CONTAINER_SPEC_H
#define BERTH_CONTAINER_SPEC_H

#include "container/record.h"
#include "container/user.h"
#include "linux/cgroup.h"
#include "shim/protocol.h"

#define SPEC_PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SPEC_MOUNTS_SPARE 32 /* mounts beside those of the records */

struct spec_block;

struct spec_builder {
    struct berth_shim_spec spec;
    struct spec_block *blocks; /* memory of the spec */
    int *fds;                  /* closed by done */
    size_t fd_count;
    uint32_t mount_capacity;
    struct berth_linux_cgroup_plan plan;
    bool failed; /* out of memory on the way */
};

/* Everything a spec is made of. All borrowed. */
struct spec_input {
    const char *id, *state_dir;
    const struct container_record *record;
    const struct berth_container_user *user;
    const struct berth_linux_cgroups *cgroups;
    const char *cgroup_parent;
    const struct berth_strv *default_ulimits;
    bool init, no_new_privileges; /* the daemon's defaults */
    int root_fd;
    int netns_fd;                        /* -1: the host's */
    int pid_fd, ipc_fd, uts_fd, cgns_fd; /* namespaces to join; -1: see modes */
    int shm_fd;                          /* /dev/shm of a shared ipc; -1: one's own */
    const char *hosts_path, *hostname_path, *resolv_conf_path, *log_path;
    const char *hostname; /* overrides the record's */
    const void *seccomp;
    size_t seccomp_length;
    uint64_t capabilities;
    const char *boot_id;
    const int *mount_fds; /* one for each mount record: O_PATH fd or -1 */
};

/* ---- builder.c ---- */

/* An empty builder; done frees what it holds. */
void spec_builder_init(struct spec_builder *builder);
void spec_builder_done(struct spec_builder *builder);
/* Zeroed memory that lives as long as the builder; NULL (and builder->failed): none left. */
void *spec_alloc(struct spec_builder *builder, size_t size);
char *spec_copy(struct spec_builder *builder, const char *text);
char *spec_format(struct spec_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Copies a vector. */
void spec_strings(struct spec_builder *builder, const struct berth_strv *from,
                  struct berth_shim_strings *to);
/* The builder closes fd in the end. Returns fd. */
int spec_own_fd(struct spec_builder *builder, int fd);
/* The next mount, zeroed but for fd -1; a scratch one when there is no room (failed is set). */
struct berth_shim_mount *spec_add_mount(struct spec_builder *builder);

/* ---- the parts ---- */

/* The whole spec of a container. INVALID: settings that cannot be; NO_MEMORY. */
int spec_build(const struct spec_input *input, struct spec_builder *builder, berth_error *err);
/* argv, env, user, capabilities, limits. */
int spec_build_process(const struct spec_input *input, struct spec_builder *builder,
                       berth_error *err);
/* Docker's environment: PATH, HOSTNAME, TERM, the settings' own, HOME. */
int spec_environment(const struct spec_input *input, struct berth_strv *ret_env, berth_error *err);
int spec_build_mounts(const struct spec_input *input, struct spec_builder *builder,
                      berth_error *err);
int spec_build_cgroup(const struct spec_input *input, struct spec_builder *builder,
                      berth_error *err);
/* Devices of the container and the rules that allow them ("c 1:3 rwm"). */
int spec_build_devices(const struct spec_input *input, struct spec_builder *builder,
                       struct berth_strv *rules, berth_error *err);
int spec_build_log(const struct spec_input *input, struct spec_builder *builder, berth_error *err);

/* "size=64m,noexec,mode=755" of --tmpfs to attributes and fsconfig options. */
int spec_tmpfs_options(const char *text, struct berth_strv *ret_options, uint64_t *ret_attributes,
                       berth_error *err);
/* Numbers for the cgroup plan from the settings. */
void spec_limits(const struct berth_host_config *host, struct berth_linux_limits *ret_limits);
/* --security-opt no-new-privileges[=false], or the daemon's default. */
bool spec_no_new_privileges(const struct berth_host_config *host, bool by_default);
/* "nofile" to RLIMIT_NOFILE; -1. */
int spec_rlimit_resource(const char *name);

#endif
