/* SPDX-License-Identifier: Apache-2.0
 *
 * Address allocation in a subnet: lowest free address first, as Docker's.
 */
#include "network/ipam.h"

#include <stdlib.h>
#include <string.h>

void ipam_init(struct ipam *ipam, const berth_network_address *subnet,
               const berth_network_address *range)
{
    memset(ipam, 0, sizeof(*ipam));
    ipam->subnet = address_network(subnet);
    ipam->range = range != NULL ? address_network(range) : ipam->subnet;
}

void ipam_done(struct ipam *ipam)
{
    free(ipam->taken);
    memset(ipam, 0, sizeof(*ipam));
}

/* Where the offset is, or the empty slot where it would go. capacity is a power of two and never
 * full. */
static size_t slot(const struct ipam *ipam, uint64_t offset)
{
    /* Fibonacci hashing: consecutive offsets spread over the table */
    size_t at = (size_t)((offset + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (ipam->capacity - 1);
    while (ipam->taken[at] != 0 && ipam->taken[at] != offset + 1) {
        at = (at + 1) & (ipam->capacity - 1);
    }
    return at;
}

static bool is_taken(const struct ipam *ipam, uint64_t offset)
{
    return ipam->capacity != 0 && ipam->taken[slot(ipam, offset)] != 0;
}

static bool grow(struct ipam *ipam)
{
    struct ipam larger = *ipam;
    if ((ipam->count + 1) * 2 <= ipam->capacity) {
        return true;
    }
    larger.capacity = ipam->capacity == 0 ? 16 : ipam->capacity * 2;
    larger.taken = calloc(larger.capacity, sizeof(*larger.taken));
    if (larger.taken == NULL) {
        return false;
    }
    for (size_t i = 0; i < ipam->capacity; i++) {
        if (ipam->taken[i] != 0) {
            larger.taken[slot(&larger, ipam->taken[i] - 1)] = ipam->taken[i];
        }
    }
    free(ipam->taken);
    /* the subnet stays untouched: it is read without the lock */
    ipam->taken = larger.taken;
    ipam->capacity = larger.capacity;
    return true;
}

static int32_t insert(struct ipam *ipam, uint64_t offset, berth_error *err)
{
    if (!grow(ipam)) {
        return berth_error_no_memory(err);
    }
    ipam->taken[slot(ipam, offset)] = offset + 1;
    ipam->count++;
    return 0;
}

int32_t ipam_take(struct ipam *ipam, const berth_network_address *address, berth_error *err)
{
    char text[ADDRESS_TEXT], subnet[ADDRESS_TEXT];
    uint64_t offset;
    if (!address_within(&ipam->subnet, address)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "the address %s is not in the subnet %s",
                               address_format(address, text),
                               address_format_prefix(&ipam->subnet, subnet));
    }
    offset = address_offset(&ipam->subnet, address);
    if (is_taken(ipam, offset)) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0, "Address already in use");
    }
    return insert(ipam, offset, err);
}

/* The network's own address, and IPv4's broadcast; a /31 and a /32 have neither (RFC 3021). */
static bool is_reserved(const struct ipam *ipam, uint64_t offset)
{
    uint64_t count = address_count(&ipam->subnet);
    if (count <= 2) {
        return false;
    }
    return offset == 0 || (ipam->subnet.family == 4 && offset == count - 1);
}

int32_t ipam_next(struct ipam *ipam, berth_network_address *ret_address, berth_error *err)
{
    uint64_t start = address_offset(&ipam->subnet, &ipam->range);
    uint64_t count = address_count(&ipam->range);
    for (uint64_t i = ipam->hint; i < count; i++) {
        uint64_t offset = start + i;
        if (is_reserved(ipam, offset) || is_taken(ipam, offset)) {
            continue;
        }
        int32_t code = insert(ipam, offset, err);
        if (code == 0) {
            ipam->hint = i + 1;
            *ret_address = address_add(&ipam->subnet, offset);
        }
        return code;
    }
    return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                           "no available IPv%u addresses on this network's address pools",
                           ipam->subnet.family);
}

void ipam_release(struct ipam *ipam, const berth_network_address *address)
{
    uint64_t offset = address_offset(&ipam->subnet, address);
    uint64_t start = address_offset(&ipam->subnet, &ipam->range);
    size_t at;
    if (!address_within(&ipam->subnet, address) || !is_taken(ipam, offset)) {
        return;
    }
    at = slot(ipam, offset);
    ipam->taken[at] = 0;
    ipam->count--;
    /* what was put behind it because it was in the way moves up */
    for (size_t next = (at + 1) & (ipam->capacity - 1); ipam->taken[next] != 0;
         next = (next + 1) & (ipam->capacity - 1)) {
        uint64_t value = ipam->taken[next];
        ipam->taken[next] = 0;
        ipam->taken[slot(ipam, value - 1)] = value;
    }
    if (address_within(&ipam->range, address) && offset - start < ipam->hint) {
        ipam->hint = offset - start;
    }
}
