/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared object whose one export reaches every type of the ABI, for abidw and abidiff.
 */
#include <berth/host.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>
#include <berth/transport.h>

static const berth_storage_ops storage = {.struct_size = sizeof(storage)};
static const berth_network_ops network = {.struct_size = sizeof(network)};
static const berth_transport_ops transport = {.struct_size = sizeof(transport)};

/* Debug information has what is used: the arguments that operations take by pointer. */
struct everything {
    berth_run_req run_req;
    berth_run_resp run_resp;
    berth_storage_container_req container_req;
    berth_storage_mount_req mount_req;
    berth_storage_space space;
    berth_transport_peer peer;
    berth_transport_listen_req listen_req;
    berth_transport_dial_req dial_req;
    berth_network_config config;
    berth_network_endpoint endpoint;
    berth_network_state state;
    berth_host host;
    const void *tables[3];
};

static const struct everything everything = {.tables = {&storage, &network, &transport}};

static const berth_plugin reference = {.struct_size = sizeof(reference),
                                       .name = (const char *)&everything};

BERTH_PLUGIN(reference)
