/* SPDX-License-Identifier: Apache-2.0
 *
 * ctnetlink: dump the UDP flows, delete those of certain ports (nfnetlink_conntrack.h).
 */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../common/netlink.h"

#define PORT_WORDS (65536 / 32)

struct flows {
    uint32_t ports[PORT_WORDS]; /* bit set of the host ports in question */
    struct netlink *deletions;  /* a batch that grows while the dump is read */
};

/* Protocol and destination port of a CTA_TUPLE_*. */
static void read_tuple(const struct nlattr *tuple, uint8_t *protocol, uint16_t *port)
{
    const struct nlattr *part, *field;
    mnl_attr_for_each_nested(part, tuple)
    {
        if (mnl_attr_get_type(part) != CTA_TUPLE_PROTO) {
            continue;
        }
        mnl_attr_for_each_nested(field, part)
        {
            if (mnl_attr_get_type(field) == CTA_PROTO_NUM) {
                *protocol = mnl_attr_get_u8(field);
            } else if (mnl_attr_get_type(field) == CTA_PROTO_DST_PORT) {
                *port = ntohs(mnl_attr_get_u16(field));
            }
        }
    }
}

static struct nlmsghdr *begin(struct netlink *netlink, uint16_t type, uint16_t flags,
                              uint8_t family)
{
    struct nfgenmsg *header = netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type),
                                            flags, sizeof(*header));
    if (header == NULL) {
        return NULL;
    }
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    return netlink_message(netlink);
}

static int each_flow(const struct nlmsghdr *message, void *context)
{
    struct flows *flows = context;
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute, *original = NULL, *id = NULL, *zone = NULL;
    struct nlmsghdr *m;
    uint8_t protocol = 0;
    uint16_t port = 0;
    mnl_attr_for_each(attribute, message, sizeof(*header))
    {
        switch (mnl_attr_get_type(attribute)) {
        case CTA_TUPLE_ORIG:
            original = attribute;
            break;
        case CTA_ID:
            id = attribute;
            break;
        case CTA_ZONE:
            zone = attribute;
            break;
        default:
            break;
        }
    }
    if (original == NULL) {
        return MNL_CB_OK;
    }
    read_tuple(original, &protocol, &port);
    if (protocol != IPPROTO_UDP || (flows->ports[port / 32] & 1u << port % 32) == 0) {
        return MNL_CB_OK;
    }
    m = begin(flows->deletions, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, header->nfgen_family);
    if (m != NULL) {
        mnl_attr_put(m, CTA_TUPLE_ORIG | NLA_F_NESTED, mnl_attr_get_payload_len(original),
                     mnl_attr_get_payload(original));
        if (id != NULL) {
            mnl_attr_put(m, CTA_ID, mnl_attr_get_payload_len(id), mnl_attr_get_payload(id));
        }
        if (zone != NULL) {
            mnl_attr_put(m, CTA_ZONE, mnl_attr_get_payload_len(zone), mnl_attr_get_payload(zone));
        }
    }
    return MNL_CB_OK;
}

/* Lets the kernel send UDP flows only (CTA_FILTER, since 5.8; older ones send everything, which is
 * filtered above all the same). */
static void put_filter(struct nlmsghdr *m)
{
    struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
    struct nlattr *protocol = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
    struct nlattr *filter;
    mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_nest_end(m, protocol);
    mnl_attr_nest_end(m, tuple);
    filter = mnl_attr_nest_start(m, CTA_FILTER);
    /* CTA_FILTER_ORIG_FLAGS: bit 3 is CTA_FILTER_FLAG(CTA_PROTO_NUM) of nf_conntrack_netlink.c */
    mnl_attr_put_u32(m, CTA_FILTER_ORIG_FLAGS, 1u << 3);
    mnl_attr_nest_end(m, filter);
}

static bool ignore_gone(unsigned index, int error)
{
    (void)index;
    return error == ENOENT;
}

static int forget(struct flows *flows, struct netlink *dump, uint8_t family)
{
    struct nlmsghdr *m = begin(dump, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family);
    int result;
    if (m == NULL) {
        return -ENOMEM;
    }
    put_filter(m);
    result = netlink_query(dump, each_flow, flows);
    if (result != 0 && result != -EINTR) {
        return result;
    }
    if (flows->deletions->count + (flows->deletions->at != NULL) == 0) {
        return 0;
    }
    return netlink_commit_ignoring(flows->deletions, ignore_gone, NULL);
}

int conntrack_forget(const berth_network_port *ports, uint32_t count)
{
    struct netlink dump, deletions;
    struct flows *flows = NULL;
    bool v4 = false, v6 = false;
    int result = -EIO;
    for (uint32_t i = 0; i < count; i++) {
        v4 = v4 || (ports[i].protocol == IPPROTO_UDP && ports[i].host_ip.family == 4);
        v6 = v6 || (ports[i].protocol == IPPROTO_UDP && ports[i].host_ip.family == 6);
    }
    if (!v4 && !v6) {
        return 0;
    }
    flows = calloc(1, sizeof(*flows));
    if (flows == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (ports[i].protocol == IPPROTO_UDP) {
            flows->ports[ports[i].host_port / 32] |= 1u << ports[i].host_port % 32;
        }
    }
    if (netlink_open(&dump, NETLINK_NETFILTER, NULL) == 0) {
        if (netlink_open(&deletions, NETLINK_NETFILTER, NULL) == 0) {
            flows->deletions = &deletions;
            result = v4 ? forget(flows, &dump, AF_INET) : 0;
            result = v6 && result == 0 ? forget(flows, &dump, AF_INET6) : result;
            netlink_close(&deletions);
        }
        netlink_close(&dump);
    }
    free(flows);
    return result;
}
