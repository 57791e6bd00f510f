/* SPDX-License-Identifier: Apache-2.0
 *
 * Netlink batches on libmnl.
 */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <berth/helpers/fail.h>

#define RECEIVE_SIZE   (32 * 1024) /* what the kernel fills at most in one answer of a dump */
#define SEND_BUFFER    (16 * 1024 * 1024) /* 10,000 published ports are about 1 MiB */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

int32_t netlink_open(struct netlink *netlink, int protocol, berth_error *err)
{
    int one = 1;
    int size = SEND_BUFFER;
    memset(netlink, 0, sizeof(*netlink));
    netlink->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (netlink->socket == NULL || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int32_t code = BERTH_FAIL_ERRNO(err, errno, "cannot open a netlink socket");
        netlink_close(netlink);
        return code;
    }
    /* best effort: texts for errors, and room for the largest transaction; without the room the
     * send itself says what is wrong */
    mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &one, sizeof(one));
    mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &one, sizeof(one));
    if (protocol == NETLINK_NETFILTER) {
        int fd = mnl_socket_get_fd(netlink->socket);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
        size = RECEIVE_BUFFER;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    }
    netlink->portid = mnl_socket_get_portid(netlink->socket);
    return 0;
}

void netlink_close(struct netlink *netlink)
{
    if (netlink->socket != NULL) {
        mnl_socket_close(netlink->socket);
    }
    free(netlink->data);
    memset(netlink, 0, sizeof(*netlink));
}

void netlink_end(struct netlink *netlink)
{
    if (netlink->at != NULL) {
        netlink->length += MNL_ALIGN(netlink->at->nlmsg_len);
        netlink->count++;
        netlink->at = NULL;
    }
}

void netlink_reset(struct netlink *netlink)
{
    netlink->length = 0;
    netlink->count = 0;
    netlink->failed = false;
    netlink->at = NULL;
}

void *netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags, size_t extra)
{
    netlink_end(netlink);
    if (netlink->capacity - netlink->length < NETLINK_MESSAGE_MAX) {
        size_t capacity = netlink->capacity * 2 + NETLINK_MESSAGE_MAX;
        char *data = realloc(netlink->data, capacity);
        if (data == NULL) {
            netlink->failed = true;
            return NULL;
        }
        netlink->data = data;
        netlink->capacity = capacity;
    }
    netlink->at = mnl_nlmsg_put_header(netlink->data + netlink->length);
    netlink->at->nlmsg_type = type;
    netlink->at->nlmsg_flags = NLM_F_REQUEST | flags;
    netlink->at->nlmsg_seq = ++netlink->sequence;
    return extra == 0 ? (void *)netlink->at : mnl_nlmsg_put_extra_header(netlink->at, extra);
}

struct nlmsghdr *netlink_message(struct netlink *netlink)
{
    return netlink->at;
}

/* Keeps the kernel's own sentence (NLMSGERR_ATTR_MSG) of a failed message. */
static void keep_text(struct netlink *netlink, const struct nlmsghdr *message)
{
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    size_t offset = sizeof(*answer);
    if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return;
    }
    if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) {
        offset += answer->msg.nlmsg_len - sizeof(struct nlmsghdr);
    }
    mnl_attr_for_each(attribute, message, offset)
    {
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG) {
            snprintf(netlink->text, sizeof(netlink->text), "%s", mnl_attr_get_str(attribute));
        }
    }
}

static int send_batch(struct netlink *netlink)
{
    netlink_end(netlink);
    netlink->text[0] = '\0';
    if (netlink->failed) {
        netlink_reset(netlink);
        return -ENOMEM;
    }
    if (mnl_socket_sendto(netlink->socket, netlink->data, netlink->length) < 0) {
        int error = -errno;
        netlink_reset(netlink);
        return error;
    }
    return 0;
}

int netlink_commit_ignoring(struct netlink *netlink, bool (*ignore)(unsigned, int),
                            unsigned *ret_index)
{
    char buffer[RECEIVE_SIZE];
    uint32_t first = netlink->sequence - netlink->count - (netlink->at != NULL ? 1u : 0u) + 1;
    unsigned seen = 0, count;
    int result = send_batch(netlink);
    if (result < 0) {
        return result;
    }
    count = netlink->count;
    while (seen < count) {
        ssize_t got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));
        int left = (int)got;
        if (got < 0) {
            result = result == 0 ? -errno : result;
            break;
        }
        for (struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);
            unsigned index = m->nlmsg_seq - first;
            if (m->nlmsg_type != NLMSG_ERROR || index >= count) {
                continue; /* an answer to an earlier, abandoned batch */
            }
            seen++;
            if (answer->error != 0 && result == 0 &&
                (ignore == NULL || !ignore(index, -answer->error))) {
                result = answer->error;
                keep_text(netlink, m);
                if (ret_index != NULL) {
                    *ret_index = index;
                }
            }
        }
    }
    netlink_reset(netlink);
    return result;
}

int netlink_commit(struct netlink *netlink, unsigned *ret_index)
{
    return netlink_commit_ignoring(netlink, NULL, ret_index);
}

int netlink_commit_transaction(struct netlink *netlink)
{
    char buffer[RECEIVE_SIZE];
    int result = send_batch(netlink);
    int fd = mnl_socket_get_fd(netlink->socket);
    netlink_reset(netlink);
    /* the kernel has worked off the whole batch when the send returns: all answers are here */
    while (result != -ENOBUFS) {
        ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        int left = (int)got;
        if (got < 0) {
            if (errno == ENOBUFS && result == 0) {
                result = -ENOBUFS;
            }
            break;
        }
        for (struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);
            if (m->nlmsg_type == NLMSG_ERROR && answer->error != 0 && result == 0) {
                result = answer->error;
                keep_text(netlink, m);
            }
        }
    }
    return result;
}

int netlink_query(struct netlink *netlink, netlink_visitor visit, void *context)
{
    char buffer[RECEIVE_SIZE];
    uint32_t sequence = netlink->sequence;
    int result = send_batch(netlink);
    netlink_reset(netlink);
    while (result == 0) {
        ssize_t got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));
        int left = (int)got;
        if (got < 0) {
            return -errno;
        }
        for (struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_seq != sequence) {
                continue;
            }
            if (m->nlmsg_flags & NLM_F_DUMP_INTR) {
                result = -EINTR; /* goes on to the end, so that nothing stale stays queued */
            }
            if (m->nlmsg_type == NLMSG_DONE) {
                return result;
            }
            if (m->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);
                keep_text(netlink, m);
                return answer->error;
            }
            if (visit != NULL && visit(m, context) < 0) {
                return -errno;
            }
            if ((m->nlmsg_flags & NLM_F_MULTI) == 0) {
                return result;
            }
        }
    }
    return result;
}
