/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing subnets: from the default address pools, keeping off the host's routes and every other
 * network.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "network/internal.h"

/* Docker's default pools: base and the size of the networks cut from it. */
static const struct berth_network_pool_config default_pools[] = {
    {"172.17.0.0/16", 16}, {"172.18.0.0/16", 16}, {"172.19.0.0/16", 16}, {"172.20.0.0/14", 16},
    {"172.24.0.0/14", 16}, {"172.28.0.0/14", 16}, {"192.168.0.0/16", 20}};

int32_t pools_load(struct berth_network_manager *manager,
                   const struct berth_network_pool_config *pools, size_t count, berth_error *err)
{
    if (count == 0) {
        pools = default_pools;
        count = ARRAY_SIZE(default_pools);
    }
    manager->pools = calloc(count + 1, sizeof(*manager->pools));
    if (manager->pools == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        berth_network_address *pool = &manager->pools[manager->n_pools];
        if (!address_parse_prefix(pools[i].base, pool) || pools[i].size < pool->prefix ||
            pools[i].size > (int)address_bits(pool)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "default address pool base=%s,size=%d: the base must be a "
                                   "subnet, and the size between its prefix length and %u",
                                   pools[i].base, pools[i].size, address_bits(pool));
        }
        pool->reserved[0] = (uint8_t)pools[i].size;
        manager->n_pools++;
    }
    return 0;
}

/* ---- the host's routes ---- */

struct routes {
    berth_network_address *items;
    size_t count, capacity;
    bool failed;
};

static int each_route(const struct nlmsghdr *message, void *context)
{
    struct routes *routes = context;
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    berth_network_address found = {.family = route->rtm_family == AF_INET6 ? 6 : 4,
                                   .prefix = route->rtm_dst_len};
    if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len == 0 ||
        route->rtm_type != RTN_UNICAST || (route->rtm_flags & RTM_F_CLONED) != 0) {
        return MNL_CB_OK; /* the default route, local addresses, caches */
    }
    mnl_attr_for_each(attribute, message, sizeof(*route))
    {
        if (mnl_attr_get_type(attribute) == RTA_DST &&
            mnl_attr_get_payload_len(attribute) <= sizeof(found.bytes)) {
            memcpy(found.bytes, mnl_attr_get_payload(attribute),
                   mnl_attr_get_payload_len(attribute));
        }
    }
    if (routes->count == routes->capacity) {
        size_t capacity = routes->capacity * 2 + 32;
        void *items = reallocarray(routes->items, capacity, sizeof(found));
        if (items == NULL) {
            routes->failed = true;
            return MNL_CB_OK;
        }
        routes->items = items;
        routes->capacity = capacity;
    }
    routes->items[routes->count++] = found;
    return MNL_CB_OK;
}

static int read_answers(struct mnl_socket *socket, struct routes *routes)
{
    char buffer[32768];
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (got < 0) {
            return -1;
        }
        int state = mnl_cb_run(buffer, (size_t)got, 0, 0, each_route, routes);
        if (state <= MNL_CB_STOP) {
            /* EINTR: routes changed meanwhile; the list is good enough for a choice */
            return state == MNL_CB_ERROR && errno != EINTR ? -1 : 0;
        }
    }
}

/* Reads the routes of a family in all tables. */
static int32_t read_routes(int family, struct routes *routes, berth_error *err)
{
    char buffer[256];
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    struct rtmsg *route;
    int result = -1;
    m->nlmsg_type = RTM_GETROUTE;
    m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    route = mnl_nlmsg_put_extra_header(m, sizeof(*route));
    route->rtm_family = (unsigned char)(family == 6 ? AF_INET6 : AF_INET);
    if (socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(socket, m, m->nlmsg_len) > 0) {
        result = read_answers(socket, routes);
    }
    int error = errno;
    if (socket != NULL) {
        mnl_socket_close(socket);
    }
    if (result < 0 || routes->failed) {
        return berth_error_errno(err, routes->failed ? ENOMEM : error,
                                 "cannot read the host's routes");
    }
    return 0;
}

/* ---- the choice ---- */

/* A network that overlaps; NULL: none. */
static const struct network *overlapping(const struct berth_network_manager *manager,
                                         const berth_network_address *subnet,
                                         const struct network *except)
{
    for (const struct network *n = manager->networks; n != NULL; n = n->next) {
        for (size_t i = 0; n != except && i < n->n_subnets; i++) {
            if (address_overlap(&n->subnets[i].subnet, subnet)) {
                return n;
            }
        }
    }
    return NULL;
}

int32_t pools_check(struct berth_network_manager *manager, const berth_network_address *subnet,
                    const struct network *except, berth_error *err)
{
    const struct network *other = overlapping(manager, subnet, except);
    char text[ADDRESS_TEXT];
    if (other != NULL) {
        return berth_error_set(err, BERTH_E_FORBIDDEN, 0,
                               "invalid pool request: Pool overlaps with other one on this address "
                               "space (%s with network %s)",
                               address_format_prefix(subnet, text), other->object.name);
    }
    return 0;
}

static const berth_network_address *route_in_the_way(const struct routes *routes,
                                                     const berth_network_address *subnet)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (address_overlap(&routes->items[i], subnet)) {
            return &routes->items[i];
        }
    }
    return NULL;
}

/* The next candidate of a pool; false: the pool is used up. */
static bool candidate(const berth_network_address *pool, uint64_t index,
                      berth_network_address *ret_subnet)
{
    unsigned size = pool->reserved[0];
    unsigned host = address_bits(pool) - size;
    if (size - pool->prefix < 64 && index >= UINT64_C(1) << (size - pool->prefix)) {
        return false;
    }
    *ret_subnet = *pool;
    ret_subnet->reserved[0] = 0;
    if (host < 64) {
        *ret_subnet = address_add(ret_subnet, index << host);
    } else { /* IPv6: the index stands in front of the last eight bytes */
        for (unsigned i = 0; i < 8; i++, index >>= 8) {
            ret_subnet->bytes[7 - i] |= (uint8_t)index;
        }
    }
    ret_subnet->prefix = (uint8_t)size;
    return true;
}

#define MAX_CANDIDATES 4096 /* of one pool */

int32_t pools_choose(struct berth_network_manager *manager, int family,
                     const struct network *except, berth_network_address *ret_subnet,
                     berth_error *err)
{
    struct routes routes = {0};
    AUTO_BUFFER struct berth_buffer conflicts = BERTH_BUFFER_INIT;
    berth_network_address subnet;
    char text[ADDRESS_TEXT];
    bool found = false;
    int32_t code = read_routes(family, &routes, err);
    for (size_t i = 0; i < manager->n_pools && code == 0 && !found; i++) {
        const berth_network_address *pool = &manager->pools[i];
        for (uint64_t k = 0;
             !found && pool->family == family && k < MAX_CANDIDATES && candidate(pool, k, &subnet);
             k++) {
            const berth_network_address *route = route_in_the_way(&routes, &subnet);
            found = route == NULL && overlapping(manager, &subnet, except) == NULL;
            if (route != NULL && conflicts.length < 200) {
                berth_buffer_format(&conflicts, "%s%s", conflicts.length > 0 ? ", " : "",
                                    address_format_prefix(route, text));
            }
        }
    }
    free(routes.items);
    if (code == 0 && !found) {
        code = berth_error_set(
            err, BERTH_E_UNAVAILABLE, 0,
            "could not find an available, non-overlapping IPv%d address pool among the defaults to "
            "assign to the network%s%s: give the network a --subnet, or set default-address-pools",
            family, conflicts.length > 0 ? "; routes of this host in the way: " : "",
            conflicts.length > 0 ? conflicts.data : "");
    }
    if (code == 0) {
        *ret_subnet = subnet;
    }
    return code;
}
