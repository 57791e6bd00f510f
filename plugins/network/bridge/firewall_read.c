/* SPDX-License-Identifier: Apache-2.0
 *
 * What our nftables table holds in the kernel, and whether another table's forward chain drops what
 * ours lets through.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall.h"

void firewall_image_done(struct firewall_image *image)
{
    for (size_t i = 0; i < image->n_rules; i++) {
        if (image->rules[i].rule != NULL) {
            nftnl_rule_free(image->rules[i].rule);
        }
    }
    for (enum nft_map map = 0; map < NFT_MAPS; map++) {
        nft_elements_done(&image->maps[map]);
    }
    free(image->rules);
    free(image->chains);
    memset(image, 0, sizeof(*image));
}

/* A new zeroed item at the end of a growing array. */
static void *grow(void **items, size_t *count, size_t *capacity, size_t size)
{
    if (*count == *capacity) {
        size_t more = *capacity * 2 + 32;
        void *grown = reallocarray(*items, more, size);
        if (grown == NULL) {
            return NULL;
        }
        *items = grown;
        *capacity = more;
    }
    return memset((char *)*items + (*count)++ * size, 0, size);
}

struct nft_chain *firewall_image_chain(struct firewall_image *image, const char *name)
{
    struct nft_chain *chain = grow((void **)&image->chains, &image->n_chains,
                                   &image->chains_capacity, sizeof(*image->chains));
    if (chain == NULL) {
        image->failed = true;
        return NULL;
    }
    snprintf(chain->name, sizeof(chain->name), "%s", name);
    return chain;
}

struct nft_rule *firewall_image_rule(struct firewall_image *image, const char *chain)
{
    struct nft_rule *rule = grow((void **)&image->rules, &image->n_rules, &image->rules_capacity,
                                 sizeof(*image->rules));
    if (rule == NULL) {
        image->failed = true;
        return NULL;
    }
    snprintf(rule->chain, sizeof(rule->chain), "%s", chain);
    return rule;
}

const struct nft_chain *firewall_image_find(const struct firewall_image *image, const char *name)
{
    for (size_t i = 0; i < image->n_chains; i++) {
        if (strcmp(image->chains[i].name, name) == 0) {
            return &image->chains[i];
        }
    }
    return NULL;
}

struct reading {
    struct firewall_image *image;
    const char *table;
    enum nft_map map;
};

static struct nlmsghdr *begin(struct netlink *netlink, uint16_t type, uint8_t family)
{
    struct nfgenmsg *header = netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
                                            NLM_F_DUMP, sizeof(*header));
    if (header == NULL) {
        return NULL;
    }
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    return netlink_message(netlink);
}

static const char *family_name(uint32_t family)
{
    return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

/* Another table that drops forwarded packets unless it knows them: an accept of ours does not help,
 * the packet still has to pass it. */
static void note_foreign(struct firewall_image *image, const struct nftnl_chain *chain)
{
    uint32_t family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
    if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) || image->dropping[0] != '\0' ||
        nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) != NF_INET_FORWARD ||
        nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) != NF_DROP ||
        (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET)) {
        return;
    }
    snprintf(image->dropping, sizeof(image->dropping), "%s %s %s", family_name(family),
             nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
             nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
}

static int each_chain(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct nftnl_chain *chain = nftnl_chain_alloc();
    struct nft_chain *kept;
    if (chain == NULL || nftnl_chain_nlmsg_parse(message, chain) < 0) {
        reading->image->failed = true;
    } else if (nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY) != NFPROTO_INET ||
               strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), reading->table) != 0) {
        note_foreign(reading->image, chain);
    } else {
        kept = firewall_image_chain(reading->image, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
        if (kept != NULL && nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM)) {
            const char *type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);
            kept->type = strcmp(type, "nat") == 0      ? "nat"
                         : strcmp(type, "filter") == 0 ? "filter"
                                                       : "other";
            kept->hook = nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM);
            kept->priority = nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO);
        }
    }
    if (chain != NULL) {
        nftnl_chain_free(chain);
    }
    return MNL_CB_OK;
}

struct comment {
    char *text;
    size_t size;
};

static int find_comment(const struct nftnl_udata *attribute, void *context)
{
    struct comment *comment = context;
    if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT) {
        snprintf(comment->text, comment->size, "%.*s", (int)nftnl_udata_len(attribute),
                 (const char *)nftnl_udata_get(attribute));
    }
    return 0;
}

static int each_rule(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct nftnl_rule *rule = nftnl_rule_alloc();
    struct nft_rule *kept;
    if (rule == NULL || nftnl_rule_nlmsg_parse(message, rule) < 0) {
        reading->image->failed = true;
    } else if (strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), reading->table) == 0) {
        kept = firewall_image_rule(reading->image, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
        if (kept != NULL && nftnl_rule_is_set(rule, NFTNL_RULE_USERDATA)) {
            struct comment comment = {kept->comment, sizeof(kept->comment)};
            uint32_t size;
            const void *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
            nftnl_udata_parse(data, size, find_comment, &comment);
        }
    }
    if (rule != NULL) {
        nftnl_rule_free(rule);
    }
    return MNL_CB_OK;
}

static int each_set(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct nftnl_set *set = nftnl_set_alloc();
    if (set == NULL || nftnl_set_nlmsg_parse(message, set) < 0) {
        reading->image->failed = true;
    } else {
        const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);
        for (enum nft_map map = 0; map < NFT_MAPS; map++) {
            const struct nft_map_spec *spec = &nft_maps[map];
            if (strcmp(name, spec->name) != 0) {
                continue;
            }
            reading->image->map_present[map] = true;
            reading->image->map_size[map] = nftnl_set_get_u32(set, NFTNL_SET_DESC_SIZE);
            if (nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN) != spec->key_size ||
                nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) != spec->data_type ||
                nftnl_set_get_u32(set, NFTNL_SET_FLAGS) != NFT_SET_MAP) {
                reading->image->foreign = true;
            }
        }
    }
    if (set != NULL) {
        nftnl_set_free(set);
    }
    return MNL_CB_OK;
}

/* Copies the NFTA_DATA_VALUE inside an attribute, or the chain of a verdict. */
static void read_data(const struct nlattr *outer, uint8_t *value, size_t size, char *chain)
{
    const struct nlattr *data, *verdict;
    mnl_attr_for_each_nested(data, outer)
    {
        size_t length = mnl_attr_get_payload_len(data);
        if (mnl_attr_get_type(data) == NFTA_DATA_VALUE) {
            memcpy(value, mnl_attr_get_payload(data), length < size ? length : size);
        } else if (mnl_attr_get_type(data) == NFTA_DATA_VERDICT) {
            mnl_attr_for_each_nested(verdict, data)
            {
                if (mnl_attr_get_type(verdict) == NFTA_VERDICT_CHAIN) {
                    snprintf(chain, NFT_NAME, "%s", mnl_attr_get_str(verdict));
                }
            }
        }
    }
}

static void read_element(const struct nlattr *item, struct nft_element *element)
{
    const struct nlattr *attribute;
    mnl_attr_for_each_nested(attribute, item)
    {
        if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_KEY) {
            read_data(attribute, element->key, sizeof(element->key), element->chain);
        } else if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_DATA) {
            read_data(attribute, element->data, sizeof(element->data), element->chain);
        }
    }
}

static int each_elements(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    const struct nlattr *attribute, *item;
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS) {
            continue;
        }
        mnl_attr_for_each_nested(item, attribute)
        {
            struct nft_element *element = nft_elements_add(&reading->image->maps[reading->map]);
            if (element != NULL) {
                read_element(item, element);
            }
        }
    }
    return MNL_CB_OK;
}

static int read_maps(struct netlink *netlink, struct reading *reading)
{
    struct nlmsghdr *m = begin(netlink, NFT_MSG_GETSET, NFPROTO_INET);
    int result;
    if (m == NULL) {
        return -ENOMEM;
    }
    mnl_attr_put_strz(m, NFTA_SET_TABLE, reading->table);
    result = netlink_query(netlink, each_set, reading);
    for (enum nft_map map = 0; map < NFT_MAPS && result == 0; map++) {
        if (!reading->image->map_present[map]) {
            continue;
        }
        reading->map = map;
        m = begin(netlink, NFT_MSG_GETSETELEM, NFPROTO_INET);
        if (m == NULL) {
            return -ENOMEM;
        }
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, reading->table);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, nft_maps[map].name);
        result = netlink_query(netlink, each_elements, reading);
        nft_elements_sort(&reading->image->maps[map]);
    }
    return result;
}

static int read_once(struct firewall_image *image, struct netlink *netlink, const char *table)
{
    struct reading reading = {image, table, 0};
    struct nlmsghdr *m;
    int result;
    if (begin(netlink, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC) == NULL) {
        return -ENOMEM;
    }
    result = netlink_query(netlink, each_chain, &reading);
    image->table_present = image->n_chains > 0; /* ours is never without base chains */
    if (result != 0 || !image->table_present) {
        return result;
    }
    m = begin(netlink, NFT_MSG_GETRULE, NFPROTO_INET);
    if (m == NULL) {
        return -ENOMEM;
    }
    mnl_attr_put_strz(m, NFTA_RULE_TABLE, table);
    result = netlink_query(netlink, each_rule, &reading);
    return result != 0 ? result : read_maps(netlink, &reading);
}

int firewall_image_read(struct firewall_image *image, struct netlink *netlink, const char *table)
{
    int result = 0;
    /* a dump that somebody changed in the middle is repeated */
    for (int tries = 0; tries < 10; tries++) {
        firewall_image_done(image);
        result = read_once(image, netlink, table);
        if (result != -EINTR) {
            break;
        }
    }
    if (result == 0 && image->failed) {
        result = -ENOMEM;
    }
    return result;
}
