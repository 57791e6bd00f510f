/* SPDX-License-Identifier: Apache-2.0
 *
 * Netlink requests in batches: messages are appended to one buffer, sent by one system call, and
 * all acknowledgements are read back. A struct netlink is used by one thread at a time.
 */
#ifndef BERTH_PLUGINS_NETWORK_NETLINK_H
#define BERTH_PLUGINS_NETWORK_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <berth/error.h>

/* Room every appended message may use: netlink attributes end at 64 KiB. */
#define NETLINK_MESSAGE_MAX 65536u

struct netlink {
    struct mnl_socket *socket;
    uint32_t portid;
    uint32_t sequence;
    char *data; /* the batch */
    size_t length, capacity;
    unsigned count;      /* messages in the batch */
    bool failed;         /* out of memory while the batch was written: it will not be sent */
    struct nlmsghdr *at; /* the message being written; its length is not in `length` yet */
    char text[160];      /* what the kernel said about the last failure, or "" */
};

/* Opens a socket of a NETLINK_* protocol in the calling thread's network namespace. */
int32_t netlink_open(struct netlink *netlink, int protocol, berth_error *err);
/* Closes it; a zeroed struct is fine. */
void netlink_close(struct netlink *netlink);

/* Ends the message before and begins one more; NULL: out of memory (the commit will say so).
 * `extra` is the fixed header after nlmsghdr, zeroed, returned. Flags get NLM_F_REQUEST. */
void *netlink_begin(struct netlink *netlink, uint16_t type, uint16_t flags, size_t extra);
/* The header of the message being written, for mnl_attr_put. */
struct nlmsghdr *netlink_message(struct netlink *netlink);
/* Ends the message being written (netlink_begin does it too). */
void netlink_end(struct netlink *netlink);
/* Throws the batch away. */
void netlink_reset(struct netlink *netlink);

/* Sends the batch; every message must carry NLM_F_ACK. Returns 0 or the first failure as a
 * negative errno; *ret_index (may be NULL) says which message it was. */
int netlink_commit(struct netlink *netlink, unsigned *ret_index);
/* Same, failures of messages for which ignore(index, error) is true pass. */
int netlink_commit_ignoring(struct netlink *netlink, bool (*ignore)(unsigned, int),
                            unsigned *ret_index);
/* Sends an nftables batch: no acknowledgement is awaited but the last message's; errors of any
 * count. Returns 0 or a negative errno. */
int netlink_commit_transaction(struct netlink *netlink);

typedef int (*netlink_visitor)(const struct nlmsghdr *message, void *context);
/* Sends the one message of the batch (a dump or a get) and calls visit for each answer; visit
 * returns MNL_CB_OK or MNL_CB_ERROR with errno set. Returns 0 or a negative errno; -EINTR when the
 * kernel says that the dump is inconsistent (the caller may repeat it). */
int netlink_query(struct netlink *netlink, netlink_visitor visit, void *context);

#endif
