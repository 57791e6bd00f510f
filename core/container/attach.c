/* SPDX-License-Identifier: Apache-2.0
 *
 * Attached clients: their connection goes to the shim, at once when the container runs, with the
 * spec when it is yet to start.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "container/monitor.h"
#include "container/start.h"
#include "container/stream.h"
#include "linux/path.h"

static uint32_t client_flags(const struct berth_container_attach *options, bool multiplex)
{
    return (options->standard_input ? BERTH_SHIM_CLIENT_STDIN : 0) |
           (options->standard_output ? BERTH_SHIM_CLIENT_STDOUT : 0) |
           (options->standard_error ? BERTH_SHIM_CLIENT_STDERR : 0) |
           (multiplex ? BERTH_SHIM_CLIENT_MULTIPLEX : 0);
}

int berth_container_attach_check(struct berth_container_manager *manager, const char *ref,
                                 const struct berth_container_attach *options, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    uint32_t count = 0;
    int result = container_find(manager, ref, &container, err);
    result =
        result != 0 ? result : container_detach_keys_parse(options->detach_keys, keys, &count, err);
    if (result != 0) {
        return result;
    }
    AUTO_LOCK(&container->lock);
    if (container->status.paused) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container %s is paused, unpause the container before attach", ref);
    }
    if (container->status.restarting) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "container %s is restarting, wait until the container is running",
                               ref);
    }
    return 0;
}

static void client_free(struct pending_client *client)
{
    if (client != NULL) {
        if (client->fd >= 0) {
            close(client->fd);
        }
        free(client->early);
        free(client);
    }
}

static struct pending_client *client_new(const struct berth_container_stream *stream,
                                         uint32_t flags)
{
    struct pending_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    client->flags = flags;
    client->fd = fcntl(stream->fd, F_DUPFD_CLOEXEC, 3);
    client->early_length = stream->early_length;
    client->early = stream->early_length > 0 ? malloc(stream->early_length) : NULL;
    if (client->fd < 0 || (stream->early_length > 0 && client->early == NULL)) {
        client_free(client);
        return NULL;
    }
    if (stream->early_length > 0) {
        memcpy(client->early, stream->early, stream->early_length);
    }
    return client;
}

int link_attach(struct link *link, uint64_t id, const struct client_request *request,
                struct berth_shim_result *ret_result, berth_error *err)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_ATTACH};
    struct berth_shim_payload payload = {.data = request->early,
                                         .length = request->early_length,
                                         .fds = &request->fd,
                                         .fd_count = 1};
    message.body.attach.client = id;
    message.body.attach.flags = request->flags;
    message.body.attach.key_count = request->key_count;
    memcpy(message.body.attach.keys, request->keys, request->key_count);
    return link_call(link, &message, &payload, ret_result, err);
}

/* The log so far, up to where the client's stream began. */
static int replay(struct berth_container_manager *manager, const char *id,
                  const struct berth_container_attach *options,
                  const struct berth_container_stream *stream, berth_error *err)
{
    struct berth_container_logs wanted = {.standard_output = options->standard_output,
                                          .standard_error = options->standard_error,
                                          .tail = -1,
                                          .multiplex = stream->multiplex};
    struct berth_container_log_reader *reader = NULL;
    int result = berth_container_logs_open(manager, id, &wanted, &reader, err);
    AUTO_BUFFER struct berth_buffer buffer = BERTH_BUFFER_INIT;
    while (result == 0) {
        result = berth_container_logs_read(reader, &buffer, 65536, err);
        if (result <= 0) {
            break;
        }
        result = berth_linux_write_all(stream->fd, buffer.data, buffer.length, err);
        berth_buffer_clear(&buffer);
    }
    berth_container_logs_close(reader);
    return result;
}

/* Keeps the client for the start to come. False: it has begun to run in between. */
static bool keep_pending(struct container *container, struct pending_client *client)
{
    AUTO_LOCK(&container->lock);
    if (container->status.running) {
        return false;
    }
    struct pending_client **at = &container->clients;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = client;
    return true;
}

/* The shim that runs (a reference) and a fresh client id; NULL: none. */
static struct link *client_link(struct container *container, uint64_t *ret_id)
{
    AUTO_LOCK(&container->lock);
    *ret_id = container->next_client++;
    return container->status.running && container->link != NULL ? link_ref(container->link) : NULL;
}

static int attach_running(struct container *container, struct link *link, uint64_t id,
                          const struct berth_container_attach *options,
                          const struct berth_container_stream *stream, berth_error *err)
{
    struct client_request request = {.fd = stream->fd,
                                     .flags = client_flags(options, stream->multiplex),
                                     .early = stream->early,
                                     .early_length = stream->early_length};
    int result =
        container_detach_keys_parse(options->detach_keys, request.keys, &request.key_count, err);
    if (result != 0) {
        return result;
    }
    request.flags |= options->logs ? BERTH_SHIM_CLIENT_HOLD : 0;
    result = link_attach(link, id, &request, NULL, err);
    if (result == 0 && options->logs) {
        struct berth_shim_message message = {.type = BERTH_SHIM_RESUME};
        berth_error error = BERTH_ERROR_INIT;
        result = replay(container->manager, container->id, options, stream, &error);
        message.body.client.client = id;
        int resumed = link_call(link, &message, NULL, NULL, err);
        result = result != 0 ? berth_error_move(err, &error) : resumed;
    }
    return result;
}

static int attach_pending(struct container *container, const struct berth_container_attach *options,
                          const struct berth_container_stream *stream, bool *ret_kept,
                          berth_error *err)
{
    struct pending_client *client = client_new(stream, client_flags(options, stream->multiplex));
    if (client == NULL) {
        return berth_error_no_memory(err);
    }
    int result =
        container_detach_keys_parse(options->detach_keys, client->keys, &client->key_count, err);
    *ret_kept = result == 0 && keep_pending(container, client);
    if (!*ret_kept) {
        client_free(client);
    }
    return result;
}

int berth_container_attach(struct berth_container_manager *manager, const char *ref,
                           const struct berth_container_attach *options,
                           const struct berth_container_stream *stream, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    uint64_t id = 0;
    bool kept = false;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    struct link *link = options->stream ? client_link(container, &id) : NULL;
    if (link == NULL && options->logs) {
        result = replay(manager, container->id, options, stream, err);
    }
    if (result == 0 && link == NULL && options->stream) {
        result = attach_pending(container, options, stream, &kept, err);
        if (result == 0 && !kept) {
            link = client_link(container, &id);
        }
    }
    if (result == 0 && link != NULL) {
        result = attach_running(container, link, id, options, stream, err);
    }
    link_unref(link);
    if (result == 0) {
        container_event(container, "attach", NULL, NULL);
    }
    return result;
}

/* Has the other side hung up? */
static bool hung_up(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

int container_clients_spec(struct container *container, struct spec_builder *builder,
                           berth_error *err)
{
    struct berth_shim_spec *spec = &builder->spec;
    AUTO_LOCK(&container->lock);
    size_t count = 0;
    for (struct pending_client *at = container->clients; at != NULL; at = at->next) {
        count++;
    }
    if (count == 0) {
        return 0;
    }
    spec->clients = spec_alloc(builder, count * sizeof(*spec->clients));
    if (spec->clients == NULL) {
        return berth_error_no_memory(err);
    }
    for (struct pending_client *at = container->clients; at != NULL; at = at->next) {
        if (spec->client_count >= BERTH_SHIM_CLIENTS_MAX || hung_up(at->fd)) {
            continue;
        }
        spec->clients[spec->client_count++] = (struct berth_shim_client){
            .id = container->next_client++,
            .flags = at->flags,
            .fd = at->fd,
            .detach_keys = {.data = at->keys, .length = at->key_count},
            .early = {.data = at->early, .length = (uint32_t)at->early_length}};
        at->sent = true;
    }
    return 0;
}

/* One that came while the start was under way. */
static void attach_late(struct container *container, const struct pending_client *client)
{
    struct client_request request = {.fd = client->fd,
                                     .flags = client->flags,
                                     .key_count = client->key_count,
                                     .early = client->early,
                                     .early_length = client->early_length};
    berth_error error = BERTH_ERROR_INIT;
    uint64_t id = 0;
    struct link *link = client_link(container, &id);
    memcpy(request.keys, client->keys, client->key_count);
    if (link != NULL && link_attach(link, id, &request, NULL, &error) != 0) {
        container_log_error(container, "attaching a client", &error);
    }
    link_unref(link);
}

void container_clients_done(struct container *container)
{
    pthread_mutex_lock(&container->lock);
    struct pending_client *clients = TAKE_PTR(container->clients);
    pthread_mutex_unlock(&container->lock);
    while (clients != NULL) {
        struct pending_client *next = clients->next;
        if (!clients->sent) {
            attach_late(container, clients);
        }
        client_free(clients);
        clients = next;
    }
}

int link_resize(struct link *link, uint32_t rows, uint32_t columns, berth_error *err)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_RESIZE};
    message.body.resize.rows = rows;
    message.body.resize.columns = columns;
    return link_call(link, &message, NULL, NULL, err);
}

int berth_container_resize(struct berth_container_manager *manager, const char *ref, uint32_t rows,
                           uint32_t columns, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    char height[16], width[16];
    uint64_t unused = 0;
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    struct link *link = client_link(container, &unused);
    if (link == NULL) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0, "container %s is not running",
                               container->id);
    }
    result = link_resize(link, rows, columns, err);
    link_unref(link);
    if (result == 0) {
        snprintf(height, sizeof(height), "%u", rows);
        snprintf(width, sizeof(width), "%u", columns);
        const char *const pairs[2][2] = {{"height", height}, {"width", width}};
        container_event2(container, "resize", pairs, 2);
    }
    return result;
}
