/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec sessions: table, create, inspect, resize.
 */
#include "container/exec.h"

#include <json-c/json.h>
#include <string.h>

#include "container/monitor.h"
#include "container/stream.h"

enum { EXECS_MAX = 10000 };

struct exec *exec_ref(struct exec *exec)
{
    atomic_fetch_add(&exec->references, 1);
    return exec;
}

void exec_unref(struct exec *exec)
{
    if (exec == NULL || atomic_fetch_sub(&exec->references, 1) != 1) {
        return;
    }
    link_unref(exec->link);
    berth_json_done(&berth_exec_config_table, &exec->config);
    container_unref(exec->container);
    pthread_mutex_destroy(&exec->lock);
    free(exec);
}

int exec_add(struct container *container, const char *id, struct exec **ret_exec, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    struct exec *exec = calloc(1, sizeof(*exec));
    if (exec == NULL) {
        return berth_error_no_memory(err);
    }
    memcpy(exec->id, id, BERTH_ID_LENGTH);
    exec->container = container_ref(container);
    atomic_init(&exec->references, 2); /* the table's and the caller's */
    pthread_mutex_init(&exec->lock, NULL);
    berth_json_init(&berth_exec_config_table, &exec->config);
    pthread_mutex_lock(&manager->lock);
    struct exec **grown = manager->exec_count < EXECS_MAX
                              ? realloc(manager->execs, (manager->exec_count + 1) * sizeof(*grown))
                              : NULL;
    if (grown != NULL) {
        manager->execs = grown;
        manager->execs[manager->exec_count++] = exec;
    }
    pthread_mutex_unlock(&manager->lock);
    if (grown == NULL) {
        exec_unref(exec);
        exec_unref(exec);
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                               "no room for another exec session (limit %d)", EXECS_MAX);
    }
    *ret_exec = exec;
    return 0;
}

int exec_find(struct berth_container_manager *manager, const char *id, struct exec **ret_exec,
              berth_error *err)
{
    AUTO_LOCK(&manager->lock);
    for (size_t i = 0; i < manager->exec_count; i++) {
        if (strcmp(manager->execs[i]->id, id) == 0) {
            *ret_exec = exec_ref(manager->execs[i]);
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "No such exec instance: %s", id);
}

void exec_remove(struct exec *exec)
{
    struct berth_container_manager *manager = exec->container->manager;
    bool found = false;
    pthread_mutex_lock(&manager->lock);
    for (size_t i = 0; i < manager->exec_count; i++) {
        if (manager->execs[i] == exec) {
            manager->execs[i] = manager->execs[--manager->exec_count];
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&manager->lock);
    if (found) {
        exec_unref(exec);
    }
}

void container_execs_forget(struct container *container)
{
    struct berth_container_manager *manager = container->manager;
    for (;;) {
        struct exec *found = NULL;
        pthread_mutex_lock(&manager->lock);
        for (size_t i = 0; i < manager->exec_count && found == NULL; i++) {
            if (manager->execs[i]->container == container) {
                found = exec_ref(manager->execs[i]);
            }
        }
        pthread_mutex_unlock(&manager->lock);
        if (found == NULL) {
            return;
        }
        exec_remove(found);
        exec_unref(found);
    }
}

int container_exec_ids(struct container *container, struct berth_strv *ret_ids, berth_error *err)
{
    struct berth_container_manager *manager = container->manager;
    AUTO_LOCK(&manager->lock);
    for (size_t i = 0; i < manager->exec_count; i++) {
        struct exec *exec = manager->execs[i];
        if (exec->container != container) {
            continue;
        }
        pthread_mutex_lock(&exec->lock);
        bool running = exec->running;
        pthread_mutex_unlock(&exec->lock);
        if (running && !berth_strv_add(ret_ids, exec->id)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

char *exec_state_dir(const struct exec *exec)
{
    return berth_format("%s/%s/exec/%s", exec->container->manager->state_root, exec->container->id,
                        exec->id);
}

/* An exec needs a container that runs and is not frozen. */
static int check_container(struct container *container, berth_error *err)
{
    AUTO_LOCK(&container->lock);
    if (container->status.restarting) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "Container %s is restarting, wait until the container is running",
                               container->id);
    }
    if (!container->status.running) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "container %s is not running",
                               container->id);
    }
    if (container->status.paused) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "Container %s is paused, unpause the container before exec",
                               container->id);
    }
    return 0;
}

static void exec_event(const struct exec *exec, const char *action)
{
    AUTO_FREE char *words = berth_strv_join(&exec->config.cmd, " ");
    /* Docker puts a space between program and arguments even when there are none */
    const char *space = exec->config.cmd.count == 1 ? " " : "";
    AUTO_FREE char *text = berth_format("%s: %s%s", action, words != NULL ? words : "", space);
    if (text != NULL) {
        container_event(exec->container, text, "execID", exec->id);
    }
}

int berth_container_exec_create(struct berth_container_manager *manager, const char *ref,
                                const struct berth_exec_config *config, char **ret_id,
                                berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    AUTO_EXEC struct exec *exec = NULL;
    char id[BERTH_ID_LENGTH + 1];
    int result = container_find(manager, ref, &container, err);
    if (result == 0 && config->cmd.count == 0) {
        result = berth_error_set(err, BERTH_E_INVALID, 0, "No exec command specified");
    }
    result = result != 0 ? result : check_container(container, err);
    result = result != 0 ? result : berth_id_new(id, err);
    result = result != 0 ? result : exec_add(container, id, &exec, err);
    if (result != 0) {
        return result;
    }
    result = berth_json_copy(&berth_exec_config_table, config, &exec->config, err);
    result = result != 0 ? result
                         : container_detach_keys_parse(config->detach_keys, exec->keys,
                                                       &exec->key_count, err);
    char *text = result == 0 ? berth_strdup(exec->id) : NULL;
    if (text == NULL) {
        exec_remove(exec);
        return result != 0 ? result : berth_error_no_memory(err);
    }
    exec_event(exec, "exec_create");
    *ret_id = text;
    return 0;
}

int berth_container_exec_check(struct berth_container_manager *manager, const char *exec_id,
                               bool *ret_tty, berth_error *err)
{
    AUTO_EXEC struct exec *exec = NULL;
    int result = exec_find(manager, exec_id, &exec, err);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&exec->lock);
    bool started = exec->started, running = exec->running;
    pthread_mutex_unlock(&exec->lock);
    if (started) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               running ? "exec command %s is already running"
                                       : "exec command %s has already run",
                               exec->id);
    }
    *ret_tty = exec->config.tty;
    return check_container(exec->container, err);
}

int berth_container_exec_start(struct berth_container_manager *manager, const char *exec_id,
                               const struct berth_container_exec_start *options,
                               const struct berth_container_stream *stream, berth_error *err)
{
    AUTO_EXEC struct exec *exec = NULL;
    bool tty = false;
    int result = berth_container_exec_check(manager, exec_id, &tty, err);
    result = result != 0 ? result : exec_find(manager, exec_id, &exec, err);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&exec->lock);
    bool first = !exec->started;
    exec->started = true;
    pthread_mutex_unlock(&exec->lock);
    if (!first) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "exec command %s is already running",
                               exec->id);
    }
    exec_event(exec, "exec_start");
    return exec_launch(exec, options, stream, err);
}

int berth_container_exec_resize(struct berth_container_manager *manager, const char *exec_id,
                                uint32_t rows, uint32_t columns, berth_error *err)
{
    AUTO_EXEC struct exec *exec = NULL;
    int result = exec_find(manager, exec_id, &exec, err);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&exec->lock);
    struct link *link = exec->running && exec->link != NULL ? link_ref(exec->link) : NULL;
    pthread_mutex_unlock(&exec->lock);
    if (link == NULL) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "exec process is not started");
    }
    result = link_resize(link, rows, columns, err);
    link_unref(link);
    return result;
}

static int fill_inspect(struct exec *exec, struct berth_exec_inspect *ret, berth_error *err)
{
    const struct berth_exec_config *config = &exec->config;
    ret->id = berth_strdup(exec->id);
    ret->container_id = berth_strdup(exec->container->id);
    ret->open_stdin = config->attach_stdin;
    ret->open_stdout = config->attach_stdout;
    ret->open_stderr = config->attach_stderr;
    ret->detach_keys = berth_strdup(config->detach_keys);
    ret->process_config.tty = config->tty;
    ret->process_config.privileged = config->privileged;
    ret->process_config.user = berth_strdup(config->user);
    ret->process_config.entrypoint =
        berth_strdup(config->cmd.count > 0 ? config->cmd.items[0] : "");
    for (size_t i = 1; i < config->cmd.count; i++) {
        if (!berth_strv_add(&ret->process_config.arguments, config->cmd.items[i])) {
            return berth_error_no_memory(err);
        }
    }
    AUTO_LOCK(&exec->lock);
    ret->running = exec->running;
    ret->has_exit_code = exec->has_exit_code;
    ret->exit_code = exec->exit_code;
    ret->pid = exec->pid;
    return ret->id == NULL || ret->container_id == NULL ? berth_error_no_memory(err) : 0;
}

int berth_container_exec_inspect(struct berth_container_manager *manager, const char *exec_id,
                                 struct berth_exec_inspect *ret, berth_error *err)
{
    AUTO_EXEC struct exec *exec = NULL;
    struct berth_exec_inspect inspect;
    int result = exec_find(manager, exec_id, &exec, err);
    if (result != 0) {
        return result;
    }
    berth_json_init(&berth_exec_inspect_table, &inspect);
    result = fill_inspect(exec, &inspect, err);
    if (result != 0) {
        berth_json_done(&berth_exec_inspect_table, &inspect);
        return result;
    }
    *ret = inspect;
    return 0;
}

/* ---- JSON ---- */

#define F BERTH_JSON_FIELD
#define T struct berth_exec_process
static const struct berth_json_field process_fields[] = {
    F(T, tty, "tty", BOOL, 0),
    F(T, entrypoint, "entrypoint", STRING, 0),
    F(T, arguments, "arguments", STRV, 0),
    F(T, privileged, "privileged", TRISTATE, BERTH_JSON_OMIT_EMPTY),
    F(T, user, "user", STRING, BERTH_JSON_OMIT_EMPTY),
};
#undef T
static const struct berth_json_table process_table =
    BERTH_JSON_TABLE("ProcessConfig", struct berth_exec_process, process_fields);

#define T struct berth_exec_inspect
static const struct berth_json_field inspect_fields[] = {
    F(T, id, "ID", STRING, 0),
    F(T, running, "Running", BOOL, 0),
    F(T, exit_code, "ExitCode", INT32, 0),
    BERTH_JSON_NESTED(T, process_config, "ProcessConfig", OBJECT, 0, process_table),
    F(T, open_stdin, "OpenStdin", BOOL, 0),
    F(T, open_stderr, "OpenStderr", BOOL, 0),
    F(T, open_stdout, "OpenStdout", BOOL, 0),
    F(T, can_remove, "CanRemove", BOOL, 0),
    F(T, container_id, "ContainerID", STRING, 0),
    F(T, detach_keys, "DetachKeys", STRING, 0),
    F(T, pid, "Pid", INT32, 0),
};
#undef T
const struct berth_json_table berth_exec_inspect_table =
    BERTH_JSON_TABLE("ExecInspectResponse", struct berth_exec_inspect, inspect_fields);

struct json_object *berth_exec_inspect_json(const struct berth_exec_inspect *inspect, int version)
{
    struct json_object *json = berth_json_write(&berth_exec_inspect_table, inspect, version);
    if (json != NULL && !inspect->has_exit_code) {
        json_object_object_add(json, "ExitCode", NULL);
    }
    return json;
}
