/* SPDX-License-Identifier: Apache-2.0
 *
 * Running an exec session: a second shim that joins the container's namespaces and cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "container/exec.h"
#include "container/monitor.h"
#include "container/start.h"
#include "container/stream.h"
#include "container/workers.h"
#include "linux/path.h"

#define EXEC_PREFIX "OCI runtime exec failed: exec failed: unable to start container process: "
#define EXPIRY      (INT64_C(300) * BERTH_NANOSECONDS)

enum { EXIT_SHIM_DIED = 137, EXIT_NOT_FOUND = 127, EXIT_NOT_EXECUTABLE = 126 };

/* ---- the end ---- */

/* On a worker; owns a reference. */
static void exec_expire_job(void *arg)
{
    struct exec *exec = arg;
    exec_remove(exec);
    exec_unref(exec);
}

static void release(struct exec *exec)
{
    berth_error error = BERTH_ERROR_INIT;
    AUTO_FREE char *path =
        berth_format("%s/%s/exec", exec->container->manager->state_root, exec->container->id);
    AUTO_CLOSE int directory = open_directory(path);
    pthread_mutex_lock(&exec->lock);
    struct link *link = TAKE_PTR(exec->link);
    pthread_mutex_unlock(&exec->lock);
    if (link != NULL) {
        link_send(link, BERTH_SHIM_RELEASE);
        link_reap(link);
        link_unref(link);
    }
    if (directory >= 0 && berth_linux_path_remove_tree(directory, exec->id, &error) != 0) {
        container_log_error(exec->container, "removing an exec's state", &error);
    }
}

/* On a worker; owns a reference. */
static void exec_ended_job(void *arg)
{
    struct exec *exec = arg;
    release(exec);
    if (exec->container->manager->closing ||
        monitor_at(exec->container->manager->monitor, berth_time_monotonic() + EXPIRY,
                   exec_expire_job, exec, NULL) != 0) {
        exec_expire_job(exec);
    }
}

static void set_ended(struct exec *exec, int32_t exit_code)
{
    char code[16];
    pthread_mutex_lock(&exec->lock);
    bool running = exec->running;
    exec->running = false;
    exec->has_exit_code = true;
    exec->exit_code = running ? exit_code : exec->exit_code;
    exec->pid = 0;
    pthread_mutex_unlock(&exec->lock);
    if (!running) {
        return;
    }
    snprintf(code, sizeof(code), "%d", (int)exit_code);
    const char *const pairs[2][2] = {{"execID", exec->id}, {"exitCode", code}};
    container_event2(exec->container, "exec_die", pairs, 2);
    workers_submit(exec->container->manager->workers, exec_ended_job, exec_ref(exec));
}

static void exec_event_came(void *owner, struct link *link,
                            const struct berth_shim_message *message)
{
    if (message->type == BERTH_SHIM_EXITED) {
        set_ended(owner, message->body.exited.exit_code);
    }
}

static void exec_closed(void *owner, struct link *link)
{
    AUTO_EXEC struct exec *exec = owner;
    struct berth_shim_exited exited = {.exit_code = EXIT_SHIM_DIED};
    AUTO_FREE char *path = exec_state_dir(exec);
    AUTO_CLOSE int directory = open_directory(path);
    if (directory >= 0 && berth_shim_exit_read(directory, &exited, NULL) != 0) {
        exited.exit_code = EXIT_SHIM_DIED;
    }
    set_ended(exec, exited.exit_code);
}

static void exec_forgotten(void *owner)
{
    exec_unref(owner);
}

static const struct link_events exec_link_events = {
    .event = exec_event_came, .closed = exec_closed, .forgotten = exec_forgotten};

/* ---- the start ---- */

struct exec_resources {
    int32_t pid;
    uint64_t start_time;
    struct berth_container_user user;
    uint64_t capabilities;
    void *seccomp;
    size_t seccomp_length;
    char *state_dir;
};

static void exec_resources_done(struct exec_resources *resources)
{
    berth_container_user_done(&resources->user);
    free(resources->seccomp);
    free(resources->state_dir);
}

static int open_resources(struct exec *exec, struct exec_resources *resources, berth_error *err)
{
    struct container *container = exec->container;
    const struct berth_host_config *host = &container->record.host_config;
    const char *user =
        !berth_str_empty(exec->config.user) ? exec->config.user : container->record.config.user;
    char path[64];
    pthread_mutex_lock(&container->lock);
    resources->pid = container->status.running ? container->status.pid : 0;
    resources->start_time = container->status.start_time;
    pthread_mutex_unlock(&container->lock);
    snprintf(path, sizeof(path), "/proc/%d/root", (int)resources->pid);
    AUTO_CLOSE int root = resources->pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (root < 0) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "container %s is not running",
                               container->id);
    }
    int result = berth_container_user_lookup(root, user, &host->group_add, &resources->user, err);
    result = result != 0 ? result
                         : container_capabilities(host, host->privileged || exec->config.privileged,
                                                  &resources->capabilities, err);
    if (result == 0 && !exec->config.privileged) {
        result = container_seccomp(container->manager, host, resources->capabilities,
                                   &resources->seccomp, &resources->seccomp_length, err);
    }
    if (result != 0) {
        return result;
    }
    resources->state_dir = exec_state_dir(exec);
    return resources->state_dir == NULL
               ? berth_error_no_memory(err)
               : berth_linux_path_make_host_dirs(resources->state_dir, 0700, err);
}

static int build_environment(struct exec *exec, const struct exec_resources *resources,
                             struct spec_builder *builder, berth_error *err)
{
    AUTO_STRV struct berth_strv env = {0};
    struct spec_input input = {.record = &exec->container->record, .user = &resources->user};
    int result = spec_environment(&input, &env, err);
    if (result != 0) {
        return result;
    }
    bool complete = !exec->config.tty || berth_strv_env(&env, "TERM") != NULL ||
                    berth_strv_add(&env, "TERM=xterm");
    for (size_t i = 0; complete && i < exec->config.env.count; i++) {
        const char *item = exec->config.env.items[i];
        const char *equal = strchr(item, '=');
        AUTO_FREE char *name =
            equal != NULL ? strndup(item, (size_t)(equal - item)) : berth_strdup(item);
        complete = name != NULL && (equal == NULL || berth_strv_env_set(&env, name, equal + 1));
    }
    if (!complete) {
        return berth_error_no_memory(err);
    }
    spec_strings(builder, &env, &builder->spec.env);
    return 0;
}

static void build_namespaces(struct spec_builder *builder)
{
    static const uint32_t kinds[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWNET,
                                     CLONE_NEWIPC, CLONE_NEWUTS, 0x02000000 /* cgroup */};
    struct berth_shim_spec *spec = &builder->spec;
    spec->namespaces = spec_alloc(builder, sizeof(*spec->namespaces) * ARRAY_SIZE(kinds));
    for (size_t i = 0; spec->namespaces != NULL && i < ARRAY_SIZE(kinds); i++) {
        spec->namespaces[spec->namespace_count++] =
            (struct berth_shim_namespace){.kind = kinds[i], .mode = BERTH_SHIM_NS_JOIN, .fd = -1};
    }
}

static int build_cgroup(struct exec *exec, struct spec_builder *builder, berth_error *err)
{
    struct berth_container_manager *manager = exec->container->manager;
    struct berth_shim_spec *spec = &builder->spec;
    if (manager->cgroups.version == 0) {
        return 0;
    }
    int result = container_cgroup_plan(exec->container, &builder->plan, err);
    if (result != 0) {
        return result;
    }
    size_t count = builder->plan.dir_count;
    spec->cgroup_dirs = spec_alloc(builder, (count + 1) * sizeof(*spec->cgroup_dirs));
    for (size_t i = 0; spec->cgroup_dirs != NULL && i < count; i++) {
        spec->cgroup_dirs[spec->cgroup_dir_count++] = (struct berth_shim_cgroup_dir){
            .path = builder->plan.dirs[i].path, .controllers = builder->plan.dirs[i].controllers};
    }
    spec->cgroup_version =
        manager->cgroups.version == 2 ? BERTH_SHIM_CGROUP_V2 : BERTH_SHIM_CGROUP_V1;
    return 0;
}

static void build_client(struct exec *exec, const struct berth_container_stream *stream,
                         struct spec_builder *builder)
{
    const struct berth_exec_config *config = &exec->config;
    struct berth_shim_spec *spec = &builder->spec;
    spec->clients = spec_alloc(builder, sizeof(*spec->clients));
    if (spec->clients == NULL) {
        return;
    }
    spec->client_count = 1;
    spec->clients[0] = (struct berth_shim_client){
        .id = 1,
        .flags = (config->attach_stdin ? BERTH_SHIM_CLIENT_STDIN : 0) |
                 (config->attach_stdout ? BERTH_SHIM_CLIENT_STDOUT : 0) |
                 (config->attach_stderr ? BERTH_SHIM_CLIENT_STDERR : 0) |
                 (stream->multiplex ? BERTH_SHIM_CLIENT_MULTIPLEX : 0),
        .fd = stream->fd,
        .detach_keys = {.data = exec->keys, .length = exec->key_count},
        .early = {.data = stream->early, .length = (uint32_t)stream->early_length}};
}

static void build_identity(struct exec *exec, const struct exec_resources *resources,
                           struct spec_builder *builder)
{
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_container_config *config = &exec->container->record.config;
    const char *directory = !berth_str_empty(exec->config.working_dir) ? exec->config.working_dir
                            : !berth_str_empty(config->working_dir)    ? config->working_dir
                                                                       : "/";
    spec->id = spec_copy(builder, exec->container->id);
    spec->exec_id = spec_copy(builder, exec->id);
    spec->exec_pid = resources->pid;
    spec->exec_start_time = resources->start_time;
    spec->state_dir = spec_copy(builder, resources->state_dir);
    spec->boot_id = spec_copy(builder, exec->container->manager->boot_id);
    spec->cwd = spec_copy(builder, directory);
    spec->uid = resources->user.uid;
    spec->gid = resources->user.gid;
    spec->groups = resources->user.groups;
    spec->group_count = resources->user.group_count;
    spec->cap_bounding = resources->capabilities;
    if (spec->uid == 0) {
        spec->cap_effective = resources->capabilities;
        spec->cap_permitted = resources->capabilities;
    }
    spec->seccomp.data = resources->seccomp;
    spec->seccomp.length = (uint32_t)resources->seccomp_length;
}

static int build(struct exec *exec, const struct exec_resources *resources,
                 const struct berth_container_exec_start *options,
                 const struct berth_container_stream *stream, struct spec_builder *builder,
                 berth_error *err)
{
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_exec_config *config = &exec->config;
    build_identity(exec, resources, builder);
    build_namespaces(builder);
    spec_strings(builder, &config->cmd, &spec->argv);
    spec->flags = config->tty ? BERTH_SHIM_PROCESS_TTY : 0;
    if (config->attach_stdin && stream != NULL) {
        spec->flags |= BERTH_SHIM_PROCESS_STDIN_OPEN | BERTH_SHIM_PROCESS_STDIN_ONCE;
    }
    if (container_no_new_privileges(exec->container)) {
        spec->flags |= BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES;
    }
    spec->rows = options->rows;
    spec->columns = options->columns;
    if (stream != NULL) {
        build_client(exec, stream, builder);
    }
    int result = build_environment(exec, resources, builder, err);
    result = result != 0 ? result : build_cgroup(exec, builder, err);
    return result == 0 && builder->failed ? berth_error_no_memory(err) : result;
}

static void set_failed(struct exec *exec, int32_t exit_code)
{
    pthread_mutex_lock(&exec->lock);
    exec->has_exit_code = true;
    exec->exit_code = exit_code;
    pthread_mutex_unlock(&exec->lock);
}

static int watch_started(struct exec *exec, struct link *link,
                         const struct berth_shim_started *started, berth_error *err)
{
    pthread_mutex_lock(&exec->lock);
    exec->running = true;
    exec->pid = started->pid;
    exec->link = link_ref(link);
    pthread_mutex_unlock(&exec->lock);
    exec_ref(exec); /* the link's owner, until closed() */
    int result = monitor_watch(exec->container->manager->monitor, link, err);
    if (result != 0) {
        kill(started->pid, SIGKILL);
        exec_closed(exec, link);
    }
    return result;
}

static int spawn(struct exec *exec, const struct berth_shim_spec *spec, int32_t *ret_exit_code,
                 berth_error *err)
{
    struct link *link = NULL;
    struct link_first first;
    int control = -1;
    pid_t pid = -1;
    int64_t deadline = berth_time_monotonic() + CONTAINER_START_SECONDS * BERTH_NANOSECONDS;
    int result = berth_shim_launch(exec->container->manager->shim_fd, BERTH_SHIM_VERB_EXEC, spec,
                                   &control, &pid, err);
    if (result != 0) {
        return result;
    }
    result = link_new(control, pid, &exec_link_events, exec, &link, err);
    result = result != 0 ? result : link_read_first(control, deadline, &first, err);
    if (result == 0 && first.message.type == BERTH_SHIM_FAILED) {
        const struct berth_shim_failed *failed = &first.message.body.failed;
        bool known =
            failed->exit_code == EXIT_NOT_FOUND || failed->exit_code == EXIT_NOT_EXECUTABLE;
        *ret_exit_code = known ? failed->exit_code : EXIT_NOT_EXECUTABLE;
        result = berth_error_set(err, known ? BERTH_E_INVALID : BERTH_E_INTERNAL, 0,
                                 EXEC_PREFIX "%s%s", first.sentence,
                                 berth_str_ends(first.sentence, ": unknown") ? "" : ": unknown");
    }
    if (result == 0) {
        result = watch_started(exec, link, &first.message.body.started, err);
    } else {
        if (result == BERTH_E_TIMEOUT || link == NULL) {
            kill(pid, SIGKILL);
        }
        link_reap(link);
    }
    link_unref(link);
    return result;
}

int exec_launch(struct exec *exec, const struct berth_container_exec_start *options,
                const struct berth_container_stream *stream, berth_error *err)
{
    struct exec_resources resources = {0};
    struct spec_builder builder;
    int32_t exit_code = EXIT_NOT_EXECUTABLE;
    spec_builder_init(&builder);
    int result = open_resources(exec, &resources, err);
    result = result != 0 ? result : build(exec, &resources, options, stream, &builder, err);
    result = result != 0 ? result : spawn(exec, &builder.spec, &exit_code, err);
    spec_builder_done(&builder);
    if (result != 0) {
        set_failed(exec, exit_code);
        release(exec);
    }
    exec_resources_done(&resources);
    return result;
}

int exec_adopt(struct exec *exec, int control, const struct berth_shim_started *started,
               berth_error *err)
{
    struct link *link = NULL;
    int result = link_new(control, 0, &exec_link_events, exec, &link, err);
    if (result != 0) {
        return result;
    }
    exec->started = true;
    result = watch_started(exec, link, started, err);
    link_unref(link);
    return result;
}
