/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge driver's instance and the parts it is made of: links.c (interfaces), firewall*.c
 * (rules), watch.c (puts rules back that others removed), bridge.c (the operations).
 */
#ifndef BERTH_PLUGINS_BRIDGE_BRIDGE_H
#define BERTH_PLUGINS_BRIDGE_BRIDGE_H

#include <pthread.h>
#include <stdbool.h>

#include <berth/host.h>
#include <berth/network.h>

#include "firewall.h"
#include "model.h"

#define BRIDGE_STRAYS 256 /* removed at a time */

/* A namespace with a veth made ahead of time. */
struct prepared {
    struct prepared *next;
    uint64_t netns; /* inode of the namespace */
    char network_id[MODEL_ID];
    char host_interface[IFNAMSIZ];
};

struct berth_inst {
    const berth_host *host;
    bool ip_forward;
    /* guards everything below it; held while nftables is spoken to, never while links are made */
    pthread_mutex_t lock;
    struct model model;
    struct firewall firewall;
    struct prepared *prepared;
    char warned[96]; /* the foreign chain that was reported last */
    /* watch.c */
    pthread_t watcher;
    bool watching;
    bool stopping;             /* the watcher is to end */
    bool suspect;              /* the watcher is to look at the table */
    int wake_fd;               /* eventfd that wakes it */
    berth_network_port *flows; /* ports whose UDP flows it is to forget */
    uint32_t n_flows;
    /* strays.c */
    unsigned stray_looks; /* that are still to come */
    int64_t stray_time;   /* of the next one, monotonic milliseconds */
    uint32_t strays[BRIDGE_STRAYS];
    unsigned n_strays;
};

/* What links.c needs of a network, copied out under the lock. */
struct bridge_link {
    char interface[IFNAMSIZ];
    uint32_t index, mtu;
    bool isolated;
};

/* Makes the bridge exist with its addresses and settings. Emits nothing. Fills network->index. */
int32_t bridge_links_network(const berth_inst *inst, struct model_network *network,
                             unsigned *ret_changes, berth_error *err);
/* Removes the bridge; absent: success. */
int32_t bridge_links_remove(const char *interface, berth_error *err);
/* Makes a veth whose peer is `peer` in the namespace. ret_name is its name here. */
int32_t bridge_links_veth(const struct bridge_link *bridge, const char *peer,
                          const berth_network_endpoint *endpoint, int netns_fd,
                          char ret_name[IFNAMSIZ], berth_error *err);
/* Sets up the interface inside the namespace. NOT_FOUND: there is none of that name. */
int32_t bridge_links_configure(const berth_inst *inst, const char *current,
                               const berth_network_endpoint *endpoint, int netns_fd, bool fresh,
                               berth_error *err);
/* Has the kernel tell the bridge at once that the veth `name` has a carrier. It does so on its own
 * some milliseconds later; what a container sends before is lost, and an ARP request is repeated
 * only after a second. */
void bridge_links_settle(const char *name);
/* Brings an interface inside the namespace up. */
int32_t bridge_links_up(const berth_inst *inst, const char *name, int netns_fd, berth_error *err);
/* Shuts the bridge's port of a container that is gone: its namespace, with the interface in it,
 * dies a little later, and the next container may have the same address. Absent: success. */
void bridge_links_shut(const char *name);
/* Removes a veth by its name here; absent: success. Takes tens of milliseconds. */
int32_t bridge_links_delete(const char *name, berth_error *err);
/* Makes all ports of the model's endpoints ports of their bridges again. */
int32_t bridge_links_sync(berth_inst *inst, unsigned *ret_changes, berth_error *err);

/* Repairs the firewall and reports; the lock is held. `cause` begins the log line when something
 * had to be put right and is NULL when changes are expected. */
int32_t bridge_firewall(berth_inst *inst, const char *cause, berth_error *err);

/* Has the watcher look for interfaces that belong to nobody, some seconds from now; the lock is
 * held. */
void bridge_strays_schedule(berth_inst *inst);
/* Milliseconds until the next look; -1: none is due. The lock is held. */
int bridge_strays_timeout(berth_inst *inst);
/* Looks if it is time, and removes. The lock is not held. */
void bridge_strays_look(berth_inst *inst);

/* Starts the thread that watches for changes of our table; idempotent, the lock is held. */
int32_t bridge_watch_start(berth_inst *inst, berth_error *err);
/* Ends it; the lock is not held. */
void bridge_watch_stop(berth_inst *inst);
/* Has the watcher see what there is to do; the lock is held. */
void bridge_watch_wake(berth_inst *inst);
/* Has the watcher look at the table; the lock is held. */
void bridge_watch_suspect(berth_inst *inst);
/* Has the watcher delete the connection tracking entries of the UDP ports among these: the kernel
 * walks its whole table for that (6 ms for an empty one), so no answer waits for it. The lock is
 * held. */
void bridge_watch_forget(berth_inst *inst, const berth_network_port *ports, uint32_t count);

/* Writes text to a file of /proc/sys when it does not say so already. 0 or a negative errno. */
int bridge_sysctl(const char *path, const char *text);

#endif
