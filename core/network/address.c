/* SPDX-License-Identifier: Apache-2.0
 *
 * Address arithmetic.
 */
#include "network/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/string.h"

bool address_parse(const char *text, berth_network_address *ret_address)
{
    berth_network_address address = {.family = 4};
    if (text == NULL) {
        return false;
    }
    if (inet_pton(AF_INET, text, address.bytes) != 1) {
        address.family = 6;
        if (inet_pton(AF_INET6, text, address.bytes) != 1) {
            return false;
        }
    }
    *ret_address = address;
    return true;
}

bool address_parse_prefix(const char *text, berth_network_address *ret_address)
{
    char part[ADDRESS_TEXT];
    berth_network_address address;
    int64_t prefix;
    const char *slash = text == NULL ? NULL : strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(part)) {
        return false;
    }
    memcpy(part, text, (size_t)(slash - text));
    part[slash - text] = '\0';
    if (!address_parse(part, &address) || !berth_str_to_int64(slash + 1, &prefix) || prefix < 0 ||
        prefix > address_bits(&address)) {
        return false;
    }
    address.prefix = (uint8_t)prefix;
    *ret_address = address;
    return true;
}

char *address_format(const berth_network_address *address, char text[ADDRESS_TEXT])
{
    text[0] = '\0';
    if (address->family != 0) {
        inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text, ADDRESS_TEXT);
    }
    return text;
}

char *address_format_prefix(const berth_network_address *address, char text[ADDRESS_TEXT])
{
    size_t length = strlen(address_format(address, text));
    if (length > 0) {
        snprintf(text + length, ADDRESS_TEXT - length, "/%u", address->prefix);
    }
    return text;
}

bool address_parse_mac(const char *text, uint8_t ret_mac[6])
{
    unsigned byte[6];
    int end = 0;
    if (text == NULL ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5], &end) != 6 ||
        text[end] != '\0' || end != 17) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        ret_mac[i] = (uint8_t)byte[i];
    }
    return true;
}

char *address_format_mac(const uint8_t mac[6], char text[18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    return text;
}

unsigned address_bits(const berth_network_address *address)
{
    return address->family == 6 ? 128 : 32;
}

bool address_equal(const berth_network_address *a, const berth_network_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_is_any(const berth_network_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

/* Mask of byte `index` of a prefix of `bits`. */
static uint8_t mask(unsigned bits, unsigned index)
{
    unsigned here = bits <= index * 8 ? 0 : bits - index * 8;
    return here >= 8 ? 0xff : (uint8_t)(0xff00u >> here);
}

berth_network_address address_network(const berth_network_address *address)
{
    berth_network_address network = *address;
    for (unsigned i = 0; i < address_bits(address) / 8; i++) {
        network.bytes[i] &= mask(address->prefix, i);
    }
    return network;
}

bool address_within(const berth_network_address *subnet, const berth_network_address *address)
{
    if (subnet->family != address->family) {
        return false;
    }
    for (unsigned i = 0; i < address_bits(subnet) / 8; i++) {
        if ((subnet->bytes[i] ^ address->bytes[i]) & mask(subnet->prefix, i)) {
            return false;
        }
    }
    return true;
}

bool address_overlap(const berth_network_address *a, const berth_network_address *b)
{
    return a->prefix <= b->prefix ? address_within(a, b) : address_within(b, a);
}

berth_network_address address_add(const berth_network_address *subnet, uint64_t offset)
{
    berth_network_address address = address_network(subnet);
    unsigned carry = 0;
    for (unsigned i = address_bits(subnet) / 8; i-- > 0;) {
        unsigned sum = address.bytes[i] + (unsigned)(offset & 0xff) + carry;
        address.bytes[i] = (uint8_t)sum;
        carry = sum >> 8;
        offset >>= 8;
    }
    return address;
}

uint64_t address_offset(const berth_network_address *subnet, const berth_network_address *address)
{
    berth_network_address base = address_network(subnet);
    unsigned size = address_bits(subnet) / 8;
    uint64_t from = 0, to = 0;
    for (unsigned i = size > 8 ? size - 8 : 0; i < size; i++) {
        from = from << 8 | base.bytes[i];
        to = to << 8 | address->bytes[i];
    }
    return to - from;
}

uint64_t address_count(const berth_network_address *subnet)
{
    unsigned host = address_bits(subnet) - subnet->prefix;
    return host >= 64 ? UINT64_MAX : UINT64_C(1) << host;
}
