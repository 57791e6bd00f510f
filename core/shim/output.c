/* SPDX-License-Identifier: Apache-2.0
 *
 * Container output: read, log, hand to the clients. While a client's backlog is full and it still
 * takes bytes, reading pauses, so that a pipeline slower than the container loses nothing; a client
 * that takes nothing at all for a while is dropped (client.c) and reading goes on.
 */
#include "shim/shim.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned char chunk[READ_SIZE] __attribute__((aligned(4096)));

void output_close(struct shim *s, struct output *o)
{
    if (!o->paused) {
        loop_remove(s, o->fd);
    }
    log_finish(&s->log, o->stream);
    if (s->tty) {
        s->input = -1; /* the same fd */
    }
    close(o->fd);
    o->fd = -1;
    o->paused = 0;
}

void output_event(struct shim *s, uint32_t slot, uint32_t events)
{
    struct output *o = &s->outputs[slot];

    if (o->fd < 0 || o->paused) {
        return;
    }
    if (s->tty && (events & EPOLLOUT) != 0) {
        input_event(s, 0, events);
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
            return;
        }
    }
    ssize_t n = read(o->fd, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        /* A terminal's master reads EIO while no slave is open; that is for good once the
         * container has ended, else somebody may open it again. */
        if (s->tty && s->phase < PHASE_DRAINING && n < 0 && errno == EIO) {
            loop_remove(s, o->fd);
            o->paused = 2;
            return;
        }
        output_close(s, o);
        return;
    }
    log_write(&s->log, o->stream, chunk, (size_t)n);
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0) {
            client_write(s, &s->clients[i], o->stream, chunk, (size_t)n);
        }
    }
    if (n > 16384) {
        madvise(chunk, sizeof(chunk), MADV_DONTNEED);
    }
}

static int clients_full(const struct shim *s)
{
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0 && s->clients[i].backlog_length >= s->client_limit) {
            return 1;
        }
    }
    return 0;
}

void output_balance(struct shim *s)
{
    int full = clients_full(s);

    for (uint32_t i = 0; i < 2; i++) {
        struct output *o = &s->outputs[i];
        if (o->fd < 0) {
            continue;
        }
        if (o->paused == 2 && s->phase >= PHASE_DRAINING) {
            output_close(s, o);
        } else if (full && !o->paused) {
            loop_remove(s, o->fd);
            o->paused = 1;
        } else if (!full && o->paused == 1) {
            o->paused = 0;
            loop_add(s, o->fd, SOURCE_OUTPUT, i, EPOLLIN);
        }
    }
}
