/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's sockets through sock_diag(7).
 */
#include "network/sockets.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* TCP sockets that are bound and neither listen nor talk (linux/tcp_states.h, since 6.8). */
#define STATE_BOUND 13

static int each_socket(const struct nlmsghdr *message, void *context)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    uint32_t *ports = context;
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
        uint16_t port = ntohs(socket->id.idiag_sport);
        ports[port / 32] |= 1u << port % 32;
    }
    return MNL_CB_OK;
}

static bool read_one(struct mnl_socket *netlink, int family, int protocol, uint32_t *ports)
{
    char buffer[32768];
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    struct inet_diag_req_v2 *request;
    m->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request = mnl_nlmsg_put_extra_header(m, sizeof(*request));
    request->sdiag_family = (uint8_t)family;
    request->sdiag_protocol = (uint8_t)protocol;
    request->idiag_states =
        protocol == IPPROTO_TCP ? 1u << TCP_LISTEN | 1u << STATE_BOUND : UINT32_MAX;
    if (mnl_socket_sendto(netlink, m, m->nlmsg_len) < 0) {
        return false;
    }
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));
        int state =
            got < 0 ? MNL_CB_ERROR : mnl_cb_run(buffer, (size_t)got, 0, 0, each_socket, ports);
        if (state <= MNL_CB_STOP) {
            return state == MNL_CB_STOP;
        }
    }
}

bool sockets_read(struct sockets *sockets)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    bool good = netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0;
    memset(sockets, 0, sizeof(*sockets));
    for (int i = 0; i < 2 && good; i++) {
        good = read_one(netlink, families[i], IPPROTO_TCP, sockets->tcp) &&
               read_one(netlink, families[i], IPPROTO_UDP, sockets->udp);
    }
    if (netlink != NULL) {
        mnl_socket_close(netlink);
    }
    return good;
}

bool sockets_may_have(const struct sockets *sockets, uint8_t protocol, uint16_t port)
{
    const uint32_t *ports = protocol == IPPROTO_TCP   ? sockets->tcp
                            : protocol == IPPROTO_UDP ? sockets->udp
                                                      : NULL;
    return ports == NULL || (ports[port / 32] & 1u << port % 32) != 0;
}
