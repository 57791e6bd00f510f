/* SPDX-License-Identifier: Apache-2.0
 *
 * Attached clients: sockets that get the container's output, raw or in Docker's frames, and give
 * it input. Each has a bounded backlog; none is ever waited for longer than the stall time.
 */
#include "shim/shim.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FRAME_HEAD = 8 };

static const unsigned char default_keys[] = {16, 17}; /* ctrl-p ctrl-q */

static size_t backlog_capacity(const struct shim *s)
{
    return s->client_limit + READ_SIZE + FRAME_HEAD + 4096;
}

int clients_count(const struct shim *s)
{
    int count = 0;
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        count += s->clients[i].fd >= 0;
    }
    return count;
}

struct client *client_find(struct shim *s, uint64_t id)
{
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0 && s->clients[i].id == id) {
            return &s->clients[i];
        }
    }
    return NULL;
}

static void drop_backlog(struct shim *s, struct client *c)
{
    if (c->backlog != NULL) {
        munmap(c->backlog, backlog_capacity(s));
        c->backlog = NULL;
    }
    c->backlog_start = c->backlog_length = 0;
    c->deadline = 0;
}

static void close_client(struct shim *s, struct client *c, int reason)
{
    drop_backlog(s, c);
    if (c->registered) {
        loop_remove(s, c->fd);
    }
    /* The daemon may still hold a copy: the peer must see the end now. */
    shutdown(c->fd, SHUT_WR);
    close(c->fd);
    c->fd = -1;
    c->generation++;
    control_client_closed(s, c->id, reason);
}

void client_update(struct shim *s, struct client *c)
{
    uint32_t events = 0;

    if (c->backlog_length > 0 && (c->flags & BERTH_SHIM_CLIENT_HOLD) == 0) {
        events |= EPOLLOUT;
    }
    if (!c->input_ended && input_space(s) >= READ_SIZE) {
        events |= EPOLLIN;
    }
    if (!c->registered) {
        c->registered = loop_add(s, c->fd, SOURCE_CLIENT, (uint32_t)(c - s->clients), events) == 0;
        c->events = events;
    } else if (events != c->events) {
        loop_change(s, c->fd, SOURCE_CLIENT, (uint32_t)(c - s->clients), events);
        c->events = events;
    }
}

/* ---- output --------------------------------------------------------------------------------- */

static void append(struct shim *s, struct client *c, const unsigned char *data, size_t length)
{
    size_t capacity = backlog_capacity(s);

    if (c->backlog == NULL) {
        void *memory = mmap(NULL, capacity, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return; /* seen by the caller: length stays */
        }
        c->backlog = memory;
    }
    if (c->backlog_start + c->backlog_length + length > capacity) {
        memmove(c->backlog, c->backlog + c->backlog_start, c->backlog_length);
        c->backlog_start = 0;
    }
    memcpy(c->backlog + c->backlog_start + c->backlog_length, data, length);
    c->backlog_length += length;
    if (c->deadline == 0) {
        c->deadline = now_ms() + s->stall_ms;
    }
}

static void send_failed(struct shim *s, struct client *c)
{
    if (errno != EAGAIN && errno != EINTR) {
        close_client(s, c, BERTH_SHIM_CLOSED_GONE);
    }
}

void client_flush(struct shim *s, struct client *c)
{
    while (c->backlog_length > 0 && (c->flags & BERTH_SHIM_CLIENT_HOLD) == 0) {
        ssize_t n = send(c->fd, c->backlog + c->backlog_start, c->backlog_length,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            send_failed(s, c);
            break;
        }
        c->backlog_start += (size_t)n;
        c->backlog_length -= (size_t)n;
        c->deadline = now_ms() + s->stall_ms;
    }
    if (c->fd < 0) {
        return;
    }
    if (c->backlog_length == 0) {
        drop_backlog(s, c);
        if (c->ending) {
            close_client(s, c, c->reason);
            return;
        }
    }
    client_update(s, c);
}

void client_write(struct shim *s, struct client *c, uint8_t stream, const unsigned char *data,
                  size_t length)
{
    unsigned char head[FRAME_HEAD] = {stream};
    struct iovec parts[2] = {{head, 0}, {(void *)(uintptr_t)data, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    size_t sent = 0;

    if (c->ending ||
        (c->flags & (stream == 2 ? BERTH_SHIM_CLIENT_STDERR : BERTH_SHIM_CLIENT_STDOUT)) == 0) {
        return;
    }
    if ((c->flags & BERTH_SHIM_CLIENT_MULTIPLEX) != 0) {
        /* {stream, 0, 0, 0, length as 4 bytes, most significant first} */
        for (int i = 0; i < 4; i++) {
            head[4 + i] = (unsigned char)(length >> (24 - 8 * i));
        }
        parts[0].iov_len = FRAME_HEAD;
    }
    if (c->backlog_length == 0 && (c->flags & BERTH_SHIM_CLIENT_HOLD) == 0) {
        ssize_t n = sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            send_failed(s, c);
            if (c->fd < 0) {
                return;
            }
        }
        sent = n < 0 ? 0 : (size_t)n;
    }
    if (sent < parts[0].iov_len) {
        append(s, c, head + sent, parts[0].iov_len - sent);
        sent = parts[0].iov_len;
    }
    sent -= parts[0].iov_len;
    if (sent < length) {
        append(s, c, data + sent, length - sent);
        if (c->backlog == NULL) {
            close_client(s, c, BERTH_SHIM_CLOSED_SLOW);
            return;
        }
        client_update(s, c);
    }
}

void client_end(struct shim *s, struct client *c, int reason)
{
    c->ending = 1;
    c->input_ended = 1;
    c->reason = (uint8_t)reason;
    c->flags &= ~BERTH_SHIM_CLIENT_HOLD;
    client_flush(s, c);
}

/* When a client's patience ends; 0: it holds nobody up. A backlog below the bound does not while
 * the container runs. */
static int64_t deadline_of(const struct shim *s, const struct client *c)
{
    return c->fd < 0 || (c->backlog_length < s->client_limit && !c->ending) ? 0 : c->deadline;
}

void clients_expire(struct shim *s)
{
    int64_t now = 0;

    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        int64_t deadline = deadline_of(s, &s->clients[i]);
        if (deadline != 0) {
            now = now == 0 ? now_ms() : now;
            if (now >= deadline) {
                close_client(s, &s->clients[i], BERTH_SHIM_CLOSED_SLOW);
            }
        }
    }
}

int64_t clients_deadline(const struct shim *s)
{
    int64_t least = 0;

    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        int64_t deadline = deadline_of(s, &s->clients[i]);
        if (deadline != 0 && (least == 0 || deadline < least)) {
            least = deadline;
        }
    }
    return least;
}

/* ---- input ---------------------------------------------------------------------------------- */

/* Passes bytes on, looking for the detach keys. As Docker's term.EscapeProxy: what turned out to
 * be no sequence is passed on afterwards. Returns 1 when the sequence was complete. */
static int pass_keys(struct shim *s, struct client *c, const unsigned char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == c->keys[c->key_matched]) {
            if (++c->key_matched == c->key_count) {
                return 1;
            }
            continue;
        }
        if (c->key_matched > 0) {
            input_push(s, c->keys, c->key_matched);
            c->key_matched = 0;
            if (data[i] == c->keys[0]) {
                c->key_matched = 1;
                continue;
            }
        }
        size_t end = i + 1;
        while (end < length && data[end] != c->keys[0]) {
            end++;
        }
        input_push(s, data + i, end - i);
        i = end - 1;
    }
    return 0;
}

static void take_input(struct shim *s, struct client *c, const unsigned char *data, size_t length)
{
    if ((c->flags & BERTH_SHIM_CLIENT_STDIN) == 0) {
        return;
    }
    if (s->tty && c->key_count > 0) {
        if (pass_keys(s, c, data, length)) {
            client_end(s, c, BERTH_SHIM_CLOSED_DETACH);
        }
        return;
    }
    input_push(s, data, length);
}

/* The client's writing side is closed. As Docker: it ends stdin when stdin is "once" and no
 * terminal; otherwise a client that came with stdin is detached. */
static void input_ended(struct shim *s, struct client *c)
{
    c->input_ended = 1;
    if ((c->flags & BERTH_SHIM_CLIENT_STDIN) != 0) {
        if (s->stdin_once && !s->tty) {
            input_end(s);
        } else {
            client_end(s, c, BERTH_SHIM_CLOSED_STDIN_EOF);
            return;
        }
    }
    client_update(s, c);
}

static void read_input(struct shim *s, struct client *c)
{
    static unsigned char bytes[16384];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0) {
        take_input(s, c, bytes, (size_t)n);
        if (c->fd >= 0 && input_space(s) < READ_SIZE) {
            client_update(s, c);
        }
    } else if (n == 0) {
        input_ended(s, c);
    } else if (errno != EAGAIN && errno != EINTR) {
        close_client(s, c, BERTH_SHIM_CLOSED_GONE);
    }
}

void client_event(struct shim *s, uint32_t slot, uint32_t events)
{
    struct client *c = &s->clients[slot];

    if (c->fd < 0) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        client_flush(s, c);
    }
    if (c->fd >= 0 && (events & EPOLLIN) != 0 && !c->input_ended) {
        read_input(s, c);
        return;
    }
    if (c->fd >= 0 && (events & (EPOLLHUP | EPOLLERR)) != 0) {
        if (!c->input_ended && input_space(s) < READ_SIZE) {
            /* It has closed, but input of its is still unread and cannot be taken yet. */
            loop_remove(s, c->fd);
            c->registered = 0;
            return;
        }
        if (!c->input_ended) {
            input_ended(s, c);
        }
        if (c->fd >= 0) {
            close_client(s, c, BERTH_SHIM_CLOSED_GONE);
        }
    }
}

int client_add(struct shim *s, const struct berth_shim_attach *attach, int fd,
               const unsigned char *early, size_t early_length)
{
    struct client *c = NULL;

    if (s->phase == PHASE_EXITED || attach->key_count > BERTH_SHIM_KEYS_MAX ||
        attach->client == 0 || client_find(s, attach->client) != NULL) {
        errno = s->phase == PHASE_EXITED ? ESRCH : EINVAL;
        return -1;
    }
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX && c == NULL; i++) {
        c = s->clients[i].fd < 0 ? &s->clients[i] : NULL;
    }
    if (c == NULL) {
        errno = EUSERS;
        return -1;
    }
    uint16_t generation = c->generation;
    *c = (struct client){
        .fd = fd, .generation = generation, .flags = attach->flags, .id = attach->client};
    c->key_count = (uint8_t)attach->key_count;
    memcpy(c->keys, attach->keys, attach->key_count);
    if (c->key_count == 0) {
        c->key_count = sizeof(default_keys);
        memcpy(c->keys, default_keys, sizeof(default_keys));
    }
    client_update(s, c);
    if (early_length > 0) {
        take_input(s, c, early, early_length);
    }
    return 0;
}
