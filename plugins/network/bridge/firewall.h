/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's one nftables table: what it should hold for a model, what it holds, and the
 * transaction that leads from one to the other.
 *
 * Shape of the table (family inet):
 *   guard        raw prerouting   nothing from outside speaks with 127.0.0.0/8
 *   dnat_in      nat prerouting   published ports, by the maps ports4_at, ports4, ports6_at, ports6
 *   dnat_out     nat output       the same for the host's own programs
 *   forward      filter forward   jumps by the bridge a packet leaves or came by
 *   postrouting  nat postrouting  the same for masquerading
 * and for each network, reached through the maps: to_<bridge>, from_<bridge>, nat_to_<bridge>,
 * nat_from_<bridge>. A published port is one element of one map; a container without ports is
 * nothing at all.
 */
#ifndef BERTH_PLUGINS_BRIDGE_FIREWALL_H
#define BERTH_PLUGINS_BRIDGE_FIREWALL_H

#include <berth/network.h>

#include "model.h"
#include "nft.h"

/* What the table should hold, or (with comments in place of rules) holds. */
struct firewall_image {
    struct nft_chain *chains;
    size_t n_chains, chains_capacity;
    struct nft_rule *rules; /* those of one chain stand together, in order */
    size_t n_rules, rules_capacity;
    struct nft_elements maps[NFT_MAPS];
    bool map_present[NFT_MAPS];
    uint32_t map_size[NFT_MAPS]; /* how many elements fit; 0: any number */
    bool table_present;
    bool foreign;      /* a map of ours has another type: the table is not ours to keep */
    bool failed;       /* out of memory */
    char dropping[96]; /* another table's forward chain that drops by policy, or "" */
};

/* Frees what the image holds. */
void firewall_image_done(struct firewall_image *image);
/* New items, zeroed; NULL: out of memory (sticky in failed). */
struct nft_chain *firewall_image_chain(struct firewall_image *image, const char *name);
struct nft_rule *firewall_image_rule(struct firewall_image *image, const char *chain);
const struct nft_chain *firewall_image_find(const struct firewall_image *image, const char *name);

/* Fills an empty image with what the model asks for. */
void firewall_image_wanted(struct firewall_image *image, const struct model *model);
/* Fills an empty image with what the kernel holds. 0 or a negative errno. */
int firewall_image_read(struct firewall_image *image, struct netlink *netlink, const char *table);

/* The map and element of one published port; false: that endpoint has no address of the family. */
bool firewall_port_element(const berth_network_port *port, const struct model_endpoint *endpoint,
                           enum nft_map *ret_map, struct nft_element *ret_element);

struct firewall {
    struct netlink netlink;
    char table[NFT_NAME];
    int watch_fd; /* the watcher's socket, -1: none. Large transactions take it out of its group
                   * meanwhile: the kernel makes a message for every element otherwise, which is
                   * fifteen times the work */
    bool missed;  /* somebody else changed nftables during such a time */
};

/* What a repair did, for the log. */
struct firewall_repair {
    unsigned chains, rules, elements; /* put right */
    bool created;                     /* there was no table */
    char dropping[96];                /* as in firewall_image */
};

/* Opens the netlink socket and remembers the table's name (borrowed); changes nothing yet. */
int32_t firewall_open(struct firewall *firewall, const char *table, berth_error *err);
void firewall_close(struct firewall *firewall);

/* Compares the whole table with the model and puts right what differs, in one transaction. */
int32_t firewall_repair(struct firewall *firewall, const struct model *model,
                        struct firewall_repair *ret_repair, berth_error *err);
/* Adds or removes the elements of ports, in one transaction, without looking at anything else. A
 * failure (the table is gone, an element differs) asks for a repair. */
int firewall_ports(struct firewall *firewall, const struct model_endpoint *endpoint,
                   const berth_network_port *ports, uint32_t count, bool remove);
/* Removes the table. */
void firewall_remove(struct firewall *firewall);

#endif
