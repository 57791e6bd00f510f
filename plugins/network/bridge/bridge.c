/* SPDX-License-Identifier: Apache-2.0
 *
 * The network driver bridge: containers on a Linux bridge, published ports as elements of nftables
 * maps. This file has the operations; see bridge.h for the parts.
 */
#include "bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <berth/helpers/fail.h>
#include <berth/helpers/log.h>

#define UNUSED __attribute__((unused))

/* ---- instance ---- */

static void bridge_close(berth_inst *inst)
{
    if (inst == NULL) {
        return;
    }
    bridge_watch_stop(inst);
    while (inst->prepared != NULL) {
        struct prepared *gone = inst->prepared;
        inst->prepared = gone->next;
        free(gone);
    }
    model_done(&inst->model);
    firewall_close(&inst->firewall);
    pthread_mutex_destroy(&inst->lock);
    free(inst);
}

static int32_t bridge_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                           berth_error *err)
{
    const char *table = host->cfg_str(cfg, "table");
    berth_inst *inst;
    int32_t code;
    if (table[0] == '\0' || strlen(table) >= NFT_NAME ||
        strspn(table, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(table)) {
        return berth_fail(
            err, BERTH_E_INVALID, 0,
            "table '%s' is no name for an nftables table: use at most %d of a-z, 0-9, "
            "_ and -",
            table, NFT_NAME - 1);
    }
    inst = calloc(1, sizeof(*inst));
    if (inst == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    inst->host = host;
    inst->wake_fd = -1;
    inst->firewall.watch_fd = -1;
    inst->ip_forward = host->cfg_bool(cfg, "ip-forward") != 0;
    pthread_mutex_init(&inst->lock, NULL);
    code = firewall_open(&inst->firewall, table, err);
    if (code < 0) {
        bridge_close(inst);
        return code;
    }
    *ret_inst = inst;
    return 0;
}

/* ---- firewall with its reports ---- */

/* What stands in the way of forwarded packets and what to do about it. */
static void describe_dropping(const berth_inst *inst, const char *dropping, char *text, size_t size)
{
    const char *bridge =
        inst->model.networks != NULL ? inst->model.networks->interface : "<bridge>";
    snprintf(text, size,
             "the nftables chain %s drops forwarded packets by policy, so containers do not reach "
             "the outside and nobody outside their published ports; let the bridges' packets "
             "through there: nft insert rule %s iifname %s accept; nft insert rule %s oifname %s "
             "accept",
             dropping, dropping, bridge, dropping, bridge);
}

/* Says it once per foreign chain. */
static void report_dropping(berth_inst *inst, const char *dropping)
{
    char text[768];
    if (dropping[0] != '\0' && strcmp(dropping, inst->warned) != 0) {
        describe_dropping(inst, dropping, text, sizeof(text));
        inst->host->log(inst->host->ctx, BERTH_HOST_LOG_WARN, text);
    }
    snprintf(inst->warned, sizeof(inst->warned), "%s", dropping);
}

int32_t bridge_firewall(berth_inst *inst, const char *cause, berth_error *err)
{
    struct firewall_repair repair = {0};
    int32_t code = firewall_repair(&inst->firewall, &inst->model, &repair, err);
    if (code < 0) {
        return code;
    }
    if (cause != NULL && repair.chains + repair.rules + repair.elements > 0) {
        berth_logf(inst->host, BERTH_HOST_LOG_WARN,
                   "%s: corrected %u chains, %u rules and %u map elements of the nftables table "
                   "inet %s",
                   cause, repair.chains, repair.rules, repair.elements, inst->firewall.table);
    }
    report_dropping(inst, repair.dropping);
    return 0;
}

/* ---- networks ---- */

static int32_t check_config(const berth_network_config *config, berth_error *err)
{
    if (config->n_subnets > MODEL_SUBNETS) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "a bridge network has at most %d subnets, not %u", MODEL_SUBNETS,
                          config->n_subnets);
    }
    if (config->interface != NULL && strlen(config->interface) >= IFNAMSIZ) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "'%s' is too long for the name of an interface (15 bytes)",
                          config->interface);
    }
    return 0;
}

static int32_t bridge_network_create(berth_inst *inst, UNUSED berth_op *op,
                                     const berth_network_config *config, berth_sink *facts,
                                     berth_error *err)
{
    struct model_network *network;
    char interface[IFNAMSIZ];
    unsigned changes;
    bool known;
    int32_t code = check_config(config, err);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&inst->lock);
    known = model_network_find(&inst->model, config->id) != NULL;
    network = model_network_set(&inst->model, config);
    code = network == NULL ? berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory") : 0;
    if (code == 0) {
        code = bridge_watch_start(inst, err);
    }
    /* the guard first: route_localnet is switched on with the bridge */
    if (code == 0) {
        code = bridge_firewall(inst, NULL, err);
    }
    if (code == 0) {
        code = bridge_links_network(inst, network, &changes, err);
    }
    if (code == 0) {
        snprintf(interface, sizeof(interface), "%s", network->interface);
    } else if (network != NULL && !known) {
        model_network_remove(&inst->model, config->id);
        bridge_firewall(inst, NULL, NULL);
    }
    pthread_mutex_unlock(&inst->lock);
    return code < 0 ? code : inst->host->emit(facts, "interface", interface, err);
}

static int32_t bridge_network_remove(berth_inst *inst, UNUSED berth_op *op, const char *network_id,
                                     berth_error *err)
{
    struct model_network *network;
    char interface[IFNAMSIZ];
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    network = model_network_find(&inst->model, network_id);
    if (network != NULL) {
        snprintf(interface, sizeof(interface), "%s", network->interface);
        model_network_remove(&inst->model, network_id);
        code = bridge_firewall(inst, NULL, err);
    }
    pthread_mutex_unlock(&inst->lock);
    if (network != NULL && code == 0) {
        code = bridge_links_remove(interface, err);
    }
    return code;
}

/* ---- endpoints ---- */

/* Copies what links.c needs. */
static int32_t find_bridge(berth_inst *inst, const char *network_id, struct bridge_link *ret_link,
                           berth_error *err)
{
    const struct model_network *network;
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    network = model_network_find(&inst->model, network_id);
    if (network == NULL || network->index == 0) {
        code = berth_fail(err, BERTH_E_NOT_FOUND, 0, "the bridge driver has no network %.12s",
                          network_id);
    } else {
        snprintf(ret_link->interface, sizeof(ret_link->interface), "%s", network->interface);
        ret_link->index = network->index;
        ret_link->mtu = network->mtu;
        ret_link->isolated = (network->flags & BERTH_NETWORK_ICC) == 0;
    }
    pthread_mutex_unlock(&inst->lock);
    return code;
}

static uint64_t netns_inode(int fd)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? 0 : status.st_ino;
}

/* Takes the entry of a prepared namespace out of the list; NULL: it was not prepared, or for
 * another network. */
static struct prepared *take_prepared(berth_inst *inst, const char *network_id, int netns_fd)
{
    uint64_t inode = netns_inode(netns_fd);
    struct prepared *found = NULL;
    pthread_mutex_lock(&inst->lock);
    for (struct prepared **at = &inst->prepared; *at != NULL; at = &(*at)->next) {
        if ((*at)->netns == inode) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&inst->lock);
    if (found != NULL && strcmp(found->network_id, network_id) != 0) {
        free(found);
        found = NULL;
    }
    return found;
}

#define PREPARED_NAME "eth0" /* what the first interface of nearly every container is called */

static int32_t bridge_prepare(berth_inst *inst, UNUSED berth_op *op, const char *network_id,
                              int32_t netns_fd, berth_error *err)
{
    struct bridge_link bridge;
    struct prepared *entry;
    int32_t code = find_bridge(inst, network_id, &bridge, err);
    if (code < 0) {
        return code;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    entry->netns = netns_inode(netns_fd);
    snprintf(entry->network_id, sizeof(entry->network_id), "%s", network_id);
    code = bridge_links_veth(&bridge, PREPARED_NAME, NULL, netns_fd, entry->host_interface, err);
    if (code == 0) {
        /* now, so that the bridge's port forwards by the time of the join: the kernel tells the
         * bridge of the carrier up to a second later */
        code = bridge_links_up(inst, PREPARED_NAME, netns_fd, err);
    }
    if (code < 0) {
        free(entry);
        return code;
    }
    pthread_mutex_lock(&inst->lock);
    for (struct prepared **at = &inst->prepared; *at != NULL;) {
        struct prepared *old = *at;
        if (old->netns == entry->netns) { /* the number of a namespace that is gone */
            *at = old->next;
            free(old);
        } else {
            at = &old->next;
        }
    }
    entry->next = inst->prepared;
    inst->prepared = entry;
    pthread_mutex_unlock(&inst->lock);
    return 0;
}

/* Makes the interface, or takes the prepared one, and sets it up. */
static int32_t wire(berth_inst *inst, const berth_network_endpoint *endpoint, int netns_fd,
                    char host_interface[IFNAMSIZ], berth_error *err)
{
    struct prepared *prepared = take_prepared(inst, endpoint->network_id, netns_fd);
    struct bridge_link bridge;
    int32_t code;
    if (prepared != NULL) {
        code = bridge_links_configure(inst, PREPARED_NAME, endpoint, netns_fd, true, err);
        memcpy(host_interface, prepared->host_interface, IFNAMSIZ);
        free(prepared);
        if (code != BERTH_E_NOT_FOUND) {
            return code;
        }
    }
    code = find_bridge(inst, endpoint->network_id, &bridge, err);
    if (code < 0) {
        return code;
    }
    code = bridge_links_veth(&bridge, endpoint->interface, endpoint, netns_fd, host_interface, err);
    if (code == 0) {
        code = bridge_links_configure(inst, endpoint->interface, endpoint, netns_fd, true, err);
        if (code < 0) {
            bridge_links_delete(host_interface, NULL);
        } else {
            bridge_links_settle(host_interface);
        }
    }
    return code;
}

static int32_t bridge_join(berth_inst *inst, UNUSED berth_op *op,
                           const berth_network_endpoint *endpoint, int32_t netns_fd,
                           berth_sink *facts, berth_error *err)
{
    struct model_endpoint *known;
    char host_interface[IFNAMSIZ] = "";
    int32_t code;
    pthread_mutex_lock(&inst->lock);
    known = model_endpoint_find(&inst->model, endpoint->id);
    if (known != NULL) {
        snprintf(host_interface, sizeof(host_interface), "%s", known->host_interface);
    }
    pthread_mutex_unlock(&inst->lock);
    if (known != NULL) {
        code = bridge_links_configure(inst, endpoint->interface, endpoint, netns_fd, false, err);
    } else {
        code = wire(inst, endpoint, netns_fd, host_interface, err);
    }
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&inst->lock);
    known = model_endpoint_set(&inst->model, endpoint);
    if (known != NULL) {
        memcpy(known->host_interface, host_interface, IFNAMSIZ);
    }
    pthread_mutex_unlock(&inst->lock);
    if (known == NULL) {
        bridge_links_delete(host_interface, NULL);
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    return inst->host->emit(facts, "interface", host_interface, err);
}

/* While a large transaction ran, the watcher was deaf: did anybody else use that? The lock is held.
 */
static void check_window(berth_inst *inst)
{
    if (inst->firewall.missed) {
        inst->firewall.missed = false;
        bridge_watch_suspect(inst);
    }
}

/* Withdraws ports from the kernel and forgets their UDP flows; a transaction that does not fit what
 * is there is replaced by a repair. The lock is held. */
static int32_t withdraw(berth_inst *inst, struct model_endpoint *endpoint,
                        const berth_network_port *ports, uint32_t count, berth_error *err)
{
    berth_network_port *before = NULL;
    uint32_t n_before = endpoint->n_ports;
    int32_t code = 0;
    if (n_before == 0 || count == 0) {
        return 0;
    }
    /* a copy, because ports may be the endpoint's own array */
    before = malloc(count * sizeof(*before));
    if (before == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(before, ports, count * sizeof(*before));
    model_ports_remove(endpoint, before, count);
    if (endpoint->n_ports + count != n_before ||
        firewall_ports(&inst->firewall, endpoint, before, count, true) < 0) {
        code = bridge_firewall(inst, NULL, err);
    }
    if (code == 0) {
        bridge_watch_forget(inst, before, count);
    }
    check_window(inst);
    free(before);
    return code;
}

static int32_t bridge_leave(berth_inst *inst, UNUSED berth_op *op,
                            const berth_network_endpoint *endpoint, int32_t netns_fd,
                            berth_error *err)
{
    struct model_endpoint *known;
    char host_interface[IFNAMSIZ] = "";
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    known = model_endpoint_find(&inst->model, endpoint->id);
    if (known != NULL) {
        code = withdraw(inst, known, known->ports, known->n_ports, err);
        snprintf(host_interface, sizeof(host_interface), "%s", known->host_interface);
        model_endpoint_remove(&inst->model, endpoint->id);
    }
    pthread_mutex_unlock(&inst->lock);
    if (host_interface[0] == '\0' || code < 0) {
        return code;
    }
    if (netns_fd >= 0) {
        return bridge_links_delete(host_interface, err);
    }
    bridge_links_shut(host_interface);
    return code;
}

/* ---- ports ---- */

static int32_t bridge_publish(berth_inst *inst, UNUSED berth_op *op,
                              const berth_network_endpoint *endpoint,
                              const berth_network_port *ports, uint32_t n_ports, berth_error *err)
{
    struct model_endpoint *known;
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    known = model_endpoint_find(&inst->model, endpoint->id);
    if (known == NULL) {
        code = berth_fail(err, BERTH_E_NOT_FOUND, 0, "the bridge driver has no endpoint %.12s",
                          endpoint->id);
    } else if (!model_ports_add(known, ports, n_ports)) {
        code = berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    } else if (firewall_ports(&inst->firewall, known, ports, n_ports, false) < 0) {
        code = bridge_firewall(inst, NULL, err);
        if (code < 0) {
            model_ports_remove(known, ports, n_ports);
        }
    }
    if (code == 0) {
        bridge_watch_forget(inst, ports, n_ports);
    }
    check_window(inst);
    pthread_mutex_unlock(&inst->lock);
    return code;
}

static int32_t bridge_unpublish(berth_inst *inst, UNUSED berth_op *op,
                                const berth_network_endpoint *endpoint,
                                const berth_network_port *ports, uint32_t n_ports, berth_error *err)
{
    struct model_endpoint *known;
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    known = model_endpoint_find(&inst->model, endpoint->id);
    if (known != NULL) {
        code = withdraw(inst, known, ports, n_ports, err);
    }
    pthread_mutex_unlock(&inst->lock);
    return code;
}

/* ---- everything at once ---- */

static int32_t emit_changes(const berth_inst *inst, berth_sink *facts, unsigned changes,
                            berth_error *err)
{
    char text[96];
    if (changes == 0) {
        return 0;
    }
    snprintf(text, sizeof(text), "%u interfaces or addresses of bridges", changes);
    return inst->host->emit(facts, "repaired", text, err);
}

static int32_t sync_links(berth_inst *inst, unsigned *changes, berth_error *err)
{
    int32_t code = 0;
    for (struct model_network *n = inst->model.networks; n != NULL && code == 0; n = n->next) {
        unsigned one = 0;
        code = bridge_links_network(inst, n, &one, err);
        *changes += one;
    }
    if (code == 0) {
        unsigned ports = 0;
        code = bridge_links_sync(inst, &ports, err);
        *changes += ports;
    }
    return code;
}

static int32_t bridge_sync(berth_inst *inst, UNUSED berth_op *op, const berth_network_state *state,
                           berth_sink *facts, berth_error *err)
{
    unsigned changes = 0;
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    if (!model_load(&inst->model, state)) {
        code = berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    if (code == 0 && inst->model.networks != NULL) {
        code = bridge_watch_start(inst, err);
    }
    if (code == 0 && inst->model.networks == NULL) {
        firewall_remove(&inst->firewall);
    } else if (code == 0) {
        code = bridge_firewall(inst, "the firewall was not as it should be", err);
    }
    if (code == 0) {
        code = sync_links(inst, &changes, err);
    }
    if (code == 0 && inst->watching) {
        bridge_strays_schedule(inst);
        bridge_watch_wake(inst);
    }
    pthread_mutex_unlock(&inst->lock);
    return code < 0 ? code : emit_changes(inst, facts, changes, err);
}

static int32_t bridge_list(berth_inst *inst, UNUSED berth_op *op, berth_sink *facts,
                           berth_error *err)
{
    static const char *const keys[] = {"network", "interface", "port", "rules"};
    struct firewall_image image = {0};
    unsigned long counts[4] = {0};
    int result;
    int32_t code = 0;
    pthread_mutex_lock(&inst->lock);
    for (const struct model_network *n = inst->model.networks; n != NULL; n = n->next) {
        counts[0]++;
    }
    counts[1] = inst->model.n_endpoints;
    result = firewall_image_read(&image, &inst->firewall.netlink, inst->firewall.table);
    pthread_mutex_unlock(&inst->lock);
    for (enum nft_map map = 0; map <= NFT_PORTS6; map++) {
        counts[2] += image.maps[map].count;
    }
    counts[3] = image.n_rules;
    firewall_image_done(&image);
    if (result < 0) {
        return BERTH_FAIL_ERRNO(err, -result, "cannot read the nftables table inet %s",
                                inst->firewall.table);
    }
    for (unsigned i = 0; i < 4 && code == 0; i++) {
        char text[24];
        snprintf(text, sizeof(text), "%lu", counts[i]);
        code = inst->host->emit(facts, keys[i], text, err);
    }
    return code;
}

static int32_t bridge_status(berth_inst *inst, berth_sink *facts, berth_error *err)
{
    char table[NFT_NAME + 8], text[768] = "";
    int32_t code;
    pthread_mutex_lock(&inst->lock);
    snprintf(table, sizeof(table), "inet %s", inst->firewall.table);
    if (inst->warned[0] != '\0') {
        describe_dropping(inst, inst->warned, text, sizeof(text));
    }
    pthread_mutex_unlock(&inst->lock);
    code = inst->host->emit(facts, "table", table, err);
    if (code == 0 && text[0] != '\0') {
        code = inst->host->emit(facts, "warning", text, err);
    }
    return code;
}

static const berth_param bridge_params[] = {
    {"table", "str", "berth", "name of the nftables table (family inet) that belongs to the driver",
     0, 0},
    {"ip-forward", "bool", "true", "switch on IP forwarding in the kernel", 0, 0},
};

static const berth_network_ops bridge_ops = {
    .struct_size = sizeof(bridge_ops),
    .caps = BERTH_NETWORK_CAP_PORTS,
    .network_create = bridge_network_create,
    .network_remove = bridge_network_remove,
    .join = bridge_join,
    .leave = bridge_leave,
    .publish = bridge_publish,
    .unpublish = bridge_unpublish,
    .sync = bridge_sync,
    .prepare = bridge_prepare,
    .list = bridge_list,
    .status = bridge_status,
};

static const berth_plugin bridge = {
    .struct_size = sizeof(bridge),
    .magic = BERTH_MAGIC,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .kind = BERTH_KIND_NETWORK,
    .threads = BERTH_THREADS_PARALLEL,
    .name = "bridge",
    .version = "1.0",
    .summary = "containers on a Linux bridge, ports published by nftables maps",
    .license = "Apache-2.0",
    .params = bridge_params,
    .n_params = sizeof(bridge_params) / sizeof(bridge_params[0]),
    .ops.network = &bridge_ops,
    .open = bridge_open,
    .close = bridge_close,
};

BERTH_PLUGIN(bridge)
