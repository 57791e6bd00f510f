/* SPDX-License-Identifier: Apache-2.0
 *
 * Interfaces of ours that belong to nobody: a daemon that was killed in the middle of a start may
 * leave one. Most that look like strays after a restart are dying with their namespaces, and one
 * may be a start's that is just under way; so only those go that are seen twice, some time apart.
 */
#include <stdlib.h>
#include <string.h>

#include <berth/helpers/log.h>

#include "../common/rtnl.h"
#include "bridge.h"

#define LOOKS       2
#define INTERVAL_MS 3000

/* Strays get this group and are removed by one message: each RTM_DELLINK of its own would cost 20
 * ms or more inside the kernel. */
#define STRAY_GROUP 0x62657274u

void bridge_strays_schedule(berth_inst *inst)
{
    inst->stray_looks = LOOKS;
    inst->n_strays = 0;
    inst->stray_time =
        inst->host->now(inst->host->ctx, BERTH_CLOCK_MONOTONIC) / 1000000 + INTERVAL_MS;
}

int bridge_strays_timeout(berth_inst *inst)
{
    int64_t left;
    if (inst->stray_looks == 0) {
        return -1;
    }
    left = inst->stray_time - inst->host->now(inst->host->ctx, BERTH_CLOCK_MONOTONIC) / 1000000;
    return left < 0 ? 0 : (int)left;
}

struct look {
    const berth_inst *inst;
    uint32_t found[BRIDGE_STRAYS];
    unsigned count;
};

static bool is_known(const berth_inst *inst, const char *name)
{
    for (const struct prepared *p = inst->prepared; p != NULL; p = p->next) {
        if (strcmp(p->host_interface, name) == 0) {
            return true;
        }
    }
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        for (const struct model_endpoint *e = inst->model.buckets[i]; e != NULL; e = e->next) {
            if (strcmp(e->host_interface, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool visit(const struct rtnl_link *link, void *context)
{
    struct look *look = context;
    bool ours = false;
    /* the shape of the names that links.c chooses */
    if (strcmp(link->kind, "veth") != 0 || strncmp(link->name, "veth", 4) != 0 ||
        strlen(link->name) != 12 || link->master == 0) {
        return true;
    }
    for (const struct model_network *n = look->inst->model.networks; n != NULL; n = n->next) {
        ours = ours || link->master == n->index;
    }
    if (ours && !is_known(look->inst, link->name) && look->count < BRIDGE_STRAYS) {
        look->found[look->count++] = link->index;
    }
    return true;
}

/* Keeps of `found` what was there at the look before. */
static void intersect(struct look *look, const uint32_t *before, unsigned n_before)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < look->count; i++) {
        for (unsigned k = 0; k < n_before; k++) {
            if (look->found[i] == before[k]) {
                look->found[kept++] = look->found[i];
                break;
            }
        }
    }
    look->count = kept;
}

/* The lock is not held: this takes its time. */
static void remove_strays(berth_inst *inst, struct netlink *netlink, const struct look *look)
{
    for (unsigned i = 0; i < look->count; i++) {
        rtnl_put_group(netlink, look->found[i], STRAY_GROUP);
    }
    rtnl_put_delete_group(netlink, STRAY_GROUP);
    /* those that went by themselves meanwhile make messages of theirs fail */
    netlink_commit(netlink, NULL);
    berth_logf(inst->host, BERTH_HOST_LOG_INFO, "removed %u interfaces that belonged to nobody",
               look->count);
}

void bridge_strays_look(berth_inst *inst)
{
    struct look look = {.inst = inst};
    struct netlink netlink;
    bool last = false;
    if (netlink_open(&netlink, NETLINK_ROUTE, NULL) < 0) {
        return;
    }
    pthread_mutex_lock(&inst->lock);
    if (inst->stray_looks > 0 && bridge_strays_timeout(inst) == 0) {
        rtnl_links(&netlink, visit, &look);
        last = --inst->stray_looks == 0;
        if (last) {
            intersect(&look, inst->strays, inst->n_strays);
        } else {
            memcpy(inst->strays, look.found, sizeof(look.found));
            inst->n_strays = look.count;
            inst->stray_time += INTERVAL_MS;
        }
    }
    pthread_mutex_unlock(&inst->lock);
    if (last && look.count > 0) {
        remove_strays(inst, &netlink, &look);
    }
    netlink_close(&netlink);
}
