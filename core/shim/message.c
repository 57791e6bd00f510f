/* SPDX-License-Identifier: Apache-2.0
 *
 * Control messages over SEQPACKET sockets, used by both sides.
 */
#include "shim/protocol.h"
#include "shim/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_SIZE offsetof(struct berth_shim_message, body)

int berth_shim_fail(berth_error *err, int code, int sys_errno, const char *sentence)
{
    if (err != NULL) {
        size_t length = strlen(sentence);
        if (length >= sizeof(err->msg)) {
            length = sizeof(err->msg) - 1;
        }
        memset(err, 0, sizeof(*err));
        err->struct_size = sizeof(*err);
        err->code = code;
        err->sys_errno = sys_errno;
        memcpy(err->msg, sentence, length);
    }
    return code;
}

static void set_fds(struct msghdr *header, void *control, const int *fds, uint32_t count)
{
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
}

int berth_shim_message_send(int socket, const struct berth_shim_message *message,
                            const struct berth_shim_payload *payload, int flags, berth_error *err)
{
    static const struct berth_shim_payload nothing;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(BERTH_SHIM_FDS_CHUNK * sizeof(int))];
    } control;
    struct berth_shim_message copy = *message;
    const struct berth_shim_payload *p = payload != NULL ? payload : &nothing;

    if (p->fd_count > BERTH_SHIM_FDS_CHUNK || p->length > BERTH_SHIM_SPEC_MAX) {
        return berth_shim_fail(err, BERTH_E_INVALID, 0, "a shim message is too large");
    }
    copy.body_size = sizeof(copy.body);
    copy.data_size = (uint32_t)p->length;
    struct iovec parts[2] = {{&copy, sizeof(copy)}, {(void *)(uintptr_t)p->data, p->length}};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = p->length > 0 ? 2 : 1};
    if (p->fd_count > 0) {
        memset(&control, 0, CMSG_SPACE(sizeof(int)));
        set_fds(&header, control.bytes, p->fds, p->fd_count);
    }
    for (;;) {
        if (sendmsg(socket, &header, flags | MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno != EINTR) {
            break;
        }
    }
    int gone = errno == EAGAIN || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
    return berth_shim_fail(err, gone ? BERTH_E_UNAVAILABLE : BERTH_E_INTERNAL, errno,
                           "cannot send a message over the shim's control socket");
}

/* Moves the fds out of a received control message; those that do not fit are closed. */
static void collect_fds(struct msghdr *header, struct berth_shim_incoming *incoming)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (incoming->fd_count < BERTH_SHIM_FDS_CHUNK) {
                incoming->fds[incoming->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

static int refuse(struct berth_shim_incoming *incoming, berth_error *err)
{
    for (uint32_t i = 0; i < incoming->fd_count; i++) {
        close(incoming->fds[i]);
    }
    incoming->fd_count = 0;
    incoming->length = 0;
    return berth_shim_fail(err, BERTH_E_DATA, 0, "a broken message came over the shim's socket");
}

/* The sender's body may be shorter or longer than ours: move the data part to where it belongs. */
static int unpack(struct berth_shim_message *message, struct berth_shim_incoming *incoming,
                  size_t received, berth_error *err)
{
    size_t body = sizeof(message->body);
    if (received < HEAD_SIZE || message->body_size > received - HEAD_SIZE ||
        message->data_size != received - HEAD_SIZE - message->body_size ||
        message->data_size > incoming->size) {
        return refuse(incoming, err);
    }
    incoming->length = message->data_size;
    if (message->body_size < body) {
        /* What follows the shorter body was received into ours and, beyond that, into data. */
        size_t stray = body - message->body_size;
        size_t inside = stray < message->data_size ? stray : message->data_size;
        if (inside > 0) {
            memmove(incoming->buffer + inside, incoming->buffer, message->data_size - inside);
            memcpy(incoming->buffer, message->body.bytes + message->body_size, inside);
        }
        memset(message->body.bytes + message->body_size, 0, stray);
    } else if (message->body_size > body && message->data_size > 0) {
        /* The end of the longer body stands before data; it cannot have been truncated. */
        memmove(incoming->buffer, incoming->buffer + (message->body_size - body),
                message->data_size);
    }
    return 1;
}

int berth_shim_message_receive(int socket, struct berth_shim_message *ret_message,
                               struct berth_shim_incoming *incoming, int flags, berth_error *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(BERTH_SHIM_FDS_CHUNK * sizeof(int))];
    } control;
    struct berth_shim_message message;
    struct iovec parts[2] = {{&message, sizeof(message)}, {incoming->buffer, incoming->size}};
    struct msghdr header = {.msg_iov = parts,
                            .msg_iovlen = incoming->size > 0 ? 2 : 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t received;

    incoming->fd_count = 0;
    incoming->length = 0;
    memset(&message, 0, sizeof(message));
    do {
        received = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received == 0 || (received < 0 && errno == ECONNRESET)) {
        return 0;
    }
    if (received < 0) {
        return berth_shim_fail(err, errno == EAGAIN ? BERTH_E_UNAVAILABLE : BERTH_E_INTERNAL, errno,
                               "cannot receive from the shim's control socket");
    }
    collect_fds(&header, incoming);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return refuse(incoming, err);
    }
    int result = unpack(&message, incoming, (size_t)received, err);
    if (result == 1) {
        *ret_message = message;
    }
    return result;
}

uint64_t berth_shim_stat_start_time(const char *text)
{
    /* proc(5): field 2 is "(comm)" and may contain anything; fields are counted after its end. */
    const char *p = strrchr(text, ')');
    int field = 2;
    uint64_t value = 0;

    if (p == NULL) {
        return 0;
    }
    for (p++; *p != 0 && field < 22; p++) {
        if (*p == ' ') {
            field++;
        }
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
    }
    return field == 22 ? value : 0;
}
