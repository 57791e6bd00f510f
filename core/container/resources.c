/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start opens before it can tell the shim what to do: the root, volumes, namespaces of
 * other containers, the user in the root's files, the seccomp program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "container/start.h"
#include "linux/namespace.h"
#include "linux/path.h"
#include "plugin/storage.h"
#include "volume/volume.h"

void start_resources_init(struct start_resources *resources)
{
    *resources = (struct start_resources){
        .root_fd = -1, .netns_fd = -1, .pid_fd = -1, .ipc_fd = -1, .shm_fd = -1};
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void start_resources_done(struct start_resources *resources)
{
    close_fd(resources->root_fd);
    close_fd(resources->netns_fd);
    close_fd(resources->pid_fd);
    close_fd(resources->ipc_fd);
    close_fd(resources->shm_fd);
    for (size_t i = 0; i < resources->mount_count; i++) {
        close_fd(resources->mount_fds[i]);
    }
    free(resources->mount_fds);
    berth_container_user_done(&resources->user);
    free(resources->state_dir);
    free(resources->hosts_path);
    free(resources->hostname_path);
    free(resources->resolv_conf_path);
    free(resources->log_path);
    free(resources->hostname);
    free(resources->seccomp);
    start_resources_init(resources);
}

/* A bind's source: a missing one becomes a directory, as -v always did (--mount was checked at
 * create). */
static int open_bind(const struct mount_record *mount, int *ret_fd, berth_error *err)
{
    int fd = open(mount->source, O_PATH | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int result = berth_linux_path_make_host_dirs(mount->source, 0755, err);
        if (result != 0) {
            return berth_error_wrap(err, "error while creating mount source path '%s'",
                                    mount->source);
        }
        fd = open(mount->source, O_PATH | O_CLOEXEC);
    }
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open mount source path '%s'", mount->source);
    }
    *ret_fd = fd;
    return 0;
}

static int open_volume(struct container *container, const struct mount_record *mount, int *ret_fd,
                       berth_error *err)
{
    AUTO_CLOSE int whole = -1;
    int part = -1;
    int result = berth_volume_mount(container->manager->config.volumes, mount->name, &whole, err);
    if (result != 0 || berth_str_empty(mount->subpath)) {
        *ret_fd = TAKE_FD(whole);
        return result;
    }
    result = berth_linux_path_open(whole, mount->subpath, O_PATH, 0, &part, err);
    if (result != 0) {
        return berth_error_wrap(err, "cannot access path %s of volume %s", mount->subpath,
                                mount->name);
    }
    *ret_fd = part;
    return 0;
}

static int open_mounts(struct container *container, struct start_resources *resources,
                       berth_error *err)
{
    const struct berth_json_list *mounts = &container->record.mounts;
    if (mounts->count == 0) {
        return 0;
    }
    resources->mount_fds = malloc(mounts->count * sizeof(*resources->mount_fds));
    if (resources->mount_fds == NULL) {
        return berth_error_no_memory(err);
    }
    resources->mount_count = mounts->count;
    memset(resources->mount_fds, 0xff, mounts->count * sizeof(*resources->mount_fds));
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount_record *mount = mounts->items[i];
        int result = 0;
        if (berth_str_equal(mount->type, "bind")) {
            result = open_bind(mount, &resources->mount_fds[i], err);
        } else if (berth_str_equal(mount->type, "volume")) {
            result = open_volume(container, mount, &resources->mount_fds[i], err);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* A namespace of the container that "container:REF" names; it must run. */
static int open_other_namespace(struct container *container, const char *mode, const char *kind,
                                int *ret_fd, berth_error *err)
{
    AUTO_CONTAINER struct container *other = NULL;
    char path[64];
    if (!berth_str_starts(mode, "container:")) {
        return 0;
    }
    int result = container_find(container->manager, mode + strlen("container:"), &other, err);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&other->lock);
    int32_t pid = other->status.running ? other->status.pid : 0;
    pthread_mutex_unlock(&other->lock);
    if (pid == 0) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "cannot join namespace of a non running container: container %s is "
                               "not running",
                               other->id);
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open the namespace %s of container %s", kind,
                                 other->id);
    }
    *ret_fd = fd;
    return 0;
}

struct shm_job {
    int32_t pid;
    int fd;
};

/* On the mounter thread. */
static int32_t clone_shm(void *arg, berth_error *err)
{
    struct shm_job *job = arg;
    return berth_linux_mount_clone_of(job->pid, "/dev/shm", &job->fd, err);
}

/* --ipc container:REF shares /dev/shm too, if the other one allows it. */
static int open_shm(struct container *container, int *ret_fd, berth_error *err)
{
    AUTO_CONTAINER struct container *other = NULL;
    struct shm_job job = {.fd = -1};
    const char *mode = container->record.host_config.ipc_mode;
    if (!berth_str_starts(mode, "container:")) {
        return 0;
    }
    int result = container_find(container->manager, mode + strlen("container:"), &other, err);
    if (result != 0) {
        return result;
    }
    if (berth_str_equal(other->record.host_config.ipc_mode, "private") ||
        berth_str_equal(other->record.host_config.ipc_mode, "none")) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "cannot join IPC of container %s: non-shareable IPC (hint: use "
                               "IpcMode:shareable for the donor container)",
                               other->id);
    }
    pthread_mutex_lock(&other->lock);
    job.pid = other->status.pid;
    pthread_mutex_unlock(&other->lock);
    result = berth_plugins_mounter_run(container->manager->config.plugins, clone_shm, &job, err);
    *ret_fd = job.fd;
    return result;
}

/* Its own three files, or those of the container whose network it shares. */
static int find_files(struct container *container, struct start_resources *resources,
                      berth_error *err)
{
    AUTO_CONTAINER struct container *other = NULL;
    const struct container *owner = container;
    const char *mode = container->record.host_config.network_mode;
    if (berth_str_starts(mode, "container:")) {
        int result = container_find(container->manager, mode + strlen("container:"), &other, err);
        if (result != 0) {
            return result;
        }
        owner = other;
        pthread_mutex_lock(&other->lock);
        resources->hostname = berth_strdup(other->record.config.hostname);
        pthread_mutex_unlock(&other->lock);
    }
    resources->state_dir = container_state_dir(container);
    resources->hosts_path = container_data_path(owner, "hosts");
    resources->hostname_path = container_data_path(owner, "hostname");
    resources->resolv_conf_path = container_data_path(owner, "resolv.conf");
    if (resources->state_dir == NULL || resources->hosts_path == NULL ||
        resources->hostname_path == NULL || resources->resolv_conf_path == NULL) {
        return berth_error_no_memory(err);
    }
    if (container->record.has_log_file) {
        AUTO_FREE char *name = berth_format("%s-json.log", container->id);
        resources->log_path = name != NULL ? container_data_path(container, name) : NULL;
        if (resources->log_path == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

int start_resources_open(struct container *container, struct start_resources *resources,
                         berth_error *err)
{
    const struct berth_host_config *host = &container->record.host_config;
    struct berth_container_manager *manager = container->manager;
    berth_storage_mount_req request = {.struct_size = sizeof(request),
                                       .flags =
                                           host->auto_remove ? BERTH_STORAGE_MOUNT_VOLATILE : 0,
                                       .userns_fd = -1};
    int result = berth_storage_mount(manager->config.storage, NULL, container->id, &request,
                                     &resources->root_fd, err);
    result = result != 0
                 ? result
                 : berth_container_user_lookup(resources->root_fd, container->record.config.user,
                                               &host->group_add, &resources->user, err);
    result = result != 0 ? result : open_mounts(container, resources, err);
    result = result != 0 ? result
                         : open_other_namespace(container, host->network_mode, "net",
                                                &resources->netns_fd, err);
    result = result != 0
                 ? result
                 : open_other_namespace(container, host->pid_mode, "pid", &resources->pid_fd, err);
    result = result != 0
                 ? result
                 : open_other_namespace(container, host->ipc_mode, "ipc", &resources->ipc_fd, err);
    result = result != 0 ? result : open_shm(container, &resources->shm_fd, err);
    result = result != 0
                 ? result
                 : container_capabilities(host, host->privileged, &resources->capabilities, err);
    result = result != 0 ? result
                         : container_seccomp(manager, host, resources->capabilities,
                                             &resources->seccomp, &resources->seccomp_length, err);
    return result != 0 ? result : find_files(container, resources, err);
}
