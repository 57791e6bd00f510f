/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of routes, in the order of Docker's API description. The first match wins, so fixed
 * paths stand before those with names.
 */
#include "api/internal.h"
#include "base/cleanup.h"

#define STREAM BERTH_HTTP_STREAM_BODY

static const struct berth_http_route routes[] = {
    {"GET", "/containers/json", berth_api_container_list, 0},
    {"POST", "/containers/create", berth_api_container_create, 0},
    {"POST", "/containers/prune", berth_api_container_prune, 0},
    {"GET", "/containers/{id}/json", berth_api_container_inspect, 0},
    {"GET", "/containers/{id}/top", berth_api_container_top, 0},
    {"GET", "/containers/{id}/logs", berth_api_container_logs, 0},
    {"GET", "/containers/{id}/changes", berth_api_container_unsupported, 0},
    {"GET", "/containers/{id}/export", berth_api_container_unsupported, 0},
    {"GET", "/containers/{id}/stats", berth_api_container_stats, 0},
    {"POST", "/containers/{id}/resize", berth_api_container_resize, 0},
    {"POST", "/containers/{id}/start", berth_api_container_start, 0},
    {"POST", "/containers/{id}/stop", berth_api_container_stop, 0},
    {"POST", "/containers/{id}/restart", berth_api_container_restart, 0},
    {"POST", "/containers/{id}/kill", berth_api_container_kill, 0},
    {"POST", "/containers/{id}/update", berth_api_container_update, 0},
    {"POST", "/containers/{id}/rename", berth_api_container_rename, 0},
    {"POST", "/containers/{id}/pause", berth_api_container_pause, 0},
    {"POST", "/containers/{id}/unpause", berth_api_container_unpause, 0},
    {"POST", "/containers/{id}/attach", berth_api_container_attach, 0},
    {"GET", "/containers/{id}/attach/ws", berth_api_container_unsupported, 0},
    {"POST", "/containers/{id}/wait", berth_api_container_wait, 0},
    {"POST", "/containers/{id}/exec", berth_api_exec_create, 0},
    {"HEAD", "/containers/{id}/archive", berth_api_container_unsupported, 0},
    {"GET", "/containers/{id}/archive", berth_api_container_unsupported, 0},
    {"PUT", "/containers/{id}/archive", berth_api_container_unsupported, STREAM},
    {"GET", "/containers/{id}/checkpoints", berth_api_container_unsupported, 0},
    {"POST", "/containers/{id}/checkpoints", berth_api_container_unsupported, 0},
    {"DELETE", "/containers/{id}/checkpoints/{checkpoint}", berth_api_container_unsupported, 0},
    {"DELETE", "/containers/{id}", berth_api_container_remove, 0},
    {"POST", "/exec/{id}/start", berth_api_exec_start, 0},
    {"POST", "/exec/{id}/resize", berth_api_exec_resize, 0},
    {"GET", "/exec/{id}/json", berth_api_exec_inspect, 0},
    {"POST", "/commit", berth_api_container_unsupported, 0},

    {"GET", "/images/json", berth_api_image_list, 0},
    {"POST", "/images/create", berth_api_image_create, STREAM},
    {"POST", "/images/load", berth_api_image_load, STREAM},
    {"POST", "/images/prune", berth_api_image_prune, 0},
    {"GET", "/images/search", berth_api_image_unsupported, 0},
    {"GET", "/images/get", berth_api_image_save_many, 0},
    {"GET", "/images/{name...}/json", berth_api_image_inspect, 0},
    {"GET", "/images/{name...}/history", berth_api_image_history, 0},
    {"GET", "/images/{name...}/get", berth_api_image_save, 0},
    {"GET", "/images/{name...}/attestations", berth_api_image_unsupported, 0},
    {"POST", "/images/{name...}/tag", berth_api_image_tag, 0},
    {"POST", "/images/{name...}/push", berth_api_image_unsupported, 0},
    {"DELETE", "/images/{name...}", berth_api_image_remove, 0},
    {"GET", "/distribution/{name...}/json", berth_api_image_unsupported, 0},
    {"POST", "/build", berth_api_build, STREAM},
    {"POST", "/build/prune", berth_api_build_prune, 0},
    {"POST", "/build/cancel", berth_api_build, 0},

    {"GET", "/networks", berth_api_network_list, 0},
    {"POST", "/networks/create", berth_api_network_create, 0},
    {"POST", "/networks/prune", berth_api_network_prune, 0},
    {"GET", "/networks/{id}", berth_api_network_inspect, 0},
    {"DELETE", "/networks/{id}", berth_api_network_remove, 0},
    {"POST", "/networks/{id}/connect", berth_api_network_connect, 0},
    {"POST", "/networks/{id}/disconnect", berth_api_network_disconnect, 0},

    {"GET", "/volumes", berth_api_volume_list, 0},
    {"POST", "/volumes/create", berth_api_volume_create, 0},
    {"POST", "/volumes/prune", berth_api_volume_prune, 0},
    {"GET", "/volumes/{name}", berth_api_volume_inspect, 0},
    {"PUT", "/volumes/{name}", berth_api_volume_update, 0},
    {"DELETE", "/volumes/{name}", berth_api_volume_remove, 0},

    {"GET", "/_ping", berth_api_ping, 0},
    {"HEAD", "/_ping", berth_api_ping, 0},
    {"GET", "/version", berth_api_version, 0},
    {"GET", "/info", berth_api_info, 0},
    {"GET", "/events", berth_api_events, 0},
    {"GET", "/system/df", berth_api_disk_usage, 0},
    {"POST", "/auth", berth_api_auth, 0},

    {"GET", "/plugins", berth_api_plugin_list, 0},
    {"GET", "/plugins/{name...}/json", berth_api_plugin_inspect, 0},
    {"GET", "/plugins/{name...}", berth_api_plugin_other, 0},
    {"POST", "/plugins/{name...}", berth_api_plugin_other, STREAM},
    {"DELETE", "/plugins/{name...}", berth_api_plugin_inspect, 0},
    /* Berth's own: drivers */
    {"GET", "/berth/plugins", berth_api_driver_list, 0},
    {"GET", "/berth/plugins/{name...}", berth_api_driver_inspect, 0},

    /* swarm: this is never a manager */
    {"POST", "/swarm/init", berth_api_swarm_join, 0},
    {"POST", "/swarm/join", berth_api_swarm_join, 0},
    {"POST", "/swarm/leave", berth_api_swarm_leave, 0},
    {"GET", "/swarm", berth_api_swarm_inactive, 0},
    {"GET", "/swarm/{rest...}", berth_api_swarm_inactive, 0},
    {"POST", "/swarm/{rest...}", berth_api_swarm_inactive, 0},
#define SWARM(what)                                                   \
    {"GET", "/" what, berth_api_swarm_inactive, 0},                   \
        {"GET", "/" what "/{rest...}", berth_api_swarm_inactive, 0},  \
        {"POST", "/" what "/{rest...}", berth_api_swarm_inactive, 0}, \
    {                                                                 \
        "DELETE", "/" what "/{rest...}", berth_api_swarm_inactive, 0  \
    }
    SWARM("nodes"),
    SWARM("services"),
    SWARM("tasks"),
    SWARM("secrets"),
    SWARM("configs"),
#undef SWARM
};

#define BODY_LIMIT       ((size_t)4 << 20)   /* create bodies are a few KB */
#define HEAD_LIMIT       ((size_t)256 << 10) /* also the piece size of uploads */
#define CONNECTION_LIMIT 2048
#define STACK_SIZE       ((size_t)512 << 10) /* of which what is never touched costs nothing */

void berth_api_http_config(struct berth_api *api, struct berth_http_config *ret_config)
{
    *ret_config = (struct berth_http_config){
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .context = api,
        .prepare = berth_api_prepare,
        .fail = berth_api_fail,
        .done = berth_api_done,
        .body_limit = BODY_LIMIT,
        .head_limit = HEAD_LIMIT,
        .connection_limit = CONNECTION_LIMIT,
        .head_timeout = 30,
        .idle_timeout = 180,
        .stack_size = STACK_SIZE,
    };
}
