/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses and prefixes as text and numbers. Nothing here blocks or allocates.
 */
#ifndef BERTH_NETWORK_ADDRESS_H
#define BERTH_NETWORK_ADDRESS_H

#include <berth/network.h>
#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_TEXT 64 /* bytes that any address with its prefix fits in */

/* "10.0.0.1" or "fd00::1"; the prefix is set to 0. */
bool address_parse(const char *text, berth_network_address *ret_address);
/* "10.0.0.0/8"; without "/n" false. */
bool address_parse_prefix(const char *text, berth_network_address *ret_address);
/* Without the prefix. Returns text; "" for family 0. */
char *address_format(const berth_network_address *address, char text[ADDRESS_TEXT]);
/* With "/n". */
char *address_format_prefix(const berth_network_address *address, char text[ADDRESS_TEXT]);
/* "02:42:ac:11:00:02" */
bool address_parse_mac(const char *text, uint8_t ret_mac[6]);
char *address_format_mac(const uint8_t mac[6], char text[18]);

/* Bits of the family's addresses: 32 or 128. */
unsigned address_bits(const berth_network_address *address);
bool address_equal(const berth_network_address *a, const berth_network_address *b);
/* All bytes 0: every address. */
bool address_is_any(const berth_network_address *address);
/* The prefix with its host bits cleared. */
berth_network_address address_network(const berth_network_address *address);
/* Does the subnet contain the address? */
bool address_within(const berth_network_address *subnet, const berth_network_address *address);
/* Do two prefixes share an address? */
bool address_overlap(const berth_network_address *a, const berth_network_address *b);
/* subnet's first address plus offset; the prefix is the subnet's. */
berth_network_address address_add(const berth_network_address *subnet, uint64_t offset);
/* How far the address is from the subnet's first (the lowest 64 bits of it). */
uint64_t address_offset(const berth_network_address *subnet, const berth_network_address *address);
/* Number of addresses of a prefix, saturating at 2^64 - 1. */
uint64_t address_count(const berth_network_address *subnet);

#endif
