/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the shims of an earlier daemon: by their state directory, by socket, by record.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "container/monitor.h"
#include "container/recover.h"
#include "container/start.h"

enum { ANSWER_MS = 2000, EXIT_REBOOTED = 255, EXIT_SHIM_DIED = 137 };

struct shim_state {
    bool started, exited;
    struct berth_shim_started start;
    struct berth_shim_exited exit;
};

/* Asks what happened so far: STARTED and EXITED come before the RESULT. False: no answer. */
static bool query(int control, struct shim_state *state)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_QUERY, .serial = 1};
    AUTO_FREE unsigned char *buffer = malloc(BERTH_SHIM_DATA_MAX + 1024);
    if (buffer == NULL ||
        berth_shim_message_send(control, &message, NULL, MSG_DONTWAIT, NULL) != 0) {
        return false;
    }
    for (;;) {
        struct berth_shim_incoming incoming = {.buffer = buffer,
                                               .size = BERTH_SHIM_DATA_MAX + 1024};
        struct pollfd poll_fd = {.fd = control, .events = POLLIN};
        if (poll(&poll_fd, 1, ANSWER_MS) <= 0 ||
            berth_shim_message_receive(control, &message, &incoming, MSG_DONTWAIT, NULL) <= 0) {
            return false;
        }
        if (message.type == BERTH_SHIM_STARTED) {
            state->started = true;
            state->start = message.body.started;
        } else if (message.type == BERTH_SHIM_EXITED) {
            state->exited = true;
            state->exit = message.body.exited;
        } else if (message.type == BERTH_SHIM_RESULT && message.serial == 1) {
            return true;
        }
    }
}

/* Connects and asks; falls back to the records. control is -1 when no shim lives. */
static bool find_shim(const char *path, int *ret_control, struct shim_state *ret_state)
{
    struct shim_state state = {0};
    AUTO_CLOSE int directory = open_directory(path);
    AUTO_CLOSE int control = -1;
    if (directory < 0) {
        return false;
    }
    if (berth_shim_connect(directory, &control, NULL) == 0 && !query(control, &state)) {
        close(control);
        control = -1;
    }
    if (!state.started) {
        state.started = berth_shim_pid_read(directory, &state.start, NULL) == 0;
    }
    if (!state.exited) {
        state.exited = berth_shim_exit_read(directory, &state.exit, NULL) == 0;
    }
    *ret_state = state;
    *ret_control = TAKE_FD(control);
    return true;
}

static void take_started(struct container *container, const struct berth_shim_started *started)
{
    struct container_status *status = &container->status;
    int64_t started_at = started->started_sec * BERTH_NANOSECONDS + started->started_nsec;
    status->running = true;
    status->restarting = false;
    status->started_before = true;
    status->pid = started->pid;
    status->shim_pid = started->shim_pid;
    status->start_time = started->start_time;
    status->started_at = started_at != 0 ? started_at : status->started_at;
    berth_replace(&status->boot_id, berth_strdup(container->manager->boot_id));
}

int container_adopt(struct container *container, struct berth_shim_exited *ret_exited)
{
    AUTO_FREE char *path = container_state_dir(container);
    AUTO_CLOSE int control = -1;
    struct shim_state state = {0};
    bool counted = container->status.running;
    bool same_boot = berth_str_equal(container->status.boot_id, container->manager->boot_id);
    bool found = path != NULL && find_shim(path, &control, &state);
    if (!counted && !(found && state.started)) {
        return 0;
    }
    container->torn_down = false;
    if (found && state.started) {
        take_started(container, &state.start);
    }
    container->status.running = true;
    if (found && control >= 0) {
        berth_error error = BERTH_ERROR_INIT;
        struct link *link = NULL;
        if (link_new(TAKE_FD(control), 0, &container_link_events, container, &link, &error) != 0) {
            container_log_error(container, "adopting it", &error);
        } else {
            container->link = link;
        }
    }
    if (found && state.exited) {
        *ret_exited = state.exit;
        return 1;
    }
    if (container->link != NULL) {
        return 0;
    }
    /* neither shim nor record: it went down with its shim, or with the machine */
    *ret_exited =
        (struct berth_shim_exited){.exit_code = same_boot ? EXIT_SHIM_DIED : EXIT_REBOOTED};
    container->shim_died = true;
    return 1;
}

void container_adopt_execs(struct container *container)
{
    AUTO_FREE char *path =
        berth_format("%s/%s/exec", container->manager->state_root, container->id);
    AUTO_DIR DIR *dir = path != NULL ? opendir(path) : NULL;
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        AUTO_FREE char *state_path = berth_format("%s/%s", path, entry->d_name);
        struct shim_state state = {0};
        AUTO_EXEC struct exec *exec = NULL;
        berth_error error = BERTH_ERROR_INIT;
        int control = -1;
        if (strlen(entry->d_name) != BERTH_ID_LENGTH || state_path == NULL ||
            !find_shim(state_path, &control, &state) || control < 0) {
            continue;
        }
        if (exec_add(container, entry->d_name, &exec, &error) != 0) {
            close(control);
        } else if (exec_adopt(exec, control, &state.start, &error) == 0) {
            continue; /* an end that was there already is told again by the shim */
        }
        container_log_error(container, "adopting an exec", &error);
    }
}
