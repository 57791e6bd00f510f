/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's network: what it asks for, the files that follow from it, connect and disconnect
 * while it lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "container/internal.h"
#include "container/start.h"
#include "oci/network_config.h"

void container_sandbox_settings(struct container *container,
                                struct berth_sandbox_settings *ret_settings)
{
    const struct berth_container_config *config = &container->record.config;
    const struct berth_host_config *host = &container->record.host_config;
    *ret_settings = (struct berth_sandbox_settings){
        .container_id = container->id,
        .container_name = container->name,
        .hostname = config->hostname,
        .domainname = config->domainname,
        .network_mode = host->network_mode,
        .endpoints = &container->sandbox.endpoints,
        .mac_address = config->mac_address,
        .port_bindings = &host->port_bindings,
        .exposed_ports = &config->exposed_ports,
        .publish_all = host->publish_all_ports,
        .shared_netns_fd = -1,
    };
}

/* Writes text over a file in place: a running container may have it bind-mounted. */
static int write_file(const struct container *container, const char *name, const char *text,
                      berth_error *err)
{
    AUTO_FREE char *path = container_data_path(container, name);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t length = strlen(text);
    if (fd < 0 || write(fd, text, length) != (ssize_t)length) {
        return berth_error_errno(err, errno, "cannot write %s", path);
    }
    return 0;
}

int container_write_files(struct container *container, berth_error *err)
{
    const struct berth_container_config *config = &container->record.config;
    const struct berth_host_config *host = &container->record.host_config;
    struct berth_network_manager *networks = container->manager->config.networks;
    struct berth_network_files_settings settings = {.dns = &host->dns,
                                                    .dns_search = &host->dns_search,
                                                    .dns_options = &host->dns_options,
                                                    .extra_hosts = &host->extra_hosts,
                                                    .hostname = config->hostname,
                                                    .domainname = config->domainname};
    AUTO_FREE char *hosts = berth_network_hosts_file(networks, &settings, &container->sandbox, err);
    if (hosts == NULL) {
        return BERTH_E_INTERNAL;
    }
    AUTO_FREE char *resolv =
        berth_network_resolv_conf(networks, &settings, &container->sandbox, err);
    if (resolv == NULL) {
        return BERTH_E_INTERNAL;
    }
    AUTO_FREE char *hostname =
        berth_format("%s\n", config->hostname != NULL ? config->hostname : "");
    if (hostname == NULL) {
        return berth_error_no_memory(err);
    }
    int result = write_file(container, "hosts", hosts, err);
    result = result != 0 ? result : write_file(container, "resolv.conf", resolv, err);
    return result != 0 ? result : write_file(container, "hostname", hostname, err);
}

/* A container that shares another's network: only its mode is its own. */
static bool own_network(const struct container *container)
{
    return !berth_str_starts(container->record.host_config.network_mode, "container:");
}

/* Changes what a stopped container will ask for at its next start. */
static int change_wanted(struct container *container, const char *network,
                         const struct berth_endpoint_settings *settings, berth_error *err)
{
    struct berth_network_object object;
    berth_json_init(&berth_network_object_table, &object);
    int result = berth_network_inspect(container->manager->config.networks, network, &object, err);
    void *slot = NULL;
    if (result == 0 && berth_json_map_get(&container->sandbox.endpoints, object.name) != NULL) {
        result = berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                                 "endpoint with name %s already exists in network %s",
                                 container->name, object.name);
    }
    if (result == 0) {
        slot = berth_json_map_add(&container->sandbox.endpoints, object.name,
                                  &berth_endpoint_settings_table);
        result = slot == NULL ? berth_error_no_memory(err) : 0;
    }
    if (result == 0 && settings != NULL) {
        result = berth_json_copy(&berth_endpoint_settings_table, settings, slot, err);
    }
    berth_json_done(&berth_network_object_table, &object);
    return result;
}

int berth_container_network_connect(struct berth_container_manager *manager, const char *ref,
                                    const char *network,
                                    const struct berth_endpoint_settings *settings,
                                    berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    struct berth_sandbox_settings wanted;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    if (!own_network(container)) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container sharing network namespace with another container or "
                               "host cannot be connected to any other network");
    }
    if (container_is_running(container)) {
        container_sandbox_settings(container, &wanted);
        result = berth_network_sandbox_connect(manager->config.networks, &wanted,
                                               &container->sandbox, network, settings, err);
        if (result == 0) {
            result = container_write_files(container, err);
        }
    } else {
        result = change_wanted(container, network, settings, err);
    }
    if (result == 0) {
        container_publish_sandbox(container);
        container_save_status(container);
    }
    return result;
}

int berth_container_network_disconnect(struct berth_container_manager *manager, const char *ref,
                                       const char *network, bool force, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->action);
    if (container_is_running(container)) {
        result = berth_network_sandbox_disconnect(manager->config.networks, &container->sandbox,
                                                  network, force, err);
    } else {
        struct berth_network_object object;
        berth_json_init(&berth_network_object_table, &object);
        result = berth_network_inspect(manager->config.networks, network, &object, err);
        if (result == 0 && !berth_json_map_remove(&container->sandbox.endpoints, object.name,
                                                  &berth_endpoint_settings_table)) {
            result = berth_error_set(err, BERTH_E_CONFLICT, 0,
                                     "container %s is not connected to network %s", container->id,
                                     object.name);
        }
        berth_json_done(&berth_network_object_table, &object);
    }
    if (result == 0) {
        container_publish_sandbox(container);
        container_save_status(container);
    }
    return result;
}
