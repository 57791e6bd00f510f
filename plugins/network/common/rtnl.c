/* SPDX-License-Identifier: Apache-2.0
 *
 * rtnetlink messages (rtnetlink(7)) and what a container's interface needs.
 */
#include "rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

bool rtnl_mac_is_set(const uint8_t mac[6])
{
    static const uint8_t none[6];
    return memcmp(mac, none, sizeof(none)) != 0;
}

static int address_family(const berth_network_address *address)
{
    return address->family == 6 ? AF_INET6 : AF_INET;
}

static size_t address_size(const berth_network_address *address)
{
    return address->family == 6 ? 16 : 4;
}

static void read_port(const struct nlattr *nest, struct rtnl_link *link)
{
    const struct nlattr *attribute;
    mnl_attr_for_each_nested(attribute, nest)
    {
        if (mnl_attr_get_type(attribute) == IFLA_BRPORT_MODE) {
            link->hairpin = mnl_attr_get_u8(attribute) != 0;
        } else if (mnl_attr_get_type(attribute) == IFLA_BRPORT_ISOLATED) {
            link->isolated = mnl_attr_get_u8(attribute) != 0;
        }
    }
}

static void read_info(const struct nlattr *nest, struct rtnl_link *link)
{
    const struct nlattr *attribute;
    bool bridge_port = false;
    mnl_attr_for_each_nested(attribute, nest)
    {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_INFO_KIND:
            snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attribute));
            break;
        case IFLA_INFO_SLAVE_KIND:
            bridge_port = strcmp(mnl_attr_get_str(attribute), "bridge") == 0;
            break;
        case IFLA_INFO_SLAVE_DATA:
            if (bridge_port) {
                read_port(attribute, link);
            }
            break;
        default:
            break;
        }
    }
}

static void read_link(const struct nlmsghdr *message, struct rtnl_link *link)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    memset(link, 0, sizeof(*link));
    link->index = (uint32_t)info->ifi_index;
    link->flags = info->ifi_flags;
    mnl_attr_for_each(attribute, message, sizeof(*info))
    {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attribute));
            break;
        case IFLA_MTU:
            link->mtu = mnl_attr_get_u32(attribute);
            break;
        case IFLA_MASTER:
            link->master = mnl_attr_get_u32(attribute);
            break;
        case IFLA_ADDRESS:
            if (mnl_attr_get_payload_len(attribute) == sizeof(link->mac)) {
                memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
            }
            break;
        case IFLA_LINKINFO:
            read_info(attribute, link);
            break;
        default:
            break;
        }
    }
}

static int one_link(const struct nlmsghdr *message, void *context)
{
    if (message->nlmsg_type == RTM_NEWLINK) {
        read_link(message, context);
    }
    return MNL_CB_OK;
}

int rtnl_link_get(struct netlink *netlink, const char *name, struct rtnl_link *ret_link)
{
    struct rtnl_link link = {0};
    int result;
    if (netlink_begin(netlink, RTM_GETLINK, 0, sizeof(struct ifinfomsg)) == NULL) {
        return -ENOMEM;
    }
    mnl_attr_put_strz(netlink_message(netlink), IFLA_IFNAME, name);
    result = netlink_query(netlink, one_link, &link);
    if (result == 0 && link.index == 0) {
        result = -ENODEV;
    }
    if (result == 0) {
        *ret_link = link;
    }
    return result;
}

struct links_visit {
    bool (*visit)(const struct rtnl_link *, void *);
    void *context;
    bool stopped;
};

static int each_link(const struct nlmsghdr *message, void *context)
{
    struct links_visit *visit = context;
    struct rtnl_link link;
    if (message->nlmsg_type == RTM_NEWLINK && !visit->stopped) {
        read_link(message, &link);
        visit->stopped = !visit->visit(&link, visit->context);
    }
    return MNL_CB_OK;
}

int rtnl_links(struct netlink *netlink, bool (*visit)(const struct rtnl_link *, void *),
               void *context)
{
    struct links_visit state = {visit, context, false};
    if (netlink_begin(netlink, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg)) == NULL) {
        return -ENOMEM;
    }
    return netlink_query(netlink, each_link, &state);
}

/* A message about one interface: by index, or by name when index is 0. */
static struct nlmsghdr *begin_link(struct netlink *netlink, uint16_t type, uint16_t flags,
                                   uint32_t index, const char *name)
{
    struct ifinfomsg *info =
        netlink_begin(netlink, type, flags | NLM_F_ACK, sizeof(struct ifinfomsg));
    if (info == NULL) {
        return NULL;
    }
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)index;
    if (name != NULL) {
        mnl_attr_put_strz(netlink_message(netlink), IFLA_IFNAME, name);
    }
    return netlink_message(netlink);
}

static void set_flags(struct nlmsghdr *message, uint32_t flags, uint32_t mask)
{
    struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    info->ifi_flags = flags;
    info->ifi_change = mask;
}

bool rtnl_put_bridge(struct netlink *netlink, const char *name, const uint8_t mac[6], uint32_t mtu)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, name);
    struct nlattr *nest;
    if (m == NULL) {
        return false;
    }
    set_flags(m, IFF_UP, IFF_UP);
    mnl_attr_put(m, IFLA_ADDRESS, 6, mac);
    if (mtu != 0) {
        mnl_attr_put_u32(m, IFLA_MTU, mtu);
    }
    nest = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(m, nest);
    return true;
}

bool rtnl_put_flags(struct netlink *netlink, uint32_t index, uint32_t flags, uint32_t mask)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, index, NULL);
    if (m != NULL) {
        set_flags(m, flags, mask);
    }
    return m != NULL;
}

bool rtnl_put_mtu(struct netlink *netlink, uint32_t index, uint32_t mtu)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, index, NULL);
    if (m != NULL) {
        mnl_attr_put_u32(m, IFLA_MTU, mtu);
    }
    return m != NULL;
}

bool rtnl_put_rename(struct netlink *netlink, uint32_t index, const char *name)
{
    return begin_link(netlink, RTM_NEWLINK, 0, index, name) != NULL;
}

bool rtnl_put_mac(struct netlink *netlink, uint32_t index, const uint8_t mac[6])
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, index, NULL);
    if (m != NULL) {
        mnl_attr_put(m, IFLA_ADDRESS, 6, mac);
    }
    return m != NULL;
}

bool rtnl_put_group(struct netlink *netlink, uint32_t index, uint32_t group)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, index, NULL);
    if (m != NULL) {
        mnl_attr_put_u32(m, IFLA_GROUP, group);
    }
    return m != NULL;
}

bool rtnl_put_delete(struct netlink *netlink, uint32_t index)
{
    return begin_link(netlink, RTM_DELLINK, 0, index, NULL) != NULL;
}

bool rtnl_put_delete_group(struct netlink *netlink, uint32_t group)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_DELLINK, 0, 0, NULL);
    if (m != NULL) {
        mnl_attr_put_u32(m, IFLA_GROUP, group);
    }
    return m != NULL;
}

bool rtnl_put_veth(struct netlink *netlink, const struct rtnl_veth *veth)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, veth->name);
    struct nlattr *info, *data, *peer;
    if (m == NULL) {
        return false;
    }
    set_flags(m, IFF_UP, IFF_UP);
    mnl_attr_put_u32(m, IFLA_MASTER, veth->master);
    if (veth->mtu != 0) {
        mnl_attr_put_u32(m, IFLA_MTU, veth->mtu);
    }
    info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
    /* part of the nest, zeroed; the kernel cannot bring the peer up before the pair is linked */
    mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(m, IFLA_IFNAME, veth->peer);
    mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)veth->netns_fd);
    if (veth->mac != NULL) {
        mnl_attr_put(m, IFLA_ADDRESS, 6, veth->mac);
    }
    if (veth->mtu != 0) {
        mnl_attr_put_u32(m, IFLA_MTU, veth->mtu);
    }
    mnl_attr_nest_end(m, peer);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    return rtnl_put_port_flags(netlink, veth->name, veth->isolated);
}

bool rtnl_put_port(struct netlink *netlink, const char *name, uint32_t master)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, 0, name);
    if (m != NULL) {
        mnl_attr_put_u32(m, IFLA_MASTER, master);
    }
    return m != NULL;
}

/* A message with settings of a bridge's port; the caller ends both nests, data first. */
static struct nlmsghdr *begin_port(struct netlink *netlink, const char *name,
                                   struct nlattr **ret_info, struct nlattr **ret_data)
{
    struct nlmsghdr *m = begin_link(netlink, RTM_NEWLINK, 0, 0, name);
    if (m != NULL) {
        *ret_info = mnl_attr_nest_start(m, IFLA_LINKINFO);
        mnl_attr_put_strz(m, IFLA_INFO_SLAVE_KIND, "bridge");
        *ret_data = mnl_attr_nest_start(m, IFLA_INFO_SLAVE_DATA);
    }
    return m;
}

bool rtnl_put_port_shut(struct netlink *netlink, const char *name)
{
    struct nlattr *info, *data;
    struct nlmsghdr *m = begin_port(netlink, name, &info, &data);
    if (m == NULL) {
        return false;
    }
    mnl_attr_put_u8(m, IFLA_BRPORT_STATE, BR_STATE_DISABLED);
    mnl_attr_put(m, IFLA_BRPORT_FLUSH, 0, NULL);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    return true;
}

bool rtnl_put_port_flags(struct netlink *netlink, const char *name, bool isolated)
{
    struct nlattr *info, *data;
    struct nlmsghdr *m = begin_port(netlink, name, &info, &data);
    if (m == NULL) {
        return false;
    }
    mnl_attr_put_u8(m, IFLA_BRPORT_MODE, 1); /* hairpin: a container reaches its own published
                                              * ports */
    mnl_attr_put_u8(m, IFLA_BRPORT_ISOLATED, isolated);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    return true;
}

bool rtnl_put_address(struct netlink *netlink, uint32_t index, const berth_network_address *address,
                      bool remove)
{
    struct ifaddrmsg *info = netlink_begin(
        netlink, remove ? RTM_DELADDR : RTM_NEWADDR,
        (uint16_t)(NLM_F_ACK | (remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE)), sizeof(*info));
    struct nlmsghdr *m = netlink_message(netlink);
    if (info == NULL) {
        return false;
    }
    info->ifa_family = (unsigned char)address_family(address);
    info->ifa_prefixlen = address->prefix;
    info->ifa_index = index;
    mnl_attr_put(m, IFA_LOCAL, address_size(address), address->bytes);
    mnl_attr_put(m, IFA_ADDRESS, address_size(address), address->bytes);
    if (address->family == 6) {
        info->ifa_flags = IFA_F_NODAD; /* core hands every address out once: no second's wait */
    } else if (address->prefix < 31 && !remove) {
        uint8_t broadcast[4];
        for (unsigned i = 0; i < 4; i++) {
            unsigned host = address->prefix >= (i + 1) * 8 ? 0u
                            : address->prefix <= i * 8     ? 0xffu
                                                           : 0xffu >> (address->prefix - i * 8);
            broadcast[i] = (uint8_t)(address->bytes[i] | host);
        }
        mnl_attr_put(m, IFA_BROADCAST, 4, broadcast);
    }
    return true;
}

bool rtnl_put_default_route(struct netlink *netlink, uint32_t index,
                            const berth_network_address *gateway, bool remove)
{
    struct rtmsg *route = netlink_begin(
        netlink, remove ? RTM_DELROUTE : RTM_NEWROUTE,
        (uint16_t)(NLM_F_ACK | (remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE)), sizeof(*route));
    struct nlmsghdr *m = netlink_message(netlink);
    if (route == NULL) {
        return false;
    }
    route->rtm_family = (unsigned char)address_family(gateway);
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = remove ? RTPROT_UNSPEC : RTPROT_BOOT;
    route->rtm_scope = remove ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
    route->rtm_type = remove ? RTN_UNSPEC : RTN_UNICAST;
    mnl_attr_put(m, RTA_GATEWAY, address_size(gateway), gateway->bytes);
    mnl_attr_put_u32(m, RTA_OIF, index);
    return true;
}

struct addresses {
    uint32_t index;
    const berth_network_address *wanted;
    unsigned count;
    uint32_t present;                 /* bit i: wanted[i] is there */
    berth_network_address strays[16]; /* more are left for the next time */
    unsigned n_strays;
};

static int each_address(const struct nlmsghdr *message, void *context)
{
    struct addresses *addresses = context;
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    berth_network_address found = {.family = info->ifa_family == AF_INET6 ? 6 : 4,
                                   .prefix = info->ifa_prefixlen};
    bool family = false;
    if (message->nlmsg_type != RTM_NEWADDR || info->ifa_index != addresses->index ||
        info->ifa_scope == RT_SCOPE_LINK) {
        return MNL_CB_OK;
    }
    mnl_attr_for_each(attribute, message, sizeof(*info))
    {
        uint16_t type = mnl_attr_get_type(attribute);
        if ((type == IFA_LOCAL || (type == IFA_ADDRESS && found.family == 6)) &&
            mnl_attr_get_payload_len(attribute) == address_size(&found)) {
            memcpy(found.bytes, mnl_attr_get_payload(attribute), address_size(&found));
        }
    }
    for (unsigned i = 0; i < addresses->count; i++) {
        family = family || addresses->wanted[i].family == found.family;
        if (memcmp(&addresses->wanted[i], &found, sizeof(found)) == 0) {
            addresses->present |= 1u << i;
            return MNL_CB_OK;
        }
    }
    if (family && addresses->n_strays < sizeof(addresses->strays) / sizeof(found)) {
        addresses->strays[addresses->n_strays++] = found;
    }
    return MNL_CB_OK;
}

int rtnl_addresses_set(struct netlink *netlink, uint32_t index,
                       const berth_network_address *addresses, unsigned count,
                       unsigned *ret_changes)
{
    struct addresses state = {.index = index, .wanted = addresses, .count = count};
    unsigned changes = 0;
    int result;
    if (count > 32) {
        return -E2BIG;
    }
    if (netlink_begin(netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg)) == NULL) {
        return -ENOMEM;
    }
    result = netlink_query(netlink, each_address, &state);
    if (result != 0 && result != -EINTR) {
        return result;
    }
    for (unsigned i = 0; i < state.n_strays; i++, changes++) {
        rtnl_put_address(netlink, index, &state.strays[i], true);
    }
    for (unsigned i = 0; i < count; i++) {
        if ((state.present & 1u << i) == 0) {
            rtnl_put_address(netlink, index, &addresses[i], false);
            changes++;
        }
    }
    result = changes == 0 ? 0 : netlink_commit(netlink, NULL);
    if (result == 0) {
        *ret_changes = changes;
    }
    return result;
}

/* Routes that were not there need not be removed. */
static bool ignore_missing(unsigned index, int error)
{
    (void)index;
    return error == ESRCH;
}

static void put_routes(struct netlink *netlink, uint32_t index,
                       const berth_network_endpoint *endpoint, bool fresh)
{
    const struct {
        const berth_network_address *address, *gateway;
        uint32_t flag;
    } families[] = {{&endpoint->ipv4, &endpoint->gateway4, BERTH_ENDPOINT_ROUTE4},
                    {&endpoint->ipv6, &endpoint->gateway6, BERTH_ENDPOINT_ROUTE6}};
    for (unsigned i = 0; i < 2; i++) {
        bool wanted = (endpoint->flags & families[i].flag) != 0;
        if (families[i].address->family != 0 && families[i].gateway->family != 0 &&
            (wanted || !fresh)) {
            rtnl_put_default_route(netlink, index, families[i].gateway, !wanted);
        }
    }
}

int rtnl_endpoint_configure(struct netlink *netlink, const char *current,
                            const berth_network_endpoint *endpoint, bool fresh)
{
    struct rtnl_link link;
    int result = rtnl_link_get(netlink, current, &link);
    if (result < 0) {
        return result;
    }
    if (strcmp(current, endpoint->interface) != 0) {
        if (link.flags & IFF_UP) { /* before 6.2 only an interface that is down takes a new name */
            rtnl_put_flags(netlink, link.index, 0, IFF_UP);
            link.flags &= ~(uint32_t)IFF_UP;
        }
        rtnl_put_rename(netlink, link.index, endpoint->interface);
    }
    /* the MAC after the address: with arp_notify the kernel then announces the two together, and
     * nobody goes on with what he knows of the address's last owner */
    if (endpoint->ipv4.family != 0) {
        rtnl_put_address(netlink, link.index, &endpoint->ipv4, false);
    }
    if (rtnl_mac_is_set(endpoint->mac) && memcmp(link.mac, endpoint->mac, 6) != 0) {
        rtnl_put_mac(netlink, link.index, endpoint->mac);
    }
    if ((link.flags & IFF_UP) == 0) {
        rtnl_put_flags(netlink, link.index, IFF_UP, IFF_UP);
    }
    if (endpoint->ipv6.family != 0) {
        rtnl_put_address(netlink, link.index, &endpoint->ipv6, false);
    }
    put_routes(netlink, link.index, endpoint, fresh);
    return netlink_commit_ignoring(netlink, ignore_missing, NULL);
}

int rtnl_link_up(struct netlink *netlink, const char *name)
{
    struct rtnl_link link;
    int result = rtnl_link_get(netlink, name, &link);
    if (result == 0) {
        rtnl_put_flags(netlink, link.index, IFF_UP, IFF_UP);
        result = netlink_commit(netlink, NULL);
    }
    return result;
}
