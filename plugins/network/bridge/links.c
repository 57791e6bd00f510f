/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge driver's interfaces: the bridge itself, and a veth pair for each endpoint.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#include "../common/rtnl.h"
#include "bridge.h"

int bridge_sysctl(const char *path, const char *text)
{
    char now[32] = "";
    BERTH_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (read(fd, now, sizeof(now) - 1) > 0 && strncmp(now, text, strlen(text)) == 0 &&
        now[strlen(text)] == '\n') {
        return 0;
    }
    return pwrite(fd, text, strlen(text), 0) < 0 ? -errno : 0;
}

/* A stable MAC from the network's id: a bridge without one of its own changes it with its ports. */
static void bridge_mac(const struct model_network *network, uint8_t mac[6])
{
    uint32_t hash = 2166136261u;
    for (const char *at = network->id; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    }
    mac[0] = 0x02; /* locally administered, unicast */
    mac[1] = 0x42;
    memcpy(mac + 2, &hash, 4);
}

/* The sysctls of a bridge. */
static int32_t set_sysctls(const berth_inst *inst, const struct model_network *network,
                           berth_error *err)
{
    char path[128];
    bool v6 = false;
    int result = 0;
    for (uint32_t i = 0; i < network->n_subnets; i++) {
        v6 = v6 || network->subnets[i].subnet.family == 6;
    }
    if (inst->ip_forward) {
        result = bridge_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
        if (result == 0 && v6) {
            result = bridge_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
        }
    }
    if (result < 0) {
        return BERTH_FAIL_ERRNO(err, -result, "cannot switch on IP forwarding");
    }
    /* ports published on 127.0.0.1: only here, never for all interfaces; the firewall's guard is
     * in place by now */
    if ((network->flags & BERTH_NETWORK_INTERNAL) == 0) {
        snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet",
                 network->interface);
        result = bridge_sysctl(path, "1");
        if (result < 0) {
            return BERTH_FAIL_ERRNO(err, -result, "cannot write %s", path);
        }
    }
    return 0;
}

static int32_t find_or_make(struct netlink *netlink, struct model_network *network,
                            struct rtnl_link *link, unsigned *changes, berth_error *err)
{
    uint8_t mac[6];
    int result = rtnl_link_get(netlink, network->interface, link);
    if (result == -ENODEV) {
        bridge_mac(network, mac);
        rtnl_put_bridge(netlink, network->interface, mac, network->mtu);
        result = netlink_commit(netlink, NULL);
        if (result < 0 && result != -EEXIST) {
            return BERTH_FAIL_ERRNO(err, -result, "cannot make the bridge %s%s%s",
                                    network->interface, netlink->text[0] != '\0' ? ": " : "",
                                    netlink->text);
        }
        (*changes)++;
        result = rtnl_link_get(netlink, network->interface, link);
    }
    if (result < 0) {
        return BERTH_FAIL_ERRNO(err, -result, "cannot look at the interface %s",
                                network->interface);
    }
    if (strcmp(link->kind, "bridge") != 0) {
        return berth_fail(err, BERTH_E_CONFLICT, 0,
                          "the interface %s exists and is no bridge: choose another name for the "
                          "network's bridge",
                          network->interface);
    }
    return 0;
}

int32_t bridge_links_network(const berth_inst *inst, struct model_network *network,
                             unsigned *ret_changes, berth_error *err)
{
    struct netlink netlink;
    struct rtnl_link link;
    berth_network_address addresses[MODEL_SUBNETS];
    unsigned count = 0, changes = 0, moved = 0;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    int result = 0;
    if (code < 0) {
        return code;
    }
    code = find_or_make(&netlink, network, &link, &changes, err);
    for (uint32_t i = 0; i < network->n_subnets; i++) {
        if (network->subnets[i].gateway.family != 0) {
            addresses[count] = network->subnets[i].gateway;
            addresses[count++].prefix = network->subnets[i].subnet.prefix;
        }
    }
    if (code == 0 && (link.flags & IFF_UP) == 0) {
        rtnl_put_flags(&netlink, link.index, IFF_UP, IFF_UP);
        result = netlink_commit(&netlink, NULL);
        changes++;
    }
    if (code == 0 && result == 0 && network->mtu != 0 && link.mtu != network->mtu) {
        rtnl_put_mtu(&netlink, link.index, network->mtu);
        result = netlink_commit(&netlink, NULL);
        changes++;
    }
    if (code == 0 && result == 0) {
        result = rtnl_addresses_set(&netlink, link.index, addresses, count, &moved);
    }
    if (code == 0 && result < 0) {
        code = BERTH_FAIL_ERRNO(err, -result, "cannot set up the bridge %s%s%s", network->interface,
                                netlink.text[0] != '\0' ? ": " : "", netlink.text);
    }
    netlink_close(&netlink);
    if (code == 0) {
        code = set_sysctls(inst, network, err);
    }
    if (code == 0) {
        network->index = link.index;
        *ret_changes = changes + moved;
    }
    return code;
}

int32_t bridge_links_delete(const char *name, berth_error *err)
{
    struct netlink netlink;
    struct rtnl_link link;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    int result;
    if (code < 0) {
        return code;
    }
    result = rtnl_link_get(&netlink, name, &link);
    if (result == 0) {
        rtnl_put_delete(&netlink, link.index);
        result = netlink_commit(&netlink, NULL);
    }
    netlink_close(&netlink);
    if (result < 0 && result != -ENODEV) {
        return BERTH_FAIL_ERRNO(err, -result, "cannot remove the interface %s", name);
    }
    return 0;
}

void bridge_links_shut(const char *name)
{
    struct netlink netlink;
    if (netlink_open(&netlink, NETLINK_ROUTE, NULL) == 0) {
        rtnl_put_port_shut(&netlink, name);
        /* most often it is gone already; whatever else fails, the namespace's death cures */
        netlink_commit(&netlink, NULL);
        netlink_close(&netlink);
    }
}

int32_t bridge_links_remove(const char *interface, berth_error *err)
{
    return bridge_links_delete(interface, err);
}

static bool random_name(char name[IFNAMSIZ])
{
    uint32_t random;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return false;
    }
    snprintf(name, IFNAMSIZ, "veth%08x", random);
    return true;
}

int32_t bridge_links_veth(const struct bridge_link *bridge, const char *peer,
                          const berth_network_endpoint *endpoint, int netns_fd,
                          char ret_name[IFNAMSIZ], berth_error *err)
{
    struct netlink netlink;
    char name[IFNAMSIZ];
    struct rtnl_veth veth = {
        .name = name,
        .peer = peer,
        .mac = endpoint != NULL && rtnl_mac_is_set(endpoint->mac) ? endpoint->mac : NULL,
        .master = bridge->index,
        .mtu = bridge->mtu,
        .netns_fd = netns_fd,
        .isolated = bridge->isolated,
    };
    int result = -EEXIST;
    unsigned failed = 0;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    if (code < 0) {
        return code;
    }
    for (int tries = 0; tries < 5 && result == -EEXIST && random_name(name); tries++) {
        rtnl_put_veth(&netlink, &veth);
        result = netlink_commit(&netlink, &failed);
    }
    if (result < 0) {
        code =
            BERTH_FAIL_ERRNO(err, -result, "cannot make an interface %s on the bridge %s%s%s", peer,
                             bridge->interface, netlink.text[0] != '\0' ? ": " : "", netlink.text);
        if (failed > 0) { /* the pair was made, its settings failed */
            bridge_links_delete(name, NULL);
        }
    } else {
        memcpy(ret_name, name, IFNAMSIZ);
    }
    netlink_close(&netlink);
    return code;
}

struct configure {
    const char *current;
    const berth_network_endpoint *endpoint;
    bool fresh;
};

/* Runs inside the container's namespace. */
static int32_t configure_job(void *argument, berth_error *err)
{
    struct configure *configure = argument;
    struct netlink netlink;
    int result;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    if (code < 0) {
        return code;
    }
    if (configure->endpoint->ipv6.family != 0) {
        char path[96];
        snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", configure->current);
        bridge_sysctl(path,
                      "0"); /* without IPv6 in the kernel the address below fails, and says so */
    }
    result = rtnl_endpoint_configure(&netlink, configure->current, configure->endpoint,
                                     configure->fresh);
    if (result == -ENODEV) {
        code = berth_fail(err, BERTH_E_NOT_FOUND, 0, "no interface %s in the namespace",
                          configure->current);
    } else if (result < 0) {
        code = BERTH_FAIL_ERRNO(err, -result, "cannot set up %s in the container's namespace%s%s",
                                configure->endpoint->interface, netlink.text[0] != '\0' ? ": " : "",
                                netlink.text);
    }
    netlink_close(&netlink);
    return code;
}

int32_t bridge_links_configure(const berth_inst *inst, const char *current,
                               const berth_network_endpoint *endpoint, int netns_fd, bool fresh,
                               berth_error *err)
{
    struct configure configure = {current, endpoint, fresh};
    return inst->host->netns_run(inst->host->ctx, netns_fd, configure_job, &configure, err);
}

void bridge_links_settle(const char *name)
{
    struct netlink netlink;
    struct rtnl_link link;
    if (netlink_open(&netlink, NETLINK_ROUTE, NULL) == 0) {
        /* asking for one interface makes the kernel work off its carrier events first (6.8 and
         * later; before, this changes nothing) */
        rtnl_link_get(&netlink, name, &link);
        netlink_close(&netlink);
    }
}

/* Runs inside a namespace that is being prepared. */
static int32_t up_job(void *argument, berth_error *err)
{
    struct netlink netlink;
    int result;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    if (code < 0) {
        return code;
    }
    result = rtnl_link_up(&netlink, argument);
    netlink_close(&netlink);
    return result < 0 ? BERTH_FAIL_ERRNO(err, -result, "cannot bring %s up", (char *)argument) : 0;
}

int32_t bridge_links_up(const berth_inst *inst, const char *name, int netns_fd, berth_error *err)
{
    char copy[IFNAMSIZ];
    snprintf(copy, sizeof(copy), "%s", name);
    return inst->host->netns_run(inst->host->ctx, netns_fd, up_job, copy, err);
}

/* ---- sync ---- */

struct veths {
    struct rtnl_link *items;
    size_t count, capacity;
    bool failed;
};

static bool collect_veth(const struct rtnl_link *link, void *context)
{
    struct veths *veths = context;
    if (strcmp(link->kind, "veth") != 0) {
        return true;
    }
    if (veths->count == veths->capacity) {
        size_t capacity = veths->capacity * 2 + 64;
        struct rtnl_link *items = reallocarray(veths->items, capacity, sizeof(*items));
        if (items == NULL) {
            veths->failed = true;
            return false;
        }
        veths->items = items;
        veths->capacity = capacity;
    }
    veths->items[veths->count++] = *link;
    return true;
}

/* Orders by name, which stands at the same offset in the key. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct rtnl_link *)a)->name, ((const struct rtnl_link *)b)->name);
}

static struct rtnl_link *find_veth(const struct veths *veths, const char *name)
{
    struct rtnl_link key;
    snprintf(key.name, sizeof(key.name), "%s", name);
    return veths->count == 0
               ? NULL
               : bsearch(&key, veths->items, veths->count, sizeof(key), compare_names);
}

/* Our ports are on their bridge with their flags. */
static unsigned mend_ports(berth_inst *inst, struct netlink *netlink, const struct veths *veths)
{
    unsigned changes = 0;
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        for (struct model_endpoint *e = inst->model.buckets[i]; e != NULL; e = e->next) {
            const struct model_network *network = model_network_find(&inst->model, e->network_id);
            const struct rtnl_link *veth = find_veth(veths, e->host_interface);
            bool isolated;
            if (network == NULL || veth == NULL) {
                continue;
            }
            isolated = (network->flags & BERTH_NETWORK_ICC) == 0;
            if (veth->master != network->index) {
                rtnl_put_port(netlink, veth->name, network->index);
            }
            if (veth->master != network->index || !veth->hairpin || veth->isolated != isolated) {
                rtnl_put_port_flags(netlink, veth->name, isolated);
                changes++;
            }
        }
    }
    return changes;
}

int32_t bridge_links_sync(berth_inst *inst, unsigned *ret_changes, berth_error *err)
{
    struct netlink netlink;
    struct veths veths = {0};
    unsigned changes = 0;
    int32_t code = netlink_open(&netlink, NETLINK_ROUTE, err);
    int result;
    if (code < 0) {
        return code;
    }
    result = rtnl_links(&netlink, collect_veth, &veths);
    if (result == -EINTR) { /* interfaces came or went meanwhile: what we have is good enough */
        result = 0;
    }
    if (result == 0 && !veths.failed) {
        if (veths.count > 1) {
            qsort(veths.items, veths.count, sizeof(*veths.items), compare_names);
        }
        changes = mend_ports(inst, &netlink, &veths);
        result = changes == 0 ? 0 : netlink_commit(&netlink, NULL);
    }
    free(veths.items);
    netlink_close(&netlink);
    if (result == -ENODEV) { /* one went away by itself meanwhile */
        result = 0;
    }
    if (result < 0 || veths.failed) {
        return BERTH_FAIL_ERRNO(err, result < 0 ? -result : ENOMEM,
                                "cannot bring the bridges' ports to order");
    }
    *ret_changes = changes;
    return 0;
}
