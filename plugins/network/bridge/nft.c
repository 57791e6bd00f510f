/* SPDX-License-Identifier: Apache-2.0
 *
 * nftables messages: libnftnl for rules and chains, plain attributes for map elements (of which
 * there may be ten thousand in one transaction).
 */
#include "nft.h"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Data types as nft(8) numbers them (its datatype.h); a concatenation shifts by six bits. */
#define TYPE_IPV4     7u
#define TYPE_IPV6     8u
#define TYPE_PROTOCOL 12u
#define TYPE_SERVICE  13u
#define TYPE_IFNAME   41u

#define TYPE2(a, b)    ((a) << 6 | (b))
#define TYPE3(a, b, c) (TYPE2(a, b) << 6 | (c))

const struct nft_map_spec nft_maps[NFT_MAPS] = {
    [NFT_PORTS4_AT] = {"ports4_at", TYPE3(TYPE_PROTOCOL, TYPE_IPV4, TYPE_SERVICE), 12,
                       TYPE2(TYPE_IPV4, TYPE_SERVICE), 8},
    [NFT_PORTS4] = {"ports4", TYPE2(TYPE_PROTOCOL, TYPE_SERVICE), 8, TYPE2(TYPE_IPV4, TYPE_SERVICE),
                    8},
    [NFT_PORTS6_AT] = {"ports6_at", TYPE3(TYPE_PROTOCOL, TYPE_IPV6, TYPE_SERVICE), 24,
                       TYPE2(TYPE_IPV6, TYPE_SERVICE), 20},
    [NFT_PORTS6] = {"ports6", TYPE2(TYPE_PROTOCOL, TYPE_SERVICE), 8, TYPE2(TYPE_IPV6, TYPE_SERVICE),
                    20},
    [NFT_FORWARD_TO] = {"forward_to", TYPE_IFNAME, 16, NFT_DATA_VERDICT, 0},
    [NFT_FORWARD_FROM] = {"forward_from", TYPE_IFNAME, 16, NFT_DATA_VERDICT, 0},
    [NFT_NAT_TO] = {"nat_to", TYPE_IFNAME, 16, NFT_DATA_VERDICT, 0},
    [NFT_NAT_FROM] = {"nat_from", TYPE_IFNAME, 16, NFT_DATA_VERDICT, 0},
};

struct nft_element *nft_elements_add(struct nft_elements *elements)
{
    if (elements->count == elements->capacity) {
        size_t capacity = elements->capacity * 2 + 64;
        struct nft_element *items = reallocarray(elements->items, capacity, sizeof(*items));
        if (items == NULL) {
            elements->failed = true;
            return NULL;
        }
        elements->items = items;
        elements->capacity = capacity;
    }
    memset(&elements->items[elements->count], 0, sizeof(*elements->items));
    return &elements->items[elements->count++];
}

static int compare_elements(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct nft_element));
}

void nft_elements_sort(struct nft_elements *elements)
{
    if (elements->count > 1) {
        qsort(elements->items, elements->count, sizeof(*elements->items), compare_elements);
    }
}

void nft_elements_done(struct nft_elements *elements)
{
    free(elements->items);
    memset(elements, 0, sizeof(*elements));
}

/* ---- expressions ---- */

/* Without an expression (out of memory) it would be another rule: it is marked by an id, which our
 * rules never have, and nft_put_rule refuses it. */
static struct nftnl_expr *add(struct nftnl_rule *rule, const char *name)
{
    struct nftnl_expr *expression = nftnl_expr_alloc(name);
    if (expression == NULL) {
        nftnl_rule_set_u32(rule, NFTNL_RULE_ID, UINT32_MAX);
        return NULL;
    }
    nftnl_rule_add_expr(rule, expression);
    return expression;
}

#define SET_U32(expression, attribute, value)                       \
    do {                                                            \
        if ((expression) != NULL) {                                 \
            nftnl_expr_set_u32((expression), (attribute), (value)); \
        }                                                           \
    } while (0)

void nft_meta(struct nftnl_rule *rule, uint32_t key, uint32_t to)
{
    struct nftnl_expr *e = add(rule, "meta");
    SET_U32(e, NFTNL_EXPR_META_KEY, key);
    SET_U32(e, NFTNL_EXPR_META_DREG, to);
}

void nft_ct(struct nftnl_rule *rule, uint32_t key, uint32_t to)
{
    struct nftnl_expr *e = add(rule, "ct");
    SET_U32(e, NFTNL_EXPR_CT_KEY, key);
    SET_U32(e, NFTNL_EXPR_CT_DREG, to);
}

void nft_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t size,
                 uint32_t to)
{
    struct nftnl_expr *e = add(rule, "payload");
    SET_U32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    SET_U32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    SET_U32(e, NFTNL_EXPR_PAYLOAD_LEN, size);
    SET_U32(e, NFTNL_EXPR_PAYLOAD_DREG, to);
}

void nft_compare(struct nftnl_rule *rule, uint32_t operation, const void *value, uint32_t size)
{
    struct nftnl_expr *e = add(rule, "cmp");
    SET_U32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_CMP_OP, operation);
    if (e != NULL) {
        nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, size);
    }
}

void nft_any_bit(struct nftnl_rule *rule, uint32_t mask)
{
    uint32_t zero = 0;
    struct nftnl_expr *e = add(rule, "bitwise");
    SET_U32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
    if (e != NULL) {
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
    }
    nft_compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void nft_prefix(struct nftnl_rule *rule, const uint8_t *address, uint32_t size, uint32_t bits)
{
    static const uint8_t zero[16];
    uint8_t mask[16] = {0}, masked[16];
    struct nftnl_expr *e = add(rule, "bitwise");
    for (uint32_t i = 0; i < size; i++) {
        uint32_t here = bits <= i * 8 ? 0 : bits - i * 8;
        mask[i] = here >= 8 ? 0xff : (uint8_t)(0xff00u >> here);
        masked[i] = address[i] & mask[i];
    }
    SET_U32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_BITWISE_LEN, size);
    if (e != NULL) {
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, size);
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, size);
    }
    nft_compare(rule, NFT_CMP_EQ, masked, size);
}

void nft_local_destination(struct nftnl_rule *rule)
{
    uint32_t local = RTN_LOCAL;
    struct nftnl_expr *e = add(rule, "fib");
    SET_U32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    SET_U32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nft_compare(rule, NFT_CMP_EQ, &local, sizeof(local));
}

void nft_lookup(struct nftnl_rule *rule, enum nft_map map, uint32_t to)
{
    struct nftnl_expr *e = add(rule, "lookup");
    SET_U32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    SET_U32(e, NFTNL_EXPR_LOOKUP_DREG, to);
    if (e != NULL) {
        nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, nft_maps[map].name);
    }
}

void nft_verdict(struct nftnl_rule *rule, uint32_t verdict)
{
    struct nftnl_expr *e = add(rule, "immediate");
    SET_U32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    SET_U32(e, NFTNL_EXPR_IMM_VERDICT, verdict);
}

void nft_dnat(struct nftnl_rule *rule, uint32_t family, uint32_t address, uint32_t port)
{
    struct nftnl_expr *e = add(rule, "nat");
    SET_U32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    SET_U32(e, NFTNL_EXPR_NAT_FAMILY, family);
    SET_U32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, address);
    SET_U32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, port);
}

void nft_masquerade(struct nftnl_rule *rule)
{
    add(rule, "masq");
}

void nft_interface(struct nftnl_rule *rule, uint32_t key, uint32_t operation, const char *name)
{
    char padded[16] = "";
    snprintf(padded, sizeof(padded), "%s", name);
    nft_meta(rule, key, NFT_REG_1);
    nft_compare(rule, operation, padded, sizeof(padded));
}

/* ---- messages ---- */

static struct nlmsghdr *begin(struct netlink *netlink, uint16_t type, uint16_t flags)
{
    struct nfgenmsg *header = netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
                                            flags, sizeof(struct nfgenmsg));
    if (header == NULL) {
        return NULL;
    }
    header->nfgen_family = NFPROTO_INET;
    header->version = NFNETLINK_V0;
    return netlink_message(netlink);
}

static void mark(struct netlink *netlink, uint16_t type)
{
    struct nfgenmsg *header = netlink_begin(netlink, type, 0, sizeof(struct nfgenmsg));
    if (header != NULL) {
        header->res_id = htons(NFNL_SUBSYS_NFTABLES);
    }
}

void nft_begin(struct netlink *netlink)
{
    netlink_reset(netlink);
    mark(netlink, NFNL_MSG_BATCH_BEGIN);
}

int nft_commit(struct netlink *netlink)
{
    mark(netlink, NFNL_MSG_BATCH_END);
    return netlink_commit_transaction(netlink);
}

void nft_put_table(struct netlink *netlink, const char *table, bool remove)
{
    struct nlmsghdr *m =
        begin(netlink, remove ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, remove ? 0 : NLM_F_CREATE);
    if (m != NULL) {
        mnl_attr_put_strz(m, NFTA_TABLE_NAME, table);
    }
}

void nft_put_chain(struct netlink *netlink, const char *table, const struct nft_chain *chain,
                   bool remove)
{
    struct nlmsghdr *m =
        begin(netlink, remove ? NFT_MSG_DELCHAIN : NFT_MSG_NEWCHAIN, remove ? 0 : NLM_F_CREATE);
    struct nlattr *hook;
    if (m == NULL) {
        return;
    }
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, table);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, chain->name);
    if (remove || chain->type == NULL) {
        return;
    }
    hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(chain->hook));
    mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
    mnl_attr_nest_end(m, hook);
    mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
    mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, chain->type);
}

void nft_put_map(struct netlink *netlink, const char *table, enum nft_map map, uint32_t size)
{
    struct nlmsghdr *m = begin(netlink, NFT_MSG_NEWSET, NLM_F_CREATE);
    const struct nft_map_spec *spec = &nft_maps[map];
    if (m == NULL) {
        return;
    }
    mnl_attr_put_strz(m, NFTA_SET_TABLE, table);
    mnl_attr_put_strz(m, NFTA_SET_NAME, spec->name);
    mnl_attr_put_u32(m, NFTA_SET_FLAGS, htonl(NFT_SET_MAP));
    mnl_attr_put_u32(m, NFTA_SET_KEY_TYPE, htonl(spec->key_type));
    mnl_attr_put_u32(m, NFTA_SET_KEY_LEN, htonl(spec->key_size));
    mnl_attr_put_u32(m, NFTA_SET_DATA_TYPE, htonl(spec->data_type));
    if (spec->data_type != NFT_DATA_VERDICT) {
        mnl_attr_put_u32(m, NFTA_SET_DATA_LEN, htonl(spec->data_size));
    }
    mnl_attr_put_u32(m, NFTA_SET_ID, htonl((uint32_t)map + 1));
    if (spec->key_type == TYPE_IFNAME) {
        /* attribute 0 of nft(8)'s own data: the key is in the host's byte order, or it lists the
         * names as "" */
        static const uint8_t byte_order[] = {NFTNL_UDATA_SET_KEYBYTEORDER, 4, 1, 0, 0, 0};
        mnl_attr_put(m, NFTA_SET_USERDATA, sizeof(byte_order), byte_order);
    }
    if (size != 0) {
        struct nlattr *nest = mnl_attr_nest_start(m, NFTA_SET_DESC);
        mnl_attr_put_u32(m, NFTA_SET_DESC_SIZE, htonl(size));
        mnl_attr_nest_end(m, nest);
    }
}

void nft_put_flush(struct netlink *netlink, const char *table, const char *chain)
{
    struct nlmsghdr *m = begin(netlink, NFT_MSG_DELRULE, 0);
    if (m != NULL) {
        mnl_attr_put_strz(m, NFTA_RULE_TABLE, table);
        mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
    }
}

void nft_put_rule(struct netlink *netlink, const char *table, struct nft_rule *rule)
{
    struct nlmsghdr *m = begin(netlink, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    struct nftnl_udata_buf *text;
    if (nftnl_rule_is_set(rule->rule, NFTNL_RULE_ID)) {
        netlink->failed = true; /* an expression is missing */
    }
    if (m == NULL) {
        return;
    }
    text = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    if (text == NULL) {
        netlink->failed = true;
        return;
    }
    nftnl_udata_put_strz(text, NFTNL_UDATA_RULE_COMMENT, rule->comment);
    nftnl_rule_set_str(rule->rule, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rule->rule, NFTNL_RULE_CHAIN, rule->chain);
    nftnl_rule_set_data(rule->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(text),
                        nftnl_udata_buf_len(text));
    nftnl_rule_nlmsg_build_payload(m, rule->rule);
    nftnl_udata_buf_free(text);
}

static void put_value(struct nlmsghdr *m, uint16_t type, const void *value, size_t size)
{
    struct nlattr *nest = mnl_attr_nest_start(m, type);
    mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
    mnl_attr_nest_end(m, nest);
}

static void put_jump(struct nlmsghdr *m, const char *chain)
{
    struct nlattr *data = mnl_attr_nest_start(m, NFTA_SET_ELEM_DATA);
    struct nlattr *verdict = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(m, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_JUMP));
    mnl_attr_put_strz(m, NFTA_VERDICT_CHAIN, chain);
    mnl_attr_nest_end(m, verdict);
    mnl_attr_nest_end(m, data);
}

static void put_element(struct nlmsghdr *m, enum nft_map map, const struct nft_element *element)
{
    const struct nft_map_spec *spec = &nft_maps[map];
    struct nlattr *item = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
    put_value(m, NFTA_SET_ELEM_KEY, element->key, spec->key_size);
    if (spec->data_type == NFT_DATA_VERDICT) {
        put_jump(m, element->chain);
    } else {
        put_value(m, NFTA_SET_ELEM_DATA, element->data, spec->data_size);
    }
    mnl_attr_nest_end(m, item);
}

void nft_put_elements(struct netlink *netlink, const char *table, enum nft_map map,
                      const struct nft_element *elements, size_t count, bool remove)
{
    /* an attribute's length has 16 bits: 400 elements of at most 112 bytes fit */
    const size_t chunk = 400;
    for (size_t start = 0; start < count; start += chunk) {
        size_t end = count - start < chunk ? count : start + chunk;
        struct nlmsghdr *m = begin(netlink, remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
                                   remove ? 0 : NLM_F_CREATE);
        struct nlattr *list;
        if (m == NULL) {
            return;
        }
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, nft_maps[map].name);
        list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (size_t i = start; i < end; i++) {
            put_element(m, map, &elements[i]);
        }
        mnl_attr_nest_end(m, list);
    }
}
