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
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#include "bridge.h"
#include "conntrack.h"

#define SETTLE_MS 20 /* several transactions in a row are looked at once */

/* BPF reads big-endian; the fields of nlmsghdr are in the host's order. */
static int attach_filter(int fd, uint32_t own_portid)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0,
                 3),
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
    inst->suspect = false;
    if (inst->model.networks != NULL &&
        bridge_firewall(inst, "somebody removed or changed Berth's firewall rules", &error) < 0) {
        inst->host->log(inst->host->ctx, BERTH_HOST_LOG_ERROR, error.msg);
    }
    pthread_mutex_unlock(&inst->lock);
}

/* Works off what the wake-up asked for. False: the thread is to end. */
static bool serve(berth_inst *inst)
{
    berth_network_port *flows;
    uint32_t n_flows;
    bool stopping, suspect;
    pthread_mutex_lock(&inst->lock);
    flows = inst->flows;
    n_flows = inst->n_flows;
    inst->flows = NULL;
    inst->n_flows = 0;
    stopping = inst->stopping;
    suspect = inst->suspect;
    pthread_mutex_unlock(&inst->lock);
    conntrack_forget(flows, n_flows); /* best effort: the flows end by their own timeout */
    free(flows);
    if (suspect && !stopping) {
        check(inst);
    }
    return !stopping;
}

/* Subscribes; -1: this kernel does not tell. */
static int subscribe(berth_inst *inst, struct netlink *netlink)
{
    int group = NFNLGRP_NFTABLES;
    int fd;
    if (netlink_open(netlink, NETLINK_NETFILTER, NULL) < 0) {
        return -1;
    }
    fd = mnl_socket_get_fd(netlink->socket);
    if (attach_filter(fd, inst->firewall.netlink.portid) < 0 ||
        mnl_socket_setsockopt(netlink->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
        netlink_close(netlink);
        return -1;
    }
    pthread_mutex_lock(&inst->lock);
    inst->firewall.watch_fd = fd;
    pthread_mutex_unlock(&inst->lock);
    return fd;
}

static int timeout(berth_inst *inst)
{
    pthread_mutex_lock(&inst->lock);
    int milliseconds = bridge_strays_timeout(inst);
    pthread_mutex_unlock(&inst->lock);
    return milliseconds;
}

static void *watch(void *argument)
{
    berth_inst *inst = argument;
    struct netlink netlink = {0};
    struct pollfd fds[2] = {{.fd = inst->wake_fd, .events = POLLIN}, {.events = POLLIN}};
    uint64_t count;
    fds[1].fd = subscribe(inst, &netlink);
    if (fds[1].fd < 0) {
        berth_logf(inst->host, BERTH_HOST_LOG_WARN,
                   "cannot watch nftables: rules that others remove come back at the next change");
    }
    while (poll(fds, 2, timeout(inst)) >= 0 || errno == EINTR) {
        bridge_strays_look(inst);
        if (fds[1].fd >= 0 && fds[1].revents != 0) {
            poll(NULL, 0, SETTLE_MS);
            drain(fds[1].fd);
            check(inst);
        }
        if (fds[0].revents != 0 &&
            (read(inst->wake_fd, &count, sizeof(count)) < 0 || !serve(inst))) {
            break;
        }
    }
    pthread_mutex_lock(&inst->lock);
    inst->firewall.watch_fd = -1;
    pthread_mutex_unlock(&inst->lock);
    netlink_close(&netlink);
    return NULL;
}

int32_t bridge_watch_start(berth_inst *inst, berth_error *err)
{
    int result;
    if (inst->watching) {
        return 0;
    }
    inst->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (inst->wake_fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make an eventfd");
    }
    result = pthread_create(&inst->watcher, NULL, watch, inst);
    if (result != 0) {
        close(inst->wake_fd);
        inst->wake_fd = -1;
        return BERTH_FAIL_ERRNO(err, result, "cannot start the thread that watches nftables");
    }
    inst->watching = true;
    return 0;
}

void bridge_watch_wake(berth_inst *inst)
{
    uint64_t one = 1;
    if (inst->wake_fd >= 0 && write(inst->wake_fd, &one, sizeof(one)) < 0) {
        inst->host->log(inst->host->ctx, BERTH_HOST_LOG_ERROR, "cannot wake the nftables watcher");
    }
}

void bridge_watch_suspect(berth_inst *inst)
{
    inst->suspect = true;
    bridge_watch_wake(inst);
}

void bridge_watch_forget(berth_inst *inst, const berth_network_port *ports, uint32_t count)
{
    berth_network_port *more;
    uint32_t udp = 0;
    for (uint32_t i = 0; i < count; i++) {
        udp += ports[i].protocol == IPPROTO_UDP;
    }
    if (udp == 0) {
        return;
    }
    more = reallocarray(inst->flows, (size_t)inst->n_flows + udp, sizeof(*more));
    if (more == NULL) {
        return; /* the flows end by their own timeout */
    }
    inst->flows = more;
    for (uint32_t i = 0; i < count; i++) {
        if (ports[i].protocol == IPPROTO_UDP) {
            more[inst->n_flows++] = ports[i];
        }
    }
    bridge_watch_wake(inst);
}

void bridge_watch_stop(berth_inst *inst)
{
    if (!inst->watching) {
        return;
    }
    pthread_mutex_lock(&inst->lock);
    inst->stopping = true;
    bridge_watch_wake(inst);
    pthread_mutex_unlock(&inst->lock);
    pthread_join(inst->watcher, NULL);
    close(inst->wake_fd);
    free(inst->flows);
    inst->watching = false;
}
