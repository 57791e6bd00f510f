/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches nftables for changes that others make (a flush of the whole ruleset, a firewall's
 * reload) and puts our table back. Our own changes do not wake the thread: a socket filter lets
 * only the announcement of a new generation through that somebody else made.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#include "bridge.h"

#define SETTLE_MS 20 /* several transactions in a row are looked at once */

/* BPF reads big-endian; the fields of nlmsghdr are in the host's order. */
static int attach_filter(int fd, uint32_t own_portid)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 htons(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_portid), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void drain(int fd)
{
    char buffer[8192];
    while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0 || errno == ENOBUFS) {
        /* only that something changed counts */
    }
}

static void check(berth_inst *inst)
{
    berth_error error = {.struct_size = sizeof(error)};
    pthread_mutex_lock(&inst->lock);
    if (inst->model.networks != NULL &&
        bridge_firewall(inst, "somebody removed or changed Berth's firewall rules", &error) < 0) {
        inst->host->log(inst->host->ctx, BERTH_HOST_LOG_ERROR, error.msg);
    }
    pthread_mutex_unlock(&inst->lock);
}


static void *watch(void *argument)
{
    berth_inst *inst = argument;
    struct netlink netlink;
    struct pollfd fds[2] = {{.fd = inst->stop_fd, .events = POLLIN}, {.events = POLLIN}};
    int group = NFNLGRP_NFTABLES;
    if (netlink_open(&netlink, NETLINK_NETFILTER, NULL) < 0) {
        return NULL;
    }
    fds[1].fd = mnl_socket_get_fd(netlink.socket);
    if (attach_filter(fds[1].fd, inst->firewall.netlink.portid) < 0 ||
        mnl_socket_setsockopt(netlink.socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
        berth_logf(inst->host, BERTH_HOST_LOG_WARN,
                   "cannot watch nftables: rules that others remove come back at the next change");
        netlink_close(&netlink);
        return NULL;
    }
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        if (fds[0].revents != 0) {
            break;
        }
        if (fds[1].revents == 0) {
            continue;
        }
        poll(fds, 1, SETTLE_MS);
        drain(fds[1].fd);
        check(inst);
    }
    netlink_close(&netlink);
    return NULL;
}

int32_t bridge_watch_start(berth_inst *inst, berth_error *err)
{
    int result;
    if (inst->watching) {
        return 0;
    }
    inst->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (inst->stop_fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make an eventfd");
    }
    result = pthread_create(&inst->watcher, NULL, watch, inst);
    if (result != 0) {
        close(inst->stop_fd);
        inst->stop_fd = -1;
        return BERTH_FAIL_ERRNO(err, result, "cannot start the thread that watches nftables");
    }
    inst->watching = true;
    return 0;
}

void bridge_watch_stop(berth_inst *inst)
{
    uint64_t one = 1;
    if (!inst->watching) {
        return;
    }
    if (write(inst->stop_fd, &one, sizeof(one)) == sizeof(one)) {
        pthread_join(inst->watcher, NULL);
    }
    close(inst->stop_fd);
    inst->watching = false;
}
