/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loader knows about each kind of driver: its word, its table of operations and which of
 * them must be there.
 */
#include "plugin/plugin_internal.h"

#include <string.h>

#define OPERATION(table, member, optional, with, unless)                \
    {                                                                   \
#member, offsetof(struct table, member), optional, with, unless \
    }
#define REQUIRED(table, member)     OPERATION(table, member, false, 0, 0)
#define OPTIONAL(table, member)     OPERATION(table, member, true, 0, 0)
#define WITH(table, member, caps)   OPERATION(table, member, false, caps, 0)
#define UNLESS(table, member, caps) OPERATION(table, member, false, 0, caps)
/* the table up to and with its last member that ABI 1.0's drivers had to know */
#define UP_TO(table, member) (offsetof(struct table, member) + sizeof(void *))

static const struct operation storage_operations[] = {
    REQUIRED(berth_storage_ops, layer_create),
    REQUIRED(berth_storage_ops, layer_commit),
    REQUIRED(berth_storage_ops, layer_abort),
    REQUIRED(berth_storage_ops, layer_open),
    REQUIRED(berth_storage_ops, layer_remove),
    REQUIRED(berth_storage_ops, container_create),
    REQUIRED(berth_storage_ops, container_remove),
    REQUIRED(berth_storage_ops, mount),
    REQUIRED(berth_storage_ops, usage),
    REQUIRED(berth_storage_ops, list),
    OPTIONAL(berth_storage_ops, apply),
    OPTIONAL(berth_storage_ops, diff),
    OPTIONAL(berth_storage_ops, container_open),
    OPTIONAL(berth_storage_ops, status),
    OPTIONAL(berth_storage_ops, sync),
};

static const struct operation network_operations[] = {
    REQUIRED(berth_network_ops, network_create),
    REQUIRED(berth_network_ops, network_remove),
    UNLESS(berth_network_ops, join,
           BERTH_NETWORK_CAP_HOST_NAMESPACE | BERTH_NETWORK_CAP_NO_INTERFACES),
    UNLESS(berth_network_ops, leave,
           BERTH_NETWORK_CAP_HOST_NAMESPACE | BERTH_NETWORK_CAP_NO_INTERFACES),
    WITH(berth_network_ops, publish, BERTH_NETWORK_CAP_PORTS),
    WITH(berth_network_ops, unpublish, BERTH_NETWORK_CAP_PORTS),
    REQUIRED(berth_network_ops, sync),
    OPTIONAL(berth_network_ops, prepare),
    OPTIONAL(berth_network_ops, list),
    OPTIONAL(berth_network_ops, status),
};

static const struct operation transport_operations[] = {
    REQUIRED(berth_transport_ops, schemes),
    WITH(berth_transport_ops, listen, BERTH_TRANSPORT_LISTEN),
    WITH(berth_transport_ops, accept, BERTH_TRANSPORT_LISTEN),
    WITH(berth_transport_ops, unlisten, BERTH_TRANSPORT_LISTEN),
    WITH(berth_transport_ops, dial, BERTH_TRANSPORT_DIAL),
    OPTIONAL(berth_transport_ops, status),
};

static const struct plugin_kind kinds[] = {
    {BERTH_KIND_STORAGE, "storage", sizeof(struct berth_storage_ops),
     UP_TO(berth_storage_ops, list), storage_operations, ARRAY_SIZE(storage_operations)},
    {BERTH_KIND_NETWORK, "network", sizeof(struct berth_network_ops),
     UP_TO(berth_network_ops, sync), network_operations, ARRAY_SIZE(network_operations)},
    {BERTH_KIND_REGISTRY, "registry", 0, 0, NULL, 0},
    {BERTH_KIND_TRANSPORT, "transport", sizeof(struct berth_transport_ops),
     UP_TO(berth_transport_ops, dial), transport_operations, ARRAY_SIZE(transport_operations)},
};

const struct plugin_kind *plugin_kind(uint32_t kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *berth_plugin_kind_name(uint32_t kind)
{
    const struct plugin_kind *entry = plugin_kind(kind);
    return entry != NULL ? entry->word : NULL;
}

uint32_t berth_plugin_kind_parse(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].word, word) == 0) {
            return kinds[i].kind;
        }
    }
    return 0;
}
