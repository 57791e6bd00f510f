/* SPDX-License-Identifier: Apache-2.0
 *
 * Building blocks of nftables messages: our table's sets and chains by name, rules from
 * expressions, set elements, and what a dump of the kernel's state looks like.
 */
#ifndef BERTH_PLUGINS_BRIDGE_NFT_H
#define BERTH_PLUGINS_BRIDGE_NFT_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/netlink.h"

#define NFT_NAME    32 /* table, chain and set names of ours are shorter */
#define NFT_COMMENT 120

/* Every map of our table. The first four are the published ports (exact hash maps: adding one costs
 * the same whether there are ten or ten thousand), the rest send packets to a network's chains by
 * its bridge. */
enum nft_map {
    NFT_PORTS4_AT, /* protocol . host address . port -> container address . port */
    NFT_PORTS4,    /* protocol . port, on every local address */
    NFT_PORTS6_AT,
    NFT_PORTS6,
    NFT_FORWARD_TO, /* bridge a packet leaves by -> chain */
    NFT_FORWARD_FROM,
    NFT_NAT_TO,
    NFT_NAT_FROM,
    NFT_MAPS
};

struct nft_map_spec {
    const char *name;
    uint32_t key_type, key_size;   /* types as nft(8) numbers them, for its listings */
    uint32_t data_type, data_size; /* NFT_DATA_VERDICT: jumps */
};
extern const struct nft_map_spec nft_maps[NFT_MAPS];

/* One element of a map; unused bytes are 0, so memcmp orders. */
struct nft_element {
    uint8_t key[24];
    uint8_t data[20];
    char chain[NFT_NAME]; /* of the verdict maps: where to jump */
};

struct nft_elements {
    struct nft_element *items;
    size_t count, capacity;
    bool failed; /* out of memory */
};
/* A new zeroed element at the end; NULL: out of memory (sticky in failed). */
struct nft_element *nft_elements_add(struct nft_elements *elements);
void nft_elements_sort(struct nft_elements *elements);
void nft_elements_done(struct nft_elements *elements);

struct nft_chain {
    char name[NFT_NAME];
    const char *type; /* base chains: "filter", "nat"; NULL: a regular chain */
    uint32_t hook;
    int32_t priority;
};

/* A rule and the chain it stands in. The comment says what it is for; a digest of the rule is
 * appended to it, so that a listing shows whether the rule is still the one we wrote. */
struct nft_rule {
    char chain[NFT_NAME];
    struct nftnl_rule *rule;
    char comment[NFT_COMMENT];
};

/* Expressions, appended in order. Registers: 32-bit registers start at NFT_REG32_00. */
void nft_meta(struct nftnl_rule *rule, uint32_t key, uint32_t to);
void nft_ct(struct nftnl_rule *rule, uint32_t key, uint32_t to);
void nft_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t size,
                 uint32_t to);
void nft_compare(struct nftnl_rule *rule, uint32_t operation, const void *value, uint32_t size);
/* Matches when (NFT_REG_1 & mask) != 0. */
void nft_any_bit(struct nftnl_rule *rule, uint32_t mask);
/* Matches when the first `bits` of the address in NFT_REG_1 are those of `address`. */
void nft_prefix(struct nftnl_rule *rule, const uint8_t *address, uint32_t size, uint32_t bits);
/* Matches when the destination address is one of this host's. */
void nft_local_destination(struct nftnl_rule *rule);
void nft_lookup(struct nftnl_rule *rule, enum nft_map map, uint32_t to);
void nft_verdict(struct nftnl_rule *rule, uint32_t verdict);
void nft_dnat(struct nftnl_rule *rule, uint32_t family, uint32_t address, uint32_t port);
void nft_masquerade(struct nftnl_rule *rule);
/* iifname / oifname (key NFT_META_*) == or != name. */
void nft_interface(struct nftnl_rule *rule, uint32_t key, uint32_t operation, const char *name);

/* Messages of a transaction, appended to the batch. */
void nft_begin(struct netlink *netlink);
void nft_put_table(struct netlink *netlink, const char *table, bool remove);
void nft_put_chain(struct netlink *netlink, const char *table, const struct nft_chain *chain,
                   bool remove);
/* size: how many elements it can hold; 0: no limit, but slow to fill (the kernel's resizable hash
 * table takes 180 ms for 10,000 elements, one of fixed size 10 ms). */
void nft_put_map(struct netlink *netlink, const char *table, enum nft_map map, uint32_t size);
/* Removes all rules of a chain. */
void nft_put_flush(struct netlink *netlink, const char *table, const char *chain);
void nft_put_rule(struct netlink *netlink, const char *table, struct nft_rule *rule);
void nft_put_elements(struct netlink *netlink, const char *table, enum nft_map map,
                      const struct nft_element *elements, size_t count, bool remove);
/* Ends and sends it: all or nothing. 0 or a negative errno. */
int nft_commit(struct netlink *netlink);

#endif
