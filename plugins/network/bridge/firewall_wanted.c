/* SPDX-License-Identifier: Apache-2.0
 *
 * What our nftables table should hold for a model.
 */
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall.h"

/* Priorities of linux/netfilter_ipv4.h: NF_IP_PRI_RAW, _NAT_DST, _FILTER, _NAT_SRC. */
#define PRIORITY_RAW     (-300)
#define PRIORITY_NAT_DST (-100)
#define PRIORITY_FILTER  0
#define PRIORITY_NAT_SRC 100

/* Elements that fit at first: eight bytes of kernel memory each. */
static const uint32_t map_sizes[] = {
    [NFT_PORTS4_AT] = 4096, [NFT_PORTS4] = 16384, [NFT_PORTS6_AT] = 1024, [NFT_PORTS6] = 1024};

/* ct state established, related: bits of the states + 1 (nf_tables.h: NFT_CT_STATE) */
#define STATE_ESTABLISHED_RELATED (1u << (IP_CT_ESTABLISHED + 1) | 1u << (IP_CT_RELATED + 1))

static const struct nft_chain base_chains[] = {
    {"guard", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW},
    {"dnat_in", "nat", NF_INET_PRE_ROUTING, PRIORITY_NAT_DST},
    {"dnat_out", "nat", NF_INET_LOCAL_OUT, PRIORITY_NAT_DST},
    {"forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER},
    {"postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_NAT_SRC},
};

/* A rule's digest, put behind its comment: FNV-1a over the message the kernel would get. */
static void seal(struct nft_rule *rule)
{
    char buffer[4096] = "";
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    uint32_t hash = 2166136261u;
    size_t length;
    if (nftnl_rule_is_set(rule->rule, NFTNL_RULE_ID)) {
        return; /* incomplete: refused when it is sent */
    }
    nftnl_rule_nlmsg_build_payload(m, rule->rule);
    for (uint32_t i = sizeof(*m); i < m->nlmsg_len; i++) {
        hash = (hash ^ (unsigned char)buffer[i]) * 16777619u;
    }
    length = strlen(rule->comment);
    snprintf(rule->comment + length, sizeof(rule->comment) - length, " [%08x]", hash);
}

/* A new rule of `chain`, to be filled and then sealed by the next call of this or by
 * firewall_image_wanted. */
static struct nftnl_rule *rule(struct firewall_image *image, const char *chain, const char *comment)
{
    struct nft_rule *added = firewall_image_rule(image, chain);
    if (added == NULL) {
        return NULL;
    }
    added->rule = nftnl_rule_alloc();
    if (added->rule == NULL) {
        image->failed = true;
        return NULL;
    }
    snprintf(added->comment, sizeof(added->comment), "%s", comment);
    return added->rule;
}

static void match_family(struct nftnl_rule *r, uint8_t family)
{
    nft_meta(r, NFT_META_NFPROTO, NFT_REG_1);
    nft_compare(r, NFT_CMP_EQ, &family, sizeof(family));
}

/* Offsets in the IPv4 header (RFC 791) and the IPv6 header (RFC 8200). */
static void load_address(struct nftnl_rule *r, uint8_t family, bool source, uint32_t to)
{
    if (family == NFPROTO_IPV4) {
        nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4, to);
    } else {
        nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 8 : 24, 16, to);
    }
}

/* ip saddr / daddr 127.0.0.0/8: the first byte. */
static void match_loopback(struct nftnl_rule *r, bool source)
{
    uint8_t loopback = 127;
    match_family(r, NFPROTO_IPV4);
    nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 1, NFT_REG_1);
    nft_compare(r, NFT_CMP_EQ, &loopback, sizeof(loopback));
}

/* ip saddr within the subnet */
static void match_subnet(struct nftnl_rule *r, const berth_network_address *subnet)
{
    uint8_t family = subnet->family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    uint32_t size = subnet->family == 6 ? 16 : 4;
    match_family(r, family);
    load_address(r, family, true, NFT_REG_1);
    nft_prefix(r, subnet->bytes, size, subnet->prefix);
}

/* With route_localnet on a bridge, a container or a neighbour on a link could otherwise reach (or
 * pose as) the host's own loopback services. */
static void want_guard(struct firewall_image *image)
{
    for (int source = 0; source <= 1; source++) {
        struct nftnl_rule *r = rule(image, "guard",
                                    source ? "nobody outside may pose as loopback"
                                           : "nobody outside may reach loopback");
        if (r != NULL) {
            nft_interface(r, NFT_META_IIFNAME, NFT_CMP_NEQ, "lo");
            match_loopback(r, source != 0);
            nft_verdict(r, NF_DROP);
        }
    }
}

/* dnat to the map's answer for the packet's protocol [. address] . port. */
static void want_dnat(struct firewall_image *image, const char *chain, enum nft_map map)
{
    bool at = map == NFT_PORTS4_AT || map == NFT_PORTS6_AT;
    uint8_t family = map == NFT_PORTS4_AT || map == NFT_PORTS4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    uint32_t words = family == NFPROTO_IPV4 ? 1 : 4;
    struct nftnl_rule *r = rule(image, chain,
                                at ? "ports published on one address"
                                   : "ports published on all addresses of this host");
    if (r == NULL) {
        return;
    }
    match_family(r, family);
    if (!at) {
        nft_local_destination(r);
    }
    nft_meta(r, NFT_META_L4PROTO, NFT_REG_1);
    if (at) {
        load_address(r, family, false, NFT_REG32_01);
    }
    /* the destination port stands at offset 2 in TCP, UDP and SCTP alike */
    nft_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG32_01 + (at ? words : 0));
    nft_lookup(r, map, NFT_REG_1);
    nft_dnat(r, family, NFT_REG_1, NFT_REG32_00 + words);
}

static void want_jump(struct firewall_image *image, const char *chain, uint32_t key,
                      enum nft_map map, const char *comment)
{
    struct nftnl_rule *r = rule(image, chain, comment);
    if (r != NULL) {
        nft_meta(r, key, NFT_REG_1);
        nft_lookup(r, map, NFT_REG_VERDICT);
    }
}

static void want_base(struct firewall_image *image)
{
    static const char *const dnat_chains[] = {"dnat_in", "dnat_out"};
    for (size_t i = 0; i < sizeof(base_chains) / sizeof(base_chains[0]); i++) {
        struct nft_chain *chain = firewall_image_chain(image, base_chains[i].name);
        if (chain != NULL) {
            *chain = base_chains[i];
        }
    }
    want_guard(image);
    for (size_t i = 0; i < 2; i++) {
        for (enum nft_map map = NFT_PORTS4_AT; map <= NFT_PORTS6; map++) {
            want_dnat(image, dnat_chains[i], map);
        }
    }
    want_jump(image, "forward", NFT_META_OIFNAME, NFT_FORWARD_TO, "into a network");
    want_jump(image, "forward", NFT_META_IIFNAME, NFT_FORWARD_FROM, "out of a network");
    want_jump(image, "postrouting", NFT_META_OIFNAME, NFT_NAT_TO, "into a network");
    want_jump(image, "postrouting", NFT_META_IIFNAME, NFT_NAT_FROM, "out of a network");
}

/* Makes a network's chain and the map element that leads to it. */
static void want_network_chain(struct firewall_image *image, const struct model_network *network,
                               enum nft_map map, const char *prefix, char name[NFT_NAME])
{
    struct nft_element *element;
    snprintf(name, NFT_NAME, "%s%s", prefix, network->interface);
    firewall_image_chain(image, name);
    element = nft_elements_add(&image->maps[map]);
    if (element != NULL) {
        snprintf((char *)element->key, IFNAMSIZ, "%s", network->interface);
        snprintf(element->chain, sizeof(element->chain), "%s", name);
    }
}

/* Who may send into the network. */
static void want_forward_to(struct firewall_image *image, const struct model_network *network)
{
    char chain[NFT_NAME];
    bool internal = (network->flags & BERTH_NETWORK_INTERNAL) != 0;
    struct nftnl_rule *r;
    want_network_chain(image, network, NFT_FORWARD_TO, "to_", chain);
    r = rule(image, chain, "answers");
    if (r != NULL) {
        nft_ct(r, NFT_CT_STATE, NFT_REG_1);
        nft_any_bit(r, STATE_ESTABLISHED_RELATED);
        nft_verdict(r, NF_ACCEPT);
    }
    if (!internal) {
        r = rule(image, chain, "published ports");
        if (r != NULL) {
            nft_ct(r, NFT_CT_STATUS, NFT_REG_1);
            nft_any_bit(r, IPS_DST_NAT);
            nft_verdict(r, NF_ACCEPT);
        }
    }
    if (network->flags & BERTH_NETWORK_ICC) {
        r = rule(image, chain, "within the network");
        if (r != NULL) {
            nft_interface(r, NFT_META_IIFNAME, NFT_CMP_EQ, network->interface);
            nft_verdict(r, NF_ACCEPT);
        }
    }
    r = rule(image, chain, "nobody else");
    if (r != NULL) {
        nft_verdict(r, NF_DROP);
    }
}

static void want_forward_from(struct firewall_image *image, const struct model_network *network)
{
    char chain[NFT_NAME];
    want_network_chain(image, network, NFT_FORWARD_FROM, "from_", chain);
    if (network->flags & BERTH_NETWORK_INTERNAL) {
        struct nftnl_rule *r = rule(image, chain, "internal: no way out");
        if (r != NULL) {
            nft_interface(r, NFT_META_OIFNAME, NFT_CMP_NEQ, network->interface);
            nft_verdict(r, NF_DROP);
        }
    }
}

static void want_nat(struct firewall_image *image, const struct model_network *network)
{
    char chain[NFT_NAME];
    struct nftnl_rule *r;
    want_network_chain(image, network, NFT_NAT_TO, "nat_to_", chain);
    for (uint32_t i = 0; i < network->n_subnets; i++) {
        /* by address, not iifname: with br_netfilter such a packet never leaves the bridge and has
         * no incoming interface here */
        r = rule(image, chain, "published ports reached from within: answers come back here");
        if (r != NULL) {
            match_subnet(r, &network->subnets[i].subnet);
            nft_ct(r, NFT_CT_STATUS, NFT_REG_1);
            nft_any_bit(r, IPS_DST_NAT);
            nft_masquerade(r);
        }
    }
    r = rule(image, chain, "published ports reached through loopback");
    if (r != NULL) {
        match_loopback(r, true);
        nft_masquerade(r);
    }
    want_network_chain(image, network, NFT_NAT_FROM, "nat_from_", chain);
    if (network->flags & BERTH_NETWORK_MASQUERADE &&
        (network->flags & BERTH_NETWORK_INTERNAL) == 0) {
        r = rule(image, chain, "what leaves the host carries its address");
        if (r != NULL) {
            nft_interface(r, NFT_META_OIFNAME, NFT_CMP_NEQ, network->interface);
            nft_masquerade(r);
        }
    }
}

bool firewall_port_element(const berth_network_port *port, const struct model_endpoint *endpoint,
                           enum nft_map *ret_map, struct nft_element *ret_element)
{
    static const uint8_t any[16];
    bool v6 = port->host_ip.family == 6;
    const berth_network_address *to = v6 ? &endpoint->ipv6 : &endpoint->ipv4;
    size_t size = v6 ? 16 : 4;
    bool all = memcmp(port->host_ip.bytes, any, size) == 0;
    uint8_t *key;
    if (to->family == 0) {
        return false;
    }
    memset(ret_element, 0, sizeof(*ret_element));
    /* each part of a concatenation begins at a multiple of four bytes */
    key = ret_element->key;
    key[0] = port->protocol;
    key += 4;
    if (!all) {
        memcpy(key, port->host_ip.bytes, size);
        key += size;
    }
    key[0] = (uint8_t)(port->host_port >> 8);
    key[1] = (uint8_t)port->host_port;
    memcpy(ret_element->data, to->bytes, size);
    ret_element->data[size] = (uint8_t)(port->container_port >> 8);
    ret_element->data[size + 1] = (uint8_t)port->container_port;
    *ret_map = v6 ? (all ? NFT_PORTS6 : NFT_PORTS6_AT) : (all ? NFT_PORTS4 : NFT_PORTS4_AT);
    return true;
}

static void want_ports(struct firewall_image *image, const struct model *model)
{
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        for (const struct model_endpoint *e = model->buckets[i]; e != NULL; e = e->next) {
            for (uint32_t k = 0; k < e->n_ports; k++) {
                enum nft_map map;
                struct nft_element wanted, *element;
                if (!firewall_port_element(&e->ports[k], e, &map, &wanted)) {
                    continue;
                }
                element = nft_elements_add(&image->maps[map]);
                if (element != NULL) {
                    *element = wanted;
                }
            }
        }
    }
}

/* Room for twice as many ports. */
static uint32_t map_size(enum nft_map map, size_t count)
{
    uint32_t size = map_sizes[map];
    while (size < count) {
        size *= 2;
    }
    return size;
}

void firewall_image_wanted(struct firewall_image *image, const struct model *model)
{
    image->table_present = true;
    want_base(image);
    for (const struct model_network *n = model->networks; n != NULL; n = n->next) {
        want_forward_to(image, n);
        want_forward_from(image, n);
        want_nat(image, n);
    }
    want_ports(image, model);
    for (size_t i = 0; i < image->n_rules; i++) {
        if (image->rules[i].rule != NULL) {
            seal(&image->rules[i]);
        }
    }
    for (enum nft_map map = 0; map < NFT_MAPS; map++) {
        image->map_present[map] = true;
        image->map_size[map] = map > NFT_PORTS6 ? 0 : map_size(map, image->maps[map].count);
        nft_elements_sort(&image->maps[map]);
        image->failed = image->failed || image->maps[map].failed;
    }
}
