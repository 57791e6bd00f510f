/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes for the container's stdin: queued here until the pipe or terminal takes them. While the
 * queue is full no client is read.
 */
#include "shim/shim.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static unsigned char queue[INPUT_SIZE];

size_t input_space(const struct shim *s)
{
    return INPUT_SIZE - s->input_length;
}

/* With a terminal, output and input are one fd with one registration. */
static void want_room(struct shim *s, int want)
{
    if (want == s->input_registered || s->input < 0) {
        return;
    }
    if (s->tty) {
        if (s->outputs[0].paused) {
            return;
        }
        loop_change(s, s->input, SOURCE_OUTPUT, 0, want ? EPOLLIN | EPOLLOUT : EPOLLIN);
    } else if (want) {
        loop_add(s, s->input, SOURCE_INPUT, 0, EPOLLOUT);
    } else {
        loop_remove(s, s->input);
    }
    s->input_registered = want;
}

void input_close(struct shim *s)
{
    if (s->input >= 0 && !s->tty) {
        want_room(s, 0);
        close(s->input);
        s->input = -1;
    }
    s->input_length = 0;
    s->input_closing = 1; /* what still comes is dropped */
}

static void drain(struct shim *s)
{
    size_t done = 0;

    while (s->input >= 0 && done < s->input_length) {
        ssize_t n = write(s->input, queue + done, s->input_length - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            input_close(s); /* nobody reads it any more */
            return;
        }
        done += (size_t)n;
    }
    if (done > 0) {
        memmove(queue, queue + done, s->input_length - done);
        s->input_length -= done;
    }
    if (s->input_length == 0 && s->input_closing && s->input >= 0 && !s->tty) {
        input_close(s);
        return;
    }
    want_room(s, s->input_length > 0);
}

static void update_clients(struct shim *s)
{
    for (uint32_t i = 0; i < BERTH_SHIM_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0) {
            client_update(s, &s->clients[i]);
        }
    }
}

void input_event(struct shim *s, uint32_t slot, uint32_t events)
{
    int full = input_space(s) < READ_SIZE;

    drain(s);
    if (full && input_space(s) >= READ_SIZE) {
        update_clients(s);
    }
}

void input_push(struct shim *s, const unsigned char *data, size_t length)
{
    if (s->input_closing || (s->input < 0 && !s->tty)) {
        return; /* stdin is not open: dropped, as /dev/null would */
    }
    if (length > input_space(s)) {
        length = input_space(s); /* callers ask input_space() first */
    }
    if (length > 0) {
        memcpy(queue + s->input_length, data, length);
        s->input_length += length;
    }
    if (s->input >= 0) {
        drain(s);
    }
}

void input_end(struct shim *s)
{
    if (s->tty) {
        return;
    }
    s->input_closing = 1;
    drain(s);
}
