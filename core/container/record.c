/* SPDX-License-Identifier: Apache-2.0
 *
 * The stored documents of a container and when they are written.
 */
#include "container/record.h"

#include <json-c/json.h>
#include <string.h>

#include "base/log.h"
#include "container/internal.h"
#include "store/store.h"

#define F BERTH_JSON_FIELD
#define N BERTH_JSON_NESTED

#define M struct mount_record
static const struct berth_json_field mount_fields[] = {
    F(M, type, "Type", STRING, 0),
    F(M, name, "Name", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, source, "Source", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, destination, "Destination", STRING, 0),
    F(M, driver, "Driver", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, mode, "Mode", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, writable, "RW", BOOL, 0),
    F(M, propagation, "Propagation", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, subpath, "Subpath", STRING, BERTH_JSON_OMIT_EMPTY),
    F(M, no_copy, "NoCopy", BOOL, BERTH_JSON_OMIT_EMPTY),
    F(M, anonymous, "Anonymous", BOOL, BERTH_JSON_OMIT_EMPTY),
    F(M, recursive_off, "NonRecursive", BOOL, BERTH_JSON_OMIT_EMPTY),
    F(M, read_only_non_recursive, "ReadOnlyNonRecursive", BOOL, BERTH_JSON_OMIT_EMPTY),
    F(M, options, "Options", STRV, BERTH_JSON_OMIT_EMPTY),
};
#undef M
const struct berth_json_table mount_record_table =
    BERTH_JSON_TABLE("mount", struct mount_record, mount_fields);

#define C struct container_record
static const struct berth_json_field record_fields[] = {
    F(C, id, "Id", STRING, 0),
    F(C, name, "Name", STRING, 0),
    F(C, created, "Created", INT64, 0),
    F(C, path, "Path", STRING, 0),
    F(C, args, "Args", STRV, 0),
    F(C, image_id, "ImageID", STRING, 0),
    F(C, top_layer, "TopLayer", STRING, 0),
    F(C, driver, "Driver", STRING, 0),
    F(C, platform, "Platform", STRING, 0),
    N(C, config, "Config", OBJECT, 0, berth_container_config_table),
    N(C, host_config, "HostConfig", OBJECT, 0, berth_host_config_table),
    N(C, mounts, "Mounts", LIST, 0, mount_record_table),
    F(C, has_log_file, "HasLogFile", BOOL, 0),
};
#undef C
const struct berth_json_table container_record_table =
    BERTH_JSON_TABLE("container", struct container_record, record_fields);

#define S struct container_status
static const struct berth_json_field status_fields[] = {
    F(S, running, "Running", BOOL, 0),
    F(S, paused, "Paused", BOOL, 0),
    F(S, restarting, "Restarting", BOOL, 0),
    F(S, oom_killed, "OOMKilled", BOOL, 0),
    F(S, dead, "Dead", BOOL, 0),
    F(S, manually_stopped, "ManuallyStopped", BOOL, 0),
    F(S, started_before, "StartedBefore", BOOL, 0),
    F(S, pid, "Pid", INT32, 0),
    F(S, shim_pid, "ShimPid", INT32, 0),
    F(S, start_time, "StartTime", UINT64, 0),
    F(S, boot_id, "BootID", STRING, 0),
    F(S, cgroup, "Cgroup", STRING, 0),
    F(S, exit_code, "ExitCode", INT32, 0),
    F(S, error, "Error", STRING, 0),
    F(S, started_at, "StartedAt", INT64, 0),
    F(S, finished_at, "FinishedAt", INT64, 0),
    F(S, restart_count, "RestartCount", INT32, 0),
    F(S, sandbox, "Sandbox", RAW, 0),
};
#undef S
const struct berth_json_table container_status_table =
    BERTH_JSON_TABLE("container state", struct container_status, status_fields);

int container_save(struct container *container, berth_error *err)
{
    AUTO_LOCK(&container->save);
    pthread_mutex_lock(&container->lock);
    AUTO_FREE char *text = berth_json_write_text(&container_record_table, &container->record, 0);
    AUTO_FREE char *name = berth_strdup(container->name);
    pthread_mutex_unlock(&container->lock);
    if (text == NULL || name == NULL) {
        return berth_error_no_memory(err);
    }
    return berth_store_put(container->manager->config.store, CONTAINER_KIND, container->id, name,
                           text, err);
}

void container_save_status(struct container *container)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_LOCK(&container->save);
    pthread_mutex_lock(&container->lock);
    bool removed = container->removed;
    struct json_object *sandbox =
        berth_json_write(&berth_sandbox_table, &container->sandbox_view, 0);
    json_object_put(container->status.sandbox);
    container->status.sandbox = sandbox;
    AUTO_FREE char *text = berth_json_write_text(&container_status_table, &container->status, 0);
    pthread_mutex_unlock(&container->lock);
    if (removed) {
        return;
    }
    int result = text == NULL
                     ? berth_error_no_memory(&error)
                     : berth_store_put(container->manager->config.store, CONTAINER_STATUS_KIND,
                                       container->id, NULL, text, &error);
    if (result != 0) {
        berth_log(BERTH_LOG_ERROR, "container %s: cannot store its state: %s", container->id,
                  error.msg);
    }
}

void container_publish_sandbox(struct container *container)
{
    struct berth_sandbox view;
    berth_error error = BERTH_ERROR_INIT;
    berth_sandbox_init(&view);
    if (berth_json_copy(&berth_sandbox_table, &container->sandbox, &view, &error) != 0) {
        berth_log(BERTH_LOG_ERROR, "container %s: %s", container->id, error.msg);
        berth_sandbox_done(&view);
        return;
    }
    pthread_mutex_lock(&container->lock);
    struct berth_sandbox old = container->sandbox_view;
    container->sandbox_view = view;
    pthread_mutex_unlock(&container->lock);
    berth_sandbox_done(&old);
}
