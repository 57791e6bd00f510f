/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the container manager.
 */
#include "container/manager.h"

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "container/exec.h"
#include "container/list.h"
#include "container/monitor.h"
#include "container/recover.h"
#include "container/start.h"
#include "container/workers.h"
#include "image/image.h"
#include "linux/path.h"

static char *read_boot_id(void)
{
    char text[64];
    AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return berth_strdup(text);
}

/* Copies of what the config lends; vectors and maps are copied into the manager's own. */
static int copy_config(struct berth_container_manager *manager,
                       const struct berth_container_manager_config *config, berth_error *err)
{
    manager->config = *config;
    manager->data_root = berth_strdup(config->data_root);
    manager->exec_root = berth_strdup(config->exec_root);
    manager->storage_name = berth_strdup(config->storage_name);
    manager->cgroup_parent = berth_strdup(
        config->cgroup_parent != NULL ? config->cgroup_parent : BERTH_LINUX_CGROUP_PARENT);
    manager->containers_root = berth_format("%s/containers", config->data_root);
    manager->state_root = berth_format("%s/containers", config->exec_root);
    manager->boot_id = read_boot_id();
    if (manager->data_root == NULL || manager->exec_root == NULL || manager->storage_name == NULL ||
        manager->cgroup_parent == NULL || manager->containers_root == NULL ||
        manager->state_root == NULL || manager->boot_id == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_container_manager_reload(manager, config, err);
}

int berth_container_manager_reload(struct berth_container_manager *manager,
                                   const struct berth_container_manager_config *config,
                                   berth_error *err)
{
    struct manager_defaults *defaults = calloc(1, sizeof(*defaults));
    bool complete = defaults != NULL;
    if (complete) {
        defaults->log_driver = berth_strdup(config->log_driver);
        defaults->ipc_mode = berth_strdup(config->default_ipc_mode);
        defaults->cgroupns_mode = berth_strdup(config->default_cgroupns_mode);
        defaults->seccomp_profile = berth_strdup(config->seccomp_profile);
        defaults->shm_size = config->default_shm_size;
        defaults->init = config->init;
        defaults->no_new_privileges = config->no_new_privileges;
        complete = (config->log_options == NULL ||
                    berth_strmap_merge(&defaults->log_options, config->log_options)) &&
                   (config->default_ulimits == NULL ||
                    berth_strv_extend(&defaults->ulimits, config->default_ulimits));
    }
    if (!complete) {
        manager_defaults_unref(defaults);
        return berth_error_no_memory(err);
    }
    atomic_init(&defaults->references, 1);
    pthread_mutex_lock(&manager->lock);
    struct manager_defaults *old = manager->defaults;
    manager->defaults = defaults;
    pthread_mutex_unlock(&manager->lock);
    manager_defaults_unref(old);
    return 0;
}

struct manager_defaults *manager_defaults_get(struct berth_container_manager *manager)
{
    AUTO_LOCK(&manager->lock);
    atomic_fetch_add(&manager->defaults->references, 1);
    return manager->defaults;
}

void manager_defaults_unref(struct manager_defaults *defaults)
{
    if (defaults == NULL || atomic_fetch_sub(&defaults->references, 1) > 1) {
        return;
    }
    free(defaults->log_driver);
    free(defaults->ipc_mode);
    free(defaults->cgroupns_mode);
    free(defaults->seccomp_profile);
    berth_strmap_done(&defaults->log_options);
    berth_strv_done(&defaults->ulimits);
    free(defaults);
}

static int open_parts(struct berth_container_manager *manager,
                      const struct berth_container_manager_config *config, berth_error *err)
{
    int result = berth_linux_path_make_host_dirs(manager->containers_root, 0710, err);
    result = result != 0 ? result : berth_linux_path_make_host_dirs(manager->state_root, 0700, err);
    result = result != 0 ? result : berth_linux_cgroups_detect(&manager->cgroups, err);
    if (result == 0 && manager->cgroups.version != 0) {
        result = berth_linux_cgroup_make_parents(&manager->cgroups, manager->cgroup_parent, err);
    }
    result =
        result != 0 ? result : berth_shim_program_open(config->shim_path, &manager->shim_fd, err);
    result = result != 0 ? result : workers_new(&manager->workers, err);
    return result != 0 ? result : monitor_new(&manager->monitor, err);
}

int berth_container_manager_open(const struct berth_container_manager_config *config,
                                 struct berth_container_manager **ret_manager, berth_error *err)
{
    struct berth_container_manager *manager = calloc(1, sizeof(*manager));
    if (manager == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_mutex_init(&manager->lock, NULL);
    pthread_mutex_init(&manager->seccomp_lock, NULL);
    manager->shim_fd = -1;
    int result = copy_config(manager, config, err);
    result = result != 0 ? result : open_parts(manager, config, err);
    result = result != 0 ? result : container_recover(manager, err);
    if (result != 0) {
        berth_container_manager_close(manager);
        return result;
    }
    if (manager->config.images != NULL) {
        berth_image_manager_set_users(manager->config.images, container_uses_image, manager);
    }
    *ret_manager = manager;
    return 0;
}

void berth_container_manager_close(struct berth_container_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    manager->closing = true;
    if (manager->config.images != NULL) {
        berth_image_manager_set_users(manager->config.images, NULL, NULL);
    }
    monitor_free(manager->monitor);
    workers_free(manager->workers);
    while (manager->exec_count > 0) {
        struct exec *exec = manager->execs[0];
        exec_remove(exec);
    }
    for (size_t i = 0; i < manager->container_count; i++) {
        link_unref(TAKE_PTR(manager->containers[i]->link));
        container_unref(manager->containers[i]);
    }
    free(manager->containers);
    free(manager->execs);
    berth_strv_done(&manager->reserved_names);
    container_seccomp_done(manager);
    manager_defaults_unref(manager->defaults);
    if (manager->shim_fd >= 0) {
        close(manager->shim_fd);
    }
    berth_linux_cgroups_done(&manager->cgroups);
    pthread_mutex_destroy(&manager->seccomp_lock);
    pthread_mutex_destroy(&manager->lock);
    free(manager->data_root);
    free(manager->exec_root);
    free(manager->storage_name);
    free(manager->cgroup_parent);
    free(manager->containers_root);
    free(manager->state_root);
    free(manager->boot_id);
    free(manager);
}
