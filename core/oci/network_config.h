/* SPDX-License-Identifier: Apache-2.0
 *
 * A container's place in networks: EndpointSettings by network name (NetworkingConfig), both as
 * asked for and, with the operational members filled, as inspect shows it.
 */
#ifndef BERTH_OCI_NETWORK_CONFIG_H
#define BERTH_OCI_NETWORK_CONFIG_H

#include "base/json.h"

struct berth_endpoint_ipam_config {
    char *ipv4_address;
    char *ipv6_address;
    struct berth_strv link_local_ips;
};

struct berth_endpoint_settings {
    struct berth_endpoint_ipam_config *ipam_config;
    struct berth_strv links;
    struct berth_strv aliases;
    char *mac_address;
    struct berth_strmap driver_opts;
    int64_t gw_priority;
    /* operational */
    char *network_id;
    char *endpoint_id;
    char *gateway;
    char *ip_address;
    int64_t ip_prefix_len;
    char *ipv6_gateway;
    char *global_ipv6_address;
    int64_t global_ipv6_prefix_len;
    struct berth_strv dns_names;
};

struct berth_networking_config {
    struct berth_json_map endpoints_config; /* network name: berth_endpoint_settings */
};

extern const struct berth_json_table berth_endpoint_ipam_config_table;
extern const struct berth_json_table berth_endpoint_settings_table;
extern const struct berth_json_table berth_networking_config_table;

#endif
