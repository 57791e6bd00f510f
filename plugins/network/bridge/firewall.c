/* SPDX-License-Identifier: Apache-2.0
 *
 * The transactions on our nftables table.
 */
#include "firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <berth/helpers/fail.h>

int32_t firewall_open(struct firewall *firewall, const char *table, berth_error *err)
{
    snprintf(firewall->table, sizeof(firewall->table), "%s", table);
    return netlink_open(&firewall->netlink, NETLINK_NETFILTER, err);
}

void firewall_close(struct firewall *firewall)
{
    netlink_close(&firewall->netlink);
}

#define LARGE 64 /* elements */

static int each_generation(const struct nlmsghdr *message, void *context)
{
    const struct nlattr *attribute;
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(attribute) == NFTA_GEN_ID) {
            *(uint32_t *)context = ntohl(mnl_attr_get_u32(attribute));
        }
    }
    return MNL_CB_OK;
}

/* Number of the transactions so far, in this network namespace; 0: unknown. */
static uint32_t generation(void)
{
    struct netlink netlink;
    uint32_t number = 0;
    if (netlink_open(&netlink, NETLINK_NETFILTER, NULL) < 0) {
        return 0;
    }
    if (netlink_begin(&netlink, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0,
                      sizeof(struct nfgenmsg)) != NULL) {
        netlink_query(&netlink, each_generation, &number);
    }
    netlink_close(&netlink);
    return number;
}

/* Sends the transaction; see watch_fd. */
static int commit(struct firewall *firewall, size_t elements)
{
    int group = NFNLGRP_NFTABLES;
    bool deaf = elements >= LARGE && firewall->watch_fd >= 0;
    uint32_t before = 0;
    int result;
    if (deaf) {
        before = generation();
        deaf = setsockopt(firewall->watch_fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group,
                          sizeof(group)) == 0;
    }
    result = nft_commit(&firewall->netlink);
    if (deaf) {
        setsockopt(firewall->watch_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
        firewall->missed = firewall->missed || generation() != before + (result == 0 ? 1 : 0);
    }
    return result;
}

static bool same_chain(const struct nft_chain *a, const struct nft_chain *b)
{
    if (a->type == NULL || b->type == NULL) {
        return a->type == b->type;
    }
    return strcmp(a->type, b->type) == 0 && a->hook == b->hook && a->priority == b->priority;
}

/* True when both images have the same rules in `chain`, judged by comment and digest. */
static bool same_rules(const struct firewall_image *wanted, const struct firewall_image *found,
                       const char *chain)
{
    size_t w = 0, f = 0;
    for (;;) {
        while (w < wanted->n_rules && strcmp(wanted->rules[w].chain, chain) != 0) {
            w++;
        }
        while (f < found->n_rules && strcmp(found->rules[f].chain, chain) != 0) {
            f++;
        }
        if (w == wanted->n_rules || f == found->n_rules) {
            return w == wanted->n_rules && f == found->n_rules;
        }
        if (strcmp(wanted->rules[w++].comment, found->rules[f++].comment) != 0) {
            return false;
        }
    }
}

static void put_rules(struct firewall *firewall, struct firewall_image *wanted, const char *chain,
                      struct firewall_repair *repair)
{
    for (size_t i = 0; i < wanted->n_rules; i++) {
        if (strcmp(wanted->rules[i].chain, chain) == 0) {
            nft_put_rule(&firewall->netlink, firewall->table, &wanted->rules[i]);
            repair->rules++;
        }
    }
}

/* Elements of a that are not in b; both sorted. */
static void difference(const struct nft_elements *a, const struct nft_elements *b,
                       struct nft_elements *ret_only_a)
{
    size_t k = 0;
    for (size_t i = 0; i < a->count; i++) {
        int order = 1;
        while (k < b->count &&
               (order = memcmp(&b->items[k], &a->items[i], sizeof(*a->items))) < 0) {
            k++;
        }
        if (k == b->count || order != 0) {
            struct nft_element *element = nft_elements_add(ret_only_a);
            if (element != NULL) {
                *element = a->items[i];
            }
        }
    }
}

static void put_chains(struct firewall *firewall, const struct firewall_image *wanted,
                       const struct firewall_image *found, struct firewall_repair *repair)
{
    for (size_t i = 0; i < wanted->n_chains; i++) {
        const struct nft_chain *chain = &wanted->chains[i];
        const struct nft_chain *present = firewall_image_find(found, chain->name);
        if (present == NULL || !same_chain(chain, present)) {
            nft_put_chain(&firewall->netlink, firewall->table, chain, false);
            repair->chains++;
        }
    }
}

/* Removes elements before the rules and chains change, and adds the new ones after. */
static bool put_elements(struct firewall *firewall, const struct firewall_image *from,
                         const struct firewall_image *without, bool remove,
                         struct firewall_repair *repair)
{
    for (enum nft_map map = 0; map < NFT_MAPS; map++) {
        struct nft_elements change = {0};
        bool failed;
        difference(&from->maps[map], &without->maps[map], &change);
        nft_put_elements(&firewall->netlink, firewall->table, map, change.items, change.count,
                         remove);
        repair->elements += (unsigned)change.count;
        failed = change.failed;
        nft_elements_done(&change);
        if (failed) {
            return false;
        }
    }
    return true;
}

static void put_strays(struct firewall *firewall, const struct firewall_image *wanted,
                       const struct firewall_image *found, struct firewall_repair *repair)
{
    for (size_t i = 0; i < found->n_chains; i++) {
        if (firewall_image_find(wanted, found->chains[i].name) == NULL) {
            nft_put_chain(&firewall->netlink, firewall->table, &found->chains[i], true);
            repair->chains++;
        }
    }
}

/* A base chain cannot change its hook, and a map neither type nor size: then the table is made anew
 * (in the same transaction, so that no packet passes without rules). */
static bool must_recreate(const struct firewall_image *wanted, const struct firewall_image *found)
{
    if (found->foreign) {
        return true;
    }
    for (enum nft_map map = 0; map < NFT_MAPS; map++) {
        if (found->map_present[map] && wanted->map_size[map] != 0 &&
            wanted->maps[map].count > found->map_size[map]) {
            return true;
        }
    }
    for (size_t i = 0; i < wanted->n_chains; i++) {
        const struct nft_chain *present = firewall_image_find(found, wanted->chains[i].name);
        if (present != NULL && !same_chain(&wanted->chains[i], present)) {
            return true;
        }
    }
    return false;
}

/* Writes the whole transaction. False: out of memory. */
static bool put_all(struct firewall *firewall, struct firewall_image *wanted,
                    struct firewall_image *found, struct firewall_repair *repair)
{
    bool complete;
    if (!found->table_present) {
        nft_put_table(&firewall->netlink, firewall->table, false);
        repair->created = true;
    }
    for (enum nft_map map = 0; map < NFT_MAPS; map++) {
        if (!found->map_present[map]) {
            nft_put_map(&firewall->netlink, firewall->table, map, wanted->map_size[map]);
        }
    }
    put_chains(firewall, wanted, found, repair);
    complete = put_elements(firewall, found, wanted, true, repair);
    for (size_t i = 0; i < found->n_chains; i++) {
        if (!same_rules(wanted, found, found->chains[i].name)) {
            nft_put_flush(&firewall->netlink, firewall->table, found->chains[i].name);
        }
    }
    for (size_t i = 0; i < wanted->n_chains; i++) {
        if (!same_rules(wanted, found, wanted->chains[i].name)) {
            put_rules(firewall, wanted, wanted->chains[i].name, repair);
        }
    }
    put_strays(firewall, wanted, found, repair);
    return put_elements(firewall, wanted, found, false, repair) && complete;
}

/* Begins the transaction. A table that cannot be mended is removed by it first, so that no packet
 * passes without rules; `found` is empty then. */
static void begin_repair(struct firewall *firewall, const struct firewall_image *wanted,
                         struct firewall_image *found)
{
    struct firewall_image nothing = {0};
    nft_begin(&firewall->netlink);
    if (found->table_present && must_recreate(wanted, found)) {
        nft_put_table(&firewall->netlink, firewall->table, true);
        memcpy(nothing.dropping, found->dropping, sizeof(nothing.dropping));
        firewall_image_done(found);
        *found = nothing;
    }
}

static int repair_once(struct firewall *firewall, struct firewall_image *wanted,
                       struct firewall_repair *repair)
{
    struct firewall_image found = {0};
    int result = firewall_image_read(&found, &firewall->netlink, firewall->table);
    if (result == 0) {
        memcpy(repair->dropping, found.dropping, sizeof(repair->dropping));
        begin_repair(firewall, wanted, &found);
        if (!put_all(firewall, wanted, &found, repair)) {
            result = -ENOMEM;
        }
    }
    /* begin + nothing: the kernel needs not be asked */
    if (result == 0 && firewall->netlink.count + (firewall->netlink.at != NULL) > 1) {
        result = commit(firewall, repair->elements);
    } else {
        netlink_reset(&firewall->netlink);
    }
    firewall_image_done(&found);
    return result;
}

int32_t firewall_repair(struct firewall *firewall, const struct model *model,
                        struct firewall_repair *ret_repair, berth_error *err)
{
    struct firewall_image wanted = {0};
    struct firewall_repair repair;
    int result = -ENOMEM;
    firewall_image_wanted(&wanted, model);
    /* somebody may change the table between our look and our transaction */
    for (int tries = 0; tries < 3 && !wanted.failed; tries++) {
        memset(&repair, 0, sizeof(repair));
        result = repair_once(firewall, &wanted, &repair);
        if (result == 0 || result == -EPERM) {
            break;
        }
    }
    firewall_image_done(&wanted);
    if (result < 0) {
        return BERTH_FAIL_ERRNO(err, -result,
                                "cannot write the nftables table inet %s%s%s (the kernel needs "
                                "nf_tables and nft_fib_inet, and the daemon CAP_NET_ADMIN)",
                                firewall->table, firewall->netlink.text[0] != '\0' ? ": " : "",
                                firewall->netlink.text);
    }
    *ret_repair = repair;
    return 0;
}

int firewall_ports(struct firewall *firewall, const struct model_endpoint *endpoint,
                   const berth_network_port *ports, uint32_t count, bool remove)
{
    struct nft_elements elements[NFT_PORTS6 + 1] = {0};
    size_t total = 0;
    int result = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum nft_map map;
        struct nft_element wanted, *element;
        if (!firewall_port_element(&ports[i], endpoint, &map, &wanted)) {
            continue;
        }
        element = nft_elements_add(&elements[map]);
        if (element == NULL) {
            result = -ENOMEM;
            break;
        }
        *element = wanted;
        total++;
    }
    if (result == 0 && total > 0) {
        nft_begin(&firewall->netlink);
        for (enum nft_map map = 0; map <= NFT_PORTS6; map++) {
            nft_put_elements(&firewall->netlink, firewall->table, map, elements[map].items,
                             elements[map].count, remove);
        }
        result = commit(firewall, total);
    }
    for (enum nft_map map = 0; map <= NFT_PORTS6; map++) {
        nft_elements_done(&elements[map]);
    }
    return result;
}

void firewall_remove(struct firewall *firewall)
{
    nft_begin(&firewall->netlink);
    nft_put_table(&firewall->netlink, firewall->table, true);
    /* absent: fine; anything else shows in the next transaction */
    nft_commit(&firewall->netlink);
}
